"""Information-sharing protocols over HTTP: two people put one in force, and what stands in it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from agreeing import UNTIL, agreed, decide, listed, one_of, proposal, proposed
from service import WAIT_SECONDS, at_once, wait_until

from flashpoint.access import CONSOLE
from flashpoint.errors import Conflict
from flashpoint.protocol import Subject
from flashpoint.store import protocols
from flashpoint.store.protocols import Decision
from flashpoint.types import Actor, Audience, Role

TOKEN = "Tok3n-NotToEcho"  # noqa: S105 - nobody's


# -- two people to open, one to close -------------------------------------------------------------------------------


def test_one_proposes_another_adopts_and_only_then_it_counts(operation):
    answer = proposed(operation)
    assert answer.json() == {"operation": operation.code, "version": "P2", "state": "proposed"}
    assert answer.headers["location"] == f"/v1/protocols/P2?operation={operation.code}"
    assert listed(operation.analyst, operation)["in_force"]["version"] == "TEST-P1"
    assert decide(operation).json()["state"] == "in_force"
    told = listed(operation.analyst, operation)
    assert told["in_force"] == {"version": "P2", "until": UNTIL.isoformat(), "ends_soon": False}
    assert [(one["version"], one["state"]) for one in told["versions"]] == [("P2", "in_force"), ("TEST-P1", "replaced")]


def test_whoever_proposed_it_does_not_adopt_it_with_any_key_of_theirs(operation, service):
    proposed(operation)
    assert decide(operation, caller=operation.coordinator).status_code == 409
    handle = service.scalar("SELECT handle FROM vault.actor WHERE id = %s", operation.coordinator.id)
    another_key = service.caller(handle, Role.COORDINATOR, Audience.CLUSTER, (operation.code,))
    assert decide(operation, caller=another_key).status_code == 409
    assert listed(operation.analyst, operation)["in_force"]["version"] == "TEST-P1"


def alone(service, operation, version="P2", **signed):
    """Decide in the store itself, past every check of the service, as the person who proposed it."""
    who = Actor(operation.coordinator.id, uuid4(), "c", Role.COORDINATOR, Audience.CLUSTER, frozenset({operation.code}))
    with service.database.vault(who) as vault:
        protocols.decide(vault, who, operation.code, Decision(version, "alone", vault.at, **signed))


def test_the_database_asks_for_the_second_person_itself(service, operation):
    proposed(operation)
    with pytest.raises(Conflict, match="two people"):
        alone(service, operation)
    # Nor can somebody with a key say that they sign alone.
    with pytest.raises(Conflict):
        alone(service, operation, sole_signature=True)


def test_without_its_trigger_one_person_would_do(service, operation):
    proposed(operation)
    insert = """
        INSERT INTO vault.protocol_in_force (operation, version, recorded_by, known_at, recorded_at, reason)
        SELECT operation, version, recorded_by, now(), now(), 'alone' FROM vault.protocol
        WHERE (operation, version) = (%s, 'P2')
    """
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("SET ROLE flashpoint_owner")
        with pytest.raises(psycopg.Error, match="two people"), connection.transaction():
            connection.execute(insert, [operation.code])
        with connection.transaction(force_rollback=True):
            connection.execute("DROP TRIGGER agree_protocol ON vault.protocol_in_force")
            connection.execute(insert, [operation.code])


def test_of_two_who_adopt_at_once_one_does(operation):
    proposed(operation)
    second = operation.caller(Role.COORDINATOR, name="-second")
    third = operation.caller(Role.COORDINATOR, name="-third")
    answers = at_once([lambda: decide(operation, caller=second), lambda: decide(operation, caller=third)])
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_one_person_suspends_it_and_the_mission_is_cut_off_at_once(operation):
    operation.assess()
    assert operation.matrix(operation.reader).status_code == 200
    assert decide(operation, "P2", "suspension").status_code == 404
    stopped = decide(operation, "TEST-P1", "suspension", operation.coordinator)
    assert stopped.json()["state"] == "suspended"
    # Nobody tells the service: it is announced.
    wait_until(lambda: operation.matrix(operation.reader).status_code == 403, WAIT_SECONDS)
    assert operation.matrix().status_code == 200
    assert listed(operation.reader, operation)["versions"][0]["state"] == "suspended"
    assert decide(operation, "TEST-P1", "suspension").status_code == 409
    assert decide(operation, "TEST-P1").status_code == 200
    wait_until(lambda: operation.matrix(operation.reader).status_code == 200, WAIT_SECONDS)


def test_what_has_ended_is_not_put_in_force(service, operation):
    proposed(operation, "P2")
    service.owner.execute("ALTER TABLE vault.protocol DISABLE TRIGGER ALL")
    service.owner.execute(
        """
        UPDATE vault.protocol SET recorded_at = now() - interval '10 days', until = current_date,
            document = jsonb_set(document, '{until}', to_jsonb(to_char(current_date, 'YYYY-MM-DD')))
        WHERE operation = %s AND version = 'P2'
        """,
        [operation.code],
    )
    service.owner.execute("ALTER TABLE vault.protocol ENABLE TRIGGER ALL")
    assert decide(operation).json()["detail"] == "this protocol has ended; propose a new version"
    late = Decision("P2", "late", datetime.now(UTC))
    with pytest.raises(Conflict, match="has ended"), service.database.console() as vault:
        protocols.decide(vault, CONSOLE, operation.code, late)


def test_every_step_is_in_the_audit_log(service, operation):
    agreed(operation)
    decide(operation, "P2", "suspension")
    query = "SELECT action, actor_id FROM vault.audit WHERE operation = %s AND subject = 'protocol' ORDER BY seq"
    rows = service.owner.execute(query, [operation.code]).fetchall()
    second = operation.caller(Role.COORDINATOR, name="-second").id
    first, console = operation.coordinator.id, UUID(int=1)
    assert rows == [
        ("protocol.propose", console),
        ("protocol.adopt", console),
        ("protocol.propose", first),
        ("protocol.adopt", second),
        ("protocol.suspend", second),
    ]
    detail = "SELECT detail ->> 'sole_signature' FROM vault.audit WHERE operation = %s AND action = 'protocol.adopt'"
    assert service.owner.execute(detail + " ORDER BY seq", [operation.code]).fetchall() == [("true",), ("false",)]


def test_a_repeat_is_answered_once(operation):
    key = uuid4().hex
    body = proposal(operation)
    answers = [operation.coordinator.post("/v1/protocols", body, Idempotency_Key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert operation.coordinator.post("/v1/protocols", body).status_code == 409
    assert b"Synthetic" not in operation.service.scalar("SELECT body FROM vault.idempotency WHERE key = %s", key)


# -- the document ---------------------------------------------------------------------------------------------------

TODAY = datetime.now(UTC).date()
BAD = [
    ({"until": TODAY.isoformat()}, "/document/until", "protocol_ended"),
    ({"until": (TODAY + timedelta(days=732)).isoformat()}, "/document/until", "protocol_too_long"),
    ({"until": "soon"}, "/document/until", None),
    ({"until": None}, "/document/until", None),
    ({"review_on": (UNTIL + timedelta(days=1)).isoformat()}, "/document/review_on", "review_late"),
    ({"title": "<protection cluster>"}, "/document/title", "placeholder"),
    ({"notes": f"write to {TOKEN}@example.org"}, "/document/notes", "contact_detail"),
    ({"contacts": ["Adviser, +236 70 00 00 00"]}, "/document/contacts/0", "contact_detail"),
    ({"contacts": ["Adviser", "Adviser 70000000"]}, "/document/contacts/1", "contact_detail"),
    ({"contacts": []}, "/document/contacts", None),
    ({"parties": [{"name": "One side", "audience": "cluster"}]}, "/document/parties", "party_missing"),
    ({"parties": [{"name": "x", "audience": "public"}]}, "/document/parties/0/audience", "enum"),
    ({"retention": {}}, "/document/retention/source_days", "missing"),
    ({"retention": {"source_days": 29}}, "/document/retention/source_days", "greater_than_equal"),
    ({"audiences": {"cluster": dict.fromkeys(map(str, Subject), True)}}, "/document/audiences/mission", "missing"),
    ({"protected": True}, "/document/protected", "extra_forbidden"),
    ({TOKEN: 1}, "/document", "extra_forbidden"),
]


@pytest.mark.parametrize(("document", "pointer", "code"), BAD)
def test_a_bad_document_is_told_where_and_nothing_of_it_is_repeated(operation, document, pointer, code):
    answer = operation.coordinator.post("/v1/protocols", proposal(operation, **document))
    assert answer.status_code == 422
    found = answer.json()["errors"]
    assert pointer in [one["pointer"] for one in found]
    assert code is None or code in [one["code"] for one in found]
    assert TOKEN not in answer.text
    assert listed(operation.analyst, operation)["versions"][0]["version"] == "TEST-P1"


@pytest.mark.parametrize("member", ["sexual_violence", "protected", "sources", "exact_places"])
def test_no_member_opens_what_is_not_open_to_agreement(operation, member):
    opened = dict.fromkeys(map(str, Subject), True) | {member: True}
    answer = operation.coordinator.post(
        "/v1/protocols", proposal(operation, audiences={"cluster": opened, "mission": opened})
    )
    assert {one["code"] for one in answer.json()["errors"]} == {"extra_forbidden"}


def test_a_sound_document_with_dates_and_resolutions_is_taken(operation):
    purpose = "As of 2026-01-31: resolution 2149 (2014), points 1 to 100, and the strategy of 2014-2015."
    assert proposed(operation, purpose=purpose).status_code == 201


def test_each_audience_reads_its_part(operation):
    agreed(operation, notes="Not for the mission.")
    proposed(operation, "P3")
    cluster, mission = (one_of(caller, operation).json() for caller in (operation.analyst, operation.reader))
    assert cluster["document"] == proposal(operation, notes="Not for the mission.")["document"]
    everything = set(cluster["document"])
    assert set(mission["document"]) == everything - {"notes"}
    assert mission["document"]["parties"] == [{"name": "The mission", "audience": "mission"}]
    assert set(mission["document"]["audiences"]) == {"mission"}
    assert [set(act) for act in mission["acts"]] == [{"act", "at"}]
    assert {"by", "reason", "sole_signature"} < set(cluster["acts"][-1])
    assert one_of(operation.analyst, operation, "P3").json()["state"] == "proposed"
    assert one_of(operation.reader, operation, "P3").status_code == 404
    assert [one["version"] for one in listed(operation.reader, operation)["versions"]] == ["P2", "TEST-P1"]


def test_another_operation_is_not_there(operation, elsewhere):
    for caller in (operation.reader, operation.analyst):
        assert caller.get(f"/v1/protocols?operation={elsewhere.code}").status_code == 404
        assert one_of(caller, elsewhere, "TEST-P1").status_code == 404
    body = proposal(operation) | {"operation": elsewhere.code}
    assert operation.coordinator.post("/v1/protocols", body).json()["errors"][0]["code"] == "no_such_operation"
