"""GeoJSON (RFC 7946) from a parsed tree, taken strictly.

A geometry has ``type`` and ``coordinates`` and nothing else; a feature has ``type``, ``geometry``, ``properties``
and perhaps ``id``; a collection has ``type``, ``features`` and perhaps ``name``, which GDAL and QGIS always write
and which is ignored. ``bbox`` is refused everywhere: it would be a second, unchecked statement of the place.
``crs`` is refused everywhere: positions are WGS 84, longitude first, in two dimensions.

Every function raises ``Invalid`` with the first rule that is broken, and never a coordinate.
"""

from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

import shapely
from shapely.geometry.base import BaseGeometry

from flashpoint.errors import Invalid, Violation
from flashpoint.strictjson import JsonValue, pointer_to

KINDS: Final = frozenset({"Point", "Polygon", "MultiPolygon"})
MAX_VERTICES: Final = 10_000
MAX_FEATURES: Final = 10_000

_DIMENSIONS: Final = 2
_SHORTEST_RING: Final = 4
_HALF_CIRCLE: Final = 180
_QUARTER_CIRCLE: Final = 90

Position = tuple[float, float]
Ring = list[Position]


class _Shape(NamedTuple):
    """What a GeoJSON object may be called and which members it has beside ``type``."""

    types: AbstractSet[str]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


_FEATURE: Final = _Shape({"Feature"}, ("geometry", "properties"), ("id",))
_COLLECTION: Final = _Shape({"FeatureCollection"}, ("features",), ("name",))


class Feature(NamedTuple):
    """A feature whose shape has been checked; its properties have not."""

    geometry: BaseGeometry | None
    properties: dict[str, JsonValue]
    id: str | int | None


def read_geometry(tree: JsonValue, pointer: str, kinds: AbstractSet[str] = KINDS) -> BaseGeometry:
    """Build a valid geometry of one of ``kinds``, exterior rings counter-clockwise whichever way they came.

    ``kinds`` is a part of ``KINDS``; anything else in it is never taken.
    """
    members = _members(tree, pointer, _Shape(kinds & KINDS, ("coordinates",)))
    kind, coordinates, place = members["type"], members["coordinates"], pointer_to(pointer, "coordinates")
    if kind == "Point":
        return shapely.Point(_position(coordinates, place))
    parts = [coordinates] if kind == "Polygon" else _filled_array(coordinates, place)
    places = [place] if kind == "Polygon" else [pointer_to(place, index) for index in range(len(parts))]
    _refuse_vertices(parts, place)
    polygons = [_polygon(part, at) for part, at in zip(parts, places, strict=True)]
    geometry = polygons[0] if kind == "Polygon" else shapely.MultiPolygon(polygons)
    return shapely.orient_polygons(_valid(geometry, place))


def read_feature(
    tree: JsonValue,
    pointer: str = "",
    kinds: AbstractSet[str] = KINDS,
    *,
    null_geometry_allowed: bool = True,
) -> Feature:
    """Take a feature apart. ``geometry`` must be present, and may be null if that is allowed."""
    members = _members(tree, pointer, _FEATURE)
    identifier = members.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int | None):
        raise _invalid(pointer_to(pointer, "id"), "feature_id", "an id is a string or an integer")
    properties = members["properties"]
    if not isinstance(properties, dict):
        raise _invalid(pointer_to(pointer, "properties"), "not_object", "properties are an object")
    place = pointer_to(pointer, "geometry")
    if members["geometry"] is not None:
        return Feature(read_geometry(members["geometry"], place, kinds), properties, identifier)
    if not null_geometry_allowed:
        raise _invalid(place, "geometry_required", "a geometry is required")
    return Feature(None, properties, identifier)


def read_collection(tree: JsonValue, pointer: str = "") -> list[JsonValue]:
    """Give the features of a collection as they are, to be read one by one at ``/features/<index>``."""
    members = _members(tree, pointer, _COLLECTION)
    features, place = members["features"], pointer_to(pointer, "features")
    if not isinstance(features, list):
        raise _invalid(place, "not_array", "features are an array")
    if len(features) > MAX_FEATURES:
        raise _invalid(place, "too_many_features", f"a collection holds at most {MAX_FEATURES} features")
    return features


def _invalid(pointer: str, code: str, rule: str) -> Invalid:
    return Invalid(Violation(pointer, code, rule))


def _members(tree: JsonValue, pointer: str, shape: _Shape) -> dict[str, JsonValue]:
    """Take an object of that shape. Its type is looked at first: of the wrong kind of thing, say only that."""
    if not isinstance(tree, dict):
        raise _invalid(pointer, "not_object", "an object is required here")
    if "crs" in tree:
        raise _invalid(pointer_to(pointer, "crs"), "crs_not_allowed", "positions are WGS 84; crs is not allowed")
    _require(tree, "type", pointer)
    kind = tree["type"]
    if not isinstance(kind, str) or kind not in shape.types:
        rule = f"the type here is {' or '.join(sorted(shape.types))}"
        raise _invalid(pointer_to(pointer, "type"), "geojson_type", rule)
    for name in shape.required:
        _require(tree, name, pointer)
    known = ("type", *shape.required, *shape.optional)
    for name in tree:
        if name not in known:
            rule = f"the members known here are {', '.join(known)}"
            raise _invalid(pointer_to(pointer, name), "unknown_member", rule)
    return tree


def _require(tree: dict[str, JsonValue], name: str, pointer: str) -> None:
    if name not in tree:
        raise _invalid(pointer_to(pointer, name), "missing_member", "this member is required")


def _filled_array(tree: JsonValue, pointer: str) -> list[JsonValue]:
    if not isinstance(tree, list):
        raise _invalid(pointer, "not_array", "an array is required here")
    if not tree:
        raise _invalid(pointer, "empty_geometry", "a geometry has no empty parts")
    return tree


def _refuse_vertices(parts: list[JsonValue], pointer: str) -> None:
    """Count before anything is looked at or built. What is not an array counts nothing here, and is refused later."""
    rings = (ring for part in parts if isinstance(part, list) for ring in part)
    if sum(len(ring) for ring in rings if isinstance(ring, list)) > MAX_VERTICES:
        raise _invalid(pointer, "too_many_vertices", f"a geometry has at most {MAX_VERTICES} vertices")


def _position(tree: JsonValue, pointer: str, *steps: int) -> Position:
    """Take ``[longitude, latitude]`` in degrees, from ``steps`` below ``pointer``."""
    if isinstance(tree, list) and len(tree) == _DIMENSIONS:
        longitude, latitude = tree
        # What nearly every position is passes here, for a pointer costs more to build than a position to check.
        if isinstance(longitude, float) and isinstance(latitude, float) and _in_range(longitude, latitude):
            return longitude, latitude
    return _examined_position(tree, pointer_to(pointer, *steps))


def _in_range(longitude: float, latitude: float) -> bool:
    return abs(longitude) <= _HALF_CIRCLE and abs(latitude) <= _QUARTER_CIRCLE


def _examined_position(tree: JsonValue, pointer: str) -> Position:
    position = _filled_array(tree, pointer)
    numbers = [number for number in position if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(numbers) != len(position):
        raise _invalid(pointer, "not_number", "a position is made of numbers")
    if len(numbers) != _DIMENSIONS:
        raise _invalid(pointer, "two_dimensions", "a position has two numbers: longitude and latitude")
    longitude, latitude = numbers
    if abs(longitude) > _HALF_CIRCLE:
        raise _invalid(pointer_to(pointer, 0), "longitude_range", "a longitude lies between -180 and 180")
    if abs(latitude) > _QUARTER_CIRCLE:
        hint = "; RFC 7946 puts the longitude first" if abs(longitude) <= _QUARTER_CIRCLE else ""
        raise _invalid(pointer_to(pointer, 1), "latitude_range", f"a latitude lies between -90 and 90{hint}")
    return float(longitude), float(latitude)


def _ring(tree: JsonValue, pointer: str) -> Ring:
    items = _filled_array(tree, pointer)
    positions = [_position(item, pointer, index) for index, item in enumerate(items)]
    if len(positions) < _SHORTEST_RING:
        raise _invalid(pointer, "ring_too_short", f"a ring has at least {_SHORTEST_RING} positions")
    if positions[0] != positions[-1]:
        raise _invalid(pointer, "ring_not_closed", "a ring ends at the position where it starts")
    return positions


def _polygon(tree: JsonValue, pointer: str) -> BaseGeometry:
    exterior, *holes = (
        _ring(ring, pointer_to(pointer, index)) for index, ring in enumerate(_filled_array(tree, pointer))
    )
    polygon = shapely.Polygon(exterior, holes)
    # The hull, because the area of a figure of eight is zero too, and that deserves its own message.
    if polygon.convex_hull.area == 0:
        raise _invalid(pointer, "zero_area", "a polygon has an area")
    return polygon


def _valid(geometry: BaseGeometry, pointer: str) -> BaseGeometry:
    if not geometry.is_valid:
        # The reason reads "Self-intersection[18.5 4.3]": the place in it is somebody's.
        problem = str(shapely.is_valid_reason(geometry)).split("[", maxsplit=1)[0].strip().lower()
        raise _invalid(pointer, "invalid_geometry", f"the geometry is not valid: {problem}")
    if geometry.geom_type != "Point" and geometry.area == 0:
        # So thin a sliver that no number is small enough for it.
        raise _invalid(pointer, "zero_area", "a polygon has an area")
    return geometry
