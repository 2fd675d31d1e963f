"""The audit log: who did what to which record, in the same transaction as the deed. Ids and field names, no content."""

from collections.abc import Mapping

from sqlalchemy import insert

from flashpoint.store.engine import Vault
from flashpoint.store.tables import audit
from flashpoint.types import Actor


def write(vault: Vault, actor: Actor, action: str, subject: tuple[str, object], **detail: object) -> None:
    """Append one row to the chain. ``subject`` is a kind and an id; ``operation`` in ``detail`` gets its own column."""
    kind, subject_id = subject
    vault.connection.execute(
        insert(audit).values(
            at=vault.at,
            actor_id=actor.id,
            key_id=actor.key_id,
            operation=detail.pop("operation", None),
            action=action,
            subject=kind,
            subject_id=str(subject_id),
            detail=_plain(detail),
            # Filled by the trigger that makes the chain.
            seq=0,
            previous_hash=b"",
            hash=b"",
        )
    )


def _plain(detail: Mapping[str, object]) -> dict[str, object]:
    return {key: value if isinstance(value, int | bool) else str(value) for key, value in detail.items()}
