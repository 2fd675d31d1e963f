"""GeoJSON is taken strictly: what is drawn is what was meant, or the client hears which rule it broke."""

import copy
import json
import math
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import shapely
from bad_bodies import TOKEN, bad_incidents, good_incident
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.errors import Invalid
from flashpoint.geometry import KINDS, MAX_VERTICES, read_collection, read_feature, read_geometry
from flashpoint.strictjson import parse

GOOD = good_incident(datetime(2026, 3, 1, 12, tzinfo=UTC))
BAD = bad_incidents(GOOD)
SQUARE = [[18.0, 4.0], [19.0, 4.0], [19.0, 5.0], [18.0, 5.0], [18.0, 4.0]]
HOLE = [[18.2, 4.2], [18.4, 4.2], [18.4, 4.4], [18.2, 4.2]]
FAR = [[20.0, 4.0], [21.0, 4.0], [21.0, 5.0], [20.0, 4.0]]
BOW_TIE = [[18.0, 4.0], [19.0, 5.0], [19.0, 4.0], [18.0, 5.0], [18.0, 4.0]]

numbers = st.sampled_from([0, 1, 4.36122, 18.55496, -91, 181, True, "18", None])
trees = st.recursive(
    numbers | st.sampled_from(sorted(KINDS)),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["type", "coordinates", "crs", "x"]), inner)
    ),
    max_leaves=25,
)
positions = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def point(*position):
    return {"type": "Point", "coordinates": list(position)}


def feature(**changes):
    return {"type": "Feature", "geometry": point(18.5, 4.3), "properties": {}} | changes


def circle(vertices):
    ring = [
        [18 + math.cos(i * math.tau / (vertices - 1)), 5 + math.sin(i * math.tau / (vertices - 1))]
        for i in range(vertices - 1)
    ]
    return [*ring, ring[0]]


def refusal(read, *args, **kwargs):
    with pytest.raises(Invalid) as caught:
        read(*args, **kwargs)
    (violation,) = caught.value.violations
    return violation.pointer, violation.code


@given(positions)
def test_any_position_on_earth_is_a_point(position):
    made = read_geometry({"type": "Point", "coordinates": position}, "")
    assert [made.x, made.y] == position


@given(st.lists(positions, max_size=8), st.booleans())
def test_a_ring_of_any_positions_is_valid_or_refused(ring, closed):
    if closed and ring:
        ring = [*ring, ring[0]]
    try:
        made = read_geometry(polygon(ring), "")
    except Invalid:
        return
    assert made.is_valid
    assert made.area > 0
    assert made.exterior.is_ccw


@given(st.sampled_from(sorted(KINDS)), trees)
def test_any_tree_is_a_geometry_or_refused(kind, tree):
    for candidate in (tree, {"type": kind, "coordinates": tree}):
        try:
            made = read_geometry(candidate, "/geometry")
        except Invalid:
            continue
        assert made.is_valid


@given(
    st.sampled_from(["Feature", "FeatureCollection", None]),
    st.dictionaries(st.sampled_from(["geometry", "properties", "id", "bbox", "features"]), trees),
)
def test_any_object_is_a_feature_or_a_collection_or_refused(kind, members):
    tree = {"type": kind} | members
    for read in (read_feature, read_collection):
        with suppress(Invalid):
            read(tree)


@given(st.floats(10, 11), st.floats(1, 2))
def test_a_violation_never_repeats_a_coordinate(longitude, latitude):
    ring = [[longitude + dx, latitude + dy] for dx, dy in ((0, 0), (1, 1), (1, 0), (0, 1), (0, 0))]
    with pytest.raises(Invalid) as caught:
        read_geometry(polygon(ring), "")
    assert caught.value.violations[0].rule == "the geometry is not valid: self-intersection"


@pytest.mark.parametrize("ring", [SQUARE, SQUARE[::-1]])
def test_either_orientation_is_taken_and_made_one(ring):
    made = read_geometry(polygon(ring, HOLE), "")
    assert made.exterior.is_ccw
    assert not made.interiors[0].is_ccw


def test_a_multipolygon():
    made = read_geometry({"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [FAR]]}, "")
    assert made.geom_type == "MultiPolygon"
    assert made.area == pytest.approx(1 - 0.02 + 0.5)


def test_integers_are_numbers():
    assert read_geometry(point(18, 4), "").equals(shapely.Point(18, 4))


def test_as_many_vertices_as_allowed():
    assert shapely.get_num_coordinates(read_geometry(polygon(circle(MAX_VERTICES)), "")) == MAX_VERTICES


@pytest.mark.parametrize(
    ("tree", "pointer", "code"),
    [
        (None, "/g", "not_object"),
        ([18.5, 4.3], "/g", "not_object"),
        ({}, "/g/type", "missing_member"),
        ({"type": "Point"}, "/g/coordinates", "missing_member"),
        (point(18.5, 4.3) | {"crs": None}, "/g/crs", "crs_not_allowed"),
        (point(18.5, 4.3) | {"bbox": [18, 4, 19, 5]}, "/g/bbox", "unknown_member"),
        (point(18.5, 4.3) | {"Jean Dupont": 1}, "/g", "unknown_member"),
        ({"type": "GeometryCollection", "geometries": []}, "/g/type", "geojson_type"),
        ({"type": "GeometryCollection", "coordinates": []}, "/g/type", "geojson_type"),
        ({"type": "LineString", "coordinates": [[18, 4], [19, 5]]}, "/g/type", "geojson_type"),
        ({"type": "point", "coordinates": [18, 4]}, "/g/type", "geojson_type"),
        ({"type": ["Point"], "coordinates": [18, 4]}, "/g/type", "geojson_type"),
        (point(), "/g/coordinates", "empty_geometry"),
        (point(18.5), "/g/coordinates", "two_dimensions"),
        (point(18.5, 4.3, 380.0), "/g/coordinates", "two_dimensions"),
        (point("18.5", 4.3), "/g/coordinates", "not_number"),
        (point(True, 4.3), "/g/coordinates", "not_number"),
        (point(None, 4.3), "/g/coordinates", "not_number"),
        (point([18.5, 4.3]), "/g/coordinates", "not_number"),
        (point(180.1, 4.3), "/g/coordinates/0", "longitude_range"),
        (point(2**62, 4.3), "/g/coordinates/0", "longitude_range"),
        (point(18.5, -90.1), "/g/coordinates/1", "latitude_range"),
        ({"type": "Point", "coordinates": {}}, "/g/coordinates", "not_array"),
        (polygon(), "/g/coordinates", "empty_geometry"),
        (polygon([]), "/g/coordinates/0", "empty_geometry"),
        (polygon(SQUARE, []), "/g/coordinates/1", "empty_geometry"),
        (polygon(SQUARE[:2] + SQUARE[:1]), "/g/coordinates/0", "ring_too_short"),
        (polygon(SQUARE[:-1]), "/g/coordinates/0", "ring_not_closed"),
        (polygon([*SQUARE[:2], [19.0, 95.0], *SQUARE[3:]]), "/g/coordinates/0/2/1", "latitude_range"),
        (polygon(BOW_TIE), "/g/coordinates", "invalid_geometry"),
        (polygon(SQUARE, FAR), "/g/coordinates", "invalid_geometry"),
        (polygon([[18, 4], [19, 5], [20, 6], [18, 4]]), "/g/coordinates", "zero_area"),
        (polygon([[18, 4]] * 4), "/g/coordinates", "zero_area"),
        (polygon(circle(MAX_VERTICES + 1)), "/g/coordinates", "too_many_vertices"),
        ({"type": "MultiPolygon", "coordinates": []}, "/g/coordinates", "empty_geometry"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], []]}, "/g/coordinates/1", "empty_geometry"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}, "/g/coordinates", "invalid_geometry"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE]}, "/g/coordinates/0/0/0", "not_array"),
        (
            {"type": "MultiPolygon", "coordinates": [[circle(6000)], [circle(6000)]]},
            "/g/coordinates",
            "too_many_vertices",
        ),
    ],
)
def test_refused_geometry(tree, pointer, code):
    assert refusal(read_geometry, tree, "/g") == (pointer, code)


def test_latitude_first_is_hinted_at():
    with pytest.raises(Invalid, match="longitude first"):
        read_geometry(point(4.3, 118.5), "")


def test_only_the_kinds_asked_for_and_never_a_collection():
    kinds = frozenset({"Polygon", "GeometryCollection"})
    assert refusal(read_geometry, point(18.5, 4.3), "", kinds) == ("/type", "geojson_type")
    tree = {"type": "GeometryCollection", "coordinates": []}
    assert refusal(read_geometry, tree, "", kinds) == ("/type", "geojson_type")


@pytest.mark.parametrize("identifier", ["a", 7, None])
def test_a_feature(identifier):
    geometry, properties, given_id = read_feature(feature(id=identifier, properties={"a": 1}))
    assert (geometry.x, properties, given_id) == (18.5, {"a": 1}, identifier)


def test_a_null_geometry_only_where_allowed():
    assert read_feature(feature(geometry=None)).geometry is None
    refused = refusal(read_feature, feature(geometry=None), "", null_geometry_allowed=False)
    assert refused == ("/geometry", "geometry_required")


@pytest.mark.parametrize(
    ("tree", "pointer", "code"),
    [
        ([], "/f", "not_object"),
        (feature(type="feature"), "/f/type", "geojson_type"),
        (feature(type=None), "/f/type", "geojson_type"),
        ({"type": "FeatureCollection", "features": []}, "/f/type", "geojson_type"),
        ({"type": "Feature", "geometry": None}, "/f/properties", "missing_member"),
        ({"type": "Feature", "properties": {}}, "/f/geometry", "missing_member"),
        (feature(properties=None), "/f/properties", "not_object"),
        (feature(properties=[]), "/f/properties", "not_object"),
        (feature(id=True), "/f/id", "feature_id"),
        (feature(id=1.5), "/f/id", "feature_id"),
        (feature(id=[]), "/f/id", "feature_id"),
        (feature(bbox=[1, 2, 3, 4]), "/f/bbox", "unknown_member"),
        (feature(crs={}), "/f/crs", "crs_not_allowed"),
        (feature(geometry=point(18.5, 4.3) | {"crs": {}}), "/f/geometry/crs", "crs_not_allowed"),
        (feature(geometry=[]), "/f/geometry", "not_object"),
    ],
)
def test_refused_feature(tree, pointer, code):
    assert refusal(read_feature, tree, "/f") == (pointer, code)


def test_a_collection_gives_its_features_unread():
    tree = {"type": "FeatureCollection", "name": "incidents", "features": [feature(), None]}
    assert read_collection(tree) == [feature(), None]


@pytest.mark.parametrize(
    ("tree", "pointer", "code"),
    [
        ([feature()], "", "not_object"),
        (feature(), "/type", "geojson_type"),
        ({"type": "FeatureCollection"}, "/features", "missing_member"),
        ({"type": "Feature", "features": []}, "/type", "geojson_type"),
        ({"type": "FeatureCollection", "features": {}}, "/features", "not_array"),
        ({"type": "FeatureCollection", "features": [], "crs": {}}, "/crs", "crs_not_allowed"),
        ({"type": "FeatureCollection", "features": [], "next": 1}, "/next", "unknown_member"),
        ({"type": "FeatureCollection", "features": [0] * 10_001}, "/features", "too_many_features"),
    ],
)
def test_refused_collection(tree, pointer, code):
    assert refusal(read_collection, json.loads(json.dumps(tree))) == (pointer, code)


def test_the_good_incident_is_taken():
    assert read_feature(parse(json.dumps(GOOD).encode())).properties == GOOD["properties"]


def test_the_corpus_of_bad_bodies_is_sound():
    before = copy.deepcopy(GOOD)
    cases = bad_incidents(GOOD)
    assert before == GOOD
    assert len({case.name for case in cases}) == len(cases) >= 150
    # A mutation that found nothing to change would post the good body: only a wrong content type may do that.
    (good_body,) = {case.body for case in cases if case.name == "content-type-absent"}
    assert all(case.name.startswith("content-type-") for case in cases if case.body == good_body)


@pytest.mark.parametrize("case", [case for case in BAD if case.code], ids=lambda case: case.name)
def test_bad_bodies_that_the_edge_refuses(case):
    with pytest.raises(Invalid) as caught:
        read_feature(parse(case.body))
    (violation,) = caught.value.violations
    assert violation.code == case.code
    assert case.pointer in (None, violation.pointer)
    assert TOKEN not in f"{caught.value} {violation}"


@pytest.mark.parametrize("case", [case for case in BAD if not case.code], ids=lambda case: case.name)
def test_bad_bodies_left_to_the_schema_never_break_the_edge(case):
    with suppress(Invalid):
        read_feature(parse(case.body))
