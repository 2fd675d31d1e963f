"""What must be refused is refused as a problem that repeats nothing of it, and leaves no trace in the vault."""

import copy
import gzip
import json
import logging
import select
import socket
import zlib
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import pytest
from bad_bodies import TOKEN, bad_incidents, good_incident
from bad_changes import PATCHES, SOURCES, STEPS, SUBJECTS, WITHDRAWALS
from service import subject
from shapely.geometry import box

GOOD = good_incident(datetime.now(UTC))
CASES = bad_incidents(GOOD)
COLLECTIONS = {
    "locality": "localities",
    "community": "communities",
    "assessment": "assessments",
    "presence": "presences",
}
MEBIBYTE = 1024 * 1024
FIFTY_MEGABYTES = 50_000_000
#: A line feed ends a record, and a batch may be larger than a single body.
NOT_A_LINE = {"empty", "only-whitespace", "large-padding", "large-narrative"}
TYPES_OF_A_BATCH = {"content-type-lines", "content-type-sequence"}
AS_LINES = [case for case in CASES if b"\n" not in case.body.strip() and case.name not in NOT_A_LINE | TYPES_OF_A_BATCH]


def each(cases):
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.fixture(scope="module")
def demo(service):
    operation = service.operation("DEMO", box(14, 2, 28, 11.5), localities=False)
    assert operation.analyst
    return operation


@pytest.fixture(scope="module")
def settled(service):
    """An operation with an incident and one subject of each kind, which no test of this module changes."""
    operation = service.operation()
    operation.ids = {"incident": operation.reported(client_id="mine")}
    for kind, name in COLLECTIONS.items():
        answer = operation.coordinator.post(f"/v1/{name}", subject(operation.code, kind))
        assert answer.status_code == 201, answer.text
        operation.ids[kind] = answer.json()["id"]
    assert operation.verifier
    return operation


@pytest.fixture
def refused(service, caplog):
    """Check that an answer refuses, repeats nothing and wrote nothing; give the places that it names."""
    caplog.set_level(logging.DEBUG)
    before = service.vault_rows()

    def check(answer, *statuses):
        assert answer.status_code in (statuses or range(400, 500)), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (
            {"type", "title", "status", "detail"}
            <= set(problem)
            <= {*("type", "title", "status", "detail", "errors", "allowed")}
        )
        assert problem["status"] == answer.status_code
        assert ("errors" in problem) == (answer.status_code == 422)
        for error in problem.get("errors", []):
            assert set(error) == {"pointer", "code", "rule"}
            assert error["rule"]
        assert TOKEN not in f"{answer.text}{answer.headers}{caplog.text}"
        assert service.vault_rows() == before
        return [error["pointer"] for error in problem.get("errors", [])]

    return check


def post(caller, path, content, content_type="application/geo+json", **headers):
    return caller.request("POST", path, content=content, headers={"Content-Type": content_type, **headers})


def test_there_are_many_cases():
    assert len(CASES) >= 450
    assert len(AS_LINES) >= 400
    assert len(SUBJECTS) + len(STEPS) + len(SOURCES) + len(PATCHES) + len(WITHDRAWALS) >= 150


@pytest.mark.parametrize("case", each(CASES))
def test_a_bad_incident_is_refused(demo, refused, case):
    answer = post(demo.analyst, "/v1/incidents", case.body, case.content_type)
    places = refused(answer)
    if case.code == "too_large":
        assert answer.status_code == 413
    elif case.pointer is not None:
        assert places[0] == case.pointer


@pytest.mark.parametrize("case", each(AS_LINES))
def test_one_bad_line_refuses_the_whole_batch(demo, refused, case):
    if case.name.startswith("content-type-"):
        refused(post(demo.analyst, "/v1/incidents/batch", case.body, case.content_type), 415, 422)
        return
    good = json.dumps(demo.incident((18.5, 4.3))).encode()
    body = b"\n".join([good, case.body, good])
    places = refused(post(demo.analyst, "/v1/incidents/batch", body, "application/x-ndjson"), 422)
    assert all(place.startswith("/features/1") for place in places)
    if case.pointer is not None:
        assert places[0] == f"/features/1{case.pointer}"


def test_one_bad_feature_refuses_the_whole_collection(demo, refused):
    bad = demo.incident((18.5, 4.3), category=TOKEN)
    body = {"type": "FeatureCollection", "features": [demo.incident((18.5, 4.3)), bad, demo.incident((2.0, 48.0))]}
    answer = demo.analyst.post("/v1/incidents/batch", body)
    assert refused(answer, 422) == ["/features/1/properties/category", "/features/2/geometry"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"[]",
        b'{"type":"FeatureCollection","features":[]}',
        b'{"type":"FeatureCollection","features":{}}',
        b'{"type":"Feature","features":[]}',
        json.dumps({"type": "FeatureCollection", "features": [], TOKEN: 1}).encode(),
        b'{"type":"FeatureCollection","features":[' + b"0," * 10_000 + b"0]}",
    ],
)
def test_a_bad_collection_is_refused(demo, refused, body):
    refused(post(demo.analyst, "/v1/incidents/batch", body), 422)


def test_more_lines_than_a_batch_holds(demo, refused):
    refused(post(demo.analyst, "/v1/incidents/batch", b"{}\n" * 10_001, "application/x-ndjson"), 422)


def test_the_good_incident_is_taken_so_that_the_cases_prove_something(demo):
    feature = copy.deepcopy(GOOD)
    feature["properties"]["client_id"] = uuid4().hex
    assert post(demo.analyst, "/v1/incidents", json.dumps(feature)).status_code == 201
    body = {"type": "FeatureCollection", "features": [demo.incident((18.5, 4.3))]}
    assert demo.analyst.post("/v1/incidents/batch", body).status_code == 201


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_the_good_subjects_are_taken(settled, kind):
    assert settled.coordinator.get(f"/v1/{COLLECTIONS[kind]}/{settled.ids[kind]}").status_code == 200


@pytest.mark.parametrize("case", SUBJECTS, ids=str)
def test_a_bad_subject_is_refused(settled, refused, case):
    body = case.body(subject(settled.code, case.kind))
    path = f"/v1/{COLLECTIONS[case.kind]}"
    places = refused(settled.coordinator.post(path, body), 422)
    assert case.at in (None, places[0])
    put = settled.coordinator.put(f"{path}/{settled.ids[case.kind]}", body, If_Match='"1"')
    assert refused(put, 422) == places


@pytest.mark.parametrize(("body", "pointer"), STEPS)
def test_a_bad_step_is_refused(settled, refused, body, pointer):
    places = refused(settled.verifier.post(f"/v1/incidents/{settled.ids['incident']}/transitions", body), 422)
    assert pointer in (None, places[0])


def test_an_incident_is_no_duplicate_of_itself(settled, refused):
    own = settled.ids["incident"]
    answer = settled.step(own, "mark_duplicate", duplicate_of=own)
    assert refused(answer, 422) == ["/duplicate_of"]


@pytest.mark.parametrize(("body", "pointer"), SOURCES)
def test_bad_sources_are_refused(settled, refused, body, pointer):
    places = refused(settled.analyst.post(f"/v1/incidents/{settled.ids['incident']}/sources", body), 422)
    assert pointer in (None, places[0])


@pytest.mark.parametrize(("body", "pointer"), PATCHES)
def test_a_bad_correction_is_refused(settled, refused, body, pointer):
    places = refused(settled.analyst.patch(f"/v1/incidents/{settled.ids['incident']}", body, If_Match="*"), 422)
    assert pointer in (None, places[0])


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize(("body", "pointer"), WITHDRAWALS)
def test_a_bad_withdrawal_is_refused(settled, refused, kind, body, pointer):
    path = f"/v1/{COLLECTIONS[kind]}/{settled.ids[kind]}/withdrawal"
    places = refused(settled.coordinator.post(path, body, If_Match="*"), 422)
    assert pointer in (None, places[0])


WRITES = [
    ("POST", "/v1/incidents"),
    ("POST", "/v1/incidents/batch"),
    ("PATCH", "/v1/incidents/{incident}"),
    ("POST", "/v1/incidents/{incident}/sources"),
    ("POST", "/v1/incidents/{incident}/transitions"),
    *(("POST", f"/v1/{name}") for name in COLLECTIONS.values()),
    *(("PUT", f"/v1/{name}/{{{kind}}}") for kind, name in COLLECTIONS.items()),
    *(("POST", f"/v1/{name}/{{{kind}}}/withdrawal") for kind, name in COLLECTIONS.items()),
]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", TOKEN])
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_compressed_body_is_refused_unread(settled, refused, method, path, coding):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, bytes)(json.dumps(GOOD).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": coding, "If-Match": "*"}
    answer = settled.coordinator.request(method, path.format(**settled.ids), content=packed, headers=headers)
    refused(answer, 415)


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 5000, b'{"a":NaN}', b'{"a":1,"a":2}', b'"\\ud800"', b"null"])
def test_no_writing_route_breaks_on_a_body_that_is_no_object(settled, refused, method, path, body):
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    refused(settled.coordinator.request(method, path.format(**settled.ids), content=body, headers=headers), 422)


@pytest.mark.parametrize(("path", "limit"), [("/v1/incidents", MEBIBYTE), ("/v1/incidents/batch", 10 * MEBIBYTE)])
def test_reading_stops_as_soon_as_the_body_is_too_large(service, demo, path, limit):
    taken = endless_post(service.app, demo.analyst.token, path)
    assert limit < taken <= limit + MEBIBYTE


def test_a_body_is_not_read_at_all_where_the_key_is_not_believed(service):
    assert endless_post(service.app, "fp_nobody", "/v1/incidents/batch", 401) == 0


def endless_post(app, token, path, expected=413):
    """Post without end and without a length; give how many bytes were taken before the answer."""
    taken, answers = [], []

    async def receive():
        taken.append(MEBIBYTE // 4)
        return {"type": "http.request", "body": b" " * taken[-1], "more_body": True}

    async def send(message):
        answers.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/geo+json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "server": ("test", 80),
        "client": ("test", 1),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "app": app,
    }
    anyio.run(app, scope, receive, send)
    assert answers[0]["status"] == expected
    return sum(taken)


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/incidents/batch"])
@pytest.mark.parametrize("framing", [f"Content-Length: {FIFTY_MEGABYTES}", "Transfer-Encoding: chunked"])
def test_fifty_megabytes_over_a_socket(service, base_url, demo, path, framing):
    before = service.vault_rows()
    target = urlsplit(base_url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {demo.analyst.token}\r\n"
        f"Content-Type: application/geo+json\r\n{framing}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n" if "chunked" in framing else b" " * 0x10000
    with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = answer_while_sending(connection, chunk)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert service.vault_rows() == before


def answer_while_sending(connection, chunk):
    """Send on until the server answers; give the beginning of its answer."""
    for _ in range(FIFTY_MEGABYTES // len(chunk)):
        readable, writable, _ = select.select([connection], [connection], [], 10)
        if readable or not writable:
            break
        try:
            connection.sendall(chunk)
        except OSError:
            break
    return connection.recv(65_536)


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 400, "١٢"])
def test_a_length_that_is_no_number_is_refused(service, demo, length):
    headers = [
        (b"authorization", f"Bearer {demo.analyst.token}".encode()),
        (b"content-type", b"application/geo+json"),
        (b"content-length", length.encode()),
    ]
    answer = service.client.post("/v1/incidents", content=json.dumps(GOOD), headers=headers)
    assert 400 <= answer.status_code < 500
