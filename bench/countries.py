"""Judge the threat of the default method on many countries, beside the window counts and the first method.

The file (``ucdp_ged211_global_reduced.csv.gz``: UCDP GED 21.1, where_prec 1 and 2 only, one date an event, deaths at
best, no civilian deaths) has no localities, so the cells of a grid stand for them: those in which anything ever
happened. Harm is one-sided violence. Countries count that have 30 cells and 150 events of harm in the period; they
were never looked at one by one. Everything else is as in ``flashpoint backtest``: the scoring core makes the threat
and ``scoring/backtest.py`` judges it, with the exact mean over the orders of equal values.

    python bench/countries.py FILE [--from 2005-01 --to 2020-12] [--cell 0.5] [--least 150]
"""

import argparse
import csv
import gzip
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from flashpoint.scoring.backtest import Judge, Outcomes, Ties, measure
from flashpoint.scoring.evidence import Evidence, Incidents, Localities
from flashpoint.scoring.factors import incident_threat
from flashpoint.scoring.methodology import DEFAULT, FIRST, Methodology
from flashpoint.scoring.nulls import WINDOWS, Events, Moment, aftermath, past
from flashpoint.scoring.portable import Floats
from flashpoint.scoring.pressing import pressing
from flashpoint.scoring.pressure import pressure
from flashpoint.scoring.running import Running
from flashpoint.scoring.uncertainty import BEST

#: The two countries on which the default was chosen.
CHOSEN_ON = ("Central African Republic", "South Sudan")
LEAST_CELLS = 30
#: Where a window count finds that much already, nothing can be 5 % above it by much.
SATURATED = 0.7
#: What every country is hoped to reach.
ENOUGH = 0.05


@dataclass(frozen=True)
class Country:
    """A country's events, each in a cell; ``harm`` (M,) says which were one-sided violence."""

    name: str
    cells: tuple[str, ...]
    incidents: Incidents
    harm: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)


def main() -> None:
    """Print a row a country and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--from", dest="first", default="2005-01")
    parser.add_argument("--to", dest="last", default="2020-12")
    parser.add_argument("--cell", type=float, default=0.5, help="side of a cell in degrees")
    parser.add_argument("--least", type=int, default=150, help="events of harm that a country needs in the period")
    parser.add_argument("--k", type=int, default=10)
    wanted = parser.parse_args()
    months = _months(wanted.first, wanted.last)
    print(f"cells of {wanted.cell} degrees, {wanted.first} to {wanted.last}, k = {wanted.k}; gains over the best count")
    print(f"{'country':<24}{'cells':>6}{'harm':>7}{'months':>7} {'best count':>11} {'oracle':>7}  default  (2026.1)")
    table = []
    for country in _countries(wanted.file, wanted.cell):
        told = _judged(country, months, wanted.k, wanted.least)
        if told is not None:
            table.append(told)
    _summary(np.array(table))


def _months(first: str, last: str) -> list[date]:
    start, end = (datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date() for text in (first, last))
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    return [_shifted(start, months) for months in range(-1, count)]


def _shifted(start: date, months: int) -> date:
    count = start.year * 12 + start.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _countries(path: Path, cell: float) -> list[Country]:
    rows = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["country"]].append(row)
    return [_country(name, rows[name], cell) for name in sorted(rows) if name not in CHOSEN_ON]


def _country(name: str, rows: list[dict[str, str]], cell: float) -> Country:
    where = [f"{float(row['latitude']) // cell:.0f} {float(row['longitude']) // cell:.0f}" for row in rows]
    cells = {one: at for at, one in enumerate(sorted(set(where)))}
    harm = np.array([row["type_of_violence"] == "3" for row in rows])
    # As the import has it: an event ends with its day.
    day = np.array([(date.fromisoformat(row["date_start"][:10]) - date(1970, 1, 1)).days for row in rows])
    killed = np.array([float(row["best"]) for row in rows])
    size = len(rows)
    none = np.zeros((size, 3))
    incidents = Incidents(
        id=[row["id"] for row in rows],
        category=["attack_on_civilians" if one else "armed_clash" for one in harm],
        ended_day=day + 86_399 / 86_400,
        reported_day=day + 86_399 / 86_400,
        killed=np.repeat(killed[:, np.newaxis], 3, axis=1),
        injured=none,
        abducted=none,
        displaced=none,
        protected_site=np.zeros(size, dtype=np.bool_),
        state_perpetrator=np.zeros(size, dtype=np.bool_),
        locality=np.array([cells[one] for one in where], dtype=np.int64),
        unit=np.full(size, -1, dtype=np.int64),
    )
    return Country(name, tuple(cells), incidents, harm)


def _judged(country: Country, months: list[date], k: int, least: int) -> list[float] | None:
    """Print a country's row; give the gains of the default and of the first method, and the best count's capture."""
    days = np.array([(month - date(1970, 1, 1)).days for month in months], dtype=np.float64)
    incidents = country.incidents
    asked = (incidents.ended_day >= days[1]) & (incidents.ended_day < days[-1] + 31) & country.harm
    if len(country) < LEAST_CELLS or asked.sum() < least:
        return None
    events = _events(country)
    sheets = [
        past(events, incidents.locality, len(country), Moment(day, np.inf, before)) for before, day in pairwise(days)
    ]
    came = [aftermath(events, incidents.locality, len(country), day) for day in days[1:]]
    harm, deaths = (np.stack(column) for column in zip(*came, strict=True))
    judge = Judge(Outcomes(country.cells, harm, deaths, np.ones(harm.shape, dtype=np.bool_)), k, Ties())
    counts = [measure(judge.expect(np.stack([sheet[f"count_{w}d"] for sheet in sheets]))) for w in WINDOWS]
    best = np.max(counts, axis=0)
    gains = [measure(judge.expect(_threat(country, days[1:], method))) / best - 1 for method in (DEFAULT, FIRST)]
    oracle = measure(judge.oracle())[0]
    shown = "  ".join("/".join(f"{100 * one:+.0f}" for one in gain) for gain in gains)
    row = f"{country.name:<24}{len(country):>6}{harm.sum():>7.0f}{len(judge.asked):>7}"
    print(f"{row} {best[0]:>11.3f} {oracle:>7.3f}  {shown}", flush=True)
    return [*gains[0], *gains[1], best[0]]


def _events(country: Country) -> Events:
    ended = country.incidents.ended_day
    never = np.full(len(ended), np.inf)
    return Events(ended, country.harm, country.incidents.killed[:, BEST], ended, never, np.zeros(len(ended)), never)


def _threat(country: Country, days: Floats, method: Methodology) -> Floats:
    """Return the threat (M, N) that the scoring core gives at each moment; incidents are added as they happen."""
    pressed = pressing(country.incidents, method)
    order = np.argsort(country.incidents.ended_day, kind="stable")
    ended = country.incidents.ended_day[order]
    localities = Localities(country.cells, np.full((len(country), 3), np.nan))
    running, done, threat = Running(localities, 0, method), 0, []
    for day in days:
        running.move(day)
        until = int(np.searchsorted(ended, day, side="left"))
        running.add(pressed.rows(order[done:until]))
        done = until
        sums = pressure(Evidence(clock_day=day, localities=localities), running, method).threat
        threat.append(incident_threat(sums, method)[:, BEST])
    return np.stack(threat)


def _summary(table: Floats) -> None:
    saturated = table[:, -1] > SATURATED
    for label, rows in (
        ("all", table),
        (f"best count under {SATURATED}", table[~saturated]),
        ("others", table[saturated]),
    ):
        if len(rows):
            means = "  ".join(
                "/".join(f"{100 * one:+.1f}" for one in rows[:, at : at + 3].mean(axis=0)) for at in (0, 3)
            )
            enough, fewest = (rows[:, 0] >= ENOUGH).sum(), 100 * rows[:, 0].min()
            print(f"mean, {label}: {means}; default 5 % above in capture: {enough} of {len(rows)}, least {fewest:+.1f}")


if __name__ == "__main__":
    main()
