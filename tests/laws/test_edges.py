"""The edges of an operation on a real store: nothing there yet, nobody there, one place alone, nothing known.

The answers are in docs/methodology.md, *Edge cases*; those of the pure core in ``tests/scoring/test_scoring_edges.py``.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from chronicle import BEGIN, Chronicle, Told
from scoring_worlds import World, by_town

from flashpoint import assess
from flashpoint.errors import Invalid, NotFound
from flashpoint.evaluated import TREND_DAYS
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score
from flashpoint.scoring.sums import PERIOD_HALF_LIVES
from flashpoint.scoring.uncertainty import HIGH, LOW
from flashpoint.store.engine import Database
from flashpoint.store.places import ALWAYS
from flashpoint.terminal import moment
from flashpoint.types import Tier

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def database(module_database_url):
    database = Database(module_database_url, pool_size=2)
    yield database
    database.close()


def evaluated(chronicle, as_of, **more):
    with chronicle.database.vault_reader() as reader:
        return assess.evaluate(reader, chronicle.code, as_of, **more)


def attack(chronicle, where):
    incident = chronicle.report(Told(where, chronicle.now, chronicle.now, killed=3))
    chronicle.advance(incident, "corroborate")
    chronicle.advance(incident, "verify", standard="reasonable_grounds")


def is_empty(found):
    empty = len(found.localities) == 0 == len(found.result.score) == len(found.shares)
    return empty and all(len(found.earlier[days].result.score) == 0 for days in TREND_DAYS)


def test_an_operation_without_localities_has_an_empty_matrix_that_counts_what_lies_nowhere(database):
    chronicle = Chronicle(database, localities=0)
    attack(chronicle, "L01")
    attack(chronicle, "U1")
    found = evaluated(chronicle, chronicle.now)
    assert is_empty(found)
    # One lies in no locality; the other in a unit in which none lies, and is found as soon as one does.
    assert (found.in_force, found.unplaced, found.result.unplaced) == (2, 1, 2)
    assert found.data_through is not None


def test_before_the_operation_was_here_and_nothing_is_known_the_matrix_is_empty_and_a_reconstruction(database):
    chronicle = Chronicle(database, since=BEGIN)
    attack(chronicle, "L01")
    for as_of in (BEGIN - HOUR, ALWAYS, datetime(1, 3, 1, tzinfo=UTC)):
        found = evaluated(chronicle, as_of)
        assert is_empty(found)
        assert found.reconstructed
        assert (found.in_force, found.unplaced, found.data_through) == (0, 0, None)


def test_before_the_first_report_every_locality_is_there_and_silent(database):
    chronicle = Chronicle(database)
    before = chronicle.now
    chronicle.now += timedelta(days=3)
    attack(chronicle, "L01")
    found = evaluated(chronicle, before)
    assert not found.reconstructed
    assert len(found.localities) == 12
    assert found.result.silent.all()
    assert np.isnan(found.result.freshness_days).all()
    assert (found.result.threat == chronicle.method.floor).all()
    assert (found.in_force, found.data_through) == (0, None)
    # A week before, the operation was not here; its places are those that were there always.
    assert [len(found.earlier[days].at) for days in TREND_DAYS] == [12, 12]


def test_in_the_quarter_of_an_hour_in_which_it_began_an_operation_is_ranked_already(database):
    chronicle = Chronicle(database, since=BEGIN + HOUR)
    attack(chronicle, "L01")
    found = evaluated(chronicle, chronicle.now)
    assert found.localities[found.result.order[0]].pcode == "L01"
    # How its ranks hang on the parameters, and the trend, are worked out as the clock strikes.
    assert not found.shares.any()
    chronicle.now += HOUR
    assert evaluated(chronicle, chronicle.now).shares.sum() == pytest.approx(10)


def test_one_locality_of_which_nothing_is_known_is_first_and_its_interval_says_how_little_that_means(database):
    chronicle = Chronicle(database, localities=0)
    chronicle.locality("L01", None, None)
    chronicle.now += HOUR
    found = evaluated(chronicle, chronicle.now)
    result = found.result
    assert (list(result.rank), list(result.rank_low), list(result.rank_high)) == ([1], [1], [1])
    assert list(found.shares) == [1.0]
    assert result.tier == (Tier.WATCH,)
    assert result.score_low[0] == pytest.approx(1)
    # Population and presence are missing; of incidents, none was reported, which is known.
    assert result.coverage[0] == pytest.approx(3 / 5)
    assert result.score_high[0] == pytest.approx(100 * (0.01 * 0.505) ** (1 / 3))


def test_localities_that_tie_stand_by_p_code(database):
    chronicle = Chronicle(database, localities=0)
    for pcode in ("L05", "L03", "L04"):
        chronicle.locality(pcode, 7_000, None)
    found = evaluated(chronicle, chronicle.now)
    assert len(set(found.result.score)) == 1
    assert [found.localities[at].pcode for at in found.result.order] == ["L03", "L04", "L05"]


def test_an_operation_that_nobody_has_is_not_found(database):
    with database.vault_reader() as reader, pytest.raises(NotFound):
        assess.evaluate(reader, "NOBODY", BEGIN)


def test_long_after_everything_the_threat_is_gone_and_the_last_word_still_stands(database):
    chronicle = Chronicle(database)
    attack(chronicle, "L01")
    found = evaluated(chronicle, datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    assert (found.result.threat == chronicle.method.floor).all()
    assert found.result.silent.all()
    assert found.in_force == 1
    assert found.data_through == chronicle.incidents[0].told.reported_at


@pytest.mark.parametrize("day", ["1899-12-31", "0001-01-01", "9999-12-31"])
def test_before_1900_and_in_the_future_nobody_is_asked(day):
    with pytest.raises(Invalid) as caught:
        moment(day)
    assert [(one.pointer, one.code) for one in caught.value.violations] == [("--as-of", "range")]


def test_where_all_reports_are_coarse_the_ends_are_nothing_and_all_of_it():
    coarse = World().town("A", 5_000).unit("U", 50_000, "A").incident("U", killed=9)
    nothing, everything = World().town("A", 5_000), World().town("A", 5_000).incident("A", killed=9)
    low, best, high = score(coarse.evidence(), DEFAULT).threat[0]
    assert low == score(nothing.evidence(), DEFAULT).threat[0, LOW]
    assert high == score(everything.evidence(), DEFAULT).threat[0, HIGH]
    assert low < best < high


def test_an_incident_older_than_the_memory_is_news_that_is_old_and_nothing_else():
    days = DEFAULT.memory_days + PERIOD_HALF_LIVES * max(DEFAULT.threat_half_life_days.values())
    known = {"displaced": 40_000, "protected_site": True, "killed": None}
    world = World().town("A", 5_000).incident("A", age_days=days, report_age_days=3.0, **known)
    found, nothing = (score(one.evidence(), DEFAULT) for one in (world, World().town("A", 5_000)))
    assert by_town(world, replace(found, freshness_days=nothing.freshness_days, silent=nothing.silent)) == by_town(
        world, nothing
    )
    assert found.freshness_days[0] == 3
    assert not found.silent[0]


def test_what_ended_since_the_clock_struck_counts_at_once():
    struck, ended = (World().town("A", 5_000).incident("A", age_days=days) for days in (0.0, -14 / 1440))
    now, later = (score(one.evidence(), DEFAULT) for one in (struck, ended))
    assert now.score[0] < later.score[0] < now.score[0] + 0.01
    assert later.freshness_days[0] == 0
