"""Agreeing on what is shared: one person proposes a protocol, another puts it in force, anyone of them suspends it.

Each verb runs in the caller's transaction. Proposals and decisions are added, never changed, each with its reason. To
open takes two people, to close takes one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flashpoint import access
from flashpoint.access import Permission
from flashpoint.errors import Conflict, Invalid, NotFound
from flashpoint.protocol import ProtocolReport, ends_at, flaws, named
from flashpoint.reports import AdoptionReport, read
from flashpoint.store import places, protocols
from flashpoint.store.engine import Record, ReleaseReader, Vault, VaultReader
from flashpoint.store.moments import Moment
from flashpoint.store.protocols import Decision
from flashpoint.strictjson import JsonValue
from flashpoint.types import Actor, Audience


@dataclass(frozen=True, slots=True)
class Agreed:
    """The protocols of an operation as an audience may read them: the one in force, if any, and all versions."""

    in_force: Record | None
    versions: tuple[Record, ...]
    at: datetime


def propose(vault: Vault, actor: Actor, operation: str, tree: JsonValue) -> ProtocolReport:
    """Record a proposal: version, reason and document. Nothing is shared by it.

    Raises:
        Forbidden: the actor's role does not govern sharing.
        NotFound: there is no such operation for the actor.
        Invalid: what is wrong with it, with pointers into it.
        Conflict: a version of that name is there.
    """
    _governed(vault, actor, operation)
    report = read(ProtocolReport, {**tree, "operation": operation} if isinstance(tree, dict) else tree, "")
    found = tuple(flaws(report, vault.at))
    if found:
        raise Invalid(*found)
    try:
        protocols.find(vault, operation, report.version)
    except NotFound:
        protocols.add(vault, actor, report)
        return report
    raise Conflict("a version of that name is there already; versions are added, never changed")


def adopt(vault: Vault, actor: Actor, operation: str, decision: Decision) -> None:
    """Put a proposal in force; by another person than who proposed it, or by a sole signature of the command line.

    Raises:
        Forbidden: the actor's role does not govern sharing.
        NotFound: there is no such operation for the actor, or no such version.
        Invalid: the reason is missing or too long.
        Conflict: the same person proposed it, it is in force already, or it has ended.
    """
    _governed(vault, actor, operation)
    read(AdoptionReport, {"operation": operation, "reason": decision.reason}, "")
    proposed = protocols.find(vault, operation, decision.version)
    alone = bool(proposed.recorded_by == actor.id)
    if alone and not decision.sole_signature:
        raise Conflict("a protocol takes two people: who proposed it does not put it in force")
    if ends_at(proposed.until) <= vault.at:
        raise Conflict("this protocol has ended; propose a new version")
    if _is_in_force(vault, operation, decision.version):
        raise Conflict("this protocol is in force already")
    protocols.decide(vault, actor, operation, replace(decision, sole_signature=alone))


def suspend(vault: Vault, actor: Actor, operation: str, decision: Decision) -> None:
    """Take the protocol in force out of it: from now on the mission gets nothing. One person may.

    Raises:
        Forbidden: the actor's role does not govern sharing.
        NotFound: there is no such operation for the actor, or no such version.
        Invalid: the reason is missing or too long.
        Conflict: it is not in force.
    """
    _governed(vault, actor, operation)
    read(AdoptionReport, {"operation": operation, "reason": decision.reason}, "")
    protocols.find(vault, operation, decision.version)
    if not _is_in_force(vault, operation, decision.version):
        raise Conflict("this protocol is not in force")
    protocols.decide(vault, actor, operation, replace(decision, suspended=True))


def versions(reader: VaultReader | ReleaseReader, operation: str, audience: Audience) -> Agreed:
    """Give the protocols of an operation as an audience may read them."""
    now, rows = datetime.now(UTC), protocols.shown(reader, operation, audience)
    open_rows = (row for row in rows if row.since is not None and row.ended_at is None)
    return Agreed(next((row for row in open_rows if now < ends_at(row.until)), None), tuple(rows), now)


def find(reader: VaultReader | ReleaseReader, operation: str, audience: Audience, version: str) -> dict[str, Any]:
    """Give one version with its document, as an audience may read it.

    Raises:
        NotFound: there is no such version for the audience.
    """
    agreed = versions(reader, operation, audience)
    for row in agreed.versions:
        if row.version == version:
            return {**_line(agreed, row), "document": row.document}
    raise NotFound("no such version of the protocol")


def tree(agreed: Agreed) -> dict[str, Any]:
    """Write the protocols of an operation as JSON values, without their documents."""
    row = agreed.in_force
    name = None if row is None else named(row.version, row.until, agreed.at)
    return {"in_force": name, "versions": [_line(agreed, row) for row in agreed.versions]}


def _line(agreed: Agreed, row: Record) -> dict[str, Any]:
    return {
        "version": row.version,
        "state": _state(agreed, row),
        "since": row.since,
        "until": row.until,
        "ended_at": row.ended_at,
        "acts": row.acts,
    }


def _state(agreed: Agreed, row: Record) -> str:
    """``in_force``, ``ended`` (by itself), ``suspended``, ``replaced`` or ``proposed``."""
    if row.since is None:
        return "proposed"
    if row.ended_at is None:
        return "in_force" if row is agreed.in_force else "ended"
    if ends_at(row.until) <= row.ended_at:
        return "ended"
    return "suspended" if _last(row.acts) == "suspended" else "replaced"


def _last(acts: Iterable[dict[str, Any]]) -> str:
    return str([*acts][-1]["act"])


def _is_in_force(vault: Vault, operation: str, version: str) -> bool:
    found = protocols.in_force(vault, operation, Moment(vault.at, vault.at, reconstructed=False))
    return found is not None and found.version == version


def _governed(vault: Vault, actor: Actor, operation: str) -> None:
    access.require(actor, Permission.GOVERN_SHARING)
    places.find_operation(vault, actor, operation)
