"""A request that carries a key happens once, however often and however late it is repeated."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import insert, select, text

from flashpoint.errors import KeyReused
from flashpoint.store.engine import Vault
from flashpoint.store.tables import idempotency
from flashpoint.types import Actor


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: kept with its key for ever, a telephone may be offline for weeks."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def once(
    vault: Vault, actor: Actor, request: tuple[str | None, bytes], act: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """Act, unless the actor's key was used before; then give the answer of that time. Says whether it is a repeat.

    ``request`` is the key (or none) and the fingerprint of the request. A repeat that races its original waits for
    it. What fails is not kept: it changed nothing, and may be tried again.

    Raises:
        KeyReused: the key came with another request before.
    """
    key, fingerprint = request
    if key is None:
        return act(), False
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))")
    vault.connection.execute(lock, {"name": f"{actor.id} {key}"})
    mine = (idempotency.c.actor_id == actor.id, idempotency.c.key == key)
    kept = vault.connection.execute(select(idempotency).where(*mine)).one_or_none()
    if kept is not None:
        if bytes(kept.request_sha256) != fingerprint:
            raise KeyReused("this idempotency key came with another request before")
        return Answer(kept.status, bytes(kept.body), dict(kept.headers)), True
    answer = act()
    vault.connection.execute(
        insert(idempotency).values(
            actor_id=actor.id,
            key=key,
            request_sha256=fingerprint,
            recorded_at=vault.at,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )
    )
    return answer, False
