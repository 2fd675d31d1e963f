"""The grid of tiles of the web's maps, ``WebMercatorQuad`` of OGC Two Dimensional Tile Matrix Set 2.0. Pure.

At zoom ``z`` the square of the world in EPSG:3857 is cut into ``2**z`` columns, from west to east, and as many rows,
from north to south.
"""

import math
import re
from dataclasses import dataclass

from flashpoint.errors import Invalid, Violation

#: A unit of a tile at the largest zoom is 0.6 m: finer than anything that is recorded. Clients enlarge these tiles.
MAX_ZOOM = 14
#: Half the side of the world's square in metres: the equatorial radius of WGS 84, times pi.
HALF_WORLD = 6378137.0 * math.pi
#: Where that square ends in the north and in the south, in degrees.
EDGE_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
#: Units of a tile's own coordinates along each side.
EXTENT = 4096
#: How far beyond its edge a tile goes on, in its units, so that lines do not end there: eight pixels of 512.
BUFFER = 64

_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the grid."""

    zoom: int
    column: int
    row: int

    @property
    def side(self) -> float:
        """Its side in metres of EPSG:3857."""
        return 2 * HALF_WORLD / float(2**self.zoom)

    @property
    def unit(self) -> float:
        """One unit of its own coordinates, in metres."""
        return self.side / EXTENT

    @property
    def corner(self) -> tuple[float, float]:
        """Its north-western corner in EPSG:3857."""
        return self.column * self.side - HALF_WORLD, HALF_WORLD - self.row * self.side

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """West, south, east and north of what is drawn on it, in EPSG:3857: a buffer more than the tile."""
        (west, north), more = self.corner, BUFFER * self.unit
        return west - more, north - self.side - more, west + self.side + more, north + more

    @property
    def reach_in_degrees(self) -> tuple[float, float, float, float]:
        """The same in WGS 84; parallels and meridians are straight lines on either."""
        west, south, east, north = self.reach
        return _longitude(west), _latitude(south), _longitude(east), _latitude(north)


def tile_at(zoom: str, column: str, row: str) -> Tile:
    """Give the tile that an address names.

    Raises:
        Invalid: one of the three is no number, or lies beyond the grid.
    """
    if not _is_up_to(MAX_ZOOM, zoom):
        raise Invalid(Violation("?zoom", "out_of_range", f"a whole number from 0 to {MAX_ZOOM}"))
    last = 2 ** int(zoom) - 1
    rule = f"at this zoom a whole number from 0 to {last}"
    beyond = [name for name, text in (("column", column), ("row", row)) if not _is_up_to(last, text)]
    if beyond:
        raise Invalid(*(Violation(f"?{name}", "out_of_range", rule) for name in beyond))
    return Tile(int(zoom), int(column), int(row))


def _is_up_to(last: int, text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) <= last


def _longitude(x: float) -> float:
    return x / HALF_WORLD * 180


def _latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(y / HALF_WORLD * math.pi)))
