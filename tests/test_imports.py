import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from flashpoint import intake
from flashpoint.errors import Forbidden, Invalid, NotFound
from flashpoint.import_places import CORRECTED, MOVED, NOT_IN_FILE, UNITS_ADDED, WITHDRAWN
from flashpoint.import_population import FIGURE_KEPT, SUMMED
from flashpoint.import_ucdp import CHANGED, IN_FUTURE, OUTSIDE, PLACELESS, SWAPPED_AXES, TOO_MANY
from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, population, ucdp
from flashpoint.ingest.ucdp import Undeclared
from flashpoint.store import actors, methodologies, places
from flashpoint.store.actors import CONSOLE
from flashpoint.store.engine import Database
from flashpoint.types import Actor, Audience, GeoPrecision, Role, Standard

TABLES = (
    *("operation", "admin_unit", "locality", "incident", "incident_version", "placement", "verification_act"),
    *("evidence", "audit", "methodology_in_force"),
)


@pytest.fixture
def database(fresh_database_url):
    database = Database(fresh_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture(scope="module")
def real_data():
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real files (UCDP GED, COD-AB, COD-PS) are not in ../shared/data")
    return folder


def quiet(_done, _total):
    """Report to nobody."""


def rows_of(database, query, **bound):
    with database.vault_reader() as reader:
        return [tuple(row) for row in reader.connection.execute(text(query), bound)]


def counts(database):
    return {table: rows_of(database, f"SELECT count(*) FROM vault.{table}")[0][0] for table in TABLES}  # noqa: S608


def remarks(account):
    return {remark.reason: remark.count for remark in account.remarks}


def settled(account):
    account.check()
    return account.imported, account.skipped, account.already_there


def square(west, south, side=1.0):
    east, north = west + side, south + side
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def feature(number, geometry, **properties):
    head = {"adm3_pcode": f"ZZ{number}", "adm3_name": f"Commune {number}"}
    parents = {"adm2_pcode": f"ZZ{number // 10}", "adm2_name": f"District {number // 10}", "adm1_pcode": "ZZ0"}
    return {"type": "Feature", "geometry": geometry, "properties": {**head, **parents, "adm1_name": "P", **properties}}


FOUR = [
    feature(11, square(20, 5)),
    feature(12, square(21, 5)),
    feature(21, square(20, 6)),
    feature(22, square(21, 6)),
]


def write_boundaries(folder, features=FOUR, name="adm3.geojson"):
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def write_table(folder, rows, name):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def event(number, longitude, latitude, **values):
    base = {
        "id": number,
        "type_of_violence": 3,
        "side_a": "Some group",
        "where_prec": 1,
        "date_prec": 1,
        "date_start": "2014-01-05",
        "date_end": "2014-01-06",
        "longitude": longitude,
        "latitude": latitude,
        "low": 1,
        "best": 2,
        "high": 3,
        "deaths_civilians": 2,
    }
    return {**base, **values}


def write_events(folder, *events, name="ged.csv"):
    return write_table(folder, events, name)


def people(number, total, **values):
    row = {"adm1_name": "P", "adm1_pcode": "ZZ0", "adm2_name": f"District {number // 10}"}
    return {
        **row,
        "adm2_pcode": f"ZZ{number // 10}",
        "adm3_name": f"Commune {number}",
        "adm3_pcode": f"ZZ{number}",
        "t_tl": total,
        **values,
    }


@pytest.fixture
def zedland(database, tmp_path):
    boundaries(database, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3"), quiet)
    return database


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
            query = f"SELECT DISTINCT known_at, known_assumed FROM vault.{table}"  # noqa: S608
            assert rows_of(zedland, query) == [(places.ALWAYS, True)]
        assert rows_of(zedland, "SELECT known_at FROM vault.methodology_in_force") == [(places.ALWAYS,)]
        with zedland.vault_reader() as reader:
            method = methodologies.in_force(reader, "ZZZ", datetime(1950, 1, 1, tzinfo=UTC))
        assert method.version == "2026.1"

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
        placed = """
            SELECT i.client_id, l.pcode FROM vault.placement p JOIN vault.incident i ON i.id = p.incident_id
            LEFT JOIN vault.locality l ON l.id = p.locality_id AND l.known_to IS NULL
            WHERE p.replaced_at IS NULL ORDER BY 1
        """
        assert rows_of(zedland, placed) == [("ucdp:1", "ZZ12"), ("ucdp:2", None)]
        versions = "SELECT version, known_at, known_to FROM vault.locality WHERE pcode = 'ZZ11' ORDER BY version"
        assert rows_of(zedland, versions) == [(1, places.ALWAYS, places.ALWAYS), (2, places.ALWAYS, None)]
        assert rows_of(zedland, "SELECT count(*) FROM vault.placement WHERE replaced_at IS NOT NULL") == [(2,)]

    def test_a_new_code_list_adds_localities_and_leaves_the_old_ones(self, zedland, tmp_path):
        account = boundaries(zedland, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3", "COD-AB 2020"), quiet)
        assert settled(account) == (4, 0, 0)
        lists = "SELECT code_list, count(*) FROM vault.locality WHERE known_to IS NULL GROUP BY 1 ORDER BY 1"
        assert rows_of(zedland, lists) == [("COD-AB", 4), ("COD-AB 2020", 4)]

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
        with zedland.vault() as vault:
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
        # A unit's figure is its own: the sum of another file does not replace it.
        assert remarks(account)[FIGURE_KEPT] == 2

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
        population(zedland, write_table(tmp_path, self.ROWS, "adm3.csv"), None, quiet)
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


class TestUcdp:
    def test_an_event_is_verified_under_its_own_standard_and_known_when_it_ended(self, zedland, tmp_path):
        account = ucdp(zedland, write_events(tmp_path, event(7, 20.5, 5.5)), UcdpTarget("ZZZ", 2.5), quiet)
        assert settled(account) == (1, 0, 0)
        query = """
            SELECT i.client_id, i.origin, i.state, a.standard, v.category, v.killed_low, v.killed_best, v.killed_high,
                   v.injured_best, v.sharing, v.share_above, v.consent, v.exercise, v.known_assumed, ST_AsText(v.geom),
                   v.splits
            FROM vault.incident i JOIN vault.incident_version v ON v.incident_id = i.id
            JOIN vault.verification_act a ON a.incident_id = i.id
        """
        external = "external:ucdp"
        assert rows_of(zedland, query) == [
            (
                *("ucdp:7", external, "verified", external, "attack_on_civilians", 1, 2, 3, None, "public", "detail"),
                *("not_required", False, True, "POINT(20.5 5.5)", None),
            )
        ]
        known = datetime(2014, 1, 6, 23, 59, 59, tzinfo=UTC) + timedelta(days=2.5)
        times = """
            SELECT v.known_at, v.reported_at, a.known_at, e.known_at FROM vault.incident_version v
            JOIN vault.verification_act a USING (incident_id) JOIN vault.evidence e USING (incident_id)
        """
        assert rows_of(zedland, times) == [(known,) * 4]

    def test_what_cannot_be_stored_is_skipped_with_its_reason(self, zedland, tmp_path):
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        path = write_events(
            tmp_path,
            event(1, 20.5, 5.5),
            event(2, 20.5, 5.5, date_start=tomorrow, date_end=tomorrow),
            event(3, 50, 50),
            event(4, 5.5, 20.5),
            event(5, 20.5, 5.5, high=900_000_000),
            event(6, 20.5, 5.5, where_prec=6),
        )
        account = ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)
        assert settled(account) == (2, 4, 0)
        expected = {IN_FUTURE: 1, OUTSIDE: 1, SWAPPED_AXES: 1, TOO_MANY: 1, PLACELESS: 1}
        assert remarks(account) == expected
        placed = """
            SELECT i.client_id, p.locality_id IS NULL, p.unit_pcode FROM vault.placement p
            JOIN vault.incident i ON i.id = p.incident_id ORDER BY 1
        """
        assert rows_of(zedland, placed) == [("ucdp:1", False, None), ("ucdp:6", True, None)]

    def test_a_coarse_event_goes_to_its_unit(self, zedland, tmp_path):
        path = write_events(tmp_path, event(1, 20.5, 5.5, where_prec=3), event(2, 20.5, 6.5, where_prec=4))
        ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)
        placed = "SELECT unit_pcode FROM vault.placement ORDER BY unit_pcode"
        assert rows_of(zedland, placed) == [("ZZ0",), ("ZZ1",)]

    def test_twice_changes_nothing_and_a_change_upstream_is_told_but_not_taken_over(self, zedland, tmp_path):
        path = write_events(tmp_path, event(1, 20.5, 5.5), event(2, 20.6, 5.5))
        ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)
        before = counts(zedland)
        assert settled(ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)) == (0, 0, 2)
        later = write_events(tmp_path, event(1, 20.5, 5.5), event(2, 20.6, 5.5, best=1), name="later.csv")
        account = ucdp(zedland, later, UcdpTarget("ZZZ"), quiet)
        assert settled(account) == (0, 0, 2)
        assert remarks(account) == {CHANGED: 1}
        assert counts(zedland) == before

    def test_an_interrupted_import_is_mended_by_running_it_again(self, zedland, tmp_path, monkeypatch):
        monkeypatch.setattr("flashpoint.import_ucdp.CHUNK", 10)
        path = write_events(tmp_path, *(event(number, 20.5, 5.5) for number in range(1, 36)))

        def pull_the_plug(done, _total):
            if done >= 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ucdp(zedland, path, UcdpTarget("ZZZ"), pull_the_plug)
        assert counts(zedland)["incident"] == 20
        account = ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)
        assert settled(account) == (15, 0, 20)
        assert counts(zedland)["evidence"] == 35

    def test_what_is_assumed_never_reaches_beyond_the_import(self, zedland, tmp_path):
        today = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
        path = write_events(tmp_path, event(1, 20.5, 5.5, date_start=today, date_end=today))
        ucdp(zedland, path, UcdpTarget("ZZZ", 300), quiet)
        assert rows_of(zedland, "SELECT known_at = recorded_at FROM vault.incident_version") == [(True,)]

    def test_precision_that_the_file_lacks_is_the_declared_one(self, zedland, tmp_path):
        bare = {key: value for key, value in event(1, 20.5, 5.5).items() if key != "where_prec"}
        target = UcdpTarget("ZZZ", 0, Undeclared(geo_precision=GeoPrecision.NEAR))
        ucdp(zedland, write_events(tmp_path, bare), target, quiet)
        assert rows_of(zedland, "SELECT geo_precision FROM vault.incident_version") == [(2,)]

    @pytest.mark.parametrize("lag", [-1, 4000, float("nan")])
    def test_a_lag_that_is_none_is_refused(self, zedland, tmp_path, lag):
        with pytest.raises(Invalid):
            ucdp(zedland, write_events(tmp_path, event(1, 20.5, 5.5)), UcdpTarget("ZZZ", lag), quiet)

    def test_an_unknown_operation_is_not_found(self, database, tmp_path):
        with pytest.raises(NotFound):
            ucdp(database, write_events(tmp_path, event(1, 20.5, 5.5)), UcdpTarget("ZZZ"), quiet)

    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.COORDINATOR])
    def test_only_a_coordinator_imports(self, zedland, role):
        actor = Actor(CONSOLE.id, CONSOLE.key_id, "somebody", role, Audience.CLUSTER, None)
        with zedland.vault() as vault, pytest.raises(Forbidden):
            intake.import_verified(vault, actor, [], Standard.EXTERNAL_UCDP)


class TestBulk:
    def test_ten_thousand_in_one_transaction(self, zedland, tmp_path, monkeypatch):
        monkeypatch.setattr("flashpoint.import_ucdp.CHUNK", 10_000)
        path = write_events(tmp_path, *(event(number, 20.5, 5.5) for number in range(1, 10_001)))
        assert settled(ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)) == (10_000, 0, 0)
        assert settled(ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)) == (0, 0, 10_000)
        assert rows_of(zedland, "SELECT count(*) FROM vault.audit WHERE action = 'import'") == [(1,)]

    def test_outside_says_which_and_whether_the_axes_are_swapped(self, zedland):
        from shapely import Point  # noqa: PLC0415 - for this test alone

        geometries = [Point(20.5, 5.5), None, Point(5.5, 20.5), Point(50, 50)]
        with zedland.vault_reader() as reader:
            assert places.outside(reader, "ZZZ", geometries) == {2: True, 3: False}
            assert places.outside(reader, "ZZZ", [None]) == {}

    def test_the_console_is_one_actor(self, zedland):
        with zedland.vault() as vault:
            assert actors.console(vault) == CONSOLE
        assert rows_of(zedland, "SELECT count(*) FROM vault.actor") == [(1,)]


class TestRealData:
    def test_the_central_african_republic(self, database, real_data):
        level3 = boundaries(database, real_data / "caf_adm3.geojson", BoundaryTarget("CAF", "adm3"), quiet)
        assert settled(level3) == (175, 0, 0)
        assert remarks(level3) == {UNITS_ADDED: 89}
        figures = population(database, real_data / "caf_codps_2015_adm3.csv", None, quiet)
        assert settled(figures) == (174, 3, 0)
        by_name = [count for reason, count in remarks(figures).items() if reason.startswith("matched by name")]
        assert sum(by_name) == 7
        events = ucdp(database, real_data / "ucdp_ged_caf.csv.gz", UcdpTarget("CAF"), quiet)
        assert settled(events) == (1848, 0, 0)
        assert remarks(events)[PLACELESS] == 57
        unplaced = "SELECT count(*) FROM vault.placement WHERE num_nonnulls(locality_id, unit_pcode) = 0"
        assert rows_of(database, unplaced) == [(57,)]
        # All of Bangui, although the file makes eight units of it.
        capital = "SELECT population FROM vault.admin_unit WHERE pcode = 'CF711' AND known_to IS NULL"
        assert rows_of(database, capital) == [(839_080,)]
        level2 = boundaries(database, real_data / "caf_adm2.geojson", BoundaryTarget("CAF", "adm2"), quiet)
        assert level2.imported + level2.already_there == 72
        assert MOVED not in remarks(level2)

    def test_south_sudan_twice(self, database, real_data):
        target = BoundaryTarget("SSD", "adm2")
        assert settled(boundaries(database, real_data / "ssd_adm2.geojson", target, quiet)) == (79, 0, 0)
        path = real_data / "ucdp_ged_ssd.csv.gz"
        assert settled(ucdp(database, path, UcdpTarget("SSD"), quiet)) == (941, 0, 0)
        before = counts(database)
        assert settled(boundaries(database, real_data / "ssd_adm2.geojson", target, quiet)) == (0, 0, 79)
        assert settled(ucdp(database, path, UcdpTarget("SSD"), quiet)) == (0, 0, 941)
        assert counts(database) == before
