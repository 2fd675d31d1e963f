"""The API keys in memory, so that the hot poll asks no database who is asking."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from flashpoint.store import actors
from flashpoint.store.engine import Database
from flashpoint.types import Actor

log = logging.getLogger("flashpoint.keys")

#: An unknown key, perhaps issued a moment ago, is looked up in the database at most this often, whoever asks.
_LOOK_SECONDS = 1.0


class KeyRing:
    """Every key in use, and every enrolled person, by digest. Replaced as a whole, so that readers need no lock."""

    def __init__(self, database: Database, pepper: bytes, trust_seconds: float) -> None:
        """Start empty; ``reload`` fills it.

        Without a reload for ``trust_seconds`` no key is believed any more. A revocation holds within a minute of the
        database knowing of it, but a poller survives a restart of the database.
        """
        self._database = database
        self._pepper = pepper
        self._trust_seconds = trust_seconds
        self._looking = asyncio.Lock()
        self._keys: Mapping[bytes, Actor] = {}
        self._loaded_at = float("-inf")
        self._reloading = threading.Lock()
        self._used_on: dict[UUID, date] = {}
        self._noted_on: dict[UUID, date] = {}

    def reload(self) -> None:
        """Read the keys in use from the database."""
        with self._reloading, self._database.keys() as reader:
            self._keys = actors.ring(reader)
            self._loaded_at = time.monotonic()

    async def look_again(self) -> None:
        """Read the keys once more unless that was done a moment ago. Callers wait for one another without a thread."""
        async with self._looking:
            if self.is_older_than(_LOOK_SECONDS):
                await run_in_threadpool(self.reload)

    def is_older_than(self, seconds: float) -> bool:
        """Say whether the last reading is longer ago than that."""
        return time.monotonic() - self._loaded_at > seconds

    def find(self, token: str) -> Actor | None:
        """Give the holder of a key that is in use now."""
        if not actors.well_formed(token):
            return None
        # Looked up by keyed hash: how long it takes says nothing about the keys there are.
        return self.find_digest(actors.digest(token, self._pepper))

    def find_digest(self, digest: bytes) -> Actor | None:
        """Give the holder of what is in use now under that keyed hash."""
        actor = None if self.is_older_than(self._trust_seconds) else self._keys.get(digest)
        now = datetime.now(UTC)
        if actor is None or actors.expired(actor, now):
            return None
        # Only remembered here; the watch writes it down, so that no request waits for it or fails with it.
        self._used_on[actor.key_id] = now.date()
        return actor

    def note_use(self) -> None:
        """Write down the days of use that the database does not have yet. What fails is tried again the next time."""
        news = {key: day for key, day in self._used_on.copy().items() if self._noted_on.get(key) != day}
        if not news:
            return
        try:
            with self._database.keys() as vault:
                actors.note_use(vault, news)
        except Exception as error:  # noqa: BLE001 - whatever it is, keys have to go on being read
            log.warning("noting the last use of keys failed (%s)", type(error).__name__)
        else:
            self._noted_on |= news
