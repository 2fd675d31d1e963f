"""The pages of OGC API - Features: the documents of the standard, written for people. No script, and no other host.

All that a document holds is data: it is escaped, set apart from the direction of the text around it, and what leads
somewhere else than to HTTP is left out.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.ogc import addresses, tables, wording
from api.ogc.wording import say
from flashpoint.language import LANGUAGES, Code
from flashpoint.layers import Layer
from flashpoint.tier_colours import OUTLINE, TIER_COLOURS
from flashpoint.types import Audience

Document = Mapping[str, Any]
View = dict[str, Any]

_FOLDER: Final = Path(__file__).parent / "templates"
_TIERS: Final = "".join(f".{tier}{{--tier:{colour}}}" for tier, colour in TIER_COLOURS.items())
_STYLE: Final = f":root{{--rim:{OUTLINE}}}{_TIERS}" + (_FOLDER / "style.css").read_text(encoding="utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGES: Final = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
#: Where the links of a document lead, by the last part of their relation.
_ENDS: Final = {
    "data": "to_collections",
    "collections": "to_collections",
    "conformance": "to_conformance",
    "service-desc": "to_api",
    "service-doc": "to_api",
    "items": "to_items",
    "queryables": "to_queryables",
    "schema": "to_schema",
    "collection": "to_collection",
    "tiles": "to_tilesets",
    "tilesets-vector": "to_tilesets",
    "license": "to_license",
}
#: Links that a page has elsewhere: about itself, or from page to page.
_AROUND: Final = frozenset({"self", "alternate", "root", "next", "prev", "first"})
#: What files are called, by the ending of their address.
_FILES: Final = {
    "gpkg": "GeoPackage",
    "fgb": "FlatGeobuf",
    "parquet": "GeoParquet",
    "geojson": "GeoJSON",
    "csv": "CSV",
    "xlsx": "Excel (XLSX)",
    "kml": "KML",
}
#: Signs that turn the direction of what follows; in a title nothing can set them apart.
_TURNS: Final = dict.fromkeys(map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))


def page(name: str, document: Document, language: Code) -> bytes:
    """Write the page of a document. ``name`` is one of ``NAMES``.

    The document is the very one of the standard. Members that it lacks are left out of the page.
    """
    view = _VIEWS[name](document, language)
    address = addresses.here(document)
    frame = {
        "say": partial(say, language=language),
        "language": language,
        "style": Markup(_STYLE),  # noqa: S704 - a file of ours, with nothing of the document in it
        "title": view["heading"].translate(_TURNS),
        "marks": list(_marks(document, language)),
        "stale": document.get("stale") is True,
        "trail": _trail(name, address, language),
        "formats": _formats(document, address),
    }
    return _PAGES.get_template(f"{name}.html").render(frame | view).encode()


def policy(name: str) -> str:
    """Give the Content-Security-Policy of a page: its own style, its own form if it has one, and nothing else."""
    forms = "'self'" if name == "items" else "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
    )


# -- around every page ------------------------------------------------------------------------------------------------


def _marks(document: Document, language: Code) -> Iterator[tuple[str, str]]:
    """Give what data are marked with: how closed they are, for whom, of when, by which agreement and method."""
    if told := document.get("classification"):
        yield say("classification", language), wording.classification(str(told), language)
    if (audience := document.get("audience")) is not None:
        known = audience in set(Audience)
        yield say("audience", language), say(str(audience), language) if known else str(audience)
    for name in ("as_of", "data_through"):
        if told := document.get(name):
            yield say(name, language), wording.moment(str(told), language)
    if told := document.get("protocol"):
        yield say("protocol", language), _protocol(told, language)
    if told := document.get("methodology"):
        yield say("methodology", language), str(told.get("version") if isinstance(told, dict) else told)


def _protocol(told: Any, language: Code) -> str:  # noqa: ANN401 - a member of JSON
    if not isinstance(told, dict):
        return str(told)
    until = told.get("until")
    ends = "" if until is None else f" ({say('until', language, end=wording.moment(str(until), language))})"
    return f"{told.get('version', '')}{ends}"


def _trail(name: str, address: str | None, language: Code) -> list[tuple[str, str]]:
    """Give the pages above this one, the landing page first."""
    address, collection = address or addresses.ROOT, addresses.collection_of(address)
    trail = [] if name == "landing" else [(addresses.above(address), say("to_landing", language))]
    if name in {"collection", "items", "item", "queryables"}:
        trail.append((addresses.above(address, "collections"), say("to_collections", language)))
    if name in {"items", "item", "queryables"} and collection:
        title = wording.about(collection, language)[0]
        trail.append((addresses.above(address, "collections", collection), title))
        if name == "item":
            trail.append((addresses.above(address, "collections", collection, "items"), say("to_items", language)))
    return trail


def _formats(document: Document, address: str | None) -> list[tuple[str, str]]:
    """Give this page for programs: its own address as JSON."""
    kind = "GeoJSON" if document.get("type") in {"Feature", "FeatureCollection"} else "JSON"
    if address is None:
        # What names no address of its own: an OpenAPI document, or what an error says.
        return [("?f=json", kind)] if "openapi" in document else []
    return [(addresses.as_json(address), kind)]


def _ways(document: Document, language: Code) -> list[View]:
    """Give the links of a document that lead on, under the words that the page has for them.

    Of two that lead to the same under the same words the last one counts, which is the one for people.
    """
    found: dict[tuple[str, str], View] = {}
    for link in addresses.links(document):
        end = str(link.get("rel", "")).rpartition("/")[2]
        if end in _AROUND:
            continue
        href = addresses.as_page(str(link["href"]))
        if end == "enclosure":
            ending = addresses.path(href).rpartition(".")[2]
            text, own = say("to_file", language, kind=_FILES.get(ending, ending)), True
        elif end in _ENDS:
            text, own = say(_ENDS[end], language), True
        else:
            text, own = str(link.get("title") or href), False
        found[addresses.path(href), text] = {"href": href, "text": text, "own": own}
    return list(found.values())


# -- the pages --------------------------------------------------------------------------------------------------------


def _landing(document: Document, language: Code) -> View:
    return {
        "heading": say("landing", language),
        "attribution": wording.classification(str(document.get("attribution") or ""), language),
        "ways": _ways(document, language),
    }


def _conformance(document: Document, language: Code) -> View:
    return {"heading": say("to_conformance", language), "classes": list(map(str, document.get("conformsTo") or []))}


def _collections(document: Document, language: Code) -> View:
    address = addresses.here(document) or f"{addresses.ROOT}/collections"
    return {
        "heading": say("to_collections", language),
        "collections": [_entry(one, address, language) for one in document.get("collections") or []],
    }


def _entry(collection: Document, address: str, language: Code) -> View:
    path = ("collections", str(collection.get("id", "")))
    ways = {"address": addresses.above(address, *path), "features": addresses.above(address, *path, "items")}
    return _told(collection, language) | ways


def _told(collection: Document, language: Code) -> View:
    """Give a collection's title and description, in the language asked for where they are ours."""
    key = str(collection.get("id", ""))
    title, description = wording.about(key, language)
    ours = key in set(Layer)
    return {
        "title": title if ours else str(collection.get("title") or key),
        "description": description if ours else str(collection.get("description", "")),
    }


def _collection(document: Document, language: Code) -> View:
    told = _told(document, language)
    return {
        "heading": told["title"],
        "description": told["description"],
        "facts": list(_facts(document, language)),
        "ways": _ways(document, language),
    }


def _facts(document: Document, language: Code) -> Iterator[tuple[str, list[str]]]:
    yield say("id", language), [str(document.get("id", ""))]
    extent = document.get("extent") or {}
    if boxes := (extent.get("spatial") or {}).get("bbox"):
        yield say("extent", language), [_box(one, language) for one in boxes]
    if spans := (extent.get("temporal") or {}).get("interval"):
        yield (
            say("in_time", language),
            [wording.interval(str(start or ".."), str(end or ".."), language) for start, end in spans],
        )
    if systems := document.get("crs"):
        yield say("crs", language), list(map(str, systems))
    if told := document.get("storageCrs"):
        yield say("storage_crs", language), [str(told)]


def _box(corners: list[float], language: Code) -> str:
    west, south, east, north = (
        f"{one:.2f}".replace(".", LANGUAGES[language].point) for one in (*corners[:2], *corners[-2:])
    )
    return say("box", language, west=west, south=south, east=east, north=north)


def _items(document: Document, language: Code) -> View:
    title, description = wording.about(addresses.collection_of(addresses.here(document)) or "", language)
    heading = say("features_of", language, title=title)
    return {"heading": heading, "description": description} | tables.listing(document, language)


def _item(document: Document, language: Code) -> View:
    # What a drawn point says, and what not, belongs beside each one.
    description = wording.about(addresses.collection_of(addresses.here(document)) or "", language)[1]
    return {"description": description} | tables.single(document, language)


def _queryables(document: Document, language: Code) -> View:
    collection = addresses.collection_of(addresses.here(document))
    title = wording.about(collection, language)[0] if collection else str(document.get("title", ""))
    return {
        "heading": say("queryables", language, title=title),
        "rows": [_queryable(name, schema, language) for name, schema in (document.get("properties") or {}).items()],
    }


def _queryable(name: str, schema: Document, language: Code) -> View:
    kind = str(schema.get("type") or ("geometry" if "geometry" in str(schema.get("format", "")) else ""))
    title = tables.TITLES.get(name)
    column = tables.COLUMNS.get(name)
    return {
        "name": name,
        "title": wording.of(title, language) if title else str(schema.get("title") or name),
        "kind": say(kind, language) if kind in wording.PHRASES else kind,
        "choices": [
            (str(one), wording.value(column, one, language) if column else str(one)) for one in schema.get("enum") or []
        ],
    }


def _api(document: Document, language: Code) -> View:
    routes = [
        (method.upper(), path, str(one.get("summary", "")))
        for path, methods in (document.get("paths") or {}).items()
        for method, one in methods.items()
        if isinstance(one, dict)
    ]
    return {"heading": say("to_api", language), "routes": routes}


def _problem(document: Document, language: Code) -> View:
    return {
        "heading": say("problem", language),
        "status": document.get("status"),
        "what": str(document.get("title", "")),
        "detail": str(document.get("detail", "")),
        "errors": [(str(one.get("pointer", "")), str(one.get("rule", ""))) for one in document.get("errors") or []],
    }


_VIEWS: Final[Mapping[str, Callable[[Document, Code], View]]] = {
    "landing": _landing,
    "conformance": _conformance,
    "collections": _collections,
    "collection": _collection,
    "items": _items,
    "item": _item,
    "queryables": _queryables,
    "api": _api,
    "problem": _problem,
}
NAMES: Final = tuple(_VIEWS)
