"""The hot poll: ``GET /v1/matrix`` and one row of it, from finished bytes in memory.

The endpoints are ``async`` because they wait for nothing: no scoring, no database, no thread.
"""

import math
import re
from functools import lru_cache
from typing import Annotated, Any, get_args
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request, Response

from api.board import GEOJSON, Answer, Board, Geometry, Query, Sheet
from api.deps import MatrixReader
from flashpoint.errors import Invalid, NotFound, Unavailable, Violation
from flashpoint.released import Box
from flashpoint.types import Actor, Tier

router = APIRouter(prefix="/v1", tags=["matrix"])

MAX_LIMIT = 10_000
_MAX_QUERY_BYTES = 2_048
_GEOMETRIES: tuple[Geometry, ...] = get_args(Geometry)
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# A name that somebody typed is repeated only if it can hardly be anything but a parameter's name.
_NAME = re.compile(r"[a-z][a-z_-]{0,31}")
_OPERATION = re.compile(r"[A-Za-z0-9_-]{1,32}")


def _parameter(name: str, description: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    required = name == "operation"
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
        "example": example,
        **({"explode": False} if schema["type"] == "array" else {}),
    }


_OPERATION_PARAMETER = _parameter("operation", "The operation whose matrix is asked for.", {"type": "string"}, "DEMO")
_PARAMETERS = [
    _OPERATION_PARAMETER,
    _parameter(
        "limit",
        "Rows in one answer; without it, all. A limited answer has a `next` link while rows remain.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        100,
    ),
    _parameter("offset", "Rows to leave out first.", {"type": "integer", "minimum": 0, "default": 0}, 0),
    _parameter(
        "tier",
        "Only rows of these tiers: comma separated, or the parameter repeated.",
        {"type": "array", "items": {"type": "string", "enum": [tier.value for tier in Tier]}},
        ["extreme", "high"],
    ),
    _parameter(
        "bbox",
        "Only rows whose extent touches west,south,east,north in degrees (WGS 84); west greater than east crosses "
        "the antimeridian.",
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        [14.4, 2.2, 27.5, 11.0],
    ),
    _parameter(
        "geometry",
        "Which geometry each feature carries.",
        {"type": "string", "enum": list(_GEOMETRIES), "default": "polygon"},
        "point",
    ),
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "From memory, with a strong ETag; `stale` is true, and there is an Age, while the database "
        "does not answer.",
        "content": {GEOJSON: {"schema": {"type": "object"}}},
    },
    304: {"description": "Nothing has changed since the answer with that ETag."},
}


@router.head("/matrix", include_in_schema=False)
@router.get(
    "/matrix",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"parameters": _PARAMETERS},
    summary="The ranked matrix of an operation",
)
async def get_matrix(actor: MatrixReader, request: Request) -> Response:
    """Answer the matrix as a GeoJSON FeatureCollection in rank order.

    Poll it with `If-None-Match`: the bytes change only when the matrix does. Pages of different revisions may
    overlap; a client that pages compares their `as_of`.
    """
    operation, query = parse_matrix_query(request.scope["query_string"])
    age = stale_seconds(request, operation)
    sheet = _sheet(request, actor, operation)
    return _response(sheet.answer(query, *_negotiated(request), stale=age is not None), age)


@router.head("/matrix/{locality}", include_in_schema=False)
@router.get(
    "/matrix/{locality}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"parameters": [_OPERATION_PARAMETER]},
    summary="One row of the matrix and why it ranks there",
)
async def get_matrix_row(
    locality: Annotated[str, Path(examples=["CF431-T1"], description="Id or P-code of a locality.")],
    actor: MatrixReader,
    request: Request,
) -> Response:
    """Answer the row of a locality, by its id or P-code, as a GeoJSON Feature with its whole `explanation`."""
    operation = parse_row_query(request.scope["query_string"])
    age = stale_seconds(request, operation)
    sheet = _sheet(request, actor, operation)
    index = sheet.find(locality)
    if index is None:
        raise NotFound("no such locality in the matrix")
    return _response(sheet.explain(index, *_negotiated(request), stale=age is not None), age)


@lru_cache(maxsize=256)
def parse_matrix_query(query_string: bytes) -> tuple[str, Query]:
    """Read the operation and the query of ``GET /v1/matrix``; raise ``Invalid`` with all that is wrong."""
    given, wrong = _parameters(query_string, [parameter["name"] for parameter in _PARAMETERS])
    operation = _operation(given, wrong)
    query = Query(
        limit=_whole(given, "limit", range(1, MAX_LIMIT + 1), wrong),
        offset=_whole(given, "offset", range(10**9), wrong) or 0,
        tiers=_tiers(given, wrong),
        bbox=_bbox(given, wrong),
        geometry=_geometry(given, wrong),
    )
    if wrong:
        raise Invalid(*wrong)
    return operation, query


@lru_cache(maxsize=256)
def parse_row_query(query_string: bytes) -> str:
    """Read the operation, the only parameter of ``GET /v1/matrix/{locality}``."""
    given, wrong = _parameters(query_string, ["operation"])
    operation = _operation(given, wrong)
    if wrong:
        raise Invalid(*wrong)
    return operation


def stale_seconds(request: Request, operation: str) -> int | None:
    """Give the age of what we serve where it must be told, ``None`` while the database answers.

    Raises ``Unavailable`` beyond the limit: data as old as that must not look like a matrix.
    """
    settings = request.app.state.settings
    age: float = request.app.state.contact.age_seconds(operation)
    if age > settings.stale_limit_minutes * 60:
        raise Unavailable("the matrix in memory is older than may be shown")
    return int(age) if age > settings.stale_after_minutes * 60 else None


def _sheet(request: Request, actor: Actor, operation: str) -> Sheet:
    """Find the actor's sheet: an operation that is not theirs is the same as one that is not."""
    board: Board = request.app.state.board
    sheet = board.get(operation, actor.audience) if actor.covers(operation) else None
    if sheet is None:
        raise NotFound("no such operation, or no matrix of it yet")
    return sheet


def _negotiated(request: Request) -> tuple[str | None, str | None]:
    """Give Accept-Encoding and If-None-Match, each as one line though it may come in several."""
    headers = request.headers
    accept, match = headers.getlist("accept-encoding"), headers.getlist("if-none-match")
    return ", ".join(accept) if accept else None, ", ".join(match) if match else None


def _response(answer: Answer, age: int | None) -> Response:
    # The age is told in the header alone, so that the bytes stay the same while it grows.
    told = {} if age is None else {"Age": str(age)}
    return Response(answer.body, answer.status, {**answer.headers, **told})


def _parameters(query_string: bytes, known: list[str]) -> tuple[dict[str, list[str]], list[Violation]]:
    """Split the query string; what nobody knows is refused, for a misspelt filter would show too much."""
    malformed = Violation("?", "malformed_query", f"the query is UTF-8 of at most {_MAX_QUERY_BYTES} bytes")
    if len(query_string) > _MAX_QUERY_BYTES:
        raise Invalid(malformed)
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise Invalid(malformed) from None
    given: dict[str, list[str]] = {}
    wrong: list[Violation] = []
    for name, value in pairs:
        if name in known:
            given.setdefault(name, []).append(value)
        else:
            pointer = f"?{name}" if _NAME.fullmatch(name) else "?"
            wrong.append(Violation(pointer, "unknown_parameter", "the parameter is one that this resource has"))
    return given, wrong


def _one(given: dict[str, list[str]], name: str, wrong: list[Violation]) -> str | None:
    values = given.get(name)
    if values and len(values) > 1:
        wrong.append(Violation(f"?{name}", "repeated_parameter", "the parameter is given once"))
        return None
    return values[0] if values else None


def _operation(given: dict[str, list[str]], wrong: list[Violation]) -> str:
    if "operation" not in given:
        wrong.append(Violation("?operation", "required", "the operation is named"))
        return ""
    value = _one(given, "operation", wrong)
    if value is not None and not _OPERATION.fullmatch(value):
        wrong.append(Violation("?operation", "malformed_operation", "an operation code is 1 to 32 letters or digits"))
    return value or ""


def _whole(given: dict[str, list[str]], name: str, allowed: range, wrong: list[Violation]) -> int | None:
    value = _one(given, name, wrong)
    if value is None:
        return None
    if not _WHOLE.fullmatch(value) or int(value) not in allowed:
        rule = f"a whole number from {allowed.start} to {allowed.stop - 1}"
        wrong.append(Violation(f"?{name}", "out_of_range", rule))
        return None
    return int(value)


def _tiers(given: dict[str, list[str]], wrong: list[Violation]) -> frozenset[str]:
    known = {tier.value for tier in Tier}
    asked = {tier for value in given.get("tier", []) for tier in value.split(",")}
    if asked - known:
        wrong.append(Violation("?tier", "unknown_tier", f"each tier is one of {', '.join(Tier)}"))
    return frozenset(asked & known)


def _bbox(given: dict[str, list[str]], wrong: list[Violation]) -> Box | None:
    value = _one(given, "bbox", wrong)
    if value is None:
        return None
    numbers = [float(part) if _NUMBER.fullmatch(part) else math.nan for part in value.split(",")]
    # NaN is in no range, so what is not a number fails here too.
    match numbers:
        case [w, s, e, n] if -180 <= w <= 180 and -180 <= e <= 180 and -90 <= s <= n <= 90:  # noqa: PLR2004
            return (w, s, e, n)
    rule = "west,south,east,north in degrees, longitudes in [-180, 180], latitudes in [-90, 90], south <= north"
    wrong.append(Violation("?bbox", "malformed_bbox", rule))
    return None


def _geometry(given: dict[str, list[str]], wrong: list[Violation]) -> Geometry:
    value = _one(given, "geometry", wrong)
    if value is None:
        return "polygon"
    for geometry in _GEOMETRIES:
        if value == geometry:
            return geometry
    wrong.append(Violation("?geometry", "unknown_geometry", f"the geometry is one of {', '.join(_GEOMETRIES)}"))
    return "polygon"
