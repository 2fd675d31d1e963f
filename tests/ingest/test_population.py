import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.errors import Invalid
from flashpoint.ingest import population
from flashpoint.ingest.account import Account, Kind

HEADER = "adm1_pcode,adm1_name,adm2_pcode,adm2_name,T_TL\n"


def read(tmp_path, account, text):
    path = tmp_path / "population.csv"
    path.write_text(text, encoding="utf-8")
    return population.read(path, account)


def test_the_finest_level_and_its_parents_are_read(tmp_path, account):
    table = read(tmp_path, account, HEADER + "XA1,Nord,XA11,Été,1200\n")
    assert table.level == 2
    (row,) = table.rows
    assert (row.pcode, row.name, row.parents) == ("XA11", "Été", ((1, "XA1", "Nord"),))
    assert (row.low, row.best, row.high, row.source_rows) == (1200, 1200, 1200, (2,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15716", (15716, {})),
        ("0", (0, {})),
        ("15716.0", (15716, {})),
        ('"15,716"', (15716, {population.THOUSANDS: 1})),
        ("15 716", (15716, {population.THOUSANDS: 1})),
        ("15\u202f716", (15716, {population.THOUSANDS: 1})),
        ("1.234.567", (1234567, {population.THOUSANDS: 1})),
        ("15716.43", (15716, {population.ROUNDED: 1})),
    ],
)
def test_a_figure_is_read_as_it_was_meant(tmp_path, account, reasons, text, expected):
    (row,) = read(tmp_path, account, HEADER + f"XA1,Nord,XA11,Ab,{text}\n").rows
    assert (row.best, reasons(Kind.REPAIR)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", population.NO_FIGURE),
        ("-5", population.NOT_A_FIGURE),
        ("many", population.NOT_A_FIGURE),
        ('"1,23,456"', population.NOT_A_FIGURE),
        ("99999999999", population.NOT_A_FIGURE),
        ("15.716", population.AMBIGUOUS),
    ],
)
def test_a_figure_that_cannot_be_read_is_skipped(tmp_path, account, reasons, text, reason):
    assert read(tmp_path, account, HEADER + f"XA1,Nord,XA11,Ab,{text}\n").rows == ()
    assert reasons(Kind.SKIP) == {reason: 1}
    account.check()


def test_a_total_line_without_a_pcode_is_skipped(tmp_path, account, reasons):
    table = read(tmp_path, account, HEADER + "XA1,Nord,XA11,Ab,7\n,,,Total,7\n")
    assert len(table.rows) == 1
    assert reasons(Kind.SKIP) == {population.NO_PCODE: 1}


@given(low=st.integers(0, 10**9 - 1), best=st.integers(0, 10**9 - 1), high=st.integers(0, 10**9 - 1))
def test_a_range_always_holds_its_best_figure(tmp_path_factory, low, best, high):
    account = Account()
    path = tmp_path_factory.getbasetemp() / "range.csv"
    path.write_text(f"adm1_pcode;low;best;high\nXA1;{low};{best};{high}\n", encoding="utf-8")
    (row,) = population.read(path, account).rows
    assert row.low <= row.best == best <= row.high
    assert bool(account.remarks) == (not low <= best <= high)


def test_parts_under_one_name_are_added_up_and_leave_a_range(tmp_path, account, reasons):
    text = HEADER + "XA1,Nord,XA11,Ville,100\nXA1,Nord,XA12,Ab,7\nXA1,Nord,XA11,VILLE,900\n"
    town, other = read(tmp_path, account, text).rows
    assert (town.low, town.best, town.high, town.source_rows) == (900, 1000, 1000, (2, 4))
    assert other.source_rows == (3,)
    assert reasons(Kind.REPAIR) == {population.ADDED_UP: 1}
    account.count_imported(len(town.source_rows) + len(other.source_rows))
    account.check()


def test_a_row_listed_twice_counts_once_and_one_code_with_two_names_not_at_all(tmp_path, account, reasons):
    rows = ["XA11,Ab,5", "XA11,Ab,5", "XA12,Cd,6", "XA12,Ef,7"]
    table = read(tmp_path, account, HEADER + "".join(f"XA1,Nord,{row}\n" for row in rows))
    assert [(row.pcode, row.best) for row in table.rows] == [("XA11", 5)]
    assert reasons(Kind.SKIP) == {population.SAME_AGAIN: 1, population.TWO_NAMES: 2}


@pytest.mark.parametrize(
    ("header", "pointer"),
    [
        ("name,t_tl", "/columns/adm3_pcode"),
        ("adm2_pcode,people", "/columns/t_tl"),
        ("admin2_code,gender,population", "/columns/gender"),
    ],
)
def test_a_column_that_does_not_fit_is_named(tmp_path, account, header, pointer):
    with pytest.raises(Invalid) as caught:
        read(tmp_path, account, header + "\n")
    assert caught.value.violations[0].pointer == pointer


def test_a_spreadsheet_is_answered_with_what_to_do(tmp_path, account):
    with pytest.raises(Invalid, match="save the sheet"):
        population.read(tmp_path / "population.XLSX", account)


def test_bangui_is_the_sum_of_its_parts_as_the_communes_confirm(real_data, account, reasons):
    table = population.read(real_data / "caf_codps_2015_adm2.csv", account)
    assert (account.read, len(table.rows)) == (73, 72)
    (bangui,) = (row for row in table.rows if row.pcode == "CF711")
    assert (bangui.low, bangui.best, bangui.high) == (823_365, 839_081, 839_081)
    assert reasons(Kind.REPAIR) == {population.ADDED_UP: 1}
    communes = population.read(real_data / "caf_codps_2015_adm3.csv", Account())
    arrondissements = [row.best for row in communes.rows if row.parents[0].pcode == "CF71"]
    # The table rounds each line by itself.
    assert sum(arrondissements) == pytest.approx(bangui.best, abs=1)
