"""Vector tiles of the layers, by the addresses of the web's maps (``/tiles``) and of OGC API - Tiles (``/ogc``).

Both ways lead to the same tiles, and every one of them through the same door as the items.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.board import Board
from api.deps import ReleasedReader, database_of
from api.layer_access import Door, Doorway, Entered
from api.layer_answers import Made, Wanted, answer
from api.ogc import tile_documents as documents
from api.ogc.documents import extent_of
from api.ogc.ground import Grounds
from api.ogc.links import JSON, Site
from api.ogc.query import Given
from api.ogc.tile_documents import COLLECTIONS, MATRIX_SETS, MVT, QUAD, TILES, Mapped
from flashpoint.errors import NotFound
from flashpoint.features import dumps
from flashpoint.store import layer_sources, tiles
from flashpoint.store.engine import Database
from flashpoint.tile_grid import Tile, tile_at
from flashpoint.types import Actor

router = APIRouter(tags=["tiles"])

Layered = Annotated[str, Path(examples=["matrix"], description="A layer, by its id.")]
Zoom = Annotated[str, Path(examples=["5"], description="From 0, the whole world, to 14.")]
Column = Annotated[str, Path(examples=["17"], description="From the west.")]
Row = Annotated[str, Path(examples=["15"], description="From the north.")]

_Writing = Callable[[Mapped], Mapping[str, Any]]

_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_TILESETS = f"{COLLECTIONS}/{{collection}}/tiles"
_ENDINGS = (".mvt", ".pbf")
_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "operation",
            "in": "query",
            "description": "The operation, where the key is good for several.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,16}$"},
        }
    ]
}
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer with that ETag."}
}
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The document.", "content": {JSON: {"schema": {"type": "object"}}}},
    **_NOT_MODIFIED,
}
_TILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The tile, with a strong ETag, which changes when the rows of the layer do.",
        "content": {MVT: {"schema": {"type": "string", "format": "binary"}}},
    },
    204: {"description": "There is nothing on this tile."},
    **_NOT_MODIFIED,
}


@router.head(f"{TILES}/styles/matrix", include_in_schema=False)
@router.get(f"{TILES}/styles/matrix", response_class=Response, openapi_extra=_PARAMETERS)
async def get_matrix_style(actor: ReleasedReader, request: Request) -> Response:  # noqa: ARG001 - who asks has a key
    """Give a style for MapLibre GL and its kin that draws the matrix by tier. It has nothing of the data in it."""
    return _document(documents.matrix_style(_site(request)))


@router.head(f"{TILES}/{{collection}}", include_in_schema=False)
@router.get(f"{TILES}/{{collection}}", response_class=Response, responses=_DOCUMENT, openapi_extra=_PARAMETERS)
async def get_tilejson(collection: Layered, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """Describe the tiles of a layer, as TileJSON 3.0."""
    site = _site(request)
    return await _described(_enter(collection, actor, site, door), site, request, documents.tilejson)


@router.head(f"{TILES}/{{collection}}/{{zoom}}/{{column}}/{{row}}", include_in_schema=False)
@router.get(
    f"{TILES}/{{collection}}/{{zoom}}/{{column}}/{{row}}",
    response_class=Response,
    responses=_TILE,
    openapi_extra=_PARAMETERS,
)
async def get_tile(
    collection: Layered, zoom: Zoom, column: Column, row: Row, actor: ReleasedReader, request: Request, door: Door
) -> Response:
    """Draw a tile of a layer, as a Mapbox Vector Tile. The last part may end in `.mvt` or `.pbf`."""
    ending = next((one for one in _ENDINGS if row.endswith(one)), "")
    entered = _enter(collection, actor, _site(request), door)
    return await _drawn(entered, request, tile_at(zoom, column, row.removesuffix(ending)))


@router.head(MATRIX_SETS, include_in_schema=False)
@router.get(MATRIX_SETS, response_class=Response, include_in_schema=False)
async def get_tile_matrix_sets(actor: ReleasedReader, request: Request) -> Response:  # noqa: ARG001 - likewise
    """List the grids of tiles (OGC API - Tiles)."""
    return _document(documents.matrix_sets(_site(request)))


@router.head(f"{MATRIX_SETS}/{{grid}}", include_in_schema=False)
@router.get(f"{MATRIX_SETS}/{{grid}}", response_class=Response, include_in_schema=False)
async def get_tile_matrix_set(grid: str, actor: ReleasedReader, request: Request) -> Response:  # noqa: ARG001 - likewise
    """Define the grid of tiles (OGC API - Tiles)."""
    _site(request)
    _known(grid)
    return _document(documents.web_mercator_quad())


@router.head(_TILESETS, include_in_schema=False)
@router.get(_TILESETS, response_class=Response, include_in_schema=False)
async def get_tilesets(collection: str, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """List the tilesets of a layer (OGC API - Tiles)."""
    site = _site(request)
    return await _described(_enter(collection, actor, site, door), site, request, documents.tilesets)


@router.head(f"{_TILESETS}/{{grid}}", include_in_schema=False)
@router.get(f"{_TILESETS}/{{grid}}", response_class=Response, include_in_schema=False)
async def get_tileset(collection: str, grid: str, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """Describe the tileset of a layer (OGC API - Tiles)."""
    _known(grid)
    site = _site(request)
    return await _described(_enter(collection, actor, site, door), site, request, documents.tileset)


@router.head(f"{_TILESETS}/{{grid}}/{{zoom}}/{{row}}/{{column}}", include_in_schema=False)
@router.get(f"{_TILESETS}/{{grid}}/{{zoom}}/{{row}}/{{column}}", response_class=Response, include_in_schema=False)
async def get_tileset_tile(
    collection: str, grid: str, zoom: str, row: str, column: str, actor: ReleasedReader, request: Request, door: Door
) -> Response:
    """Draw a tile of a layer (OGC API - Tiles), where the row comes before the column."""
    _known(grid)
    entered = _enter(collection, actor, _site(request, "mvt"), door)
    return await _drawn(entered, request, tile_at(zoom, column, row))


def _known(grid: str) -> None:
    if grid != QUAD:
        raise NotFound("no such grid of tiles")


def _site(request: Request, form: str = "json") -> Site:
    """Read what every address here may be asked: the operation, and the one form that there is.

    Raises:
        Invalid: a parameter is unknown or wrong.
    """
    given = Given(request.scope["query_string"], ())
    site = Site.of(request, given.operation())
    if given.get("f") not in {None, form}:
        given.refuse("?f", "unknown_format", f"f is {form}")
    given.check()
    return site


def _enter(collection: str, actor: Actor, site: Site, door: Doorway) -> Entered:
    found = next((one for one in tiles.TILED if one.value == collection), None)
    if found is None:
        raise NotFound("no such collection of tiles")
    return door.enter(actor, found, door.operation(actor, site.operation))


async def _described(entered: Entered, site: Site, request: Request, write: _Writing) -> Response:
    """Answer a document about the tiles of a layer. It depends on where the layer lies, and on no row of it."""
    board: Board = request.app.state.board
    grounds: Grounds = request.app.state.grounds
    sheet = board.get(entered.operation, entered.audience)
    mapped = Mapped(entered, entered.stand.box or extent_of(None if sheet is None else grounds.of(sheet)), site)
    wanted = Wanted((write.__name__, site.origin, site.operation or "", *map(repr, mapped.extent)), JSON, timed=False)
    return await answer(request, entered, wanted, lambda: Made(dumps(write(mapped)), entered.stand))


async def _drawn(entered: Entered, request: Request, tile: Tile) -> Response:
    """Answer a tile. Its tag says of which rows it is: an evaluation that changes none changes no tag."""
    wanted = Wanted(("tile", f"{tile.zoom}/{tile.column}/{tile.row}"), MVT, timed=False)
    return await answer(request, entered, wanted, partial(_draw, database_of(request), entered, tile))


def _draw(database: Database, entered: Entered, tile: Tile) -> Made:
    layer, operation, audience = entered.layer, entered.operation, entered.audience
    source = layer_sources.source(layer, operation, audience)
    with database.release_cursor() as cursor:
        return Made(*tiles.draw(cursor, source, tile))


def _document(document: Mapping[str, Any]) -> Response:
    return Response(dumps(document), headers=_COMMON, media_type=JSON)
