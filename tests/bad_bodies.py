"""Bodies that ``POST /v1/incidents`` must refuse, as data.

Each is one step away from a valid incident and must be answered by a 4xx problem that repeats nothing of it,
with nothing written. Where the case plants text, the text is ``TOKEN``: look for it in answers and logs.
``pointer`` and ``code`` are those of the first violation; ``None`` stands for any. Codes are given where the
strict edge (``flashpoint.strictjson``, ``flashpoint.geometry``) decides.
"""

import copy
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

TOKEN = "Tok3n-NotToEcho"  # noqa: S105  (a marker, not a secret)
GEOJSON = "application/geo+json"
RAW = "@@raw@@"
TOO_BIG = 2**63
FAR_FUTURE = "2999-01-01T00:00:00+00:00"

Feature = dict[str, Any]
Path = tuple[str | int, ...]
PROPERTIES: Path = ("properties",)
COORDINATES: Path = ("geometry", "coordinates")
KILLED: Path = ("properties", "killed")
SPLIT: Path = ("properties", "killed", "split")
SOURCE: Path = ("properties", "sources", 0)


@dataclass(frozen=True)
class BadBody:
    """One case. ``pointer`` is where the first violation stands; ``code`` its code."""

    name: str
    body: bytes
    content_type: str = GEOJSON
    pointer: str | None = None
    code: str | None = None


def good_incident(now: datetime) -> Feature:
    """Make a valid incident in PK5, Bangui, three days before ``now`` (aware). Synthetic."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [18.55496, 4.36122]},
        "properties": {
            "operation": "DEMO",
            "client_id": "demo-2f1c",
            "category": "attack_on_civilians",
            "event_start": (now - timedelta(days=3)).isoformat(timespec="seconds"),
            "event_end": (now - timedelta(days=2)).isoformat(timespec="seconds"),
            "date_precision": 1,
            "reported_at": (now - timedelta(days=1)).isoformat(timespec="seconds"),
            "geo_precision": 2,
            "admin_pcode": "CF711",
            "perpetrator_class": "armed_group",
            "attribution_confidence": "moderate",
            "killed": {"low": 1, "best": 2, "high": 4, "split": {"female": 1, "male": 1, "child": 0, "adult": 2}},
            "injured": {"low": 0, "best": 3, "high": 8},
            "abducted": {"low": 0, "best": 0, "high": 1},
            "displaced": {"low": 50, "best": 120, "high": 300},
            "protected_site": "school",
            "narrative": "Synthetic example. Armed men entered the neighbourhood at dusk.\nPeople fled to the church.",
            "sharing": "cluster",
            "share_above": "aggregate",
            "consent": "given",
            "exercise": False,
            "supersedes": None,
            "sources": [
                {
                    "type": "witness",
                    "independence_group": "g1",
                    "reliability": "B",
                    "credibility": 2,
                    "obtained_on": (now - timedelta(days=1)).date().isoformat(),
                    "handle": "w-07",
                },
                {
                    "type": "medical",
                    "independence_group": "g2",
                    "reliability": "A",
                    "credibility": 2,
                    "obtained_on": (now - timedelta(days=1)).date().isoformat(),
                    "handle": "m-02",
                },
            ],
        },
    }


def bad_incidents(good: Feature) -> list[BadBody]:
    """Mutate the valid incident ``good`` (left as it is) into every case. It has all the optional fields."""
    planted = copy.deepcopy(good)
    planted["properties"]["narrative"] = f"Synthetic {TOKEN}."
    return [
        *_framing(planted),
        *_top_level(planted),
        *_json_text(planted),
        *_duplicate_keys(planted),
        *_nesting_and_size(planted),
        *_feature_members(planted),
        *_geometries(planted),
        *_places(planted),
        *_missing(planted),
        *_unknown_members(planted),
        *_wrong_types(planted),
        *_vocabulary(planted),
        *_times(planted),
        *_numbers(planted),
        *_lengths(planted),
        *_texts(planted),
    ]


# How a case is made.


def _at(feature: Any, path: Path) -> Any:
    for step in path:
        feature = feature[step]
    return feature


def _pointer(path: Path) -> str:
    return "".join(f"/{step}" for step in path)


def _dump(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def _replaced(good: Feature, path: Path, value: Any) -> Feature:
    changed = copy.deepcopy(good)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _with(good: Feature, name: str, path: Path, value: Any, **expected: Any) -> BadBody:
    """Put ``value`` at ``path``; the violation is expected there unless ``pointer`` says otherwise."""
    return BadBody(name, _dump(_replaced(good, path, value)), **({"pointer": _pointer(path)} | expected))


def _with_raw(good: Feature, name: str, path: Path, text: bytes, **expected: Any) -> BadBody:
    """Put JSON text that ``json.dumps`` would not write at ``path``."""
    body = _dump(_replaced(good, path, RAW)).replace(f'"{RAW}"'.encode(), text)
    return BadBody(name, body, **({"pointer": _pointer(path)} | expected))


def _without(good: Feature, name: str, path: Path, **expected: Any) -> BadBody:
    changed = copy.deepcopy(good)
    del _at(changed, path[:-1])[path[-1]]
    return BadBody(name, _dump(changed), **({"pointer": _pointer(path)} | expected))


def _geometry(good: Feature, name: str, kind: str, coordinates: Any, **expected: Any) -> BadBody:
    return _with(good, name, ("geometry",), {"type": kind, "coordinates": coordinates}, **expected)


def _box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


# The cases, by what is wrong with them.


def _framing(good: Feature) -> list[BadBody]:
    body, text = _dump(good), json.dumps(good)
    content_types = {
        "plain": "text/plain",
        "xml": "application/xml",
        "html": "text/html",
        "csv": "text/csv",
        "form": "application/x-www-form-urlencoded",
        "multipart": "multipart/form-data; boundary=x",
        "bytes": "application/octet-stream",
        "problem": "application/problem+json",
        "sequence": "application/geo+json-seq",
        "lines": "application/x-ndjson",
        "pickle": "application/x-python-pickle",
        "malformed": "json",
        "absent": "",
    }
    return [
        *(BadBody(f"content-type-{name}", body, value) for name, value in content_types.items()),
        BadBody("empty", b"", pointer="", code="empty_body"),
        BadBody("only-whitespace", b" \r\n\t ", pointer="", code="empty_body"),
        BadBody("byte-order-mark", b"\xef\xbb\xbf" + body, pointer="", code="byte_order_mark"),
        BadBody("utf-16", text.encode("utf-16"), pointer="", code="not_utf8"),
        BadBody("utf-16-le-without-mark", text.encode("utf-16-le"), pointer="", code="not_json"),
        BadBody("utf-32", text.encode("utf-32"), pointer="", code="not_utf8"),
        BadBody("latin-1", text.replace(TOKEN, f"é{TOKEN}").encode("latin-1"), pointer="", code="not_utf8"),
        BadBody("overlong-utf-8", body.replace(b"Synthetic ", b"\xc0\xaf"), pointer="", code="not_utf8"),
        BadBody("surrogate-in-utf-8", body.replace(b"Synthetic ", b"\xed\xa0\x80"), pointer="", code="not_utf8"),
        BadBody("binary", bytes(range(256)), pointer="", code="not_utf8"),
        BadBody("gzip-undeclared", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", pointer="", code="not_utf8"),
    ]


def _top_level(good: Feature) -> list[BadBody]:
    trees = {
        "empty-array": [],
        "array-of-one": [good],
        "string": TOKEN,
        "string-of-json": json.dumps(good),
        "integer": 7,
        "float": 7.5,
        "true": True,
        "false": False,
        "null": None,
    }
    return [
        *(BadBody(f"top-{name}", _dump(tree), pointer="", code="not_object") for name, tree in trees.items()),
        BadBody("top-empty-object", b"{}", pointer="/type", code="missing_member"),
        BadBody("top-geometry", _dump(good["geometry"]), pointer="/type", code="geojson_type"),
        BadBody("top-properties", _dump(good["properties"]), pointer="/type", code="missing_member"),
        BadBody(
            "top-collection",
            _dump({"type": "FeatureCollection", "features": [good]}),
            pointer="/type",
            code="geojson_type",
        ),
    ]


def _json_text(good: Feature) -> list[BadBody]:
    body = _dump(good)
    bodies = {
        "truncated-last-byte": body[:-1],
        "truncated-half": body[: len(body) // 2],
        "truncated-first-byte": body[1:],
        "trailing-text": body + b" " + TOKEN.encode(),
        "trailing-bracket": body + b"}",
        "trailing-nul": body + b"\x00",
        "twice": body + body,
        "two-lines": body + b"\n" + body,
        "record-separator": b"\x1e" + body + b"\n",
        "single-quotes": body.replace(b'"', b"'"),
        "unquoted-names": body.replace(b'"type"', b"type"),
        "trailing-comma": body[:-1] + b",}",
        "line-comment": b"// " + TOKEN.encode() + b"\n" + body,
        "block-comment": b"/* */" + body,
        "python-literals": body.replace(b"false", b"False"),
        "undefined": body.replace(b"null", b"undefined"),
        "raw-newline-in-text": body.replace(TOKEN.encode(), b"\n"),
        "raw-nul-in-text": body.replace(TOKEN.encode(), b"\x00"),
        "bad-escape": body.replace(TOKEN.encode(), b"\\x41"),
        "half-an-escape": body.replace(TOKEN.encode(), b"\\u00"),
        "leading-zero": body.replace(b'"date_precision": 1', b'"date_precision": 01'),
        "plus-sign": body.replace(b'"date_precision": 1', b'"date_precision": +1'),
        "hexadecimal": body.replace(b'"date_precision": 1', b'"date_precision": 0x1'),
        "bare-token": TOKEN.encode(),
        "form-body": b"operation=DEMO&narrative=" + TOKEN.encode(),
        "xml-body": b"<incident>" + TOKEN.encode() + b"</incident>",
    }
    return [BadBody(f"text-{name}", value, pointer="", code="not_json") for name, value in bodies.items()]


def _duplicate_keys(good: Feature) -> list[BadBody]:
    places: list[tuple[str, Path, Path, bytes]] = [
        ("feature", (), ("type",), b'"Feature", "type": "Feature"'),
        ("feature-properties", (), ("properties",), b'{}, "properties": {}'),
        ("geometry", ("geometry",), ("geometry", "type"), b'"Point", "type": "Point"'),
        ("coordinates", ("geometry",), COORDINATES, b'[18.5, 4.3], "coordinates": [18.6, 4.3]'),
        ("properties", PROPERTIES, (*PROPERTIES, "sharing"), b'"restricted", "sharing": "public"'),
        ("escaped", PROPERTIES, (*PROPERTIES, "consent"), b'"given", "consen\\u0074": "refused"'),
        ("killed", KILLED, (*KILLED, "low"), b'1, "low": 0'),
        ("split", SPLIT, (*SPLIT, "child"), b'0, "child": 1'),
        ("source", SOURCE, (*SOURCE, "handle"), b'"w-07", "handle": "w-08"'),
    ]
    return [
        _with_raw(good, f"duplicate-key-{name}", path, text, pointer=_pointer(parent), code="duplicate_key")
        for name, parent, path, text in places
    ]


def _nesting_and_size(good: Feature) -> list[BadBody]:
    narrative: Path = (*PROPERTIES, "narrative")
    deep: dict[str, Any] = {"pointer": "", "code": "too_deep"}
    return [
        _with_raw(good, "deep-arrays", narrative, b"[" * 31 + b"]" * 31, **deep),
        _with_raw(good, "deep-objects", narrative, b'{"a":' * 31 + b"1" + b"}" * 31, **deep),
        _with_raw(good, "deep-coordinates", COORDINATES, b"[" * 5000 + b"]" * 5000, **deep),
        BadBody("deep-unclosed", b"[" * 1_000_000, **deep),
        BadBody("deep-unclosed-objects", b'{"a":' * 200_000, **deep),
        BadBody("large-padding", _dump(good) + b" " * 1024 * 1024, pointer="", code="too_large"),
        _with(good, "large-narrative", narrative, "x" * 1024 * 1024, pointer="", code="too_large"),
        _with(good, "long-string", narrative, "x" * 20_001, code="string_too_long"),
        _with(good, "long-name", (*PROPERTIES, "x" * 20_001), 1, pointer="/properties", code="string_too_long"),
    ]


def _feature_members(good: Feature) -> list[BadBody]:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    no_crs: dict[str, Any] = {"code": "crs_not_allowed"}
    wrong_type: dict[str, Any] = {"code": "geojson_type"}
    wrong_id: dict[str, Any] = {"code": "feature_id"}
    return [
        _without(good, "feature-without-type", ("type",), code="missing_member"),
        _without(good, "feature-without-geometry", ("geometry",), code="missing_member"),
        _without(good, "feature-without-properties", ("properties",), code="missing_member"),
        _with(good, "feature-type-lower-case", ("type",), "feature", **wrong_type),
        _with(good, "feature-type-unknown", ("type",), TOKEN, **wrong_type),
        _with(good, "feature-type-null", ("type",), None, **wrong_type),
        _with(good, "feature-type-array", ("type",), ["Feature"], **wrong_type),
        _with(good, "feature-properties-null", PROPERTIES, None, code="not_object"),
        _with(good, "feature-properties-array", PROPERTIES, [good["properties"]], code="not_object"),
        _with(good, "feature-properties-string", PROPERTIES, TOKEN, code="not_object"),
        _with(good, "feature-id-boolean", ("id",), True, **wrong_id),
        _with(good, "feature-id-float", ("id",), 1.5, **wrong_id),
        _with(good, "feature-id-object", ("id",), {TOKEN: TOKEN}, **wrong_id),
        _with(good, "feature-crs", ("crs",), crs, **no_crs),
        _with(good, "feature-crs-null", ("crs",), None, **no_crs),
        _with(good, "geometry-crs", ("geometry", "crs"), crs, **no_crs),
        _with(good, "properties-crs", (*PROPERTIES, "crs"), "EPSG:32633"),
        _with(good, "feature-bbox", ("bbox",), [18.0, 4.0, 19.0, 5.0], code="unknown_member"),
        _with(good, "geometry-bbox", ("geometry", "bbox"), [18.0, 4.0, 19.0, 5.0], code="unknown_member"),
        _with(good, "feature-extra-member", ("links",), [], code="unknown_member"),
        _with(good, "geometry-extra-member", ("geometry", "radius"), 5, code="unknown_member"),
        _with(good, "feature-member-named-by-client", (TOKEN,), 1, pointer="", code="unknown_member"),
    ]


def _geometries(good: Feature) -> list[BadBody]:
    ring = _box(18.50, 4.30, 18.60, 4.40)
    far = _box(18.70, 4.30, 18.80, 4.40)
    bow_tie = [ring[0], ring[2], ring[1], ring[3], ring[0]]
    round_ring = [[18.5 + math.cos(i / 1592) / 50, 4.3 + math.sin(i / 1592) / 50] for i in range(10_000)]
    round_ring.append(round_ring[0])
    place = _pointer(COORDINATES)
    invalid: dict[str, Any] = {"pointer": place, "code": "invalid_geometry"}
    empty: dict[str, Any] = {"pointer": place, "code": "empty_geometry"}
    kind: dict[str, Any] = {"pointer": "/geometry/type", "code": "geojson_type"}
    number: dict[str, Any] = {"pointer": place, "code": "not_number"}
    flat: dict[str, Any] = {"pointer": place, "code": "two_dimensions"}
    east: dict[str, Any] = {"pointer": f"{place}/0", "code": "longitude_range"}
    north: dict[str, Any] = {"pointer": f"{place}/1", "code": "latitude_range"}
    endless: dict[str, Any] = {"pointer": f"{place}/0", "code": "not_finite"}
    return [
        _with(good, "geometry-array", ("geometry",), [18.5, 4.3], code="not_object"),
        _with(good, "geometry-string", ("geometry",), f"POINT(18.5 4.3) {TOKEN}", code="not_object"),
        _with(good, "geometry-number", ("geometry",), 0, code="not_object"),
        _with(good, "geometry-false", ("geometry",), False, code="not_object"),
        _with(good, "geometry-empty-object", ("geometry",), {}, pointer="/geometry/type", code="missing_member"),
        _with(good, "geometry-feature", ("geometry",), good, **kind),
        _without(good, "geometry-without-coordinates", COORDINATES, code="missing_member"),
        _with(
            good,
            "geometry-collection",
            ("geometry",),
            {"type": "GeometryCollection", "geometries": [good["geometry"]]},
            **kind,
        ),
        _geometry(good, "geometry-collection-with-coordinates", "GeometryCollection", [18.5, 4.3], **kind),
        _geometry(good, "geometry-line", "LineString", ring[:2], **kind),
        _geometry(good, "geometry-lines", "MultiLineString", [ring[:2]], **kind),
        _geometry(good, "geometry-points", "MultiPoint", ring[:2], **kind),
        _geometry(good, "geometry-curve", "CurvePolygon", [ring], **kind),
        _geometry(good, "geometry-type-lower-case", "point", [18.5, 4.3], **kind),
        _geometry(good, "geometry-type-unknown", TOKEN, [18.5, 4.3], **kind),
        _with(good, "coordinates-null", COORDINATES, None, code="not_array"),
        _with(good, "coordinates-object", COORDINATES, {"lon": 18.5, "lat": 4.3}, code="not_array"),
        _with(good, "coordinates-string", COORDINATES, "18.5,4.3", code="not_array"),
        _with(good, "point-empty", COORDINATES, [], **empty),
        _with(good, "point-one-number", COORDINATES, [18.5], **flat),
        _with(good, "point-3d", COORDINATES, [18.5, 4.3, 380.0], **flat),
        _with(good, "point-4d", COORDINATES, [18.5, 4.3, 380.0, 0], **flat),
        _with(good, "point-strings", COORDINATES, ["18.5", "4.3"], **number),
        _with(good, "point-booleans", COORDINATES, [True, False], **number),
        _with(good, "point-null", COORDINATES, [18.5, None], **number),
        _with(good, "point-nested", COORDINATES, [[18.5, 4.3]], **number),
        _with(good, "point-longitude-500", COORDINATES, [500, 4.3], **east),
        _with(good, "point-longitude-beyond", COORDINATES, [180.0000001, 4.3], **east),
        _with(good, "point-longitude-west", COORDINATES, [-181, 4.3], **east),
        _with(good, "point-longitude-1e300", COORDINATES, [1e300, 4.3], **east),
        _with(good, "point-latitude-beyond", COORDINATES, [18.5, 90.0000001], **north),
        _with(good, "point-latitude-south", COORDINATES, [18.5, -91], **north),
        _with(good, "point-projected-metres", COORDINATES, [2065529.0, 486124.0], **east),
        _with_raw(good, "point-nan", COORDINATES, b"[NaN, 4.3]", **endless),
        _with_raw(good, "point-infinity", COORDINATES, b"[Infinity, 4.3]", **endless),
        _with_raw(good, "point-minus-infinity", COORDINATES, b"[-Infinity, 4.3]", **endless),
        _with_raw(good, "point-1e400", COORDINATES, b"[1e400, 4.3]", **endless),
        _with_raw(
            good,
            "point-integer-beyond-64-bits",
            COORDINATES,
            b"[18446744073709551616, 4.3]",
            pointer=f"{place}/0",
            code="integer_range",
        ),
        _geometry(good, "polygon-empty", "Polygon", [], **empty),
        _geometry(good, "polygon-empty-ring", "Polygon", [[]], pointer=f"{place}/0", code="empty_geometry"),
        _geometry(good, "polygon-not-nested", "Polygon", ring, pointer=f"{place}/0/0", code="not_array"),
        _geometry(good, "polygon-too-nested", "Polygon", [[ring]], pointer=f"{place}/0/0", code="not_number"),
        _geometry(good, "polygon-unclosed", "Polygon", [ring[:-1]], pointer=f"{place}/0", code="ring_not_closed"),
        _geometry(
            good, "polygon-short", "Polygon", [[ring[0], ring[1], ring[0]]], pointer=f"{place}/0", code="ring_too_short"
        ),
        _geometry(good, "polygon-one-position", "Polygon", [[ring[0]] * 4], pointer=place, code="zero_area"),
        _geometry(
            good,
            "polygon-line",
            "Polygon",
            [[[18.0, 4.0], [18.25, 4.25], [18.5, 4.5], [18.0, 4.0]]],
            pointer=place,
            code="zero_area",
        ),
        _geometry(good, "polygon-bow-tie", "Polygon", [bow_tie], **invalid),
        _geometry(good, "polygon-hole-outside", "Polygon", [ring, far], **invalid),
        _geometry(good, "polygon-hole-is-shell", "Polygon", [ring, ring], **invalid),
        _geometry(
            good, "polygon-3d", "Polygon", [[[*p, 1] for p in ring]], pointer=f"{place}/0/0", code="two_dimensions"
        ),
        _geometry(
            good,
            "polygon-one-string",
            "Polygon",
            [[*ring[:2], ["18.6", 4.4], *ring[3:]]],
            pointer=f"{place}/0/2",
            code="not_number",
        ),
        _geometry(good, "polygon-10001-vertices", "Polygon", [round_ring], pointer=place, code="too_many_vertices"),
        _geometry(good, "polygons-empty", "MultiPolygon", [], **empty),
        _geometry(
            good, "polygons-one-empty", "MultiPolygon", [[ring], []], pointer=f"{place}/1", code="empty_geometry"
        ),
        _geometry(good, "polygons-overlapping", "MultiPolygon", [[ring], [_box(18.55, 4.35, 18.65, 4.45)]], **invalid),
        _geometry(good, "polygons-same-twice", "MultiPolygon", [[ring], [ring]], **invalid),
        _geometry(good, "polygons-not-nested", "MultiPolygon", [ring], pointer=f"{place}/0/0/0", code="not_array"),
        _geometry(
            good,
            "polygons-10002-vertices",
            "MultiPolygon",
            [[round_ring[:5001]], [round_ring[5000:]]],
            pointer=place,
            code="too_many_vertices",
        ),
    ]


def _places(good: Feature) -> list[BadBody]:
    """Sound geometries in the wrong place. Only the operation's area can tell."""
    points = {
        "latitude-first": [4.36122, 18.55496],
        "null-island": [0, 0],
        "paris": [2.3522, 48.8566],
        "kinshasa": [15.3136, -4.3217],
        "sign-lost": [18.55496, -4.36122],
        "pole": [18.55496, 90],
        "antimeridian": [180, 4.36122],
    }
    nowhere = _replaced(good, ("geometry",), None)
    del nowhere["properties"]["admin_pcode"]
    return [
        *(_with(good, f"place-{name}", COORDINATES, point, pointer=None) for name, point in points.items()),
        _geometry(good, "place-polygon-elsewhere", "Polygon", [_box(2.2, 48.8, 2.4, 48.9)], pointer=None),
        _geometry(good, "place-whole-earth", "Polygon", [_box(-180, -90, 180, 90)], pointer=None),
        BadBody("place-none-at-all", _dump(nowhere)),
        _with(nowhere, "place-null-code-and-null-geometry", (*PROPERTIES, "admin_pcode"), None, pointer=None),
        _with(nowhere, "place-blank-code-and-null-geometry", (*PROPERTIES, "admin_pcode"), "", pointer=None),
    ]


REQUIRED = (
    "operation",
    "category",
    "event_start",
    "date_precision",
    "geo_precision",
    "sharing",
    "share_above",
    "consent",
)
RANGES = ("killed", "injured", "abducted", "displaced")
SOURCE_FIELDS = ("type", "independence_group", "reliability", "credibility", "obtained_on", "handle")


def _missing(good: Feature) -> list[BadBody]:
    return [
        *(_without(good, f"missing-{name}", (*PROPERTIES, name)) for name in REQUIRED),
        *(_with(good, f"null-{name}", (*PROPERTIES, name), None) for name in REQUIRED),
        *(_without(good, f"missing-killed-{name}", (*KILLED, name)) for name in ("low", "best", "high")),
        *(_with(good, f"null-killed-{name}", (*KILLED, name), None) for name in ("low", "best", "high")),
        *(_without(good, f"missing-source-{name}", (*SOURCE, name)) for name in SOURCE_FIELDS if name != "handle"),
        _with(good, "properties-empty", PROPERTIES, {}, pointer=None),
    ]


def _unknown_members(good: Feature) -> list[BadBody]:
    # What the service decides must not be settable, and what it must never hold must not be kept.
    names = (
        "extra",
        "state",
        "id",
        "version",
        "verified_by",
        "duplicate_of",
        "locality_id",
        "score",
        "reporter",
        "created_at",
        "victim_name",
        "phone",
        "__proto__",
        "Sharing",
        "",
    )
    source_names = ("name", "phone", "email", "organisation", "device")
    return [
        *(_with(good, f"extra-{name or 'nameless'}", (*PROPERTIES, name), TOKEN, pointer=None) for name in names),
        *(_with(good, f"extra-source-{name}", (*SOURCE, name), TOKEN, pointer=None) for name in source_names),
        _with(good, "extra-named-by-client", (*PROPERTIES, TOKEN), 1, pointer=None),
        _with(good, "extra-killed", (*KILLED, "median"), 2, pointer=None),
        _with(good, "extra-split", (*SPLIT, "unknown"), 2, pointer=None),
    ]


STRINGS = (
    "operation",
    "client_id",
    "category",
    "admin_pcode",
    "perpetrator_class",
    "attribution_confidence",
    "protected_site",
    "narrative",
    "sharing",
    "share_above",
    "consent",
    "supersedes",
)
INSTANTS = ("event_start", "event_end", "reported_at")
NOT_STRINGS = {"integer": 7, "float": 7.5, "boolean": True, "array": [TOKEN], "object": {"value": TOKEN}}
NOT_INTEGERS = {
    "string": "1",
    "float": 1.5,
    "whole-float": 1.0,
    "boolean": True,
    "array": [1],
    "object": {"value": 1},
    "beyond-64-bits": TOO_BIG,
}
NOT_BOOLEANS = {"string": "true", "one": 1, "zero": 0, "float": 1.0, "array": [True], "object": {}}


def _wrong_types(good: Feature) -> list[BadBody]:
    def each(path: Path, wrong: dict[str, Any], pointer: str | None = "there") -> list[BadBody]:
        expected = {} if pointer == "there" else {"pointer": pointer}
        name = "-".join(str(step) for step in path[1:])
        return [_with(good, f"type-{name}-{kind}", path, value, **expected) for kind, value in wrong.items()]

    objects: dict[str, Any] = {"integer": 3, "string": TOKEN, "boolean": False, "array": [1, 2, 3]}
    return [
        *(case for name in STRINGS for case in each((*PROPERTIES, name), NOT_STRINGS)),
        *(case for name in INSTANTS for case in each((*PROPERTIES, name), NOT_STRINGS)),
        *(case for name in ("date_precision", "geo_precision") for case in each((*PROPERTIES, name), NOT_INTEGERS)),
        *each((*PROPERTIES, "exercise"), NOT_BOOLEANS),
        *(case for name in RANGES for case in each((*PROPERTIES, name), objects | {"empty": {}}, None)),
        *(case for name in ("low", "best", "high") for case in each((*KILLED, name), NOT_INTEGERS, None)),
        *each(SPLIT, objects, None),
        *(case for name in ("female", "adult") for case in each((*SPLIT, name), NOT_INTEGERS, None)),
        *each((*PROPERTIES, "sources"), {"integer": 1, "string": TOKEN, "boolean": True, "object": {}}, None),
        *each(SOURCE, {"integer": 1, "string": TOKEN, "null": None, "array": [], "empty": {}}, None),
        *(
            case
            for name in SOURCE_FIELDS
            for case in each((*SOURCE, name), NOT_INTEGERS if name == "credibility" else NOT_STRINGS)
        ),
    ]


def _vocabulary(good: Feature) -> list[BadBody]:
    enums = ("category", "perpetrator_class", "attribution_confidence", "protected_site", "sharing", "share_above")
    return [
        *(
            _with(good, f"{name}-{kind}", (*PROPERTIES, name), value)
            for name in (*enums, "consent")
            for kind, value in {"unknown": TOKEN, "blank": ""}.items()
        ),
        *(
            _with(good, f"{name}-{kind}", (*PROPERTIES, name), change(good["properties"][name]))
            for name in ("category", "sharing", "consent")
            for kind, change in {"upper-case": str.upper, "padded": lambda text: f"{text} "}.items()
        ),
        _with(good, "category-label", (*PROPERTIES, "category"), "Attack on civilians"),
        _with(good, "category-injection", (*PROPERTIES, "category"), f"attack_on_civilians'; -- {TOKEN}"),
        _with(good, "operation-unknown", (*PROPERTIES, "operation"), "ZZTOP", pointer=None),
        _with(good, "operation-lower-case", (*PROPERTIES, "operation"), "demo", pointer=None),
        _with(good, "operation-blank", (*PROPERTIES, "operation"), "", pointer=None),
        _with(good, "operation-wildcard", (*PROPERTIES, "operation"), "%", pointer=None),
        _with(good, "supersedes-not-an-id", (*PROPERTIES, "supersedes"), TOKEN),
        _with(good, "supersedes-blank", (*PROPERTIES, "supersedes"), ""),
        _with(
            good,
            "supersedes-nothing",
            (*PROPERTIES, "supersedes"),
            "00000000-0000-4000-8000-000000000000",
            pointer=None,
        ),
        _with(good, "source-type-unknown", (*SOURCE, "type"), TOKEN),
        _with(good, "source-type-blank", (*SOURCE, "type"), ""),
        _with(good, "source-reliability-g", (*SOURCE, "reliability"), "G"),
        _with(good, "source-reliability-lower-case", (*SOURCE, "reliability"), "b"),
        _with(good, "source-reliability-two", (*SOURCE, "reliability"), "AB"),
    ]


def _times(good: Feature) -> list[BadBody]:
    properties = good["properties"]
    start = datetime.fromisoformat(properties["event_start"])
    texts = {
        "not-a-date": TOKEN,
        "blank": "",
        "without-offset": properties["event_start"][:19],
        "date-only": properties["event_start"][:10],
        "epoch-as-text": "1700000000",
        "impossible-day": "2025-02-30T10:00:00+00:00",
        "impossible-month": "2025-13-01T10:00:00+00:00",
        "impossible-hour": "2025-01-01T25:00:00+00:00",
        "impossible-offset": "2025-01-01T10:00:00+25:00",
        "not-a-leap-year": "2023-02-29T10:00:00Z",
        "year-0": "0000-01-01T00:00:00Z",
        "year-10000": "10000-01-01T00:00:00Z",
        "before-year-1-in-utc": "0001-01-01T00:00:00+14:00",
        "after-year-9999-in-utc": "9999-12-31T23:59:59-12:00",
        "negative-year": "-2025-01-01T00:00:00Z",
        "day-first": "31/01/2025 10:00",
        "week-date": "2025-W01-1T10:00:00Z",
        "zone-name": "2025-01-01T10:00:00 Africa/Bangui",
        "padded": " 2025-01-01T10:00:00Z ",
        "other-digits": "٢٠٢٥-01-01T10:00:00Z",
        "future": FAR_FUTURE,
    }
    days = {
        "not-a-date": TOKEN,
        "blank": "",
        "impossible": "2025-02-30",
        "with-time": "2025-01-01T10:00:00Z",
        "day-first": "01/02/2025",
        "epoch-as-text": "1700000000",
        "year-0": "0000-01-01",
        "year-10000": "10000-01-01",
        "future": FAR_FUTURE[:10],
    }
    zoned = (start - timedelta(minutes=1)).replace(tzinfo=None).isoformat(timespec="seconds")
    return [
        *(
            _with(
                good,
                f"{name}-{kind}",
                (*PROPERTIES, name),
                text,
                pointer=f"/properties/{name}" if kind != "future" else None,
            )
            for name in INSTANTS
            for kind, text in texts.items()
        ),
        *(
            _with(good, f"obtained-on-{kind}", (*SOURCE, "obtained_on"), text, pointer=None)
            for kind, text in days.items()
        ),
        _with(
            good,
            "ends-before-it-starts",
            (*PROPERTIES, "event_end"),
            (start - timedelta(seconds=1)).isoformat(timespec="seconds"),
            pointer=None,
        ),
        # Later on the clock of its own zone, and earlier in fact.
        _with(good, "ends-before-it-starts-in-utc", (*PROPERTIES, "event_end"), f"{zoned}+00:30", pointer=None),
    ]


def _numbers(good: Feature) -> list[BadBody]:
    def outside(path: Path, *values: int) -> list[BadBody]:
        name = "-".join(str(step) for step in path[1:])
        return [_with(good, f"range-{name}-{value}", path, value) for value in values]

    def estimate(name: str, low: int, best: int, high: int) -> list[BadBody]:
        value = {"low": low, "best": best, "high": high}
        return [_with(good, f"{field}-{name}", (*PROPERTIES, field), value, pointer=None) for field in RANGES]

    raw = {
        "nan": b"NaN",
        "infinity": b"Infinity",
        "minus-infinity": b"-Infinity",
        "1e400": b"1e400",
        "-1e400": b"-1e400",
    }
    huge = {"64-bit": b"9223372036854775808", "negative": b"-9223372036854775809", "5000-digits": b"9" * 5000}
    best: Path = (*KILLED, "best")
    return [
        *outside((*PROPERTIES, "date_precision"), 0, 5, -1, 2**31),
        *outside((*PROPERTIES, "geo_precision"), 0, 7, -1, 2**31),
        *outside((*SOURCE, "credibility"), 0, 7, -1, 2**31),
        *outside((*SPLIT, "female"), -1, 2**63 - 1),
        *estimate("low-above-best", 3, 2, 4),
        *estimate("best-above-high", 1, 5, 4),
        *estimate("low-above-high", 9, 9, 4),
        *estimate("negative-low", -1, 2, 4),
        *estimate("all-negative", -4, -2, -1),
        *estimate("beyond-32-bits", 0, 0, 2**31),
        *estimate("end-of-64-bits", 2**63 - 1, 2**63 - 1, 2**63 - 1),
        *(_with_raw(good, f"number-{name}", best, text, code="not_finite") for name, text in raw.items()),
        *(_with_raw(good, f"integer-{name}", best, text, code="integer_range") for name, text in huge.items()),
        _with_raw(good, "number-exponent", best, b"2e0", pointer=None),
        _with_raw(good, "number-minus-zero-float", best, b"-0.0", pointer=None),
    ]


def _lengths(good: Feature) -> list[BadBody]:
    source = good["properties"]["sources"][0]
    return [
        _with(good, "client-id-101", (*PROPERTIES, "client_id"), "x" * 101),
        _with(good, "narrative-5001", (*PROPERTIES, "narrative"), "x" * 5001),
        _with(good, "narrative-5001-astral", (*PROPERTIES, "narrative"), "\U0001f54a" * 5001),
        _with(good, "admin-pcode-10000", (*PROPERTIES, "admin_pcode"), "C" * 10_000),
        _with(good, "operation-10000", (*PROPERTIES, "operation"), "D" * 10_000, pointer=None),
        _with(good, "category-10000", (*PROPERTIES, "category"), "c" * 10_000),
        _with(good, "source-group-61", (*SOURCE, "independence_group"), "x" * 61),
        _with(good, "source-handle-61", (*SOURCE, "handle"), "x" * 61),
        _with(good, "sources-51", (*PROPERTIES, "sources"), [source] * 51),
        _with(good, "sources-5000", (*PROPERTIES, "sources"), [source] * 5000),
    ]


def _texts(good: Feature) -> list[BadBody]:
    """Characters that no field may hold, in every field that holds text, and in the names of members."""
    forbidden: dict[str, Any] = {"code": "forbidden_character"}
    characters = {
        "nul": "\x00",
        "bell": "\x07",
        "carriage-return": "\r",
        "escape": "\x1b[31m",
        "record-separator": "\x1e",
        "delete": "\x7f",
        "next-line": "\x85",
        "high-surrogate": "\ud83d",
        "low-surrogate": "\ude00",
        "surrogates-reversed": "\ude00\ud83d",
        "non-character-fffe": "\ufffe",
        "non-character-ffff": "\uffff",
        "non-character-fdd0": "\ufdd0",
        "non-character-10ffff": "\U0010ffff",
    }
    return [
        *(
            _with(good, f"narrative-{name}", (*PROPERTIES, "narrative"), f"{TOKEN}{text}", **forbidden)
            for name, text in characters.items()
        ),
        *(
            _with(good, f"nul-in-{name}", (*PROPERTIES, name), "x\x00", **forbidden)
            for name in (*STRINGS, *INSTANTS)
            if name != "narrative"
        ),
        *(
            _with(good, f"nul-in-source-{name}", (*SOURCE, name), "x\x00", **forbidden)
            for name in ("type", "independence_group", "handle")
        ),
        _with(good, "nul-in-feature-id", ("id",), "x\x00", **forbidden),
        _with(good, "nul-in-a-name", (*PROPERTIES, "killed\x00"), 1, pointer="/properties", **forbidden),
        _with(good, "newline-in-a-name", (*PROPERTIES, "kil\nled"), 1, pointer="/properties", **forbidden),
        _with(good, "surrogate-in-a-name", (*KILLED, "low\ud800"), 1, pointer="/properties/killed", **forbidden),
    ]
