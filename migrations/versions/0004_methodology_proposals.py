"""Versions of the method belong to their operation, and say who proposed them and why."""

import sqlalchemy as sa
from alembic import op

from migrations import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("fk_methodology_in_force_version", "methodology_in_force", schema="vault")
    op.drop_constraint("pk_methodology", "methodology", schema="vault")
    for name in ("operation", "based_on", "reason"):
        op.add_column("methodology", sa.Column(name, sa.Text()), schema="vault")
    op.add_column("methodology", sa.Column("recorded_by", sa.UUID()), schema="vault")
    # What is there already: a version came to an operation with its first adoption there. The row without an operation
    # is in every copy, so nothing is lost with it.
    op.execute(
        "INSERT INTO vault.methodology (operation, version, parameters, reason, recorded_at, recorded_by) "
        "SELECT DISTINCT ON (f.operation, f.version) f.operation, f.version, m.parameters, f.reason, f.recorded_at, "
        "f.recorded_by FROM vault.methodology_in_force f JOIN vault.methodology m USING (version) "
        "ORDER BY f.operation, f.version, f.id"
    )
    op.execute("DELETE FROM vault.methodology WHERE operation IS NULL")
    for name in ("operation", "reason", "recorded_by"):
        op.alter_column("methodology", name, nullable=False, schema="vault")
    op.create_primary_key("pk_methodology", "methodology", ["operation", "version"], schema="vault")
    for table, columns, target, named in (
        ("methodology", ["operation"], "operation", ["code"]),
        ("methodology", ["recorded_by"], "actor", ["id"]),
        ("methodology_in_force", ["operation", "version"], "methodology", ["operation", "version"]),
    ):
        name = f"fk_{table}_{'_'.join(columns)}"
        op.create_foreign_key(
            name, table, target, columns, named, source_schema="vault", referent_schema="vault"
        )
    op.create_check_constraint(
        op.f("ck_methodology_in_force_known_by_then"), "methodology_in_force", "known_at <= recorded_at", schema="vault"
    )
    run_sql(op.get_bind(), "0004_methods.sql")
