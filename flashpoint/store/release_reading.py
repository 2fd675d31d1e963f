"""Releases as those who serve read them: only what a process does not hold yet comes from the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
from sqlalchemy import Column, ColumnElement, Integer, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from flashpoint.released import Locality, Place, Released, ReleasedRow, Standing, Written, printed_score
from flashpoint.store.columns import ID
from flashpoint.store.engine import Record, ReleaseReader, VaultReader
from flashpoint.store.release_changes import NewRelease
from flashpoint.store.tables import locality, matrix, matrix_row
from flashpoint.types import Audience

Held: TypeAlias = Mapping[tuple[str, Audience], Released]
"""The releases that a process has, by operation and audience."""

_Version: TypeAlias = tuple[UUID, int]
_WITHHELD = Place(b"null", b"null", None)


def load(
    reader: ReleaseReader, operations: Iterable[str] | None = None, held: Held | None = None
) -> Iterator[Released]:
    """Give the released matrices of those operations, or of all, that are newer than those held."""
    query = select(matrix).order_by(matrix.c.operation, matrix.c.audience)
    if operations is not None:
        query = query.where(matrix.c.operation.in_(list(operations)))
    for found in reader.connection.execute(query).all():
        shown = (held or {}).get((found.operation, Audience(found.audience)))
        base = shown if shown is not None and shown.build == found.build else None
        if base is None or base.revision < found.revision:
            yield _released(reader, found, base)


def unplaced_rows(new: NewRelease) -> tuple[ReleasedRow, ...]:
    """Give the rows of a release in rank order as they would be read back, but for their places."""
    return _as_read(new, {}, "").rows()


def as_released(reader: VaultReader, new: NewRelease, build: str) -> Released:
    """Give a release as it would be read back, without releasing it; its places are read from the vault."""
    versions = [(row.locality_id, row.locality_version) for row in new.content.rows]
    return _as_read(new, _places(reader, _IN_VAULT, versions), build)


def _as_read(new: NewRelease, places: Mapping[_Version, Place], build: str) -> Released:
    written = [
        Written(
            Locality(str(row.locality_id), row.locality_version, row.pcode, row.name),
            row.tier,
            printed_score(row.score, new.audience),
            row.properties.encode(),
            row.explanation.encode(),
            places.get((row.locality_id, row.locality_version), _WITHHELD),
        )
        for row in new.content.rows
    ]
    return Released(
        operation=new.operation,
        audience=new.audience,
        build=build,
        revision=0,
        as_of=new.as_of,
        content_sha256=new.content.sha256,
        head=new.head().encode(),
        written=tuple(written),
        standing=new.content.standing,
    )


def _released(reader: ReleaseReader, found: Record, base: Released | None) -> Released:
    ranks = np.array([found.rank, found.rank_low, found.rank_high], dtype=np.int64).T
    standing = Standing(ranks, np.array(found.top_k_share, dtype=np.float64))
    written = _written(reader, found, base)
    if base is not None and len(written) != len(ranks):
        # Whatever is wrong with what was held, it must not go on being served.
        written = _written(reader, found, None)
    return Released(
        operation=found.operation,
        audience=Audience(found.audience),
        build=found.build,
        revision=found.revision,
        as_of=found.as_of,
        content_sha256=bytes(found.content_sha256),
        head=found.head.encode(),
        written=written,
        standing=standing,
    )


def _written(reader: ReleaseReader, found: Record, base: Released | None) -> tuple[Written, ...]:
    """Read the rows in the order of their ids: those that changed since ``base``, or all."""
    rows = {one.locality.id: one for one in base.written} if base else {}
    since = base.revision if base else 0
    query = select(*_TEXTS).where(*_which(found), matrix_row.c.revision > since)
    changed = {str(row.locality_id): row for row in reader.connection.execute(query)}
    unknown = [
        (row.locality_id, row.locality_version)
        for one, row in changed.items()
        if one not in rows or rows[one].locality.version != row.locality_version
    ]
    places = _places(reader, _IN_RELEASE, unknown, *_which(found))
    newcomers = changed.keys() - rows.keys()
    for one, row in changed.items():
        rows[one] = _changed(row, rows.get(one), places.get((row.locality_id, row.locality_version)))
    if len(rows) != len(found.rank):
        there = set(map(str, reader.connection.scalars(select(matrix_row.c.locality_id).where(*_which(found)))))
        rows = {one: row for one, row in rows.items() if one in there}
    # Rows that are written anew keep their place; only newcomers have to be put where they belong.
    return tuple(rows[one] for one in sorted(rows)) if newcomers else tuple(rows.values())


_TEXTS = [column for column in matrix_row.c if column.name not in {"point", "area"}]


def _which(found: Record) -> tuple[ColumnElement[bool], ...]:
    return matrix_row.c.operation == found.operation, matrix_row.c.audience == found.audience


def _changed(row: Record, held: Written | None, place: Place | None) -> Written:
    about = Locality(str(row.locality_id), row.locality_version, row.pcode, row.name)
    return Written(
        # The one object for a locality, as long as it stays what it is.
        held.locality if held is not None and held.locality == about else about,
        row.tier,
        printed_score(row.score, row.audience),
        row.properties.encode(),
        row.explanation.encode(),
        place or (held.place if held is not None else _WITHHELD),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that has places, and its columns."""

    id: Column[Any]
    version: Column[Any]
    area: Column[Any]
    point: Column[Any]


_IN_RELEASE = _Source(matrix_row.c.locality_id, matrix_row.c.locality_version, matrix_row.c.area, matrix_row.c.point)
_IN_VAULT = _Source(locality.c.id, locality.c.version, locality.c.area, locality.c.point)


def _places(
    reader: VaultReader | ReleaseReader,
    source: _Source,
    versions: Sequence[_Version],
    *which: ColumnElement[bool],
) -> dict[_Version, Place]:
    """Read where those versions of localities are."""
    if not versions:
        return {}
    ids, numbers = zip(*versions, strict=True)
    wanted = (
        func.unnest(cast(list(ids), ARRAY(ID)), cast(list(numbers), ARRAY(Integer)))
        .table_valued("id", "version", name="wanted")
        .render_derived()
    )
    box = [getattr(func, name)(source.area) for name in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")]
    query = (
        # Five decimals are about a metre; RFC 7946 wants outer rings counter-clockwise.
        select(
            source.id,
            source.version,
            func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(source.area), 5),
            func.ST_AsGeoJSON(source.point, 5),
            *box,
        )
        .join_from(source.area.table, wanted, (source.id == wanted.c.id) & (source.version == wanted.c.version))
        .where(*which)
    )
    return {
        (one, version): Place(polygon.encode(), point.encode(), (west, south, east, north))
        for one, version, polygon, point, west, south, east, north in reader.connection.execute(query)
    }
