"""Run migrations: one at a time, never waiting long for a lock, as the role that owns the schemas."""

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection, create_engine, pool

from flashpoint.settings import Settings
from flashpoint.store.tables import metadata
from migrations import run_sql


def _include(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    if kind == "schema":
        return name in {"vault", "release"}
    return not (kind == "table" and name == "alembic_version" and parents.get("schema_name") == "vault")


def _migrate(connection: Connection) -> None:
    connection.exec_driver_sql("SET lock_timeout = '30s'")
    # Two migrators must not interleave; the second waits here and then finds nothing left to do.
    connection.exec_driver_sql("SELECT pg_advisory_lock(hashtext('flashpoint.migrate'))")
    run_sql(connection, "roles.sql")
    connection.exec_driver_sql("SET ROLE flashpoint_owner")
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=_include,
        version_table_schema="vault",
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def run() -> None:
    """Migrate the database named by the caller, or else by the settings."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    url = Settings().database_url
    if url is None:
        raise SystemExit("set FLASHPOINT_DATABASE_URL to the database to work on")
    engine = create_engine(
        url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        _migrate(connection)


run()
