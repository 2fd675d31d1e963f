"""Requests that carry a mark of its own in every place in which somebody can put something."""

import base64
import json
import re
from itertools import count

BODIES = {"POST", "PUT", "PATCH"}


class Marks:
    """Marks that no word is and no other mark contains."""

    def __init__(self):
        self._numbers = count(1)
        self.places = {}

    def new(self, place):
        mark = f"Zq{next(self._numbers):05d}wX"
        self.places[mark] = place
        return mark

    def found_in(self, text):
        """Give the places whose mark stands in a text."""
        return sorted(self.places.get(mark, mark) for mark in set(re.findall(r"Zq\d{5}wX", text)))


def requests_of(described, marks, token, fill):
    """Yield (method, target, headers, body) for each route of the description, one mark after the other.

    ``fill`` puts ids of what is there into a path.
    """
    known = {"Authorization": f"Bearer {token}"}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            made = _at_a_route(method.upper(), (path, fill(path)), operation, marks)
            yield from ((m, target, {**known, **headers}, body) for m, target, headers, body in made)
    yield from _anywhere(marks, known)
    yield from _keys(marks)


def _at_a_route(method, paths, operation, marks):
    path, plain = paths
    where = f"{method} {path}"
    for name in re.findall(r"\{\w+\}", path):
        yield method, path.replace(name, marks.new(f"{where} {name}")), {}, b""
        yield method, path.replace(name, "x" * 300 + marks.new(f"{where} long {name}")), {}, b""
    yield method, f"{plain}?{marks.new(f'{where} query name')}=1", {}, b""
    yield method, f"{plain}?{marks.new(f'{where} bare query')}", {}, b""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            name = parameter["name"]
            yield method, f"{plain}?operation=DEMO&{name}={marks.new(f'{where} ?{name}')}", {}, b""
            yield method, f"{plain}?{name}={marks.new(f'{where} ?{name}')}&{name}={marks.new('twice')}", {}, b""
    if method in BODIES:
        yield from ((method, plain, headers, body) for headers, body in _bodies(where, operation, marks))


def _bodies(where, operation, marks):
    json_type = {"Content-Type": "application/json", "If-Match": "*"}
    yield {**json_type, "Content-Type": f"text/{marks.new(f'{where} content type')}"}, b"{}"
    yield {**json_type, "Content-Encoding": marks.new(f"{where} content coding")}, b"{}"
    yield {**json_type, "Idempotency-Key": f"{marks.new(f'{where} idempotency key')}\t"}, b"{}"
    yield {**json_type, "Idempotency-Key": marks.new(f"{where} idempotency key")}, b"{}"
    yield {**json_type, "If-Match": marks.new(f"{where} if-match")}, b"{}"
    yield json_type, marks.new(f"{where} no JSON").encode()
    yield json_type, json.dumps(marks.new(f"{where} a string")).encode()
    yield json_type, json.dumps({marks.new(f"{where} a member"): marks.new(f"{where} its value")}).encode()
    mark = marks.new(f"{where} a member twice")
    yield json_type, f'{{"{mark}": 1, "{mark}": 2}}'.encode()
    yield json_type, f'{{"a": {marks.new(f"{where} a bare word")}}}'.encode()
    yield json_type, json.dumps({"type": marks.new(f"{where} type")}).encode()
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for pointer, tree in _planted(content.get("example"), marks, where):
            yield json_type, json.dumps(tree).encode()
            yield json_type, json.dumps(tree).encode()[:-1] + f', "{marks.new(where + pointer)}": 1}}'.encode()
        break


def _planted(tree, marks, where, pointer=""):
    """Yield a body with a mark in the place of each of its values, one at a time."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            for at, changed in _planted(value, marks, where, f"{pointer}/{name}"):
                yield at, {**tree, name: changed}
        named = f"{pointer}/{marks.new(f'{where} {pointer} a name')}"
        yield named, {**tree, named.rpartition("/")[2]: 1}
    elif isinstance(tree, list):
        for at, value in enumerate(tree[:2]):
            for below, changed in _planted(value, marks, where, f"{pointer}/{at}"):
                yield below, [*tree[:at], changed, *tree[at + 1 :]]
    else:
        yield pointer, f"{marks.new(f'{where} {pointer}')}\x00"


def _anywhere(marks, known):
    yield "GET", f"/{marks.new('a path')}", {}, b""
    yield "GET", f"/v1/{marks.new('a path with a key')}/x", known, b""
    yield "GET", f"/v1/sign-in?{marks.new('a query of a sign-in')}", {}, b""
    codes = f"code={marks.new('a code')}&state={marks.new('a state')}&error={marks.new('an error')}"
    begun = {"Cookie": f"__Host-flashpoint-sign-in={marks.new('a cookie')}"}
    yield "GET", f"/v1/sign-in/callback?{codes}", begun, b""
    yield "POST", "/v1/sign-out", {"Origin": f"https://{marks.new('an origin')}"}, b""
    yield "GET", "/v1/matrix", {"Cookie": f"__Host-flashpoint={marks.new('a session')}"}, b""
    yield "GET", f"/docs/assets/{marks.new('an asset')}", {}, b""
    yield "GET", f"/docs/assets/../../{marks.new('a path upwards')}", {}, b""
    yield marks.new("a method").upper(), "/v1/matrix", known, b""
    yield "DELETE", f"/v1/matrix?{marks.new('a query of a wrong method')}", known, b""
    yield "POST", "/v1/incidents", {**known, "Content-Length": marks.new("a length")}, b""
    for name in (
        *("Accept", "Accept-Encoding", "Accept-Language", "Cookie", "Expect", "Forwarded", "From", "Host"),
        *("If-Modified-Since", "If-None-Match", "Origin", "Range", "Referer", "TE", "Upgrade", "User-Agent", "Via"),
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID", "traceparent"),
    ):
        yield "GET", "/v1/matrix?operation=DEMO", {**known, name: marks.new(f"header {name}")}, b""
        yield "GET", "/healthz", {name: marks.new(f"header {name}")}, b""
    yield "GET", "/healthz", {marks.new("a header's name"): "1"}, b""
    yield "OPTIONS", "/v1/matrix", {"Origin": f"https://{marks.new('an origin')}.example", **_asks(marks)}, b""
    yield "OPTIONS", "/v1/matrix", {"Origin": "https://dashboard.example", **_asks(marks)}, b""


def _asks(marks):
    return {
        "Access-Control-Request-Method": marks.new("a method asked for"),
        "Access-Control-Request-Headers": marks.new("a header asked for"),
    }


def _keys(marks):
    for scheme in ("Bearer ", "bearer fp_", "Digest ", "", "Basic "):
        yield "GET", "/v1/matrix?operation=DEMO", {"Authorization": scheme + marks.new(f"a key, {scheme}")}, b""
    named = base64.b64encode(f"{marks.new('a user name')}:{marks.new('a password')}".encode()).decode()
    yield "GET", "/v1/matrix?operation=DEMO", {"Authorization": f"Basic {named}"}, b""
    yield "GET", "/metrics", {"Authorization": f"Bearer {marks.new('a token of metrics')}"}, b""


def broken(marks):
    """Yield the bytes of requests that are none."""
    yield marks.new("no request").encode() + b"\r\n\r\n"
    yield f"GET /{marks.new('a path')}\x00 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    yield f"GET / HTTP/{marks.new('a version')}\r\nHost: x\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nHost: x\r\n{marks.new('a line without a colon')}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nHost: x\r\nX: {marks.new('a control character')}\x01\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nHost: x\r\nX: {marks.new('a large header') * 4000}\r\n\r\n".encode()
    yield f"POST /v1/incidents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {marks.new('a coding')}\r\n\r\n".encode()
    chunked = "POST /v1/incidents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield f"{chunked}{marks.new('a chunk')}\r\n".encode()
    upgrade = f"Connection: Upgrade\r\nUpgrade: {marks.new('an upgrade')}"
    yield f"GET /v1/matrix HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\n".encode()
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket"
    yield f"GET /{marks.new('a socket')} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n{key}\r\n\r\n".encode()
