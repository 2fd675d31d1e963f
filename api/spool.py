"""Files made on request: a few at a time, in threads of their own, and whole before the first byte leaves.

So a client on a bad line holds neither a connection to the database nor a snapshot, the length is known, and what
breaks in the making is a problem and not half a file. By the time that it is sent a file has no name any more: whatever
becomes of the client, or of this process, nothing is left of it.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flashpoint.errors import Unavailable

#: Files that are made at the same time; each holds a connection while its rows are read.
AT_ONCE = 2
#: Files that are being made or wait for their turn; the next is turned away.
MOST_WAITING = 8
_PIECE_BYTES = 256 * 1024

Told = TypeVar("Told")


class Spool:
    """Makes files. Safe to use from any event loop."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")
        self._waiting = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the threads; what is being made is made to its end, for nobody."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    async def make(self, write: Callable[[Path], tuple[Path, Told]]) -> tuple[BinaryIO, Told]:
        """Have a file written, in a folder that is given and gone afterwards, and opened.

        Raises:
            Unavailable: too many files are being made, or the disk takes no more.
        """
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise Unavailable("too many files are being made; ask again")
            self._waiting += 1
        making = self._workers.submit(_made, write)
        making.add_done_callback(lambda _: self._leave())
        return await asyncio.wrap_future(making)

    def _leave(self) -> None:
        with self._lock:
            self._waiting -= 1


def _made(write: Callable[[Path], tuple[Path, Told]]) -> tuple[BinaryIO, Told]:
    # The folder is for this account alone.
    try:
        with TemporaryDirectory(prefix="flashpoint-export-") as folder:
            path, told = write(Path(folder))
            return path.open("rb"), told
    except OSError as error:
        raise Unavailable("there is no room for the file") from error


class FileAnswer(Response):
    """A file that is open, sent in pieces and closed whatever happens."""

    def __init__(self, file: BinaryIO, headers: Mapping[str, str]) -> None:
        """Send from where the file stands to its end; ``Content-Length`` is among the headers."""
        self._file = file
        self.status_code = 200
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's own form
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while piece := await run_in_threadpool(self._file.read, _PIECE_BYTES):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
