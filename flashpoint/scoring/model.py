"""The score: ``100 * (T^a * V^b * L^c) ^ (1 / (a + b + c))`` per locality, with its interval, rank and tier.

A geometric mean, as in INFORM: dividing by capacity explodes near zero, and a plain product is zero
wherever one dimension is.
"""

from dataclasses import dataclass, fields

import numpy as np

from flashpoint.scoring.communities import Enclaves, gather
from flashpoint.scoring.evidence import Evidence
from flashpoint.scoring.factors import CapacityGap, Threat, Vulnerability, capacity_gap, threat, vulnerability
from flashpoint.scoring.methodology import SHARED_COMPONENTS, Methodology
from flashpoint.scoring.portable import Bools, Floats, Ints, exp2, log2
from flashpoint.scoring.pressing import Pressing, pressing
from flashpoint.scoring.pressure import Pressure, pressure, sums_of
from flashpoint.scoring.rank import rank
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW, contain, fill
from flashpoint.types import Tier

TOP = 100.0
# Scores stand on a grid of ten decimals: what is equal but for the last bits of the arithmetic then ties,
# and ties are broken by people at risk, not by noise.
_GRID = 1e10


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What made the score; the ledger of contributions is drawn up from it.

    ``incidents`` is what ``pressure`` was made of; the evidence's own columns of incidents may be empty.
    """

    evidence: Evidence
    methodology: Methodology
    incidents: Pressing
    pressure: Pressure
    threat: Threat
    vulnerability: Vulnerability
    capacity_gap: CapacityGap


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The scored matrix. Columns (N,) and intervals (N, 3) stand in the order of the localities that went in.

    ``order`` lists their indices, first rank first. ``freshness_days`` is NaN where nothing was reported.
    ``unplaced`` counts live incidents that press on no locality. The arrays cannot be written to.
    """

    order: Ints
    rank: Ints
    rank_low: Ints
    rank_high: Ints
    score: Floats
    score_low: Floats
    score_high: Floats
    threat: Floats
    vulnerability: Floats
    capacity_gap: Floats
    tier: tuple[Tier, ...]
    silent: Bools
    coverage: Floats
    freshness_days: Floats
    people_at_risk: Floats
    unplaced: int
    parts: Parts

    def __post_init__(self) -> None:
        """Close the arrays: a served matrix is not to be changed by whoever reads it."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def score(evidence: Evidence, method: Methodology) -> Result:
    """Score and rank every locality. Pure: the same evidence, in any order, gives the same bits on any machine."""
    incidents = pressing(evidence.incidents, method)
    return assemble(evidence, incidents, pressure(evidence, sums_of(evidence, incidents, method), method), method)


def assemble(evidence: Evidence, incidents: Pressing, pressed: Pressure, method: Methodology) -> Result:
    """Score and rank from sums over incidents that are already made."""
    enclaves = gather(evidence.communities, len(evidence.localities), method)
    parts = Parts(
        evidence=evidence,
        methodology=method,
        incidents=incidents,
        pressure=pressed,
        threat=threat(evidence, pressed, method),
        vulnerability=vulnerability(evidence, pressed, enclaves, method),
        capacity_gap=capacity_gap(evidence, pressed, method),
    )
    scores = combine((parts.threat.value, parts.vulnerability.value, parts.capacity_gap.value), method)
    people = _people_at_risk(evidence, enclaves)
    ranking = rank(scores, people, evidence.localities.pcode)
    return Result(
        order=ranking.order,
        rank=ranking.rank,
        rank_low=ranking.low,
        rank_high=ranking.high,
        score=scores[:, BEST].copy(),
        score_low=scores[:, LOW].copy(),
        score_high=scores[:, HIGH].copy(),
        threat=parts.threat.value,
        vulnerability=parts.vulnerability.value,
        capacity_gap=parts.capacity_gap.value,
        tier=tiers(scores[:, BEST], method),
        silent=~(pressed.freshness_days <= method.silence_days),
        coverage=_coverage(parts, enclaves),
        freshness_days=pressed.freshness_days,
        people_at_risk=people,
        unplaced=pressed.unplaced,
        parts=parts,
    )


def combine(dimensions: tuple[Floats, Floats, Floats], method: Methodology) -> Floats:
    """Return the score (..., 3) of the three dimensions (..., 3), each in [floor, 1]."""
    total = np.zeros(dimensions[0].shape)
    for dimension, exponent in zip(dimensions, method.exponents, strict=True):
        total += exponent * log2(dimension)
    powers = method.exponents
    raw = TOP * exp2(total / (powers[0] + powers[1] + powers[2]))
    return contain(np.rint(raw * _GRID) / _GRID)


def tiers(score: Floats, method: Methodology) -> tuple[Tier, ...]:
    """Name the band of each score (N,), before any rounding for print."""
    bands = (Tier.EXTREME, Tier.HIGH, Tier.ELEVATED)
    reached = np.stack([score >= method.tier_from[band] for band in bands], axis=-1)
    first = np.where(reached.any(axis=-1), reached.argmax(axis=-1), len(bands))
    names = (*bands, Tier.WATCH)
    return tuple(names[position] for position in first)


def _people_at_risk(evidence: Evidence, enclaves: Enclaves) -> Floats:
    """Return persons (N,): the confined if counted, else the inhabitants, else 0. Breaks ties only."""
    inhabitants = fill(evidence.localities.population, (0.0, 0.0, 0.0))[:, BEST]
    return np.where(np.isnan(enclaves.people), inhabitants, enclaves.people)


def _coverage(parts: Parts, enclaves: Enclaves) -> Floats:
    """Return the share (N,) of inputs that are known: casualties, presence, and the components that apply there."""
    applies = np.ones_like(parts.vulnerability.known)
    applies[:, len(SHARED_COMPONENTS) :] = enclaves.present[:, np.newaxis]
    known = (parts.vulnerability.known & applies).sum(axis=1)
    known = known + parts.pressure.casualties_known + parts.capacity_gap.known
    return np.asarray(known / (applies.sum(axis=1) + 2), dtype=np.float64)
