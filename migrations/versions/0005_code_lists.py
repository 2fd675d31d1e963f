"""Code lists that replace one another: what became of their places, and where incidents belong after that."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from migrations import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REASONS = "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm', 'replaced')"


def upgrade() -> None:
    for table in ("admin_unit", "locality"):
        name = op.f(f"ck_{table}_withdrawn_reason")
        op.drop_constraint(name, table, schema="vault")
        op.create_check_constraint(name, table, _REASONS, schema="vault")
    op.create_index("ix_locality_operation_pcode", "locality", ["operation", "pcode"], schema="vault")
    # What counts as known since long ago is placed once for each code list, all in one instant of recording.
    op.drop_constraint(op.f("pk_placement"), "placement", schema="vault")
    key = ["incident_id", "version", "recorded_at", "known_at"]
    op.create_primary_key(op.f("pk_placement"), "placement", key, schema="vault")
    op.create_table(
        "succession",
        sa.Column("predecessor_id", UUID(as_uuid=True), nullable=False),
        sa.Column("successor_id", UUID(as_uuid=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("recorded_by", UUID(as_uuid=True), nullable=False),
        sa.Column("share", sa.Float(53), nullable=False),
        sa.Column("share_of_successor", sa.Float(53), nullable=False),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_succession_known_by_then")),
        sa.CheckConstraint("predecessor_id <> successor_id", name=op.f("ck_succession_another")),
        sa.CheckConstraint(
            "share BETWEEN 0 AND 1 AND share_of_successor BETWEEN 0 AND 1", name=op.f("ck_succession_shares")
        ),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_succession_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_succession_recorded_by")),
        sa.PrimaryKeyConstraint("predecessor_id", "successor_id", "known_at", name=op.f("pk_succession")),
        schema="vault",
    )
    op.create_index("ix_succession_operation", "succession", ["operation", "known_at"], schema="vault")
    op.create_index("ix_succession_successor", "succession", ["successor_id"], schema="vault")
    run_sql(op.get_bind(), "0005_code_lists.sql")
