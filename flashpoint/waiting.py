"""The verifier's queue: what waits for a decision, since when, what it needs, and whether the caller may decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flashpoint import access, workflow
from flashpoint.access import DECIDERS, Permission
from flashpoint.store import audit, waiting
from flashpoint.store.engine import Record, Vault
from flashpoint.store.paging import Position
from flashpoint.types import Actor, State, Wait

#: Why somebody may not decide who had a part in it, as the store names the parts.
_WHY_NOT = {"reported": "reported_by_you", "edited": "edited_by_you", "source": "source_by_you"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a queue: of an operation, for one kind of decision or all, so many from there on."""

    operation: str
    wait: Wait | None = None
    limit: int = 100
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of a queue. ``counts`` are of all that the actor may know of, ``following`` continues."""

    at: datetime
    counts: dict[str, int]
    rows: Sequence[Record]
    following: Position | None


def look(vault: Vault, actor: Actor, asked: Asked) -> Queue:
    """Show what waits in an operation, the oldest first, of what the actor may know of; and log it.

    Raises:
        Forbidden: the actor's role reads no records.
    """
    access.require(actor, Permission.READ_RECORDS)
    rows = waiting.page(vault, actor, asked.operation, asked.wait, (asked.limit, asked.after))
    counts = waiting.counts(vault, actor, asked.operation)
    shown = [row.id for row in rows]
    audit.write(vault, actor, "queue", ("incident", asked.operation), operation=asked.operation, ids=shown)
    last = rows[-1] if len(rows) == asked.limit else None
    return Queue(vault.at, counts, rows, None if last is None else (last.waiting_since, last.id))


def described(row: Record, actor: Actor, at: datetime) -> dict[str, Any]:
    """Say of an incident of the queue what whoever decides on it wants to know."""
    why_not = reasons_against(row, actor)
    place = None
    if row.locality_id is not None:
        place = {"id": row.locality_id, "pcode": row.pcode, "name": row.name}
    return {
        "id": row.id,
        "state": row.state,
        "version": row.version,
        "waiting_for": row.waiting_for,
        "waiting_since": row.waiting_since,
        "waiting_days": max(0, (at - row.waiting_since).days),
        "category": row.category,
        "sharing": row.sharing,
        "protected": row.protected,
        "attribution": row.attribution,
        "locality": place,
        "admin_unit": row.unit_pcode,
        "sources": {"independent": row.independent, "standards": standards(row)},
        "may_decide": not why_not,
        "why_not": why_not,
        "allowed": workflow.allowed(State(row.state)),
    }


def standards(row: Record) -> list[dict[str, Any]]:
    """Say what each standard needs of independent sources, and how many more it takes."""
    return [
        {"standard": proof.standard, "needed": proof.needed, "have": proof.have, "missing": proof.missing}
        for proof in workflow.proofs(row.independent)
    ]


def reasons_against(row: Record, actor: Actor) -> list[str]:
    """Say why the actor may not verify it: role or key, and what they did for it themselves; nothing if they may."""
    reasons = [] if actor.role in DECIDERS else ["role"]
    if not access.may(actor, Permission.TRANSITION):
        reasons.append("key")
    return reasons + [_WHY_NOT[part] for part in row.parts]
