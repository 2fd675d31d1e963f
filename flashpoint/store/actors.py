"""People, and the keys they come with. A key is shown once; only its keyed hash is kept."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, insert, select, update

from flashpoint.errors import NotFound
from flashpoint.store import audit
from flashpoint.store.engine import Vault, VaultReader
from flashpoint.store.tables import actor as actor_table
from flashpoint.store.tables import api_key
from flashpoint.types import Actor, ActorId, Audience, Role

_PREFIX = "fp_"
_CHECK_LENGTH = 6

#: Who acts when the command line does: whoever can run it here already holds the database.
CONSOLE = Actor(ActorId(UUID(int=1)), UUID(int=1), "console", Role.COORDINATOR, Audience.CLUSTER, None)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a new key is for. ``operations`` is ``None`` for all of them."""

    handle: str
    role: Role
    audience: Audience
    operations: tuple[str, ...] | None
    lifetime_days: int = 90


def digest(token: str, pepper: bytes) -> bytes:
    """Give the keyed hash under which a token is kept."""
    return hmac.digest(pepper, token.encode(), "sha256")


def well_formed(token: str) -> bool:
    """Say whether a token's checksum is right: a typing mistake never costs a look-up."""
    body, check = token[:-_CHECK_LENGTH], token[-_CHECK_LENGTH:]
    return token.startswith(_PREFIX) and token.isascii() and hmac.compare_digest(_check(body), check)


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_CHECK_LENGTH]


def new_token() -> str:
    """Make a token: prefix, 256 random bits, checksum."""
    body = _PREFIX + secrets.token_urlsafe(32)
    return body + _check(body)


def person(vault: Vault, handle: str) -> ActorId:
    """Give the actor of that handle, recorded on first use."""
    found = vault.connection.execute(select(actor_table.c.id).where(actor_table.c.handle == handle)).scalar()
    if found is None:
        found = CONSOLE.id if handle == CONSOLE.handle else uuid4()
        vault.connection.execute(insert(actor_table).values(id=found, handle=handle, recorded_at=vault.at))
    return ActorId(found)


def console(vault: Vault) -> Actor:
    """Give the actor of the command line, recorded on first use."""
    person(vault, CONSOLE.handle)
    return CONSOLE


def issue(vault: Vault, by: Actor, grant: KeyGrant, pepper: bytes) -> tuple[UUID, str]:
    """Issue a key; give its id and, this once, the token itself."""
    token, key_id = new_token(), uuid4()
    vault.connection.execute(
        insert(api_key).values(
            id=key_id,
            actor_id=person(vault, grant.handle),
            prefix=token[: len(_PREFIX) + 4],
            digest=digest(token, pepper),
            role=grant.role,
            audience=grant.audience,
            operations=None if grant.operations is None else list(grant.operations),
            recorded_at=vault.at,
            expires_at=vault.at + timedelta(days=grant.lifetime_days),
        )
    )
    audit.write(vault, by, "key.issue", ("api_key", key_id), role=grant.role)
    return key_id, token


def revoke(vault: Vault, by: Actor, key_id: UUID) -> None:
    """Revoke a key from this instant on.

    Raises:
        NotFound: there is no such key that is still in use.
    """
    result = vault.connection.execute(
        update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None)).values(revoked_at=vault.at)
    )
    if result.rowcount == 0:
        raise NotFound("no such key")
    audit.write(vault, by, "key.revoke", ("api_key", key_id))


def keys(reader: VaultReader) -> list[RowMapping]:
    """List every key with its holder, newest first; never the digest."""
    columns = [column for column in api_key.c if column.name != "digest"]
    query = select(*columns, actor_table.c.handle).join_from(api_key, actor_table)
    return list(reader.connection.execute(query.order_by(api_key.c.recorded_at.desc(), api_key.c.id)).mappings())


def ring(reader: VaultReader) -> dict[bytes, Actor]:
    """Give every key that is in use, by digest."""
    query = select(api_key, actor_table.c.handle).join_from(api_key, actor_table).where(api_key.c.revoked_at.is_(None))
    return dict(_actors(reader.connection.execute(query).mappings()))


def _actors(rows: Iterable[RowMapping]) -> Iterable[tuple[bytes, Actor]]:
    for row in rows:
        operations = None if row["operations"] is None else frozenset(row["operations"])
        yield (
            bytes(row["digest"]),
            Actor(
                ActorId(row["actor_id"]),
                row["id"],
                row["handle"],
                Role(row["role"]),
                Audience(row["audience"]),
                operations,
                row["expires_at"].astimezone(UTC),
            ),
        )


def expired(actor: Actor, now: datetime) -> bool:
    """Say whether the actor's key is past its time."""
    return actor.expires_at is not None and actor.expires_at <= now
