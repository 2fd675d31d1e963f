"""Common Query Language, CQL2 (OGC 21-065r2): what filters mean, one test a requirement."""

import pytest
from ogc import AWKWARD, LAYERS
from reading import COMPARED

#: The localities of the world by the last three figures of their P-codes: squares, and a town with a circle around it.
ALL = {"101", "102", "201", "202", "203"}
PLAIN = ALL - {"203"}
QUOTED = AWKWARD.replace("'", "''")
#: Neither true nor false: nobody was injured in any of the incidents.
UNKNOWN = "injured_band = '1-4'"


@pytest.fixture(scope="module")
def places(ogc):
    """Ask the matrix."""
    return lambda text: ogc.names("matrix", filter=text)


@pytest.fixture(scope="module")
def holds(ogc):
    """Say of a filter that says nothing of features whether it is true, false or neither."""

    def ask(text):
        true, false = (bool(ogc.ids("localities", filter=one)) for one in (text, f"NOT ({text})"))
        return None if true is false else true

    return ask


# -- basic CQL2 -------------------------------------------------------------------------------------------------------


def test_req_basic_cql2_cql2_filter(ogc, places):
    """/req/basic-cql2/cql2-filter"""
    one, two = "pcode = 'X1101'", "pcode = 'X1102'"
    assert places(f"{one} OR {two} AND FALSE") == {"101"}
    assert places(f"({one} OR {two}) AND FALSE") == set()
    assert places(f"FALSE AND {one} OR {two}") == {"102"}
    assert places(f"NOT {one} AND {two}") == {"102"}
    assert places(f"NOT {one} OR {one}") == ALL
    assert places(f"NOT ({one} OR {two})") == ALL - {"101", "102"}
    assert places(f"not {one} aNd Not {two} or false") == ALL - {"101", "102"}
    assert places(f"({one}) OR (({two}))") == {"101", "102"}
    assert places("TRUE") == places("true OR FALSE") == places("NOT False") == ALL
    assert places(f"{one} AND {two}") == places("FALSE") == set()
    assert places("silent OR NOT silent") == ALL
    everything = ogc.ids("incidents")
    for text, expected in TRUTH.items():
        told = text.replace("NULL", UNKNOWN)
        assert ogc.ids("incidents", filter=told) == (everything if expected is True else [])
        assert ogc.ids("incidents", filter=f"NOT ({told})") == (everything if expected is False else [])


#: The truth table of the standard.
TRUTH = {
    "TRUE AND TRUE": True,
    "TRUE AND FALSE": False,
    "FALSE AND TRUE": False,
    "FALSE AND FALSE": False,
    "TRUE AND NULL": None,
    "FALSE AND NULL": False,
    "NULL AND TRUE": None,
    "NULL AND FALSE": False,
    "NULL AND NULL": None,
    "TRUE OR TRUE": True,
    "TRUE OR FALSE": True,
    "FALSE OR TRUE": True,
    "FALSE OR FALSE": False,
    "TRUE OR NULL": True,
    "FALSE OR NULL": None,
    "NULL OR TRUE": True,
    "NULL OR FALSE": None,
    "NULL OR NULL": None,
    "NULL": None,
    "NOT NULL": None,
}


def test_req_basic_cql2_property(ogc, places):
    """/req/basic-cql2/property"""
    assert places("\"pcode\" = 'X1101'") == places("pcode = 'X1101'") == {"101"}
    ogc.refused("?filter", "matrix", filter="\"p code\" = 'X1101'")
    ogc.refused("?filter", "matrix", filter="PCODE = 'X1101'")
    cluster = ogc.as_analyst
    for layer in LAYERS:
        features = cluster.features(layer)
        for name in cluster.document(f"/collections/{layer}/queryables")["properties"]:
            unset = [one["id"] for one in features if _value(one, name) is None]
            assert cluster.ids(layer, filter=f"{name} IS NULL") == unset, (layer, name)


def _value(feature, name):
    if name in {"id", "geometry", "time"}:
        return feature[name]
    found = feature["properties"]
    for part in [name] if name in found else name.rsplit("_", 1) if name[:5] != "trend" else ("trend", name[6:]):
        found = None if found is None else found[part]
    return found


def test_req_basic_cql2_binary_comparison_predicate(ogc, places):
    """/req/basic-cql2/binary-comparison-predicate"""
    rank_of = {one["properties"]["pcode"][-3:]: one["properties"]["rank"] for one in ogc.features("matrix")}
    silent = {one["properties"]["pcode"][-3:]: one["properties"]["silent"] for one in ogc.features("matrix")}
    for rank in (1, 3, 2.5, -1):
        for sign, compare in COMPARED.items():
            assert places(f"rank {sign} {rank}") == {name for name, one in rank_of.items() if compare(one, rank)}
            assert places(f"NOT rank {sign} {rank}") == {n for n, one in rank_of.items() if not compare(one, rank)}
    for sign, compare in COMPARED.items():
        expected = {name for name in ALL if compare(f"X1{name}", "X1102")}
        assert places(f"pcode {sign} 'X1102'") == expected
        assert places(f"silent {sign} TRUE") == {name for name, one in silent.items() if compare(one, True)}
        # Unknown is neither.
        for text in (f"injured_band {sign} '1-4'", f"NOT injured_band {sign} '1-4'"):
            assert ogc.ids("incidents", filter=text) == []
    assert places(f"name = '{QUOTED}'") == {"203"}
    assert places("rank = 1 AND silent = FALSE") == {n for n, rank in rank_of.items() if rank == 1 and not silent[n]}
    for other in (
        "rank = '1'",
        "pcode = 1",
        "silent = 1",
        "silent = 'TRUE'",
        "pcode = TRUE",
        "time = 'a'",
        "rank = time",
    ):
        ogc.refused("?filter", "matrix", filter=other)


def test_instants_compare_as_numbers_do(ogc, places, holds):
    as_of = ogc.page("matrix")["as_of"]
    for sign, compare in COMPARED.items():
        assert (places(f"time {sign} TIMESTAMP('{as_of}')") == ALL) is compare(0, 0)
        assert (places(f"time {sign} TIMESTAMP('2000-01-01T00:00:00Z')") == ALL) is compare(1, 0)
        for one, other in ((1, 1), (1, 2), (2, 1)):
            dates = [f"DATE('2026-11-0{day}')" for day in (one, other)]
            assert holds(f"{dates[0]} {sign} {dates[1]}") is compare(one, other)
            moments = [f"TIMESTAMP('2026-11-01T00:00:0{second}.5+01:00')" for second in (one, other)]
            assert holds(f"{moments[0]} {sign} {moments[1]}") is compare(one, other)
    assert places(f"time IN (DATE('2000-01-01'), TIMESTAMP('{as_of}'))") == ALL
    assert holds("TIMESTAMP('2026-11-01T01:00:00+01:00') = TIMESTAMP('2026-11-01T00:00:00Z')")
    assert holds("TIMESTAMP('2026-11-01T23:59:59Z') > DATE('2026-11-01')") is False
    assert holds("TIMESTAMP('2026-11-02T00:00:00Z') > DATE('2026-11-01')") is True


def test_req_basic_cql2_null_predicate(ogc, places):
    """/req/basic-cql2/null-predicate"""
    everything = ogc.ids("incidents")
    assert ogc.ids("incidents", filter="injured_band IS NULL") == everything
    assert ogc.ids("incidents", filter="injured_band IS NOT NULL") == []
    assert ogc.ids("incidents", filter="NOT injured_band IS NOT NULL") == everything
    placed = [one["id"] for one in ogc.features("incidents") if one["geometry"] is not None]
    assert ogc.ids("incidents", filter="geometry is not null") == placed
    assert set(ogc.ids("incidents", filter="geometry IS NULL")) == set(everything) - set(placed)
    for text in ("pcode", "rank", "silent", "time", "geometry", "id", "CASEI(name)"):
        assert places(f"{text} IS NULL") == set()
        assert places(f"{text} IS NOT NULL") == ALL


# -- advanced comparison ----------------------------------------------------------------------------------------------

LIKE = {
    "Place%": PLAIN,
    "Place X11__": {"101", "102"},
    "Place X110_": {"101", "102"},
    "%02": {"102", "202"},
    "%X12%": {"201", "202"},
    "place%": set(),
    "Place": set(),
    "Place X1101": {"101"},
    "_lace%": PLAIN,
    "%": ALL,
    "%_": ALL,
    "": set(),
    "%\\_%": {"203"},
    "%\\%%": {"203"},
    "%0\\% %": {"203"},
    "%\\\\%": {"203"},
    "L''%": {"203"},
    "%É__\\_%": {"203"},
    ".*": set(),
    "Place [X]%": set(),
    "%property%": set(),
}


def test_req_advanced_comparison_operators_like_predicate(ogc, places):
    """/req/advanced-comparison-operators/like-predicate"""
    for pattern, expected in LIKE.items():
        assert places(f"name LIKE '{pattern}'") == expected, pattern
        assert places(f"name NOT LIKE '{pattern}'") == ALL - expected, pattern
    for text in ("injured_band LIKE '%'", "injured_band NOT LIKE '%'", "NOT injured_band LIKE 'a'"):
        assert ogc.ids("incidents", filter=text) == []
    ogc.refused("?filter", "matrix", filter="rank LIKE '1'")
    # A pattern has an end.
    ogc.refused("?filter", "matrix", filter="name LIKE 'Place\\'")


def test_req_advanced_comparison_operators_between_predicate(ogc, places):
    """/req/advanced-comparison-operators/between-predicate"""
    rank_of = {one["properties"]["pcode"][-3:]: one["properties"]["rank"] for one in ogc.features("matrix")}
    for low, high in ((1, 5), (2, 4), (3, 3), (4, 2), (0.5, 1.5), (-10, 0), (5, 1e6)):
        expected = {name for name, rank in rank_of.items() if low <= rank <= high}
        assert places(f"rank BETWEEN {low} AND {high}") == expected
        assert places(f"rank NOT BETWEEN {low} AND {high}") == ALL - expected
        assert places(f"rank BETWEEN {low} AND {high} AND pcode = 'X1101'") == expected & {"101"}
    cluster = ogc.as_analyst
    known = [one["id"] for one in cluster.features("incidents") if one["properties"]["killed"] is not None]
    assert len(known) < len(cluster.ids("incidents"))
    assert cluster.ids("incidents", filter="killed_best BETWEEN 0 AND 1000") == known
    assert cluster.ids("incidents", filter="killed_best NOT BETWEEN -2 AND -1") == known


def test_req_advanced_comparison_operators_in_predicate(ogc, places):
    """/req/advanced-comparison-operators/in-predicate"""
    assert places("pcode IN ('X1101', 'X1202', 'nowhere')") == {"101", "202"}
    assert places("pcode NOT IN ('X1101', 'X1202', 'nowhere')") == ALL - {"101", "202"}
    assert places("pcode IN ('X1101')") == {"101"}
    assert places("rank IN (1, 2, 3, 4, 5)") == ALL
    assert places("rank IN (1.5)") == set()
    assert places("silent IN (TRUE, FALSE)") == ALL
    assert ogc.ids("incidents", filter="injured_band IN ('0', '1-4')") == []
    assert ogc.ids("incidents", filter="injured_band NOT IN ('0', '1-4')") == []
    ogc.refused("?filter", "matrix", filter="rank IN (1, 'two')")


# -- without case -----------------------------------------------------------------------------------------------------

#: Texts that are the same but for their case, by full case folding (Unicode 14, CaseFolding.txt, status C and F).
FOLDED = [
    ("Straße", "STRASSE"),
    ("ΟΔΟΣ", "οδος"),
    ("ΟΔΟΣ", "οδοσ"),
    ("É", "é"),
    ("Œuvre", "œUVRE"),
    ("\u017f", "S"),
    ("ﬁ", "FI"),
]
NOT_FOLDED = [("\u0131", "i"), ("\u0131", "I"), ("e", "é"), ("a", "b"), ("ss", "s"), ("", " ")]


def test_req_case_insensitive_comparison_casei_function(ogc, places, holds):
    """/req/case-insensitive-comparison/casei-function"""
    assert places("CASEI(name) = CASEI('pLACE x1101')") == {"101"}
    assert places(f"CASEI(name) = CASEI('{QUOTED.upper()}')") == {"203"}
    assert places("CASEI(name) LIKE CASEI('L''éTÉ\\_50\\%%strasse')") == {"203"}
    assert places("CASEI(name) IN (CASEI('PLACE X1101'), CASEI('place x1102'))") == {"101", "102"}
    assert places("CASEI(CASEI(pcode)) <> CASEI('x1101')") == ALL - {"101"}
    assert ogc.ids("incidents", filter="CASEI(injured_band) IS NULL") == ogc.ids("incidents")
    assert ogc.ids("incidents", filter="CASEI(injured_band) = CASEI('a') OR NOT CASEI(injured_band) = CASEI('a')") == []
    for one, other in FOLDED:
        assert one.casefold() == other.casefold()
        assert holds(f"CASEI('{one}') = CASEI('{other}')"), (one, other)
    for one, other in NOT_FOLDED:
        assert holds(f"CASEI('{one}') = CASEI('{other}')") is False, (one, other)


# -- properties and literals on either side ---------------------------------------------------------------------------


def test_req_property_property_withdraw_permissions(ogc, places, holds):
    """/req/property-property/withdraw-permissions"""
    rows = {one["properties"]["pcode"][-3:]: one["properties"] for one in ogc.features("matrix")}
    for sign, compare in COMPARED.items():
        expected = {name for name, row in rows.items() if compare(row["rank_low"], row["rank_high"])}
        assert places(f"rank_low {sign} rank_high") == expected
        assert places(f"3 {sign} rank") == {name for name, row in rows.items() if compare(3, row["rank"])}
        assert holds(f"1 {sign} 2") is compare(1, 2)
        assert holds(f"'b' {sign} 'a'") is compare("b", "a")
    assert places("'X1101' = pcode") == {"101"}
    assert places("name = name") == places("CASEI(name) = CASEI(name)") == ALL
    assert places("'X1101' IN (pcode, name)") == {"101"}
    assert places("2 BETWEEN rank AND 3") == {name for name, row in rows.items() if row["rank"] <= 2}
    assert places("rank BETWEEN rank_low AND rank_high") == ALL
    assert holds("'Place' LIKE 'P%'") is True
    assert holds("TRUE = FALSE") is False
    assert holds("(1 = 1) = (2 = 2)") is True
    assert holds("'a' IS NULL") is holds("1 IS NULL") is holds("DATE('2026-11-01') IS NULL") is False
    assert holds("S_INTERSECTS(POINT(1 1), BBOX(0, 0, 2, 2))") is True
    assert holds("S_CROSSES(LINESTRING(0 0, 1 1), LINESTRING(0 1, 1 0))") is True
    assert places("S_EQUALS(geometry, geometry)") == places("S_INTERSECTS(POINT(0 0), geometry) OR TRUE") == ALL
    assert places("T_EQUALS(time, time)") == ALL
    assert places("T_BEFORE(DATE('2000-01-01'), time)") == ALL


# -- the language as text ---------------------------------------------------------------------------------------------


def test_req_cql2_text_escaping(ogc, places, holds):
    """/req/cql2-text/escaping"""
    assert places(f"name = '{QUOTED}'") == {"203"}
    assert places("name = '" + AWKWARD.replace("'", "\\'") + "'") == {"203"}
    assert holds("'it''s' = 'it\\'s'") is True
    assert holds("'''' = '\\''") is True
    assert holds("'''a''' <> ''") is True
    for letter, sign in {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}.items():
        assert holds(f"'x\\{letter}y' = 'x{chr(sign)}y'") is True, letter
        assert holds(f"'x\\{letter}y' = 'x{letter}y'") is False, letter
    # What looks like the end of a text is not, and what stands in it is never read.
    assert places("name = '\\' OR TRUE OR name = \\''") == set()
    assert places("name = ''' OR TRUE OR name = '''") == set()
    ogc.refused("?filter", "matrix", filter="name = 'a\\'")
