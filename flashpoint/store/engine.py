"""Connections: who may touch what is a property of the session type, and the database enforces it.

``Vault`` writes and reads as ``flashpoint_app``; ``VaultReader`` reads the vault, READ ONLY; ``ReleaseReader`` reads
releases as a role with no privilege on the vault. The role is set with ``SET LOCAL`` inside the transaction, so that a
pooled connection carries nothing over to its next user.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Row, create_engine, exc, text

from flashpoint.errors import (
    Conflict,
    FlashpointError,
    Invalid,
    NotFound,
    TransitionRefused,
    Unavailable,
    VersionMismatch,
    Violation,
)

#: A row of whatever columns its query asked for.
Record: TypeAlias = Row[*tuple[Any, ...]]

ROOT = Path(__file__).resolve().parents[2]

_TRIES, _PAUSE_SECONDS = 100, 0.02

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
    """A READ ONLY transaction on the releases, as a role without any privilege on the vault."""

    connection: Connection


class Database:
    """A pool of connections and the three ways to use one."""

    def __init__(self, url: str, pool_size: int = 8) -> None:
        """Prepare a pool; nothing is connected yet."""
        self.url = psycopg_url(url)
        self.engine: Engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=5,
            connect_args={"connect_timeout": 5, "options": "-c timezone=UTC -c lock_timeout=20s"},
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @contextmanager
    def vault(self, *, alone: bool = False) -> Iterator[Vault]:
        """Open a writing transaction; it commits when the block ends without an error.

        ``alone`` waits for the other writers and keeps new ones waiting: for what moves the ground under all of them.
        """
        with self._begin("flashpoint_app") as connection:
            # Two statements: the clock is read only once the lock is held.
            lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
            connection.execute(text(f"SELECT {lock}({_KNOWLEDGE_LOCK})"))
            yield Vault(connection, _clock(connection))

    @contextmanager
    def vault_reader(self) -> Iterator[VaultReader]:
        """Open a READ ONLY transaction on the vault, with one snapshot for all its queries."""
        with self._begin("flashpoint_app", "ISOLATION LEVEL REPEATABLE READ, READ ONLY") as connection:
            yield VaultReader(connection)

    @contextmanager
    def release_reader(self) -> Iterator[ReleaseReader]:
        """Open a READ ONLY transaction as the role that sees releases only."""
        with self._begin("flashpoint_reader", "ISOLATION LEVEL REPEATABLE READ, READ ONLY") as connection:
            yield ReleaseReader(connection)

    def knowledge_instant(self) -> datetime:
        """Give an instant before which nothing more can become known: every earlier writer has finished."""
        with self._begin("flashpoint_app") as connection:
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
        try:
            with self.engine.begin() as connection:
                if characteristics:
                    connection.execute(text(f"SET TRANSACTION {characteristics}"))
                connection.execute(text(f"SET LOCAL ROLE {role}"))
                yield connection
        except exc.DBAPIError as error:
            raise _in_domain_terms(error) from error
        except exc.TimeoutError as error:
            raise Unavailable("no connection to the database is free") from error


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
}


#: Serialisation failure and deadlock: two changes crossed, and neither is to blame.
_CROSSED = frozenset({"40001", "40P01"})


def _in_domain_terms(error: exc.DBAPIError) -> FlashpointError:
    """Say what the database refused without repeating its text, which may name hidden rows."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _RULES:
        return _RULES[state]()
    if state in _CROSSED:
        return VersionMismatch("another change came between; try again")
    if isinstance(error, exc.IntegrityError):
        return Conflict("this clashes with what is recorded, or breaks a rule of the store")
    if isinstance(error, exc.DataError):
        return Invalid(Violation("", "not_storable", "a value does not fit its field"))
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return Unavailable("the database does not answer")
    raise error


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
