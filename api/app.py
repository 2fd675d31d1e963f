"""The application: put together here, and nothing else decided here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import documentation, envelope, openapi, problems, sharing
from api.allowance import Allowances
from api.archive import Archive
from api.board import Board
from api.callers import Callers
from api.code_flow import code_flow_of
from api.keyring import KeyRing
from api.ogc.counts import Counts
from api.ogc.ground import Grounds
from api.routes import (
    audit,
    exports,
    health,
    incidents,
    matrix,
    methodologies,
    ogc,
    protocols,
    queue,
    released,
    sign_in,
    subjects,
    tiles,
)
from api.shelf import Shelf
from api.sign_in import sign_in_of
from api.spool import AT_ONCE, Spool
from api.watch import Contact, Watch
from flashpoint import __version__
from flashpoint.assess import Assessor
from flashpoint.keeper import Keeper
from flashpoint.numbers import Numbers
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store.allowances import Budget
from flashpoint.store.engine import Database

_DESCRIPTION = """
Verified incidents in, an explainable ranked matrix of localities out.

Every request but health and documentation needs an API key: `Authorization: Bearer <key>`, or as the password of
Basic authentication. The examples work against the demo with the key of the role that the route asks for.
"""


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
    # Five more connections than threads: assessor (two), watch, archive and allowances work beside the requests; and
    # one for each file that is being made.
    database = Database(database_url, settings.pool_size + 5 + AT_ONCE)
    secret = pepper(settings)
    board, ring = Board(), KeyRing(database, secret, settings.stale_limit_minutes * 60)
    contact = Contact(2 * settings.tick_minutes * 60)
    watch = Watch(database, ring, board, contact, settings.key_refresh_seconds)
    app.state.settings = settings
    app.state.database = database
    app.state.board = board
    app.state.archive = Archive(database)
    app.state.ring = ring
    people = sign_in_of(settings, ring, secret)
    app.state.callers = Callers(ring, people)
    app.state.code_flow = code_flow_of(settings, people)
    app.state.allowances = Allowances(database, Budget(settings.requests_per_minute))
    app.state.watch = watch
    app.state.contact = contact
    app.state.numbers = Numbers(secret)
    app.state.shelf = Shelf()
    app.state.spool = Spool()
    app.state.counts = Counts()
    app.state.grounds = Grounds()
    app.state.keeper = Keeper(database, settings.home)
    app.state.assessor = Assessor(database, settings.tick_minutes, secret, app.state.keeper)
    sharing.install(app)
    envelope.install(app)
    problems.install(app)
    records = (incidents.router, queue.router, *subjects.routers, audit.router)
    for router in (
        # Each pattern that is tried before the one that fits takes its time, so what is asked most comes first.
        matrix.router,
        ogc.router,
        tiles.router,
        released.router,
        exports.router,
        methodologies.router,
        protocols.router,
        *records,
        health.router,
        sign_in.router,
    ):
        app.include_router(router)
    documentation.install(app)
    openapi.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # As many threads as connections: a request that has a thread never waits for a connection.
    anyio.to_thread.current_default_thread_limiter().total_tokens = app.state.settings.pool_size
    # What came back by a restore goes before anybody can ask.
    await run_in_threadpool(app.state.keeper.settle)
    app.state.watch.start()
    app.state.assessor.start()
    try:
        yield
    finally:
        for worker in (app.state.assessor, app.state.watch):
            worker.stop()
            await run_in_threadpool(worker.join, 10)
        await run_in_threadpool(app.state.allowances.close)
        await run_in_threadpool(app.state.spool.close)
        app.state.database.close()
