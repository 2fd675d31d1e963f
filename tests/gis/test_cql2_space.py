"""Common Query Language, CQL2 (OGC 21-065r2): where, by every function and every type of geometry."""

from collections.abc import Iterator

import pytest
import shapely
from shapely import wkt
from shapely.geometry import shape

SQUARE = "POLYGON((18 4, 19 4, 19 5, 18 5, 18 4))"


@pytest.fixture(scope="module")
def places(ogc):
    """Ask the matrix."""
    return lambda text: ogc.names("matrix", filter=text)


#: A geometry of every type.
DRAWN = [
    "POINT(18.5 4.5)",
    "POINT(19 4.5)",
    "POINT(0 0)",
    "POINT Z(18.5 4.5 100)",
    "MULTIPOINT(18.5 4.5, 19.5 4.5)",
    "MULTIPOINT((18 4), (0 0))",
    "LINESTRING(18.5 4.5, 19.5 4.5)",
    "LINESTRING(18 4, 19 4)",
    "LINESTRING(18.2 4.2, 18.4 4.4, 18.6 4.2)",
    "MULTILINESTRING((18.5 4.5, 18.5 6.5), (0 0, 1 1))",
    SQUARE,
    "POLYGON((18.2 4.2, 18.8 4.2, 18.8 4.8, 18.2 4.2))",
    "POLYGON((17 3, 22 3, 22 8, 17 8, 17 3), (17.5 5.5, 17.5 7.5, 19 7.5, 19 5.5, 17.5 5.5))",
    "POLYGON((18.5 4.5, 19.5 4.5, 19.5 6.5, 18.5 6.5, 18.5 4.5))",
    "MULTIPOLYGON(((18 4, 19 4, 19 5, 18 5, 18 4)), ((18 6, 19 6, 19 7, 18 7, 18 6)))",
    "GEOMETRYCOLLECTION(POLYGON((18 4, 19 4, 19 5, 18 5, 18 4)))",
    "GEOMETRYCOLLECTION(LINESTRING(18.5 4.5, 19.5 4.5))",
]
FUNCTIONS = {
    "S_INTERSECTS": shapely.intersects,
    "S_EQUALS": shapely.equals,
    "S_DISJOINT": shapely.disjoint,
    "S_TOUCHES": shapely.touches,
    "S_WITHIN": shapely.within,
    "S_OVERLAPS": shapely.overlaps,
    "S_CROSSES": shapely.crosses,
    "S_CONTAINS": shapely.contains,
}
#: A point within the town and the square of the first locality: neither point nor area. By hand.
MIXED = f"GEOMETRYCOLLECTION(POINT(21 6.5), {SQUARE})"
OF_MIXED = {
    "S_INTERSECTS": {"101", "102", "202"},
    "S_DISJOINT": {"201", "203"},
    "S_EQUALS": set(),
    "S_TOUCHES": {"102"},
    "S_WITHIN": {"101"},
    "S_CONTAINS": set(),
}


def drawn_by(ogc, layer):
    return {one["id"]: shape(one["geometry"]) for one in ogc.features(layer) if one["geometry"] is not None}


def simple(text):
    """Draw what is written; a collection of one thing is that thing."""
    found = wkt.loads(text)
    return found.geoms[0] if found.geom_type == "GeometryCollection" else found


def agree(ogc, function, texts) -> Iterator[tuple[str, str]]:
    """Give what a function says otherwise than the geometries of the answers."""
    holds = FUNCTIONS[function]
    for layer in ("matrix", "incidents"):
        drawn = drawn_by(ogc, layer)
        for at, text in enumerate(texts):
            if at % 3 and layer == "incidents":
                continue
            other = simple(text)
            expected = [one for one, geometry in drawn.items() if holds(geometry, other)]
            if ogc.ids(layer, filter=f"{function}(geometry, {text})") != expected:
                yield layer, text
            swapped = [one for one, geometry in drawn.items() if holds(other, geometry)]
            both_ways = function in {"S_WITHIN", "S_CONTAINS"} or at == 0
            if both_ways and ogc.ids(layer, filter=f"{function}({text}, geometry)") != swapped:
                yield layer, f"swapped {text}"


def test_req_basic_spatial_functions_spatial_predicate(ogc):
    """/req/basic-spatial-functions/spatial-predicate"""
    everywhere = "BBOX(-180, -90, 180, 90)"
    placed = [one["id"] for one in ogc.features("incidents") if one["geometry"] is not None]
    assert ogc.ids("incidents", filter=f"S_INTERSECTS(geometry, {everywhere})") == placed
    # What has no geometry is neither.
    assert ogc.ids("incidents", filter=f"NOT S_INTERSECTS(geometry, {everywhere})") == []
    assert ogc.ids("incidents", filter="NOT S_INTERSECTS(geometry, POINT(0 0))") == placed


def test_req_basic_spatial_functions_spatial_functions(ogc, places):
    """/req/basic-spatial-functions/spatial-functions"""
    assert places("S_INTERSECTS(geometry, POINT(18.5 4.5))") == {"101"}
    assert places("S_INTERSECTS(geometry, POINT(19 5))") == {"101", "102"}
    assert places("S_INTERSECTS(geometry, BBOX(18.5, 4.5, 18.6, 6.5))") == {"101", "201"}
    assert places("S_INTERSECTS(geometry, BBOX(18.5, 4.5, 0, 18.6, 6.5, 9))") == {"101", "201"}
    assert places("S_INTERSECTS(geometry, BBOX(20.5, -90, 18.5, 90))") == {"101", "201", "202"}
    assert places("S_INTERSECTS(geometry, BBOX(19, 5, 19, 5))") == {"101", "102"}
    for text in ("BBOX(1, 4, 3, 2)", "BBOX(1, 2, 3)", "POINT(181 0)", "POINT(0 91)"):
        ogc.refused("?filter", "matrix", filter=f"S_INTERSECTS(geometry, {text})")


def test_req_basic_spatial_functions_plus_spatial_data_types(ogc):
    """/req/basic-spatial-functions-plus/spatial-data-types"""
    assert list(agree(ogc, "S_INTERSECTS", DRAWN)) == []


def test_req_spatial_functions_spatial_data_types(places):
    """/req/spatial-functions/spatial-data-types"""
    kinds = {wkt.loads(text).geom_type for text in DRAWN}
    assert len(kinds) == 7
    for function, expected in OF_MIXED.items():
        assert places(f"{function}(geometry, {MIXED})") == expected, function
    assert places(f"S_CONTAINS({MIXED}, geometry)") == OF_MIXED["S_WITHIN"]
    # Simple Features do not say of which dimension such a thing is; only the town can be told to cross or overlap it.
    assert places(f"S_CROSSES(geometry, {MIXED}) OR S_OVERLAPS(geometry, {MIXED})") <= {"202"}


def test_req_spatial_functions_spatial_functions(ogc, places):
    """/req/spatial-functions/spatial-functions"""
    assert [(one, *wrong) for one in FUNCTIONS for wrong in agree(ogc, one, DRAWN)] == []
    # By hand: the first locality is that square, and shares an edge with the second.
    for function, expected in BY_HAND.items():
        assert places(f"{function}(geometry, {SQUARE})") == expected, function
    assert places("S_CROSSES(geometry, LINESTRING(18.5 4.5, 19.5 4.5))") == {"101", "102"}
    assert places("S_OVERLAPS(geometry, BBOX(18.5, 4.5, 19.5, 6.5))") == {"101", "102", "201", "203"}


BY_HAND = {
    "S_EQUALS": {"101"},
    "S_WITHIN": {"101"},
    "S_CONTAINS": {"101"},
    "S_TOUCHES": {"102"},
    "S_INTERSECTS": {"101", "102"},
    "S_DISJOINT": {"201", "202", "203"},
    "S_OVERLAPS": set(),
    "S_CROSSES": set(),
}
