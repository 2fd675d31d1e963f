"""The backtest: how well each ranking of the past said where civilians would be harmed next. Rules of docs/backtest.md.

No figure of the official score without those of the null models beside it, and of the oracle, which no ranking beats.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flashpoint.replay import Plan, Progress, Replay, replay
from flashpoint.scoring.backtest import (
    METRICS,
    RESAMPLES,
    Judge,
    Tally,
    Ties,
    measure,
    middle,
    resampled_months,
)
from flashpoint.scoring.nulls import LOOK_AHEAD_DAYS, WINDOWS
from flashpoint.scoring.portable import Floats
from flashpoint.store.engine import VaultReader
from flashpoint.store.moments import day_of

OFFICIAL, ORACLE = "default", "oracle"
COUNTS = tuple(f"count_{days}d" for days in WINDOWS)
#: Decimals of a figure; a thousandth is far finer than any interval.
_DECIMALS = 4

RULES = {
    "moment": "At each month's first day, 00:00 UTC, the localities are ranked by what was known then.",
    "harm": (
        "An incident of a category that harms persons (a clash among armed actors alone is none) that ended in the 30 "
        "days from that instant on; as it is known today, its place to a second-order unit or better, its date to a "
        "month or better, its locality by point in polygon. Months without harm are left out."
    ),
    "capture": "Harm incidents in the k first localities, as a share of all over all months together.",
    "deaths": "The same, each incident weighted by all who were killed in it, at best, combatants among them.",
    "ndcg": "Harm incidents divided by log2(1 + place), as a share of the best possible order; the mean of the months.",
    "rankings": (
        "default: the official score. threat: its threat alone. count_30d, count_90d, count_365d: verified incidents "
        "that ended in so many days before. deaths_365d: killed in them. last_month: harm incidents of the calendar "
        "month before. population: inhabitants. random: no order. oracle: by what came, each figure at its best."
    ),
    "ties": "Equal values are put in random orders, the same for all rankings; the mean over the draws is given.",
    "intervals": f"95 percent of {RESAMPLES:,} values, each from as many months drawn anew with replacement.",
}
NO_EVENTS = "No verified incident of this operation is known well enough to be counted in a locality."
NO_LOCALITIES = "The operation had no localities in the last of these months."
NO_HARM = "No civilian was harmed in these months, so there is nothing that a ranking could have said."
ALL_TAKEN = "There are no more localities than are looked at: every ranking holds all of them, and says nothing."
NO_POPULATION = "No population is known: ranking by population is ranking at random."
ENDS_EARLY = "The incidents end before the last 30 days do: what came after the last months may not be known yet."
STARTS_LATE = "The first incident is younger than 365 days at the first month: windows reach back to before the data."
FEW_MONTHS = "Fewer than 24 months with harm: the intervals are too narrow."
_FEW = 24


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """How far the official score is above the best of the window counts, one figure at a time, columns (3,).

    ``best`` names it, by its figure over all months. ``difference`` and ``relative`` have their intervals (2, 3).
    """

    best: tuple[str, ...]
    difference: Floats
    difference_between: Floats
    relative: Floats
    relative_between: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What came out: figures (3,) and intervals (2, 3) of each ranking, NaN where there is nothing to tell.

    ``months`` were replayed, in ``asked`` of them civilians were harmed: ``harm`` incidents, ``deaths`` killed in them.
    """

    replay: Replay
    months: int
    asked: int
    harm: int
    deaths: int
    figures: Mapping[str, Floats]
    between: Mapping[str, Floats]
    gain: Gain
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; ``null`` where there is nothing to tell."""
        plan, gain = self.replay.plan, self.gain
        return {
            "operation": plan.operation,
            "from": f"{plan.first:%Y-%m}",
            "to": f"{plan.last:%Y-%m}",
            "k": plan.k,
            "methodology": self.replay.method.version,
            "months": self.months,
            "months_with_harm": self.asked,
            "harm_events": self.harm,
            "deaths": self.deaths,
            "harm_events_in_no_locality": self.replay.unplaced,
            "localities": self.replay.localities,
            "look_ahead_days": int(LOOK_AHEAD_DAYS),
            "rankings": {name: by_metric(figures) for name, figures in self.figures.items()},
            "intervals": {name: by_metric(ends.T) for name, ends in self.between.items()},
            "gain_over_best_count": {
                metric: {
                    "best_count": gain.best[at],
                    "difference": plain(gain.difference[at]),
                    "difference_interval": plain(gain.difference_between[:, at]),
                    "relative": plain(gain.relative[at]),
                    "relative_interval": plain(gain.relative_between[:, at]),
                }
                for at, metric in enumerate(METRICS)
            },
            "draws": plan.draws,
            "seed": plan.seed,
            "resamples": RESAMPLES,
            "rules": RULES,
            "notes": list(self.notes),
        }


def backtest(reader: VaultReader, plan: Plan, report: Progress) -> Backtest:
    """Replay an operation's months and judge every ranking by what came after.

    Raises:
        NotFound: there is no such operation or version of the method.
    """
    return judged(replay(reader, plan, report))


def judged(past: Replay) -> Backtest:
    """Judge the rankings of a replay."""
    plan, came = past.plan, past.outcomes
    judge = Judge(came, plan.k, Ties(plan.draws, plan.seed))
    tallies = {name: judge.judge(values) for name, values in past.values.items()} | {ORACLE: judge.oracle()}
    weights = resampled_months(len(judge.asked), plan.seed)
    return Backtest(
        replay=past,
        months=len(plan.months),
        asked=len(judge.asked),
        harm=int(came.harm.sum()),
        deaths=int(came.deaths.sum()),
        figures={name: measure(tally) for name, tally in tallies.items()},
        between={name: middle(measure(tally, weights)) for name, tally in tallies.items()},
        gain=gain(tallies[OFFICIAL], {name: tallies[name] for name in COUNTS}, weights),
        notes=tuple(_notes(past, judge)),
    )


def gain(tally: Tally, counts: Mapping[str, Tally], weights: Floats) -> Gain:
    """Compare a ranking with the best of the window counts, month by month the same resamples."""
    names = tuple(counts)
    figures = np.stack([measure(count) for count in counts.values()])
    best = np.nan_to_num(figures, nan=-1.0).argmax(axis=0)
    own, resampled = measure(tally), measure(tally, weights)
    against = figures[best, range(len(METRICS))]
    others = np.stack([measure(counts[names[one]], weights)[:, at] for at, one in enumerate(best)], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Gain(
            best=tuple(names[one] for one in best),
            difference=own - against,
            difference_between=middle(resampled - others),
            relative=own / against - 1.0,
            relative_between=middle(resampled / others - 1.0),
        )


def _notes(past: Replay, judge: Judge) -> Iterator[str]:
    """Say what a reader has to know before believing the figures."""
    first, last = (day_of(moment) for moment in (past.plan.months[0], past.plan.months[-1]))
    if not past.localities:
        yield NO_LOCALITIES
    elif past.localities <= past.plan.k:
        yield ALL_TAKEN
    if np.isinf(past.through_day):
        yield NO_EVENTS
    elif not len(judge.asked):
        yield NO_HARM
    else:
        if past.since_day > first - WINDOWS[-1]:
            yield STARTS_LATE
        if past.through_day < last + LOOK_AHEAD_DAYS - 1:
            yield ENDS_EARLY
        if len(judge.asked) < _FEW:
            yield FEW_MONTHS
    if past.localities and np.isnan(past.values["population"]).all():
        yield NO_POPULATION


def by_metric(columns: Floats) -> dict[str, object]:
    """Return columns (3, ...) by the names of the figures, for JSON."""
    return {metric: plain(columns[at]) for at, metric in enumerate(METRICS)}


def plain(value: Any) -> object:  # noqa: ANN401 - a number or an array of them
    """Return a figure or a pair of them for JSON; ``None`` where there is none."""
    if np.ndim(value):
        return None if np.isnan(value).any() else [plain(one) for one in value]
    return round(float(value), _DECIMALS) if np.isfinite(value) else None
