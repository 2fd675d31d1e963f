"""The demonstration, loaded into a real database, shows every rule at work in the matrix that is made of it."""

import csv
import json
import stat
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import postgis
import pytest
from sqlalchemy import text

from flashpoint import decisions, intake, sample
from flashpoint.assess import evaluate
from flashpoint.catalogue import CATEGORIES
from flashpoint.matrix import release
from flashpoint.reports import StepReport
from flashpoint.scoring.contributions import COARSE_INCIDENT, STANDING_THREAT
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.uncertainty import BEST
from flashpoint.store import actors, incidents
from flashpoint.store.engine import Database
from flashpoint.store.release_reading import unplaced_rows
from flashpoint.types import Actor, Audience, Role, Standard, State, Tier
from flashpoint.workflow import Action

FOLDER = Path(sample.__file__).parent.parent / "sample_data"
PEPPER = b"a pepper for tests"
END = ("low", "best", "high")


def csv_rows(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


INCIDENTS = {row["client_id"]: row for row in csv_rows("incidents")}


@pytest.fixture(scope="module")
def demo(shared_folder, worker_id, database_url):  # noqa: ARG001 - the session's database keeps the server up
    with postgis.clone(shared_folder, f"{worker_id}_sample") as url:
        database = Database(url, pool_size=2)
        assert sample.load(database) is True
        yield database
        database.close()


@pytest.fixture
def empty(fresh_database_url):
    database = Database(fresh_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture(scope="module")
def now(demo):
    return demo.knowledge_instant()


@pytest.fixture(scope="module")
def evaluated(demo, now):
    with demo.vault_reader() as reader:
        return evaluate(reader, "DEMO", now)


@pytest.fixture(scope="module")
def rows(evaluated):
    released = [json.loads(row.whole_properties()) for row in unplaced_rows(release(evaluated, Audience.CLUSTER))]
    return {row["name"]: row for row in released}


@pytest.fixture(scope="module")
def client_ids(demo):
    return {str(row.id): row.client_id for row in ask(demo, "SELECT id, client_id FROM vault.incident")}


def ask(database, query, **values):
    # As the owner of the server, whom no wall stops.
    with database.engine.begin() as connection:
        return connection.execute(text(query), values).all()


def counts(database):
    tables = ask(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'vault'")
    # The names come from the catalogue of the database itself.
    return {name: ask(database, f"SELECT count(*) FROM vault.{name}")[0][0] for (name,) in tables}


def known_on(database, as_of):
    with database.vault_reader() as reader:
        return evaluate(reader, "DEMO", as_of)


def counted(evaluated, client_ids):
    return {client_ids[identity] for identity, _ in counting(evaluated)}


def counting(evaluated):
    """The incidents that count: id and row."""
    incidents = evaluated.result.parts.incidents
    return [(incidents.name(row), row) for row in np.flatnonzero(evaluated.ledger.live).tolist()]


def index_of(evaluated, name):
    return next(index for index, row in enumerate(evaluated.localities) if row.name == name)


def lines(evaluated, name):
    return evaluated.ledger.lines(index_of(evaluated, name))


def usable(row):
    """Whether a verified row may move the score."""
    closed = row["sharing"] in {"cluster", "restricted"} and row["share_above"] == "none"
    return row["consent"] != "refused" and row["exercise"] == "false" and not closed


def test_a_second_load_changes_nothing(demo):
    before = counts(demo)
    assert sample.load(demo) is False
    assert counts(demo) == before
    assert before["incident"] == 180
    assert before["incident_version"] == 181
    assert before["source"] == 403
    assert before["locality"] == 21
    assert before["admin_unit"] == 32


def test_an_interrupted_load_leaves_nothing_and_the_next_one_succeeds(empty, monkeypatch):
    before = counts(empty)

    def power_cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(intake, "correct", power_cut)
        with pytest.raises(KeyboardInterrupt):
            sample.load(empty)
    assert counts(empty) == before
    said = []
    assert sample.load(empty, report=said.append) is True
    assert said


def test_a_moment_of_the_past_can_be_the_loading_instant(empty):
    then = empty.knowledge_instant() - timedelta(days=100)
    assert sample.load(empty, now=then) is True
    newest = ask(empty, "SELECT max(known_at) FROM vault.verification_act")[0][0]
    assert timedelta() <= then - newest < timedelta(days=1)


def test_incidents_end_in_the_states_of_the_file(demo):
    states = {row.client_id: row.state for row in ask(demo, "SELECT client_id, state FROM vault.incident")}
    assert states == {client_id: row["state"] for client_id, row in INCIDENTS.items()}


def test_tombstones_and_duplicates_say_what_the_file_says(demo, client_ids):
    query = "SELECT incident_id, reason_code, duplicate_of FROM vault.verification_act WHERE to_state = :state"
    reasons = {client_ids[str(row[0])]: row[1] for row in ask(demo, query, state=State.WITHDRAWN)}
    originals = {client_ids[str(row[0])]: client_ids[str(row[2])] for row in ask(demo, query, state=State.DUPLICATE)}
    assert reasons == {name: row["withdrawal_reason"] for name, row in INCIDENTS.items() if row["withdrawal_reason"]}
    assert originals == {name: row["duplicate_of"] for name, row in INCIDENTS.items() if row["duplicate_of"]}


def test_whoever_verified_had_neither_reported_nor_edited(demo):
    query = """
        SELECT i.submitted_by, a.recorded_by,
               ARRAY(SELECT v.recorded_by FROM vault.incident_version v WHERE v.incident_id = i.id) AS authors
        FROM vault.verification_act a JOIN vault.incident i ON i.id = a.incident_id WHERE a.action = 'verify'
    """
    verified = ask(demo, query)
    assert len(verified) == sum(bool(row["verified_days_ago"]) for row in INCIDENTS.values())
    assert all(row.recorded_by not in {row.submitted_by, *row.authors} for row in verified)
    assert len({row.submitted_by for row in verified}) == 3
    assert len({row.recorded_by for row in verified}) == 2


def test_the_people_of_the_sample_are_not_the_key_holders_of_the_demonstration(demo):
    handles = {row.handle for row in ask(demo, "SELECT handle FROM vault.actor")}
    assert {name for name in handles if name.startswith("sample-")} == {
        *(f"sample-analyst-{number}" for number in (1, 2, 3)),
        *(f"sample-verifier-{number}" for number in (1, 2)),
        # Two, since nobody agrees to their own proposal of an information-sharing protocol.
        *(f"sample-coordinator-{number}" for number in (1, 2)),
    }


def test_each_step_is_known_on_its_day_and_none_before_the_one_that_it_follows(demo, now):
    query = """
        SELECT i.client_id, a.action, a.known_at, lag(a.known_at) OVER (PARTITION BY i.id ORDER BY a.id) AS before,
               v.reported_at, v.event_end, v.known_assumed
        FROM vault.verification_act a JOIN vault.incident i ON i.id = a.incident_id
        JOIN vault.incident_version v ON v.incident_id = i.id AND v.version = a.version
    """
    days = {"report": "reported_days_ago", "verify": "verified_days_ago", "edit": "edited_days_ago"}
    for act in ask(demo, query):
        assert act.known_assumed
        assert act.event_end <= act.reported_at <= act.known_at <= now
        assert act.before is None or act.before < act.known_at
        column = days.get(act.action, "reported_days_ago" if act.action == "corroborate" else "closed_days_ago")
        assert (now - act.known_at).days == int(INCIDENTS[act.client_id][column]), act


def test_what_came_with_a_claimed_code_is_placed_and_flagged(demo):
    query = """
        SELECT i.client_id, l.name, p.unit_pcode, p.outside_claimed FROM vault.placement p
        JOIN vault.incident i ON i.id = p.incident_id AND i.version = p.version
        LEFT JOIN vault.locality l ON l.id = p.locality_id AND l.known_to IS NULL WHERE p.known_to IS NULL
    """
    placed = {row.client_id: (row.name, row.unit_pcode, row.outside_claimed) for row in ask(demo, query)}
    assert placed["demo-148"] == ("Dékoa", None, True)
    assert placed["demo-046"] == (None, "CF123", False)
    assert placed["demo-061"] == (None, "CF31", False)
    assert placed["demo-044"] == (None, None, False)
    assert placed["demo-098"][:2] == (None, None)
    inside = [name for name, place in placed.items() if place[0] and place[2]]
    assert inside == ["demo-148"]


def test_only_what_is_verified_and_may_be_used_counts(evaluated, client_ids):
    verified = {name for name, row in INCIDENTS.items() if row["state"] == State.VERIFIED and usable(row)}
    assert counted(evaluated, client_ids) == verified | {"demo-153"}
    assert len(verified) == 130


def test_the_earlier_verified_version_stays_in_force_after_a_material_edit(demo, evaluated, client_ids):
    edited = "SELECT e.version, i.version FROM vault.evidence e JOIN vault.incident i ON i.id = e.incident_id"
    assert ask(demo, edited + " WHERE i.client_id = 'demo-153' AND e.known_to IS NULL") == [(1, 2)]
    (at,) = [row for identity, row in counting(evaluated) if client_ids[identity] == "demo-153"]
    row = INCIDENTS["demo-153"]
    parts = {"killed": 1, "injured": DEFAULT.injured_per_killed, "abducted": DEFAULT.abducted_per_killed}
    harmed = np.array([sum(float(row[f"{name}_{end}"]) / per for name, per in parts.items()) for end in END])
    casualty = 1 + np.log2(1 + harmed) / DEFAULT.casualty_divisor
    assert evaluated.result.parts.incidents.casualty[at] == pytest.approx(casualty)


@pytest.mark.parametrize("name", ["demo-097", "demo-111", "demo-127"])
def test_what_was_withdrawn_counted_until_then(demo, now, client_ids, name):
    row = INCIDENTS[name]
    during = now - timedelta(days=int(row["closed_days_ago"]) + 1)
    assert name in counted(known_on(demo, during), client_ids)
    assert name not in counted(known_on(demo, during + timedelta(days=2)), client_ids)


def test_what_does_not_count_changes_nothing(demo, evaluated, monkeypatch, empty):
    """The same sample without what does not count gives the same scores."""
    refused = [name for name, row in INCIDENTS.items() if row["state"] == State.VERIFIED and not usable(row)]
    idle = {State.REPORTED, State.NOT_VERIFIED, State.DISPUTED, State.DUPLICATE, State.WITHDRAWN}
    gone = {*refused, *(name for name, row in INCIDENTS.items() if row["state"] in idle)}
    assert len(gone) == 41
    real = sample._rows  # noqa: SLF001 - where the loader reads its files
    monkeypatch.setattr(sample, "_rows", lambda name: [row for row in real(name) if row.get("client_id") not in gone])
    loaded_at = ask(demo, "SELECT recorded_at FROM vault.operation WHERE code = 'DEMO'")[0][0]
    assert sample.load(empty, now=loaded_at)
    assert counts(empty)["incident"] == 180 - len(gone)
    without = known_on(empty, evaluated.as_of)
    # The two were recorded under the same instant, and known_at does not depend on when a load ran.
    assert scores(without) == scores(evaluated)


def scores(evaluated):
    result = evaluated.result
    triples = zip(result.score_low, result.score, result.score_high, strict=True)
    return {row.pcode: tuple(triple) for row, triple in zip(evaluated.localities, triples, strict=True)}


def test_twenty_rows_in_all_four_tiers(rows):
    assert len(rows) == 20
    assert sorted(row["rank"] for row in rows.values()) == list(range(1, 21))
    assert {row["tier"] for row in rows.values()} == set(Tier)
    assert 2 <= sum(row["tier"] in {Tier.EXTREME, Tier.HIGH} for row in rows.values()) <= 8


def test_yaloke_is_silent_and_yet_in_a_high_tier_through_its_standing_threat(evaluated, rows):
    yaloke = rows["Yaloké"]
    assert yaloke["silent"] is True
    assert yaloke["freshness_days"] > 60
    assert yaloke["tier"] in {Tier.EXTREME, Tier.HIGH}
    threats = [line.component for line in lines(evaluated, "Yaloké") if line.kind == "threat"]
    assert threats == [STANDING_THREAT]


def test_the_busy_but_resilient_town_ranks_below_its_count(evaluated, rows):
    localities = evaluated.localities
    placed = evaluated.result.parts.incidents.locality[evaluated.ledger.live]
    by_count = sorted(range(len(localities)), key=lambda index: -(placed == index).sum())
    ranked = [localities[index].name for index in by_count].index("Kaga-Bandoro") + 1
    assert ranked <= 3
    assert rows["Kaga-Bandoro"]["rank"] > ranked + 5
    assert rows["Kaga-Bandoro"]["silent"] is False
    assert rows["Kaga-Bandoro"]["capacity_gap"] < 0.2


def test_missing_inputs_leave_a_wide_interval_and_a_low_coverage(rows):
    width = {name: row["score_high"] - row["score_low"] for name, row in rows.items()}
    assert max(width, key=width.get) == "Birao"
    assert rows["Birao"]["coverage"] < sorted(row["coverage"] for row in rows.values())[10]


def test_state_forces_among_the_perpetrators_protect_nobody(evaluated):
    protecting = {line.component: line.points for line in lines(evaluated, "Bossangoa") if line.kind == "capacity_gap"}
    assert protecting["presence:state_forces"] == 0
    assert protecting["presence:alert_network"] < 0


def test_coarse_incidents_are_shared_out_and_those_of_the_country_are_counted_apart(evaluated, client_ids):
    def coarse(name):
        return {client_ids[line.ref] for line in lines(evaluated, name) if line.component == COARSE_INCIDENT}

    assert coarse("Mbaïki") == {"demo-113"}
    shared = evaluated.result.parts.pressure.coarse[0, :, BEST]
    assert shared[index_of(evaluated, "Bobangui")] > 0
    assert shared[index_of(evaluated, "Mbaïki")] > shared[index_of(evaluated, "Bobangui")]
    assert {"demo-065", "demo-152"} <= coarse("Bossangoa") & coarse("Batangafo")
    assert evaluated.result.unplaced == 2


def test_protected_categories_and_restricted_records_are_never_named(demo, evaluated):
    released = release(evaluated, Audience.CLUSTER).content.rows
    words = " ".join(row.properties + row.explanation for row in released)
    query = """
        SELECT v.incident_id, v.category, v.sharing FROM vault.incident_version v
        JOIN vault.evidence e ON e.incident_id = v.incident_id AND e.version = v.version WHERE e.known_to IS NULL
    """
    versions = ask(demo, query)
    hidden = {str(row[0]) for row in versions if CATEGORIES[row[1]].protected or row[2] == "restricted"}
    assert len(hidden) > 10
    assert not any(identity in words for identity in hidden)
    assert any(str(row[0]) in words for row in versions)


def test_the_mission_reads_no_record_at_all(evaluated):
    for row in release(evaluated, Audience.MISSION).content.rows:
        assert all(line["id"] is None for line in json.loads(row.explanation)["contributions"])


def test_the_p_code_changed_under_one_identity(demo, now, evaluated):
    def kabo(one):
        return one.localities[index_of(one, "Kabo")]

    then = kabo(known_on(demo, now - timedelta(days=200)))
    today = kabo(evaluated)
    assert (then.pcode, then.code_list, then.version) == ("CF320-T7", "COD-AB 2012", 1)
    assert (today.pcode, today.code_list, today.version) == ("CF327-T1", "COD-AB 2015", 2)
    assert then.id == today.id


@pytest.mark.parametrize("days", ["days_7", "days_30"])
def test_the_trend_moves_both_ways(rows, days):
    changes = [row["trend"][days] for row in rows.values()]
    assert sum(change > 0.5 for change in changes) >= 3
    assert sum(change < -0.2 for change in changes) >= 5


def test_the_cast_rises_and_falls_as_it_should(rows):
    assert all(rows[name]["trend"]["days_30"] > 5 for name in ("Bangui (PK5)", "Bambari", "Kabo"))
    assert all(rows[name]["trend"]["days_30"] < -1 for name in ("Bossangoa", "Bria"))
    assert rows["Yaloké"]["trend"] == {"days_7": 0, "days_30": 0}


def test_the_year_before_can_be_asked_for_too(demo, now):
    for days in (100, 200, 300):
        past = known_on(demo, now - timedelta(days=days))
        assert len(past.localities) == 20
        assert past.result.score.max() > 20


def test_one_key_a_role_is_kept_from_start_to_start(empty, tmp_path):
    home = tmp_path / "home"
    keys = sample.demo_keys(empty, home, PEPPER)
    path = home / "demo-keys.json"
    assert set(keys) == set(Role)
    assert json.loads(path.read_text()) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in home.iterdir()] == ["demo-keys.json"]
    assert sample.demo_keys(empty, home, PEPPER) == keys
    with empty.keys() as reader:
        ring = actors.ring(reader)
    holders = {role: ring[actors.digest(token, PEPPER)] for role, token in keys.items()}
    assert {role: holder.handle for role, holder in holders.items()} == {role: f"demo-{role}" for role in Role}
    assert all(holder.operations is None and holder.role == role for role, holder in holders.items())
    assert holders[Role.READER].audience is Audience.MISSION


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"analyst": "fp_x"}', "null", '"text"'])
def test_keys_are_issued_anew_where_the_file_is_broken(empty, tmp_path, broken):
    (tmp_path / "demo-keys.json").write_text(broken)
    keys = sample.demo_keys(empty, tmp_path, PEPPER)
    assert set(keys) == set(Role)
    assert sample.demo_keys(empty, tmp_path, PEPPER) == keys


def test_keys_are_issued_anew_where_one_is_revoked_expired_or_of_another_server(empty, tmp_path, monkeypatch):
    first = sample.demo_keys(empty, tmp_path, PEPPER)
    with empty.keys() as vault:
        key = actors.ring(vault)[actors.digest(first["reader"], PEPPER)].key_id
        actors.revoke(vault, actors.console(vault), key)
    second = sample.demo_keys(empty, tmp_path, PEPPER)
    assert not set(first.values()) & set(second.values())
    assert sample.demo_keys(empty, tmp_path, b"another pepper") != second
    third = sample.demo_keys(empty, tmp_path, PEPPER)
    monkeypatch.setattr(actors, "expired", lambda actor, now: actor.role == Role.AUDITOR and now is not None)
    assert sample.demo_keys(empty, tmp_path, PEPPER) != third


def test_the_verifier_of_the_demonstration_may_verify_what_the_sample_reported(demo):
    identity = ask(demo, "SELECT id FROM vault.incident WHERE client_id = 'demo-178'")[0][0]
    with demo.keys() as vault:
        person = actors.person(vault, "demo-verifier")
    verifier = Actor(person, uuid4(), "demo-verifier", Role.VERIFIER, Audience.CLUSTER, None)
    with demo.vault(verifier) as vault:
        step = StepReport(action=Action.VERIFY, standard=Standard.REASONABLE_GROUNDS)
        found = incidents.find(vault, verifier, identity)
        assert decisions.advance(vault, verifier, found, step) is State.VERIFIED
        vault.connection.rollback()
