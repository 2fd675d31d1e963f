"""Who may be among the first k in some draw: the others need no exact scores, and their incidents no sums.

Within a draw all is known but a locality's sums at that very half-life and those very severities. The score grows with
these sums, so bounds of the sums give bounds of the score, and whoever stays below k others in every draw is out.
"""

from collections.abc import Iterator

import numpy as np

from flashpoint.scoring.draws import Draws, Ranges, weighted_sums, weights_of
from flashpoint.scoring.loads import Pressed
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Bools, Floats, Ints
from flashpoint.scoring.strata import extremes
from flashpoint.scoring.uncertainty import BEST

# On logarithms to base 2: wider than the grid that scores stand on, and than any rounding on the way to it.
_MARGIN = 1e-9
# So many times k localities, the first of the matrix, set the pace.
_LEADING = 3
_BLOCK = 1 << 17


def contenders(pressed: Pressed, drawn: Draws, k: int) -> Ints:
    """Return the localities (L,), at least ``k`` of them, that may be among the first ``k``; all others never are."""
    result = pressed.result
    low, high = (_incident_threat(result, sums) for sums in extremes(pressed, drawn.ranges))
    leading = result.order[: _LEADING * k]
    # Whoever is among the first k has to reach the k-th best lower bound of any localities.
    pace = np.full(drawn.ranges.draws, -np.inf)
    for rows, below, _ in _parts(drawn, leading.size):
        sure = _Bounds(result, leading).scores(low[below, leading], drawn, rows)
        pace[rows] = np.partition(sure, -k, axis=1)[:, -k] - _MARGIN
    chosen = _within_reach(result, high[-1], drawn, pace)
    bounds, contending = _Bounds(result, chosen), np.zeros(chosen.size, dtype=np.bool_)
    for rows, _, above in _parts(drawn, chosen.size):
        contending |= (bounds.scores(high[above, chosen], drawn, rows) >= pace[rows, np.newaxis]).any(axis=0)
    return chosen[contending]


def _within_reach(result: Result, incident: Floats, drawn: Draws, pace: Floats) -> Ints:
    """Return those who would keep pace in some draw, were each dimension as high there as it can ever be: a sieve."""
    highest, powers = _highest(result, incident, drawn.ranges), _powers(drawn.exponents)
    reached = np.zeros(highest.shape[1], dtype=np.bool_)
    for rows in blocks(np.arange(len(powers)), reached.size, _BLOCK):
        reached |= (weighted_sums(highest, powers[rows]) >= pace[rows, np.newaxis]).any(axis=0)
    return np.flatnonzero(reached)


def _highest(result: Result, incident: Floats, ranges: Ranges) -> Floats:
    """Return bounds (3, N) of each dimension's logarithm, for the largest incident threat (N, K) on each time scale."""
    method, components = result.parts.methodology, result.parts.vulnerability.components[:, :, BEST]
    share = np.array([scale.share for scale in method.threat_scales])
    threat = np.maximum(largest_mean(incident, share, ranges.weight), result.parts.threat.standing)
    people, enclave = (
        largest_mean(components, weights_of(table), ranges.weight)
        for table in (method.population_weight, method.community_weight)
    )
    vulnerability = np.where(confined(result), np.maximum(people, enclave), people)
    found = np.log2(np.clip(np.stack((threat, vulnerability, result.capacity_gap[:, BEST])), method.floor, 1.0))
    return np.asarray(found + _MARGIN)


def largest_mean(values: Floats, weights: Floats, factor: float) -> Floats:
    """Return the largest weighted mean (N,) of ``values`` (N, J), each weight being up to ``factor`` times off.

    A ratio of two linear functions is largest at a corner: there the larger values have the larger weights, from some
    value on. So J + 1 corners are tried.
    """
    order = np.argsort(-values, axis=1)
    weight = weights[order]
    product = np.take_along_axis(values, order, axis=1) * weight
    best = np.full(len(values), -np.inf)
    for raised in range(len(weights) + 1):
        total, norm = (
            factor * part[:, :raised].sum(axis=1) + part[:, raised:].sum(axis=1) / factor for part in (product, weight)
        )
        best = np.maximum(best, total / norm)
    return best


def _parts(drawn: Draws, size: int) -> Iterator[tuple[Ints, int, int]]:
    """Cut the draws by half-life; give the octaves around each."""
    for position in range(len(drawn.ranges.half_life_factors)):
        for rows in blocks(np.flatnonzero(drawn.half_life == position), size, _BLOCK):
            yield rows, *drawn.ranges.octaves_around(position)


def blocks(rows: Ints, size: int, block: int) -> Iterator[Ints]:
    """Cut draws into parts whose tables of ``size`` columns stay in the processor's cache."""
    step = max(1, block // size)
    return (rows[start : start + step] for start in range(0, rows.size, step))


def confined(result: Result) -> Bools:
    """Say of each locality (N,) whether a community is confined there."""
    found = np.zeros(len(result.score), dtype=np.bool_)
    found[result.parts.evidence.communities.locality] = True
    return found


def _incident_threat(result: Result, sums: Floats) -> Floats:
    return np.asarray(np.log2(1.0 + sums) / np.log2(1.0 + result.parts.methodology.threat_reference))


class _Bounds:
    """Scores of some localities from bounds of their threat: fast, and not to the last bit: hence ``_MARGIN``."""

    def __init__(self, result: Result, chosen: Ints) -> None:
        parts = result.parts
        self._floor = parts.methodology.floor
        self._components = parts.vulnerability.components[chosen, :, BEST].T
        self._standing = parts.threat.standing[chosen]
        self._gap = np.log2(result.capacity_gap[chosen, BEST])
        self._confined = np.flatnonzero(confined(result)[chosen])

    def scores(self, incident: Floats, drawn: Draws, rows: Ints) -> Floats:
        """Return logarithms (D, L), the scale left out, for incident threat (L, K) on each time scale."""
        powers = _powers(drawn.exponents[rows]).T[:, :, np.newaxis]
        total = powers[0] * self._log(np.maximum(weighted_sums(incident.T, drawn.share[rows]), self._standing))
        total += powers[1] * self._log(self._vulnerability(drawn, rows))
        return np.asarray(total + powers[2] * self._gap)

    def _vulnerability(self, drawn: Draws, rows: Ints) -> Floats:
        found = weighted_sums(self._components, drawn.population_weight[rows])
        enclave = weighted_sums(self._components[:, self._confined], drawn.community_weight[rows])
        found[:, self._confined] = np.maximum(found[:, self._confined], enclave)
        return np.asarray(found)

    def _log(self, dimension: Floats) -> Floats:
        return np.asarray(np.log2(np.clip(dimension, self._floor, 1.0)))


def _powers(exponents: Floats) -> Floats:
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))
