"""Incidents that wait for a decision: who may know of which, the oldest first.

What an incident waits for, and since when, is kept beside it by the triggers of the vault (migration 0010), so that a
page is read off an index however many incidents there are.
"""

from sqlalchemy import ColumnElement, Text, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from flashpoint.access import CLEARANCE, PROTECTED_CLEARANCE
from flashpoint.store.engine import Record, VaultReader
from flashpoint.store.incidents import counts_for
from flashpoint.store.paging import Position
from flashpoint.store.tables import incident, incident_version, locality, placement
from flashpoint.types import Actor, Wait


def counts(reader: VaultReader, actor: Actor, operation: str) -> dict[str, int]:
    """Count what waits, of what the actor may know of."""
    kind = incident.c.waiting_for
    query = select(kind, func.count()).where(_known(actor), *_waiting(operation)).group_by(kind)
    found = {str(row[0]): int(row[1]) for row in reader.connection.execute(query)}
    return {str(wait): found.get(wait, 0) for wait in Wait}


def page(
    reader: VaultReader, actor: Actor, operation: str, wait: Wait | None, window: tuple[int, Position | None]
) -> list[Record]:
    """List what waits, by how long it has; ``window`` is the most rows to give and where to continue.

    ``parts`` is what the actor did for the incident or a duplicate of it, ``independent`` how many independent sources
    it has (three at most).
    """
    limit, after = window
    conditions = [_known(actor), *_waiting(operation)]
    if wait is not None:
        conditions.append(incident.c.waiting_for == wait)
    if after is not None:
        conditions.append(func.row(incident.c.waiting_since, incident.c.id) > func.row(*after))
    # What is dear to find out is found out of the rows of the page alone.
    oldest = select(incident).where(*conditions).order_by(incident.c.waiting_since, incident.c.id).limit(limit)
    one = oldest.subquery("one")
    placed = and_(
        placement.c.incident_id == one.c.id, placement.c.version == one.c.version, placement.c.known_to.is_(None)
    )
    query = (
        select(
            *(one.c[name] for name in ("id", "operation", "state", "version", "acts", "sharing", "protected")),
            *(one.c[name] for name in ("waiting_for", "waiting_since", "attribution")),
            incident_version.c.category,
            placement.c.locality_id,
            placement.c.unit_pcode,
            locality.c.pcode,
            locality.c.name,
            select(func.count()).where(counts_for(one.c.id)).scalar_subquery().label("sources"),
            func.vault.independent_sources(one.c.id).label("independent"),
            func.vault.parts_in(one.c.id, bindparam("me", actor.id), type_=ARRAY(Text)).label("parts"),
        )
        .join(
            incident_version,
            and_(incident_version.c.incident_id == one.c.id, incident_version.c.version == one.c.version),
        )
        .outerjoin(placement, placed)
        .outerjoin(locality, and_(locality.c.id == placement.c.locality_id, locality.c.known_to.is_(None)))
        .order_by(one.c.waiting_since, one.c.id)
    )
    return list(reader.connection.execute(query))


def _waiting(operation: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return incident.c.operation == operation, incident.c.waiting_for.is_not(None)


def _known(actor: Actor) -> ColumnElement[bool]:
    """What the actor may know of, by the columns that the policies look at."""
    cleared: ColumnElement[bool] = incident.c.sharing.in_(CLEARANCE[actor.role])
    if actor.role not in PROTECTED_CLEARANCE:
        cleared = and_(cleared, ~incident.c.protected)
    return or_(cleared, incident.c.submitted_by == actor.id)
