"""Operations, administrative units and localities."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from geoalchemy2.shape import from_shape
from shapely import wkb
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Table, func, insert, not_, select, text, update

from flashpoint.errors import NotFound
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.store.tables import admin_unit, locality, operation
from flashpoint.types import Actor

SRID = 4326

#: Reference data (code lists, census figures) describe a past that we were not there to record: what they say counts
#: as known from this instant on, and is marked as assumed.
ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An area of responsibility. ``ranked_level`` is the level of its localities, ``None`` for points."""

    code: str
    name_en: str
    name_fr: str
    area: BaseGeometry
    ranked_level: int | None
    synthetic: bool = False


def multi(geometry: BaseGeometry) -> MultiPolygon:
    """Give a polygon as a multipolygon of one."""
    return MultiPolygon([geometry]) if isinstance(geometry, Polygon) else geometry


def find_operation(reader: VaultReader, actor: Actor, code: str) -> Record:
    """Give the operation's row.

    Raises:
        NotFound: there is none, or the actor's key is not good for it.
    """
    row = None
    if actor.covers(code):
        columns = (operation.c.code, operation.c.name_en, operation.c.name_fr, operation.c.ranked_level)
        row = reader.connection.execute(select(*columns).where(operation.c.code == code)).one_or_none()
    if row is None:
        raise NotFound("no such operation")
    return row


def operation_codes(reader: VaultReader, actor: Actor) -> list[str]:
    """List the codes of the operations that the actor's key is good for."""
    codes = reader.connection.execute(select(operation.c.code).order_by(operation.c.code)).scalars()
    return [code for code in codes if actor.covers(code)]


def add_operation(vault: Vault, actor: Actor, new: NewOperation) -> None:
    """Record an operation."""
    vault.connection.execute(
        insert(operation).values(
            code=new.code,
            name_en=new.name_en,
            name_fr=new.name_fr,
            area=from_shape(multi(new.area), srid=SRID),
            ranked_level=new.ranked_level,
            synthetic=new.synthetic,
            recorded_at=vault.at,
            recorded_by=actor.id,
        )
    )


def widen_operation(vault: Vault, code: str, area: BaseGeometry) -> None:
    """Let the operation's area cover ``area`` too."""
    added = from_shape(multi(area), srid=SRID)
    wider = func.ST_Multi(func.ST_Union(operation.c.area, added))
    uncovered = not_(func.ST_Covers(operation.c.area, added))
    vault.connection.execute(update(operation).where(operation.c.code == code, uncovered).values(area=wider))


def outside(reader: VaultReader, code: str, geometries: Sequence[BaseGeometry | None]) -> dict[int, bool]:
    """Say which geometries are not inside the operation's area: index to *would be, with its axes swapped*.

    Of an area, more than half must be inside: a border is drawn differently on each map.
    """
    query = text("""
        SELECT g.at - 1, ST_Intersects(o.area, ST_FlipCoordinates(g.geom))
        FROM vault.operation o,
             unnest(CAST(:wkb AS bytea[])) WITH ORDINALITY AS raw(wkb, at),
             LATERAL (SELECT ST_GeomFromWKB(raw.wkb, 4326) AS geom, raw.at) g
        WHERE o.code = :code AND raw.wkb IS NOT NULL AND NOT (
            ST_Covers(o.area, g.geom)
            OR ST_Dimension(g.geom) = 2 AND ST_Area(ST_Intersection(o.area, g.geom)) > ST_Area(g.geom) / 2)
    """)
    wkb = [None if geometry is None else geometry.wkb for geometry in geometries]
    rows = reader.connection.execute(query, {"wkb": wkb, "code": code})
    return {int(index): bool(swapped) for index, swapped in rows}


def find_locality(reader: VaultReader, code: str, name: str) -> UUID:
    """Resolve a locality by id or by P-code, among the current ones of an operation.

    Raises:
        NotFound: there is none.
    """
    current = (locality.c.operation == code, locality.c.known_to.is_(None), locality.c.withdrawn_reason.is_(None))
    try:
        wanted = locality.c.id == UUID(name)
    except ValueError:
        wanted = locality.c.pcode == name
    query = select(locality.c.id).where(*current, wanted).order_by(locality.c.code_list.desc()).limit(1)
    found: UUID | None = reader.connection.execute(query).scalar()
    if found is None:
        raise NotFound("no such locality")
    return found


def locality_shape(geometry: BaseGeometry, catchment_km: int | None) -> dict[str, Any]:
    """Give the columns that describe where a locality is: a representative point and the area it answers for."""
    if isinstance(geometry, Point):
        point = from_shape(geometry, srid=SRID)
        centre = func.ST_SetSRID(func.ST_MakePoint(geometry.x, geometry.y), SRID)
        circle = func.ST_Buffer(func.Geography(centre), (catchment_km or 0) * 1000, 16)
        return {"point": point, "area": func.ST_Multi(func.Geometry(circle)), "catchment_km": catchment_km}
    return {
        "point": from_shape(geometry.representative_point(), srid=SRID),
        "area": from_shape(multi(geometry), srid=SRID),
        "catchment_km": None,
    }


def known_localities(reader: VaultReader, code: str | None = None) -> list[Record]:
    """List the current localities, of one operation or of all, without their geometry."""
    columns = [column for column in locality.c if column.name not in {"point", "area"}]
    query = select(*columns).where(locality.c.known_to.is_(None), locality.c.withdrawn_reason.is_(None))
    if code is not None:
        query = query.where(locality.c.operation == code)
    return list(reader.connection.execute(query.order_by(locality.c.operation, locality.c.pcode)))


def known_units(reader: VaultReader, code: str) -> list[Record]:
    """List the current administrative units of an operation, without their geometry."""
    columns = [column for column in admin_unit.c if column.name != "area"]
    query = select(*columns).where(admin_unit.c.operation == code, admin_unit.c.known_to.is_(None))
    return list(reader.connection.execute(query.order_by(admin_unit.c.pcode)))


def add_localities(vault: Vault, rows: Iterable[dict[str, Any]]) -> None:
    """Record versions of localities, each with all its columns (see ``tables.locality``)."""
    for row in rows:
        vault.connection.execute(insert(locality).values(**row))


def add_units(vault: Vault, rows: Sequence[dict[str, Any]]) -> None:
    """Record versions of administrative units, each with all its columns (see ``tables.admin_unit``)."""
    for row in rows:
        vault.connection.execute(insert(admin_unit).values(**row))


def listed(reader: VaultReader, subject: Table, code: str, code_list: str) -> list[Record]:
    """List what an operation's code list holds, the withdrawn included: localities or administrative units.

    ``area_sha256`` stands for the geometry: the hash of its little-endian WKB, ``None`` where there is no area.
    """
    columns = [column for column in subject.c if column.name not in {"point", "area"}]
    digest = func.sha256(func.ST_AsBinary(subject.c.area, "NDR")).label("area_sha256")
    query = select(*columns, digest).where(
        subject.c.operation == code, subject.c.code_list == code_list, subject.c.known_to.is_(None)
    )
    return list(reader.connection.execute(query.order_by(subject.c.pcode)))


def area_sha256(geometry: BaseGeometry) -> bytes:
    """Give the hash by which ``listed`` would know this area."""
    return hashlib.sha256(wkb.dumps(multi(geometry), byte_order=1)).digest()


def renew_locality(vault: Vault, actor: Actor, current: Record, **changes: object) -> None:
    """Record the next version of a locality: the current one with some columns changed, the others kept."""
    _renew(vault, actor, locality, current, changes)


def renew_unit(vault: Vault, actor: Actor, current: Record, **changes: object) -> None:
    """Record the next version of an administrative unit: the current one with some columns changed."""
    _renew(vault, actor, admin_unit, current, changes)


def _renew(vault: Vault, actor: Actor, subject: Table, current: Record, changes: Mapping[str, object]) -> None:
    columns = [column for column in subject.c if column.name not in {"known_to", "closed_at", "withdrawn_reason"}]
    new = {
        "version": current.version + 1,
        "recorded_at": vault.at,
        "recorded_by": actor.id,
        "known_at": vault.at,
        "known_assumed": False,
        **changes,
    }
    values = [func.cast(new[column.name], column.type) if column.name in new else column for column in columns]
    source = select(*values).where(subject.c.id == current.id, subject.c.version == current.version)
    vault.connection.execute(insert(subject).from_select([column.name for column in columns], source))


def replace_all(vault: Vault, code: str, since: datetime | None = None) -> int:
    """Place every incident of an operation again, by its current localities; give how many moved."""
    moved = select(func.vault.place_again(code, since or vault.at, vault.at))
    return int(vault.connection.execute(moved).scalar_one())


def place(vault: Vault, ids: Sequence[UUID], version: int) -> None:
    """Place a version of each incident, by the localities in force.

    What counts as known since before a change of code lists belongs to the earlier list's places until then: those who
    ask for that time are given those places.
    """
    vault.connection.execute(
        text("SELECT vault.place_versions(:ids, :version, :at)"), {"ids": ids, "version": version, "at": vault.at}
    )


def predecessors(
    reader: VaultReader, operation: str, as_of: datetime, recorded: datetime
) -> dict[UUID, list[tuple[UUID, float]]]:
    """Give for each locality that replaced others which ones, and what share of the other's area it got.

    Those that were replaced in their turn stand beside them, with the product of the shares: at any earlier instant
    one generation was in force. What was known at ``as_of`` and recorded by ``recorded``.
    """
    query = text("""
        WITH RECURSIVE known AS (
            SELECT predecessor_id, successor_id, share, known_at FROM vault.succession
            WHERE operation = :operation AND known_at <= :as_of AND recorded_at <= :recorded
        ), line AS (
            SELECT k.successor_id AS new, k.predecessor_id AS old, k.share, k.known_at FROM known k
            UNION ALL
            SELECT line.new, k.predecessor_id, k.share * line.share, k.known_at
            FROM line JOIN known k ON k.successor_id = line.old AND k.known_at < line.known_at
        )
        SELECT line.new, line.old, sum(line.share) FROM line
        WHERE line.new <> line.old AND EXISTS (SELECT FROM vault.locality l WHERE l.id = line.new)
        GROUP BY line.new, line.old ORDER BY line.new, sum(line.share) DESC, line.old
    """)
    bound = {"operation": operation, "as_of": as_of, "recorded": recorded}
    found: dict[UUID, list[tuple[UUID, float]]] = {}
    for new, old, share in reader.connection.execute(query, bound):
        found.setdefault(new, []).append((old, share))
    return found


def new_id() -> UUID:
    """Give a fresh identity."""
    return uuid4()
