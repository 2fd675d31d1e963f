"""The laws that hold on every world, tried on random ones."""

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_worlds import COUNTS, LEVELS, incident_rows, worlds

from flashpoint.scoring.contributions import Ledger, dimension_points
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score

SPILLING = replace(DEFAULT, version="spilling", kernel_width_km=20.0)
methods = st.sampled_from([DEFAULT, SPILLING])
few = settings(max_examples=60, deadline=None)


def columns(result):
    """Everything that is served, as bytes; P-codes stand in for positions."""
    found = {}
    for entry in fields(result):
        value = getattr(result, entry.name)
        if entry.name not in {"parts", "order"}:
            found[entry.name] = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return found


def by_town(world, result):
    """Each town's own columns, ranks left out."""
    names = ("score", "score_low", "score_high", "silent", "coverage", "freshness_days", "people_at_risk")
    return {
        town: (
            [getattr(result, name)[at].tobytes() for name in names],
            [getattr(result, name)[at].tobytes() for name in ("threat", "vulnerability", "capacity_gap")],
            result.tier[at],
        )
        for at, town in enumerate(world.towns)
    }


@few
@given(worlds(), methods, st.data())
def test_a_further_incident_never_lowers_any_threat_nor_any_score(world, method, data):
    before = score(world.evidence(), method)
    places = st.sampled_from([None, *world.towns, *world.units])
    world.incident(**data.draw(incident_rows(places)))
    after = score(world.evidence(), method)
    assert (after.threat >= before.threat - 1e-12).all()
    assert (after.score >= before.score - 1e-9).all()


def forgettable(world):
    """Every single thing that could be forgotten: (table, row, column)."""
    found = [("towns", town, None) for town in world.towns]
    found += [("units", unit, None) for unit in world.units]
    found += [("incidents", row, name) for row in range(len(world.incidents)) for name in COUNTS]
    found += [("communities", row, name) for row in range(len(world.communities)) for name in (*LEVELS, "people")]
    found += [("communities", row, "expired") for row in range(len(world.communities))]
    return found + [("presences", row["place"], None) for row in world.presences]


def forget(world, table, row, column):
    poorer = world.copy()
    if table == "towns":
        poorer.towns[row] = None
    elif table == "units":
        poorer.units[row] = (None, poorer.units[row][1])
    elif table == "presences":
        poorer.presences = [presence for presence in poorer.presences if presence["place"] != row]
    else:
        getattr(poorer, table)[row][column] = True if column == "expired" else None
    return poorer


@few
@given(worlds(), methods, st.data())
def test_forgetting_never_raises_the_lower_end_nor_narrows_the_interval_nor_raises_coverage(world, method, data):
    richer = score(world.evidence(), method)
    poorer = score(forget(world, *data.draw(st.sampled_from(forgettable(world)))).evidence(), method)
    assert (poorer.score_low <= richer.score_low + 1e-9).all()
    assert (poorer.score_high >= richer.score_high - 1e-9).all()
    assert (poorer.coverage <= richer.coverage).all()


@few
@given(worlds(least_towns=2), methods, st.data())
def test_a_locality_never_changes_the_score_of_another(world, method, data):
    town = data.draw(st.sampled_from(list(world.towns)))
    with_it = by_town(world, score(world.evidence(), method))
    smaller = world.without(town)
    without = by_town(smaller, score(smaller.evidence(), method))
    assert without == {name: row for name, row in with_it.items() if name != town}


@few
@given(worlds(), methods, st.data())
def test_changing_a_locality_never_changes_the_score_of_another(world, method, data):
    town = data.draw(st.sampled_from(list(world.towns)))
    before = by_town(world, score(world.evidence(), method))
    world.towns[town] = data.draw(st.integers(0, 10_000_000))
    world.incident(town, killed=data.draw(st.integers(0, 500))).presence(town, "mission_base").community(town)
    after = by_town(world, score(world.evidence(), method))
    assert {name: row for name, row in before.items() if name != town} == {
        name: row for name, row in after.items() if name != town
    }


@few
@given(worlds(), methods, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_repeating_changes_nothing(world, method, random):
    first, again = score(world.evidence(), method), score(world.evidence(), method)
    assert columns(first) == columns(again)
    other = world.shuffled(random)
    shuffled = score(other.evidence(), method)
    assert by_town(world, first) == by_town(other, shuffled)
    assert [list(world.towns)[at] for at in first.order] == [list(other.towns)[at] for at in shuffled.order]
    ledger, reordered = Ledger(first), Ledger(shuffled)
    for town in world.towns:
        assert ledger.lines(world.index(town)) == reordered.lines(other.index(town))


@few
@given(worlds(), methods)
def test_incidents_placed_nowhere_or_forgotten_change_nothing_but_the_count(world, method):
    before = columns(score(world.evidence(), method))
    world.incident(None, killed=50).incident(next(iter(world.towns)), age_days=7201.0, killed=None)
    after = columns(score(world.evidence(), method))
    assert int(after.pop("unplaced")) == int(before.pop("unplaced")) + 1
    assert after == before


@few
@given(worlds(), methods)
def test_the_evidence_is_only_read(world, method):
    evidence = world.evidence()
    parts = [getattr(evidence, entry.name) for entry in fields(evidence)]
    arrays = [value for part in parts for value in (getattr(part, entry.name) for entry in fields(part))]
    for value in arrays:
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    result = score(evidence, method)
    Ledger(result).lines(0)
    assert not result.score.flags.writeable


@few
@given(worlds(), methods)
def test_every_number_lies_within_its_interval_and_its_scale(world, method):
    result = score(world.evidence(), method)
    for dimension in (result.threat, result.vulnerability, result.capacity_gap):
        assert (np.diff(dimension, axis=1) >= 0).all()
        assert ((dimension >= method.floor) & (dimension <= 1)).all()
    assert (result.score_low <= result.score).all()
    assert (result.score <= result.score_high).all()
    assert ((result.score_low >= 1) & (result.score_high <= 100)).all()
    assert ((result.coverage > 0) & (result.coverage <= 1)).all()


@few
@given(worlds(), methods)
def test_ranks_and_their_bounds_agree_with_counting(world, method):
    result = score(world.evidence(), method)
    size = len(world.towns)
    assert sorted(result.rank) == list(range(1, size + 1))
    assert [result.rank[at] for at in result.order] == list(range(1, size + 1))
    keys = [(-result.score[at], -result.people_at_risk[at], town) for at, town in enumerate(world.towns)]
    assert list(result.order) == sorted(range(size), key=keys.__getitem__)
    for one in range(size):
        others = [other for other in range(size) if other != one]
        above = sum(bool(result.score_low[other] > result.score_high[one]) for other in others)
        maybe = sum(bool(result.score_high[other] > result.score_low[one]) for other in others)
        assert result.rank_low[one] == 1 + above
        assert result.rank_high[one] == max(1 + maybe, result.rank[one])
        assert result.rank_low[one] <= result.rank[one] <= result.rank_high[one]


WORSE = {
    "killed": lambda row: row | {"killed": tuple(count + 5 for count in row["killed"] or (0, 0, 0))},
    "displaced": lambda row: row | {"displaced": tuple(count + 99 for count in row["displaced"] or (0, 0, 0))},
    "site": lambda row: row | {"protected_site": True},
    "state": lambda row: row | {"state_perpetrator": True},
    "fresher": lambda row: row | {"age_days": row["age_days"] / 2},
}


@few
@given(worlds(), methods, st.sampled_from(sorted(WORSE)), st.data())
def test_a_worse_incident_never_lowers_a_score(world, method, worse, data):
    world.incident(next(iter(world.towns)), age_days=3.0)
    before = score(world.evidence(), method)
    at = data.draw(st.integers(0, len(world.incidents) - 1))
    world.incidents[at] = WORSE[worse](world.incidents[at])
    after = score(world.evidence(), method)
    assert (after.score >= before.score - 1e-9).all()


@few
@given(worlds(), st.data())
def test_worse_enclaves_nearer_presences_and_higher_threats_move_the_score_their_way(world, data):
    town = next(iter(world.towns))
    # Known, for a neutral value may stand above as well as below what is learnt later.
    world.towns[town] = world.towns[town] or (40_000,) * 3
    world.community(town, people=100, expired=data.draw(st.booleans()))
    world.presence(town, "mission_patrol", 20.0, 10.0).assessment(town, 2, 2)
    before = score(world.evidence(), DEFAULT)
    worse = world.copy()
    worse.communities[-1] |= {data.draw(st.sampled_from(LEVELS)): data.draw(st.integers(0, 4)), "people": 5000}
    worse.assessments[-1]["impact"] = 5
    worse.presences[-1] |= {"distance_km": 30.0, "age_days": 20.0}
    after = score(worse.evidence(), DEFAULT)
    assert (after.score >= before.score - 1e-9).all()
    bigger = world.copy()
    bigger.towns[town] = tuple(count + 1000 for count in world.towns[town])
    assert (score(bigger.evidence(), DEFAULT).score >= before.score - 1e-9).all()


@few
@given(worlds())
def test_recording_an_enclave_never_lowers_a_score(world):
    before = score(world.evidence(), DEFAULT)
    world.community(next(iter(world.towns)))
    after = score(world.evidence(), DEFAULT)
    assert (after.score >= before.score - 1e-9).all()


@few
@given(worlds(), methods, st.none() | st.integers(0, 3))
def test_contributions_add_up_to_the_score(world, method, limit):
    result = score(world.evidence(), method)
    dimensions, ledger = dimension_points(result), Ledger(result)
    assert (dimensions >= 0).all()
    assert np.allclose(dimensions.sum(axis=1), result.score, rtol=0, atol=1e-9)
    for at in range(len(world.towns)):
        lines = ledger.lines(at, limit)
        assert abs(sum(line.points for line in lines) - result.score[at]) < 1e-9
        for kind, expected in zip(("threat", "vulnerability", "capacity_gap"), dimensions[at], strict=True):
            assert abs(sum(line.points for line in lines if line.kind == kind) - expected) < 1e-9
        for line in lines:
            assert line.points >= 0 or line.component.startswith("presence:")
