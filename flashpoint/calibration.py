"""Calibrating: the choice of time scales and weights, repeated on a user's own data. It proposes; it applies nothing.

The rule is ``scoring.calibration.RULE``, written before anything is computed, and its check is on months that had no
part in the choice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flashpoint.backtest import COUNTS, OFFICIAL, by_metric, gain, plain
from flashpoint.errors import Invalid, Violation
from flashpoint.replay import Plan, Progress, Replay, method_of, replay
from flashpoint.scales import Scales
from flashpoint.scoring.backtest import CAPTURE, Judge, Tally, Ties, measure, middle, resampled_months
from flashpoint.scoring.calibration import RULE, UNCOUNTED, Candidate, Scorer, Sums, Trial, candidates, choose
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import Floats
from flashpoint.store.engine import VaultReader

#: A year to choose by and a year to check by are little, and less is nothing.
LEAST_MONTHS = 24
SHOWN = 5

TOO_FEW = (
    "No set of the grid is 5 % above the best window count in every operation; the best of all sets was looked at."
)
LIKE_IN_FORCE = (
    "On the months that had no part in the choice, it cannot be told apart from the method in force: the interval of "
    "their difference holds 0."
)
LIKE_COUNTS = "On those months, it cannot be told apart from the best window count."
WORSE = "On those months, the method in force found more. Adopting this would fit the past, not the future."
IN_FORCE = "The rule chooses what is in force. There is nothing to propose."


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """How one operation's choice did on the months that had no part in it; columns (3,), intervals (2, 3).

    ``gains`` are those over the best window count of these months, ``against_in_force`` the difference from the
    official score in force.
    """

    operation: str
    gains: Floats
    gains_between: Floats
    in_force: Floats
    against_in_force: Floats
    against_in_force_between: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What came out. ``best`` are the sets with the highest gain, of those kept; gains are means over operations.

    ``in_force`` is the method in force on the earlier half, ``kept`` how many of ``tried`` sets passed the bar.
    """

    plans: Sequence[Plan]
    base: Methodology
    chosen: Trial
    best: Sequence[Trial]
    in_force: Trial
    kept: int
    tried: int
    checks: Sequence[Check]
    warnings: tuple[str, ...]

    @property
    def proposal(self) -> dict[str, Any] | None:
        """The document that ``flashpoint method propose`` takes; ``None`` where the choice is in force already."""
        changes = self.chosen.candidate.changes(self.base)
        if not changes:
            return None
        plan = self.plans[0]
        return {
            "version": f"{plan.operation}-calibrated-{plan.last:%Y-%m}",
            "based_on": self.base.version,
            "reason": self._reason(),
            "changes": changes,
        }

    def _reason(self) -> str:
        plan = self.plans[0]
        where = ", ".join(plan.operation for plan in self.plans)
        check = "; ".join(
            f"{one.operation} capture {one.gains[CAPTURE]:+.1%}, in force {one.in_force[CAPTURE]:+.1%}"
            for one in self.checks
        )
        head = (
            f"Calibrated on {where}, {plan.first:%Y-%m} to {plan.last:%Y-%m}, k = {plan.k}: one of {self.tried:,} sets."
        )
        return " ".join((head, f"Against the best window count on the later half: {check}.", *self.warnings))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plan = self.plans[0]
        return {
            "operations": [plan.operation for plan in self.plans],
            "from": f"{plan.first:%Y-%m}",
            "to": f"{plan.last:%Y-%m}",
            "k": plan.k,
            "seed": plan.seed,
            "based_on": self.base.version,
            "rule": RULE,
            "sets_tried": self.tried,
            "sets_kept": self.kept,
            "chosen": _trial(self.chosen),
            "in_force": {
                "gain": plain(self.in_force.gain),
                "gains": by_metric(np.nanmean(self.in_force.gains, axis=0)),
            },
            "best": [_trial(one) for one in self.best],
            "check": {one.operation: _check(one) for one in self.checks},
            "warnings": list(self.warnings),
            "proposal": self.proposal,
        }


def calibrate(
    reader: VaultReader, plans: Sequence[Plan], report: Progress, grid: Sequence[Candidate] | None = None
) -> Calibration:
    """Try every set of the grid, the whole declared one where none is given, on the replayed operations, and choose.

    Raises:
        NotFound: there is no such operation or version of the method.
        Invalid: there is too little to choose by, or the operations do not have one method in force.
    """
    base = _base(reader, plans)
    grid = list(candidates()) if grid is None else grid
    told = _Told(report, sum(len(plan.months) for plan in plans) + len(grid))
    arenas = [_Arena(replay(reader, plan, told.step, Scales(reader, plan.operation, base))) for plan in plans]
    trials = []
    for candidate in grid:
        trials.append(Trial(candidate, np.stack([arena.gains(candidate)[0] for arena in arenas])))
        told.step()
    chosen, kept = choose(trials)
    checks = [arena.check(chosen.candidate) for arena in arenas]
    pool = [trial for trial in trials if trial.enough] or trials
    return Calibration(
        plans=plans,
        base=base,
        chosen=chosen,
        best=sorted(pool, key=lambda trial: -trial.gain)[:SHOWN],
        in_force=Trial(chosen.candidate, np.stack([arena.in_force[0] for arena in arenas])),
        kept=kept,
        tried=len(grid),
        checks=checks,
        warnings=tuple(_warnings(chosen, base, kept, checks)),
    )


def _base(reader: VaultReader, plans: Sequence[Plan]) -> Methodology:
    base, *others = (method_of(reader, plan) for plan in plans)
    if any(other != base for other in others):
        raise Invalid(Violation("--operation", "one_method", "must be operations with one method in force"))
    return base


class _Told:
    """Counts steps, of months and of sets, for whoever watches."""

    def __init__(self, report: Progress, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def step(self, *_: int | None) -> None:
        """Tell of one step more."""
        self._done += 1
        self._report(self._done, self._total)


class _Arena:
    """One operation's months with harm, in two halves: where sets are tried, and where the choice is checked."""

    def __init__(self, past: Replay) -> None:
        """Prepare.

        Raises:
            Invalid: there are too few months with harm, or no more localities than are looked at.
        """
        self.past = past
        self._judge = Judge(past.outcomes, past.plan.k, Ties())
        months = len(self._judge.asked)
        _check_enough(past, months)
        earlier = np.arange(months) < (months + 1) // 2
        self._halves = np.stack((earlier, ~earlier)).astype(np.float64)
        self._scorer = Scorer(Sums(**past.taken), past.method)
        self._counts = [self._judge.expect(past.values[name]) for name in COUNTS]
        self._bar = np.max([measure(count, self._halves) for count in self._counts], axis=0)
        self._official = self._judge.expect(past.values[OFFICIAL])
        self.in_force = self._gains(self._official)

    def gains(self, candidate: Candidate) -> Floats:
        """Give the gains (2, 3) over the best window count on either half."""
        return self._gains(self.tally(candidate))

    def tally(self, candidate: Candidate) -> Tally:
        """Give what a set would have found."""
        return self._judge.expect(self._scorer.priority(candidate))

    def _gains(self, tally: Tally) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            gains: Floats = measure(tally, self._halves) / self._bar - 1.0
        return np.where(np.isfinite(gains), gains, np.nan)

    def check(self, candidate: Candidate) -> Check:
        """Judge a set on the half that it was not chosen on."""
        tally, later = self.tally(candidate), self._halves[1] > 0
        own, official, *counts = (
            Tally(one.found[later], one.of[later]) for one in (tally, self._official, *self._counts)
        )
        weights = resampled_months(int(later.sum()), self.past.plan.seed)
        against_counts = gain(own, dict(zip(COUNTS, counts, strict=True)), weights)
        difference = measure(own, weights) - measure(official, weights)
        return Check(
            operation=self.past.plan.operation,
            gains=against_counts.relative,
            gains_between=against_counts.relative_between,
            in_force=self.in_force[1],
            against_in_force=measure(own) - measure(official),
            against_in_force_between=middle(difference),
        )


def _check_enough(past: Replay, months: int) -> None:
    if past.localities <= past.plan.k:
        raise Invalid(Violation("--k", "range", "must be smaller than the number of localities"))
    if months < LEAST_MONTHS:
        rule = f"needs at least {LEAST_MONTHS} months in which civilians were harmed, half to choose by, half to check"
        raise Invalid(Violation("--from", "months_with_harm", rule))


def _warnings(chosen: Trial, base: Methodology, kept: int, checks: Sequence[Check]) -> Iterator[str]:
    if not kept:
        yield TOO_FEW
    if not chosen.candidate.changes(base):
        yield IN_FORCE
    elif any(check.against_in_force[CAPTURE] < 0 for check in checks):
        yield WORSE
    elif any(_holds_zero(check.against_in_force_between) for check in checks):
        yield LIKE_IN_FORCE
    if any(_holds_zero(check.gains_between) for check in checks):
        yield LIKE_COUNTS


def _holds_zero(between: Floats) -> bool:
    low, high = between[:, CAPTURE]
    return not (low > 0 or high < 0)


def _trial(trial: Trial) -> dict[str, Any]:
    one = trial.candidate
    return {
        "half_lives_days": list(one.half_lives),
        "shares": list(one.shares),
        "harm_severity": one.harm_severity,
        "casualty_divisor": None if one.casualty_divisor == UNCOUNTED else one.casualty_divisor,
        "gain": plain(trial.gain),
        "gains": by_metric(np.nanmean(trial.gains, axis=0)),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "gains": by_metric(check.gains),
        "gains_intervals": by_metric(check.gains_between.T),
        "in_force_gains": by_metric(check.in_force),
        "against_in_force": by_metric(check.against_in_force),
        "against_in_force_intervals": by_metric(check.against_in_force_between.T),
    }
