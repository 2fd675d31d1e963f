"""What the documentation says of bodies: the schema of each Feature, from the models that check it, and an example."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from flashpoint.catalogue import CATEGORIES
from flashpoint.protocol import ProtocolReport, template
from flashpoint.reports import (
    AddressedMethodReport,
    AdoptionReport,
    AssessmentReport,
    CommunityReport,
    IncidentReport,
    LocalityReport,
    PresenceReport,
    Report,
    StepReport,
    WithdrawalReport,
)

Schema = dict[str, Any]


def _ago(days: int) -> str:
    moment = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _inlined(model: type[Report]) -> Schema:
    """Give a model's JSON schema with its parts in place of references, which would point nowhere here."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def expand(node: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(node, dict):
            if "$ref" in node:
                return expand(parts[node["$ref"].rsplit("/", 1)[-1]])
            return {key: expand(value) for key, value in node.items()}
        return [expand(item) for item in node] if isinstance(node, list) else node

    expanded: Schema = expand(schema)
    return expanded


def _feature(model: type[Report], geometry: str) -> Schema:
    properties = _inlined(model)
    if "category" in properties.get("properties", {}):
        properties["properties"]["category"]["enum"] = sorted(CATEGORIES)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": {"type": ["object", "null"], "description": geometry},
            "properties": properties,
        },
    }


def incident_example() -> Schema:
    """Give an incident that the demo takes."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [20.6757, 5.768]},
        "properties": {
            "operation": "DEMO",
            "client_id": "example-1",
            "category": "attack_on_civilians",
            "event_start": _ago(2),
            "date_precision": 1,
            "geo_precision": 1,
            "perpetrator_class": "armed_group",
            "attribution_confidence": "moderate",
            "killed": {"low": 1, "best": 2, "high": 3},
            "narrative": "Synthetic example.",
            "sharing": "cluster",
            "share_above": "aggregate",
            "consent": "given",
            "sources": [
                {
                    "type": kind,
                    "independence_group": group,
                    "reliability": "B",
                    "credibility": 2,
                    "obtained_on": _ago(1)[:10],
                    "handle": handle,
                }
                for kind, group, handle in (("witness", "g1", "W-17"), ("ngo", "g2", "N-03"))
            ],
        },
    }


def _subject_example(properties: Schema, geometry: Schema | None = None) -> Schema:
    return {"type": "Feature", "geometry": geometry, "properties": {"operation": "DEMO", **properties}}


def _assessed() -> Schema:
    expires = (datetime.now(UTC) + timedelta(days=60)).strftime("%Y-%m-%dT00:00:00Z")
    return {"assessed_at": _ago(3), "expires_at": expires, "sharing": "cluster", "share_above": "aggregate"}


def subject_example(kind: str) -> Schema:
    """Give a subject that the demo takes."""
    examples = {
        "locality": lambda: _subject_example(
            {"pcode": "CF432-T9", "code_list": "Example 2026", "name": "Ippy", "catchment_km": 15},
            {"type": "Point", "coordinates": [21.1833, 6.2667]},
        ),
        "community": lambda: _subject_example(
            {
                "locality": "CF431-T1",
                "name": "Example site",
                "people": {"low": 400, "best": 450, "high": 600},
                "confinement": 3,
                "food_access": 3,
                "consent": "given",
                **_assessed(),
            }
        ),
        "assessment": lambda: _subject_example(
            {
                "locality": "CF431-T1",
                "likelihood": 4,
                "impact": 4,
                "horizon_days": 30,
                "reason": "Synthetic example.",
                "consent": "not_required",
                **_assessed(),
            }
        ),
        "presence": lambda: _subject_example(
            {
                "locality": "CF431-T1",
                "type": "mission_patrol",
                "since": _ago(20),
                "confirmed_at": _ago(1),
                "sharing": "mission",
                "share_above": "aggregate",
                "consent": "not_required",
            }
        ),
    }
    return examples[kind]()


SUBJECT_MODELS: dict[str, type[Report]] = {
    "locality": LocalityReport,
    "community": CommunityReport,
    "assessment": AssessmentReport,
    "presence": PresenceReport,
}

_GEOMETRY = {
    "incident": "Point, Polygon or MultiPolygon in WGS 84, longitude first; null where only admin_pcode is known",
    "locality": "Polygon or MultiPolygon with `level`, or a Point with `catchment_km`",
    "community": "always null: a community is known to its locality, never to a point",
    "assessment": "always null",
    "presence": "Point, or null where the presence is in the locality at large",
}


def _body(schema: Schema, example: Schema, kind: str = "application/geo+json") -> Schema:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema, "example": example}}}}


def incident_body() -> Schema:
    """Document the body of ``POST /v1/incidents``."""
    return _body(_feature(IncidentReport, _GEOMETRY["incident"]), incident_example())


def batch_body() -> Schema:
    """Document the body of ``POST /v1/incidents/batch``."""
    feature = _feature(IncidentReport, _GEOMETRY["incident"])
    schema = {
        "type": "object",
        "required": ["type", "features"],
        "properties": {"type": {"enum": ["FeatureCollection"]}, "features": {"type": "array", "items": feature}},
    }
    example = incident_example()
    example["properties"]["client_id"] = "example-batch-1"
    return _body(schema, {"type": "FeatureCollection", "features": [example]})


def patch_body() -> Schema:
    """Document the body of ``PATCH /v1/incidents/{id}``."""
    schema = {"type": "object", "description": "RFC 7396 merge patch of the Feature; null removes a member"}
    return _body(schema, {"properties": {"killed": {"low": 2, "best": 3, "high": 4}}}, "application/merge-patch+json")


def step_body() -> Schema:
    """Document the body of ``POST /v1/incidents/{id}/transitions``."""
    return _body(_inlined(StepReport), {"action": "corroborate"}, "application/json")


def sources_body() -> Schema:
    """Document the body of ``POST /v1/incidents/{id}/sources``."""
    source = _inlined(IncidentReport)["properties"]["sources"]
    schema = {"type": "object", "required": ["sources"], "properties": {"sources": source}}
    return _body(schema, {"sources": incident_example()["properties"]["sources"][:1]}, "application/json")


def withdrawal_body() -> Schema:
    """Document the body of ``POST /v1/<subjects>/{id}/withdrawal``."""
    return _body(_inlined(WithdrawalReport), {"reason_code": "false"}, "application/json")


def subject_body(kind: str) -> Schema:
    """Document the body of a locality, community, assessment or presence."""
    return _body(_feature(SUBJECT_MODELS[kind], _GEOMETRY[kind]), subject_example(kind))


def method_body() -> Schema:
    """Document the body of ``POST /v1/methodologies``."""
    example = {
        "operation": "DEMO",
        "version": "DEMO-1",
        "reason": "Shelling of markets is what people flee from here.",
        "changes": {"severity": {"shelling": 4.0}, "silence_days": 14},
    }
    return _body(_inlined(AddressedMethodReport), example, "application/json")


def adoption_body() -> Schema:
    """Document the body of ``POST /v1/methodologies/{version}/adoption``."""
    example = {"operation": "DEMO", "reason": "Agreed in the coordination meeting of the week."}
    return _body(_inlined(AdoptionReport), example, "application/json")


def protocol_body() -> Schema:
    """Document the body of ``POST /v1/protocols``."""
    today = datetime.now(UTC).date()
    filled = json.loads(json.dumps(template(today)).replace("<", "").replace(">", ""))
    return _body(_inlined(ProtocolReport), {"operation": "DEMO", **filled, "version": "DEMO-P2"}, "application/json")


def agreement_body() -> Schema:
    """Document the body of ``POST /v1/protocols/{version}/adoption``, and of its suspension."""
    example = {"operation": "DEMO", "reason": "Agreed between the cluster and the mission."}
    return _body(_inlined(AdoptionReport), example, "application/json")
