"""The application: put together here, and nothing else decided here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import fastapi_offline
from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from api import envelope, openapi, problems
from api.archive import Archive
from api.board import Board
from api.keyring import KeyRing
from api.routes import health, incidents, matrix, methodologies, subjects
from api.watch import Contact, Watch
from flashpoint import __version__
from flashpoint.assess import Assessor
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store.engine import Database

_DESCRIPTION = """
Verified incidents in, an explainable ranked matrix of localities out.

Every request but health and documentation needs an API key: `Authorization: Bearer <key>`, or as the password of
Basic authentication. The examples work against the demo with the key of the role that the route asks for.
"""
#: Assets of the interactive documentation, from a package: nothing is fetched from elsewhere.
_DOCS_ASSETS = Path(fastapi_offline.__file__).parent / "static"

_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """Make the service on a migrated database. Nothing is connected before it starts up."""
    app = FastAPI(
        title="Flashpoint",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    # Three more connections than threads: assessor, watch and archive work beside the requests.
    database = Database(database_url, settings.pool_size + 3)
    board, ring = Board(), KeyRing(database, pepper(settings), settings.stale_limit_minutes * 60)
    contact = Contact(2 * settings.tick_minutes * 60)
    watch = Watch(database, ring, board, contact, settings.key_refresh_seconds)
    app.state.settings = settings
    app.state.database = database
    app.state.board = board
    app.state.archive = Archive(database)
    app.state.ring = ring
    app.state.watch = watch
    app.state.contact = contact
    app.state.assessor = Assessor(database, settings.tick_minutes)
    envelope.install(app)
    problems.install(app)
    for router in (matrix.router, methodologies.router, incidents.router, *subjects.routers, health.router):
        app.include_router(router)
    _documentation(app)
    openapi.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # As many threads as connections: a request that has a thread never waits for a connection.
    anyio.to_thread.current_default_thread_limiter().total_tokens = app.state.settings.pool_size
    app.state.watch.start()
    app.state.assessor.start()
    try:
        yield
    finally:
        for worker in (app.state.assessor, app.state.watch):
            worker.stop()
            await run_in_threadpool(worker.join, 10)
        app.state.database.close()


def _documentation(app: FastAPI) -> None:
    app.mount("/docs/assets", StaticFiles(directory=_DOCS_ASSETS), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Flashpoint API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )
        page.headers["Content-Security-Policy"] = _DOCS_POLICY
        return page
