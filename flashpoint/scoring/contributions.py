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
from flashpoint.scoring.factors import NO_ASSESSMENT
from flashpoint.scoring.methodology import COMPONENTS
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats, Ints, exp2, log2
from flashpoint.scoring.uncertainty import BEST


class Kind(StrEnum):
    """The dimension that a line belongs to."""

    THREAT = "threat"
    VULNERABILITY = "vulnerability"
    CAPACITY_GAP = "capacity_gap"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line: ``points`` of the score owed to ``component``; ``ref`` is the id of the record behind it, if one is."""

    kind: Kind
    component: str
    ref: str | None
    points: float


INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT = "incident", "coarse_incident", "near_incident"
OTHER_INCIDENTS, STANDING_THREAT = "other_incidents", "standing_threat"
UNPROTECTED, PRESENCE, PRESENCE_UNKNOWN = "unprotected", "presence", "presence_unknown"
FLOOR = "floor"


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
    """The rows of a column of indices, by index: sorted once, each group found at once."""

    def __init__(self, keys: Ints) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def rows(self, key: int) -> Ints:
        start, end = np.searchsorted(self._sorted, (key, key + 1))
        return self._order[start:end].astype(np.int64)


class Ledger:
    """The contributions of one result, drawn up locality by locality."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._evidence = result.parts.evidence
        self._points = dimension_points(result)
        self._inside = _Grouping(self._evidence.incidents.locality)
        self._coarse = _Grouping(self._evidence.incidents.unit)
        self._members = _Grouping(self._evidence.units.locality)
        self._near = _Grouping(self._evidence.near.locality)
        self._communities = _Grouping(self._evidence.communities.locality)
        self._presences = _Grouping(self._evidence.presences.locality)
        self._levels = level_components(self._evidence.communities, result.parts.methodology)[0][:, :, BEST]

    def lines(self, locality: int, incident_limit: int | None = None) -> list[Contribution]:
        """Explain the locality with this index; its lines add up to its score.

        Lines stand by dimension, then by points, largest first, then by component and id, whatever the order of the
        evidence. Beyond ``incident_limit`` incidents, the smaller ones are one line ``other_incidents``.
        """
        return [
            *_folded(_sorted(self._threat(locality)), incident_limit),
            *_sorted(self._vulnerability(locality)),
            *_sorted(self._capacity_gap(locality)),
        ]

    def _threat(self, locality: int) -> list[Contribution]:
        points, threat = float(self._points[locality, 0]), self._result.parts.threat
        if points == 0:
            return []
        reached = self._reaching(locality)
        value, standing = self._result.threat[locality, BEST], threat.standing[locality]
        assessment = int(threat.standing_by[locality])
        if assessment != NO_ASSESSMENT and value == standing and value > self._incident_threat(locality):
            return [Contribution(Kind.THREAT, STANDING_THREAT, self._evidence.assessments.id[assessment], points)]
        total = math.fsum(weight for _, _, weight in reached)
        if total == 0:
            return [Contribution(Kind.THREAT, FLOOR, None, points)]
        return [
            Contribution(Kind.THREAT, component, self._evidence.incidents.id[row], points * (weight / total))
            for component, row, weight in reached
        ]

    def _incident_threat(self, locality: int) -> float:
        parts = self._result.parts
        total = 1.0 + parts.pressure.threat[locality, BEST]
        return min(1.0, float(log2(total) / log2(1.0 + parts.methodology.threat_reference)))

    def _reaching(self, locality: int) -> list[tuple[str, int, float]]:
        """Return component, row and weight of each incident that presses on the locality."""
        pressure, units, near = self._result.parts.pressure, self._evidence.units, self._evidence.near
        weight = pressure.weight[:, BEST]
        found = [(INCIDENT, int(row), float(weight[row])) for row in self._inside.rows(locality)]
        for pair in self._members.rows(locality):
            share = float(pressure.share[pair])
            rows = self._coarse.rows(int(units.unit[pair]))
            found += [(COARSE_INCIDENT, int(row), float(weight[row]) * share) for row in rows]
        for pair in self._near.rows(locality):
            row = int(near.incident[pair])
            found.append((NEAR_INCIDENT, row, float(weight[row] * pressure.influence[pair])))
        return [entry for entry in found if entry[2] > 0]

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
            Contribution(Kind.VULNERABILITY, name, self._community(locality, name), points * (part / total))
            for name, part in parts.items()
        ]

    def _community(self, locality: int, component: str) -> str | None:
        """Name the community that speaks for a level component: the worst off, of equal ones the first by id."""
        if component not in LEVEL_COMPONENTS:
            return None
        level, ids = self._levels[:, LEVEL_COMPONENTS.index(component)], self._evidence.communities.id
        worst: int = min(self._communities.rows(locality).tolist(), key=lambda row: (-level[row], ids[row]))
        return ids[worst]

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
        return Contribution(Kind.CAPACITY_GAP, f"{PRESENCE}:{presences.type[row]}", presences.id[row], points)

    def _relief(self, locality: int) -> float:
        """Return how many points higher the score would be with no protection, L = 1."""
        powers = self._result.parts.methodology.exponents
        gap = self._result.capacity_gap[locality, BEST]
        factor = exp2(-log2(gap) * powers[2] / (powers[0] + powers[1] + powers[2]))
        return float(self._result.score[locality] * (factor - 1.0))


def _sorted(lines: list[Contribution]) -> list[Contribution]:
    return sorted(lines, key=lambda line: (-line.points, line.component, line.ref or ""))


def _folded(lines: list[Contribution], limit: int | None) -> list[Contribution]:
    if limit is None or len(lines) <= limit:
        return lines
    rest = math.fsum(line.points for line in lines[limit:])
    return [*lines[:limit], Contribution(Kind.THREAT, OTHER_INCIDENTS, None, rest)]


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
