"""The order of the localities, and the exact bounds of each rank that the intervals of the scores leave open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.portable import Floats, Ints
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """``order`` (N,): indices of localities, first rank first; ``rank``, ``low``, ``high`` (N,) per locality from 1."""

    order: Ints
    rank: Ints
    low: Ints
    high: Ints


def rank(score: Floats, people_at_risk: Floats, pcode: Sequence[str]) -> Ranking:
    """Rank by score (N, 3) at best, then people at risk (N,), both descending, then P-code ascending. O(N log N)."""
    size = len(score)
    order = np.lexsort((np.array(pcode, dtype=np.str_), -people_at_risk, -score[:, BEST])).astype(np.int64)
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(1, size + 1)
    low = 1 + _count_above(score[:, LOW], score[:, HIGH])
    # A locality whose interval has a width counted itself.
    itself = score[:, HIGH] > score[:, LOW]
    high = 1 + _count_above(score[:, HIGH], score[:, LOW]) - itself
    # Exact ties overlap in no interval and are still ranked one after the other.
    return Ranking(order, place, low, np.maximum(high, place))


def _count_above(values: Floats, limits: Floats) -> Ints:
    """Return for each limit (N,) how many values are strictly greater."""
    return len(values) - np.searchsorted(np.sort(values), limits, side="right")
