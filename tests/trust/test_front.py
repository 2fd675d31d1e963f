"""The nginx that we ship: what it holds back never reaches the service, and what it passes on is not changed."""

import gzip
import json
import re
import select
import socket
import ssl
import threading
import time
from contextlib import ExitStack

import front as fronts
import httpx
import pytest
from service import at_once, on_a_port, wait_until

from api.envelope import HEADERS
from flashpoint.strictjson import BATCH, SINGLE

pytestmark = pytest.mark.skipif(fronts.program() is None, reason="there is no nginx here; make setup fetches one")

TOKEN = "Tok3n-NotToEcho"  # noqa: S105 - a marker, not a secret
PATIENCE_SECONDS = 10
TWO_HUNDRED_MEGABYTES = 200_000_000
#: What may differ between the service's answer and the same answer through nginx.
OF_THE_LINE = {"server", "date", "connection", "strict-transport-security", "transfer-encoding"}


@pytest.fixture(scope="module")
def base_url(service):
    with on_a_port(service.app) as url:
        yield url


@pytest.fixture(scope="module")
def front(base_url, tmp_path_factory):
    with fronts.fronting(base_url, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture(scope="module")
def reader(service):
    operation = service.operation()
    operation.assess()
    return operation, {"Authorization": f"Bearer {operation.analyst.token}"}


def passed_on(service):
    """Count the requests that the service has answered."""
    return sum(
        sample.value
        for metric in service.app.state.registry.collect()
        for sample in metric.samples
        if sample.name == "flashpoint_requests_total"
    )


def problem_of(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert {"type", "title"} <= set(answer.json())
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"):
        assert answer.headers.get_list(name) == [HEADERS[name.title()]], name
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert re.fullmatch(r"nginx", answer.headers["server"])
    return answer


def ended(connection, within=PATIENCE_SECONDS):
    """Read until the other side ends it; give what it said, or ``None`` where it does not end it in time."""
    said, until = b"", time.monotonic() + within
    while (left := until - time.monotonic()) > 0:
        if not select.select([connection], [], [], left)[0]:
            return None
        try:
            piece = connection.recv(65_536)
        except OSError:
            return said
        if not piece:
            return said
        said += piece
    return None


def heard(connection):
    """Give what the other side has said, or ``None`` where it has said nothing yet."""
    connection.settimeout(0)
    try:
        return connection.recv(65_536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    finally:
        connection.settimeout(20)


# -- as it is shipped -----------------------------------------------------------------------------------------------


def test_nginx_takes_it_as_it_is_shipped(tmp_path):
    fronts.certify(tmp_path / "tls")
    (tmp_path / "nginx.conf").write_text(fronts.configuration(tmp_path, fronts.free_port(), "127.0.0.1:8000", {}))
    said = fronts.tested(tmp_path)
    assert said.returncode == 0, said.stderr
    assert "warn" not in said.stderr


def directive(name):
    return re.findall(rf"^\s*{name} ([^;]+);", fronts.SHIPPED, re.MULTILINE)


def test_its_sizes_are_those_of_the_service():
    assert directive("client_max_body_size")[:2] == ["1m", "10m"]
    assert (SINGLE.max_bytes, BATCH.max_bytes) == (1024 * 1024, 10 * 1024 * 1024)
    # What fits is kept in memory: victims' stories are written to no disk on the way.
    buffers = [int(size.removesuffix("k")) * 1024 for size in directive("client_body_buffer_size")]
    assert all(buffer > limit.max_bytes for buffer, limit in zip(buffers, (SINGLE, BATCH), strict=True))
    assert all(folder.startswith("/run/") for folder in directive(r"\w+_temp_path"))
    assert directive("proxy_max_temp_file_size") == ["0"]


def test_its_times_are_short():
    seconds = {name: int(directive(name)[0].removesuffix("s")) for name in (name.split()[0] for name in fronts.SHORT)}
    assert seconds["client_header_timeout"] <= 10
    assert seconds["client_body_timeout"] <= 15
    assert seconds["send_timeout"] <= 15
    assert seconds["proxy_read_timeout"] <= 60


def test_it_writes_down_nothing_of_who_asks_and_for_what():
    (form,) = re.findall(r"log_format \w+ (.*?);", fronts.SHIPPED, re.DOTALL)
    told = set(re.findall(r"\$(\w+)", form))
    assert not {name for name in told if re.match(r"remote|request$|request_uri|uri|args|query|http_|cookie", name)}
    assert all(line.endswith(" crit") for line in directive("error_log"))


# -- what passes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
def test_a_poll_passes_unchanged(front, base_url, reader, coding):
    operation, headers = reader
    asked = {**headers, "Accept-Encoding": coding}
    path = f"/v1/matrix?operation={operation.code}"
    with front.client() as through, httpx.Client(base_url=base_url) as straight:
        answers = []
        for client in (through, straight):
            with client.stream("GET", path, headers=asked) as answer:
                answers.append((answer, b"".join(answer.iter_raw())))
        (first, first_bytes), (second, second_bytes) = answers
        assert first.status_code == second.status_code == 200
        assert first_bytes == second_bytes
        assert {k: v for k, v in first.headers.items() if k not in OF_THE_LINE} == {
            k: v for k, v in second.headers.items() if k not in OF_THE_LINE
        }
        assert first.headers.get("content-encoding", "identity") == coding
        tag = first.headers["etag"]
        again = through.get(path, headers={**asked, "If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


def test_what_is_written_passes(front, service, reader):
    operation, _ = reader
    before = service.vault_rows()["incident"]
    headers = {"Authorization": f"Bearer {operation.analyst.token}", "Content-Type": "application/geo+json"}
    batch = {"type": "FeatureCollection", "features": [operation.incident(narrative="x" * 5000) for _ in range(300)]}
    body = json.dumps(batch)
    assert SINGLE.max_bytes < len(body) < BATCH.max_bytes
    with front.client(headers=headers) as client:
        assert client.post("/v1/incidents", content=json.dumps(operation.incident())).status_code == 201
        assert client.post("/v1/incidents/batch", content=body).status_code == 201
    assert service.vault_rows()["incident"] == before + 301


def test_problems_of_the_service_pass_as_they_are(front):
    with front.client() as client:
        answer = client.get("/v1/matrix?operation=DEMO")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name) == [value], name


def test_no_address_reaches_the_service(tmp_path):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_once, args=(listener, heard))
        thread.start()
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with fronts.fronting(upstream, tmp_path) as front, front.client() as client:
            given = {"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
            client.get("/", headers=given)
        thread.join()
    head = heard[0].lower()
    assert b"host: 127.0.0.1" in head
    assert not [name for name in (b"forwarded", b"x-real-ip", b"192.0.2.7") if name in head]


def _answer_once(listener, heard):
    connection, _ = listener.accept()
    with connection:
        heard.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


# -- slow clients ---------------------------------------------------------------------------------------------------


def dribble(connection, piece, seconds):
    """Send a piece again and again; say whether the other side ended it before the time was over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            connection.sendall(piece)
        except OSError:
            return True
        if select.select([connection], [], [], 0.2)[0] and ended(connection, 1) is not None:
            return True
    return False


SLOW_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


def test_a_client_that_is_slow_with_its_head_is_cut(front, service):
    before = passed_on(service)
    with front.connection() as connection:
        connection.sendall(SLOW_HEAD)
        assert dribble(connection, b"X-Slow: 1\r\n", PATIENCE_SECONDS)
    assert passed_on(service) == before


def test_the_service_alone_would_not_cut_it(base_url):
    # The control: the same client, straight to the service.
    address = httpx.URL(base_url)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(SLOW_HEAD)
        assert not dribble(connection, b"X-Slow: 1\r\n", 3)


def test_a_client_that_never_finishes_the_handshake_is_cut(front):
    with front.connection(shaken=False) as connection:
        assert ended(connection) is not None


def test_a_client_that_is_slow_with_its_body_is_cut_and_the_service_never_hears_of_it(front, service, reader):
    operation, _ = reader
    before = passed_on(service)
    head = (
        f"POST /v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {operation.analyst.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with front.connection() as connection:
        connection.sendall(head.encode())
        assert ended(connection) is not None
    assert passed_on(service) == before


def test_a_client_that_does_not_read_is_cut(front):
    asked = "GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with front.connection() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(8):
            connection.sendall(asked.encode())
        wait_until(lambda: _is_reset(connection))


def _is_reset(connection):
    """Say whether the other side gave up, without reading anything."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or select.select([], [], [connection], 0)[2]


def test_many_slow_clients_do_not_stop_a_normal_one(front, reader):
    operation, headers = reader
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(front.connection(shaken=False))
        with front.client(headers=headers) as client:
            for _ in range(20):
                assert client.get(f"/v1/matrix?operation={operation.code}").status_code == 200


# -- too much -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", [f"Content-Length: {TWO_HUNDRED_MEGABYTES}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/incidents/batch"])
def test_two_hundred_megabytes_never_reach_the_service(front, service, reader, path, framing):
    operation, _ = reader
    before = passed_on(service)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {operation.analyst.token}\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n" if "chunked" in framing else b" " * 0x10000
    with front.connection() as connection:
        connection.sendall(head.encode())
        sent, said = 0, None
        while sent < TWO_HUNDRED_MEGABYTES and (said := heard(connection)) is None:
            connection.sendall(chunk)
            sent += len(chunk)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in said
    assert sent < 20 * 1024 * 1024
    assert passed_on(service) == before


def test_a_head_that_is_too_large(front, service):
    before = passed_on(service)
    with front.client() as client:
        problem_of(client.get("/healthz", headers={"X-Large": "x" * 20_000}), 400)
        problem_of(client.get("/healthz", headers={f"X-{n}": "x" * 3000 for n in range(8)}), 400)
        problem_of(client.get("/healthz?" + "x" * 20_000), 414)
    assert passed_on(service) == before


@pytest.mark.parametrize("request_line", [b"\x16\x03\x01", b"GET /\x00 HTTP/1.1", b"nonsense", b"GET / HTTP/9.9"])
def test_what_is_no_request(front, service, request_line):
    before = passed_on(service)
    with front.connection() as connection:
        connection.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        said = ended(connection)
    assert said is not None
    assert b"application/problem+json" in said or said == b""
    assert passed_on(service) == before


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics?x=1", "/%6detrics", "/./metrics", "/x/../metrics", "/metrics#x", "//metrics"]
)
def test_metrics_are_closed(front, path):
    with front.connection() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        said = ended(connection)
    assert said.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"flashpoint_requests" not in said


# -- too often ------------------------------------------------------------------------------------------------------


def test_an_address_that_asks_too_often_is_refused(base_url, tmp_path):
    slower = {
        "limit_req_zone $binary_remote_addr zone=requests:10m rate=100r/s;": (
            "limit_req_zone $binary_remote_addr zone=requests:10m rate=1r/s;"
        ),
        "limit_req zone=requests burst=800 delay=500;": "limit_req zone=requests burst=5 nodelay;",
    }
    with fronts.fronting(base_url, tmp_path, changes=slower) as front, front.client() as client:
        answers = [client.get("/healthz") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 4 <= len(refused) <= 7
    for answer in refused:
        assert int(problem_of(answer, 429).headers["retry-after"]) >= 1


def test_a_tool_that_pages_through_500_small_pages_is_served(front, reader):
    operation, headers = reader
    path = f"/v1/matrix?operation={operation.code}&limit=1&geometry=none"

    def page(times):
        with front.client(headers=headers) as client:
            return [client.get(path).status_code for _ in range(times)]

    answers = at_once([lambda: page(126)] * 4)
    assert {status for some in answers for status in some} == {200}


def test_one_address_has_so_many_requests_at_a_time(base_url, tmp_path, reader):
    _, headers = reader
    patient = {"client_body_timeout 1s;": "client_body_timeout 15s;"}
    head = (
        f"POST /v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with fronts.fronting(base_url, tmp_path, changes=patient) as front, ExitStack() as stack:
        held = [stack.enter_context(front.connection()) for _ in range(32)]
        for connection in held:
            connection.sendall(head.encode())
        with front.client() as client:
            wait_until(lambda: client.get("/healthz").status_code == 429)
            problem_of(client.get("/healthz"), 429)
        for connection in held:
            connection.close()
        with front.client() as client:
            wait_until(lambda: client.get("/healthz").status_code == 200)


# -- without the service --------------------------------------------------------------------------------------------


def test_a_service_that_is_away_or_hangs_is_a_problem(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with fronts.fronting(upstream, tmp_path) as front, front.client() as client:
            answer = client.get(f"/v1/matrix?{TOKEN}", headers={"Authorization": f"Bearer {TOKEN}"})
            assert problem_of(answer, 504).headers["retry-after"] == "5"
            listener.close()
            answer = client.post(f"/v1/{TOKEN}?{TOKEN}", content=TOKEN, headers={"Authorization": f"Bearer {TOKEN}"})
            assert problem_of(answer, 502).headers["retry-after"] == "5"
            assert TOKEN not in answer.text
        assert len(front.logs().splitlines()) >= 2
        assert TOKEN not in front.logs()
        assert "127.0.0.1" not in front.logs()


def test_nothing_that_was_sent_stands_in_a_log(base_url, tmp_path):
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Other": TOKEN, "Referer": f"https://{TOKEN}.example"}
    tight = {"limit_req zone=requests burst=800 delay=500;": "limit_req zone=requests burst=8 nodelay;"}
    with fronts.fronting(base_url, tmp_path, changes=tight) as front, front.client(headers=headers) as client:
        client.get(f"/v1/{TOKEN}?{TOKEN}={TOKEN}")
        client.post(f"/v1/incidents?{TOKEN}", content=gzip.compress(TOKEN.encode()))
        client.post(f"/v1/incidents?{TOKEN}", content=b" " * 2_000_000)
        client.get(f"/healthz?{TOKEN}", headers={"X-Large": TOKEN * 2000})
        statuses = {client.get(f"/healthz?{TOKEN}").status_code for _ in range(300)}
        assert 429 in statuses
    assert len(front.logs().splitlines()) > 300
    assert TOKEN not in front.logs()
    assert "127.0.0.1" not in front.logs()


def test_a_log_that_says_more_would_be_noticed(base_url, tmp_path):
    # The control: nginx's own format, and its usual level of errors.
    usual = {
        "limit_req zone=requests burst=800 delay=500;": "limit_req zone=requests burst=2 nodelay;",
        f"access_log {tmp_path}/flashpoint-access.log flashpoint;": (
            f"access_log {tmp_path}/flashpoint-access.log combined;"
        ),
        "limit_req_status 429;": f"limit_req_status 429; error_log {tmp_path}/flashpoint-error.log error;",
    }
    with fronts.fronting(base_url, tmp_path, changes=usual) as front, front.client() as client:
        for _ in range(100):
            client.get(f"/healthz?{TOKEN}")
    for name in ("flashpoint-access.log", "flashpoint-error.log"):
        assert TOKEN in (tmp_path / name).read_text(), name
