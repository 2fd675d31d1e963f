"""The description of ``/ogc`` for machines, OpenAPI 3.0: what GIS tools read before they ask.

It is written here and not made by the framework, which speaks 3.1 and repeats a parameter wherever it is used: QGIS
takes the size of its pages from ``components.parameters.limit``.
"""

from typing import Any

from api.ogc.links import GEOJSON, HTML, JSON, OPENAPI, SCHEMA, Site
from api.ogc.query import DEFAULT_LIMIT, FORMS, ITEM, ITEMS, MAX_LIMIT
from api.problems import PROBLEM
from flashpoint import __version__
from flashpoint.filters import Language
from flashpoint.layers import Layer

Document = dict[str, Any]


def _parameter(name: str, description: str, schema: Document, **more: object) -> Document:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
        "style": "form",
        "explode": False,
        **more,
    }


_TEXT: Document = {"type": "string"}
_URI: Document = {"type": "string", "format": "uri"}
_PARAMETERS: dict[str, Document] = {
    "f": _parameter("f", "The form of the answer.", {"type": "string", "enum": list(FORMS)}),
    "operation": _parameter(
        "operation", "The operation, where the key is good for several.", {"type": "string", "pattern": "^\\w{1,16}$"}
    ),
    "limit": _parameter(
        "limit",
        "Features in one answer; more than the maximum counts as the maximum. A `next` link leads to the rest.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    "after": _parameter("after", "Where a page begins, as a `next` link says it.", _TEXT),
    "bbox": _parameter(
        "bbox",
        "Only features whose geometry intersects the box: two corners in the order of `bbox-crs`. In degrees a west "
        "greater than the east crosses the antimeridian.",
        {
            "type": "array",
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
            "items": {"type": "number"},
        },
    ),
    "bbox-crs": _parameter("bbox-crs", "The reference system of `bbox`, by its identifier.", _URI),
    "datetime": _parameter(
        "datetime",
        "Only features whose time intersects an instant, a day, or an interval `a/b` with either end open as `..`.",
        _TEXT,
    ),
    "crs": _parameter("crs", "The reference system of the answer, by its identifier.", _URI),
    "properties": _parameter("properties", "Only these members of the properties.", {"type": "array", "items": _TEXT}),
    "sortby": _parameter(
        "sortby",
        "Queryables to sort by; a minus sign before one means downwards. Without it, by id.",
        {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "[+-]?\\w+"}},
    ),
    "filter": _parameter("filter", "Only features of which this CQL2 expression on the queryables is true.", _TEXT),
    "filter-lang": _parameter(
        "filter-lang",
        "How the filter is written.",
        {"type": "string", "enum": list(Language), "default": Language.TEXT},
    ),
    "filter-crs": _parameter("filter-crs", "The reference system of geometries in the filter.", _URI),
    "collectionId": {
        "name": "collectionId",
        "in": "path",
        "required": True,
        "description": "The collection.",
        "schema": {"type": "string", "enum": list(Layer)},
    },
    "featureId": {
        "name": "featureId",
        "in": "path",
        "required": True,
        "description": "The feature.",
        "schema": {"type": "string", "format": "uuid"},
    },
}
_LINK: Document = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": dict.fromkeys(("href", "rel", "type", "hreflang", "title"), _TEXT),
}
_LINKS: Document = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_FEATURE: Document = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": _TEXT,
        "geometry": {"type": "object", "nullable": True},
        "properties": {"type": "object", "nullable": True},
        "time": {"type": "object", "nullable": True},
        "links": _LINKS,
    },
}
_SCHEMAS: dict[str, Document] = {
    "link": _LINK,
    "landingPage": {
        "type": "object",
        "required": ["links"],
        "properties": {"title": _TEXT, "description": _TEXT, "attribution": _TEXT, "links": _LINKS},
    },
    "confClasses": {
        "type": "object",
        "required": ["conformsTo"],
        "properties": {"conformsTo": {"type": "array", "items": _TEXT}},
    },
    "collection": {
        "type": "object",
        "required": ["id", "links"],
        "properties": {
            "id": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "links": _LINKS,
            "extent": {"type": "object"},
            "itemType": {"type": "string", "default": "feature"},
            "crs": {"type": "array", "items": _TEXT},
            "storageCrs": _URI,
        },
    },
    "collections": {
        "type": "object",
        "required": ["links", "collections"],
        "properties": {
            "links": _LINKS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
        },
    },
    "featureGeoJSON": _FEATURE,
    "featureCollectionGeoJSON": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/featureGeoJSON"}},
            "links": _LINKS,
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
        },
    },
    "schema": {"type": "object"},
    "problem": {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
    },
}

#: Path, operation id, what it is, media type, schema, parameters.
_PATHS = (
    ("/", "getLandingPage", "What there is, and where", JSON, "landingPage", ()),
    ("/api", "getApi", "This description", OPENAPI, "schema", ()),
    ("/conformance", "getConformance", "What this API conforms to", JSON, "confClasses", ()),
    ("/collections", "getCollections", "The collections", JSON, "collections", ()),
    ("/collections/{collectionId}", "describeCollection", "One collection", JSON, "collection", ()),
    (
        "/collections/{collectionId}/queryables",
        "getQueryables",
        "What a collection can be asked by",
        SCHEMA,
        "schema",
        (),
    ),
    (
        "/collections/{collectionId}/items",
        "getFeatures",
        "Features of a collection",
        GEOJSON,
        "featureCollectionGeoJSON",
        ITEMS,
    ),
    (
        "/collections/{collectionId}/items/{featureId}",
        "getFeature",
        "One feature",
        GEOJSON,
        "featureGeoJSON",
        ITEM,
    ),
)


def description(site: Site) -> Document:
    """Write the description."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Flashpoint: OGC API - Features",
            "version": __version__,
            "description": "The released layers. Every request needs an API key: `Authorization: Bearer <key>`, or the "
            "key as the password of Basic authentication.",
        },
        "servers": [{"url": f"{site.origin}/ogc"}],
        "security": [{"bearer": []}, {"basic": []}],
        "tags": [{"name": "features"}],
        "paths": {path: {"get": _operation(path, *rest)} for path, *rest in _PATHS},
        "components": {
            "parameters": _PARAMETERS,
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(path: str, *line: Any) -> Document:  # noqa: ANN401 - a line of the table
    name, summary, media, schema, parameters = line
    in_path = [one for one in ("collectionId", "featureId") if f"{{{one}}}" in path]
    content = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}, HTML: {"schema": _TEXT}}
    problem = {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/problem"}}, HTML: {"schema": _TEXT}}}
    return {
        "tags": ["features"],
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in (*in_path, "f", "operation", *parameters)],
        "responses": {
            "200": {"description": f"{summary}.", "content": content},
            "default": {"description": "What went wrong, as a problem.", **problem},
        },
    }
