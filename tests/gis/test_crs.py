"""Reference systems: where boxes lie, however they are written."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from flashpoint.crs import CRS84, EPSG4326, WEB_MERCATOR, box_in_wgs84, systems, to_wgs84, utm_of


def degrees(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda one: round(one, 6))


LONGITUDE, LATITUDE = degrees(-179.9, 179.9), degrees(-79.9, 83.9)


@given(LONGITUDE, LATITUDE)
def test_the_zone_of_a_place_is_the_one_that_holds_it(longitude, latitude):
    utm = utm_of(longitude, latitude)
    area = CRS.from_epsg(utm.srid).area_of_use
    assert area.west <= longitude <= area.east
    assert area.south <= latitude <= area.north
    assert systems(longitude, latitude) == (CRS84, EPSG4326, WEB_MERCATOR, utm)


@pytest.mark.parametrize("latitude", [84.1, -80.1, 90])
def test_at_the_poles_there_is_no_zone(latitude):
    assert utm_of(20, latitude) is None
    assert len(systems(20, latitude)) == 3


@given(LONGITUDE, LATITUDE)
def test_there_and_back_is_the_same_place(longitude, latitude):
    place = shapely.Point(longitude, latitude)
    for crs in systems(longitude, latitude):
        forward = Transformer.from_crs(4326, crs.srid, always_xy=True).transform
        there = shapely.transform(place, forward, interleaved=False)
        if crs.swapped:
            there = shapely.Point(there.y, there.x)
        assert to_wgs84(there, crs).distance(place) < 1e-6


def test_latitude_comes_first_where_the_system_says_so():
    assert box_in_wgs84((4, 18), (5, 19), EPSG4326).bounds == (18, 4, 19, 5)
    assert box_in_wgs84((18, 4), (19, 5), CRS84).bounds == (18, 4, 19, 5)


def test_a_box_across_the_antimeridian_is_two():
    box = box_in_wgs84((170, -5), (-170, 5), CRS84)
    assert len(box.geoms) == 2
    assert box.covers(shapely.Point(179, 0))
    assert box.covers(shapely.Point(-179, 0))
    assert not box.covers(shapely.Point(0, 0))


@pytest.mark.parametrize(
    ("low", "high", "crs"),
    [
        ((0, 5), (1, 4), CRS84),
        ((190, 0), (10, 1), CRS84),
        ((1, 0), (0, 1), WEB_MERCATOR),
        ((0, 1), (1, 0), WEB_MERCATOR),
    ],
)
def test_what_is_inverted_is_no_box(low, high, crs):
    assert box_in_wgs84(low, high, crs) is None


def test_what_lies_beyond_the_world_is_left_out():
    assert box_in_wgs84((-400, -100), (400, 100), CRS84).bounds == (-180, -90, 180, 90)
    west, south, east, north = box_in_wgs84((-9e7, -9e7), (9e7, 9e7), WEB_MERCATOR).bounds
    assert (round(west), round(east)) == (-180, 180)
    assert north == -south > 85


def test_a_bent_box_follows_its_sides():
    """The corners alone of a wide box in UTM cut off what its upper side covers."""
    utm = utm_of(21, 60)
    low, high = (0, 6_600_000), (1_000_000, 6_700_000)
    bent = box_in_wgs84(low, high, utm)
    corners = to_wgs84(shapely.box(*low, *high), utm)
    assert bent.symmetric_difference(corners).area > 0.05 * corners.area / 10
    middle = to_wgs84(shapely.Point(500_000, 6_699_900), utm)
    assert bent.covers(middle)


def test_what_a_system_does_not_reach_is_nowhere():
    assert to_wgs84(shapely.Point(1e30, 1e30), utm_of(20, 5)) is None
    assert to_wgs84(shapely.Point(200, 0), CRS84) is None
