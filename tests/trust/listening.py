"""Listen to what is written beside the answers: every logger of the process, its two streams, the database's log."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


class Log(logging.Handler):
    """Keeps every line, with what an exception adds to it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def listening() -> Iterator[Callable[[], str]]:
    """Take in whatever the process writes: all loggers, those of the server that do not pass on, and both streams."""
    log, stream = Log(), io.StringIO()
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.addHandler(log)
        one.setLevel(logging.INFO)
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield lambda: "\n".join([*log.lines, stream.getvalue()])
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.removeHandler(log)
            one.setLevel(level)


def database_log(shared_folder: Path) -> str:
    """Give what the server of the tests wrote; nothing where it is not ours."""
    path = shared_folder / "pg" / "postgres.log"
    return path.read_text(errors="backslashreplace") if path.exists() else ""
