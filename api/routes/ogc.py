"""OGC API - Features: the released layers for GIS tools, under the same gate and from the same rows as everything."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute

from api import layer_answers
from api.board import Board
from api.deps import ReleasedReader
from api.layer_access import Door, Entered
from api.layer_answers import Made, Wanted
from api.negotiation import negotiate_language, prefers_html
from api.ogc import description, documents, pages
from api.ogc.ground import Ground, Grounds
from api.ogc.items import Place, item, items
from api.ogc.links import GEOJSON, HTML, JSON, OPENAPI, SCHEMA, Site
from api.ogc.query import ITEM, ITEMS, About, Given, items_query
from api.problems import problem_of
from flashpoint.errors import FlashpointError, NotFound
from flashpoint.features import dumps
from flashpoint.language import Code
from flashpoint.layers import Layer
from flashpoint.types import Actor


class Paged(APIRoute):
    """A route whose problems are pages too, for whoever asks for a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers a request."""
        handler = super().get_route_handler()

        async def paged(request: Request) -> Response:
            try:
                return await handler(request)
            except FlashpointError as error:
                form = request.query_params.get("f")
                if form == "json" or (form != "html" and not prefers_html(request.headers.get("accept"))):
                    raise
                return _problem_page(error, negotiate_language(request.headers.get("accept-language")))

        return paged


def _problem_page(error: FlashpointError, language: Code) -> Response:
    """Write a problem as a page, with the status and the header fields that it has otherwise."""
    answer = problem_of(error)
    answer.body = pages.page("problem", orjson.loads(bytes(answer.body)), language)
    answer.headers.update({"Content-Type": f"{HTML}; charset=utf-8", "Content-Length": str(len(answer.body))})
    answer.headers.update(of_page("problem", language))
    return answer


router = APIRouter(prefix="/ogc", tags=["ogc"], route_class=Paged)

Collection = Annotated[str, Path(examples=["matrix"], description="A layer, by its id.")]
Feature = Annotated[str, Path(description="A feature, by its id.")]


def _given(media: str, description: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is data or a page."""
    content: dict[str, Any] = {media: {"schema": {"type": "object"}}, HTML: {"schema": {"type": "string"}}}
    return {200: {"description": description, "content": content}}


_DOCUMENT = _given(JSON, "The document, or the page of it.")
_FEATURES = {
    **_given(GEOJSON, "With a strong ETag, which changes when what your audience is given does."),
    304: {"description": "Nothing has changed since the answer with that ETag."},
}

_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Language, Authorization"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What every resource is asked: as which form, in which language, under which name, for which operation."""

    given: Given
    site: Site
    html: bool
    language: Code

    @classmethod
    def of(cls, request: Request, *known: str) -> "Asked":
        """Read a request, whose other parameters are ``known``.

        Raises:
            Invalid: one of these is wrong, or a parameter unknown.
        """
        given = Given(request.scope["query_string"], known)
        site = Site.of(request, given.operation())
        html = given.html(preferred=prefers_html(request.headers.get("accept")))
        given.check()
        return cls(given, site, html, negotiate_language(request.headers.get("accept-language")))

    def document(self, name: str, media: str, document: Mapping[str, Any]) -> Response:
        """Answer a document, or the page of it."""
        if not self.html:
            return Response(dumps(document), headers=_COMMON, media_type=media)
        page = pages.page(name, document, self.language)
        return Response(page, headers={**_COMMON, **of_page(name, self.language)}, media_type=HTML)


def of_page(name: str, language: Code) -> dict[str, str]:
    """Give the header fields that go with a page."""
    return {"Content-Language": language, "Content-Security-Policy": pages.policy(name)}


@router.head("", include_in_schema=False)
@router.head("/", include_in_schema=False)
@router.get("/", include_in_schema=False)
@router.get("", response_class=Response, responses=_DOCUMENT)
async def get_landing(actor: ReleasedReader, request: Request) -> Response:
    """Say what there is for GIS tools, and where."""
    asked = Asked.of(request)
    return asked.document("landing", JSON, documents.landing(asked.site, actor.audience, html=asked.html))


@router.head("/api", include_in_schema=False)
@router.get("/api", response_class=Response, responses=_given(OPENAPI, "The description."))
async def get_api(actor: ReleasedReader, request: Request) -> Response:  # noqa: ARG001 - who asks has a key
    """Describe the API for GIS tools, as OpenAPI 3.0."""
    asked = Asked.of(request)
    return asked.document("api", OPENAPI, description.description(asked.site))


@router.head("/conformance", include_in_schema=False)
@router.get("/conformance", response_class=Response, responses=_DOCUMENT)
async def get_conformance(actor: ReleasedReader, request: Request) -> Response:  # noqa: ARG001 - likewise
    """Say what the API for GIS tools conforms to."""
    asked = Asked.of(request)
    return asked.document("conformance", JSON, documents.conformance(asked.site, html=asked.html))


@router.head("/collections", include_in_schema=False)
@router.get("/collections", response_class=Response, responses=_DOCUMENT)
async def get_collections(actor: ReleasedReader, request: Request, door: Door) -> Response:
    """List the layers that your audience may have."""
    asked = Asked.of(request)
    operation = door.operation(actor, asked.given.operation())
    found = door.layers(actor, operation)
    document = documents.collections(found, _ground(request, actor, operation), asked.site, html=asked.html)
    return asked.document("collections", JSON, document)


@router.head("/collections/{collection}", include_in_schema=False)
@router.get("/collections/{collection}", response_class=Response, responses=_DOCUMENT)
async def get_collection(collection: Collection, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """Say of one layer what it is, where it lies, and how to have it."""
    asked = Asked.of(request)
    entered = _enter(door, actor, collection, asked)
    ground = _ground(request, actor, entered.operation)
    return asked.document("collection", JSON, documents.one_collection(entered, ground, asked.site, html=asked.html))


@router.head("/collections/{collection}/queryables", include_in_schema=False)
@router.get("/collections/{collection}/queryables", response_class=Response, responses=_given(SCHEMA, "The schema."))
async def get_queryables(collection: Collection, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """Say what a layer can be filtered and sorted by, as a JSON Schema."""
    asked = Asked.of(request)
    entered = _enter(door, actor, collection, asked)
    return asked.document("queryables", SCHEMA, documents.queryables(entered, asked.site))


@router.head("/collections/{collection}/items", include_in_schema=False)
@router.get("/collections/{collection}/items", response_class=Response, responses=_FEATURES)
async def get_items(collection: Collection, actor: ReleasedReader, request: Request, door: Door) -> Response:
    """Read the features of a layer, a page at a time, in the order of their ids or as sorted."""
    asked = Asked.of(request, *ITEMS)
    entered = _enter(door, actor, collection, asked)
    ground = _ground(request, actor, entered.operation)
    about = About(entered.layer, entered.audience, documents.systems_of(ground))
    query = items_query(asked.given, about)
    terms = (*query.terms, ("after", asked.given.get("after") or ""))
    place = _place(request, entered, ground)
    making = _Making("items", terms, partial(items, place, query, asked.site), place.is_quick(query))
    return await _answered(request, entered, asked, making)


@router.head("/collections/{collection}/items/{feature}", include_in_schema=False)
@router.get("/collections/{collection}/items/{feature}", response_class=Response, responses=_FEATURES)
async def get_item(
    collection: Collection, feature: Feature, actor: ReleasedReader, request: Request, door: Door
) -> Response:
    """Read one feature of a layer by its id."""
    asked = Asked.of(request, *ITEM)
    entered = _enter(door, actor, collection, asked)
    ground = _ground(request, actor, entered.operation)
    crs = asked.given.crs("crs", documents.systems_of(ground))
    asked.given.check()
    make = partial(item, _place(request, entered, ground), _id(feature), crs, asked.site)
    return await _answered(request, entered, asked, _Making("item", (("id", feature), ("crs", crs.uri)), make))


def _enter(door: Door, actor: Actor, collection: Collection, asked: Asked) -> Entered:
    try:
        layer = Layer(collection)
    except ValueError:
        raise NotFound("no such collection") from None
    return door.enter(actor, layer, door.operation(actor, asked.given.operation()))


def _id(feature: str) -> str:
    try:
        return str(UUID(feature))
    except ValueError:
        raise NotFound("no such feature") from None


def _ground(request: Request, actor: Actor, operation: str) -> Ground | None:
    """Give the matrix that says where the operation lies, whatever layer is asked for."""
    board: Board = request.app.state.board
    grounds: Grounds = request.app.state.grounds
    sheet = board.get(operation, actor.audience)
    return None if sheet is None else grounds.of(sheet)


def _place(request: Request, entered: Entered, ground: Ground | None) -> Place:
    state = request.app.state
    return Place(entered, state.database, state.counts, ground if entered.sheet is not None else None)


@dataclass(frozen=True, slots=True)
class _Making:
    """How an answer is made: which page shows it, what decides it, and whether it is made in no time."""

    name: str
    terms: tuple[tuple[str, str], ...]
    make: Callable[[], Made]
    quick: bool = False


async def _answered(request: Request, entered: Entered, asked: Asked, making: _Making) -> Response:
    """Answer features, or the page of them."""
    name, make = making.name, making.make
    told = [name, asked.site.origin, asked.site.operation or "", str(entered.age_seconds is not None)]
    told += [part for term in making.terms for part in term]
    if not asked.html:
        return await layer_answers.answer(request, entered, Wanted(tuple(told), GEOJSON, quick=making.quick), make)
    wanted = Wanted((*told, asked.language), f"{HTML}; charset=utf-8")
    return await layer_answers.answer(request, entered, wanted, partial(_page, asked, name, make))


def _page(asked: Asked, name: str, make: Callable[[], Made]) -> Made:
    made = make()
    document = orjson.loads(made.body)
    for link in document["links"]:
        # The page is the form that is shown here, and the other one the alternate.
        link["rel"] = {"self": "alternate", "alternate": "self"}.get(link["rel"], link["rel"])
    page = pages.page(name, document, asked.language)
    return replace(made, body=page, headers={**made.headers, **of_page(name, asked.language)})
