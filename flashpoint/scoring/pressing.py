"""What each incident weighs before time and place: the columns of numbers that the sums are made of.

casualty_i = 1 + log2(1 + killed + injured/4 + abducted/2) / 8
"""

from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

import numpy as np

from flashpoint.scoring.evidence import CATEGORY_CODES, Incidents, no_flags, no_indices, no_numbers
from flashpoint.scoring.methodology import Methodology, Table
from flashpoint.scoring.portable import Bools, Floats, Ints, log2
from flashpoint.scoring.uncertainty import fill, stated

#: The columns of ``Pressing.marks``: instants of which each locality's newest is kept.
REPORTED, BY_STATE, CASUALTIES_UNKNOWN, DISPLACED_UNKNOWN = range(4)
NEVER = -np.inf


def _triples() -> Floats:
    return no_numbers(0, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Pressing:
    """M incidents as the method sees them. Days are since 1970.

    ``id`` (M,) holds texts, or the 16 bytes of UUIDs in an array.
    ``category`` (M,) positions in ``CATEGORY_CODES``; ``casualty`` and ``displaced`` (M, 3); ``site`` (M,) 1 where a
    protected site was touched; ``locality`` or ``unit`` (M,) where it is placed, else -1; ``point`` (M, 3) or empty;
    ``marks`` (M, 4) are instants: of its report, and of its end where State forces did it, where its casualties and
    where its displaced are not known; minus infinity else.
    """

    id: Any = ()
    category: Ints = field(default_factory=no_indices)
    casualty: Floats = field(default_factory=_triples)
    displaced: Floats = field(default_factory=_triples)
    site: Floats = field(default_factory=no_numbers)
    ended_day: Floats = field(default_factory=no_numbers)
    locality: Ints = field(default_factory=no_indices)
    unit: Ints = field(default_factory=no_indices)
    point: Floats = field(default_factory=_triples)
    marks: Floats = field(default_factory=lambda: no_numbers(0, 4))
    nameable: Bools = field(default_factory=no_flags)

    def __len__(self) -> int:
        return len(self.id)

    def name(self, row: int) -> str:
        """Return an incident's id as text; ids may be stored as the 16 bytes of a UUID."""
        one = self.id[row]
        return one if isinstance(one, str) else str(UUID(bytes=bytes(one)))

    def rows(self, rows: Ints) -> "Pressing":
        """Return some of the incidents."""
        columns = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        ids = columns.pop("id")
        chosen = {name: column[rows] if len(column) else column for name, column in columns.items()}
        return Pressing(id=ids[rows] if isinstance(ids, np.ndarray) else [ids[row] for row in rows], **chosen)


def pressing(incidents: Incidents, method: Methodology) -> Pressing:
    """Work out what each incident weighs."""
    unknown = ~(stated(incidents.killed) & stated(incidents.injured) & stated(incidents.abducted))
    ended = incidents.ended_day
    marks = np.stack(
        (
            incidents.reported_day,
            np.where(incidents.state_perpetrator, ended, NEVER),
            np.where(unknown, ended, NEVER),
            np.where(stated(incidents.displaced), NEVER, ended),
        ),
        axis=-1,
    )
    return Pressing(
        id=incidents.id,
        category=_codes(incidents),
        casualty=1.0 + log2(1.0 + _equivalents(incidents, method)) / method.casualty_divisor,
        displaced=_displaced(incidents, method),
        site=incidents.protected_site.astype(np.float64),
        ended_day=ended,
        locality=incidents.locality,
        unit=incidents.unit,
        point=incidents.point,
        marks=marks,
        nameable=incidents.nameable,
    )


def severities(table: Table) -> Floats:
    """Return the severity of each category, by its position in ``CATEGORY_CODES``."""
    return np.array([table[code] for code in CATEGORY_CODES])


def _codes(incidents: Incidents) -> Ints:
    """Look each category up; an unknown code is a ``KeyError``."""
    if isinstance(incidents.category, np.ndarray) and incidents.category.dtype.kind in "iu":
        return incidents.category
    at = {code: position for position, code in enumerate(CATEGORY_CODES)}
    return np.array([at[code] for code in incidents.category], dtype=np.int64)


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
