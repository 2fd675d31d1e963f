from datetime import UTC, datetime

import pytest
from import_files import (
    FOUR,
    counts,
    event,
    feature,
    people,
    quiet,
    remarks,
    rows_of,
    settled,
    square,
    write_boundaries,
    write_events,
    write_table,
)
from sqlalchemy import text

from flashpoint.errors import Invalid, NotFound
from flashpoint.import_places import CORRECTED, MOVED, NOT_IN_FILE, UNITS_ADDED, WITHDRAWN
from flashpoint.import_population import FIGURE_KEPT, SUMMED
from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, population, ucdp
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import methodologies, places


class TestBoundaries:
    def test_the_first_boundaries_make_the_operation_its_localities_and_the_units_above(self, database, tmp_path):
        seen = []
        target = BoundaryTarget("ZZZ", "adm3", "COD-AB 2015", "Zedland", "Zédie")
        account = boundaries(database, write_boundaries(tmp_path), target, lambda *step: seen.append(step))
        assert settled(account) == (4, 0, 0)
        assert remarks(account) == {UNITS_ADDED: 3}
        assert seen[-1] == (4, 4)
        assert rows_of(database, "SELECT name_en, name_fr, ranked_level FROM vault.operation") == [
            ("Zedland", "Zédie", 3)
        ]
        localities = "SELECT pcode, adm1_pcode, adm2_pcode, adm3_pcode, code_list FROM vault.locality ORDER BY pcode"
        assert rows_of(database, localities)[0] == ("ZZ11", "ZZ0", "ZZ1", None, "COD-AB 2015")
        units = "SELECT level, pcode, parent_pcode, ST_Area(area) FROM vault.admin_unit ORDER BY pcode"
        assert rows_of(database, units) == [(1, "ZZ0", None, 4), (2, "ZZ1", "ZZ0", 2), (2, "ZZ2", "ZZ0", 2)]

    def test_places_and_method_count_as_known_since_always_and_say_that_this_is_assumed(self, zedland):
        for table in ("locality", "admin_unit"):
            query = f"SELECT DISTINCT known_at, known_assumed FROM vault.{table}"
            assert rows_of(zedland, query) == [(places.ALWAYS, True)]
        assert rows_of(zedland, "SELECT known_at FROM vault.methodology_in_force") == [(places.ALWAYS,)]
        with zedland.vault_reader() as reader:
            method = methodologies.in_force(reader, "ZZZ", datetime(1950, 1, 1, tzinfo=UTC), datetime.now(UTC))
        assert method.version == DEFAULT.version

    def test_an_incident_on_the_border_is_inside_the_operation(self, zedland, tmp_path):
        path = write_events(tmp_path, event(1, 19.95, 5.5), event(2, 19.5, 5.5))
        account = ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)
        assert settled(account) == (1, 1, 0)

    def test_twice_changes_nothing(self, zedland, tmp_path):
        before = counts(zedland)
        account = boundaries(zedland, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3"), quiet)
        assert settled(account) == (0, 0, 4)
        assert counts(zedland) == before

    def test_a_change_under_the_same_code_list_is_the_next_version_and_moves_incidents(self, zedland, tmp_path):
        ucdp(zedland, write_events(tmp_path, event(1, 20.5, 5.5), event(2, 21.5, 5.5)), UcdpTarget("ZZZ"), quiet)
        changed = [feature(11, square(20, 5, 0.2)), feature(12, square(20.3, 5)), *FOUR[2:]]
        account = boundaries(zedland, write_boundaries(tmp_path, changed), BoundaryTarget("ZZZ", "adm3"), quiet)
        assert settled(account) == (2, 0, 2)
        assert remarks(account) == {CORRECTED: 2, MOVED: 2}
        audited = "SELECT detail -> 'incidents_moved' FROM vault.audit WHERE action = 'import.boundaries' ORDER BY seq"
        assert rows_of(zedland, audited) == [(0,), (2,)]
        placed = """
            SELECT i.client_id, l.pcode FROM vault.placement p JOIN vault.incident i ON i.id = p.incident_id
            LEFT JOIN vault.locality l ON l.id = p.locality_id AND l.known_to IS NULL
            WHERE p.known_to IS NULL ORDER BY 1
        """
        assert rows_of(zedland, placed) == [("ucdp:1", "ZZ12"), ("ucdp:2", None)]
        versions = "SELECT version, known_at, known_to FROM vault.locality WHERE pcode = 'ZZ11' ORDER BY version"
        assert rows_of(zedland, versions) == [(1, places.ALWAYS, places.ALWAYS), (2, places.ALWAYS, None)]
        assert rows_of(zedland, "SELECT count(*) FROM vault.placement WHERE known_to IS NOT NULL") == [(2,)]

    def test_a_dry_run_makes_no_operation(self, database, tmp_path):
        account = boundaries(database, write_boundaries(tmp_path), BoundaryTarget("ZZZ", dry_run=True), quiet)
        assert settled(account) == (4, 0, 0)
        assert set(counts(database).values()) == {0}

    def test_another_level_becomes_units_whose_own_areas_win(self, zedland, tmp_path):
        units = [
            feature(1, square(20, 5, 1.5), adm3_pcode=None, adm3_name=None, adm2_pcode="ZZ1", adm2_name="District 1")
        ]
        path = write_boundaries(tmp_path, units, "adm2.geojson")
        account = boundaries(zedland, path, BoundaryTarget("ZZZ", "adm2"), quiet)
        assert settled(account) == (1, 0, 0)
        assert remarks(account) == {CORRECTED: 1, NOT_IN_FILE: 1}
        area = "SELECT ST_Area(area) FROM vault.admin_unit WHERE pcode = 'ZZ1' AND known_to IS NULL"
        assert rows_of(zedland, area) == [(2.25,)]
        assert rows_of(zedland, "SELECT count(*) FROM vault.locality") == [(4,)]
        again = boundaries(zedland, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3"), quiet)
        assert settled(again) == (0, 0, 4)
        assert rows_of(zedland, area) == [(2.25,)]

    def test_what_was_withdrawn_here_stays_withdrawn(self, zedland, tmp_path):
        with zedland.console() as vault:
            vault.connection.execute(
                text("""
                    INSERT INTO vault.locality (id, version, operation, recorded_by, known_at, withdrawn_reason, pcode,
                                                code_list, level, name, point, area)
                    SELECT id, 2, operation, recorded_by, now(), 'false', pcode, code_list, level, name, point, area
                    FROM vault.locality WHERE pcode = 'ZZ11'
                """)
            )
        account = boundaries(zedland, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3"), quiet)
        assert settled(account) == (0, 0, 4)
        assert remarks(account) == {WITHDRAWN: 1}

    def test_boundaries_beyond_the_operation_widen_it(self, zedland, tmp_path):
        account = boundaries(
            zedland, write_boundaries(tmp_path, [*FOUR, feature(31, square(30, 5))]), BoundaryTarget("ZZZ"), quiet
        )
        assert settled(account) == (1, 0, 4)
        inside = ucdp(zedland, write_events(tmp_path, event(1, 30.5, 5.5)), UcdpTarget("ZZZ"), quiet)
        assert settled(inside) == (1, 0, 0)

    @pytest.mark.parametrize("code", ["zzz", "Z", "Z Z", "ÀB", "A" * 17])
    def test_a_code_that_is_none_is_refused_before_anything_is_stored(self, database, tmp_path, code):
        with pytest.raises(Invalid):
            boundaries(database, write_boundaries(tmp_path), BoundaryTarget(code), quiet)
        assert set(counts(database).values()) == {0}

    def test_a_file_without_a_usable_unit_makes_no_operation(self, database, tmp_path):
        account = boundaries(database, write_boundaries(tmp_path, [feature(1, None)]), BoundaryTarget("ZZZ"), quiet)
        assert settled(account) == (0, 1, 0)
        assert counts(database)["operation"] == 0


class TestPopulation:
    ROWS = (people(11, 100), people(12, 200), people(21, 400), people(23, 800))

    def test_figures_go_to_localities_and_sums_of_all_rows_to_the_units_above(self, zedland, tmp_path):
        account = population(zedland, write_table(tmp_path, self.ROWS, "cod_ps.csv"), None, quiet)
        assert settled(account) == (3, 1, 0)
        assert remarks(account)[SUMMED] == 3
        localities = """
            SELECT pcode, population_low, population_best, population_high, population_source, known_at
            FROM vault.locality WHERE known_to IS NULL ORDER BY pcode
        """
        assert rows_of(zedland, localities) == [
            ("ZZ11", 100, 100, 100, "cod_ps", places.ALWAYS),
            ("ZZ12", 200, 200, 200, "cod_ps", places.ALWAYS),
            ("ZZ21", 400, 400, 400, "cod_ps", places.ALWAYS),
            ("ZZ22", None, None, None, None, places.ALWAYS),
        ]
        units = "SELECT pcode, population FROM vault.admin_unit WHERE known_to IS NULL ORDER BY pcode"
        # Commune 23 has no polygon, its people are counted in its district all the same.
        assert rows_of(zedland, units) == [("ZZ0", 1500), ("ZZ1", 300), ("ZZ2", 1200)]

    def test_twice_changes_nothing_and_another_figure_makes_a_version(self, zedland, tmp_path):
        path = write_table(tmp_path, self.ROWS, "cod_ps.csv")
        population(zedland, path, None, quiet)
        before = counts(zedland)
        assert settled(population(zedland, path, "ZZZ", quiet)) == (0, 1, 3)
        assert counts(zedland) == before
        other = write_table(tmp_path, [people(11, 111), *self.ROWS[1:]], "later.csv")
        account = population(zedland, other, None, quiet)
        assert settled(account) == (1, 1, 2)
        # What was a sum of an earlier file becomes the sum of this one.
        assert remarks(account)[SUMMED] == 3

    def test_geometry_is_kept_by_a_new_version(self, zedland, tmp_path):
        areas = "SELECT pcode, ST_AsText(area), ST_AsText(point) FROM vault.locality WHERE known_to IS NULL ORDER BY 1"
        before = rows_of(zedland, areas)
        population(zedland, write_table(tmp_path, self.ROWS, "cod_ps.csv"), None, quiet)
        assert rows_of(zedland, areas) == before

    def test_a_file_of_a_coarser_level_gives_units_their_own_figure(self, zedland, tmp_path):
        population(zedland, write_table(tmp_path, self.ROWS, "adm3.csv"), None, quiet)
        coarse = [{"adm2_pcode": "ZZ1", "adm2_name": "District 1", "adm1_pcode": "ZZ0", "adm1_name": "P", "t_tl": 5000}]
        account = population(zedland, write_table(tmp_path, coarse, "adm2.csv"), None, quiet)
        assert settled(account) == (1, 0, 0)
        account = population(zedland, write_table(tmp_path, self.ROWS, "adm3.csv"), None, quiet)
        # A published figure is the unit's own: no sum replaces it.
        assert remarks(account)[FIGURE_KEPT] == 1
        figure = "SELECT population FROM vault.admin_unit WHERE pcode = 'ZZ1' AND known_to IS NULL"
        assert rows_of(zedland, figure) == [(5000,)]

    def test_units_that_the_file_codes_otherwise_get_the_people_of_their_own_places(self, zedland, tmp_path):
        rows = [
            people(11, 100, adm2_pcode="ZZ7", adm2_name="Seven"),
            people(12, 200, adm2_pcode="ZZ8", adm2_name="Eight"),
            people(99, 400, adm2_pcode="ZZ8", adm2_name="Eight"),
        ]
        population(zedland, write_table(tmp_path, rows, "adm3.csv"), None, quiet)
        units = "SELECT pcode, population FROM vault.admin_unit WHERE known_to IS NULL ORDER BY pcode"
        assert rows_of(zedland, units) == [("ZZ0", 700), ("ZZ1", 700), ("ZZ2", None)]

    def test_the_operation_must_be_told_apart_by_its_pcodes(self, zedland, tmp_path):
        boundaries(zedland, write_boundaries(tmp_path), BoundaryTarget("YYY"), quiet)
        path = write_table(tmp_path, self.ROWS, "cod_ps.csv")
        with pytest.raises(Invalid, match="more than one operation"):
            population(zedland, path, None, quiet)
        assert settled(population(zedland, path, "YYY", quiet)) == (3, 1, 0)
        nowhere = write_table(tmp_path, [people(77, 1)], "nowhere.csv")
        with pytest.raises(Invalid, match="no operation has"):
            population(zedland, nowhere, None, quiet)
        with pytest.raises(NotFound):
            population(zedland, path, "XXX", quiet)

    def test_figures_finer_than_any_place_are_refused(self, zedland, tmp_path):
        fine = write_table(tmp_path, [{"adm4_pcode": "ZZ111", "adm4_name": "V", "t_tl": 5}], "adm4.csv")
        with pytest.raises(Invalid, match="no places of adm4"):
            population(zedland, fine, "ZZZ", quiet)
