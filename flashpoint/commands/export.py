"""``flashpoint export``: a layer as a file, as its audience may have it."""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
import typer

from flashpoint import session
from flashpoint.access import CONSOLE
from flashpoint.errors import Invalid, Unavailable, Violation
from flashpoint.exports import making
from flashpoint.exports.formats import CSV_METADATA, KINDS, LAYERS, Format
from flashpoint.exports.making import Exported, Wanted
from flashpoint.layers import Layer
from flashpoint.protocol import SUBJECT, Named, require
from flashpoint.settings import Settings
from flashpoint.store.engine import Database, ReleaseReader
from flashpoint.store.protocols import agreed
from flashpoint.terminal import Operation, say
from flashpoint.types import Audience

_STDOUT = "-"
_OWNER_ALONE = 0o600


def export(
    layer: Annotated[str, typer.Argument(help=f"{', '.join(LAYERS[:-1])} or {LAYERS[-1]}.")],
    operation: Operation,
    output: Annotated[str, typer.Option(help="File to write; - for standard output, where the format is text.")],
    kind: Annotated[Format | None, typer.Option("--format", help="By default what the file's name ends in.")] = None,
    audience: Annotated[Audience, typer.Option(help="As whose view; the protocol has to give it.")] = Audience.CLUSTER,
) -> None:
    """Write a layer to a file, from what has been released, and say how many rows it has. It is logged.

    flashpoint export matrix --operation DEMO --audience mission --output matrix.gpkg
    """
    asked, chosen = _layer(layer), _format(kind, output)
    with session.open_database(Settings()) as database, _folder_beside(output) as folder:
        path = Path(folder) / f"{asked}.{chosen}"
        exported, described = _made(database, (asked, operation, audience), chosen, path)
        _put(path, output)
    if described is not None and output != _STDOUT:
        Path(f"{output.removesuffix(f'.{chosen}')}.{CSV_METADATA}").write_bytes(described)
    say(f"{asked}: {exported.rows:,} rows for the {audience}, as of {exported.stand.as_of:%Y-%m-%d %H:%M:%S} UTC")


def _layer(name: str) -> Layer:
    if name not in LAYERS:
        raise Invalid(Violation("layer", "unknown", f"must be one of {', '.join(LAYERS)}"))
    return Layer(name)


def _format(kind: Format | None, output: str) -> Format:
    ending = output.rpartition(".")[2].lower()
    if kind is None and ending not in list(Format):
        raise Invalid(Violation("--format", "required", f"must be one of {', '.join(Format)}"))
    found = kind or Format(ending)
    if output == _STDOUT and not KINDS[found].is_text:
        raise Invalid(Violation("--output", "binary", "must be a file: the format is not text"))
    return found


def _folder_beside(output: str) -> TemporaryDirectory[str]:
    """Make a folder for this account alone, where the file can be moved from in one step."""
    try:
        return TemporaryDirectory(prefix=".export-", dir=None if output == _STDOUT else Path(output).resolve().parent)
    except OSError as error:
        raise Unavailable(f"the folder of the file cannot be written to ({error.strerror})") from error


def _made(
    database: Database, whose: tuple[Layer, str, Audience], kind: Format, path: Path
) -> tuple[Exported, bytes | None]:
    """Write the file and log it; give beside it the description of a CSV file."""
    with database.release_reader() as reader:
        wanted = Wanted(*whose, _protocol(reader, whose))
        exported = making.export(reader, wanted, kind, path)
        tree: dict[str, Any] | None = making.describe_csv(reader, wanted)[0] if kind is Format.CSV else None
    making.log(database, CONSOLE, wanted, kind, exported)
    return exported, None if tree is None else orjson.dumps(tree, option=orjson.OPT_INDENT_2)


def _protocol(reader: ReleaseReader, whose: tuple[Layer, str, Audience]) -> Named | None:
    """Give the protocol by which the audience is given the layer: the command line opens nothing that is closed.

    Raises:
        NotShared: there is none in force, or it does not give this.
    """
    layer, operation, audience = whose
    now = datetime.now(UTC)
    known = {(one.operation, one.audience): one for one in agreed(reader) if one.holds(now)}
    terms = known.get((operation, audience))
    require(terms, audience, SUBJECT[layer])
    return None if terms is None else terms.named(now)


def _put(path: Path, output: str) -> None:
    """Put a finished file where it belongs, whole or not at all."""
    if output == _STDOUT:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
        return
    path.chmod(_OWNER_ALONE)
    path.replace(output)
