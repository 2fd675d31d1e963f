"""Leases: each process takes a part of a key's allowance at a time, and all of them together never more than it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from flashpoint.store.engine import Vault


@dataclass(frozen=True, slots=True)
class Budget:
    """What a key may use up in a window. Windows begin with the clock of the database."""

    requests: int
    window_seconds: int = 60

    @property
    def part(self) -> int:
        """Give how much is leased at a time: few questions, and little left unused in the processes."""
        return max(1, self.requests // 10)


@dataclass(frozen=True, slots=True)
class Lease:
    """What was granted, in which window, and for how many seconds from the asking on it is good."""

    granted: int
    window: int
    seconds_left: float


#: An old row that another lease is removing is left to it. ``taken`` goes past the budget once and no further; what is
#: past it was not granted.
_LEASE = text("""
    WITH moment AS (
        SELECT floor(extract(epoch FROM statement_timestamp()) / :window_seconds)::bigint AS number
    ), span AS (
        SELECT number, to_timestamp(number * :window_seconds) AS starts,
               to_timestamp((number + 1) * :window_seconds) AS ends
        FROM moment
    ), past AS (
        DELETE FROM vault.allowance WHERE (key_id, window_start) IN (
            SELECT key_id, window_start FROM vault.allowance WHERE window_start < (SELECT starts FROM span)
            ORDER BY window_start LIMIT 20 FOR UPDATE SKIP LOCKED)
    ), leased AS (
        INSERT INTO vault.allowance AS held (key_id, window_start, taken)
        SELECT :key_id, starts, :asked FROM span
        ON CONFLICT (key_id, window_start) DO UPDATE SET taken = held.taken + excluded.taken
            WHERE held.taken < :requests
        RETURNING taken
    )
    SELECT CASE WHEN leased.taken IS NULL THEN 0 ELSE least(:asked, :requests - (leased.taken - :asked)) END AS granted,
           span.number,
           extract(epoch FROM span.ends - statement_timestamp())::double precision AS seconds_left
    FROM span LEFT JOIN leased ON true
""")


def lease(vault: Vault, key_id: UUID, asked: int, budget: Budget) -> Lease:
    """Take ``asked`` (at least one) of the key's allowance in this window, or what is left; remove old windows."""
    parameters = {
        "key_id": key_id,
        "asked": asked,
        "requests": budget.requests,
        "window_seconds": budget.window_seconds,
    }
    row = vault.connection.execute(_LEASE, parameters).one()
    return Lease(row.granted, row.number, row.seconds_left)
