"""What was known of an operation at a moment, as the columns of numbers that scoring takes.

Every query reads the two times of each fact: only what was known at ``as_of`` comes back, and ages are counted from
the clock, the last quarter of an hour before it. Between two quarters the matrix therefore changes by knowledge alone:
whoever may not know of a change sees the very same bytes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from flashpoint.catalogue import CATEGORIES
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
_DAY = timedelta(days=1)
#: Beyond three widths of the Gaussian kernel an influence is under 0.012 and counts as none.
_KERNEL_REACH = 3.0
_CLUSTER_MAY_KNOW = (Sharing.PUBLIC, Sharing.MISSION, Sharing.CLUSTER)
_CATEGORY_INDEX = {code: index for index, code in enumerate(CATEGORY_CODES)}

_KNOWN = "{0}.known_at <= :as_of AND ({0}.known_to IS NULL OR {0}.known_to > :as_of)"
_IN_USE = _KNOWN + " AND {0}.operation = :operation AND {0}.withdrawn_reason IS NULL"
_COUNTS = """ AND {0}.consent NOT IN ('refused', 'withdrawn')
    AND ({0}.sharing IN ('public', 'mission') OR {0}.share_above <> 'none')"""

LOCALITIES = text(f"""
    SELECT l.id, l.version, l.pcode, l.code_list, l.name, l.adm1_pcode, l.adm2_pcode, l.adm3_pcode,
           l.population_low, l.population_best, l.population_high
    FROM vault.locality l WHERE {_IN_USE.format("l")} ORDER BY l.pcode, l.code_list, l.id
""")
UNITS = text(f"""
    SELECT u.pcode, max(u.population) AS population
    FROM vault.admin_unit u WHERE {_IN_USE.format("u")} GROUP BY u.pcode ORDER BY u.pcode
""")
#: The evidence query: verified versions in force, by event time, each with its current placement.
INCIDENTS = text(f"""
    SELECT e.incident_id AS id, v.category, v.sharing, p.locality_id, p.unit_pcode,
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
        ON p.incident_id = e.incident_id AND p.version = e.version AND p.replaced_at IS NULL
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
    SELECT p.id, p.locality_id, p.type,
           extract(epoch FROM :clock - p.confirmed_at)::float8 / 86400 AS age_days,
           CASE WHEN p.point IS NULL OR ST_Covers(l.area, p.point) THEN 0
                ELSE ST_Distance(l.area::geography, p.point::geography) / 1000 END AS distance_km
    FROM vault.presence p JOIN vault.locality l ON l.id = p.locality_id AND {_KNOWN.format("l")}
    WHERE {_IN_USE.format("p")} AND p.since <= :as_of AND (p.until IS NULL OR p.until > :clock) ORDER BY p.id
""")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence, and what is needed to speak of it: the localities' rows in the order of the evidence.

    ``nameable`` holds the ids that every cluster reader may be shown: incidents, communities and assessments that are
    not restricted and of no protected category. ``data_through`` is when the newest verified report was made.
    """

    as_of: datetime
    evidence: Evidence
    localities: list[Record]
    nameable: frozenset[str]
    data_through: datetime | None


def clock_of(as_of: datetime) -> datetime:
    """Give the last full quarter of an hour: what ages are counted from."""
    return as_of.replace(minute=as_of.minute - as_of.minute % CLOCK_MINUTES, second=0, microsecond=0)


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

    def rows(query: Any) -> list[Record]:  # noqa: ANN401 - a text clause of this module
        wanted = {name: value for name, value in bounds.items() if f":{name}" in query.text}
        return list(reader.connection.execute(query, wanted))

    localities, units, incidents = rows(LOCALITIES), rows(UNITS), rows(INCIDENTS)
    at = {row.id: index for index, row in enumerate(localities)}
    contexts = [
        [row for row in rows(query) if row.locality_id in at] for query in (COMMUNITIES, ASSESSMENTS, PRESENCES)
    ]
    communities, assessments, presences = contexts
    near = rows(NEAR) if method.kernel_width_km > 0 else []
    evidence = Evidence(
        localities=Localities(_unique_pcodes(localities), _range(localities, "population")),
        units=_units(units, localities),
        incidents=_incidents(incidents, at, {row.pcode: index for index, row in enumerate(units)}),
        near=_near(near, incidents, at),
        communities=_communities(communities, at),
        assessments=_assessments(assessments, at),
        presences=_presences(presences, at),
    )
    newest = max((row.reported_at for row in incidents), default=None)
    return Gathered(as_of, evidence, localities, _nameable(incidents, communities, assessments), newest)


def _memory(method: Methodology) -> timedelta:
    # A millennium is enough, and keeps the subtraction inside the calendar.
    return timedelta(days=min(method.memory_days, 36_500))


def _numbers(rows: list[Record], *names: str) -> NDArray[np.float64]:
    """Give columns of numbers, NaN for NULL."""
    return np.array([[getattr(row, name) for name in names] for row in rows], dtype=np.float64).reshape(-1, len(names))


def _number(rows: list[Record], name: str) -> NDArray[np.float64]:
    return _numbers(rows, name)[:, 0]


def _ages(rows: list[Record], name: str) -> NDArray[np.float64]:
    # What happened since the clock struck has age 0, until it strikes again.
    return np.maximum(_number(rows, name), 0.0)


def _range(rows: list[Record], name: str) -> NDArray[np.float64]:
    return _numbers(rows, f"{name}_low", f"{name}_best", f"{name}_high")


def _flags(rows: list[Record], name: str) -> NDArray[np.bool_]:
    return np.array([getattr(row, name) for row in rows], dtype=np.bool_)


def _indices(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _where(rows: list[Record], at: dict[UUID, int]) -> NDArray[np.int64]:
    return _indices([at[row.locality_id] for row in rows])


def _unique_pcodes(localities: list[Record]) -> list[str]:
    """Give each locality a code of its own: where two code lists use one P-code, the list's name tells them apart."""
    codes = [row.pcode for row in localities]
    return [row.pcode if codes.count(row.pcode) == 1 else f"{row.pcode} ({row.code_list})" for row in localities]


def _units(units: list[Record], localities: list[Record]) -> Units:
    at = {row.pcode: index for index, row in enumerate(units)}
    pairs = [
        (at[pcode], index)
        for index, row in enumerate(localities)
        for pcode in dict.fromkeys((row.adm1_pcode, row.adm2_pcode, row.adm3_pcode))
        if pcode in at
    ]
    return Units(
        _number(units, "population"), _indices([unit for unit, _ in pairs]), _indices([place for _, place in pairs])
    )


def _incidents(rows: list[Record], at: dict[UUID, int], units: dict[str, int]) -> Incidents:
    return Incidents(
        id=[str(row.id) for row in rows],
        category=_indices([_CATEGORY_INDEX[row.category] for row in rows]),
        age_days=_ages(rows, "age_days"),
        report_age_days=_ages(rows, "report_age_days"),
        killed=_range(rows, "killed"),
        injured=_range(rows, "injured"),
        abducted=_range(rows, "abducted"),
        displaced=_range(rows, "displaced"),
        protected_site=_flags(rows, "protected_site"),
        state_perpetrator=_flags(rows, "state_perpetrator"),
        locality=_indices([at.get(row.locality_id, NOWHERE) for row in rows]),
        unit=_indices([units.get(row.unit_pcode, NOWHERE) for row in rows]),
    )


def _near(rows: list[Record], incidents: list[Record], at: dict[UUID, int]) -> Near:
    position = {row.id: index for index, row in enumerate(incidents)}
    return Near(_indices([position[row.incident_id] for row in rows]), _where(rows, at), _number(rows, "distance_km"))


def _communities(rows: list[Record], at: dict[UUID, int]) -> Communities:
    return Communities(
        id=[str(row.id) for row in rows],
        locality=_where(rows, at),
        confinement=_number(rows, "confinement"),
        people=_range(rows, "people"),
        food=_number(rows, "food_access"),
        water=_number(rows, "water_access"),
        health=_number(rows, "health_access"),
        market=_number(rows, "market_access"),
        expired=_flags(rows, "expired"),
    )


def _assessments(rows: list[Record], at: dict[UUID, int]) -> Assessments:
    return Assessments(
        [str(row.id) for row in rows], _where(rows, at), _number(rows, "likelihood"), _number(rows, "impact")
    )


def _presences(rows: list[Record], at: dict[UUID, int]) -> Presences:
    return Presences(
        id=[str(row.id) for row in rows],
        locality=_where(rows, at),
        type=[row.type for row in rows],
        distance_km=_number(rows, "distance_km"),
        age_days=_ages(rows, "age_days"),
    )


def _nameable(incidents: list[Record], communities: list[Record], assessments: list[Record]) -> frozenset[str]:
    open_incidents = [row for row in incidents if not CATEGORIES[row.category].protected]
    rows = [*open_incidents, *communities, *assessments]
    return frozenset(str(row.id) for row in rows if row.sharing in _CLUSTER_MAY_KNOW)
