"""Layers as GeoPackage and as FlatGeobuf, written by GDAL from a stream of batches."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from flashpoint.exports.batches import GEOMETRY, batches, schema_of
from flashpoint.exports.content import Content
from flashpoint.exports.qgis import style
from flashpoint.features import dumps
from flashpoint.layers import ABOUT

#: GDAL writes down when it wrote. It is told this for every file, so that all threads agree, and set right afterwards.
_NEVER = "2000-01-01T00:00:00.000Z"
#: What GDAL 2 and QGIS 3 read already.
_GPKG = {"VERSION": "1.2"}
_GEOMETRY = "geom"
#: An index is sorted in memory, at some 400 bytes a row.
_MOST_INDEXED = 50_000


def write_gpkg(content: Content, path: Path) -> None:
    """Write a GeoPackage that opens styled: with the imprint as its metadata, and the style as QGIS keeps it."""
    imprint = content.imprint
    said = {
        "GEOMETRY_NAME": _GEOMETRY,
        "IDENTIFIER": imprint.title.en,
        "DESCRIPTION": f"{imprint.description.en} {imprint.licence}",
    }
    _write(content, path, "GPKG", said, dataset_options=_GPKG, dataset_metadata=imprint.lines())
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE gpkg_contents SET last_change = ?", [_instant(content)])
        database.execute(_STYLES)
        told = (content.name, _GEOMETRY, imprint.title.en, style(imprint.layer), imprint.title.en, _instant(content))
        database.execute(_STYLE, told)
        database.execute(_LISTED, [_instant(content)])


def write_fgb(content: Content, path: Path) -> None:
    """Write a FlatGeobuf, with a spatial index where there are not too many rows and each has a place."""
    imprint = content.imprint
    indexed = content.tally.placed == content.tally.rows and 0 < content.tally.rows <= _MOST_INDEXED
    said = {
        "TITLE": imprint.title.en,
        # There is no other place for it in the format that GDAL writes.
        "DESCRIPTION": dumps(imprint.members()).decode(),
        "SPATIAL_INDEX": "YES" if indexed else "NO",
        "TEMPORARY_DIR": str(path.parent),
    }
    _write(content, path, "FlatGeobuf", said)


def _write(
    content: Content, path: Path, driver: str, layer_options: Mapping[str, str], **more: Mapping[str, str]
) -> None:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _NEVER})
    schema = schema_of(content, tagged=True)
    try:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema, batches(content, schema)),
            path,
            layer=content.name,
            driver=driver,
            geometry_name=GEOMETRY,
            geometry_type=str(ABOUT[content.imprint.layer].shape),
            crs="EPSG:4326",
            layer_options=dict(layer_options),
            **{name: dict(options) for name, options in more.items()},
        )
    except (DataSourceError, DataLayerError) as error:
        raise OSError("GDAL could not write the file to its end") from error


def _instant(content: Content) -> str:
    """Write the moment of the data as GeoPackage asks for it, to the millisecond."""
    return f"{content.imprint.as_of:%Y-%m-%dT%H:%M:%S}.{content.imprint.as_of.microsecond // 1000:03}Z"


_STYLES = """
    CREATE TABLE layer_styles (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
        styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30),
        ui TEXT(30), update_time DATETIME
    )
"""
_STYLE = """
    INSERT INTO layer_styles (
        f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD, useAsDefault,
        description, owner, ui, update_time
    ) VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '', NULL, ?)
"""
_LISTED = """
    INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)
    VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles of QGIS', ?, 0)
"""
