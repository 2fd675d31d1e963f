"""The invariants on a real store: whatever is done in whatever order, the matrix is what it has to be, to the bit.

After each deed three matrices are the same: the one moved on from before, the one computed afresh, and the one that the
pure core makes of a plain account of what was said, in which nothing stands that is unverified, withdrawn, a duplicate,
an exercise or without consent (invariants 5, 6, 8 and 9). Every matrix that was looked at comes again as it was,
whatever is recorded later (invariant 7). A failure is told as the list of deeds that leads to it.

What has to be broken for that: see ``test_invariants.py``.
"""

from dataclasses import replace
from datetime import timedelta
from functools import wraps

import numpy as np
import pytest
from chronicle import BEGIN, PCODES, UNITS, Chronicle, Told
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from reckoning import differing, reckon, told_of
from scoring_worlds import columns

from flashpoint import assess
from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES
from flashpoint.scoring.model import score
from flashpoint.standing import Standing
from flashpoint.store.engine import Database
from flashpoint.store.moments import history
from flashpoint.types import PresenceType

METHODS = METHODOLOGIES | {"spilling": replace(DEFAULT, version="spilling", kernel_width_km=50.0)}
pcodes = st.sampled_from(PCODES)
places = st.sampled_from([*PCODES[:4], *PCODES[-2:], *UNITS, None])
days = st.sampled_from([0, 1, 6, 20, 100, 400, 3000])
#: What an incident may say beside where and when.
saying = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from(["armed_clash", "sexual_violence", "shelling"]),
        "killed": st.sampled_from([None, 3, 40]),
        "displaced": st.sampled_from([None, 900]),
        "by_state": st.just(value=True),
        "at_school": st.just(value=True),
        "sharing": st.sampled_from(["mission", "restricted"]),
    },
)
#: What takes a record out of the score, and a word that does not matter.
closing = st.sampled_from(
    [{"consent": "refused"}, {"exercise": True}, {"share_above": "none"}, {"sharing": "restricted"}, {"narrative": "."}]
)
open_again = {"consent": "given", "exercise": False, "share_above": "aggregate", "sharing": "cluster"}
OPEN_TERMS = {"sharing": "cluster", "share_above": "aggregate", "consent": "given"}
#: What takes a community or a presence out of the score, or names it to nobody.
judgements = st.sampled_from([{}, {"consent": "refused"}, {"share_above": "none"}, {"sharing": "restricted"}])
lasting = st.sampled_from([1, 40, 1000])
presences = st.sampled_from([str(kind) for kind in PresenceType])
grades = st.none() | st.integers(0, 4)
_LEVELS = ("confinement", "food", "water", "health", "market")


def deed(**given):
    """Make a rule of a deed: something is done, and then the matrix is looked at."""

    def as_rule(function):
        @rule(**given)
        @wraps(function)
        def done(self, **arguments):
            result = function(self, **arguments)
            self._look()
            return result

        return done

    return as_rule


class History(RuleBasedStateMachine):
    """An operation to which anything may happen."""

    incidents, subjects = Bundle("incidents"), Bundle("subjects")
    database: Database
    steps = 0

    @initialize(target=incidents)
    def begin_with_three_verified(self):
        """Places, and incidents to which the worst can happen at once: in two localities, and known to a unit only."""
        self.chronicle = Chronicle(self.database)
        self.kept, self.last, self.memories = None, None, []
        told = [self._told(where, 6, {"killed": 3}) for where in (PCODES[0], PCODES[1], "U1")]
        begun = [self._verified(self.chronicle.report(one)) for one in told]
        self._look()
        return multiple(*begun)

    # -- deeds ---------------------------------------------------------------------------------------------------------

    def _told(self, where, ended, said):
        now = self.chronicle.now
        return Told(where, now - timedelta(days=ended), now - timedelta(days=min(ended, 2)), **said)

    def _verified(self, incident):
        self.chronicle.advance(incident, "corroborate")
        self.chronicle.advance(incident, "verify", standard="reasonable_grounds")
        return incident

    @deed(target=incidents, where=places, ended=days, said=saying, sources=st.integers(1, 3))
    def report(self, where, ended, said, sources):
        return self.chronicle.report(self._told(where, ended, said), sources)

    @deed(target=incidents, where=places, ended=days, known=days, said=saying | closing)
    def import_as_known_then(self, where, ended, known, said):
        known_at = self.chronicle.now - timedelta(days=min(ended, known))
        return self.chronicle.report(self._told(where, ended, said), 0, known_at)

    @deed(incident=incidents)
    def verify(self, incident):
        self._verified(incident)

    @deed(target=incidents, where=places, ended=days, said=saying | closing)
    def report_and_verify(self, where, ended, said):
        return self._verified(self.chronicle.report(self._told(where, ended, said)))

    @deed(incident=incidents, action=st.sampled_from(["reject", "dispute", "reinstate", "corroborate"]))
    def take_step(self, incident, action):
        self.chronicle.advance(incident, action)

    @deed(incident=incidents, reason=st.sampled_from(["false", "consent_withdrawn", "harm"]))
    def withdraw(self, incident, reason):
        self.chronicle.advance(incident, "withdraw", reason_code=reason)

    @deed(incident=incidents)
    def reinstate_and_verify(self, incident):
        self.chronicle.advance(incident, "reinstate")
        self._verified(incident)

    @deed(incident=incidents, original=incidents)
    def mark_duplicate(self, incident, original):
        self.chronicle.advance(incident, "mark_duplicate", duplicate_of=str(original.id))

    @deed(incident=incidents, changes=saying | closing | st.just(open_again))
    def edit(self, incident, changes):
        self.chronicle.edit(incident, **changes)

    @deed(incident=incidents, where=places)
    def move(self, incident, where):
        self.chronicle.edit(incident, where=where)

    @deed(incident=incidents, number=st.integers(1, 3))
    def add_source(self, incident, number):
        self.chronicle.add_sources(incident, number)

    @deed(pcode=pcodes, population=st.sampled_from([None, 500, 70_000]), unit=st.sampled_from(["U1", "U2", None]))
    def record_locality(self, pcode, population, unit):
        self.chronicle.locality(pcode, population, unit)

    @deed(pcode=pcodes, population=st.sampled_from([None, 900, 50_000]))
    def import_population(self, pcode, population):
        self.chronicle.count_people(pcode, population)

    @deed(pcode=pcodes)
    def withdraw_locality(self, pcode):
        if (found := self.chronicle.at(pcode)) is not None:
            self.chronicle.withdraw(found)

    def _judged(self, lasts, said):
        now = self.chronicle.now
        return {"assessed_at": now, "expires_at": now + timedelta(days=lasts), **OPEN_TERMS} | said

    def _recorded(self, kind, pcode, told, known=None):
        known_at = None if known is None else self.chronicle.now - timedelta(days=known)
        found = self.chronicle.subject(kind, pcode, told, known_at=known_at)
        return multiple() if found is None else found

    @deed(
        target=subjects,
        pcode=pcodes,
        people=st.sampled_from([None, 0, 4_000]),
        grades=st.tuples(*[grades] * len(_LEVELS)),
        lasts=lasting,
        said=judgements,
    )
    def record_community(self, pcode, people, grades, lasts, said):
        levels = dict(zip(_LEVELS, grades, strict=True))
        told = {"name": "C", "people": people, **levels, **self._judged(lasts, said)}
        return self._recorded("community", pcode, told)

    @deed(target=subjects, pcode=pcodes, likelihood=st.integers(1, 5), lasts=lasting, known=st.none() | days)
    def record_assessment(self, pcode, likelihood, lasts, known):
        told = {"likelihood": likelihood, "impact": 4, "horizon_days": 30, "reason": "Synthetic."}
        return self._recorded("assessment", pcode, told | self._judged(lasts, {}), known)

    @deed(
        target=subjects,
        pcode=pcodes,
        kind=presences,
        times=st.tuples(days, st.none() | days),
        known=st.none() | days,
        said=judgements,
    )
    def record_presence(self, pcode, kind, times, known, said):
        confirmed, lasts = times
        confirmed_at = self.chronicle.now - timedelta(days=confirmed)
        until = None if lasts is None else self.chronicle.now + timedelta(days=lasts)
        told = {"type": kind, "since": confirmed_at, "confirmed_at": confirmed_at, "until": until}
        return self._recorded("presence", pcode, told | OPEN_TERMS | said, known)

    @deed(subject=subjects, pcode=pcodes)
    def supersede(self, subject, pcode):
        if subject.told:
            changed = {"people": 99} if subject.kind == "community" else {"sharing": "restricted"}
            self.chronicle.subject(subject.kind, pcode, subject.told | changed, subject)

    @deed(subject=subjects)
    def withdraw_subject(self, subject):
        self.chronicle.withdraw(subject)

    @deed(method=st.sampled_from(list(METHODS)))
    def adopt(self, method):
        self.chronicle.adopt(METHODS[method])

    # -- time ----------------------------------------------------------------------------------------------------------

    @deed(minutes=st.sampled_from([1, 15, 60, 1440, 7 * 1440, 30 * 1440, 400 * 1440]))
    def tick(self, minutes):
        self.chronicle.now += timedelta(minutes=minutes)

    @deed(steps=st.lists(st.sampled_from([1, 15, 1440, 40 * 1440, 3000 * 1440]), min_size=1, max_size=2))
    def look_ahead(self, steps):
        """What time alone will make of it."""
        self._follow([self.chronicle.now, *_added(self.chronicle.now, steps)])

    @deed(before=days, steps=st.lists(st.sampled_from([1, 14, 1440, 9 * 1440]), min_size=1, max_size=2))
    def look_back(self, before, steps):
        """To days on which the operation was not here yet, by what is recorded by now."""
        begin = BEGIN - timedelta(days=before)
        self._follow([begin, *_added(begin, steps)], self.chronicle.now)
        self.memories.append((begin, self.chronicle.now, self._recall(begin, self.chronicle.now)))

    def _follow(self, instants, recorded=None):
        """Compare what is moved from instant to instant with what is computed for each alone."""
        standing, code = Standing(self.chronicle.code, self.chronicle.method), self.chronicle.code
        with self.database.vault_reader() as reader:
            for as_of in instants:
                past = history(reader, code, recorded or max(instants))
                moved = standing.refresh(reader, past, as_of)
                alone = assess.evaluate(reader, code, as_of, self.chronicle.method, recorded)
                assert differing(told_of(moved), told_of(alone)) == []

    # -- what has to hold ----------------------------------------------------------------------------------------------

    def _look(self):
        type(self).steps += 1
        # Taken away while a step may fail: a failure is told once.
        memories, self.memories = self.memories, []
        with self.database.vault_reader() as reader:
            fresh = assess.evaluate(reader, self.chronicle.code, self.chronicle.now)
            moved = self._moved(reader)
        self._invariant_9_nothing_else_counts(fresh)
        assert differing(told_of(moved), told_of(fresh)) == [], "invariant 8"
        self._untouched_rows_are_the_same(moved)
        self.memories = [*memories, (self.chronicle.now, None, told_of(fresh))]

    def _moved(self, reader):
        """Move on what is kept, as whoever serves the matrix does."""
        if self.kept is None or self.kept.method != self.chronicle.method:
            self.kept, self.last = Standing(self.chronicle.code, self.chronicle.method), None
        now = self.chronicle.now
        return self.kept.refresh(reader, history(reader, self.chronicle.code, now), now)

    def _invariant_9_nothing_else_counts(self, fresh):
        reckoned = reckon(self.chronicle)
        expected = score(reckoned.evidence, self.chronicle.method)
        assert differing(columns(fresh.result), columns(expected)) == [], "invariant 9"
        assert (fresh.in_force, fresh.unplaced) == (reckoned.in_force, reckoned.unplaced)
        ledger = Ledger(expected)
        for at in range(len(fresh.localities)):
            lines = fresh.ledger.lines(at)
            assert [(line.component, line.ref, line.points) for line in lines] == [
                (line.component, line.ref, line.points) for line in ledger.lines(at)
            ]
            assert all(line.nameable == reckoned.nameable.get(line.ref, True) for line in lines)

    def _untouched_rows_are_the_same(self, moved):
        """Whoever serves the matrix writes only those rows anew that are said to be touched."""
        rows = _rows_of(moved)
        if self.last is not None and moved.touched is not None:
            for at, row in enumerate(moved.localities):
                same = self.last.get((row.id, row.version)) == rows[row.id, row.version]
                assert same or at in moved.touched, "a row changed that is not said to be touched"
        self.last = rows

    def _recall(self, as_of, recorded):
        with self.database.vault_reader() as reader:
            return told_of(assess.evaluate(reader, self.chronicle.code, as_of, recorded=recorded))

    def teardown(self):
        """Look at every matrix once more: whatever was recorded since, it is as it was (invariant 7)."""
        for as_of, recorded, then in getattr(self, "memories", ()):
            assert differing(self._recall(as_of, recorded), then) == [], f"invariant 7, as of {as_of} by {recorded}"


def _added(begin, minutes):
    return [begin + timedelta(minutes=float(after)) for after in np.cumsum(minutes)]


def _rows_of(evaluated):
    """Give each locality's own part of a matrix, ranks left out."""
    names = ("score", "score_low", "score_high", "silent", "coverage", "freshness_days", "people_at_risk")
    parts = [getattr(evaluated.result, name) for name in (*names, "threat", "vulnerability", "capacity_gap")]
    return {
        (row.id, row.version): (
            [part[at].tobytes() for part in parts],
            evaluated.result.tier[at],
            float(evaluated.shares[at]),
            evaluated.ledger.lines(at),
        )
        for at, row in enumerate(evaluated.localities)
    }


IN_BUILD = settings().max_examples >= 500
MANY = settings(
    max_examples=36 if IN_BUILD else 6,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def database(module_database_url):
    database = Database(module_database_url, pool_size=2)
    yield database
    database.close()


def test_whatever_is_done_the_matrix_is_what_it_has_to_be_and_its_past_stays(database):
    History.database = database
    run_state_machine_as_test(History, settings=MANY)
    assert History.steps >= 500 or not IN_BUILD
