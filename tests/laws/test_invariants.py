"""The invariants of the method, each as a law on random worlds; 7 and 9 once more on a store, in ``test_history.py``.

What has to be broken for each of them to fail, tried by hand:

1. ``pressing``: weigh by ``1 - log2(..) / divisor``; or ``pressure``: the mean of the incidents in place of their sum.
2. ``uncertainty.fill``: a missing value counts as its neutral one at both ends; ``capacity_gap``: an unknown presence
   is left out of the mean.
3. ``unit_shares``: divide by the sum over the localities present; ``threat``: ``W_ref`` is the largest sum.
4. ``sums.split``: add the values as they are; ``Kept.withdraw``: leave the marks as they were.
5. ``portable.exact_sums``: ``np.bincount`` of the values; ``factors._standing``: the last of equal judgements speaks.
6. ``portable.exp2``: NumPy's own, which differs in the last bit; any parameter of a published version.
7. ``Roll.counting``: do not look at ``recorded_at``; or end a row by ``known_to`` alone.
8. ``DecayedSums.move``: keep one slot too many; ``DecayedSums.at``: count the factor from the period's begin.
9. ``counts_in_score`` (SQL): any of its conditions; ``take_step``: leave the evidence of what is withdrawn open.
10. ``Ledger._parts``: by the weight on the first time scale alone; ``_relief``: forget the exponents.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kept import Kept
from scoring_worlds import CLOCK_DAY, COUNTS, LEVELS, by_town, columns, incident_rows, worlds

from flashpoint.scoring.contributions import Ledger, dimension_points
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score
from flashpoint.store.moments import History, instant_us
from flashpoint.store.roll import Places, Roll, _packed

METHODS = {"published": DEFAULT, "spilling": replace(DEFAULT, version="spilling", kernel_width_km=20.0)}
methods = st.sampled_from(list(METHODS))
numbers = st.integers(0, 5)
some = st.sets(numbers, max_size=4)
#: Let days pass, then verify what does not count and withdraw what does: again and again.
schedules = st.lists(st.tuples(st.just(0.0) | st.floats(0, 900) | st.just(30_000.0), some), max_size=5)
# The newest incidents of a world may have ended since the clock struck last.
STRUCK = CLOCK_DAY - 14.9 / 1440

HERE = Path(__file__).parent
EVER = np.iinfo(np.int64).max


class Record(NamedTuple):
    """A row of evidence: hours at which it was known and recorded, until when, and when that was recorded.

    ``ends``: that it counts no longer, or that it lies elsewhere, or that it is named no longer.
    """

    known: int
    recorded: int
    known_to: int
    closed: int
    ends: str


def _hour(hour):
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def _record(hours, *, assumed, ends):
    one, two, three, four = sorted(hours)
    return Record(one, three, two, four, ends) if assumed else Record(one, two, three, four, ends)


hours = st.integers(0, 9)
records = st.lists(
    st.builds(
        _record,
        st.tuples(*[hours] * 4),
        assumed=st.booleans(),
        ends=st.sampled_from(["known_to closed_at", "left_to left_at", "veiled_at"]),
    ),
    max_size=5,
)


def _block(records, by):
    """Pack rows as the database does, as they stood when all was recorded that is by some instant."""
    form, _ = _packed(with_points=False)
    block = np.zeros(len(records), dtype=form)
    block["category"], block["nameable"] = 1, True
    for name in ("known_to", "closed_at", "left_to", "left_at", "veiled_at"):
        block[name] = EVER
    for row, record in zip(block, records, strict=True):
        row["known_at"], row["recorded_at"] = (instant_us(_hour(hour)) for hour in (record.known, record.recorded))
        if row["recorded_at"] > by:
            row["known_at"] = EVER
        if instant_us(_hour(record.closed)) <= by:
            *until, at = record.ends.split()
            row[at] = instant_us(_hour(record.closed))
            for name in until:
                row[name] = instant_us(_hour(record.known_to))
    return block


def _roll(records, by=EVER):
    roll = Roll(Places({}, {}), DEFAULT)
    roll.add(_block(records, by))
    return roll


def lines_of(world, result):
    ledger = Ledger(result)
    return [ledger.lines(at) for at in range(len(world.towns))]


@given(worlds(), methods, st.data())
def test_invariant_1_a_further_verified_incident_never_lowers_any_threat_nor_any_score(world, method, data):
    before = score(world.evidence(), METHODS[method])
    world.incident(**data.draw(incident_rows(st.sampled_from([*world.towns, *world.units, None])), "incident"))
    after = score(world.evidence(), METHODS[method])
    assert (after.threat >= before.threat - 1e-12).all()
    assert (after.score >= before.score - 1e-9).all()


def forgettable(world):
    """Every single thing that could be forgotten, (table, row, column), kind by kind."""
    incidents, communities = range(len(world.incidents)), range(len(world.communities))
    coarse = {incident["place"] for incident in world.incidents} & set(world.units)
    found = [
        [("towns", town, None) for town in world.towns],
        [("units", unit, None) for unit in sorted(coarse)],
        [("incidents", row, name) for row in incidents for name in COUNTS],
        [("communities", row, name) for row in communities for name in (*LEVELS, "people")],
        [("communities", row, "expired") for row in communities],
        [("presences", row["place"], None) for row in world.presences],
    ]
    return [kind for kind in found if kind]


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


@given(worlds(), methods, st.data())
def test_invariant_2_forgetting_a_value_never_raises_the_lower_end_nor_narrows_the_interval(world, method, data):
    richer = score(world.evidence(), METHODS[method])
    what = data.draw(st.sampled_from(forgettable(world)).flatmap(st.sampled_from), "forgotten")
    poorer = score(forget(world, *what).evidence(), METHODS[method])
    assert (poorer.score_low <= richer.score_low + 1e-9).all()
    assert (poorer.score_high >= richer.score_high - 1e-9).all()
    assert (poorer.coverage <= richer.coverage).all()


@given(worlds(), incident_rows(st.just("T0")), st.none() | st.integers(0, 3_000_000), some)
def test_invariant_2_nor_does_forgetting_where_in_a_unit_it_happened(world, incident, people, others):
    """But for spill-over and for whom it implicates: a coarse incident does neither."""
    members = {list(world.towns)[number % len(world.towns)] for number in others} | {"T0"}
    world.unit("V", people, *sorted(members)).incident(**incident | {"state_perpetrator": False})
    richer = score(world.evidence(), DEFAULT)
    world.incidents[-1]["place"] = "V"
    poorer = score(world.evidence(), DEFAULT)
    assert (poorer.score_low <= richer.score_low + 1e-9).all()
    assert (poorer.score_high >= richer.score_high - 1e-9).all()


@given(worlds(), methods, st.sampled_from(["incidents", "communities", "assessments"]), numbers)
def test_invariant_2_a_record_less_never_raises_the_lower_end(world, method, table, number):
    """But for a presence beside others: with its record, protection goes."""
    before = score(world.evidence(), METHODS[method])
    getattr(world, table)[number : number + 1] = []
    after = score(world.evidence(), METHODS[method])
    assert (after.score_low <= before.score_low + 1e-9).all()


@given(worlds(least_towns=2), methods, numbers)
def test_invariant_3_adding_or_removing_a_locality_never_changes_the_score_of_another(world, method, number):
    town = list(world.towns)[number % len(world.towns)]
    with_it = by_town(world, score(world.evidence(), METHODS[method]))
    smaller = world.without(town)
    without = by_town(smaller, score(smaller.evidence(), METHODS[method]))
    assert without == {name: row for name, row in with_it.items() if name != town}


@given(worlds(least_towns=2), methods, numbers, st.integers(0, 10_000_000), st.integers(0, 500))
def test_invariant_3_changing_a_locality_never_changes_the_score_of_another(world, method, number, people, killed):
    town = list(world.towns)[number % len(world.towns)]
    before = by_town(world, score(world.evidence(), METHODS[method]))
    world.towns[town] = people
    world.incident(town, killed=killed).presence(town, "mission_base").community(town).assessment(town, 5, 5)
    after = by_town(world, score(world.evidence(), METHODS[method]))
    assert {**after, town: None} == {**before, town: None}


@given(worlds(), methods, some, st.randoms(use_true_random=False))
def test_invariant_4_withdrawn_and_verified_again_gives_the_exact_earlier_value(world, method, withdrawn, random):
    before = score(world.evidence(), METHODS[method])
    every, back = range(len(world.incidents)), [number for number in withdrawn if number < len(world.incidents)]
    kept = Kept(world, METHODS[method], STRUCK)
    kept.verify(every)
    kept.tick(CLOCK_DAY - STRUCK)
    kept.withdraw(back)
    assert columns(kept.result()) == columns(score(world.only(set(every) - set(back)).evidence(), METHODS[method]))
    random.shuffle(back)
    for number in back:
        kept.verify([number])
    again = kept.result()
    assert columns(again) == columns(before)
    assert kept.lines(again) == lines_of(world, before)


@given(worlds(), methods, st.randoms(use_true_random=False))
def test_invariant_5_the_order_of_the_evidence_does_not_matter(world, method, random):
    first = score(world.evidence(), METHODS[method])
    other = world.shuffled(random)
    shuffled = score(other.evidence(), METHODS[method])
    assert by_town(world, first) == by_town(other, shuffled)
    assert [list(world.towns)[at] for at in first.order] == [list(other.towns)[at] for at in shuffled.order]
    lines = dict(zip(other.towns, lines_of(other, shuffled), strict=True))
    assert dict(zip(world.towns, lines_of(world, first), strict=True)) == {town: lines[town] for town in world.towns}


@given(worlds(), methods, st.randoms(use_true_random=False), st.integers(1, 3))
def test_invariant_5_the_order_in_which_incidents_arrive_does_not_matter(world, method, random, batch):
    arriving = list(range(len(world.incidents)))
    random.shuffle(arriving)
    kept = Kept(world, METHODS[method], CLOCK_DAY)
    for start in range(0, len(arriving), batch):
        kept.verify(arriving[start : start + batch])
    assert columns(kept.result()) == columns(score(world.evidence(), METHODS[method]))


@given(worlds(), methods)
def test_invariant_6_the_same_knowledge_gives_the_same_bytes(world, method):
    """On another machine too: see ``test_portability.py``."""
    first, again = score(world.evidence(), METHODS[method]), score(world.copy().evidence(), METHODS[method])
    assert columns(first) == columns(again)
    assert lines_of(world, first) == lines_of(world, again)


@given(records, hours, hours, hours)
def test_invariant_7_what_is_recorded_later_changes_no_earlier_moment(records, created, as_of, later):
    """However early it counts as known; and what was known later counts at no earlier moment."""
    moment = History(_hour(created), _hour(max(as_of, later))).moment(_hour(as_of))
    now, then = _roll(records), _roll(records, instant_us(moment.recorded))
    assert (now.counting(moment) == then.counting(moment)).all()
    assert (now.nameable(moment) == then.nameable(moment)).all()
    assert all(record.known <= as_of for record, counts in zip(records, now.counting(moment), strict=True) if counts)


@given(worlds(), methods, schedules)
def test_invariant_8_sums_kept_up_to_date_and_sums_made_anew_are_the_same_to_the_bit(world, method, schedule):
    kept, clock_day = Kept(world, METHODS[method], STRUCK), STRUCK
    kept.verify(range(0, len(world.incidents), 2))
    for days, switched in schedule:
        clock_day = kept.tick(days)
        kept.switch(switched)
        counting = world.only(np.flatnonzero(kept.live))
        fresh, moved = score(counting.evidence(clock_day), METHODS[method]), kept.result()
        assert columns(moved) == columns(fresh)
        assert kept.lines(moved) == lines_of(counting, fresh)


@given(worlds(), methods, st.none() | st.integers(0, 3))
def test_invariant_10_contributions_add_up_to_the_score(world, method, limit):
    result = score(world.evidence(), METHODS[method])
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


def test_a_build_tries_each_law_on_at_least_500_examples():
    """The same ones each time; and no law of this folder asks for fewer."""
    build = settings.get_profile("build")
    assert build.max_examples >= 500
    assert build.derandomize
    assert "export CI=" in (HERE.parents[1] / ".ci" / "run").read_text(encoding="utf-8")
    asking = "max_examples" + "="
    few = [path.name for path in HERE.glob("test_*.py") if asking in path.read_text(encoding="utf-8")]
    # It counts its steps, each of which is an example, and asks for 500 of them itself.
    assert few == ["test_history.py"]
