"""Nothing of the vault is read unless it is logged, and the log tells the auditor who saw what, never what it said."""

import ast
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from declared_routes import permissions, routes_of
from service import a_source, subject
from sqlalchemy import event
from typer.testing import CliRunner

from flashpoint import cli, session
from flashpoint.access import CONSOLE, PERMISSIONS, Permission
from flashpoint.errors import NotFound, Unavailable
from flashpoint.settings import Settings
from flashpoint.store import audit, methodologies
from flashpoint.types import Audience, Role, State

#: What these let somebody read was released for them; all other reading is of the vault.
RELEASED = {Permission.READ_MATRIX, Permission.READ_RELEASED, Permission.READ_PROTOCOL}
COLLECTIONS = {
    "localities": "locality",
    "communities": "community",
    "assessments": "assessment",
    "presences": "presence",
}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(service):
    """An operation with an incident and a subject of each kind: code of a collection to the id of its record."""
    operation = service.operation()
    ids = {"incidents": operation.reported()}
    for collection, kind in COLLECTIONS.items():
        made = operation.coordinator.post(f"/v1/{collection}", subject(operation.code, kind))
        assert made.status_code == 201, made.text
        ids[collection] = made.json()["id"]
    return operation, ids


@pytest.fixture(scope="module")
def asked(service, world):
    """Every way to read something of the vault: who asks, and where."""
    operation, ids = world
    found = []
    for method, path, dependant in routes_of(service.app):
        needed = permissions(dependant) - RELEASED if dependant is not None else set()
        if method == "GET" and needed:
            role = next(role for role in (Role.COORDINATOR, *Role) if needed <= PERMISSIONS[role])
            filled = path.format(version="2026.1", incident_id=ids["incidents"], subject_id=ids.get(path.split("/")[2]))
            narrowed = "" if "_id}" in path else f"?operation={operation.code}"
            found.append((operation.caller(role), filled + narrowed))
    assert len(found) > 15
    return found


def entries(service, caller):
    """Give what the log says that somebody did, the latest last."""
    query = "SELECT action, subject, subject_id, operation, detail FROM vault.audit WHERE actor_id = %s ORDER BY seq"
    return service.owner.execute(query, [caller.id]).fetchall()


@contextmanager
def refusing(service):
    """Have the log take nothing, whoever writes."""
    service.owner.execute("""
        CREATE FUNCTION vault.refuses() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'Said-this-once'; END $$;
        CREATE TRIGGER a_refuses BEFORE INSERT ON vault.audit FOR EACH ROW EXECUTE FUNCTION vault.refuses();
    """)
    try:
        yield
    finally:
        service.owner.execute("DROP FUNCTION vault.refuses CASCADE")


@contextmanager
def held(service):
    """Hold the lock of the chain for longer than anybody waits for it."""

    def impatient(connection):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '20ms'")

    event.listen(service.database.engine, "begin", impatient)
    service.owner.execute("SELECT pg_advisory_lock(hashtext('flashpoint.audit'))")
    try:
        yield
    finally:
        service.owner.execute("SELECT pg_advisory_unlock(hashtext('flashpoint.audit'))")
        event.remove(service.database.engine, "begin", impatient)


def answered(asked):
    """Give the ways on which something came back although the log took nothing: the bar is that there are none."""
    answers = [(path, caller.get(path)) for caller, path in asked]
    for _, answer in answers:
        assert answer.status_code != 500
        assert "Said-this-once" not in answer.text
    return [path for path, answer in answers if answer.status_code != 503 or "retry-after" not in answer.headers]


# -- nothing without an entry ---------------------------------------------------------------------------------------


def test_every_reading_is_one_entry(service, world, asked):
    operation, ids = world
    for caller, path in asked:
        before = entries(service, caller)
        answer = caller.get(path)
        assert answer.status_code == 200, (path, answer.text)
        new = entries(service, caller)[len(before) :]
        assert len(new) == 1, path
        action, kind, subject_id, code, detail = new[0]
        assert code == operation.code, path
        collection = path.split("?", maxsplit=1)[0].split("/")[2]
        if "?" in path and collection in ids:
            shown = [one["id"] for one in answer.json()["features"]]
            assert ids[collection] in shown
            assert (action, subject_id, detail) == ("list", operation.code, {"ids": shown})
        elif collection in ids:
            assert (action, subject_id) == ("history" if path.endswith("/history") else "read", ids[collection])
        if collection in ids:
            assert kind == (COLLECTIONS | {"incidents": "incident"})[collection]


@pytest.mark.parametrize("obstacle", [refusing, held])
def test_where_the_log_takes_no_entry_no_answer_leaves(service, asked, obstacle):
    with obstacle(service):
        assert answered(asked) == []
    assert len(answered(asked)) == len(asked)


def test_a_service_that_answered_all_the_same_would_be_noticed(service, asked, monkeypatch):
    """The control: a log whose failures are swallowed."""
    write = audit.write

    def careless(vault, *what, **more):
        try:
            with vault.connection.begin_nested():
                write(vault, *what, **more)
        except Unavailable:
            pass

    monkeypatch.setattr(audit, "write", careless)
    with refusing(service):
        assert len(answered(asked)) == len(asked)


def test_what_cannot_be_logged_is_not_written_either(service, world):
    operation, ids = world
    analyst, verifier, path = operation.analyst, operation.verifier, f"/v1/incidents/{ids['incidents']}"
    before = service.vault_rows()
    with refusing(service):
        answers = [
            analyst.post("/v1/incidents", operation.incident(), Idempotency_Key=uuid4().hex),
            analyst.patch(path, {"properties": {"killed": None}}, If_Match="*"),
            analyst.post(f"{path}/sources", {"sources": [a_source("media", "g9")]}),
            verifier.post(f"{path}/transitions", {"action": "corroborate"}),
            analyst.post("/v1/communities", subject(operation.code, "community")),
        ]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    untouched = set(before) - {"actor", "api_key", "allowance"}
    assert {name: service.vault_rows()[name] for name in untouched} == {name: before[name] for name in untouched}


def test_what_is_not_shown_is_not_logged(service, world, elsewhere):
    operation, ids = world
    stranger = elsewhere.coordinator
    for path in (f"/v1/incidents/{ids['incidents']}", f"/v1/incidents?operation={operation.code}"):
        assert stranger.get(path).status_code == 404
    assert entries(service, stranger) == []


# -- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def settings(service, tmp_path):
    return Settings(home=tmp_path, database_url=service.database.url)


def last_entry(service):
    query = "SELECT action, subject_id, actor_id FROM vault.audit ORDER BY seq DESC LIMIT 1"
    return service.owner.execute(query).fetchone()


def test_a_command_is_logged_before_it_reads(service, settings, world):
    operation, _ = world
    with session.reading(settings, "rank", operation.code):
        assert last_entry(service) == ("command.rank", operation.code, CONSOLE.id)
    before = service.vault_rows()["audit"]
    with pytest.raises(NotFound), session.reading(settings, "rank", "NOBODYS"):
        pytest.fail("it was opened")
    with refusing(service), pytest.raises(Unavailable), session.reading(settings, "rank", operation.code):
        pytest.fail("it was opened")
    assert service.vault_rows()["audit"] == before


def opens_by_itself(source):
    """Find a session on records that a command opens without the one that logs."""
    called = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {one.attr for one in called if isinstance(one, ast.Attribute)} & {"vault_reader", "records"}


def test_no_command_reads_the_vault_by_another_way():
    commands = [ROOT / "flashpoint/cli.py", *(ROOT / "flashpoint/commands").glob("*.py")]
    assert len(commands) > 8
    found = {path.name: opens_by_itself(path.read_text(encoding="utf-8")) for path in commands}
    # The queue is logged by ``waiting.look``, as on its route.
    assert {name: opened for name, opened in found.items() if opened} == {"queue.py": {"records"}}
    assert opens_by_itself("with database.vault_reader() as reader: pass") == {"vault_reader"}


@pytest.fixture
def command(service, tmp_path, monkeypatch):
    """Run the command line in this process; give its exit code and what it wrote."""
    monkeypatch.setenv("FLASHPOINT_DATABASE_URL", service.database.url)
    monkeypatch.setenv("FLASHPOINT_HOME", str(tmp_path))

    def run(*arguments):
        done = CliRunner().invoke(cli.app, ["audit", *arguments])
        return done.exit_code, done.stdout

    return run


def test_the_command_lists_as_the_auditor_reads(service, world, command):
    operation, ids = world
    operation.verifier.get(f"/v1/incidents/{ids['incidents']}")
    code, said = command("list", "--record", ids["incidents"], "--kind", "incident", "--json")
    assert code == 0
    last = json.loads(said)[-1]
    assert (last["actor"]["id"], last["action"], last["records"]) == (
        str(operation.verifier.id),
        "read",
        [ids["incidents"]],
    )
    assert last_entry(service)[0] == "list"
    assert "verifier" in command("list", "-o", operation.code, "--limit", "250")[1]


# -- what the auditor sees ------------------------------------------------------------------------------------------


def seen_by(auditor, **query):
    """Give the entries that an auditor finds."""
    answer = auditor.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]


def test_who_has_seen_a_record(operation):
    record, other = operation.reported(), operation.reported()
    operation.verifier.get(f"/v1/incidents/{record}")
    operation.coordinator.get(f"/v1/incidents/{record}/history")
    operation.other_analyst.get(f"/v1/incidents?operation={operation.code}")
    operation.other_analyst.get(f"/v1/incidents/{other}")
    found = seen_by(operation.caller(Role.AUDITOR), record=record)
    people = [operation.analyst, operation.verifier, operation.coordinator, operation.other_analyst]
    assert [(one["action"], one["actor"]["id"]) for one in found] == [
        (action, str(person.id)) for action, person in zip(("report", "read", "history", "list"), people, strict=True)
    ]
    assert [one["key_id"] for one in found] == [str(person.key_id) for person in people]
    assert found[1]["actor"]["handle"] == f"{operation.code}-verifier-cluster"
    assert [one["records"] for one in found] == [[record]] * 4
    assert [one["count"] for one in found] == [1, 1, 1, 2]
    members = {"id", "at", "actor", "key_id", "operation", "action", "kind", "records", "count"}
    assert all(set(one) == members for one in found)
    whole = seen_by(operation.caller(Role.AUDITOR), kind="incident", action="list")
    assert [set(one["records"]) for one in whole] == [{record, other}]


def test_a_batch_and_a_duplicate_name_every_record(operation):
    rows = [operation.incident(client_id=f"c{number}") for number in range(3)]
    batch = operation.analyst.post("/v1/incidents/batch", {"type": "FeatureCollection", "features": rows})
    ids = [row["id"] for row in batch.json()["rows"]]
    assert operation.step(ids[0], "mark_duplicate", duplicate_of=ids[1]).status_code == 200
    auditor = operation.caller(Role.AUDITOR)
    twice = ["report", "mark_duplicate"]
    for record, deeds in zip(ids, (twice, twice, ["report"]), strict=True):
        assert [one["action"] for one in seen_by(auditor, record=record)] == deeds


def auditor_number(service, entry):
    """Give the number in the log of an entry that an auditor was shown."""
    return service.app.state.numbers.number(UUID(entry["id"]))


def test_the_log_is_narrowed_and_paged(operation, service):
    record, began = operation.reported(), datetime.now(UTC).isoformat()
    for _ in range(3):
        operation.verifier.get(f"/v1/incidents/{record}")
    operation.analyst.get(f"/v1/communities?operation={operation.code}")
    auditor, code = operation.caller(Role.AUDITOR), operation.code
    every = seen_by(auditor, operation=code)
    numbers = [auditor_number(service, one) for one in every]
    assert numbers == sorted(set(numbers))
    assert len(seen_by(auditor, action="read", kind="incident")) == 3
    assert [one["action"] for one in seen_by(auditor, actor=f"{code}-verifier-cluster")] == ["read"] * 3
    assert seen_by(auditor, actor="nobody", operation=code) == []
    assert {one["kind"] for one in seen_by(auditor, kind="community")} == {"community"}
    assert [one["action"] for one in seen_by(auditor, since=began)][:4] == ["read", "read", "read", "list"]
    assert seen_by(auditor, since=began, until=began) == []
    pages, after = [], {}
    while after is not None:
        page = auditor.get("/v1/audit", params={"operation": code, "until": began, "limit": 2, **after}).json()
        pages += page["entries"]
        after = None if page["next"] is None else {"after": page["next"]}
    assert pages == [one for one in every if one["at"] < began.replace("+00:00", "Z")]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=251", "after=-1", "after=x", "record=x", "since=yesterday", "operation=a-b", "kind=x;"),
        *(
            "actor=",
            "action=READ",
            "unknown=1",
            "after=9223372036854775808",
            "after=00000000-0000-4000-8000-000000000000",
            "actor=%00",
            "limit=1&limit=x",
        ),
    ],
)
def test_a_bad_question_is_a_400(operation, query):
    answer = operation.caller(Role.AUDITOR).get(f"/v1/audit?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_reading_the_log_is_logged(operation, service):
    record, auditor = operation.reported(), operation.caller(Role.AUDITOR)
    found = seen_by(auditor, record=record)
    action, kind, subject_id, code, detail = entries(service, auditor)[-1]
    assert (action, kind, subject_id, code) == ("list", "audit", audit.ALL, None)
    number = auditor_number(service, found[0])
    assert detail == {"count": 1, "first": number, "last": number, "record": record}
    # Whoever looked the record up in the log has not seen the record.
    assert seen_by(auditor, record=record) == found
    seen_by(auditor, operation=operation.code)
    assert entries(service, auditor)[-1][3] == operation.code


def test_an_auditor_sees_the_operations_of_the_key_and_no_others(operation, elsewhere, service):
    ours, theirs = operation.reported(), elsewhere.reported()
    auditor = operation.caller(Role.AUDITOR)
    assert {one["operation"] for one in seen_by(auditor, limit=250)} == {operation.code}
    assert seen_by(auditor, record=theirs) == []
    absent = [auditor.get("/v1/audit", params={"operation": code}) for code in (elsewhere.code, "NOBODYS")]
    assert {answer.status_code for answer in absent} == {404}
    assert len({answer.text for answer in absent}) == 1
    everywhere = service.caller("auditor-everywhere", Role.AUDITOR, Audience.CLUSTER, None)
    assert [one["action"] for record in (ours, theirs) for one in seen_by(everywhere, record=record)] == ["report"] * 2
    # Keys belong to no operation.
    assert seen_by(auditor, record=auditor.key_id) == []
    assert [one["action"] for one in seen_by(everywhere, record=auditor.key_id)] == ["key.issue"]


def test_without_the_policy_an_auditor_would_see_the_others(operation, elsewhere, service):
    """The control: the same query with the wall switched off, which is undone."""
    theirs = elsewhere.reported()
    engine = service.database.engine
    count = "SELECT count(*) FROM vault.audit WHERE subject_id = %s"
    with engine.connect() as connection:
        for wall, expected in ((True, 0), (False, 1)):
            if not wall:
                connection.exec_driver_sql("ALTER TABLE vault.audit DISABLE ROW LEVEL SECURITY")
            connection.exec_driver_sql("SET LOCAL ROLE flashpoint_auditor")
            connection.exec_driver_sql("SELECT set_config('flashpoint.operations', %s, true)", (operation.code,))
            assert connection.exec_driver_sql(count, (theirs,)).scalar_one() == expected
            connection.rollback()
    with engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE flashpoint_auditor")
        connection.exec_driver_sql("SELECT set_config('flashpoint.operations', %s, true)", (operation.code,))
        assert connection.exec_driver_sql("SELECT count(*) FROM vault.audit_of(%s)", (theirs,)).scalar_one() == 0
        connection.exec_driver_sql("SELECT set_config('flashpoint.operations', %s, true)", (elsewhere.code,))
        assert connection.exec_driver_sql("SELECT count(*) FROM vault.audit_of(%s)", (theirs,)).scalar_one() == 1


# -- nothing of what was said ---------------------------------------------------------------------------------------


class Canary:
    """Words that stand nowhere else, each another one."""

    def __init__(self):
        self.words = []

    def __call__(self):
        self.words.append(f"Kanari{uuid4().hex[:8]}")
        return self.words[-1]


def sing(operation, said):
    """Type a word of its own into every field that takes text, on every way that writes."""
    analyst, coordinator = operation.analyst, operation.coordinator
    sources = [a_source("witness", said(), handle=said()), a_source("ngo", said(), handle=said())]
    body = operation.incident(narrative=said(), client_id=said(), admin_pcode=said(), sources=sources)
    first = analyst.post("/v1/incidents", body, Idempotency_Key=said())
    rows = [operation.incident(narrative=said(), client_id=said()) for _ in range(2)]
    batch = analyst.post("/v1/incidents/batch", {"type": "FeatureCollection", "features": rows}, Idempotency_Key=said())
    record, other = first.json()["id"], batch.json()["rows"][0]["id"]
    path = f"/v1/incidents/{record}"
    more = {"sources": [a_source("media", said(), handle=said())]}
    answers = [
        *(first, batch),
        analyst.patch(path, {"properties": {"narrative": said()}}, If_Match="*"),
        analyst.post(f"{path}/sources", more, Idempotency_Key=said()),
        operation.step(record, "corroborate", reason=said()),
        operation.step(record, "reject", reason=said()),
        operation.step(other, "withdraw", reason_code="harm", reason=said()),
    ]
    texts = {
        "communities": {"name": said(), "surrounded_by": said()},
        "assessments": {"reason": said()},
        "presences": {"note": said()},
        "localities": {"pcode": said(), "name": said(), "code_list": said(), "population_source": said()},
    }
    for collection, changes in texts.items():
        tree = subject(operation.code, COLLECTIONS[collection])
        tree["properties"] |= changes
        made = coordinator.post(f"/v1/{collection}", tree, Idempotency_Key=said())
        answers.append(made)
        one = f"/v1/{collection}/{made.json()['id']}"
        answers += [coordinator.get(one), coordinator.get(f"{one}/history"), coordinator.put(one, tree, If_Match="*")]
        answers.append(coordinator.post(f"{one}/withdrawal", {"reason_code": "false"}, If_Match="*"))
    version, reason = said(), said()
    method = {"operation": operation.code, "version": version, "reason": reason, "changes": {"silence_days": 14}}
    answers += [
        coordinator.post("/v1/methodologies", method, Idempotency_Key=said()),
        coordinator.get(f"/v1/methodologies/{version}/preview?operation={operation.code}"),
        coordinator.post(f"/v1/methodologies/{version}/adoption", {"operation": operation.code, "reason": said()}),
    ]
    assert [answer.text for answer in answers if answer.status_code not in {200, 201}] == []


def heard(connection, words):
    """Give the words that stand somewhere in the log."""
    everything = "".join(row[0] for row in connection.execute("SELECT a::text FROM vault.audit a"))
    return [word for word in words if word in everything]


def test_no_word_that_somebody_typed_is_in_the_log_or_in_its_view(operation, service):
    said = Canary()
    sing(operation, said)
    everywhere = service.caller("auditor-of-words", Role.AUDITOR, Audience.CLUSTER, None)
    for query in ({"operation": said()}, {"actor": said()}):
        assert everywhere.get("/v1/audit", params=query).json()["entries"] == []
    assert len(said.words) > 30
    assert heard(service.owner, said.words) == []
    shown, after = "", {}
    while after is not None:
        page = everywhere.get("/v1/audit", params={"limit": 250, **after})
        following = page.json()["next"]
        shown, after = shown + page.text, None if following is None else {"after": following}
    assert [word for word in said.words if word in shown] == []
    assert operation.code in shown


def test_a_word_in_the_log_would_be_heard(operation, service):
    """The control: a version's name as its id, which is what it was before."""
    said = Canary()
    operation.reported()
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE vault.audit SET subject_id = %s WHERE seq = (SELECT max(seq) FROM vault.audit)", [said()]
        )
        assert heard(connection, said.words) == said.words
        connection.rollback()


@pytest.mark.parametrize(
    ("action", "about", "more"),
    [
        ("Read", ("incident", UUID(int=7)), {}),
        ("read it", ("incident", UUID(int=7)), {}),
        ("read", ("in cident", UUID(int=7)), {}),
        ("read", ("incident", "Bambari"), {}),
        ("read", ("incident", "CAF-1"), {}),
        ("read", ("incident", "23675010101"), {}),
        ("read", ("incident", "T2"), {"operation": "T1"}),
        ("read", ("incident", True), {}),
        ("read", ("incident", None), {}),
        ("read", ("incident", UUID(int=7)), {"operation": "T 1"}),
        ("read", ("incident", UUID(int=7)), {"reason": "said"}),
        ("read", ("incident", UUID(int=7)), {"ids": ["said"]}),
        ("read", ("incident", UUID(int=7)), {"ids": "said"}),
        ("read", ("incident", UUID(int=7)), {"ids": {"said": 1}}),
        ("read", ("incident", UUID(int=7)), {"at": datetime(2026, 5, 1)}),  # noqa: DTZ001 - of no zone
        ("read", ("incident", UUID(int=7)), {"share": float("nan")}),
        ("read", ("incident", UUID(int=7)), {"Said": 1}),
        ("read", ("incident", UUID(int=7)), {"operations": ["said it"]}),
    ],
)
def test_the_log_refuses_what_somebody_may_have_typed(service, action, about, more):
    with service.database.console() as vault, pytest.raises(TypeError):
        audit.write(vault, CONSOLE, action, about, **more)


def test_the_log_takes_ids_numbers_and_words_of_ours(service):
    detail = {
        "ids": [UUID(int=7), str(UUID(int=8))],
        "to": State.VERIFIED,
        "fields": {"narrative", "killed_low"},
        "operations": frozenset({"T1", "CAF"}),
        "role": "auditor",
        "since": datetime(2026, 5, 1, tzinfo=UTC),
        "share": 0.5,
        "none": None,
        "material": True,
    }
    with service.database.console() as vault:
        audit.write(vault, CONSOLE, "key.issue", ("api_key", audit.id_of("protocol", "T1", "Any name")), **detail)
    kept = service.scalar("SELECT detail FROM vault.audit ORDER BY seq DESC LIMIT 1")
    assert kept == {
        "ids": [str(UUID(int=7)), str(UUID(int=8))],
        "to": "verified",
        "fields": ["killed_low", "narrative"],
        "operations": ["CAF", "T1"],
        "role": "auditor",
        "since": "2026-05-01T00:00:00+00:00",
        "share": 0.5,
        "none": None,
        "material": True,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "'Said so'"},
        {"subject": "'said so'"},
        {"subject_id": "'said so'"},
        {"operation": "'said so'"},
        {"detail": """'{"reason": "said so"}'"""},
        {"detail": """'{"ids": ["said"]}'"""},
        {"detail": """'{"ids": "said"}'"""},
        {"detail": """'{"a": [{"b": "said so"}]}'"""},
        {"detail": "'[]'"},
        {"detail": "'7'"},
    ],
    ids=str,
)
def test_the_table_takes_closed_forms_only(service, changes):
    sound = {"ids": [str(UUID(int=7)), str(UUID(int=8))], "to": "verified", "version": 7, "none": None}
    columns = {"at": "now()", "actor_id": f"'{CONSOLE.id}'", "operation": "NULL", "action": "'read'"}
    columns |= {
        "subject": "'incident'",
        "subject_id": "'7'",
        "detail": f"'{json.dumps(sound)}'",
    }
    columns |= {"seq": "0", "previous_hash": "''", "hash": "''"}
    insert = "INSERT INTO vault.audit ({}) VALUES ({})"
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute(insert.format(", ".join(columns), ", ".join(columns.values())))
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(insert.format(", ".join(columns), ", ".join((columns | changes).values())))
        connection.rollback()


def test_a_version_goes_by_an_id_of_its_name():
    kind, one = methodologies.subject("CAF", "CAF-1")
    assert kind == "methodology"
    assert one == methodologies.subject("CAF", "CAF-1")[1] != methodologies.subject("SSD", "CAF-1")[1]
    assert str(audit.id_of("methodology", "CAF", "CAF-1")) == str(one)
    assert audit.id_of("a", "b", "c") != audit.id_of("a", "b\nc")
