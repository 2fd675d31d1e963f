"""What layers can be had as, and how the files are called: ``matrix.gpkg``, ``incidents.parquet``. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from flashpoint.layers import Layer

#: The layers that there are files of. What changed is told by the matrix, and by two files of it.
LAYERS = (Layer.MATRIX, Layer.LOCALITIES, Layer.COMMUNITIES, Layer.INCIDENTS)


class Format(StrEnum):
    """A format, by the ending of its files."""

    GEOJSON = "geojson"
    GPKG = "gpkg"
    FGB = "fgb"
    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"
    KML = "kml"


#: The most rows of a file. Whoever needs more asks for fewer, where filters are.
MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a format is called, its media type, and whether it is text: that can be compressed on its way."""

    title: str
    media: str
    is_text: bool = False
    most_rows: int = MOST_ROWS


KINDS = {
    Format.GEOJSON: Kind("GeoJSON", "application/geo+json", is_text=True),
    Format.GPKG: Kind("GeoPackage", "application/geopackage+sqlite3"),
    Format.FGB: Kind("FlatGeobuf", "application/flatgeobuf"),
    Format.PARQUET: Kind("GeoParquet", "application/vnd.apache.parquet"),
    Format.CSV: Kind("CSV with HXL tags", "text/csv; charset=utf-8; header=present", is_text=True),
    # Half a minute to write, which is as long as a client should have to wait for the first byte.
    Format.XLSX: Kind(
        "Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", most_rows=MOST_ROWS // 4
    ),
    Format.KML: Kind("KML", "application/vnd.google-earth.kml+xml", is_text=True),
}

#: What goes with files and has no rows: what a CSV file cannot say of itself, and a styled layer of QGIS.
CSV_METADATA = "csv-metadata.json"
CSV_METADATA_MEDIA = "application/csvm+json"
QLR = "matrix.qlr"
QLR_MEDIA = "application/x-qgis-layer-definition"


def file_of(name: str) -> tuple[Layer, Format] | None:
    """Read the name of a file; ``None`` where there is none of that name."""
    return _FILES.get(name)


def described_by(name: str) -> Layer | None:
    """Read the name of the description of a CSV file; ``None`` where there is none of that name."""
    return _DESCRIPTIONS.get(name)


_FILES = {f"{layer}.{one}": (layer, one) for layer in LAYERS for one in Format}
_DESCRIPTIONS = {f"{layer}.{CSV_METADATA}": layer for layer in LAYERS}
