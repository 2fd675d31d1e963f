"""Replaying the past: at each month's first day, what every ranking said by what was known then, and what came after.

The official score is the product's own, computed for each moment as ``flashpoint rank --as-of`` would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import numpy as np

from flashpoint.errors import Invalid, Violation
from flashpoint.scoring import nulls
from flashpoint.scoring.backtest import Outcomes
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result
from flashpoint.scoring.nulls import LOOK_AHEAD_DAYS, aftermath, past
from flashpoint.scoring.portable import Bools, Floats
from flashpoint.scoring.uncertainty import BEST
from flashpoint.standing import Standing
from flashpoint.store import methodologies, outcomes
from flashpoint.store.engine import Record, VaultReader
from flashpoint.store.moments import Moment, day_of, history
from flashpoint.store.outcomes import Happened

Progress = Callable[[int, int | None], None]
#: What is taken of each moment beside what every ranking needs: named columns, the localities on the last axis.
Taken = Callable[[Moment, Result], Mapping[str, Floats]]

_EARLIEST = date(1900, 1, 1)
MOST_K, MOST_DRAWS = 10_000, 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replay: the months of an operation from the first to the last, each named by its first day.

    ``k`` localities are looked at; equal values are put in ``draws`` random orders, which ``seed`` fixes. Without a
    ``methodology`` the version in force today is judged.

    Raises:
        Invalid: a value is out of its range, or the period ends before it begins or in the future.
    """

    operation: str
    first: date
    last: date
    k: int = 10
    seed: int = 0
    draws: int = 20
    methodology: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be replayed."""
        flaws = []
        # A month of which half is still to come cannot be judged.
        latest = datetime.now(UTC) - timedelta(days=LOOK_AHEAD_DAYS)
        if self.first < _EARLIEST:
            flaws.append(Violation("--from", "range", "must not lie before 1900"))
        if self.last < self.first:
            flaws.append(Violation("--to", "order", "must not lie before --from"))
        if _instant(self.last) > latest:
            flaws.append(Violation("--to", "range", "must be a month whose first 30 days are over"))
        for option, value, least, most in (("--k", self.k, 1, MOST_K), ("--draws", self.draws, 1, MOST_DRAWS)):
            if not least <= value <= most:
                flaws.append(Violation(option, "range", f"must lie between {least} and {most:,}"))
        if self.seed < 0:
            flaws.append(Violation("--seed", "range", "must not be negative"))
        if flaws:
            raise Invalid(*flaws)

    @property
    def months(self) -> tuple[datetime, ...]:
        """The first instant of each month of the period."""
        count = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        return tuple(_instant(_shifted(self.first, months)) for months in range(count))


def month(text: str, option: str) -> date:
    """Read a month, ``2013-01``; give its first day.

    Raises:
        Invalid: it is not one.
    """
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise Invalid(Violation(option, "month", "must be a month, such as 2013-01")) from None


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """M months of an operation, and N localities: all that were there in any of them.

    ``values`` are (M, N): what each ranking goes by, NaN where it knows nothing. ``taken`` is whatever was asked of the
    matrices besides, (M, ..., N). ``localities`` is how many there were in the last month; ``unplaced`` how many events
    of harm in the period are in none; ``since_day`` and ``through_day`` the days since 1970 on which the oldest and the
    newest event ended, infinite where there is none.
    """

    plan: Plan
    method: Methodology
    outcomes: Outcomes
    values: Mapping[str, Floats]
    taken: Mapping[str, Floats]
    localities: int
    unplaced: int
    since_day: float
    through_day: float


def replay(reader: VaultReader, plan: Plan, report: Progress, take: Taken | None = None) -> Replay:
    """Replay an operation's months.

    Raises:
        NotFound: there is no such operation or version of the method.
    """
    now = datetime.now(UTC)
    known = history(reader, plan.operation, now)
    method = method_of(reader, plan)
    happened = outcomes.happened(reader, plan.operation)
    # Moved forward from month to month, it gives what each moment alone would.
    standing = Standing(plan.operation, method)
    sheets = []
    for done, at in enumerate(plan.months, start=1):
        moment = known.moment(at)
        localities, result = standing.scored(reader, known, at)
        sheets.append(_sheet(happened, moment, localities, result))
        if take is not None:
            sheets[-1].taken.update(take(moment, result))
        report(done, len(plan.months))
    return _aligned(plan, method, happened, sheets)


def method_of(reader: VaultReader, plan: Plan) -> Methodology:
    """Give the version of the method that a plan names, else the one in force today.

    Raises:
        NotFound: there is no such version.
    """
    if plan.methodology is not None:
        return methodologies.named(reader, plan.operation, plan.methodology, methodologies.EVER)
    now = datetime.now(UTC)
    return methodologies.in_force(reader, plan.operation, now, now)


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """One month: its localities by id, with their names, and a column for each ranking, the last axis of each."""

    names: Mapping[UUID, str]
    values: dict[str, Floats]
    taken: dict[str, Floats]
    harm: Floats
    deaths: Floats
    unplaced: int


def _sheet(happened: Happened, moment: Moment, localities: list[Record], result: Result) -> _Sheet:
    events, day, size = happened.events, day_of(moment.as_of), len(localities)
    place = happened.place({(row.id, row.version): at for at, row in enumerate(localities)})
    month_before = day_of(_instant(_shifted(moment.as_of.date(), -1)))
    when = nulls.Moment(day, day_of(moment.recorded), month_before)
    harm, deaths = aftermath(events, place, size, day)
    population = [np.nan if row.population_best is None else row.population_best for row in localities]
    values = {
        "default": result.score,
        "threat": result.threat[:, BEST],
        **past(events, place, size, when),
        "population": np.array(population, dtype=np.float64),
        "random": np.zeros(size),
    }
    # One list after another may use the same P-codes.
    names = {row.id: f"{row.pcode} {row.code_list} {row.id}" for row in localities}
    everywhere = aftermath(events, np.zeros_like(place), 1, day)[0].sum()
    return _Sheet(names, values, {}, harm, deaths, int(everywhere - harm.sum()))


def _aligned(plan: Plan, method: Methodology, happened: Happened, sheets: list[_Sheet]) -> Replay:
    names = {one: name for sheet in sheets for one, name in sheet.names.items()}
    column = {one: at for at, one in enumerate(names)}
    at = [np.array([column[one] for one in sheet.names], dtype=np.int64) for sheet in sheets]

    def spread(columns: list[Floats], missing: float) -> Floats:
        held = np.full((len(columns), *columns[0].shape[:-1], len(names)), missing)
        for row, where, values in zip(held, at, columns, strict=True):
            row[..., where] = values
        return held

    listed: Bools = spread([np.ones(len(where)) for where in at], 0.0) > 0
    harm, deaths = spread([s.harm for s in sheets], 0.0), spread([s.deaths for s in sheets], 0.0)
    first = sheets[0]
    return Replay(
        plan=plan,
        method=method,
        outcomes=Outcomes(tuple(names.values()), harm, deaths, listed),
        values={name: spread([sheet.values[name] for sheet in sheets], np.nan) for name in first.values},
        taken={name: spread([sheet.taken[name] for sheet in sheets], np.nan) for name in first.taken},
        localities=len(sheets[-1].names),
        unplaced=sum(sheet.unplaced for sheet in sheets),
        since_day=happened.events.ended_day.min(initial=np.inf),
        through_day=happened.events.ended_day.max(initial=-np.inf),
    )


def _instant(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _shifted(first: date, months: int) -> date:
    """Give the first day of the month so many months later."""
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
