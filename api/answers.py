"""What routes answer, as their description says it: content types and the shape of the answer, by what a path is of.

A route that describes its answer itself is left as it is.
"""

from typing import Any

Schema = dict[str, Any]

GEOJSON, JSON, TEXT = "application/geo+json", "application/json", "text/plain"

_ID = {"type": "string", "description": "names the record in paths"}
_FEATURE: Schema = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "id": _ID,
        "geometry": {"type": ["object", "null"]},
        "properties": {"type": "object"},
    },
}
_COLLECTION: Schema = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {"type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": _FEATURE}},
}
_COUNTS = ("received", "created", "already_there", "rejected")
_BATCH: Schema = {
    "type": "object",
    "required": [*_COUNTS, "rows"],
    "properties": {
        **{name: {"type": "integer"} for name in _COUNTS},
        "rows": {"type": "array", "items": {"type": "object", "required": ["row", "status"]}},
    },
}
_SOURCES: Schema = {
    "type": "object",
    "required": ["id", "sources_added"],
    "properties": {"id": _ID, "sources_added": {"type": "integer"}},
}
_OBJECT: Schema = {"type": "object"}

#: Collections whose records are Features.
_RECORDS = frozenset({"incidents", "localities", "communities", "assessments", "presences"})
#: What else a request that was made before, or an edit that closes the record to its editor, may be answered.
_ALSO = {("POST", "/v1/incidents"): "200", ("POST", "/v1/incidents/batch"): "200"}
_CLOSED = ("PATCH", "/v1/incidents/{incident_id}")


def describe(schema: Schema) -> None:
    """Complete the successful answers of every route of a description, which is changed."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            _describe(method.upper(), path, operation["responses"])


def _describe(method: str, path: str, responses: Schema) -> None:
    content = _content(method, path)
    for status, answer in responses.items():
        if status in {"200", "201"}:
            answer.setdefault("content", content)
    if (method, path) in _ALSO:
        responses[_ALSO[method, path]] = {"description": "It is there already: nothing new.", "content": content}
    if (method, path) == _CLOSED:
        responses["204"] = {"description": "The edit closed the record to its own editor."}


def _content(method: str, path: str) -> Schema:
    _, *parts = path.split("/")
    collection, last = parts[1] if len(parts) > 1 else "", parts[-1]
    if last == "metrics":
        return {TEXT: {"schema": {"type": "string"}}}
    if last == "batch":
        return {JSON: {"schema": _BATCH}}
    if last == "sources":
        return {JSON: {"schema": _SOURCES}}
    if collection not in _RECORDS or path == "/v1/incidents/{incident_id}/history":
        return {JSON: {"schema": _OBJECT}}
    many = last == "history" or (method == "GET" and last == collection)
    return {GEOJSON: {"schema": _COLLECTION if many else _FEATURE}}
