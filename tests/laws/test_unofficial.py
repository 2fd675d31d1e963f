"""Invariant 9, record by record: what is not verified, or may not be used, changes nothing in the official matrix.

``test_history.py`` says the same of everything that can happen in any order.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from chronicle import Chronicle, Told
from reckoning import differing, told_of

from flashpoint import assess
from flashpoint.store.engine import Database

OPEN = {"sharing": "cluster", "share_above": "aggregate", "consent": "given"}
CLOSED = [{"exercise": True}, {"consent": "refused"}, {"consent": "withdrawn"}, {"share_above": "none"}]


@pytest.fixture(scope="module")
def database(module_database_url):
    database = Database(module_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def chronicle(database):
    """An operation with one verified incident, an hour later."""
    chronicle = Chronicle(database)
    verified(chronicle, told(chronicle, "L01"))
    chronicle.now += timedelta(hours=1)
    return chronicle


def told(chronicle, where="L02", **said):
    return Told(where, chronicle.now - timedelta(days=2), chronicle.now - timedelta(days=1), killed=9, **said)


def verified(chronicle, one):
    incident = chronicle.report(one)
    chronicle.advance(incident, "corroborate")
    chronicle.advance(incident, "verify", standard="reasonable_grounds")
    return incident


def matrix(chronicle):
    with chronicle.database.vault_reader() as reader:
        return told_of(assess.evaluate(reader, chronicle.code, chronicle.now))


def changed_by(chronicle, deed):
    before = matrix(chronicle)
    deed(chronicle)
    return set(differing(before, matrix(chronicle))) - {"as_of", "recorded"}


def reported(chronicle):
    return chronicle.report(told(chronicle))


def left(*steps):
    """Report, and take the steps."""

    def deed(chronicle):
        incident = reported(chronicle)
        for action, details in steps:
            chronicle.advance(incident, action, **details)

    return deed


def taken_back(action, **details):
    """Verify, and take that back."""

    def deed(chronicle):
        if action == "mark_duplicate":
            details["duplicate_of"] = str(chronicle.incidents[0].id)
        chronicle.advance(verified(chronicle, told(chronicle)), action, **details)

    return deed


def subject(kind, **said):
    """Record a subject, which is withdrawn again unless something else takes it out of use."""

    def deed(chronicle):
        now = chronicle.now
        judged = {"assessed_at": now, "expires_at": now + timedelta(days=30)} | OPEN
        there = {"type": "mission_base", "since": now, "confirmed_at": now, "until": None} | OPEN
        content = {
            "community": {"name": "C", "people": 900, "confinement": 4} | judged,
            "assessment": {"likelihood": 5, "impact": 5, "horizon_days": 30, "reason": "Synthetic."} | judged,
            "presence": there,
        }[kind]
        found = chronicle.subject(kind, "L01", content | said)
        if not said:
            chronicle.withdraw(found)

    return deed


CORROBORATE = ("corroborate", {})
DEEDS = {
    "reported": reported,
    "corroborating": left(CORROBORATE),
    "not verified": left(("reject", {})),
    "disputed": left(CORROBORATE, ("dispute", {})),
    "withdrawn": taken_back("withdraw", reason_code="false"),
    "withdrawn for consent": taken_back("withdraw", reason_code="consent_withdrawn"),
    "duplicate": taken_back("mark_duplicate"),
    **{f"verified, {said}": lambda one, said=said: verified(one, told(one, **said)) for said in CLOSED},
    **{f"verified, then {said}": lambda one, said=said: one.edit(verified(one, told(one)), **said) for said in CLOSED},
    **{
        f"imported, {said}": lambda one, said=said: one.report(told(one, **said), 0, one.now - timedelta(days=1))
        for said in CLOSED
    },
    "no exercise after all, not verified as such": lambda one: one.edit(
        verified(one, told(one, exercise=True)), exercise=False
    ),
    "community without consent": subject("community", consent="refused"),
    "community whose consent is withdrawn": subject("community", consent="withdrawn"),
    "community not to be used": subject("community", share_above="none"),
    "community withdrawn": subject("community"),
    "standing threat without consent": subject("assessment", consent="refused"),
    "standing threat not to be used": subject("assessment", share_above="none"),
    "standing threat withdrawn": subject("assessment"),
    "presence without consent": subject("presence", consent="refused"),
    "presence whose consent is withdrawn": subject("presence", consent="withdrawn"),
    "presence not to be used": subject("presence", share_above="none"),
    "presence withdrawn": subject("presence"),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_invariant_9_an_unofficial_record_changes_nothing(chronicle, deed):
    assert changed_by(chronicle, deed) == set()


NOTICED = {
    "verified": lambda one: verified(one, told(one)),
    "verified again": lambda one: verified(one, replace(one.incidents[0].told, displaced=9)),
    "community": subject("community", sharing="restricted"),
    "standing threat": subject("assessment", sharing="restricted"),
    "presence": subject("presence", sharing="restricted"),
}


@pytest.mark.parametrize("deed", NOTICED.values(), ids=NOTICED)
def test_an_official_one_would_be_noticed(chronicle, deed):
    assert "result.score" in changed_by(chronicle, deed)
