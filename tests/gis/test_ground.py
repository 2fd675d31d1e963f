"""The ground of a matrix in memory: what touches an area, what is behind a feature, what outlasts a release."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from api.ogc.ground import WORLD, Ground, Grounds
from api.sheet import Sheet
from flashpoint.released import Locality, Place, Released, Standing, Written
from flashpoint.types import Audience

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
PLAIN = {"code_list": "Test", "adm1_pcode": "X1", "adm2_pcode": None, "adm3_pcode": None}


def an_area(west: float, south: float) -> Place:
    """A diamond: its extent touches more than it does."""
    area = shapely.Polygon([(west, south + 1), (west + 1, south), (west + 2, south + 1), (west + 1, south + 2)])
    return Place(shapely.to_geojson(area).encode(), b'{"type":"Point","coordinates":[0,0]}', area.bounds)


def a_row(number: int, place: Place, before: dict | None = None) -> Written:
    told = {"name": f"Place {number}", "pcode": f"X{number}", **PLAIN, "score": 10.0}
    explanation = json.dumps({"last_week": before}).encode()
    locality = Locality(str(UUID(int=number)), 1, f"X{number}", f"Place {number}")
    return Written(locality, "watch", 10.0, json.dumps(told, separators=(",", ":")).encode(), explanation, place)


def a_sheet(*rows: Written, operation: str = "T") -> Sheet:
    ranks = np.array([(rank, rank, rank + 1) for rank in range(1, len(rows) + 1)]).reshape(-1, 3)
    standing = Standing(ranks, np.full(len(rows), 1.0))
    released = Released(operation, Audience.CLUSTER, "b", 1, AS_OF, bytes(32), b'"as_of":"x"', rows, standing)
    return Sheet(released)


def ground_of(*rows: Written) -> Ground:
    return Grounds().of(a_sheet(*rows))


CORNERS = st.integers(-20, 20).map(float)


@given(st.lists(st.tuples(CORNERS, CORNERS), max_size=8), CORNERS, CORNERS, st.integers(0, 6), st.integers(0, 6))
def test_what_touches_an_area_is_what_its_shape_touches(corners, west, south, width, height):
    places = [an_area(*corner) for corner in corners]
    area = shapely.box(west, south, west + width, south + height)
    touched = [at for at, place in enumerate(places) if shapely.from_geojson(place.polygon).intersects(area)]
    assert ground_of(*map(a_row, range(1, len(places) + 1), places)).touching(area) == touched


def test_a_place_that_is_withheld_touches_nothing_and_is_in_no_extent():
    withheld = Place(b"null", b"null", None)
    ground = ground_of(a_row(1, withheld), a_row(2, an_area(10, 5)))
    assert ground.touching(shapely.box(*WORLD)) == [1]
    assert ground.extent == (10, 5, 12, 7)
    assert ground_of(a_row(1, withheld)).extent == WORLD
    assert [one.srid for one in ground_of(a_row(1, withheld)).systems] == [4326, 4326, 3857]
    assert ground.systems[-1].srid == 32632


def test_behind_a_feature_are_those_after_it_whether_or_not_it_is_there():
    ground = ground_of(*(a_row(number, an_area(0, 0)) for number in (2, 4, 6)))
    assert ground.behind(None) == 0
    assert [ground.behind(str(UUID(int=number))) for number in range(1, 8)] == [0, 1, 1, 2, 2, 3, 3]


def test_where_places_lie_is_kept_until_one_of_them_moves():
    grounds, places = Grounds(), [an_area(0, 0), an_area(5, 5)]
    first = grounds.of(a_sheet(*map(a_row, (1, 2), places)))
    tree = first.tree
    again = grounds.of(a_sheet(*map(a_row, (1, 2), places)))
    assert again is not first
    assert again.tree is tree
    # Another place with the same shape is looked at again: it is not the very same.
    moved = grounds.of(a_sheet(a_row(1, places[0]), a_row(2, an_area(5, 5))))
    assert moved.tree is not tree


def test_each_operation_has_a_ground_of_its_own():
    grounds, row = Grounds(), a_row(1, an_area(0, 0))
    one, other = a_sheet(row), a_sheet(row, operation="OTHER")
    assert grounds.of(one) is grounds.of(one)
    assert grounds.of(other).sheet is other
    assert grounds.of(one).sheet is one


@pytest.mark.parametrize(
    ("before", "moves"),
    [
        ({"rank": 1, "tier": "watch", "score": 10.0}, None),
        ({"rank": 2, "tier": "watch", "score": 10.0}, {"rank": {"from": 2, "to": 1}}),
        ({"rank": 1, "tier": "high", "score": 10.0}, {"tier": {"from": "high", "to": "watch"}}),
        ({"rank": 1, "tier": "watch", "score": 9.5}, {"score": {"from": 9.5, "to": 10.0}}),
        (None, {"rank": {"from": None, "to": 1}, "score": {"from": None, "to": 10.0}}),
    ],
)
def test_what_moved_is_what_stands_otherwise_than_a_week_earlier(before, moves):
    moved = ground_of(a_row(1, an_area(0, 0), before)).moved
    assert (moved.since, moved.as_of) == (AS_OF - timedelta(days=7), AS_OF)
    rows = json.loads(moved.rows)
    assert bool(rows) == (moves is not None)
    if moves:
        assert rows[0]["id"] == str(UUID(int=1))
        assert moves.items() <= rows[0]["properties"].items()


def test_properties_are_those_of_the_matrix_and_of_the_locality_alone():
    ground = ground_of(a_row(1, an_area(0, 0)))
    ranked = json.loads(ground.ranked(0))
    assert (ranked["rank"], ranked["rank_high"], ranked["top_k_share"], ranked["score"]) == (1, 2, 1.0, 10.0)
    assert json.loads(ground.plain(0)) == {"name": "Place 1", "pcode": "X1", **PLAIN}
