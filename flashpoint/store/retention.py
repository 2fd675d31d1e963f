"""What is due to be purged, and purging it: the database decides what is due, and looks once more when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from flashpoint.store.engine import Vault
from flashpoint.store.tables import protocol, protocol_in_force
from flashpoint.types import PurgeReason

_DUE = text("SELECT kind, id, reason, sources, held FROM vault.due_for_purge(:operation, :before, :most)")
_PURGE_INCIDENTS = text("SELECT id, sources FROM vault.purge_incidents(CAST(:ids AS uuid[]), :why, :until, :at)")
_PURGE_SUBJECTS = text("SELECT * FROM vault.purge_subjects(:kind, CAST(:ids AS uuid[]), :at) AS id")


@dataclass(frozen=True, slots=True)
class Due:
    """A record of which something is to be purged. ``held``: not before somebody has looked."""

    kind: str
    id: UUID
    reason: PurgeReason
    sources: int
    held: bool


def source_days(vault: Vault, operation: str) -> int | None:
    """Give for how many days the protocol of an operation has sources kept, ``None`` where there never was one.

    The one that was put in force last counts, also where it has ended or was suspended since: that less is shared is
    no reason to keep for longer.
    """
    latest = (
        select(protocol_in_force.c.version)
        .where(protocol_in_force.c.operation == operation, protocol_in_force.c.known_at <= vault.at)
        .order_by(protocol_in_force.c.known_at.desc(), protocol_in_force.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    days = select(protocol.c.document["retention"]["source_days"].as_integer())
    found = vault.connection.execute(days.where(protocol.c.operation == operation, protocol.c.version == latest))
    return found.scalar_one_or_none()


def due(vault: Vault, operation: str, before: datetime | None, most: int) -> list[Due]:
    """List what is due in an operation; by its age only where ``before`` says which. What is held comes last."""
    asked = {"operation": operation, "before": before, "most": most}
    rows = vault.connection.execute(_DUE, asked)
    return [Due(row.kind, row.id, PurgeReason(row.reason), row.sources, row.held) for row in rows]


def purge_incidents(vault: Vault, ids: Sequence[UUID], why: str, until: datetime) -> dict[UUID, int]:
    """Erase what people said of incidents until an instant; give those it was done to, with their rows of sources."""
    asked = {"ids": list(ids), "why": why, "until": until, "at": vault.at}
    return {row.id: row.sources for row in vault.connection.execute(_PURGE_INCIDENTS, asked)}


def purge_subjects(vault: Vault, kind: str, ids: Sequence[UUID]) -> list[UUID]:
    """Erase what people wrote of subjects that are gone; give those it was done to."""
    return list(vault.connection.execute(_PURGE_SUBJECTS, {"kind": kind, "ids": list(ids), "at": vault.at}).scalars())
