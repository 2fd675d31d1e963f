from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.ingest import boundaries, population
from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit
from flashpoint.ingest.matching import How, KnownPlace, account_for, match
from flashpoint.ingest.population import PopulationRow

NORTH = AdminUnit(1, "XA1", "Nord")
SOUTH = AdminUnit(1, "XA2", "Sud")


def row(pcode, name, *parents, number=2):
    return PopulationRow(len(parents) + 1, pcode, name, parents, 5, 5, 5, (number,))


def place(pcode, name, *parents):
    return KnownPlace(pcode, name, len(parents) + 1, parents)


def outcome(rows, places):
    return [(one.pcode, one.how) for one in match(rows, places)]


def test_the_pcode_decides_and_another_spelling_is_remarked():
    places = [place("XA11", "Été", NORTH), place("XA12", "Goudrot", NORTH)]
    rows = [row("XA12", "Gaudrot", NORTH), row("XA11", "ETE", NORTH)]
    assert outcome(rows, places) == [("XA12", How.PCODE_OTHER_NAME), ("XA11", How.PCODE)]


def test_swapped_codes_are_undone_by_their_names():
    places = [place("XA14", "Boganangone", NORTH), place("XA15", "Boganda", NORTH)]
    rows = [row("XA14", "Boganda", NORTH), row("XA15", "Boganangone", NORTH)]
    assert outcome(rows, places) == [("XA15", How.NAME_AGAINST_PCODE), ("XA14", How.NAME_AGAINST_PCODE)]


def test_a_name_does_not_overrule_a_code_when_its_place_is_spoken_for():
    places = [place("XA14", "Ab", NORTH), place("XA15", "Cd", NORTH)]
    rows = [row("XA14", "Cd", NORTH), row("XA15", "Cd", NORTH)]
    assert outcome(rows, places) == [("XA14", How.PCODE_OTHER_NAME), ("XA15", How.PCODE)]


def test_a_name_counts_within_its_parent_only():
    places = [place("XA11", "Nola", NORTH), place("XA21", "Nola", SOUTH)]
    assert outcome([row("OLD", "Nola", SOUTH)], places) == [("XA21", How.NAME)]
    assert outcome([row("OLD", "Nola", AdminUnit(1, "XA9", "Est"))], places) == [(None, How.NOT_FOUND)]


def test_a_parent_is_known_by_its_name_before_its_code():
    places = [place("XA11", "Nola", NORTH), place("XA21", "Nola", SOUTH)]
    assert outcome([row("OLD", "Nola", AdminUnit(1, "XA2", "NORD"))], places) == [("XA11", How.NAME)]


def test_a_coarser_parent_serves_only_where_the_finer_one_is_unknown():
    town = AdminUnit(2, "XA11", "Ville")
    places = [place("XA111", "Arrondissement 2", NORTH, town), place("XA121", "Ab", NORTH, AdminUnit(2, "XA12", "Ab"))]
    unknown = AdminUnit(2, "XA17", "2e Arrondissement")
    assert outcome([row("XA171", "2e Arrondissement", NORTH, unknown)], places) == [("XA111", How.NAME)]
    assert outcome([row("XA119", "Ab", NORTH, town)], places) == [(None, How.NOT_FOUND)]


@pytest.mark.parametrize("twice", ["rows", "places"])
def test_a_name_that_is_not_unique_matches_nothing(twice):
    rows = [row("OLD1", "Ab", NORTH)] + ([row("OLD2", "AB", NORTH)] if twice == "rows" else [])
    places = [place("XA11", "Ab", NORTH)] + ([place("XA12", "Ab", NORTH)] if twice == "places" else [])
    assert {how for _, how in outcome(rows, places)} == {How.NOT_FOUND}


def test_a_place_is_taken_once():
    places = [place("XA11", "Ab", NORTH)]
    rows = [row("XA11", "Cd", NORTH, number=2), row("OLD", "Ab", NORTH, number=3)]
    matches = match(rows, places)
    assert [one.how for one in matches] == [How.PCODE_OTHER_NAME, How.TAKEN]
    account = Account()
    assert [one.pcode for one in account_for(matches, account)] == ["XA11"]
    assert account.skipped == 1


CODES = st.sampled_from(["XA11", "XA12", "XA13", "XA14"])
NAMES = st.sampled_from(["Ab", "Cd", "Ef", "AB"])
UNITS = st.lists(st.tuples(CODES, NAMES, st.sampled_from([NORTH, SOUTH])), unique_by=lambda unit: unit[0])


@given(UNITS, UNITS)
def test_each_row_has_one_outcome_and_each_place_at_most_one_row(row_units, place_units):
    rows, places = [row(*unit) for unit in row_units], [place(*unit) for unit in place_units]
    matches = match(rows, places)
    assert [one.row for one in matches] == rows
    matched = Counter(one.pcode for one in matches if one.pcode is not None)
    assert set(matched) <= {known.pcode for known in places}
    assert all(count == 1 for count in matched.values())
    assert all((one.pcode is None) == (one.how in {How.TAKEN, How.NOT_FOUND}) for one in matches)


def match_real(real_data, level, account):
    known = boundaries.read(real_data / f"caf_adm{level}.geojson", f"adm{level}", Account())
    places = [KnownPlace(one.pcode, one.name, level, one.parents) for one in known]
    return match(population.read(real_data / f"caf_codps_2015_adm{level}.csv", account).rows, places)


def test_the_real_communes_find_their_places(real_data, account):
    matches = match_real(real_data, 3, account)
    kept = account_for(matches, account)
    account.count_imported(sum(len(one.row.source_rows) for one in kept))
    account.check()
    assert Counter(one.how for one in matches) == {
        How.PCODE: 145,
        How.PCODE_OTHER_NAME: 22,
        How.NAME: 7,
        How.NOT_FOUND: 3,
    }
    assert {one.row.pcode: one.pcode for one in matches if one.how is How.NAME} == {
        f"CF7{number}": f"CF711{number // 10 - 10}" for number in range(121, 182, 10)
    }
    # These three towns have a commune of their own in the table and none in the polygons.
    assert {one.row.name for one in matches if one.pcode is None} == {"Boda", "Berbérati", "Bouar"}


def test_the_real_sub_prefectures_find_their_places_though_two_codes_are_swapped(real_data, account):
    matches = match_real(real_data, 2, account)
    assert all(one.pcode for one in matches)
    against = {one.row.name: (one.row.pcode, one.pcode) for one in matches if one.how is How.NAME_AGAINST_PCODE}
    assert against == {"Boganangone": ("CF125", "CF124"), "Boganda": ("CF124", "CF125")}
