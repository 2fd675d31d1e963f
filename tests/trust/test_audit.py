"""The audit log: no change of it goes unnoticed, nothing is read without it, and it tells nothing of what was said."""

import json
import random
from collections import Counter
from contextlib import contextmanager

import log_mutations as mutations
import postgis
import pytest
import service as running_service
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from flashpoint import auditing, cli
from flashpoint.access import CONSOLE
from flashpoint.auditing import CHECKS, GENESIS, Flaw, Head
from flashpoint.store import audit_reading
from flashpoint.store.engine import VaultReader, psycopg_url

MUTATED = 1000
#: Whatever the server is set to, the text that is hashed is the same.
SETTINGS = (
    {"timezone": "Asia/Kathmandu", "datestyle": "SQL, DMY", "extra_float_digits": "-15", "bytea_output": "escape"},
    {"timezone": "America/St_Johns", "datestyle": "German", "intervalstyle": "iso_8601", "client_encoding": "LATIN1"},
    {"timezone": "Pacific/Chatham", "datestyle": "Postgres, MDY", "standard_conforming_strings": "off"},
)


@pytest.fixture(scope="module")
def logged(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    """A service on a database of its own, whose log has some hundred entries."""
    with (
        postgis.clone(shared_folder, f"{worker_id}_log") as url,
        running_service.running(url, tmp_path_factory.mktemp("home")) as service,
    ):
        _work(service)
        # Whoever owns the database can do this as well; the trigger stays on for everybody but the mutations.
        service.owner.execute("""
            ALTER TABLE vault.audit DROP CONSTRAINT pk_audit, DROP CONSTRAINT ck_audit_plain_words,
                DROP CONSTRAINT ck_audit_plain_detail
        """)
        yield service


def _work(service):
    """Do what is done in a day: reports, decisions, readings, listings, keys."""
    for _ in range(2):
        operation = service.operation()
        ids = [operation.reported() for _ in range(16)]
        for one in ids[:3]:
            operation.step(one, "corroborate")
        for reader in (operation.verifier, operation.coordinator, operation.analyst):
            for one in ids:
                reader.get(f"/v1/incidents/{one}")
            reader.get(f"/v1/incidents?operation={operation.code}")
            reader.get(f"/v1/localities?operation={operation.code}")
        for one in ids:
            operation.verifier.get(f"/v1/incidents/{one}/history")
            operation.analyst.patch(f"/v1/incidents/{one}", {"properties": {"narrative": "Again."}}, If_Match="*")


@pytest.fixture
def workshop(logged):
    """The connection of a superuser without triggers, as the verifier takes it; whatever is done on it is undone."""
    without_triggers = {"options": "-c session_replication_role=replica"}
    engine = create_engine(psycopg_url(logged.database.url), connect_args=without_triggers)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def rows_of(connection):
    """Give the rows of the log, all columns, in their order."""
    query = f"SELECT {mutations.COLUMNS} FROM vault.audit ORDER BY seq"
    with connection.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


@contextmanager
def undone(connection):
    """Do something to the log, and undo it."""
    try:
        with connection.connection.cursor() as cursor:
            yield cursor
    finally:
        connection.rollback()


def found(connection, heads=(), checks=CHECKS):
    return auditing.follow(audit_reading.chain(VaultReader(connection)), heads, checks)


# -- the chain ------------------------------------------------------------------------------------------------------


def test_a_thousand_mutations_are_found_and_each_check_is_needed(workshop):
    """The bar; and its controls: the same verifier without the link, and without the head, misses some."""
    rows = rows_of(workshop)
    assert len(rows) > 200
    head = Head(rows[-1]["seq"], bytes(rows[-1]["hash"]))
    assert found(workshop, [head]) == (len(rows), head, None)
    unlinked = tuple(check for check in CHECKS if check is not auditing._follows)  # noqa: SLF001 - the guard
    missed, without_link, without_head = Counter(), Counter(), Counter()
    for seed in range(MUTATED):
        mutate = mutations.MUTATIONS[seed % len(mutations.MUTATIONS)]
        with undone(workshop) as cursor:
            mutate(cursor, random.Random(seed), rows)
            chain = list(audit_reading.chain(VaultReader(workshop)))
        for heads, checks, count in (
            ([head], CHECKS, missed),
            ([], unlinked, without_link),
            ([], CHECKS, without_head),
        ):
            if auditing.follow(chain, heads, checks)[2] is None:
                count[mutate] += 1
    assert missed == Counter()
    # The link finds what has its own hash right: unless it is the last row, which only the head finds.
    for mutate in (mutations.begin_anew, mutations.edit_and_rehash):
        assert without_link[mutate] > 50 > without_head[mutate]
    assert set(mutations.HEADLESS) <= set(without_head) <= {*mutations.HEADLESS, mutations.edit_and_rehash}
    assert found(workshop, [head]) == (len(rows), head, None)


@pytest.mark.parametrize(
    ("statements", "flaw"),
    [
        (["UPDATE vault.audit SET action = 'x' WHERE seq = 7"], (Flaw.CONTENT, 7)),
        (["DELETE FROM vault.audit WHERE seq IN (7, 8)"], (Flaw.GAP, 9)),
        (["DELETE FROM vault.audit WHERE seq < 7"], (Flaw.NO_START, 7)),
        (
            ["DELETE FROM vault.audit WHERE seq < 7", "UPDATE vault.audit SET seq = seq - 6"],
            (Flaw.NO_START, 1),
        ),
        (
            ["DELETE FROM vault.audit WHERE seq = 7", "UPDATE vault.audit SET seq = seq - 1 WHERE seq > 7"],
            (Flaw.LINK, 7),
        ),
        (["UPDATE vault.audit SET previous_hash = sha256('flashpoint') WHERE seq = 7"], (Flaw.RESTART, 7)),
        (["UPDATE vault.audit SET seq = 0 WHERE seq = 1"], (Flaw.TWICE, 0)),
        (["DELETE FROM vault.audit WHERE seq > 7"], (Flaw.NO_END, 7)),
        (["DELETE FROM vault.audit"], (Flaw.NO_END, 0)),
        (["UPDATE vault.audit SET action = 'x' WHERE seq = 7", mutations.REMAKE.format(7)], None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_it_says_what_is_wrong_first(workshop, statements, flaw):
    rows = rows_of(workshop)
    head = Head(len(rows), bytes(rows[-1]["hash"]))
    with undone(workshop) as cursor:
        for statement in statements:
            cursor.execute(statement)
        finding = found(workshop, [head])[2]
    assert (finding.flaw, finding.seq) == (flaw or (Flaw.NOT_THE_HEAD, len(rows)))


def test_several_heads_say_how_early_it_was_made_anew(workshop):
    rows = rows_of(workshop)
    heads = [Head(row["seq"], bytes(row["hash"])) for row in rows[4::20]]
    assert found(workshop, heads)[2] is None
    with undone(workshop) as cursor:
        cursor.execute("UPDATE vault.audit SET action = 'x' WHERE seq = 30")
        cursor.execute(mutations.REMAKE.format(30))
        assert found(workshop, heads)[2] == auditing.Finding(Flaw.NOT_THE_HEAD, 45)
    forged = [Head(heads[0].seq, b"\0" * 32)]
    assert found(workshop, forged)[2] == auditing.Finding(Flaw.NOT_THE_HEAD, 5)
    assert found(workshop, [*heads, *forged])[2] == auditing.Finding(Flaw.NOT_THE_HEAD, 5)
    assert found(workshop, [GENESIS, Head(len(rows) + 1, b"\0" * 32)])[2] == auditing.Finding(Flaw.NO_END, len(rows))


def test_a_replaced_function_of_the_database_deceives_nobody(workshop):
    says = "SELECT count(*) FROM vault.audit a WHERE hash <> vault.audit_digest(a)"
    with undone(workshop) as cursor:
        cursor.execute("UPDATE vault.audit SET action = 'x' WHERE seq = 7")
        assert cursor.execute(says).fetchone() == (1,)
        cursor.execute(
            "CREATE OR REPLACE FUNCTION vault.audit_digest(a vault.audit) RETURNS bytea LANGUAGE sql AS 'SELECT a.hash'"
        )
        assert cursor.execute(says).fetchone() == (0,)
        assert found(workshop)[2] == auditing.Finding(Flaw.CONTENT, 7)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: one["timezone"])
def test_the_text_is_the_same_under_any_setting(workshop, settings):
    before = [row.content for row in audit_reading.chain(VaultReader(workshop))]
    for name, value in settings.items():
        workshop.exec_driver_sql(f"SET LOCAL {name} = '{value}'")
    assert [row.content for row in audit_reading.chain(VaultReader(workshop))] == before
    assert found(workshop)[2] is None


def test_the_log_is_read_by_a_cursor_of_the_server(workshop):
    chain = audit_reading.chain(VaultReader(workshop))
    next(chain)
    assert workshop.exec_driver_sql("SELECT count(*) FROM pg_cursors").scalar_one() == 1
    chain.close()


def test_the_session_of_the_auditor_sees_the_whole_chain(logged):
    with logged.database.auditing(CONSOLE) as reader:
        verdict = auditing.verify(reader, [auditing.head(reader)])
    assert verdict.sound
    assert verdict.rows == logged.scalar("SELECT count(*) FROM vault.audit")


def test_an_empty_log_is_whole_unless_a_head_was_kept(workshop):
    with undone(workshop) as cursor:
        cursor.execute("DELETE FROM vault.audit")
        assert found(workshop, [GENESIS]) == (0, GENESIS, None)
        assert auditing.head(VaultReader(workshop)) == GENESIS


def test_what_was_recorded_and_has_no_entry_any_more_is_counted(workshop):
    """An end that was cut off shows by what was recorded then, also where the log went on; readings leave no trace."""
    reader = VaultReader(workshop)
    asked = text("SELECT set_config('flashpoint.actor', :actor, true)")
    workshop.execute(asked, {"actor": str(CONSOLE.id)})
    assert auditing.verify(reader).unlogged == 0
    rows = rows_of(workshop)
    edits = [row["seq"] for row in rows if row["action"] == "edit"]
    for first, expected in ((edits[-1], 1), (edits[-3], 3), (edits[-1] + 1, 0)):
        with undone(workshop) as cursor:
            workshop.execute(asked, {"actor": str(CONSOLE.id)})
            cursor.execute("DELETE FROM vault.audit WHERE seq >= %s", [first])
            verdict = auditing.verify(reader)
        assert (verdict.finding, verdict.unlogged, verdict.sound) == (None, expected, expected == 0)
    with undone(workshop) as cursor:
        cursor.execute("DELETE FROM vault.audit WHERE seq >= %s", [edits[-1]])
        assert auditing.verify(reader).unlogged == 0  # nobody but the console is told


@pytest.mark.parametrize("line", ["", "7", "7:", ":00", "x:00", "7:zz", "-1:" + "00" * 32, "7:" + "00" * 31])
def test_what_is_no_head_is_refused(line):
    with pytest.raises(auditing.Invalid):
        auditing.read_heads([line or "x"], "--head")


def test_heads_are_read_as_they_are_written():
    heads = [GENESIS, Head(7, b"\1" * 32)]
    assert auditing.read_heads(["# kept on paper", "", *map(str, heads)], "--head") == heads


def test_the_commands_find_a_head_again_that_was_kept(logged, tmp_path, monkeypatch):
    monkeypatch.setenv("FLASHPOINT_DATABASE_URL", logged.database.url)
    monkeypatch.setenv("FLASHPOINT_HOME", str(tmp_path))

    def command(*arguments):
        done = CliRunner().invoke(cli.app, ["audit", *arguments])
        return done.exit_code, " ".join(done.stdout.split())

    code, head = command("head")
    number, _, digest = head.partition(":")
    assert (code, json.loads(command("head", "--json")[1])) == (0, {"seq": int(number), "hash": digest})
    operation = logged.operation()
    operation.analyst.get(f"/v1/incidents?operation={operation.code}")
    kept = tmp_path / "heads.txt"
    kept.write_text(f"# kept on paper\n{head}\n{command('head')[1]}\n")
    code, said = command("verify", "--head-file", str(kept), "--head", head)
    assert (code, "in it: 3" in said, "note" in said) == (0, True, False)
    code, said = command("verify")
    assert (code, "no head" in said) == (0, True)
    code, said = command("verify", "--json", "--head", f"{number}:{'00' * 32}")
    assert code == 1
    assert json.loads(said)["finding"] == {"flaw": "not_the_head", "seq": int(number)}
    code, said = command("verify", "--head", f"{10**9}:{digest}")
    assert (code, "cut off" in said) == (1, True)
