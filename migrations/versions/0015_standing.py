"""Properties that are read once, when they are written, and not whenever somebody asks by them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations import run_sql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(op.get_bind(), "0015_standing.sql")
    for table, told in (
        ("matrix_row", "properties::jsonb - 'contributions'"),
        ("picture_incident", "properties::jsonb"),
        ("picture_community", "properties::jsonb"),
    ):
        op.add_column(table, sa.Column("told", JSONB(), sa.Computed(told, persisted=True)), schema="release")
