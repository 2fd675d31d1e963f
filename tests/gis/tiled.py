"""Tiles as a client has them: asked for, decoded, and put back to where they lie."""

import math
from typing import Any

import mapbox_vector_tile
from shapely import affinity
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from flashpoint.tile_grid import Tile

MVT = "application/vnd.mapbox-vector-tile"


def tile_of(longitude: float, latitude: float, zoom: int) -> Tile:
    """Give the tile that a point lies on, by the formula that every client has."""
    turn = math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2)) / math.pi
    most = 2**zoom - 1
    column, row = int((longitude + 180) / 360 * 2**zoom), int((1 - turn) / 2 * 2**zoom)
    return Tile(zoom, min(max(column, 0), most), min(max(row, 0), most))


def tiles_of(bounds: list[float], zoom: int) -> list[Tile]:
    """Give the tiles that a box lies on."""
    west, south, east, north = bounds
    first, last = tile_of(west, north, zoom), tile_of(east, south, zoom)
    columns, rows = range(first.column, last.column + 1), range(first.row, last.row + 1)
    return [Tile(zoom, column, row) for column in columns for row in rows]


def path_of(tile: Tile, layer: str = "matrix", query: str = "") -> str:
    return f"/tiles/{layer}/{tile.zoom}/{tile.column}/{tile.row}{query}"


def decoded(body: bytes) -> dict[str, Any]:
    """Decode a tile; y grows southwards, as it is written."""
    found: dict[str, Any] = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    return found


def features(body: bytes, layer: str) -> list[dict[str, Any]]:
    """Give the features of a tile, which has that layer alone."""
    found = decoded(body)
    assert list(found) == [layer]
    assert found[layer]["extent"] == 4096
    rows: list[dict[str, Any]] = found[layer]["features"]
    return rows


def in_metres(feature: dict[str, Any], tile: Tile) -> BaseGeometry:
    """Put the shape of a feature back to where it lies in EPSG:3857."""
    west, north = tile.corner
    return affinity.affine_transform(shape(feature["geometry"]), [tile.unit, 0, 0, -tile.unit, west, north])
