"""A scored matrix in the words of each audience: what the cluster may read of it, and what the mission may.

The rank is the same for everyone. The mission gets whole-number scores, whole weeks and the three dimensions; the
cluster also the inputs behind them, by id where every cluster reader may know of the record.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson

from flashpoint.catalogue import TIER_NAMES
from flashpoint.scoring.contributions import (
    OTHER_INCIDENTS,
    PRESENCE,
    Contribution,
    Kind,
    Ledger,
    dimension_points,
    rounded,
)
from flashpoint.scoring.evidence import NOWHERE, Incidents
from flashpoint.scoring.model import Result
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW
from flashpoint.store.engine import Record
from flashpoint.store.gather import Gathered
from flashpoint.store.releases import NewRelease, NewRow
from flashpoint.types import Audience

TREND_DAYS = (7, 30)
CLASSIFICATION = {
    Audience.CLUSTER: "Protection cluster, internal",
    Audience.MISSION: "Mission, restricted",
}
#: Decimals of the score that each audience reads. More would let it be traced back to single records.
DECIMALS = {Audience.CLUSTER: 2, Audience.MISSION: 0}
_INCIDENTS_IN_ROW = 5


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A matrix at a moment, and what the same method made of the knowledge of earlier moments, for the trend."""

    operation: str
    gathered: Gathered
    result: Result
    earlier: dict[int, dict[object, float]]


def release(evaluated: Evaluated, audience: Audience) -> NewRelease:
    """Write the matrix for an audience."""
    gathered = evaluated.gathered
    rows = tuple(_rows(evaluated, audience))
    moment = {"as_of": gathered.as_of, "data_through": _data_through(gathered.data_through, audience)}
    head = {
        "methodology": evaluated.result.parts.methodology.version,
        "operation": evaluated.operation,
        "audience": audience,
        "classification": CLASSIFICATION[audience],
        "coverage": _coverage(evaluated, audience),
    }
    return NewRelease(evaluated.operation, audience, gathered.as_of, _members(moment), _members(head), rows)


def json_text(tree: object) -> str:
    """Write JSON, times in UTC with a ``Z``."""
    return orjson.dumps(tree, option=orjson.OPT_UTC_Z).decode()


def _members(tree: Mapping[str, object]) -> str:
    return json_text(tree)[1:-1]


def _data_through(newest: datetime | None, audience: Audience) -> datetime | str | None:
    if newest is None or audience is Audience.CLUSTER:
        return newest
    monday = newest.date() - timedelta(days=newest.weekday())
    return f"{monday.isoformat()}T00:00:00Z"


def _coverage(evaluated: Evaluated, audience: Audience) -> dict[str, object]:
    """Say how much of what the score asks for is known; how many records there are is for the cluster alone."""
    result, evidence = evaluated.result, evaluated.gathered.evidence
    share = round(float(result.coverage.mean()), 2) if len(result.coverage) else 0.0
    summary: dict[str, object] = {"inputs_known": share, "localities": len(result.rank)}
    if audience is Audience.CLUSTER:
        summary |= {
            "localities_silent": int(result.silent.sum()),
            "incidents_in_force": len(_nameable(evaluated, evidence.incidents.id)),
            "incidents_unplaced": len(_nameable(evaluated, _unplaced(evidence.incidents))),
        }
    return summary


def _nameable(evaluated: Evaluated, ids: Iterable[str]) -> frozenset[str]:
    """Keep those that every reader of the audience may know of: a count must not tell that there are others."""
    return evaluated.gathered.nameable.intersection(ids)


def _unplaced(incidents: Incidents) -> Iterator[str]:
    """Give the incidents that are known to the country only, or lie in no locality."""
    placed = (incidents.locality != NOWHERE) | (incidents.unit != NOWHERE)
    return (one for one, somewhere in zip(incidents.id, placed, strict=True) if not somewhere)


def _rows(evaluated: Evaluated, audience: Audience) -> Iterator[NewRow]:
    result, gathered = evaluated.result, evaluated.gathered
    ledger, shares = Ledger(result), dimension_points(result)
    for index in result.order.tolist():
        locality = gathered.localities[index]
        if audience is Audience.CLUSTER:
            full = [_veiled(line, gathered.nameable) for line in ledger.lines(index)]
            brief = [_veiled(line, gathered.nameable) for line in ledger.lines(index, _INCIDENTS_IN_ROW)]
        else:
            full = brief = [
                Contribution(kind, kind, None, float(shares[index, position])) for position, kind in enumerate(Kind)
            ]
        yield NewRow(
            locality_id=locality.id,
            locality_version=locality.version,
            rank=int(result.rank[index]),
            pcode=locality.pcode,
            tier=result.tier[index],
            properties=json_text(_properties(evaluated, index, audience, brief)),
            explanation=json_text(_explanation(evaluated, index, audience, full)),
        )


def _veiled(line: Contribution, nameable: frozenset[str]) -> Contribution:
    """Leave out the id of what not every reader of the audience may know of, and a presence's type with it."""
    if line.ref is None or line.ref in nameable:
        return line
    component = PRESENCE if line.component.startswith(PRESENCE) else line.component
    return Contribution(line.kind, component, None, line.points)


def _properties(evaluated: Evaluated, index: int, audience: Audience, lines: list[Contribution]) -> dict[str, Any]:
    result, locality = evaluated.result, evaluated.gathered.localities[index]
    decimals = DECIMALS[audience]

    def points(value: float) -> float:
        return _rounded(value, decimals)

    properties = {
        "name": locality.name,
        "pcode": locality.pcode,
        "code_list": locality.code_list,
        **_admin_pcodes(locality),
        "rank": int(result.rank[index]),
        "rank_low": int(result.rank_low[index]),
        "rank_high": int(result.rank_high[index]),
        "score": points(result.score[index]),
        "score_low": points(result.score_low[index]),
        "score_high": points(result.score_high[index]),
        "tier": result.tier[index],
        "trend": _trend(evaluated, index, decimals),
        "threat": _rounded(result.threat[index, BEST], _fine(audience)),
        "vulnerability": _rounded(result.vulnerability[index, BEST], _fine(audience)),
        "capacity_gap": _rounded(result.capacity_gap[index, BEST], _fine(audience)),
        "silent": bool(result.silent[index]),
        "coverage": round(float(result.coverage[index]), 2),
        "freshness_days": _freshness(result.freshness_days[index], audience),
        "contributions": _lines(lines, float(result.score[index]), decimals),
        "override": None,
        "response": None,
    }
    if audience is Audience.CLUSTER:
        properties["people_at_risk"] = int(result.people_at_risk[index])
    return properties


def _admin_pcodes(locality: Record) -> dict[str, str | None]:
    """Give the codes of the units around a locality; of its own level it is the unit itself."""
    return {
        f"adm{level}_pcode": locality.pcode if locality.level == level else getattr(locality, f"adm{level}_pcode")
        for level in (1, 2, 3)
    }


def _fine(audience: Audience) -> int:
    return 4 if audience is Audience.CLUSTER else 1


def _rounded(value: float, decimals: int) -> float:
    number = round(float(value), decimals)
    return int(number) if decimals == 0 else number


def _trend(evaluated: Evaluated, index: int, decimals: int) -> dict[str, float | None]:
    """Give the change of the score since earlier moments, of the scores as this audience reads them."""
    locality = evaluated.gathered.localities[index].id
    now = _rounded(evaluated.result.score[index], decimals)
    trend: dict[str, float | None] = {}
    for days in TREND_DAYS:
        then = evaluated.earlier.get(days, {}).get(locality)
        trend[f"days_{days}"] = None if then is None else _rounded(now - _rounded(then, decimals), decimals)
    return trend


def _freshness(days: float, audience: Audience) -> int | None:
    if np.isnan(days):
        return None
    return int(days) if audience is Audience.CLUSTER else 7 * max(1, math.ceil(days / 7))


def _lines(lines: list[Contribution], score: float, decimals: int) -> list[dict[str, object]]:
    merged = _merged(lines)
    return [
        {"dimension": line.kind, "input": line.component, "id": line.ref, "points": _rounded(line.points, decimals)}
        for line in rounded(merged, score, decimals)
    ]


def _merged(lines: list[Contribution]) -> list[Contribution]:
    """Add up the lines that look the same: veiled incidents become one line, so that none can be told apart."""
    sums: dict[tuple[Kind, str, str | None], list[float]] = {}
    for line in lines:
        veiled = line.ref is None and line.component.endswith("incident")
        key = (line.kind, OTHER_INCIDENTS if veiled else line.component, line.ref)
        sums.setdefault(key, []).append(line.points)
    return [Contribution(kind, component, ref, math.fsum(points)) for (kind, component, ref), points in sums.items()]


def _explanation(evaluated: Evaluated, index: int, audience: Audience, lines: list[Contribution]) -> dict[str, object]:
    result, tier = evaluated.result, evaluated.result.tier[index]
    dimensions = {"threat": result.threat, "vulnerability": result.vulnerability, "capacity_gap": result.capacity_gap}
    fine = _fine(audience)
    return {
        "formula": "100 * (threat^a * vulnerability^b * capacity_gap^c) ^ (1 / (a + b + c))",
        "methodology": result.parts.methodology.version,
        "exponents": dict(zip(("a", "b", "c"), result.parts.methodology.exponents, strict=True)),
        "tier_name": TIER_NAMES[tier],
        "dimensions": {
            name: {
                "low": _rounded(values[index, LOW], fine),
                "best": _rounded(values[index, BEST], fine),
                "high": _rounded(values[index, HIGH], fine),
            }
            for name, values in dimensions.items()
        },
        "contributions": _lines(lines, float(result.score[index]), DECIMALS[audience]),
    }
