"""The archive: matrices of past moments, computed when somebody asks for them and kept for the next who does.

The one place where a request scores; docs/decisions/0016-replays.md says why, and how it is bounded. One thread
computes one matrix after the other. Who asks for the same shares the result; when too many wait, the next is turned
away. The event loop only waits.
"""

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b

from api.matrix_parameters import Moment
from api.sheet import Sheet
from api.summary import instant
from flashpoint import methods
from flashpoint.assess import evaluate
from flashpoint.errors import Invalid, Unavailable, Violation
from flashpoint.matrix import release
from flashpoint.released import Released
from flashpoint.store.engine import Database
from flashpoint.store.moments import history
from flashpoint.store.release_reading import as_released
from flashpoint.types import Audience

KEPT_BYTES = 48_000_000
"""How large the rows of the matrices kept may be together; the answers made of them take twice as much at most."""
KEPT_SHEETS = 256
"""How many are kept, however small: many moments have an empty matrix."""
MOST_WAITING = 8
"""Different matrices that may wait for their turn."""
PATIENCE_SECONDS = 30.0
"""How long a request waits. What it asked for is computed to the end, and is there when it comes again."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which matrix, and for whom; ``build`` is of the database that the live one came from."""

    build: str
    operation: str
    audience: Audience
    moment: Moment
    as_of: datetime


class Archive:
    """Past matrices, each as its audience could have read it. Safe to use from any thread and any event loop."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing computed."""
        self._database = database
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._kept = _Kept()
        self._flights: dict[_Wanted, Future[Sheet]] = {}
        self._lock = threading.Lock()
        self._settled = datetime.min.replace(tzinfo=UTC)

    async def sheet(self, live: Released, moment: Moment) -> Sheet:
        """Give the past matrix of a live one's operation, for its audience.

        Raises:
            NotFound: the audience knows of no such version of the method.
            Invalid: the moment has not come yet.
            Unavailable: too many wait, or it takes too long, or the database does not answer.
        """
        wanted = _Wanted(live.build, live.operation, live.audience, moment, moment.as_of or live.as_of)
        found = self._kept.get(wanted)
        if found is None and wanted.as_of == live.as_of and moment.methodology is None and moment.recorded is None:
            # What is up on the board was computed already.
            found = self._kept.put(wanted, _past(live, _terms(wanted, None)))
        return found or await self._landed(self._flight(wanted, live.as_of))

    async def _landed(self, flight: "Future[Sheet]") -> Sheet:
        landing = asyncio.wrap_future(flight)
        # Where nobody waits any more, nobody is told that it failed.
        landing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(landing), PATIENCE_SECONDS)
        except TimeoutError:
            raise Unavailable("the past matrix is still being computed; ask again") from None

    def _flight(self, wanted: _Wanted, settled: datetime) -> "Future[Sheet]":
        """Give the computation that is under way, or begin one."""
        with self._lock:
            # A live matrix is of an instant before which nothing more can become known.
            self._settled = max(self._settled, settled)
            flight = self._flights.get(wanted)
            if flight is None:
                if len(self._flights) >= MOST_WAITING:
                    raise Unavailable("too many past matrices are being computed; ask again")
                flight = self._flights[wanted] = self._worker.submit(self._compute, wanted)
        return flight

    def _compute(self, wanted: _Wanted) -> Sheet:
        try:
            recorded = self._recorded(wanted)
            with self._database.vault_reader() as reader:
                version = wanted.moment.methodology
                # Found as the audience sees it: what was only proposed is for the cluster alone.
                method = version and methods.find(reader, wanted.operation, version, wanted.audience).method
                evaluated = evaluate(reader, wanted.operation, wanted.as_of, method or None, recorded)
                released = as_released(reader, release(evaluated, wanted.audience), "past")
            # A reconstruction by now is kept under the instant that now was.
            pinned = recorded if evaluated.reconstructed else wanted.moment.recorded
            named = wanted.moment if wanted.moment.rebuilt_by else replace(wanted.moment, recorded=pinned)
            return self._kept.put(replace(wanted, moment=named), _past(released, _terms(wanted, pinned)))
        finally:
            with self._lock:
                self._flights.pop(wanted, None)

    def _recorded(self, wanted: _Wanted) -> datetime | None:
        """Give by when things had to be recorded; ``None``: by ``as_of``.

        Nothing more can be recorded with an earlier time than that: else the same question had two answers.
        """
        with self._database.vault_reader() as reader:
            here = history(reader, wanted.operation, wanted.as_of).created <= wanted.as_of
        recorded = wanted.moment.recorded or (None if here else wanted.moment.rebuilt_by)
        if recorded is None and not here:
            return self._database.knowledge_instant()
        latest = max(wanted.as_of, recorded or wanted.as_of)
        if latest > self._settled:
            self._settled = self._database.knowledge_instant()
        if latest > self._settled:
            raise Invalid(Violation("?as_of", "in_future", "not in the future"))
        return recorded


class _Kept:
    """The sheets used last, as many as there is room for."""

    def __init__(self) -> None:
        self._sheets: OrderedDict[_Wanted, Sheet] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, wanted: _Wanted) -> Sheet | None:
        with self._lock:
            found = self._sheets.get(wanted)
            if found is not None:
                self._sheets.move_to_end(wanted)
            return found

    def put(self, wanted: _Wanted, released: Released) -> Sheet:
        """Keep a matrix, unless it is there already; give its sheet."""
        with self._lock:
            found = self._sheets.get(wanted)
            if found is not None:
                return found
            sheet = self._sheets[wanted] = Sheet(released, past=True)
            self._bytes += sheet.weight_bytes
            while len(self._sheets) > 1 and (self._bytes > KEPT_BYTES or len(self._sheets) > KEPT_SHEETS):
                _, gone = self._sheets.popitem(last=False)
                self._bytes -= gone.weight_bytes
            return sheet


def _terms(wanted: _Wanted, recorded: datetime | None) -> tuple[tuple[str, str], ...]:
    """Write what a query has to say to mean this matrix and no other."""
    version = wanted.moment.methodology
    return (
        ("as_of", instant(wanted.as_of)),
        *((("methodology", version),) if version else ()),
        *((("recorded", instant(recorded)),) if recorded else ()),
    )


def _past(released: Released, terms: tuple[tuple[str, str], ...]) -> Released:
    """Name a matrix by what it says: the same on every process, whichever way it came about."""
    build = blake2b(released.head + released.content_sha256, digest_size=12).hexdigest()
    return replace(released, build=build, revision=0, terms=terms)
