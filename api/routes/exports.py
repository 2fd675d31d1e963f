"""Layers as files, for whoever works without a line: made of the released rows alone, counted, capped and logged."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.browser import own_origin
from api.deps import OPERATION, ReleasedReader, Store
from api.export_answers import define_layer, describe_csv, give, query_of
from api.layer_access import Door, Entered
from api.layer_answers import Wanted, answer
from flashpoint.errors import Invalid, NotFound, Violation
from flashpoint.exports import qgis
from flashpoint.exports.formats import (
    CSV_METADATA_MEDIA,
    KINDS,
    LAYERS,
    QLR,
    QLR_MEDIA,
    Format,
    described_by,
    file_of,
)
from flashpoint.features import dumps
from flashpoint.layers import ABOUT, Layer
from flashpoint.matrix import CLASSIFICATION
from flashpoint.store.engine import ReleaseReader
from flashpoint.store.layer_exports import tally
from flashpoint.store.layer_sources import source, stand

router = APIRouter(prefix="/v1/exports", tags=["exports"])

_MEDIA = [*(kind.media.partition(";")[0] for kind in KINDS.values()), CSV_METADATA_MEDIA, QLR_MEDIA]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, with a strong ETag; `Flashpoint-Rows` says how many rows it has.",
        "content": {media: {} for media in _MEDIA},
    },
    304: {"description": "Nothing has changed since the answer with that ETag."},
}


class ExportsQuery(BaseModel):
    """Of which operation; with a key for one it need not be said."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])] | None = None


@router.get("")
def list_exports(
    actor: ReleasedReader, query: Annotated[ExportsQuery, Query()], request: Request, door: Door, database: Store
) -> Response:
    """List the files that you may have: of which layers, with how many rows, as of when, in which formats."""
    operation = door.operation(actor, _asked(request, query))
    given = [one for one in door.layers(actor, operation) if one.layer in LAYERS]
    with database.release_reader() as reader:
        found = [_listed(reader, one) for one in given]
    definition = {"href": f"exports/{QLR}{query_of(operation)}", "type": QLR_MEDIA, "title": "QGIS, styled by tier"}
    head = {
        "operation": operation,
        "audience": actor.audience,
        "classification": CLASSIFICATION[actor.audience],
        "protocol": given[0].protocol,
        "exports": found,
        "layer_definitions": [definition] if given[0].layer is Layer.MATRIX else [],
    }
    return Response(dumps(head), media_type="application/json")


@router.get("/{file}", response_class=Response, responses=_RESPONSES)
async def get_export(
    file: Annotated[str, Path(examples=["matrix.gpkg"], description="Layer and ending, as the listing has them.")],
    actor: ReleasedReader,
    query: Annotated[ExportsQuery, Query()],
    request: Request,
    door: Door,
    database: Store,
) -> Response:
    """Give a layer as a file: `matrix`, `localities`, `communities` or `incidents`, in one of seven formats.

    The same state gives the same bytes. Each file that is made is logged, and counts as 20 requests.
    """
    asked, found, described = _asked(request, query), file_of(file), described_by(file)
    layer = Layer.MATRIX if file == QLR else described if found is None else found[0]
    if layer is None:
        raise NotFound("no such file")
    entered = door.enter(actor, layer, door.operation(actor, asked))
    if found is not None:
        return await give(request, actor, entered, found[1])
    if described is not None:
        terms = Wanted(("description",), CSV_METADATA_MEDIA)
        return await answer(request, entered, terms, partial(describe_csv, database, entered))
    named = qgis.source(own_origin(request) or "", asked)
    terms = Wanted(("definition", named), QLR_MEDIA, timed=False)
    return await answer(request, entered, terms, partial(define_layer, entered, named))


def _asked(request: Request, query: ExportsQuery) -> str | None:
    if len(request.query_params.getlist("operation")) > 1:
        raise Invalid(Violation("?operation", "repeated_parameter", "the parameter is given once"))
    return query.operation


def _listed(reader: ReleaseReader, entered: Entered) -> dict[str, Any]:
    layer, whose = entered.layer, (entered.operation, entered.audience)
    return {
        "layer": layer,
        "title": {"en": ABOUT[layer].title.en, "fr": ABOUT[layer].title.fr},
        "rows": tally(reader, source(layer, *whose)).rows,
        "as_of": stand(reader, layer, *whose).as_of,
        "files": [
            {
                "href": f"exports/{layer}.{one}{query_of(entered.operation)}",
                "type": KINDS[one].media,
                "title": KINDS[one].title,
            }
            for one in Format
        ],
    }
