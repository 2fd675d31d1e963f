"""From which zoom on an area can be drawn without being mended."""

import sqlalchemy as sa
from alembic import op

from migrations import run_sql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(op.get_bind(), "0016_tiles.sql")
    computed = sa.Computed("release.sound_from(release.on_tiles(area))", persisted=True)
    op.add_column("matrix_row", sa.Column("sound_from", sa.SmallInteger(), computed), schema="release")
