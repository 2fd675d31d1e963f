"""Which inputs made a score, in points that add up to it.

A dimension's points are ``score * w_d ln(x_d / floor) / sum of the same``; within threat they go to the incidents by
their part of the sum, or to the standing threat that exceeds them; within vulnerability to the components
by their part of the weighted mean; within capacity gap one line says what the score would owe to it with no
protection at all, and each presence is a negative line: what it takes off.

A ``Ledger`` sorts the evidence by locality once; each locality is then explained on demand, at the cost of its own
evidence only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from flashpoint.scoring.communities import LEVEL_COMPONENTS, level_components
from flashpoint.scoring.evidence import NOWHERE
from flashpoint.scoring.factors import NO_ASSESSMENT, incident_threat
from flashpoint.scoring.methodology import COMPONENTS
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Bools, Floats, Ints, exp2, log2
from flashpoint.scoring.pressing import severities
from flashpoint.scoring.reach import Reach
from flashpoint.scoring.uncertainty import BEST


class Kind(StrEnum):
    """The dimension that a line belongs to."""

    THREAT = "threat"
    VULNERABILITY = "vulnerability"
    CAPACITY_GAP = "capacity_gap"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line: ``points`` of the score owed to ``component``; ``ref`` is the id of the record behind it, if one is.

    Not ``nameable``: the id must not be shown.
    """

    kind: Kind
    component: str
    ref: str | None
    points: float
    nameable: bool = True


INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT = "incident", "coarse_incident", "near_incident"
OTHER_INCIDENTS, STANDING_THREAT = "other_incidents", "standing_threat"
UNPROTECTED, PRESENCE, PRESENCE_UNKNOWN = "unprotected", "presence", "presence_unknown"
FLOOR = "floor"
# So many groups are searched for before the column is sorted once for all of them.
_SEARCHES = 32


def dimension_points(result: Result) -> Floats:
    """Return the points (N, 3) of threat, vulnerability and capacity gap, none negative, adding up to the score.

    Where all three stand at the floor there is nothing to tell them apart, and each gets a third.
    """
    method = result.parts.methodology
    dimensions = (result.threat, result.vulnerability, result.capacity_gap)
    excess = [
        exponent * (log2(dimension[:, BEST]) - log2(method.floor))
        for dimension, exponent in zip(dimensions, method.exponents, strict=True)
    ]
    above = np.maximum(np.stack(excess, axis=-1), 0.0)
    total = above[:, 0] + above[:, 1] + above[:, 2]
    parts = np.divide(above, total[:, np.newaxis], out=np.full_like(above, 1 / 3), where=total[:, np.newaxis] > 0)
    return np.asarray(parts * result.score[:, np.newaxis], dtype=np.float64)


class _Grouping:
    """The rows of a column of indices, by index: searched while few are asked for, sorted once they are many."""

    def __init__(self, keys: Ints, live: Bools | None = None) -> None:
        self._keys, self._live = keys, live
        self._asked = 0
        self._order: Ints | None = None
        self._sorted = keys

    def rows(self, key: int) -> Ints:
        self._asked += 1
        if self._asked <= _SEARCHES:
            found = np.flatnonzero(self._keys == key)
            return found if self._live is None else found[self._live[found]]
        if self._order is None:
            rows = np.arange(len(self._keys)) if self._live is None else np.flatnonzero(self._live)
            self._order = rows[np.argsort(self._keys[rows], kind="stable")]
            self._sorted = self._keys[self._order]
        start, end = np.searchsorted(self._sorted, (key, key + 1))
        return self._order[start:end].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Reached:
    """The incidents that press on a locality: rows (R,), weights there (R, K) on each time scale, and the way (R,).

    The ways are 0 inside, 1 by a unit, 2 from near by.
    """

    row: Ints
    weight: Floats
    way: Ints


class Ledger:
    """The contributions of one result, drawn up locality by locality."""

    def __init__(self, result: Result, live: Bools | None = None) -> None:
        """Prepare; ``live`` (M,) leaves out incidents that do not count, all of them count where it is not given."""
        self._result = result
        self._evidence = result.parts.evidence
        self._points = dimension_points(result)
        self._incidents = result.parts.incidents
        self.live = np.ones(len(self._incidents), dtype=np.bool_) if live is None else live
        self._inside = _Grouping(self._incidents.locality, self.live)
        self._coarse = _Grouping(self._incidents.unit, self.live)
        self._members = _Grouping(self._evidence.units.locality)
        self._communities = _Grouping(self._evidence.communities.locality)
        self._presences = _Grouping(self._evidence.presences.locality)
        method = result.parts.methodology
        self._severity = [severities(scale.severity) for scale in method.threat_scales]
        self._levels = level_components(self._evidence.communities, method)[0][:, :, BEST]

    def lines(self, locality: int, incident_limit: int | None = None) -> list[Contribution]:
        """Explain the locality with this index; its lines add up to its score.

        Lines stand by dimension, then by points, largest first, then by component and id, whatever the order of the
        evidence. Beyond ``incident_limit`` incidents, the smaller ones are one line ``other_incidents``.
        """
        return [
            *self._threat(locality, incident_limit),
            *_sorted(self._vulnerability(locality)),
            *_sorted(self._capacity_gap(locality)),
        ]

    def _threat(self, locality: int, limit: int | None) -> list[Contribution]:
        points, threat = float(self._points[locality, 0]), self._result.parts.threat
        if points == 0:
            return []
        value, standing = self._result.threat[locality, BEST], threat.standing[locality]
        row = int(threat.standing_by[locality])
        if row != NO_ASSESSMENT and value == standing and value > self._incident_threat(locality):
            assessments = self._evidence.assessments
            shown = _may_name(assessments.nameable, row)
            return [Contribution(Kind.THREAT, STANDING_THREAT, assessments.id[row], points, shown)]
        reached = self._reaching(locality)
        if not len(reached.row):
            return [Contribution(Kind.THREAT, FLOOR, None, points)]
        return self._incident_lines(reached, points, limit)

    def _incident_lines(self, reached: "_Reached", points: float, limit: int | None) -> list[Contribution]:
        """Write the largest lines, and one for the others together."""
        worth = points * self._parts(reached.weight)
        first = np.arange(len(worth))
        if limit is not None and len(worth) > limit:
            # All that equal the last one taken: which of them it is goes by component and id.
            first = np.flatnonzero(worth >= np.partition(worth, -limit)[-limit]) if limit else first[:0]
        lines = _sorted([self._incident(reached, at, float(worth[at])) for at in first.tolist()])[:limit]
        if len(lines) == len(worth):
            return lines
        rest = math.fsum([*worth.tolist(), *(-line.points for line in lines)])
        return [*lines, Contribution(Kind.THREAT, OTHER_INCIDENTS, None, rest)]

    def _incident(self, reached: "_Reached", at: int, points: float) -> Contribution:
        row = int(reached.row[at])
        component = (INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT)[reached.way[at]]
        shown = _may_name(self._incidents.nameable, row)
        return Contribution(Kind.THREAT, component, self._incidents.name(row), points, shown)

    def _parts(self, weight: Floats) -> Floats:
        """Return each incident's part of threat (R,): a time scale's logarithm is shared out by its sum."""
        parts = np.zeros(len(weight))
        whole = 0.0
        for scale, column in zip(self._result.parts.methodology.threat_scales, weight.T, strict=True):
            total = math.fsum(column.tolist())
            if total > 0:
                logarithm = scale.share * float(log2(1.0 + total))
                parts += logarithm * (column / total)
                whole += logarithm
        return np.asarray(parts / whole, dtype=np.float64)

    def _incident_threat(self, locality: int) -> float:
        parts = self._result.parts
        return float(incident_threat(parts.pressure.threat[:, locality, BEST], parts.methodology))

    def _reaching(self, locality: int) -> "_Reached":
        """Find each incident that presses on the locality, and its weight there."""
        inside = self._inside.rows(locality)
        found = [(inside, self._weights(inside), 0)]
        for pair in self._members.rows(locality).tolist():
            rows = self._coarse.rows(int(self._evidence.units.unit[pair]))
            found.append((rows, self._weights(rows) * self._result.parts.pressure.share[pair], 1))
        rows, influence = self._near(locality)
        found.append((rows, self._weights(rows) * influence[:, np.newaxis], 2))
        row = np.concatenate([rows for rows, _, _ in found])
        weight = np.concatenate([weight for _, weight, _ in found])
        way = np.repeat([way for _, _, way in found], [len(rows) for rows, _, _ in found])
        pressing = np.flatnonzero((weight > 0).any(axis=1))
        return _Reached(row[pressing], weight[pressing], way[pressing])

    def _weights(self, rows: Ints) -> Floats:
        """Return the weights of incidents (R, K) at best on each time scale, before influence."""
        age = self._evidence.clock_day - self._incidents.ended_day[rows]
        casualty, category = self._incidents.casualty[rows, BEST], self._incidents.category[rows]
        method = self._result.parts.methodology
        weights = np.empty((len(rows), len(self._severity)))
        for layer, (scale, severity) in enumerate(zip(method.threat_scales, self._severity, strict=True)):
            live = age <= method.memory_half_lives * scale.half_life_days
            weights[:, layer] = casualty * severity[category] * exp2(-age / scale.half_life_days) * live
        return weights

    def _near(self, locality: int) -> tuple[Ints, Floats]:
        """Find the incidents that press on the locality from outside, and their influence."""
        point = self._evidence.localities.point
        width = self._result.parts.methodology.kernel_width_km
        if width == 0 or len(point) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        live = np.flatnonzero(self.live)
        elsewhere = live[self._incidents.locality[live] != locality]
        # Here the one locality has index 0, so nobody's own index may stand beside it.
        others = replace(self._incidents.rows(elsewhere), locality=np.full(len(elsewhere), NOWHERE))
        pairs = [*Reach(point[[locality]], width).pairs(others)]
        rows = [elsewhere[row] for row, _, _ in pairs]
        influence = [influence for _, _, influence in pairs]
        return (np.concatenate(rows), np.concatenate(influence)) if rows else (elsewhere[:0], np.empty(0))

    def _vulnerability(self, locality: int) -> list[Contribution]:
        points, made = float(self._points[locality, 1]), self._result.parts.vulnerability
        if points == 0:
            return []
        method = self._result.parts.methodology
        weights = method.community_weight if made.by_community[locality] else method.population_weight
        parts = {
            name: weights[name] * float(made.components[locality, position, BEST])
            for position, name in enumerate(COMPONENTS)
            if weights.get(name, 0.0) > 0
        }
        total = math.fsum(parts.values())
        return [
            Contribution(Kind.VULNERABILITY, name, *self._community(locality, name, points * (part / total)))
            for name, part in parts.items()
        ]

    def _community(self, locality: int, component: str, points: float) -> tuple[str | None, float, bool]:
        """Name the community that speaks for a level component: the worst off, of equal ones the first by id."""
        if component not in LEVEL_COMPONENTS:
            return None, points, True
        level, ids = self._levels[:, LEVEL_COMPONENTS.index(component)], self._evidence.communities.id
        worst: int = min(self._communities.rows(locality).tolist(), key=lambda row: (-level[row], ids[row]))
        return ids[worst], points, _may_name(self._evidence.communities.nameable, worst)

    def _capacity_gap(self, locality: int) -> list[Contribution]:
        points, gap = float(self._points[locality, 2]), self._result.parts.capacity_gap
        if points == 0:
            return []
        if not gap.known[locality]:
            return [Contribution(Kind.CAPACITY_GAP, PRESENCE_UNKNOWN, None, points)]
        rows = self._presences.rows(locality)
        shields = {int(row): -float(log2(1.0 - gap.strength[row])) for row in rows}
        total = math.fsum(shields.values())
        taken = self._relief(locality) if total > 0 else 0.0
        return [
            Contribution(Kind.CAPACITY_GAP, UNPROTECTED, None, points + taken),
            *(self._presence(row, -taken * (shield / total) if shield > 0 else 0.0) for row, shield in shields.items()),
        ]

    def _presence(self, row: int, points: float) -> Contribution:
        presences = self._evidence.presences
        shown = _may_name(presences.nameable, row)
        return Contribution(Kind.CAPACITY_GAP, f"{PRESENCE}:{presences.type[row]}", presences.id[row], points, shown)

    def _relief(self, locality: int) -> float:
        """Return how many points higher the score would be with no protection, L = 1."""
        powers = self._result.parts.methodology.exponents
        gap = self._result.capacity_gap[locality, BEST]
        factor = exp2(-log2(gap) * powers[2] / (powers[0] + powers[1] + powers[2]))
        return float(self._result.score[locality] * (factor - 1.0))


def _sorted(lines: list[Contribution]) -> list[Contribution]:
    return sorted(lines, key=lambda line: (-line.points, line.component, line.ref or ""))


def _may_name(nameable: Bools, row: int) -> bool:
    """Read a flag from a column that is empty where all may be named."""
    return len(nameable) == 0 or bool(nameable[row])


def round_points(points: Sequence[float], total: float, decimals: int) -> list[float]:
    """Round ``points``, which add up to ``total``, so that as printed they add up to ``total`` as printed.

    Largest remainder: all are rounded down, and what is then missing goes, one last digit each, to those that lost
    most. No number moves by a whole last digit or more. Of equal remainders the earlier comes first.

    Raises:
        ValueError: there is nothing to round, or the points do not add up to the total.
    """
    if not points or abs(math.fsum(points) - total) > 10.0**-decimals / 2:
        raise ValueError("the points do not add up to the total")
    scale = 10**decimals
    floors = [math.floor(value * scale) for value in points]
    missing = round(round(total, decimals) * scale) - sum(floors)
    by_loss = sorted(range(len(points)), key=lambda index: (floors[index] - points[index] * scale, index))
    for index in by_loss[:missing] if missing > 0 else by_loss[missing:] if missing < 0 else ():
        floors[index] += 1 if missing > 0 else -1
    return [units / scale for units in floors]


def rounded(lines: Sequence[Contribution], total: float, decimals: int) -> list[Contribution]:
    """Return the lines with points rounded by ``round_points``."""
    points = round_points([line.points for line in lines], total, decimals)
    return [replace(line, points=value) for line, value in zip(lines, points, strict=True)]
