"""The ledger of what is gone: a file outside the database, which a restore of the database does not take back.

One JSON object a line, ids and words of ours alone:

    {"at":"2026-11-22T10:15:00.123456Z","gone":true,"id":"...","kind":"incident","reason":"harm","hash":"..."}

Lines are only added. The last line of a record counts. Each line's hash covers its content and the hash of the line
before it: that one was changed, taken out or put in shows (``flaw``). That the end was cut off does not; the head shows
it to whoever wrote it down, and what is gone in the database is added again.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import orjson

FILE = "tombstones.jsonl"
GENESIS = hashlib.sha256(b"flashpoint.tombstones").digest()

_WORD = re.compile(r"[a-z_]{1,40}")


class Kind(StrEnum):
    """What can be gone. ``purge`` is of an incident: what people said of it was erased."""

    INCIDENT = "incident"
    LOCALITY = "locality"
    COMMUNITY = "community"
    ASSESSMENT = "assessment"
    PRESENCE = "presence"
    PURGE = "purge"
    KEY = "key"
    PERSON = "person"


@dataclass(frozen=True, slots=True, order=True)
class Tombstone:
    """That something is gone, why, and since when: the very instant that the database has for it.

    Not ``gone``: what ended at ``at`` was taken back into use.
    """

    at: datetime
    kind: Kind
    id: UUID
    reason: str
    gone: bool = True


Key = tuple[Kind, UUID]


class Ledger:
    """The file, as far as it was read. Processes on one host share it: who writes holds it alone."""

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is read yet."""
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self.latest: dict[Key, Tombstone] = {}
        self.head = GENESIS
        self.lines = 0
        #: Lines that are no entry, such as one that was being written when the power went.
        self.unreadable = 0
        #: The first line whose hash does not fit, counted from 1.
        self.flaw: int | None = None
        self._read_bytes = 0

    def refresh(self) -> bool:
        """Read what was added; say whether the file goes on from what was read before, and is not another one.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                return self._refresh(file.fileno())
        except FileNotFoundError:
            went_on = self._read_bytes == 0
            self._forget()
            return went_on

    def _refresh(self, descriptor: int) -> bool:
        went_on = os.fstat(descriptor).st_size >= self._read_bytes
        if not went_on:
            self._forget()
        os.lseek(descriptor, self._read_bytes, os.SEEK_SET)
        added = b"".join(iter(lambda: os.read(descriptor, 1 << 20), b""))
        # What has no end of line yet is somebody's half-written one.
        whole = added[: added.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.splitlines():
            self._take(line)
        return went_on

    def _take(self, line: bytes) -> None:
        self.lines += 1
        read = _read(line)
        if read is None:
            self.unreadable += 1
            return
        entry, own = read
        if own != _hash(self.head, entry) and self.flaw is None:
            self.flaw = self.lines
        # From a line that does not fit on, the chain goes on from that one: one flaw is one flaw.
        self.head = own
        self.latest[entry.kind, entry.id] = entry

    def append(self, entries: Iterable[Tombstone]) -> int:
        """Add those that the file does not say already; give how many. They are on the disk when this returns.

        Raises:
            OSError: the file cannot be written.
        """
        wanted = list(entries)
        if not wanted:
            return 0
        with self._alone() as descriptor:
            self._refresh(descriptor)
            if os.fstat(descriptor).st_size > self._read_bytes:
                # Somebody's half-written line stays, as a line of its own; one that lacks its end alone is an entry.
                _write(descriptor, b"\n")
                self._refresh(descriptor)
            new = list(self._news(wanted))
            _write(descriptor, b"".join(chained(self.head, new)))
            os.fsync(descriptor)
            self._refresh(descriptor)
        return len(new)

    def _news(self, entries: Iterable[Tombstone]) -> Iterator[Tombstone]:
        said = dict(self.latest)
        for one in entries:
            if said.get((one.kind, one.id)) != one:
                said[one.kind, one.id] = one
                yield one

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """Hold the file, made on first use, for the owner's eyes only."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            _sync_folder(self.path.parent)
        finally:
            os.close(descriptor)

    def entries(self) -> list[Tombstone]:
        """List the last entry of each record, oldest first."""
        return sorted(self.latest.values())

    def gone(self) -> dict[Key, Tombstone]:
        """Give what is gone."""
        return {key: entry for key, entry in self.latest.items() if entry.gone}


def chained(head: bytes, entries: Iterable[Tombstone]) -> Iterator[bytes]:
    """Write entries as lines that follow a head."""
    for entry in entries:
        head = _hash(head, entry)
        yield orjson.dumps({**_tree(entry), "hash": head.hex()}) + b"\n"


def _tree(entry: Tombstone) -> dict[str, object]:
    tree = asdict(entry) | {"at": entry.at.isoformat(), "kind": str(entry.kind), "id": str(entry.id)}
    return dict(sorted(tree.items()))


def _hash(head: bytes, entry: Tombstone) -> bytes:
    return hashlib.sha256(head + orjson.dumps(_tree(entry))).digest()


def _read(line: bytes) -> tuple[Tombstone, bytes] | None:
    """Read a line; ``None`` for one that is no entry."""
    try:
        tree = orjson.loads(line)
        at, gone = datetime.fromisoformat(tree["at"]), tree["gone"]
        entry = Tombstone(at, Kind(tree["kind"]), UUID(tree["id"]), str(tree["reason"]), gone is True)
        own = bytes.fromhex(tree["hash"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    sound = at.tzinfo is not None and isinstance(gone, bool) and _WORD.fullmatch(entry.reason) is not None
    return (entry, own) if sound else None


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
