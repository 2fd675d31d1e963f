"""One row of a scored matrix in the words of an audience.

The mission gets whole-number scores, whole weeks and the three dimensions; the cluster also the inputs behind them, by
id where every cluster reader may know of the record. What depends on the other rows (ranks, the share of draws in the
top) is no part of the text: a row is written anew only when something of its own has changed.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from flashpoint.catalogue import TIER_NAMES
from flashpoint.evaluated import TREND_DAYS, Evaluated
from flashpoint.released import WHOLE_NUMBERS
from flashpoint.scoring.contributions import (
    OTHER_INCIDENTS,
    PRESENCE,
    Contribution,
    Kind,
    dimension_points,
    rounded,
)
from flashpoint.scoring.margins import Margins
from flashpoint.scoring.methodology import COMPONENTS
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW
from flashpoint.store.engine import Record
from flashpoint.store.releases import NewRow
from flashpoint.types import Audience

#: Decimals of the score that each audience reads. More would let it be traced back to single records.
DECIMALS = {audience: 0 if audience in WHOLE_NUMBERS else 2 for audience in Audience}
#: Decimals of the dimensions and of shares.
FINE = {Audience.CLUSTER: 4, Audience.MISSION: 1}
SHARE_DECIMALS = {Audience.CLUSTER: 2, Audience.MISSION: 1}

_WEEK_DAYS = 7
_INCIDENTS_IN_ROW = 5
#: A place may have thousands; nobody reads further, and the others are one line with their points.
_INCIDENTS_EXPLAINED = 100
#: Inputs whose absence says nothing of any record: the other margins would tell the mission what is held of a place.
_OPEN_TO_ALL = frozenset({"population", "presence"})


class Scribe:
    """Writes rows of one evaluation for one audience."""

    def __init__(self, evaluated: Evaluated, audience: Audience, indices: Iterable[int]) -> None:
        """Prepare to write the rows of the localities with these indices."""
        self._evaluated = evaluated
        self._result = evaluated.result
        self._audience = audience
        self._decimals, self._fine = DECIMALS[audience], FINE[audience]
        self._coverage = told_coverage(evaluated.result, audience)
        self._points_of = dimension_points(evaluated.result)
        self._margins = Margins(evaluated.result, indices)

    def row(self, index: int) -> NewRow:
        """Write the row of a locality."""
        locality, result = self._evaluated.localities[index], self._result
        return NewRow(
            locality_id=locality.id,
            locality_version=locality.version,
            pcode=locality.pcode,
            name=locality.name,
            tier=result.tier[index],
            score=float(self._points(result.score[index])),
            properties=json_text(self._properties(index, locality)),
            explanation=json_text(self._explanation(index, locality)),
        )

    def _points(self, value: float) -> float:
        return rounded_to(value, self._decimals)

    def _properties(self, index: int, locality: Record) -> dict[str, Any]:
        result = self._result
        properties = {
            "name": locality.name,
            "pcode": locality.pcode,
            "code_list": locality.code_list,
            **_admin_pcodes(locality),
            "score": self._points(result.score[index]),
            "score_low": self._points(result.score_low[index]),
            "score_high": self._points(result.score_high[index]),
            "tier": result.tier[index],
            "trend": {f"days_{days}": self._trend(index, locality, days) for days in TREND_DAYS},
            **{name: rounded_to(values[index, BEST], self._fine) for name, values in self._dimensions().items()},
            "silent": bool(result.silent[index]),
            "coverage": round(float(self._coverage[index]), 2),
            "freshness_days": self._freshness(result.freshness_days[index]),
            "contributions": self._contributions(index, _INCIDENTS_IN_ROW),
            "override": None,
            "response": None,
        }
        if self._audience is Audience.CLUSTER:
            properties["people_at_risk"] = int(result.people_at_risk[index])
        return properties

    def _explanation(self, index: int, locality: Record) -> dict[str, object]:
        method = self._result.parts.methodology
        return {
            "formula": "100 * (threat^a * vulnerability^b * capacity_gap^c) ^ (1 / (a + b + c))",
            "methodology": method.version,
            "exponents": dict(zip(("a", "b", "c"), method.exponents, strict=True)),
            "tier_name": TIER_NAMES[self._result.tier[index]],
            "dimensions": {
                name: {end: rounded_to(values[index, at], self._fine) for end, at in _ENDS}
                for name, values in self._dimensions().items()
            },
            "contributions": self._contributions(index, _INCIDENTS_EXPLAINED),
            "last_week": self._last_week(locality),
            "margins": self._margin_lines(index),
        }

    def _dimensions(self) -> dict[str, Any]:
        result = self._result
        return {"threat": result.threat, "vulnerability": result.vulnerability, "capacity_gap": result.capacity_gap}

    def _trend(self, index: int, locality: Record, days: int) -> float | None:
        """Give the change of the score since an earlier moment, of the scores as this audience reads them."""
        past = self._evaluated.earlier.get(days)
        at = None if past is None else past.at.get(locality.id)
        if past is None or at is None:
            return None
        return rounded_to(self._points(self._result.score[index]) - self._points(past.result.score[at]), self._decimals)

    def _last_week(self, locality: Record) -> dict[str, object] | None:
        """Say how the locality stood a week earlier, by the same method."""
        past = self._evaluated.earlier.get(_WEEK_DAYS)
        at = None if past is None else past.at.get(locality.id)
        if past is None or at is None:
            return None
        then = past.result
        return {
            "rank": int(then.rank[at]),
            "score": self._points(then.score[at]),
            "tier": then.tier[at],
            **{
                name: rounded_to(values[at, BEST], self._fine)
                for name, values in (
                    ("threat", then.threat),
                    ("vulnerability", then.vulnerability),
                    ("capacity_gap", then.capacity_gap),
                )
            },
        }

    def _freshness(self, days: float) -> int | None:
        if np.isnan(days):
            return None
        return int(days) if self._audience is Audience.CLUSTER else 7 * max(1, math.ceil(days / 7))

    def _contributions(self, index: int, incident_limit: int) -> list[dict[str, object]]:
        if self._audience is Audience.CLUSTER:
            lines = _merged([_veiled(line) for line in self._evaluated.ledger.lines(index, incident_limit)])
        else:
            lines = [Contribution(kind, kind, None, float(self._points_of[index, at])) for at, kind in enumerate(Kind)]
        return [
            {"dimension": line.kind, "input": line.component, "id": line.ref, "points": self._points(line.points)}
            for line in rounded(lines, float(self._result.score[index]), self._decimals)
        ]

    def _margin_lines(self, index: int) -> list[dict[str, object]]:
        return [
            {
                "input": margin.input,
                "score_if_least": self._points(margin.score_if_least),
                "score_if_most": self._points(margin.score_if_most),
            }
            for margin in self._margins.lines(index)
            if self._audience is Audience.CLUSTER or margin.input in _OPEN_TO_ALL
        ]


_ENDS = (("low", LOW), ("best", BEST), ("high", HIGH))


def told_coverage(result: Result, audience: Audience) -> Floats:
    """Return the share (N,) of inputs that are known.

    For the mission, of those inputs whose absence says nothing of any record: what a record that counts and is never
    shown leaves out would otherwise move the figure.
    """
    if audience is Audience.CLUSTER:
        return result.coverage
    population = result.parts.vulnerability.known[:, COMPONENTS.index("population")]
    return np.asarray((population.astype(np.float64) + result.parts.capacity_gap.known) / 2, dtype=np.float64)


def json_text(tree: object) -> str:
    """Write JSON, times in UTC with a ``Z``."""
    return orjson.dumps(tree, option=orjson.OPT_UTC_Z).decode()


def rounded_to(value: float, decimals: int) -> float:
    """Round; without decimals the number is a whole one."""
    number = round(float(value), decimals)
    return int(number) if decimals == 0 else number


def _admin_pcodes(locality: Record) -> dict[str, str | None]:
    """Give the codes of the units around a locality; of its own level it is the unit itself."""
    return {
        f"adm{level}_pcode": locality.pcode if locality.level == level else getattr(locality, f"adm{level}_pcode")
        for level in (1, 2, 3)
    }


def _veiled(line: Contribution) -> Contribution:
    """Leave out the id of what not every reader of the audience may know of, and a presence's type with it."""
    if line.nameable:
        return line
    component = PRESENCE if line.component.startswith(PRESENCE) else line.component
    return Contribution(line.kind, component, None, line.points)


def _merged(lines: list[Contribution]) -> list[Contribution]:
    """Add up the lines that look the same: veiled incidents become one line, so that none can be told apart."""
    sums: dict[tuple[Kind, str, str | None], list[float]] = {}
    for line in lines:
        veiled = line.ref is None and line.component.endswith("incident")
        key = (line.kind, OTHER_INCIDENTS if veiled else line.component, line.ref)
        sums.setdefault(key, []).append(line.points)
    return [Contribution(kind, component, ref, math.fsum(points)) for (kind, component, ref), points in sums.items()]
