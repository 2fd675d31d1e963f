"""A released matrix as finished bytes: what the store hands over and the hot poll serves.

Everything in it is already generalised for its audience and already JSON, so that whoever serves it can neither
leak what is not there nor spend time on it. What depends on the other rows stands beside the rows and not in them: one
place that changes shifts the ranks of thousands, and makes one row anew.
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from flashpoint.scoring.portable import Floats, Ints
from flashpoint.types import Audience

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS 84); west greater than east where it crosses the antimeridian."""

#: Audiences whose scores are whole numbers.
WHOLE_NUMBERS = frozenset({Audience.MISSION})


@dataclass(frozen=True, slots=True)
class Locality:
    """Whom a row is about. One object for as long as nothing of it changes: many releases hold on to it."""

    id: str
    version: int
    pcode: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is: finished GeoJSON geometries, or ``b"null"``; a place that is withheld is in no box."""

    polygon: bytes
    point: bytes
    bbox: Box | None


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where a row stands among the others, by the score and by what is unknown, and how often among the first k."""

    rank: int
    low: int
    high: int
    top_k_share: float

    def members(self) -> bytes:
        """Write them as the first members of a row's properties."""
        share = repr(self.top_k_share).encode()
        return b'"rank":%d,"rank_low":%d,"rank_high":%d,"top_k_share":%b' % (self.rank, self.low, self.high, share)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How N rows stand among one another, in their order: ``ranks`` (N, 3) rank, low, high; ``shares`` (N,).

    ``order`` (N,) are the places of the rows, first rank first.
    """

    ranks: Ints
    shares: Floats
    order: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put the rows in order."""
        object.__setattr__(self, "order", np.argsort(self.ranks[:, 0], kind="stable"))

    def is_whole(self) -> bool:
        """Say whether each rank from 1 on is given once."""
        return bool((self.ranks[self.order, 0] == np.arange(1, len(self.ranks) + 1)).all())

    def of(self, at: int) -> Ranks:
        """Give the ranks of one row."""
        rank, low, high = self.ranks[at].tolist()
        return Ranks(rank, low, high, float(self.shares[at]))

    def same_as(self, other: "Standing") -> bool:
        """Say whether the rows stand as in another."""
        return np.array_equal(self.ranks, other.ranks) and np.array_equal(self.shares, other.shares)


@dataclass(frozen=True, slots=True)
class Written:
    """What is written of a locality, whatever is written of others.

    ``properties`` and ``explanation`` are finished JSON objects, ``properties`` without the ranks and never empty.
    ``tier``, ``score``, P-code and box can be asked for, so they must say no more than the bytes do.
    """

    locality: Locality
    tier: str
    score: float
    properties: bytes
    explanation: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """One row of the matrix: what is written of a locality, and how it stands."""

    locality: Locality
    ranks: Ranks
    tier: str
    score: float
    properties: bytes
    explanation: bytes
    place: Place

    def whole_properties(self) -> bytes:
        """Write the properties with the ranks."""
        return b"{" + self.ranks.members() + b"," + self.properties[1:]


@dataclass(frozen=True, slots=True)
class Released:
    """The matrix of one operation for one audience: its rows, whatever their order, and how they stand.

    ``head`` holds finished JSON members without the outer braces (``b'"as_of":"...","audience":"cluster"'``); it is
    never empty and never names ``type``, ``id``, ``geometry``, ``properties``, ``explanation``, ``stale``, ``links``,
    ``features``, ``numberMatched`` or ``numberReturned``. ``revision`` grows when, and only when, the bytes change for
    this audience; ``build`` is an opaque id of the database they come from, so that a database made anew, counting
    from 1 again, is never taken for the old one. ``content_sha256`` tells the rows and all but the moment of the head
    from any other. ``terms`` are what a query has to say to mean this matrix; the live one is meant without any.
    """

    operation: str
    audience: Audience
    build: str
    revision: int
    as_of: datetime
    content_sha256: bytes
    head: bytes
    written: tuple[Written, ...]
    standing: Standing
    terms: tuple[tuple[str, str], ...] = ()

    def row(self, at: int) -> ReleasedRow:
        """Give the row of the locality that stands there in ``written``."""
        return _row(self.written[at], self.standing.of(at))

    def rows(self) -> tuple[ReleasedRow, ...]:
        """Give all rows in rank order."""
        ranks, shares, rows = self.standing.ranks.tolist(), self.standing.shares.tolist(), []
        for at in self.standing.order.tolist():
            rank, low, high = ranks[at]
            rows.append(_row(self.written[at], Ranks(rank, low, high, shares[at])))
        return tuple(rows)


def printed_score(score: float, audience: Audience) -> float:
    """Give a score as the number that the audience's JSON prints."""
    return int(score) if audience in WHOLE_NUMBERS else score


def _row(one: Written, ranks: Ranks) -> ReleasedRow:
    return ReleasedRow(one.locality, ranks, one.tier, one.score, one.properties, one.explanation, one.place)
