"""The grid of time scales and weights that the default threat was chosen from, and the rule that chooses.

    T_incident = min(1, sum_k share_k * log(1 + S_k) / log(1 + W_ref))

Tried is every combination of half-lives, shares, the severity of harm to civilians against that of an armed clash, and
how much casualties count. The rule is written in ``RULE``; nothing in it looks at the parameters' names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from flashpoint.scoring.methodology import DEFAULT, SCALES, Methodology
from flashpoint.scoring.portable import Floats

RECENT_DAYS = (7.0, 10.0, 14.0, 20.0, 30.0)
SEASONAL_DAYS = (60.0, 90.0, 120.0, 180.0)
LASTING_DAYS = (365.0, 730.0, 1095.0, 1460.0)
SHARES = (
    (0.5, 0.25, 0.25),
    (0.4, 0.3, 0.3),
    (0.5, 0.3, 0.2),
    (0.6, 0.2, 0.2),
    (0.4, 0.2, 0.4),
    (0.5, 0.2, 0.3),
    (0.34, 0.33, 0.33),
)
HARM_SEVERITY = (2.0, 3.0, 4.0)
#: The largest number that a methodology takes stands for casualties that do not count.
UNCOUNTED = 1e9
CASUALTY_DIVISOR = (4.0, 8.0, UNCOUNTED)
#: A week, two weeks, a month, a quarter, half a year, one and two years; halves and quarters; casualties over eight.
ROUND = frozenset({7.0, 14.0, 30.0, 90.0, 180.0, 365.0, 730.0, (0.5, 0.25, 0.25), 8.0})
#: The category whose severity stands for that of all harm to persons.
STANDARD = "attack_on_civilians"
_HEAVIEST = 4.0

ENOUGH = 0.05
NEARLY = 0.005
RULE = (
    "Of all sets, keep those whose capture is at least 5 % above that of the best window count in every operation. Of "
    "these, find the highest mean gain over the best window counts, of the three figures and the operations alike. "
    "Among the sets within half a point of it, take the one with most round numbers; of equally round ones, the one "
    "with the higher gain. Chosen on the earlier half of the months with harm; checked on the later half."
)


class Candidate(NamedTuple):
    """One set of parameters."""

    recent_days: float
    seasonal_days: float
    lasting_days: float
    shares: tuple[float, float, float]
    harm_severity: float
    casualty_divisor: float

    @property
    def half_lives(self) -> tuple[float, float, float]:
        """The half-lives in the order of ``SCALES``, in days."""
        return self.recent_days, self.seasonal_days, self.lasting_days

    @property
    def roundness(self) -> int:
        """How many of its numbers are round ones."""
        return sum(value in ROUND for value in (*self.half_lives, self.shares, self.casualty_divisor))

    def changes(self, base: Methodology) -> dict[str, object]:
        """Return what a proposal changes against ``base`` so that it scores by this set; only what differs."""
        tables: dict[str, dict[str, float]] = {
            "threat_half_life_days": dict(zip(SCALES, self.half_lives, strict=True)),
            "threat_share": dict(zip(SCALES, self.shares, strict=True)),
            "severity": severity(base, self.harm_severity),
            "lasting_severity": dict(DEFAULT.lasting_severity),
        }
        changed: dict[str, object] = {}
        for name, table in tables.items():
            held: Mapping[str, float] = getattr(base, name)
            differing = {key: value for key, value in table.items() if value != held[key]}
            if differing:
                changed[name] = differing
        if self.casualty_divisor != base.casualty_divisor:
            changed["casualty_divisor"] = self.casualty_divisor
        return changed


def candidates() -> Iterator[Candidate]:
    """Give every set of the grid."""
    axes = (RECENT_DAYS, SEASONAL_DAYS, LASTING_DAYS, SHARES, HARM_SEVERITY, CASUALTY_DIVISOR)
    return (Candidate(*values) for values in product(*axes))


def severity(base: Methodology, harm: float) -> dict[str, float]:
    """Return the severities where an attack on civilians has that of ``harm`` and all harm to persons keeps step.

    What the published lasting scale does not count is no harm to persons, and keeps its severity. None is above the
    heaviest that a methodology takes.
    """
    step = harm / base.severity[STANDARD] if base.severity[STANDARD] else 0.0
    return {
        code: min(value * step, _HEAVIEST) if DEFAULT.lasting_severity[code] > 0 else value
        for code, value in base.severity.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What every set is made of, for M moments and N localities.

    ``plain`` and ``weighted`` (M, B, N) are the sums of each basis: where casualties do not count, and where they count
    by ``WEIGHTED_DIVISOR``. ``standing`` (M, N) is the standing threat, ``rest`` (M, N) what vulnerability and capacity
    gap add to the logarithm of the score.
    """

    plain: Floats
    weighted: Floats
    standing: Floats
    rest: Floats


#: The bases: a severity of harm and a half-life each; without a severity for the lasting scale, which has its own.
BASES: tuple[tuple[float | None, float], ...] = (
    *product(HARM_SEVERITY, (*RECENT_DAYS, *SEASONAL_DAYS)),
    *((None, days) for days in LASTING_DAYS),
)
_AT = {basis: at for at, basis in enumerate(BASES)}
WEIGHTED_DIVISOR = 4.0


class Scorer:
    """Gives, for each set, the values that its official score would rank by: same order, not the same numbers."""

    def __init__(self, sums: Sums, base: Methodology) -> None:
        """Prepare: the logarithms are taken once, and each set only adds them."""
        self._sums = sums
        self._base = base
        self._layers: dict[tuple[float | None, float, float], Floats] = {}

    def priority(self, candidate: Candidate) -> Floats:
        """Return the values (M, N); NaN where a locality was not there."""
        harm, divisor = candidate.harm_severity, candidate.casualty_divisor
        scales = ((harm, candidate.recent_days), (harm, candidate.seasonal_days), (None, candidate.lasting_days))
        total = np.zeros(self._sums.standing.shape)
        for share, basis in zip(candidate.shares, scales, strict=True):
            total += share * self._layer(*basis, divisor)
        threat = np.clip(np.maximum(np.minimum(total, 1.0), self._sums.standing), self._base.floor, 1.0)
        priority: Floats = self._base.threat_exponent * np.log2(threat) + self._sums.rest
        return priority

    def _layer(self, harm: float | None, days: float, divisor: float) -> Floats:
        key = (harm, days, divisor)
        if key not in self._layers:
            at = _AT[harm, days]
            plain, weighted = self._sums.plain[:, at], self._sums.weighted[:, at]
            total = plain + (weighted - plain) * (WEIGHTED_DIVISOR / divisor)
            self._layers[key] = np.log1p(total) / np.log1p(self._base.threat_reference)
        return self._layers[key]


@dataclass(frozen=True, slots=True)
class Trial:
    """A set and its gains over the best window counts: capture, deaths, NDCG, one row an operation, on some months."""

    candidate: Candidate
    gains: Floats

    @property
    def gain(self) -> float:
        """The mean gain of the figures that can be told."""
        return float(np.nanmean(self.gains)) if np.isfinite(self.gains).any() else float("nan")

    @property
    def enough(self) -> bool:
        """Whether capture is far enough above the best window count in every operation."""
        return bool((self.gains[:, 0] >= ENOUGH).all())


def choose(trials: Sequence[Trial]) -> tuple[Trial, int]:
    """Choose by ``RULE``; give the choice and how many sets were kept. Where none is, all of them are looked at."""
    kept = [trial for trial in trials if trial.enough]
    pool = kept or list(trials)
    best = max(trial.gain for trial in pool)
    near = [trial for trial in pool if trial.gain >= best - NEARLY]
    return max(near, key=lambda trial: (trial.candidate.roundness, trial.gain)), len(kept)
