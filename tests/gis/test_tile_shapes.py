"""The shapes on tiles: sound, and without holes between neighbours, however coarse the tile; the grid they lie on."""

import json
import random
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import MultiPoint, MultiPolygon, Polygon, box
from tiled import decoded, features, in_metres, tile_of

from flashpoint.errors import Invalid
from flashpoint.layers import Layer
from flashpoint.store import tiles
from flashpoint.store.engine import Database
from flashpoint.store.layer_sources import source
from flashpoint.tile_grid import BUFFER, EXTENT, MAX_ZOOM, Tile, tile_at
from flashpoint.types import Audience

CODE, WHOLE = "MOSAIC", box(18, 4, 20, 6)
METRES = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform
DEGREES = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True).transform
NUMBERS = "INSERT INTO release.matrix VALUES (%s, 'mission', 'b', 1, now(), now(), '\\x00', '{}', %s, %s, %s, %s)"
ROW = """
    INSERT INTO release.matrix_row (operation, audience, locality_id, locality_version, revision, content_sha256,
        pcode, name, tier, score, properties, explanation, point, area)
    VALUES (%s, 'mission', %s, 1, 1, '\\x00', %s, 'Cell', 'watch', 1, %s, '{}', ST_PointOnSurface(%s), %s)
"""


def winding(start, end):
    """Give the points of a border from one end to the other, the same whoever goes along it."""
    first, last = sorted((start, end))
    chance = random.Random(repr((first, last)))
    reach = np.subtract(last, first)
    along = [
        tuple(np.add(first, at / 30 * reach) + chance.uniform(-0.01, 0.01) * reach[::-1] * (1, -1))
        for at in range(1, 30)
    ]
    points = [first, *along, last]
    return points[:-1] if start == first else points[:0:-1]


@pytest.fixture(scope="module")
def mosaic():
    """Forty cells that share winding borders and leave no gap."""
    chance = random.Random(11)
    seeds = MultiPoint([(chance.uniform(18, 20), chance.uniform(4, 6)) for _ in range(40)])
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=WHOLE)), WHOLE)
    found = []
    for cell in cells:
        corners = [(round(x, 9), round(y, 9)) for x, y in cell.exterior.coords]
        found.append(Polygon([p for pair in pairwise(corners) for p in winding(*pair)]))
    assert all(one.is_valid for one in found)
    return found


@pytest.fixture(scope="module")
def painted(module_database_url, mosaic):
    """A release of that, without all that comes before one."""
    database = Database(module_database_url, pool_size=2)
    ranks = list(range(1, len(mosaic) + 1))
    with database.engine.begin() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(NUMBERS, (CODE, ranks, ranks, ranks, [1.0] * len(ranks)))
        for number, cell in enumerate(mosaic):
            area = f"SRID=4326;{MultiPolygon([cell]).wkt}"
            told = json.dumps({"name": "Cell", "pcode": f"X{number:02}", "silent": False})
            cursor.execute(ROW, (CODE, UUID(int=number), f"X{number:02}", told, area, area))
    yield database
    database.close()


def drawn(database, tile, layer=Layer.MATRIX):
    with database.release_cursor() as cursor:
        return tiles.draw(cursor, source(layer, CODE, Audience.MISSION), tile)[0]


def gaps(shapes, unit):
    """Give the widest gap between shapes that should leave none, in units: half its width is what closes it."""
    joined = shapely.union_all(shapes)
    return max((shapely.maximum_inscribed_circle(Polygon(one)).length / unit for one in holes(joined)), default=0)


def holes(joined):
    return [ring for part in shapely.get_parts(joined) for ring in part.interiors]


@pytest.mark.parametrize("zoom", [3, 5, 6, 7, 8, 11])
def test_neighbours_leave_no_holes_and_every_shape_is_sound(painted, mosaic, zoom):
    tile = tile_of(19, 5, zoom)
    found = features(drawn(painted, tile), "matrix")
    shapes = [in_metres(one, tile) for one in found]
    assert all(one.is_valid for one in shapes)
    # An eighth of a pixel is one unit.
    assert gaps(shapes, tile.unit) <= 2
    whole = shapely.union_all([shapely.transform(one, METRES, interleaved=False) for one in mosaic])
    wanted = whole.intersection(box(*tile.reach))
    assert wanted.difference(shapely.union_all(shapes).buffer(3 * tile.unit)).is_empty


def test_shapes_simplified_beyond_the_grid_would_leave_holes(mosaic):
    tile = tile_of(19, 5, 7)
    coarse = [shapely.transform(one, METRES, interleaved=False).simplify(40 * tile.unit) for one in mosaic]
    assert gaps(coarse, tile.unit) > 2


def test_a_tile_is_the_same_bytes_each_time_in_the_order_of_the_ids(painted):
    tile = tile_of(19, 5, 7)
    first = drawn(painted, tile)
    assert drawn(painted, tile) == first
    ids = [one["properties"]["id"] for one in features(first, "matrix")]
    assert ids == sorted(ids)
    assert [one["properties"]["rank"] for one in features(first, "matrix")] == [UUID(one).int + 1 for one in ids]


def test_outer_rings_go_round_as_the_format_has_it(painted):
    for zoom in (6, 9):
        for one in features(drawn(painted, tile_of(19, 5, zoom)), "matrix"):
            kind, told = one["geometry"]["type"], one["geometry"]["coordinates"]
            for rings in told if kind == "MultiPolygon" else [told]:
                # On the screen, where y grows downwards, clockwise: what a shoelace calls counter-clockwise.
                assert Polygon(rings[0]).exterior.is_ccw


def test_nothing_is_told_beyond_the_reach_of_a_tile(painted):
    tile = tile_of(19, 5, 9)
    for one in features(drawn(painted, tile), "matrix"):
        west, south, east, north = shapely.geometry.shape(one["geometry"]).bounds
        assert min(west, south) >= -BUFFER
        assert max(east, north) <= EXTENT + BUFFER


def test_localities_are_drawn_without_being_ranked(painted):
    tile = tile_of(19, 5, 6)
    alone, ranked = (features(drawn(painted, tile, one), one) for one in (Layer.LOCALITIES, Layer.MATRIX))
    assert [one["geometry"] for one in alone] == [one["geometry"] for one in ranked]
    assert all(one["properties"].keys() == {"id", "name", "pcode"} for one in alone)


def test_the_rows_on_a_tile_are_found_by_the_index(painted):
    tile = tile_of(18.1, 4.1, 11)
    with painted.engine.begin() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("SET LOCAL enable_seqscan = off")
        box = ", ".join(map(repr, tile.reach))
        query = f"""
            EXPLAIN SELECT name FROM release.matrix_row
            WHERE operation = 'MOSAIC' AND audience = 'mission' AND mercator && ST_MakeEnvelope({box}, 3857)
        """
        cursor.execute("DROP INDEX release.ix_matrix_row_revision")
        plan = "\n".join(line for (line,) in cursor.execute(query).fetchall())
        assert "ix_matrix_row_mercator" in plan
        connection.rollback()


def test_an_empty_tile_has_no_bytes(painted):
    assert drawn(painted, tile_of(-100, 40, 6)) == b""
    assert decoded(b"") == {}


# -- the grid -------------------------------------------------------------------------------------------------------

TILES = st.integers(0, MAX_ZOOM).flatmap(
    lambda zoom: st.builds(Tile, st.just(zoom), *[st.integers(0, 2**zoom - 1)] * 2)
)


@given(TILES)
def test_a_tile_is_where_the_projection_says(tile):
    (west, north), degrees = tile.corner, tile.reach_in_degrees
    # Beyond the antimeridian the projection begins anew, and a box does not.
    told = np.array([*DEGREES(*tile.reach[:2]), *DEGREES(*tile.reach[2:])]) - degrees
    assert np.allclose(np.remainder(told + 180, 360), 180)
    assert degrees[0] < degrees[2]
    centre = DEGREES(west + tile.side / 2, north - tile.side / 2)
    assert tile_of(*centre, tile.zoom) == tile
    assert tile_at(*map(str, (tile.zoom, tile.column, tile.row))) == tile


@pytest.mark.parametrize(
    "where", ["x 0 0", "15 0 0", "1 2 0", "1 0 2", "1 00 0", "-1 0 0", "1 \u0660 0", "1 0 123456", " 1 0"]
)
def test_what_names_no_tile_is_refused(where):
    with pytest.raises(Invalid):
        tile_at(*where.split(" "))
