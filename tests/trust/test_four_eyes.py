"""One person alone verifies nothing, whatever they try: through the verbs, or straight in SQL with their session."""

from collections import Counter

import four_eyes
import psycopg
import pytest
from four_eyes_verbs import Verbs

#: 20,000 walks, in parts that workers can share.
PARTS, BATCHES, WALKS = 4, 10, 500
#: What a weakened build is given: the same walks, enough of them to find out.
CONTROL = 500
#: What each rule is replaced with to see that the questions find what it prevents.
WEAKENED = {
    "alone": """
        CREATE OR REPLACE FUNCTION vault.parts_in(incident uuid, person uuid) RETURNS text[]
            LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$ SELECT '{}'::text[] $$
    """,
    "unfounded": """
        CREATE OR REPLACE FUNCTION vault.decides() RETURNS boolean
            LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$ SELECT true $$
    """,
    "in_another_name": """
        ALTER POLICY knows ON vault.verification_act WITH CHECK (true);
        ALTER POLICY reports ON vault.incident_version WITH CHECK (true)
    """,
    "kept_wrong": """
        CREATE OR REPLACE FUNCTION vault.attributed_after(act vault.verification_act, one vault.incident)
            RETURNS vault.incident LANGUAGE sql IMMUTABLE SET search_path = vault, pg_temp AS $$ SELECT one $$
    """,
}


ground = pytest.fixture(scope="module")(four_eyes.ground)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_walk_ends_with_something_verified_by_one_person(ground, part):
    done, refused = Counter(), Counter()
    for batch in range(BATCHES):
        with four_eyes.walked(ground, four_eyes.walks(part * BATCHES + batch, WALKS)) as connection:
            assert four_eyes.flaws(connection) == dict.fromkeys(four_eyes.FLAWS, 0)
            what, why = four_eyes.tally(connection)
        done, refused = done + what, refused + why
    # It says something only where much was verified, and much refused by each rule.
    assert done["verify"] > 300, done
    assert min(done[name] for name in ("verify_attribution", "merge", "reinstate", "edit", "dispute")) > 40, done
    assert min(refused[state] for state in ("FP006", "FP007", "FP100", "42501")) > 200, refused


@pytest.mark.parametrize("rule", WEAKENED)
def test_without_the_rule_the_walks_find_what_it_prevents(ground, rule):
    with four_eyes.walked(ground, four_eyes.walks(0, CONTROL), WEAKENED[rule]) as connection:
        found = four_eyes.flaws(connection)
    assert found[rule] > 0, found
    if rule == "alone":
        assert found["by_one"] > 0, found


def test_nor_does_a_walk_through_the_verbs(ground):
    url, code, people = ground
    with Verbs(url, code, people) as verbs:
        done = verbs.perform(four_eyes.walks(1000, 200))
        assert four_eyes.flaws(verbs.raw) == dict.fromkeys(four_eyes.FLAWS, 0)
    assert done["verify"] > 20, done


def test_nor_would_the_verbs_alone_prevent_it(ground):
    """The verbs ask the same function of the database; without it, one person gets through there as well."""
    url, code, people = ground
    with Verbs(url, code, people) as verbs:
        verbs.raw.execute(WEAKENED["alone"])
        verbs.perform(four_eyes.walks(1000, 100))
        assert four_eyes.flaws(verbs.raw)["alone"] > 0


def test_a_source_on_its_way_is_waited_for(ground):
    """Two sessions of one person at once: the decision does not slip past a source that is not committed yet."""
    url, code, (reporter, verifier, _) = ground
    told = {"roles": ["analyst", "verifier"], "console": False}
    deed = four_eyes.walks(0, 1)[0]["deeds"][0] | {"who": 0, "on": 0, "name_of": None, "version_off": 0, "state": None}
    deed |= {"sharing": "cluster", "sources": [["witness", "g1"], ["ngo", "g2"]], "patient": True}
    steps = [deed | {"do": "report"}, deed | {"do": "verify", "to": "verified"}]
    with four_eyes.connected(url) as one, four_eyes.connected(url) as other:
        four_eyes.perform(one, code, [reporter, verifier], [told | {"deeds": steps}])
        (incident,) = one.execute("SELECT id FROM vault.incident WHERE state = 'corroborating'").fetchone()
        one.commit()
        source = "INSERT INTO vault.source (incident_id, recorded_by, known_at, type, independence_group, reliability, "
        source += "credibility, obtained_on, handle) VALUES (%s, %s, now(), 'ngo', 'g7', 'B', 2, current_date - 2, 'x')"
        four_eyes.bind(one, code, verifier, "verifier")
        one.execute(source, [incident, verifier])
        verify = "INSERT INTO vault.verification_act (incident_id, version, recorded_by, known_at, action, from_state, "
        verify += "to_state, standard) VALUES (%s, 1, %s, now(), 'verify', 'corroborating', 'verified', %s)"
        four_eyes.bind(other, code, verifier, "verifier")
        other.execute("SET LOCAL lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(verify, [incident, verifier, "reasonable_grounds"])
        other.rollback()
        one.commit()
        four_eyes.bind(other, code, verifier, "verifier")
        with pytest.raises(psycopg.Error, match="another person"):
            other.execute(verify, [incident, verifier, "reasonable_grounds"])
