"""What lies on the shelf is given to nobody but whom it was made for, and to nobody at all whom the gate keeps out."""

from contextlib import contextmanager
from itertools import product

import psycopg
import pytest
import service as running_service
from direct import answers, get, one
from service import wait_until
from sqlalchemy import Text, cast, event, func

from api.shelf import Shelf
from flashpoint.access import CONSOLE
from flashpoint.store import actors, layer_reading
from flashpoint.types import Audience, Role

ITEMS = "/ogc/collections/{}/items"
DOCUMENTS = ("/ogc/collections", "/ogc/collections/incidents", "/ogc/collections/incidents/queryables")
HOSTS = ("gis.example", "gis.example:8443", "other.example")


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with running_service.running(module_database_url, home, requests_per_minute=0) as service:
        yield service


@pytest.fixture
def operation(service):
    operation = service.operation()
    operation.verified(sharing="mission", share_above="detail")
    operation.assess()
    return operation


def asked(code):
    """Give what is asked of an operation: from memory and from the database, as JSON and as pages, in languages."""
    given = [{}, {"filter": "TRUE"}, {"sortby": "name", "limit": 2}]
    for host, query, html, language in product(HOSTS, given, (False, True), ("en", "fr")):
        form = {"f": "html"} if html else {}
        headers = (("host", host), ("accept-language", language))
        yield get(ITEMS.format("matrix"), *headers, operation=code, **query, **form)
    yield from (get(ITEMS.format(name), operation=code) for name in ("incidents", "localities", "communities"))


def test_the_shelf_gives_nobody_what_was_made_for_somebody_else(service, operation):
    """Everybody asks with everything on the shelf, and is answered as with nothing on it."""
    other = service.operation()
    other.assess()
    both = (operation.code, other.code)
    whose = [
        service.caller(f"{operation.code}-{audience}-both", Role.READER, audience, both).token
        for audience in (Audience.MISSION, Audience.CLUSTER)
    ]
    whole = [(token, ask) for token in whose for code in both for ask in asked(code)]

    def all_of(*, kept):
        for token, ask in whole:
            if not kept:
                service.app.state.shelf = Shelf()
            yield one(service, token, ask)

    bare = list(all_of(kept=False))
    service.app.state.shelf = Shelf()
    for _ in range(2):
        assert list(all_of(kept=True)) == bare
    assert {answer.status for answer in bare} == {200}
    # No two of those who ask are answered alike, and neither are a page and data, or two names of the service.
    matrices = [answer for (_, ask), answer in zip(whole, bare, strict=True) if "matrix" in ask.path]
    pages = {answer.body for answer in matrices if "html" in (answer.header("content-type") or "")}
    data = {answer.body for answer in matrices} - pages
    assert len(data) == len(whose) * len(both) * len(HOSTS) * 3
    assert len(pages) >= len(whose) * len(both) * 3 * 2
    assert len({answer.header("etag") for answer in matrices}) == len(data) + len(whose) * len(both) * len(HOSTS) * 6


def test_the_name_that_was_asked_by_shows_in_that_answer_and_in_no_other(service, operation):
    token, path = operation.reader.token, ITEMS.format("incidents")
    evil = one(service, token, get(path, ("host", "evil.example"), ("x-forwarded-host", "worse.example")))
    plain = one(service, token, get(path, ("host", "gis.example")))
    assert "https://evil.example/ogc" in evil.text()
    assert "worse.example" not in evil.text()
    assert "evil.example" not in plain.text()
    for host in ("evil.example/x", "a b", '"><script>', "", "evil.example\x00", "[::2]"):
        answer = one(service, token, get(path, ("host", host)))
        hrefs = [link["href"] for link in answer.json()["links"]]
        assert all(href.startswith("/ogc/") for href in hrefs), host


def everything(operation):
    """Ask for all that the mission is given, under tags that are right and that are not."""
    token, service = operation.reader.token, operation.service
    paths = [*DOCUMENTS, *(ITEMS.format(name) for name in ("matrix", "incidents", "communities", "changes"))]
    asks = [get(path) for path in paths] + [get(ITEMS.format("matrix"), filter="TRUE", f="html")]
    tags = [answer.header("etag") for answer in answers(service, token, asks)]
    known = [ask.under(("if-none-match", tag)) for ask, tag in zip(asks, tags, strict=True) if tag]
    known += [ask.under(("if-none-match", "*")) for ask in asks]
    return asks, known


def test_without_a_protocol_nothing_is_given_not_even_that_it_has_not_changed(service, operation):
    asks, known = everything(operation)
    token = operation.reader.token
    assert {answer.status for answer in answers(service, token, asks)} == {200}
    assert 304 in {answer.status for answer in answers(service, token, known)}
    reason = {"operation": operation.code, "reason": "Synthetic."}
    assert operation.coordinator.post("/v1/protocols/TEST-P1/suspension", reason).status_code == 200
    service.app.state.watch.reload([])
    refused = answers(service, token, [*asks, *known])
    assert {answer.status for answer in refused} == {403}
    told = [answer.json()["type"] for answer in refused if "json" in answer.header("content-type")]
    assert len(told) >= len(asks)
    assert set(told) == {"urn:flashpoint:problem:no-protocol"}
    # The cluster goes on, and what was made for the mission is not what it is given.
    assert {answer.status for answer in answers(service, operation.analyst.token, asks)} == {200}


def test_a_revoked_key_is_answered_nothing(service, operation):
    asks, known = everything(operation)
    with service.database.keys() as vault:
        actors.revoke(vault, CONSOLE, operation.reader.key_id)
    service.app.state.ring.reload()
    assert {answer.status for answer in answers(service, operation.reader.token, [*asks, *known])} == {401}


def test_what_is_old_says_so_and_what_is_too_old_is_not_shown(service, operation, monkeypatch):
    asks, _ = everything(operation)
    token, settings = operation.reader.token, service.app.state.settings
    pages = [ask for ask in asks if ask.path.endswith("/items") and "html" not in ask.query]
    fresh = answers(service, token, pages)
    assert {answer.json()["stale"] for answer in fresh} == {False}
    assert {answer.header("age") for answer in fresh} == {None}
    age = settings.stale_after_minutes * 60 + 7
    monkeypatch.setattr(service.app.state.contact, "age_seconds", lambda _operation=None: age)
    stale = answers(service, token, pages)
    assert {answer.json()["stale"] for answer in stale} == {True}
    assert {answer.header("age") for answer in stale} == {str(int(age))}
    assert not {answer.header("etag") for answer in stale} & {answer.header("etag") for answer in fresh}
    under = [ask.under(("if-none-match", old.header("etag"))) for ask, old in zip(pages, fresh, strict=True)]
    assert {answer.status for answer in answers(service, token, under)} == {200}
    age = settings.stale_limit_minutes * 60 + 1
    gone = answers(service, token, [*asks, *under])
    assert {(answer.status, answer.header("retry-after")) for answer in gone} == {(503, "5")}


def test_what_is_read_while_something_is_released_is_kept_as_what_it_is(service, operation, monkeypatch):
    """The matrix in memory is of one release and the database of the next: the answer is not kept as the next one's."""
    token, board = operation.reader.token, service.app.state.board
    asks = [get(ITEMS.format(name), filter="TRUE") for name in ("changes", "matrix")]
    sheet = board.get(operation.code, Audience.MISSION)
    with monkeypatch.context() as late:
        late.setattr(board, "get", lambda *_: sheet)
        operation.verified((18.7, 6.5), sharing="mission", displaced={"low": 5000, "best": 6000, "high": 7000})
        operation.assess()
        answers(service, token, asks)
    warm = answers(service, token, asks)
    service.app.state.shelf = Shelf()
    assert warm == answers(service, token, asks)
    assert board.get(operation.code, Audience.MISSION) is not sheet


@contextmanager
def without_database(service):
    """Let nobody connect, and end all connections but the test's own."""
    name = service.owner.info.dbname
    with psycopg.connect(service.owner.info.dsn, dbname="postgres", autocommit=True) as beside:
        beside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            service.owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
            yield
        finally:
            beside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_without_the_database_what_is_at_hand_is_served_and_nothing_else(service, operation):
    token = operation.reader.token
    warm = [get(ITEMS.format("incidents")), get(ITEMS.format("matrix")), get(ITEMS.format("matrix"), filter="TRUE")]
    cold = [get(ITEMS.format("incidents"), limit=7), get(ITEMS.format("matrix"), filter="rank > 0")]
    before = answers(service, token, warm)
    with without_database(service):
        assert answers(service, token, warm) == before
        for answer in answers(service, token, cold):
            assert (answer.status, answer.header("retry-after")) == (503, "5")
            assert answer.header("content-type") == "application/problem+json"
    wait_until(lambda: {answer.status for answer in answers(service, token, cold)} == {200})
    wait_until(lambda: service.client.get("/readyz").status_code == 200)


def test_a_question_that_takes_too_long_is_broken_off(service, operation, monkeypatch):
    with service.database.release_reader() as reader:
        assert reader.connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "15s"
    token, ask = operation.reader.token, get(ITEMS.format("incidents"), filter="TRUE = TRUE", limit=3)

    def impatient(connection):
        connection.exec_driver_sql("SET LOCAL statement_timeout = 50")

    event.listen(service.database._readers, "begin", impatient)  # noqa: SLF001 - the pool of those who read
    try:
        with monkeypatch.context() as slow:
            slow.setattr(layer_reading, "conditions", lambda *_: [cast(func.pg_sleep(10), Text) == ""])
            answer = one(service, token, ask)
    finally:
        event.remove(service.database._readers, "begin", impatient)  # noqa: SLF001
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert answer.json()["detail"] == "this takes too long: narrow what is asked for"
    assert one(service, token, ask).status == 200
