"""The account of an import: every row of the file ends up imported, skipped or already there, and says why.

Counts are in rows of the file, not in records stored: two rows added up into one place are two rows imported.
Reasons are fixed sentences and examples are references (row numbers, external ids), so that neither ever carries
what somebody typed, and so that the account of a huge file stays small.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_EXAMPLES = 5


class Kind(StrEnum):
    """What a remark is about: a row left out, a value put right, or something worth knowing."""

    SKIP = "skip"
    REPAIR = "repair"
    NOTE = "note"


@dataclass(slots=True)
class Remark:
    """How often one thing happened, and where, by up to five references."""

    kind: Kind
    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Give the remark as plain values."""
        return {"kind": self.kind.value, "reason": self.reason, "count": self.count, "examples": list(self.examples)}


@dataclass(slots=True)
class Account:
    """Running counts of one import; ``check`` says that they add up."""

    read: int = 0
    imported: int = 0
    skipped: int = 0
    already_there: int = 0
    _remarks: dict[tuple[Kind, str], Remark] = field(default_factory=dict)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """All remarks: skips first, then repairs, then notes, each in the order in which they were first met."""
        order = list(Kind)
        return tuple(sorted(self._remarks.values(), key=lambda remark: order.index(remark.kind)))

    def count_read(self) -> None:
        """Count one more row of the file."""
        self.read += 1

    def count_imported(self, rows: int = 1) -> None:
        """Count rows whose content was stored."""
        self.imported += rows

    def count_already_there(self, rows: int = 1) -> None:
        """Count rows whose content had been stored by an earlier import."""
        self.already_there += rows

    def skip(self, reason: str, reference: str) -> None:
        """Count one row as left out, and say why."""
        self.skipped += 1
        self._remark(Kind.SKIP, reason, reference)

    def repair(self, reason: str, reference: str) -> None:
        """Say that a value was put right; the row stays in, so no count changes."""
        self._remark(Kind.REPAIR, reason, reference)

    def note(self, reason: str, reference: str | None = None) -> None:
        """Say something that the reader of the account should know; without a reference it is about the whole file."""
        self._remark(Kind.NOTE, reason, reference)

    def check(self) -> None:
        """Raise ``RuntimeError`` unless every row read is accounted for exactly once."""
        settled = self.imported + self.skipped + self.already_there
        if self.read != settled:
            raise RuntimeError(f"{self.read} rows read, but {settled} accounted for")

    def to_dict(self) -> dict[str, Any]:
        """Give the account as plain values, for ``--json``."""
        return {
            "read": self.read,
            "imported": self.imported,
            "skipped": self.skipped,
            "already_there": self.already_there,
            "notes": [remark.to_dict() for remark in self.remarks],
        }

    def lines(self) -> list[str]:
        """Give the account as sentences for people; no markup, so that any printer may show them."""
        head = (
            f"{self.read} rows read: {self.imported} imported, {self.skipped} skipped, "
            f"{self.already_there} already there"
        )
        return [head, *(_line(remark) for remark in self.remarks)]

    def _remark(self, kind: Kind, reason: str, reference: str | None) -> None:
        remark = self._remarks.setdefault((kind, reason), Remark(kind, reason))
        remark.count += 1
        if reference is not None and len(remark.examples) < MAX_EXAMPLES:
            remark.examples.append(reference)


def _line(remark: Remark) -> str:
    where = ""
    if remark.examples:
        more = ", ..." if remark.count > len(remark.examples) else ""
        where = f" ({', '.join(remark.examples)}{more})"
    return f"{remark.kind.value} x{remark.count}: {remark.reason}{where}"
