"""Rows of the vault as GeoJSON Features: what those who may read the vault are shown.

Geometry stays the text that PostGIS made. A record that is out of use (withdrawn, or without consent) shows a
tombstone: that it was, and that it is gone, and nothing of what it said.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import orjson

from flashpoint.catalogue import CATEGORIES
from flashpoint.protocol import Named
from flashpoint.store.engine import Record
from flashpoint.store.paging import encode
from flashpoint.store.tables import ACCESS, CASUALTIES

Feature = dict[str, Any]

_INCIDENT_FIELDS = (
    *("category", "event_start", "event_end", "date_precision", "reported_at", "geo_precision", "admin_pcode"),
    *("perpetrator_class", "attribution_confidence", "protected_site", "narrative", "sharing", "share_above"),
    *("consent", "exercise", "supersedes"),
)

_SUBJECT_FIELDS: dict[str, tuple[str, ...]] = {
    "locality": (
        *("pcode", "code_list", "name", "level", "adm1_pcode", "adm2_pcode", "adm3_pcode", "catchment_km"),
        "population_source",
    ),
    "community": (
        *("locality_id", "name", "confinement", "surrounded_by", *ACCESS, "protective_presence", "wishes_to_leave"),
        *("assessed_at", "expires_at", "sharing", "share_above", "consent"),
    ),
    "assessment": (
        *("locality_id", "likelihood", "impact", "horizon_days", "reason", "assessed_at", "expires_at"),
        *("sharing", "share_above", "consent"),
    ),
    "presence": (
        *("locality_id", "type", "since", "until", "confirmed_at", "note"),
        *("sharing", "share_above", "consent"),
    ),
}
_SUBJECT_RANGES = {"locality": ("population",), "community": ("people",)}


def dumps(tree: object) -> bytes:
    """Write JSON, times in UTC with a ``Z``."""
    return orjson.dumps(tree, option=orjson.OPT_UTC_Z)


def _feature(row_id: UUID, geojson: str | None, properties: dict[str, Any]) -> Feature:
    geometry = None if geojson is None else orjson.Fragment(geojson)
    return {"type": "Feature", "id": str(row_id), "geometry": geometry, "properties": properties}


def _range(row: Record, name: str) -> dict[str, int] | None:
    low = getattr(row, f"{name}_low")
    return None if low is None else {end: getattr(row, f"{name}_{end}") for end in ("low", "best", "high")}


def _casualties(row: Record) -> dict[str, Any]:
    splits = row.splits or {}
    figures = {name: _range(row, name) for name in CASUALTIES}
    return {
        name: figure if figure is None or name not in splits else {**figure, "split": splits[name]}
        for name, figure in figures.items()
    }


def _shown_link(linked: UUID | None, knowable: Collection[UUID]) -> UUID | None:
    """Give the id of a linked incident if the reader may know of that one too."""
    return linked if linked in knowable else None


def incident_feature(row: Record, knowable: Collection[UUID]) -> Feature:
    """Show the current version of an incident that ``incidents.find`` or ``incidents.page`` gave.

    ``knowable`` holds the linked incidents (see ``reading.links``) that the reader may know of.
    """
    head = {"operation": row.operation, "state": row.state, "version": row.version, "purged_at": row.purged_at}
    if row.gone:
        return _feature(row.incident_id, None, {**head, "gone": True})
    properties = {
        **head,
        "gone": False,
        "client_id": row.client_id,
        "origin": row.origin,
        "recorded_at": row.first_recorded_at,
        "known_assumed": row.known_assumed,
        "locality": row.locality_id,
        "admin_unit": row.unit_pcode,
        "flags": ["outside_claimed_pcode"] if row.outside_claimed else [],
        **_content(row, knowable),
        "attribution": {
            "state": row.attribution,
            "standard": row.attribution_standard,
            "version": row.attribution_version,
        },
        "duplicate_of": _shown_link(row.duplicate_of, knowable),
    }
    return _feature(row.incident_id, row.geojson, properties)


def incident_receipt(row: Record) -> Feature:
    """Say which incident a write concerned and where it stands now, and nothing of what it says.

    The answer is kept with its idempotency key for ever; content that is withdrawn one day must not live on there.
    """
    stands = {name: getattr(row, name) for name in ("operation", "client_id", "state", "version")}
    flags = ["outside_claimed_pcode"] if row.outside_claimed else []
    return _feature(row.incident_id, None, {**stands, "gone": row.gone, "flags": flags})


def _content(row: Record, knowable: Collection[UUID]) -> dict[str, Any]:
    category = CATEGORIES[row.category]
    maps = {
        "acled": category.acled,
        "ucdp_type_of_violence": category.ucdp,
        "protection_risk": category.protection_risk,
        "grave_violation": category.grave_violation,
    }
    fields = {name: getattr(row, name) for name in _INCIDENT_FIELDS}
    fields["supersedes"] = _shown_link(row.supersedes, knowable)
    return {**fields, **_casualties(row), "maps_to": maps}


def editable(row: Record) -> Feature:
    """Give what an edit starts from, in the shape in which it was posted."""
    fields = {name: getattr(row, name) for name in ("operation", "client_id", *_INCIDENT_FIELDS)}
    if row.event_end == row.event_start:
        # Nobody need have said so: an event without an end is given its start.
        fields["event_end"] = None
    properties = orjson.loads(dumps({**fields, **_casualties(row)}))
    geometry = None if row.geojson is None else orjson.loads(row.geojson)
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def source_row(row: Record) -> dict[str, Any]:
    """Show a source."""
    fields = (
        *("type", "independence_group", "reliability", "credibility", "obtained_on", "handle", "recorded_at"),
        "merged_from",
    )
    return {name: getattr(row, name) for name in fields}


def act_row(row: Record, knowable: Collection[UUID]) -> dict[str, Any]:
    """Show an act of the workflow."""
    fields = (
        *("version", "action", "from_state", "to_state", "standard", "attribution_verified", "reason_code", "reason"),
        *("duplicate_of", "recorded_at", "recorded_by", "known_at"),
    )
    shown = {name: getattr(row, name) for name in fields}
    return {**shown, "from_state": row.from_state or None, "duplicate_of": _shown_link(row.duplicate_of, knowable)}


def version_row(row: Record, knowable: Collection[UUID]) -> Feature:
    """Show one version of an incident that is still in use."""
    head = {"version": row.version, "recorded_at": row.recorded_at, "recorded_by": row.recorded_by}
    return _feature(row.incident_id, row.geojson, {**head, **_content(row, knowable)})


def subject_feature(kind: str, row: Record) -> Feature:
    """Show a version of a locality, community, threat assessment or presence."""
    head = {
        "operation": row.operation,
        "version": row.version,
        "known_at": row.known_at,
        "known_to": row.known_to,
        "known_assumed": row.known_assumed,
        "gone": row.gone,
    }
    if row.gone:
        return _feature(row.id, None, {**head, "reason_code": row.withdrawn_reason})
    fields = {name: getattr(row, name) for name in _SUBJECT_FIELDS[kind]}
    if "locality_id" in fields:
        fields["locality"] = fields.pop("locality_id")
    ranges = {name: _range(row, name) for name in _SUBJECT_RANGES.get(kind, ())}
    return _feature(row.id, row.geojson, {**head, **fields, **ranges})


def subject_receipt(row: Record) -> Feature:
    """Say which subject a write concerned, and nothing of what it says (see ``incident_receipt``)."""
    return _feature(row.id, None, {name: getattr(row, name) for name in ("operation", "version", "known_at", "gone")})


def collection(features: Iterable[Feature], rows: list[Record], limit: int, protocol: Named | None) -> bytes:
    """Write a page: its Features, the protocol in force and, where there may be more, the cursor that continues it."""
    shown = list(features)
    last = rows[-1] if len(rows) == limit else None
    after = None if last is None else encode((last.first_recorded_at, last[0]))
    return dumps({"type": "FeatureCollection", "protocol": protocol, "features": shown, "next": after})
