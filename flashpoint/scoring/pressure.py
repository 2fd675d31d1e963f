"""From incidents to what presses on each locality: the decayed sums of method.md, and what is counted beside them.

    w_i       = severity_i * casualty_i * 2^(-age_i / half_life)
    casualty_i = 1 + log2(1 + killed + injured/4 + abducted/2) / 4

Every sum is linear in its incidents and shrinks by one factor as time passes, so a running sum can stand in for
``press`` wherever a ``Pressure`` is asked for.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.evidence import CATEGORY_CODES, Evidence, Incidents, Units
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import LN2, Bools, Floats, Ints, exact_sums, exp2, log2
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW, certain, fill, stated

# Powers of two that no single term can exceed (see ``exact_sums``): severity <= 4 and casualty < 16; displaced
# persons; one incident touching a site. Sums over a unit may be as large as the reals that go in.
_WEIGHT_CEILING = 64.0
_PERSONS_CEILING = 2.0**30
_SITE_CEILING = 1.0
# A whole unit's sum is one term of its localities' sums, and few units contain one locality.
_UNIT_FACTOR = 2.0**22
_UNIT_COUNT_BITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Pressure:
    """What incidents do to N localities. Sums (N, 3) are low, best, high; columns are (N,).

    ``weight`` (M, 3) is each incident's w_i, 0 when forgotten; ``influence`` (K,) is that of each near pair and
    ``share`` (pairs,) each member locality's part of its unit, both at best.
    """

    weight: Floats
    influence: Floats
    share: Floats
    threat: Floats
    displaced: Floats
    sites: Floats
    freshness_days: Floats
    state_implicated: Bools
    casualties_known: Bools
    displaced_known: Bools
    unplaced: int


def press(evidence: Evidence, method: Methodology) -> Pressure:
    """Sum the incidents over the localities; those older than ``method.memory_days`` count for nothing at all."""
    incidents = evidence.incidents
    live = incidents.age_days <= method.memory_days
    weight = incident_weights(incidents, method) * live[:, np.newaxis]
    placing = _Placing(
        evidence, near_influence(evidence, method), unit_shares(evidence.units, evidence.localities.population, method)
    )
    aftermath = _decay(incidents.age_days, method.aftermath_half_life_days) * live
    here = live & (incidents.locality >= 0)
    return Pressure(
        weight=weight,
        influence=placing.influence,
        share=placing.share,
        threat=placing.sums(weight, _WEIGHT_CEILING),
        displaced=placing.sums(_displaced(incidents, method) * aftermath[:, np.newaxis], _PERSONS_CEILING),
        sites=placing.sums(certain(incidents.protected_site * aftermath), _SITE_CEILING),
        freshness_days=_freshness(evidence, here),
        state_implicated=_anywhere(evidence, here & _by_state_lately(incidents, method)),
        casualties_known=~_anywhere(evidence, here & ~_casualties_known(incidents)),
        displaced_known=~_anywhere(evidence, here & ~stated(incidents.displaced)),
        unplaced=int(np.count_nonzero(live & ~placing.counted())),
    )


def incident_weights(incidents: Incidents, method: Methodology) -> Floats:
    """Return w_i (M, 3) before influence: severity, casualties and age."""
    decay = _decay(incidents.age_days, method.threat_half_life_days)
    casualty = 1.0 + log2(1.0 + _equivalents(incidents, method)) / 4.0
    weight: Floats = casualty * (_severity(incidents, method) * decay)[:, np.newaxis]
    return weight


def near_influence(evidence: Evidence, method: Methodology) -> Floats:
    """Return ``exp(-(d / width)^2 / 2)`` per near pair (K,); 0 when the kernel is off or the incident not precise."""
    near = evidence.near
    if method.kernel_width_km == 0:
        return np.zeros(len(near.incident))
    standard = near.distance_km / method.kernel_width_km
    # An incident presses on its own locality with 1 already, and a coarse one has no point to measure from.
    elsewhere = evidence.incidents.locality[near.incident] != near.locality
    precise = evidence.incidents.unit[near.incident] < 0
    return np.where(elsewhere & precise, exp2(-0.5 * standard * standard / LN2), 0.0)


def unit_shares(units: Units, population: Floats, method: Methodology) -> Floats:
    """Return each member locality's share (pairs,) of its unit's people, in [0, 1]; neutral where either is unknown."""
    whole = units.population[units.unit]
    part = np.where(stated(population), population[:, BEST], np.nan)[units.locality]
    known = (whole > 0) & ~np.isnan(part)
    share: Floats = np.full(len(whole), method.neutral_share)
    np.divide(part, whole, out=share, where=known)
    return np.clip(share, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Placing:
    """How incidents reach localities: inside with 1, near by with ``influence`` (K,), from a unit with ``share``."""

    evidence: Evidence
    influence: Floats
    share: Floats

    def sums(self, values: Floats, ceiling: float) -> Floats:
        """Sum ``values`` (M, 3), none above ``ceiling``, over the localities (N, 3)."""
        size = len(self.evidence.localities)
        rows = np.flatnonzero(values[:, HIGH] > 0)
        inside, near = _subset(rows, self.evidence.incidents.locality), self.evidence.near
        out = np.empty((size, 3))
        for end in (LOW, BEST, HIGH):
            column = values[:, end]
            out[:, end] = exact_sums(column[inside], self.evidence.incidents.locality[inside], size, ceiling)
            out[:, end] += exact_sums(column[near.incident] * self.influence, near.locality, size, ceiling)
        return out + self._spread(values, rows, ceiling)

    def _spread(self, values: Floats, rows: Ints, ceiling: float) -> Floats:
        """Spread coarse incidents: first summed per unit, then shared out, so that cost is not incidents x members.

        It may have been wholly in any one of the localities or not there at all: 0 at the low end, all at the high.
        """
        units, size = self.evidence.units, len(self.evidence.localities)
        coarse = _subset(rows, self.evidence.incidents.unit)
        out = np.zeros((size, 3))
        for end, share in ((BEST, self.share), (HIGH, np.ones_like(self.share))):
            whole = exact_sums(values[coarse, end], self.evidence.incidents.unit[coarse], len(units), ceiling)
            part = whole[units.unit] * share
            out[:, end] = exact_sums(part, units.locality, size, ceiling * _UNIT_FACTOR, _UNIT_COUNT_BITS)
        return out

    def counted(self) -> Bools:
        """Say of each incident (M,) whether it counts in any locality."""
        incidents, units, near = self.evidence.incidents, self.evidence.units, self.evidence.near
        reached = incidents.locality >= 0
        reached[near.incident[self.influence > 0]] = True
        peopled = np.bincount(units.unit, minlength=len(units) + 1) > 0
        return reached | ((incidents.unit >= 0) & peopled[incidents.unit])


def _subset(rows: Ints, place: Ints) -> Ints:
    return rows[place[rows] >= 0]


def _decay(age_days: Floats, half_life_days: float) -> Floats:
    return exp2(-age_days / half_life_days)


def _severity(incidents: Incidents, method: Methodology) -> Floats:
    """Look each category up in the published table; an unknown code is a ``KeyError``."""
    if isinstance(incidents.category, np.ndarray) and incidents.category.dtype.kind in "iu":
        return np.array([method.severity[code] for code in CATEGORY_CODES])[incidents.category]
    return np.array([method.severity[code] for code in incidents.category], dtype=np.float64)


def _equivalents(incidents: Incidents, method: Methodology) -> Floats:
    """Return killed-equivalents (M, 3): known ones stop at the ceiling that a missing count is held to reach.

    Were known counts not held to it, forgetting a count could lower the upper end.
    """
    ceiling = method.casualty_ceiling
    total = np.zeros((len(incidents), 3))
    for counts, per_killed in (
        (incidents.killed, 1.0),
        (incidents.injured, method.injured_per_killed),
        (incidents.abducted, method.abducted_per_killed),
    ):
        total += fill(counts / per_killed, (0.0, method.neutral_casualties, ceiling))
    return np.minimum(total, ceiling)


def _displaced(incidents: Incidents, method: Methodology) -> Floats:
    """Return displaced persons (M, 3), held to the reference at which the component saturates, known or not."""
    reference = method.displaced_reference
    return np.minimum(fill(incidents.displaced, (0.0, method.neutral_displaced, reference)), reference)


def _casualties_known(incidents: Incidents) -> Bools:
    return stated(incidents.killed) & stated(incidents.injured) & stated(incidents.abducted)


def _by_state_lately(incidents: Incidents, method: Methodology) -> Bools:
    return incidents.state_perpetrator & (incidents.age_days <= method.state_forces_window_days)


def _anywhere(evidence: Evidence, mask: Bools) -> Bools:
    """Say of each locality (N,) whether an incident of ``mask`` (M,), all precisely placed, lies in it."""
    found = np.zeros(len(evidence.localities), dtype=np.bool_)
    found[evidence.incidents.locality[mask]] = True
    return found


def _freshness(evidence: Evidence, here: Bools) -> Floats:
    """Return the age in days (N,) of the newest report placed in each locality, NaN where there is none."""
    newest = np.full(len(evidence.localities), np.inf)
    np.minimum.at(newest, evidence.incidents.locality[here], evidence.incidents.report_age_days[here])
    return np.where(np.isinf(newest), np.nan, newest)
