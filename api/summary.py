"""A release in a few bytes a row, of which many fit into memory: enough to tell what has moved since."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from flashpoint.released import Locality, Released, printed_score
from flashpoint.types import Audience, Tier

Stood: TypeAlias = tuple[int | None, str | None, float | None]
"""Rank, tier and score of a locality; each ``None`` where it was not in the matrix."""

_TIERS = tuple(tier.value for tier in Tier)
_TIER_AT = {tier: position for position, tier in enumerate(_TIERS)}
#: What a reconstruction says of itself, and the changes since one say too.
_MARKS = ("recorded_through", "reconstructed")


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """A release in a few bytes a row: who stood where, in which tier, with what score as the audience reads it.

    ``localities`` stand in rank order; ``tiers`` holds a byte for each, ``scores`` the number; ``marks`` are members
    of the head that a reconstruction has and others have not.
    """

    as_of: datetime
    audience: Audience
    methodology: str
    marks: Mapping[str, object]
    localities: tuple[Locality, ...]
    tiers: bytes
    scores: "array[float]"

    @classmethod
    def of(cls, released: Released) -> "Summary":
        """Sum up a release."""
        head = read_head(released)
        in_order = [released.written[at] for at in released.standing.order.tolist()]
        return cls(
            released.as_of,
            released.audience,
            head["methodology"],
            {name: head[name] for name in _MARKS if name in head},
            tuple([one.locality for one in in_order]),
            bytes([_TIER_AT[one.tier] for one in in_order]),
            array("d", [one.score for one in in_order]),
        )

    def standing(self) -> Iterator[tuple[Locality, Stood]]:
        """Give each locality with its rank, tier and score."""
        for index, one in enumerate(self.localities):
            score = printed_score(self.scores[index], self.audience)
            yield one, (index + 1, _TIERS[self.tiers[index]], score)


def read_head(released: Released) -> dict[str, Any]:
    """Read the members of a head."""
    head: dict[str, Any] = orjson.loads(b"{" + released.head + b"}")
    return head


def instant(at: datetime) -> str:
    """Write an instant in UTC as every answer does."""
    return orjson.dumps(at, option=orjson.OPT_UTC_Z).decode().strip('"')
