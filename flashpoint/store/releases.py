"""Releases: finished rows per audience, already generalised. Written by the assessor, read by whoever serves."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from flashpoint.released import Released, ReleasedRow
from flashpoint.store.engine import Record, ReleaseReader, Vault
from flashpoint.store.tables import matrix, matrix_row
from flashpoint.types import Audience


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row about to be released; its place is copied from that version of the locality."""

    locality_id: UUID
    locality_version: int
    rank: int
    pcode: str
    tier: str
    properties: str
    explanation: str


@dataclass(frozen=True, slots=True)
class NewRelease:
    """A matrix about to be released. ``head`` holds JSON members without the moment, ``moment`` those with it."""

    operation: str
    audience: Audience
    as_of: datetime
    moment: str
    head: str
    rows: Sequence[NewRow]

    def content_sha256(self) -> bytes:
        """Tell this content from any other, whenever it was evaluated."""
        digest = hashlib.sha256(self.head.encode())
        for row in self.rows:
            digest.update(f"\n{row.locality_id} {row.locality_version} {row.properties} {row.explanation}".encode())
        return digest.digest()


def save(vault: Vault, new: NewRelease, *, even_if_same: bool) -> bool:
    """Release a matrix in place of the earlier one; say whether anything was written.

    Without ``even_if_same``, what this audience would see unchanged is left alone, moment and all: that something
    happened which it may not know of must not show.
    """
    content = new.content_sha256()
    earlier = vault.connection.execute(
        select(matrix.c.content_sha256).where(*_which(new.operation, new.audience))
    ).scalar()
    if earlier is not None and bytes(earlier) == content and not even_if_same:
        return False
    values = {
        "as_of": new.as_of,
        "evaluated_at": vault.at,
        "content_sha256": content,
        "head": f"{new.moment},{new.head}",
    }
    statement = upsert(matrix).values(
        operation=new.operation, audience=new.audience, build=uuid4().hex[:12], revision=1, **values
    )
    renewed = {**values, "revision": matrix.c.revision + 1}
    vault.connection.execute(statement.on_conflict_do_update(index_elements=["operation", "audience"], set_=renewed))
    if earlier is None or bytes(earlier) != content:
        _write_rows(vault, new)
    return True


def _which(operation: str, audience: Audience) -> tuple[ColumnElement[bool], ...]:
    return matrix.c.operation == operation, matrix.c.audience == audience


def _write_rows(vault: Vault, new: NewRelease) -> None:
    vault.connection.execute(
        delete(matrix_row).where(matrix_row.c.operation == new.operation, matrix_row.c.audience == new.audience)
    )
    rows = [
        {
            "operation": new.operation,
            "audience": new.audience,
            "id": row.locality_id,
            "version": row.locality_version,
            "rank": row.rank,
            "pcode": row.pcode,
            "tier": row.tier,
            "properties": row.properties,
            "explanation": row.explanation,
        }
        for row in new.rows
    ]
    statement = text("""
        INSERT INTO release.matrix_row
            (operation, audience, locality_id, rank, pcode, tier, properties, explanation, point, area)
        SELECT :operation, :audience, l.id, :rank, :pcode, :tier, :properties, :explanation, l.point, l.area
        FROM vault.locality l WHERE l.id = :id AND l.version = :version
    """)
    if rows:
        vault.connection.execute(statement, rows)


def load(reader: ReleaseReader, operations: Iterable[str] | None = None) -> Iterator[Released]:
    """Give the released matrices of those operations, or of all, for every audience."""
    query = select(matrix).order_by(matrix.c.operation, matrix.c.audience)
    if operations is not None:
        query = query.where(matrix.c.operation.in_(list(operations)))
    for row in reader.connection.execute(query).all():
        rows = reader.connection.execute(_rows(row))
        yield Released(
            operation=row.operation,
            audience=Audience(row.audience),
            build=row.build,
            revision=row.revision,
            head=row.head.encode(),
            rows=tuple(_released_row(one) for one in rows),
        )


def _rows(of: Record) -> Select[Any]:
    area = matrix_row.c.area
    box = [getattr(func, name)(area) for name in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")]
    columns = [column for column in matrix_row.c if column.name not in {"point", "area"}]
    return (
        select(
            *columns,
            # Five decimals are about a metre; RFC 7946 wants outer rings counter-clockwise.
            func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(area), 5).label("polygon"),
            func.ST_AsGeoJSON(matrix_row.c.point, 5).label("dot"),
            *box,
        )
        .where(matrix_row.c.operation == of.operation, matrix_row.c.audience == of.audience)
        .order_by(matrix_row.c.rank)
    )


def _released_row(row: Record) -> ReleasedRow:
    west, south, east, north = row[-4:]
    return ReleasedRow(
        rank=row.rank,
        locality_id=str(row.locality_id),
        pcode=row.pcode,
        tier=row.tier,
        properties=row.properties.encode(),
        polygon=row.polygon.encode(),
        point=row.dot.encode(),
        bbox=(west, south, east, north),
        explanation=row.explanation.encode(),
    )
