"""Is it alive, is it ready, how is it doing."""

import hmac
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.problems import problem
from flashpoint import __version__
from flashpoint.errors import NotFound, Unauthenticated
from flashpoint.features import dumps

router = APIRouter(tags=["health"])


@router.get("/", response_class=Response)
async def index() -> Response:
    """Say what this is and where to go on."""
    links = {"documentation": "/docs", "description": "/openapi.json", "matrix": "/v1/matrix", "health": "/healthz"}
    return Response(dumps({"name": "flashpoint", "version": __version__, **links}), media_type="application/json")


@router.get("/healthz", response_class=Response)
async def healthz() -> Response:
    """Say that the process answers."""
    return Response(dumps({"status": "ok"}), media_type="application/json")


@router.get("/readyz", response_class=Response)
async def readyz(request: Request) -> Response:
    """Say whether the database was reached lately and matrices and keys are in memory."""
    state = request.app.state
    if not state.contact.is_fresh() or state.ring.is_older_than(120):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database has not answered lately.")
    return Response(dumps({"status": "ready"}), media_type="application/json")


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Give the figures that Prometheus collects: requests and times, never what they were about.

    They say how much is reported, so they are for the holder of the token of metrics alone; without one there are none.
    """
    secret = request.app.state.settings.metrics_token
    if secret is None:
        raise NotFound("there are no metrics here")
    wanted = f"Bearer {secret.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
        raise Unauthenticated("the token of metrics is required: Authorization: Bearer <token>")
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
