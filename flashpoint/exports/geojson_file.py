"""Layers as GeoJSON (RFC 7946): the properties as every answer has them, the imprint as members of the collection."""

from pathlib import Path

from flashpoint.exports.content import Content
from flashpoint.features import dumps
from flashpoint.store.engine import Record
from flashpoint.store.layer_exports import Drawn


def write(content: Content, path: Path) -> None:
    """Write the file, a row at a time."""
    counts = {"numberMatched": content.tally.rows, "numberReturned": content.tally.rows}
    head = dumps({"type": "FeatureCollection", **content.imprint.members(), **counts})
    with path.open("wb") as file:
        file.write(head[:-1] + b',"features":[')
        for number, row in enumerate(content.rows(Drawn.GEOJSON)):
            file.write((",\n" if number else "\n").encode() + _feature(row).encode())
        file.write(b"\n]}\n")


def _feature(row: Record) -> str:
    return f'{{"type":"Feature","id":"{row.id}","geometry":{row.geometry or "null"},"properties":{row.properties}}}'
