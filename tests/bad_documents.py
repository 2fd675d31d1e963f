"""Bodies that are bad as documents: their bytes, their JSON, their GeoJSON, their place."""

import json
import math
from typing import Any

from bad_body import (
    COORDINATES,
    KILLED,
    PROPERTIES,
    SOURCE,
    SPLIT,
    TOKEN,
    BadBody,
    Feature,
    Path,
    dump,
    pointer_of,
    replaced,
    ring_of,
    with_geometry,
    with_raw,
    with_value,
    without,
)


def bad_documents(good: Feature) -> list[BadBody]:
    """Mutate ``good`` into every case of this module."""
    kinds = (
        _framing,
        _top_level,
        _json_text,
        _duplicate_keys,
        _nesting_and_size,
        _feature_members,
        _geometries,
        _places,
    )
    return [case for kind in kinds for case in kind(good)]


def _framing(good: Feature) -> list[BadBody]:
    body, text = dump(good), json.dumps(good)
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
        *(BadBody(f"top-{name}", dump(tree), pointer="", code="not_object") for name, tree in trees.items()),
        BadBody("top-empty-object", b"{}", pointer="/type", code="missing_member"),
        BadBody("top-geometry", dump(good["geometry"]), pointer="/type", code="geojson_type"),
        BadBody("top-properties", dump(good["properties"]), pointer="/type", code="missing_member"),
        BadBody(
            "top-collection",
            dump({"type": "FeatureCollection", "features": [good]}),
            pointer="/type",
            code="geojson_type",
        ),
    ]


def _json_text(good: Feature) -> list[BadBody]:
    body = dump(good)
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
        with_raw(good, f"duplicate-key-{name}", path, text, pointer=pointer_of(parent), code="duplicate_key")
        for name, parent, path, text in places
    ]


def _nesting_and_size(good: Feature) -> list[BadBody]:
    narrative: Path = (*PROPERTIES, "narrative")
    deep: dict[str, Any] = {"pointer": "", "code": "too_deep"}
    return [
        with_raw(good, "deep-arrays", narrative, b"[" * 31 + b"]" * 31, **deep),
        with_raw(good, "deep-objects", narrative, b'{"a":' * 31 + b"1" + b"}" * 31, **deep),
        with_raw(good, "deep-coordinates", COORDINATES, b"[" * 5000 + b"]" * 5000, **deep),
        BadBody("deep-unclosed", b"[" * 1_000_000, **deep),
        BadBody("deep-unclosed-objects", b'{"a":' * 200_000, **deep),
        BadBody("large-padding", dump(good) + b" " * 1024 * 1024, pointer="", code="too_large"),
        with_value(good, "large-narrative", narrative, "x" * 1024 * 1024, pointer="", code="too_large"),
        with_value(good, "long-string", narrative, "x" * 20_001, code="string_too_long"),
        with_value(good, "long-name", (*PROPERTIES, "x" * 20_001), 1, pointer="/properties", code="string_too_long"),
    ]


def _feature_members(good: Feature) -> list[BadBody]:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    no_crs: dict[str, Any] = {"code": "crs_not_allowed"}
    wrong_type: dict[str, Any] = {"code": "geojson_type"}
    wrong_id: dict[str, Any] = {"code": "feature_id"}
    return [
        without(good, "feature-without-type", ("type",), code="missing_member"),
        without(good, "feature-without-geometry", ("geometry",), code="missing_member"),
        without(good, "feature-without-properties", ("properties",), code="missing_member"),
        with_value(good, "feature-type-lower-case", ("type",), "feature", **wrong_type),
        with_value(good, "feature-type-unknown", ("type",), TOKEN, **wrong_type),
        with_value(good, "feature-type-null", ("type",), None, **wrong_type),
        with_value(good, "feature-type-array", ("type",), ["Feature"], **wrong_type),
        with_value(good, "feature-properties-null", PROPERTIES, None, code="not_object"),
        with_value(good, "feature-properties-array", PROPERTIES, [good["properties"]], code="not_object"),
        with_value(good, "feature-properties-string", PROPERTIES, TOKEN, code="not_object"),
        with_value(good, "feature-id-boolean", ("id",), True, **wrong_id),
        with_value(good, "feature-id-float", ("id",), 1.5, **wrong_id),
        with_value(good, "feature-id-object", ("id",), {TOKEN: TOKEN}, **wrong_id),
        with_value(good, "feature-crs", ("crs",), crs, **no_crs),
        with_value(good, "feature-crs-null", ("crs",), None, **no_crs),
        with_value(good, "geometry-crs", ("geometry", "crs"), crs, **no_crs),
        with_value(good, "properties-crs", (*PROPERTIES, "crs"), "EPSG:32633"),
        with_value(good, "feature-bbox", ("bbox",), [18.0, 4.0, 19.0, 5.0], code="unknown_member"),
        with_value(good, "geometry-bbox", ("geometry", "bbox"), [18.0, 4.0, 19.0, 5.0], code="unknown_member"),
        with_value(good, "feature-extra-member", ("links",), [], code="unknown_member"),
        with_value(good, "geometry-extra-member", ("geometry", "radius"), 5, code="unknown_member"),
        with_value(good, "feature-member-named-by-client", (TOKEN,), 1, pointer="", code="unknown_member"),
    ]


def _geometries(good: Feature) -> list[BadBody]:
    ring = ring_of(18.50, 4.30, 18.60, 4.40)
    far = ring_of(18.70, 4.30, 18.80, 4.40)
    bow_tie = [ring[0], ring[2], ring[1], ring[3], ring[0]]
    round_ring = [[18.5 + math.cos(i / 1592) / 50, 4.3 + math.sin(i / 1592) / 50] for i in range(10_000)]
    round_ring.append(round_ring[0])
    place = pointer_of(COORDINATES)
    invalid: dict[str, Any] = {"pointer": place, "code": "invalid_geometry"}
    empty: dict[str, Any] = {"pointer": place, "code": "empty_geometry"}
    kind: dict[str, Any] = {"pointer": "/geometry/type", "code": "geojson_type"}
    number: dict[str, Any] = {"pointer": place, "code": "not_number"}
    flat: dict[str, Any] = {"pointer": place, "code": "two_dimensions"}
    east: dict[str, Any] = {"pointer": f"{place}/0", "code": "longitude_range"}
    north: dict[str, Any] = {"pointer": f"{place}/1", "code": "latitude_range"}
    endless: dict[str, Any] = {"pointer": f"{place}/0", "code": "not_finite"}
    return [
        with_value(good, "geometry-array", ("geometry",), [18.5, 4.3], code="not_object"),
        with_value(good, "geometry-string", ("geometry",), f"POINT(18.5 4.3) {TOKEN}", code="not_object"),
        with_value(good, "geometry-number", ("geometry",), 0, code="not_object"),
        with_value(good, "geometry-false", ("geometry",), False, code="not_object"),
        with_value(good, "geometry-empty-object", ("geometry",), {}, pointer="/geometry/type", code="missing_member"),
        with_value(good, "geometry-feature", ("geometry",), good, **kind),
        without(good, "geometry-without-coordinates", COORDINATES, code="missing_member"),
        with_value(
            good,
            "geometry-collection",
            ("geometry",),
            {"type": "GeometryCollection", "geometries": [good["geometry"]]},
            **kind,
        ),
        with_geometry(good, "geometry-collection-with-coordinates", "GeometryCollection", [18.5, 4.3], **kind),
        with_geometry(good, "geometry-line", "LineString", ring[:2], **kind),
        with_geometry(good, "geometry-lines", "MultiLineString", [ring[:2]], **kind),
        with_geometry(good, "geometry-points", "MultiPoint", ring[:2], **kind),
        with_geometry(good, "geometry-curve", "CurvePolygon", [ring], **kind),
        with_geometry(good, "geometry-type-lower-case", "point", [18.5, 4.3], **kind),
        with_geometry(good, "geometry-type-unknown", TOKEN, [18.5, 4.3], **kind),
        with_value(good, "coordinates-null", COORDINATES, None, code="not_array"),
        with_value(good, "coordinates-object", COORDINATES, {"lon": 18.5, "lat": 4.3}, code="not_array"),
        with_value(good, "coordinates-string", COORDINATES, "18.5,4.3", code="not_array"),
        with_value(good, "point-empty", COORDINATES, [], **empty),
        with_value(good, "point-one-number", COORDINATES, [18.5], **flat),
        with_value(good, "point-3d", COORDINATES, [18.5, 4.3, 380.0], **flat),
        with_value(good, "point-4d", COORDINATES, [18.5, 4.3, 380.0, 0], **flat),
        with_value(good, "point-strings", COORDINATES, ["18.5", "4.3"], **number),
        with_value(good, "point-booleans", COORDINATES, [True, False], **number),
        with_value(good, "point-null", COORDINATES, [18.5, None], **number),
        with_value(good, "point-nested", COORDINATES, [[18.5, 4.3]], **number),
        with_value(good, "point-longitude-500", COORDINATES, [500, 4.3], **east),
        with_value(good, "point-longitude-beyond", COORDINATES, [180.0000001, 4.3], **east),
        with_value(good, "point-longitude-west", COORDINATES, [-181, 4.3], **east),
        with_value(good, "point-longitude-1e300", COORDINATES, [1e300, 4.3], **east),
        with_value(good, "point-latitude-beyond", COORDINATES, [18.5, 90.0000001], **north),
        with_value(good, "point-latitude-south", COORDINATES, [18.5, -91], **north),
        with_value(good, "point-projected-metres", COORDINATES, [2065529.0, 486124.0], **east),
        with_raw(good, "point-nan", COORDINATES, b"[NaN, 4.3]", **endless),
        with_raw(good, "point-infinity", COORDINATES, b"[Infinity, 4.3]", **endless),
        with_raw(good, "point-minus-infinity", COORDINATES, b"[-Infinity, 4.3]", **endless),
        with_raw(good, "point-1e400", COORDINATES, b"[1e400, 4.3]", **endless),
        with_raw(
            good,
            "point-integer-beyond-64-bits",
            COORDINATES,
            b"[18446744073709551616, 4.3]",
            pointer=f"{place}/0",
            code="integer_range",
        ),
        with_geometry(good, "polygon-empty", "Polygon", [], **empty),
        with_geometry(good, "polygon-empty-ring", "Polygon", [[]], pointer=f"{place}/0", code="empty_geometry"),
        with_geometry(good, "polygon-not-nested", "Polygon", ring, pointer=f"{place}/0/0", code="not_array"),
        with_geometry(good, "polygon-too-nested", "Polygon", [[ring]], pointer=f"{place}/0/0", code="not_number"),
        with_geometry(good, "polygon-unclosed", "Polygon", [ring[:-1]], pointer=f"{place}/0", code="ring_not_closed"),
        with_geometry(
            good, "polygon-short", "Polygon", [[ring[0], ring[1], ring[0]]], pointer=f"{place}/0", code="ring_too_short"
        ),
        with_geometry(good, "polygon-one-position", "Polygon", [[ring[0]] * 4], pointer=place, code="zero_area"),
        with_geometry(
            good,
            "polygon-line",
            "Polygon",
            [[[18.0, 4.0], [18.25, 4.25], [18.5, 4.5], [18.0, 4.0]]],
            pointer=place,
            code="zero_area",
        ),
        with_geometry(good, "polygon-bow-tie", "Polygon", [bow_tie], **invalid),
        with_geometry(good, "polygon-hole-outside", "Polygon", [ring, far], **invalid),
        with_geometry(good, "polygon-hole-is-shell", "Polygon", [ring, ring], **invalid),
        with_geometry(
            good, "polygon-3d", "Polygon", [[[*p, 1] for p in ring]], pointer=f"{place}/0/0", code="two_dimensions"
        ),
        with_geometry(
            good,
            "polygon-one-string",
            "Polygon",
            [[*ring[:2], ["18.6", 4.4], *ring[3:]]],
            pointer=f"{place}/0/2",
            code="not_number",
        ),
        with_geometry(good, "polygon-10001-vertices", "Polygon", [round_ring], pointer=place, code="too_many_vertices"),
        with_geometry(good, "polygons-empty", "MultiPolygon", [], **empty),
        with_geometry(
            good, "polygons-one-empty", "MultiPolygon", [[ring], []], pointer=f"{place}/1", code="empty_geometry"
        ),
        with_geometry(
            good, "polygons-overlapping", "MultiPolygon", [[ring], [ring_of(18.55, 4.35, 18.65, 4.45)]], **invalid
        ),
        with_geometry(good, "polygons-same-twice", "MultiPolygon", [[ring], [ring]], **invalid),
        with_geometry(good, "polygons-not-nested", "MultiPolygon", [ring], pointer=f"{place}/0/0/0", code="not_array"),
        with_geometry(
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
    nowhere = replaced(good, ("geometry",), None)
    del nowhere["properties"]["admin_pcode"]
    return [
        *(with_value(good, f"place-{name}", COORDINATES, point, pointer=None) for name, point in points.items()),
        with_geometry(good, "place-polygon-elsewhere", "Polygon", [ring_of(2.2, 48.8, 2.4, 48.9)], pointer=None),
        with_geometry(good, "place-whole-earth", "Polygon", [ring_of(-180, -90, 180, 90)], pointer=None),
        BadBody("place-none-at-all", dump(nowhere)),
        with_value(nowhere, "place-null-code-and-null-geometry", (*PROPERTIES, "admin_pcode"), None, pointer=None),
        with_value(nowhere, "place-blank-code-and-null-geometry", (*PROPERTIES, "admin_pcode"), "", pointer=None),
    ]
