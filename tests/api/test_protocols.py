"""Information-sharing protocols over HTTP: two people, one gate on everything the mission reads, named everywhere."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import postgis
import psycopg
import pytest
import service as running_service
from declared_routes import permissions, routes_of
from service import BOXES, WAIT_SECONDS, a_protocol, at_once, wait_until
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from api.agreements import Agreements
from flashpoint.access import CONSOLE, PERMISSIONS, Permission
from flashpoint.errors import Conflict, FlashpointError
from flashpoint.layers import Layer
from flashpoint.protocol import SUBJECT, Subject
from flashpoint.store import protocols
from flashpoint.store.engine import libpq_url
from flashpoint.store.protocols import Decision
from flashpoint.store.tiles import TILED
from flashpoint.types import Actor, Audience, Role

NOBODY, OTHER = "urn:flashpoint:problem:no-protocol", "urn:flashpoint:problem:not-in-protocol"
TOKEN = "Tok3n-NotToEcho"  # noqa: S105 - nobody's
UNTIL = datetime.now(UTC).date() + timedelta(days=365)


def proposal(operation, version="P2", **document):
    return a_protocol(**document) | {"operation": operation.code, "version": version}


def proposed(operation, version="P2", **document):
    answer = operation.coordinator.post("/v1/protocols", proposal(operation, version, **document))
    assert answer.status_code == 201, answer.text
    return answer


def decide(operation, version="P2", deed="adoption", caller=None, reason="Agreed."):
    caller = caller or operation.caller(Role.COORDINATOR, name="-second")
    return caller.post(f"/v1/protocols/{version}/{deed}", {"operation": operation.code, "reason": reason})


def agreed(operation, version="P2", **document):
    """Put another protocol in force, and have the service know of it."""
    proposed(operation, version, **document)
    answer = decide(operation, version)
    assert answer.status_code == 200, answer.text
    operation.service.app.state.watch.reload([])


def listed(caller, operation):
    return caller.get(f"/v1/protocols?operation={operation.code}").json()


def one_of(caller, operation, version="P2"):
    return caller.get(f"/v1/protocols/{version}?operation={operation.code}")


@contextmanager
def at(service, moment):
    """Have the gate's clock stand at a moment."""
    agreements, clock = service.app.state.board.agreements, service.app.state.board.agreements.clock
    agreements.clock = lambda: moment
    try:
        yield
    finally:
        agreements.clock = clock


def midnight(day):
    return datetime.combine(day, time(), UTC)


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


#: What says nothing of any operation.
OF_NO_OPERATION = {
    *("/ogc", "/ogc/", "/ogc/api", "/ogc/conformance", "/ogc/tileMatrixSets", "/ogc/tileMatrixSets/{grid}"),
    "/tiles/styles/matrix",
}

# -- the gate -------------------------------------------------------------------------------------------------------


def mission_reads(service):
    """Give method and path of all that the mission reads: every route for a reader, but the protocols themselves.

    What has nothing of any operation in it is left out, and what is of several layers is given for each.
    """
    given = PERMISSIONS[Role.READER] - {Permission.READ_PROTOCOL}
    reads = {
        (method, one)
        for method, path, route in routes_of(service.app)
        if route and permissions(route) & given and path not in OF_NO_OPERATION
        for layer in Layer
        for one in (path.replace("{collection}", layer).replace("{file}", f"{layer}.csv"),)
        if layer in TILED or not {"tiles", "exports"} & set(path.split("/"))
    }
    return sorted(reads)


def answered(operation, caller, method, path):
    filled = path.replace("{locality}", next(iter(BOXES))).replace("{version}", "2026.2")
    filled = re.sub(r"{(zoom|column|row)}", "0", filled).replace("{grid}", "WebMercatorQuad")
    for name in ("{incident_id}", "{subject_id}", "{released_id}", "{id}", "{feature}"):
        filled = filled.replace(name, str(uuid4()))
    since = f"&since={running_service.ago(0.01)}" if path.endswith("matrix/changes") else ""
    return caller.request(method, f"{filled}?operation={operation.code}{since}")


def let_through(operation, caller):
    """Give the routes that are not refused for want of a protocol."""
    return {
        (method, path)
        for method, path in mission_reads(operation.service)
        if answered(operation, caller, method, path).status_code != 403
    }


@pytest.fixture
def unagreed(service):
    """An operation with a matrix, and without a protocol."""
    operation = service.operation(agreed=False)
    operation.assess()
    return operation


def test_without_a_protocol_the_mission_gets_nothing_and_the_cluster_goes_on(unagreed):
    assert len(mission_reads(unagreed.service)) >= 7
    assert let_through(unagreed, unagreed.reader) == set()
    refused = unagreed.matrix(unagreed.reader)
    assert refused.json() == {
        "type": NOBODY,
        "title": "Forbidden",
        "status": 403,
        "detail": "no information-sharing protocol is in force",
    }
    assert refused.headers["flashpoint-protocol"] == "none"
    assert unagreed.matrix().status_code == 200
    assert unagreed.matrix().headers["flashpoint-protocol"] == "none"
    assert unagreed.matrix().json()["protocol"] is None
    assert (
        unagreed.caller(Role.READER, Audience.CLUSTER).get("/v1/matrix?operation=" + unagreed.code).status_code == 200
    )


def test_a_gate_that_is_open_would_be_noticed(unagreed, monkeypatch):
    monkeypatch.setattr(Agreements, "require", lambda *_: None)
    assert let_through(unagreed, unagreed.reader) == set(mission_reads(unagreed.service))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.READER])
def test_it_is_the_audience_that_is_refused_and_not_the_role(unagreed, role):
    assert let_through(unagreed, unagreed.caller(role, Audience.MISSION)) == set()


@pytest.mark.parametrize("subject", Subject)
def test_a_protocol_gives_what_it_says_and_no_more(operation, subject):
    """Each subject by itself, and all but it: so that no route asks for another's."""
    operation.assess()

    def own(path):
        """Give the subjects any of which a protocol has to give; zones belong to all that is told by zone."""
        names = re.split(r"[/.]", path)
        layer = next((SUBJECT[one] for one in Layer if one in names), None)
        if layer is not None:
            return {layer}
        several = {Subject.MATRIX, Subject.INCIDENTS, Subject.COMMUNITIES}
        return {Subject.METHODOLOGY} if "methodologies" in names else several

    for number, gives in enumerate(({subject}, set(Subject) - {subject})):
        told = {str(one): one in gives for one in Subject}
        every = dict.fromkeys(map(str, Subject), True)
        agreed(operation, f"P{number}", audiences={"cluster": every, "mission": told})
        for method, path in mission_reads(operation.service):
            answer = answered(operation, operation.reader, method, path)
            assert (answer.status_code == 403) == (not own(path) & gives), (path, gives)
            if answer.status_code == 403 and method == "GET":
                assert answer.json()["type"] == OTHER


def test_what_a_key_does_not_cover_stays_404(unagreed, elsewhere):
    for caller in (elsewhere.reader, elsewhere.analyst):
        assert caller.get(f"/v1/matrix?operation={unagreed.code}").status_code == 404
        assert caller.get(f"/v1/matrix?operation={unagreed.code}").text == caller.get("/v1/matrix?operation=NIL").text
        assert caller.get(f"/v1/methodologies?operation={unagreed.code}").status_code == 404


def test_at_midnight_of_its_end_a_wall_screen_is_cut_off_whatever_it_holds(operation):
    operation.assess()
    reader, path, end = operation.reader, f"/v1/matrix?operation={operation.code}", midnight(UNTIL)
    with at(operation.service, end - timedelta(microseconds=1)):
        held = reader.get(path)
        assert held.status_code == 200
        assert held.headers["flashpoint-protocol"].startswith(f"TEST-P1; until={UNTIL.isoformat()}; ends-in-days=")
        assert reader.get(path, headers={"If-None-Match": held.headers["etag"]}).status_code == 304
    with at(operation.service, end):
        for tag in (held.headers["etag"], "*"):
            late = reader.get(path, headers={"If-None-Match": tag})
            assert (late.status_code, late.json()["type"]) == (403, NOBODY)
            assert "etag" not in late.headers
        assert let_through(operation, reader) == set()
        past = reader.get(f"{path}&as_of={held.json()['as_of']}")
        assert past.status_code == 403
        assert operation.matrix().status_code == 200
        assert operation.matrix().headers["flashpoint-protocol"] == "none"
        # What was agreed can still be read: whoever looks for the reason finds it.
        assert one_of(reader, operation, "TEST-P1").status_code == 200


def test_a_protocol_is_known_without_the_database_and_after_a_restart(shared_folder, worker_id, tmp_path):
    with postgis.clone(shared_folder, f"{worker_id}_protocols") as url:
        with running_service.running(url, tmp_path) as service:
            operation = service.operation()
            operation.assess()
            token, path = operation.reader.token, f"/v1/matrix?operation={operation.code}"
        with running_service.running(url, tmp_path) as service:
            headers = {"Authorization": f"Bearer {token}"}

            def status():
                return service.client.get(path, headers=headers).status_code

            assert status() == 200
            with at(service, midnight(UNTIL)):
                assert status() == 403
            with without_its_database(url):
                assert (
                    service.client.get(f"/v1/protocols?operation={operation.code}", headers=headers).status_code == 503
                )
                assert status() == 200
                with at(service, midnight(UNTIL)):
                    assert status() == 403


@contextmanager
def without_its_database(url):
    name, server = url.rpartition("/")[2].partition("?")[0], None
    with psycopg.connect(libpq_url(url)) as connection:
        name = connection.info.dbname
        server = connection.info.dsn
    with psycopg.connect(server, dbname="postgres", autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        other.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


def test_before_the_first_reading_nothing_is_given_to_the_mission():
    fresh = Agreements()
    fresh.require("CAF", Audience.CLUSTER, Subject.MATRIX)
    with pytest.raises(FlashpointError, match="have not been read yet"):
        fresh.require("CAF", Audience.MISSION, Subject.MATRIX)


# -- named in every answer ------------------------------------------------------------------------------------------


def reads(operation, incident_id, community_id):
    code = operation.code
    paths = [f"/v1/incidents/{incident_id}", f"/v1/incidents/{incident_id}/history"]
    paths += [f"/v1/communities/{community_id}", f"/v1/communities/{community_id}/history"]
    paths += [
        f"/v1/{name}?operation={code}"
        for name in ("incidents", "localities", "communities", "assessments", "presences")
    ]
    paths += [f"/v1/matrix?operation={code}", f"/v1/matrix/X1101?operation={code}", f"/v1/protocols?operation={code}"]
    paths += [f"/v1/queue?operation={code}", f"/v1/released/zones?operation={code}"]
    return [*paths, f"/v1/methodologies?operation={code}", f"/v1/protocols/TEST-P1?operation={code}"]


def test_every_answer_names_it_whatever_the_key_is_good_for(service, operation, elsewhere):
    incident_id = operation.verified()
    body = running_service.subject(operation.code, "community")
    community_id = operation.analyst.post("/v1/communities", body).json()["id"]
    operation.assess()
    codes = (operation.code, elsewhere.code)
    wide = service.caller(f"{operation.code}-wide", Role.COORDINATOR, Audience.CLUSTER, codes)
    name = f"TEST-P1; until={UNTIL.isoformat()}"
    for caller in (operation.coordinator, wide):
        for path in reads(operation, incident_id, community_id):
            answer = caller.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["flashpoint-protocol"] == name, path
        key = uuid4().hex
        for _ in range(2):  # a repeat as well
            receipt = caller.post("/v1/incidents", operation.incident(), Idempotency_Key=key)
            assert receipt.headers["flashpoint-protocol"] == name
    tag = operation.reader.get(f"/v1/matrix?operation={operation.code}").headers["etag"]
    unchanged = operation.matrix(operation.reader, If_None_Match=tag)
    assert (unchanged.status_code, unchanged.headers["flashpoint-protocol"]) == (304, name)
    for answer in (service.client.get("/healthz"), service.client.get("/v1/matrix")):
        assert "flashpoint-protocol" not in answer.headers


def test_bodies_name_it_too(operation):
    operation.assess()
    told = {"version": "TEST-P1", "until": UNTIL.isoformat(), "ends_soon": False}
    paths = [f"/v1/{name}?operation={operation.code}" for name in ("incidents", "localities", "matrix")]
    for path in (*paths, f"/v1/matrix/X1101?operation={operation.code}"):
        assert operation.analyst.get(path).json()["protocol"] == told, path
    assert operation.matrix(operation.reader).json()["protocol"] == told
    released = [f"/v1/released/{name}?operation={operation.code}" for name in ("incidents", "communities", "zones")]
    before = [operation.reader.get(path) for path in released]
    agreed(operation)
    for path, earlier in zip(released, before, strict=True):
        assert earlier.json()["protocol"] == told
        later = operation.reader.get(path, headers={"If-None-Match": earlier.headers["etag"]})
        assert (later.status_code, later.json()["protocol"]["version"]) == (200, "P2")


@pytest.mark.parametrize(("days", "soon"), [(31, False), (30, True), (1, True)])
def test_its_end_is_announced_thirty_days_before(operation, days, soon):
    until = TODAY + timedelta(days=days)
    agreed(operation, until=until.isoformat(), review_on=TODAY.isoformat())
    operation.assess()
    answer = operation.matrix(operation.reader)
    assert answer.json()["protocol"] == {"version": "P2", "until": until.isoformat(), "ends_soon": soon}
    line = f"P2; until={until.isoformat()}" + (f"; ends-in-days={days - 1}" if soon else "")
    with at(operation.service, midnight(TODAY) + timedelta(minutes=1)):
        assert operation.matrix(operation.reader).headers["flashpoint-protocol"] == line


def test_an_earlier_answer_comes_back_with_the_protocol_of_its_time(operation):
    operation.verified()
    operation.assess()
    held = {caller: operation.matrix(caller) for caller in (operation.analyst, operation.reader)}
    agreed(operation)
    operation.assess()
    for caller, before in held.items():
        assert operation.matrix(caller).json()["protocol"]["version"] == "P2"
        assert operation.matrix(caller).headers["etag"] != before.headers["etag"]
        path = f"/v1/matrix?operation={operation.code}&as_of={before.json()['as_of'].replace('+', '%2B')}"
        again = caller.get(path)
        assert again.content == before.content
        assert again.headers["flashpoint-protocol"].startswith("P2;")


def test_a_proposal_moves_no_matrix(operation):
    operation.assess()
    before = operation.matrix(operation.reader)
    proposed(operation)
    operation.assess()
    assert operation.matrix(operation.reader).content == before.content


def test_in_the_store_what_is_in_force_is_what_was_decided_last_unless_it_has_ended(service, operation):
    agreed(operation, until=(TODAY + timedelta(days=40)).isoformat(), review_on=TODAY.isoformat())
    with service.database.vault_reader() as reader:
        moment = protocols.Moment(datetime.now(UTC), datetime.now(UTC), reconstructed=False)
        found = protocols.in_force(reader, operation.code, moment)
        assert (found.version, found.document.retention.source_days) == ("P2", 365)
        ended = replace(moment, as_of=midnight(date.fromisoformat(str(found.until))))
        assert protocols.in_force(reader, operation.code, ended) is None
        earlier = replace(moment, recorded=moment.recorded - timedelta(days=1))
        assert protocols.in_force(reader, operation.code, earlier) is None


def test_the_mission_reads_it_as_a_role_that_cannot_see_the_vault(service, operation):
    agreed(operation)
    with service.database.release_reader() as reader:
        assert {one.version for one in protocols.agreed(reader) if one.operation == operation.code} == {"P2"}
        with pytest.raises(ProgrammingError, match="permission denied"):
            reader.connection.execute(text("SELECT FROM vault.protocol_in_force"))
