"""What is said of tiles: TileJSON 3.0, a style for maps (MapLibre, Mapbox GL), and the documents of OGC API - Tiles."""

from dataclasses import dataclass
from typing import Any

from api.layer_access import Entered
from api.ogc.links import JSON, Link, Site
from flashpoint.catalogue import TIER_NAMES
from flashpoint.crs import CRS84
from flashpoint.layers import ABOUT, Column, Kind, Layer
from flashpoint.matrix import CLASSIFICATION
from flashpoint.released import Box
from flashpoint.store.tiles import drawn_columns
from flashpoint.tier_colours import OUTLINE, TIER_COLOURS
from flashpoint.tile_grid import EDGE_LATITUDE, HALF_WORLD, MAX_ZOOM

Document = dict[str, Any]

MVT = "application/vnd.mapbox-vector-tile"
TILES = "/tiles"
COLLECTIONS, MATRIX_SETS = "/ogc/collections", "/ogc/tileMatrixSets"
QUAD = "WebMercatorQuad"

_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
#: The conformance classes of OGC API - Tiles that are declared. Each has its tests.
TILES_CONFORMANCE = (
    f"{_TILES}/core",
    f"{_TILES}/tileset",
    f"{_TILES}/tilesets-list",
    f"{_TILES}/geodata-tilesets",
    f"{_TILES}/mvt",
)
#: Relation of the link from a collection to its tilesets.
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_QUAD_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{QUAD}"
_CRS = "http://www.opengis.net/def/crs/EPSG/0/3857"
#: The grid as it is registered goes further than our tiles do.
_REGISTERED_ZOOM = 24
#: Metres of a pixel on the screen of the standard, and pixels along a tile there.
_PIXEL_METRES, _TILE_PIXELS = 0.00028, 256
_TYPES = {Kind.TEXT: "string", Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}
_SILENT_LINE, _PAPER = "#1a1a1a", "#ffffff"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A layer that a caller may have, in which box it lies, and under which name the caller asks."""

    entered: Entered
    extent: Box
    site: Site

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.entered.layer

    @property
    def title(self) -> str:
        """What it is called."""
        return ABOUT[self.layer].title.en

    @property
    def attribution(self) -> str:
        """For whom it is and by which agreement: what maps show at their edge."""
        protocol = self.entered.protocol
        agreed = "" if protocol is None else f". Information-sharing protocol {protocol.version}"
        return CLASSIFICATION[self.entered.audience] + agreed

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is told of each feature, besides its id."""
        return drawn_columns(self.layer, self.entered.audience)

    @property
    def path(self) -> str:
        """Where the collection's tilesets are."""
        return f"{COLLECTIONS}/{self.layer}/tiles"


def tilejson(mapped: Mapped) -> Document:
    """Describe the tiles of a layer, as TileJSON 3.0."""
    west, south, east, north = mapped.extent
    zooms = {"minzoom": 0, "maxzoom": MAX_ZOOM}
    fields = {"id": "Id, the same as of the item", **{one.name: one.title.en for one in mapped.columns}}
    described = {"id": mapped.layer, "description": ABOUT[mapped.layer].description.en, **zooms, "fields": fields}
    return {
        "tilejson": "3.0.0",
        "name": mapped.title,
        "description": ABOUT[mapped.layer].description.en,
        "attribution": mapped.attribution,
        "scheme": "xyz",
        "tiles": [mapped.site.href(f"{TILES}/{mapped.layer}/{{z}}/{{x}}/{{y}}")],
        **zooms,
        "bounds": [west, max(south, -EDGE_LATITUDE), east, min(north, EDGE_LATITUDE)],
        "vector_layers": [described],
    }


def matrix_style(site: Site) -> Document:
    """Draw the matrix: areas by their tier, and a broken line around those that are silent.

    It needs no fonts and no pictures, so that nothing is fetched from anybody else.
    """
    drawn = {"source": "matrix", "source-layer": "matrix"}
    by_tier = [part for tier, colour in TIER_COLOURS.items() for part in (tier, colour)]
    silent = {"filter": ["==", ["get", "silent"], True]}
    return {
        "version": 8,
        "name": ABOUT[Layer.MATRIX].title.en,
        "metadata": {"flashpoint:legend": _legend()},
        "sources": {"matrix": {"type": "vector", "url": site.href(f"{TILES}/{Layer.MATRIX}"), "promoteId": "id"}},
        "layers": [
            {"id": "paper", "type": "background", "paint": {"background-color": _PAPER}},
            {
                "id": "tier",
                "type": "fill",
                **drawn,
                "paint": {"fill-color": ["match", ["get", "tier"], *by_tier, _PAPER]},
            },
            {"id": "outline", "type": "line", **drawn, "paint": {"line-color": OUTLINE, "line-width": 1}},
            {
                "id": "silent",
                "type": "line",
                **drawn,
                **silent,
                "paint": {"line-color": _SILENT_LINE, "line-width": 2.5, "line-dasharray": [2, 2]},
            },
        ],
    }


def _legend() -> list[Document]:
    tiers = [{"tier": tier, "colour": colour, **TIER_NAMES[tier]} for tier, colour in TIER_COLOURS.items()]
    return [*tiers, {"line": "broken", "en": "silent: no news is not good news", "fr": "silencieux : sans nouvelles"}]


def matrix_sets(site: Site) -> Document:
    """List the grids of tiles."""
    here = {"id": QUAD, "title": _TITLE, "uri": _QUAD_URI, "crs": _CRS}
    link = site.link("self", f"{MATRIX_SETS}/{QUAD}", JSON, title="The definition")
    return {"tileMatrixSets": [{**here, "links": [link]}], "links": [site.link("self", MATRIX_SETS, JSON)]}


def web_mercator_quad() -> Document:
    """Define the grid, as OGC Two Dimensional Tile Matrix Set 2.0 registers it."""
    return {
        "id": QUAD,
        "title": _TITLE,
        "uri": _QUAD_URI,
        "crs": _CRS,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_tile_matrix(zoom) for zoom in range(_REGISTERED_ZOOM + 1)],
    }


_TITLE = "Google Maps Compatible for the World"


def _tile_matrix(zoom: int) -> Document:
    cell = 2 * HALF_WORLD / _TILE_PIXELS / 2**zoom
    return {
        "id": str(zoom),
        "scaleDenominator": cell / _PIXEL_METRES,
        "cellSize": cell,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-HALF_WORLD, HALF_WORLD],
        "tileWidth": _TILE_PIXELS,
        "tileHeight": _TILE_PIXELS,
        "matrixWidth": 2**zoom,
        "matrixHeight": 2**zoom,
    }


def tilesets(mapped: Mapped) -> Document:
    """List the tilesets of a collection: there is one."""
    kept = ("title", "dataType", "crs", "tileMatrixSetURI", "links")
    whole = tileset(mapped)
    return {
        "tilesets": [{name: whole[name] for name in kept}],
        "links": [mapped.site.link("self", mapped.path, JSON), _data(mapped)],
    }


def tileset(mapped: Mapped) -> Document:
    """Describe the tileset of a collection."""
    west, south, east, north = mapped.extent
    fields = {one.name: {"title": one.title.en, "type": _TYPES[one.kind]} for one in mapped.columns}
    return {
        "title": mapped.title,
        "description": ABOUT[mapped.layer].description.en,
        "attribution": mapped.attribution,
        "accessConstraints": "restricted",
        "dataType": "vector",
        "crs": _CRS,
        "tileMatrixSetURI": _QUAD_URI,
        "tileMatrixSetLimits": [_limits(zoom) for zoom in range(MAX_ZOOM + 1)],
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84.uri},
        "layers": [
            {
                "id": mapped.layer,
                "title": mapped.title,
                "dataType": "vector",
                "geometryDimension": 2 if mapped.layer.is_drawn_as_areas else 0,
                "propertiesSchema": {"type": "object", "properties": {"id": {"type": "string"}, **fields}},
            }
        ],
        "links": _tileset_links(mapped),
    }


def _limits(zoom: int) -> Document:
    last = 2**zoom - 1
    return {"tileMatrix": str(zoom), "minTileRow": 0, "maxTileRow": last, "minTileCol": 0, "maxTileCol": last}


def _tileset_links(mapped: Mapped) -> list[Link]:
    here, site = f"{mapped.path}/{QUAD}", mapped.site
    tile = f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    return [
        site.link("self", here, JSON, title="This tileset"),
        site.link(_SCHEME, f"{MATRIX_SETS}/{QUAD}", JSON, title="The grid of the tiles"),
        site.link("item", tile, MVT, title="A tile", templated=True),
        site.link("describedby", f"{TILES}/{mapped.layer}", JSON, title="The same tiles, as TileJSON"),
        _data(mapped),
    ]


def _data(mapped: Mapped) -> Link:
    return mapped.site.link("collection", f"{COLLECTIONS}/{mapped.layer}", JSON, title=mapped.title)
