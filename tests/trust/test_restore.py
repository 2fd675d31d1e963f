"""A real dump from before a withdrawal, and a real restore of it: what was withdrawn does not come back."""

import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import postgis
import psycopg
import pytest
import service as running_service
from outputs import Past, outputs, ranked
from psycopg import sql
from service import at_once, away_from_the_quarter, subject, wait_until
from sqlalchemy import make_url
from typer.testing import CliRunner

from flashpoint import postgres, retention
from flashpoint.cli import app as command_line
from flashpoint.errors import Unavailable
from flashpoint.keeper import Keeper
from flashpoint.ledger import FILE, Kind, Ledger
from flashpoint.retention import Rule
from flashpoint.store import actors
from flashpoint.store.engine import Database, libpq_url
from flashpoint.tombstones import missing
from flashpoint.types import Audience, Credential, Role

PATHS = {"community": "communities", "assessment": "assessments", "presence": "presences", "locality": "localities"}
#: Why an incident is withdrawn, by its name here.
REASONS = {"false": "false", "harm": "harm", "consent withdrawn": "consent_withdrawn"}
#: Whatever may come back, by its name here.
GONE = {
    *(*REASONS, "consent refused", "a duplicate"),
    *PATHS,
    *("revoked key", "rotated key", "enrolment", "purged sources"),
}


@dataclass
class World:
    """One operation: what is in it, by name, what was withdrawn since the dump, and what the matrix said then."""

    service: Any
    operation: Any
    home: Path
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    after: Any = None


def begin(service, home):
    world = World(service, service.operation(), home)
    operation = world.operation
    for name in (
        "false",
        "harm",
        "consent withdrawn",
        "consent refused",
        "a duplicate",
        "kept",
        "reinstated",
        "before",
    ):
        world.ids[name] = operation.verified((18.2, 4.2), sharing="mission", share_above="detail")
    for kind, path in PATHS.items():
        told = {} if kind == "locality" else {"sharing": "mission", "share_above": "detail"}
        answer = operation.coordinator.post(f"/v1/{path}", subject(operation.code, kind, **told))
        world.ids[kind] = answer.json()["id"]
    for name in ("revoked key", "rotated key", "enrolment"):
        world.keys[name] = operation.caller(Role.READER, name=f"-{name}")
    with service.database.keys() as vault:
        who = actors.KeyGrant(f"{operation.code}-person", Role.ANALYST, Audience.CLUSTER, (operation.code,))
        world.ids["enrolment"] = str(actors.enrol(vault, actors.console(vault), who, b"e" * 32))
    operation.step(world.ids["reinstated"], "withdraw", reason_code="false")
    operation.step(world.ids["before"], "withdraw", reason_code="harm")
    service.app.state.keeper.turn()
    # After the turn in which the keeper does what it does once a day.
    world.ids["purged sources"] = str(Past(operation).verified(400))
    operation.step(world.ids["reinstated"], "reinstate")
    operation.verify(world.ids["reinstated"])
    ranked(operation)
    service.app.state.keeper.turn()
    return world


def end(world):
    """Withdraw, revoke, purge; the keeper notices, as it does in a running service."""
    operation, ids = world.operation, world.ids
    for name, reason in REASONS.items():
        assert operation.step(ids[name], "withdraw", reason_code=reason).status_code == 200
    assert operation.step(ids["a duplicate"], "mark_duplicate", duplicate_of=ids["kept"]).status_code == 200
    assert operation.step(ids["a duplicate"], "withdraw", reason_code="consent_withdrawn").status_code == 200
    edit = {"properties": {"consent": "refused"}}
    assert operation.analyst.patch(f"/v1/incidents/{ids['consent refused']}", edit, If_Match="*").is_success
    for kind, path in PATHS.items():
        where = f"/v1/{path}/{ids[kind]}"
        answer = operation.coordinator.post(f"{where}/withdrawal", {"reason_code": "harm"}, If_Match="*")
        assert answer.status_code == 200, answer.text
    with world.service.database.keys() as vault:
        by, pepper = actors.console(vault), world.service._pepper  # noqa: SLF001
        actors.revoke(vault, by, world.keys["revoked key"].key_id)
        actors.rotate(vault, by, world.keys["rotated key"].key_id, timedelta(0), pepper)
        actors.revoke(vault, by, ids["enrolment"], Credential.PERSON)
    assert retention.apply(world.service.database, operation.code, Rule())
    world.service.app.state.ring.reload()
    world.service.app.state.keeper.turn()
    world.after = ranked(operation)


def program(name):
    return shutil.which(name) or postgres.choose().folder / name


def run(name, *arguments):
    subprocess.run([program(name), *map(str, arguments)], check=True, capture_output=True, text=True)


@contextmanager
def database(url, name, template):
    """A database of its own beside another one; gives its URL."""
    server, name = make_url(url), f"{make_url(url).database}_{name}"
    postgis._drop(server.set(database="postgres"), name)  # noqa: SLF001
    postgis._create(server.set(database="postgres"), name, template)  # noqa: SLF001
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        postgis._drop(server.set(database="postgres"), name)  # noqa: SLF001


@pytest.fixture(scope="module")
def world(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    away_from_the_quarter(60)
    folder = tmp_path_factory.mktemp("restore")
    with (
        postgis.clone(shared_folder, f"{worker_id}_restore") as url,
        running_service.running(url, folder / "home") as service,
    ):
        world = begin(service, folder / "home")
        run("pg_dump", "--format=custom", f"--file={folder / 'dump'}", libpq_url(url))
        end(world)
        with database(url, "from_dump", "template1") as restored:
            run("pg_restore", "--exit-on-error", f"--dbname={libpq_url(restored)}", folder / "dump")
            world.restored = restored
            yield world


@pytest.fixture
def restored(world):
    """The restored database, once for each test."""
    with database(world.restored, "again", make_url(world.restored).database) as url:
        yield url


@pytest.fixture
def home(world, tmp_path):
    """A home like that of the world: its pepper and its ledger."""
    for name in ("pepper", FILE):
        shutil.copy(world.home / name, tmp_path / name)
    return tmp_path


@contextmanager
def served(world, url, home, **unlike):
    """Serve a database; gives the operation as its callers find it there."""
    with running_service.running(url, home, **unlike) as service:
        there = replace(world.operation, service=service)
        there._callers = {  # noqa: SLF001
            key: replace(caller, client=service.client)
            for key, caller in world.operation._callers.items()  # noqa: SLF001
        }
        yield there


def came_back(world, there):
    """Name what is in use that was gone."""
    back = set()
    for name in GONE & {*world.ids} - {"purged sources", "enrolment"}:
        path = f"/v1/{PATHS.get(name, 'incidents')}/{world.ids[name]}"
        answer = there.coordinator.get(path)
        assert answer.status_code == 200, answer.text
        if not answer.json()["properties"]["gone"]:
            back.add(name)
    if there.analyst.get(f"/v1/incidents/{world.ids['purged sources']}").json()["properties"]["sources"]:
        back.add("purged sources")
    for name in ("revoked key", "rotated key"):
        caller = replace(world.keys[name], client=there.service.client)
        if caller.get("/v1/methodologies?operation=" + there.code).status_code != 401:
            back.add(name)
    if b"e" * 32 in there.service.app.state.ring._keys:  # noqa: SLF001
        back.add("enrolment")
    return back


def said_of_what_is_gone(world, there):
    """Give the routes that say what was reported of a withdrawn incident or assessment."""
    ids = {"assessments": [world.ids["assessment"]], "incidents": [world.ids[name] for name in REASONS]}
    gone = {each for lot in ids.values() for each in lot}
    read = (outputs(caller, there, ids) for caller in (there.analyst, there.coordinator))
    return {path for lot in read for path, text in lot if "Synthetic." in text and any(one in path for one in gone)}


def test_after_a_restore_nothing_that_was_gone_is_served_or_counted(world, restored, home):
    with served(world, restored, home) as there:
        # What was released before the dump counted it, and is not served either.
        assert there.matrix().status_code in {404, 503}
        for collection in ("incidents", "communities"):
            assert there.analyst.get(f"/v1/released/{collection}?operation={there.code}").status_code in {404, 503}
        assert came_back(world, there) == set()
        assert ranked(there) == world.after
        assert said_of_what_is_gone(world, there) == set()
        for name in ("kept", "reinstated"):
            read = there.analyst.get(f"/v1/incidents/{world.ids[name]}").json()["properties"]
            assert (read["state"], read["gone"]) == ("verified", False)
        assert there.analyst.get(f"/v1/incidents/{world.ids['before']}").json()["properties"]["gone"]
        log = there.service.owner.execute(
            "SELECT action, count(*) FROM vault.audit WHERE action LIKE 'restore.%' GROUP BY 1"
        ).fetchall()
        assert dict(log) == {"restore.withdraw": 9, "restore.revoke": 3}
        # It is done, once: the next turn finds nothing, and neither does another process that starts now.
        turned = there.service.scalar("SELECT max(seq) FROM vault.audit")
        assert not there.service.app.state.keeper.turn()
        Keeper(there.service.database, home).settle()
        assert there.service.scalar("SELECT max(seq) FROM vault.audit") == turned


def test_without_the_ledger_all_of_it_comes_back(world, restored, home):
    """The control: it is the ledger that keeps it away, and the checks above can see."""
    (home / FILE).unlink()
    with served(world, restored, home) as there:
        assert came_back(world, there) == GONE
        assert ranked(there) != world.after
        assert len(said_of_what_is_gone(world, there)) == 2 * 4


def test_a_running_service_keeps_the_ledger_by_itself(world, restored, home):
    with served(world, restored, home, assessor=True) as there:
        kept, key = world.ids["kept"], world.operation.analyst
        assert there.step(kept, "withdraw", reason_code="consent_withdrawn").status_code == 200
        ledger = Ledger(home / FILE)

        def says(kind, one):
            ledger.refresh()
            return (kind, UUID(str(one))) in ledger.gone()

        wait_until(lambda: says(Kind.INCIDENT, kept) and says(Kind.PURGE, kept))
        with there.service.database.keys() as vault:
            actors.revoke(vault, actors.console(vault), key.key_id)
        wait_until(lambda: says(Kind.KEY, key.key_id))
        assert there.service.scalar("SELECT count(*) FROM vault.source WHERE incident_id = %s", kept) == 0


def test_what_is_reinstated_after_a_restore_stays_reinstated(world, restored, home):
    with served(world, restored, home) as there:
        assert there.step(world.ids["harm"], "reinstate").status_code == 200
        there.service.app.state.keeper.turn()
        Keeper(there.service.database, home).settle()
        assert there.analyst.get(f"/v1/incidents/{world.ids['harm']}").json()["properties"]["state"] == "corroborating"
        ledger = Ledger(home / FILE)
        ledger.refresh()
        assert not next(one for key, one in ledger.latest.items() if str(key[1]) == world.ids["harm"]).gone


def test_a_key_that_was_rotated_ends_when_it_was_to_end(world, restored, home):
    """With a grace that is not over yet, too."""
    ledger, soon = Ledger(home / FILE), datetime.now(UTC) + timedelta(hours=3)
    ledger.refresh()
    rotated = ledger.latest[Kind.KEY, world.keys["rotated key"].key_id]
    assert rotated.reason == "rotated"
    ledger.append([replace(rotated, at=soon)])
    with served(world, restored, home) as there:
        query = "SELECT expires_at FROM vault.api_key WHERE id = %s"
        assert there.service.scalar(query, rotated.id) == soon
        assert came_back(world, there) == {"rotated key"}


def test_a_database_that_is_replaced_beneath_a_running_service_is_noticed(world, restored, home):
    """The audit log that the service knew does not go on in it."""
    with served(world, restored, home) as there:
        keeper, url = there.service.app.state.keeper, make_url(restored)
        there.step(world.ids["kept"], "corroborate")
        assert not keeper.turn()
        with database(world.restored, "other", make_url(world.restored).database) as other:
            with psycopg.connect(libpq_url(str(url.set(database="postgres"))), autocommit=True) as server:
                for old, new in ((url.database, "aside"), (make_url(other).database, url.database)):
                    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [old])
                    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (old, new))))
            try:
                assert keeper.turn()
                there.service.app.state.ring.reload()
                assert came_back(world, there) == set()
            finally:
                postgis._drop(url.set(database="postgres"), "aside")  # noqa: SLF001


def test_processes_that_start_at_once_all_find_it_gone(world, restored, home):
    database_ = Database(restored)
    try:
        at_once([Keeper(database_, home).settle] * 3)
        with psycopg.connect(libpq_url(restored)) as owner:
            query = "SELECT count(*) FROM vault.verification_act WHERE incident_id = %s AND action = 'withdraw'"
            assert owner.execute(query, [world.ids["harm"]]).fetchone() == (1,)
        ledger = Ledger(home / FILE)
        ledger.refresh()
        assert (ledger.flaw, ledger.unreadable) == (None, 0)
        assert missing(database_, ledger) == ([], [])
    finally:
        database_.close()


def test_a_ledger_that_cannot_be_read_is_no_reason_to_serve_without(world, restored, home):
    (home / FILE).unlink()
    (home / FILE).mkdir()
    with pytest.raises(Unavailable, match="must stay gone"), served(world, restored, home):
        pass


def test_one_that_cannot_be_written_is_said_and_stops_nothing(restored, caplog):
    database_ = Database(restored)
    try:
        Keeper(database_, Path("/proc/nowhere")).settle()
    finally:
        database_.close()
    assert "cannot be written" in caplog.text


# -- by hand --------------------------------------------------------------------------------------------------------


@pytest.fixture
def flashpoint(world, restored, tmp_path, monkeypatch):
    """Run commands in a home of their own, on the restored database."""
    shutil.copy(world.home / "pepper", tmp_path / "pepper")
    monkeypatch.setenv("FLASHPOINT_HOME", str(tmp_path))
    monkeypatch.setenv("FLASHPOINT_DATABASE_URL", restored)
    return lambda *arguments: CliRunner().invoke(command_line, arguments)


def test_a_ledger_that_was_exported_is_applied_where_the_home_was_lost(world, restored, flashpoint, tmp_path):
    carried = tmp_path / "carried.jsonl"
    shutil.copy(world.home / FILE, carried)
    assert flashpoint("tombstones", "verify").exit_code == 1
    done = flashpoint("tombstones", "apply", str(carried))
    assert done.exit_code == 0, done.output
    assert flashpoint("tombstones", "verify").exit_code == 0
    exported = flashpoint("tombstones", "export")
    assert {line for line in exported.stdout_bytes.splitlines() if b'"gone":true' in line}
    (tmp_path / "exported").write_bytes(exported.stdout_bytes)
    read = Ledger(tmp_path / "exported")
    read.refresh()
    assert read.flaw is None
    assert {world.ids["harm"], world.ids["community"]} <= {str(one.id) for one in read.entries() if one.gone}
    with served(world, restored, tmp_path) as there:
        assert came_back(world, there) == set()


def test_verify_says_what_is_wrong(world, restored, home, flashpoint, tmp_path):  # noqa: ARG001 - home is tmp_path
    found = flashpoint("tombstones", "verify")
    assert found.exit_code == 1
    assert f"incident {world.ids['harm']} is in the ledger, and in use" in found.stdout
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join(lines[1:]))
    assert "wrong line 1" in flashpoint("tombstones", "verify").stdout


def test_the_command_says_what_is_due_and_erases_it(world, flashpoint):
    asked = flashpoint("retention", "apply", "--operation", world.operation.code, "--dry-run")
    assert asked.exit_code == 0, asked.output
    assert "nothing was erased" in asked.stdout
    assert flashpoint("retention", "apply", "--json").exit_code == 0
    assert "Nothing is due" in flashpoint("retention", "apply", "--dry-run").stdout
