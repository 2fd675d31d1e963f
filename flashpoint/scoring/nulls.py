"""What an analyst would rank by instead: counts over the last days. And what came after, counted in the same way.

An event belongs to the days in which it ended: ``first_day <= ended_day < end_day``. Of the past, only what was known
at the moment counts; of what came after, what is known today.
"""

from dataclasses import dataclass, fields

import numpy as np

from flashpoint.scoring.portable import Bools, Floats, Ints

WINDOWS = (30, 90, 365)
#: How long after a moment harm is looked for.
LOOK_AHEAD_DAYS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """E events that are known well enough to be counted in a locality; all columns (E,), days since 1970.

    ``harm``: it harmed civilians; ``killed`` persons, at best. An event counts as known from ``known_day``, recorded on
    ``recorded_day``, until before ``unknown_day``, an end that was recorded on ``closed_day``; infinity where there is
    none.
    """

    ended_day: Floats
    harm: Bools
    killed: Floats
    known_day: Floats
    unknown_day: Floats
    recorded_day: Floats
    closed_day: Floats

    def __post_init__(self) -> None:
        """Check that the columns are of one length."""
        if len({getattr(self, entry.name).shape for entry in fields(self)}) != 1 or self.ended_day.ndim != 1:
            raise ValueError("Events: all columns need one length")

    def __len__(self) -> int:
        return len(self.ended_day)

    def known(self, day: float, recorded: float) -> Bools:
        """Say which events were known at an instant, by what was recorded by another."""
        # An end that nobody had recorded yet does not count yet.
        still = (day < self.unknown_day) | (recorded < self.closed_day)
        return (self.known_day <= day) & (self.recorded_day <= recorded) & still

    def ended(self, first_day: float, end_day: float) -> Bools:
        """Say which events ended in the days from the first until before the end."""
        return (self.ended_day >= first_day) & (self.ended_day < end_day)


@dataclass(frozen=True, slots=True)
class Moment:
    """When is ranked, by what was recorded by when, and since when the calendar month before runs."""

    day: float
    recorded: float
    month_before: float


def past(events: Events, place: Ints, size: int, moment: Moment) -> dict[str, Floats]:
    """Give the values (size,) that the null models rank by; ``place`` (E,) is a locality, or -1 for none."""
    known = events.known(moment.day, moment.recorded) & (place >= 0)

    def count(since: float, weights: Floats | None = None, which: Bools | None = None) -> Floats:
        chosen = known & events.ended(since, moment.day)
        rows = np.flatnonzero(chosen if which is None else chosen & which)
        return np.bincount(place[rows], None if weights is None else weights[rows], size).astype(np.float64)

    windows = {f"count_{days}d": count(moment.day - days) for days in WINDOWS}
    longest = moment.day - WINDOWS[-1]
    return {
        **windows,
        f"deaths_{WINDOWS[-1]}d": count(longest, events.killed),
        "last_month": count(moment.month_before, which=events.harm),
    }


def aftermath(events: Events, place: Ints, size: int, day: float) -> tuple[Floats, Floats]:
    """Give the events that harmed civilians in the days after a moment, and their deaths; each (size,)."""
    known = np.isinf(events.unknown_day)
    rows = np.flatnonzero(known & events.harm & events.ended(day, day + LOOK_AHEAD_DAYS) & (place >= 0))
    deaths: Floats = np.bincount(place[rows], events.killed[rows], size).astype(np.float64)
    return np.bincount(place[rows], minlength=size).astype(np.float64), deaths
