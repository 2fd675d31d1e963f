"""One code list takes the place of another: what moves, what is told, and what stays as it was."""

import json
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
import shapely
from import_files import (
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
from list_files import (
    AFTER,
    BEFORE,
    NEW,
    OLD,
    TOLD,
    commune,
    homes,
    in_force,
    incident,
    old_country,
    placed,
    record,
    replaced,
)
from written import matrices

from flashpoint import context
from flashpoint.assess import evaluate
from flashpoint.errors import Invalid
from flashpoint.import_places import NEEDS_ORPHANS, ORPHANED, REPLACED_BEFORE, RETURNED
from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, population, ucdp
from flashpoint.store import actors, places


@pytest.fixture
def country(database, tmp_path):
    old_country(database, tmp_path)
    return database


def told(account):
    """Give the kinds of change that the account tells of, each with its examples."""
    found = {}
    for change in account.moved.places:
        found.setdefault(change.kind.value, []).append(str(change))
    return found


def codes(rows):
    return [pcode for _, pcode in rows]


class TestPlaces:
    def test_each_kind_of_change_is_told(self, country, tmp_path):
        account = replaced(country, tmp_path)
        assert settled(account) == (11, 0, 0)
        assert told(account) == TOLD
        assert set(in_force(country)) == {(NEW, one["properties"]["adm3_pcode"]) for one in AFTER}
        assert codes(in_force(country, "admin_unit")) == ["ZZ0", "ZZ1", "ZZ2", "ZZ3", "ZZ5", "ZZ6"]

    def test_the_old_places_end_and_the_new_ones_begin_in_one_instant(self, country, tmp_path):
        replaced(country, tmp_path)
        for table in ("locality", "admin_unit"):
            query = f"""
                SELECT code_list, withdrawn_reason, known_assumed, known_at = recorded_at, count(DISTINCT known_at)
                FROM vault.{table} WHERE known_to IS NULL GROUP BY 1, 2, 3, 4 ORDER BY 1
            """
            assert rows_of(country, query) == [(OLD, "replaced", False, True, 1), (NEW, None, False, True, 1)]
        instants = "SELECT count(DISTINCT known_at) FROM vault.locality WHERE known_at > '2000-01-01'"
        assert rows_of(country, instants) == [(1,)]

    def test_shares_add_up_to_what_the_new_list_covers(self, country, tmp_path):
        replaced(country, tmp_path)
        shares = """
            SELECT o.pcode, sum(s.share) FROM vault.locality o
            LEFT JOIN vault.succession s ON s.predecessor_id = o.id
            WHERE o.code_list = :old AND o.known_to IS NULL GROUP BY 1 ORDER BY 1
        """
        found = dict(rows_of(country, shares, old=OLD))
        assert found.pop("ZZ41") is None
        assert found.pop("ZZ33") == pytest.approx(0.8, abs=1e-4)
        assert list(found.values()) == pytest.approx([1] * 7, abs=1e-4)
        units = "SELECT count(*) FROM vault.succession s JOIN vault.admin_unit u ON u.id = s.successor_id"
        assert rows_of(country, units) == [(5,)]

    def test_predecessors_are_given_through_two_changes(self, country, tmp_path):
        replaced(country, tmp_path)
        first = datetime.now(UTC)
        last = [commune(71, 20, 5, 24, 7), commune(72, 24, 5, 25, 6), commune(61, 23, 8, 24, 9)]
        path = write_boundaries(tmp_path, last, "last.geojson")
        boundaries(country, path, BoundaryTarget("ZZZ", "adm3", "Third", replaces=NEW), quiet)
        names = dict(rows_of(country, "SELECT id, pcode FROM vault.locality WHERE known_to IS NULL"))
        ids = {(row[1], row[2]): row[0] for row in rows_of(country, "SELECT id, code_list, pcode FROM vault.locality")}

        def told_at(moment):
            with country.vault_reader() as reader:
                found = places.predecessors(reader, "ZZZ", moment, datetime.now(UTC))
            return {new: {(names[old], round(share, 3)) for old, share in olds} for new, olds in found.items()}

        one, two = told_at(first), told_at(datetime.now(UTC))
        assert one[ids[NEW, "ZZ34"]] == {("ZZ31", 1.0), ("ZZ32", 1.0)}
        assert one[ids[NEW, "ZZ22"]] == {("ZZ22", 0.3)}
        assert ids["Third", "ZZ71"] not in one
        # What was cut in two by the second list is whole again under the third.
        assert {("ZZ12", 1.0), ("ZZ22", 1.0), ("ZZ23", 1.0), ("ZZ34", 1.0)} <= two[ids["Third", "ZZ71"]]
        assert two[ids["Third", "ZZ72"]] == {("ZZ33", 0.8), ("ZZ33", 1.0)}

    def test_twice_changes_nothing(self, country, tmp_path):
        replaced(country, tmp_path)
        before = counts(country)
        account = replaced(country, tmp_path)
        assert settled(account) == (0, 0, 11)
        assert remarks(account) == {REPLACED_BEFORE: 1}
        assert account.to_dict()["moved"] is None
        assert counts(country) == before

    def test_a_dry_run_tells_the_same_and_keeps_nothing(self, country, tmp_path):
        incident(country, "one", (21.5, 6.5))
        before, matrix = counts(country), matrices(country, "ZZZ", moment := datetime.now(UTC))
        dry = replaced(country, tmp_path, dry_run=True)
        assert "dry run: nothing was stored" in dry.lines()
        assert (counts(country), matrices(country, "ZZZ", moment)) == (before, matrix)
        wet = replaced(country, tmp_path)
        assert {**dry.to_dict(), "dry_run": False} == wet.to_dict()

    def test_an_interrupted_import_leaves_nothing(self, country, tmp_path):
        before = counts(country)

        def pull_the_plug(done, _total):
            if done == len(AFTER):
                raise KeyboardInterrupt

        path = write_boundaries(tmp_path, AFTER, "new.geojson")
        with pytest.raises(KeyboardInterrupt):
            boundaries(country, path, BoundaryTarget("ZZZ", "adm3", NEW, replaces=OLD), pull_the_plug)
        assert counts(country) == before
        assert {code_list for code_list, _ in in_force(country)} == {OLD}

    def test_the_audit_row_carries_the_counts(self, country, tmp_path):
        incident(country, "one", (21.5, 6.5))
        replaced(country, tmp_path)
        detail = rows_of(country, "SELECT detail FROM vault.audit WHERE action = 'import.boundaries' ORDER BY seq")
        assert (
            detail[-1][0].items()
            >= {
                "imported": 11,
                "places_split": 2,
                "places_gone": 1,
                "incidents_moved": 1,
                "community_moved": 0,
                "orphans": 0,
            }.items()
        )

    def test_a_list_can_come_back(self, country, tmp_path):
        one = incident(country, "one", (21.5, 6.5))
        coarse = incident(country, "coarse", geo_precision=3, admin_pcode="ZZ12")
        assert one != coarse
        replaced(country, tmp_path)
        path = write_boundaries(tmp_path, BEFORE, "old.geojson")
        account = boundaries(country, path, BoundaryTarget("ZZZ", "adm3", OLD, replaces=NEW), quiet)
        assert remarks(account)[RETURNED] == 9
        assert {code_list for code_list, _ in in_force(country)} == {OLD}
        assert placed(country) == {"coarse": "ZZ12", "one": "ZZ22"}
        again = replaced(country, tmp_path)
        assert remarks(again)[RETURNED] == 11
        assert placed(country) == {"coarse": "ZZ52", "one": "ZZ24"}

    def test_two_lists_in_force_are_mended_by_naming_the_one_that_goes(self, country, tmp_path):
        # As it could be done before two lists at one level were refused.
        replaced(country, tmp_path)
        with country.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM vault.locality WHERE withdrawn_reason = 'replaced'")
            connection.exec_driver_sql("DELETE FROM vault.succession")
            revive = "UPDATE vault.locality SET known_to = NULL, closed_at = NULL WHERE code_list = 'COD-AB 2015'"
            connection.exec_driver_sql(revive)
        assert len(in_force(country)) == len(BEFORE) + len(AFTER)
        account = replaced(country, tmp_path)
        assert settled(account) == (0, 0, 11)
        assert told(account) == TOLD
        assert {code_list for code_list, _ in in_force(country)} == {NEW}

    def test_what_is_added_to_the_new_list_later_begins_with_it(self, country, tmp_path):
        replaced(country, tmp_path, AFTER[:-1])
        more = [*AFTER[:-2], commune(33, 24, 5, 24.9, 6), AFTER[-1]]
        path = write_boundaries(tmp_path, more, "more.geojson")
        boundaries(country, path, BoundaryTarget("ZZZ", "adm3", NEW), quiet)
        query = "SELECT count(DISTINCT known_at), min(known_at) > '2000-01-01' FROM vault.locality WHERE code_list = :l"
        assert rows_of(country, query, l=NEW) == [(1, True)]

    def test_nobody_records_beside_it(self, country, tmp_path):
        """What is placed while the ground moves would stay where nothing is any more."""
        others = []

        def meanwhile(done, _total):
            if done == 1:
                others.append(Thread(target=incident, args=(country, "meanwhile", (21.5, 6.5))))
                others[0].start()
                others[0].join(0.5)
                assert others[0].is_alive()

        path = write_boundaries(tmp_path, AFTER, "new.geojson")
        boundaries(country, path, BoundaryTarget("ZZZ", "adm3", NEW, replaces=OLD), meanwhile)
        others[0].join(10)
        assert placed(country) == {"meanwhile": "ZZ24"}


class TestIncidents:
    def test_precise_ones_go_by_their_geometry(self, country, tmp_path):
        for name, at in {"11": (20.5, 5.5), "12": (21.5, 5.5), "22 w": (21.1, 6.5), "22 e": (21.9, 6.5)}.items():
            incident(country, name, at)
        for name, at in {"31": (22.5, 5.5), "32": (23.5, 5.5)}.items():
            incident(country, name, at, geo_precision=2)
        account = replaced(country, tmp_path)
        where = {"11": "ZZ11", "12": "ZZ52", "22 w": "ZZ22", "22 e": "ZZ24", "31": "ZZ34", "32": "ZZ34"}
        assert placed(country) == where
        routes = [(one.origin, one.target, one.incidents) for one in account.moved.incidents]
        assert routes == [("ZZ12", "ZZ52", 1), ("ZZ22", "ZZ24", 1), ("ZZ31", "ZZ34", 1), ("ZZ32", "ZZ34", 1)]
        assert account.moved.incidents_moved == 4

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            # The new list has the code, for the same place.
            (("ZZ11", None, 3), ("ZZ11", "ZZ11")),
            (("ZZ21", None, 3), ("ZZ21", "ZZ21")),
            (("ZZ22", None, 3), ("ZZ22", "ZZ22")),
            # Even where the point that stands for it lies in the other part.
            (("ZZ22", (21.5, 6.5), 3), ("ZZ22", "ZZ22")),
            # Another code.
            (("ZZ12", None, 3), ("ZZ12", "ZZ52")),
            (("ZZ31", None, 3), ("ZZ31", "ZZ34")),
            # In three parts: where the point is, else the unit that has most of them.
            (("ZZ23", (22.5, 6.5), 3), ("ZZ23", "ZZ26")),
            (("ZZ23", None, 3), ("ZZ23", "ZZ2")),
            # A point outside what was claimed decides nothing.
            (("ZZ31", (20.5, 5.5), 3), ("ZZ31", "ZZ34")),
            # The commune of something known to the sub-prefecture only.
            (("ZZ12", None, 4), ("ZZ1", "ZZ5")),
            (("ZZ1", None, 4), ("ZZ1", "ZZ1")),
            (("ZZ0", None, 5), ("ZZ0", "ZZ0")),
            (("ZZ4", None, 4), ("ZZ4", None)),
            # No claim: by the point.
            ((None, (21.5, 5.5), 4), ("ZZ1", "ZZ5")),
            ((None, (21.5, 5.5), 3), ("ZZ12", "ZZ52")),
            ((None, (21.5, 5.5), 6), (None, None)),
        ],
    )
    def test_coarse_ones_go_where_their_claimed_place_went(self, country, tmp_path, said, expected):
        claimed, at, precision = said
        incident(country, "one", at, geo_precision=precision, **({"admin_pcode": claimed} if claimed else {}))
        before = placed(country)["one"]
        replaced(country, tmp_path, allow_orphans=True)
        assert (before, placed(country)["one"]) == expected

    def test_a_code_that_went_to_another_place_takes_no_incidents_along(self, country, tmp_path):
        """The two communes in the west exchange their codes; names stay with the ground."""
        incident(country, "coarse", geo_precision=3, admin_pcode="ZZ11")
        incident(country, "precise", (20.5, 5.5))
        swapped = [
            commune(12, 20, 5, 21, 6, adm3_name="Commune 11"),
            commune(11, 21, 5, 22, 6, adm3_name="Commune 12"),
            *BEFORE[2:],
        ]
        account = replaced(country, tmp_path, swapped)
        assert placed(country) == {"coarse": "ZZ12", "precise": "ZZ12"}
        assert told(account)["recoded"] == ["ZZ11 > ZZ12", "ZZ12 > ZZ11"]
        # What is said from now on is said in the new list.
        incident(country, "later", geo_precision=3, admin_pcode="ZZ11")
        assert placed(country)["later"] == "ZZ11"
        assert rows_of(country, "SELECT bool_or(outside_claimed) FROM vault.placement WHERE known_to IS NULL") == [
            (False,)
        ]

    def test_a_code_whose_place_is_gone_is_flagged(self, country, tmp_path):
        incident(country, "coarse", geo_precision=3, admin_pcode="ZZ41")
        replaced(country, tmp_path, allow_orphans=True)
        flags = "SELECT locality_id, unit_pcode, outside_claimed FROM vault.placement WHERE known_to IS NULL"
        assert rows_of(country, flags) == [(None, None, True)]

    def test_an_old_code_is_still_understood_later(self, country, tmp_path):
        replaced(country, tmp_path)
        incident(country, "coarse", geo_precision=3, admin_pcode="ZZ12")
        incident(country, "precise", (21.5, 5.5), admin_pcode="ZZ12")
        assert placed(country) == {"coarse": "ZZ52", "precise": "ZZ52"}
        assert rows_of(country, "SELECT DISTINCT outside_claimed FROM vault.placement") == [(False,)]

    def test_what_was_outside_its_claim_stays_flagged_and_the_rest_is_not(self, country, tmp_path):
        incident(country, "inside", (21.5, 5.5), admin_pcode="ZZ12")
        incident(country, "outside", (20.5, 5.5), admin_pcode="ZZ12")
        replaced(country, tmp_path)
        flags = """
            SELECT i.client_id, p.outside_claimed FROM vault.placement p JOIN vault.incident i ON i.id = p.incident_id
            WHERE p.known_to IS NULL ORDER BY 1
        """
        assert rows_of(country, flags) == [("inside", False), ("outside", True)]

    def test_one_that_loses_its_place_refuses_the_import_unless_allowed(self, country, tmp_path):
        lost = incident(country, "lost", (23.5, 6.5))
        before = counts(country)
        with pytest.raises(Invalid, match=str(lost)) as refusal:
            replaced(country, tmp_path)
        assert refusal.value.violations[0].code == "orphans"
        assert counts(country) == before
        dry = replaced(country, tmp_path, dry_run=True)
        assert remarks(dry)[NEEDS_ORPHANS] == 1
        account = replaced(country, tmp_path, allow_orphans=True)
        assert account.moved.orphans == [("incident", lost)]
        assert remarks(account)[ORPHANED] == 1
        assert NEEDS_ORPHANS not in remarks(account)
        assert placed(country) == {"lost": None}


class TestContexts:
    def test_they_go_by_code_and_name_or_by_the_point_of_their_locality(self, country, tmp_path):
        ids = {
            **{record(country, "community", f"ZZ{n}"): to for n, to in {11: 11, 12: 52, 21: 21, 31: 34}.items()},
            # The point of the old commune lies in its eastern part, but the west goes on under code and name.
            record(country, "assessment", "ZZ22"): 22,
            record(country, "community", "ZZ23"): 26,
            record(country, "presence", "ZZ12"): 52,
            # Its own point lies in the east.
            record(country, "presence", "ZZ22", (21.9, 6.9)): 24,
            # A base elsewhere protects the commune that it is said to protect.
            record(country, "presence", "ZZ22", (20.5, 5.5)): 22,
        }
        account = replaced(country, tmp_path)
        assert homes(country) == {one: f"ZZ{to}" for one, to in ids.items()}
        assert account.moved.contexts == {"community": 5, "assessment": 1, "presence": 3}
        versions = "SELECT version, known_to IS NULL, known_assumed FROM vault.community ORDER BY version DESC LIMIT 1"
        assert rows_of(country, versions) == [(2, True, False)]

    def test_what_is_gone_stays_where_it_was(self, country, tmp_path):
        record(country, "community", "ZZ11", consent="refused")
        account = replaced(country, tmp_path)
        assert account.moved.contexts["community"] == 0
        assert rows_of(country, "SELECT max(version) FROM vault.community") == [(1,)]

    def test_one_without_a_new_place_refuses_the_import_unless_allowed(self, country, tmp_path):
        lost = record(country, "community", "ZZ41")
        with pytest.raises(Invalid, match=f"community {lost}"):
            replaced(country, tmp_path)
        assert {code_list for code_list, _ in in_force(country)} == {OLD}
        account = replaced(country, tmp_path, allow_orphans=True)
        assert account.moved.orphans == [("community", lost)]
        assert account.to_dict()["moved"]["orphans"] == [{"kind": "community", "id": str(lost)}]
        # It is still there: whoever knows where it belongs can say so.
        assert homes(country) == {lost: None}

    def test_towns_keep_their_code_and_get_the_new_units(self, country, tmp_path):
        town = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [21.5, 5.5]},
            "properties": {
                "operation": "ZZZ",
                "pcode": "TOWN",
                "code_list": OLD,
                "name": "Town",
                "catchment_km": 5,
                "adm1_pcode": "ZZ0",
                "adm2_pcode": "ZZ1",
                "adm3_pcode": "ZZ12",
            },
        }
        with country.console() as vault:
            context.record(vault, actors.console(vault), "locality", (places.new_id(), 1), town)
        account = replaced(country, tmp_path)
        query = "SELECT code_list, adm1_pcode, adm2_pcode, adm3_pcode FROM vault.locality WHERE pcode = 'TOWN'"
        assert rows_of(country, query + " AND known_to IS NULL") == [(OLD, "ZZ0", "ZZ5", "ZZ52")]
        assert account.moved.localities_kept == 1


class TestPopulation:
    def test_figures_go_on_where_code_and_area_are_the_same(self, country, tmp_path):
        numbers = [int(one["properties"]["adm3_pcode"][2:]) for one in BEFORE]
        population(country, write_table(tmp_path, [people(n, n * 100) for n in numbers], "cod_ps.csv"), "ZZZ", quiet)
        account = replaced(country, tmp_path)
        figures = """
            SELECT pcode, population_best FROM vault.locality
            WHERE known_to IS NULL AND withdrawn_reason IS NULL AND population_best IS NOT NULL ORDER BY 1
        """
        assert rows_of(country, figures) == [("ZZ11", 1100), ("ZZ21", 2100)]
        units = "SELECT pcode, population FROM vault.admin_unit WHERE known_to IS NULL AND withdrawn_reason IS NULL"
        found = dict(rows_of(country, units))
        assert found == {"ZZ0": None, "ZZ1": None, "ZZ2": 6600, "ZZ3": None, "ZZ5": None, "ZZ6": None}
        assert account.moved.population_carried == 3
        later = population(country, write_table(tmp_path, [people(52, 5200)], "later.csv"), "ZZZ", quiet)
        assert settled(later) == (1, 0, 0)


class TestHistory:
    def test_as_known_before_nothing_changes_and_after_it_the_new_list_answers(self, country, tmp_path):
        incident(country, "one", (21.5, 6.5))
        incident(country, "two", geo_precision=3, admin_pcode="ZZ31")
        incident(country, "three", (21.5, 5.5), sharing="public", share_above="detail")
        for kind in ("community", "assessment", "presence"):
            record(country, kind, "ZZ22")
        before = country.knowledge_instant()
        past = [before, before - timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC)]
        known = matrices(country, "ZZZ", *past)
        replaced(country, tmp_path)
        assert matrices(country, "ZZZ", *past) == known
        (_, _, old, _), (_, _, new, _) = (matrices(country, "ZZZ", one)[0] for one in (before, datetime.now(UTC)))
        assert set(old) == {one["properties"]["adm3_pcode"] for one in BEFORE}
        assert set(new) == {one["properties"]["adm3_pcode"] for one in AFTER}

    def test_the_trend_goes_on_where_a_place_went_on_whole(self, country, tmp_path):
        replaced(country, tmp_path)
        later = datetime.now(UTC) + timedelta(minutes=20)
        with country.vault_reader() as reader:
            evaluated = evaluate(reader, "ZZZ", later)
            old = places.predecessors(reader, "ZZZ", later, later)
        past = evaluated.earlier[7]
        names = {row.id: row.pcode for row in evaluated.localities}
        went_on = {names[one] for one in names if one in past.at}
        heirs = [one for found in old.values() for one, share in found if share > 0.01]
        whole = {
            names[new]
            for new, found in old.items()
            if new in names and len(found) == 1 and heirs.count(found[0][0]) == 1
        }
        assert went_on == whole
        assert 0 < len(went_on) < len(names)

    def test_events_that_come_later_belong_to_the_list_of_their_time(self, country, tmp_path):
        events = write_events(tmp_path, event(1, 21.5, 5.5), event(2, 21.5, 6.5), event(3, 21.5, 5.5, where_prec=3))
        ucdp(country, events, UcdpTarget("ZZZ"), quiet)
        then = datetime(2014, 2, 1, tzinfo=UTC)
        _, head, known, _ = matrices(country, "ZZZ", then)[0]
        with country.engine.begin() as connection:
            for table in ("evidence", "verification_act", "placement", "incident_version", "incident"):
                connection.exec_driver_sql(f"DELETE FROM vault.{table}")
        replaced(country, tmp_path)
        ucdp(country, events, UcdpTarget("ZZZ"), quiet)
        assert placed(country) == {"ucdp:1": "ZZ52", "ucdp:2": "ZZ24", "ucdp:3": "ZZ5"}
        _, new_head, rows, _ = matrices(country, "ZZZ", then)[0]
        before, after = ({code: json.loads(row[1])["score"] for code, row in side.items()} for side in (known, rows))
        assert (new_head, after) == (head, before)
        assert len(set(after.values())) > 1


class TestRefusals:
    def refused(self, database, path, *target, **more):
        before = counts(database)
        with pytest.raises(Invalid) as refusal:
            boundaries(database, path, BoundaryTarget("ZZZ", *target, **more), quiet)
        assert counts(database) == before
        (violation,) = refusal.value.violations
        return violation.code

    def test_a_second_list_at_the_ranked_level_has_to_say_what_it_replaces(self, country, tmp_path):
        path = write_boundaries(tmp_path, AFTER)
        assert self.refused(country, path, "adm3", NEW) == "second_code_list"
        # The list in force may be corrected.
        old_country(country, tmp_path)

    def test_a_list_that_was_never_here_is_not_replaced(self, country, tmp_path):
        path = write_boundaries(tmp_path, AFTER)
        assert self.refused(country, path, "adm3", NEW, replaces="COD-AB 1999") == "no_such_code_list"
        assert self.refused(country, path, "adm3", OLD, replaces=OLD) == "same_code_list"

    def test_a_new_operation_has_nothing_to_replace(self, database, tmp_path):
        path = write_boundaries(tmp_path, AFTER)
        assert self.refused(database, path, "adm3", NEW, replaces=OLD) == "no_such_code_list"

    def test_the_units_above_go_with_the_ranked_level(self, country, tmp_path):
        above = [feature(1, square(20, 5), adm3_pcode=None, adm3_name=None, adm2_pcode="ZZ1", adm2_name="D")]
        path = write_boundaries(tmp_path, above)
        assert self.refused(country, path, "adm2", NEW, replaces=OLD) == "ranked_level"
        assert self.refused(country, path, "adm2", NEW) == "second_code_list"

    def test_a_list_of_another_country_replaces_nothing(self, country, tmp_path):
        far = write_boundaries(tmp_path, [feature(n, square(40 + n, 5)) for n in range(9)])
        assert self.refused(country, far, "adm3", NEW, replaces=OLD) == "elsewhere"

    def test_units_of_another_country_are_refused_at_a_level_that_is_not_ranked(self, country, tmp_path):
        def units(*squares):
            features = [
                feature(n, one, adm3_pcode=None, adm3_name=None, adm2_pcode=f"ZZ{n}", adm2_name="D")
                for n, one in enumerate(squares, start=1)
            ]
            return write_boundaries(tmp_path, features)

        assert self.refused(country, units(square(40, 5)), "adm2", OLD) == "outside_operation"
        assert self.refused(country, units(square(20, 5), square(24.9, 6)), "adm2", OLD) == "outside_operation"
        account = boundaries(country, units(square(20, 5), square(24.5, 5)), BoundaryTarget("ZZZ", "adm2", OLD), quiet)
        assert account.imported == 2

    def test_an_operation_of_towns_changes_its_units_at_any_level(self, database, tmp_path):
        """No level of it is ranked: units with areas take the place of units that were known by their codes alone."""
        with database.console() as vault:
            console = actors.console(vault)
            new = places.NewOperation("ZZZ", "Towns", "Villes", shapely.box(19, 4, 26, 10), None)
            places.add_operation(vault, console, new)
            shared = {"version": 1, "operation": "ZZZ", "code_list": OLD, "recorded_by": console.id}
            shared |= {"known_at": places.ALWAYS, "known_assumed": True, "recorded_at": vault.at}
            for code, level, parent in (("ZZ0", 1, None), ("ZZ1", 2, "ZZ0"), ("ZZ9", 2, "ZZ0")):
                unit = {"id": places.new_id(), "level": level, "pcode": code, "name": code, "parent_pcode": parent}
                places.add_units(vault, [{**shared, **unit}])
        incident(database, "known", geo_precision=4, admin_pcode="ZZ1")
        incident(database, "gone", geo_precision=4, admin_pcode="ZZ9")

        def districts(*squares):
            bare = {"adm3_pcode": None, "adm3_name": None}
            features = [feature(n, one, adm2_pcode=f"ZZ{n}", **bare) for n, one in enumerate(squares, start=1)]
            return write_boundaries(tmp_path, features)

        far = districts(square(40, 5), square(41, 5))
        assert self.refused(database, far, "adm2", NEW, replaces=OLD) == "outside_operation"
        path = districts(square(20, 5), square(21, 5))
        target = BoundaryTarget("ZZZ", "adm2", NEW, replaces=OLD, allow_orphans=True)
        account = boundaries(database, path, target, quiet)
        assert told(account) == {"renamed": ["ZZ1 > ZZ1"], "gone": ["ZZ9"], "new": ["ZZ2"]}
        assert in_force(database, "admin_unit") == [(NEW, "ZZ0"), (NEW, "ZZ1"), (NEW, "ZZ2")]
        assert placed(database) == {"gone": None, "known": "ZZ1"}

    def test_finer_units_follow_when_the_ranked_level_has_changed(self, country, tmp_path):
        def villages(code_list, **more):
            village = feature(11, square(20, 5, 0.5), adm4_pcode="ZZ1101", adm4_name="Village")
            return write_boundaries(tmp_path, [village]), "adm4", code_list, more

        *first, _ = villages(OLD)
        boundaries(country, first[0], BoundaryTarget("ZZZ", *first[1:]), quiet)
        path, level, _, _ = villages(NEW)
        assert self.refused(country, path, level, NEW) == "second_code_list"
        assert self.refused(country, path, level, NEW, replaces=OLD) == "ranked_level"
        replaced(country, tmp_path)
        boundaries(country, path, BoundaryTarget("ZZZ", level, NEW, replaces=OLD), quiet)
        assert (NEW, "ZZ1101") in in_force(country, "admin_unit")
        assert {code_list for code_list, _ in in_force(country, "admin_unit")} == {NEW}


def a_later_version(published, folder):
    """Give the communes anew: a prefecture under other codes, and the eight communes of a sub-prefecture as one."""
    tree = json.loads(published.read_text(encoding="utf-8"))
    codes, kept, merged = {}, [], []
    for one in tree["features"]:
        properties = one["properties"]
        if properties["adm2_pcode"] == "CF314":
            codes[properties["adm3_pcode"]] = "CF3149"
            merged.append(one)
            continue
        for level in (1, 2, 3):
            old = properties[f"adm{level}_pcode"]
            if old.startswith("CF22"):
                properties[f"adm{level}_pcode"] = codes[old] = old.replace("CF22", "CF29", 1)
        kept.append(one)
    area = shapely.union_all([shapely.geometry.shape(one["geometry"]) for one in merged])
    names = {**merged[0]["properties"], "adm3_pcode": "CF3149", "adm3_name": "Whole"}
    kept.append({"type": "Feature", "geometry": shapely.geometry.mapping(area), "properties": names})
    return write_boundaries(folder, kept, "later.geojson"), codes


class TestRealData:
    def test_the_communes_of_the_central_african_republic_recoded_and_partly_merged(
        self, database, real_data, tmp_path
    ):
        published = real_data / "caf_adm3.geojson"
        boundaries(database, published, BoundaryTarget("CAF", "adm3", OLD), quiet)
        population(database, real_data / "caf_codps_2015_adm3.csv", "CAF", quiet)
        ucdp(database, real_data / "ucdp_ged_caf.csv.gz", UcdpTarget("CAF"), quiet)
        record(database, "community", "CF3141", operation="CAF")
        record(database, "presence", "CF2213", operation="CAF")
        past = [database.knowledge_instant(), datetime(2014, 2, 1, tzinfo=UTC)]
        known, where = matrices(database, "CAF", *past), placed(database)
        path, codes = a_later_version(published, tmp_path)
        target = BoundaryTarget("CAF", "adm3", NEW, replaces=OLD)
        account = boundaries(database, path, target, quiet)
        assert settled(account) == (168, 0, 0)
        assert {kind: len(found) for kind, found in told(account).items()} == {
            "unchanged": 152,
            "recoded": 15,
            "merged": 1,
        }
        assert account.moved.orphans == []
        assert matrices(database, "CAF", *past) == known
        assert placed(database) == {name: codes.get(code, code) for name, code in where.items()}
        assert account.moved.incidents_moved == sum(code in codes for code in where.values()) > 0
        assert sorted(homes(database).values()) == ["CF2913", "CF3149"]
        assert settled(boundaries(database, path, target, quiet)) == (0, 0, 168)
