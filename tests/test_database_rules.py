"""What the database itself refuses, whoever asks: grants, constraints, versions, the audit chain."""

import hashlib

import psycopg
import pytest
import service as running_service
from privileges import APP, KEYS, VAULT
from psycopg import sql
from service import ago, subject

#: The command line's settings: nobody's rows are hidden from it, so that what is refused here is refused by a rule.
CONSOLE = """
    SELECT set_config('flashpoint.actor', '00000000-0000-0000-0000-000000000001', true),
           set_config('flashpoint.operations', '*', true), set_config('flashpoint.protected', 'yes', true),
           set_config('flashpoint.clearance', 'public,mission,cluster,restricted', true)
"""


@pytest.fixture(scope="module")
def service(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    import postgis  # noqa: PLC0415 - beside the fixture that needs it

    with (
        postgis.clone(shared_folder, f"{worker_id}_rules") as url,
        running_service.running(url, tmp_path_factory.mktemp("home")) as service,
    ):
        yield service


@pytest.fixture
def operation(service):
    return service.operation()


@pytest.fixture(scope="module")
def refusal(service):
    """Run statements as a role in a transaction that is undone; give the SQLSTATE of what was refused, or none."""
    with psycopg.connect(service.owner.info.dsn) as connection:

        def run(role, *statements):
            try:
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                connection.execute(CONSOLE)
                for statement, *parameters in statements:
                    connection.execute(statement, *parameters)
            except psycopg.Error as error:
                return error.sqlstate
            finally:
                connection.rollback()
            return None

        yield run


def columns(service):
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'vault'"
    return service.owner.execute(query).fetchall()


@pytest.mark.parametrize("name", sorted(VAULT))
def test_the_application_cannot_delete_or_truncate(refusal, name):
    table = sql.Identifier("vault", name)
    assert refusal(APP, (sql.SQL("DELETE FROM {}").format(table),)) == "42501"
    assert refusal(APP, (sql.SQL("TRUNCATE {} CASCADE").format(table),)) == "42501"
    assert refusal(APP, (sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(table),)) == "42501"
    assert refusal(APP, (sql.SQL("DROP TABLE {} CASCADE").format(table),)) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault.incident SET state = 'verified'",
        "UPDATE vault.incident_version SET narrative = ''",
        "UPDATE vault.verification_act SET recorded_by = recorded_by",
        "UPDATE vault.evidence SET known_to = NULL",
        "UPDATE vault.community SET known_to = NULL",
        "UPDATE vault.source SET type = 'ngo'",
        "UPDATE vault.audit SET action = ''",
        "UPDATE vault.api_key SET role = 'coordinator'",
        "UPDATE vault.api_key SET expires_at = now()",
        "UPDATE vault.idempotency SET body = ''",
        "INSERT INTO vault.evidence SELECT * FROM vault.evidence",
        "INSERT INTO vault.transition_rule VALUES ('verify', 'reported', 'verified')",
        "INSERT INTO vault.incident (id, state) SELECT gen_random_uuid(), 'verified' FROM vault.incident",
        "CREATE TABLE vault.mine (x int)",
        "CREATE FUNCTION vault.counts_in_score() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE public.mine (x int)",
        "CREATE ROLE mine",
    ],
)
def test_the_application_cannot_rewrite_what_was_known(refusal, statement):
    assert refusal(APP, (statement,)) == "42501"


def test_every_instant_has_a_zone_and_every_geometry_a_reference_system(service):
    naive = """
        SELECT table_schema, table_name, column_name FROM information_schema.columns
        WHERE table_schema IN ('vault', 'release')
          AND data_type IN ('timestamp without time zone', 'time without time zone', 'time with time zone')
    """
    assert service.owner.execute(naive).fetchall() == []
    shapes = service.owner.execute(
        "SELECT f_table_name, f_geometry_column, srid, coord_dimension FROM geometry_columns "
        "WHERE f_table_schema IN ('vault', 'release')"
    ).fetchall()
    assert len(shapes) >= 7
    # What tiles are cut from is kept as it lies on them.
    assert {(srid, dimensions) for _, name, srid, dimensions in shapes if name == "mercator"} == {(3857, 2)}
    assert {(srid, dimensions) for _, name, srid, dimensions in shapes if name != "mercator"} == {(4326, 2)}


# -- constraints ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def again(service):
    """Make a statement that inserts a row of a table once more with some columns, SQL expressions of it, changed."""

    def statement(table, changes, where):
        names = [name for one, name in columns(service) if one == table]
        values = [sql.SQL(changes.get(name, f"one.{name}")) for name in names]
        insert = "INSERT INTO vault.{table} ({names}) SELECT {values} FROM vault.{table} one WHERE {where} LIMIT 1"
        return (
            sql.SQL(insert).format(
                table=sql.Identifier(table),
                names=sql.SQL(", ").join(map(sql.Identifier, names)),
                values=sql.SQL(", ").join(values),
                where=sql.SQL(where),
            ),
        )

    return statement


VERSION = {"version": "one.version + 1"}
INCIDENT_FLAWS = [
    ({"killed_low": "9"}, "23514"),
    ({"killed_high": "1"}, "23514"),
    ({"killed_low": "-1"}, "23514"),
    ({"injured_low": "1"}, "23514"),
    ({"event_start": "one.event_end + interval '1 second'"}, "23514"),
    ({"event_end": "one.recorded_at + interval '1 second'"}, "23514"),
    ({"reported_at": "one.recorded_at + interval '1 second'"}, "23514"),
    ({"known_at": "one.recorded_at + interval '1 second'"}, "23514"),
    ({"date_precision": "0"}, "23514"),
    ({"geo_precision": "7"}, "23514"),
    ({"geom": "NULL"}, "23514"),
    ({"sharing": "'secret'"}, "23514"),
    ({"share_above": "'some'"}, "23514"),
    ({"consent": "'perhaps'"}, "23514"),
    ({"perpetrator_class": "'neighbours'"}, "23514"),
    ({"attribution_confidence": "'certain'"}, "23514"),
    ({"protected_site": "'bridge'"}, "23514"),
    ({"category": "NULL"}, "23502"),
    ({"recorded_by": "gen_random_uuid()"}, "23503"),
    ({"supersedes": "gen_random_uuid()"}, "23503"),
    ({"version": "one.version"}, "FP001"),
    ({"version": "one.version + 2"}, "FP001"),
    ({"incident_id": "gen_random_uuid()"}, "FP001"),
]


@pytest.fixture(scope="module")
def reported(service):
    return service.operation().reported(geo_precision=1)


def test_a_sound_version_is_taken_so_that_the_others_prove_something(again, refusal, reported):
    assert refusal(APP, again("incident_version", VERSION, f"incident_id = '{reported}'")) is None


@pytest.mark.parametrize(("changes", "state"), INCIDENT_FLAWS, ids=lambda value: str(value)[:40])
def test_a_version_of_an_incident_that_breaks_a_rule_is_refused(again, refusal, reported, changes, state):
    found = refusal(APP, again("incident_version", VERSION | changes, f"incident_id = '{reported}'"))
    assert found == state


@pytest.mark.parametrize(
    ("shape", "state"),
    [
        ("ST_SetSRID(ST_MakePoint(18, 4), 4326)", None),
        ("ST_MakePoint(18, 4)", None),
        ("ST_SetSRID(ST_MakePoint(18, 4), 32633)", "22023"),
        ("ST_GeomFromText('POLYGON((18 4, 19 5, 19 4, 18 5, 18 4))', 4326)", "23514"),
        ("ST_GeomFromText('POINT EMPTY', 4326)", "23514"),
        ("ST_GeomFromText('POINT Z (18 4 1)', 4326)", "22023"),
    ],
)
def test_a_geometry_is_valid_and_in_wgs_84(again, refusal, reported, shape, state):
    statement = again("incident_version", VERSION | {"geom": shape}, f"incident_id = '{reported}'")
    assert refusal(APP, statement) == state


SUBJECT_TABLES = {"community": "community", "assessment": "threat_assessment", "presence": "presence"}
SUBJECT_FLAWS = [
    ("community", {"people_low": "700"}, "23514"),
    ("community", {"confinement": "5"}, "23514"),
    ("community", {"food_access": "-1"}, "23514"),
    ("community", {"wishes_to_leave": "'maybe'"}, "23514"),
    ("community", {"expires_at": "one.assessed_at"}, "23514"),
    ("community", {"assessed_at": "one.recorded_at + interval '1 second'"}, "23514"),
    ("community", {"known_at": "one.recorded_at + interval '1 second'"}, "23514"),
    ("community", {"withdrawn_reason": "'tired'"}, "23514"),
    ("community", {"known_to": "now()"}, "FP001"),
    ("community", {"version": "one.version"}, "FP001"),
    ("community", {"version": "one.version + 2"}, "FP001"),
    ("community", {"locality_id": "gen_random_uuid()"}, "FP003"),
    ("assessment", {"likelihood": "6"}, "23514"),
    ("assessment", {"impact": "0"}, "23514"),
    ("assessment", {"horizon_days": "367"}, "23514"),
    ("assessment", {"consent": "'perhaps'"}, "23514"),
    ("presence", {"type": "'tank'"}, "23514"),
    ("presence", {"confirmed_at": "one.since - interval '1 second'"}, "23514"),
    ("presence", {"confirmed_at": "one.recorded_at + interval '1 second'"}, "23514"),
    ("presence", {"until": "one.since - interval '1 second'"}, "23514"),
    ("presence", {"sharing": "'secret'"}, "23514"),
]


@pytest.fixture(scope="module")
def subjects(service):
    operation = service.operation()
    paths = {"community": "communities", "assessment": "assessments", "presence": "presences"}
    return operation, {
        kind: operation.analyst.post(f"/v1/{path}", subject(operation.code, kind)).json()["id"]
        for kind, path in paths.items()
    }


@pytest.mark.parametrize("kind", SUBJECT_TABLES)
def test_a_sound_version_of_a_subject_is_taken(again, refusal, subjects, kind):
    assert refusal(APP, again(SUBJECT_TABLES[kind], VERSION, f"id = '{subjects[1][kind]}'")) is None


@pytest.mark.parametrize("flaw", SUBJECT_FLAWS, ids=lambda flaw: "-".join([flaw[0], *flaw[1]]))
def test_a_version_of_a_subject_that_breaks_a_rule_is_refused(again, refusal, subjects, flaw):
    kind, changes, state = flaw
    statement = again(SUBJECT_TABLES[kind], VERSION | changes, f"id = '{subjects[1][kind]}'")
    assert refusal(APP, statement) == state


def test_a_record_stays_in_its_operation(again, service, refusal, subjects):
    other = service.operation()
    where = f"id = '{subjects[1]['community']}'"
    home = service.scalar("SELECT id FROM vault.locality WHERE operation = %s LIMIT 1", other.code)
    moved = {"operation": f"'{other.code}'", "locality_id": f"'{home}'"}
    assert refusal(APP, again("community", VERSION | moved, where)) == "FP002"
    assert refusal(APP, again("community", VERSION | {"locality_id": f"'{home}'"}, where)) == "FP003"


def test_the_next_version_ends_the_validity_of_the_one_before(service, subjects):
    operation, ids = subjects
    path, body = f"/v1/communities/{ids['community']}", subject(operation.code, "community", name="Renamed")
    tag = operation.analyst.get(path).headers["etag"]
    assert operation.analyst.put(path, body, If_Match=tag).status_code == 200
    rows = service.owner.execute(
        "SELECT version, known_at, known_to, known_at = recorded_at FROM vault.community WHERE id = %s ORDER BY 1",
        [ids["community"]],
    ).fetchall()
    assert [row[0] for row in rows] == [1, 2]
    assert rows[0][2] == rows[1][1]
    assert rows[1][2] is None
    assert all(row[3] for row in rows)


def test_evidence_begins_and_ends_with_the_acts(service):
    operation = service.operation()
    incident_id = operation.verified()
    operation.step(incident_id, "withdraw", reason_code="false")
    acts = service.owner.execute(
        "SELECT action, known_at FROM vault.verification_act WHERE incident_id = %s ORDER BY id", [incident_id]
    ).fetchall()
    assert [action for action, _ in acts] == ["report", "corroborate", "verify", "withdraw"]
    evidence = service.owner.execute(
        "SELECT version, known_at, known_to FROM vault.evidence WHERE incident_id = %s", [incident_id]
    ).fetchall()
    assert evidence == [(1, acts[2][1], acts[3][1])]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, None),
        ({"role": "'admin'"}, "23514"),
        ({"audience": "'everyone'"}, "23514"),
        ({"digest": "'\\x00'"}, "23514"),
        ({"kind": "'robot'"}, "23514"),
        ({"actions": "'{}'"}, "23514"),
        ({"actor_id": "gen_random_uuid()"}, "23503"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_key_has_a_known_role_and_a_hash(again, refusal, operation, changes, state):
    assert operation.analyst
    fresh = {"id": "gen_random_uuid()", "digest": "sha256(gen_random_uuid()::text::bytea)"}
    assert refusal(KEYS, again("api_key", fresh | changes, "true")) == state


def test_a_key_is_unique_by_its_hash(again, refusal, operation):
    assert operation.analyst
    assert refusal(KEYS, again("api_key", {"id": "gen_random_uuid()"}, "true")) == "23505"


# -- the audit chain ------------------------------------------------------------------------------------------------

ROWS = """
    SELECT seq, previous_hash, hash, '[' || concat_ws(', ', seq, extract(epoch FROM at), to_json(actor_id::text),
           coalesce(to_json(key_id::text)::text, 'null'), coalesce(to_json(operation)::text, 'null'), to_json(action),
           to_json(subject), to_json(subject_id), detail) || ']'
    FROM vault.audit ORDER BY seq
"""


def broken_links(rows):
    """Recompute the chain from its content; give the numbers of the rows that do not fit."""
    previous, wrong = hashlib.sha256(b"flashpoint").digest(), []
    for number, (seq, previous_hash, own, content) in enumerate(rows, 1):
        digest = hashlib.sha256(previous + content.encode()).digest()
        if (seq, bytes(previous_hash), bytes(own)) != (number, previous, digest):
            wrong.append(seq)
        previous = bytes(own)
    return wrong


def test_the_chain_is_recomputed_from_its_content(service, operation):
    operation.verified()
    rows = service.owner.execute(ROWS).fetchall()
    assert len(rows) > 5
    assert broken_links(rows) == []


def test_a_changed_a_missing_and_an_added_row_break_the_chain(service, operation):
    operation.verified()
    rows = service.owner.execute(ROWS).fetchall()
    changed = [(*row[:3], row[3].replace("report", "import")) for row in rows]
    assert broken_links(changed)
    assert broken_links(rows[:3] + rows[4:])
    assert broken_links([*rows, (len(rows) + 1, rows[-1][2], b"\0" * 32, "[]")])


@pytest.mark.parametrize(
    "statement",
    ["UPDATE vault.audit SET action = 'x'", "DELETE FROM vault.audit", "TRUNCATE vault.audit"],
)
def test_not_even_the_owner_rewrites_the_log(refusal, statement):
    assert refusal("flashpoint_owner", (statement,)) == "FP009"
    assert refusal(APP, (statement,)) == "42501"


def test_nobody_chooses_a_place_in_the_chain(service):
    forged = """
        INSERT INTO vault.audit (seq, at, actor_id, action, subject, subject_id, previous_hash, hash)
        VALUES (1, now(), '00000000-0000-0000-0000-000000000001', 'forged', 'x', 'x', '', '')
    """
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("SET LOCAL ROLE flashpoint_app")
        connection.execute(CONSOLE)
        connection.execute(forged)
        connection.execute("RESET ROLE")
        rows = connection.execute(ROWS).fetchall()
        connection.rollback()
    assert "forged" in rows[-1][3]
    assert broken_links(rows) == []


def test_every_deed_stands_in_the_log_and_nothing_of_what_it_said(service, operation):
    incident_id = operation.verified(narrative="Said-this-once")
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"killed": None}}, If_Match="*")
    operation.step(incident_id, "withdraw", reason_code="harm", reason="Said-this-once")
    rows = service.owner.execute(
        "SELECT action, actor_id, operation, detail::text FROM vault.audit WHERE subject_id = %s AND action <> 'read' "
        "ORDER BY seq",
        [incident_id],
    ).fetchall()
    assert [row[0] for row in rows] == ["report", "corroborate", "verify", "edit", "withdraw"]
    people = (operation.analyst, operation.verifier, operation.verifier, operation.analyst, operation.verifier)
    assert [row[1] for row in rows] == [person.id for person in people]
    assert {row[2] for row in rows} == {operation.code}
    assert "Said-this-once" not in str(rows)


def test_what_fails_leaves_no_deed_in_the_log(service, operation):
    caller = operation.analyst
    before = service.scalar("SELECT count(*) FROM vault.audit")
    assert caller.post("/v1/incidents", operation.incident(event_start=ago(-1))).status_code == 422
    assert service.scalar("SELECT count(*) FROM vault.audit") == before
