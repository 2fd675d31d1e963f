"""What was known of an operation at a moment, as the columns of numbers that scoring takes.

Every query reads the two times of each fact: only what was known at ``as_of`` comes back, and ages are counted from
the clock, the last quarter of an hour before it. Between two quarters the matrix therefore changes by knowledge alone:
whoever may not know of a change sees the very same bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, text

from flashpoint.catalogue import PROTECTED
from flashpoint.scoring.evidence import (
    CATEGORY_CODES,
    NOWHERE,
    Assessments,
    Communities,
    Evidence,
    Incidents,
    Localities,
    Near,
    Presences,
    Units,
)
from flashpoint.scoring.methodology import Methodology
from flashpoint.store.engine import Record, VaultReader
from flashpoint.types import Sharing

CLOCK_MINUTES = 15
#: Beyond three widths of the Gaussian kernel an influence is under 0.012 and counts as none.
_KERNEL_REACH = 3.0
_CLUSTER_MAY_KNOW = (Sharing.PUBLIC, Sharing.MISSION, Sharing.CLUSTER)
_CATEGORY_INDEX = {code: index for index, code in enumerate(CATEGORY_CODES)}

_KNOWN = "{0}.known_at <= :as_of AND ({0}.known_to IS NULL OR {0}.known_to > :as_of)"
_IN_USE = _KNOWN + " AND {0}.operation = :operation AND {0}.withdrawn_reason IS NULL"
_COUNTS = """ AND {0}.consent NOT IN ('refused', 'withdrawn')
    AND ({0}.sharing IN ('public', 'mission') OR {0}.share_above <> 'none')"""

LOCALITIES = text(f"""
    SELECT l.id, l.version, l.pcode, l.code_list, l.level, l.name, l.adm1_pcode, l.adm2_pcode, l.adm3_pcode,
           l.population_low, l.population_best, l.population_high
    FROM vault.locality l WHERE {_IN_USE.format("l")} ORDER BY l.pcode, l.code_list, l.id
""")
UNITS = text(f"""
    SELECT u.pcode, max(u.population) AS population
    FROM vault.admin_unit u WHERE {_IN_USE.format("u")} GROUP BY u.pcode ORDER BY u.pcode
""")
#: The evidence query: verified versions in force, by event time, each with its current placement.
INCIDENTS = text(f"""
    SELECT e.incident_id AS id, e.veiled, v.category, v.sharing, p.locality_id, p.unit_pcode,
           v.protected_site IS NOT NULL AS protected_site,
           v.perpetrator_class = 'state_forces' AS state_perpetrator,
           extract(epoch FROM :clock - e.event_end)::float8 / 86400 AS age_days,
           extract(epoch FROM :clock - v.reported_at)::float8 / 86400 AS report_age_days,
           v.reported_at,
           v.killed_low, v.killed_best, v.killed_high, v.injured_low, v.injured_best, v.injured_high,
           v.abducted_low, v.abducted_best, v.abducted_high, v.displaced_low, v.displaced_best, v.displaced_high
    FROM vault.evidence e
    JOIN vault.incident_version v ON v.incident_id = e.incident_id AND v.version = e.version
    LEFT JOIN vault.placement p
        ON p.incident_id = e.incident_id AND p.version = e.version AND {_KNOWN.format("p")}
    WHERE e.operation = :operation AND e.event_end > :oldest AND e.event_end <= :as_of AND {_KNOWN.format("e")}
    ORDER BY e.incident_id
""")
NEAR = text(f"""
    SELECT e.incident_id, l.id AS locality_id, ST_Distance(l.area::geography, v.geom::geography) / 1000 AS distance_km
    FROM vault.evidence e
    JOIN vault.incident_version v ON v.incident_id = e.incident_id AND v.version = e.version
    JOIN vault.locality l ON ST_DWithin(l.area::geography, v.geom::geography, :reach_m)
        AND NOT ST_Covers(l.area, ST_PointOnSurface(v.geom))
    WHERE e.operation = :operation AND e.event_end > :oldest AND e.event_end <= :as_of AND {_KNOWN.format("e")}
      AND v.geo_precision <= 2 AND {_IN_USE.format("l")}
    ORDER BY e.incident_id, l.pcode
""")
COMMUNITIES = text(f"""
    SELECT c.id, c.locality_id, c.sharing, c.confinement, c.people_low, c.people_best, c.people_high,
           c.food_access, c.water_access, c.health_access, c.market_access, c.expires_at <= :clock AS expired
    FROM vault.community c WHERE {_IN_USE.format("c")}{_COUNTS.format("c")} ORDER BY c.id
""")
ASSESSMENTS = text(f"""
    SELECT a.id, a.locality_id, a.sharing, a.likelihood, a.impact
    FROM vault.threat_assessment a
    WHERE {_IN_USE.format("a")}{_COUNTS.format("a")} AND a.expires_at > :clock ORDER BY a.id
""")
PRESENCES = text(f"""
    SELECT p.id, p.locality_id, p.type, p.sharing,
           extract(epoch FROM :clock - p.confirmed_at)::float8 / 86400 AS age_days,
           CASE WHEN p.point IS NULL OR ST_Covers(l.area, p.point) THEN 0
                ELSE ST_Distance(l.area::geography, p.point::geography) / 1000 END AS distance_km
    FROM vault.presence p JOIN vault.locality l ON l.id = p.locality_id AND {_KNOWN.format("l")}
    WHERE {_IN_USE.format("p")} AND p.since <= :as_of AND (p.until IS NULL OR p.until > :clock) ORDER BY p.id
""")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence, and what is needed to speak of it: the localities' rows in the order of the evidence.

    ``nameable`` holds the ids that every cluster reader may be shown: incidents, communities, assessments and
    presences that are not restricted and of no protected category. ``data_through`` is when the newest verified
    report among them was made.
    """

    as_of: datetime
    evidence: Evidence
    localities: list[Record]
    nameable: frozenset[str]
    data_through: datetime | None


def clock_of(as_of: datetime) -> datetime:
    """Give the last full quarter of an hour: what ages are counted from."""
    return as_of.replace(minute=as_of.minute - as_of.minute % CLOCK_MINUTES, second=0, microsecond=0)


class _Columns:
    """The rows of a query, column by column: read once, however many numbers are made of them."""

    def __init__(self, names: Sequence[str], rows: Sequence[Record]) -> None:
        self._at = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
        self.length = len(rows)

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        return self._at[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column of numbers, NaN for NULL."""
        return np.array(self._at[name], dtype=np.float64)

    def ages(self, name: str) -> NDArray[np.float64]:
        """Give ages in days; what happened since the clock struck has age 0, until it strikes again."""
        return np.maximum(self.numbers(name), 0.0)

    def ranges(self, name: str) -> NDArray[np.float64]:
        """Give rows of low, best, high."""
        return np.stack([self.numbers(f"{name}_{end}") for end in ("low", "best", "high")], axis=-1)

    def flags(self, name: str) -> NDArray[np.bool_]:
        return np.array(self._at[name], dtype=np.bool_)

    def found(self, name: str, at: Mapping[Any, int]) -> NDArray[np.int64]:
        """Give where each value of a column stands in another table, -1 for nowhere."""
        return np.array([at.get(value, NOWHERE) for value in self._at[name]], dtype=np.int64)

    def ids(self, name: str = "id") -> list[str]:
        return [str(value) for value in self._at[name]]


def gather(reader: VaultReader, operation: str, as_of: datetime, method: Methodology) -> Gathered:
    """Read what was known of an operation at ``as_of``; all queries see one snapshot."""
    clock = clock_of(as_of)
    bounds = {
        "operation": operation,
        "as_of": as_of,
        "clock": clock,
        "oldest": clock - _memory(method),
        "reach_m": method.kernel_width_km * _KERNEL_REACH * 1000,
    }

    def table(query: TextClause, keep: Mapping[UUID, int] | None = None) -> _Columns:
        """Read a query; ``keep`` leaves out rows of localities that were not known then."""
        result = reader.connection.execute(query, _wanted(query, bounds))
        rows = [row for row in result if keep is None or row.locality_id in keep]
        return _Columns(list(result.keys()), rows)

    localities = list(reader.connection.execute(LOCALITIES, _wanted(LOCALITIES, bounds)))
    at = {row.id: index for index, row in enumerate(localities)}
    units, incidents = table(UNITS), table(INCIDENTS)
    communities, assessments, presences = (table(query, at) for query in (COMMUNITIES, ASSESSMENTS, PRESENCES))
    unit_at = {pcode: index for index, pcode in enumerate(units["pcode"])}
    evidence = Evidence(
        localities=_localities(localities),
        units=_units(units, unit_at, localities),
        incidents=_incidents(incidents, at, unit_at),
        near=_near(table(NEAR, at), incidents, at) if method.kernel_width_km > 0 else Near(),
        communities=_communities(communities, at),
        assessments=_assessments(assessments, at),
        presences=_presences(presences, at),
    )
    nameable = _nameable(incidents, communities, assessments, presences)
    reports = zip(evidence.incidents.id, incidents["reported_at"], strict=True)
    newest = max((reported_at for one, reported_at in reports if one in nameable), default=None)
    return Gathered(as_of, evidence, localities, nameable, newest)


def _wanted(query: TextClause, bounds: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in bounds.items() if f":{name}" in query.text}


def _memory(method: Methodology) -> timedelta:
    # A century is enough, and keeps the subtraction inside the calendar.
    return timedelta(days=min(method.memory_days, 36_500))


def _localities(rows: list[Record]) -> Localities:
    names = ("population_low", "population_best", "population_high")
    population = [[getattr(row, name) for name in names] for row in rows]
    return Localities(_unique_pcodes(rows), np.array(population, dtype=np.float64).reshape(-1, 3))


def _unique_pcodes(localities: list[Record]) -> list[str]:
    """Give each locality a code of its own: where two code lists use one P-code, the list's name tells them apart."""
    uses = Counter(row.pcode for row in localities)
    listed = Counter((row.pcode, row.code_list) for row in localities)
    return [
        row.pcode
        if uses[row.pcode] == 1
        else f"{row.pcode} ({row.code_list})"
        if listed[row.pcode, row.code_list] == 1
        else f"{row.pcode} ({row.code_list}, {row.id})"
        for row in localities
    ]


def _units(units: _Columns, at: Mapping[str, int], localities: list[Record]) -> Units:
    pairs = [
        (at[pcode], index)
        for index, row in enumerate(localities)
        for pcode in dict.fromkeys((row.adm1_pcode, row.adm2_pcode, row.adm3_pcode))
        if pcode in at
    ]
    unit, locality = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Units(units.numbers("population"), unit, locality)


def _incidents(rows: _Columns, at: Mapping[UUID, int], units: Mapping[str, int]) -> Incidents:
    return Incidents(
        id=rows.ids(),
        category=rows.found("category", _CATEGORY_INDEX),
        age_days=rows.ages("age_days"),
        report_age_days=rows.ages("report_age_days"),
        killed=rows.ranges("killed"),
        injured=rows.ranges("injured"),
        abducted=rows.ranges("abducted"),
        displaced=rows.ranges("displaced"),
        protected_site=rows.flags("protected_site"),
        state_perpetrator=rows.flags("state_perpetrator"),
        locality=rows.found("locality_id", at),
        unit=rows.found("unit_pcode", units),
    )


def _near(rows: _Columns, incidents: _Columns, at: Mapping[UUID, int]) -> Near:
    position = {incident: index for index, incident in enumerate(incidents["id"])}
    return Near(rows.found("incident_id", position), rows.found("locality_id", at), rows.numbers("distance_km"))


def _communities(rows: _Columns, at: Mapping[UUID, int]) -> Communities:
    return Communities(
        id=rows.ids(),
        locality=rows.found("locality_id", at),
        confinement=rows.numbers("confinement"),
        people=rows.ranges("people"),
        food=rows.numbers("food_access"),
        water=rows.numbers("water_access"),
        health=rows.numbers("health_access"),
        market=rows.numbers("market_access"),
        expired=rows.flags("expired"),
    )


def _assessments(rows: _Columns, at: Mapping[UUID, int]) -> Assessments:
    return Assessments(rows.ids(), rows.found("locality_id", at), rows.numbers("likelihood"), rows.numbers("impact"))


def _presences(rows: _Columns, at: Mapping[UUID, int]) -> Presences:
    return Presences(
        id=rows.ids(),
        locality=rows.found("locality_id", at),
        type=rows["type"],
        distance_km=rows.numbers("distance_km"),
        age_days=rows.ages("age_days"),
    )


def _nameable(incidents: _Columns, *contexts: _Columns) -> frozenset[str]:
    named = zip(*(incidents[name] for name in ("id", "sharing", "category", "veiled")), strict=True)
    ids = {
        str(one)
        for one, sharing, category, veiled in named
        if sharing in _CLUSTER_MAY_KNOW and category not in PROTECTED and not veiled
    }
    for rows in contexts:
        shared = zip(rows["id"], rows["sharing"], strict=True)
        ids |= {str(one) for one, sharing in shared if sharing in _CLUSTER_MAY_KNOW}
    return frozenset(ids)
