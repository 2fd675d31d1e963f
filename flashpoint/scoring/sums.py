"""Sums that fade: exact, so that neither the order of the terms nor what was added and taken out again leaves a trace.

With exponential decay every term shrinks by the same factor, so a sum need not be made anew as time passes. To keep it
exact as well, a term is stated as of the end of its *period* (a few half-lives, counted from 1970), put on two fixed
grids so coarse that millions of terms add without rounding, and added to the sum of its period. Asked for a moment, the
periods are put together, oldest first. A sum kept up to date term by term thus has the very bits of one made anew.
"""

import math

import numpy as np

from flashpoint.scoring.portable import Bools, Floats, Ints, exp2, split

#: Half-lives in a period: within one, terms may differ by 2**4 and still stand on the same grid.
PERIOD_HALF_LIVES = 4
# So many terms go one by one rather than through a histogram over all bins.
_FEW = 512


class DecayedSums:
    """Sums over bins and columns of values (K, columns), each at most ``ceiling``, a power of two.

    A term counts until the end of its period is older than ``memory_half_lives``; from then on it counts for nothing.
    """

    def __init__(self, shape: tuple[int, int], half_life_days: float, memory_half_lives: float, ceiling: float) -> None:
        """Begin with nothing; ``shape`` is bins and columns."""
        self._half_life_days = half_life_days
        self._period_days = PERIOD_HALF_LIVES * half_life_days
        self._memory_days = memory_half_lives * half_life_days
        self._ceiling = ceiling
        self.bins, self._columns = shape
        # One more than memory reaches back to, one for the running period, one for what ends as it strikes.
        self._slots = math.ceil(memory_half_lives / PERIOD_HALF_LIVES) + 3
        self._first: int | None = None
        self._parts = np.zeros((2, self._slots, self.bins, self._columns))

    def move(self, clock_day: float) -> None:
        """Forget the periods that are too old at ``clock_day``. Time only moves forward; call it before ``add``."""
        first = math.floor((clock_day - self._memory_days) / self._period_days)
        shift = 0 if self._first is None else first - self._first
        if shift < 0:
            raise ValueError("time does not move backwards")
        if shift:
            kept = max(self._slots - shift, 0)
            self._parts[:, :kept] = self._parts[:, self._slots - kept :].copy()
            self._parts[:, kept:] = 0.0
        self._first = first

    def remembers(self, ended_day: Floats) -> Bools:
        """Say which terms are not too old to count."""
        return np.asarray(np.floor(ended_day / self._period_days) >= self._begun(), dtype=np.bool_)

    def _begun(self) -> int:
        if self._first is None:
            raise ValueError("nothing is added before the clock is known")
        return self._first

    def add(self, values: Floats, bins: Ints, ended_day: Floats, *, sign: float = 1.0) -> None:
        """Add terms (K, columns), or take the same terms out again with ``sign`` -1."""
        period = np.floor(ended_day / self._period_days)
        slot = period.astype(np.int64) - self._begun()
        if slot.size and slot.max() >= self._slots:
            raise ValueError("a term has not ended yet")
        counted = np.flatnonzero(slot >= 0)
        if counted.size != slot.size:
            values, bins, ended_day = values[counted], bins[counted], ended_day[counted]
            period, slot = period[counted], slot[counted]
        until_end = (period + 1.0) * self._period_days - ended_day
        stated = values * exp2(-until_end / self._half_life_days)[:, np.newaxis]
        where = slot * self.bins + bins
        for parts, terms in zip(self._parts, split(stated, self._ceiling), strict=True):
            self._into(parts.reshape(-1, self._columns), where, sign * terms)

    def _into(self, sums: Floats, where: Ints, terms: Floats) -> None:
        if len(where) <= _FEW:
            np.add.at(sums, where, terms)
            return
        for column in range(self._columns):
            sums[:, column] += np.bincount(where, terms[:, column], len(sums))

    def at(self, clock_day: float) -> Floats:
        """Return the sums (bins, columns) as they stand at ``clock_day``, to which the clock must have moved."""
        total = np.zeros((self.bins, self._columns))
        if self._first is None:
            return total
        ends = (self._first + np.arange(self._slots) + 1.0) * self._period_days
        factors = exp2((ends - clock_day) / self._half_life_days)
        for slot, factor in enumerate(factors.tolist()):
            total += (self._parts[0, slot] + self._parts[1, slot]) * factor
        return total
