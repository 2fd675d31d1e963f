"""Each format read back by a program or a library that people open it with, into the same plain rows.

A row is its id, its place as a point or as a shape, and what it says, by the names of columns.
"""

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas
import pyogrio
import shapely

from flashpoint import layers
from flashpoint.exports.csv_file import REPEATED

KML = "{http://www.opengis.net/kml/2.2}"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass
class Opened:
    """A file as its reader tells it: its columns, its rows by their ids, and what it says of itself."""

    columns: list[str]
    rows: dict[str, dict[str, Any]]
    places: dict[str, Any]
    said: dict[str, Any]


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    value = value.item() if hasattr(value, "item") else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _framed(frame: Any, said: dict[str, Any]) -> Opened:
    columns = [name for name in frame.columns if name not in ("id", "geometry")]
    records = frame.drop(columns="geometry").to_dict("records")
    rows = {one["id"]: {name: _plain(one[name]) for name in columns} for one in records}
    return Opened(columns, rows, dict(zip(frame["id"], frame.geometry, strict=True)), said)


def _geojson(content: bytes, _path: Path) -> Opened:
    tree = json.loads(content)
    features = tree.pop("features")
    layer = layers.Layer(tree["layer"])
    found = layers.columns(layer, tree["audience"])
    rows = {
        one["id"]: {column.name: _plain(layers.value_of(one["properties"], column)) for column in found}
        for one in features
    }
    places = {one["id"]: one["geometry"] and shapely.from_geojson(json.dumps(one["geometry"])) for one in features}
    return Opened([column.name for column in found], rows, places, tree)


def _gpkg(content: bytes, path: Path) -> Opened:
    path.write_bytes(content)
    layer = pyogrio.list_layers(path)[0][0]
    return _framed(geopandas.read_file(path, layer=layer), pyogrio.read_info(path, layer=layer)["dataset_metadata"])


def _fgb(content: bytes, path: Path) -> Opened:
    path.write_bytes(content)
    told = json.loads(pyogrio.read_info(path)["layer_metadata"]["DESCRIPTION"])
    return _framed(geopandas.read_file(path), told)


def _parquet(content: bytes, path: Path) -> Opened:
    path.write_bytes(content)
    import pyarrow.parquet as pq  # noqa: PLC0415 - half a second that other tests need not wait for

    frame = geopandas.read_parquet(path)
    assert frame.crs == "OGC:CRS84"
    said = {name.decode(): value.decode() for name, value in pq.read_metadata(path).metadata.items()}
    return _framed(frame, said)


def typed(text: str, kind: layers.Kind) -> Any:
    if not text:
        return None
    if kind is layers.Kind.BOOLEAN:
        return {"true": True, "false": False}[text]
    return text.removeprefix("'") if kind is layers.Kind.TEXT else float(text)


def _csv(content: bytes, path: Path) -> Opened:
    names, tags, *lines = csv.reader(io.StringIO(content.decode(), newline=""))
    assert all(tag.startswith("#") for tag in tags)
    return _tabled(names, lines, path)


def _tabled(names: list[str], lines: list[list[Any]], path: Path) -> Opened:
    layer, audience = layers.Layer(path.stem.partition("-")[2]), path.stem.partition("-")[0]
    kinds = {column.name: column.kind for column in layers.columns(layer, audience)}
    records = [dict(zip(names, line, strict=True)) for line in lines]
    rows = {
        one["id"]: {
            name: typed(one[name], kind) if isinstance(one[name], str) else _plain(one[name])
            for name, kind in kinds.items()
        }
        for one in records
    }
    places = {
        one["id"]: shapely.Point(float(one["longitude"]), float(one["latitude"])) if one["longitude"] else None
        for one in records
    }
    said = {name: records[0][name] for name in REPEATED if name in names}
    return Opened([name for name in names if name in kinds], rows, places, said)


def _xlsx(content: bytes, path: Path) -> Opened:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names, tags, *lines = cells(ET.fromstring(book.read("xl/worksheets/sheet1.xml")))  # noqa: S314 - our own file
        about = cells(ET.fromstring(book.read("xl/worksheets/sheet2.xml")))  # noqa: S314 - likewise
    assert all(tag.startswith("#") for tag in tags)
    opened = _tabled(names, [line + [None] * (len(names) - len(line)) for line in lines], path)
    opened.said = {line[0]: line[1] for line in about if len(line) == 2}
    return opened


def cells(sheet: ET.Element) -> list[list[Any]]:
    """Read a sheet: texts, numbers, booleans, nothing."""
    found = []
    for row in sheet.iter(f"{SHEET}row"):
        line: list[Any] = []
        for cell in row.iter(f"{SHEET}c"):
            letters = cell.get("r", "").rstrip("0123456789")
            at = sum((ord(letter) - 64) * 26**place for place, letter in enumerate(reversed(letters))) - 1
            line += [None] * (at - len(line))
            assert cell.find(f"{SHEET}f") is None, "no cell is a formula"
            line.append(_cell(cell))
        found.append(line)
    return found


def _cell(cell: ET.Element) -> Any:
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{SHEET}t"))
    value = cell.find(f"{SHEET}v")
    if value is None:
        return None
    return value.text == "1" if cell.get("t") == "b" else float(value.text or "")


def _kml(content: bytes, path: Path) -> Opened:
    document = ET.fromstring(content).find(f"{KML}Document")  # noqa: S314 - our own file
    layer, audience = layers.Layer(path.stem.partition("-")[2]), path.stem.partition("-")[0]
    kinds = {column.name: column.kind for column in layers.columns(layer, audience)}
    rows, places = {}, {}
    for mark in document.iter(f"{KML}Placemark"):
        data = {one.get("name"): one.text or "" for one in mark.iter(f"{KML}SimpleData")}
        rows[data["id"]] = {name: typed(data.get(name, ""), kind) for name, kind in kinds.items()}
        places[data["id"]] = _drawn(mark)
    told = document.find(f"{KML}ExtendedData").iter(f"{KML}Data")
    said = {one.get("name"): one.find(f"{KML}value").text for one in told}
    return Opened(list(kinds), rows, places, said)


def _drawn(mark: ET.Element) -> Any:
    rings = [
        [tuple(map(float, pair.split(","))) for pair in one.text.split()] for one in mark.iter(f"{KML}coordinates")
    ]
    if mark.find(f"{KML}Point") is not None:
        return shapely.Point(rings[0][0])
    return shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings]) if rings else None


OPEN: dict[str, Callable[[bytes, Path], Opened]] = {
    "geojson": _geojson,
    "gpkg": _gpkg,
    "fgb": _fgb,
    "parquet": _parquet,
    "csv": _csv,
    "xlsx": _xlsx,
    "kml": _kml,
}
