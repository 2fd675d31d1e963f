"""The standing of an operation: its sums over incidents in memory, moved from one moment to the next.

Three moments move together, because the matrix says how it changed: now, and 7 and 30 days before the clock. What moves
them is what was recorded since, and time; what is stored besides is not read again. A fresh standing reads everything
and comes to the very same bits.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from flashpoint.evaluated import TREND_DAYS, Evaluated, Past
from flashpoint.protocol import Named
from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.evidence import NOWHERE
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result, assemble
from flashpoint.scoring.portable import Ints
from flashpoint.scoring.pressing import Pressing
from flashpoint.scoring.pressure import pressure
from flashpoint.scoring.running import Running
from flashpoint.scoring.sensitivity import top_k_share
from flashpoint.store import gather, places, protocols, roll
from flashpoint.store.engine import Record, VaultReader
from flashpoint.store.gather import Context
from flashpoint.store.moments import History, Moment
from flashpoint.store.roll import Roll

# Sums are made so many incidents at a time: their columns then stay in some tens of megabytes.
_ROWS = 50_000
# Boundaries drawn anew overlap by slivers: less than this share of an area is none.
_SLIVER = 0.01


class _Track:
    """One moment: its context, the roll, which rows of it count, and the sums over them."""

    def __init__(self, context: Context, held: Roll, method: Methodology) -> None:
        self.context = context
        self.roll = held
        self._method = method
        evidence = context.evidence
        self._running = Running(evidence.localities, len(evidence.units), method)
        self.counting = np.empty(0, dtype=np.bool_)

    def move(self, context: Context, changed: Ints | None = None) -> None:
        """Move to another moment with the same places; ``changed`` are the rows to look at, ``None`` for all."""
        self.context = context
        self._running.move(context.evidence.clock_day)
        before, self.counting = self.counting, np.zeros(len(self.roll), dtype=np.bool_)
        self.counting[: len(before)] = before
        rows = np.arange(len(self.roll)) if changed is None else changed
        now = self.roll.counting(context.moment, rows)
        begun, ceased = rows[now & ~self.counting[rows]], rows[~now & self.counting[rows]]
        self.counting[rows] = now
        for part in _parts(ceased):
            for locality in self._running.remove(self.roll.rows(part)).tolist():
                self._running.marks[locality] = self.roll.newest_marks(locality, self.counting)
        # Neighbours together: they share the places that a kernel reaches, and the sums stay in the processor's cache.
        for part in _parts(self.roll.by_place(begun)):
            self._running.add(self.roll.rows(part))

    def result(self, incidents: Pressing) -> Result:
        """Score the moment."""
        evidence = self.context.evidence
        return assemble(evidence, incidents, pressure(evidence, self._running, self._method), self._method)


def _parts(rows: Ints) -> Iterable[Ints]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))


class Standing:
    """An operation by one method, ready to be moved forward. Not for two threads at once."""

    def __init__(self, operation: str, method: Methodology) -> None:
        """Begin with nothing read."""
        self.operation = operation
        self.method = method
        self._track: _Track | None = None
        self._past: dict[int, _Track] = {}
        self._struck: Moment | None = None
        self._earlier: dict[int, Past] = {}
        self._shares: dict[UUID, float] = {}

    def refresh(self, reader: VaultReader, history: History, as_of: datetime) -> Evaluated:
        """Move to ``as_of``, which is not before the moment last moved to, and evaluate."""
        moment = history.moment(as_of)
        # What holds for a whole quarter of an hour is what was recorded when the clock struck; of an operation that was
        # not here by then, what is recorded at the moment: by later, its past would look otherwise later on.
        before = moment.clock < history.created
        struck = replace(history, recorded=moment.recorded if before else min(history.recorded, moment.clock))
        at_clock = struck.moment(moment.clock)
        touched: frozenset[int] | None = None
        if self._track is None or self._struck != at_clock:
            self._strike(reader, struck, at_clock)
            self._move(reader, moment)
        else:
            touched = self._move(reader, moment)
        agreed = protocols.in_force(reader, self.operation, moment)
        # By the clock, like ages: between two quarters a matrix changes by knowledge alone.
        return self._evaluated(touched, None if agreed is None else agreed.named(moment.clock))

    def scored(self, reader: VaultReader, history: History, as_of: datetime) -> tuple[list[Record], Result]:
        """Move to ``as_of`` and score it, without trend and sensitivity: for one moment after another, forwards."""
        context = gather.gather(reader, self.operation, history.moment(as_of), self.method)
        if self._track is None or not _same_places(self._track.context, context):
            self._track = self._read(reader, context)
        else:
            self._track.move(context)
        return context.localities, self._track.result(self._track.roll.pressing(context.moment))

    def _strike(self, reader: VaultReader, history: History, moment: Moment) -> None:
        """Move every moment to a new clock, and work out once what holds until the next."""
        track = self._context(reader, moment)
        pasts = {
            days: self._context(reader, history.moment(moment.as_of - timedelta(days=days))) for days in TREND_DAYS
        }
        if self._track is not None and _same_places(self._track.context, track):
            self._reread(reader, self._track)
            self._track.move(track)
        else:
            # What was held is let go first: there need not be room for both.
            self._track, self._past = None, {}
            self._track = self._read(reader, track)
        held = self._track.roll
        for days, context in pasts.items():
            self._past[days] = self._at(reader, self._past.get(days), context, held)
            # Nobody asks for the incidents behind an earlier score: they are not held on to.
            result = self._past[days].result(Pressing())
            self._earlier[days] = Past(self._positions(reader, context, track), result)
        incidents = held.pressing_only(np.flatnonzero(self._track.counting))
        shares = top_k_share(self._track.result(incidents), incidents)
        self._shares = dict(zip(track.places.localities, shares.tolist(), strict=True))
        self._struck = moment

    def _positions(self, reader: VaultReader, past: Context, now: Context) -> Mapping[UUID, int]:
        """Say where each locality stood at an earlier moment, also under the code of an older list.

        A place that was split or merged since has no past of its own to be compared with.
        """
        at = past.places.localities
        if now.places.localities.keys() <= at.keys():
            return at
        told = places.predecessors(reader, self.operation, now.moment.as_of, now.moment.recorded)
        old = {new: [one for one, share in found if one in at and share > _SLIVER] for new, found in told.items()}
        heirs = Counter(one for found in old.values() for one in found)
        same = {new: at[found[0]] for new, found in old.items() if len(found) == 1 and heirs[found[0]] == 1}
        return {**same, **at}

    def _at(self, reader: VaultReader, track: _Track | None, context: Context, held: Roll) -> _Track:
        """Move an earlier moment on; where its places were others, it has a roll of its own."""
        if track is not None and track.roll is held and _same_places(track.context, context):
            track.move(context)
            return track
        assert self._track is not None  # noqa: S101 - the newest moment is moved first
        if not _same_places(self._track.context, context):
            return self._read(reader, context)
        track = _Track(context, held, self.method)
        track.move(context)
        return track

    def _context(self, reader: VaultReader, moment: Moment) -> Context:
        return gather.gather(reader, self.operation, moment, self.method)

    def _read(self, reader: VaultReader, context: Context) -> _Track:
        """Read every row anew."""
        held = Roll(context.places, self.method)
        held.reserve(roll.count(reader, self.operation))
        for block in roll.read(reader, self.operation, with_points=self.method.kernel_width_km > 0):
            held.add(block)
        track = _Track(context, held, self.method)
        track.move(context)
        return track

    def _reread(self, reader: VaultReader, track: _Track) -> Ints:
        """Read what was recorded since the moment of a track; give the rows to look at."""
        with_points = self.method.kernel_width_km > 0
        ids, block = roll.read_news(reader, self.operation, track.context.moment, with_points=with_points)
        if not len(ids):
            return np.empty(0, dtype=np.int64)
        old = track.roll.find(ids)
        track.roll.drop(old)
        return np.concatenate((old, track.roll.add(block)))

    def _move(self, reader: VaultReader, moment: Moment) -> frozenset[int] | None:
        """Move the newest moment on; give the localities touched, ``None`` for all."""
        track = self._track
        assert track is not None  # noqa: S101 - it was moved to the clock before
        context = replace(track.context, moment=moment)
        # In a reconstruction things become known between two instants although nothing is recorded between them.
        replayed = moment.reconstructed or track.context.moment.reconstructed
        news = replayed or gather.has_news(reader, self.operation, track.context.moment)
        if news:
            context = self._context(reader, moment)
            if not _same_places(track.context, context):
                self._track = self._read(reader, context)
                return None
        changed = self._reread(reader, track)
        track.move(context, None if replayed else changed)
        return None if news else _touched(context, track.roll.rows(changed), self.method)

    def _evaluated(self, touched: frozenset[int] | None, protocol: Named | None) -> Evaluated:
        track = self._track
        assert track is not None  # noqa: S101 - it was moved to the moment before
        moment = track.context.moment
        incidents = track.roll.pressing(moment)
        result = track.result(incidents)
        named = track.counting & incidents.nameable
        nowhere = (incidents.locality == NOWHERE) & (incidents.unit == NOWHERE)
        return Evaluated(
            operation=self.operation,
            as_of=moment.as_of,
            recorded=moment.recorded,
            reconstructed=moment.reconstructed,
            localities=track.context.localities,
            result=result,
            ledger=Ledger(result, track.counting),
            in_force=int(np.count_nonzero(named)),
            unplaced=int(np.count_nonzero(named & nowhere)),
            data_through=track.roll.newest_report(named),
            earlier=dict(self._earlier),
            # One that was not there when the clock struck was in no draw.
            shares=np.array([self._shares.get(row.id, 0.0) for row in track.context.localities]),
            touched=touched,
            protocol=protocol,
        )


def _same_places(one: Context, other: Context) -> bool:
    """Say whether two contexts have the same localities and units in the same order: then their sums go on."""
    return (
        list(one.places.localities) == list(other.places.localities)
        and list(one.places.units) == list(other.places.units)
        and np.array_equal(one.evidence.localities.point, other.evidence.localities.point)
    )


def _touched(context: Context, rows: Pressing, method: Methodology) -> frozenset[int] | None:
    """Give the localities that rows reach."""
    if method.kernel_width_km > 0:
        return None
    units = context.evidence.units
    members = units.locality[np.isin(units.unit, rows.unit[rows.unit >= 0])]
    return frozenset(rows.locality[rows.locality >= 0].tolist()) | frozenset(members.tolist())
