"""OGC API - Tiles, Part 1 (20-057): a test for each requirement of the classes that are declared, by its identifier."""

import math
from urllib.parse import urlsplit

import pytest
import service as running_service
from tiled import MVT, decoded, features, in_metres

from api.ogc.tile_documents import TILES_CONFORMANCE
from flashpoint.tile_grid import Tile

QUAD = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
COLLECTIONS = ("matrix", "localities", "communities", "incidents")
#: A tile of the sample, in the middle of the country: where the row is not the column.
SIXTH = Tile(6, 35, 31)


@pytest.fixture(scope="module")
def reader(sampled):
    return running_service.Operation(sampled, "DEMO").reader


def get(reader, path):
    answer = reader.get(path)
    assert answer.status_code == 200, answer.text
    return answer


def document(reader, path):
    answer = get(reader, path)
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def the(links, rel):
    (found,) = [one for one in links if one["rel"] == rel]
    return found


def followed(reader, link):
    """Follow a link, whose host is the one that was asked."""
    parts = urlsplit(link["href"])
    assert parts.netloc == "testserver"
    return get(reader, f"{parts.path}?{parts.query}")


def template(reader, collection="matrix"):
    return the(document(reader, f"/ogc/collections/{collection}/tiles/WebMercatorQuad")["links"], "item")


def filled(link, tile):
    """Fill the template of a tile."""
    for name, value in {"tileMatrix": tile.zoom, "tileRow": tile.row, "tileCol": tile.column}.items():
        assert f"{{{name}}}" in link["href"]
        link = link | {"href": link["href"].replace(f"{{{name}}}", str(value))}
    return urlsplit(link["href"]).path


# -- /conf/core -----------------------------------------------------------------------------------------------------


def test_req_core_tc_op(reader):
    for collection in COLLECTIONS:
        assert reader.get(filled(template(reader, collection), SIXTH)).status_code == 200


@pytest.mark.parametrize("zoom", ["0", "6", "14"])
def test_req_core_tc_tilematrix_definition(reader, zoom):
    matrices = document(reader, "/ogc/tileMatrixSets/WebMercatorQuad")["tileMatrices"]
    limits = document(reader, "/ogc/collections/matrix/tiles/WebMercatorQuad")["tileMatrixSetLimits"]
    assert zoom in {one["id"] for one in matrices} & {one["tileMatrix"] for one in limits}
    assert reader.get(f"/ogc/collections/matrix/tiles/WebMercatorQuad/{zoom}/0/0").status_code in {200, 204}


def test_req_core_tc_tilerow_definition(reader):
    # Rows count from the north: further down there is less north.
    north, south = (reader.get(filled(template(reader), Tile(5, 17, row))) for row in (15, 14))
    tops = [
        max(in_metres(one, Tile(5, 17, row)).bounds[3] for one in features(answer.content, "matrix"))
        for answer, row in ((north, 15), (south, 14))
        if answer.content
    ]
    assert tops == sorted(tops)


def test_req_core_tc_tilecol_definition(reader):
    tile = SIXTH
    found = features(get(reader, filled(template(reader), tile)).content, "matrix")
    (west, north), more = tile.corner, 65 * tile.unit
    for one in found:
        bounds = in_metres(one, tile).bounds
        assert west - more <= bounds[0] <= bounds[2] <= west + tile.side + more
        assert north - tile.side - more <= bounds[1] <= bounds[3] <= north + more


def test_req_core_tc_success(reader):
    answer = get(reader, filled(template(reader), SIXTH))
    assert answer.headers["content-type"] == MVT
    assert features(answer.content, "matrix")


def test_req_core_tc_error(reader):
    for where in ("15/0/0", "3/8/0", "3/0/8", "0/-1/0", "x/0/0"):
        assert reader.get(f"/ogc/collections/matrix/tiles/WebMercatorQuad/{where}").status_code == 400
    empty = reader.get(filled(template(reader), Tile(6, 0, 0)))
    assert (empty.status_code, empty.content) == (204, b"")


def test_req_core_conformance_success(reader):
    declared = document(reader, "/ogc/conformance")["conformsTo"]
    tiles = [one for one in declared if "ogcapi-tiles" in one]
    assert tiles == list(TILES_CONFORMANCE)
    tested = {name.removeprefix("test_req_") for name in globals() if name.startswith("test_req_")}
    for one in tiles:
        name = one.rsplit("/", 1)[1].replace("-", "_")
        assert any(test.startswith(f"{name}_") for test in tested), one


# -- /conf/tileset --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_req_tileset_description(reader, collection):
    told = document(reader, f"/ogc/collections/{collection}/tiles/WebMercatorQuad")
    assert {"title", "dataType", "crs", "tileMatrixSetURI", "links"} <= told.keys()
    assert (told["dataType"], told["crs"], told["tileMatrixSetURI"]) == ("vector", MERCATOR, QUAD)
    assert followed(reader, the(told["links"], SCHEME)).json()["id"] == "WebMercatorQuad"
    assert followed(reader, the(told["links"], "self")).json() == told
    item = the(told["links"], "item")
    assert (item["templated"], item["type"]) == (True, MVT)
    (layer,) = told["layers"]
    assert (layer["id"], layer["dataType"]) == (collection, "vector")
    assert layer["geometryDimension"] == (2 if collection in {"matrix", "localities"} else 0)
    low, high = (told["boundingBox"][name] for name in ("lowerLeft", "upperRight"))
    assert low[0] < high[0]
    assert low[1] < high[1]


def test_req_tileset_description_of_the_attributes(reader):
    told = document(reader, "/ogc/collections/matrix/tiles/WebMercatorQuad")["layers"][0]["propertiesSchema"]
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    for one in features(get(reader, filled(template(reader), SIXTH)).content, "matrix"):
        for name, value in one["properties"].items():
            assert isinstance(value, kinds[told["properties"][name]["type"]])


# -- /conf/tilesets-list --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_req_tilesets_list_tileset_links(reader, collection):
    for one in document(reader, f"/ogc/collections/{collection}/tiles")["tilesets"]:
        assert (one["dataType"], one["crs"], one["tileMatrixSetURI"]) == ("vector", MERCATOR, QUAD)
        whole = followed(reader, the(one["links"], "self")).json()
        assert {name: whole[name] for name in one} == one
        assert followed(reader, the(one["links"], SCHEME)).json()["uri"] == QUAD


def test_req_tilesets_list_tileset_path(reader):
    (one,) = document(reader, "/ogc/collections/matrix/tiles")["tilesets"]
    assert urlsplit(the(one["links"], "self")["href"]).path == "/ogc/collections/matrix/tiles/WebMercatorQuad"


# -- /conf/geodata-tilesets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_req_geodata_tilesets_desc_links(reader, collection):
    links = document(reader, f"/ogc/collections/{collection}?f=json")["links"]
    found = followed(reader, the(links, "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"))
    assert len(found.json()["tilesets"]) == 1


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_req_geodata_tilesets_operation(reader, collection):
    links = document(reader, f"/ogc/collections/{collection}?f=json")["links"]
    own = urlsplit(the(links, "self")["href"]).path
    assert document(reader, f"{own}/tiles")["tilesets"]


# -- /conf/mvt ------------------------------------------------------------------------------------------------------


def test_req_mvt_content(reader):
    for collection, kinds in {"matrix": {"Polygon", "MultiPolygon"}, "incidents": {"Point"}}.items():
        told = decoded(get(reader, filled(template(reader, collection), SIXTH)).content)
        assert list(told) == [collection]
        assert {one["geometry"]["type"] for one in told[collection]["features"]} <= kinds
        assert (told[collection]["version"], told[collection]["extent"]) == (2, 4096)


# -- the grid (OGC 17-083r4, JSON) ----------------------------------------------------------------------------------


def test_the_grid_is_the_one_that_is_registered(reader):
    (listed,) = document(reader, "/ogc/tileMatrixSets")["tileMatrixSets"]
    told = followed(reader, the(listed["links"], "self")).json()
    assert (told["id"], told["uri"], told["crs"]) == ("WebMercatorQuad", QUAD, MERCATOR)
    assert [one["id"] for one in told["tileMatrices"]] == [str(zoom) for zoom in range(25)]
    first, last = told["tileMatrices"][0], told["tileMatrices"][24]
    # As the register has them.
    assert math.isclose(first["scaleDenominator"], 559082264.028717, rel_tol=1e-12)
    assert math.isclose(first["cellSize"], 156543.033928041, rel_tol=1e-12)
    assert math.isclose(last["scaleDenominator"], 33.3238997477244, rel_tol=1e-10)
    assert first["pointOfOrigin"] == pytest.approx([-20037508.342789244, 20037508.342789244])
    assert last["matrixWidth"] == last["matrixHeight"] == 16777216
    assert {(one["tileWidth"], one["tileHeight"], one["cornerOfOrigin"]) for one in told["tileMatrices"]} == {
        (256, 256, "topLeft")
    }
    assert reader.get("/ogc/tileMatrixSets/WorldCRS84Quad").status_code == 404
    assert reader.get("/ogc/collections/matrix/tiles/WorldCRS84Quad").status_code == 404
