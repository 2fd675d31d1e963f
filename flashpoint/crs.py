"""Coordinate reference systems that layers are given in: longitude and latitude, latitude and longitude, web maps, UTM.

The identifiers are those of OGC API - Features, Part 2. Everything is kept in WGS 84; pyproj brings what clients send
there, PostGIS what they get from there.
"""

from dataclasses import dataclass

import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"

#: Degrees; beyond them UTM is not used.
_UTM_SOUTH, _UTM_NORTH = -80.0, 84.0
_EAST, _NORTH = 180.0, 90.0
_ENDS = (_EAST, _NORTH, _EAST, _NORTH)
#: Metres: half the way around, which is where web maps end. Further on the coordinates of metres mean nothing.
_FARTHEST_M = 20_037_508.34
#: Boxes in another system are bent in ours: so many pieces follow the bend.
_PIECES = 32


@dataclass(frozen=True, slots=True)
class Crs:
    """A system: its identifier, its EPSG code, how many decimals are about a metre or less.

    ``swapped``: latitude comes first.
    """

    uri: str
    srid: int
    decimals: int
    swapped: bool = False

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are degrees."""
        return self.srid == _WGS84


_WGS84 = 4326
CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", _WGS84, 5)
EPSG4326 = Crs(f"{_EPSG}4326", _WGS84, 5, swapped=True)
WEB_MERCATOR = Crs(f"{_EPSG}3857", 3857, 2)


#: Systems in which every place can be had; the first is the usual one.
WORLDWIDE = (CRS84, EPSG4326, WEB_MERCATOR)


def utm_of(longitude: float, latitude: float) -> Crs | None:
    """Give the UTM zone of a place; ``None`` where there is none."""
    if not _UTM_SOUTH <= latitude <= _UTM_NORTH:
        return None
    zone = int((longitude + 180) % 360 // 6) + 1
    srid = (32600 if latitude >= 0 else 32700) + zone
    return Crs(f"{_EPSG}{srid}", srid, 2)


def systems(longitude: float, latitude: float) -> tuple[Crs, ...]:
    """Give the systems in which an operation that lies around a place can be had; the first is the usual one."""
    utm = utm_of(longitude, latitude)
    return (*WORLDWIDE, *((utm,) if utm else ()))


def to_wgs84(geometry: BaseGeometry, crs: Crs) -> BaseGeometry | None:
    """Bring a geometry to longitude and latitude; ``None`` where the system does not reach."""
    if crs.is_geographic:
        found = shapely.transform(geometry, lambda xy: xy[:, ::-1]) if crs.swapped else geometry
    else:
        transformer = Transformer.from_crs(crs.srid, _WGS84, always_xy=True)
        found = shapely.transform(geometry, transformer.transform, interleaved=False)
    # NaN and infinity, which is what lies beyond the reach of a projection, are in no range.
    return found if all(abs(end) <= limit for end, limit in zip(found.bounds, _ENDS, strict=True)) else None


def box_in_wgs84(low: tuple[float, float], high: tuple[float, float], crs: Crs) -> BaseGeometry | None:
    """Give what a box covers; ``None`` where it is none. What lies beyond the world is left out, as maps ask for it.

    In degrees a first longitude greater than the second crosses the antimeridian.
    """
    if not crs.is_geographic:
        return _bent(low, high, crs)
    (west, south), (east, north) = (low[::-1], high[::-1]) if crs.swapped else (low, high)
    if west > east and (abs(west) > _EAST or abs(east) > _EAST):
        return None
    (west, east), (south, north) = (_within((west, east), _EAST), _within((south, north), _NORTH))
    if south > north:
        return None
    if west > east:
        return shapely.union(_box((west, south), (_EAST, north)), _box((-_EAST, south), (east, north)))
    return _box((west, south), (east, north))


def _box(low: tuple[float, float], high: tuple[float, float]) -> BaseGeometry:
    """Draw a box. One without an area is a line or a point: drawn as an area it would touch some of its neighbours."""
    if low[0] < high[0] and low[1] < high[1]:
        return shapely.box(*low, *high)
    return shapely.Point(low) if low == high else shapely.LineString([low, high])


def _bent(low: tuple[float, float], high: tuple[float, float], crs: Crs) -> BaseGeometry | None:
    if low[0] > high[0] or low[1] > high[1]:
        return None
    west, east = _within((low[0], high[0]), _FARTHEST_M)
    south, north = _within((low[1], high[1]), _FARTHEST_M)
    longest = max(east - west, north - south)
    drawn = _box((west, south), (east, north))
    return to_wgs84(shapely.segmentize(drawn, longest / _PIECES) if longest else drawn, crs)


def _within(ends: tuple[float, float], limit: float) -> tuple[float, float]:
    return max(-limit, min(limit, ends[0])), max(-limit, min(limit, ends[1]))
