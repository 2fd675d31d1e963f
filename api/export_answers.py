"""Answers that are files: made of a layer in a snapshot, compressed where they are text, logged before they leave."""

import gzip
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, cast

import zstandard
from fastapi import Request, Response

from api.layer_access import Entered
from api.layer_answers import Made, Wanted, tag_of
from api.negotiation import matches, negotiate
from api.spool import FileAnswer, Spool
from flashpoint.exports import making, qgis
from flashpoint.exports.formats import CSV_METADATA, CSV_METADATA_MEDIA, KINDS, Format
from flashpoint.features import dumps
from flashpoint.layers import ABOUT, Layer
from flashpoint.store.engine import Database
from flashpoint.types import Actor

_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Authorization", "Accept-Ranges": "none"}


@dataclass(frozen=True, slots=True)
class Job:
    """A file that somebody is to be given."""

    database: Database
    actor: Actor
    wanted: making.Wanted
    kind: Format
    coding: str

    def write(self, folder: Path) -> tuple[Path, making.Exported]:
        """Write the file and log it.

        Raises:
            NotFound: there is nothing of the operation any more.
            Invalid: there are too many rows.
            Unavailable: the database does not answer, or its log takes no entry.
        """
        path = folder / f"{self.wanted.layer}.{self.kind}"
        with self.database.release_reader() as reader:
            exported = making.export(reader, self.wanted, self.kind, path)
        path = _compressed(path, self.coding)
        # What cannot be logged is not given.
        making.log(self.database, self.actor, self.wanted, self.kind, exported)
        return path, exported


async def give(request: Request, actor: Actor, entered: Entered, kind: Format) -> Response:
    """Answer 304, or with a file that is made for this answer."""
    about = KINDS[kind]
    coding = negotiate(request.headers.get("accept-encoding")) if about.is_text else "identity"
    tagged = partial(tag_of, wanted=Wanted(("file",), about.media), coding=coding)
    tag, seen = tagged(entered), request.headers.get("if-none-match")
    if seen is not None and matches(seen, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**_COMMON, "ETag": tag})
    spool: Spool = request.app.state.spool
    job = Job(request.app.state.database, actor, wanted_of(entered), kind, coding)
    file, exported = await spool.make(job.write)
    headers = {
        **_COMMON,
        **_told(entered, kind),
        # Between the look at what is in memory and the snapshot that was read, something may have been released.
        "ETag": tagged(replace(entered, stand=exported.stand)),
        "Flashpoint-Rows": str(exported.rows),
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        **({} if coding == "identity" else {"Content-Encoding": coding}),
    }
    return FileAnswer(file, headers)


def wanted_of(entered: Entered) -> making.Wanted:
    """Say whose layer it is."""
    return making.Wanted(entered.layer, entered.operation, entered.audience, entered.protocol)


def describe_csv(database: Database, entered: Entered) -> Made:
    """Describe the CSV file of a layer."""
    with database.release_reader() as reader:
        tree, state = making.describe_csv(reader, wanted_of(entered))
    return Made(dumps(tree), state)


def define_layer(entered: Entered, source: str) -> Made:
    """Write the layer definition of the matrix, whose source is named as QGIS does."""
    title = f"{ABOUT[Layer.MATRIX].title.en} ({entered.operation})"
    return Made(qgis.definition(title, source), entered.stand, _attached(f"{entered.operation}-{Layer.MATRIX}.qlr"))


def query_of(operation: str) -> str:
    """Write the query that means an operation."""
    return f"?operation={operation}"


def _told(entered: Entered, kind: Format) -> dict[str, str]:
    name = f"{entered.operation}-{entered.layer}-{entered.audience}.{kind}"
    headers = {"Content-Type": KINDS[kind].media, **_attached(name)}
    if kind is Format.CSV:
        beside = f"{entered.layer}.{CSV_METADATA}{query_of(entered.operation)}"
        headers["Link"] = f'<{beside}>; rel="describedby"; type="{CSV_METADATA_MEDIA}"'
    return headers


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _compressed(path: Path, coding: str) -> Path:
    """Code a file, in place of what it was; the same bytes always come to the same."""
    if coding == "identity":
        return path
    coded = path.with_name(f"{path.name}.{coding}")
    with path.open("rb") as plain, coded.open("wb") as file, _CODERS[coding](file, path.stat().st_size) as coder:
        shutil.copyfileobj(plain, coder)
    path.unlink()
    return coded


def _gzip(file: BinaryIO, _: int) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile("", "wb", 6, file, mtime=0))


def _zstd(file: BinaryIO, size: int) -> BinaryIO:
    return cast("BinaryIO", zstandard.ZstdCompressor(level=3).stream_writer(file, size=size, closefd=False))


_CODERS: Mapping[str, Callable[[BinaryIO, int], BinaryIO]] = {"gzip": _gzip, "zstd": _zstd}
