"""OGC API - Features, Part 2 (OGC 18-058r1): coordinate reference systems by reference, one test a requirement."""

import re

import pytest
import shapely
from ogc import CRS84, EPSG, LAYERS, pages
from pyproj import CRS, Transformer
from shapely.geometry import shape

#: The world of these tests lies in UTM zone 34 north.
SYSTEMS = [CRS84, EPSG.format(4326), EPSG.format(3857), EPSG.format(32634)]
OTHERS = ["", "EPSG:4326", "4326", "nonsense", EPSG.format(2154), EPSG.format(32633), CRS84.replace("http", "https")]
#: A box around the south-west corner of the first locality, in degrees.
AROUND = (17.9, 3.9, 18.2, 4.2)


@pytest.fixture(scope="module")
def described(ogc):
    return ogc.document("/api")["components"]["parameters"]


def transformer(uri, *, forward=True):
    """Go from longitude and latitude to a system in the order of its own axes, by PROJ's own reading of that order."""
    crs = CRS.from_user_input("OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.rsplit('/', 1)[1]}")
    ends = (CRS.from_user_input("OGC:CRS84"), crs)
    return Transformer.from_crs(*(ends if forward else ends[::-1])).transform


def brought(geometry, uri):
    return shapely.transform(shape(geometry), transformer(uri), interleaved=False)


def box_in(uri, bounds=AROUND):
    """Write a box in a system, in the order of its axes: what covers the four corners."""
    west, south, east, north = bounds
    corners = [transformer(uri)(x, y) for x in (west, east) for y in (south, north)]
    first, second = zip(*corners, strict=True)
    return ",".join(map(str, (min(first), min(second), max(first), max(second))))


# -- what is said of them ---------------------------------------------------------------------------------------------


def test_req_crs_crs_uri(ogc):
    """/req/crs/crs-uri"""
    for layer in LAYERS:
        for uri in ogc.document(f"/collections/{layer}")["crs"]:
            assert re.fullmatch(r"http://www\.opengis\.net/def/crs/(OGC/1\.3/CRS84|EPSG/0/[0-9]+)", uri)


def test_req_crs_fc_md_crs_list(ogc):
    """/req/crs/fc-md-crs-list"""
    for layer in LAYERS:
        listed = ogc.document(f"/collections/{layer}")["crs"]
        assert listed == SYSTEMS
        assert CRS84 in listed


def test_req_crs_fc_md_crs_list_global(ogc):
    """/req/crs/fc-md-crs-list-global"""
    found = ogc.document("/collections")
    for one in found["collections"]:
        listed = [each for uri in one["crs"] for each in (found["crs"] if uri == "#/crs" else [uri])]
        assert listed == found["crs"] == SYSTEMS


def test_req_crs_fc_md_storagecrs(ogc):
    """/req/crs/fc-md-storageCrs"""
    assert all(ogc.document(f"/collections/{layer}")["storageCrs"] == CRS84 for layer in LAYERS)


def test_req_crs_fc_md_storagecrs_valid_value(ogc):
    """/req/crs/fc-md-storageCrs-valid-value"""
    for layer in LAYERS:
        told = ogc.document(f"/collections/{layer}")
        assert told["storageCrs"] in told["crs"]
        assert "storageCrsCoordinateEpoch" not in told


def defined(parameter, name):
    told = (parameter["name"], parameter["in"], parameter["required"], parameter["style"], parameter["explode"])
    return told == (name, "query", False, "form", False) and parameter["schema"] == {"type": "string", "format": "uri"}


def test_req_crs_fc_bbox_crs_definition(described):
    """/req/crs/fc-bbox-crs-definition"""
    assert defined(described["bbox-crs"], "bbox-crs")


def test_req_crs_fc_crs_definition(described):
    """/req/crs/fc-crs-definition"""
    assert defined(described["crs"], "crs")


# -- boxes ------------------------------------------------------------------------------------------------------------


def test_req_crs_fc_bbox_crs_valid_value(ogc):
    """/req/crs/fc-bbox-crs-valid-value"""
    for layer in LAYERS:
        for uri in SYSTEMS:
            assert ogc.ask(layer, bbox=box_in(uri), bbox_crs=uri).status_code == 200
    for uri in OTHERS:
        ogc.refused("?bbox-crs", "matrix", bbox="1,2,3,4", bbox_crs=uri)


def test_req_crs_fc_bbox_crs_valid_defaultvalue(ogc):
    """/req/crs/fc-bbox-crs-valid-defaultValue"""
    for layer in LAYERS:
        assert ogc.ids(layer, bbox=box_in(CRS84)) == ogc.ids(layer, bbox=box_in(CRS84), bbox_crs=CRS84)
        # The system of the answer says nothing of that of the box.
        assert ogc.ids(layer, bbox=box_in(CRS84), crs=SYSTEMS[2]) == ogc.ids(layer, bbox=box_in(CRS84))
    assert ogc.names("matrix", bbox=box_in(CRS84)) == {"101"}


def test_req_crs_fc_bbox_crs_action(ogc):
    """/req/crs/fc-bbox-crs-action"""
    for layer in LAYERS:
        for bounds in (AROUND, (18.5, 4.5, 19.5, 6.5), (19.001, 4.2, 19.4, 4.4)):
            expected = ogc.ids(layer, bbox=",".join(map(str, bounds)))
            for uri in SYSTEMS:
                # Over so little ground the four systems bend by a few metres, in which nothing lies.
                assert ogc.ids(layer, bbox=box_in(uri, bounds), bbox_crs=uri) == expected, uri
    assert ogc.names("matrix", bbox="3.9,17.9,4.2,18.2", bbox_crs=SYSTEMS[1]) == {"101"}
    assert ogc.names("matrix", bbox="3.9,17.9,4.2,18.2") == set()


def test_req_crs_bbox_crs_exception(ogc):
    """/req/crs/bbox-crs-exception"""
    for uri in OTHERS:
        problem = ogc.refused("?bbox-crs", "incidents", bbox="1,2,3,4", bbox_crs=uri)
        assert all(one["rule"] for one in problem["errors"])
        ogc.refused("?bbox-crs", "incidents", bbox_crs=uri)


# -- answers ----------------------------------------------------------------------------------------------------------


def test_req_crs_fc_crs_valid_value(ogc):
    """/req/crs/fc-crs-valid-value"""
    for layer in LAYERS:
        feature = f"/collections/{layer}/items/{ogc.ids(layer)[0]}"
        for uri in SYSTEMS:
            assert ogc.ask(layer, crs=uri).status_code == ogc.get(feature, crs=uri).status_code == 200
        for uri in OTHERS:
            assert ogc.get(feature, crs=uri).status_code == 400


def test_req_crs_fc_crs_default_value(ogc):
    """/req/crs/fc-crs-default-value"""
    for layer in LAYERS:
        assert ogc.features(layer) == ogc.features(layer, crs=CRS84)


#: How far two ways to compute the same may lie apart: about a metre, which is how coordinates are rounded.
NEAR = {CRS84: 2e-5, EPSG.format(4326): 2e-5, EPSG.format(3857): 1.5, EPSG.format(32634): 1.5}


def test_req_crs_fc_crs_action(ogc):
    """/req/crs/fc-crs-action"""
    for layer in LAYERS:
        plain = ogc.features(layer)
        for uri in SYSTEMS:
            found = ogc.features(layer, crs=uri)
            assert [one["id"] for one in found] == [one["id"] for one in plain]
            for one, other in zip(found, plain, strict=True):
                # A time makes JSON-FG of a feature, whose geometry would be in degrees.
                timed = {"geometry": None} if "4326" in uri or uri == CRS84 else {"geometry": None, "time": None}
                assert {**one, **timed} == {**other, **timed}
                if other["geometry"] is not None:
                    there, expected = shape(one["geometry"]), brought(other["geometry"], uri)
                    assert shapely.equals_exact(there.normalize(), expected.normalize(), NEAR[uri]), (layer, uri)


def test_latitude_comes_first_in_epsg_4326(ogc):
    one = ogc.features("incidents", crs=SYSTEMS[1], bbox="18,4,19,5")[0]
    assert 4 <= one["geometry"]["coordinates"][0] <= 5
    assert 18 <= one["geometry"]["coordinates"][1] <= 19


def test_one_feature_has_the_coordinates_that_it_has_among_all(ogc):
    for layer in LAYERS:
        for uri in SYSTEMS:
            listed = ogc.features(layer, crs=uri)[0]
            answer = ogc.get(f"/collections/{layer}/items/{listed['id']}", crs=uri)
            assert answer.json()["geometry"] == listed["geometry"]
            assert answer.headers["content-crs"] == f"<{uri}>"


def test_req_crs_crs_exception(ogc):
    """/req/crs/crs-exception"""
    for uri in OTHERS:
        problem = ogc.refused("?crs", "matrix", crs=uri)
        assert all(one["rule"] for one in problem["errors"])


def test_req_crs_geojson(ogc):
    """/req/crs/geojson"""
    # Only who names another system gets one, which is the prior arrangement of RFC 7946; no member says it again.
    for layer in LAYERS:
        assert "crs" not in ogc.page(layer)
        assert ogc.page(layer)["features"] == ogc.page(layer, crs=CRS84)["features"]


def test_req_crs_ogc_crs_header(ogc):
    """/req/crs/ogc-crs-header"""
    for layer in LAYERS:
        for asked in ({}, {"crs": SYSTEMS[2]}, {"bbox": "40,4,50,5"}, {"f": "html"}, {"limit": 1, "filter": "FALSE"}):
            assert "content-crs" in ogc.ask(layer, **asked).headers
        assert "content-crs" in ogc.get(f"/collections/{layer}/items/{ogc.ids(layer)[0]}").headers


def test_req_crs_ogc_crs_header_value(ogc):
    """/req/crs/ogc-crs-header-value"""
    for layer in LAYERS:
        for uri in SYSTEMS:
            assert ogc.ask(layer, crs=uri).headers["content-crs"] == f"<{uri}>"
        assert ogc.ask(layer).headers["content-crs"] == f"<{CRS84}>"


def test_the_next_page_is_in_the_same_system(ogc):
    for uri in SYSTEMS:
        found = [one for page in pages(ogc, "matrix", crs=uri, limit=2) for one in page["features"]]
        assert found == ogc.features("matrix", crs=uri)
