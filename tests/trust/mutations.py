"""Bodies near valid ones, made from a seed: most are bad, some are not, and nobody says beforehand which."""

import copy
import json
from contextlib import suppress

from bad_body import TOKEN

#: What ``json.dumps`` would not write, put into the text afterwards.
RAW = [
    *("NaN", "-NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "0x10", "01", "+1", ".5", "1.", "1_000"),
    *("9223372036854775808", "-9223372036854775809", "1" * 400, "1.0000000000000000000000001", "undefined", "True"),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x41"', "'a'", '"a', "{", "[", "[1,]", '{"a":1,}', '{"a" 1}'),
    *('{"a":1,"a":2}', "[" * 40 + "]" * 40, "[" * 5000, '{"a":' * 40 + "1" + "}" * 40, "/**/1", "1 2", "\ufeff1"),
]
VALUES = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 0.1, -0.0, 1e308, 5e-324),
    *("", " ", "0", "1", "true", "null", "NaN", "x" * 61, "x" * 5001, "x" * 20_001, TOKEN, f"{TOKEN}\x00", "\x1b[31m"),
    *("\u202e", "\ufeff", "\ufffe", "e\u0301", "ﬀ", "١٢", "😀" * 400, "<script>", "'; DROP TABLE vault.incident; --"),
    *("2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
    *("2026-01-01T25:00:00Z", "2026-01-01T00:00:00+99:99", "now", "infinity", "P1D", "../../etc/passwd", "%00", "{}"),
    *("00000000-0000-4000-8000-000000000000", "CF711", "DEMO", "false", "verified", "restricted", "unknown"),
    *([], [[]], [None], [1, 2, 3], [TOKEN] * 3, {}, {"": 1}, {TOKEN: TOKEN}, {"low": 3, "best": 2, "high": 1}),
]
GEOMETRIES = [
    *({}, {"type": "Point"}, {"coordinates": [18.5, 4.5]}, {"type": "Circle", "coordinates": [18.5, 4.5]}),
    *({"type": "Point", "coordinates": c} for c in ([], [18.5], [18.5, 4.5, 1], ["18.5", "4.5"], [True, False])),
    *({"type": "Point", "coordinates": c} for c in ([500, 4.5], [18.5, 91], [4.5, 18.5], [[18.5, 4.5]], None, {})),
    {"type": "Point", "coordinates": [18.5, 4.5], "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}},
    {"type": "Point", "coordinates": [18.5, 4.5], "bbox": [1, 2]},
    {"type": "LineString", "coordinates": [[18.5, 4.5]]},
    {"type": "LineString", "coordinates": [[18.5, 4.5], [18.5, 4.5]]},
    {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[[18, 4], [19, 4], [19, 5]]]},
    {"type": "Polygon", "coordinates": [[[18, 4], [19, 5], [19, 4], [18, 5], [18, 4]]]},
    {"type": "Polygon", "coordinates": [[[18, 4], [18, 4], [18, 4], [18, 4]]]},
    {"type": "Polygon", "coordinates": [[[18, 4], [19, 4], [19, 5], [18, 5], [18, 4.1]]]},
    {"type": "MultiPolygon", "coordinates": [[[[18, 4], [19, 4], [19, 5], [18, 4]]] * 2]},
    {"type": "MultiPoint", "coordinates": [[18.5, 4.5]] * 10_001},
    {"type": "GeometryCollection", "geometries": []},
    {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [18.5, 4.5]}]},
]
_HOLDER = "@@raw@@"
#: How many changes a body is given: mostly one, since more of them hide one another; now and then none.
_FLAWS = [0, *[1] * 12, 2, 2, 2, 2, 3, 3]


def mutated(random, valid):
    """Make the bytes of a body out of a valid one, which is left as it is."""
    tree = copy.deepcopy(valid)
    for _ in range(random.choice(_FLAWS)):
        tree = random.choice(_CHANGES)(random, tree)
    body = json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if b"@@raw@@" in body:
        body = body.replace(b'"@@raw@@"', random.choice(RAW).encode("utf-8", "surrogatepass"))
    return random.choice(_TEXTS)(random, body) if random.random() < 0.1 else body


def _places(tree, path=()):
    """Yield the path of every value."""
    yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inner:
        yield from _places(value, (*path, name))


def _at(tree, path):
    for step in path:
        tree = tree[step]
    return tree


def _somewhere(random, tree):
    """Choose a value that has a parent: the parent, and the name it has there."""
    paths = [path for path in _places(tree) if path]
    if not paths:
        return None, None
    path = random.choice(paths)
    return _at(tree, path[:-1]), path[-1]


def _replace(random, tree):
    parent, name = _somewhere(random, tree)
    if parent is None:
        return random.choice(VALUES)
    parent[name] = random.choice([_HOLDER, copy.deepcopy(random.choice(VALUES)), copy.deepcopy(random.choice(VALUES))])
    return tree


def _remove(random, tree):
    parent, name = _somewhere(random, tree)
    if parent is not None:
        del parent[name]
    return tree


def _add(random, tree):
    parents = [path for path in _places(tree) if isinstance(_at(tree, path), dict)]
    if parents:
        names = [TOKEN, "", "id", "bbox", "crs", "state", "version", "known_at", "recorded_by", "__proto__", "a\x00"]
        _at(tree, random.choice(parents))[random.choice(names)] = copy.deepcopy(random.choice(VALUES))
    return tree


def _exchange(random, tree):
    parent, name = _somewhere(random, tree)
    other, other_name = _somewhere(random, tree)
    if parent is not None:
        with suppress(KeyError, IndexError):  # one stood inside the other
            parent[name], other[other_name] = copy.deepcopy(other[other_name]), copy.deepcopy(parent[name])
    return tree


def _wrap(random, tree):
    parent, name = _somewhere(random, tree)
    if parent is None:
        return [tree]
    parent[name] = random.choice([[parent[name]], {"value": parent[name]}, str(parent[name]), json.dumps(parent[name])])
    return tree


def _multiply(random, tree):
    lists = [path for path in _places(tree) if isinstance(_at(tree, path), list) and _at(tree, path)]
    if lists:
        found = _at(tree, random.choice(lists))
        found.extend(copy.deepcopy(found[:1]) * random.choice([1, 2, 60]))
    return tree


def _shift(random, tree):
    paths = [path for path in _places(tree) if path and type(_at(tree, path)) in {int, float}]
    if paths:
        path = random.choice(paths)
        _at(tree, path[:-1])[path[-1]] = random.choice([_at(tree, path) * -1, _at(tree, path) + 1, _at(tree, path) / 3])
    return tree


def _geometry(random, tree):
    holders = [path for path in _places(tree) if isinstance(_at(tree, path), dict) and "geometry" in _at(tree, path)]
    if holders:
        _at(tree, random.choice(holders))["geometry"] = copy.deepcopy(random.choice(GEOMETRIES))
    return tree


def _whole(random, tree):
    return random.choice([[tree], {"properties": tree}, tree if random.random() < 0.8 else random.choice(VALUES)])


_OFTEN = [_replace, _replace, _replace, _remove, _remove]
_CHANGES = [*_OFTEN, _add, _exchange, _wrap, _multiply, _shift, _geometry, _whole]
_BYTES = [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x00", b"\x1e"]
_TEXTS = [
    lambda random, body: body[: random.randrange(len(body) + 1)],
    lambda random, body: body[random.randrange(len(body) + 1) :],
    lambda random, body: _inserted(random, body, bytes([random.randrange(256)])),
    lambda random, body: _inserted(random, body, random.choice(_BYTES)),
    lambda random, body: body.replace(b'": ', b'" : ', random.randrange(4)),
    lambda random, body: body.replace(b'"', b"'", random.randrange(4)),
    lambda _, body: b"\xef\xbb\xbf" + body,
    lambda _, body: body.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"),
    lambda _, body: body + body,
    lambda _, body: body + b"\n" + body,
    lambda _, body: body.replace(b"{", b'{"type": "Feature", ', 1),
    lambda _, body: body + b" " * 1_100_000,
    lambda *_: b"",
]


def _inserted(random, body, piece):
    at = random.randrange(len(body) + 1)
    return body[:at] + piece + body[at:]
