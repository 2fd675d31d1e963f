"""What the picture is made of, as the assessor reads it: verified incidents in force, communities, and their places.

Neither narratives nor sources are read, nor who submitted anything. All that is in force is read once; after that only
what something was recorded of since.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from flashpoint.picture import ACCESS, VICTIMS
from flashpoint.store.engine import Record, VaultReader

#: Rows that are looked at together.
PART = 5_000

_COUNTS = ", ".join(f"v.{name}_{end}" for name in VICTIMS for end in ("low", "best", "high"))

#: ``places`` are where the incident was placed, from the first time on, as long as its place is reported as it is and
#: the code list stands: a correction of boundaries does not tell on which side of them it happened. ``covering`` is for
#: those that no locality holds. The levels of a newer version than that in force come beside its own.
_INCIDENTS = f"""
    SELECT e.incident_id AS id, v.event_start, v.event_end, v.date_precision, v.geo_precision, v.category,
           v.perpetrator_class, v.protected_site, {_COUNTS},
           v.sharing, v.share_above, v.consent, v.exercise, v.protected,
           n.sharing AS new_sharing, n.share_above AS new_share_above, n.consent AS new_consent,
           n.exercise AS new_exercise, n.protected AS new_protected,
           CASE WHEN n.version IS NULL THEN i.attribution = 'verified'
                ELSE vault.attribution_verified(e.incident_id, e.version) END AS attributed,
           (SELECT a.standard FROM vault.verification_act a
            WHERE a.incident_id = e.incident_id AND a.version = e.version AND a.action IN ('verify', 'import')
            ORDER BY a.id DESC LIMIT 1) AS standard,
           p.locality_id,
           ARRAY(SELECT CASE WHEN q.locality_id IS NULL THEN 'U' || q.unit_pcode ELSE 'L' || q.locality_id END
                 FROM vault.incident_version s
                 JOIN vault.placement q ON q.incident_id = s.incident_id AND q.version = s.version
                 WHERE s.incident_id = v.incident_id AND s.version <= v.version
                   AND (s.version = v.version
                        OR s.geom IS NOT DISTINCT FROM v.geom AND s.geo_precision = v.geo_precision
                           AND s.admin_pcode IS NOT DISTINCT FROM v.admin_pcode)
                   AND num_nonnulls(q.locality_id, q.unit_pcode) = 1
                   AND (q.known_to IS NULL OR q.known_at >= :listed_at OR q.known_to > :listed_at)
                 ORDER BY q.recorded_at, q.known_at) AS places,
           CASE WHEN num_nonnulls(p.locality_id, p.unit_pcode) = 0 AND v.geom IS NOT NULL AND v.geo_precision <= 5 THEN
               (SELECT u.pcode FROM vault.admin_unit u
                WHERE u.operation = e.operation AND u.known_to IS NULL AND u.withdrawn_reason IS NULL
                  AND u.level BETWEEN 1 AND CASE v.geo_precision WHEN 5 THEN 1 WHEN 4 THEN 2 ELSE 3 END
                  AND ST_Covers(u.area, ST_PointOnSurface(v.geom))
                ORDER BY u.level DESC, u.pcode LIMIT 1) END AS covering
    FROM vault.evidence e
    JOIN vault.incident i ON i.id = e.incident_id
    JOIN vault.incident_version v ON v.incident_id = e.incident_id AND v.version = e.version
    LEFT JOIN vault.incident_version n
        ON n.incident_id = e.incident_id AND n.version = i.version AND i.version <> e.version
    LEFT JOIN vault.placement p ON p.incident_id = e.incident_id AND p.version = e.version AND p.known_to IS NULL
    WHERE e.operation = :operation AND e.known_to IS NULL AND e.veiled_at IS NULL
"""
_ALL_INCIDENTS = text(_INCIDENTS)
_SOME_INCIDENTS = text(_INCIDENTS + " AND e.incident_id = ANY(:ids)")

#: Each branch has an index on its instant.
_NEWS = text(
    " UNION ".join(
        [
            f"SELECT incident_id FROM vault.evidence WHERE operation = :operation AND {time} > :after"
            for time in ("recorded_at", "closed_at", "veiled_at")
        ]
        + [
            f"SELECT p.incident_id FROM vault.placement p JOIN vault.incident i ON i.id = p.incident_id "
            f"WHERE i.operation = :operation AND p.{time} > :after"
            for time in ("recorded_at", "closed_at")
        ]
        + [
            f"SELECT s.incident_id FROM vault.{said} s JOIN vault.incident i ON i.id = s.incident_id "
            "WHERE i.operation = :operation AND s.recorded_at > :after"
            for said in ("incident_version", "verification_act")
        ]
    )
)
_SUBJECT_NEWS = {
    kind: text(
        " UNION ALL ".join(
            f"(SELECT 1 FROM vault.{table} WHERE operation = :operation AND recorded_at > :after LIMIT 1)"
            for table in tables
        )
    )
    for kind, tables in {"places": ("locality", "admin_unit"), "communities": ("community",)}.items()
}

_COMMUNITIES = text(f"""
    SELECT c.id, c.locality_id, c.name, c.people_low, c.people_best, c.people_high, c.confinement,
           {", ".join(f"c.{name}" for name in ACCESS)}, c.assessed_at, c.expires_at,
           c.sharing, c.share_above, c.consent
    FROM vault.community c
    WHERE c.operation = :operation AND c.known_to IS NULL AND c.withdrawn_reason IS NULL
""")

_LOCALITIES = text("""
    SELECT id, pcode, name, code_list, level, adm3_pcode, adm2_pcode, adm1_pcode FROM vault.locality
    WHERE operation = :operation AND known_to IS NULL AND withdrawn_reason IS NULL
""")
_UNITS = text("""
    SELECT id, pcode, name, code_list, level, parent_pcode FROM vault.admin_unit
    WHERE operation = :operation AND known_to IS NULL AND withdrawn_reason IS NULL
""")
#: Every outline that a zone in force ever had: most versions of a place change something else.
_OUTLINES = {
    table: text(f"""
        SELECT id, version, ST_AsBinary(area) FROM (
            SELECT id, version, area, lag(area) OVER (PARTITION BY id ORDER BY version) AS earlier
            FROM vault.{table} WHERE operation = :operation AND level BETWEEN 1 AND 3 AND area IS NOT NULL
        ) every WHERE earlier IS NULL OR ST_AsBinary(earlier) <> ST_AsBinary(area) ORDER BY id, version
    """)
    for table in ("locality", "admin_unit")
}


def all_incidents(reader: VaultReader, operation: str) -> Iterator[Sequence[Record]]:
    """Give every incident in force that may be named, part by part."""
    bounds = {"operation": operation, "listed_at": _listed_at(reader, operation)}
    streamed = {"stream_results": True, "max_row_buffer": PART}
    yield from reader.connection.execute(_ALL_INCIDENTS, bounds, execution_options=streamed).partitions(PART)


def some_incidents(reader: VaultReader, operation: str, ids: Sequence[UUID]) -> Sequence[Record]:
    """Give those of the incidents that are in force and may be named."""
    bounds = {"operation": operation, "listed_at": _listed_at(reader, operation), "ids": list(ids)}
    return reader.connection.execute(_SOME_INCIDENTS, bounds).all()


def incident_news(reader: VaultReader, operation: str, after: datetime) -> list[UUID]:
    """Give the incidents of which anything was recorded since."""
    return list(reader.connection.execute(_NEWS, {"operation": operation, "after": after}).scalars())


def has_news(reader: VaultReader, subject: str, operation: str, after: datetime) -> bool:
    """Say whether any of an operation's ``places`` or ``communities`` was recorded since."""
    return (
        reader.connection.execute(_SUBJECT_NEWS[subject], {"operation": operation, "after": after}).first() is not None
    )


def communities(reader: VaultReader, operation: str) -> Sequence[Record]:
    """Give the current communities of an operation."""
    return reader.connection.execute(_COMMUNITIES, {"operation": operation}).all()


def localities(reader: VaultReader, operation: str) -> Sequence[Record]:
    """Give the localities in force, without their geometry."""
    return reader.connection.execute(_LOCALITIES, {"operation": operation}).all()


def units(reader: VaultReader, operation: str) -> Sequence[Record]:
    """Give the administrative units in force, without their geometry."""
    return reader.connection.execute(_UNITS, {"operation": operation}).all()


def outlines(reader: VaultReader, operation: str) -> Iterator[tuple[object, int, bytes]]:
    """Give id, version and WKB of each outline that a unit or a locality of a zone's level ever had."""
    for query in _OUTLINES.values():
        found = reader.connection.execute(query, {"operation": operation})
        yield from ((place, version, bytes(wkb)) for place, version, wkb in found)


def operation_area(reader: VaultReader, operation: str) -> bytes:
    """Give the area of an operation in WKB."""
    query = text("SELECT ST_AsBinary(area) FROM vault.operation WHERE code = :operation")
    return bytes(reader.connection.execute(query, {"operation": operation}).scalar_one())


def operation_digest(reader: VaultReader, operation: str) -> bytes:
    """Give what tells the area of an operation from another."""
    query = text("SELECT sha256(ST_AsBinary(area)) FROM vault.operation WHERE code = :operation")
    return bytes(reader.connection.execute(query, {"operation": operation}).scalar_one())


def _listed_at(reader: VaultReader, operation: str) -> datetime:
    """Give since when the code lists in force are."""
    query = text("SELECT coalesce(max(known_at), '0001-01-01Z') FROM vault.succession WHERE operation = :operation")
    found: datetime = reader.connection.execute(query, {"operation": operation}).scalar_one()
    return found
