"""Assessing: gather what was known, score it, release it; on change and on the clock, apart from any request."""

import logging
import threading
import time
from datetime import datetime, timedelta

import psycopg

from flashpoint.matrix import TREND_DAYS, Evaluated, release
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result, score
from flashpoint.store import methodologies, places, releases
from flashpoint.store.actors import CONSOLE
from flashpoint.store.engine import Database, VaultReader, libpq_url
from flashpoint.store.gather import Gathered, clock_of, gather
from flashpoint.types import Audience

log = logging.getLogger("flashpoint.assess")

_RETRY_SECONDS = 1.0


def evaluate(reader: VaultReader, operation: str, as_of: datetime, method: Methodology | None = None) -> Evaluated:
    """Score an operation as it was known at a moment, by the version in force then unless another is named."""
    chosen = method or methodologies.in_force(reader, operation, as_of)
    gathered = gather(reader, operation, as_of, chosen)
    clock = clock_of(as_of)
    earlier = {days: _earlier(reader, operation, clock - timedelta(days=days), chosen) for days in TREND_DAYS}
    return Evaluated(operation, gathered, score(gathered.evidence, chosen), earlier)


def _earlier(reader: VaultReader, operation: str, as_of: datetime, method: Methodology) -> dict[object, float]:
    """Give each locality's score at an earlier moment, by the same method."""
    gathered = gather(reader, operation, as_of, method)
    return dict(zip(_ids(gathered), _scores(score(gathered.evidence, method)), strict=True))


def _ids(gathered: Gathered) -> list[object]:
    return [row.id for row in gathered.localities]


def _scores(result: Result) -> list[float]:
    scores: list[float] = result.score.tolist()
    return scores


def reassess(database: Database, operation: str, *, tick: bool) -> None:
    """Evaluate an operation now and release it to every audience; on a clock tick, even where nothing changed."""
    as_of = database.knowledge_instant()
    with database.vault_reader() as reader:
        evaluated = evaluate(reader, operation, as_of)
    with database.vault() as vault:
        for audience in Audience:
            releases.save(vault, release(evaluated, audience), even_if_same=tick)


class Assessor(threading.Thread):
    """Reassess what changed as soon as it did, and everything on each tick of the clock.

    One assessor works on a database at a time: whoever holds the advisory lock. Others wait to take over.
    """

    def __init__(self, database: Database, tick_minutes: float) -> None:
        """Prepare; ``start`` begins."""
        super().__init__(name="assessor", daemon=True)
        self._database = database
        self._tick_seconds = tick_minutes * 60
        self._stopping = threading.Event()

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
            if not self._lead(connection):
                return
            due = 0.0
            pending: set[str] = set()
            while not self._stopping.is_set():
                tick = time.time() >= due
                if tick:
                    # Ticks stand on the clock, not on when we happened to start.
                    due = (time.time() // self._tick_seconds + 1) * self._tick_seconds
                    pending = self._assess(self._operations(), tick=True)
                waiting = max(0.0, min(1.0, due - time.time()))
                notices = list(connection.notifies(timeout=waiting, stop_after=1))
                notices += connection.notifies(timeout=0)
                # What failed is tried again with the next second, and holds up nothing else.
                pending = self._assess(pending | {notice.payload for notice in notices}, tick=False)

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

    def _assess(self, operations: set[str], *, tick: bool) -> set[str]:
        """Assess each operation; give those that failed."""
        failed = set()
        for operation in sorted(operations):
            try:
                reassess(self._database, operation, tick=tick)
            except Exception as error:  # noqa: BLE001 - one operation must not take the others with it
                log.warning("assessment of %s failed (%s)", operation, type(error).__name__)
                failed.add(operation)
        return failed
