"""Administrative boundaries (COD-AB) from GeoJSON, GeoPackage or Shapefile, plain or zipped.

Out comes one boundary per P-code of the wanted level: a valid, two-dimensional polygon in EPSG:4326 with its parents.
"""

import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit, LevelColumns, find_columns, finest_level, parents_of, unit_of
from flashpoint.ingest.tables import invalid_column, invalid_file

# Files are told by how they begin, not only by their name: GDAL opens a VRT under any name, and a VRT can point
# anywhere.
_BEGINNINGS = {
    ".geojson": (b"{", b"\xef\xbb\xbf{"),
    ".json": (b"{", b"\xef\xbb\xbf{"),
    ".gpkg": (b"SQLite format 3\x00",),
    ".shp": (b"\x00\x00\x27\x0a",),
    ".zip": (b"PK\x03\x04",),
}
_ONE_OF = "boundaries are read from GeoJSON (.geojson, .json), GeoPackage (.gpkg) or Shapefile (.shp, or its .zip)"
_MAX_UNZIPPED_BYTES = 2_000_000_000

NO_CRS = "the file does not say its coordinate reference system; taken as EPSG:4326"
REPROJECTED = "the coordinates were reprojected to EPSG:4326"
NO_NAME = "the unit has no name; its P-code stands for it"
REPAIRED = "the geometry was invalid and was repaired (make_valid, polygonal parts kept)"
EMPTY = "the geometry is missing or empty"
NOT_POLYGONAL = "the geometry is not a polygon, or nothing polygonal is left after its repair"
OUT_OF_RANGE = "the coordinates are outside the world"
NO_PCODE = "the P-code is missing or malformed"
REPEATED = "the P-code was already met in this file"


@dataclass(frozen=True, slots=True)
class Boundary:
    """One administrative unit and its area. ``parents`` go from coarse to fine."""

    pcode: str
    name: str
    geometry: Polygon | MultiPolygon
    parents: tuple[AdminUnit, ...]


def read(path: Path, level: str, account: Account) -> list[Boundary]:
    """Read the boundaries of one level (``adm0`` to ``adm4``); raise ``Invalid`` when the file cannot hold them."""
    wanted = _level_number(level)
    frame = _to_wgs84(_load(path, level), account)
    columns = _columns_for(frame, wanted)
    found: dict[str, Boundary] = {}
    for number, (row, geometry) in enumerate(_features(frame), start=1):
        account.count_read()
        unit = unit_of(row, wanted, columns)
        if unit is None:
            account.skip(NO_PCODE, f"feature {number}")
            continue
        reference = f"feature {number} ({unit.pcode})"
        if unit.pcode in found:
            account.skip(REPEATED, reference)
            continue
        polygon = _polygon(geometry, account, reference)
        if polygon is not None:
            if not unit.name:
                account.note(NO_NAME, reference)
            parents = parents_of(row, wanted, columns)
            found[unit.pcode] = Boundary(unit.pcode, unit.name or unit.pcode, polygon, parents)
    return list(found.values())


def _level_number(level: str) -> int:
    match = re.fullmatch(r"adm([0-4])", level)
    if match is None:
        raise invalid_column("level", "the level is one of adm0, adm1, adm2, adm3, adm4")
    return int(match[1])


def _polygon(geometry: BaseGeometry | None, account: Account, reference: str) -> Polygon | MultiPolygon | None:
    """Give the geometry as a valid two-dimensional polygon, or skip the row."""
    if geometry is None or geometry.is_empty:
        account.skip(EMPTY, reference)
        return None
    if not _in_the_world(geometry.bounds):
        account.skip(OUT_OF_RANGE, reference)
        return None
    flat = shapely.force_2d(geometry)
    valid = flat if flat.is_valid else shapely.make_valid(flat)
    polygon = _polygonal(valid)
    if polygon is None:
        account.skip(NOT_POLYGONAL, reference)
    elif valid is not flat:
        account.repair(REPAIRED, reference)
    return polygon


def _polygonal(geometry: BaseGeometry) -> Polygon | MultiPolygon | None:
    if isinstance(geometry, Polygon | MultiPolygon):
        return geometry
    # make_valid leaves stray lines and points beside the areas; they cover nobody.
    parts = [part for part in _parts(geometry) if isinstance(part, Polygon)]
    union = shapely.union_all(parts)
    return union if parts and isinstance(union, Polygon | MultiPolygon) and not union.is_empty else None


def _parts(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    for part in shapely.get_parts(geometry):
        if hasattr(part, "geoms"):
            yield from _parts(part)
        else:
            yield part


def _in_the_world(bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return all(map(math.isfinite, bounds)) and west >= -180 and east <= 180 and south >= -90 and north <= 90  # noqa: PLR2004 - degrees


def _to_wgs84(frame: geopandas.GeoDataFrame, account: Account) -> geopandas.GeoDataFrame:
    if frame.crs is None:
        if len(frame) and not _in_the_world(tuple(frame.total_bounds)) and frame.geometry.notna().any():
            raise invalid_file("the coordinates are not degrees, and the file does not say its reference system (.prj)")
        account.note(NO_CRS)
        return frame.set_crs(4326)
    if frame.crs.to_epsg() == 4326 or frame.crs.equals("OGC:CRS84"):  # noqa: PLR2004 - an EPSG code
        return frame
    account.note(REPROJECTED)
    return frame.to_crs(4326)


def _columns_for(frame: geopandas.GeoDataFrame, wanted: int) -> dict[int, LevelColumns]:
    """Find the columns, and refuse a file of another level: its first commune is not its sub-prefecture."""
    attributes = [name for name in frame.columns if name != frame.geometry.name]
    columns = find_columns(str(name) for name in attributes if any(_text(value).strip() for value in frame[name]))
    if len(frame) and (wanted not in columns or columns[wanted].pcode is None):
        raise invalid_column(f"adm{wanted}_pcode", f"the file has no filled P-code column for adm{wanted}")
    finest = finest_level(columns)
    if finest is not None and finest > wanted:
        raise invalid_column(f"adm{finest}_pcode", f"the file holds units of adm{finest}, finer than adm{wanted}")
    return columns


def _features(frame: geopandas.GeoDataFrame) -> Iterator[tuple[dict[str, str], BaseGeometry | None]]:
    names = [name for name in frame.columns if name != frame.geometry.name]
    for geometry, *values in zip(frame.geometry, *(frame[name] for name in names), strict=True):
        yield {str(name): _text(value) for name, value in zip(names, values, strict=True)}, geometry


def _text(value: Any) -> str:  # noqa: ANN401 - a cell of an unknown table
    """Give a cell as text; a P-code kept as a number comes as a float where other rows are blank."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _load(path: Path, level: str) -> geopandas.GeoDataFrame:
    source = _source(path, level)
    try:
        frame = geopandas.read_file(source, engine="pyogrio", layer=_layer(source, level), on_invalid="ignore")
    except (ValueError, RuntimeError) as error:  # what pyogrio's errors derive from
        raise invalid_file(f"the file is damaged; {_ONE_OF}") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise invalid_file("the file has no geometries")
    return frame


def _source(path: Path, level: str) -> str:
    beginnings = _BEGINNINGS.get(path.suffix.lower())
    if beginnings is None:
        raise invalid_file(_ONE_OF)
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip(b" \t\r\n")
    except OSError as error:
        raise invalid_file("the file is missing or not readable") from error
    if not start.startswith(beginnings):
        raise invalid_file(f"the file is not what its name says; {_ONE_OF}")
    return _zipped_source(path, level) if path.suffix.lower() == ".zip" else str(path.resolve())


def _zipped_source(path: Path, level: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise invalid_file("the zip file is damaged") from error
    if sum(member.file_size for member in members) > _MAX_UNZIPPED_BYTES:
        raise invalid_file("the zip file unpacks to more than two gigabytes")
    shapefiles = [member.filename for member in members if member.filename.lower().endswith(".shp")]
    return f"/vsizip/{path.resolve()}/{_choose(shapefiles, level)}"


def _layer(source: str, level: str) -> str | None:
    if not source.endswith(".gpkg"):
        return None
    layers = pyogrio.list_layers(source)
    return _choose([str(name) for name, kind in layers if kind and ("Polygon" in kind or kind == "Unknown")], level)


def _choose(names: list[str], level: str) -> str:
    """Choose the one layer, or of several the one whose name says the level, as 'caf_admbnda_adm3_200k' does."""
    if len(names) > 1:
        says_level = re.compile(rf"adm(?:in)?_?{level[-1]}(?!\d)", re.IGNORECASE)
        named = [name for name in names if says_level.search(name.rsplit("/", 1)[-1])]
        # COD-AB puts lines (admbndl) and points (admbndp) beside the areas (admbnda).
        names = [name for name in named if not re.search(r"admbnd[lp]", name, re.IGNORECASE)]
    if len(names) != 1:
        raise invalid_file(f"the file must hold exactly one polygon layer for {level}, or one whose name says so")
    return names[0]
