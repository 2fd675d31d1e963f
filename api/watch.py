"""One thread that listens to the database and keeps what is in memory in line: keys and released matrices."""

import logging
import threading
import time
from collections.abc import Iterable

import psycopg

from api.board import Board
from api.keyring import KeyRing
from flashpoint.store.engine import Database, libpq_url
from flashpoint.store.layer_sources import stands
from flashpoint.store.protocols import agreed
from flashpoint.store.release_reading import load

log = logging.getLogger("flashpoint.watch")

_RETRY_SECONDS = 1.0


class Contact:
    """When the database last answered, and when a matrix last came.

    Both count: a database that answers while nobody assesses would let old matrices look fresh.
    """

    def __init__(self, release_every_seconds: float) -> None:
        """Start without any. A matrix is expected at least every ``release_every_seconds``."""
        self._answered_at = float("-inf")
        self._released_at: dict[str, float] = {}
        self._release_every_seconds = release_every_seconds

    def touch(self, released: Iterable[str] = ()) -> None:
        """Note that it answered just now, perhaps with matrices of these operations."""
        self._answered_at = time.monotonic()
        self._released_at |= dict.fromkeys(released, self._answered_at)

    def age_seconds(self, operation: str | None = None) -> float:
        """Give the seconds for which what is in memory, of that operation, may have been out of date."""
        now = time.monotonic()
        released_at = self._released_at.get(operation or "", now)
        return max(now - self._answered_at, now - released_at - self._release_every_seconds)

    def is_fresh(self) -> bool:
        """Say whether it answered within the last minute."""
        return self.age_seconds() < 60  # noqa: PLR2004


class Watch(threading.Thread):
    """Reload keys and matrices when the database says so, and every ``refresh_seconds`` in any case."""

    def __init__(
        self, database: Database, ring: KeyRing, board: Board, contact: Contact, refresh_seconds: float
    ) -> None:
        """Prepare; ``start`` begins."""
        super().__init__(name="watch", daemon=True)
        self._contact = contact
        self._database = database
        self._ring = ring
        self._board = board
        self._refresh_seconds = refresh_seconds
        self._stopping = threading.Event()

    def reload(self, operations: Iterable[str] | None = None) -> None:
        """Read what is new of the matrices of those operations, or of all, and put it up; and who may have them."""
        with self._database.release_reader() as reader:
            self._board.agreements.put(agreed(reader))
            self._board.stands = stands(reader)
            loaded = list(load(reader, operations, self._board.shown()))
        # What is merely read once more has not been assessed since.
        self._contact.touch({one.operation for one in loaded if self._board.put(one)})

    def stop(self) -> None:
        """End the thread; it notices within a second."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until stopped; a lost connection is taken up again."""
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, keys and matrices must go on being watched
                log.warning("watching the database failed (%s); trying again", type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)
        self._ring.note_use()

    def _listen(self) -> None:
        url = libpq_url(self._database.url)
        # A line that went dead without a word must not keep a revocation from being seen.
        with psycopg.connect(url, autocommit=True, connect_timeout=5, tcp_user_timeout=10_000) as connection:
            connection.execute("LISTEN flashpoint_keys")
            connection.execute("LISTEN flashpoint_released")
            self._ring.reload()
            self.reload()
            reloaded_at = time.monotonic()
            while not self._stopping.is_set():
                due_in = reloaded_at + self._refresh_seconds - time.monotonic()
                notices = list(connection.notifies(timeout=min(1.0, max(0.0, due_in)), stop_after=1))
                notices += connection.notifies(timeout=0)
                connection.execute("SELECT 1")
                self._contact.touch()
                due = time.monotonic() - reloaded_at >= self._refresh_seconds
                if due or any(notice.channel == "flashpoint_keys" for notice in notices):
                    self._ring.reload()
                if due:
                    self._ring.note_use()
                    self.reload()
                    reloaded_at = time.monotonic()
                elif released := {notice.payload for notice in notices if notice.channel == "flashpoint_released"}:
                    self.reload(released)
