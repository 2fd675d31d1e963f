"""Measure the evidence query and what is built on it: one operation with every event of a large UCDP file.

The file (``ucdp_ged211_global_reduced.csv.gz``, 170,455 events of 118 countries) is imported into a database of its
own, with localities that are squares of a regular grid wherever events are. Printed are the import, the plan of
``store.gather.INCIDENTS``, and the wall times of ``gather`` and ``score``, each the best of some runs. The named
baseline of the same run is the same query without the index on (operation, event_end); ``pandas.read_csv`` of the
same file is given for scale.

    python bench/evidence_query.py FILE --database-url postgresql:///empty_database_with_postgis
"""

import argparse
import csv
import gzip
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas
import pandas as pd
import shapely
from sqlalchemy import text

from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, ucdp
from flashpoint.ingest.ucdp import Undeclared
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score
from flashpoint.store import gather
from flashpoint.store.engine import Database, VaultReader, migrate
from flashpoint.types import DatePrecision, GeoPrecision

OPERATION = "WORLD"
INDEX = "vault.ix_evidence_operation_event"
RUNS = 5


def main() -> None:
    """Import, explain, measure."""
    arguments = _arguments()
    migrate(arguments.database_url)
    database = Database(arguments.database_url, pool_size=2)
    try:
        _load(database, arguments)
        with database.vault_reader() as reader:
            print(f"localities: {_count(reader, 'locality')}, incidents: {_count(reader, 'incident')}")
            _measure(reader, arguments)
        _without_index(database, arguments)
    finally:
        database.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--database-url", required=True, help="a database with PostGIS that is empty or was used here")
    parser.add_argument("--degrees", type=float, default=2.0, help="width of a square of the grid")
    parser.add_argument(
        "--as-of", type=lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC), default="2021-01-01"
    )
    return parser.parse_args()


def _load(database: Database, arguments: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        grid = Path(folder) / "grid.geojson"
        _grid(arguments.file, arguments.degrees).to_file(grid, driver="GeoJSON")
        boundaries(database, grid, BoundaryTarget(OPERATION, "adm1", "grid"), _quiet)
    # The extract kept only exact and near places and days, and dropped the columns that say so.
    target = UcdpTarget(OPERATION, 0, Undeclared(GeoPrecision.NEAR, DatePrecision.WITHIN_A_WEEK))
    started = time.perf_counter()
    account = ucdp(database, arguments.file, target, _quiet)
    seconds = time.perf_counter() - started
    print("\n".join(account.lines()))
    print(f"import: {seconds:.1f} s, {account.read / seconds:,.0f} rows/s")


def _quiet(_done: int, _total: int | None) -> None:
    """Show nothing: a progress bar would be measured too."""


def _grid(path: Path, degrees: float) -> geopandas.GeoDataFrame:
    """Make the squares that hold events."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        cells = {
            (int(float(row["longitude"]) // degrees), int(float(row["latitude"]) // degrees))
            for row in csv.DictReader(file)
        }
    rows = [
        {"adm1_pcode": f"X{x + 1000}Y{y + 1000}", "adm1_name": f"{x} {y}", "geometry": _square(x, y, degrees)}
        for x, y in sorted(cells)
    ]
    return geopandas.GeoDataFrame(rows, crs=4326)


def _square(x: int, y: int, degrees: float) -> shapely.Polygon:
    return shapely.box(x * degrees, y * degrees, (x + 1) * degrees, (y + 1) * degrees)


def _measure(reader: VaultReader, arguments: argparse.Namespace) -> None:
    print(_plan(reader, arguments.as_of))
    query = _best(lambda: _rows(reader, arguments.as_of))
    gathering = _best(lambda: gather.gather(reader, OPERATION, arguments.as_of, DEFAULT))
    gathered = gather.gather(reader, OPERATION, arguments.as_of, DEFAULT)
    scoring = _best(lambda: score(gathered.evidence, DEFAULT))
    reading = _best(lambda: pd.read_csv(arguments.file))
    print(f"incidents in the evidence: {len(gathered.evidence.incidents)}")
    print(f"query {query * 1000:.0f} ms, gather {gathering * 1000:.0f} ms, score {scoring * 1000:.0f} ms")
    total = gathering + scoring
    print(f"pandas.read_csv of the file: {reading * 1000:.0f} ms; gather + score is {total / reading:.2f} of it")


def _without_index(database: Database, arguments: argparse.Namespace) -> None:
    """Measure the query with and without its index, a year's memory and the default one, and leave all as it was."""
    for days in (30, 365, DEFAULT.memory_days):
        with database.engine.connect() as connection:
            reader = VaultReader(connection)
            served = _best(lambda days=days, reader=reader: _rows(reader, arguments.as_of, days))
            connection.execute(text(f"DROP INDEX {INDEX}"))
            bare = _best(lambda days=days, reader=reader: _rows(reader, arguments.as_of, days))
            connection.rollback()
        ratio = bare / served
        print(
            f"{days:.0f} days: with the index {served * 1000:.1f} ms, without {bare * 1000:.1f} ms: {ratio:.1f} times"
        )


def _bounds(as_of: datetime, days: float | None = None) -> dict[str, object]:
    clock = gather.clock_of(as_of)
    memory = pd.Timedelta(days=min(DEFAULT.memory_days if days is None else days, 36_500)).to_pytimedelta()
    return {"operation": OPERATION, "as_of": as_of, "clock": clock, "oldest": clock - memory}


def _rows(reader: VaultReader, as_of: datetime, days: float | None = None) -> list[Any]:
    return list(reader.connection.execute(gather.INCIDENTS, _bounds(as_of, days)))


def _plan(reader: VaultReader, as_of: datetime) -> str:
    query = text(f"EXPLAIN (ANALYZE, BUFFERS) {gather.INCIDENTS.text}")
    return "\n".join(reader.connection.execute(query, _bounds(as_of)).scalars())


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _count(reader: VaultReader, table: str) -> int:
    return int(reader.connection.execute(text(f"SELECT count(*) FROM vault.{table}")).scalar_one())  # noqa: S608


if __name__ == "__main__":
    main()
