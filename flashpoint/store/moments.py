"""Moments of knowledge: what was known at an instant, of what was recorded by another.

    counts at (as_of, recorded)  if  known_at <= as_of < known_to  and  recorded_at <= recorded,

where an end of knowledge that was recorded later does not count yet. An operation that was here at ``as_of`` sees what
was recorded by then. Before that, its past is a reconstruction on data whose knowledge time is assumed: all that is
recorded by now, or by the instant that the caller names.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from flashpoint.errors import NotFound
from flashpoint.store.engine import VaultReader
from flashpoint.store.tables import operation as operation_table

CLOCK_MINUTES = 15
# PostgreSQL counts microseconds from here.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
UNIX_OFFSET_US = 946_684_800_000_000
US_PER_DAY = 86_400_000_000

#: SQL that keeps the rows of table ``{0}`` that count at ``:as_of``, ``:recorded``.
COUNTS = (
    "{0}.known_at <= :as_of AND {0}.recorded_at <= :recorded "
    "AND ({0}.known_to IS NULL OR {0}.known_to > :as_of OR {0}.closed_at > :recorded)"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of knowledge, and by when what is known of it was recorded. Both are aware and in UTC."""

    as_of: datetime
    recorded: datetime
    reconstructed: bool

    @property
    def clock(self) -> datetime:
        """The instant that ages are counted from."""
        return clock_of(self.as_of)


@dataclass(frozen=True, slots=True)
class History:
    """Which moments an operation has: since when it is here, and by when the caller wants things recorded."""

    created: datetime
    recorded: datetime

    def moment(self, as_of: datetime) -> Moment:
        """Give the moment of an instant."""
        here = as_of >= self.created
        return Moment(as_of, min(as_of, self.recorded) if here else self.recorded, not here)


def history(reader: VaultReader, operation: str, recorded: datetime) -> History:
    """Look up since when an operation is here.

    Raises:
        NotFound: there is no such operation.
    """
    query = select(operation_table.c.recorded_at).where(operation_table.c.code == operation)
    created: datetime | None = reader.connection.execute(query).scalar()
    if created is None:
        raise NotFound("no such operation")
    return History(created.astimezone(UTC), recorded)


def clock_of(as_of: datetime) -> datetime:
    """Give the last full quarter of an hour: what ages are counted from."""
    return as_of.replace(minute=as_of.minute - as_of.minute % CLOCK_MINUTES, second=0, microsecond=0)


def instant_us(moment: datetime) -> int:
    """Give an instant as PostgreSQL stores it: whole microseconds since 2000."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def at_us(microseconds: int) -> datetime:
    """Give the instant that PostgreSQL stores so."""
    return _EPOCH + timedelta(microseconds=microseconds)


def day_of_us(microseconds: int) -> float:
    """Give an instant as the scoring core takes it: days since 1970."""
    return (microseconds + UNIX_OFFSET_US) / US_PER_DAY


def day_of(moment: datetime) -> float:
    """Give an instant as the scoring core takes it: days since 1970."""
    return day_of_us(instant_us(moment))


def newest_record(reader: VaultReader, operation: str, by: datetime) -> datetime | None:
    """Give when the newest fact of an operation that may count in its matrix was recorded, at the latest ``by``."""
    tables = (
        "evidence",
        "locality",
        "admin_unit",
        "community",
        "threat_assessment",
        "presence",
        "methodology_in_force",
    )
    newest = " UNION ALL ".join(
        f"SELECT max(recorded_at) AS at FROM vault.{table} WHERE operation = :operation AND recorded_at <= :by"
        for table in tables
    )
    closed = "SELECT max(closed_at) FROM vault.evidence WHERE operation = :operation AND closed_at <= :by"
    query = text(f"SELECT max(at) FROM ({newest} UNION ALL {closed}) every")
    found: datetime | None = reader.connection.execute(query, {"operation": operation, "by": by}).scalar()
    return found.astimezone(UTC) if found else None
