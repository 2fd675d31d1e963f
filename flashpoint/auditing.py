"""The audit log, looked over: its chain computed anew without trusting the database, and its entries for the auditor.

Each row's hash covers its content and the hash of the row before it. So the chain shows any change of a row, and any
row that was taken out, put in or moved, but for one thing: a log cut off at its end, or made anew from some row on,
fits together again. That shows against a **head** (number and hash of the last row) that was kept elsewhere.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from flashpoint.access import CONSOLE
from flashpoint.errors import Invalid, Violation
from flashpoint.store import audit, audit_reading
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.types import Actor

_HASH_BYTES = 32
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Head:
    """A row of the chain by its number and hash, as it is written down to be kept elsewhere."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


#: What the first row follows.
GENESIS = Head(0, hashlib.sha256(b"flashpoint").digest())


class Flaw(StrEnum):
    """What can be wrong with a row of the log; the value says it in words."""

    NO_START = "the rows before it are gone, or it was made the first"
    GAP = "the rows between it and the one before are gone"
    TWICE = "its number is not greater than that of the row before"
    RESTART = "the chain begins anew here"
    LINK = "it does not follow the row before: rows were put in, taken out or moved"
    CONTENT = "it is not as it was written"
    NOT_THE_HEAD = "it is another row than the one that was kept: the log was made anew, here or before"
    NO_END = "a row that was kept is gone: the log was cut off behind this one"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong, and at which row."""

    flaw: Flaw
    seq: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many rows there are, the head, what is wrong first, and what is recorded without its entry in the log."""

    rows: int
    head: Head
    heads_kept: int
    finding: Finding | None
    unlogged: int
    unlogged_since: datetime | None

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, as far as it can be seen."""
        return self.finding is None and self.unlogged == 0


Check = Callable[[Head, Record], Flaw | None]


def _in_turn(before: Head, row: Record) -> Flaw | None:
    if row.seq == before.seq + 1:
        return None
    if row.seq <= before.seq:
        return Flaw.TWICE
    return Flaw.NO_START if before is GENESIS else Flaw.GAP


def _follows(before: Head, row: Record) -> Flaw | None:
    if bytes(row.previous_hash) == before.hash:
        return None
    if before is GENESIS:
        return Flaw.NO_START
    return Flaw.RESTART if bytes(row.previous_hash) == GENESIS.hash else Flaw.LINK


def _as_written(_: Head, row: Record) -> Flaw | None:
    own = hashlib.sha256(bytes(row.previous_hash) + row.content.encode()).digest()
    return None if own == bytes(row.hash) else Flaw.CONTENT


#: What is looked at in each row, against the one before it. What comes first says most about what happened.
CHECKS: tuple[Check, ...] = (_in_turn, _follows, _as_written)


def verify(reader: VaultReader, heads: Sequence[Head] = ()) -> Verdict:
    """Compute the chain anew, in one pass over the log, and hold it against heads that were kept elsewhere."""
    unlogged, since = audit_reading.unlogged(reader)
    rows, last, finding = follow(audit_reading.chain(reader), heads)
    return Verdict(rows, last, len(heads), finding, unlogged, since)


def follow(
    chain: Iterable[Record], heads: Iterable[Head], checks: Sequence[Check] = CHECKS
) -> tuple[int, Head, Finding | None]:
    """Go along the rows of a chain; give how many there are, the last one, and the first thing that is wrong."""
    kept: dict[int, set[bytes]] = defaultdict(set)
    for one in heads:
        kept[one.seq].add(one.hash)
    finding, before, rows = _unlike(kept, GENESIS), GENESIS, 0
    for row in chain:
        here = Head(row.seq, bytes(row.hash))
        finding = finding or _first(checks, before, row) or _unlike(kept, here)
        before, rows = here, rows + 1
    if finding is None and max(kept, default=0) > before.seq:
        finding = Finding(Flaw.NO_END, before.seq)
    return rows, before, finding


def _first(checks: Sequence[Check], before: Head, row: Record) -> Finding | None:
    for check in checks:
        flaw = check(before, row)
        if flaw is not None:
            return Finding(flaw, row.seq)
    return None


def _unlike(kept: dict[int, set[bytes]], here: Head) -> Finding | None:
    """Say so where another row than this one was kept under its number; of two that differ, one is not this."""
    return Finding(Flaw.NOT_THE_HEAD, here.seq) if kept.get(here.seq, {here.hash}) != {here.hash} else None


def head(reader: VaultReader) -> Head:
    """Give the head of the log as it is now; of an empty one, what its first row will follow."""
    last = audit_reading.last(reader)
    return GENESIS if last is None else Head(*last)


def read_heads(lines: Iterable[str], option: str) -> list[Head]:
    """Read heads as ``head`` writes them, one a line; empty lines and those that begin with # are left out.

    Raises:
        Invalid: a line is something else.
    """
    written = (line.strip() for line in lines)
    return [_read_head(line, option) for line in written if line and not line.startswith("#")]


def _read_head(line: str, option: str) -> Head:
    seq, _, digest = line.partition(":")
    try:
        found = Head(int(seq), bytes.fromhex(digest))
    except ValueError:
        found = Head(-1, b"")
    if found.seq < 0 or len(found.hash) != _HASH_BYTES:
        raise Invalid(Violation(option, "head", "must be a number, a colon and a hash, as audit head writes them"))
    return found


def look(vault: Vault, actor: Actor, filters: audit_reading.Filters, window: tuple[int, int]) -> list[dict[str, Any]]:
    """List entries of the log as the actor may see them: who, when, did what, to which records. Never what it said.

    ``window`` is the most entries to give, and the number of the row to continue behind. Looking is logged itself:
    which rows were shown, and for which record.
    """
    rows = audit_reading.page(vault, filters, *window)
    about = {"first": rows[0].seq, "last": rows[-1].seq} if rows else {}
    asked = {} if filters.record is None else {"record": filters.record}
    # An operation that was asked for and holds no entry may be anything that somebody typed.
    operation = filters.operation if rows else None
    subject = ("audit", operation or audit.ALL)
    audit.write(vault, actor, "list", subject, operation=operation, count=len(rows), **about, **asked)
    return [_entry(row, filters.record) for row in rows]


def _entry(row: Record, about: UUID | None) -> dict[str, Any]:
    records = _records(row)
    handle = row.handle or (CONSOLE.handle if row.actor_id == CONSOLE.id else None)
    return {
        "seq": row.seq,
        "at": row.at,
        "actor": {"id": row.actor_id, "handle": handle},
        "key_id": row.key_id,
        "operation": row.operation,
        "action": row.action,
        "kind": row.subject,
        # Of a page of a thousand, whoever asks about one record is told of that one.
        "records": records if about is None else [str(about)],
        "count": len(records),
    }


def _records(row: Record) -> list[str]:
    """Give every id in an entry: of the record itself, of those that were shown, of those that it was linked to."""
    # What was logged by earlier versions may hold a name where the record has no id: only ids are shown.
    values = [row.subject_id, *row.detail.get("ids", []), *row.detail.values()]
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and _ID.fullmatch(value)))
