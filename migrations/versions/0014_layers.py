"""Columns that GIS tools ask by, computed from what stands in the row."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

from migrations import run_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TIMES = {
    "picture_incident": "coalesce((properties::jsonb ->> 'date'), period)",
    "picture_community": "period",
}


def upgrade() -> None:
    run_sql(op.get_bind(), "0014_layers.sql")
    for table, label in _TIMES.items():
        for name, function in (("begins_on", "first_day"), ("ends_on", "last_day")):
            computed = sa.Computed(f"release.{function}({label})", persisted=True)
            op.add_column(table, sa.Column(name, sa.Date(), computed), schema="release")
        op.create_index(f"ix_{table}_point", table, ["point"], schema="release", postgresql_using="gist")
    op.create_index(
        "ix_picture_incident_begins_on",
        "picture_incident",
        ["operation", "audience", "begins_on", "released_id"],
        schema="release",
    )
    mercator = Geometry("MULTIPOLYGON", srid=3857, dimension=2, spatial_index=False, from_text="ST_GeomFromEWKT", name="geometry")
    computed = sa.Computed("release.on_tiles(area)", persisted=True)
    op.add_column("matrix_row", sa.Column("mercator", mercator, computed), schema="release")
    op.create_index("ix_matrix_row_mercator", "matrix_row", ["mercator"], schema="release", postgresql_using="gist")
