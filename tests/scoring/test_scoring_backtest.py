"""Judging rankings: the laws on random outcomes, and one month worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flashpoint.scoring.backtest import (
    CAPTURE,
    DEATHS,
    NDCG,
    Judge,
    Outcomes,
    Tally,
    Ties,
    measure,
    middle,
    resampled_months,
)

FEW_DRAWS = Ties(draws=3, seed=7)
few = settings(max_examples=100, deadline=None)


@st.composite
def outcomes(draw):
    months, size = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    listed = draw(arrays.arrays(np.bool_, (months, size)))
    counts = arrays.arrays(np.float64, (months, size), elements=st.integers(0, 5).map(float))
    names = draw(st.lists(st.text("abcxyz", min_size=1, max_size=4), min_size=size, max_size=size, unique=True))
    return Outcomes(names, draw(counts) * listed, draw(counts) * listed, listed)


@st.composite
def rankings(draw):
    came = draw(outcomes())
    levels = st.one_of(st.just(math.nan), st.integers(-2, 3).map(float))
    return came, draw(arrays.arrays(np.float64, came.harm.shape, elements=levels)), draw(st.integers(1, 10))


def one_month(harm, deaths=None):
    size = len(harm)
    columns = [np.array([row], dtype=np.float64) for row in (harm, deaths or harm)]
    return Outcomes([f"L{at}" for at in range(size)], *columns, np.ones((1, size), dtype=np.bool_))


@few
@given(rankings())
def test_no_ranking_finds_more_than_the_oracle(ranking):
    came, priority, k = ranking
    judge = Judge(came, k, FEW_DRAWS)
    assert (judge.judge(priority).found <= judge.oracle().found + 1e-12).all()
    assert (judge.expect(priority).found <= judge.oracle().found + 1e-12).all()


@few
@given(rankings())
def test_figures_are_shares_and_grow_with_k(ranking):
    came, priority, k = ranking
    shares, more = (measure(Judge(came, many, FEW_DRAWS).judge(priority)) for many in (k, k + 1))
    known = ~np.isnan(shares)
    assert ((shares[known] >= 0) & (shares[known] <= 1 + 1e-12)).all()
    found = known[:NDCG]
    assert (more[:NDCG][found] >= shares[:NDCG][found] - 1e-12).all()


@few
@given(outcomes(), st.integers(1, 10))
def test_a_ranking_by_what_came_has_the_best_capture_and_an_ndcg_of_one(came, k):
    judge = Judge(came, k, FEW_DRAWS)
    told = judge.judge(came.harm)
    assert np.allclose(told.found[:, CAPTURE], judge.oracle().found[:, CAPTURE])
    assert np.allclose(told.found[:, NDCG], 1)
    assert np.allclose(judge.judge(came.deaths).found[:, DEATHS], judge.oracle().found[:, DEATHS])


@few
@given(rankings(), st.randoms(use_true_random=False))
def test_the_order_of_the_localities_does_not_matter(ranking, random):
    came, priority, k = ranking
    order = list(range(len(came.names)))
    random.shuffle(order)
    turned = Outcomes(
        [came.names[at] for at in order], came.harm[:, order], came.deaths[:, order], came.listed[:, order]
    )
    assert np.array_equal(
        Judge(came, k, FEW_DRAWS).judge(priority).found, Judge(turned, k, FEW_DRAWS).judge(priority[:, order]).found
    )


@few
@given(rankings(), st.floats(0.5, 3))
def test_only_the_order_of_the_values_counts(ranking, factor):
    came, priority, k = ranking
    judge = Judge(came, k, FEW_DRAWS)
    assert np.array_equal(judge.judge(priority).found, judge.judge(np.exp(priority) * factor).found)


@few
@given(rankings())
def test_a_month_without_harm_changes_nothing(ranking):
    came, priority, k = ranking
    quiet = np.zeros((1, len(came.names)))
    longer = Outcomes(
        came.names,
        np.vstack((came.harm, quiet)),
        np.vstack((came.deaths, quiet + 0)),
        np.vstack((came.listed, quiet < 1)),
    )
    before = Judge(came, k, FEW_DRAWS).expect(priority)
    after = Judge(longer, k, FEW_DRAWS).expect(np.vstack((priority, quiet)))
    assert np.array_equal(before.found, after.found)
    assert np.array_equal(before.of, after.of)


def test_the_seed_fixes_everything():
    rng = np.random.default_rng(0)
    came = Outcomes(
        [str(at) for at in range(30)], rng.poisson(0.3, (12, 30)), rng.poisson(1.0, (12, 30)), np.ones((12, 30)) > 0
    )
    alike = np.zeros((12, 30))
    first, again, other = (Judge(came, 5, Ties(2, seed)).judge(alike).found for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(resampled_months(12, 1), resampled_months(12, 1))
    assert not np.array_equal(resampled_months(12, 1), resampled_months(12, 2))


@few
@given(rankings())
def test_the_draws_come_near_their_expectation(ranking):
    came, priority, k = ranking
    judge = Judge(came, k, Ties(draws=400, seed=3))
    drawn, exact = judge.judge(priority), judge.expect(priority)
    # Five standard errors of a mean over 400 draws of a number between 0 and what there is to find.
    assert (np.abs(drawn.found - exact.found) <= 5 * 0.5 * exact.of / 20 + 1e-9).all()


def test_where_all_are_alike_k_of_n_is_found():
    came = one_month([4, 0, 0, 1, 0])
    exact = Judge(came, 2, Ties()).expect(np.zeros((1, 5)))
    assert exact.found[0, CAPTURE] == pytest.approx(5 * 2 / 5)
    drawn = Judge(came, 2, Ties(draws=4000)).judge(np.zeros((1, 5)))
    assert drawn.found[0, CAPTURE] == pytest.approx(2, abs=0.15)


def test_one_month_by_hand():
    came = one_month(harm=[3, 0, 1, 2], deaths=[5, 0, 20, 0])
    told = Judge(came, 2, Ties()).judge(np.array([[0.1, 0.9, 0.5, 0.2]]))
    # First the second locality, where nothing came, then the third with one event and twenty dead.
    best = 3 / math.log2(2) + 2 / math.log2(3)
    assert measure(told) == pytest.approx([1 / 6, 20 / 25, (1 / math.log2(3)) / best])
    oracle = measure(Judge(came, 2, Ties()).oracle())
    assert oracle == pytest.approx([5 / 6, 25 / 25, 1])


def test_equal_values_share_their_places():
    came = one_month([6, 0, 0])
    told = Judge(came, 1, Ties()).expect(np.array([[1.0, 1.0, 0.0]]))
    assert told.found[0, CAPTURE] == pytest.approx(3)


def test_what_is_not_known_stands_last_and_what_is_not_listed_nowhere():
    came = Outcomes(["a", "b", "c"], np.array([[1.0, 1, 0]]), np.array([[1.0, 1, 0]]), np.array([[True, True, False]]))
    told = Judge(came, 1, Ties()).judge(np.array([[math.nan, 0.0, 9.0]]))
    assert told.found[0, CAPTURE] == 1
    both = Judge(came, 2, Ties()).judge(np.array([[math.nan, 0.0, 9.0]]))
    assert both.found[0, CAPTURE] == 2


def test_months_weigh_by_their_harm_in_capture_and_alike_in_ndcg():
    tally = Tally(np.array([[9.0, 0, 1], [0, 0, 0]]), np.array([[9.0, 0, 1], [1, 0, 1]]))
    capture, deaths, ndcg = measure(tally)
    assert (capture, ndcg) == (0.9, 0.5)
    assert math.isnan(deaths)
    twice = measure(tally, np.array([[2.0, 0], [0, 2]]))
    assert twice[:, CAPTURE].tolist() == [1, 0]


def test_without_harm_there_is_no_figure():
    judge = Judge(one_month([0, 0, 0]), 2, Ties())
    for tally in (judge.judge(np.zeros((1, 3))), judge.expect(np.zeros((1, 3))), judge.oracle()):
        assert np.isnan(measure(tally)).all()
    weights = resampled_months(0, 0)
    assert np.isnan(middle(measure(judge.oracle(), weights))).all()


def test_one_locality_and_none():
    assert measure(Judge(one_month([2]), 10, Ties()).judge(np.zeros((1, 1)))).tolist() == [1, 1, 1]
    nowhere = Outcomes([], np.zeros((3, 0)), np.zeros((3, 0)), np.ones((3, 0)) > 0)
    assert np.isnan(measure(Judge(nowhere, 10, Ties()).oracle())).all()


def test_the_interval_holds_the_middle_of_what_the_months_could_have_been():
    rng = np.random.default_rng(5)
    of = np.ones((100, 3)) * 4
    tally = Tally(rng.binomial(4, 0.25, (100, 3)).astype(float), of)
    low, high = middle(measure(tally, resampled_months(100, 0)))
    # The standard error of a share of 400 trials at a quarter is 0.0217.
    assert (low < measure(tally)).all()
    assert (measure(tally) < high).all()
    assert np.allclose(high - low, 2 * 1.96 * 0.0217, rtol=0.25)
    assert resampled_months(100, 0).sum(axis=1).tolist() == [100] * 1000


@pytest.mark.parametrize(
    "wrong",
    [
        (["a", "a"], (1, 2), True),
        (["a", "b"], (1, 3), True),
        (["a", "b"], (1, 2), False),
    ],
)
def test_outcomes_that_are_none_are_refused(wrong):
    names, shape, listed = wrong
    with pytest.raises(ValueError, match=r"must be unique|a row a moment|cannot be"):
        Outcomes(names, np.ones(shape), np.ones(shape), np.full(shape, listed))
