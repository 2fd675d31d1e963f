"""What a key may ask in a minute holds over all processes, and costs the database next to nothing."""

import asyncio
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from service import at_once, wait_until
from sqlalchemy import event
from starlette.requests import Request

from api.allowance import WEIGHTS, Allowances, weight_of
from api.app import create_app
from flashpoint.errors import RateLimited
from flashpoint.settings import Settings
from flashpoint.store import allowances
from flashpoint.store.allowances import Budget
from flashpoint.store.engine import Database, libpq_url

#: So long that no window ends while a test looks.
DAY = 24 * 60 * 60
#: Nothing answers there.
NOWHERE = "postgresql://127.0.0.1:1/nowhere"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture(scope="module")
def database(database_url):
    database = Database(database_url, pool_size=4)
    yield database
    database.close()


@contextmanager
def processes(database, budget, count=2, clock=None):
    """As many processes on one database as their allowances are concerned."""
    made = [Allowances(database, budget, **({"clock": clock} if clock else {})) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


@contextmanager
def statements(database):
    """Collect the leasing statements that are sent to a database."""
    sent = []

    def note(_connection, _cursor, statement, *_rest):
        if "vault.allowance" in statement:
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def let_through(processes, key, asked):
    """Ask as (process, weight) say, one after the other; give the weights that were let through."""

    async def ask():
        passed = []
        for process, weight in asked:
            try:
                await processes[process].take(key, weight)
            except RateLimited:
                continue
            passed.append(weight)
        return passed

    return asyncio.run(ask())


def taken(owner, key):
    return owner.execute("SELECT sum(taken) FROM vault.allowance WHERE key_id = %s", [key]).fetchone()[0]


@pytest.fixture(scope="module")
def owner(database_url):
    with psycopg.connect(libpq_url(database_url), autocommit=True) as owner:
        yield owner


# -- the law --------------------------------------------------------------------------------------------------------

ASKED = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([1, 1, 1, 2, 5, 20])), max_size=60)


@given(requests=st.integers(1, 40), asked=ASKED)
def test_all_processes_together_never_let_more_through_than_the_limit(database, requests, asked):
    with processes(database, Budget(requests, DAY), 3) as three:
        passed = let_through(three, uuid4(), asked)
        assert sum(min(weight, requests) for weight in passed) <= requests
        # What was leased and not spent is lost to the others, and that is never more than a part for each of them.
        refused = len(passed) < len(asked)
        if refused and {weight for _, weight in asked} == {1}:
            assert len(passed) > requests - 3 * three[0]._budget.part  # noqa: SLF001


@settings(max_examples=25)
@given(requests=st.integers(5, 40), asked=st.lists(st.integers(0, 1), min_size=100, max_size=100))
def test_processes_that_count_each_for_itself_would_let_twice_as_much_through(requests, asked):
    # The control: the same check with counters that no database joins.
    nowhere = Database(NOWHERE)
    with processes(nowhere, Budget(requests, DAY)) as two:
        passed = let_through(two, uuid4(), [(process, 1) for process in asked])
        expected = sum(min(requests, asked.count(process)) for process in (0, 1))
    assert len(passed) == expected
    if min(asked.count(0), asked.count(1)) >= requests:
        assert len(passed) == 2 * requests > requests


def test_the_law_holds_where_everybody_asks_at_once(database):
    key, requests = uuid4(), 97
    with processes(database, Budget(requests, DAY), 4) as four:
        asked = [(process, 1) for process in range(4) for _ in range(60)]
        parts = [asked[start::8] for start in range(8)]
        passed = sum(map(len, at_once([lambda part=part: let_through(four, key, part) for part in parts])))
        left = sum(one._held[key].left for one in four)  # noqa: SLF001
    assert passed + left == requests


def test_a_key_has_nothing_to_do_with_another(database):
    with processes(database, Budget(10, DAY)) as two:
        first, second = uuid4(), uuid4()
        assert len(let_through(two, first, [(0, 1)] * 20)) == 10
        assert len(let_through(two, second, [(0, 1)] * 20)) == 10
        assert let_through(two, first, [(0, 1), (1, 1)]) == []


# -- what it costs --------------------------------------------------------------------------------------------------


def test_most_requests_ask_no_database(database):
    key = uuid4()
    with processes(database, Budget(1200, DAY)) as (process, _), statements(database) as sent:
        assert len(let_through([process], key, [(0, 1)] * 1200)) == 1200
        assert len(sent) == 10
        assert let_through([process], key, [(0, 1)] * 500) == []
        assert len(sent) <= 11  # what is spent is remembered: whoever goes on asking costs nothing


def test_one_lease_at_a_time_for_a_key_and_the_others_wait_for_it(database):
    async def many(process, key):
        await asyncio.gather(*(process.take(key) for _ in range(100)))

    with processes(database, Budget(1000, DAY)) as (process, _), statements(database) as sent:
        asyncio.run(many(process, uuid4()))
        assert len(sent) == 1


def test_nothing_is_asked_where_there_is_no_limit(database):
    with processes(database, Budget(0)) as (process, _), statements(database) as sent:
        assert len(let_through([process], uuid4(), [(0, 1)] * 100)) == 100
        assert sent == []


def test_the_event_loop_goes_on_while_a_lease_waits(database, owner):
    key = uuid4()

    async def ask(process):
        beats, asking = 0, asyncio.ensure_future(process.take(key))
        while not asking.done():
            await asyncio.sleep(0.001)
            beats += 1
            if beats == 20:
                owner.execute("ROLLBACK")
        await asking
        return beats

    with processes(database, Budget(100, DAY)) as (process, _):
        let_through([process], key, [(0, 1)] * 10)
        owner.execute("BEGIN")
        owner.execute("SELECT FROM vault.allowance WHERE key_id = %s FOR UPDATE", [key])
        assert asyncio.run(ask(process)) >= 20


def test_whoever_hangs_up_does_not_take_the_lease_along(database):
    async def ask(process, key):
        first, second = (asyncio.ensure_future(process.take(key)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second

    with processes(database, Budget(100, DAY)) as (process, _):
        asyncio.run(ask(process, uuid4()))


# -- windows --------------------------------------------------------------------------------------------------------


def test_a_lease_ends_with_its_window_and_the_next_window_is_the_databases(database):
    clock = Clock()
    with processes(database, Budget(100, DAY), 2, clock) as (process, other):
        key = uuid4()
        let_through([process], key, [(0, 1)])
        clock.seconds += 2 * DAY
        # By its own clock the process is in another window; by that of the database it is not, and that one counts.
        assert len(let_through([process], key, [(0, 1)] * 200)) == 99
        assert let_through([other], key, [(0, 1)]) == []


def test_a_new_window_is_a_new_allowance(database, owner):
    clock = Clock()
    owner.execute("DELETE FROM vault.allowance")
    with processes(database, Budget(100, DAY), 1, clock) as (process,):
        key = uuid4()
        assert len(let_through([process], key, [(0, 1)] * 200)) == 100
        # As it is a day later: what was counted belongs to the day before.
        owner.execute("UPDATE vault.allowance SET window_start = window_start - interval '1 day'")
        clock.seconds += DAY
        assert len(let_through([process], key, [(0, 1)] * 200)) == 100
        assert taken(owner, key) == 100  # the old window was removed by the leases of the new one


def test_old_windows_are_removed_a_few_at_a_time_whoever_they_belonged_to(database, owner):
    owner.execute("DELETE FROM vault.allowance")
    with owner.cursor() as cursor:
        old = [(uuid4(), minutes) for minutes in range(1, 51)]
        cursor.executemany("INSERT INTO vault.allowance VALUES (%s, now() - %s * interval '1 minute', 5)", old)
    counts = []
    for _ in range(3):
        with database.keys() as vault:
            allowances.lease(vault, uuid4(), 1, Budget(10))
        counts.append(owner.execute("SELECT count(*) FROM vault.allowance WHERE taken = 5").fetchone()[0])
    assert counts == [30, 10, 0]


def test_a_refusal_says_when_to_come_back(database):
    clock = Clock()
    with processes(database, Budget(1, 60), 1, clock) as (process,):
        key = uuid4()

        async def twice():
            await process.take(key)
            await process.take(key)

        with pytest.raises(RateLimited) as refused:
            asyncio.run(twice())
        assert 1 <= refused.value.retry_after_seconds <= 60


def test_what_weighs_more_than_the_limit_is_let_through_once(database):
    with processes(database, Budget(5, DAY), 1) as one:
        assert let_through(one, uuid4(), [(0, 20), (0, 20), (0, 1)]) == [20]


# -- without the database -------------------------------------------------------------------------------------------


def test_without_the_database_each_process_counts_by_itself():
    clock = Clock()
    with processes(Database(NOWHERE), Budget(30, 60), 1, clock) as (process,):
        key = uuid4()
        assert len(let_through([process], key, [(0, 1)] * 50)) == 30
        clock.seconds += 61
        assert len(let_through([process], key, [(0, 1)] * 50)) == 30


def test_a_database_that_is_away_is_not_asked_by_each_request():
    clock, nowhere = Clock(), Database(NOWHERE)
    with processes(nowhere, Budget(30, 60), 1, clock) as (process,):
        tried = []
        leased = process._leased  # noqa: SLF001
        process._leased = lambda *asked: tried.append(asked) or leased(*asked)  # noqa: SLF001
        for _ in range(20):
            let_through([process], uuid4(), [(0, 1)])
        assert len(tried) == 1
        clock.seconds += 6
        let_through([process], uuid4(), [(0, 1)])
        assert len(tried) == 2


def test_a_database_that_hangs_holds_nobody_up_for_long(database, owner):
    key = uuid4()
    with processes(database, Budget(100, DAY)) as (process, _):
        let_through([process], key, [(0, 1)] * 10)
        owner.execute("BEGIN")
        owner.execute("LOCK TABLE vault.allowance")
        try:
            assert len(let_through([process], key, [(0, 1)] * 150)) == 100
        finally:
            owner.execute("ROLLBACK")
        wait_until(lambda: process._held[key].asking is None)  # noqa: SLF001


def test_keys_that_are_not_seen_any_more_are_forgotten(database, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("api.allowance._REMEMBERED", 10)
    with processes(database, Budget(5, 60), 1, clock) as (process,):
        for _ in range(30):
            let_through([process], uuid4(), [(0, 1)])
            clock.seconds += 61
        assert len(process._held) <= 11  # noqa: SLF001


# -- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_apps(service):
    """Two processes' worth of the service on one database, with a low limit."""
    limited = Settings(home=service.app.state.settings.home, requests_per_minute=30)
    with ExitStack() as stack:
        apps = [create_app(limited, service.database.url) for _ in range(2)]
        clients = [stack.enter_context(TestClient(app)) for app in apps]
        for client in clients:
            wait_until(lambda client=client: client.get("/readyz").status_code == 200)
        yield clients


def minute(service):
    return service.scalar("SELECT date_trunc('minute', now())")


def within_a_minute(service, ask):
    """Ask until it was all in one minute of the database."""
    while True:
        began, answers = minute(service), ask()
        if minute(service) == began:
            return answers


def poll(service, clients, times=100):
    caller = service.operation().analyst
    for client in clients:
        client.app.state.ring.reload()
    headers = {"Authorization": f"Bearer {caller.token}"}
    return [clients[i % len(clients)].get("/v1/matrix?operation=NONE", headers=headers) for i in range(times)]


def test_two_services_on_one_database_let_no_more_through_than_one(service, two_apps):
    answers = within_a_minute(service, lambda: poll(service, two_apps))
    passed = [answer for answer in answers if answer.status_code == 404]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(passed) + len(refused) == 100
    assert 30 - 2 * 3 < len(passed) <= 30
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.json()["status"] == 429


def test_services_that_lease_nothing_would_let_twice_as_much_through(service, two_apps):
    # The control, over HTTP: the same polls where each process counts by itself.
    kept = [client.app.state.allowances for client in two_apps]
    with processes(Database(NOWHERE), Budget(30)) as alone:
        for client, own in zip(two_apps, alone, strict=True):
            client.app.state.allowances = own
        answers = poll(service, two_apps)
    for client, own in zip(two_apps, kept, strict=True):
        client.app.state.allowances = own
    assert [answer.status_code for answer in answers].count(404) == 60


def test_what_has_no_key_uses_up_nobodys_allowance(two_apps):
    client = two_apps[0]
    before = dict(client.app.state.allowances._held)  # noqa: SLF001
    for _ in range(100):
        assert client.get("/v1/matrix?operation=NONE").status_code == 401
        assert client.get("/healthz").status_code == 200
    assert client.app.state.allowances._held == before  # noqa: SLF001


def test_what_costs_more_counts_for_more(service, two_apps):
    client = two_apps[0]
    caller = service.operation().analyst
    client.app.state.ring.reload()
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}

    def ask():
        batch = [client.post("/v1/incidents/batch", content=b"{}", headers=headers).status_code for _ in range(2)]
        return [*batch, client.get("/v1/matrix?operation=NONE&as_of=2020-01-01", headers=headers).status_code]

    answers = within_a_minute(service, ask)
    assert answers == [422, 429, 404]


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ("", 1),
        ("operation=CAF&limit=10&bbox=1%2C2%2C3%2C4", 1),
        ("operation=CAF&as_of=2020-01-01", 2),
        ("operation=CAF&as%5Fof=2020-01-01", 2),
        ("methodology=2026.1", 2),
    ],
)
def test_what_has_to_be_computed_counts_twice(query, weight):
    scope = {"type": "http", "method": "GET", "path": "/v1/matrix", "query_string": query.encode(), "headers": []}
    assert weight_of(Request(scope)) == weight


def test_the_routes_that_count_for_more_are_there(service):
    described = service.client.get("/openapi.json").json()["paths"]
    assert {(method, path) for method, path in WEIGHTS if method.lower() in described[path]} == set(WEIGHTS)
