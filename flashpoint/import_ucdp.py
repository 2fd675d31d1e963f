"""UCDP events into the vault: verified already, under their own named standard.

When UCDP came to know of an event is not in its files, so an assumed knowledge time stands for it: the end of the
event plus a lag, never later than the import itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import shapely

from flashpoint import intake
from flashpoint.errors import Invalid, Violation
from flashpoint.import_places import Progress
from flashpoint.ingest.account import Account
from flashpoint.ingest.ucdp import UcdpEvent, Undeclared, read
from flashpoint.intake import Submission
from flashpoint.reports import MOST_PEOPLE, Casualties, IncidentReport
from flashpoint.store import actors, places
from flashpoint.store.engine import Database, Vault
from flashpoint.types import Consent, GeoPrecision, ShareAbove, Sharing, Standard

#: Small enough that nobody waits long for the locks of a chunk, large enough that a chunk's fixed cost does not count.
CHUNK = 2_000

MOST_LAG_DAYS = 3_660.0
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

IN_FUTURE = "the event lies in the future"
TOO_EARLY = "the event lies before the year 1900"
TOO_MANY = f"the deaths are more than {MOST_PEOPLE:,}, which no report can be"
OUTSIDE = "the event lies outside the operation's area"
SWAPPED_AXES = "the event lies outside the operation's area; with its two axes swapped it would be inside"
PLACELESS = "the event is known to the country only; it is kept, and placed nowhere"
CHANGED = "changed upstream or read with another lag or precision; kept as first imported"


@dataclass(frozen=True, slots=True)
class UcdpTarget:
    """Where events go. ``lag_days`` is how long after its end an event counts as known.

    ``undeclared`` are the precisions to take where the file gives none; the coarsest where left out.
    """

    operation: str
    lag_days: float = 0
    undeclared: Undeclared | None = None


def ucdp(database: Database, path: Path, target: UcdpTarget, report: Progress) -> Account:
    """Store the events of a file as verified under ``external:ucdp``.

    Each chunk is a transaction of its own, so that other writers and the assessor do not wait for the whole file.
    An import that was interrupted has stored its first chunks; running it again adds what is missing.

    Raises:
        Invalid: the file is no UCDP file, or the lag is negative or longer than ten years.
        NotFound: there is no such operation.
    """
    if not 0 <= target.lag_days <= MOST_LAG_DAYS:
        raise Invalid(Violation("/lag_days", "range", f"must lie between 0 and {MOST_LAG_DAYS:,.0f} days"))
    with database.vault_reader() as reader:
        places.find_operation(reader, actors.CONSOLE, target.operation)
    account = Account()
    for chunk in _chunks(read(path, account, target.undeclared)):
        with database.console() as vault:
            _store(vault, target, chunk, account)
        report(account.read, None)
    account.check()
    return account


def _chunks(events: Iterator[UcdpEvent]) -> Iterator[list[UcdpEvent]]:
    while chunk := list(islice(events, CHUNK)):
        yield chunk


def _store(vault: Vault, target: UcdpTarget, events: Sequence[UcdpEvent], account: Account) -> None:
    usable = list(_usable(vault, target.operation, events, account))
    submissions = [_submission(vault, target, event) for event in usable]
    receipts = intake.import_verified(vault, actors.console(vault), submissions, Standard.EXTERNAL_UCDP)
    for event, receipt in zip(usable, receipts, strict=True):
        if not receipt.created:
            account.count_already_there()
            if not receipt.same_content:
                account.note(CHANGED, event.external_id)
            continue
        account.count_imported()
        if event.geo_precision is GeoPrecision.COUNTRY:
            account.note(PLACELESS, event.external_id)


def _usable(vault: Vault, operation: str, events: Sequence[UcdpEvent], account: Account) -> Iterable[UcdpEvent]:
    """Give the events that the store can take; the others go into the account."""
    points = shapely.points([(event.longitude, event.latitude) for event in events])
    outside = places.outside(vault, operation, list(points))
    for index, event in enumerate(events):
        flaw = _flaw(event, vault.at)
        if flaw is None and index in outside:
            flaw = SWAPPED_AXES if outside[index] else OUTSIDE
        if flaw is None:
            yield event
        else:
            account.skip(flaw, event.external_id)


def _flaw(event: UcdpEvent, now: datetime) -> str | None:
    """Check what a report would be checked for and the reader has not checked already."""
    if event.event_end > now:
        return IN_FUTURE
    if event.event_start < _EARLIEST:
        return TOO_EARLY
    return TOO_MANY if event.killed.high > MOST_PEOPLE else None


def _submission(vault: Vault, target: UcdpTarget, event: UcdpEvent) -> Submission:
    # What we hold is known: an assumption never reaches beyond the moment of the import.
    known_at = min(event.event_end + timedelta(days=target.lag_days), vault.at)
    killed = event.killed
    # Unchecked construction: the reader gives these types, ``_flaw`` has looked at the ranges, and it is fast.
    report = IncidentReport.model_construct(
        operation=target.operation,
        client_id=event.external_id,
        category=event.category,
        event_start=event.event_start,
        event_end=event.event_end,
        date_precision=int(event.date_precision),
        reported_at=known_at,
        geo_precision=int(event.geo_precision),
        perpetrator_class=event.perpetrator_class,
        killed=Casualties.model_construct(low=killed.low, best=killed.best, high=killed.high),
        sharing=Sharing.PUBLIC,
        share_above=ShareAbove.DETAIL,
        consent=Consent.NOT_REQUIRED,
    )
    return Submission(report, shapely.Point(event.longitude, event.latitude), known_at)
