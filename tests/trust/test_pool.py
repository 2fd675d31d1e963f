"""Fifty users share four connections: nothing of one is left for the next.

What is asked here is asked without any condition, so that nothing but the session stands between a user and the rows of
the others. Some requests break off half-way, and some forget to say who they are: those must see nothing.
"""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import UUID, uuid4

import postgis
import psycopg
import pytest
import service as running_service
from sqlalchemy import event, exc, text

from flashpoint.access import CLEARANCE, DEFAULT_AUDIENCE, PROTECTED_CLEARANCE
from flashpoint.errors import Unavailable
from flashpoint.store import engine as engine_module
from flashpoint.store.engine import Database, libpq_url
from flashpoint.types import Actor, ActorId, Role

USERS, REQUESTS, POOL = 50, 20_000, 4
OPERATIONS = ("P1", "P2", "P3", "P4", "P5")
RECORDS = text("SELECT operation, sharing, protected, submitted_by FROM vault.incident")
TOLD = [
    {"sharing": "public"},
    {"sharing": "mission"},
    {"sharing": "cluster"},
    {"sharing": "restricted"},
    {"sharing": "restricted", "category": "sexual_violence"},
    {"sharing": "cluster", "category": "child_abduction"},
]


@pytest.fixture(scope="module")
def url(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    """A database with one incident of each kind in each operation."""
    with postgis.clone(shared_folder, f"{worker_id}_pool") as url:
        with running_service.running(url, tmp_path_factory.mktemp("home")) as service:
            for code in OPERATIONS:
                operation = service.operation(code)
                for told in TOLD:
                    operation.reported(**told)
        yield url


def users():
    """Fifty people: of one operation each, of two, or of all, in every role."""
    roles = (Role.ANALYST, Role.VERIFIER, Role.COORDINATOR, Role.READER, Role.AUDITOR)
    reach = [frozenset({code}) for code in OPERATIONS] + [frozenset(OPERATIONS[:2]), None]
    return [
        Actor(ActorId(uuid4()), uuid4(), f"u{n}", roles[n % 5], DEFAULT_AUDIENCE[roles[n % 5]], reach[n % 7])
        for n in range(USERS)
    ]


def foreign(user, rows):
    """Count the rows that the user may not know of."""
    return sum(
        not user.covers(row.operation)
        or row.sharing not in CLEARANCE[user.role]
        or (row.protected and user.role not in PROTECTED_CLEARANCE)
        for row in rows
    )


class BrokenOffError(Exception):
    """A request that does not come to its end."""


def break_off():
    raise BrokenOffError


def ask(database, user, chance):
    """Make one request; give what kind it was, how many rows it saw and how many of them it should not have."""
    if chance < 0.1:
        with database._begin("flashpoint_app") as connection:  # noqa: SLF001 - a request that forgets to say who asks
            seen = len(connection.execute(RECORDS).all())
        return "forgetful", seen, seen
    if chance < 0.2:
        try:
            with database.records(user) as reader:
                reader.connection.execute(RECORDS).all()
                break_off()
        except BrokenOffError:
            return "broken off", 0, 0
    if chance < 0.25:
        try:
            with database.records(user) as reader:
                reader.connection.execute(text("SELECT 1 / 0"))
        except exc.DBAPIError:
            pass
        except Exception:  # noqa: BLE001, S110 - whatever the store calls it: the connection goes back to the pool
            pass
        return "failed", 0, 0
    if chance < 0.35:
        with database.release_reader() as reader:
            reader.connection.execute(text("SELECT count(*) FROM release.matrix")).scalar()
        return "released", 0, 0
    session = database.vault if chance < 0.5 else database.records
    with session(user) as reader:
        rows = reader.connection.execute(RECORDS).all()
    return "records", len(rows), foreign(user, rows)


def storm(database, requests, seed=1):
    """Let fifty users ask at once; give the count of requests by kind, of rows seen, and of those seen wrongly."""
    everyone, counted, lock = users(), Counter(), threading.Lock()

    def one_user(number):
        random, mine = Random(seed * 1_000 + number), Counter()
        for _ in range(requests // USERS):
            kind, seen, wrong = ask(database, everyone[number], random.random())
            mine.update({kind: 1, "seen": seen, "wrong": wrong})
        with lock:
            counted.update(mine)

    with ThreadPoolExecutor(USERS) as pool:
        list(pool.map(one_user, range(USERS)))
    return counted


@pytest.fixture
def database(url):
    database = Database(url, POOL)
    # The test is of what stays on a connection, not of who waits for one how long.
    database.engine.pool._timeout = 120  # noqa: SLF001
    yield database
    database.close()


def test_fifty_users_on_four_connections_see_no_row_of_another(database):
    counted = storm(database, REQUESTS)
    assert counted["wrong"] == 0
    kinds = ("forgetful", "broken off", "failed", "released", "records")
    assert sum(counted[kind] for kind in kinds) == REQUESTS
    assert min(counted[kind] for kind in kinds) > REQUESTS * 0.04
    assert counted["seen"] > REQUESTS


PLAIN_SET = text(engine_module._ENTER.text.replace(", true)", ", false)"))  # noqa: SLF001


def test_with_plain_set_they_would(database, monkeypatch):
    """The control: settings of the session instead of the transaction, on a pool that forgets nothing."""
    assert "true" not in PLAIN_SET.text
    monkeypatch.setattr(engine_module, "_ENTER", PLAIN_SET)
    event.remove(database.engine, "reset", engine_module._forget)  # noqa: SLF001
    event.listen(database.engine, "reset", lambda connection, *_: connection.rollback())
    counted = storm(database, REQUESTS // 20)
    assert counted["wrong"] > REQUESTS // 200


def test_what_somebody_sets_for_the_session_is_gone_with_it(url):
    """The pool forgets also what is set against the rule."""
    database = Database(url, 1)
    try:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("SET ROLE flashpoint_app")
            connection.exec_driver_sql("SELECT set_config('flashpoint.operations', '*', false)")
            connection.exec_driver_sql("CREATE TEMPORARY TABLE left_over (x int)")
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with database.engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() == pid
            assert connection.exec_driver_sql("SELECT current_user").scalar() != "flashpoint_app"
            assert connection.exec_driver_sql("SELECT current_setting('flashpoint.operations', true)").scalar() in {
                None,
                "",
            }
            assert connection.exec_driver_sql("SELECT to_regclass('pg_temp.left_over')").scalar() is None
    finally:
        database.close()


def test_an_actor_is_bound_to_one_transaction(url):
    user = Actor(ActorId(UUID(int=7)), uuid4(), "u", Role.COORDINATOR, DEFAULT_AUDIENCE[Role.COORDINATOR], None)
    database = Database(url, 1)
    try:
        with database.records(user) as reader:
            assert reader.connection.execute(text("SELECT vault.me()")).scalar() == user.id
        with database._begin("flashpoint_records") as connection:  # noqa: SLF001
            assert connection.execute(text("SELECT vault.me()")).scalar() is None
            assert connection.execute(text("SELECT vault.covers('P1')")).scalar() is False
    finally:
        database.close()


def backend(database):
    with database.release_cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]


def end(url, pid):
    with psycopg.connect(libpq_url(url)) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def test_no_reader_is_given_a_connection_whose_other_end_is_gone(url):
    database = Database(url, 1)
    try:
        first = backend(database)
        assert backend(database) == first
        end(url, first)
        second = backend(database)
        assert second != first
        end(url, second)
        with database.release_reader() as reader:
            assert reader.connection.execute(text("SELECT pg_backend_pid()")).scalar() != second
        event.remove(database._readers, "checkout", engine_module._still_open)  # noqa: SLF001
        end(url, backend(database))
        with pytest.raises(Unavailable):
            backend(database)
    finally:
        database.close()
