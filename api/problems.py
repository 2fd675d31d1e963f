"""Every error as an RFC 9457 problem: one shape, one status table, and nothing of what somebody typed."""

import logging
import traceback
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from flashpoint import errors
from flashpoint.errors import FlashpointError, Invalid, NotShared, RateLimited, TransitionRefused, Violation
from flashpoint.features import dumps

PROBLEM = "application/problem+json"
_RETRY_AFTER_SECONDS = "5"

log = logging.getLogger("flashpoint.api")

#: The one table from what went wrong to what HTTP calls it. The nearest ancestor counts.
STATUS: dict[type[FlashpointError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    errors.PreconditionMissing: HTTPStatus.PRECONDITION_REQUIRED,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: FlashpointError) -> HTTPStatus:
    """Give the HTTP status of an error. What is wrong with a query rather than a body is a bad request."""
    if isinstance(error, Invalid) and error.violations and error.violations[0].pointer.startswith("?"):
        return HTTPStatus.BAD_REQUEST
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: HTTPStatus, detail: str = "", **members: object) -> Response:
    """Write a problem. ``members`` are extension members; empty ones are left out."""
    headers = {"Cache-Control": "no-store"}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="flashpoint"'
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **members,
    }
    body = dumps({name: value for name, value in content.items() if value not in ("", [], (), None)})
    answer = Response(body, status, headers, media_type=PROBLEM)
    if status is HTTPStatus.UNAUTHORIZED:
        # A field of its own: Chromium knows one challenge a field, and asks nobody for a key where that is Bearer.
        answer.headers.append("WWW-Authenticate", 'Basic realm="flashpoint"')
    return answer


def violation_rows(violations: tuple[Violation, ...]) -> list[dict[str, str]]:
    """Write violations as a problem lists them."""
    return [{"pointer": one.pointer, "code": one.code, "rule": one.rule} for one in violations]


def problem_of(error: FlashpointError) -> Response:
    """Write an error of the domain as a problem."""
    if isinstance(error, Invalid):
        detail = "The request breaks the rules listed under errors."
        return problem(status_of(error), detail, errors=violation_rows(error.violations))
    if isinstance(error, TransitionRefused):
        return problem(status_of(error), str(error), allowed=error.allowed)
    if isinstance(error, NotShared):
        # A type of its own: a wall screen can say why it is dark.
        return problem(status_of(error), str(error), type=f"urn:flashpoint:problem:{error.code}")
    if isinstance(error, RateLimited):
        answer = problem(status_of(error), str(error))
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
        return answer
    return problem(status_of(error), str(error))


def problem_of_unforeseen(error: Exception) -> Response:
    """Log where an error that nobody foresaw happened, and not what it said: that may be what somebody typed."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    log.error("unforeseen %s at %s", type(error).__name__, where)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something unforeseen went wrong; it was logged.")


def install(app: FastAPI) -> None:
    """Let every error that was foreseen leave as a problem; the envelope sees to the others."""

    @app.exception_handler(FlashpointError)
    async def _domain(_: Request, error: FlashpointError) -> Response:
        return problem_of(error)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        response = problem(HTTPStatus(error.status_code), error.detail)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def _parameters(_: Request, error: RequestValidationError) -> Response:
        return problem_of(_from_framework(error))


def _from_framework(error: RequestValidationError) -> FlashpointError:
    details = error.errors()
    if any(detail["loc"][0] == "path" for detail in details):
        return errors.NotFound("no such record")
    # Only names that the route declares are repeated; what is unknown stays unnamed, as it was typed by somebody.
    violations = [
        Violation("?", "unknown_parameter", "is not a parameter of this resource")
        if detail["type"] == "extra_forbidden"
        else Violation(f"?{detail['loc'][-1]}", detail["type"], "is missing or not of the documented form")
        for detail in details
    ]
    return Invalid(*violations)
