"""Releases: finished rows per audience, already generalised. Written by the assessor, read by whoever serves.

Writing costs what a release changes and not what it holds: ``release_changes`` finds it, ``release_reading`` reads it.
"""

from uuid import uuid4

import orjson
from sqlalchemy import select, text

from flashpoint.released import Standing
from flashpoint.store.engine import Vault
from flashpoint.store.release_changes import Content, NewRelease, NewRow, write_changes
from flashpoint.store.tables import matrix

__all__ = ["Content", "NewRelease", "NewRow", "save"]

_WRITE = text("""
    INSERT INTO release.matrix AS m
        (operation, audience, build, revision, as_of, evaluated_at, content_sha256, head,
         rank, rank_low, rank_high, top_k_share)
    VALUES (:operation, :audience, :build, 1, :as_of, :evaluated_at, :content_sha256, :head,
            CAST(:rank AS int[]), CAST(:rank_low AS int[]), CAST(:rank_high AS int[]), CAST(:top_k_share AS float8[]))
    ON CONFLICT (operation, audience) DO UPDATE
    SET revision = m.revision + 1, as_of = excluded.as_of, evaluated_at = excluded.evaluated_at,
        content_sha256 = excluded.content_sha256, head = excluded.head, rank = excluded.rank,
        rank_low = excluded.rank_low, rank_high = excluded.rank_high, top_k_share = excluded.top_k_share
    WHERE m.as_of <= excluded.as_of
    RETURNING revision
""")


def save(vault: Vault, new: NewRelease, *, even_if_same: bool) -> bool:
    """Release a matrix in place of the earlier one; say whether anything was written.

    Without ``even_if_same``, what this audience would see unchanged is left alone, moment and all: that something
    happened which it may not know of must not show. A matrix never takes the place of one with a later ``as_of``.
    """
    known = _stored_sha256(vault, new)
    if known == new.content.sha256 and not even_if_same:
        return False
    revision = _write(vault, new)
    if revision is None:
        return False
    if known != new.content.sha256:
        write_changes(vault, new, revision, known)
    return True


def _stored_sha256(vault: Vault, new: NewRelease) -> bytes | None:
    """Read which content is released at present, and keep others from releasing until this transaction ends."""
    query = select(matrix.c.content_sha256).where(
        matrix.c.operation == new.operation, matrix.c.audience == new.audience
    )
    stored = vault.connection.execute(query.with_for_update()).scalar()
    return None if stored is None else bytes(stored)


def _write(vault: Vault, new: NewRelease) -> int | None:
    """Write all but the rows; give the revision, or ``None`` where what is there is of a later moment."""
    values = {
        "operation": new.operation,
        "audience": new.audience,
        "build": uuid4().hex[:12],
        "as_of": new.as_of,
        "evaluated_at": vault.at,
        "content_sha256": new.content.sha256,
        "head": new.head(),
        **_arrays(new.content.standing),
    }
    revision: int | None = vault.connection.execute(_WRITE, values).scalar()
    return revision


def _arrays(standing: Standing) -> dict[str, str]:
    """Write the arrays as PostgreSQL does: a driver that looks at thousands of numbers one by one takes its time."""
    rank, low, high = standing.ranks.T.tolist() if len(standing.ranks) else ([], [], [])
    columns = {"rank": rank, "rank_low": low, "rank_high": high, "top_k_share": standing.shares.tolist()}
    return {name: f"{{{orjson.dumps(column).decode()[1:-1]}}}" for name, column in columns.items()}
