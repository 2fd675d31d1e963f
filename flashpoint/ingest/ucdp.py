"""Events of the UCDP Georeferenced Event Dataset (GED 5.0 to 25.1): CSV, gzipped CSV and GeoJSON, one at a time.

Cite Sundberg and Melander (2013) and the year's "Organized violence" article; the data are CC BY 4.0.

All times are UTC, because UCDP gives days without a time zone. An event starts at the midnight that opens
``date_start`` and ends at 23:59:59 of ``date_end``: not at the following midnight, which would show as one day more,
move the last day of a month into the next, and put an event of today into the future.

A precision that the file does not give is taken as the coarsest (country, year), so that a centroid is never
ranked as a place by default. Whoever knows better declares it: for an extract that kept only ``where_prec`` 1 and 2 but
dropped the column, ``Undeclared(geo_precision=GeoPrecision.NEAR)``.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import clean_name
from flashpoint.ingest.features import read_features
from flashpoint.ingest.tables import invalid_column, invalid_file, open_table
from flashpoint.ingest.ucdp_actors import perpetrator_class
from flashpoint.types import DatePrecision, Estimate, GeoPrecision, PerpetratorClass

# Our name for each column, and its other spellings: GED 5.0 wrote best_est, a shapefile cuts names to ten characters.
_ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("event_id",),
    "type_of_violence": ("type_of_vi", "type_of_violence_code"),
    "date_start": ("event_date_start",),
    "date_end": ("event_date_end",),
    "date_prec": ("date_precision",),
    "where_prec": ("where_precision", "geo_precision"),
    "latitude": ("lat",),
    "longitude": ("lon", "long", "lng"),
    "best": ("best_est", "deaths_best"),
    "low": ("low_est", "deaths_low"),
    "high": ("high_est", "deaths_high"),
    "deaths_civilians": ("deaths_civ", "deaths_civi"),
    "number_of_sources": ("number_of_", "number_of_s"),
    "side_a": (),
    "country": ("country_na",),
    "country_id": (),
    "gwnoa": (),
    "adm_1": ("adm1",),
    "adm_2": ("adm2",),
    "ged_version": ("version",),
}
_ONE_SIDED = 3
_NEEDED = ("id", "type_of_violence", "date_start", "best")

_GEO_PRECISION = {
    1: GeoPrecision.EXACT,
    2: GeoPrecision.NEAR,
    3: GeoPrecision.SUB_PREFECTURE,
    4: GeoPrecision.PREFECTURE,
    # 5 is a fuzzy or larger area, 6 a country, 7 sea or air: their coordinates are centroids, not places.
    5: GeoPrecision.COUNTRY,
    6: GeoPrecision.COUNTRY,
    7: GeoPrecision.COUNTRY,
}
_DATE_PRECISION = {
    1: DatePrecision.DAY,
    2: DatePrecision.WITHIN_A_WEEK,
    3: DatePrecision.WITHIN_A_WEEK,
    4: DatePrecision.MONTH,
    5: DatePrecision.YEAR,
}

NO_ID = "the id is missing or not a number"
REPEATED = "the id was already met in this file"
BAD_TYPE = "the type of violence is not 1, 2 or 3"
BAD_DATE = "the date is missing or not written as YYYY-MM-DD"
BAD_PLACE = "the coordinates are missing or out of range"
BAD_DEATHS = "the deaths are missing, negative or not whole numbers"
WIDENED = "low and high deaths did not contain the best estimate; the range was widened to it"
SWAPPED = "the event ended before it started; the two dates were exchanged"
NO_GEO_PRECISION = "where_prec is missing or unknown; the precision declared for such rows was taken"
NO_DATE_PRECISION = "date_prec is missing or unknown; the precision declared for such rows was taken"
NO_COLUMN = {
    "where_prec": "the file has no where_prec; every row has the geographic precision declared for such rows",
    "date_prec": "the file has no date_prec; every row has the date precision declared for such rows",
    "date_end": "the file has no date_end; every event ends on the day on which it starts",
    "deaths_civilians": "the file has no deaths_civilians; clashes that harmed civilians cannot be told apart",
    "low": "the file has no low estimate; the best estimate stands for it",
    "high": "the file has no high estimate; the best estimate stands for it",
}
_DECLARED_AT = {"where_prec": "geo_precision", "date_prec": "date_precision"}


@dataclass(frozen=True, slots=True)
class UcdpEvent:
    """One event in our vocabulary; a ``None`` says that UCDP has no figure."""

    external_id: str
    category: str
    event_start: datetime
    event_end: datetime
    date_precision: DatePrecision
    geo_precision: GeoPrecision
    longitude: float
    latitude: float
    killed: Estimate
    civilians_killed: int | None
    perpetrator_class: PerpetratorClass
    country: str
    adm_1: str
    adm_2: str
    number_of_sources: int | None
    dataset_version: str | None


@dataclass(frozen=True, slots=True)
class Undeclared:
    """The precisions to take where the file gives none."""

    geo_precision: GeoPrecision = GeoPrecision.COUNTRY
    date_precision: DatePrecision = DatePrecision.YEAR


class _Skip(Exception):
    """The row cannot be used; the message is one of the reasons above, and goes into the account."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What stays the same from row to row of one file."""

    account: Account
    undeclared: Undeclared
    version: str | None
    missing: frozenset[str]


def read(path: Path, account: Account, undeclared: Undeclared | None = None) -> Iterator[UcdpEvent]:
    """Give the usable events one by one; raise ``Invalid`` when the file is not a GED file at all."""
    seen: set[int] = set()  # 170,000 ids take some 10 MB; the rows themselves are not kept
    reading: _Reading | None = None
    for where, cells in _records(path, account):
        if reading is None:
            reading = _open_reading(path, account, undeclared or Undeclared(), cells)
        event_id = _whole(cells.get("id", ""))
        reference = where if event_id is None else f"ucdp:{event_id}"
        if event_id is None or event_id in seen:
            account.skip(NO_ID if event_id is None else REPEATED, reference)
            continue
        try:
            event = _event(cells, reading, reference)
        except _Skip as skip:
            account.skip(str(skip), reference)
            continue
        seen.add(event_id)
        yield event


def _records(path: Path, account: Account) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each row or feature as texts by our column names, with how to refer to it."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        with open_table(path, account) as (header, rows):
            columns = _needed(_columns(header))
            for row in rows:
                yield row.reference, {ours: row.cells[theirs] for ours, theirs in columns.items()}
    elif name.endswith((".geojson", ".json", ".geojsonl")):
        for number, feature in enumerate(read_features(path), start=1):
            cells = _flatten(feature)
            if number == 1:
                _needed(cells)
            account.count_read()
            yield f"feature {number}", cells
    else:
        raise invalid_file("UCDP events are read from .csv, .csv.gz, .geojson and .geojson.gz")


def _columns(header: Collection[str]) -> dict[str, str]:
    """Find the file's column for each of ours."""
    found = {
        ours: next((name for name in (ours, *others) if name in header), None) for ours, others in _ALIASES.items()
    }
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def _needed(columns: dict[str, str]) -> dict[str, str]:
    """Give the columns back, or raise ``Invalid`` for the first that an event cannot do without."""
    for name in _NEEDED:
        if name not in columns:
            raise invalid_column(name, f"the file has no column {name}; it is not a UCDP GED file")
    return columns


def _flatten(feature: Mapping[str, Any]) -> dict[str, str]:
    """Give a feature as a row of texts; a point stands in for coordinates that the properties do not have."""
    properties = feature.get("properties")
    texts = {
        str(key).lower(): _text(value) for key, value in (properties if isinstance(properties, dict) else {}).items()
    }
    cells = {ours: texts[theirs] for ours, theirs in _columns(texts).items()}
    geometry = feature.get("geometry")
    if isinstance(geometry, dict) and geometry.get("type") == "Point" and not cells.get("latitude"):
        point = [*(geometry.get("coordinates") or ()), None, None]
        cells["longitude"], cells["latitude"] = _text(point[0]), _text(point[1])
    return cells


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _open_reading(path: Path, account: Account, undeclared: Undeclared, first: Mapping[str, str]) -> _Reading:
    missing = frozenset(name for name in NO_COLUMN if name not in first)
    for name, reason in NO_COLUMN.items():
        if name in missing:
            declared = getattr(undeclared, _DECLARED_AT[name]).name.lower() if name in _DECLARED_AT else None
            account.note(f"{reason} ({declared})" if declared else reason)
    return _Reading(account, undeclared, _version_in(path.name), missing)


def _version_in(file_name: str) -> str | None:
    """Read the release from a file name: GEDEvent_v23_1.csv, GEDEvent_v24_0_3.csv, ged211.csv, ged50.csv."""
    dotted = re.search(r"v(\d{1,2}(?:_\d{1,2}){1,2})(?!\d)", file_name, re.IGNORECASE)
    if dotted:
        return dotted[1].replace("_", ".")
    short = re.search(r"ged_?(\d{1,2})(\d)(?!\d)", file_name, re.IGNORECASE)
    return f"{short[1]}.{short[2]}" if short else None


def _event(cells: Mapping[str, str], reading: _Reading, reference: str) -> UcdpEvent:
    """Build the event of one row. Raises ``_Skip`` before anything is remarked, so that a row has no two fates."""
    kind = _whole(cells.get("type_of_violence", ""))
    if kind not in {1, 2, 3}:
        raise _Skip(BAD_TYPE)
    first, last = _days(cells)
    longitude, latitude = _coordinates(cells)
    deaths = _deaths(cells)
    civilians, sources = _whole(cells.get("deaths_civilians", "")), _whole(cells.get("number_of_sources", ""))
    _remark_repairs((first, last), deaths, reading.account, reference)
    return UcdpEvent(
        external_id=reference,
        category=_category(kind, civilians),
        event_start=datetime.combine(min(first, last), time.min, UTC),
        event_end=datetime.combine(max(first, last), time(23, 59, 59), UTC),
        date_precision=_date_precision(cells, reading, reference),
        geo_precision=_geo_precision(cells, reading, reference),
        longitude=longitude,
        latitude=latitude,
        killed=widen(*deaths),
        # UCDP writes -1 for a number that it does not know.
        civilians_killed=civilians if civilians is not None and civilians >= 0 else None,
        perpetrator_class=perpetrator_class(kind, cells),
        country=clean_name(cells.get("country", "")),
        adm_1=clean_name(cells.get("adm_1", "")),
        adm_2=clean_name(cells.get("adm_2", "")),
        number_of_sources=sources if sources is not None and sources > 0 else None,
        dataset_version=clean_name(cells.get("ged_version", "")) or reading.version,
    )


def _category(kind: int, civilians: int | None) -> str:
    if kind == _ONE_SIDED:
        return "attack_on_civilians"
    return "clash_harming_civilians" if civilians is not None and civilians > 0 else "armed_clash"


def _days(cells: Mapping[str, str]) -> tuple[date, date]:
    start = cells.get("date_start", "")
    return _day(start), _day(cells.get("date_end") or start)


def _day(text: str) -> date:
    # '2014-01-05', '2014-01-05 00:00:00.000' and '2014-01-05T00:00:00Z' all occur; the time is never meant.
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?", text):
        raise _Skip(BAD_DATE)
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise _Skip(BAD_DATE) from error


def _coordinates(cells: Mapping[str, str]) -> tuple[float, float]:
    try:
        longitude, latitude = float(cells.get("longitude", "")), float(cells.get("latitude", ""))
    except ValueError as error:
        raise _Skip(BAD_PLACE) from error
    in_range = math.isfinite(longitude) and abs(longitude) <= 180 and abs(latitude) <= 90  # noqa: PLR2004 - degrees
    # Zero and zero is how a spreadsheet writes two blanks; no land is there.
    if not in_range or (longitude == 0 and latitude == 0):
        raise _Skip(BAD_PLACE)
    return longitude, latitude


def _deaths(cells: Mapping[str, str]) -> tuple[int, int, int]:
    """Give low, best and high as the file has them; best stands for a bound that is not given."""
    best = _whole(cells.get("best", ""))
    low, high = (best if not cells.get(bound) else _whole(cells[bound]) for bound in ("low", "high"))
    if low is None or best is None or high is None or min(low, best, high) < 0:
        raise _Skip(BAD_DEATHS)
    return low, best, high


def widen(low: int, best: int, high: int) -> Estimate:
    """Make a range that holds the best estimate: the best is what UCDP counts with, so it is the one that stands."""
    return Estimate(min(low, best), best, max(high, best))


def _remark_repairs(days: tuple[date, date], deaths: tuple[int, int, int], account: Account, reference: str) -> None:
    low, best, high = deaths
    if not low <= best <= high:
        account.repair(WIDENED, reference)
    first, last = days
    if last < first:
        account.repair(SWAPPED, reference)


def _geo_precision(cells: Mapping[str, str], reading: _Reading, reference: str) -> GeoPrecision:
    precision = _GEO_PRECISION.get(_whole(cells.get("where_prec", "")) or 0)
    if precision is None and "where_prec" not in reading.missing:
        reading.account.note(NO_GEO_PRECISION, reference)
    return precision or reading.undeclared.geo_precision


def _date_precision(cells: Mapping[str, str], reading: _Reading, reference: str) -> DatePrecision:
    precision = _DATE_PRECISION.get(_whole(cells.get("date_prec", "")) or 0)
    if precision is None and "date_prec" not in reading.missing:
        reading.account.note(NO_DATE_PRECISION, reference)
    return precision or reading.undeclared.date_precision


def _whole(text: str) -> int | None:
    """Read a whole number of at most nine digits (an integer column), also one that passed through a float ('3.0')."""
    return int(text.partition(".")[0]) if re.fullmatch(r"-?\d{1,9}(?:\.0+)?", text, re.ASCII) else None
