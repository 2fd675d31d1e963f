"""Common Query Language, CQL2 (OGC 21-065r2): the two forms, text and JSON, one test a requirement.

Every example is written by hand in both, with what it finds in the matrix.
"""

import json

import pytest

from flashpoint import filters
from flashpoint.filters import Language

ALL = {"101", "102", "201", "202", "203"}
PCODE, RANK, NAME, GEOMETRY, TIME = ({"property": one} for one in ("pcode", "rank", "name", "geometry", "time"))
SQUARE = [[[18, 4], [19, 4], [19, 5], [18, 5], [18, 4]]]


def op(name, *args):
    return {"op": name, "args": list(args)}


FIRST, SECOND = op("=", PCODE, "X1101"), op("=", PCODE, "X1102")
EXAMPLES = {
    "basic-cql2": [
        ("TRUE", True, ALL),
        ("FALSE", False, set()),
        ("pcode = 'X1101'", FIRST, {"101"}),
        ("pcode <> 'X1101'", op("<>", PCODE, "X1101"), ALL - {"101"}),
        ("rank >= 1 AND rank < 6.5", op("and", op(">=", RANK, 1), op("<", RANK, 6.5)), ALL),
        ("rank > -1 AND rank <= 1e1", op("and", op(">", RANK, -1), op("<=", RANK, 10)), ALL),
        ("pcode = 'X1101' OR pcode = 'X1102' OR FALSE", op("or", FIRST, SECOND, False), {"101", "102"}),
        ("NOT (pcode = 'X1101' OR pcode = 'X1102')", op("not", op("or", FIRST, SECOND)), ALL - {"101", "102"}),
        ("NOT pcode = 'X1101' AND pcode = 'X1102'", op("and", op("not", FIRST), SECOND), {"102"}),
        ("name IS NULL", op("isNull", NAME), set()),
        ("geometry IS NOT NULL", op("not", op("isNull", GEOMETRY)), ALL),
        (
            "silent = TRUE OR silent = FALSE",
            op("or", *(op("=", {"property": "silent"}, x) for x in (True, False))),
            ALL,
        ),
        ("time > TIMESTAMP('2000-01-01T00:00:00Z')", op(">", TIME, {"timestamp": "2000-01-01T00:00:00Z"}), ALL),
        ("time <= DATE('2000-01-01')", op("<=", TIME, {"date": "2000-01-01"}), set()),
    ],
    "advanced-comparison-operators": [
        ("name LIKE 'Place X11%'", op("like", NAME, "Place X11%"), {"101", "102"}),
        ("name NOT LIKE 'Place%'", op("not", op("like", NAME, "Place%")), {"203"}),
        ("name LIKE '%\\_%'", op("like", NAME, "%\\_%"), {"203"}),
        ("rank BETWEEN 1 AND 5", op("between", RANK, 1, 5), ALL),
        ("rank NOT BETWEEN 1 AND 5", op("not", op("between", RANK, 1, 5)), set()),
        ("pcode IN ('X1101', 'X1102')", op("in", PCODE, ["X1101", "X1102"]), {"101", "102"}),
        ("rank NOT IN (1, 2, 3, 4)", op("not", op("in", RANK, [1, 2, 3, 4])), None),
    ],
    "case-insensitive-comparison": [
        ("CASEI(pcode) = CASEI('x1101')", op("=", op("casei", PCODE), op("casei", "x1101")), {"101"}),
        (
            "casei(name) LIKE CaseI('pLACE X11%')",
            op("like", op("casei", NAME), op("casei", "pLACE X11%")),
            {"101", "102"},
        ),
        ("CASEI(pcode) IN (CASEI('x1101'))", op("in", op("casei", PCODE), [op("casei", "x1101")]), {"101"}),
    ],
    "basic-spatial-functions": [
        (
            "S_INTERSECTS(geometry, POINT(18.5 4.5))",
            op("s_intersects", GEOMETRY, {"type": "Point", "coordinates": [18.5, 4.5]}),
            {"101"},
        ),
        (
            "S_INTERSECTS(geometry, BBOX(18.5, 4.5, 18.6, 6.5))",
            op("s_intersects", GEOMETRY, {"bbox": [18.5, 4.5, 18.6, 6.5]}),
            {"101", "201"},
        ),
        (
            "S_INTERSECTS(geometry, BBOX(20.5, -90, 18.5, 90))",
            op("s_intersects", GEOMETRY, {"bbox": [20.5, -90, 18.5, 90]}),
            {"101", "201", "202"},
        ),
    ],
    "basic-spatial-functions-plus": [
        (
            f"S_INTERSECTS(geometry, {text})",
            op("s_intersects", GEOMETRY, {"type": kind, "coordinates": coordinates}),
            expected,
        )
        for text, kind, coordinates, expected in (
            ("MULTIPOINT(18.5 4.5, 0 0)", "MultiPoint", [[18.5, 4.5], [0, 0]], {"101"}),
            ("LINESTRING(18.5 4.5, 19.5 4.5)", "LineString", [[18.5, 4.5], [19.5, 4.5]], {"101", "102"}),
            ("MULTILINESTRING((18.5 4.5, 19.5 4.5))", "MultiLineString", [[[18.5, 4.5], [19.5, 4.5]]], {"101", "102"}),
            ("POLYGON((18 4, 19 4, 19 5, 18 5, 18 4))", "Polygon", SQUARE, {"101", "102"}),
            ("MULTIPOLYGON(((18 4, 19 4, 19 5, 18 5, 18 4)))", "MultiPolygon", [SQUARE], {"101", "102"}),
        )
    ]
    + [
        (
            "S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT(21 6.5), LINESTRING(18.1 4.1, 18.2 4.2)))",
            op(
                "s_intersects",
                GEOMETRY,
                {
                    "type": "GeometryCollection",
                    "geometries": [
                        {"type": "Point", "coordinates": [21, 6.5]},
                        {"type": "LineString", "coordinates": [[18.1, 4.1], [18.2, 4.2]]},
                    ],
                },
            ),
            {"101", "202"},
        )
    ],
    "spatial-functions": [
        (
            f"{name.upper()}(geometry, POLYGON((18 4, 19 4, 19 5, 18 5, 18 4)))",
            op(name, GEOMETRY, {"type": "Polygon", "coordinates": SQUARE}),
            expected,
        )
        for name, expected in (
            ("s_equals", {"101"}),
            ("s_disjoint", {"201", "202", "203"}),
            ("s_touches", {"102"}),
            ("s_within", {"101"}),
            ("s_overlaps", set()),
            ("s_crosses", set()),
            ("s_contains", {"101"}),
        )
    ],
    "temporal-functions": [
        ("T_AFTER(time, DATE('2000-01-01'))", op("t_after", TIME, {"date": "2000-01-01"}), ALL),
        (
            "T_INTERSECTS(time, INTERVAL('2000-01-01T00:00:00Z', '..'))",
            op("t_intersects", TIME, {"interval": ["2000-01-01T00:00:00Z", ".."]}),
            ALL,
        ),
        (
            "T_BEFORE(time, TIMESTAMP('2000-01-01T00:00:00Z'))",
            op("t_before", TIME, {"timestamp": "2000-01-01T00:00:00Z"}),
            set(),
        ),
        *(
            (
                f"{name.upper()}(INTERVAL('2026-11-01', '2026-11-04'), INTERVAL('2026-11-02', '2026-11-03'))",
                op(name, {"interval": ["2026-11-01", "2026-11-04"]}, {"interval": ["2026-11-02", "2026-11-03"]}),
                ALL if name in {"t_contains", "t_intersects"} else set(),
            )
            for name in (
                *("t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedBy"),
                *("t_finishes", "t_intersects", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps", "t_startedBy"),
                "t_starts",
            )
        ),
    ],
    "property-property": [
        ("rank_low <= rank_high", op("<=", {"property": "rank_low"}, {"property": "rank_high"}), ALL),
        ("'X1101' = pcode", op("=", "X1101", PCODE), {"101"}),
        ("1 = 2", op("=", 1, 2), set()),
        ("name <> pcode", op("<>", NAME, PCODE), ALL),
        ("S_EQUALS(geometry, geometry)", op("s_equals", GEOMETRY, GEOMETRY), ALL),
        ("T_EQUALS(time, time)", op("t_equals", TIME, TIME), ALL),
    ],
}


@pytest.fixture(scope="module")
def holds(ogc):
    """Say whether the examples of a class find what they should, in one form."""

    def ask(name, language):
        for text, tree, expected in EXAMPLES[name]:
            written = text if language is Language.TEXT else json.dumps(tree)
            found = ogc.names("matrix", filter=written, filter_lang=language)
            assert expected is None or found == expected, (name, written)
            assert filters.read(text, Language.TEXT) == filters.read(json.dumps(tree), Language.JSON)
        return True

    return ask


def test_req_cql2_text_basic_cql2(holds):
    """/req/cql2-text/basic-cql2"""
    assert holds("basic-cql2", Language.TEXT)


def test_req_cql2_text_advanced_comparison_operators(holds):
    """/req/cql2-text/advanced-comparison-operators"""
    assert holds("advanced-comparison-operators", Language.TEXT)


def test_req_cql2_text_case_insensitive_comparison(holds):
    """/req/cql2-text/case-insensitive-comparison"""
    assert holds("case-insensitive-comparison", Language.TEXT)


def test_req_cql2_text_basic_spatial_functions(holds):
    """/req/cql2-text/basic-spatial-functions"""
    assert holds("basic-spatial-functions", Language.TEXT)


def test_req_cql2_text_basic_spatial_functions_plus(holds):
    """/req/cql2-text/basic-spatial-functions-plus"""
    assert holds("basic-spatial-functions-plus", Language.TEXT)


def test_req_cql2_text_spatial_functions(holds):
    """/req/cql2-text/spatial-functions"""
    assert holds("spatial-functions", Language.TEXT)


def test_req_cql2_text_temporal_functions(holds):
    """/req/cql2-text/temporal-functions"""
    assert holds("temporal-functions", Language.TEXT)


def test_req_cql2_text_property_property(holds):
    """/req/cql2-text/property-property"""
    assert holds("property-property", Language.TEXT)


def test_req_cql2_json_basic_cql2(holds):
    """/req/cql2-json/basic-cql2"""
    assert holds("basic-cql2", Language.JSON)


def test_req_cql2_json_advanced_comparison_operators(holds):
    """/req/cql2-json/advanced-comparison-operators"""
    assert holds("advanced-comparison-operators", Language.JSON)


def test_req_cql2_json_case_insensitive_comparison(holds):
    """/req/cql2-json/case-insensitive-comparison"""
    assert holds("case-insensitive-comparison", Language.JSON)


def test_req_cql2_json_basic_spatial_functions(holds):
    """/req/cql2-json/basic-spatial-functions"""
    assert holds("basic-spatial-functions", Language.JSON)


def test_req_cql2_json_basic_spatial_functions_plus(holds):
    """/req/cql2-json/basic-spatial-functions-plus"""
    assert holds("basic-spatial-functions-plus", Language.JSON)


def test_req_cql2_json_spatial_functions(holds):
    """/req/cql2-json/spatial-functions"""
    assert holds("spatial-functions", Language.JSON)


def test_req_cql2_json_temporal_functions(holds):
    """/req/cql2-json/temporal-functions"""
    assert holds("temporal-functions", Language.JSON)


def test_req_cql2_json_property_property(holds):
    """/req/cql2-json/property-property"""
    assert holds("property-property", Language.JSON)
