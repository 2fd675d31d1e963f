"""How much the ranking hangs on its parameters: the share of seeded draws in which a locality stays in the top k.

In each draw the exponents, the weights of the components, the severities and the half-lives stand somewhere else within
their declared ranges (``draws.Ranges``), and every score is made anew at best. All is added and multiplied in a fixed
order by arithmetic that IEEE 754 fixes, never by a matrix product: the shares have the same bits on every machine and
whatever the order of the evidence.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.contenders import blocks, confined, contenders
from flashpoint.scoring.draws import DECLARED, Draws, Ranges, draw, weighted_sums
from flashpoint.scoring.loads import Pressed, pressed_by
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import TOP, Result
from flashpoint.scoring.portable import Bools, Floats, Ints, exp2, log2, log_scale
from flashpoint.scoring.pressing import Pressing
from flashpoint.scoring.strata import strata
from flashpoint.scoring.uncertainty import BEST

TOP_K = 10
# Scores tie on the same grid of ten decimals as in ``model``.
_GRID = 1e10
_BLOCK = 1 << 16


def top_k_share(result: Result, pressing: Pressing, ranges: Ranges = DECLARED, k: int = TOP_K) -> Floats:
    """Return for each locality (N,) the share of the draws, in [0, 1], in which it is among the first ``k``.

    ``pressing`` holds the incidents that ``result`` was made of, in any order. Ties are broken as in the ranking.
    Where there are no more than ``k`` localities, all of them always are.
    """
    size = len(result.score)
    if k >= size or k <= 0:
        return np.full(size, float(k > 0))
    pressed, drawn = pressed_by(result, pressing), draw(result.parts.methodology, ranges)
    found = np.zeros(size)
    chosen = contenders(pressed, drawn, k)
    found[chosen] = shares_among(pressed, drawn, chosen, k)
    return found


def shares_among(pressed: Pressed, drawn: Draws, chosen: Ints, k: int) -> Floats:
    """Return the shares of the ``chosen`` localities (L,), at least ``k`` of them, as if there were no others.

    The scores of the chosen have the same bits whoever else is chosen.
    """
    order = _by_ties(pressed.result, chosen)
    fixed = _Fixed.of(pressed.result, chosen[order])
    wins = np.zeros(chosen.size, dtype=np.int64)
    for position, stratum in enumerate(strata(pressed, chosen[order], drawn.ranges)):
        for rows in blocks(np.flatnonzero(drawn.half_life == position), chosen.size, _BLOCK):
            wins[order] += np.count_nonzero(_first(fixed.scores(stratum, drawn, rows), k), axis=0)
    return wins / drawn.ranges.draws


def _by_ties(result: Result, chosen: Ints) -> Ints:
    """Return the order in which localities with equal scores are ranked: people at risk, then P-code."""
    pcodes = np.array(result.parts.evidence.localities.pcode, dtype=np.str_)[chosen]
    order: Ints = np.lexsort((pcodes, -result.people_at_risk[chosen]))
    return order


def _first(scores: Floats, k: int) -> Bools:
    """Say for each draw and locality (D, L) whether it is among the first k; of equal scores the earlier column is."""
    last = np.partition(scores, -k, axis=1)[:, -k, np.newaxis]
    above = scores > last
    level = scores == last
    places = k - np.count_nonzero(above, axis=1)
    return np.asarray(above | (level & (np.cumsum(level, axis=1) <= places[:, np.newaxis])), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Fixed:
    """What no draw changes of L localities: components (9, L), standing threat, and the logarithm of the gap (L,).

    ``confined`` are the positions of those with an enclave.
    """

    method: Methodology
    components: Floats
    standing: Floats
    gap: Floats
    confined: Ints

    @classmethod
    def of(cls, result: Result, chosen: Ints) -> "_Fixed":
        parts = result.parts
        return cls(
            method=parts.methodology,
            components=np.ascontiguousarray(parts.vulnerability.components[chosen, :, BEST].T),
            standing=parts.threat.standing[chosen],
            gap=log2(result.capacity_gap[chosen, BEST]),
            confined=np.flatnonzero(confined(result)[chosen]),
        )

    def scores(self, stratum: Floats, drawn: Draws, rows: Ints) -> Floats:
        """Return the scores (D, L) of draws whose half-lives are those of ``stratum`` (K, categories, L)."""
        powers = drawn.exponents[rows].T[:, :, np.newaxis]
        total = powers[0] * log2(self._threat(stratum, drawn, rows))
        total += powers[1] * log2(self._vulnerability(drawn, rows))
        total += powers[2] * self.gap
        return np.asarray(np.rint(TOP * exp2(total / (powers[0] + powers[1] + powers[2])) * _GRID) / _GRID)

    def _threat(self, stratum: Floats, drawn: Draws, rows: Ints) -> Floats:
        incident = np.zeros((rows.size, self.gap.size))
        for layer, share in zip(stratum, drawn.share[rows].T, strict=True):
            sums = weighted_sums(layer, drawn.severity[rows])
            incident += share[:, np.newaxis] * log_scale(sums, self.method.threat_reference)
        return np.asarray(np.clip(np.maximum(incident, self.standing), self.method.floor, 1.0))

    def _vulnerability(self, drawn: Draws, rows: Ints) -> Floats:
        found = weighted_sums(self.components, drawn.population_weight[rows])
        enclave = weighted_sums(self.components[:, self.confined], drawn.community_weight[rows])
        found[:, self.confined] = np.maximum(found[:, self.confined], enclave)
        return np.asarray(np.clip(found, self.method.floor, 1.0))
