"""Keys and people: what a key may do, who replaces it, on which day it was last used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from migrations import run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("kind", sa.Text(), server_default=sa.text("'key'"), nullable=False),
        sa.Column("actions", ARRAY(sa.Text())),
        sa.Column("replaces", UUID(as_uuid=True)),
        sa.Column("last_used_on", sa.Date()),
    ):
        op.add_column("api_key", column, schema="vault")
    kinds, named = op.f("ck_api_key_kind"), op.f("ck_api_key_actions_named")
    op.create_check_constraint(kinds, "api_key", "kind IN ('key', 'person')", schema="vault")
    op.create_check_constraint(named, "api_key", "cardinality(actions) > 0", schema="vault")
    op.create_unique_constraint(op.f("uq_api_key_replaces"), "api_key", ["replaces"], schema="vault")
    op.create_foreign_key(
        op.f("fk_api_key_replaces"),
        *("api_key", "api_key", ["replaces"], ["id"]),
        source_schema="vault",
        referent_schema="vault",
    )
    op.drop_constraint(op.f("uq_api_key_digest"), "api_key", schema="vault")
    for name, rows in (
        ("uq_api_key_digest", "kind = 'key'"),
        ("uq_api_key_enrolled", "kind = 'person' AND revoked_at IS NULL"),
    ):
        op.create_index(name, "api_key", ["digest"], unique=True, schema="vault", postgresql_where=sa.text(rows))
    run_sql(op.get_bind(), "0007_keys.sql")
