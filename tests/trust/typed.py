"""What somebody may type at ``/ogc`` by mistake or on purpose: cursors, names, filters, boxes, times and systems."""

import base64
import json

import typed_filters
from direct import get

ITEMS = "/ogc/collections/{}/items"
BIG = typed_filters.BIG


def cursor(*values):
    """Write a cursor by hand."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def raw(text):
    """Write a cursor of these very bytes."""
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


ID = typed_filters.ID
CURSORS = [
    "",
    "x",
    ID,
    ID.upper(),
    ID.replace("-", ""),
    "{" + ID + "}",
    "urn:uuid:" + ID,
    ID + "\x00",
    "%",
    "'",
    "[]",
    "null",
    cursor(),
    cursor(ID),
    cursor(None, ID),
    cursor(True, ID),
    cursor(1, ID),
    cursor(1.5, ID),
    cursor("a", ID),
    cursor("a\x00", ID),
    cursor("\ud800", ID),
    cursor(BIG, ID),
    cursor(-BIG, ID),
    cursor(2**31, ID),
    cursor(2**63, ID),
    cursor(1e308, ID),
    cursor([], ID),
    cursor({}, ID),
    cursor("a", 1),
    cursor("a", None),
    cursor("a", "b"),
    cursor("a", ID, ID),
    cursor("a" * 1400, ID),
    raw(b'[NaN,"' + ID.encode() + b'"]'),
    raw(b'[Infinity,"' + ID.encode() + b'"]'),
    raw(b'[1e999,"' + ID.encode() + b'"]'),
    raw(b"\xff\xfe"),
    raw(b"[" * 1000),
    raw(b"{}"),
    raw(b'"a"'),
    "A" * 3000,
    "AAAAA",
    "=" * 8,
]
SORTS = ["", "category", "-category", "period", "rank", "-score", "name", "silent", "expired", "id", "geometry", "time"]
NAMES = [
    "",
    "'",
    '"',
    "a b",
    "a;b",
    "properties",
    "geometry",
    "id",
    "time",
    "mercator",
    "point",
    "begins",
    "key_0",
    "place",
    "r.point",
    "f.point",
    "category'",
    'category"',
    "category\x00",
    "(select 1)",
    "1",
    "*",
    "a" * 5000,
    "\u202e",
    "\u017f",
    "__class__",
    "constructor",
    "operation",
    "audience",
    "content_sha256",
    "begins_on",
    "CATEGORY",
    "category::int",
    "category--",
    "category,category",
    ",",
    ",,,",
    "+category",
    "-+category",
    "--category",
]
BOXES = [
    "",
    ",",
    ",,,",
    "1",
    "1,2,3",
    "1,2,3,4,5",
    "18,4,19,5",
    "18,4,0,19,5,9",
    "19,5,18,4",
    "18,5,19,4",
    "170,-1,-170,1",
    "-180,-90,180,90",
    "180,90,-180,-90",
    "0,0,0,0",
    "18.5,4.5,18.5,4.5",
    "NaN,NaN,NaN,NaN",
    "inf,inf,inf,inf",
    "1e400,0,1,1",
    "-1e300,-1e300,1e300,1e300",
    "1e999,1,2,3",
    "a,b,c,d",
    "18;4;19;5",
    " 18,4,19,5",
    "18, 4, 19, 5",
    "\u0661\u0668,\u0664,\u0661\u0669,\u0665",
    "18,4,19,5,",
    "0x10,1,2,3",
    "1_0,1,2,3",
    "--1,1,2,3",
    "360,0,361,1",
    "-500,-100,500,100",
    "200,0,-200,1",
    "1" * 400 + ",0,1,1",
    "0.0000000000000000000001,0,1,1",
    "\x00,0,1,1",
    "-20037508.35,-20048966.1,20037508.35,20048966.1",
    "2e7,0,-2e7,1",
    "500000,400000,600000,500000",
    "-1e12,-1e12,1e12,1e12",
]
TIMES = [
    "",
    "/",
    "../..",
    "..",
    "2026",
    "2026-01",
    "2026-01-01",
    "2026-02-30",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01/9999-12-31",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z/..",
    "../9999-12-31T23:59:60Z",
    "2026-01-02/2026-01-01",
    "2026-01-01/",
    "/2026-01-01",
    "2026-01-01/2026-01-02/2026-01-03",
    "2026-01-01T00:00:00",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00.123456789Z",
    "2026-01-01t00:00:00z",
    "infinity",
    "-infinity/infinity",
    "now",
    "epoch",
    "2026-W01",
    "P1D",
    "2026-01-01/P1D",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
    "2026-01-01\x00",
    "'",
    "10000-01-01",
    "-0001-01-01",
]
CRS = [
    "",
    "4326",
    "EPSG:4326",
    "http://www.opengis.net/def/crs/EPSG/0/4326",
    "[http://www.opengis.net/def/crs/EPSG/0/3857]",
    "http://www.opengis.net/def/crs/EPSG/0/3857",
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "http://www.opengis.net/def/crs/OGC/0/CRS84h",
    "http://www.opengis.net/def/crs/EPSG/0/32633",
    "http://www.opengis.net/def/crs/EPSG/0/32634",
    "http://www.opengis.net/def/crs/EPSG/0/999999",
    "http://evil.example/",
    "+proj=pipeline",
    "\x00",
    "'",
    "http://www.opengis.net/def/crs/EPSG/0/2154",
]
LIMITS = [
    "",
    "0",
    "1",
    "-1",
    "1.5",
    "1e3",
    "10000",
    "10001",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    "\u0663",
    "a",
    "\x00",
    " 1",
    "+1",
    "0x1",
    "None",
]


def asks(code):
    """Yield everything that is typed, at the layers where it may do harm."""
    for layer in ("incidents", "matrix"):
        path = ITEMS.format(layer)
        for name, values in {
            "filter": typed_filters.TEXTS,
            "bbox": BOXES,
            "datetime": TIMES,
            "crs": CRS,
            "bbox-crs": CRS,
            "filter-crs": CRS,
            "limit": LIMITS,
            "sortby": NAMES,
            "properties": NAMES,
            "after": CURSORS,
            "filter-lang": ["", "cql2-text", "CQL2-TEXT", "cql-text", "\x00"],
            "f": ["", "json", "html", "\x00", "JSON"],
        }.items():
            yield from (get(path, operation=code, **{name: value}) for value in values)
        yield from (
            get(path, operation=code, filter=tree, **{"filter-lang": "cql2-json"}) for tree in typed_filters.TREES
        )
        yield from (get(path, operation=code, sortby=by, after=after) for by in SORTS for after in CURSORS)
        yield from (get(path, operation=code, bbox=box, **{"bbox-crs": crs}) for box in BOXES for crs in CRS[3:10:2])
    for layer in ("communities", "localities", "changes"):
        yield from (get(ITEMS.format(layer), operation=code, filter=one) for one in typed_filters.TEXTS[::3])
    yield from (get(ITEMS.format("matrix"), operation=code, crs=one, filter="TRUE") for one in CRS)
