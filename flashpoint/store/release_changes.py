"""What is about to be released, what of it differs from what is, and the statements that write the difference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import select, text

from flashpoint.released import Standing
from flashpoint.store.engine import Vault
from flashpoint.store.tables import matrix_row
from flashpoint.types import Audience

#: Rows written by one statement: thousands of rows are not one parameter of a hundred megabytes.
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row about to be released, without what depends on the other rows; its place is that of the locality's version.

    ``properties`` is a JSON object, not empty, that says nothing of ranks. ``sha256`` tells the row from any other.
    """

    locality_id: UUID
    locality_version: int
    pcode: str
    name: str
    tier: str
    score: float
    properties: str
    explanation: str
    sha256: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the fingerprint once: a row is compared far more often than it is made."""
        told = f"{self.locality_id} {self.locality_version} {self.properties}\n{self.explanation}"
        object.__setattr__(self, "sha256", sha256(told.encode()).digest())


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a release says whenever it was evaluated: the JSON members of its head, its rows, and how they stand.

    ``ids`` are the localities in order, ``rows`` and ``standing`` stand in theirs. ``sha256`` tells the content from
    any other.
    """

    head: str
    ids: tuple[UUID, ...]
    rows: Sequence[NewRow]
    standing: Standing
    sha256: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the fingerprint, of the rows by theirs."""
        digest = sha256(self.head.encode())
        digest.update(b"".join([row.sha256 for row in self.rows]))
        digest.update(np.ascontiguousarray(self.standing.ranks, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(self.standing.shares, dtype="<f8").tobytes())
        object.__setattr__(self, "sha256", digest.digest())


@dataclass(frozen=True, slots=True, eq=False)
class NewRelease:
    """A matrix about to be released. ``moment`` holds the JSON members that change with every evaluation.

    ``before`` may be any earlier content: where it turns out to be what is stored, the difference is found without
    asking the database for it.
    """

    operation: str
    audience: Audience
    as_of: datetime
    moment: str
    content: Content
    before: Content | None = None

    def head(self) -> str:
        """Write the members of the head."""
        return f"{self.moment},{self.content.head}"


_DELETE = text("""
    DELETE FROM release.matrix_row
    WHERE operation = :operation AND audience = :audience AND locality_id = ANY(CAST(:id AS uuid[]))
""")
_WRITE = text("""
    INSERT INTO release.matrix_row
        (operation, audience, locality_id, locality_version, revision, content_sha256, pcode, name, tier, score,
         properties, explanation, point, area)
    SELECT :operation, :audience, u.id, u.version, :revision, u.sha256, u.pcode, u.name, u.tier, u.score,
           u.properties, u.explanation, l.point, l.area
    FROM unnest(CAST(:id AS uuid[]), CAST(:version AS int[]), CAST(:sha256 AS bytea[]), CAST(:pcode AS text[]),
                CAST(:name AS text[]), CAST(:tier AS text[]), CAST(:score AS float8[]), CAST(:properties AS text[]),
                CAST(:explanation AS text[]))
         AS u (id, version, sha256, pcode, name, tier, score, properties, explanation)
    JOIN vault.locality l ON l.id = u.id AND l.version = u.version
    ON CONFLICT (operation, audience, locality_id) DO UPDATE
    SET locality_version = excluded.locality_version, revision = excluded.revision,
        content_sha256 = excluded.content_sha256, pcode = excluded.pcode, name = excluded.name, tier = excluded.tier,
        score = excluded.score, properties = excluded.properties, explanation = excluded.explanation,
        point = excluded.point, area = excluded.area
""")


def write_changes(vault: Vault, new: NewRelease, revision: int, stored_sha256: bytes | None) -> None:
    """Make the rows that are stored those of ``new``, touching only what differs.

    ``stored_sha256`` is the content that is stored; the caller holds the lock on its row of ``release.matrix``.
    """
    before = new.before
    if before is not None and before.sha256 == stored_sha256 and before.ids == new.content.ids:
        # One after the other, for each row has its place: thousands of them are not looked up to find the one.
        pairs = zip(before.rows, new.content.rows, strict=True)
        rows = [row for old, row in pairs if old is not row and old.sha256 != row.sha256]
        gone = []
    else:
        stored = _read(vault, new)
        rows = [row for row in new.content.rows if stored.pop(row.locality_id, None) != row.sha256]
        gone = list(stored)
    which = {"operation": new.operation, "audience": new.audience}
    if gone:
        vault.connection.execute(_DELETE, {**which, "id": gone})
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        vault.connection.execute(_WRITE, {**which, "revision": revision, **_columns(some)})


def _read(vault: Vault, new: NewRelease) -> dict[UUID, bytes]:
    """Read the fingerprints of the rows that are stored."""
    query = select(matrix_row.c.locality_id, matrix_row.c.content_sha256).where(
        matrix_row.c.operation == new.operation, matrix_row.c.audience == new.audience
    )
    return {one: bytes(fingerprint) for one, fingerprint in vault.connection.execute(query)}


def _columns(rows: Sequence[NewRow]) -> dict[str, list[Any]]:
    names = ("sha256", "pcode", "name", "tier", "score", "properties", "explanation")
    return {
        "id": [row.locality_id for row in rows],
        "version": [row.locality_version for row in rows],
        **{name: [getattr(row, name) for row in rows] for name in names},
    }
