"""A matrix at a moment, and what belongs to it: what whoever writes it down for an audience needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flashpoint.protocol import Named
from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats
from flashpoint.store.engine import Record

#: How many days back the trend looks.
TREND_DAYS = (7, 30)


@dataclass(frozen=True, slots=True)
class Past:
    """The matrix of an earlier moment by the same method; ``at`` says where each locality stands in ``result``."""

    at: Mapping[UUID, int]
    result: Result


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was known at ``as_of`` of what was ``recorded`` by then, scored. Columns stand in ``localities``' order.

    ``reconstructed``: the operation was not here yet, and knowledge times are assumed. ``in_force`` and ``unplaced``
    count the verified incidents that every cluster reader may know of, ``data_through`` is when the newest report among
    them was made. ``shares`` (N,) is how often each locality stays among the first when the method varies. ``touched``
    are the indices of localities whose own inputs may have changed since the evaluation before; ``None``: of all.
    ``protocol`` is the one on information sharing that was in force, named as at the clock.
    """

    operation: str
    as_of: datetime
    recorded: datetime
    reconstructed: bool
    localities: Sequence[Record]
    result: Result
    ledger: Ledger
    in_force: int
    unplaced: int
    data_through: datetime | None
    earlier: Mapping[int, Past]
    shares: Floats
    touched: frozenset[int] | None
    protocol: Named | None
