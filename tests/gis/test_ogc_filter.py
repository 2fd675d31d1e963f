"""OGC API - Features, Part 3 (OGC 19-079r2): queryables and filters, one test a requirement."""

import json

import pytest
from jsonschema import Draft202012Validator
from ogc import CRS84, EPSG, LAYERS, link, path_of, refused
from pyproj import Transformer

from flashpoint import layers
from flashpoint.layers import Layer
from flashpoint.types import Audience

SCHEMA = "application/schema+json"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
TEXT, JSON = "cql2-text", "cql2-json"
#: What of each layer is a queryable and no property.
BESIDES = {"id", "geometry", "time"}


@pytest.fixture(scope="module")
def described(ogc):
    return ogc.document("/api")["components"]["parameters"]


def queryables(ogc, layer):
    return ogc.document(f"/collections/{layer}/queryables")


# -- queryables -------------------------------------------------------------------------------------------------------


def test_req_queryables_queryables_link(ogc):
    """/req/queryables/queryables-link"""
    for layer in LAYERS:
        found = link(ogc.document(f"/collections/{layer}"), QUERYABLES)
        assert found["type"] == SCHEMA
        assert ogc.get(path_of(found["href"])).headers["content-type"] == SCHEMA


def test_req_queryables_get_queryables_op(ogc):
    """/req/queryables/get-queryables-op"""
    for layer in LAYERS:
        for headers in ({}, {"Accept": SCHEMA}):
            answer = ogc.get(f"/collections/{layer}/queryables", headers)
            assert (answer.status_code, answer.headers["content-type"]) == (200, SCHEMA)
    assert ogc.get("/collections/nowhere/queryables").status_code == 404


def test_req_queryables_get_queryables_response(ogc):
    """/req/queryables/get-queryables-response"""
    for layer in LAYERS:
        for asked in ({}, {"operation": ogc.operation.code}):
            schema = ogc.document(f"/collections/{layer}/queryables", **asked)
            assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            assert schema["$id"] == f"https://testserver/ogc/collections/{layer}/queryables"
            assert schema["type"] == "object"
            Draft202012Validator.check_schema(schema)
            for one in schema["properties"].values():
                assert one.get("format", "").startswith("geometry-") or one["type"] in TYPES


TYPES = {"string", "number", "integer", "boolean"}


def test_what_stands_in_the_answer_is_of_the_type_that_is_told(ogc):
    for who, audience in ((ogc, Audience.MISSION), (ogc.as_analyst, Audience.CLUSTER)):
        for layer in LAYERS:
            schema = queryables(who, layer)
            columns = layers.columns(Layer(layer), audience)
            assert set(schema["properties"]) - BESIDES == {one.name for one in columns}
            told = Draft202012Validator({**schema, "additionalProperties": True})
            for feature in who.features(layer):
                values = {one.name: layers.value_of(feature["properties"], one) for one in columns}
                known = {name: value for name, value in values.items() if value is not None}
                assert list(told.iter_errors({"id": feature["id"], **known})) == []


def test_req_queryables_expression_construction(ogc):
    """/req/queryables/expression-construction"""
    everything = {name for layer in LAYERS for name in queryables(ogc.as_analyst, layer)["properties"]}
    for layer in LAYERS:
        known = set(queryables(ogc, layer)["properties"])
        for name in everything | {"nobody", "properties", "matrix", "rank; DROP TABLE"}:
            answer = ogc.ask(layer, filter=f'"{name}" IS NULL')
            if name in known:
                assert answer.status_code == 200, (layer, name, answer.text)
            else:
                refused(answer, "?filter", *({name} - BESIDES))


# -- filters ----------------------------------------------------------------------------------------------------------


def test_req_filter_filter_param(ogc, described):
    """/req/filter/filter-param"""
    filter_ = described["filter"]
    told = (filter_["in"], filter_["required"], filter_["style"], filter_["explode"], filter_["schema"])
    assert told == ("query", False, "form", False, {"type": "string"})
    assert ogc.names("matrix", filter="pcode = 'X1101'") == {"101"}
    assert ogc.names("matrix", filter='{"op":"=","args":[{"property":"pcode"},"X1101"]}', filter_lang=JSON) == {"101"}


def test_req_filter_filter_lang_param(ogc, described):
    """/req/filter/filter-lang-param"""
    schema = described["filter-lang"]["schema"]
    assert schema == {"type": "string", "enum": [TEXT, JSON], "default": TEXT}
    assert ogc.ids("matrix", filter="TRUE", filter_lang=TEXT) == ogc.ids("matrix", filter="TRUE")
    ogc.refused("?filter", "matrix", filter="TRUE AND TRUE", filter_lang=JSON)
    ogc.refused("?filter", "matrix", filter='{"op":"not","args":[false]}')
    for other in ("cql-text", "CQL2-TEXT", "sql", ""):
        ogc.refused("?filter-lang", "matrix", filter="TRUE", filter_lang=other)


#: The middle of the first locality, in degrees.
MIDDLE = (18.5, 4.5)


def test_req_filter_filter_crs_wgs84(ogc):
    """/req/filter/filter-crs-wgs84"""
    asked = "S_INTERSECTS(geometry, POINT(18.5 4.5))"
    assert ogc.names("matrix", filter=asked) == ogc.names("matrix", filter=asked, filter_crs=CRS84) == {"101"}
    assert ogc.names("matrix", filter=asked, crs=EPSG.format(4326)) == {"101"}
    assert ogc.names("matrix", filter="S_INTERSECTS(geometry, POINT(4.5 18.5))") == set()


def test_req_filter_filter_crs_param(ogc, described):
    """/req/filter/filter-crs-param"""
    told = described["filter-crs"]
    assert (told["in"], told["required"], told["schema"]) == ("query", False, {"type": "string", "format": "uri"})
    for code in (4326, 3857, 32634):
        x, y = Transformer.from_crs("OGC:CRS84", f"EPSG:{code}").transform(*MIDDLE)
        for text in (f"POINT({x} {y})", f"BBOX({x - 0.01}, {y - 0.01}, {x + 0.01}, {y + 0.01})"):
            asked = {"filter": f"S_INTERSECTS(geometry, {text})", "filter_crs": EPSG.format(code)}
            assert ogc.names("matrix", **asked) == {"101"}, (code, text)
    for other in ("", "EPSG:4326", EPSG.format(2154)):
        ogc.refused("?filter-crs", "matrix", filter="TRUE", filter_crs=other)


def test_req_filter_mixing_expressions(ogc):
    """/req/filter/mixing-expressions"""
    for layer in LAYERS:
        asked = {"filter": "id > '8'", "bbox": "18,4,19,7", "datetime": "2026-10-01/.."}
        each = [set(ogc.ids(layer, **{name: value})) for name, value in asked.items()]
        assert set(ogc.ids(layer, **asked)) == set.intersection(*each)


def test_req_filter_response(ogc):
    """/req/filter/response"""
    for layer in LAYERS:
        everything = ogc.ids(layer)
        assert ogc.ids(layer, filter="TRUE") == everything
        assert ogc.ids(layer, filter="FALSE") == []
        for one in everything:
            assert ogc.ids(layer, filter=f"id = '{one}'") == [one]
            assert ogc.ids(layer, filter=f"NOT id = '{one}'") == [other for other in everything if other != one]


# -- filters of features ----------------------------------------------------------------------------------------------


def test_req_features_filter_get_queryables_op(ogc):
    """/req/features-filter/get-queryables-op"""
    assert "/collections/{collectionId}/queryables" in ogc.document("/api")["paths"]
    assert all(queryables(ogc, layer)["properties"] for layer in LAYERS)


def test_req_features_filter_queryables_link(ogc):
    """/req/features-filter/queryables-link"""
    for one in ogc.document("/collections")["collections"]:
        assert f"/collections/{one['id']}/queryables" in link(one, QUERYABLES)["href"]


def parameters_of(ogc, path):
    return {one["$ref"].rsplit("/", 1)[1] for one in ogc.document("/api")["paths"][path]["get"]["parameters"]}


ITEMS = "/collections/{collectionId}/items"


def test_req_features_filter_filter_param(ogc):
    """/req/features-filter/filter-param"""
    assert "filter" in parameters_of(ogc, ITEMS)
    assert all(ogc.ask(layer, filter="id IS NOT NULL").status_code == 200 for layer in LAYERS)


def test_req_features_filter_filter_lang_param(ogc):
    """/req/features-filter/filter-lang-param"""
    assert "filter-lang" in parameters_of(ogc, ITEMS)
    asked = json.dumps({"op": "isNull", "args": [{"property": "id"}]})
    assert all(ogc.ids(layer, filter=asked, filter_lang=JSON) == [] for layer in LAYERS)


def test_req_features_filter_filter_crs_param(ogc):
    """/req/features-filter/filter-crs-param"""
    assert "filter-crs" in parameters_of(ogc, ITEMS)
    asked = {"filter": "S_INTERSECTS(geometry, BBOX(4, 18, 5, 19))", "filter_crs": EPSG.format(4326)}
    for layer in LAYERS:
        assert ogc.ids(layer, **asked) == ogc.ids(layer, bbox="18,4,19,5")


#: Filters that are none, or that do not go with the matrix.
INVALID = [
    *("", " ", "rank", "1", "'a'", "rank =", "= 1", "rank = 1 2", "rank = 1 AND", "NOT", "(rank = 1", "rank = 1)"),
    *("rank = 'one'", "name = 1", "silent = 1", "silent = 'true'", "rank = TRUE", "nobody = 1", "geometry = 1"),
    *("rank BETWEEN 'a' AND 'b'", "name BETWEEN 'a' AND 'b'", "rank LIKE '1%'", "name LIKE 1", "name LIKE name"),
    *("rank IN ()", "rank IN ('a')", "rank + 1 = 2", "avg(rank) = 1", "CASEI(rank) = 'a'", "CASEI(rank) = 1"),
    *("A_CONTAINS(name, ('a'))", "ACCENTI(name) = 'a'", "S_INTERSECTS(name, POINT(1 1))", "S_INTERSECTS(geometry)"),
    *("S_INTERSECTS(geometry, 'POINT(1 1)')", "S_NEAR(geometry, POINT(1 1))", "S_INTERSECTS(geometry, POINT(181 1))"),
    *("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "S_INTERSECTS(geometry, POINT EMPTY)"),
    *("S_INTERSECTS(geometry, BBOX(1,2,3))", "S_INTERSECTS(geometry, BBOX(1,4,3,2))", "T_AFTER(time, 'now')"),
    *("T_AFTER(name, DATE('2026-01-01'))", "T_AFTER(time, DATE('2026-02-30'))", "T_AFTER(time, TIMESTAMP('2026'))"),
    *("T_DURING(time, INTERVAL('a', 'b'))", "T_AFTER(time)", "time = 1", "time = '2026-01-01'", "time > name"),
    *("name = 'a", 'name = "a"', "name = 'a' -- b", "name = 'a'; DROP TABLE x", "TRUE OR TRUE OR", "rank = 1e999"),
    *(
        "rank = NULL",
        "EXISTS(name)",
        "rank == 1",
        "rank => 1",
        "name ILIKE 'a'",
        "S_INTERSECTS(geometry, geometry, geometry)",
    ),
]


@pytest.mark.parametrize("text", INVALID)
def test_a_filter_that_is_none_is_refused(ogc, text):
    ogc.refused("?filter", "matrix", filter=text)


def test_req_features_filter_response(ogc):
    """/req/features-filter/response"""
    found = ogc.ids("matrix", filter="rank <= 3", bbox="18,4,20,5")
    assert set(found) == set(ogc.ids("matrix", filter="rank <= 3")) & set(ogc.ids("matrix", bbox="18,4,20,5"))
    # Neither true nor false: no incident without injured people is shown, whichever way it is asked.
    assert ogc.ids("incidents", filter="injured_band = '1-4' OR NOT injured_band = '1-4'") == []
    ogc.refused("?filter", "matrix", filter="rank ==")
    ogc.refused("?filter-lang", "matrix", filter="TRUE", filter_lang="sql!")
    ogc.refused("?filter-crs", "matrix", filter="TRUE", filter_crs="sql!")
