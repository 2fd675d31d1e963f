"""Mapbox Vector Tiles (version 2), made by PostGIS of the rows of a layer.

A tile has one layer, named as the layer is, and of each row its id and those columns that a map needs. What is on a
tile is on that layer's items as well, for the same audience: there is one source of rows for both.

Before they are drawn, areas lose what is smaller than a unit of the tile, for thin as it is it would be sent and never
seen. Neighbours lose the same but for that unit, which is an eighth of a pixel. Clipping and mending takes most of the
time, and is left to the areas that need it: those at the edge, and those that crossed themselves on the grid.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    Float,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.functions import Function

from flashpoint import layers
from flashpoint.errors import NotFound
from flashpoint.layers import Column, Layer, Stand
from flashpoint.store.engine import ReleaseCursor
from flashpoint.store.layer_sources import Source, stand_of, standing_of
from flashpoint.tile_grid import BUFFER, EXTENT, Tile
from flashpoint.types import Audience

#: Points on a tile at most; beyond, those with the first ids. Ids of points are random, so that these are a fair sample
#: of them, and the same one each time.
MOST_POINTS = 10_000

#: The columns of each layer that maps are drawn or asked by.
_DRAWN = {
    Layer.MATRIX: (
        *("name", "pcode", "tier", "rank", "rank_low", "rank_high", "top_k_share"),
        *("score", "threat", "vulnerability", "capacity_gap", "silent", "people_at_risk"),
    ),
    Layer.LOCALITIES: ("name", "pcode"),
    Layer.COMMUNITIES: (
        *("name", "period", "zone", "zone_name", "zone_level", "people_band", "confinement"),
        *("food_access", "water_access", "health_access", "market_access", "expired", "generalised"),
    ),
    Layer.INCIDENTS: (
        *("category", "period", "date", "zone", "zone_name", "zone_level", "perpetrator_class"),
        *("killed_band", "injured_band", "abducted_band", "displaced_band", "protected_site", "generalised"),
    ),
}
TILED = tuple(_DRAWN)

#: An offset of nothing: what stands within is computed there, once, and not again wherever it is used.
_ONCE: ColumnElement[int] = literal_column("0")
#: West, south, east and north of what is drawn, in metres and in degrees.
_REACH = ("reach_west", "reach_south", "reach_east", "reach_north")
_DEGREES = ("degrees_west", "degrees_south", "degrees_east", "degrees_north")
_Rows: TypeAlias = Select[Any]
_DIALECT: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def drawn_columns(layer: Layer, audience: Audience) -> tuple[Column, ...]:
    """Give the columns that an audience finds on a layer's tiles: of those that it finds on the items."""
    return tuple(one for one in layers.columns(layer, audience) if one.name in _DRAWN[layer])


def draw(cursor: ReleaseCursor, source: Source, tile: Tile) -> tuple[bytes, Stand]:
    """Make a tile, of the state that is given with it; no bytes where there is nothing on it.

    Raises:
        NotFound: there is no such operation any more.
    """
    query, constants = _text(source)
    found = cursor.execute(query, {**constants, **_values(tile)}).fetchone()
    if found is None:
        raise NotFound("no such operation, or nothing of it yet")
    return bytes(found.tile or b""), stand_of(found)


@lru_cache(maxsize=64)
def _text(source: Source) -> tuple[str, dict[str, Any]]:
    """Write the query of a source's tiles as text, once for all of them: that alone takes as long as a small tile."""
    compiled = _statement(source).compile(dialect=_DIALECT)
    varied = {name for name, value in compiled.params.items() if value is None}
    return str(compiled), {name: value for name, value in compiled.params.items() if name not in varied}


def _statement(source: Source) -> Select[Any]:
    """Give the tile, and the state that it is of, in one statement: a round trip is as long as a small tile too."""
    rows = _areas(source) if source.layer.is_drawn_as_areas else _points(source)
    features = rows.offset(_ONCE).subquery("t")
    made = func.ST_AsMVT(literal_column("t"), literal(source.layer.value), EXTENT, "geom")
    drawn = select(made).select_from(features).where(features.c.geom.is_not(None))
    state = standing_of(source.layer, source.operation, source.audience)
    return state.add_columns(drawn.scalar_subquery().label("tile"))


def _values(tile: Tile) -> dict[str, Any]:
    """Give what the query has to know of a tile."""
    left, top = tile.corner
    return {
        **dict(zip(_REACH, tile.reach, strict=True)),
        **dict(zip(_DEGREES, tile.reach_in_degrees, strict=True)),
        "left": left,
        "right": left + tile.side,
        "bottom": top - tile.side,
        "top": top,
        "unit": tile.unit,
        "zoom": tile.zoom,
        "move_x": -EXTENT * tile.column,
        "move_y": -EXTENT * tile.row,
    }


def _areas(source: Source) -> _Rows:
    area, reach, zoom = source.rows.c.mercator, _box(_REACH, 3857), bindparam("zoom", type_=Integer)
    # What lies within the reach of the tile and is sound there is moved to its place on the grid, and no more.
    moved = func.ST_Translate(func.release.on_grid(area, zoom), _number("move_x"), _number("move_y"))
    mended = _clipped(func.ST_Simplify(area, _number("unit"), true()))
    shape = case((and_(source.rows.c.sound_from <= zoom, area.op("@")(reach)), moved), else_=mended)
    return _features(source, source.rows, shape).where(area.op("&&")(reach))


def _points(source: Source) -> _Rows:
    point = source.rows.c.geometry
    near = select(source.rows).where(point.op("&&")(_box(_DEGREES, 4326)))
    first = near.order_by(source.rows.c.id).limit(MOST_POINTS).subquery("d")
    return _features(source, first, _clipped(func.ST_Transform(first.c.geometry, 3857)))


def _features(source: Source, rows: Subquery, shape: ColumnElement[Any]) -> _Rows:
    """Give the features in the order of their ids: the same rows always come to the same bytes."""
    told = (rows.c[one.name] for one in drawn_columns(source.layer, source.audience))
    return select(cast(rows.c.id, Text).label("id"), *told, shape.label("geom")).order_by(rows.c.id)


def _clipped(shape: ColumnElement[Any]) -> Function[Any]:
    """Move a shape to the grid of the tile and cut off what lies beyond its reach; nothing where nothing is left."""
    return func.ST_AsMVTGeom(shape, _box(("left", "bottom", "right", "top"), 3857), EXTENT, BUFFER, true())


def _box(names: Iterable[str], srid: int) -> Function[Any]:
    return func.ST_MakeEnvelope(*map(_number, names), srid)


def _number(name: str) -> BindParameter[float]:
    return bindparam(name, type_=Float(53))
