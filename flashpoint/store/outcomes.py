"""What rankings are judged by: when each verified event ended, whom it harmed, and which localities hold its place.

Only events whose place is known to a second-order unit or better and whose date to a month or better: what is known
more coarsely can neither be counted in a locality nor told to have come before or after a moment.

Places of events are taken point in polygon, not as the matrix spreads coarse reports: a ranking is judged by what
anybody can count, not by its own idea of where things were.
"""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import text

from flashpoint.scoring.nulls import Events
from flashpoint.scoring.portable import Ints
from flashpoint.store.engine import Record, VaultReader
from flashpoint.types import DatePrecision, GeoPrecision

#: Categories that harm no person directly; all others are harm to civilians.
HARMLESS = frozenset(
    {
        "armed_clash",
        "denial_of_humanitarian_access",
        "movement_restriction",
        "property_destruction",
        "extortion",
        "threat_or_incitement",
    }
)

_COARSEST_PLACE, _COARSEST_DATE = int(GeoPrecision.SUB_PREFECTURE), int(DatePrecision.MONTH)

_DAY = "extract(epoch FROM {})::float8 / 86400"
_NO_END = "coalesce(" + _DAY + ", 'Infinity'::float8)"
_COUNTED = "e.operation = :operation AND v.geo_precision <= :place AND v.date_precision <= :date"

#: Every stretch of time in which a version of an event counted, also of what was withdrawn since.
EVENTS = text(f"""
    SELECT e.incident_id, e.version, v.category, coalesce(v.killed_best, 0) AS killed,
           {_DAY.format("e.event_end")} AS ended_day,
           {_DAY.format("e.known_at")} AS known_day, {_NO_END.format("e.known_to")} AS unknown_day,
           {_DAY.format("e.recorded_at")} AS recorded_day, {_NO_END.format("e.closed_at")} AS closed_day
    FROM vault.evidence e JOIN vault.incident_version v USING (incident_id, version)
    WHERE {_COUNTED}
    ORDER BY e.event_end, e.incident_id, e.version, e.known_at
""")  # noqa: S608 - put together from constants of this module
#: Every locality, of any time, that holds an event's place; the nearest first, as incidents are placed. An event
#: without a geometry is where the store placed it, by its P-code.
PLACES = text(f"""
    WITH counted AS (
        SELECT DISTINCT e.incident_id, e.version, v.geom
        FROM vault.evidence e JOIN vault.incident_version v USING (incident_id, version)
        WHERE {_COUNTED}
    ), around AS (
        SELECT c.incident_id, c.version, l.id, l.version AS locality_version, l.pcode,
               ST_Distance(l.point::geography, c.geom::geography) AS away
        FROM counted c JOIN vault.locality l
            ON c.geom && l.area AND ST_Covers(l.area, ST_PointOnSurface(c.geom)) AND l.operation = :operation
        UNION ALL
        SELECT c.incident_id, c.version, l.id, l.version, l.pcode, 0
        FROM counted c
        JOIN vault.placement p ON p.incident_id = c.incident_id AND p.version = c.version AND p.known_to IS NULL
        JOIN vault.locality l ON l.id = p.locality_id
        WHERE c.geom IS NULL
    )
    SELECT incident_id, version, id, locality_version FROM around ORDER BY incident_id, version, away, pcode, id
""")  # noqa: S608 - likewise


@dataclass(frozen=True, slots=True)
class Happened:
    """The events of an operation, and where they were, whatever localities there were at the time.

    ``event`` and ``around`` are pairs of an event (a row of ``events``) and a version of a locality that holds it, the
    nearest first; ``localities`` says which version of which locality each number in ``around`` is.
    """

    events: Events
    event: Ints
    around: Ints
    localities: tuple[tuple[UUID, int], ...]

    def place(self, listed: dict[tuple[UUID, int], int]) -> Ints:
        """Give the locality of each event (E,), among those listed with their positions; -1 for none."""
        position = np.array([listed.get(one, -1) for one in self.localities], dtype=np.int64)[self.around]
        held = np.flatnonzero(position >= 0)
        rows, first = np.unique(self.event[held], return_index=True)
        found = np.full(len(self.events), -1, dtype=np.int64)
        found[rows] = position[held[first]]
        return found


def happened(reader: VaultReader, operation: str) -> Happened:
    """Read all verified events of an operation that are known well enough to be counted, and where they were."""
    bounds = {"operation": operation, "place": _COARSEST_PLACE, "date": _COARSEST_DATE}
    rows = list(reader.connection.execute(EVENTS, bounds))
    at: dict[tuple[UUID, int], list[int]] = {}
    for number, row in enumerate(rows):
        at.setdefault((row.incident_id, row.version), []).append(number)
    numbers: dict[tuple[UUID, int], int] = {}
    pairs = [
        (number, numbers.setdefault((row.id, row.locality_version), len(numbers)))
        for row in reader.connection.execute(PLACES, bounds)
        for number in at[row.incident_id, row.version]
    ]
    event, around = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Happened(_events(rows), event, around, tuple(numbers))


def _events(rows: list[Record]) -> Events:
    def days(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    return Events(
        ended_day=days("ended_day"),
        harm=np.array([row.category not in HARMLESS for row in rows], dtype=np.bool_),
        killed=days("killed"),
        known_day=days("known_day"),
        unknown_day=days("unknown_day"),
        recorded_day=days("recorded_day"),
        closed_day=days("closed_day"),
    )
