"""The API keys in memory, so that the hot poll asks no database who is asking."""

import asyncio
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from flashpoint.errors import Unauthenticated
from flashpoint.store import actors
from flashpoint.store.engine import Database
from flashpoint.types import Actor

#: An unknown key, perhaps issued a moment ago, is looked up in the database at most this often, whoever asks.
_LOOK_SECONDS = 1.0


class KeyRing:
    """Every key in use, by digest. Replaced as a whole, so that readers need no lock."""

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

    def reload(self) -> None:
        """Read the keys in use from the database."""
        with self._reloading, self._database.vault_reader() as reader:
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
        """Give the holder of a token that is in use now."""
        if self.is_older_than(self._trust_seconds) or not actors.well_formed(token):
            return None
        # Looked up by keyed hash: how long it takes says nothing about the tokens there are.
        actor = self._keys.get(actors.digest(token, self._pepper))
        if actor is None or actors.expired(actor, datetime.now(UTC)):
            return None
        return actor


def require(ring: KeyRing, token: str | None) -> Actor:
    """Give the holder of the token.

    Raises:
        Unauthenticated: there is none; it is not said whether the key never was, expired or was revoked.
    """
    actor = None if token is None else ring.find(token)
    if actor is None:
        raise Unauthenticated("an API key that is in use is required: Authorization: Bearer <key>")
    return actor
