"""OGC API - Features, Part 1 (OGC 17-069r4): the requirements class GeoJSON, one test a requirement."""

import re

from ogc import GEOJSON, LAYERS
from shapely.geometry import shape

JSON = "application/json"


def test_req_geojson_definition(ogc):
    """/req/geojson/definition"""
    for layer in LAYERS:
        feature = f"/collections/{layer}/items/{ogc.ids(layer)[0]}"
        for path in (f"/collections/{layer}/items", feature):
            for asked in ({"f": "json"}, {}):
                assert ogc.get(path, {"Accept": GEOJSON}, **asked).headers["content-type"] == GEOJSON
    for path in ("", "/conformance", "/collections", "/collections/matrix"):
        assert ogc.get(path).headers["content-type"] == JSON


def test_req_geojson_content(ogc):
    """/req/geojson/content"""
    for layer in LAYERS:
        page = ogc.page(layer)
        assert page["type"] == "FeatureCollection"
        assert re.search(r'"links":\[\{"rel":', ogc.ask(layer).text)
        for one in page["features"]:
            assert {"type", "id", "geometry", "properties"} <= set(one)
            if one["geometry"] is not None:
                drawn = shape(one["geometry"])
                assert drawn.is_valid
                rings = drawn.geoms if drawn.geom_type == "MultiPolygon" else ()
                # RFC 7946: outer rings counter-clockwise.
                assert all(ring.exterior.is_ccw for ring in rings)
        single = ogc.document(f"/collections/{layer}/items/{page['features'][0]['id']}")
        assert single["type"] == "Feature"
        assert single["links"]
