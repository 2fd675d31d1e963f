"""Pictures: incidents and communities as each audience may know of them, made whenever something of them changes.

A picture that is made anew has the rows of one that was kept up to date. Between two pictures nothing but what was
recorded is read, and what an audience may not know of leaves its picture, revision and moment as they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flashpoint import mask, picture_rows
from flashpoint.picture import Collection, Zone
from flashpoint.picture_rows import Scene
from flashpoint.store import pictures as reading
from flashpoint.store.engine import Database, Record, Vault, VaultReader
from flashpoint.store.moments import clock_of
from flashpoint.store.picture_writing import NewRow, Writer
from flashpoint.types import Audience
from flashpoint.zones import Place, Zones, outlines_by_place


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of an operation. ``since`` is the moment of the one before; ``None`` makes every picture whole."""

    reader: VaultReader
    vault: Vault
    operation: str
    as_of: datetime
    since: datetime | None

    def writer(self, audience: Audience, collection: Collection) -> Writer:
        """Begin to write a picture."""
        return Writer(self.vault, (self.operation, audience, collection), self.as_of)


class Pictures:
    """Keeps the pictures of operations up to date. Not for two threads at once."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        """Begin with nothing kept: the first pictures of each operation are made whole."""
        self._database = database
        self._key = mask.purpose_key(pepper)
        # The scene of the last round, and when that was: all that is not read again while it stays as it is.
        self._kept: dict[str, tuple[Scene, datetime]] = {}

    def update(self, operation: str, as_of: datetime, clock: datetime | None = None) -> None:
        """Release what is in force at ``as_of``, a moment before which nothing more can become known.

        ``clock`` says what has expired: the last quarter of an hour, unless it is given.
        """
        # Whatever goes wrong half-way, the next round then makes all whole.
        kept, before = self._kept.pop(operation, (None, None))
        with self._database.vault_reader() as reader, self._database.publishing() as vault:
            scene = self._scene(reader, operation, clock or clock_of(as_of), (kept, before))
            whole = kept is None or kept.zones is not scene.zones
            rounds = _Round(reader, vault, operation, as_of, None if whole else before)
            if rounds.since is None:
                _write_zones(rounds, scene)
            _write_incidents(rounds, scene)
            struck = kept is None or kept.clock != scene.clock
            if rounds.since is None or struck or reading.has_news(reader, "communities", operation, rounds.since):
                _write_communities(rounds, scene)
        self._kept[operation] = scene, as_of

    def _scene(
        self, reader: VaultReader, operation: str, clock: datetime, kept: tuple[Scene | None, datetime | None]
    ) -> Scene:
        return Scene(self._key, _zones(reader, operation, *kept), clock)


def _zones(reader: VaultReader, operation: str, kept: Scene | None, before: datetime | None) -> Zones:
    """Give the zones: those that were kept, as long as nothing of any place was recorded."""
    digest = reading.operation_digest(reader, operation)
    if kept is not None and before is not None and kept.zones.digest == digest:
        moved = reading.has_news(reader, "places", operation, before)
    else:
        moved = True
    if kept is not None and not moved:
        return kept.zones
    outlines = outlines_by_place(reading.outlines(reader, operation))
    places = [
        _place(row, (row.adm3_pcode, row.adm2_pcode, row.adm1_pcode), outlines)
        for row in reading.localities(reader, operation)
    ]
    places += [_place(row, (row.parent_pcode,), outlines, is_unit=True) for row in reading.units(reader, operation)]
    return Zones(Zone(operation, operation, operation, 0, has_area=True), digest, places)


def _place(
    row: Record,
    above: Iterable[str | None],
    outlines: Mapping[str, tuple[tuple[int, bytes], ...]],
    *,
    is_unit: bool = False,
) -> Place:
    holders = tuple(pcode for pcode in above if pcode is not None)
    key = str(row.id)
    return Place(key, row.pcode, row.name, row.code_list, row.level, holders, is_unit, outlines.get(key, ()))


def _write_zones(rounds: _Round, scene: Scene) -> None:
    rows = [
        picture_rows.zone_row(scene, zone, place.outlines[-1][1] if place.outlines else None, place.code_list)
        for zone, place in scene.zones.named()
    ]
    area = reading.operation_area(rounds.reader, rounds.operation)
    rows.append(picture_rows.zone_row(scene, scene.zones.operation, area, None))
    for audience in Audience:
        writer = rounds.writer(audience, Collection.ZONES)
        writer.put(rows)
        writer.keep_only({row.released_id for row in rows})
        writer.finish()


def _write_incidents(rounds: _Round, scene: Scene) -> None:
    news = [] if rounds.since is None else reading.incident_news(rounds.reader, rounds.operation, rounds.since)
    if rounds.since is not None and not news:
        return
    writers = {audience: rounds.writer(audience, Collection.INCIDENTS) for audience in Audience}
    seen: dict[Audience, set[UUID]] = {audience: set() for audience in Audience}
    for part in _parts(rounds, news):
        for audience, rows in _by_audience(picture_rows.incident(scene, one) for one in part).items():
            writers[audience].put(rows)
            seen[audience].update(row.released_id for row in rows)
    for audience, writer in writers.items():
        if rounds.since is None:
            writer.keep_only(seen[audience])
        else:
            of_news = {scene.released_id(audience, Collection.INCIDENTS, str(one)) for one in news}
            writer.drop(of_news - seen[audience])
        writer.finish()


def _by_audience(told: Iterable[Iterable[tuple[Audience, NewRow]]]) -> dict[Audience, list[NewRow]]:
    rows: dict[Audience, list[NewRow]] = {audience: [] for audience in Audience}
    for each in told:
        for audience, row in each:
            rows[audience].append(row)
    return rows


def _parts(rounds: _Round, news: Sequence[UUID]) -> Iterator[Sequence[Record]]:
    """Give the incidents to look at: all of them, or those with news."""
    if rounds.since is None:
        yield from reading.all_incidents(rounds.reader, rounds.operation)
        return
    for start in range(0, len(news), reading.PART):
        yield reading.some_incidents(rounds.reader, rounds.operation, news[start : start + reading.PART])


def _write_communities(rounds: _Round, scene: Scene) -> None:
    current = reading.communities(rounds.reader, rounds.operation)
    for audience, rows in _by_audience(picture_rows.community(scene, one) for one in current).items():
        writer = rounds.writer(audience, Collection.COMMUNITIES)
        writer.put(rows)
        writer.keep_only({row.released_id for row in rows})
        writer.finish()
