"""The grid and the rule that chooses from it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flashpoint.scoring.calibration import (
    BASES,
    UNCOUNTED,
    Candidate,
    Scorer,
    Sums,
    Trial,
    candidates,
    choose,
    severity,
)
from flashpoint.scoring.methodology import DEFAULT, FIRST
from flashpoint.scoring.revision import revised

PUBLISHED = Candidate(14.0, 90.0, 730.0, (0.5, 0.25, 0.25), 3.0, 8.0)
PLAIN = PUBLISHED._replace(recent_days=20.0)


def trial(candidate, *gains):
    return Trial(candidate, np.array(gains, dtype=np.float64).reshape(-1, 3))


def test_the_published_default_is_on_the_grid_and_changes_nothing():
    grid = list(candidates())
    assert len(grid) == len(set(grid)) == 5040
    assert PUBLISHED in grid
    assert PUBLISHED.changes(DEFAULT) == {}


@pytest.mark.parametrize("base", [DEFAULT, FIRST])
def test_every_set_makes_a_version_that_scores_by_it(base):
    for candidate in [*candidates()][::397]:
        changes = candidate.changes(base)
        made = revised(base, "tried", changes)
        assert tuple(made.threat_half_life_days.values()) == candidate.half_lives
        assert tuple(made.threat_share.values()) == candidate.shares
        assert made.severity["attack_on_civilians"] == candidate.harm_severity
        assert made.casualty_divisor == candidate.casualty_divisor
        assert made.lasting_severity == DEFAULT.lasting_severity
        assert candidate.changes(made) == {}


def test_harm_keeps_step_and_what_harms_nobody_stays():
    halved = severity(DEFAULT, DEFAULT.severity["attack_on_civilians"] / 2)
    for code, value in DEFAULT.severity.items():
        assert halved[code] == (value / 2 if DEFAULT.lasting_severity[code] > 0 else value)
    assert max(severity(DEFAULT, 4.0).values()) == 4.0
    nothing = replace(DEFAULT, version="none", severity=dict.fromkeys(DEFAULT.severity, 0.0))
    assert set(severity(nothing, 3.0).values()) == {0.0}


def test_a_set_that_falls_short_in_one_operation_is_not_kept():
    good, short = trial(PLAIN, (0.06, 0, 0), (0.05, 0, 0)), trial(PUBLISHED, (0.5, 0.5, 0.5), (0.04, 0.5, 0.5))
    assert choose([short, good]) == (good, 1)


def test_of_nearly_equal_sets_the_roundest_is_taken():
    best, round_one = trial(PLAIN, (0.2, 0.2, 0.2)), trial(PUBLISHED, (0.196, 0.196, 0.196))
    assert choose([best, round_one])[0] is round_one
    too_far = trial(PUBLISHED, (0.194, 0.194, 0.194))
    assert choose([best, too_far])[0] is best


def test_of_equally_round_sets_the_better_is_taken():
    other = PUBLISHED._replace(lasting_days=365.0)
    better = trial(other, (0.2, 0.2, 0.2))
    assert choose([trial(PUBLISHED, (0.199, 0.199, 0.199)), better])[0] is better


def test_where_no_set_is_good_enough_the_best_of_all_is_taken():
    poor, poorer = trial(PLAIN, (0.01, 0.0, 0.0)), trial(PUBLISHED, (-0.2, 0.0, 0.0))
    assert choose([poorer, poor]) == (poor, 0)


def test_a_figure_that_cannot_be_told_counts_for_nothing():
    assert trial(PLAIN, (0.2, math.nan, 0.1)).gain == pytest.approx(0.15)
    assert math.isnan(trial(PLAIN, (math.nan,) * 3).gain)


def sums(plain, weighted, standing=0.01, rest=0.0):
    """One moment and one locality, the same sums at every half-life."""
    shape = (1, len(BASES), 1)
    return Sums(np.full(shape, plain), np.full(shape, weighted), np.full((1, 1), standing), np.full((1, 1), rest))


def test_the_priority_is_the_logarithm_of_the_score_by_hand():
    # Sum of 10 without casualties and 15 with them by four: with them by eight it is 12.5.
    told = Scorer(sums(10.0, 15.0, rest=-1.5), DEFAULT).priority(PUBLISHED)
    assert told[0, 0] == pytest.approx(math.log2(math.log(13.5) / math.log(1001)) - 1.5)
    uncounted = Scorer(sums(10.0, 15.0), DEFAULT).priority(PUBLISHED._replace(casualty_divisor=UNCOUNTED))
    assert uncounted[0, 0] == pytest.approx(math.log2(math.log(11) / math.log(1001)))


def test_threat_is_no_less_than_the_standing_threat_and_no_more_than_one():
    assert Scorer(sums(0.0, 0.0, standing=0.64), DEFAULT).priority(PUBLISHED)[0, 0] == pytest.approx(math.log2(0.64))
    assert Scorer(sums(1e7, 1e7), DEFAULT).priority(PUBLISHED)[0, 0] == 0
    assert Scorer(sums(0.0, 0.0, standing=0.0), DEFAULT).priority(PUBLISHED)[0, 0] == math.log2(DEFAULT.floor)
