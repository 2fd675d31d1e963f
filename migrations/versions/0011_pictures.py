"""Incidents and communities as each audience may know of them."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

from migrations import run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AUDIENCE = "audience IN ('cluster', 'mission')"


def _geometry(name: str, kind: str) -> sa.Column:
    return sa.Column(name, Geometry(kind, srid=4326, dimension=2, spatial_index=False, from_text="ST_GeomFromEWKT", name="geometry"))


def _add_rows(name: str, *columns: sa.Column, asked_for: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("released_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("properties", sa.Text(), nullable=False),
        *columns,
        sa.CheckConstraint(_AUDIENCE, name=op.f(f"ck_{name}_audience")),
        sa.PrimaryKeyConstraint("operation", "audience", "released_id", name=op.f(f"pk_{name}")),
        schema="release",
    )
    for column in asked_for:
        key = ["operation", "audience", column, "released_id"]
        op.create_index(f"ix_{name}_{column}", name, key, schema="release")


def upgrade() -> None:
    op.create_table(
        "picture",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_AUDIENCE, name=op.f("ck_picture_audience")),
        sa.CheckConstraint(
            "collection IN ('communities', 'incidents', 'zones')", name=op.f("ck_picture_collection")
        ),
        sa.PrimaryKeyConstraint("operation", "audience", "collection", name=op.f("pk_picture")),
        schema="release",
    )
    _add_rows(
        "picture_incident",
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("zone_id", sa.UUID(), nullable=False),
        _geometry("point", "POINT"),
        asked_for=("category", "period", "zone"),
    )
    _add_rows(
        "picture_community",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("zone_id", sa.UUID(), nullable=False),
        _geometry("point", "POINT"),
        asked_for=("period", "zone"),
    )
    _add_rows(
        "picture_zone",
        sa.Column("level", sa.SmallInteger(), nullable=False),
        _geometry("area", "MULTIPOLYGON"),
        _geometry("point", "POINT"),
        asked_for=("zone",),
    )
    # What was said and decided since an instant is found without reading the rest.
    op.create_index("ix_incident_version_recorded_at", "incident_version", ["recorded_at"], schema="vault")
    op.create_index("ix_verification_act_recorded_at", "verification_act", ["recorded_at"], schema="vault")
    run_sql(op.get_bind(), "0011_pictures.sql")
