"""People, and what they come with: keys of ours, or the sign-in of an enrolled person.

A key is shown once; only its keyed hash is kept. Of an enrolled person only the keyed hash of issuer and subject is:
who that is, the sign-in provider alone knows.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, RowMapping, insert, select, text, update

from flashpoint.access import CONSOLE
from flashpoint.errors import Conflict, NotFound
from flashpoint.store import audit
from flashpoint.store.engine import Vault, VaultReader
from flashpoint.store.tables import actor as actor_table
from flashpoint.store.tables import api_key
from flashpoint.types import Actor, ActorId, Audience, Credential, Role

__all__ = [
    "CONSOLE",
    "SUBJECT_FORM",
    "KeyGrant",
    "Subject",
    "console",
    "digest",
    "enrol",
    "expired",
    "issue",
    "keys",
    "new_token",
    "note_use",
    "person",
    "revoke",
    "ring",
    "rotate",
    "well_formed",
]

#: What OpenID Connect allows as a subject.
SUBJECT_FORM = re.compile(r"[ -~]{1,255}")

_PREFIX = "fp_"
_CHECK_LENGTH = 6


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a key, or an enrolled person, may do. ``None`` stands for all operations, or all actions of the role."""

    handle: str
    role: Role
    audience: Audience
    operations: tuple[str, ...] | None
    lifetime: timedelta = timedelta(days=90)
    actions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody as the sign-in provider knows them. It is hashed and never kept."""

    issuer: str
    subject: str

    def digest(self, pepper: bytes) -> bytes:
        """Give the keyed hash under which the enrolment is kept. No key can have the same: keys hold no line feed."""
        return hmac.digest(pepper, f"oidc\n{self.issuer}\n{self.subject}".encode(), "sha256")


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
    token = new_token()
    key_id = _add(vault, grant, Credential.KEY, _shown(token, pepper))
    audit.write(vault, by, "key.issue", ("api_key", key_id), role=grant.role)
    return key_id, token


def rotate(vault: Vault, by: Actor, key_id: UUID, grace: timedelta, pepper: bytes) -> tuple[UUID, str]:
    """Issue the successor of a key, good for the same and as long; the old one ends after ``grace``, if not before.

    Raises:
        NotFound: there is no such key that is still in use.
        Conflict: it has a successor already.
    """
    old = _in_use(vault, Credential.KEY, api_key.c.id == key_id)
    if old is None or old["expires_at"] <= vault.at:
        raise NotFound("no such key")
    if vault.connection.execute(select(api_key.c.id).where(api_key.c.replaces == key_id)).first():
        raise Conflict("the key was rotated before: rotate its successor, or revoke both and issue another")
    token = new_token()
    successor = _add(vault, _again(old), Credential.KEY, {**_shown(token, pepper), "replaces": key_id})
    ends_at = min(old["expires_at"], vault.at + grace)
    vault.connection.execute(update(api_key).where(api_key.c.id == key_id).values(expires_at=ends_at))
    audit.write(vault, by, "key.rotate", ("api_key", key_id), successor=successor)
    return successor, token


def enrol(vault: Vault, by: Actor, grant: KeyGrant, hashed: bytes) -> UUID:
    """Let somebody in by the provider's subject, given as its digest; an enrolment that there is ends with it.

    Raises:
        Conflict: the same subject was enrolled under another handle. One person under two names would count as two
            where two are needed.
    """
    actor_id = person(vault, grant.handle)
    another = select(api_key.c.id).where(api_key.c.digest == hashed, api_key.c.actor_id != actor_id)
    if vault.connection.execute(another).first():
        raise Conflict("this person is known here by another handle")
    old = _in_use(vault, Credential.PERSON, api_key.c.digest == hashed)
    if old is not None:
        vault.connection.execute(update(api_key).where(api_key.c.id == old["id"]).values(revoked_at=vault.at))
    replaced = None if old is None else old["id"]
    key_id = _add(vault, grant, Credential.PERSON, {"digest": hashed, "prefix": "", "replaces": replaced})
    detail = {} if replaced is None else {"replaces": replaced}
    audit.write(vault, by, "person.enrol", ("api_key", key_id), role=grant.role, **detail)
    return key_id


def _shown(token: str, pepper: bytes) -> dict[str, object]:
    return {"prefix": token[: len(_PREFIX) + 4], "digest": digest(token, pepper)}


def _again(old: RowMapping) -> KeyGrant:
    """Give the grant that a key was issued with."""
    operations, actions = (None if old[name] is None else tuple(old[name]) for name in ("operations", "actions"))
    lifetime = old["expires_at"] - old["recorded_at"]
    return KeyGrant(old["handle"], Role(old["role"]), Audience(old["audience"]), operations, lifetime, actions)


def _in_use(vault: Vault, kind: Credential, which: ColumnElement[bool]) -> RowMapping | None:
    """Give the row that was not revoked, locked: who rotates, enrols or revokes at the same time waits."""
    query = select(api_key, actor_table.c.handle).join_from(api_key, actor_table)
    found = query.where(which, api_key.c.kind == kind, api_key.c.revoked_at.is_(None))
    return vault.connection.execute(found.with_for_update(of=api_key)).mappings().one_or_none()


def _add(vault: Vault, grant: KeyGrant, kind: Credential, columns: Mapping[str, object]) -> UUID:
    key_id = uuid4()
    given = {
        "id": key_id,
        "kind": kind,
        "actor_id": person(vault, grant.handle),
        "role": grant.role,
        "audience": grant.audience,
        "operations": None if grant.operations is None else list(grant.operations),
        "actions": None if grant.actions is None else list(grant.actions),
        "recorded_at": vault.at,
        "expires_at": vault.at + grant.lifetime,
    }
    vault.connection.execute(insert(api_key).values(**given, **columns))
    return key_id


def revoke(vault: Vault, by: Actor, key_id: UUID, kind: Credential = Credential.KEY) -> None:
    """Revoke a key, or end an enrolment, from this instant on.

    Raises:
        NotFound: there is none of that kind that is still in use.
    """
    which = (api_key.c.id == key_id, api_key.c.kind == kind, api_key.c.revoked_at.is_(None))
    result = vault.connection.execute(update(api_key).where(*which).values(revoked_at=vault.at))
    if result.rowcount == 0:
        raise NotFound("no such key" if kind is Credential.KEY else "no such enrolment")
    audit.write(vault, by, f"{kind}.revoke", ("api_key", key_id))


def keys(reader: VaultReader, kind: Credential = Credential.KEY) -> list[RowMapping]:
    """List every key, or every enrolled person, newest first; never the digest."""
    columns = [column for column in api_key.c if column.name not in {"digest", "kind"}]
    query = select(*columns, actor_table.c.handle).join_from(api_key, actor_table).where(api_key.c.kind == kind)
    return list(reader.connection.execute(query.order_by(api_key.c.recorded_at.desc(), api_key.c.id)).mappings())


def note_use(vault: Vault, days: Mapping[UUID, date]) -> None:
    """Keep on which day each key was last used: the day alone, and only where it is a later one."""
    used = text("""
        UPDATE vault.api_key k SET last_used_on = used.day
        FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS used (id, day)
        WHERE k.id = used.id AND (k.last_used_on IS NULL OR k.last_used_on < used.day)
    """)
    vault.connection.execute(used, {"ids": list(days), "days": list(days.values())})


def ring(reader: VaultReader) -> dict[bytes, Actor]:
    """Give everything that is in use, keys and enrolments, by digest."""
    query = select(api_key, actor_table.c.handle).join_from(api_key, actor_table).where(api_key.c.revoked_at.is_(None))
    return dict(_actors(reader.connection.execute(query).mappings()))


def _actors(rows: Iterable[RowMapping]) -> Iterable[tuple[bytes, Actor]]:
    for row in rows:
        operations, actions = (
            None if row[name] is None else frozenset(row[name]) for name in ("operations", "actions")
        )
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
                actions,
            ),
        )


def expired(actor: Actor, now: datetime) -> bool:
    """Say whether the actor's key is past its time."""
    return actor.expires_at is not None and actor.expires_at <= now
