"""The laws of sums that fade, on random terms.

To break them: ``split``: add the values as they are; ``move``: shift by one period less; ``add``: state a term as of
its own end; ``remembers``: by the term's age in place of its period's.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.scoring.sums import PERIOD_HALF_LIVES, DecayedSums

HALF_LIFE, MEMORY, CEILING, BINS = 9.7, 40.0, 64.0, 2
MEMORY_DAYS, PERIOD_DAYS = MEMORY * HALF_LIFE, PERIOD_HALF_LIVES * HALF_LIFE
START = 20_000.0

#: Bin, two values, and how many days before or after the start it ended.
terms = st.lists(
    st.tuples(st.integers(0, BINS - 1), st.floats(0, CEILING), st.floats(0, CEILING), st.floats(-900, 900)), max_size=8
)


def new():
    return DecayedSums((BINS, 2), HALF_LIFE, MEMORY, CEILING)


def add(sums, found, sign=1.0):
    values = np.array([(one, other) for _, one, other, _ in found]).reshape(-1, 2)
    bins = np.array([where for where, _, _, _ in found], dtype=np.int64)
    sums.add(values, bins, START + np.array([day for _, _, _, day in found]), sign=sign)


def made_anew(found, clock_day):
    sums = new()
    sums.move(clock_day)
    add(sums, found)
    return sums.at(clock_day)


@given(terms, st.lists(st.floats(0, 400), max_size=4), st.booleans())
def test_a_sum_moved_and_added_to_in_turn_has_the_bits_of_one_made_anew(found, pauses, together):
    sums, clock_day, left = new(), START - 1000, sorted(found, key=lambda term: term[3])
    for pause in [*pauses, 3000.0]:
        clock_day += pause
        sums.move(clock_day)
        ended = [term for term in left if START + term[3] <= clock_day]
        left = [term for term in left if term not in ended]
        for batch in [ended] if together else [[term] for term in reversed(ended)]:
            add(sums, batch)
        counted = [term for term in found if START + term[3] <= clock_day]
        assert sums.at(clock_day).tobytes() == made_anew(counted, clock_day).tobytes()


@given(terms, terms, st.floats(0, 100))
def test_what_was_added_and_taken_out_again_leaves_no_trace(staying, going, days):
    sums = new()
    sums.move(START + 1000)
    add(sums, staying + going)
    sums.move(START + 1000 + days)
    add(sums, going, sign=-1.0)
    assert sums.at(START + 1000 + days).tobytes() == made_anew(staying, START + 1000 + days).tobytes()


@given(terms, terms)
def test_terms_beyond_memory_count_for_nothing(young, old):
    clock_day = START + 900 + MEMORY_DAYS
    young = [term for term in young if clock_day - START - term[3] <= MEMORY_DAYS]
    old = [(*term[:3], term[3] - 900 - PERIOD_DAYS) for term in old]
    sums = new()
    sums.move(clock_day)
    assert sums.remembers(START + np.array([day for *_, day in young])).all()
    assert not sums.remembers(START + np.array([day for *_, day in old])).any()
    assert made_anew(young + old, clock_day).tobytes() == made_anew(young, clock_day).tobytes()


@given(terms, st.floats(0, 300))
def test_a_sum_is_what_its_formula_says(found, days):
    clock_day = START + 900 + days
    young = [term for term in found if clock_day - START - term[3] <= MEMORY_DAYS]
    expected = np.zeros((BINS, 2))
    for where, *values, day in young:
        expected[where] += np.array(values) * 2.0 ** ((START + day - clock_day) / HALF_LIFE)
    # What is lost below the finer of the two grids does not grow as the terms fade.
    assert made_anew(young, clock_day) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_many_terms_at_once_have_the_bits_of_one_by_one():
    draw = np.random.default_rng(7).random((2000, 4))
    found = [(int(where * BINS), one * CEILING, other * CEILING, day * 900) for where, one, other, day in draw.tolist()]
    sums = new()
    sums.move(START + 900)
    for term in reversed(found):
        add(sums, [term])
    assert sums.at(START + 900).tobytes() == made_anew(found, START + 900).tobytes()


def test_time_does_not_move_backwards_and_nothing_ends_in_the_future():
    sums = new()
    with pytest.raises(ValueError, match="clock"):
        add(sums, [(0, 1.0, 1.0, 0.0)])
    sums.move(START)
    with pytest.raises(ValueError, match="ended"):
        add(sums, [(0, 1.0, 1.0, 3 * PERIOD_DAYS)])
    with pytest.raises(ValueError, match="backwards"):
        sums.move(START - 2 * PERIOD_DAYS)
    assert math.isclose(made_anew([(0, 1.0, 0.0, 0.0)], START)[0, 0], 1.0)
