"""Merges, attribution verified apart from occurrence, and what waits for whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from migrations import run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PROVING = "(action IN ('verify', 'import', 'verify_attribution')) = (standard IS NOT NULL)"
_REASON = """
    reason IS NOT NULL OR NOT (action IN ('verify_attribution', 'dispute_attribution')
                               OR (action = 'dispute' AND from_state = 'verified'))
"""


def upgrade() -> None:
    for column in (
        sa.Column("attribution", sa.Text(), server_default=sa.text("'unverified'"), nullable=False),
        sa.Column("attribution_standard", sa.Text()),
        sa.Column("attribution_version", sa.Integer()),
        sa.Column("waiting_for", sa.Text()),
        sa.Column("waiting_since", sa.DateTime(timezone=True)),
    ):
        op.add_column("incident", column, schema="vault")
    for name, rule in (
        ("attribution", "attribution IN ('unverified', 'verified', 'disputed')"),
        ("waiting_for", "waiting_for IN ('occurrence', 'edit', 'attribution')"),
        ("waiting_since", "(waiting_for IS NULL) = (waiting_since IS NULL)"),
    ):
        op.create_check_constraint(op.f(f"ck_incident_{name}"), "incident", rule, schema="vault")
    op.create_index(
        "ix_incident_duplicate_of",
        "incident",
        ["duplicate_of"],
        schema="vault",
        postgresql_where=sa.text("duplicate_of IS NOT NULL"),
    )
    op.create_index(
        "ix_incident_waiting",
        "incident",
        ["operation", "waiting_since", "id"],
        schema="vault",
        postgresql_where=sa.text("waiting_for IS NOT NULL"),
    )
    op.add_column("source", sa.Column("merged_from", UUID(as_uuid=True)), schema="vault")
    op.create_foreign_key(
        op.f("fk_source_merged_from"),
        "source",
        "incident",
        ["merged_from"],
        ["id"],
        source_schema="vault",
        referent_schema="vault",
    )
    op.add_column("verification_act", sa.Column("last_source", sa.BigInteger()), schema="vault")
    name = op.f("ck_verification_act_standard_declared")
    op.drop_constraint(name, "verification_act", schema="vault")
    op.create_check_constraint(name, "verification_act", _PROVING, schema="vault")
    op.create_check_constraint(op.f("ck_verification_act_reason_given"), "verification_act", _REASON, schema="vault")
    run_sql(op.get_bind(), "0010_verification.sql")
