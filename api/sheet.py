"""A sheet: one released matrix in memory and the answers made of it, from finished bytes.

No framework, no clock, no database. What a client asks most, all rows, stays for as long as the sheet does; of other
answers the last used. Nothing is made before somebody asks for it, or has asked for it of the sheet before.
"""

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import ClassVar, Literal, Protocol
from urllib.parse import urlencode

from api.negotiation import CODINGS, compress, matches, negotiate
from api.summary import Summary
from flashpoint.explained import Scores, explained
from flashpoint.released import Box, Released, ReleasedRow, Written

Geometry = Literal["polygon", "point", "none"]

GEOJSON = "application/geo+json"
VARIANTS = 64
"""Answers kept for each matrix besides the pinned ones: a client that varies its box must not fill the memory."""
KEPT_BYTES = 32_000_000
"""And how large they may be together."""

#: What is made of fewer bytes takes a millisecond or two.
_QUICK_BYTES = 100_000
_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Authorization"}
_STALE = {True: b'"stale":true', False: b'"stale":false'}


class Asked(Protocol):
    """What a client asks of a sheet. Hashable; what is equal has equal ``terms``, and nothing else has."""

    media: ClassVar[str]

    def terms(self) -> list[tuple[str, str]]:
        """Write what is asked in its one canonical form."""

    def is_quick(self, sheet: "Sheet") -> bool:
        """Say whether it is rendered in a millisecond or two."""

    def render(self, sheet: "Sheet", *, stale: bool) -> bytes:
        """Write the answer."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows of a matrix, and which geometry with them. No tiers means all; no limit (else >= 1), all that follow.

    ``bbox`` asks for rows whose extent touches the box, whatever geometry is answered.
    """

    media: ClassVar[str] = GEOJSON

    limit: int | None = None
    offset: int = 0
    tiers: frozenset[str] = frozenset()
    bbox: Box | None = None
    geometry: Geometry = "polygon"

    def terms(self) -> list[tuple[str, str]]:
        """Write the query in its one canonical form."""
        return [
            *([("limit", str(self.limit))] if self.limit is not None else []),
            *([("offset", str(self.offset))] if self.offset else []),
            *([("tier", ",".join(sorted(self.tiers)))] if self.tiers else []),
            # Adding 0.0 makes one number of 1 and 1.0, and of 0.0 and -0.0, as equality does.
            *([("bbox", ",".join(repr(degrees + 0.0) for degrees in self.bbox))] if self.bbox else []),
            *([("geometry", self.geometry)] if self.geometry != "polygon" else []),
        ]

    def is_quick(self, sheet: "Sheet") -> bool:
        """Say whether the whole sheet is small: a filter has to look at every row."""
        return sheet.weight_bytes < _QUICK_BYTES

    def render(self, sheet: "Sheet", *, stale: bool) -> bytes:
        """Build the RFC 7946 FeatureCollection, in rank order."""
        released = sheet.released
        matched = [row for row in sheet.rows if self._wants(row)]
        page = matched[self.offset :][: self.limit]
        counts = f'"numberMatched":{len(matched)},"numberReturned":{len(page)}'.encode()
        features = b",".join([b"{" + _feature(row, self.geometry) + b"}" for row in page])
        members = [b'{"type":"FeatureCollection"', released.head, _STALE[stale], counts]
        return b",".join([*members, *self._links(released, len(matched)), b'"features":[' + features + b"]}"])

    def _wants(self, row: ReleasedRow) -> bool:
        if self.tiers and row.tier not in self.tiers:
            return False
        return self.bbox is None or (row.place.bbox is not None and touches(self.bbox, row.place.bbox))

    def _links(self, released: Released, matched: int) -> list[bytes]:
        """Say where the next page is: without it every GIS client truncates in silence.

        The references hold a query only, so that they resolve under whatever prefix a proxy adds.
        """
        if self.limit is None:
            return []
        pages = {"self": self}
        if self.offset + self.limit < matched:
            pages["next"] = replace(self, offset=self.offset + self.limit)
        matrix = [("operation", released.operation), *released.terms]
        links = [
            {"rel": rel, "type": GEOJSON, "href": "?" + urlencode([*matrix, *page.terms()], safe=",:")}
            for rel, page in pages.items()
        ]
        return [b'"links":' + json.dumps(links, separators=(",", ":")).encode()]


@dataclass(frozen=True, slots=True)
class OneRow:
    """One row with its explanation, by where ``Sheet.find`` found it."""

    media: ClassVar[str] = GEOJSON

    at: int

    def terms(self) -> list[tuple[str, str]]:
        """Write the place; no query has such a term."""
        return [("row", str(self.at))]

    def is_quick(self, sheet: "Sheet") -> bool:  # noqa: ARG002 - one row is one row
        """Say that it is."""
        return True

    def render(self, sheet: "Sheet", *, stale: bool) -> bytes:
        """Build one Feature with its ``explanation`` and the head of the matrix."""
        row = sheet.released.row(self.at)
        explanation = b'"explanation":' + explained(row, sheet.scores)
        return b"{" + b",".join([_feature(row, "polygon"), explanation, sheet.released.head, _STALE[stale]]) + b"}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: 200 with a body, or 304 without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Variant:
    """What decides the bytes of an answer, given the release."""

    asked: Asked
    coding: str
    stale: bool


#: What clients ask most: the whole matrix.
_PINNED = tuple(Variant(Query(), coding, stale=False) for coding in CODINGS)


class Sheet:
    """One released matrix and the answers made of it. Safe to use from any thread; replaced, never changed."""

    def __init__(self, released: Released, *, past: bool = False) -> None:
        """Make nothing yet but the room for answers; of a ``past`` matrix none is pinned."""
        self.released = released
        self._pinned: dict[Variant, Answer | None] = {} if past else dict.fromkeys(_PINNED)
        self._wanted: set[str] = set()
        self._kept = _Kept(2 * self.weight_bytes if past else KEPT_BYTES)
        self._making: dict[Variant, threading.Lock] = {}
        self._lock = threading.Lock()

    @cached_property
    def weight_bytes(self) -> int:
        """How much text there is in it."""
        written = self.released.written
        return sum([len(one.properties) + len(one.explanation) + len(one.place.polygon) for one in written])

    @cached_property
    def rows(self) -> tuple[ReleasedRow, ...]:
        """The rows in rank order."""
        return self.released.rows()

    @cached_property
    def summary(self) -> Summary:
        """The release in a few bytes a row."""
        return Summary.of(self.released)

    @cached_property
    def scores(self) -> Scores:
        """The scores of all rows as they are printed, to see where another score would stand."""
        return Scores([one.score for one in self.released.written])

    @cached_property
    def _index(self) -> dict[str, int]:
        return _index(self.released.written)

    def find(self, locality: str) -> int | None:
        """Give where the row with this locality id or P-code is written; a P-code that two rows share finds neither."""
        return self._index.get(locality)

    def at_hand(self, variant: Variant, if_none_match: str | None) -> Answer | None:
        """Give the answer, unless it has yet to be made and that takes longer than a millisecond or two."""
        if variant in self._pinned:
            self._wanted.add(variant.coding)
        answer = self._pinned.get(variant) or self._kept.get(variant)
        tag = answer.headers["ETag"] if answer else _tag(self.released, variant)
        if if_none_match is not None and matches(if_none_match, tag):
            return Answer(304, {**_COMMON, "ETag": tag}, b"")
        if answer is None and variant.asked.is_quick(self):
            return self.make(variant)
        return answer

    def make(self, variant: Variant) -> Answer:
        """Make an answer, once however many ask at the same time."""
        with self._lock:
            making = self._making.setdefault(variant, threading.Lock())
        with making:
            try:
                return self._pinned.get(variant) or self._kept.get(variant) or self._make(variant)
            finally:
                self._making.pop(variant, None)

    def _make(self, variant: Variant) -> Answer:
        answer = _answer(self, variant)
        if variant in self._pinned:
            self._pinned[variant] = answer
        else:
            self._kept.put(variant, answer)
        return answer

    def answer(
        self, asked: Asked, accept_encoding: str | None, if_none_match: str | None, *, stale: bool = False
    ) -> Answer:
        """Answer at once, however long it takes. The two texts are header fields, ``None`` if they were not sent."""
        variant = Variant(asked, negotiate(accept_encoding), stale)
        return self.at_hand(variant, if_none_match) or self.make(variant)

    def wanted(self) -> list[Variant]:
        """Give those of the pinned answers that somebody has asked for."""
        return [variant for variant in _PINNED if variant.coding in self._wanted]


class _Kept:
    """The answers used last, as many as there is room for."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._answers: OrderedDict[Variant, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, variant: Variant) -> Answer | None:
        with self._lock:
            answer = self._answers.get(variant)
            if answer is not None:
                self._answers.move_to_end(variant)
            return answer

    def put(self, variant: Variant, answer: Answer) -> None:
        with self._lock:
            self._answers[variant] = answer
            self._bytes += len(answer.body)
            while self._answers and (len(self._answers) > VARIANTS or self._bytes > self._limit_bytes):
                _, gone = self._answers.popitem(last=False)
                self._bytes -= len(gone.body)


def touches(a: Box, b: Box) -> bool:
    """Say whether two boxes share a point, each of them possibly across the antimeridian."""
    if a[1] > b[3] or b[1] > a[3]:
        return False
    return any(west <= end and start <= east for west, east in _spans(a) for start, end in _spans(b))


def _spans(box: Box) -> list[tuple[float, float]]:
    return [(box[0], box[2])] if box[0] <= box[2] else [(box[0], 180.0), (-180.0, box[2])]


def _feature(row: ReleasedRow, geometry: Geometry) -> bytes:
    """Write the members of a Feature, without the braces."""
    shape = {"polygon": row.place.polygon, "point": row.place.point, "none": b"null"}[geometry]
    return b'"type":"Feature","id":"%b","geometry":%b,"properties":%b' % (
        row.locality.id.encode(),
        shape,
        row.whole_properties(),
    )


def _answer(sheet: Sheet, variant: Variant) -> Answer:
    plain = variant.asked.render(sheet, stale=variant.stale)
    headers = {**_COMMON, "Content-Type": variant.asked.media, "ETag": _tag(sheet.released, variant)}
    if variant.coding != "identity":
        headers["Content-Encoding"] = variant.coding
    return Answer(200, headers, compress(plain, variant.coding))


def _tag(released: Released, variant: Variant) -> str:
    """Derive the strong tag from what decides the bytes, so that it is known before they are made."""
    parts = [released.build, released.revision, released.operation, released.audience]
    # Only one row's terms say ``row``, only a change's say ``since``.
    asked = [variant.asked.terms(), variant.coding, variant.stale]
    return f'"{blake2b(json.dumps([parts, asked]).encode(), digest_size=12).hexdigest()}"'


def _index(rows: Sequence[Written]) -> dict[str, int]:
    """Map ids and P-codes to places. Better no answer than the one for another place, so shared P-codes are out."""
    bearers = Counter(row.locality.pcode for row in rows)
    unique = {row.locality.pcode: i for i, row in enumerate(rows) if bearers[row.locality.pcode] == 1}
    return unique | {row.locality.id: i for i, row in enumerate(rows)}
