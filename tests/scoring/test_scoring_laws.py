"""What holds on every world beside the invariants of the method, which are in ``tests/laws``."""

from dataclasses import fields, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scoring_worlds import LEVELS, World, columns, worlds

from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score

METHODS = {"published": DEFAULT, "spilling": replace(DEFAULT, version="spilling", kernel_width_km=20.0)}
methods = st.sampled_from(list(METHODS))


@given(worlds(), methods)
def test_incidents_placed_nowhere_or_forgotten_change_nothing_but_the_count(world, method):
    before = columns(score(world.evidence(), METHODS[method]))
    world.incident(None, killed=50).incident(next(iter(world.towns)), age_days=60_000.0, report_age_days=60_000.0)
    after = columns(score(world.evidence(), METHODS[method]))
    assert int(after.pop("unplaced")) == int(before.pop("unplaced")) + 1
    for told in (before, after):
        del told["freshness_days"]
    assert after == before


@given(worlds(), methods)
def test_the_evidence_is_only_read(world, method):
    evidence = world.evidence()
    parts = [getattr(evidence, entry.name) for entry in fields(evidence) if entry.name != "clock_day"]
    arrays = [value for part in parts for value in (getattr(part, entry.name) for entry in fields(part))]
    for value in arrays:
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    result = score(evidence, METHODS[method])
    Ledger(result).lines(0)
    assert not result.score.flags.writeable


@given(worlds(), methods)
def test_every_number_lies_within_its_interval_and_its_scale(world, method):
    result = score(world.evidence(), METHODS[method])
    for dimension in (result.threat, result.vulnerability, result.capacity_gap):
        assert (np.diff(dimension, axis=1) >= 0).all()
        assert ((dimension >= METHODS[method].floor) & (dimension <= 1)).all()
    assert (result.score_low <= result.score).all()
    assert (result.score <= result.score_high).all()
    assert ((result.score_low >= 1) & (result.score_high <= 100)).all()
    assert ((result.coverage > 0) & (result.coverage <= 1)).all()


@given(worlds(), methods)
def test_ranks_and_their_bounds_agree_with_counting(world, method):
    result = score(world.evidence(), METHODS[method])
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


@given(worlds(), methods, st.sampled_from(sorted(WORSE)), st.data())
def test_a_worse_incident_never_lowers_a_score(world, method, worse, data):
    world.incident(next(iter(world.towns)), age_days=3.0)
    before = score(world.evidence(), METHODS[method])
    at = data.draw(st.integers(0, len(world.incidents) - 1))
    world.incidents[at] = WORSE[worse](world.incidents[at])
    after = score(world.evidence(), METHODS[method])
    assert (after.score >= before.score - 1e-9).all()


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


@given(worlds())
def test_recording_an_enclave_never_lowers_a_score(world):
    before = score(world.evidence(), DEFAULT)
    world.community(next(iter(world.towns)))
    after = score(world.evidence(), DEFAULT)
    assert (after.score >= before.score - 1e-9).all()


@given(worlds())
def test_a_world_prints_as_the_calls_that_make_it(world):
    """Else the smallest world on which a law fails could not be read, nor tried again."""
    printed = repr(world)
    assert repr(eval(f"({printed})", {"World": World})) == printed  # noqa: S307 - the text is our own
