"""Versions of the method: which an operation has, and which was in force when and why. Added, never changed.

A version's name means something within its operation, and to everybody where the software publishes it
(``METHODOLOGIES``). Scoring reads the vault; who may see which version is a matter of the ``release`` tables.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Table, insert, select

from flashpoint.errors import Conflict, NotFound
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES, Methodology
from flashpoint.scoring.revision import same_parameters
from flashpoint.store import audit
from flashpoint.store.engine import Record, ReleaseReader, Vault, VaultReader
from flashpoint.store.tables import method, method_in_force, methodology, methodology_in_force
from flashpoint.types import Actor, Audience

#: For whoever asks for a version by name, however lately it was recorded.
EVER = datetime.max.replace(tzinfo=UTC)


def add(vault: Vault, actor: Actor, operation: str, version: Methodology, why: tuple[str, str | None]) -> None:
    """Record a version for an operation; ``why`` is the reason and the version that it is based on, if any.

    Raises:
        Conflict: the operation, or the software, has a version of that name.
    """
    if _find(vault, operation, version.version, EVER) is not None:
        raise Conflict("a version of that name is there already; versions are added, never changed")
    _insert(vault, actor, operation, version, why)
    audit.write(vault, actor, "methodology.propose", subject(operation, version.version), operation=operation)


def adopt(vault: Vault, actor: Actor, operation: str, version: Methodology, why: tuple[str, datetime]) -> None:
    """Put a version in force for an operation; ``why`` is the reason and since when it counts as known.

    Raises:
        Conflict: the operation, or the software, has a version of that name with other parameters.
    """
    reason, known_at = why
    known = _find(vault, operation, version.version, EVER)
    if known is not None and not same_parameters(known, version):
        raise Conflict("a version of that name has other parameters; versions are added, never changed")
    if _stored(vault, operation, version.version, EVER) is None:
        _insert(vault, actor, operation, version, (reason, None))
    vault.connection.execute(
        insert(methodology_in_force).values(
            operation=operation,
            version=version.version,
            recorded_at=vault.at,
            recorded_by=actor.id,
            known_at=known_at,
            reason=reason,
        )
    )
    audit.write(vault, actor, "methodology.adopt", subject(operation, version.version), operation=operation)


def subject(operation: str, version: str) -> tuple[str, UUID]:
    """Name a version for the audit log, by an id: its name is what somebody typed."""
    return "methodology", audit.id_of("methodology", operation, version)


def in_force(reader: VaultReader, operation: str, as_of: datetime, recorded: datetime) -> Methodology:
    """Give the version in force at ``as_of``, by what was recorded by then; the published default where none was."""
    query = (
        select(methodology.c.parameters)
        .join_from(methodology_in_force, methodology)
        .where(
            methodology_in_force.c.operation == operation,
            methodology_in_force.c.known_at <= as_of,
            methodology_in_force.c.recorded_at <= recorded,
        )
        .order_by(methodology_in_force.c.known_at.desc(), methodology_in_force.c.id.desc())
        .limit(1)
    )
    stored = reader.connection.execute(query).scalar()
    return DEFAULT if stored is None else Methodology.from_dict(stored)


def named(reader: VaultReader, operation: str, version: str, recorded: datetime) -> Methodology:
    """Give a version by name: one that the operation had by then, adopted or only proposed, or a published one.

    Raises:
        NotFound: there is none of that name.
    """
    found = _find(reader, operation, version, recorded)
    if found is None:
        raise NotFound("no such version of the method")
    return found


def shown(reader: VaultReader | ReleaseReader, operation: str, audience: Audience) -> list[Record]:
    """List the versions that an operation has and that an audience may see.

    Raises:
        NotFound: there is no such operation.
    """
    rows = _of(reader, method, operation, audience, "version")
    if not rows:
        raise NotFound("no such operation")
    # An operation without any version is one row without a version.
    return [row for row in rows if row.version is not None]


def adoptions(reader: VaultReader | ReleaseReader, operation: str, audience: Audience) -> list[Record]:
    """List which version was put in force when, by whom and why, in the order in which they took over."""
    return _of(reader, method_in_force, operation, audience, "known_at", "id")


def _of(
    reader: VaultReader | ReleaseReader, shown: Table, operation: str, audience: Audience, *order: str
) -> list[Record]:
    which = (shown.c.operation == operation, shown.c.audience == audience)
    return list(reader.connection.execute(select(shown).where(*which).order_by(*(shown.c[name] for name in order))))


def _find(reader: VaultReader, operation: str, version: str, recorded: datetime) -> Methodology | None:
    # What the operation has goes first: it is what its past matrices were made by.
    return _stored(reader, operation, version, recorded) or METHODOLOGIES.get(version)


def _stored(reader: VaultReader, operation: str, version: str, recorded: datetime) -> Methodology | None:
    query = select(methodology.c.parameters).where(
        methodology.c.operation == operation,
        methodology.c.version == version,
        methodology.c.recorded_at <= recorded,
    )
    stored = reader.connection.execute(query).scalar()
    return None if stored is None else Methodology.from_dict(stored)


def _insert(vault: Vault, actor: Actor, operation: str, version: Methodology, why: tuple[str, str | None]) -> None:
    reason, based_on = why
    vault.connection.execute(
        insert(methodology).values(
            operation=operation,
            version=version.version,
            based_on=based_on,
            parameters=version.to_dict(),
            reason=reason,
            recorded_at=vault.at,
            recorded_by=actor.id,
        )
    )
