"""What is gone stays gone, also when the database is restored from before it went.

What is gone in the database is added to the ledger. What the ledger has as gone and the database has in use is judged
by whether the database knows of its end. If it does, somebody took the record back into use since, and the ledger says
so from then on. If it does not, a restore brought it back, and it goes again, by the same ways as ever. Nothing is ever
taken back into use here.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from flashpoint import context, decisions, retention
from flashpoint.access import CONSOLE
from flashpoint.errors import FlashpointError, Unavailable
from flashpoint.ledger import Kind, Ledger, Tombstone
from flashpoint.reports import StepReport
from flashpoint.store import actors, audit, incidents, subjects, tombstones
from flashpoint.store.engine import Database, Vault
from flashpoint.store.tombstones import ALWAYS, ROTATED, Live
from flashpoint.types import Credential, WithdrawalReason
from flashpoint.workflow import Action

log = logging.getLogger("flashpoint.tombstones")


@dataclass
class Reckoning:
    """What came of holding the ledger against the database."""

    added: int = 0
    lifted: int = 0
    #: Whether anything of the news lost its consent, so that it is to be erased.
    unconsented: bool = False
    #: What came back by a restore and went again.
    ended: list[Tombstone] = field(default_factory=list)
    #: Of what came back, the operations.
    operations: set[str] = field(default_factory=set)


def reconcile(database: Database, ledger: Ledger, since: datetime = ALWAYS) -> Reckoning:
    """Bring ledger and database in line. With ``since``, only what was recorded at that instant or later is news.

    Raises:
        Unavailable: something that came back does not go again, or the ledger cannot be read.
    """
    since = since if _refresh(ledger) else ALWAYS
    with database.vault_reader() as reader:
        news = list(tombstones.gone(reader, since))
        again = None if since == ALWAYS else tombstones.reinstated(reader, since)
    with database.keys() as reader:
        news += tombstones.ended_keys(reader)
    found = Reckoning(unconsented=any(one.reason == WithdrawalReason.CONSENT_WITHDRAWN for one in news))
    found.added = _append(ledger, [one for one in news if _is_new(ledger, one)])
    entries = ledger.gone().values() if again is None or again else ()
    _judge(database, ledger, [one for one in entries if again is None or one.id in again], found)
    return found


def missing(database: Database, ledger: Ledger) -> tuple[list[Tombstone], list[Tombstone]]:
    """Say what is gone in the database and not in the ledger, and what the ledger has as gone and came back.

    Raises:
        Unavailable: the ledger cannot be read.
    """
    _refresh(ledger)
    with database.vault_reader() as reader:
        unsaid = [one for one in tombstones.gone(reader) if _is_new(ledger, one)]
    with database.keys() as reader:
        unsaid += [one for one in tombstones.ended_keys(reader) if _is_new(ledger, one)]
    live = _live(database, ledger.gone().values())
    return unsaid, [one.entry for one in live if not one.known]


def take_over(ledger: Ledger, other: Ledger) -> int:
    """Add what another ledger has as gone, where this one does not say it or says what is older; give how many."""
    _refresh(ledger)
    _refresh(other)
    return ledger.append([one for one in other.entries() if one.gone and _is_news(ledger, one)])


def _refresh(ledger: Ledger) -> bool:
    """Read what was added to the ledger; say whether it is the file that it was."""
    before = ledger.flaw
    try:
        went_on = ledger.refresh()
    except OSError as error:
        raise Unavailable(f"{ledger.path} cannot be read ({error.strerror}): it says what must stay gone") from error
    if ledger.flaw not in {None, before}:
        log.warning("line %d of the ledger of what is gone was changed, or lines before it were", ledger.flaw)
    return went_on


def _append(ledger: Ledger, entries: Collection[Tombstone]) -> int:
    """Add to the ledger. Where that cannot be, the service goes on: the database has it, and the next turn tries."""
    try:
        return ledger.append(entries)
    except OSError as error:
        log.warning("the ledger of what is gone cannot be written (%s)", error.strerror)
        return 0


def _is_new(ledger: Ledger, one: Tombstone) -> bool:
    """Say whether the ledger has to be told. What it has of a later instant, a restore took from the database."""
    before = ledger.latest.get((one.kind, one.id))
    return before is None or not before.gone or before.at < one.at


def _is_news(ledger: Ledger, one: Tombstone) -> bool:
    before = ledger.latest.get((one.kind, one.id))
    return before is None or before.at < one.at


# -- what came back -------------------------------------------------------------------------------------------------


def _judge(database: Database, ledger: Ledger, entries: Collection[Tombstone], found: Reckoning) -> None:
    live = _live(database, entries)
    found.lifted = _append(ledger, [replace(one.entry, gone=False) for one in live if one.known])
    for one in live:
        if not one.known:
            _end(database, one.entry, found)
    if found.operations:
        # What was released before has counted it, and would be served until somebody assesses.
        with database.publishing() as vault:
            tombstones.drop_releases(vault, found.operations)
    if found.ended:
        log.warning("%d records, keys or purges came back by a restore and went again", len(found.ended))
        _append(ledger, _as_ended(database, found.ended))


def _live(database: Database, entries: Collection[Tombstone]) -> list[Live]:
    with database.vault_reader() as reader:
        records = list(tombstones.live(reader, entries))
    with database.keys() as reader:
        return records + list(tombstones.live_keys(reader, entries))


def _as_ended(database: Database, ended: Collection[Tombstone]) -> list[Tombstone]:
    """Give them with the instants at which they went again: those the database knows."""
    keys = {(one.kind, one.id) for one in ended}
    with database.vault_reader() as reader:
        found = list(tombstones.gone(reader))
    with database.keys() as reader:
        found += tombstones.ended_keys(reader)
    return [one for one in found if (one.kind, one.id) in keys]


def _end(database: Database, entry: Tombstone, found: Reckoning) -> None:
    """Have something go again.

    Raises:
        Unavailable: it does not.
    """
    try:
        if _WAYS.get(entry.kind, _withdraw_subject)(database, entry, found):
            found.ended.append(entry)
    except FlashpointError as error:
        # Two processes that start at once both find it; it is gone all the same.
        if any(not one.known for one in _live(database, [entry])):
            rule = f"{entry.kind} {entry.id} came back by a restore and cannot be taken out of use again ({error})"
            raise Unavailable(rule) from error


def _withdraw_incident(database: Database, entry: Tombstone, found: Reckoning) -> bool:
    with database.console() as vault:
        actors.console(vault)
        one = incidents.find(vault, CONSOLE, entry.id)
        step = StepReport(action=Action.WITHDRAW, reason_code=_reason(entry))
        decisions.advance(vault, CONSOLE, one, step)
        _log(vault, entry, one.operation)
    found.operations.add(one.operation)
    return True


def _withdraw_subject(database: Database, entry: Tombstone, found: Reckoning) -> bool:
    with database.console() as vault:
        actors.console(vault)
        one = subjects.find(vault, CONSOLE, entry.kind, entry.id)
        context.withdraw(vault, CONSOLE, entry.kind, one, _reason(entry))
        _log(vault, entry, one.operation)
    found.operations.add(one.operation)
    return True


def _purge(database: Database, entry: Tombstone, _found: Reckoning) -> bool:
    with database.console(alone=True) as vault:
        one = incidents.find(vault, CONSOLE, entry.id)
        return retention.purge_again(vault, one.operation, entry.id, (entry.reason, entry.at))


def _end_key(database: Database, entry: Tombstone, _found: Reckoning) -> bool:
    with database.keys() as vault:
        by = actors.console(vault)
        if entry.reason == ROTATED:
            tombstones.end_key(vault, entry.id, entry.at)
        else:
            actors.revoke(vault, by, entry.id, Credential(entry.kind))
        audit.write(vault, by, "restore.revoke", ("api_key", entry.id), since=entry.at)
    return True


_WAYS: dict[Kind, Callable[[Database, Tombstone, Reckoning], bool]] = {
    Kind.INCIDENT: _withdraw_incident,
    Kind.PURGE: _purge,
    Kind.KEY: _end_key,
    Kind.PERSON: _end_key,
}


def _reason(entry: Tombstone) -> WithdrawalReason:
    # A word that we do not know comes from a later version of this service: what is gone is gone.
    known = entry.reason in list(WithdrawalReason)
    return WithdrawalReason(entry.reason) if known else WithdrawalReason.HARM


def _log(vault: Vault, entry: Tombstone, operation: str) -> None:
    about = (str(entry.kind), entry.id)
    audit.write(vault, CONSOLE, "restore.withdraw", about, operation=operation, since=entry.at)
