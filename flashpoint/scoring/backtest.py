"""Judging rankings by what came after: how much of the harm of the next days fell in the first k places.

    capture@k   events that harmed civilians in the k first localities / all of them, over all months together
    deaths@k    the same, each event weighted by its deaths
    NDCG@k      sum over the k first of events / log2(1 + place), against the best possible order; mean over the months

Months in which nobody was harmed ask for nothing and are left out. Equal values have no order of their own: they are
put in random orders, and the mean over these is taken. The random orders belong to the localities' names, so that all
rankings are judged by the same ones and the order of the columns does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.portable import Bools, Floats, Ints

METRICS = ("capture", "deaths", "ndcg")
CAPTURE, DEATHS, NDCG = range(3)
RESAMPLES = 1_000
#: The middle 95 percent of the resampled values.
_TAILS = (2.5, 97.5)
# The two uses of one seed must not draw the same numbers.
_FOR_TIES, _FOR_MONTHS = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What came after M moments in N localities: ``harm`` (M, N) events that harmed civilians, ``deaths`` (M, N).

    ``names`` (N,) are unique; ``listed`` (M, N) says whether a locality was there to be ranked.
    """

    names: Sequence[str]
    harm: Floats
    deaths: Floats
    listed: Bools

    def __post_init__(self) -> None:
        """Check shapes and that names are names: numpy would silently broadcast them."""
        if len(set(self.names)) != len(self.names):
            raise ValueError("names must be unique")
        shape = self.harm.shape
        if shape[1:] != (len(self.names),) or self.deaths.shape != shape or self.listed.shape != shape:
            raise ValueError("harm, deaths and listed need a row a moment and a column a locality")
        if (self.harm[~self.listed] != 0).any() or (self.deaths[~self.listed] != 0).any():
            raise ValueError("what was not there to be ranked cannot be where something was to be found")

    def months(self, chosen: Ints | Bools) -> "Outcomes":
        """Return the outcomes of some of the moments."""
        return Outcomes(self.names, self.harm[chosen], self.deaths[chosen], self.listed[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What a ranking found, in each of the months with harm.

    ``found`` (M, 3) events, deaths and NDCG in the first k; ``of`` (M, 3) what there was to find.
    """

    found: Floats
    of: Floats


@dataclass(frozen=True, slots=True)
class Ties:
    """How equal values are ordered: the mean over so many random orders, fixed by the seed."""

    draws: int = 20
    seed: int = 0


class Judge:
    """Judges rankings of the same localities at the same moments. ``asked`` (M,): months in which there was harm."""

    def __init__(self, outcomes: Outcomes, k: int, ties: Ties) -> None:
        """Prepare; ``k`` beyond the number of localities counts as that number."""
        self.asked = np.flatnonzero(outcomes.harm.sum(axis=1) > 0)
        self._kept = outcomes.months(self.asked)
        self._k = min(k, len(outcomes.names))
        self._ties = ties
        self._months = len(outcomes.harm)
        self._by_name = np.argsort(np.array(outcomes.names, dtype=np.str_), kind="stable")
        self._discount = 1.0 / np.log2(np.arange(2, self._k + 2))
        best = -np.sort(-self._kept.harm, axis=1)[:, : self._k]
        # What there is to find: all events, all deaths, and the best possible order.
        self._ideal = (best * self._discount).sum(axis=1)
        ones = np.ones(len(self.asked))
        self._of = np.stack((self._kept.harm.sum(axis=1), self._kept.deaths.sum(axis=1), ones), axis=-1)

    def judge(self, priority: Floats) -> Tally:
        """Return what a ranking found; ``priority`` (all moments, N), the highest first, NaN last."""
        level = self._levels(priority)
        drawn = [self._found(level + self._noise(draw)) for draw in range(self._ties.draws)]
        return self._tally(np.mean(drawn, axis=0))

    def expect(self, priority: Floats) -> Tally:
        """Return the exact mean over all orders of equal values, which ``judge`` comes near with many draws."""
        level = self._levels(priority)
        months, size = level.shape
        bins = (np.arange(months)[:, np.newaxis] * (size + 1) + level.astype(np.int64) + 1).ravel()
        members = np.bincount(bins, minlength=months * (size + 1))
        first = np.take_along_axis(bins.reshape(level.shape), self._first(level), axis=1)
        means = [np.bincount(bins, counts.ravel(), len(members)) for counts in (self._kept.harm, self._kept.deaths)]
        harm, deaths = (mean[first] / members[first] for mean in means)
        return self._tally(self._summed(harm, deaths))

    def oracle(self) -> Tally:
        """Return the most that any ranking could have found, each figure by the ranking that is best for it."""
        by_harm = self.expect(self._everywhere(self._kept.harm)).found
        by_deaths = self.expect(self._everywhere(self._kept.deaths)).found
        return self._tally(np.stack((by_harm[:, CAPTURE], by_deaths[:, DEATHS], by_harm[:, NDCG]), axis=-1))

    def _everywhere(self, kept: Floats) -> Floats:
        """Return values of the months with harm among all months."""
        values = np.zeros((self._months, kept.shape[1]))
        values[self.asked] = kept
        return values

    def _tally(self, found: Floats) -> Tally:
        return Tally(found, self._of)

    def _levels(self, priority: Floats) -> Floats:
        """Number the values of each month from 0 for the lowest, equal ones alike; -1 where nothing is ranked."""
        values = np.where(np.isnan(priority[self.asked]), -np.inf, priority[self.asked])
        order = np.argsort(values, axis=1)
        ordered = np.take_along_axis(values, order, axis=1)
        steps = np.zeros(values.shape)
        steps[:, 1:] = np.cumsum(ordered[:, 1:] != ordered[:, :-1], axis=1)
        level = np.empty(values.shape)
        np.put_along_axis(level, order, steps, axis=1)
        return np.where(self._kept.listed, level, -1.0)

    def _noise(self, draw: int) -> Floats:
        """Return the random order of a draw: numbers in [0, 1), the same ones for a month and a name."""
        noise = np.empty((self._months, len(self._by_name)))
        noise[:, self._by_name] = np.random.default_rng((_FOR_TIES, self._ties.seed, draw)).random(noise.shape)
        return noise[self.asked]

    def _first(self, key: Floats) -> Ints:
        """Return the k first columns of each month, the highest key first."""
        if not self._k:
            return np.empty((len(key), 0), dtype=np.int64)
        chosen = np.argpartition(-key, self._k - 1, axis=1)[:, : self._k]
        within = np.argsort(-np.take_along_axis(key, chosen, axis=1), axis=1, kind="stable")
        return np.take_along_axis(chosen, within, axis=1)

    def _found(self, key: Floats) -> Floats:
        first = self._first(key)
        harm, deaths = (np.take_along_axis(counts, first, axis=1) for counts in (self._kept.harm, self._kept.deaths))
        return self._summed(harm, deaths)

    def _summed(self, harm: Floats, deaths: Floats) -> Floats:
        """Return events, deaths and NDCG (M, 3) of what stands in the k first places (M, k)."""
        ndcg = (harm * self._discount).sum(axis=1) / self._ideal
        return np.stack((harm.sum(axis=1), deaths.sum(axis=1), ndcg), axis=-1)


def measure(tally: Tally, weights: Floats | None = None) -> Floats:
    """Return the three figures (3,), or (B, 3) for ``weights`` (B, M) of the months; NaN where there is no harm.

    Sums over sums for capture and deaths, so that a month counts by its harm; a mean over the months for NDCG.
    """
    each = np.ones(len(tally.of)) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        figures: Floats = (each @ tally.found) / (each @ tally.of)
    return figures


def resampled_months(months: int, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Return how often each month is drawn (resamples, months) when as many are drawn anew with replacement."""
    if not months:
        return np.zeros((resamples, 0))
    rng = np.random.default_rng((_FOR_MONTHS, seed))
    return rng.multinomial(months, np.full(months, 1.0 / months), size=resamples).astype(np.float64)


def middle(values: Floats) -> Floats:
    """Return the ends (2, ...) of the middle 95 percent of resampled values (B, ...); NaN where none is known."""
    ends = np.full((2, *values.shape[1:]), np.nan)
    flat, out = values.reshape(len(values), -1), ends.reshape(2, -1)
    for column in range(flat.shape[1]):
        real = flat[np.isfinite(flat[:, column]), column]
        if real.size:
            out[:, column] = np.percentile(real, _TAILS)
    return ends
