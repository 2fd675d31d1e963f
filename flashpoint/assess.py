"""Assessing: gather what was known, score it, release it; on change and on the clock, apart from any request."""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Protocol

import psycopg
from sqlalchemy import text

from flashpoint.evaluated import Evaluated
from flashpoint.matrix import Publisher
from flashpoint.pictures import Pictures
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result
from flashpoint.standing import Standing
from flashpoint.store import methodologies, places, releases
from flashpoint.store.actors import CONSOLE
from flashpoint.store.engine import Database, Record, VaultReader, libpq_url
from flashpoint.store.moments import history
from flashpoint.types import Audience

log = logging.getLogger("flashpoint.assess")

_RETRY_SECONDS = 1.0


def evaluate(
    reader: VaultReader,
    operation: str,
    as_of: datetime,
    method: Methodology | None = None,
    recorded: datetime | None = None,
) -> Evaluated:
    """Compute the matrix of an operation as it was known at a moment, from the database and nothing kept.

    By the method in force then, unless another is given; of what was recorded by then, or by ``recorded``. For an
    operation that was not here at ``as_of`` that is everything recorded by now.

    Raises:
        NotFound: there is no such operation.
    """
    past = history(reader, operation, recorded or max(as_of, _now(reader)))
    chosen = method or methodologies.in_force(reader, operation, as_of, past.moment(as_of).recorded)
    return Standing(operation, chosen).refresh(reader, past, as_of)


def scored(
    reader: VaultReader, operation: str, as_of: datetime, method: Methodology | None = None
) -> tuple[list[Record], Result]:
    """Score one past moment without trend and sensitivity; give the localities' rows and the result."""
    past = history(reader, operation, max(as_of, _now(reader)))
    chosen = method or methodologies.in_force(reader, operation, as_of, past.moment(as_of).recorded)
    return Standing(operation, chosen).scored(reader, past, as_of)


def _now(reader: VaultReader) -> datetime:
    """Give when the reader's snapshot was taken."""
    now: datetime = reader.connection.execute(text("SELECT transaction_timestamp()")).scalar_one()
    return now.astimezone(UTC)


class Desk:
    """What is kept of each operation between two evaluations: its sums in memory, and the rows last written."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        """Begin with nothing kept. ``pepper`` is the server's secret: what is drawn, is drawn with it."""
        self._database = database
        self._pictures = Pictures(database, pepper)
        self._kept: dict[str, tuple[Standing, list[Publisher]]] = {}

    def reassess(self, operation: str, *, tick: bool) -> None:
        """Evaluate an operation now and release it to every audience; on a clock tick, even where nothing changed."""
        as_of = self._database.knowledge_instant()
        # Whatever goes wrong half-way, the next evaluation then begins afresh.
        standing, publishers = self._kept.pop(operation, (None, []))
        with self._database.vault_reader() as reader:
            method = methodologies.in_force(reader, operation, as_of, as_of)
            if standing is None or standing.method != method:
                standing, publishers = Standing(operation, method), [Publisher(audience) for audience in Audience]
            evaluated = standing.refresh(reader, history(reader, operation, as_of), as_of)
        with self._database.publishing() as vault:
            for publisher in publishers:
                releases.save(vault, publisher.release(evaluated), even_if_same=tick)
        self._kept[operation] = standing, publishers
        self._pictures.update(operation, as_of)


class Keeping(Protocol):
    """What is done beside assessing, and before anything is released (``keeper.Keeper``)."""

    def turn(self) -> bool:
        """Do it; say whether the database is another one than before."""


class Assessor(threading.Thread):
    """Reassess what changed as soon as it did, and everything on each tick of the clock.

    One assessor works on a database at a time: whoever holds the advisory lock. Others wait to take over.
    """

    def __init__(self, database: Database, tick_minutes: float, pepper: bytes, keeper: Keeping) -> None:
        """Prepare; ``start`` begins."""
        super().__init__(name="assessor", daemon=True)
        self._database = database
        self._tick_seconds = tick_minutes * 60
        self._stopping = threading.Event()
        self._desk = Desk(database, pepper)
        self._pepper = pepper
        self._keeper = keeper

    def stop(self) -> None:
        """End the thread; it notices within a second."""
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped; a lost connection is taken up again."""
        while not self._stopping.is_set():
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - whatever it is, an assessor that is gone helps nobody
                log.warning("assessment interrupted (%s); trying again", type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)

    def _work(self) -> None:
        with psycopg.connect(libpq_url(self._database.url), autocommit=True, connect_timeout=5) as connection:
            connection.execute("LISTEN flashpoint_changed")
            connection.execute("LISTEN flashpoint_keys")
            if not self._lead(connection):
                return
            due = 0.0
            # Which operations to assess, and whether the clock asks for it.
            pending: dict[str, bool] = {}
            while not self._stopping.is_set():
                tick = time.time() >= due
                if tick:
                    self._keep()
                    # Ticks stand on the clock, not on when we happened to start.
                    due = (time.time() // self._tick_seconds + 1) * self._tick_seconds
                    pending = self._assess(dict.fromkeys(self._operations(), True))
                waiting = max(0.0, min(1.0, due - time.time()))
                notices = list(connection.notifies(timeout=waiting, stop_after=1))
                notices += connection.notifies(timeout=0)
                if notices and self._keep():
                    due = 0.0
                    continue
                changed = (notice.payload for notice in notices if notice.channel == "flashpoint_changed")
                # What failed is tried again with the next second, and holds up nothing else.
                pending = self._assess({**dict.fromkeys(changed, False), **pending})

    def _keep(self) -> bool:
        """Have what is gone stay gone; say whether the database was replaced, so that everything begins anew."""
        replaced = self._keeper.turn()
        if replaced:
            self._desk = Desk(self._database, self._pepper)
        return replaced

    def _lead(self, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
        query = "SELECT pg_try_advisory_lock(hashtext('flashpoint.assessor'))"
        row = connection.execute(query).fetchone()
        leading = row is not None and bool(row[0])
        if not leading:
            self._stopping.wait(_RETRY_SECONDS)
        return leading

    def _operations(self) -> set[str]:
        with self._database.vault_reader() as reader:
            return set(places.operation_codes(reader, CONSOLE))

    def _assess(self, operations: dict[str, bool]) -> dict[str, bool]:
        """Assess each operation; give those that failed."""
        failed = {}
        for operation, tick in sorted(operations.items()):
            try:
                self._desk.reassess(operation, tick=tick)
            except Exception as error:  # noqa: BLE001 - one operation must not take the others with it
                log.warning("assessment of %s failed (%s)", operation, type(error).__name__)
                failed[operation] = tick
        return failed
