from datetime import UTC, datetime, timedelta

import pytest
from import_files import (
    counts,
    event,
    quiet,
    remarks,
    rows_of,
    settled,
    write_events,
)

from flashpoint import intake
from flashpoint.errors import Forbidden, Invalid, NotFound
from flashpoint.import_places import MOVED, UNITS_ADDED
from flashpoint.import_ucdp import CHANGED, IN_FUTURE, OUTSIDE, PLACELESS, SWAPPED_AXES, TOO_MANY
from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, population, ucdp
from flashpoint.ingest.ucdp import Undeclared
from flashpoint.store import actors, places
from flashpoint.store.actors import CONSOLE
from flashpoint.types import Actor, Audience, GeoPrecision, Role, Standard


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
        with zedland.console() as vault, pytest.raises(Forbidden):
            intake.import_verified(vault, actor, [], Standard.EXTERNAL_UCDP)


class TestBulk:
    def test_ten_thousand_in_one_transaction(self, zedland, tmp_path, monkeypatch):
        monkeypatch.setattr("flashpoint.import_ucdp.CHUNK", 10_000)
        path = write_events(tmp_path, *(event(number, 20.5, 5.5) for number in range(1, 10_001)))
        assert settled(ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)) == (10_000, 0, 0)
        assert settled(ucdp(zedland, path, UcdpTarget("ZZZ"), quiet)) == (0, 0, 10_000)
        assert rows_of(zedland, "SELECT count(*) FROM vault.audit WHERE action = 'import'") == [(10,)]

    def test_outside_says_which_and_whether_the_axes_are_swapped(self, zedland):
        from shapely import Point  # noqa: PLC0415 - for this test alone

        geometries = [Point(20.5, 5.5), None, Point(5.5, 20.5), Point(50, 50)]
        with zedland.vault_reader() as reader:
            assert places.outside(reader, "ZZZ", geometries) == {2: True, 3: False}
            assert places.outside(reader, "ZZZ", [None]) == {}

    def test_the_console_is_one_actor(self, zedland):
        with zedland.console() as vault:
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
