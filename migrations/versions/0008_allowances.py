"""How many requests a key has made, for all workers together."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from migrations import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allowance",
        sa.Column("key_id", UUID(as_uuid=True), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.CheckConstraint("taken > 0", name=op.f("ck_allowance_taken")),
        sa.PrimaryKeyConstraint("key_id", "window_start", name=op.f("pk_allowance")),
        prefixes=["UNLOGGED"],
        schema="vault",
    )
    op.create_index("ix_allowance_window_start", "allowance", ["window_start"], schema="vault")
    run_sql(op.get_bind(), "0008_allowances.sql")
