"""Documents of OGC API - Features as the pages are handed them: one of each, small, with data of every kind."""

from api.ogc import pages
from flashpoint.layers import ABOUT, Layer
from flashpoint.types import Tier

HOST = "https://flashpoint.test"
FEATURE = "0a1b2c3d-0000-4000-8000-000000000001"
LANGUAGES = ("en", "fr")
HEAD = {
    "as_of": "2026-03-01T01:05:00Z",
    "operation": "DEMO",
    "audience": "mission",
    "classification": "Mission, restricted",
    "protocol": {"version": "P-1", "until": "2027-03-01", "ends_soon": False},
    "methodology": "1.1",
    "stale": False,
}
ROW = {
    "name": "Boda",
    "pcode": "CF123",
    "rank": 3,
    "tier": "high",
    "score": 1234.5,
    "silent": True,
    "coverage": 0.5,
    "adm3_pcode": None,
    "trend": {"days_7": -2, "days_30": None},
}
INCIDENT = {"category": "armed_clash", "period": "2026-W09", "zone": "CF1", "zone_name": "Lobaye", "killed_band": "1-4"}


def link(rel, path, media="application/json", **more):
    return {"rel": rel, "type": media, "href": f"{HOST}{path}", **more}


def items(layer="matrix", query="", rows=(ROW,), **more):
    path = f"/ogc/collections/{layer}/items"
    features = [{"type": "Feature", "id": FEATURE, "geometry": None, "properties": row} for row in rows]
    links = [link("self", f"{path}?f=json{query}"), link("next", f"{path}?after={FEATURE}{query}")]
    return {"type": "FeatureCollection", **HEAD, "features": features, "numberMatched": 7, "links": links, **more}


def collection(layer="matrix"):
    path = f"/ogc/collections/{layer}"
    return {
        "id": layer,
        "title": ABOUT[Layer(layer)].title.en,
        "description": ABOUT[Layer(layer)].description.en,
        "extent": {
            "spatial": {"bbox": [[14.5, 2.0, 28.0, 11.5]]},
            "temporal": {"interval": [[None, "2026-03-01T00:00:00Z"]]},
        },
        "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
        "storageCrs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "links": [
            link("self", path),
            link("items", f"{path}/items?f=json"),
            link("items", f"{path}/items?f=html"),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{path}/queryables"),
            link("enclosure", f"/v1/exports/{layer}.gpkg"),
            link("tiles", f"/tiles/{layer}"),
        ],
    }


DOCUMENTS = {
    "landing": {
        "title": "Flashpoint",
        "attribution": "Mission, restricted",
        "links": [
            link("self", "/ogc?operation=DEMO"),
            link("service-desc", "/ogc/api"),
            link("data", "/ogc/collections?operation=DEMO"),
            link("conformance", "/ogc/conformance"),
        ],
    },
    "conformance": {"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html"], "links": []},
    "collections": {"links": [link("self", "/ogc/collections")], "collections": [collection(one) for one in Layer]},
    "collection": collection(),
    "items": items(),
    "item": {
        **HEAD,
        "type": "Feature",
        "id": FEATURE,
        "geometry": {"type": "Point", "coordinates": [18.5, 4.25]},
        "time": {"interval": ["2026-02-23", "2026-03-01"]},
        "properties": INCIDENT,
        "links": [link("self", f"/ogc/collections/incidents/items/{FEATURE}?f=json")],
    },
    "queryables": {
        "$id": f"{HOST}/ogc/collections/matrix/queryables",
        "properties": {
            "tier": {"title": "Tier", "type": "string", "enum": list(Tier)},
            "geometry": {"format": "geometry-multipolygon"},
        },
    },
    "api": {"openapi": "3.0.3", "paths": {"/collections": {"get": {"summary": "The layers"}}}},
    "problem": {
        "title": "Bad Request",
        "status": 400,
        "detail": "The request breaks the rules listed under errors.",
        "errors": [{"pointer": "?limit", "code": "out_of_range", "rule": "a whole number from 1"}],
    },
}


def page(name, language="en", document=None):
    return pages.page(name, DOCUMENTS[name] if document is None else document, language).decode()
