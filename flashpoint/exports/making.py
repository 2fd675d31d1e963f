"""Layers made into files: read in one snapshot, written, counted, logged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any, TypeAlias

from flashpoint import layers
from flashpoint.errors import Invalid, Unavailable, Violation
from flashpoint.exports import csv_file
from flashpoint.exports.content import Content
from flashpoint.exports.formats import KINDS, Format
from flashpoint.exports.imprint import Imprint
from flashpoint.layers import Layer, Stand
from flashpoint.protocol import Named
from flashpoint.store import audit
from flashpoint.store.engine import Database, ReleaseReader
from flashpoint.store.layer_exports import head, rows, tally
from flashpoint.store.layer_sources import Source, source, stand
from flashpoint.types import Actor, Audience

_Writer: TypeAlias = Callable[[Content, Path], None]
#: The module of each, and its function.
_WRITERS: Mapping[Format, tuple[str, str]] = {
    Format.GEOJSON: ("geojson_file", "write"),
    Format.GPKG: ("gdal_file", "write_gpkg"),
    Format.FGB: ("gdal_file", "write_fgb"),
    Format.PARQUET: ("parquet_file", "write"),
    Format.CSV: ("csv_file", "write"),
    Format.XLSX: ("xlsx_file", "write"),
    Format.KML: ("kml_file", "write"),
}
#: Members of the head of a released matrix that its files carry as well.
_OF_MATRIX = ("data_through", "methodology", "coverage")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose layer. ``protocol`` is the one by which it is given."""

    layer: Layer
    operation: str
    audience: Audience
    protocol: Named | None


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file holds: how many rows, of which state."""

    rows: int
    stand: Stand


def export(reader: ReleaseReader, wanted: Wanted, kind: Format, path: Path) -> Exported:
    """Write a layer to a file that is not there yet. Temporary files lie beside it.

    Raises:
        NotFound: there is no such operation, or nothing of it has been released yet.
        Invalid: the layer has more rows than a file may have.
        Unavailable: the disk takes no more.
    """
    content, state = _content(reader, wanted)
    if content.tally.rows > KINDS[kind].most_rows:
        most = KINDS[kind].most_rows
        rule = f"such a file has at most {most:,} rows: take another format, or ask for fewer at /ogc/collections"
        raise Invalid(Violation("?", "too_many_rows", rule))
    try:
        _writer(kind)(content, path)
    except (OSError, OperationalError) as error:
        raise Unavailable("the file could not be written to its end") from error
    if content.written != content.tally.rows:
        raise RuntimeError("the file has other rows than were counted")
    return Exported(content.written, state)


def describe_csv(reader: ReleaseReader, wanted: Wanted) -> tuple[dict[str, Any], Stand]:
    """Describe the CSV file of a layer as CSV on the Web does; and say of which state."""
    content, state = _content(reader, wanted)
    return csv_file.describe(content.columns, content.imprint), state


def log(database: Database, actor: Actor, wanted: Wanted, kind: Format, exported: Exported) -> None:
    """Log who is given a file of which layer, for whom, in which format, with how many rows. Then it may be given.

    Raises:
        Unavailable: the log takes no entry.
    """
    told = {"audience": wanted.audience, "format": kind, "rows": exported.rows}
    with database.records(actor) as vault:
        audit.write(vault, actor, "export", (wanted.layer, wanted.operation), operation=wanted.operation, **told)


def _writer(kind: Format) -> _Writer:
    # The libraries take a second and a hundred megabytes, for which nobody should wait who wants no file.
    module, name = _WRITERS[kind]
    found: _Writer = getattr(import_module(f"flashpoint.exports.{module}"), name)
    return found


def _content(reader: ReleaseReader, wanted: Wanted) -> tuple[Content, Stand]:
    state = stand(reader, wanted.layer, wanted.operation, wanted.audience)
    found = source(wanted.layer, wanted.operation, wanted.audience)
    counted = tally(reader, found)
    whose = (wanted.layer, wanted.operation, wanted.audience)
    imprint = Imprint(*whose, state.as_of, counted.rows, wanted.protocol, _more(reader, found))
    columns = layers.columns(wanted.layer, wanted.audience)
    return Content(imprint, columns, counted, lambda drawn: rows(reader, found, drawn)), state


def _more(reader: ReleaseReader, found: Source) -> dict[str, Any]:
    if found.layer is not Layer.MATRIX:
        return {}
    said = head(reader, found)
    return {name: said[name] for name in _OF_MATRIX if name in said}
