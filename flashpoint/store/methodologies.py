"""Which method version is in force where, since when and why. Versions are added, never changed."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flashpoint.scoring.methodology import DEFAULT, Methodology
from flashpoint.store import audit
from flashpoint.store.engine import Vault, VaultReader
from flashpoint.store.tables import methodology, methodology_in_force
from flashpoint.types import Actor


def adopt(vault: Vault, actor: Actor, operation: str, version: Methodology, why: tuple[str, datetime]) -> None:
    """Put a version in force for an operation; ``why`` is the reason and since when it counts as known."""
    reason, known_at = why
    vault.connection.execute(
        upsert(methodology)
        .values(version=version.version, parameters=version.to_dict(), recorded_at=vault.at)
        .on_conflict_do_nothing()
    )
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
    audit.write(vault, actor, "methodology.adopt", ("methodology", version.version), operation=operation)


def in_force(reader: VaultReader, operation: str, as_of: datetime) -> Methodology:
    """Give the version that was in force for the operation at that moment; the published default where none was."""
    query = (
        select(methodology.c.parameters)
        .join_from(methodology_in_force, methodology)
        .where(methodology_in_force.c.operation == operation, methodology_in_force.c.known_at <= as_of)
        .order_by(methodology_in_force.c.known_at.desc(), methodology_in_force.c.id.desc())
        .limit(1)
    )
    stored = reader.connection.execute(query).scalar()
    return DEFAULT if stored is None else Methodology.from_dict(stored)
