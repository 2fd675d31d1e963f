"""What enclave communities say of their localities: six components, the worst community speaking for each.

Levels are divided by 4, people are added up and log-scaled. An assessment that has run out keeps its last value as
the point value, and its interval is everything that it may have become.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.evidence import LEVEL_MAX, Communities
from flashpoint.scoring.methodology import COMMUNITY_COMPONENTS, Methodology
from flashpoint.scoring.portable import Bools, Floats, exact_sums, log_scale
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW, certain, fill, open_where, stated

LEVEL_COMPONENTS = COMMUNITY_COMPONENTS[:5]
_PERSONS_CEILING = 2.0**30


@dataclass(frozen=True, slots=True, eq=False)
class Enclaves:
    """The communities of N localities together.

    ``components`` (N, 6, 3) in the order of ``COMMUNITY_COMPONENTS``, meaningless where ``present`` (N,) is false;
    ``known`` (N, 6): every community there states it and has not expired; ``people`` (N,) persons at best, NaN
    where none of them states it.
    """

    present: Bools
    components: Floats
    known: Bools
    people: Floats


def gather(communities: Communities, size: int, method: Methodology) -> Enclaves:
    """Put the communities of ``size`` localities together."""
    present = _any_at(communities, np.ones(len(communities.id), dtype=np.bool_), size)
    levels, stands = level_components(communities, method)
    worst = np.full((size, len(LEVEL_COMPONENTS), 3), method.floor)
    np.maximum.at(worst, communities.locality, levels)
    people, people_known, persons = _people(communities, size, method)
    known = np.ones((size, len(LEVEL_COMPONENTS)), dtype=np.bool_)
    np.logical_and.at(known, communities.locality, stands)
    return Enclaves(
        present=present,
        components=np.concatenate((worst, people[:, np.newaxis, :]), axis=1),
        known=np.concatenate((known, people_known[:, np.newaxis]), axis=1) & present[:, np.newaxis],
        people=persons,
    )


def level_components(communities: Communities, method: Methodology) -> tuple[Floats, Bools]:
    """Return the five level components (C, 5, 3) in [floor, 1], and whether each stands known and unexpired (C, 5)."""
    levels = np.stack([getattr(communities, name) for name in LEVEL_COMPONENTS], axis=-1)
    stands = ~np.isnan(levels) & ~communities.expired[:, np.newaxis]
    scaled = np.clip(levels / LEVEL_MAX, method.floor, 1.0)
    rows = fill(certain(scaled), (method.floor, method.neutral_component, 1.0))
    return open_where(~stands, rows, method.floor), stands


def _any_at(communities: Communities, mask: Bools, size: int) -> Bools:
    found = np.zeros(size, dtype=np.bool_)
    found[communities.locality[mask]] = True
    return found


def _people(communities: Communities, size: int, method: Methodology) -> tuple[Floats, Bools, Floats]:
    """Return the people component (N, 3), whether it is wholly known (N,), and persons at best (N,)."""
    said = stated(communities.people)
    stands = said & ~communities.expired
    rows = fill(communities.people, (0.0, 0.0, 0.0))
    rows[~stands, LOW] = 0.0
    total = np.stack([exact_sums(rows[:, end], communities.locality, size, _PERSONS_CEILING) for end in range(3)], -1)
    component = np.clip(log_scale(total, method.confined_reference), method.floor, 1.0)
    unsaid = _any_at(communities, ~said, size)
    component[:, BEST] = np.where(unsaid, np.maximum(component[:, BEST], method.neutral_component), component[:, BEST])
    # Whoever was not counted, or not lately, may be any number.
    shaky = _any_at(communities, ~stands, size)
    component[:, HIGH] = np.where(shaky, 1.0, component[:, HIGH])
    persons = np.where(_any_at(communities, said, size), total[:, BEST], np.nan)
    return component, ~shaky, persons
