"""The gate on everything the mission reads, and the protocol named in every answer."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import postgis
import psycopg
import pytest
import service as running_service
from agreeing import UNTIL, agreed, at, midnight, one_of, proposed
from declared_routes import permissions, routes_of
from service import BOXES
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from api.agreements import Agreements
from flashpoint.access import PERMISSIONS, Permission
from flashpoint.errors import FlashpointError
from flashpoint.layers import Layer
from flashpoint.protocol import SUBJECT, Subject
from flashpoint.store import protocols
from flashpoint.store.engine import libpq_url
from flashpoint.store.tiles import TILED
from flashpoint.types import Audience, Role

NOBODY, OTHER = "urn:flashpoint:problem:no-protocol", "urn:flashpoint:problem:not-in-protocol"
TODAY = datetime.now(UTC).date()
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
