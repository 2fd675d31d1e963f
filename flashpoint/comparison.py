"""Two matrices of one moment side by side: where each locality stands now, and where another method would put it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from flashpoint.errors import Conflict
from flashpoint.evaluated import Evaluated
from flashpoint.matrix import CLASSIFICATION, DECIMALS
from flashpoint.scoring.model import Result
from flashpoint.store.engine import Record
from flashpoint.types import Audience, Tier

#: How many places at the top a coordination meeting looks at first.
TOP = 10
_MOVERS = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a locality stands by one method."""

    rank: int
    score: float
    tier: Tier


@dataclass(frozen=True, slots=True)
class Move:
    """A locality by both methods. Changes are the proposed value minus today's: a rank of -2 is two places up."""

    locality_id: UUID
    pcode: str
    name: str
    now: Standing
    proposed: Standing

    @property
    def ranks(self) -> int:
        """The change of rank; below 0 it becomes more urgent."""
        return self.proposed.rank - self.now.rank

    @property
    def score(self) -> float:
        """The change of score."""
        return self.proposed.score - self.now.score


@dataclass(frozen=True)
class Comparison:
    """Every locality by both methods, in the order of the proposed rank."""

    operation: str
    as_of: datetime
    data_through: datetime | None
    in_force: str
    proposed: str
    moves: tuple[Move, ...]

    @cached_property
    def retiered(self) -> tuple[Move, ...]:
        """The localities that would change tier."""
        return tuple(move for move in self.moves if move.now.tier != move.proposed.tier)

    @cached_property
    def reranked(self) -> tuple[Move, ...]:
        """The localities that would change rank."""
        return tuple(move for move in self.moves if move.ranks)

    @cached_property
    def entering(self) -> tuple[Move, ...]:
        """The localities that would come into the first ``TOP``; as many would leave them."""
        return tuple(move for move in self.moves if move.proposed.rank <= TOP < move.now.rank)

    @cached_property
    def movers(self) -> tuple[Move, ...]:
        """The localities that would move furthest, by ranks and then by score."""
        far = sorted(self.reranked, key=lambda move: (-abs(move.ranks), -abs(move.score), move.pcode))
        return tuple(far[:_MOVERS])


def compare(now: Evaluated, proposed: tuple[Sequence[Record], Result]) -> Comparison:
    """Put the matrix of a moment beside what another method makes of the same localities at that moment.

    Raises:
        Conflict: they are not the same localities, so that nothing can be said.
    """
    before = {locality.id: standing for locality, standing in _standings(now.localities, now.result)}
    after = list(_standings(*proposed))
    if before.keys() != {locality.id for locality, _ in after}:
        raise Conflict("the localities changed meanwhile; try again")
    moves = (Move(one.id, one.pcode, one.name, before[one.id], standing) for one, standing in after)
    return Comparison(
        operation=now.operation,
        as_of=now.as_of,
        data_through=now.data_through,
        in_force=now.result.parts.methodology.version,
        proposed=proposed[1].parts.methodology.version,
        moves=tuple(moves),
    )


def tree(comparison: Comparison, audience: Audience, limit: int | None = None) -> dict[str, Any]:
    """Write a comparison as JSON values, scores as precisely as the audience reads them in the matrix."""
    decimals = DECIMALS[audience]
    moves = comparison.moves[:limit]
    return {
        "operation": comparison.operation,
        "audience": audience,
        "classification": CLASSIFICATION[audience],
        "as_of": comparison.as_of,
        "data_through": comparison.data_through if audience is Audience.CLUSTER else None,
        "methodology": {"now": comparison.in_force, "proposed": comparison.proposed},
        "summary": {
            "localities": len(comparison.moves),
            "change_tier": len(comparison.retiered),
            "change_rank": len(comparison.reranked),
            "top": TOP,
            "enter_top": len(comparison.entering),
            "biggest_movers": [_row(move, decimals) for move in comparison.movers],
        },
        "numberMatched": len(comparison.moves),
        "numberReturned": len(moves),
        "rows": [_row(move, decimals) for move in moves],
    }


def _standings(localities: Sequence[Record], result: Result) -> Iterator[tuple[Record, Standing]]:
    for index in result.order.tolist():
        yield localities[index], Standing(int(result.rank[index]), float(result.score[index]), result.tier[index])


def _row(move: Move, decimals: int) -> dict[str, Any]:
    now, proposed = _standing(move.now, decimals), _standing(move.proposed, decimals)
    return {
        "locality": move.locality_id,
        "pcode": move.pcode,
        "name": move.name,
        "now": now,
        "proposed": proposed,
        # Of the scores as they are shown, so that the three numbers fit together.
        "difference": {"rank": move.ranks, "score": round(proposed["score"] - now["score"], decimals)},
    }


def _standing(standing: Standing, decimals: int) -> dict[str, Any]:
    return {"rank": standing.rank, "score": round(standing.score, decimals), "tier": standing.tier}
