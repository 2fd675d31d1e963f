"""Every answer carries its security headers, and no answer, log or figure repeats what somebody sent."""

import base64
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import markers
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from front import free_port
from pydantic import BaseModel, ValidationError
from records import Records
from service import on_a_port, wait_until

from api.app import create_app
from api.envelope import HEADERS
from api.problems import PROBLEM, STATUS
from flashpoint import errors
from flashpoint.errors import FlashpointError, Invalid, TransitionRefused, Violation
from flashpoint.settings import Settings

ORIGIN = "https://dashboard.example"
METRICS_TOKEN = "a-token-of-metrics-for-tests"  # noqa: S105 - for tests alone
SECRET = "Tok3n-NotToEcho"  # noqa: S105 - a marker
#: What a browser may find out of a policy's breach, or what lets a page be changed by what stands in it.
WEAK = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "*", "http:", "https:", "report-uri")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# -- headers --------------------------------------------------------------------------------------------------------


def lacks(answer):
    """Give what is missing among an answer's security headers, or is there twice, or says too little."""
    missing = {name for name in HEADERS if len(answer.headers.get_list(name)) != 1}
    policy = answer.headers.get("content-security-policy", "")
    if not policy.startswith("default-src 'none'") or any(word in policy.split() for word in WEAK):
        missing.add("policy")
    for name in ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        if name not in policy:
            missing.add(name)
    told = {"server", "x-powered-by", "via"} & set(answer.headers)
    for name, value in HEADERS.items():
        if name not in {"Content-Security-Policy", "Cache-Control"} and answer.headers.get(name) != value:
            missing.add(name)
    return missing | told


def targets(app):
    """Yield every method and path of the description, with something put in the place of its parameters."""
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path)
    yield from (("GET", path) for path in ("/docs", "/openapi.json", "/docs/assets/swagger-ui.css", "/metrics"))


def test_every_route_answers_with_them_with_a_key_and_without(service, operation):
    seen = set()
    for method, path in targets(service.app):
        for caller in (operation.coordinator.request, service.client.request):
            answer = caller(method, path)
            assert lacks(answer) == set(), (method, path)
            seen.add(answer.status_code)
    assert {200, 400, 401, 404, 415} <= seen


@pytest.fixture(scope="module")
def breaking(tmp_path_factory):
    """An app that is not started, with a route for each error and one for what nobody foresaw."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(Settings(home=home, cors_origins=ORIGIN), "postgresql://127.0.0.1:1/nowhere")

    def raising(error):
        def route():
            raise error

        return route

    for number, error in enumerate(ERRORS):
        app.get(f"/broken/{number}")(raising(error))
    app.get("/broken/unforeseen")(raising(KeyError(SECRET)))
    return TestClient(app, raise_server_exceptions=False)


def example(kind):
    made = {Invalid: Invalid(Violation("/a", "code", "rule")), TransitionRefused: TransitionRefused("rule", [])}
    return made.get(kind) or kind("what is the matter")


ERRORS = [Invalid(Violation("?a", "code", "rule")), *map(example, STATUS)]


def test_every_error_answers_with_them(breaking, operation):
    statuses = set()
    answers = [breaking.get(f"/broken/{number}") for number in range(len(ERRORS))]
    answers += [breaking.get("/broken/unforeseen"), breaking.get("/readyz"), breaking.get("/nothing/there")]
    answers += [breaking.request("PUT", "/v1/matrix"), breaking.request("TRACE", "/healthz")]
    large = operation.coordinator.request(
        "POST", "/v1/incidents", content=b" " * 2_000_000, headers={"Content-Type": "application/json"}
    )
    answers += [large, operation.coordinator.request("POST", "/v1/incidents", content=b"x")]
    for answer in answers:
        assert lacks(answer) == set(), answer.status_code
        assert answer.headers["content-type"] == PROBLEM
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["status"] == answer.status_code
        statuses.add(answer.status_code)
    assert {400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 500, 503} <= statuses
    for answer in answers:
        assert ("retry-after" in answer.headers) == (answer.status_code in {429, 503})


def test_an_app_without_the_envelope_would_be_noticed():
    # The control: the framework alone.
    app = FastAPI()
    client = TestClient(app)
    for path in ("/nothing", "/openapi.json", "/docs"):
        assert set(HEADERS) <= lacks(client.get(path))


def test_the_server_does_not_name_itself(service):
    with on_a_port(service.app) as url:
        answer = httpx.get(f"{url}/healthz")
    assert lacks(answer) == set()


# -- the page of the documentation ----------------------------------------------------------------------------------


def inline_scripts(page):
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def test_the_page_of_the_documentation_runs_its_own_script_and_no_other(service):
    answer = service.client.get("/docs")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    hashes = {f"'sha256-{_hash(script)}'" for script in inline_scripts(answer.text)}
    assert len(hashes) == 1
    assert set(policy["script-src"].split()) == {"'self'", *hashes}
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.findall(r"\son\w+\s*=|javascript:|\sstyle\s*=|<style", answer.text)
    assert not re.findall(r"(?:src|href)=[\"'](?!/docs/assets/)", answer.text)


def _hash(script):
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def rendered(url, folder):
    """Give the page as a browser has made it, and what it complained of."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder}", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000"]
    done = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_page_of_the_documentation_shows_in_a_browser(service, tmp_path):
    with on_a_port(service.app) as url:
        page, complaints = rendered(f"{url}/docs", tmp_path)
    assert 'class="opblock' in page
    assert "/v1/matrix" in page
    assert complaints == []


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_a_script_that_somebody_put_into_the_page_would_not_run(service, tmp_path):
    # The control: the same browser does complain where the page is not the one that the policy was made for.
    real = service.client.get("/docs")
    app = FastAPI(docs_url=None)

    @app.get("/docs")
    def docs():
        planted = real.text.replace("</body>", "<script>document.title = 'planted'</script></body>")
        policy = {"Content-Security-Policy": real.headers["content-security-policy"]}
        return HTMLResponse(planted, headers=policy)

    with on_a_port(app) as url:
        page, complaints = rendered(f"{url}/docs", tmp_path)
    assert "<title>planted" not in page
    assert any("Content Security Policy" in line for line in complaints)


# -- pages of others ------------------------------------------------------------------------------------------------

ASKS = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def test_a_page_that_is_named_may_ask_and_read(breaking):
    before = breaking.options("/v1/matrix", headers=ASKS)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == ORIGIN
    assert "Authorization" in before.headers["access-control-allow-headers"]
    assert {"GET", "POST", "PATCH", "PUT"} <= set(before.headers["access-control-allow-methods"].split(", "))
    for path in ("/healthz", "/v1/matrix", "/broken/unforeseen", "/nothing"):
        answer = breaking.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN, path
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert {"ETag", "Age", "Retry-After", "Location", "Idempotency-Replayed"} <= exposed
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
    assert lacks(before) == set()


@pytest.mark.parametrize(
    "origin",
    [
        "https://dashboard.example.evil",
        "https://evil.dashboard.example",
        "http://dashboard.example",
        "https://dashboard.example:8443",
        "https://DASHBOARD.example",
        "https://dashboard.example/",
        "null",
        "*",
        "",
    ],
)
def test_a_page_that_is_not_named_may_not(breaking, origin):
    before = breaking.options("/v1/matrix", headers=ASKS | {"Origin": origin})
    assert before.status_code == 405
    answer = breaking.get("/healthz", headers={"Origin": origin})
    for one in (before, answer):
        assert not [name for name in one.headers if name.startswith("access-control-")]
        assert "Origin" in one.headers["vary"]


def test_two_origins_at_once_are_nobodys(breaking):
    answer = breaking.get("/healthz", headers=[("Origin", ORIGIN), ("Origin", "https://evil.example")])
    assert "access-control-allow-origin" not in answer.headers


def test_by_default_no_page_may(service):
    for answer in (
        service.client.options("/v1/matrix", headers=ASKS),
        service.client.get("/healthz", headers={"Origin": ORIGIN}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "named",
    [
        "*",
        "null",
        "https://*.example",
        "https://a.example/",
        "https://a.example/path",
        "http://a.example",
        "a.example",
        "https://user@a.example",
        "https://a.example,*",
        "https://A.example",
        "https://a.example https://b.example",
        "javascript://a.example",
        "https://a.example\nb",
    ],
)
def test_what_is_no_exact_origin_is_not_taken(named):
    with pytest.raises(ValidationError):
        Settings(cors_origins=named)


def test_origins_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("FLASHPOINT_CORS_ORIGINS", "https://a.example, https://b.example:8443,http://localhost:5173")
    assert Settings().cors_origins == ("https://a.example", "https://b.example:8443", "http://localhost:5173")
    monkeypatch.setenv("FLASHPOINT_CORS_ORIGINS", "")
    assert Settings().cors_origins is None


# -- figures --------------------------------------------------------------------------------------------------------


def with_metrics(home, token):
    return TestClient(create_app(Settings(home=home, metrics_token=token), "postgresql://127.0.0.1:1/nowhere"))


def test_figures_are_for_the_holder_of_their_token(tmp_path, service, operation):
    client = with_metrics(tmp_path, METRICS_TOKEN)
    told = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert told.status_code == 200
    assert "flashpoint_requests_total" in told.text
    assert lacks(told) == set()
    for wrong in ("", "Bearer", f"Bearer {METRICS_TOKEN}x", f"Basic {METRICS_TOKEN}", METRICS_TOKEN, "Bearer \xe9"):
        answer = client.get("/metrics", headers={"Authorization": wrong.encode("latin-1")})
        assert answer.status_code == 401
        assert "flashpoint_" not in answer.text
    # Without a token there are none, not even for a coordinator.
    for ask in (service.client.get, operation.coordinator.get):
        assert ask("/metrics").status_code == 404


def test_a_short_token_of_metrics_is_not_taken(tmp_path):
    with pytest.raises(ValidationError) as refused:
        Settings(home=tmp_path, metrics_token="short")  # noqa: S106 - for tests alone
    assert "'short'" not in str(refused.value)


# -- nothing is repeated --------------------------------------------------------------------------------------------


class Line:
    """Sends requests as they are, over a socket."""

    def __init__(self, base_url):
        self.address = urlsplit(base_url)
        self.connection = None

    def send(self, method, target, headers, body):
        """Send a request; give the status, and all of the answer as text."""
        for _ in range(2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=20)
            try:
                self._write(method, target, headers, body)
                answer = self.connection.getresponse()
                text = f"{answer.reason}{answer.getheaders()}{answer.read().decode('latin-1')}"
            except (OSError, http.client.HTTPException):
                self.connection = None
            else:
                if answer.will_close:
                    self.connection = None
                return answer.status, text
        return 0, ""

    def _write(self, method, target, headers, body):
        given = {name.lower() for name in headers}
        self.connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if body or "content-length" not in given:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)

    def send_raw(self, text):
        with socket.create_connection((self.address.hostname, self.address.port), timeout=20) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            said = b""
            try:
                while piece := connection.recv(65_536):
                    said += piece
            except OSError:
                pass
            return said.decode("latin-1")


def sent_everywhere(base_url, described, token, fill=str):
    """Send a mark to every place; give the marks, the answers that are refusals or receipts, and all statuses."""
    marks, line, told, statuses = markers.Marks(), Line(base_url), [], set()
    for method, target, headers, body in markers.requests_of(described, marks, token, fill):
        status, text = line.send(method, target, headers, body)
        statuses.add(status)
        told.append(text)
    told += [line.send_raw(text) for text in markers.broken(marks)]
    return marks, told, statuses


@pytest.fixture(scope="module")
def serving(service, tmp_path_factory):
    """``flashpoint serve`` in a process of its own, with what it writes."""
    folder, port = tmp_path_factory.mktemp("serving"), free_port()
    environment = os.environ | {
        "FLASHPOINT_HOME": str(service.app.state.settings.home),
        "FLASHPOINT_DATABASE_URL": service.database.url.replace("+psycopg", ""),
        "FLASHPOINT_PORT": str(port),
        "FLASHPOINT_METRICS_TOKEN": METRICS_TOKEN,
        "FLASHPOINT_CORS_ORIGINS": ORIGIN,
        "FLASHPOINT_REQUESTS_PER_MINUTE": "0",
        "PYTHONWARNINGS": "default",
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        program = Path(sys.executable).with_name("flashpoint")
        process = subprocess.Popen([program, "serve"], stdout=out, stderr=err, env=environment)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _ready(url), 60)
            yield url, lambda: (folder / "out").read_text() + (folder / "err").read_text()
        finally:
            process.terminate()
            process.wait(20)


def _ready(url):
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_real_service_repeats_nothing_in_answers_logs_and_figures(service, operation, serving):
    url, written = serving
    records = Records(operation)
    marks, told, statuses = sent_everywhere(url, service.app.openapi(), records.caller.token, records.path)
    assert len(marks.places) > 1000
    assert {200, 400, 401, 404, 405, 415, 422} <= statuses
    assert not {status for status in statuses if status >= 500}
    assert marks.found_in("".join(told)) == []
    assert marks.found_in(written()) == []
    figures = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
    assert "flashpoint_requests_total" in figures
    assert marks.found_in(figures) == []
    for secret in (METRICS_TOKEN, operation.coordinator.token):
        assert secret not in f"{written()}{figures}"


def test_no_logger_is_told_anything_however_talkative(service, operation, caplog):
    caplog.set_level(logging.DEBUG)
    records = Records(operation)
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi")]
    with on_a_port(service.app) as url:
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(caplog.handler)
            logger.setLevel(logging.DEBUG)
        try:
            marks, told, _ = sent_everywhere(url, service.app.openapi(), records.caller.token, records.path)
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.removeHandler(caplog.handler)
                logger.setLevel(level)
    lines = [f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records]
    assert marks.found_in("".join(lines)) == []
    assert marks.found_in("".join(told)) == []


def test_an_error_that_nobody_foresaw_repeats_nothing(breaking, caplog):
    caplog.set_level(logging.DEBUG)
    answer = breaking.get("/broken/unforeseen")
    assert answer.status_code == 500
    assert "KeyError" in caplog.text
    assert SECRET not in f"{answer.text}{answer.headers}{caplog.text}"


def test_the_frameworks_own_handler_and_the_servers_own_log_would_be_noticed(caplog):
    # The control: what one writes first repeats bodies in answers, and paths in logs.
    class Report(BaseModel):
        count: int

    app = FastAPI()

    @app.post("/v1/incidents")
    def take(report: Report) -> int:
        return report.count

    caplog.set_level(logging.INFO)
    access = logging.getLogger("uvicorn.access")
    described = app.openapi()
    described["paths"]["/v1/incidents"]["post"]["requestBody"]["content"]["application/json"]["example"] = {"count": 1}
    with on_a_port(app, access_log=True) as url:
        access.addHandler(caplog.handler)
        access.setLevel(logging.INFO)
        try:
            marks, told, _ = sent_everywhere(url, described, "none")
        finally:
            access.removeHandler(caplog.handler)
    assert len(marks.found_in("".join(told))) > 3
    logged = "".join(record.getMessage() for record in caplog.records)
    assert len(marks.found_in(logged)) > 3


def test_what_was_recorded_is_answered_to_its_readers_and_to_nobody_else(service, operation):
    # Where a mark belongs: in the record, for those who may read it. The receipt holds nothing that was told.
    narrative = f"Synthetic {SECRET}."
    answer = operation.analyst.post("/v1/incidents", operation.incident(narrative=narrative, client_id="mine"))
    assert answer.status_code == 201
    assert SECRET not in f"{answer.text}{answer.headers}"
    again = operation.analyst.post("/v1/incidents", operation.incident(narrative=f"{SECRET}!", client_id="mine"))
    assert again.status_code == 409
    assert SECRET not in again.text
    read = operation.analyst.get(f"/v1/incidents/{answer.json()['id']}")
    assert json.loads(read.text)["properties"]["narrative"] == narrative
    assert SECRET not in service.client.get(f"/v1/incidents/{answer.json()['id']}").text


def test_every_error_of_the_domain_is_tried():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FlashpointError)}
    tried = {kind for error in ERRORS for kind in type(error).__mro__}
    assert {kind for kind in kinds if kind in STATUS} <= tried
