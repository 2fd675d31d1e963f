"""Layers as CSV (RFC 4180) with a second row of HXL tags, and what CSV on the Web says of such a file beside it.

Comment lines would break readers. So each row says as of when it is, by which method, for whom and under which licence,
and all the rest stands in the description beside the file.
"""

import csv
from pathlib import Path
from typing import Any

from flashpoint.exports.content import Content, Value
from flashpoint.exports.hxl import TAGS
from flashpoint.exports.imprint import Imprint
from flashpoint.exports.plain import harmless
from flashpoint.layers import Column, Kind
from flashpoint.store.engine import Record
from flashpoint.store.layer_exports import Drawn

PLACE = ("longitude", "latitude")
#: Members of the imprint that each row repeats.
REPEATED = ("as_of", "methodology", "audience", "licence")
_DECIMALS = 5
_TYPES = {Kind.TEXT: "string", Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}


def write(content: Content, path: Path) -> None:
    """Write the file, a row at a time."""
    said = repeated(content.imprint)
    names = [*names_of(content.columns), *said]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        table.writerow(TAGS[name] for name in names)
        for row in content.rows(Drawn.PLACE):
            table.writerow(map(harmless, (*content.values(row), *place_of(row), *said.values())))


def names_of(columns: tuple[Column, ...]) -> list[str]:
    """Name the columns of a table: the id, what the layer has, and the place."""
    return ["id", *(column.name for column in columns), *PLACE]


def repeated(imprint: Imprint) -> dict[str, str]:
    """Give what every row says of itself."""
    lines = imprint.lines()
    return {name: lines[name] for name in REPEATED if name in lines}


def place_of(row: Record) -> tuple[Value, Value]:
    """Give longitude and latitude of one point of a feature, to about a metre."""
    longitude, latitude = row.longitude, row.latitude
    return (None, None) if longitude is None else (round(longitude, _DECIMALS), round(latitude, _DECIMALS))


def describe(columns: tuple[Column, ...], imprint: Imprint) -> dict[str, Any]:
    """Describe the file as CSV on the Web does: every column by its title, type and tag, and the whole imprint."""
    titles = {column.name: column for column in columns}
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": f"{imprint.layer}.csv",
        "dialect": {"header": True, "headerRowCount": 2, "encoding": "utf-8"},
        "dc:title": imprint.title.en,
        "dc:description": imprint.description.en,
        "dc:rights": imprint.licence,
        "notes": [imprint.members()],
        "tableSchema": {
            "primaryKey": "id",
            "columns": [_described(name, titles.get(name)) for name in (*names_of(columns), *repeated(imprint))],
        },
    }


def _described(name: str, column: Column | None) -> dict[str, Any]:
    kind = "number" if name in PLACE else "string" if column is None else _TYPES[column.kind]
    titles: object = [name, TAGS[name]]
    told = {} if column is None else {"dc:title": {"en": column.title.en, "fr": column.title.fr}}
    return {"name": name, "titles": titles, "datatype": kind, **told}
