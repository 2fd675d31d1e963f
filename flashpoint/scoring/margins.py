"""What each missing or uncertain input alone could make of a score, and so which of them it pays to find out.

One input at a time is set to its least and to its most, everything else stays at its point value; the arithmetic is
that of the score. The score grows with every input, so least <= score <= most, and both lie within the interval that
all inputs leave open together. An input that is known has no margin.

Two inputs stand for more than one number, because they are found out together: ``expired_assessment`` is everything
about the communities whose assessment has run out; ``coarse_incidents`` is whether the incidents that are known to a
wider area only struck this locality, how many they harmed, and the protected sites among them. People whom they may
have displaced are part of ``displacement``. ``population`` is the component alone, not the share of coarse incidents
that follows from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.communities import LEVEL_COMPONENTS, level_components
from flashpoint.scoring.evidence import Communities
from flashpoint.scoring.factors import incident_threat, weighted_mean
from flashpoint.scoring.methodology import COMMUNITY_COMPONENTS, COMPONENTS, Methodology
from flashpoint.scoring.model import Result, combine
from flashpoint.scoring.portable import Bools, Floats, Ints, exact_sums, log_scale
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW, certain, fill, stated

EXPIRED_ASSESSMENT, COARSE_INCIDENTS = "expired_assessment", "coarse_incidents"
INPUTS = (
    "population",
    "presence",
    "casualties",
    "displacement",
    *COMMUNITY_COMPONENTS,
    EXPIRED_ASSESSMENT,
    COARSE_INCIDENTS,
)
_AT = {name: position for position, name in enumerate(COMPONENTS)}
_PERSONS_CEILING = 2.0**30
# Sums from which others were taken off again are equal up to this part of them.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Margin:
    """The score with ``input`` alone at its least and at its most."""

    input: str
    score_if_least: float
    score_if_most: float

    @property
    def spread(self) -> float:
        """How far the input alone could move the score."""
        return self.score_if_most - self.score_if_least


class Margins:
    """The margins of some localities of a result, worked out all at once."""

    def __init__(self, result: Result, indices: Iterable[int] | None = None) -> None:
        """Work them out for the localities with these indices, for all where none are named."""
        chosen = range(len(result.score)) if indices is None else indices
        self._row = {index: row for row, index in enumerate(chosen)}
        at = np.array(list(self._row), dtype=np.int64)
        by_name = _ends(result, at)
        ends = [by_name[name] for name in INPUTS]
        self._open = np.stack([one.open for one in ends])
        scores = combine(_dimensions(result, at, ends), result.parts.methodology)
        # The last bits of the arithmetic must not lead out of the interval that the row states.
        self._scores = np.clip(scores, result.score_low[at, np.newaxis], result.score_high[at, np.newaxis])

    def lines(self, index: int) -> list[Margin]:
        """Give the margins of a locality, the widest first: one for each input that is missing or uncertain there.

        Raises:
            KeyError: the locality is not among those that were asked for.
        """
        row = self._row[index]
        found = [
            Margin(INPUTS[position], float(self._scores[position, row, LOW]), float(self._scores[position, row, HIGH]))
            for position in np.flatnonzero(self._open[:, row]).tolist()
        ]
        return sorted(found, key=lambda margin: -margin.spread)


def margins(result: Result, index: int) -> list[Margin]:
    """Give the margins of one locality; for many of them, make one ``Margins``."""
    return Margins(result, [index]).lines(index)


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """What an input moves at R localities, each at its least, point value and most.

    ``open`` (R,): it is missing or uncertain there; ``threat`` and ``capacity_gap`` (R, 3), ``None`` where it does not
    move them; ``components`` of vulnerability by position, (R, 3) each.
    """

    open: Bools
    threat: Floats | None = None
    capacity_gap: Floats | None = None
    components: tuple[tuple[int, Floats], ...] = ()


def _ends(result: Result, at: Ints) -> dict[str, _Ends]:
    """Give for every input of ``INPUTS`` what it moves at the localities ``at`` (R,)."""
    made, gap, pressure = result.parts.vulnerability, result.parts.capacity_gap, result.parts.pressure
    population, displaced, sites = (
        made.components[at, _AT[name]] for name in ("population", "displacement", "protected_sites")
    )
    coarse = pressure.coarse[:, at]
    precise = pressure.threat[:, at] - coarse
    return {
        "population": _Ends(_wide(population) | ~made.known[at, 0], components=((0, population),)),
        "presence": _Ends(_wide(gap.value[at]) | ~gap.known[at], capacity_gap=gap.value[at]),
        "casualties": _Ends(
            _wide(precise).any(axis=0) | ~pressure.casualties_known[at],
            threat=_threat(result, at, precise + coarse[..., BEST, np.newaxis]),
        ),
        "displacement": _Ends(
            _wide(displaced) | ~pressure.displaced_known[at], components=((_AT["displacement"], displaced),)
        ),
        **_community_ends(result, at),
        COARSE_INCIDENTS: _Ends(
            _wide(coarse).any(axis=0) | _wide(sites),
            threat=_threat(result, at, precise[..., BEST, np.newaxis] + coarse),
            components=((_AT["protected_sites"], sites),),
        ),
    }


def _wide(interval: Floats) -> Bools:
    width = interval[..., HIGH] - interval[..., LOW]
    return np.asarray(width > _EQUAL * np.maximum(interval[..., HIGH], 1.0), dtype=np.bool_)


def _threat(result: Result, at: Ints, pressing: Floats) -> Floats:
    """Return the threat (R, 3) that sums of weights (K, R, 3) make beside the standing one."""
    threat, method = result.parts.threat, result.parts.methodology
    # Where something was taken off a sum and added again, the last bits may fall short of 0.
    incident = incident_threat(np.maximum(pressing, 0.0), method)
    return np.clip(np.maximum(incident, threat.standing[at, np.newaxis]), method.floor, 1.0)


def _dimensions(result: Result, at: Ints, ends: list[_Ends]) -> tuple[Floats, Floats, Floats]:
    """Return each dimension (inputs, R, 3) with one input after the other at its ends."""
    threat, vulnerability, gap = (
        certain(values[at, BEST]) for values in (result.threat, result.vulnerability, result.capacity_gap)
    )
    moved = [(one.threat, _vulnerability(result, at, one), one.capacity_gap) for one in ends]
    return (
        np.stack([_kept(threat, first) for first, _, _ in moved]),
        np.stack([_kept(vulnerability, second) for _, second, _ in moved]),
        np.stack([_kept(gap, third) for _, _, third in moved]),
    )


def _kept(usual: Floats, moved: Floats | None) -> Floats:
    """Return ``moved`` (R, 3), its point value that of the score to the last bit."""
    if moved is None:
        return usual
    return np.stack((moved[:, LOW], usual[:, BEST], moved[:, HIGH]), axis=-1)


def _vulnerability(result: Result, at: Ints, ends: _Ends) -> Floats | None:
    """Return vulnerability (R, 3) with some components at their ends: the larger profile, as in ``factors``."""
    if not ends.components:
        return None
    method = result.parts.methodology
    components = certain(result.parts.vulnerability.components[at, :, BEST])
    for position, interval in ends.components:
        components[:, position] = interval
    by_people = weighted_mean(components, method.population_weight)
    communities = result.parts.evidence.communities
    present = _any_at(communities, np.ones(len(communities.id), dtype=np.bool_), len(result.score))[at, np.newaxis]
    by_enclave = np.where(present, weighted_mean(components, method.community_weight), method.floor)
    return np.clip(np.maximum(by_people, by_enclave), method.floor, 1.0)


def _community_ends(result: Result, at: Ints) -> dict[str, _Ends]:
    """Give what the communities leave open: each component that one of them does not state, and what has expired."""
    communities, method = result.parts.evidence.communities, result.parts.methodology
    size, usual = len(result.score), result.parts.vulnerability.components[:, -len(COMMUNITY_COMPONENTS) :, BEST]
    levels, stands = level_components(communities, method)
    expired = np.broadcast_to(communities.expired[:, np.newaxis], stands.shape)
    unstated = ~stands & ~expired

    def worst(mask: Bools, value: float) -> Floats:
        """Return the level components (N, 5) with those of the mask (C, 5) at ``value``."""
        found = np.full((size, len(LEVEL_COMPONENTS)), method.floor)
        np.maximum.at(found, communities.locality, np.where(mask, value, levels[..., BEST]))
        return found

    def ends(mask: Bools) -> Floats:
        return np.stack((worst(mask, method.floor), usual[:, :-1], worst(mask, 1.0)), axis=-1)[at]

    said, renewed = ends(unstated), ends(expired)
    people = _people(communities, usual[:, -1], method)
    columns = {name: column for column, name in enumerate(LEVEL_COMPONENTS)}
    renewals = tuple((_AT[name], renewed[:, column]) for name, column in columns.items())
    return {
        **{
            name: _Ends(_any_at(communities, unstated[:, column], size)[at], components=((_AT[name], said[:, column]),))
            for name, column in columns.items()
        },
        "confined_people": _Ends(people.uncounted[at], components=((_AT["confined_people"], people.counted[at]),)),
        EXPIRED_ASSESSMENT: _Ends(
            _any_at(communities, communities.expired, size)[at],
            components=(*renewals, (_AT["confined_people"], people.renewed[at])),
        ),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """The people component (N, 3), by what is ``counted`` of the unexpired and by what is ``renewed`` of the others.

    ``uncounted`` (N,): an unexpired assessment leaves the number open.
    """

    uncounted: Bools
    counted: Floats
    renewed: Floats


def _people(communities: Communities, usual: Floats, method: Methodology) -> _People:
    size, expired, said = len(usual), communities.expired, stated(communities.people)
    unsaid = _any_at(communities, ~said & ~expired, size)
    unsaid_then = _any_at(communities, ~said & expired, size)
    outdated = _any_at(communities, expired, size)
    rows = fill(communities.people, (0.0, 0.0, 0.0))

    def component(persons: Floats, assumed: Bools) -> Floats:
        total = exact_sums(persons, communities.locality, size, _PERSONS_CEILING)
        value = np.clip(log_scale(total, method.confined_reference), method.floor, 1.0)
        return np.where(assumed, np.maximum(value, method.neutral_component), value)

    least, most = (component(np.where(expired, rows[:, BEST], rows[:, end]), unsaid_then) for end in (LOW, HIGH))
    counted = np.stack((least, usual, np.where(unsaid, 1.0, most)), axis=-1)
    without = component(np.where(expired, 0.0, rows[:, BEST]), unsaid)
    renewed = np.stack((without, usual, np.where(outdated, 1.0, usual)), axis=-1)
    return _People(unsaid | _wide(counted), counted, renewed)


def _any_at(communities: Communities, mask: Bools, size: int) -> Bools:
    found = np.zeros(size, dtype=np.bool_)
    found[communities.locality[mask]] = True
    return found
