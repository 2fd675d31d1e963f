"""The audit log: who did what to which record, in the same transaction as the deed. Ids and words of ours, no content.

Nothing that somebody typed gets in. What has no id of its own, such as a version of the method or a code list, goes
by one that is made of its name (``id_of``).
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import EnumType, StrEnum
from typing import TypeAlias
from uuid import UUID, uuid5

import orjson
from sqlalchemy import exc, insert

from flashpoint import access, types, workflow
from flashpoint.errors import Unavailable
from flashpoint.store.engine import Vault
from flashpoint.store.tables import audit, metadata
from flashpoint.types import Actor

#: As many records as one entry names; as many are on the longest page of a listing.
MOST_IDS = 1000

#: What an entry is about that is about no one record and no one operation.
ALL = "all"

_NAMES = UUID("5f1e6c1a-7a52-4d0e-9f0b-0d6c6f8f3a17")
_WORDS = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40})?")
_CODE = re.compile(r"[A-Za-z0-9_]{1,16}")
_ID = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Names of fields, and the words of our enumerations: all that a plain text may say.
_FIELDS = frozenset(column.name for table in metadata.tables.values() for column in table.c)
_VOCABULARY = _FIELDS | {
    str(word)
    for module in (access, types, workflow)
    for found in vars(module).values()
    if isinstance(found, EnumType) and issubclass(found, StrEnum)
    for word in found
}

Plain: TypeAlias = bool | int | float | str | list["Plain"] | None


def write(
    vault: Vault,
    actor: Actor,
    action: str,
    subject: tuple[str, object],
    *,
    operation: str | None = None,
    **detail: object,
) -> None:
    """Append one entry to the chain, in the caller's transaction and last in it where that can be.

    ``subject`` is a kind and an id: a UUID, a number, a digest in hexadecimal, the operation itself for all that it
    holds, or ``ALL``. ``detail`` takes ids, numbers, instants, words of our enumerations and names of fields; ``ids``
    are the records that were shown or changed, ``operations`` codes.

    Raises:
        Unavailable: the log takes no entry. Whatever was to be logged must not happen, nor be shown.
        TypeError: something is, or may be, what somebody typed.
    """
    kind, subject_id = subject
    values = {
        "at": vault.at,
        "actor_id": actor.id,
        "key_id": actor.key_id,
        "operation": None if operation is None else _code(operation),
        "action": _word(action),
        "subject": _word(kind),
        "subject_id": _subject_id(subject_id, operation),
        "detail": _detail(detail),
        # Filled by the trigger that makes the chain.
        "seq": 0,
        "previous_hash": b"",
        "hash": b"",
    }
    try:
        vault.connection.execute(insert(audit).values(values))
    except exc.DBAPIError as error:
        raise Unavailable("the audit log takes no entry, so nothing was done and nothing is shown") from error


def id_of(kind: str, *names: str) -> UUID:
    """Give the id by which the log knows something that has only a name, such as a version within its operation."""
    return uuid5(_NAMES, orjson.dumps([kind, *names]).decode())


def _detail(detail: Mapping[str, object]) -> dict[str, Plain]:
    return {_word(name): _LISTS.get(name, _plain)(value) for name, value in detail.items()}


def _codes(value: object) -> list[Plain]:
    return [_code(code) for code in _listed(value)]


def _ids(value: object) -> list[Plain]:
    try:
        return [str(one if isinstance(one, UUID) else UUID(str(one))) for one in _listed(value)]
    except ValueError:
        raise _refused() from None


_LISTS: dict[str, Callable[[object], Plain]] = {"ids": _ids, "operations": _codes}


def _listed(value: object) -> list[object]:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, list | tuple):
        return list(value)
    raise _refused()


def _plain(value: object) -> Plain:
    if isinstance(value, StrEnum | UUID):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        if value in _VOCABULARY or _ID.fullmatch(value):
            return value
        raise _refused()
    return [_plain(one) for one in _listed(value)]


def _subject_id(value: object, operation: str | None) -> str:
    # Digits alone are taken as a number and not as text: that may be a telephone.
    if isinstance(value, UUID | int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and (value in {ALL, operation} or _ID.fullmatch(value)):
        return value
    raise _refused()


def _word(text: str) -> str:
    if _WORDS.fullmatch(text):
        return str(text)
    raise _refused()


def _code(text: object) -> str:
    if isinstance(text, str) and _CODE.fullmatch(text):
        return text
    raise _refused()


def _refused() -> TypeError:
    return TypeError("the audit log takes ids, numbers and words of ours, and nothing that somebody may have typed")
