"""The keeper: sees to it that what is gone stays gone and that what is due is erased, beside the assessor.

Every process settles before it serves. From then on the one that leads takes a turn whenever something was recorded,
and with every tick of the clock, before it releases anything.
"""

import logging
from datetime import UTC, date, datetime
from pathlib import Path

from flashpoint import retention
from flashpoint.access import CONSOLE
from flashpoint.ledger import FILE, Ledger
from flashpoint.retention import LOT, LOTS, Rule
from flashpoint.store import audit_reading, tombstones
from flashpoint.store.engine import Database
from flashpoint.store.tombstones import ALWAYS
from flashpoint.tombstones import reconcile

log = logging.getLogger("flashpoint.keeper")


class Keeper:
    """Keeps one ledger for one database. Not for two threads at once."""

    def __init__(self, database: Database, home: Path) -> None:
        """Begin; nothing is read yet."""
        self._database = database
        self._ledger = Ledger(home / FILE)
        self._since: datetime | None = None
        self._head: tuple[int, bytes] | None = None
        self._unconsented = False
        self._purged_on: date | None = None

    def settle(self) -> None:
        """Hold the whole ledger against the whole database, once: nothing may be served before.

        Raises:
            Unavailable: something that came back by a restore does not go again, or the ledger cannot be read.
        """
        if self._since is None:
            self._reconcile(ALWAYS)

    def turn(self) -> bool:
        """Look at what is new, and erase what is due; say whether the database is another one than before.

        Another one: it was restored while we ran, and whatever is kept of it in memory is of no use.

        Raises:
            Unavailable: as ``settle``.
        """
        replaced = not self._goes_on()
        self._reconcile(ALWAYS if replaced or self._since is None else self._since)
        if self._purge(datetime.now(UTC).date()):
            self._reconcile(self._since or ALWAYS)
        return replaced

    def _goes_on(self) -> bool:
        """Say whether the audit log still has the row that was its last: each names the one before it by its hash."""
        with self._database.auditing(CONSOLE) as reader:
            return self._head is None or tombstones.has_logged(reader, *self._head)

    def _reconcile(self, since: datetime) -> None:
        # Before it nothing more can be recorded: whatever comes later is news the next time.
        instant = self._database.knowledge_instant()
        found = reconcile(self._database, self._ledger, since)
        self._since, self._unconsented = instant, self._unconsented or found.unconsented
        with self._database.auditing(CONSOLE) as reader:
            self._head = audit_reading.last(reader)

    def _purge(self, today: date) -> bool:
        """Erase what lost its consent, and once a day what was kept for long enough; say whether there was anything.

        What fails is tried again.
        """
        rule = Rule(by_age=self._purged_on != today)
        if not rule.by_age and not self._unconsented:
            return False
        try:
            erased = [self._purge_in(operation, rule) for operation in retention.operations(self._database)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the matrix has to go on being assessed
            log.warning("purging failed (%s); trying again", type(error).__name__)
            return False
        if all(records < LOT * LOTS for records in erased):
            self._unconsented, self._purged_on = False, today if rule.by_age else self._purged_on
        return any(erased)

    def _purge_in(self, operation: str, rule: Rule) -> int:
        """Erase what is due in an operation, as much as one turn allows; give how many records that were."""
        purged = retention.apply(self._database, operation, rule, LOTS)
        if rule.by_age and (held := sum(one.records for one in purged if one.held)):
            log.warning(
                "%s: one hand took the consent off many records in a day; %d wait to be purged", operation, held
            )
        return sum(one.records for one in purged if not one.held)
