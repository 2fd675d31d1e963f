"""What each missing or uncertain input alone could make of a score: by the laws, and by putting it into the world."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_worlds import LEVELS, World, worlds

from flashpoint.scoring.margins import COARSE_INCIDENTS, EXPIRED_ASSESSMENT, INPUTS, Margins, margins
from flashpoint.scoring.methodology import DEFAULT, FIRST
from flashpoint.scoring.model import score

SPILLING = replace(DEFAULT, version="spilling", kernel_width_km=20.0)
methods = st.sampled_from([DEFAULT, SPILLING])
few = settings(max_examples=60, deadline=None)
LEAST, MOST = 0, 2


# -- laws -----------------------------------------------------------------------------------------------------------


@few
@given(worlds(), methods)
def test_every_margin_holds_the_score_and_lies_within_its_interval(world, method):
    result = score(world.evidence(), method)
    every = Margins(result)
    for index in range(len(world.towns)):
        found = every.lines(index)
        assert found == margins(result, index)
        for margin in found:
            assert result.score_low[index] <= margin.score_if_least <= result.score[index]
            assert result.score[index] <= margin.score_if_most <= result.score_high[index]
        assert [margin.spread for margin in found] == sorted((margin.spread for margin in found), reverse=True)
        assert len({margin.input for margin in found}) == len(found)


@few
@given(worlds(), methods)
def test_a_score_with_an_interval_has_an_input_that_opens_it_and_one_without_has_none_that_moves_it(world, method):
    result = score(world.evidence(), method)
    for index in range(len(world.towns)):
        moved = max((margin.spread for margin in margins(result, index)), default=0.0)
        assert (moved > 1e-9) == (result.score_high[index] - result.score_low[index] > 1e-9)


def open_inputs(world, town):
    """What is not known of a town, read off the rows themselves."""
    here = [row for row in world.incidents if row["place"] == town and row["age_days"] <= DEFAULT.memory_days]
    units = [name for name, (_, members) in world.units.items() if town in members]
    coarse = [row for row in world.incidents if row["place"] in units and row["age_days"] <= DEFAULT.memory_days]
    communities = [row for row in world.communities if row["place"] == town]
    unexpired = [row for row in communities if not row["expired"]]

    def spans(value):
        return value is None or (isinstance(value, tuple) and value[0] < value[2])

    found = {name for name in LEVELS if any(row[name] is None for row in unexpired)}
    found |= {"population"} if spans(world.towns[town]) else set()
    found |= {"presence"} if all(row["place"] != town for row in world.presences) else set()
    casualties = ("killed", "injured", "abducted")
    found |= {"casualties"} if any(spans(row[name]) for row in here for name in casualties) else set()
    found |= {"displacement"} if any(spans(row["displaced"]) for row in here) else set()
    found |= {"displacement"} if any(row["displaced"] != 0 for row in coarse) else set()
    found |= {"confined_people"} if any(spans(row["people"]) for row in unexpired) else set()
    found |= {EXPIRED_ASSESSMENT} if len(unexpired) < len(communities) else set()
    return found | ({COARSE_INCIDENTS} if coarse else set())


MISSING = {"presence", EXPIRED_ASSESSMENT, *LEVELS}


@few
@given(worlds())
def test_what_is_listed_is_open_and_what_is_missing_is_listed(world):
    result = score(world.evidence(), DEFAULT)
    for index, town in enumerate(world.towns):
        listed = {margin.input for margin in margins(result, index)}
        expected = open_inputs(world, town)
        assert listed <= expected
        assert expected & MISSING <= listed
        assert world.towns[town] is not None or "population" in listed


def test_where_all_is_known_there_is_no_margin():
    world = World().town("A", 30_000).incident("A", killed=3, age_days=5.0).presence("A", "mission_patrol")
    world.community("A", people=900, confinement=3)
    assert margins(score(world.evidence(), DEFAULT), 0) == []


def test_a_locality_that_was_not_asked_for_is_not_there():
    result = score(World().town("A").town("B").evidence(), DEFAULT)
    with pytest.raises(KeyError):
        Margins(result, [1]).lines(0)


# -- the same by putting the input into the world -------------------------------------------------------------------


def with_population(world, town, end):
    population = world.towns[town] or (DEFAULT.population_floor, None, DEFAULT.population_ceiling)
    world.towns[town] = population[end]


def with_presence(world, town, end):
    for _ in range(3):
        world.presence(town, "none" if end == MOST else "mission_base")


def counted(row, name, end, ceiling):
    if row[name] is None:
        row[name] = ceiling if end == MOST else 0
    elif isinstance(row[name], tuple):
        row[name] = row[name][end]


def with_casualties(world, _town, end):
    # Those that spill over from near by have casualties too, the coarse ones are an input of their own.
    for row in world.incidents:
        if row["place"] not in world.units:
            for name in ("killed", "injured", "abducted"):
                counted(row, name, end, 40_000)


def with_displacement(world, town, end):
    for row in world.incidents:
        if row["place"] == town:
            counted(row, "displaced", end, 50_000)


def with_coarse_incidents(world, town, end):
    for row in world.incidents:
        if row["place"] in world.units and town in world.units[row["place"]][1]:
            for name in ("killed", "injured", "abducted"):
                counted(row, name, end, 40_000)
            row["place"] = town if end == MOST else None


def with_level(name):
    def put(world, town, end):
        for row in world.communities:
            if row["place"] == town and row[name] is None and not row["expired"]:
                row[name] = 4 if end == MOST else 0

    return put


def with_confined_people(world, town, end):
    for row in world.communities:
        if row["place"] == town and not row["expired"]:
            counted(row, "people", end, 50_000)


def with_renewed_assessment(world, town, end):
    value = {"people": 50_000, "level": 4} if end == MOST else {"people": 0, "level": 0}
    for row in world.communities:
        if row["place"] == town and row["expired"]:
            row.update(dict.fromkeys(LEVELS, value["level"]), people=value["people"], expired=False)


PUT = {
    "population": with_population,
    "presence": with_presence,
    "casualties": with_casualties,
    "displacement": with_displacement,
    **{name: with_level(name) for name in LEVELS},
    "confined_people": with_confined_people,
    EXPIRED_ASSESSMENT: with_renewed_assessment,
    COARSE_INCIDENTS: with_coarse_incidents,
}


@st.composite
def plain_worlds(draw):
    """Worlds where no input moves a second one: shares of units are neutral, coarse incidents displaced nobody."""
    world = draw(worlds())
    world.units = {name: (None, members) for name, (_, members) in world.units.items()}
    for row in world.incidents:
        if row["place"] in world.units:
            row.update(displaced=0, state_perpetrator=False, at=None)
    return world


def test_every_input_has_its_way_into_the_world():
    assert set(PUT) == set(INPUTS)


def agrees(world, town, method):
    """Put each open input of a town into the world, at both ends; give those that were open."""
    at = world.index(town)
    found = margins(score(world.evidence(), method), at)
    for margin in found:
        for end, expected in ((LEAST, margin.score_if_least), (MOST, margin.score_if_most)):
            known = world.copy()
            PUT[margin.input](known, town, end)
            assert score(known.evidence(), method).score[at] == pytest.approx(expected, abs=1e-6), margin.input
    return {margin.input for margin in found}


@settings(max_examples=60, deadline=None)
@given(plain_worlds(), methods)
def test_putting_an_input_into_the_world_gives_that_score(world, method):
    for town in world.towns:
        agrees(world, town, method)


def test_putting_every_input_into_a_world_where_all_are_open_gives_that_score():
    world = World().town("A", (900, 20_000, 60_000)).town("B", 5_000).unit("U", None, "A", "B")
    world.incident("A", killed=(1, 4, 9), displaced=None, age_days=9.0).incident("A", injured=None, protected_site=True)
    world.incident("U", abducted=(0, 3, 30), age_days=4.0, protected_site=True)
    world.community("A", people=(100, 400, 2_000), **dict.fromkeys(LEVELS)).community("A", people=None, confinement=2)
    world.community("A", people=700, confinement=4, food=3, expired=True).community("A", people=None, expired=True)
    assert agrees(world, "A", DEFAULT) == set(INPUTS)


# -- by hand --------------------------------------------------------------------------------------------------------


def test_one_town_by_hand():
    """Population and presence are missing. T = ln(3)/ln(101), V = 0.5*0.5 + 0.3*0.01 + 0.2*0.01, L = 0.5."""
    found = margins(score(World().town("A").incident("A", killed=0).evidence(), FIRST), 0)

    def by_hand(vulnerability, gap):
        return 100 * (np.log(3) / np.log(101) * vulnerability * gap) ** (1 / 3)

    assert [(margin.input, margin.score_if_least, margin.score_if_most) for margin in found] == [
        ("presence", pytest.approx(by_hand(0.255, 0.01)), pytest.approx(by_hand(0.255, 1.0))),
        ("population", pytest.approx(by_hand(0.01, 0.5)), pytest.approx(by_hand(0.505, 0.5))),
    ]
