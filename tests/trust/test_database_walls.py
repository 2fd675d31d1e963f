"""The walls inside the database: roles and grants, row-level security, and what could go round them."""

from uuid import uuid4

import psycopg
import pytest
from privileges import (
    APP,
    AUDITOR,
    COLUMNS,
    DEFINERS,
    INLINED,
    KEYS,
    OWNER,
    READER,
    RECORDS,
    RELEASE,
    ROLES,
    UNREAD,
    VAULT,
)
from psycopg import sql

from flashpoint.catalogue import CATEGORIES, is_protected
from flashpoint.store.engine import _enter
from flashpoint.types import Role

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
SCHEMAS = "('vault'::regnamespace, 'release'::regnamespace)"

UNWALLED = """
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'vault'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND c.relname <> 'alembic_version'
"""
#: A policy for everybody, or one that lets an application role through without looking at the row or the actor.
CARELESS = """
    SELECT tablename || '.' || policyname FROM pg_policies
    WHERE schemaname = 'vault' AND ('public' = ANY (roles) OR permissive <> 'PERMISSIVE'
        OR roles && ARRAY['flashpoint_app', 'flashpoint_records', 'flashpoint_reader']::name[]
           AND tablename NOT IN ('actor', 'category', 'transition_rule')
           AND (qual = 'true' OR with_check = 'true' OR coalesce(with_check, qual) IS NULL))
"""
DEFINER = f"SELECT p.proname FROM pg_proc p WHERE p.pronamespace IN {SCHEMAS} AND p.prosecdef"
UNFIXED = f"""
    SELECT p.proname FROM pg_proc p WHERE p.pronamespace IN {SCHEMAS}
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path="?[a-z, ]*pg_temp"?$')
"""
FOR_EVERYBODY = f"""
    SELECT p.proname FROM pg_proc p
    WHERE p.pronamespace IN {SCHEMAS} AND has_function_privilege('public', p.oid, 'EXECUTE')
"""
VIEWS = f"SELECT c.relname FROM pg_class c WHERE c.relnamespace IN {SCHEMAS} AND c.relkind IN ('v', 'm', 'f')"
FOREIGN = f"""
    SELECT name FROM (SELECT relname AS name, relowner AS owner, relnamespace AS schema FROM pg_class
                      UNION ALL SELECT proname, proowner, pronamespace FROM pg_proc) things
    WHERE schema IN {SCHEMAS} AND pg_get_userbyid(owner) <> 'flashpoint_owner'
"""


def found(connection, query):
    return {row[0] for row in connection.execute(query)}


@pytest.fixture
def workshop(service):
    """A connection as superuser whose work is undone."""
    with psycopg.connect(service.owner.info.dsn) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def as_actor(service):
    """Run a query as a role with the settings of an actor; give the rows."""

    def run(caller, role, query, *parameters):
        actor = next(one for one in service.app.state.ring._keys.values() if one.key_id == caller.key_id)  # noqa: SLF001
        with service.database.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
            _enter(connection, actor)
            result = connection.exec_driver_sql(query, parameters)
            return result.fetchall() if result.returns_rows else []

    return run


# -- lint -----------------------------------------------------------------------------------------------------------


def test_every_table_of_the_vault_has_walls_for_its_owner_too(workshop):
    assert found(workshop, UNWALLED) == set()
    workshop.execute("SET ROLE flashpoint_owner")
    workshop.execute("CREATE TABLE vault.forgotten (x int)")
    workshop.execute("ALTER TABLE vault.source NO FORCE ROW LEVEL SECURITY")
    assert found(workshop, UNWALLED) == {"forgotten", "source"}


def test_every_policy_looks_at_the_row_or_at_the_actor(workshop):
    assert found(workshop, CARELESS) == set()
    workshop.execute("CREATE POLICY lets ON vault.source TO flashpoint_app USING (true)")
    workshop.execute("CREATE POLICY all_may ON vault.evidence USING (operation IS NOT NULL)")
    assert found(workshop, CARELESS) == {"source.lets", "evidence.all_may"}


def test_few_functions_run_as_the_owner_and_none_looks_where_others_write(workshop):
    assert found(workshop, DEFINER) == DEFINERS
    assert found(workshop, UNFIXED) == INLINED
    assert found(workshop, FOR_EVERYBODY) == set()
    workshop.execute("CREATE FUNCTION vault.door() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    assert found(workshop, DEFINER) - DEFINERS == found(workshop, UNFIXED) - INLINED == {"door"}
    assert found(workshop, FOR_EVERYBODY) == {"door"}


def test_what_is_inlined_reads_no_table(workshop):
    for name in INLINED:
        source = workshop.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [name]).fetchone()[0]
        assert "FROM" not in source.upper(), name


def test_there_is_no_view(workshop):
    assert found(workshop, VIEWS) == set()
    workshop.execute("CREATE VIEW release.window AS SELECT * FROM vault.source")
    assert found(workshop, VIEWS) == {"window"}


def test_everything_belongs_to_the_owner_who_cannot_log_in(workshop):
    assert found(workshop, FOREIGN) == set()
    query = "SELECT rolsuper OR rolcanlogin OR rolbypassrls FROM pg_roles WHERE rolname = %s"
    assert workshop.execute(query, [OWNER]).fetchone() == (False,)


@pytest.mark.parametrize("role", ROLES)
def test_the_roles_own_nothing_and_pass_no_wall(workshop, role):
    row = workshop.execute(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin FROM pg_roles "
        "WHERE rolname = %s",
        [role],
    ).fetchone()
    assert row == (False,) * 6
    for owned in ("pg_class WHERE relowner", "pg_proc WHERE proowner", "pg_namespace WHERE nspowner"):
        assert workshop.execute(f"SELECT count(*) FROM {owned} = %s::regrole", [role]).fetchone() == (0,)
    assert workshop.execute("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", [role]).fetchone() == (
        0,
    )


# -- grants ---------------------------------------------------------------------------------------------------------


def tables(connection, schema):
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    return {name for (name,) in connection.execute(query, [schema])}


def held(connection, role, name):
    check = "SELECT has_table_privilege(%s, %s, %s)"
    return {one for one in PRIVILEGES if connection.execute(check, [role, name, one]).fetchone()[0]}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("schema", "declared"), [("vault", VAULT), ("release", RELEASE)])
def test_each_role_may_do_what_is_declared_and_nothing_else(workshop, role, schema, declared):
    names = tables(workshop, schema)
    assert names == set(declared)
    assert {name: held(workshop, role, f"{schema}.{name}") for name in names} == {
        name: roles.get(role, set()) for name, roles in declared.items()
    }


def test_each_role_may_change_the_columns_that_are_declared_and_no_others(workshop):
    columns = workshop.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'vault'"
    ).fetchall()
    check = "SELECT has_column_privilege(%s, %s, %s, %s)"
    extra = {
        (role, table, column, privilege)
        for role in ROLES
        for table, column in columns
        for privilege in ("INSERT", "UPDATE")
        if privilege not in VAULT[table].get(role, set())
        and workshop.execute(check, [role, f"vault.{table}", column, privilege]).fetchone()[0]
    }
    assert extra == COLUMNS


def test_nobody_reads_what_people_wrote_to_make_a_score(workshop):
    check = "SELECT has_column_privilege(%s, %s, %s, 'SELECT')"
    for role, table, column in UNREAD:
        assert workshop.execute(check, [role, f"vault.{table}", column]).fetchone() == (False,)
        assert workshop.execute(check, [role, f"vault.{table}", "recorded_at"]).fetchone() == (True,)


def test_the_reader_has_no_way_into_the_vault(workshop):
    for privilege in ("USAGE", "CREATE"):
        check = "SELECT has_schema_privilege(%s, 'vault', %s)"
        assert workshop.execute(check, [READER, privilege]).fetchone() == (False,)
    for kind, names in (
        ("any_column", "SELECT 'vault.' || tablename FROM pg_tables WHERE schemaname = 'vault'"),
        ("function", "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'vault'::regnamespace"),
        (
            "sequence",
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace = 'vault'::regnamespace",
        ),
    ):
        right = {"any_column": "SELECT, INSERT, UPDATE", "function": "EXECUTE", "sequence": "USAGE, SELECT, UPDATE"}[
            kind
        ]
        for (name,) in workshop.execute(names).fetchall():
            check = f"SELECT has_{kind}_privilege(%s, %s, %s)"
            assert workshop.execute(check, [READER, name, right]).fetchone() == (False,), name


# -- rows -----------------------------------------------------------------------------------------------------------

TABLES_OF_RECORDS = ("incident", "incident_version", "source", "verification_act", "placement")


def test_nobody_sees_a_row_before_saying_who_they_are(service, operation):
    operation.reported()
    with service.database.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE flashpoint_app")
        for name in (*TABLES_OF_RECORDS, "operation", "locality", "idempotency"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM vault.{name}").scalar() == 0
        # What is left of a setting that was set for an earlier transaction is empty, and nobody.
        for name in ("actor", "operations", "clearance", "protected"):
            connection.exec_driver_sql(f"SELECT set_config('flashpoint.{name}', '', true)")
        for name in (*TABLES_OF_RECORDS, "operation", "locality"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM vault.{name}").scalar() == 0


@pytest.mark.parametrize("role", [APP, RECORDS])
def test_a_forgotten_condition_shows_no_row_of_another_operation(operation, elsewhere, as_actor, role):
    operation.reported()
    elsewhere.reported()
    seen = as_actor(operation.analyst, role, "SELECT DISTINCT operation FROM vault.incident")
    assert seen == [(operation.code,)]
    for name in ("locality", "admin_unit", "operation"):
        column = "code" if name == "operation" else "operation"
        assert as_actor(operation.analyst, role, f"SELECT DISTINCT {column} FROM vault.{name}") == [(operation.code,)]


CLOSED = [
    {"sharing": "restricted"},
    {"category": "sexual_violence", "sharing": "restricted"},
    {"category": "child_abduction", "sharing": "cluster"},
    {"killed": {"low": 1, "best": 1, "high": 1, "split": {"child": 1}}},
]


@pytest.mark.parametrize("told", CLOSED, ids=str)
@pytest.mark.parametrize("name", TABLES_OF_RECORDS)
def test_a_forgotten_condition_shows_nothing_of_a_closed_record(operation, as_actor, told, name):
    incident_id = operation.reported(**told)
    where = "id" if name == "incident" else "incident_id"
    query = f"SELECT count(*) FROM vault.{name} WHERE {where} = %s"

    def count(caller):
        return as_actor(caller, RECORDS, query, incident_id)[0][0]

    assert count(operation.other_analyst) == 0
    assert count(operation.analyst) == count(operation.verifier) > 0


def test_an_earlier_closed_version_stays_closed_when_a_later_one_is_open(operation, as_actor):
    incident_id = operation.reported(sharing="restricted")
    tag = operation.analyst.get(f"/v1/incidents/{incident_id}").headers["etag"]
    opened = operation.analyst.patch(
        f"/v1/incidents/{incident_id}", {"properties": {"sharing": "cluster"}}, If_Match=tag
    )
    assert opened.status_code == 200, opened.text
    query = "SELECT version FROM vault.incident_version WHERE incident_id = %s ORDER BY 1"
    assert as_actor(operation.other_analyst, RECORDS, query, incident_id) == [(2,)]
    assert as_actor(operation.analyst, RECORDS, query, incident_id) == [(1,), (2,)]


def test_nobody_writes_in_another_name(operation, as_actor):
    incident_id = operation.reported()
    source = """
        INSERT INTO vault.source
            (incident_id, recorded_by, known_at, type, independence_group, reliability, credibility, obtained_on,
             handle)
        VALUES (%s, %s, now() - interval '1 minute', 'media', 'g9', 'B', 2, current_date - 2, 'M-1')
    """
    as_actor(operation.analyst, APP, source, incident_id, operation.analyst.id)
    with pytest.raises(Exception, match="row-level security"):
        as_actor(operation.analyst, APP, source, incident_id, operation.verifier.id)


def test_whoever_reads_records_writes_none(operation, as_actor):
    incident_id = operation.reported()
    for statement in (
        "INSERT INTO vault.actor (id, handle) VALUES (gen_random_uuid(), 'x')",
        f"UPDATE vault.incident_version SET narrative = '' WHERE incident_id = '{incident_id}'",
    ):
        with pytest.raises(Exception, match="permission denied"):
            as_actor(operation.coordinator, RECORDS, statement)


@pytest.mark.parametrize("role", [APP, RECORDS, AUDITOR, READER])
def test_digests_of_keys_are_for_nobody_else(workshop, role):
    workshop.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        workshop.execute("SELECT digest FROM vault.api_key")


def test_the_keys_role_reads_no_record(workshop):
    workshop.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(KEYS)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        workshop.execute("SELECT * FROM vault.incident")


def test_without_the_policy_the_closed_record_is_seen(operation, workshop):
    """The control: the same questions find the record where the wall is down."""
    incident_id = operation.reported(sharing="restricted")
    workshop.execute("ALTER TABLE vault.incident DISABLE ROW LEVEL SECURITY")
    workshop.execute("SET LOCAL ROLE flashpoint_records")
    workshop.execute("SELECT set_config('flashpoint.actor', %s, true)", [str(operation.other_analyst.id)])
    query = "SELECT count(*) FROM vault.incident WHERE id = %s"
    assert workshop.execute(query, [incident_id]).fetchone() == (1,)


# -- what is protected ----------------------------------------------------------------------------------------------


def test_the_database_protects_what_the_catalogue_protects(workshop):
    rows = dict(workshop.execute("SELECT code, protected FROM vault.category").fetchall())
    assert rows == {code: category.protected for code, category in CATEGORIES.items()}


@pytest.mark.parametrize("code", [*CATEGORIES, "nobody_knows_it"])
@pytest.mark.parametrize("counted", ["killed", "injured", "abducted", "displaced", None])
@pytest.mark.parametrize("children", [0, 1])
def test_children_among_the_victims_protect_an_incident(workshop, code, counted, children):
    splits = None if counted is None else {counted: {"child": children, "adult": 2}}
    query = "SELECT vault.is_protected(%s, %s::jsonb)"
    told = psycopg.types.json.Json(splits) if splits else None
    assert workshop.execute(query, [code, told]).fetchone() == (is_protected(code, splits),)


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.READER])
def test_an_id_that_is_not_there_and_one_that_is_closed_look_the_same(operation, role):
    closed = operation.reported(sharing="restricted")
    caller = operation.caller(role, name="-curious")
    one, other = caller.get(f"/v1/incidents/{closed}"), caller.get(f"/v1/incidents/{uuid4()}")
    if role in {Role.VERIFIER, Role.COORDINATOR}:
        assert (one.status_code, other.status_code) == (200, 404)
    else:
        assert (one.status_code, one.content) == (other.status_code, other.content)
