"""OGC API - Features, Part 1 (OGC 17-069r4), Core: parameters that are unknown or wrong, which are all refused."""

import pytest
from ogc import CRS84, LAYERS, refused
from service import NOBODY

PATHS = ("", "/api", "/conformance", "/collections")


@pytest.mark.parametrize("path", [*PATHS, "/collections/matrix", "/collections/matrix/queryables"])
def test_parameters_of_another_resource_are_unknown(ogc, path):
    refused(ogc.get(path, limit=10), "?limit")


def test_req_core_query_param_unknown(ogc):
    """/req/core/query-param-unknown"""
    for layer in LAYERS:
        ogc.refused("?limits", layer, limits="secret")
        ogc.refused("?rank", layer, rank="secret")
        feature = ogc.ids(layer)[0]
        refused(ogc.get(f"/collections/{layer}/items/{feature}", bbox="1,2,3,4"), "?bbox", "1,2,3,4")
    for path in PATHS:
        refused(ogc.get(path, typo="secret"), "?typo", "secret")


#: Parameter and a value that is none.
INVALID = [
    *(("limit", value) for value in ("0", "-1", "1.5", "ten", "", "1e2", "+5", "0x10", "99999999999999999999")),
    *(("bbox", value) for value in ("", "1,2,3", "1,2,3,4,5", "1,2,3,four", "1,2,3,nan", "1,2,3,inf", "1;2;3;4")),
    *(("bbox", value) for value in ("1,4,3,2", "1,2,3,4,", "1,,3,4", "1 2 3 4", "1,2,3,1e999")),
    *(("datetime", value) for value in ("", "yesterday", "2026", "2026-13-01", "2026-02-30", "2026-01-01T00:00:00")),
    *(("datetime", value) for value in ("2026-01-02/2026-01-01", "/2026-01-01/..", "2026-01-01/x", "...", "..")),
    *(("datetime", value) for value in ("2026-01-01T25:00:00Z", "2026-01-01/P1D", "2026-01-01 00:00:00Z")),
    *(("crs", value) for value in ("", "EPSG:4326", "4326", "http://www.opengis.net/def/crs/EPSG/0/2154", CRS84 + "/")),
    ("bbox-crs", "urn:ogc:def:crs:EPSG::4326"),
    ("filter-crs", "nonsense"),
    ("filter-lang", "cql-text"),
    *(("filter", value) for value in ("rank ==", "(", "rank", "rank = 'one'", "nobody = 1", "", "DROP TABLE")),
    *(("sortby", value) for value in ("nobody", "rank,rank", "", ",", "rank;name", "geometry")),
    *(("properties", value) for value in ("nobody", "rank,nobody", "geometry")),
    *(("after", value) for value in ("", "nobody", "1", NOBODY[:-1])),
    *(("f", value) for value in ("", "xml", "JSON", "geojson5")),
    *(("operation", value) for value in ("", "a b", "x" * 17, "é")),
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_a_value_that_is_none_is_refused(ogc, name, value):
    ogc.refused(f"?{name}", "matrix", **{name: value})


def test_req_core_query_param_invalid(ogc):
    """/req/core/query-param-invalid"""
    wrong = dict(reversed(INVALID))
    for name, value in wrong.items():
        for layer in LAYERS:
            ogc.refused(f"?{name}", layer, **{name: value})
    of_items = {name: value for name, value in wrong.items() if name not in {"f", "operation", "filter"}}
    problem = refused(ogc.ask("matrix", **of_items), "?limit")
    assert {one["pointer"] for one in problem["errors"]} == {f"?{name}" for name in of_items}


def test_a_parameter_that_comes_twice_is_refused(ogc):
    refused(ogc.caller.get("/ogc/collections/matrix/items?limit=1&limit=2"), "?limit")


def test_an_answer_says_nothing_of_a_parameter_without_a_name(ogc):
    answer = ogc.caller.get("/ogc/collections/matrix/items?Se%20cret=1&%3Cscript%3E=1")
    refused(answer, "?", "Se cret", "script")
