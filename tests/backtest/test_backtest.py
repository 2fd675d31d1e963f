"""Replaying an operation: figures worked out by hand, and that nothing is known before its time."""

import math

import numpy as np
import pytest
from backtest_worlds import event, land, plan, quiet, restless

from flashpoint import assess
from flashpoint.backtest import (
    ALL_TAKEN,
    COUNTS,
    ENDS_EARLY,
    FEW_MONTHS,
    NO_EVENTS,
    NO_HARM,
    NO_POPULATION,
    STARTS_LATE,
    backtest,
)
from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid, NotFound
from flashpoint.replay import month, replay
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.nulls import Events
from flashpoint.store.outcomes import HARMLESS, Happened

NAMES = ["default", "threat", *COUNTS, "deaths_365d", "last_month", "population", "random", "oracle"]


def told(reading, **values):
    with reading() as reader:
        return backtest(reader, plan(**values), quiet).to_dict()


@pytest.fixture
def four(database, tmp_path):
    """Four communes. Ranked on 2014-03-01; in the 30 days after, three events in commune 0 and one in commune 1."""
    events = [
        # Long ago, and often.
        *(event(number, 2, "2013-06-10") for number in (1, 2, 3)),
        # Lately.
        event(4, 0, "2014-02-20"),
        # Fighting, not harm; late in the window of 90 days.
        event(5, 1, "2013-12-15", type_of_violence=1, deaths_civilians=0, best=9, high=9),
        event(6, 0, "2014-03-01"),
        event(7, 0, "2014-03-30"),
        event(8, 0, "2014-03-12", best=5, high=5),
        event(9, 1, "2014-03-12", best=1, low=1),
        # A day too late, and not harm.
        event(10, 3, "2014-03-31"),
        event(11, 3, "2014-03-05", type_of_violence=1, deaths_civilians=0),
    ]
    return land(database, tmp_path, 4, events)


def test_one_month_by_hand(four, reading):
    answer = told(reading, code=four, first="2014-03", last="2014-03", k=1)
    figures = {name: tuple(values.values()) for name, values in answer["rankings"].items()}
    assert list(figures) == NAMES
    assert (answer["harm_events"], answer["deaths"], answer["months_with_harm"]) == (4, 10, 1)
    assert figures["count_30d"] == (0.75, 0.9, 1.0)
    # Communes 0 and 1 have one each: half of the draws begin with the one, half with the other.
    assert 0.25 < figures["count_90d"][0] < 0.75
    assert figures["count_365d"] == (0.0, 0.0, 0.0)
    assert figures["deaths_365d"] == (0.25, 0.1, round(1 / 3, 4))
    assert figures["last_month"] == (0.75, 0.9, 1.0)
    assert figures["default"] == figures["threat"] == figures["oracle"] == (0.75, 0.9, 1.0)


def test_two_places_by_hand(four, reading):
    answer = told(reading, code=four, first="2014-03", last="2014-03", k=2)
    best = 3 + 1 / math.log2(3)
    # By threat, commune 0 comes before commune 2 of long ago.
    assert answer["rankings"]["count_365d"]["capture"] == pytest.approx(0.5, abs=0.3)
    assert answer["rankings"]["oracle"] == {"capture": 1.0, "deaths": 1.0, "ndcg": 1.0}
    assert answer["rankings"]["default"]["ndcg"] >= round(3 / best, 4)


def test_what_is_known_coarsely_is_no_outcome_and_no_count(database, tmp_path, reading):
    coarse = [
        event(1, 0, "2014-03-02", where_prec=3),
        event(2, 0, "2014-03-02", where_prec=4),
        event(3, 0, "2014-03-02", date_prec=5),
        event(4, 0, "2014-02-02", where_prec=4),
        event(5, 1, "2014-02-02", where_prec=3),
    ]
    code = land(database, tmp_path, 4, coarse)
    answer = told(reading, code=code, first="2014-03", last="2014-03", k=1)
    assert answer["harm_events"] == 1
    assert answer["rankings"]["count_30d"]["capture"] == 0


def test_what_harms_nobody_is_what_the_lasting_scale_does_not_count():
    # Two lists on purpose: what rankings are judged by must not move with a method.
    assert {code for code, weight in DEFAULT.lasting_severity.items() if weight == 0} == HARMLESS
    assert set(CATEGORIES) > HARMLESS


def test_nothing_is_known_before_its_time(database, tmp_path, reading):
    lately = [event(number, 0, f"2014-02-2{number}") for number in (1, 2, 3)]
    events = [*lately, event(4, 1, "2014-02-05"), event(5, 0, "2014-03-05")]
    for code, lag, seen in (("SOON", 0, 1), ("LATE", 15, 0)):
        land(database, tmp_path, 4, events, lag_days=lag, code=code)
        answer = told(reading, code=code, first="2014-03", last="2014-03", k=1)
        assert answer["rankings"]["count_30d"]["capture"] == seen, code
        assert answer["rankings"]["default"]["capture"] == seen, code


def test_the_official_score_is_that_of_each_moment_alone(database, tmp_path, reading):
    code = land(database, tmp_path, 24, restless(years=2), across=6)
    with reading() as reader:
        past = replay(reader, plan(code, "2015-01", "2015-06"), quiet)
        for row, moment in enumerate(past.plan.months):
            _, alone = assess.scored(reader, code, moment)
            assert np.array_equal(past.values["default"][row], alone.score)
            assert np.array_equal(past.values["threat"][row], alone.threat[:, 1])


def test_the_whole_answer_is_fixed_by_its_seed(database, tmp_path, reading):
    code = land(database, tmp_path, 24, restless(), across=6)
    first, again, other = (told(reading, code=code, k=3, draws=2, seed=seed) for seed in (4, 4, 5))
    assert first == again
    assert first["rankings"]["count_30d"] != other["rankings"]["count_30d"]
    for name, figures in first["rankings"].items():
        for metric, value in figures.items():
            low, high = first["intervals"][name][metric]
            assert 0 <= low <= high <= 1
            assert low - 0.05 <= value <= high + 0.05
            assert value <= first["rankings"]["oracle"][metric]


def test_the_gain_is_over_the_best_count_and_has_an_interval(database, tmp_path, reading):
    code = land(database, tmp_path, 24, restless(), across=6)
    answer = told(reading, code=code, k=3)
    for metric, gain in answer["gain_over_best_count"].items():
        figures = {name: answer["rankings"][name][metric] for name in COUNTS}
        best = max(figures, key=figures.__getitem__)
        assert gain["best_count"] == best
        difference = answer["rankings"]["default"][metric] - figures[best]
        assert gain["difference"] == pytest.approx(difference, abs=2e-4)
        assert gain["relative"] == pytest.approx(difference / figures[best], abs=1e-3)
        low, high = gain["difference_interval"]
        assert low <= gain["difference"] <= high


def test_an_older_version_of_the_method_can_be_judged(database, tmp_path, reading):
    code = land(database, tmp_path, 24, restless(), across=6)
    old, new = (told(reading, code=code, k=3, methodology=version) for version in ("2026.1", None))
    assert (old["methodology"], old["rankings"]["count_90d"]) == ("2026.1", new["rankings"]["count_90d"])
    assert old["rankings"]["threat"] != new["rankings"]["threat"]


def no_figures(answer, but=()):
    return all(
        value is None for name, values in answer["rankings"].items() if name not in but for value in values.values()
    )


def test_without_events_there_is_nothing_to_tell(database, tmp_path, reading):
    answer = told(reading, code=land(database, tmp_path, 4))
    assert no_figures(answer)
    assert answer["gain_over_best_count"]["capture"]["relative"] is None
    assert {NO_EVENTS, ALL_TAKEN, NO_POPULATION} == set(answer["notes"])


def test_without_harm_there_is_nothing_to_tell(database, tmp_path, reading):
    peace = [event(1, 0, "2014-01-05", type_of_violence=1, deaths_civilians=0)]
    answer = told(reading, code=land(database, tmp_path, 4, peace), k=2)
    assert no_figures(answer)
    assert NO_HARM in answer["notes"]
    assert (answer["months"], answer["months_with_harm"]) == (23, 0)


def test_before_the_data_there_is_nothing_to_tell(four, reading):
    answer = told(reading, code=four, first="2003-01", last="2004-12", k=2)
    assert no_figures(answer)
    assert NO_HARM in answer["notes"]


def test_harm_without_deaths_has_no_figure_for_deaths(database, tmp_path, reading):
    events = [event(1, 0, "2014-03-05", best=0, low=0, high=0)]
    answer = told(reading, code=land(database, tmp_path, 4, events), first="2014-03", last="2014-03", k=1)
    assert answer["rankings"]["oracle"] == {"capture": 1.0, "deaths": None, "ndcg": 1.0}


@pytest.mark.parametrize(("communes", "k"), [(1, 10), (4, 4), (4, 10)])
def test_where_all_localities_are_looked_at_every_ranking_is_perfect(database, tmp_path, reading, communes, k):
    code = land(database, tmp_path, communes, [event(1, 0, "2014-03-05")])
    answer = told(reading, code=code, first="2014-03", last="2014-03", k=k)
    assert all(values["capture"] == 1 for values in answer["rankings"].values())
    assert ALL_TAKEN in answer["notes"]


def test_notes_say_what_to_know_before_believing_the_figures(four, reading):
    answer = told(reading, code=four, first="2014-01", last="2014-06", k=1)
    assert {STARTS_LATE, ENDS_EARLY, FEW_MONTHS, NO_POPULATION} == set(answer["notes"])


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"first": "2015-02", "last": "2015-01"}, "--to"),
        ({"first": "1899-12"}, "--from"),
        ({"last": "2999-01"}, "--to"),
        ({"k": 0}, "--k"),
        ({"k": 10_001}, "--k"),
        ({"draws": 0}, "--draws"),
        ({"draws": 1_001}, "--draws"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(values, pointer):
    with pytest.raises(Invalid) as refused:
        plan(**values)
    assert [violation.pointer for violation in refused.value.violations] == [pointer]


@pytest.mark.parametrize("text", ["2015", "2015-13", "2015-01-01", "", "January"])
def test_a_month_is_a_year_and_a_month(text):
    with pytest.raises(Invalid, match="--from: must be a month"):
        month(text, "--from")


def test_months_run_over_the_turn_of_the_year():
    months = plan(first="2014-11", last="2015-02").months
    assert [f"{one:%Y-%m-%d %H:%M %Z}" for one in months] == [
        "2014-11-01 00:00 UTC",
        "2014-12-01 00:00 UTC",
        "2015-01-01 00:00 UTC",
        "2015-02-01 00:00 UTC",
    ]


def test_an_operation_or_a_version_that_is_not_there(database, tmp_path, reading):
    land(database, tmp_path, 4)
    for values in ({"code": "NONE"}, {"methodology": "1999.1"}):
        with pytest.raises(NotFound):
            told(reading, **values)


def test_an_event_is_in_the_nearest_of_the_localities_that_were_there():
    column = np.zeros(2)
    events = Events(column, column > 0, column, column, column, column, column)
    old, new, other = (("a", 1), ("a", 2), ("b", 1))
    # Event 0 is in both versions of a, and further away in b; event 1 in b alone.
    found = Happened(events, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2]), (old, new, other))
    assert found.place({old: 0, other: 1}).tolist() == [0, 1]
    assert found.place({new: 5}).tolist() == [5, -1]
    assert found.place({other: 1}).tolist() == [1, 1]
    assert found.place({}).tolist() == [-1, -1]
