"""The board: the released matrices in memory, each answered from finished bytes.

No framework, no clock, no database. A release is put up whole and replaced whole; what a client asks most, all rows,
is compressed once when it is put up, other variants once when they are first asked for.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Literal
from urllib.parse import urlencode

import zstandard

from flashpoint.released import Box, Released, ReleasedRow
from flashpoint.types import Audience

Geometry = Literal["polygon", "point", "none"]

GEOJSON = "application/geo+json"
VARIANTS = 64
"""Answers kept for each matrix besides the pinned ones: a client that varies its box must not fill the memory."""

_CODINGS = ("zstd", "gzip", "identity")
_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Authorization"}
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_QUALITY = re.compile(r"q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_STALE = {True: b'"stale":true', False: b'"stale":false'}


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows of a matrix, and which geometry with them. No tiers means all; no limit (else >= 1), all that follow.

    ``bbox`` asks for rows whose extent touches the box, whatever geometry is answered.
    """

    limit: int | None = None
    offset: int = 0
    tiers: frozenset[str] = frozenset()
    bbox: Box | None = None
    geometry: Geometry = "polygon"

    def terms(self) -> list[tuple[str, str]]:
        """Write the query in its one canonical form: equal queries give equal terms."""
        return [
            *([("limit", str(self.limit))] if self.limit is not None else []),
            *([("offset", str(self.offset))] if self.offset else []),
            *([("tier", ",".join(sorted(self.tiers)))] if self.tiers else []),
            # Adding 0.0 makes one number of 1 and 1.0, and of 0.0 and -0.0, as equality does.
            *([("bbox", ",".join(repr(degrees + 0.0) for degrees in self.bbox))] if self.bbox else []),
            *([("geometry", self.geometry)] if self.geometry != "polygon" else []),
        ]

    def render(self, released: Released, *, stale: bool) -> bytes:
        """Build the RFC 7946 FeatureCollection, in rank order."""
        matched = [row for row in released.rows if self._wants(row)]
        page = matched[self.offset :][: self.limit]
        counts = f'"numberMatched":{len(matched)},"numberReturned":{len(page)}'.encode()
        features = b",".join(b"{" + _feature(row, self.geometry) + b"}" for row in page)
        members = [b'{"type":"FeatureCollection"', released.head, _STALE[stale], counts]
        return b",".join([*members, *self._links(released, len(matched)), b'"features":[' + features + b"]}"])

    def _wants(self, row: ReleasedRow) -> bool:
        if self.tiers and row.tier not in self.tiers:
            return False
        return self.bbox is None or (row.bbox is not None and touches(self.bbox, row.bbox))

    def _links(self, released: Released, matched: int) -> list[bytes]:
        """Say where the next page is: without it every GIS client truncates in silence.

        The references hold a query only, so that they resolve under whatever prefix a proxy adds.
        """
        if self.limit is None:
            return []
        pages = {"self": self}
        if self.offset + self.limit < matched:
            pages["next"] = replace(self, offset=self.offset + self.limit)
        asked = {rel: [("operation", released.operation), *page.terms()] for rel, page in pages.items()}
        links = [
            {"rel": rel, "type": GEOJSON, "href": "?" + urlencode(terms, safe=",")} for rel, terms in asked.items()
        ]
        return [b'"links":' + json.dumps(links, separators=(",", ":")).encode()]


@dataclass(frozen=True, slots=True)
class _One:
    """One row with its explanation, by its place in the matrix."""

    index: int

    def terms(self) -> list[tuple[str, str]]:
        return [("row", str(self.index))]

    def render(self, released: Released, *, stale: bool) -> bytes:
        row = released.rows[self.index]
        members = [_feature(row, "polygon"), b'"explanation":' + row.explanation, released.head, _STALE[stale]]
        return b"{" + b",".join(members) + b"}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: 200 with a body, or 304 without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Variant:
    """What decides the bytes of an answer, given the release."""

    asked: Query | _One
    coding: str
    stale: bool


class Sheet:
    """One released matrix and the answers made of it. Safe to read from any thread; replaced, never changed."""

    def __init__(self, released: Released) -> None:
        self.released = released
        self._index = _index(released.rows)
        self._pinned = {v: _answer(released, v) for v in (_Variant(Query(), c, stale=False) for c in _CODINGS)}
        # The cache knows the release and not the sheet: no cycle, so that it goes when the sheet is replaced.
        self._cached = lru_cache(maxsize=VARIANTS)(partial(_answer, released))

    def answer(
        self, query: Query, accept_encoding: str | None, if_none_match: str | None, *, stale: bool = False
    ) -> Answer:
        """Answer the rows that the query asks for. The two texts are header fields, ``None`` if they were not sent."""
        return self._serve(_Variant(query, negotiate(accept_encoding), stale), if_none_match)

    def find(self, locality: str) -> int | None:
        """Give the place of the row with this locality id or P-code; a P-code that two rows share finds neither."""
        return self._index.get(locality)

    def explain(
        self, index: int, accept_encoding: str | None, if_none_match: str | None, *, stale: bool = False
    ) -> Answer:
        """Answer the row that ``find`` found as one Feature with its ``explanation`` and the head of the matrix."""
        return self._serve(_Variant(_One(index), negotiate(accept_encoding), stale), if_none_match)

    def _serve(self, variant: _Variant, if_none_match: str | None) -> Answer:
        pinned = self._pinned.get(variant)
        tag = pinned.headers["ETag"] if pinned else _tag(self.released, variant)
        if if_none_match is not None and matches(if_none_match, tag):
            return Answer(304, {**_COMMON, "ETag": tag}, b"")
        return pinned or self._cached(variant)


class Board:
    """The newest sheet of each operation and audience. One task puts, any number of readers get."""

    def __init__(self) -> None:
        self._sheets: dict[tuple[str, Audience], Sheet] = {}

    def put(self, released: Released) -> bool:
        """Show a release in place of the one before, unless that is as new; say whether it was shown."""
        shown = self.get(released.operation, released.audience)
        if shown and shown.released.build == released.build and shown.released.revision >= released.revision:
            return False
        self._sheets[released.operation, released.audience] = Sheet(released)
        return True

    def get(self, operation: str, audience: Audience) -> Sheet | None:
        """Give the sheet of an operation for an audience, if there is one."""
        return self._sheets.get((operation, audience))


def touches(a: Box, b: Box) -> bool:
    """Say whether two boxes share a point, each of them possibly across the antimeridian."""
    if a[1] > b[3] or b[1] > a[3]:
        return False
    return any(west <= end and start <= east for west, east in _spans(a) for start, end in _spans(b))


@lru_cache(maxsize=VARIANTS)
def negotiate(accept_encoding: str | None) -> str:
    """Choose the content coding: the client's highest quality, then zstd before gzip before plain.

    Where the client refuses all that we have, the field is disregarded and the bytes go out plain (RFC 9110,
    section 12.1): a wall screen with an odd proxy is better served so than by a 406.
    """
    asked = _qualities(accept_encoding or "")
    # Identity need not be listed to be acceptable, yet nobody who lists a coding wants it first.
    fallback = {"zstd": 0.0, "gzip": 0.0, "identity": 0.0001}
    quality = {coding: asked.get(coding, asked.get("*", fallback[coding])) for coding in _CODINGS}
    best = max(_CODINGS, key=quality.__getitem__)  # the first of equals
    return best if quality[best] > 0 else "identity"


def matches(if_none_match: str, tag: str) -> bool:
    """Compare weakly, as ``If-None-Match`` asks: a proxy that compresses marks our strong tag with ``W/``."""
    return if_none_match == tag or if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def _feature(row: ReleasedRow, geometry: Geometry) -> bytes:
    """Write the members of a Feature, without the braces."""
    shape = {"polygon": row.polygon, "point": row.point, "none": b"null"}[geometry]
    head = b'"type":"Feature","id":' + json.dumps(row.locality_id).encode()
    return head + b',"geometry":' + shape + b',"properties":' + row.properties


def _answer(released: Released, variant: _Variant) -> Answer:
    plain = variant.asked.render(released, stale=variant.stale)
    headers = {**_COMMON, "Content-Type": GEOJSON, "ETag": _tag(released, variant)}
    if variant.coding != "identity":
        headers["Content-Encoding"] = variant.coding
    return Answer(200, headers, _compress(plain, variant.coding))


def _compress(plain: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(plain)
    return gzip.compress(plain, 6, mtime=0) if coding == "gzip" else plain


def _tag(released: Released, variant: _Variant) -> str:
    """Derive the strong tag from what decides the bytes, so that it is known before they are made."""
    parts = [released.build, released.revision, released.operation, released.audience]
    asked = [variant.asked.terms(), variant.coding, variant.stale]  # only one row's terms say ``row``
    return f'"{blake2b(json.dumps([parts, asked]).encode(), digest_size=12).hexdigest()}"'


def _index(rows: Sequence[ReleasedRow]) -> dict[str, int]:
    """Map ids and P-codes to places. Better no answer than the one for another place, so shared P-codes are out."""
    bearers = Counter(row.pcode for row in rows)
    unique = {row.pcode: i for i, row in enumerate(rows) if bearers[row.pcode] == 1}
    return unique | {row.locality_id: i for i, row in enumerate(rows)}


def _spans(box: Box) -> list[tuple[float, float]]:
    return [(box[0], box[2])] if box[0] <= box[2] else [(box[0], 180.0), (-180.0, box[2])]


def _qualities(accept_encoding: str) -> dict[str, float]:
    """Read ``gzip;q=0.5, *;q=0``; an element that does not parse is as if it were not there."""
    found: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        weight = parameters[0] if parameters else "q=1"
        if name and _QUALITY.fullmatch(weight):
            found["gzip" if name == "x-gzip" else name] = float(weight[2:])
    return found
