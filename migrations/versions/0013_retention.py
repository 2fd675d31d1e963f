"""What is purged when, and what must stay gone after a restore."""

import sqlalchemy as sa
from alembic import op

from migrations import run_sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_REFUSED = "consent IN ('refused', 'withdrawn')"


def _add_purge() -> None:
    op.create_table(
        "purge",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("sources", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('assessment', 'community', 'incident', 'presence')", name=op.f("ck_purge_kind")),
        sa.CheckConstraint("reason IN ('consent', 'retention')", name=op.f("ck_purge_reason")),
        sa.CheckConstraint("sources >= 0", name=op.f("ck_purge_sources")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_purge_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_purge_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
        schema="vault",
    )
    op.create_index("ix_purge_subject_id", "purge", ["subject_id", "recorded_at"], schema="vault")
    op.create_index("ix_purge_recorded_at", "purge", ["recorded_at"], schema="vault")


def _index_gone() -> None:
    for table, name, column, where in (
        ("incident_version", "refused", "recorded_at", _REFUSED),
        ("verification_act", "withdrawn", "recorded_at", "to_state = 'withdrawn'"),
        ("source", "merged_from", "merged_from", "merged_from IS NOT NULL"),
        ("api_key", "revoked_at", "revoked_at", "revoked_at IS NOT NULL"),
        ("locality", "gone", "recorded_at", "withdrawn_reason IS NOT NULL"),
        *(
            (table, "gone", "recorded_at", f"withdrawn_reason IS NOT NULL OR {_REFUSED}")
            for table in ("community", "threat_assessment", "presence")
        ),
    ):
        op.create_index(f"ix_{table}_{name}", table, [column], schema="vault", postgresql_where=sa.text(where))


def upgrade() -> None:
    _add_purge()
    _index_gone()
    run_sql(op.get_bind(), "0013_retention.sql")
