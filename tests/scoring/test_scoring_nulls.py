"""What is counted before and after a moment: each edge of each window, and that nothing is known too early."""

from dataclasses import fields, replace

import numpy as np
import pytest

from flashpoint.scoring.nulls import Events, Moment, aftermath, past

NOW = 1000.0
MOMENT = Moment(day=NOW, recorded=5000.0, month_before=NOW - 31)
NEVER = np.inf


def events(*ended, **columns):
    size = len(ended)
    ended_day = np.array(ended, dtype=np.float64)
    known = {
        "harm": np.ones(size, dtype=np.bool_),
        "killed": np.ones(size),
        "known_day": ended_day,
        "unknown_day": np.full(size, NEVER),
        "recorded_day": np.full(size, 4000.0),
        "closed_day": np.full(size, NEVER),
    }
    return Events(ended_day, **{**known, **{name: np.array(column) for name, column in columns.items()}})


def here(which):
    return np.zeros(len(which), dtype=np.int64)


def counted(which, moment=MOMENT):
    return {name: values.tolist() for name, values in past(which, here(which), 1, moment).items()}


@pytest.mark.parametrize(
    ("age", "windows"),
    [
        (0.0, []),
        (1e-5, ["count_30d", "count_90d", "count_365d", "deaths_365d", "last_month"]),
        (30.0, ["count_30d", "count_90d", "count_365d", "deaths_365d", "last_month"]),
        (31.0, ["count_90d", "count_365d", "deaths_365d", "last_month"]),
        (32.0, ["count_90d", "count_365d", "deaths_365d"]),
        (90.0, ["count_90d", "count_365d", "deaths_365d"]),
        (91.0, ["count_365d", "deaths_365d"]),
        (365.0, ["count_365d", "deaths_365d"]),
        (366.0, []),
    ],
)
def test_an_event_counts_in_the_windows_in_which_it_ended(age, windows):
    found = counted(events(NOW - age))
    assert [name for name, (value,) in found.items() if value] == windows


def test_what_was_not_known_then_does_not_count():
    late = events(NOW - 5, known_day=[NOW + 1])
    withdrawn = events(NOW - 5, unknown_day=[NOW - 1], closed_day=[4500.0])
    for hidden in (late, withdrawn):
        assert not any(value for (value,) in counted(hidden).values())
    assert counted(events(NOW - 5, known_day=[NOW]))["count_30d"] == [1]
    assert counted(events(NOW - 5, unknown_day=[NOW], closed_day=[4500.0]))["count_30d"] == [0]
    assert counted(events(NOW - 5, unknown_day=[NOW + 1], closed_day=[4500.0]))["count_30d"] == [1]


def test_what_was_not_recorded_by_then_does_not_count():
    there = replace(MOMENT, recorded=NOW)
    assert counted(events(NOW - 5), there)["count_30d"] == [0]
    assert counted(events(NOW - 5, recorded_day=[NOW]), there)["count_30d"] == [1]


def test_an_end_that_was_not_recorded_by_then_does_not_count_yet():
    there = replace(MOMENT, recorded=NOW)
    ended = {"recorded_day": [NOW - 5], "unknown_day": [NOW - 1]}
    assert counted(events(NOW - 5, **ended, closed_day=[NOW + 1]), there)["count_30d"] == [1]
    assert counted(events(NOW - 5, **ended, closed_day=[NOW]), there)["count_30d"] == [0]


def test_only_harm_is_last_months_rank_and_deaths_weigh():
    found = counted(events(NOW - 5, NOW - 6, harm=[True, False], killed=[2.0, 5.0]))
    assert found == {"count_30d": [2], "count_90d": [2], "count_365d": [2], "deaths_365d": [7], "last_month": [1]}


@pytest.mark.parametrize(("after", "counts"), [(-1e-5, 0), (0.0, 1), (29.99, 1), (30.0, 0)])
def test_what_came_after_is_what_ended_in_the_thirty_days(after, counts):
    harm, deaths = aftermath(events(NOW + after, killed=[3.0]), np.zeros(1, dtype=np.int64), 1, NOW)
    assert (harm.tolist(), deaths.tolist()) == ([counts], [3 * counts])


def test_what_came_after_is_harm_as_it_is_known_today():
    for other in (
        events(NOW + 1, harm=[False]),
        events(NOW + 1, unknown_day=[NOW + 50], closed_day=[4500.0]),
    ):
        assert aftermath(other, here(other), 1, NOW)[0].tolist() == [0]


def test_events_are_counted_where_they_were():
    which = events(NOW - 1, NOW - 2, NOW - 3, NOW + 1)
    place = np.array([1, 1, -1, 2])
    assert past(which, place, 3, MOMENT)["count_30d"].tolist() == [0, 2, 0]
    assert aftermath(which, place, 3, NOW)[0].tolist() == [0, 0, 1]


def test_columns_of_another_length_are_refused():
    one = events(NOW)
    for entry in fields(one):
        with pytest.raises(ValueError, match="one length"):
            replace(one, **{entry.name: getattr(one, entry.name)[:0]})
