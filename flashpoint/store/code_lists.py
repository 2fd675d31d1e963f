"""Code lists that replace one another: what ends with the old one, what becomes of it, and what moves along."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    Text,
    and_,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    text,
    values,
)

from flashpoint.store.columns import AT, ID
from flashpoint.store.engine import Vault, VaultReader
from flashpoint.store.subjects import is_gone
from flashpoint.store.tables import (
    admin_unit,
    community,
    evidence,
    locality,
    placement,
    presence,
    succession,
    threat_assessment,
)
from flashpoint.types import REPLACED, Actor

#: What a record of each kind says is true of a locality, so that it moves with it.
CONTEXTS: Mapping[str, Table] = {"community": community, "assessment": threat_assessment, "presence": presence}

#: Where two lists share less than this of a place, they differ in how a border was drawn.
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Overlap:
    """What an old place and a new one have in common, as shares of the area of each."""

    old: UUID
    new: int
    share: float
    share_of_new: float


@dataclass(frozen=True, slots=True)
class Context:
    """A record that says something of a locality; ``at`` is the new locality around its own point, if it has one."""

    kind: str
    id: UUID
    locality: UUID
    at: UUID | None


@dataclass(frozen=True, slots=True)
class Move:
    """How many incidents went from one P-code to another; ``None`` is nowhere."""

    origin: str | None
    target: str | None
    incidents: int


def in_force(reader: VaultReader, operation: str, subject: Table, level: int) -> set[str]:
    """Give the code lists that have places of a level: localities or administrative units."""
    query = select(subject.c.code_list).where(
        subject.c.operation == operation, subject.c.level == level, *_standing(subject)
    )
    return set(reader.connection.execute(query.distinct()).scalars())


def began(reader: VaultReader, operation: str, code_list: str) -> datetime | None:
    """Give since when a code list has had places here, ``None`` if it never had."""
    first = [
        reader.connection.execute(
            select(func.min(subject.c.known_at)).where(
                subject.c.operation == operation, subject.c.code_list == code_list
            )
        ).scalar()
        for subject in (locality, admin_unit)
    ]
    return min((at for at in first if at is not None), default=None)


def _standing(subject: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return subject.c.known_to.is_(None), subject.c.withdrawn_reason.is_(None)


def overlaps(
    reader: VaultReader, subject: Table, ids: Collection[UUID], geometries: Sequence[BaseGeometry]
) -> list[Overlap]:
    """Measure what old places share with new areas, on the ellipsoid; slivers are left out.

    Old places without an area of their own share nothing.
    """
    query = text(f"""
        SELECT old.id, (raw.at - 1)::integer, least(1, part.area / old_area.area), least(1, part.area / new_area.area)
        FROM unnest(CAST(:wkb AS bytea[])) WITH ORDINALITY AS raw(wkb, at)
        CROSS JOIN LATERAL (SELECT ST_GeomFromWKB(raw.wkb, 4326) AS geom) AS new
        JOIN {subject.fullname} old ON old.id = ANY(:ids) AND old.known_to IS NULL AND ST_Intersects(old.area, new.geom)
        CROSS JOIN LATERAL (SELECT ST_Area(ST_Intersection(old.area, new.geom)::geography) AS area) AS part
        CROSS JOIN LATERAL (SELECT ST_Area(old.area::geography) AS area) AS old_area
        CROSS JOIN LATERAL (SELECT ST_Area(new.geom::geography) AS area) AS new_area
        WHERE part.area >= :least * least(old_area.area, new_area.area)
        ORDER BY raw.at, old.pcode
    """)  # noqa: S608 - a table of our own
    bound = {"wkb": [one.wkb for one in geometries], "ids": list(ids), "least": LEAST_SHARE}
    return [Overlap(*row) for row in reader.connection.execute(query, bound)]


def end(vault: Vault, actor: Actor, subject: Table, ids: Collection[UUID]) -> None:
    """Leave a tombstone of each place that says that its code list was replaced."""
    chosen = subject.c.id.in_(ids)
    _add_versions(vault, actor, subject, (subject, chosen), {"withdrawn_reason": literal(REPLACED)})


def succeed(vault: Vault, actor: Actor, operation: str, lines: Sequence[tuple[UUID, UUID, float, float]]) -> None:
    """Record which place became which: old id, new id, share of the old one's area, share of the new one's."""
    shared = {"operation": operation, "known_at": vault.at, "recorded_at": vault.at, "recorded_by": actor.id}
    names = ("predecessor_id", "successor_id", "share", "share_of_successor")
    if lines:
        rows = [{**dict(zip(names, line, strict=True)), **shared} for line in lines]
        vault.connection.execute(insert(succession), rows)


def around(reader: VaultReader, old: Collection[UUID], new: Collection[UUID]) -> dict[UUID, UUID]:
    """Give which new locality holds the representative point of which old one."""
    before, after = locality.alias("old"), locality.alias("new")
    query = (
        select(before.c.id, after.c.id)
        .join_from(before, after, func.ST_Covers(after.c.area, before.c.point))
        .where(before.c.id.in_(old), before.c.known_to.is_(None), after.c.id.in_(new), after.c.known_to.is_(None))
        .order_by(after.c.pcode.desc())
    )
    return {row[0]: row[1] for row in reader.connection.execute(query)}


def contexts(reader: VaultReader, old: Collection[UUID], new: Collection[UUID]) -> list[Context]:
    """List the records in use that say something of old localities.

    A presence's own point decides only where it lay in the locality that it protects: a base may stand elsewhere.
    """
    found = []
    for kind, table in CONTEXTS.items():
        chosen = (table.c.locality_id.in_(old), table.c.known_to.is_(None), ~is_gone(table))
        query = select(table.c.id, table.c.locality_id, _around_own_point(table, new)).where(*chosen)
        found += [Context(kind, *row) for row in reader.connection.execute(query.order_by(table.c.id))]
    return found


def _around_own_point(table: Table, new: Collection[UUID]) -> ColumnElement[UUID | None]:
    if "point" not in table.c:
        return cast(None, ID)
    before, after = locality.alias("own"), locality.alias("around")
    inside = (
        select(before.c.id)
        .where(before.c.id == table.c.locality_id, before.c.known_to.is_(None))
        .where(func.ST_Covers(before.c.area, table.c.point))
        .correlate(table)
    )
    query = (
        select(after.c.id)
        .where(after.c.id.in_(new), after.c.known_to.is_(None), func.ST_Covers(after.c.area, table.c.point))
        .where(inside.exists())
    )
    return query.order_by(after.c.pcode).limit(1).correlate(table).scalar_subquery()


def move(vault: Vault, actor: Actor, kind: str, homes: Mapping[UUID, UUID]) -> None:
    """Record the next version of each record of a kind, at its new locality."""
    if not homes:
        return
    table = CONTEXTS[kind]
    moved = values(column("id", ID), column("home", ID), name="moved").data(list(homes.items()))
    source = (table.join(moved, moved.c.id == table.c.id), literal(value=True))
    _add_versions(vault, actor, table, source, {"locality_id": moved.c.home})


def adopt(vault: Vault, actor: Actor, operation: str, new_list: str) -> int:
    """Give the localities of other lists the units of the new one around their points; say how many changed.

    They are in no file of boundaries (towns with a catchment, mostly): they keep their id, their code and their list.
    """
    query = text("""
        WITH unit AS MATERIALIZED (
            SELECT level, pcode, area FROM vault.locality
            WHERE operation = :operation AND code_list = :new_list AND known_to IS NULL AND withdrawn_reason IS NULL
            UNION ALL
            SELECT level, pcode, area FROM vault.admin_unit
            WHERE operation = :operation AND code_list = :new_list AND known_to IS NULL AND withdrawn_reason IS NULL)
        SELECT l.id, a.pcodes[1], a.pcodes[2], a.pcodes[3]
        FROM vault.locality l CROSS JOIN LATERAL (
            SELECT array_agg(coalesce(
                       (SELECT min(u.pcode) FROM unit u WHERE u.level = old.level AND ST_Covers(u.area, l.point)),
                       old.pcode) ORDER BY old.level) AS pcodes
            FROM (VALUES (1, l.adm1_pcode), (2, l.adm2_pcode), (3, l.adm3_pcode)) AS old (level, pcode)) a
        WHERE l.operation = :operation AND l.code_list <> :new_list
          AND l.known_to IS NULL AND l.withdrawn_reason IS NULL
          AND a.pcodes IS DISTINCT FROM ARRAY[l.adm1_pcode, l.adm2_pcode, l.adm3_pcode]
    """)
    rows = [tuple(row) for row in vault.connection.execute(query, {"operation": operation, "new_list": new_list})]
    if rows:
        names = ("adm1_pcode", "adm2_pcode", "adm3_pcode")
        found = values(column("id", ID), *(column(name, Text) for name in names), name="found").data(rows)
        source = (locality.join(found, found.c.id == locality.c.id), literal(value=True))
        _add_versions(vault, actor, locality, source, {name: found.c[name] for name in names})
    return len(rows)


def moves(reader: VaultReader, operation: str, at: datetime) -> list[Move]:
    """Count the incidents that have another P-code since an instant, or the same code for another place."""
    query = text("""
        SELECT coalesce(before.pcode, old.unit_pcode) AS origin, coalesce(after.pcode, new.unit_pcode) AS target,
               count(*)::integer AS incidents
        FROM vault.placement new
        JOIN vault.placement old ON (old.incident_id, old.version) = (new.incident_id, new.version)
            AND old.closed_at = new.recorded_at AND old.known_to = new.known_at
        JOIN vault.incident i ON i.id = new.incident_id AND i.version = new.version
        LEFT JOIN vault.locality before ON before.id = old.locality_id AND before.known_to IS NULL
        LEFT JOIN vault.locality after ON after.id = new.locality_id AND after.known_to IS NULL
        WHERE i.operation = :operation AND new.recorded_at = :at
          AND (coalesce(before.pcode, old.unit_pcode) IS DISTINCT FROM coalesce(after.pcode, new.unit_pcode)
               OR before.id <> after.id AND NOT EXISTS (SELECT FROM vault.succession s
                   WHERE (s.predecessor_id, s.successor_id, s.known_at) = (before.id, after.id, :at)))
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
    """)
    return [Move(*row) for row in reader.connection.execute(query, {"operation": operation, "at": at})]


def lost(reader: VaultReader, operation: str, at: datetime) -> list[UUID]:
    """List the incidents in force that had a place until an instant, and have none since."""
    query = (
        select(evidence.c.incident_id)
        .join(new := placement.alias("new"), _same_version(evidence, new))
        .join(old := placement.alias("old"), _same_version(new, old))
        .where(
            evidence.c.operation == operation,
            evidence.c.known_to.is_(None),
            new.c.recorded_at == at,
            new.c.known_to.is_(None),
            func.num_nonnulls(new.c.locality_id, new.c.unit_pcode) == 0,
            old.c.closed_at == at,
            func.num_nonnulls(old.c.locality_id, old.c.unit_pcode) == 1,
        )
    )
    return list(reader.connection.execute(query.order_by(evidence.c.incident_id).distinct()).scalars())


def _same_version(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.incident_id == other.c.incident_id, one.c.version == other.c.version)


def _add_versions(
    vault: Vault,
    actor: Actor,
    table: Table,
    source: tuple[FromClause, ColumnElement[bool]],
    changes: Mapping[str, ColumnElement[object]],
) -> int:
    """Record the next version of the current rows that a source names; give how many there were."""
    new = {
        "version": table.c.version + 1,
        "recorded_at": cast(vault.at, AT),
        "recorded_by": cast(actor.id, ID),
        "known_at": cast(vault.at, AT),
        "known_assumed": literal(value=False),
        **changes,
    }
    columns = [one for one in table.c if one.name not in {"known_to", "closed_at"}]
    rows = select(*(new.get(one.name, one) for one in columns)).select_from(source[0])
    rows = rows.where(table.c.known_to.is_(None), source[1])
    return vault.connection.execute(insert(table).from_select([one.name for one in columns], rows)).rowcount
