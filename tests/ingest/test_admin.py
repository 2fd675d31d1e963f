import pytest

from flashpoint.ingest.admin import clean_name, find_columns, finest_level, name_key, parents_of, unit_of


@pytest.mark.parametrize(
    "column", ["adm3_pcode", "ADM3_PCODE", "adm3Pcode", "admin3Pcode", "admin3Pcod", "ADMIN3_PCO", "adm3_pc"]
)
def test_the_pcode_column_is_found_in_every_spelling(column):
    assert find_columns(["OBJECTID", column])[3].pcode == column


@pytest.mark.parametrize("column", ["adm3_name", "ADM3_EN", "ADM3_FR", "adm3Name_fr", "admin3Name", "admin3Na_e"[:9]])
def test_the_name_column_is_found_in_every_spelling(column):
    assert find_columns(["adm3_pcode", column, "adm3_ref", "adm3_altname"])[3].name == column


def test_the_plain_name_goes_before_a_language_and_each_level_has_its_own():
    columns = find_columns(["adm1_fr", "adm1_pcode", "adm2_fr", "adm2_en", "adm2_name", "adm2_pcode", "adm3_name"])
    assert (columns[1].name, columns[2].name) == ("adm1_fr", "adm2_name")
    assert finest_level(columns) == 2


def test_units_and_parents_are_read_from_coarse_to_fine():
    row = {"adm0_pcode": "", "adm1_pcode": "XA1", "adm1_name": " North\x00 ", "adm2_pcode": "XA11", "adm2_name": "Ab"}
    columns = find_columns(row)
    assert unit_of(row, 2, columns) == (2, "XA11", "Ab")
    assert parents_of(row, 2, columns) == ((1, "XA1", "North"),)
    assert unit_of(row, 3, columns) is None
    assert unit_of({"adm2_pcode": "not a code!"}, 2, columns) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2e Arrondissement", "Arrondissement 2"),
        ("1er Arrondissement", "ARRONDISSEMENT 1"),
        ("Mambéré Kadéi", "Mambéré-Kadéï"),
        ("Koro-Mpoko", "Koro-M'poko"),
        ("Ombella M\u2019Poko", "ombella mpoko"),
        ("3rd  District", "District_3"),
    ],
)
def test_two_spellings_of_a_name_have_one_key(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("2e Arrondissement", "3e Arrondissement"), ("Sudan", "South Sudan"), ("Boda", "Bouda")]
)
def test_two_places_have_two_keys(one, other):
    assert name_key(one) != name_key(other)


def test_a_name_that_the_database_would_refuse_is_cleaned():
    assert clean_name("  Yalo\x00\tke\u0301 \ud800") == "Yalo k\u00e9"
