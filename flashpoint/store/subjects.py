"""Communities, threat assessments, presences and localities: subjects whose rows are versions, all handled alike."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, and_, exists, func, insert, literal, or_, select

from flashpoint.access import CLEARANCE
from flashpoint.errors import NotFound
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.store.paging import Position
from flashpoint.store.tables import community, locality, presence, threat_assessment
from flashpoint.types import Actor, Consent

TABLES: dict[str, Table] = {
    "locality": locality,
    "community": community,
    "assessment": threat_assessment,
    "presence": presence,
}


def add(vault: Vault, actor: Actor, kind: str, key: tuple[UUID, int], values: dict[str, Any]) -> None:
    """Record a version of a subject: ``key`` is its id and version number."""
    row = {
        "id": key[0],
        "version": key[1],
        "recorded_at": vault.at,
        "recorded_by": actor.id,
        "known_at": vault.at,
        **values,
    }
    vault.connection.execute(insert(TABLES[kind]).values(**row))


def withdraw(vault: Vault, actor: Actor, kind: str, found: Record, reason_code: str) -> None:
    """Leave a tombstone: a last version that says only why the subject is gone from now on."""
    table = TABLES[kind]
    changed = {
        "version": found.version + 1,
        "recorded_at": vault.at,
        "recorded_by": actor.id,
        "known_at": vault.at,
        "known_assumed": False,
        "withdrawn_reason": reason_code,
    }
    columns = [column for column in table.c if column.name not in {"known_to", "closed_at"}]
    values = [func.cast(changed[c.name], c.type) if c.name in changed else c for c in columns]
    latest = select(*values).where(table.c.id == found.id, table.c.version == found.version)
    vault.connection.execute(insert(table).from_select([column.name for column in columns], latest))


def _visible(table: Table, actor: Actor) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    if actor.operations is not None:
        conditions.append(table.c.operation.in_(actor.operations))
    if "sharing" in table.c:
        first = table.alias("submitted")
        submitted = exists().where(first.c.id == table.c.id, first.c.version == 1, first.c.recorded_by == actor.id)
        conditions.append(or_(table.c.sharing.in_(CLEARANCE[actor.role]), submitted))
    return and_(*conditions) if conditions else ~table.c.id.is_(None)


def is_gone(table: Table) -> ColumnElement[bool]:
    """Whether only a tombstone is left to show."""
    gone: ColumnElement[bool] = table.c.withdrawn_reason.is_not(None)
    if "consent" in table.c:
        gone = or_(gone, table.c.consent.in_((Consent.REFUSED, Consent.WITHDRAWN)))
    return gone


def _shown(kind: str, actor: Actor) -> Select[Any]:
    table = TABLES[kind]
    shape = {"locality": "area", "presence": "point"}.get(kind)
    columns = [column for column in table.c if column.name not in {"area", "point"}]
    first = table.alias("first")
    submitter = select(first.c.recorded_by).where(first.c.id == table.c.id, first.c.version == 1).scalar_subquery()
    began = select(first.c.recorded_at).where(first.c.id == table.c.id, first.c.version == 1).scalar_subquery()
    query = select(
        *columns,
        began.label("first_recorded_at"),
        submitter.label("submitted_by"),
        (func.ST_AsGeoJSON(table.c[shape], 6) if shape else literal(None, Text)).label("geojson"),
        is_gone(table).label("gone"),
    )
    return query.where(_visible(table, actor))


def find(reader: VaultReader, actor: Actor, kind: str, subject_id: UUID) -> Record:
    """Give the current version of a subject.

    Raises:
        NotFound: there is none, or the actor may not know of it.
    """
    table = TABLES[kind]
    query = _shown(kind, actor).where(table.c.id == subject_id, table.c.known_to.is_(None))
    row = reader.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no such {kind}")
    return row


def page(
    reader: VaultReader, actor: Actor, kind: str, operation: str, window: tuple[int, Position | None]
) -> list[Record]:
    """List current versions by first recording; ``window`` is the most rows to give and where to continue."""
    table, (limit, after) = TABLES[kind], window
    query = _shown(kind, actor).where(table.c.operation == operation, table.c.known_to.is_(None))
    inner = query.subquery()
    outer = select(inner)
    if after is not None:
        outer = outer.where(func.row(inner.c.first_recorded_at, inner.c.id) > func.row(*after))
    return list(reader.connection.execute(outer.order_by(inner.c.first_recorded_at, inner.c.id).limit(limit)))


def history(reader: VaultReader, actor: Actor, kind: str, subject_id: UUID) -> list[Record]:
    """List every version of a subject whose current version the actor may know of, oldest first."""
    find(reader, actor, kind, subject_id)
    table = TABLES[kind]
    query = _shown(kind, actor).where(table.c.id == subject_id).order_by(table.c.version)
    rows = list(reader.connection.execute(query))
    if not rows:  # closed to the actor in between
        raise NotFound(f"no such {kind}")
    return rows
