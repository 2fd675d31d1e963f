"""What every command of the command line shares: where it writes, its common options, how it reads a moment."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flashpoint.errors import Invalid, Violation
from flashpoint.store import places

#: A file or a pipe is not 80 columns wide.
_WIDE = 110
out = Console(width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]
Operation = Annotated[str, typer.Option("--operation", "-o", help="Code of the operation, such as CAF.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="As known on this date or instant (UTC), such as 2014-02-01; now where left out."),
]
Methodology = Annotated[
    str | None, typer.Option(help="By this version of the method, instead of the one in force then.")
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


def say(line: str) -> None:
    """Tell the person at the terminal how far we are."""
    err.print(f"· {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


def write_json(tree: object) -> None:
    """Write JSON to standard output."""
    sys.stdout.buffer.write(orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")


def moment(text: str | None, option: str = "--as-of") -> datetime:
    """Read a date or an instant, in UTC unless it says otherwise; now where there is none.

    Raises:
        Invalid: it is not one, or lies before 1900 or in the future.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(Violation(option, "date", "must be a date or an instant as RFC 3339 writes it")) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not places.ALWAYS <= found <= datetime.now(UTC):
        raise Invalid(Violation(option, "range", "must lie between 1900 and now"))
    return found.astimezone(UTC)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on a terminal, and nothing where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
