"""Layers as files hold them: how many rows there are, what their head says, and all rows a part at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Float, Numeric, cast, func, select

from flashpoint.crs import CRS84
from flashpoint.store.engine import Record, ReleaseReader
from flashpoint.store.layer_reading import parts, shape
from flashpoint.store.layer_sources import Source
from flashpoint.store.tables import matrix


class Drawn(StrEnum):
    """How a geometry is written: as text of either kind, as well-known binary, or as longitude and latitude alone."""

    GEOJSON = "geojson"
    KML = "kml"
    WKB = "wkb"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows a layer has, and how many of them can be drawn."""

    rows: int
    placed: int


def tally(reader: ReleaseReader, source: Source) -> Tally:
    """Count the rows."""
    query = select(func.count(), func.count(source.rows.c.geometry)).select_from(source.rows)
    rows, placed = reader.connection.execute(query).one()
    return Tally(rows, placed)


def head(reader: ReleaseReader, source: Source) -> dict[str, Any]:
    """Give what the released matrix says of itself; the members of its JSON."""
    query = select(matrix.c.head).where(
        matrix.c.operation == source.operation, matrix.c.audience == source.audience.value
    )
    found: dict[str, Any] = orjson.loads(f"{{{reader.connection.execute(query).scalar_one()}}}")
    return found


def rows(reader: ReleaseReader, source: Source, drawn: Drawn) -> Iterator[Sequence[Record]]:
    """Read all rows in the order of their ids, a part at a time.

    A row has ``id``, ``properties`` (JSON), ``first_day`` and ``last_day`` (null but in pictures), and ``geometry``, or
    ``longitude`` and ``latitude``; null where a feature has no place.
    """
    columns = source.rows.c
    days = (columns.first_day, columns.last_day)
    yield from parts(reader, source, columns.id, columns.properties, *days, *_geometry(source, drawn))


def _geometry(source: Source, drawn: Drawn) -> list[ColumnElement[Any]]:
    columns = source.rows.c
    if drawn is Drawn.PLACE:
        return [func.ST_X(columns.point).label("longitude"), func.ST_Y(columns.point).label("latitude")]
    if drawn is Drawn.GEOJSON:
        return [shape(source, CRS84).label("geometry")]
    if drawn is Drawn.KML:
        return [func.ST_AsKML(columns.geometry, CRS84.decimals).label("geometry")]
    # A point was drawn somewhere in a zone: no format gives more of it than any other. Areas are what they are.
    plain = columns.geometry if source.layer.is_drawn_as_areas else _rounded(columns.geometry)
    return [func.ST_AsBinary(plain).label("geometry")]


def _rounded(point: ColumnElement[Any]) -> ColumnElement[Any]:
    degrees = [func.round(cast(end, Numeric), CRS84.decimals) for end in (func.ST_X(point), func.ST_Y(point))]
    return func.ST_MakePoint(*(cast(one, Float) for one in degrees))
