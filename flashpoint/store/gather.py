"""What was known of an operation's places at a moment, and of what makes them vulnerable or safer: the context.

Incidents are in ``roll``. Every query reads the two times of each fact (see ``moments``), and ages are counted from the
clock, the last quarter of an hour before the moment. Between two quarters the matrix therefore changes by knowledge
alone: whoever may not know of a change sees the very same bytes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, text

from flashpoint.scoring.evidence import (
    NOWHERE,
    Assessments,
    Communities,
    Evidence,
    Localities,
    Presences,
    Units,
)
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import unit_vectors
from flashpoint.store.engine import Record, VaultReader
from flashpoint.store.moments import COUNTS, Moment, day_of
from flashpoint.store.roll import CLUSTER_MAY_KNOW, Places

_IN_USE = COUNTS + " AND {0}.operation = :operation AND {0}.withdrawn_reason IS NULL"
_MAY_COUNT = """ AND {0}.consent NOT IN ('refused', 'withdrawn')
    AND ({0}.sharing IN ('public', 'mission') OR {0}.share_above <> 'none')"""

LOCALITIES = text(f"""
    SELECT l.id, l.version, l.pcode, l.code_list, l.level, l.name, l.adm1_pcode, l.adm2_pcode, l.adm3_pcode,
           l.population_low, l.population_best, l.population_high, ST_X(l.point) AS longitude, ST_Y(l.point) AS latitude
    FROM vault.locality l WHERE {_IN_USE.format("l")} ORDER BY l.pcode, l.code_list, l.id
""")
UNITS = text(f"""
    SELECT u.pcode, max(u.population) AS population
    FROM vault.admin_unit u WHERE {_IN_USE.format("u")} GROUP BY u.pcode ORDER BY u.pcode
""")
COMMUNITIES = text(f"""
    SELECT c.id, c.locality_id, c.sharing, c.confinement, c.people_low, c.people_best, c.people_high,
           c.food_access, c.water_access, c.health_access, c.market_access, c.expires_at <= :clock AS expired
    FROM vault.community c WHERE {_IN_USE.format("c")}{_MAY_COUNT.format("c")} ORDER BY c.id
""")
ASSESSMENTS = text(f"""
    SELECT a.id, a.locality_id, a.sharing, a.likelihood, a.impact
    FROM vault.threat_assessment a
    WHERE {_IN_USE.format("a")}{_MAY_COUNT.format("a")} AND a.expires_at > :clock ORDER BY a.id
""")
PRESENCES = text(f"""
    SELECT p.id, p.locality_id, p.type, p.sharing,
           extract(epoch FROM :clock - p.confirmed_at)::float8 / 86400 AS age_days,
           CASE WHEN p.point IS NULL OR ST_Covers(l.area, p.point) THEN 0
                ELSE ST_Distance(l.area::geography, p.point::geography) / 1000 END AS distance_km
    FROM vault.presence p JOIN vault.locality l ON l.id = p.locality_id AND {COUNTS.format("l")}
    WHERE {_IN_USE.format("p")}{_MAY_COUNT.format("p")}
      AND p.since <= :as_of AND (p.until IS NULL OR p.until > :clock) ORDER BY p.id
""")
#: Whether anything of the context was recorded after an instant.
NEWS = text(
    " UNION ALL ".join(
        f"(SELECT 1 FROM vault.{table} WHERE operation = :operation AND recorded_at > :after LIMIT 1)"
        for table in ("locality", "admin_unit", "community", "threat_assessment", "presence")
    )
)


@dataclass(frozen=True, slots=True)
class Context:
    """The evidence but for its incidents, and the localities' rows in the order of the evidence."""

    moment: Moment
    evidence: Evidence
    localities: list[Record]
    places: Places


def has_news(reader: VaultReader, operation: str, after: Moment) -> bool:
    """Say whether any of an operation's context was recorded since."""
    bounds = {"operation": operation, "after": after.recorded}
    return reader.connection.execute(NEWS, bounds).first() is not None


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

    def nameable(self) -> NDArray[np.bool_]:
        """Say which rows every cluster reader may know of."""
        return np.array([sharing in CLUSTER_MAY_KNOW for sharing in self._at["sharing"]], dtype=np.bool_)

    def found(self, name: str, at: Mapping[Any, int]) -> NDArray[np.int64]:
        """Give where each value of a column stands in another table, -1 for nowhere."""
        return np.array([at.get(value, NOWHERE) for value in self._at[name]], dtype=np.int64)

    def ids(self, name: str = "id") -> list[str]:
        return [str(value) for value in self._at[name]]


def gather(reader: VaultReader, operation: str, moment: Moment, method: Methodology) -> Context:
    """Read what was known of an operation's places; all queries see one snapshot."""
    table = _reading(reader, operation, moment)
    localities = list(reader.connection.execute(LOCALITIES, _bounds(LOCALITIES, operation, moment)))
    at = {row.id: index for index, row in enumerate(localities)}
    units = table(UNITS, None)
    unit_at = {pcode: index for index, pcode in enumerate(units["pcode"])}
    evidence = Evidence(
        localities=_localities(localities, method),
        units=_units(units, unit_at, localities),
        communities=_communities(table(COMMUNITIES, at), at),
        assessments=_assessments(table(ASSESSMENTS, at), at),
        presences=_presences(table(PRESENCES, at), at),
        clock_day=day_of(moment.clock),
    )
    return Context(moment, evidence, localities, Places(at, unit_at))


def _reading(
    reader: VaultReader, operation: str, moment: Moment
) -> Callable[[TextClause, Mapping[UUID, int] | None], _Columns]:
    def table(query: TextClause, keep: Mapping[UUID, int] | None) -> _Columns:
        """Read a query; ``keep`` leaves out rows of localities that were not known then."""
        result = reader.connection.execute(query, _bounds(query, operation, moment))
        rows = [row for row in result if keep is None or row.locality_id in keep]
        return _Columns(list(result.keys()), rows)

    return table


def _bounds(query: TextClause, operation: str, moment: Moment) -> dict[str, object]:
    bounds = {
        "operation": operation,
        "as_of": moment.as_of,
        "recorded": moment.recorded,
        "clock": moment.clock,
    }
    return {name: value for name, value in bounds.items() if f":{name}" in query.text}


def _localities(rows: list[Record], method: Methodology) -> Localities:
    names = ("population_low", "population_best", "population_high")
    population = np.array([[getattr(row, name) for name in names] for row in rows], dtype=np.float64).reshape(-1, 3)
    point = np.empty((0, 3))
    if method.kernel_width_km > 0:
        point = unit_vectors([row.longitude for row in rows], [row.latitude for row in rows])
    return Localities(_unique_pcodes(rows), population, point)


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
        nameable=rows.nameable(),
    )


def _assessments(rows: _Columns, at: Mapping[UUID, int]) -> Assessments:
    return Assessments(
        id=rows.ids(),
        locality=rows.found("locality_id", at),
        likelihood=rows.numbers("likelihood"),
        impact=rows.numbers("impact"),
        nameable=rows.nameable(),
    )


def _presences(rows: _Columns, at: Mapping[UUID, int]) -> Presences:
    return Presences(
        id=rows.ids(),
        locality=rows.found("locality_id", at),
        type=rows["type"],
        distance_km=rows.numbers("distance_km"),
        age_days=rows.ages("age_days"),
        nameable=rows.nameable(),
    )
