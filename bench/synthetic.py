"""A synthetic world of numbers, with no database: a few places hold most of the harm, as in the global UCDP file.

The same arguments give the same bits on every machine: the raw words of PCG64 and portable arithmetic.
"""

import numpy as np

from flashpoint.scoring.evidence import (
    CATEGORY_CODES,
    Assessments,
    Communities,
    Evidence,
    Incidents,
    Localities,
    Presences,
    Units,
)
from flashpoint.scoring.portable import Floats, Ints, exp2
from flashpoint.scoring.portable import log2 as binary_log
from flashpoint.types import PresenceType

CLOCK_DAY = 20_000.0
_COMMON = {"armed_clash": 0.5, "attack_on_civilians": 0.15, "clash_harming_civilians": 0.1}
_PER_UNIT = 25
_IN_BURSTS, _COARSE, _DISPLACING, _AT_SITES = 0.5, 0.1, 0.02, 0.02
_PATROLS = (PresenceType.MISSION_PATROL, PresenceType.MISSION_BASE, PresenceType.STATE_FORCES, PresenceType.NONE)


class _Chance:
    """A stream of numbers in [0, 1)."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def uniform(self, count: int) -> Floats:
        words = self._words.random_raw(count)
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def pareto(self, count: int, shape: float) -> Floats:
        """Return numbers from 1 up, with a heavy tail."""
        return exp2(-binary_log(1.0 - self.uniform(count)) / shape)

    def normal(self, count: int) -> Floats:
        total = np.zeros(count)
        for _ in range(12):
            total += self.uniform(count)
        return total - 6.0

    def choice(self, count: int, weight: Floats) -> Ints:
        ends = np.cumsum(weight)
        return np.minimum(np.searchsorted(ends, self.uniform(count) * ends[-1], side="right"), weight.size - 1)

    def below(self, count: int, end: int) -> Ints:
        return np.floor(self.uniform(count) * end).astype(np.int64)


def world(localities: int, incidents: int, years: float, seed: int = 2014) -> Evidence:
    """Make a world. Half of each place's incidents come in one burst, a tenth is known to a unit only."""
    chance = _Chance(seed)
    population = np.rint(15_000 * exp2(1.6 * chance.normal(localities)))
    unit = np.arange(localities) // _PER_UNIT
    held = np.bincount(unit, population)
    return Evidence(
        clock_day=CLOCK_DAY,
        localities=Localities([f"S{number:05}" for number in range(localities)], _certain(population)),
        units=Units(held, unit, np.arange(localities)),
        incidents=_incidents(chance, localities, incidents, 365.0 * years),
        communities=_communities(chance, localities),
        assessments=_assessments(chance, localities),
        presences=_presences(chance, localities),
    )


def _certain(values: Floats) -> Floats:
    return np.repeat(values[:, np.newaxis], 3, axis=1)


def _incidents(chance: _Chance, localities: int, count: int, days: float) -> Incidents:
    town = chance.choice(count, chance.pareto(localities, 1.0))
    burst = (days * chance.uniform(localities))[town] + 30.0 * chance.normal(count)
    age = np.where(chance.uniform(count) < _IN_BURSTS, np.clip(burst, 0.0, days), days * chance.uniform(count))
    coarse = chance.uniform(count) < _COARSE
    rest = (1.0 - sum(_COMMON.values())) / (len(CATEGORY_CODES) - len(_COMMON))
    common = np.array([_COMMON.get(code, rest) for code in CATEGORY_CODES])
    none = np.zeros((count, 3))
    return Incidents(
        id=np.arange(count),  # type: ignore[arg-type] # a column of numbers is quicker than a million texts
        category=chance.choice(count, common),
        ended_day=CLOCK_DAY - age,
        reported_day=CLOCK_DAY - age,
        killed=_certain(np.minimum(np.floor(chance.pareto(count, 1.2)) - 1.0, 2_000.0)),
        injured=none,
        abducted=none,
        displaced=_certain(np.where(chance.uniform(count) < _DISPLACING, 500.0 * chance.pareto(count, 1.2), 0.0)),
        protected_site=chance.uniform(count) < _AT_SITES,
        state_perpetrator=np.zeros(count, dtype=np.bool_),
        locality=np.where(coarse, -1, town),
        unit=np.where(coarse, town // _PER_UNIT, -1),
    )


def _communities(chance: _Chance, localities: int) -> Communities:
    count = localities // 8
    levels = {name: chance.below(count, 5).astype(np.float64) for name in ("food", "water", "health", "market")}
    return Communities(
        id=[f"c{number}" for number in range(count)],
        locality=chance.below(count, localities),
        confinement=1.0 + chance.below(count, 4),
        people=_certain(np.rint(500.0 * chance.pareto(count, 1.0))),
        expired=np.zeros(count, dtype=np.bool_),
        **levels,
    )


def _assessments(chance: _Chance, localities: int) -> Assessments:
    count = localities // 8
    return Assessments(
        id=[f"a{number}" for number in range(count)],
        locality=chance.below(count, localities),
        likelihood=1.0 + chance.below(count, 5),
        impact=1.0 + chance.below(count, 5),
    )


def _presences(chance: _Chance, localities: int) -> Presences:
    count = localities // 2
    return Presences(
        id=[f"p{number}" for number in range(count)],
        locality=chance.below(count, localities),
        type=[_PATROLS[kind] for kind in chance.below(count, len(_PATROLS)).tolist()],
        distance_km=40.0 * chance.uniform(count),
        age_days=60.0 * chance.uniform(count),
    )
