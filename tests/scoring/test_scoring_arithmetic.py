"""The arithmetic underneath: portable, order-independent, and rounding that adds up."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.scoring.contributions import round_points
from flashpoint.scoring.portable import exact_sums, exp2, log2, log_scale
from flashpoint.scoring.rank import rank


@given(st.lists(st.floats(1e-300, 1e300), max_size=30))
def test_log2_is_as_good_as_the_libraries(values):
    expected = np.array([math.log2(value) for value in values])
    assert np.allclose(log2(values), expected, rtol=1e-15, atol=1e-16)


@given(st.lists(st.floats(-1060, 1020), max_size=30))
def test_exp2_is_as_good_as_the_libraries(values):
    expected = np.array([2.0**value for value in values])
    assert np.allclose(exp2(values), expected, rtol=1e-15, atol=0)


def test_powers_of_two_are_exact_in_any_shape():
    powers = np.arange(-1000.0, 1000.0).reshape(20, 50, 2)
    assert (log2(exp2(powers)) == powers).all()
    assert (exp2(powers)[:, :, 0].ravel() == [math.ldexp(1.0, int(power)) for power in powers[:, :, 0].ravel()]).all()
    assert exp2(-1e9) > 0
    assert log_scale(0.0, 100.0) == 0
    assert log_scale(100.0, 100.0) == 1


def test_one_number_is_scored_alike_wherever_it_stands_in_a_column():
    values = np.full(20_001, 3.7)
    assert len(np.unique(log2(values))) == len(np.unique(exp2(values))) == 1


@given(st.lists(st.tuples(st.floats(0, 64), st.integers(0, 3)), max_size=60), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_the_order(terms, random):
    def total(found):
        values, bins = np.array([x for x, _ in found]), np.array([at for _, at in found], dtype=np.int64)
        return exact_sums(values, bins, 4, 64.0)

    first = total(terms)
    random.shuffle(terms)
    assert first.tobytes() == total(terms).tobytes()
    assert first == pytest.approx([math.fsum(x for x, at in terms if at == want) for want in range(4)], abs=1e-13)


def test_a_million_terms_keep_their_sum():
    values = np.random.default_rng(1).random(1_000_000) * 10
    forward = exact_sums(values, np.zeros(len(values), dtype=np.int64), 1, 64.0)
    backward = exact_sums(values[::-1], np.zeros(len(values), dtype=np.int64), 1, 64.0)
    assert forward == backward
    assert forward[0] == pytest.approx(math.fsum(values), rel=1e-15)


triples = st.lists(st.integers(0, 12), min_size=3, max_size=3).map(sorted)


@given(st.lists(st.tuples(triples, st.integers(0, 3)), max_size=25))
def test_rank_bounds_against_counting(rows):
    scores = np.array([row for row, _ in rows], dtype=np.float64).reshape(-1, 3)
    people = np.array([count for _, count in rows], dtype=np.float64)
    ranking = rank(scores, people, [f"P{at:03}" for at in range(len(rows))])
    for at, (low, _, high) in enumerate(scores):
        others = np.delete(scores, at, axis=0)
        assert ranking.low[at] == 1 + (others[:, 0] > high).sum()
        assert ranking.high[at] == max(ranking.rank[at], 1 + (others[:, 2] > low).sum())
        assert ranking.low[at] <= ranking.rank[at] <= ranking.high[at]


@given(st.lists(st.floats(-40, 100), min_size=1, max_size=60), st.integers(0, 4))
def test_rounded_points_add_up_as_printed(points, decimals):
    total = math.fsum(points)
    rounded = round_points(points, total, decimals)
    printed = sum(Decimal(f"{value:.{decimals}f}") for value in rounded)
    assert printed == Decimal(f"{round(total, decimals):.{decimals}f}")
    assert all(abs(new - old) < 10.0**-decimals + 1e-9 for new, old in zip(rounded, points, strict=True))


def test_rounding_gives_what_is_missing_to_those_that_lost_most():
    assert round_points([1.4, 1.4, 0.2], 3.0, 0) == [2, 1, 0]
    assert round_points([33.333, 33.333, 33.334], 100.0, 1) == [33.3, 33.3, 33.4]
    assert round_points([12.5, -2.25, 0.0], 10.25, 1) == [12.5, -2.3, 0.0]


def test_what_does_not_add_up_is_refused():
    with pytest.raises(ValueError, match="add up"):
        round_points([], 0.0, 1)
    with pytest.raises(ValueError, match="add up"):
        round_points([1.0], 2.0, 1)
