"""What goes in: columns of numbers, already filtered to what counts and was known at the ``as_of`` moment.

N localities, U coarser admin units, M incidents, C communities, A assessments, P presences. Places are given as
indices into the localities or the units. Instants are days since 1970 (UTC); ages are days before the clock, never
negative. A row ``low, best, high`` with a NaN in it is not known. A column that may be left out is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from flashpoint.catalogue import CATEGORIES
from flashpoint.scoring.portable import Bools, Floats, Ints
from flashpoint.types import PresenceType

CATEGORY_CODES = tuple(CATEGORIES)
PRESENCE_TYPES = tuple(PresenceType)
LEVEL_MAX = 4
NOWHERE = -1


def no_numbers(*shape: int) -> Floats:
    """Return an empty column of floats, ``(0,)`` or ``(0, 3)``."""
    return np.empty(shape or (0,), dtype=np.float64)


def no_indices() -> Ints:
    """Return an empty column of indices."""
    return np.empty(0, dtype=np.int64)


def no_flags() -> Bools:
    """Return an empty column of truth values."""
    return np.empty(0, dtype=np.bool_)


def _no_ranges() -> Floats:
    return no_numbers(0, 3)


def _check_columns(columns: object, length: int) -> None:
    """Refuse columns of another length, and triples that are not triples: numpy would silently broadcast them."""
    for entry in fields(columns):  # type: ignore[arg-type]
        value = getattr(columns, entry.name)
        shape = np.shape(value) if isinstance(value, np.ndarray) else (len(value),)
        if entry.name in _MAY_BE_EMPTY and shape[0] == 0:
            continue
        if shape not in {(length,), (length, 3)} or (entry.name in _TRIPLES) != (shape[1:] == (3,)):
            raise ValueError(
                f"{type(columns).__name__}.{entry.name} has shape {shape} where {length} rows are expected"
            )


def _check_finite(columns: object, *names: str) -> None:
    for name in names:
        value = getattr(columns, name)
        if not (np.isfinite(value).all() and (value >= 0).all()):
            raise ValueError(f"{type(columns).__name__}.{name} must be finite and not negative")


_TRIPLES = frozenset({"population", "killed", "injured", "abducted", "displaced", "people", "point"})
_MAY_BE_EMPTY = frozenset({"point", "nameable"})


@dataclass(frozen=True, slots=True, eq=False)
class Localities:
    """The places that are ranked. ``pcode`` (N,) unique; ``population`` (N, 3) persons.

    ``point`` (N, 3) on the unit sphere is where spill-over is measured from; empty where there is none.
    """

    pcode: Sequence[str] = ()
    population: Floats = field(default_factory=_no_ranges)
    point: Floats = field(default_factory=_no_ranges)

    def __post_init__(self) -> None:
        """Check shapes, and that the P-codes can break ties."""
        _check_columns(self, len(self.pcode))
        if len(set(self.pcode)) != len(self.pcode):
            raise ValueError("P-codes must be unique: they break ties")

    def __len__(self) -> int:
        return len(self.pcode)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Coarser admin units, over whose localities a coarse report is spread.

    ``population`` (U,) persons, NaN unknown: a published figure of the unit itself, never the sum over the
    localities present, else adding a locality would change the scores of its neighbours. ``unit`` and ``locality``
    are the two sides of the membership pairs.
    """

    population: Floats = field(default_factory=no_numbers)
    unit: Ints = field(default_factory=no_indices)
    locality: Ints = field(default_factory=no_indices)

    def __post_init__(self) -> None:
        """Check that the pairs are pairs."""
        if self.population.ndim != 1 or self.unit.shape != self.locality.shape or self.unit.ndim != 1:
            raise ValueError("Units: population is one column, unit and locality are two of the same length")

    def __len__(self) -> int:
        return len(self.population)


@dataclass(frozen=True, slots=True, eq=False)
class Incidents:
    """Verified incidents in force. All columns (M,), casualties (M, 3) persons.

    ``category`` holds codes of the catalogue, or their positions in ``CATEGORY_CODES``. ``locality`` places
    a precisely known incident, ``unit`` a coarse one, the other is -1; both -1: unplaced, counted and nothing more.
    ``point`` (M, 3) on the unit sphere, NaN or empty where it is not known. ``nameable``: the id may be shown; empty
    where all may.
    """

    id: Sequence[str] | NDArray[np.void] = ()
    category: Sequence[str] | Ints = ()
    ended_day: Floats = field(default_factory=no_numbers)
    reported_day: Floats = field(default_factory=no_numbers)
    killed: Floats = field(default_factory=_no_ranges)
    injured: Floats = field(default_factory=_no_ranges)
    abducted: Floats = field(default_factory=_no_ranges)
    displaced: Floats = field(default_factory=_no_ranges)
    protected_site: Bools = field(default_factory=no_flags)
    state_perpetrator: Bools = field(default_factory=no_flags)
    locality: Ints = field(default_factory=no_indices)
    unit: Ints = field(default_factory=no_indices)
    point: Floats = field(default_factory=_no_ranges)
    nameable: Bools = field(default_factory=no_flags)

    def __post_init__(self) -> None:
        """Check shapes, instants and that no incident is in two places."""
        _check_columns(self, len(self.id))
        if not (np.isfinite(self.ended_day).all() and np.isfinite(self.reported_day).all()):
            raise ValueError("Incidents: instants must be finite")
        if ((self.locality >= 0) & (self.unit >= 0)).any():
            raise ValueError("an incident is placed in a locality or in a unit, not in both")
        if isinstance(self.category, np.ndarray) and self.category.dtype.kind in "iu":
            _check_indices(self.category, 0, len(CATEGORY_CODES))

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Communities:
    """Enclave communities. Levels (C,) 0 to 4, 0 free or unhindered, 4 sealed or no access, NaN unknown.

    ``people`` (C, 3) persons; ``expired`` (C,): the assessment's validity has run out.
    """

    id: Sequence[str] = ()
    locality: Ints = field(default_factory=no_indices)
    confinement: Floats = field(default_factory=no_numbers)
    people: Floats = field(default_factory=_no_ranges)
    food: Floats = field(default_factory=no_numbers)
    water: Floats = field(default_factory=no_numbers)
    health: Floats = field(default_factory=no_numbers)
    market: Floats = field(default_factory=no_numbers)
    expired: Bools = field(default_factory=no_flags)
    nameable: Bools = field(default_factory=no_flags)

    def __post_init__(self) -> None:
        """Check shapes and that levels are levels."""
        _check_columns(self, len(self.id))
        levels = np.stack((self.confinement, self.food, self.water, self.health, self.market))
        if ((levels < 0) | (levels > LEVEL_MAX)).any():
            raise ValueError("levels of confinement and of lost access run from 0 to 4")


@dataclass(frozen=True, slots=True, eq=False)
class Assessments:
    """Unexpired standing threats: ``likelihood`` and ``impact`` (A,) from 1 to 5."""

    id: Sequence[str] = ()
    locality: Ints = field(default_factory=no_indices)
    likelihood: Floats = field(default_factory=no_numbers)
    impact: Floats = field(default_factory=no_numbers)
    nameable: Bools = field(default_factory=no_flags)

    def __post_init__(self) -> None:
        """Check shapes and scales."""
        _check_columns(self, len(self.id))
        scales = np.stack((self.likelihood, self.impact))
        if not ((scales >= 1) & (scales <= LEVEL_MAX + 1)).all():
            raise ValueError("likelihood and impact run from 1 to 5")


@dataclass(frozen=True, slots=True, eq=False)
class Presences:
    """Protective presences of the locality that they protect; ``distance_km`` 0 inside, ``age_days`` since confirmed.

    ``type`` holds ``PresenceType`` values; ``none`` says that somebody looked and found no protection.
    """

    id: Sequence[str] = ()
    locality: Ints = field(default_factory=no_indices)
    type: Sequence[str] = ()
    distance_km: Floats = field(default_factory=no_numbers)
    age_days: Floats = field(default_factory=no_numbers)
    nameable: Bools = field(default_factory=no_flags)

    def __post_init__(self) -> None:
        """Check shapes, types and numbers."""
        _check_columns(self, len(self.id))
        _check_finite(self, "distance_km", "age_days")
        if not set(self.type) <= set(PRESENCE_TYPES):
            raise ValueError("unknown type of presence")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that was known. ``Evidence()`` is the empty world; every part may be left out.

    ``clock_day`` is the instant from which the incidents' ages are counted.
    """

    localities: Localities = field(default_factory=Localities)
    units: Units = field(default_factory=Units)
    incidents: Incidents = field(default_factory=Incidents)
    communities: Communities = field(default_factory=Communities)
    assessments: Assessments = field(default_factory=Assessments)
    presences: Presences = field(default_factory=Presences)
    clock_day: float = 0.0

    def __post_init__(self) -> None:
        """Check that every index points at something: a wrong one would wrap around to the last locality."""
        localities, units = len(self.localities), len(self.units)
        for held in (self.units, self.communities, self.assessments, self.presences):
            _check_indices(held.locality, 0, localities)
        _check_indices(self.incidents.locality, NOWHERE, localities)
        _check_indices(self.incidents.unit, NOWHERE, units)
        _check_indices(self.units.unit, 0, units)


def _check_indices(column: Ints, least: int, end: int) -> None:
    if column.dtype.kind not in "iu" or (column.size and not (least <= column.min() and column.max() < end)):
        raise ValueError("an index points outside of what it indexes")
