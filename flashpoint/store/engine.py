"""Connections: who may touch what is a property of the session, and the database enforces it.

Each kind of work has a role of its own, and each session on the vault belongs to an actor, whose operations and
clearance the policies of the vault look at (migration 0006). Role and actor are set for one transaction alone, so that
a pooled connection carries nothing over to its next user.

    vault(actor)     flashpoint_app       writes, and reads what the actor may know of
    records(actor)   flashpoint_records   reads what the actor may know of; adds to the audit log, and to nothing else
    console()        flashpoint_app       the command line's ``vault``
    keys(actor)      flashpoint_keys      people, keys and their allowances
    auditing(actor)  flashpoint_auditor   reads the audit log, adds to it
    vault_reader()   flashpoint_assessor  reads what scores are made of, READ ONLY
    publishing()     flashpoint_assessor  writes releases
    release_reader() flashpoint_reader    reads releases, READ ONLY; no privilege on the vault
    release_cursor() flashpoint_reader    likewise, one statement of it
"""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, PoolResetState, Row, create_engine, event, exc, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from flashpoint.access import CLEARANCE, CONSOLE, PROTECTED_CLEARANCE
from flashpoint.errors import (
    Conflict,
    FlashpointError,
    Forbidden,
    Invalid,
    NotFound,
    TransitionRefused,
    Unavailable,
    VersionMismatch,
    Violation,
)
from flashpoint.types import Actor

#: A row of whatever columns its query asked for.
Record: TypeAlias = Row[*tuple[Any, ...]]

#: A cursor that reads one statement's worth of the releases, by name.
ReleaseCursor: TypeAlias = "psycopg.Cursor[Any]"

ROOT = Path(__file__).resolve().parents[2]

_TRIES, _PAUSE_SECONDS = 100, 0.02

_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"

#: Sessions that read releases have connections of their own, which are that role's from the first moment and nobody
#: else's: there is no actor to forget between two uses, and no round trip to say who reads. What somebody asks in words
#: of their own does not hold one for ever.
_READING = (
    "-c role=flashpoint_reader -c default_transaction_read_only=on "
    r"-c default_transaction_isolation=repeatable\ read -c statement_timeout=15s"
)
_ALWAYS = "-c timezone=UTC -c lock_timeout=20s"

#: Writers hold this lock shared, the assessor takes it alone for an instant: after that instant no transaction can
#: still commit a fact that claims to have been known before it.
_KNOWLEDGE_LOCK = "hashtext('flashpoint.knowledge')"


@dataclass(frozen=True, slots=True)
class VaultReader:
    """A READ ONLY transaction on the vault."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Vault(VaultReader):
    """A writing transaction. ``at`` is the one instant (UTC) at which everything it records becomes known."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseReader:
    """A READ ONLY transaction on the releases, one snapshot, as a role without any privilege on the vault."""

    connection: Connection


class Database:
    """A pool of connections and the three ways to use one."""

    def __init__(self, url: str, pool_size: int = 8) -> None:
        """Prepare a pool; nothing is connected yet."""
        self.url = psycopg_url(url)
        # What is forgotten between two uses of a connection must not be believed prepared.
        self.engine = _pool(self.url, pool_size, _ALWAYS, pool_reset_on_return=None, prepare_threshold=None)
        # The one used last is the one whose statements are still in the caches of processor and backend.
        self._readers = _pool(self.url, pool_size, f"{_ALWAYS} {_READING}", pool_pre_ping=False, pool_use_lifo=True)
        event.listen(self.engine, "reset", _forget)
        event.listen(self._readers, "checkout", _still_open)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self._readers.dispose()

    @contextmanager
    def vault(self, actor: Actor, *, alone: bool = False) -> Iterator[Vault]:
        """Open a writing transaction of an actor; it commits when the block ends without an error.

        ``alone`` waits for the other writers and keeps new ones waiting: for what moves the ground under all of them.
        """
        with self._begin("flashpoint_app") as connection:
            _enter(connection, actor)
            # Two statements: the clock is read only once the lock is held.
            lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
            connection.execute(text(f"SELECT {lock}({_KNOWLEDGE_LOCK})"))
            yield Vault(connection, _clock(connection))

    def console(self, *, alone: bool = False) -> AbstractContextManager[Vault]:
        """Open a writing transaction of the command line."""
        return self.vault(CONSOLE, alone=alone)

    @contextmanager
    def records(self, actor: Actor) -> Iterator[Vault]:
        """Open a transaction that reads records as the actor, and can add to the audit log alone.

        What was read and the log of it stand or fall together: where the log takes no row, there is no answer.
        """
        with self._begin("flashpoint_records") as connection:
            _enter(connection, actor)
            yield Vault(connection, _clock(connection))

    @contextmanager
    def keys(self, actor: Actor = CONSOLE) -> Iterator[Vault]:
        """Open a transaction on people, keys and allowances."""
        with self._begin("flashpoint_keys") as connection:
            _enter(connection, actor)
            yield Vault(connection, _clock(connection))

    @contextmanager
    def auditing(self, actor: Actor) -> Iterator[Vault]:
        """Open a transaction that reads the audit log of the actor's operations, and adds that it was read."""
        with self._begin("flashpoint_auditor") as connection:
            _enter(connection, actor)
            yield Vault(connection, _clock(connection))

    @contextmanager
    def vault_reader(self) -> Iterator[VaultReader]:
        """Open a READ ONLY transaction on what scores are made of, with one snapshot for all its queries."""
        with self._begin("flashpoint_assessor", _SNAPSHOT) as connection:
            yield VaultReader(connection)

    @contextmanager
    def publishing(self) -> Iterator[Vault]:
        """Open a transaction that writes releases."""
        with self._begin("flashpoint_assessor") as connection:
            yield Vault(connection, _clock(connection))

    @contextmanager
    def release_reader(self) -> Iterator[ReleaseReader]:
        """Open a READ ONLY transaction as the role that sees releases only."""
        with _in_words(), self._readers.begin() as connection:
            yield ReleaseReader(connection)

    @contextmanager
    def release_cursor(self) -> Iterator[ReleaseCursor]:
        """Open a cursor of the same role for one statement, which is a snapshot by itself.

        Bytes come as they are, without the round trips that begin and end a transaction: for what is asked in pieces so
        small that those would take as long.
        """
        with _in_words(), closing(self._readers.raw_connection()) as pooled:
            driver = cast("psycopg.Connection[Any]", pooled.driver_connection)
            driver.autocommit = True
            try:
                with driver.cursor(binary=True, row_factory=namedtuple_row) as cursor:
                    yield cursor
            finally:
                driver.autocommit = False

    def knowledge_instant(self) -> datetime:
        """Give an instant before which nothing more can become known: every earlier writer has finished."""
        with self._begin("flashpoint_assessor") as connection:
            # Tried before it is waited for: writers queue up behind whoever waits, which a long import would make felt.
            taken = text(f"SELECT pg_try_advisory_xact_lock({_KNOWLEDGE_LOCK})")
            for _ in range(_TRIES):
                if connection.execute(taken).scalar_one():
                    return _clock(connection)
                time.sleep(_PAUSE_SECONDS)
            # Where writers leave no gap, waiting makes one.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_KNOWLEDGE_LOCK})"))
            return _clock(connection)

    @contextmanager
    def _begin(self, role: str, characteristics: str = "") -> Iterator[Connection]:
        with _in_words(), self.engine.begin() as connection:
            if characteristics:
                connection.execute(text(f"SET TRANSACTION {characteristics}"))
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            yield connection


def _pool(url: str, size: int, options: str, **more: Any) -> Engine:  # noqa: ANN401 - how connections are reset
    prepared = {"prepare_threshold": more.pop("prepare_threshold")} if "prepare_threshold" in more else {}
    return create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=5,
        connect_args={
            "connect_timeout": 5,
            # A line that went dead is noticed: a revocation must not wait for it.
            "tcp_user_timeout": 10_000,
            "options": options,
            **prepared,
        },
        **{"pool_pre_ping": True, **more},
    )


def _still_open(connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Have a connection made anew whose other end is gone, without a round trip to learn it.

    Nothing comes unasked on one that is idle but its end, and what the server says before it.
    """
    ready = select.poll()
    ready.register(cast("psycopg.Connection[Any]", connection).fileno(), select.POLLIN)
    if ready.poll(0):
        raise exc.DisconnectionError


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in terms of the domain what the database refuses."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _in_domain_terms(error) from error
    except psycopg.Error as error:
        raise _in_domain_terms(_wrapped(error)) from error
    except exc.TimeoutError as error:
        raise Unavailable("no connection to the database is free") from error


def _wrapped(error: psycopg.Error) -> exc.DBAPIError:
    """Give an error of the driver as it comes through a connection."""
    return cast("exc.DBAPIError", exc.DBAPIError.instance(None, None, error, psycopg.Error))


#: What the triggers of the first migration raise, by SQLSTATE.
_RULES: dict[str, Callable[[], FlashpointError]] = {
    "FP001": lambda: VersionMismatch("the record has changed"),
    "FP002": lambda: Conflict("a record stays in its operation"),
    "FP003": lambda: NotFound("no such locality"),
    "FP004": lambda: VersionMismatch("the incident has moved on"),
    "FP005": lambda: TransitionRefused("an external standard belongs to its import", ()),
    "FP006": lambda: TransitionRefused("the verifier must be another person than reporter and editors", ()),
    "FP007": lambda: TransitionRefused("the sources do not meet the declared standard of proof", ()),
    "FP008": lambda: TransitionRefused("consent is missing", ()),
    "FP100": lambda: Forbidden("your role does not take this step on this incident"),
    "FP101": lambda: TransitionRefused("there is no such original", ()),
    "FP102": lambda: TransitionRefused("the duplicate is more closed than the original", ()),
    "FP103": lambda: TransitionRefused("a perpetrator who is unknown is neither verified nor disputed", ()),
    "FP120": lambda: Conflict("a protocol takes two people: who proposed it does not put it in force"),
    "FP121": lambda: Conflict("this protocol has ended; propose a new version"),
    "FP122": lambda: Conflict("this protocol is in force already, or is not in force"),
}


#: Serialisation failure and deadlock: two changes crossed, and neither is to blame.
_CROSSED = frozenset({"40001", "40P01"})


#: A statement that took longer than its session allows.
_CANCELLED = "57014"


def _in_domain_terms(error: exc.DBAPIError) -> FlashpointError:
    """Say what the database refused without repeating its text, which may name hidden rows."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _RULES:
        return _RULES[state]()
    if state in _CROSSED:
        return VersionMismatch("another change came between; try again")
    if isinstance(error, exc.IntegrityError):
        return Conflict("this clashes with what is recorded, or breaks a rule of the store")
    if state == _CANCELLED:
        return Unavailable("this takes too long: narrow what is asked for")
    if isinstance(error, exc.DataError):
        return Invalid(Violation("", "not_storable", "a value does not fit its field"))
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return Unavailable("the database does not answer")
    raise error


def _forget(connection: DBAPIConnection, _record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Leave nothing of a session for the next user of its connection, even where somebody set more than they should."""
    # Given as the driver's own, although the signature promises less.
    session = cast("psycopg.Connection[object]", connection)
    session.rollback()
    if not state.terminate_only:
        session.autocommit = True
        session.execute("DISCARD ALL")
        session.autocommit = False


#: One round trip. What is not set is denied, and no policy takes an empty setting for an answer.
_ENTER = text("""
    SELECT set_config('flashpoint.actor', :actor, true), set_config('flashpoint.operations', :operations, true),
           set_config('flashpoint.clearance', :clearance, true), set_config('flashpoint.protected', :protected, true),
           set_config('flashpoint.role', :role, true)
""")


def _enter(connection: Connection, actor: Actor) -> None:
    """Tell the policies of the vault who is asking, for this transaction alone."""
    operations = ["*"] if actor.operations is None else sorted(actor.operations)
    connection.execute(
        _ENTER,
        {
            "actor": str(actor.id),
            "operations": ",".join(operations),
            "clearance": ",".join(sorted(CLEARANCE[actor.role])),
            "protected": "yes" if actor.role in PROTECTED_CLEARANCE else "",
            "role": str(actor.role),
        },
    )


def psycopg_url(url: str) -> str:
    """Name the driver in a ``postgresql://`` URL."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def libpq_url(url: str) -> str:
    """Give the URL as the driver itself takes it, for a connection outside the pool."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def alembic_config() -> Config:
    """Give the migration set-up of this checkout."""
    return Config(str(ROOT / "alembic.ini"))


def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest schema; safe to call at any time, and from two places at once."""
    engine = create_engine(psycopg_url(url), pool_size=1)
    try:
        with engine.connect() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _clock(connection: Connection) -> datetime:
    return cast("datetime", connection.execute(text("SELECT clock_timestamp()")).scalar_one()).astimezone(UTC)
