"""What is gone and what came back, as the database has it: the ledger is held against this."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import TextClause, delete, select, text, update

from flashpoint.ledger import Kind, Tombstone
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.store.picture_tables import ROWS, picture
from flashpoint.store.subjects import TABLES
from flashpoint.store.tables import api_key, audit, matrix

ROTATED, REVOKED = "rotated", "revoked"

_CONSENT = "('refused', 'withdrawn')"
#: What the ledger says of records without consent, whether that was refused, taken back by an edit or by an act.
_WHY = "'consent_withdrawn'"

_GONE_INCIDENTS = text(f"""
    SELECT 'incident' AS kind, i.id, CASE WHEN i.state = 'withdrawn' THEN t.recorded_at ELSE v.recorded_at END AS at,
           CASE WHEN v.consent IN {_CONSENT} OR EXISTS (
               SELECT FROM vault.verification_act a WHERE a.incident_id = i.id AND a.reason_code = {_WHY}
           ) THEN {_WHY} ELSE t.reason_code END AS reason
    FROM (SELECT incident_id FROM vault.verification_act WHERE to_state = 'withdrawn' AND recorded_at >= :since
          UNION SELECT incident_id FROM vault.incident_version WHERE consent IN {_CONSENT} AND recorded_at >= :since
         ) AS news
    JOIN vault.incident i ON i.id = news.incident_id
    JOIN vault.incident_version v ON (v.incident_id, v.version) = (i.id, i.version)
    LEFT JOIN LATERAL (
        SELECT a.recorded_at, a.reason_code FROM vault.verification_act a
        WHERE a.incident_id = i.id AND a.to_state = 'withdrawn' ORDER BY a.id DESC LIMIT 1
    ) AS t ON i.state = 'withdrawn'
    WHERE i.state = 'withdrawn' OR v.consent IN {_CONSENT}
""")
_GONE_PURGES = text("""
    SELECT DISTINCT ON (subject_id) 'purge' AS kind, subject_id AS id, recorded_at AS at, reason
    FROM vault.purge WHERE kind = 'incident' AND recorded_at >= :since ORDER BY subject_id, recorded_at DESC
""")
_ENDED_KEYS = text(f"""
    SELECT CASE kind WHEN 'person' THEN 'person' ELSE 'key' END AS kind, id, coalesce(revoked_at, expires_at) AS at,
           CASE WHEN revoked_at IS NULL THEN '{ROTATED}' ELSE '{REVOKED}' END AS reason
    FROM vault.api_key k
    WHERE revoked_at IS NOT NULL OR EXISTS (SELECT FROM vault.api_key s WHERE s.replaces = k.id)
""")
_REINSTATED = text("""
    SELECT incident_id FROM vault.verification_act WHERE action = 'reinstate' AND recorded_at >= :since
""")

#: In each, ``known`` says whether the database has what the ledger has: the very act or version, by its instant. A
#: record in use whose end is not known here came back by a restore; one whose end is known was taken back into use.
_ENTRY = "FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[])) AS e (id, at)"
_LIVE_INCIDENTS = text(f"""
    SELECT e.id, EXISTS (SELECT FROM vault.verification_act a WHERE a.incident_id = e.id AND a.recorded_at = e.at
                                                              AND a.to_state = 'withdrawn')
                 OR EXISTS (SELECT FROM vault.incident_version o WHERE o.incident_id = e.id AND o.recorded_at = e.at
                                                                 AND o.consent IN {_CONSENT}) AS known
    {_ENTRY} JOIN vault.incident i ON i.id = e.id
    JOIN vault.incident_version v ON (v.incident_id, v.version) = (i.id, i.version)
    WHERE i.state <> 'withdrawn' AND v.consent NOT IN {_CONSENT}
""")
_LIVE_PURGES = text(f"""
    SELECT e.id, false AS known {_ENTRY} JOIN vault.incident i ON i.id = e.id
    WHERE NOT EXISTS (SELECT FROM vault.purge p WHERE p.subject_id = e.id AND p.recorded_at >= e.at)
""")
_LIVE_KEYS = text(f"""
    SELECT e.id, false AS known {_ENTRY} JOIN vault.api_key k ON k.id = e.id
    WHERE k.revoked_at IS NULL AND k.expires_at > e.at
""")
_SUBJECTS = (Kind.LOCALITY, Kind.COMMUNITY, Kind.ASSESSMENT, Kind.PRESENCE)

ALWAYS = datetime.min.replace(year=1900, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Live:
    """Something in use of which the ledger says that it is gone; ``known``: the database knows that it was."""

    entry: Tombstone
    known: bool


# -- what is gone ---------------------------------------------------------------------------------------------------


def gone(reader: VaultReader, since: datetime = ALWAYS) -> Iterator[Tombstone]:
    """Give the records that are gone, and the purges, of which anything was recorded at an instant or later."""
    for query in (_GONE_INCIDENTS, _GONE_PURGES, *(_gone_subjects(kind) for kind in _SUBJECTS)):
        yield from map(_tombstone, reader.connection.execute(query, {"since": since}))


def _gone_subjects(kind: Kind) -> TextClause:
    # A place that went with its code list is replaced, which is nobody's wish: it may come back with the list.
    refused = f"consent IN {_CONSENT}" if "consent" in TABLES[kind].c else "false"
    return text(f"""
        SELECT '{kind}' AS kind, id, recorded_at AS at,
               CASE WHEN {refused} THEN {_WHY} ELSE withdrawn_reason END AS reason
        FROM {TABLES[kind].fullname}
        WHERE (withdrawn_reason IS NOT NULL OR {refused}) AND withdrawn_reason IS DISTINCT FROM 'replaced'
          AND known_to IS NULL AND recorded_at >= :since
    """)


def ended_keys(reader: VaultReader) -> Iterator[Tombstone]:
    """Give the keys and enrolments that were revoked, and the keys that end because they were rotated."""
    yield from map(_tombstone, reader.connection.execute(_ENDED_KEYS))


def _tombstone(row: Record) -> Tombstone:
    return Tombstone(row.at.astimezone(UTC), Kind(row.kind), row.id, row.reason)


def reinstated(reader: VaultReader, since: datetime) -> frozenset[UUID]:
    """Give the incidents that were reinstated at an instant or later."""
    return frozenset(reader.connection.execute(_REINSTATED, {"since": since}).scalars())


def has_logged(reader: VaultReader, seq: int, digest: bytes) -> bool:
    """Say whether the audit log has that very row."""
    found = reader.connection.execute(select(audit.c.hash).where(audit.c.seq == seq)).scalar_one_or_none()
    return found is not None and bytes(found) == digest


# -- what came back -------------------------------------------------------------------------------------------------


def live(reader: VaultReader, entries: Collection[Tombstone]) -> Iterator[Live]:
    """Give those of some entries of records and purges that the database does not have as gone."""
    queries = {Kind.INCIDENT: _LIVE_INCIDENTS, Kind.PURGE: _LIVE_PURGES}
    queries |= {kind: _live_subjects(kind) for kind in _SUBJECTS}
    for kind, query in queries.items():
        yield from _live(reader, query, [one for one in entries if one.kind is kind])


def live_keys(reader: VaultReader, entries: Collection[Tombstone]) -> Iterator[Live]:
    """Give those of some entries of keys that are good for longer than their entry says."""
    keys = [one for one in entries if one.kind in {Kind.KEY, Kind.PERSON}]
    # A revoked key is gone whenever it would have expired.
    ends = [one if one.reason == ROTATED else Tombstone(ALWAYS, one.kind, one.id, one.reason) for one in keys]
    by_id = {one.id: one for one in keys}
    for found in _live(reader, _LIVE_KEYS, ends):
        yield Live(by_id[found.entry.id], found.known)


def _live_subjects(kind: Kind) -> TextClause:
    def is_gone(alias: str) -> str:
        refused = f" OR {alias}.consent IN {_CONSENT}" if "consent" in TABLES[kind].c else ""
        return f"({alias}.withdrawn_reason IS NOT NULL{refused})"

    table = TABLES[kind].fullname
    return text(f"""
        SELECT e.id,
               EXISTS (SELECT FROM {table} o WHERE o.id = e.id AND o.recorded_at = e.at AND {is_gone("o")}) AS known
        {_ENTRY} JOIN {table} s ON s.id = e.id AND s.known_to IS NULL AND NOT {is_gone("s")}
    """)


def _live(reader: VaultReader, query: TextClause, entries: Sequence[Tombstone]) -> Iterator[Live]:
    if entries:
        by_id = {one.id: one for one in entries}
        asked = {"ids": list(by_id), "ats": [one.at for one in by_id.values()]}
        for row in reader.connection.execute(query, asked):
            yield Live(by_id[row.id], row.known)


def end_key(vault: Vault, key_id: UUID, at: datetime) -> None:
    """Have a key end at an instant, as it did before a restore took that back."""
    vault.connection.execute(update(api_key).where(api_key.c.id == key_id).values(expires_at=at))


def drop_releases(vault: Vault, operations: Collection[str]) -> None:
    """Take down what was released of operations: until they are assessed anew there is nothing to serve."""
    for table in (matrix, picture, *ROWS.values()):
        vault.connection.execute(delete(table).where(table.c.operation.in_(operations)))
