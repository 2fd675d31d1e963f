"""Worlds at the edge: empty, alone, unknown, tied, unplaced, and malformed ones."""

from dataclasses import replace

import numpy as np
import pytest
from scoring_worlds import World

from flashpoint.scoring.contributions import Ledger, dimension_points
from flashpoint.scoring.evidence import CATEGORY_CODES, Evidence, Incidents, Localities, Units
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score


def test_no_localities():
    result = score(Evidence(), DEFAULT)
    assert result.order.shape == result.score.shape == (0,)
    assert result.threat.shape == (0, 3)
    assert (result.tier, result.unplaced) == ((), 0)
    assert dimension_points(result).shape == (0, 3)


def test_no_localities_but_an_incident():
    assert score(World().incident().evidence(), DEFAULT).unplaced == 1


def test_one_locality_with_nothing_known():
    result = score(World().town("A").evidence(), DEFAULT)
    assert (result.rank[0], result.rank_low[0], result.rank_high[0]) == (1, 1, 1)
    # T = e; V = 0.5 * 0.5 + 0.5 * 0.01 = 0.255, from e to 0.505; L = 0.5, from e to 1
    assert result.score[0] == pytest.approx(100 * (0.01 * 0.255 * 0.5) ** (1 / 3))
    assert result.score_low[0] == pytest.approx(1)
    assert result.score_high[0] == pytest.approx(100 * (0.01 * 0.505) ** (1 / 3))
    # casualties, displacement and sites: nothing was reported; population and presence are not known
    assert result.coverage[0] == pytest.approx(3 / 5)
    assert result.silent[0]
    assert np.isnan(result.freshness_days[0])


def test_everything_at_the_floor_is_split_evenly():
    # (1 - 0.99 strongest)... a hundred bases leave a gap below e
    world = World().town("A", 1)
    for _ in range(100):
        world.presence("A", "mission_base")
    result = score(world.evidence(), DEFAULT)
    assert result.score[0] == pytest.approx(1)
    assert dimension_points(result)[0] == pytest.approx([1 / 3] * 3)
    lines = Ledger(result).lines(0)
    assert lines[0].component == "floor"
    assert sum(line.points for line in lines) == pytest.approx(1, abs=1e-9)


def test_ten_thousand_ties_fall_to_people_then_p_code():
    size = 10_000
    population = np.full((size, 3), 500.0)
    population[7] = 900.0
    pcodes = [f"P{number:05}" for number in reversed(range(size))]
    result = score(Evidence(Localities(pcodes, population)), DEFAULT)
    assert len(set(result.score)) == 1
    assert result.order[0] == 7
    assert result.order[1] == size - 1
    assert sorted(result.rank) == list(range(1, size + 1))
    assert (result.rank_low == 1).all()
    # every interval is as open as the missing presence leaves it: all may be above
    assert (result.rank_high == size).all()


def test_exact_ties_without_width_are_ranked_within_their_bounds():
    world = World().town("B", 500).town("A", 500).presence("A", "none").presence("B", "none")
    result = score(world.evidence(), DEFAULT)
    assert list(result.rank) == [2, 1]
    assert list(result.rank_high) == [2, 1]


def test_all_unplaced():
    world = World().town("A", 500).unit("U", 100).incident().incident("U").incident()
    result = score(world.evidence(), DEFAULT)
    assert result.unplaced == 3
    assert list(result.threat[0]) == [0.01] * 3


def test_threat_stops_at_one():
    world = World().town("A")
    for _ in range(400):
        world.incident("A", killed=15)
    result = score(world.evidence(), DEFAULT)
    assert list(result.threat[0]) == [1, 1, 1]
    assert sum(line.points for line in Ledger(result).lines(0)) == pytest.approx(result.score[0], abs=1e-9)


def test_categories_may_be_given_by_position():
    world = World().town("A").incident("A", category="shelling").incident("A", category="extortion")
    named = world.evidence()
    positions = np.array([CATEGORY_CODES.index(code) for code in named.incidents.category])
    numbered = replace(named, incidents=replace(named.incidents, category=positions))
    assert score(named, DEFAULT).threat.tobytes() == score(numbered, DEFAULT).threat.tobytes()


def test_withdrawing_and_verifying_again_gives_the_exact_earlier_score():
    world = World().town("A", 100)
    for age in (0.1, 0.7, 33.3):
        world.incident("A", killed=7, age_days=age)
    before = score(world.evidence(), DEFAULT).score.tobytes()
    row = world.incidents.pop(1)
    assert score(world.evidence(), DEFAULT).score.tobytes() != before
    world.incidents.append(row)
    assert score(world.evidence(), DEFAULT).score.tobytes() == before


@pytest.mark.parametrize(
    "malformed",
    [
        lambda: Localities(["A", "A"], np.zeros((2, 3))),
        lambda: Localities(["A"], np.zeros(1)),
        lambda: Localities(["A"], np.zeros((2, 3))),
        lambda: Units(np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)),
        lambda: replace(World().incident().evidence().incidents, ended_day=np.array([np.nan])),
        lambda: score(World().town("A").incident("A", age_days=-1_000.0).evidence(), DEFAULT),
        lambda: replace(World().incident().evidence().incidents, category=np.array([99])),
        lambda: replace(World().town("A").unit("U", 1).incident("A").evidence().incidents, unit=np.array([0])),
        lambda: Evidence(incidents=World().town("A").incident("A").evidence().incidents),
        lambda: World().town("A").community("A", food=5).evidence(),
        lambda: World().town("A").assessment("A", 0, 5).evidence(),
        lambda: World().town("A").presence("A", "angels").evidence(),
        lambda: World().town("A").presence("A", "escort", distance_km=None).evidence(),
    ],
)
def test_malformed_columns_are_refused(malformed):
    with pytest.raises(ValueError):  # noqa: PT011 - one kind for every programming error
        malformed()


def test_incidents_have_an_empty_form():
    assert len(Incidents()) == 0
