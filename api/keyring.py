"""The API keys in memory, so that the hot poll asks no database who is asking."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from flashpoint.errors import Unauthenticated
from flashpoint.store import actors
from flashpoint.store.engine import Database
from flashpoint.types import Actor

#: Without contact to the database for this long, no key is believed any more: revocation must hold within a minute
#: of the database knowing, but a poller should survive a restart of it.
TRUST_SECONDS = 15 * 60


class KeyRing:
    """Every key in use, by digest. Replaced as a whole, so that readers need no lock."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        """Start empty; ``reload`` fills it."""
        self._database = database
        self._pepper = pepper
        self._keys: Mapping[bytes, Actor] = {}
        self._loaded_at = float("-inf")
        self._reloading = threading.Lock()

    def reload(self) -> None:
        """Read the keys in use from the database."""
        with self._reloading, self._database.vault_reader() as reader:
            self._keys = actors.ring(reader)
            self._loaded_at = time.monotonic()

    def is_older_than(self, seconds: float) -> bool:
        """Say whether the last reading is longer ago than that."""
        return time.monotonic() - self._loaded_at > seconds

    def find(self, token: str) -> Actor | None:
        """Give the holder of a token that is in use now."""
        if self.is_older_than(TRUST_SECONDS) or not actors.well_formed(token):
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
