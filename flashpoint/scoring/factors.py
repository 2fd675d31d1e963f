"""The three dimensions of a locality, each low, best, high in [floor, 1]: threat, vulnerability, capacity gap.

Sources: the protection risk equation (threat x vulnerability / capacity) in the geometric form of INFORM; the
choices that this project adds are listed in docs/methodology.md.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.communities import Enclaves
from flashpoint.scoring.evidence import Assessments, Evidence, Presences
from flashpoint.scoring.methodology import COMPONENTS, Methodology, Table
from flashpoint.scoring.portable import LN2, Bools, Floats, Ints, exact_sums, exp2, log2, log_scale
from flashpoint.scoring.pressure import Pressure
from flashpoint.scoring.uncertainty import BEST, certain, contain, fill, stated
from flashpoint.types import PresenceType

_WORST_JUDGEMENT = 25.0
NO_ASSESSMENT = -1
# -log2(1 - strength) of the strongest presence that a methodology may declare is below this power of two.
_SHIELD_CEILING = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Threat:
    """``value`` (N, 3); ``standing`` (N,) at least the floor, made by assessment ``standing_by`` (N,), -1 none."""

    value: Floats
    standing: Floats
    standing_by: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Vulnerability:
    """``value`` (N, 3), the larger of two weighted means over ``components`` (N, 9, 3), in the order of ``COMPONENTS``.

    ``by_community`` (N,): the enclave profile is the larger one at best. ``known`` (N, 9): the component is stated.
    """

    value: Floats
    components: Floats
    known: Bools
    by_community: Bools


@dataclass(frozen=True, slots=True, eq=False)
class CapacityGap:
    """``value`` (N, 3); ``known`` (N,): somebody looked at what protects; ``strength`` (P,) of each presence."""

    value: Floats
    known: Bools
    strength: Floats


def threat(evidence: Evidence, pressure: Pressure, method: Methodology) -> Threat:
    """T = max(T_incident, T_standing)."""
    incident = incident_threat(pressure.threat, method)
    standing, standing_by = _standing(evidence.assessments, len(evidence.localities), method)
    value = np.clip(np.maximum(incident, standing[:, np.newaxis]), method.floor, 1.0)
    return Threat(contain(value), standing, standing_by)


def incident_threat(sums: Floats, method: Methodology) -> Floats:
    """T_incident = min(1, sum over time scales of share_k * log(1 + S_k) / log(1 + W_ref)) for sums (K, ...)."""
    total = np.zeros(sums.shape[1:])
    for scale, layer in zip(method.threat_scales, sums, strict=True):
        total += scale.share * log_scale(layer, method.threat_reference)
    return np.minimum(total, 1.0)


def _standing(assessments: Assessments, size: int, method: Methodology) -> tuple[Floats, Ints]:
    """Return the worst judgement (N,), (likelihood / 5) * (impact / 5), and whose it is; equal ones: the first id."""
    judged = assessments.likelihood * assessments.impact / _WORST_JUDGEMENT
    ids = np.array(assessments.id, dtype=np.str_)
    # Written from the mildest to the worst, so that the worst stays; of equal ones the smallest id is written last.
    by_id = np.argsort(ids, kind="stable")[::-1]
    order = by_id[np.argsort(judged[by_id], kind="stable")]
    standing, made_by = np.full(size, method.floor), np.full(size, NO_ASSESSMENT, dtype=np.int64)
    for row in order:
        standing[assessments.locality[row]] = max(method.floor, judged[row])
        made_by[assessments.locality[row]] = row
    return standing, made_by


def vulnerability(evidence: Evidence, pressure: Pressure, enclaves: Enclaves, method: Methodology) -> Vulnerability:
    """V = the larger of the population profile and, where a community is confined, the enclave profile.

    The larger, not the one instead of the other: recording an enclave must never make its town look safer.
    """
    population = evidence.localities.population
    shared = np.stack(
        (
            population_component(population, method),
            np.clip(log_scale(pressure.displaced, method.displaced_reference), method.floor, 1.0),
            np.clip(log_scale(pressure.sites, method.site_reference), method.floor, 1.0),
        ),
        axis=1,
    )
    components = np.concatenate((shared, enclaves.components), axis=1)
    by_people = weighted_mean(components, method.population_weight)
    by_enclave = np.where(
        enclaves.present[:, np.newaxis], weighted_mean(components, method.community_weight), method.floor
    )
    always = np.ones((len(population), 1), dtype=np.bool_)
    told = (stated(population)[:, np.newaxis], pressure.displaced_known[:, np.newaxis], always, enclaves.known)
    return Vulnerability(
        value=contain(np.clip(np.maximum(by_people, by_enclave), method.floor, 1.0)),
        components=components,
        known=np.concatenate(told, axis=1),
        by_community=enclaves.present & (by_enclave[:, BEST] >= by_people[:, BEST]),
    )


def population_component(population: Floats, method: Methodology) -> Floats:
    """Return people at risk (N, 3) on a log scale between the declared floor (0) and ceiling (1) of town sizes."""
    low, high = method.population_floor, method.population_ceiling
    scaled = log2(np.maximum(fill(population, (low, low, low)), low) / low) / log2(high / low)
    missing = ~stated(population)[:, np.newaxis]
    return np.where(missing, (method.floor, method.neutral_component, 1.0), np.clip(scaled, method.floor, 1.0))


def weighted_mean(components: Floats, weights: Table) -> Floats:
    """Return the mean (N, 3) of components (N, 9, 3); added in the order of ``COMPONENTS``, which fixes the bits."""
    total = np.zeros((len(components), 3))
    for position, name in enumerate(COMPONENTS):
        total += weights.get(name, 0.0) * components[:, position, :]
    return total


def capacity_gap(evidence: Evidence, pressure: Pressure, method: Methodology) -> CapacityGap:
    """L = prod(1 - strength), the presences protecting independently of one another; missing if nobody looked."""
    presences, size = evidence.presences, len(evidence.localities)
    strength = presence_strengths(presences, pressure.state_implicated, method)
    shield = exact_sums(-log2(1.0 - strength), presences.locality, size, _SHIELD_CEILING)
    known = np.zeros(size, dtype=np.bool_)
    known[presences.locality] = True
    gap = certain(np.clip(exp2(-shield), method.floor, 1.0))
    missing = (method.floor, method.neutral_component, 1.0)
    return CapacityGap(np.where(known[:, np.newaxis], gap, missing), known, strength)


def presence_strengths(presences: Presences, state_implicated: Bools, method: Methodology) -> Floats:
    """Return strength(type) * exp(-distance / scale) * 2^(-age / half_life) (P,).

    State forces count for nothing where they were lately among the perpetrators.
    """
    by_type = np.array([method.presence_strength[kind] for kind in presences.type], dtype=np.float64)
    state = np.array([kind == PresenceType.STATE_FORCES for kind in presences.type], dtype=np.bool_)
    by_type[state & state_implicated[presences.locality]] = 0.0
    distance = presences.distance_km / (method.presence_scale_km * LN2)
    return by_type * exp2(-distance - presences.age_days / method.presence_half_life_days)
