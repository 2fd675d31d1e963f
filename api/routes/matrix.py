"""The matrix: the hot poll and one row of it from finished bytes in memory, its past, and what changed.

The endpoints are ``async``: the live matrix waits for nothing, no scoring, no database, no thread. What takes longer
than a millisecond or two to write is written by the board's workers, what has to be computed by the archive's.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.archive import Archive
from api.board import Board
from api.changes import Moved
from api.deps import MatrixReader, stale_seconds
from api.matrix_parameters import (
    CHANGES_PARAMETERS,
    MATRIX_PARAMETERS,
    ROW_PARAMETERS,
    Moment,
    parse_changes_query,
    parse_matrix_query,
    parse_row_query,
)
from api.negotiation import negotiate
from api.sharing import Gate
from api.sheet import GEOJSON, Asked, OneRow, Sheet, Variant
from api.summary import Summary
from flashpoint.errors import NotFound
from flashpoint.protocol import Subject
from flashpoint.types import Actor

router = APIRouter(prefix="/v1", tags=["matrix"])


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "From memory, with a strong ETag; `stale` is true, and there is an Age, while the database "
        "does not answer.",
        "content": {GEOJSON: {"schema": {"type": "object"}}},
    },
    304: {"description": "Nothing has changed since the answer with that ETag."},
}
_CHANGES_RESPONSES = {**_RESPONSES, 200: {**_RESPONSES[200], "content": {Moved.media: {"schema": {"type": "object"}}}}}


@router.head("/matrix", include_in_schema=False)
@router.get(
    "/matrix",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"parameters": MATRIX_PARAMETERS},
    summary="The ranked matrix of an operation",
)
async def get_matrix(actor: MatrixReader, request: Request) -> Response:
    """Answer the matrix as a GeoJSON FeatureCollection in rank order.

    Poll it with `If-None-Match`: the bytes change only when the matrix does. Pages of different revisions may
    overlap; a client that pages compares their `as_of`, or pages through the matrix as of one moment.
    """
    operation, moment, query = parse_matrix_query(request.scope["query_string"])
    sheet, age = await _sheet(request, actor, operation, moment)
    return await _answered(request, sheet, query, age)


@router.get(
    "/matrix/changes",
    response_class=Response,
    responses=_CHANGES_RESPONSES,
    openapi_extra={"parameters": CHANGES_PARAMETERS},
    summary="What moved in the matrix since an earlier answer",
)
async def get_matrix_changes(actor: MatrixReader, request: Request) -> Response:
    """Answer which localities have another rank, tier or score than at `since`, are new, or have left.

    Take `since` from the `as_of` of the answer that you have. Everything is as the caller's audience reads it.
    """
    operation, since = parse_changes_query(request.scope["query_string"])
    live, age = await _sheet(request, actor, operation, None)
    return await _answered(request, live, Moved(since, await _before(request, live, since)), age)


@router.head("/matrix/{locality}", include_in_schema=False)
@router.get(
    "/matrix/{locality}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"parameters": ROW_PARAMETERS},
    summary="One row of the matrix and why it ranks there",
)
async def get_matrix_row(
    locality: Annotated[str, Path(examples=["CF431-T1"], description="Id or P-code of a locality.")],
    actor: MatrixReader,
    request: Request,
) -> Response:
    """Answer the row of a locality, by its id or P-code, as a GeoJSON Feature with its whole `explanation`."""
    operation, moment = parse_row_query(request.scope["query_string"])
    sheet, age = await _sheet(request, actor, operation, moment)
    index = sheet.find(locality)
    if index is None:
        raise NotFound("no such locality in the matrix")
    return await _answered(request, sheet, OneRow(index), age)


async def _sheet(request: Request, actor: Actor, operation: str, moment: Moment | None) -> tuple[Sheet, int | None]:
    """Find the actor's sheet, and its age where that must be told. The past does not grow old.

    An operation that is not the actor's is the same as one that is not. Whether its audience may have the matrix is
    looked at now, whatever moment is asked for.
    """
    board: Board = request.app.state.board
    missing = NotFound("no such operation, or no matrix of it yet")
    if not actor.covers(operation):
        raise missing
    live = board.get(Gate(request).enter(actor, operation, Subject.MATRIX), actor.audience)
    if live is None:
        raise missing
    if moment is None:
        return live, stale_seconds(request, operation)
    archive: Archive = request.app.state.archive
    return await archive.sheet(live.released, moment), None


async def _before(request: Request, live: Sheet, since: datetime) -> Summary:
    """Sum up what the audience could read at ``since``: from memory where it is a recent release, else computed."""
    released = live.released
    if since >= released.as_of:
        return live.summary
    board: Board = request.app.state.board
    recent = board.recall(released.operation, released.audience, since)
    if recent is not None:
        return recent
    archive: Archive = request.app.state.archive
    past = await archive.sheet(released, Moment(since, rebuilt_by=released.as_of))
    return past.summary


async def _answered(request: Request, sheet: Sheet, asked: Asked, age: int | None) -> Response:
    accept, match = _line(request, "accept-encoding"), _line(request, "if-none-match")
    variant = Variant(asked, negotiate(accept), age is not None)
    answer = sheet.at_hand(variant, match)
    if answer is None:
        board: Board = request.app.state.board
        answer = await asyncio.wrap_future(board.workers.submit(sheet.make, variant))
    # The age is told in the header alone, so that the bytes stay the same while it grows.
    told = {} if age is None else {"Age": str(age)}
    return Response(answer.body, answer.status, {**answer.headers, **told})


def _line(request: Request, name: str) -> str | None:
    """Give a header field as one line though it may come in several."""
    values = request.headers.getlist(name)
    return ", ".join(values) if values else None
