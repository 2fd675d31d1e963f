"""Incidents in the vault: their versions, their sources, the acts that decide on them, where they are placed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from shapely import wkb
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Result, Select, Table, and_, case, exists, func, or_, select, text

from flashpoint.access import CLEARANCE, PROTECTED_CLEARANCE
from flashpoint.errors import NotFound
from flashpoint.reports import IncidentReport, SourceReport
from flashpoint.store import places
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.store.paging import Position
from flashpoint.store.places import SRID
from flashpoint.store.tables import (
    CASUALTIES,
    evidence,
    incident,
    incident_version,
    placement,
    purge,
    source,
    verification_act,
)
from flashpoint.types import Actor, Consent, State

#: What an incident that is out of use still says: that it was, and why it is gone.
GONE_STATES = (State.WITHDRAWN,)
GONE_CONSENT = (Consent.REFUSED, Consent.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class NewIncident:
    """A first version about to be recorded. ``known_at`` is only given for a retrospective data set."""

    id: UUID
    report: IncidentReport
    geometry: BaseGeometry | None
    content_sha256: bytes
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A step of the workflow about to be recorded."""

    incident_id: UUID
    version: int
    action: str
    from_state: str
    to_state: str
    details: dict[str, Any] = field(default_factory=dict)
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing is narrowed to. Times bound ``event_start``; ``bbox`` is west, south, east, north."""

    operation: str
    category: str | None = None
    state: str | None = None
    locality_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    bbox: tuple[float, float, float, float] | None = None

    @property
    def asks_for_content(self) -> bool:
        """Whether the filter looks at something that a tombstone no longer says."""
        content = (self.category, self.locality_id, self.since, self.until, self.bbox)
        return any(part is not None for part in content)


def claim(vault: Vault, actor: Actor, origin: str, new: Sequence[NewIncident]) -> dict[UUID, tuple[UUID, bool]]:
    """Take the identities: proposed id to (recorded id, whether the content is the same as then).

    A client id that the submitter used before gives the incident recorded then; the database decides, so that two
    requests at once cannot both be first. New ones map to themselves.
    """
    rows = [
        {
            "id": one.id,
            "operation": one.report.operation,
            "submitted_by": actor.id,
            "client_id": one.report.client_id,
            "origin": origin,
            "content_sha256": "\\x" + one.content_sha256.hex(),
            "recorded_at": vault.at,
        }
        for one in new
    ]
    fresh = set(_insert(vault, incident, rows, "ON CONFLICT DO NOTHING RETURNING id").scalars()) if rows else set()
    claimed = {one.id: (one.id, True) for one in new if one.id in fresh}
    known = [one for one in new if one.id not in fresh]
    earlier = _earlier(vault, actor, origin, known) if known else {}
    for one in known:
        recorded_id, content_sha256 = earlier[one.report.operation, one.report.client_id]
        # Of what was purged nobody can say any more what it said.
        claimed[one.id] = (recorded_id, content_sha256 in {b"", one.content_sha256})
    return claimed


def _insert(vault: Vault, table: Table, rows: Sequence[Mapping[str, object]], ending: str = "") -> Result[Any]:
    """Insert rows, which all have the same columns, by one statement with one parameter.

    A statement with a parameter a value ends at 65,535 of them, which is 1,500 incidents; one statement a row takes
    three times as long.
    """
    columns = ", ".join(rows[0])
    statement = f"""
        INSERT INTO {table.fullname} ({columns})
        SELECT {columns} FROM json_populate_recordset(CAST(NULL AS {table.fullname}), CAST(:rows AS json))
        {ending}
    """  # noqa: S608 - names of our own tables and columns
    return vault.connection.execute(text(statement), {"rows": orjson.dumps(rows).decode()})


def _earlier(
    vault: Vault, actor: Actor, origin: str, known: Sequence[NewIncident]
) -> dict[tuple[str, str | None], tuple[UUID, bytes]]:
    """Give id and content hash of what was recorded under client ids, by operation and client id."""
    # An external data set is one submitter, whoever imports it. (The second condition lets the index serve.)
    external = "i.client_id = asked.client_id AND i.origin = :origin AND left(i.origin, 9) = 'external:'"
    own = """i.submitted_by = :actor
        AND i.client_id IN (asked.client_id, vault.client_digest(:actor, asked.operation, asked.client_id))"""
    query = text(f"""
        SELECT asked.operation, asked.client_id, i.id, i.content_sha256
        FROM unnest(CAST(:operations AS text[]), CAST(:client_ids AS text[])) AS asked (operation, client_id)
        JOIN vault.incident i ON i.operation = asked.operation
         AND {external if origin.startswith("external:") else own}
    """)  # noqa: S608 - constants
    mine = {"origin": origin} if origin.startswith("external:") else {"actor": actor.id}
    asked = {
        "operations": [one.report.operation for one in known],
        "client_ids": [one.report.client_id for one in known],
    }
    rows = vault.connection.execute(query, {**asked, **mine})
    return {(row.operation, row.client_id): (row.id, bytes(row.content_sha256)) for row in rows}


def add_versions(vault: Vault, actor: Actor, new: Sequence[NewIncident], version: int = 1) -> None:
    """Record a version of each incident and place it."""
    if not new:
        return
    _insert(vault, incident_version, [_version_row(vault, actor, one, version) for one in new])
    places.place(vault, [one.id for one in new], version)


def _version_row(vault: Vault, actor: Actor, one: NewIncident, version: int) -> dict[str, Any]:
    report = one.report
    same = {
        name: getattr(report, name)
        for name in (
            *("event_start", "date_precision", "geo_precision", "admin_pcode", "category", "perpetrator_class"),
            *("attribution_confidence", "protected_site", "narrative", "sharing", "share_above", "consent"),
            *("exercise", "supersedes"),
        )
    }
    figures = {
        f"{name}_{end}": getattr(getattr(report, name), end, None)
        for name in CASUALTIES
        for end in ("low", "best", "high")
    }
    return {
        **same,
        **figures,
        "incident_id": one.id,
        "version": version,
        "recorded_at": vault.at,
        "recorded_by": actor.id,
        "known_at": one.known_at or vault.at,
        "known_assumed": one.known_at is not None,
        "event_end": report.ended,
        "reported_at": report.reported_at or one.known_at or vault.at,
        "geom": None if one.geometry is None else wkb.dumps(one.geometry, hex=True, srid=SRID),
        "splits": report.splits,
    }


def add_sources(vault: Vault, actor: Actor, sources: Sequence[tuple[UUID, SourceReport, datetime | None]]) -> None:
    """Record sources: of which incident, and since when known if not since now."""
    if sources:
        shared = {"recorded_at": vault.at, "recorded_by": actor.id}
        rows = [
            {"incident_id": owner, **one.model_dump(), "known_at": known_at or vault.at, **shared}
            for owner, one, known_at in sources
        ]
        _insert(vault, source, rows)


def add_acts(vault: Vault, actor: Actor, acts: Sequence[Act]) -> None:
    """Record steps; the database checks each one and keeps state and evidence in line with them."""
    details = ("standard", "attribution_verified", "reason_code", "reason", "duplicate_of")
    rows = [
        {
            "incident_id": act.incident_id,
            "version": act.version,
            "recorded_at": vault.at,
            "recorded_by": actor.id,
            "known_at": act.known_at or vault.at,
            "action": act.action,
            "from_state": act.from_state,
            "to_state": act.to_state,
            **{name: act.details.get(name) for name in details},
        }
        for act in acts
    ]
    if rows:
        _insert(vault, verification_act, rows)


def _visible(actor: Actor) -> ColumnElement[bool]:
    """What the actor may know of: the operations of its key, its clearance, and whatever it submitted itself."""
    cleared: ColumnElement[bool] = incident_version.c.sharing.in_(CLEARANCE[actor.role])
    if actor.role not in PROTECTED_CLEARANCE:
        cleared = and_(cleared, ~incident_version.c.protected)
    content = or_(cleared, incident.c.submitted_by == actor.id)
    if actor.operations is None:
        return content
    return and_(content, incident.c.operation.in_(actor.operations))


def is_gone() -> ColumnElement[bool]:
    """Whether only a tombstone is left to show."""
    return or_(incident.c.state.in_(GONE_STATES), incident_version.c.consent.in_(GONE_CONSENT))


def counts_for(incident_id: ColumnElement[UUID] | UUID) -> ColumnElement[bool]:
    """Which sources count for an incident: those carried over from a duplicate as long as it is one."""
    still = func.vault.is_duplicate_of(source.c.merged_from, source.c.incident_id)
    return and_(source.c.incident_id == incident_id, or_(source.c.merged_from.is_(None), still))


def _current(actor: Actor) -> Select[Any]:
    columns = [column for column in incident_version.c if column.name not in {"geom", "recorded_at"}]
    query = select(
        *columns,
        incident.c.operation,
        case((incident.c.client_id.startswith("purged:"), None), else_=incident.c.client_id).label("client_id"),
        incident.c.submitted_by,
        incident.c.origin,
        incident.c.state,
        incident.c.acts,
        incident.c.duplicate_of,
        incident.c.recorded_at.label("first_recorded_at"),
        incident_version.c.recorded_at,
        func.ST_AsGeoJSON(incident_version.c.geom, 15).label("geojson"),
        placement.c.locality_id,
        placement.c.unit_pcode,
        placement.c.outside_claimed,
        is_gone().label("gone"),
        exists().where(evidence.c.incident_id == incident.c.id, evidence.c.known_to.is_(None)).label("in_force"),
        incident.c.attribution,
        incident.c.attribution_standard,
        incident.c.attribution_version,
        select(func.count()).where(counts_for(incident.c.id)).scalar_subquery().label("sources"),
        select(func.max(purge.c.recorded_at)).where(purge.c.subject_id == incident.c.id).label("purged_at"),
    )
    at_version = and_(incident_version.c.incident_id == incident.c.id, incident_version.c.version == incident.c.version)
    placed = and_(
        placement.c.incident_id == incident.c.id,
        placement.c.version == incident.c.version,
        placement.c.known_to.is_(None),
    )
    return query.join_from(incident, incident_version, at_version).outerjoin(placement, placed).where(_visible(actor))


def find(reader: VaultReader, actor: Actor, incident_id: UUID) -> Record:
    """Give the current version of an incident.

    Raises:
        NotFound: there is none, or the actor may not know of it.
    """
    row = reader.connection.execute(_current(actor).where(incident.c.id == incident_id)).one_or_none()
    if row is None:
        raise NotFound("no such incident")
    return row


def page(reader: VaultReader, actor: Actor, filters: Filters, limit: int, after: Position | None) -> list[Record]:
    """List current versions in the order in which they were first recorded, ``limit`` at most."""
    query = _current(actor).where(incident.c.operation == filters.operation, *_conditions(filters))
    if after is not None:
        query = query.where(func.row(incident.c.recorded_at, incident.c.id) > func.row(*after))
    return list(reader.connection.execute(query.order_by(incident.c.recorded_at, incident.c.id).limit(limit)))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    version = incident_version.c
    conditions = [
        None if filters.category is None else version.category == filters.category,
        None if filters.state is None else incident.c.state == filters.state,
        None if filters.locality_id is None else placement.c.locality_id == filters.locality_id,
        None if filters.since is None else version.event_start >= filters.since,
        None if filters.until is None else version.event_start < filters.until,
        # What is gone has no content left that could be asked for.
        ~is_gone() if filters.asks_for_content else None,
        None if filters.bbox is None else _inside(filters.bbox),
    ]
    return [condition for condition in conditions if condition is not None]


def _inside(bbox: tuple[float, float, float, float]) -> ColumnElement[bool]:
    west, south, east, north = bbox
    # A box whose west lies east of its east runs across the antimeridian.
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    # The envelope of a diagonal, since a made envelope without extent meets nothing.
    boxes = [
        func.ST_SetSRID(func.ST_Envelope(func.ST_MakeLine(func.ST_MakePoint(*corner), func.ST_MakePoint(*other))), SRID)
        for corner, other in (((left, south), (right, north)) for left, right in spans)
    ]
    return or_(*(func.ST_Intersects(incident_version.c.geom, box) for box in boxes))


def knowable(reader: VaultReader, actor: Actor, ids: Collection[UUID]) -> frozenset[UUID]:
    """Give those of the incidents that the actor may know of."""
    if not ids:
        return frozenset()
    current = _current(actor).where(incident.c.id.in_(ids)).subquery()
    return frozenset(reader.connection.execute(select(current.c.incident_id)).scalars())


def sources_of(reader: VaultReader, found: Record) -> list[Record]:
    """List the sources of an incident that ``find`` gave to this reader, with those of what was merged into it."""
    query = select(source).where(counts_for(found.incident_id)).order_by(source.c.id)
    return list(reader.connection.execute(query))


def parts_of(reader: VaultReader, found: Record, actor: Actor) -> tuple[str, ...]:
    """Say what the actor did for an incident or a duplicate of it: any of ``edited``, ``reported``, ``source``."""
    parts = select(func.vault.parts_in(found.incident_id, actor.id))
    return tuple(reader.connection.execute(parts).scalar_one())


def acts_of(reader: VaultReader, found: Record) -> list[Record]:
    """List the acts on an incident that ``find`` gave to this reader, oldest first."""
    query = select(verification_act).where(verification_act.c.incident_id == found.incident_id)
    return list(reader.connection.execute(query.order_by(verification_act.c.id)))


def versions_of(reader: VaultReader, found: Record) -> list[Record]:
    """List the versions of an incident that ``find`` gave to this reader, oldest first."""
    columns = [column for column in incident_version.c if column.name != "geom"]
    query = select(*columns, func.ST_AsGeoJSON(incident_version.c.geom, 15).label("geojson"))
    query = query.where(incident_version.c.incident_id == found.incident_id)
    return list(reader.connection.execute(query.order_by(incident_version.c.version)))
