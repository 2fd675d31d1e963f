"""Tiles over HTTP: the same features as the items, for the same people, and nothing else."""

import pytest
import service as running_service
from pyproj import Transformer
from service import subject
from shapely import transform
from shapely.geometry import GeometryCollection, box, shape
from tiled import MVT, features, in_metres, path_of, tile_of, tiles_of

from flashpoint import layers
from flashpoint.layers import Layer, value_of
from flashpoint.store import tiles
from flashpoint.tile_grid import MAX_ZOOM, Tile
from flashpoint.types import Audience, Role

TILED = [layer.value for layer in tiles.TILED]
CALLERS = {Audience.MISSION: Role.READER, Audience.CLUSTER: Role.ANALYST}
METRES = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform
SOMEWHERE = tile_of(18.5, 4.5, 6)


@pytest.fixture(scope="module")
def painted(sampled):
    """An operation with some of everything."""
    operation = sampled.operation()
    operation.verified(sharing="mission", share_above="detail")
    operation.verified((19.5, 4.5), sharing="public", category="abduction", date_precision=3)
    operation.verified(sharing="cluster")
    operation.verified(None, sharing="mission", geo_precision=6)
    operation.analyst.post("/v1/communities", subject(operation.code, "community", sharing="mission"))
    operation.assess()
    return operation


@pytest.fixture
def operation(sampled):
    """An operation that no other test has."""
    made = sampled.operation()
    made.assess()
    return made


@pytest.fixture(scope="module")
def demo(sampled):
    return running_service.Operation(sampled, "DEMO")


def items(caller, operation, layer):
    answer = caller.get(f"/ogc/collections/{layer}/items?operation={operation.code}&limit=10000")
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["features"] if one["geometry"] is not None}


def drawn(caller, operation, layer, zoom):
    """Give what lies on the tiles of a zoom, by id, as pairs of tile and feature."""
    told = caller.get(f"/tiles/{layer}?operation={operation.code}").json()
    found = {}
    for tile in tiles_of(told["bounds"], zoom):
        answer = caller.get(path_of(tile, layer, f"?operation={operation.code}"))
        assert answer.status_code in {200, 204}, answer.text
        for one in features(answer.content, layer) if answer.content else []:
            found.setdefault(one["properties"]["id"], []).append((tile, one))
    return found


def told(item, layer, audience):
    """Give the attributes that a tile has of an item: those of its columns that say something."""
    given = {one.name: value_of(item["properties"], one) for one in tiles.drawn_columns(layer, audience)}
    return {"id": item["id"], **{name: value for name, value in given.items() if value is not None}}


# -- the same as the items ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", TILED)
@pytest.mark.parametrize("audience", CALLERS)
def test_tiles_have_the_features_and_values_of_the_items(painted, layer, audience):
    caller = painted.caller(CALLERS[audience])
    expected, found = items(caller, painted, layer), drawn(caller, painted, layer, 6)
    assert expected
    assert found.keys() == expected.keys()
    for feature, copies in found.items():
        for _, one in copies:
            assert one["properties"] == told(expected[feature], Layer(layer), audience)
            assert one["geometry"]["type"] in {"Point", "Polygon", "MultiPolygon"}


@pytest.mark.parametrize("zoom", [0, 5, 9])
def test_the_sample_lies_on_tiles_where_it_does_on_the_items(demo, zoom):
    caller = demo.reader
    expected, found = items(caller, demo, "matrix"), drawn(caller, demo, "matrix", zoom)
    assert found.keys() == expected.keys()
    for feature, copies in found.items():
        whole = transform(shape(expected[feature]["geometry"]), METRES, interleaved=False)
        for tile, one in copies:
            west, north = tile.corner
            within = box(west, north - tile.side, west + tile.side, north)
            mine = in_metres(one, tile)
            assert mine.is_valid
            # No more than a unit lost, and one by the grid, whichever way.
            assert mine.within(whole.buffer(2 * tile.unit))
            assert whole.intersection(within).difference(mine.buffer(2 * tile.unit)).is_empty


@pytest.mark.parametrize("layer", TILED)
@pytest.mark.parametrize("audience", Audience)
def test_tiles_tell_no_column_that_items_do_not_have(layer, audience):
    own = layers.columns(Layer(layer), audience)
    assert set(tiles.drawn_columns(Layer(layer), audience)) <= set(own)


def test_the_mission_has_nothing_of_the_clusters_rows(painted):
    for layer in ("incidents", "communities"):
        mission, cluster = (drawn(painted.caller(role), painted, layer, 6) for role in CALLERS.values())
        assert mission
        assert not mission.keys() & cluster.keys()
    mine = drawn(painted.reader, painted, "matrix", 6)
    names = {name for copies in mine.values() for _, one in copies for name in one["properties"]}
    assert "people_at_risk" not in names
    assert {"name", "pcode", "tier", "rank", "rank_low", "rank_high", "score", "silent"} <= names


def test_both_addresses_and_each_ending_lead_to_the_same_tile(painted):
    query = f"?operation={painted.code}"
    plain = painted.reader.get(path_of(SOMEWHERE, query=query))
    z, x, y = SOMEWHERE.zoom, SOMEWHERE.column, SOMEWHERE.row
    assert x != y
    addresses = [f"/tiles/matrix/{z}/{x}/{y}.mvt", f"/tiles/matrix/{z}/{x}/{y}.pbf"]
    addresses.append(f"/ogc/collections/matrix/tiles/WebMercatorQuad/{z}/{y}/{x}")
    for address in addresses:
        other = painted.reader.get(address + query)
        assert (other.content, other.headers["etag"]) == (plain.content, plain.headers["etag"])
    turned = painted.reader.get(f"/ogc/collections/matrix/tiles/WebMercatorQuad/{z}/{x}/{y}{query}")
    assert turned.status_code == 204


# -- tiles as an answer ---------------------------------------------------------------------------------------------


def test_a_tile_says_what_it_is(painted):
    answer = painted.reader.get(path_of(SOMEWHERE, query=f"?operation={painted.code}"), headers={"Accept-Encoding": ""})
    assert answer.headers["content-type"] == MVT
    assert "content-encoding" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"
    packed = painted.reader.get(path_of(SOMEWHERE, query=f"?operation={painted.code}"))
    assert packed.headers["content-encoding"] in {"gzip", "zstd"}
    assert packed.content == answer.content


def test_a_tile_that_has_not_changed_is_not_sent_again(operation):
    path = path_of(SOMEWHERE, query=f"?operation={operation.code}")
    first = operation.reader.get(path)
    seen = {"If-None-Match": first.headers["etag"]}
    assert operation.reader.get(path, headers=seen).status_code == 304
    # The same rows at another moment are the same tile.
    operation.assess()
    assert operation.reader.get(path, headers=seen).status_code == 304
    operation.verified()
    operation.assess()
    changed = operation.reader.get(path, headers=seen)
    assert changed.status_code == 200
    assert changed.content != first.content


def test_where_there_is_nothing_there_is_no_content(painted):
    answer = painted.reader.get(path_of(tile_of(-100, 40, 6), query=f"?operation={painted.code}"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"]
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("0/1/0", ["?column"]),
        ("0/0/1", ["?row"]),
        ("3/8/0", ["?column"]),
        ("3/0/8", ["?row"]),
        ("3/8/8", ["?column", "?row"]),
        (f"{MAX_ZOOM + 1}/0/0", ["?zoom"]),
        ("99999999999999999999/0/0", ["?zoom"]),
        ("-1/0/0", ["?zoom"]),
        ("0/-1/0", ["?column"]),
        ("a/0/0", ["?zoom"]),
        ("0/0/0.png", ["?row"]),
        ("00/0/0", ["?zoom"]),
    ],
)
def test_what_lies_beyond_the_grid_is_refused_with_the_rule(painted, where, wrong):
    zoom, column, row = where.split("/")
    for path in (f"/tiles/matrix/{where}", f"/ogc/collections/matrix/tiles/WebMercatorQuad/{zoom}/{row}/{column}"):
        answer = painted.reader.get(f"{path}?operation={painted.code}")
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        told = answer.json()["errors"]
        assert [one["pointer"] for one in told] == wrong
        assert all("a whole number from 0 to" in one["rule"] for one in told)


@pytest.mark.parametrize("layer", ["changes", "zones", "none", "..%2fmatrix"])
def test_other_layers_have_no_tiles(painted, layer):
    assert painted.reader.get(f"/tiles/{layer}/0/0/0?operation={painted.code}").status_code == 404
    assert painted.reader.get(f"/tiles/{layer}?operation={painted.code}").status_code == 404


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/tiles/matrix/0/0/0?operation={}&limit=3", "?limit"),
        ("/tiles/matrix/0/0/0?operation={0}&operation={0}", "?operation"),
        ("/tiles/matrix?operation=a-b", "?operation"),
        ("/tiles/styles/matrix?nothing=1", "?nothing"),
        ("/ogc/tileMatrixSets?x=1", "?x"),
        ("/ogc/tileMatrixSets/WebMercatorQuad?f=html", "?f"),
        ("/ogc/collections/matrix/tiles?operation={}&f=xml", "?f"),
        ("/ogc/collections/matrix/tiles/WebMercatorQuad/0/0/0?operation={}&f=png", "?f"),
    ],
)
def test_what_is_asked_wrongly_is_refused(painted, path, pointer):
    answer = painted.reader.get(path.format(painted.code))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)


# -- who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/tiles/matrix/0/0/0", "/tiles/matrix", "/tiles/styles/matrix", "/ogc/tileMatrixSets"]
)
def test_without_a_key_there_is_nothing(sampled, path):
    assert sampled.client.get(path).status_code == 401


def test_who_has_several_operations_names_one(sampled):
    wide = sampled.caller("tiles-wide", Role.READER, Audience.MISSION, None)
    assert wide.get("/tiles/matrix/0/0/0").json()["errors"][0]["pointer"] == "?operation"
    assert wide.get("/tiles/matrix/0/0/0?operation=DEMO").status_code == 200


def test_who_has_one_operation_need_not_name_it(painted):
    named, plain = (painted.reader.get(path_of(SOMEWHERE, query=q)) for q in (f"?operation={painted.code}", ""))
    assert plain.content == named.content
    assert painted.reader.get("/tiles/matrix").json()["tiles"] == ["https://testserver/tiles/matrix/{z}/{x}/{y}"]


def test_anothers_operation_is_one_that_nobody_has(painted, operation):
    for path in ("/tiles/matrix/0/0/0", "/tiles/matrix", "/ogc/collections/matrix/tiles"):
        theirs, nobodys = (painted.reader.get(f"{path}?operation={code}") for code in (operation.code, "NONE"))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.content == nobodys.content


def test_a_protocol_that_is_suspended_shuts_the_tiles_at_once(operation):
    path = path_of(SOMEWHERE, query=f"?operation={operation.code}")
    seen = {"If-None-Match": operation.reader.get(path).headers["etag"]}
    assert operation.reader.get(path, headers=seen).status_code == 304
    deed = {"operation": operation.code, "reason": "For tests."}
    stopped = operation.coordinator.post("/v1/protocols/TEST-P1/suspension", deed)
    assert stopped.status_code == 200, stopped.text
    operation.service.app.state.watch.reload([])
    for shut in (
        path,
        f"/tiles/matrix?operation={operation.code}",
        f"/tiles/incidents/0/0/0?operation={operation.code}",
    ):
        refused = operation.reader.get(shut, headers=seen)
        assert refused.status_code == 403
        assert refused.json()["type"].startswith("urn:flashpoint:problem:")


# -- what is said of the tiles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", TILED)
def test_tilejson_says_where_the_tiles_are_and_what_is_in_them(painted, layer):
    answer = painted.reader.get(f"/tiles/{layer}?operation={painted.code}")
    told = answer.json()
    assert told["tilejson"] == "3.0.0"
    assert told["tiles"] == [f"https://testserver/tiles/{layer}/{{z}}/{{x}}/{{y}}?operation={painted.code}"]
    assert (told["minzoom"], told["maxzoom"]) == (0, MAX_ZOOM)
    assert told["attribution"] == "Mission, restricted. Information-sharing protocol TEST-P1"
    shapes = GeometryCollection([shape(one["geometry"]) for one in items(painted.reader, painted, layer).values()])
    # What lies beyond it, no client asks for.
    assert shapes.within(box(*told["bounds"]).buffer(1e-5))
    (described,) = told["vector_layers"]
    found = drawn(painted.reader, painted, layer, 6)
    names = {name for copies in found.values() for _, one in copies for name in one["properties"]}
    assert described["id"] == layer
    assert names <= described["fields"].keys()
    seen = {"If-None-Match": answer.headers["etag"]}
    assert painted.reader.get(f"/tiles/{layer}?operation={painted.code}", headers=seen).status_code == 304


def test_addresses_stand_under_the_name_that_was_asked_by(painted):
    path = f"/tiles/matrix?operation={painted.code}"
    for host, origin in {"maps.example.org": "https://maps.example.org", "127.0.0.1:81": "http://127.0.0.1:81"}.items():
        answer = painted.reader.get(path, headers={"Host": host})
        assert answer.json()["tiles"][0].startswith(f"{origin}/tiles/matrix/")
    odd = painted.reader.get(path, headers={"Host": "a b"})
    assert odd.json()["tiles"][0].startswith("/tiles/matrix/")


# -- the same rows, and no more than there is room for --------------------------------------------------------------

MANY = """
    INSERT INTO release.picture_incident
        (operation, audience, released_id, revision, content_sha256, zone, properties, category, period, zone_id, point)
    SELECT %s, 'mission', gen_random_uuid(), 1, '\\x00', 'X1101',
           '{"category":"abduction","period":"2026","zone":"X1101"}', 'abduction', '2026', gen_random_uuid(),
           ST_SetSRID(ST_MakePoint(18 + n %% 100 / 100.0, 4 + n / 100 / 120.0), 4326)
    FROM generate_series(1, %s) n
"""


def test_of_too_many_points_those_with_the_first_ids_are_drawn(operation):
    operation.service.owner.execute(MANY, (operation.code, tiles.MOST_POINTS + 1_000))
    answer = operation.reader.get(f"/tiles/incidents/0/0/0?operation={operation.code}")
    found = [one["properties"]["id"] for one in features(answer.content, "incidents")]
    query = "SELECT released_id::text FROM release.picture_incident WHERE operation = %s ORDER BY released_id"
    ids = [one for (one,) in operation.service.owner.execute(query, (operation.code,))]
    assert found == ids[: tiles.MOST_POINTS]
    close = Tile(9, *(getattr(tile_of(18.5, 4.4, 9), part) for part in ("column", "row")))
    near = operation.reader.get(path_of(close, "incidents", f"?operation={operation.code}"))
    # Closer in, there is room for all; the last ids are among them.
    assert {one["properties"]["id"] for one in features(near.content, "incidents")} & set(ids[tiles.MOST_POINTS :])
