"""Reading the audit log: entries as an auditor may see them, and the chain as it stands, row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text

from flashpoint.store.engine import Record, VaultReader
from flashpoint.store.tables import actor, audit

#: The text that a row's hash covers, put together by functions of PostgreSQL and none of ours, which whoever owns the
#: database could replace. It is the same under any setting of zone, date style or digits.
_CHAIN = text("""
    SELECT seq, previous_hash, hash,
           pg_catalog.jsonb_build_array(seq, extract(epoch FROM at), actor_id, key_id, operation, action, subject,
                                        subject_id, detail)::pg_catalog.text AS content
    FROM vault.audit ORDER BY seq
""")
#: A listing of a thousand records makes a row of 40 kB.
_AT_ONCE = 250

_LAST = text("SELECT seq, hash FROM vault.audit ORDER BY seq DESC LIMIT 1")
_UNLOGGED = text("SELECT rows, since FROM vault.unlogged()")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing is narrowed to. ``actor`` is a handle; ``record`` finds what shows, changes or concerns it."""

    operation: str | None = None
    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    record: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(reader: VaultReader, filters: Filters, limit: int, after: int = 0) -> list[Record]:
    """List entries that the actor of the session may see, in the order of the log, from behind the row ``after``."""
    columns = [column for column in audit.c if column.name not in {"previous_hash", "hash"}]
    query = (
        select(*columns, actor.c.handle)
        .outerjoin_from(audit, actor, actor.c.id == audit.c.actor_id)
        .where(audit.c.seq > after, *_conditions(filters))
        .order_by(audit.c.seq)
        .limit(limit)
    )
    return list(reader.connection.execute(query))


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    for column, wanted in (("operation", filters.operation), ("action", filters.action), ("subject", filters.kind)):
        if wanted is not None:
            yield audit.c[column] == wanted
    if filters.actor is not None:
        yield audit.c.actor_id == select(actor.c.id).where(actor.c.handle == filters.actor).scalar_subquery()
    if filters.record is not None:
        yield audit.c.seq.in_(select(func.vault.audit_of(filters.record)))
    if filters.since is not None:
        yield audit.c.at >= filters.since
    if filters.until is not None:
        yield audit.c.at < filters.until


def chain(reader: VaultReader) -> Iterator[Record]:
    """Give number, text and hashes of every row of the log, in their order; never more than some in memory."""
    yield from reader.connection.execute(_CHAIN, execution_options={"yield_per": _AT_ONCE})


def last(reader: VaultReader) -> tuple[int, bytes] | None:
    """Give number and hash of the last row."""
    row = reader.connection.execute(_LAST).one_or_none()
    return None if row is None else (row.seq, bytes(row.hash))


def unlogged(reader: VaultReader) -> tuple[int, datetime | None]:
    """Count what is recorded without its entry in the log, and say since when; the console alone is told."""
    row = reader.connection.execute(_UNLOGGED).one()
    return row.rows, row.since
