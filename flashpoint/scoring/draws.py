"""By how much each parameter might as well have been chosen otherwise, and the seeded draws from those ranges.

The raw words of PCG64, whose stream NumPy promises to keep, are turned into numbers by arithmetic that IEEE 754 fixes:
the same seed gives the same draws on every machine.
"""

from dataclasses import dataclass

import numpy as np

from flashpoint.scoring.evidence import CATEGORY_CODES
from flashpoint.scoring.methodology import COMPONENTS, SCALES, Methodology, Table
from flashpoint.scoring.portable import Floats, Ints, exp2, log2

#: Half-lives are drawn from a grid of so many steps between a half-life and its double.
STEPS_PER_OCTAVE = 4
_WIDEST = 16.0
_MOST_OCTAVES = 4
_DIMENSIONS = 3


@dataclass(frozen=True, slots=True)
class Ranges:
    """The declared ranges. A factor of 1.5 means: anywhere from 2/3 to 1.5 times the published value, log-uniform.

    ``exponent``, ``weight`` and ``severity`` are such factors, drawn for each parameter by itself. ``weight`` is for
    the components of a profile and for the shares of the time scales, which are then brought back to their sum. A
    category's severity moves alike on all time scales, and so do all half-lives of threat, from
    ``2**-half_life_octaves`` to ``2**half_life_octaves`` times. A factor of 1, or 0 octaves, holds the parameters.
    """

    exponent: float = 1.25
    weight: float = 1.5
    severity: float = 1.5
    half_life_octaves: int = 1
    draws: int = 1000
    seed: int = 20140201

    def __post_init__(self) -> None:
        """Refuse ranges that are none."""
        if not all(1.0 <= factor <= _WIDEST for factor in (self.exponent, self.weight, self.severity)):
            raise ValueError(f"a range is a factor between 1 and {_WIDEST:g}")
        if not 0 <= self.half_life_octaves <= _MOST_OCTAVES or self.draws < 1 or self.seed < 0:
            raise ValueError(f"there are 0 to {_MOST_OCTAVES} octaves, at least one draw, and a seed from 0")

    @property
    def half_life_factors(self) -> tuple[float, ...]:
        """The factors that half-lives may be multiplied by, the shortest first."""
        steps = STEPS_PER_OCTAVE * self.half_life_octaves
        return tuple(exp2(np.arange(-steps, steps + 1) / STEPS_PER_OCTAVE).tolist())

    @property
    def octaves(self) -> tuple[float, ...]:
        """Those of the factors that are powers of two: the bounds of ``contenders`` stand on them."""
        return self.half_life_factors[::STEPS_PER_OCTAVE]

    def octaves_around(self, position: int) -> tuple[int, int]:
        """Return the positions in ``octaves`` of the largest not above a factor and the smallest not below it."""
        return position // STEPS_PER_OCTAVE, -(-position // STEPS_PER_OCTAVE)


#: What is drawn for every matrix that is served; the reasons are in docs/methodology.md.
DECLARED = Ranges()


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """D draws from ``ranges``. Weights stand in the order of ``COMPONENTS``, 0 where a profile has none.

    ``exponents`` (D, 3); ``population_weight`` and ``community_weight`` (D, 9); ``share`` (D, K) of the time scales;
    ``severity`` (D, categories) factors by which the published ones are multiplied; ``half_life`` (D,) positions in
    ``Ranges.half_life_factors``.
    """

    ranges: Ranges
    exponents: Floats
    population_weight: Floats
    community_weight: Floats
    share: Floats
    severity: Floats
    half_life: Ints


def draw(method: Methodology, ranges: Ranges) -> Draws:
    """Draw parameters around those of ``method``. The same ranges give the same factors, whatever the method."""
    scales = [scale.share for scale in method.threat_scales]
    sizes = (_DIMENSIONS, len(COMPONENTS), len(COMPONENTS), len(SCALES), len(CATEGORY_CODES))
    spans = np.repeat((ranges.exponent, ranges.weight, ranges.weight, ranges.weight, ranges.severity), sizes)
    numbers = _uniform(ranges.seed, (ranges.draws, len(spans) + 1))
    factors = exp2((2.0 * numbers[:, :-1] - 1.0) * log2(spans))
    exponents, people, enclave, share, severity = np.split(factors, np.cumsum(sizes[:-1]), axis=1)
    return Draws(
        ranges=ranges,
        exponents=np.asarray(method.exponents) * exponents,
        population_weight=_renormalised(weights_of(method.population_weight), people),
        community_weight=_renormalised(weights_of(method.community_weight), enclave),
        share=_renormalised(np.asarray(scales), share[:, : len(scales)]),
        severity=severity,
        half_life=np.floor(numbers[:, -1] * len(ranges.half_life_factors)).astype(np.int64),
    )


def weights_of(table: Table) -> Floats:
    """Return the weights of a profile (9,) in the order of ``COMPONENTS``."""
    return np.array([table.get(name, 0.0) for name in COMPONENTS])


def _uniform(seed: int, shape: tuple[int, int]) -> Floats:
    """Return numbers in [0, 1): the upper 53 bits of each raw word, as ``Generator.random`` takes them."""
    words = np.random.PCG64(seed).random_raw(shape[0] * shape[1])
    return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def _renormalised(weights: Floats, factors: Floats) -> Floats:
    """Multiply, and bring each draw (D, J) back to the sum of the published weights; factors of 1 change no bit."""
    drawn = weights * factors
    published, total = 0.0, np.zeros(len(drawn))
    # Added one by one: the order in which NumPy would add a row is not the same everywhere.
    for position in range(len(weights)):
        published += float(weights[position])
        total += drawn[:, position]
    return np.asarray(drawn * (published / total)[:, np.newaxis], dtype=np.float64)


def weighted_sums(values: Floats, weights: Floats) -> Floats:
    """Return the sums (D, L) of ``values`` (J, L) by ``weights`` (D, J), added in the order of J; zeros are skipped."""
    total = np.zeros((len(weights), values.shape[1]))
    term = np.empty_like(total)
    for position, row in enumerate(values):
        if row.any() and weights[:, position].any():
            np.multiply(weights[:, position, np.newaxis], row, out=term)
            total += term
    return total
