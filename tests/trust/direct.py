"""Ask the app in process: no socket and no client library, so that ten thousand questions take seconds.

What comes back is what the server would put on the line, byte for byte, headers in their order.
"""

import asyncio
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import zstandard

Pair = tuple[str, str]
OK = range(200, 300)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it goes over the line, but for who asks."""

    method: str
    path: str
    query: str = ""
    headers: tuple[Pair, ...] = ()
    body: bytes = b""

    def under(self, *headers: Pair) -> "Ask":
        """Give the same request with more headers."""
        return replace(self, headers=(*self.headers, *headers))

    def told(self) -> str:
        """Name it in a message."""
        return f"{self.method} {self.path}?{self.query} {dict(self.headers)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Equal where every byte is."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give a header field, the first of that name."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    def plain(self) -> bytes:
        """Give the body without its content coding."""
        coding = self.header("content-encoding")
        if coding == "gzip":
            return gzip.decompress(self.body)
        return zstandard.ZstdDecompressor().decompress(self.body) if coding == "zstd" and self.body else self.body

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.plain())

    def text(self) -> str:
        """Give all that there is to read in it: headers and decoded body."""
        lines = [f"{key.decode('latin-1')}: {value.decode('latin-1')}" for key, value in self.headers]
        return "\n".join([*lines, "", self.plain().decode("utf-8", "backslashreplace")])


def get(path: str, *headers: Pair, **query: object) -> Ask:
    """Make a request for a resource; a list of values repeats its parameter, ``None`` leaves it out."""
    given = {name: value for name, value in query.items() if value is not None}
    return Ask("GET", path, urlencode(given, doseq=True), headers)


def send(method: str, path: str, tree: object, *headers: Pair) -> Ask:
    """Make a request with a JSON body."""
    return Ask(method, path, "", (("content-type", "application/json"), *headers), json.dumps(tree).encode())


def bearer(token: str | None) -> tuple[Pair, ...]:
    """Write the header field that a key goes in; nothing where there is none."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


def answers(service: Any, token: str | None, asks: Iterable[Ask]) -> list[Answer]:
    """Put the requests to the service's app, a few at a time; give the answers in their order."""
    whole = [ask.under(*bearer(token)) for ask in asks]
    return service.client.portal.call(_all, service.app, whole)


def one(service: Any, token: str | None, ask: Ask) -> Answer:
    """Put one request."""
    return service.client.portal.call(_answer, service.app, ask.under(*bearer(token)))


async def _all(app: Any, asks: Sequence[Ask]) -> list[Answer]:
    given: list[Answer | None] = [None] * len(asks)
    waiting = iter(enumerate(asks))

    async def work() -> None:
        for index, ask in waiting:
            given[index] = await _answer(app, ask)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return [answer for answer in given if answer is not None]


async def _answer(app: Any, ask: Ask) -> Answer:
    incoming = iter([{"type": "http.request", "body": ask.body, "more_body": False}])
    status, headers, body = 0, (), bytearray()

    async def receive() -> dict[str, Any]:
        return next(incoming, {"type": "http.disconnect"})

    async def take(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = int(message["status"])
            headers = tuple((bytes(name), bytes(value)) for name, value in message["headers"])
        else:
            body.extend(message.get("body", b""))

    await app(_scope(ask), receive, take)
    return Answer(status, headers, bytes(body))


def _scope(ask: Ask) -> dict[str, Any]:
    length = (("content-length", str(len(ask.body))),) if ask.body else ()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": ask.path,
        "raw_path": ask.path.encode(),
        "root_path": "",
        "query_string": ask.query.encode(),
        "headers": [(key.lower().encode(), value.encode()) for key, value in (*ask.headers, *length)],
        "client": ("testclient", 50000),
        "server": ("testserver", 80),
        "extensions": {},
        "state": {},
    }
