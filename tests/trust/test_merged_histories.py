"""What the database makes of a history, reckoned once more by hand: which sources count, and who did it."""

from collections import defaultdict

import four_eyes
import psycopg
import pytest
from psycopg.rows import namedtuple_row

from flashpoint import workflow
from flashpoint.types import SourceType
from flashpoint.workflow import Action

WALKS = 600
RESETS = {
    *(Action.REJECT, Action.DISPUTE, Action.WITHDRAW, Action.MARK_DUPLICATE, Action.MERGE, Action.UNMERGE),
    Action.REINSTATE,
}
#: A build that forgets whether a duplicate still is one, and one that takes the last word whatever it was about.
FORGETFUL = """
    CREATE OR REPLACE FUNCTION vault.is_duplicate_of(duplicate uuid, original uuid) RETURNS boolean
        LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$ SELECT true $$
"""
HASTY = """
    CREATE OR REPLACE FUNCTION vault.attribution(incident uuid, of_version integer, OUT state text, OUT standard text,
                                                 OUT version integer)
        LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
        SELECT CASE a.action WHEN 'dispute_attribution' THEN 'disputed' ELSE 'verified' END, a.standard, a.version
        FROM vault.verification_act a WHERE a.incident_id = $1 AND a.attribution_verified IS NOT NULL
        ORDER BY a.id DESC LIMIT 1 $$
"""


ground = pytest.fixture(scope="module")(four_eyes.ground)


def rows(connection, query):
    cursor = psycopg.Cursor(connection, row_factory=namedtuple_row)
    return cursor.execute(query).fetchall()


def by_incident(found):
    grouped = defaultdict(list)
    for row in found:
        grouped[row.incident_id].append(row)
    return grouped


def counted(connection):
    """Count by hand, for each incident, its independent sources, and how many of them came from duplicates."""
    incidents = {row.id: row for row in rows(connection, "SELECT * FROM vault.incident WHERE state <> ''")}
    sources = by_incident(rows(connection, "SELECT * FROM vault.source"))

    def leads(duplicate, original):
        while duplicate is not None and duplicate != original:
            duplicate = incidents[duplicate].duplicate_of
        return duplicate == original

    for incident_id in incidents:
        own = [row for row in sources[incident_id] if row.merged_from is None or leads(row.merged_from, incident_id)]
        number = workflow.independent_sources((SourceType(row.type), row.independence_group) for row in own)
        yield incident_id, (min(3, number), sum(row.merged_from is not None for row in own))


def attributed(connection):
    """Say by hand of each version what is known of who did it."""
    acts = by_incident(rows(connection, "SELECT * FROM vault.verification_act ORDER BY id"))
    versions = by_incident(rows(connection, "SELECT * FROM vault.incident_version ORDER BY version"))
    for incident_id, told in versions.items():
        blamed = [(row.perpetrator_class, row.attribution_confidence) for row in told]
        for index, one in enumerate(blamed):
            first = max((n + 1 for n in range(index) if blamed[n] != one), default=0)
            last = min((n - 1 for n in range(index, len(blamed)) if blamed[n] != one), default=len(blamed) - 1)
            word = ("unverified", None, None)
            for act in acts[incident_id]:
                if act.action in RESETS:
                    word = ("unverified", None, None)
                elif act.attribution_verified is not None and first <= act.version - 1 <= last:
                    if act.action == Action.DISPUTE_ATTRIBUTION:
                        word = ("disputed", None, act.version)
                    elif act.attribution_verified:
                        word = ("verified", act.standard, act.version)
            yield (incident_id, index + 1), word


def differences(connection):
    """Give how many incidents' sources, and how many versions' attributions, the database has otherwise."""
    sources = dict(counted(connection))
    theirs = dict(connection.execute("SELECT id, vault.independent_sources(id) FROM vault.incident").fetchall())
    wrong = sum(theirs[one] != number for one, (number, _) in sources.items())
    blamed = dict(attributed(connection))
    said = rows(
        connection,
        "SELECT v.incident_id, v.version, a.state, a.standard, a.version AS by "
        "FROM vault.incident_version v CROSS JOIN LATERAL vault.attribution(v.incident_id, v.version) a",
    )
    amiss = sum(blamed[row.incident_id, row.version] != (row.state, row.standard, row.by) for row in said)
    return wrong, amiss, sources, blamed


def test_the_database_reckons_as_by_hand(ground):
    with four_eyes.walked(ground, four_eyes.walks(7, WALKS)) as connection:
        wrong, amiss, sources, blamed = differences(connection)
    assert (wrong, amiss) == (0, 0)
    assert sum(merged > 0 for _, merged in sources.values()) > 20
    states = [state for state, _, _ in blamed.values()]
    assert states.count("verified") > 10


@pytest.mark.parametrize(("weakening", "which"), [(FORGETFUL, 0), (HASTY, 1)])
def test_a_careless_build_would_be_noticed(ground, weakening, which):
    with four_eyes.walked(ground, four_eyes.walks(7, WALKS)) as connection:
        connection.execute(weakening)
        assert differences(connection)[which] > 0
