"""Incidents put together by place, time scale and category, for every half-life of a grid: what any draw can need.

Within a draw, a locality's sum on a time scale is ``sum over categories of factor_c * stratum_c``, where a stratum is
the sum of ``severity * casualty * influence * fading`` at the half-life of that draw. Strata are made once and serve
all the draws.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from flashpoint.scoring.draws import STEPS_PER_OCTAVE, Ranges
from flashpoint.scoring.evidence import CATEGORY_CODES
from flashpoint.scoring.loads import Loads, Pressed
from flashpoint.scoring.methodology import Scale
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats, Ints, exact_sums, exp2
from flashpoint.scoring.pressing import severities
from flashpoint.scoring.running import WEIGHT_CEILING
from flashpoint.scoring.sums import PERIOD_HALF_LIVES

# A whole unit's sum is one term of its localities' sums, and few units contain one locality, as in ``pressure``.
_UNIT_FACTOR = 2.0**22
_UNIT_COUNT_BITS = 8
# So many rows at a time stay in the processor's cache.
_BLOCK = 1 << 15


def extremes(pressed: Pressed, ranges: Ranges) -> tuple[Floats, Floats]:
    """Return bounds (octaves, N, K) of each locality's sums on each time scale, severities anywhere in their range.

    At each of ``ranges.octaves``: no sum at that half-life or a longer one is below the first bound, none at that one
    or a shorter one is above the second. Sums grow with the half-life, but for what is too old to count: it stays in
    the upper bound, and is in the lower one only if still so young that it counts. What ended after the clock struck is
    not faded below, and nowhere worth more above. The bounds need not be portable.
    """
    bounds = _sums_between(pressed, pressed.inside, _bins(pressed.result), ranges)
    spots = _sums_between(pressed, pressed.spots, len(pressed.spot), ranges)
    low, high = (
        _by_locality(pressed.result, sums, influence, spot)
        for sums, influence, spot in zip(bounds, pressed.influence(), spots, strict=True)
    )
    return low / ranges.severity, high * ranges.severity


def _sums_between(pressed: Pressed, loads: Loads, bins: int, ranges: Ranges) -> tuple[Floats, Floats]:
    """Return bounds (octaves, K, bins) of the sums over each place; the severities are the published ones."""
    method, octaves = pressed.result.parts.methodology, ranges.octaves
    low, high = np.zeros((2, len(octaves), len(method.threat_scales), bins))
    for start in range(0, loads.place.size, _BLOCK):
        part = loads.rows(slice(start, start + _BLOCK))
        since = pressed.result.parts.evidence.clock_day - part.ended_day
        age, early = np.maximum(since, 0.0), max(0.0, -float(since.min()))
        for layer, scale in enumerate(method.threat_scales):
            terms = part.casualty * severities(scale.severity)[part.category]
            fading = np.exp2(-age / (scale.half_life_days * octaves[-1]))
            slack = np.exp2(early / (scale.half_life_days * octaves[0]))
            for at, factor in reversed(tuple(enumerate(octaves))):
                worth = np.minimum(terms * fading, WEIGHT_CEILING)
                high[at, layer] += slack * np.bincount(part.place, worth, bins)
                worth *= age <= method.memory_half_lives * scale.half_life_days * factor
                low[at, layer] += np.bincount(part.place, worth, bins)
                fading *= fading
    return low, high


def _by_locality(result: Result, sums: Floats, influence: csr_array, spots: Floats) -> Floats:
    """Return the sums (octaves, N, K) that localities have of their own (octaves, K, bins), of units and of spots."""
    units, size = result.parts.evidence.units, len(result.score)
    parts = sums[:, :, size + units.unit] * result.parts.pressure.share
    found = np.empty((*sums.shape[:2], size))
    for at in np.ndindex(found.shape[:2]):
        found[at] = sums[at][:size] + np.bincount(units.locality, parts[at], size) + influence @ spots[at]
    return np.ascontiguousarray(found.transpose(0, 2, 1))


def _bins(result: Result) -> int:
    return len(result.score) + len(result.parts.evidence.units)


def strata(pressed: Pressed, chosen: Ints, ranges: Ranges) -> Floats:
    """Return strata (G, K, categories, L): half-lives of the grid, time scales, and the ``chosen`` localities (L,).

    They hold the published severities. Same bits whatever the order of the incidents and whoever else is chosen.
    """
    result, factors = pressed.result, ranges.half_life_factors
    method, spreading = result.parts.methodology, _Spreading.over(result, chosen)
    made = np.empty((len(factors), len(method.threat_scales), len(CATEGORY_CODES), chosen.size))
    inside = pressed.inside.rows(np.flatnonzero(spreading.position[pressed.inside.place] >= 0))
    loads = _joined([inside, *pressed.near(chosen)])
    age = result.parts.evidence.clock_day - loads.ended_day
    for layer, scale in enumerate(method.threat_scales):
        weight = severities(scale.severity)[loads.category] * loads.casualty
        # Nothing that the longest half-life has forgotten is remembered by a shorter one for more than a period.
        oldest = (method.memory_half_lives + PERIOD_HALF_LIVES) * scale.half_life_days * factors[-1]
        rows = np.flatnonzero((weight > 0) & (age <= oldest))
        held, strength = loads.rows(rows), weight[rows]
        bins = held.category * spreading.places + spreading.position[held.place]
        for at, fading in zip(range(len(factors))[::-1], _fadings(result, held, scale, factors), strict=True):
            sums = exact_sums(strength * fading, bins, len(CATEGORY_CODES) * spreading.places, WEIGHT_CEILING)
            made[at, layer] = spreading.spread(sums)
    return made


def _joined(parts: list[Loads]) -> Loads:
    if len(parts) == 1:
        return parts[0]
    names = ("category", "casualty", "ended_day", "place")
    return Loads(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class _Spreading:
    """The chosen localities and the units that reach into them.

    ``position`` (bins,) of each place among them, -1 elsewhere; ``unit``, ``locality`` and ``share`` (pairs,) which
    place hands what part on to which chosen locality.
    """

    position: Ints
    chosen: int
    places: int
    unit: Ints
    locality: Ints
    share: Floats

    @classmethod
    def over(cls, result: Result, chosen: Ints) -> "_Spreading":
        units, size = result.parts.evidence.units, len(result.score)
        position = np.full(_bins(result), -1, dtype=np.int64)
        position[chosen] = np.arange(chosen.size)
        pairs = np.flatnonzero(position[units.locality] >= 0)
        reaching = np.unique(units.unit[pairs])
        position[size + reaching] = chosen.size + np.arange(reaching.size)
        return cls(
            position=position,
            chosen=chosen.size,
            places=chosen.size + reaching.size,
            unit=position[size + units.unit[pairs]],
            locality=position[units.locality[pairs]],
            share=result.parts.pressure.share[pairs],
        )

    def spread(self, sums: Floats) -> Floats:
        """Return the strata (categories, L) of the chosen localities from those of all the places."""
        by_place = sums.reshape(len(CATEGORY_CODES), self.places)
        inside = by_place[:, : self.chosen]
        if not by_place[:, self.chosen :].any():
            return np.ascontiguousarray(inside)
        terms = by_place[:, self.unit] * self.share
        bins = np.arange(len(CATEGORY_CODES))[:, np.newaxis] * self.chosen + self.locality
        ceiling = WEIGHT_CEILING * _UNIT_FACTOR
        shared = exact_sums(terms.reshape(-1), bins.reshape(-1), inside.size, ceiling, _UNIT_COUNT_BITS)
        return np.asarray(inside + shared.reshape(inside.shape), dtype=np.float64)


def _fadings(result: Result, held: Loads, scale: Scale, factors: tuple[float, ...]) -> Iterator[Floats]:
    """Yield what is left of each incident (K,), from the longest half-life down.

    At half of a half-life it is the square: one multiplication in place of a series.
    """
    clock_day, memory = result.parts.evidence.clock_day, result.parts.methodology.memory_half_lives
    kept: deque[Floats] = deque(maxlen=STEPS_PER_OCTAVE)
    for factor in reversed(factors):
        half_life = scale.half_life_days * factor
        full = len(kept) == STEPS_PER_OCTAVE
        kept.append(kept[0] * kept[0] if full else exp2((held.ended_day - clock_day) / half_life))
        # Whole periods are forgotten, as ``DecayedSums`` does.
        first = np.floor((clock_day - memory * half_life) / (PERIOD_HALF_LIVES * half_life))
        yield kept[-1] * (held.ended_day / (PERIOD_HALF_LIVES * half_life) >= first)
