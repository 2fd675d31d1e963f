"""Charts of characters: they fit, they show what they say, and they do without more than ASCII."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.charts import FINE, PLAIN, Chart, bar

NAN = float("nan")
TIERS = {"extreme": 70.0, "high": 55.0, "elevated": 35.0}


def chart(scores, **more):
    return Chart(np.array(scores, dtype=np.float64).reshape(-1, 3), TIERS, ("2013-07-03", "2014-01-01"), 40, **more)


def text(drawn):
    return ["".join(part for part, _ in row) for row in drawn.rows()]


intervals = st.tuples(st.floats(1, 100), st.floats(1, 100), st.floats(1, 100)).map(lambda three: tuple(sorted(three)))


@given(st.lists(intervals | st.just((NAN, NAN, NAN)), min_size=1, max_size=60), st.sampled_from([FINE, PLAIN]))
def test_a_chart_fits_and_says_where_it_is_cut(scores, signs):
    drawn = chart(scores, signs=signs)
    low, high = drawn.bounds()
    told = [number for row in scores for number in row if not np.isnan(number)]
    assert all(low <= number <= high for number in told)
    rows = text(drawn)
    assert len(rows) == drawn.height + 2
    assert max(len(row) for row in rows) <= drawn.width + 22
    assert rows[0].split()[0] == str(high)
    assert rows[drawn.height - 1].split()[0] == str(low)
    if signs is PLAIN:
        assert all(row.isascii() for row in rows)


def test_every_tier_that_can_be_seen_is_marked_and_named():
    rows = text(chart([(10, 40, 90)] * 5))
    for name, level in TIERS.items():
        (row,) = [row for row in rows if name in row]
        assert row.endswith(f" {level:g} {name}")
        assert "┄" in row
    assert not any("extreme" in row for row in text(chart([(10, 12, 20)] * 5)))


def heights(rows):
    """Give for each column the row of the topmost sign of the line."""
    lines = [[column for column, sign in enumerate(row) if "⠁" <= sign <= "⣿" or sign == "*"] for row in rows]
    return {column: at for at, columns in reversed(list(enumerate(lines))) for column in columns}


def test_the_line_rises_with_the_score_and_has_a_gap_where_there_is_none():
    rising = heights(text(chart([(0, score, 100) for score in range(5, 100, 5)])))
    columns = sorted(rising)
    assert [rising[column] for column in columns] == sorted((rising[column] for column in columns), reverse=True)
    assert columns == list(range(6, 46))
    gap = heights(text(chart([(0, 50, 100)] * 4 + [(NAN, NAN, NAN)] * 5 + [(0, 50, 100)] * 4)))
    assert set(range(6, 46)) - set(gap)


def test_the_band_is_the_interval():
    rows = text(chart([(20, 50, 80)] * 3, height=10))
    assert chart([(20, 50, 80)] * 3).bounds() == (20, 80)
    assert all(" " not in row[6:46] for row in rows[:10])
    narrow = text(chart([(20, 20, 20), (50, 50, 50), (80, 80, 80)], height=10))
    assert sum(row.count("░") for row in narrow) < sum(row.count("░") for row in rows)


def test_one_moment_alone_can_be_drawn():
    assert len(text(chart([(30, 40, 50)]))) == 14


@pytest.mark.parametrize("signs", [FINE, PLAIN])
def test_bars_are_as_long_as_they_are_large(signs):
    assert len(bar(10, 10, 16, signs)) == 16
    assert len(bar(5, 10, 16, signs)) == 8
    assert bar(0, 10, 16, signs) == ""
    assert bar(3, 0, 16, signs) == ""
    assert bar(-10, 10, 16, signs) == signs.band * 16
    assert set(bar(10, 10, 16, signs)) != set(bar(-10, 10, 16, signs))


def test_a_small_bar_still_shows():
    assert bar(0.1, 10, 16) == "▏"
