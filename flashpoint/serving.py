"""Running the service: ``serve`` on whatever database there is, ``up`` with the sample data and ready keys in it."""

import importlib
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn

from flashpoint import sample
from flashpoint.errors import Unavailable
from flashpoint.pepper import pepper
from flashpoint.session import database_url
from flashpoint.settings import Settings
from flashpoint.store.engine import Database

Say = Callable[[str], None]


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(settings: Settings, say: Say) -> None:
    """Serve until interrupted. Nothing is loaded and no key is issued."""
    require_free_port(settings)
    with terminable(), database_url(settings, say) as url:
        _run(settings, url, lambda: say(f"serving on {address(settings)}"))


def up(settings: Settings, say: Say, ready: Callable[[dict[str, str]], None]) -> None:
    """Make all that is missing, load the sample data once, serve; ``ready`` gets the demo's keys by role."""
    require_free_port(settings)
    with terminable(), database_url(settings, say) as url:
        database = Database(url, pool_size=2)
        try:
            say("sample data loaded" if sample.load(database, report=say) else "sample data is there")
            keys = sample.demo_keys(database, settings.home, pepper(settings))
        finally:
            database.close()
        say("starting the service")
        _run(settings, url, lambda: ready(keys))


def _run(settings: Settings, url: str, ready: Callable[[], None]) -> None:
    # Found by name at run time: the domain imports nothing of the web side.
    app: Any = importlib.import_module("api.app").create_app(settings, url)
    # The app would do it as well, and say what is wrong in many lines.
    app.state.keeper.settle()
    # uvicorn raises the signal that ended it once more when it is done; the clean-up has yet to come.
    with suppress(KeyboardInterrupt):
        _Server(server_config(app, settings.host, settings.port), ready).run()


def server_config(app: Any, host: str, port: int) -> uvicorn.Config:  # noqa: ANN401 - an ASGI app
    """Say how the server runs an app: silent, and without a word of its own in any answer."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        # A path holds ids and a query what somebody looked for: neither belongs in a log.
        access_log=False,
        log_level="warning",
        server_header=False,
        # Who asks is told by the key: no address that somebody claims for it is taken in.
        proxy_headers=False,
        # The faster parser has no limit on headers.
        http="h11",
        h11_max_incomplete_event_size=16 * 1024,
        # deploy/nginx.conf keeps its lines to us for less.
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )


def address(settings: Settings) -> str:
    """Give the service's base address."""
    return f"http://{settings.host}:{settings.port}"


def require_free_port(settings: Settings) -> None:
    """Raise ``Unavailable`` where something else listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            advice = "stop what listens there, or set FLASHPOINT_PORT"
            raise Unavailable(f"port {settings.port} cannot be used ({error.strerror}); {advice}") from error


@contextmanager
def terminable() -> Iterator[None]:
    """Let a termination end the block like Ctrl-C does, so that the clean-up runs."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
