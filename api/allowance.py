"""How often a key may ask: leased from the database in parts, spent from memory, so that the hot poll asks nobody.

All processes on a database together let through no more than the budget of a window. While the database does not
answer, each process counts by itself: the matrix in memory has to be served all the same.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes
from uuid import UUID

from starlette.requests import Request

from flashpoint.errors import RateLimited, Unavailable
from flashpoint.store import allowances
from flashpoint.store.allowances import Budget, Lease
from flashpoint.store.engine import Database

log = logging.getLogger("flashpoint.allowance")

#: What costs more than a look at what is in memory counts more than once. Everything else counts once.
WEIGHTS = {
    ("POST", "/v1/incidents/batch"): 20,
    ("GET", "/v1/methodologies/{version}/preview"): 20,
    ("GET", "/v1/exports/{file}"): 20,
}
#: Parameters of a matrix that is not in memory. It is computed first, and then paged through: 500 small pages have to
#: fit into a minute.
_COMPUTED = (b"as_of=", b"methodology=")
_COMPUTED_WEIGHT = 2

#: A request waits so long for a lease. Then the process counts by itself.
_PATIENCE_SECONDS = 1.0
#: After a lease that failed, the database is left alone for so long.
_ALONE_SECONDS = 5.0
#: Keys that are remembered; beyond, those whose window is over are forgotten.
_REMEMBERED = 4096


def weight_of(request: Request) -> int:
    """Give how many requests a request counts for."""
    query = request.scope["query_string"]
    if b"%" in query:
        query = unquote_to_bytes(query)
    least = _COMPUTED_WEIGHT if any(name in query for name in _COMPUTED) else 1
    path = getattr(request.scope.get("route"), "path", "")
    return WEIGHTS.get((request.method, path), least)


@dataclass(slots=True)
class _Held:
    """What a process holds of one key's allowance: so much left until then, and whether more can be had."""

    left: int = 0
    until: float = float("-inf")
    window: int = -1
    spent: bool = False
    asking: Future[None] | None = None

    def add(self, lease: Lease, asked: int, asked_at: float) -> None:
        """Add what was granted to what is left of the same window; what is left of an earlier one is void."""
        if lease.window != self.window:
            self.left = 0
        self.left += lease.granted
        self.window, self.spent = lease.window, lease.granted < asked
        self.until = asked_at + lease.seconds_left

    def count_alone(self, budget: Budget, now: float) -> None:
        """Take a whole window of this process's own."""
        self.left, self.spent, self.window = budget.requests, True, -1
        self.until = now + budget.window_seconds


class Allowances:
    """The allowances of every key in this process. Safe from several threads and event loops."""

    def __init__(self, database: Database, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing yet. A budget of 0 requests lets everything through."""
        self._database = database
        self._budget = budget
        self._clock = clock
        self._held: dict[UUID, _Held] = {}
        self._lock = threading.Lock()
        self._alone_until = float("-inf")
        # Threads of its own: those of the requests may all wait for the database.
        self._leasing = ThreadPoolExecutor(1, "allowance")

    def close(self) -> None:
        """End the thread."""
        self._leasing.shutdown(wait=True, cancel_futures=True)

    async def take(self, key_id: UUID, weight: int = 1) -> None:
        """Count a request.

        Raises:
            RateLimited: the key has used up what it may in this window.
        """
        if not self._budget.requests:
            return
        # What counts for more than a window holds would never be let through.
        weight = min(weight, self._budget.requests)
        while (asking := self._spend(key_id, weight)) is not None:
            # Shielded: whoever asked first may hang up, and others wait for the same lease.
            waiting = asyncio.shield(asyncio.wrap_future(asking))
            try:
                await asyncio.wait_for(waiting, _PATIENCE_SECONDS)
            except TimeoutError:
                self._leave_database_alone()

    def _spend(self, key_id: UUID, weight: int) -> Future[None] | None:
        """Spend of what is held, or give the lease to wait for: one at a time for each key."""
        with self._lock:
            held, now = self._held.setdefault(key_id, _Held()), self._clock()
            if now < self._alone_until and not (held.until > now and (held.left >= weight or held.spent)):
                held.count_alone(self._budget, now)
            if held.until > now and held.left >= weight:
                held.left -= weight
                return None
            if held.until > now and held.spent:
                wait_seconds = max(1, math.ceil(held.until - now))
                raise RateLimited("the key has used up its requests of this minute", wait_seconds)
            if held.asking is None:
                held.asking = self._leasing.submit(self._ask, key_id, max(self._budget.part, weight))
            return held.asking

    def _ask(self, key_id: UUID, asked: int) -> None:
        # Read before the database is asked: what is granted ends here no later than it ends there.
        asked_at = self._clock()
        lease = self._leased(key_id, asked)
        with self._lock:
            held = self._held[key_id]
            held.asking = None
            if lease is not None:
                held.add(lease, asked, asked_at)
            if len(self._held) > _REMEMBERED:
                self._forget()

    def _leased(self, key_id: UUID, asked: int) -> Lease | None:
        try:
            with self._database.keys() as vault:
                return allowances.lease(vault, key_id, asked, self._budget)
        except Exception as error:  # noqa: BLE001 - whatever it is, the matrix in memory must still be served
            if not isinstance(error, Unavailable):
                log.warning("leasing an allowance failed (%s); this process counts by itself", type(error).__name__)
            self._leave_database_alone()
            return None

    def _leave_database_alone(self) -> None:
        with self._lock:
            self._alone_until = self._clock() + _ALONE_SECONDS

    def _forget(self) -> None:
        now = self._clock()
        self._held = {key: one for key, one in self._held.items() if one.until > now or one.asking is not None}
