"""Pictures as those who serve read them. What can be asked for are columns of the output, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, func, null, select

from flashpoint.errors import NotFound
from flashpoint.picture import Collection
from flashpoint.store.engine import Record, ReleaseReader
from flashpoint.store.picture_tables import ROWS, picture, picture_zone
from flashpoint.types import Audience

#: Five decimals are about a metre, and what a drawn point is kept to.
_DECIMALS = 5
#: RFC 7946 wants outer rings counter-clockwise.
_OUTLINE = func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(picture_zone.c.area), _DECIMALS)


class Shape(StrEnum):
    """Which geometry a Feature carries."""

    POINT = "point"
    ZONE = "zone"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of a picture. ``filters`` are columns of the collection's table with the value that each has to have."""

    operation: str
    audience: Audience
    collection: Collection
    shape: Shape
    limit: int
    after: UUID | None = None
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their ids: id, geometry (GeoJSON, or ``None``) and properties (JSON).

    ``matched`` is how many there are on all pages; ``more`` says whether any follow.
    """

    rows: Sequence[tuple[UUID, str | None, str]]
    matched: int
    more: bool


def find(reader: ReleaseReader, operation: str, audience: Audience) -> dict[Collection, Record]:
    """Give build, revision and moment of every picture of an operation.

    Raises:
        NotFound: there is no such operation, or nothing of it has been released yet.
    """
    query = select(picture).where(picture.c.operation == operation, picture.c.audience == audience)
    found = {Collection(row.collection): row for row in reader.connection.execute(query)}
    if len(found) < len(Collection):
        raise NotFound("no such operation, or no picture of it yet")
    return found


def page(reader: ReleaseReader, asked: Asked) -> Page:
    """Read a page."""
    table = ROWS[asked.collection]
    which = [table.c.operation == asked.operation, table.c.audience == asked.audience]
    which += [table.c[name] == value for name, value in asked.filters]
    matched: int = reader.connection.execute(select(func.count()).select_from(table).where(*which)).scalar_one()
    columns = (table.c.released_id, _geometry(table, asked), table.c.properties, *_zone_id(table))
    query = select(*columns).where(*which).order_by(table.c.released_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(table.c.released_id > asked.after)
    found = reader.connection.execute(query).all()
    rows = found[: asked.limit]
    outlines = _outlines(reader, asked, {zone for row in rows for zone in row[3:]})
    shown = [(row[0], outlines[row[3]] if outlines else row[1], row[2]) for row in rows]
    return Page(shown, matched, more=len(found) > asked.limit)


def _zone_id(table: Table) -> list[Column[UUID]]:
    return [] if table is picture_zone else [table.c.zone_id]


def _geometry(table: Table, asked: Asked) -> ColumnElement[Any]:
    if asked.shape is Shape.POINT:
        return func.ST_AsGeoJSON(table.c.point, _DECIMALS)
    return _OUTLINE if asked.shape is Shape.ZONE and table is picture_zone else null()


def _outlines(reader: ReleaseReader, asked: Asked, zones: set[UUID]) -> dict[UUID, str | None]:
    """Read the zones that rows lie in, where they are asked for: each once, however many rows lie in it."""
    if asked.shape is not Shape.ZONE or not zones:
        return {}
    query = select(picture_zone.c.released_id, _OUTLINE).where(
        picture_zone.c.operation == asked.operation,
        picture_zone.c.audience == asked.audience,
        picture_zone.c.released_id.in_(zones),
    )
    found = dict.fromkeys(zones) | {row[0]: row[1] for row in reader.connection.execute(query)}
    return cast("dict[UUID, str | None]", found)
