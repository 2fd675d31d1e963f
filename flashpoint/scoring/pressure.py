"""What incidents do to each locality: the decayed sums of method.md, and what is counted beside them.

    w_ik = severity_k * casualty_i * influence_i * 2^(-age_i / half_life_k)        for each time scale k

Every sum is linear in its incidents, so it does not matter whether it was made anew or kept up to date.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.evidence import Evidence, Units
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import Bools, Floats, exact_sums
from flashpoint.scoring.pressing import BY_STATE, CASUALTIES_UNKNOWN, DISPLACED_UNKNOWN, REPORTED, Pressing, pressing
from flashpoint.scoring.running import PERSONS_CEILING, SITE_CEILING, WEIGHT_CEILING, Running
from flashpoint.scoring.uncertainty import BEST, HIGH, certain, stated

# A whole unit's sum is one term of its localities' sums, and few units contain one locality.
_UNIT_FACTOR = 2.0**22
_UNIT_COUNT_BITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Pressure:
    """What incidents do to N localities. Sums (N, 3) are low, best, high; columns are (N,).

    ``threat`` (K, N, 3) holds the sums of each time scale, ``coarse`` (K, N, 3) what of them comes from incidents known
    to a unit only; ``share`` (pairs,) is each member locality's part of its unit, at best. ``unplaced`` counts the
    incidents that press on no locality.
    """

    share: Floats
    threat: Floats
    coarse: Floats
    displaced: Floats
    sites: Floats
    freshness_days: Floats
    state_implicated: Bools
    casualties_known: Bools
    displaced_known: Bools
    unplaced: int


def sums_of(evidence: Evidence, incidents: Pressing, method: Methodology) -> Running:
    """Make the running sums of all incidents anew."""
    running = Running(evidence.localities, len(evidence.units), method)
    running.move(evidence.clock_day)
    running.add(incidents)
    return running


def press(evidence: Evidence, method: Methodology) -> Pressure:
    """Sum the incidents of the evidence over its localities."""
    return pressure(evidence, sums_of(evidence, pressing(evidence.incidents, method), method), method)


def pressure(evidence: Evidence, running: Running, method: Methodology) -> Pressure:
    """Read the running sums at the evidence's clock, and share out what is known to units only."""
    clock, units, size = evidence.clock_day, evidence.units, len(evidence.localities)
    share = unit_shares(units, evidence.localities.population, method)
    among = (units, share, size)
    layers = [_shared_out(sums, among, WEIGHT_CEILING) for sums in running.threat(clock)]
    displaced, _ = _shared_out(running.displaced(clock), among, PERSONS_CEILING)
    sites, _ = _shared_out(certain(running.sites(clock)), among, SITE_CEILING)
    age = clock - running.marks
    memory = method.memory_days
    return Pressure(
        share=share,
        threat=np.stack([both for both, _ in layers]),
        coarse=np.stack([coarse for _, coarse in layers]),
        displaced=displaced,
        sites=sites,
        freshness_days=np.where(np.isinf(age[:, REPORTED]), np.nan, np.maximum(age[:, REPORTED], 0.0)),
        state_implicated=age[:, BY_STATE] <= method.state_forces_window_days,
        casualties_known=~(age[:, CASUALTIES_UNKNOWN] <= memory),
        displaced_known=~(age[:, DISPLACED_UNKNOWN] <= memory),
        unplaced=running.unplaced + _in_empty_units(running, units, size),
    )


def _in_empty_units(running: Running, units: Units, size: int) -> int:
    """Count the incidents known to a unit only in which no locality lies."""
    peopled = np.bincount(units.unit, minlength=len(units)) > 0
    return int(running.count[size:][~peopled].sum())


def unit_shares(units: Units, population: Floats, method: Methodology) -> Floats:
    """Return each member locality's share (pairs,) of its unit's people, in [0, 1]; neutral where either is unknown."""
    whole = units.population[units.unit]
    part = np.where(stated(population), population[:, BEST], np.nan)[units.locality]
    known = (whole > 0) & ~np.isnan(part)
    share: Floats = np.full(len(whole), method.neutral_share)
    np.divide(part, whole, out=share, where=known)
    return np.clip(share, 0.0, 1.0)


def _shared_out(sums: Floats, among: tuple[Units, Floats, int], ceiling: float) -> tuple[Floats, Floats]:
    """Add to each locality's sums its share of its units' sums; give both together, and the latter (N, 3).

    It may have been wholly in any one of the localities or not there at all: 0 at the low end, all at the high.
    """
    units, share, size = among
    spread = np.zeros((size, 3))
    for end, part in ((BEST, share), (HIGH, np.ones_like(share))):
        terms = sums[size + units.unit, end] * part
        spread[:, end] = exact_sums(terms, units.locality, size, ceiling * _UNIT_FACTOR, _UNIT_COUNT_BITS)
    return sums[:size] + spread, spread
