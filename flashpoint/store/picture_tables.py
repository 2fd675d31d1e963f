"""The tables of the released picture: incidents, communities and zones as each audience may know of them.

Nothing in them leads back to the vault: ids are keyed pseudonyms, rows have no time of recording, and what is not for
an audience has no row. ``properties`` is the finished JSON object; the columns beside it repeat what of it can be asked
for, and can say no more. ``revision`` is that of the picture that last changed the row.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

from flashpoint import types
from flashpoint.picture import Collection
from flashpoint.store.columns import AT, ID, geometry_column, metadata, one_of

#: What is there of a collection, and since when it is so: ``as_of`` is the moment of the last change of its rows.
picture = Table(
    "picture",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("build", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("as_of", AT, nullable=False),
    one_of("audience", types.Audience),
    one_of("collection", Collection),
    schema="release",
)


def _rows(name: str, *columns: SchemaItem, asked_for: tuple[str, ...]) -> Table:
    """Rows of a collection, in the order of their released ids; an index for each column that can be asked for."""
    return Table(
        name,
        metadata,
        Column("operation", Text, primary_key=True),
        Column("audience", Text, primary_key=True),
        Column("released_id", ID, primary_key=True),
        Column("revision", BigInteger, nullable=False),
        Column("content_sha256", LargeBinary, nullable=False),
        Column("zone", Text, nullable=False),
        Column("properties", Text, nullable=False),
        *columns,
        one_of("audience", types.Audience),
        *(Index(f"ix_{name}_{column}", "operation", "audience", column, "released_id") for column in asked_for),
        schema="release",
    )


def _in_zone() -> list[Column[Any] | CheckConstraint]:
    """Where a row is drawn: in its zone, and at the one point that was drawn for it there."""
    return [Column("zone_id", ID, nullable=False), *geometry_column("point", "POINT")[:1]]


def _told() -> Column[Any]:
    """The properties, as what they are asked by is read from."""
    return Column("told", JSONB, Computed("properties::jsonb", persisted=True))


def _days(label: str) -> list[Column[Any]]:
    """The first and the last day of what a label of a period names, by functions of the database."""
    ends = {"begins_on": "first_day", "ends_on": "last_day"}
    return [Column(name, Date, Computed(f"release.{day}({label})", persisted=True)) for name, day in ends.items()]


picture_incident = _rows(
    "picture_incident",
    Column("category", Text, nullable=False),
    Column("period", Text, nullable=False),
    *_in_zone(),
    _told(),
    *_days("coalesce((properties::jsonb ->> 'date'), period)"),
    Index("ix_picture_incident_begins_on", "operation", "audience", "begins_on", "released_id"),
    Index("ix_picture_incident_point", "point", postgresql_using="gist"),
    asked_for=("category", "period", "zone"),
)

picture_community = _rows(
    "picture_community",
    Column("period", Text, nullable=False),
    *_in_zone(),
    _told(),
    *_days("period"),
    Index("ix_picture_community_point", "point", postgresql_using="gist"),
    asked_for=("period", "zone"),
)

#: ``point`` is one on the surface of the area, for those who draw labels.
picture_zone = _rows(
    "picture_zone",
    Column("level", SmallInteger, nullable=False),
    *geometry_column("area", "MULTIPOLYGON")[:1],
    *geometry_column("point", "POINT")[:1],
    asked_for=("zone",),
)

ROWS = {
    Collection.INCIDENTS: picture_incident,
    Collection.COMMUNITIES: picture_community,
    Collection.ZONES: picture_zone,
}
