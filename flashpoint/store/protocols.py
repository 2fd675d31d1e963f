"""Information-sharing protocols in the store: proposed, put in force, suspended; added, never changed.

What is in force at an instant is what was decided last by then, unless it had ended. A protocol that was replaced does
not come back when the next one ends: somebody has to put it in force again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select

from flashpoint.errors import NotFound
from flashpoint.protocol import Document, Named, ProtocolReport, Terms, ends_at, given, named
from flashpoint.reports import read
from flashpoint.store import audit
from flashpoint.store.engine import Record, ReleaseReader, Vault, VaultReader
from flashpoint.store.moments import Moment
from flashpoint.store.tables import protocol, protocol_in_force, shared_protocol
from flashpoint.types import Actor, Audience


@dataclass(frozen=True, slots=True)
class InForce:
    """A protocol in force; ``tree`` is its document as it was stored."""

    version: str
    until: date
    tree: Mapping[str, object]

    @property
    def document(self) -> Document:
        """Read the document."""
        return read(Document, self.tree, "/document")

    def named(self, at: datetime) -> Named:
        """Name it as at an instant."""
        return named(self.version, self.until, at)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides on a version: to put it in force, or to suspend it; since when, and why."""

    version: str
    reason: str
    known_at: datetime
    sole_signature: bool = False
    suspended: bool = False


def add(vault: Vault, actor: Actor, report: ProtocolReport) -> None:
    """Record a proposal."""
    vault.connection.execute(
        insert(protocol).values(
            operation=report.operation,
            version=report.version,
            document=report.document.model_dump(mode="json"),
            until=report.document.until,
            reason=report.reason,
            recorded_at=vault.at,
            recorded_by=actor.id,
        )
    )
    about = ("protocol", audit.id_of("protocol", report.operation, report.version))
    audit.write(vault, actor, "protocol.propose", about, operation=report.operation)


def decide(vault: Vault, actor: Actor, operation: str, decision: Decision) -> None:
    """Record a decision. The database asks for the second person once more."""
    vault.connection.execute(
        insert(protocol_in_force).values(
            operation=operation,
            version=decision.version,
            recorded_at=vault.at,
            recorded_by=actor.id,
            known_at=decision.known_at,
            reason=decision.reason,
            sole_signature=decision.sole_signature,
            suspended=decision.suspended,
        )
    )
    deed = "protocol.suspend" if decision.suspended else "protocol.adopt"
    about = ("protocol", audit.id_of("protocol", operation, decision.version))
    audit.write(vault, actor, deed, about, operation=operation, sole_signature=decision.sole_signature)


def find(reader: VaultReader, operation: str, version: str) -> Record:
    """Give a proposal, in force or not.

    Raises:
        NotFound: the operation has none of that name.
    """
    query = select(protocol).where(protocol.c.operation == operation, protocol.c.version == version)
    row = reader.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("no such version of the protocol")
    return row


def in_force(reader: VaultReader, operation: str, moment: Moment) -> InForce | None:
    """Give the protocol in force at a moment, by what was recorded by then; ``None`` where there was none."""
    latest = (
        select(protocol_in_force.c.version, protocol_in_force.c.suspended)
        .where(
            protocol_in_force.c.operation == operation,
            protocol_in_force.c.known_at <= moment.as_of,
            protocol_in_force.c.recorded_at <= moment.recorded,
        )
        .order_by(protocol_in_force.c.known_at.desc(), protocol_in_force.c.id.desc())
        .limit(1)
        .subquery()
    )
    query = (
        select(protocol.c.version, protocol.c.document, protocol.c.until)
        .join_from(protocol, latest, protocol.c.version == latest.c.version)
        .where(protocol.c.operation == operation, ~latest.c.suspended)
    )
    row = reader.connection.execute(query).one_or_none()
    if row is None or moment.as_of >= ends_at(row.until):
        return None
    return InForce(row.version, row.until, row.document)


def shown(reader: VaultReader | ReleaseReader, operation: str, audience: Audience) -> list[Record]:
    """List the versions that an audience may read, those in force last first, then what is only proposed."""
    query = (
        select(shared_protocol)
        .where(shared_protocol.c.operation == operation, shared_protocol.c.audience == audience)
        .order_by(shared_protocol.c.since.desc().nulls_last(), shared_protocol.c.version.desc())
    )
    return list(reader.connection.execute(query))


def agreed(reader: ReleaseReader) -> Iterable[Terms]:
    """Give what every audience of every operation was agreed to be given, whether or not it has ended by itself."""
    table = shared_protocol.c
    query = select(table.operation, table.audience, table.version, table.until, table.document).where(
        table.since.is_not(None), table.ended_at.is_(None)
    )
    for row in reader.connection.execute(query):
        gets = row.document["audiences"].get(row.audience, {})
        yield Terms(row.operation, Audience(row.audience), row.version, row.until, given(gets))
