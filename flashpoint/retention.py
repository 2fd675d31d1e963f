"""Erasing what people said: for want of consent at once, and when it was kept for as long as the protocol says.

What makes the score stays, so that every matrix of the past stays as it was: docs/data-model.md lists it. Each lot is a
transaction of its own, alone in the vault: nobody adds to a record, or sends it again, while it is being erased.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from flashpoint.access import CONSOLE
from flashpoint.store import actors, audit, places, retention
from flashpoint.store.engine import Database, Vault
from flashpoint.store.retention import Due
from flashpoint.types import PurgeReason

#: Records of one transaction: others wait for it.
LOT = 500
#: Lots of one call of the service, which has other things to do.
LOTS = 4
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Purged:
    """What was erased in an operation for one reason, or would be; ``held`` waits until somebody has looked."""

    operation: str
    reason: PurgeReason
    kind: str
    records: int
    sources: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What to erase: also by age, or for want of consent alone; also what is held, once somebody has looked."""

    by_age: bool = True
    held_too: bool = False


def operations(database: Database) -> list[str]:
    """List the operations there are."""
    with database.vault_reader() as reader:
        return sorted(places.operation_codes(reader, CONSOLE))


def preview(database: Database, operation: str) -> list[Purged]:
    """Say what is due, and erase nothing.

    Raises:
        NotFound: there is no such operation.
    """
    with database.console() as vault:
        found = _due(vault, operation, Rule(), _ALL)
    return _told(operation, ((one, one.sources) for one in found))


def apply(database: Database, operation: str, rule: Rule, lots: int | None = None) -> list[Purged]:
    """Erase what is due, in ``lots`` transactions at most; say what was erased, and what is held.

    Raises:
        NotFound: there is no such operation.
    """
    done: list[tuple[Due, int]] = []
    held: list[Due] = []
    while lots is None or lots > 0:
        with database.console(alone=True) as vault:
            found = _due(vault, operation, rule, LOT)
            held = [] if rule.held_too else [one for one in found if one.held]
            erased = _erase(vault, operation, [one for one in found if rule.held_too or not one.held])
        done += erased
        lots = None if lots is None else lots - 1
        if not erased:
            break
    return _told(operation, [*done, *((one, one.sources) for one in held)])


def purge_again(vault: Vault, operation: str, incident_id: UUID, what: tuple[str, datetime]) -> bool:
    """Erase of an incident what was erased before, for that reason and at that instant; say whether it was there."""
    actors.console(vault)
    why, until = what
    erased = retention.purge_incidents(vault, [incident_id], why, until)
    if erased:
        _log(vault, operation, (PurgeReason(why), "incident"), list(erased), sum(erased.values()))
    return bool(erased)


def _due(vault: Vault, operation: str, rule: Rule, most: int) -> list[Due]:
    actors.console(vault)
    places.find_operation(vault, CONSOLE, operation)
    days = retention.source_days(vault, operation) if rule.by_age else None
    before = None if days is None else vault.at - timedelta(days=days)
    return retention.due(vault, operation, before, most)


def _erase(vault: Vault, operation: str, found: Sequence[Due]) -> list[tuple[Due, int]]:
    groups: dict[tuple[PurgeReason, str], dict[UUID, Due]] = defaultdict(dict)
    for one in found:
        groups[one.reason, one.kind][one.id] = one
    done: list[tuple[Due, int]] = []
    for (reason, kind), members in groups.items():
        if kind == "incident":
            erased = retention.purge_incidents(vault, list(members), reason, vault.at)
        else:
            erased = dict.fromkeys(retention.purge_subjects(vault, kind, list(members)), 0)
        if erased:
            _log(vault, operation, (reason, kind), list(erased), sum(erased.values()))
        done += [(replace(members[one], held=False), sources) for one, sources in erased.items()]
    return done


def _log(vault: Vault, operation: str, of: tuple[PurgeReason, str], ids: list[UUID], sources: int) -> None:
    reason, kind = of
    about = (kind, operation)
    audit.write(vault, CONSOLE, "retention.purge", about, operation=operation, reason=reason, ids=ids, sources=sources)


def _told(operation: str, erased: Iterable[tuple[Due, int]]) -> list[Purged]:
    counts: dict[tuple[PurgeReason, str, bool], list[int]] = defaultdict(list)
    for one, sources in erased:
        counts[one.reason, one.kind, one.held].append(sources)
    return [
        Purged(operation, reason, kind, len(sources), sum(sources), held)
        for (reason, kind, held), sources in sorted(counts.items())
    ]
