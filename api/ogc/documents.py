"""What is said of the layers: the landing page, the collections, and what can be asked of each."""

from collections.abc import Iterable, Sequence
from typing import Any

from api.layer_access import Entered
from api.ogc.conformance import CONFORMS_TO
from api.ogc.ground import WEEK, WORLD, Ground
from api.ogc.links import GEOJSON, HTML, JSON, OPENAPI, SCHEMA, Link, Site
from api.ogc.tile_documents import TILESETS
from api.summary import instant
from flashpoint import layers
from flashpoint.crs import CRS84, WORLDWIDE, Crs
from flashpoint.layers import ABOUT, Kind, Layer, Shape
from flashpoint.matrix import CLASSIFICATION
from flashpoint.released import Box
from flashpoint.store.layer_filters import GEOMETRY, ID, TIME
from flashpoint.types import Audience

Document = dict[str, Any]

COLLECTIONS = "/ogc/collections"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_CONFORMANCE = "http://www.opengis.net/def/rel/ogc/1.0/conformance"
_DATA = "http://www.opengis.net/def/rel/ogc/1.0/data"
_TYPES = {Kind.TEXT: "string", Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}
_FORMATS = {Shape.AREAS: "geometry-multipolygon", Shape.POINTS: "geometry-point"}


def systems_of(ground: Ground | None) -> tuple[Crs, ...]:
    """Give the reference systems in which the layers of an operation can be had."""
    return WORLDWIDE if ground is None else ground.systems


def extent_of(ground: Ground | None) -> Box:
    """Give the box in which all localities of an operation lie; the world where none is known."""
    return WORLD if ground is None else ground.extent


def landing(site: Site, audience: Audience, *, html: bool) -> Document:
    """Say what there is, and where."""
    return {
        "title": "Flashpoint",
        "description": "Where protection goes first: the ranked matrix of localities, and what it is made of.",
        "attribution": CLASSIFICATION[audience],
        "links": [
            *site.both("/ogc", JSON, html=html),
            site.link("service-desc", "/ogc/api", OPENAPI, title="The description of this API"),
            site.link("service-doc", "/ogc/api", HTML, title="The same for people", parameters=[("f", "html")]),
            site.link("conformance", "/ogc/conformance", JSON, title="What this API conforms to"),
            site.link(_CONFORMANCE, "/ogc/conformance", JSON, title="What this API conforms to"),
            site.link("data", COLLECTIONS, JSON, title="The collections"),
            site.link(_DATA, COLLECTIONS, JSON, title="The collections"),
        ],
    }


def conformance(site: Site, *, html: bool) -> Document:
    """Say what the API conforms to."""
    return {"conformsTo": list(CONFORMS_TO), "links": site.both("/ogc/conformance", JSON, html=html)}


def collections(entered: Iterable[Entered], ground: Ground | None, site: Site, *, html: bool) -> Document:
    """List the collections that the caller may have."""
    listed = [collection(one, ground, [*_of_collection(one, site, html=False)]) for one in entered]
    return {
        "links": site.both(COLLECTIONS, JSON, html=html),
        "crs": [one.uri for one in systems_of(ground)],
        "collections": listed,
    }


def one_collection(entered: Entered, ground: Ground | None, site: Site, *, html: bool) -> Document:
    """Say of one collection what it is, and how to have it."""
    return collection(entered, ground, [*_of_collection(entered, site, html=html)])


def collection(entered: Entered, ground: Ground | None, links: Sequence[Link]) -> Document:
    """Say what a collection is. Its extent is that of all localities, or zones: it tells nothing of single features."""
    about = ABOUT[entered.layer]
    return {
        "id": entered.layer,
        "title": about.title.en,
        "description": about.description.en,
        "itemType": "feature",
        "extent": {
            "spatial": {"bbox": [entered.stand.box or extent_of(ground)], "crs": CRS84.uri},
            **({"temporal": _temporal(entered)} if about.timed else {}),
        },
        "crs": [one.uri for one in systems_of(ground)],
        "storageCrs": CRS84.uri,
        "links": list(links),
    }


def _temporal(entered: Entered) -> Document:
    """Say when features are: the matrix now, changes within a week, and of the others no end is told."""
    ends: list[str | None] = [None, None]
    if entered.layer in {Layer.MATRIX, Layer.CHANGES}:
        as_of = entered.stand.as_of
        ends = [instant(as_of - WEEK if entered.layer is Layer.CHANGES else as_of), instant(as_of)]
    return {"interval": [ends], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"}


def _of_collection(entered: Entered, site: Site, *, html: bool) -> Iterable[Link]:
    path, title = f"{COLLECTIONS}/{entered.layer}", ABOUT[entered.layer].title.en
    yield from site.both(path, JSON, html=html)
    # Without a form: GDAL puts the id of a feature right behind this address.
    yield site.link("items", f"{path}/items", GEOJSON, title=title)
    # People read the matrix from the first rank on; programs page through it by what does not change while they do.
    ranked = [("sortby", "rank")] if entered.layer is Layer.MATRIX else []
    yield site.link("items", f"{path}/items", HTML, title=title, parameters=[("f", "html"), *ranked])
    yield site.link(_QUERYABLES, f"{path}/queryables", SCHEMA, title="What can be asked by", parameters=[("f", "json")])
    yield site.link(
        "queryables", f"{path}/queryables", SCHEMA, title="What can be asked by", parameters=[("f", "json")]
    )
    if entered.layer is not Layer.CHANGES:
        yield from _elsewhere(entered.layer, site)


def _elsewhere(layer: Layer, site: Site) -> Iterable[Link]:
    """Link to the same features as tiles and as files."""
    yield site.link("tiles", f"/tiles/{layer}", JSON, title="As vector tiles (TileJSON)")
    yield site.link(TILESETS, f"{COLLECTIONS}/{layer}/tiles", JSON, title="As vector tiles (tilesets)")
    for ending, media in _FILES.items():
        yield site.link("enclosure", f"/v1/exports/{layer}.{ending}", media, title=f"As a file ({ending})")


_FILES = {
    "gpkg": "application/geopackage+sqlite3",
    "csv": "text/csv",
}


def queryables(entered: Entered, site: Site) -> Document:
    """Describe what a collection can be asked by: a JSON Schema."""
    about = ABOUT[entered.layer]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        # Without parameters, the standard says: the links have the operation.
        "$id": f"{site.origin}{COLLECTIONS}/{entered.layer}/queryables",
        "links": site.both(f"{COLLECTIONS}/{entered.layer}/queryables", SCHEMA),
        "type": "object",
        "title": about.title.en,
        "properties": {
            ID: {"title": "Id", "type": "string", "x-ogc-role": "id"},
            GEOMETRY: {"title": "Geometry", "format": _FORMATS[about.shape], "x-ogc-role": "primary-geometry"},
            **({TIME: {"title": "Time", "type": "string", "format": "date-time"}} if about.timed else {}),
            **{column.name: _schema(column) for column in layers.columns(entered.layer, entered.audience)},
        },
        "additionalProperties": False,
    }


def _schema(column: layers.Column) -> Document:
    choices = {"enum": list(column.choices)} if column.choices else {}
    return {"title": column.title.en, "type": _TYPES[column.kind], **choices}
