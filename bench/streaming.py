"""Peak memory of the serving process while all incidents stream out of it: page after page, and as each kind of file.

Needs a migrated, empty database whose login is a superuser (the rows are written past the rules, in bulk):

    python tests/postgis.py python -m bench.streaming [--incidents 20000,200000]

The first number of incidents goes through the service's own evaluation, as in the field; for the next ones the released
rows are copied under new ids. Each line has a server of its own. ``over`` is how far its peak (VmHWM, set back before
each) lies over what it held just before, in MB, after the same was asked once of a layer that is small: what stays the
same while the rows grow tenfold is bounded. Pages rest on the shelf, as far as it reaches: hence a line without it. The
control, ``all at once``, is how it is written first: all rows
fetched, then one JSON document; it grows with them.
"""

import argparse
import http.client
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import orjson
import psycopg

from bench import gis_peers, gis_world, million_world
from bench.gis_peers import Server
from bench.million import apart
from flashpoint import assess
from flashpoint.exports.formats import Format
from flashpoint.layers import Layer
from flashpoint.pepper import pepper
from flashpoint.protocol import Subject
from flashpoint.settings import Settings
from flashpoint.store import layer_sources
from flashpoint.store.engine import Database, libpq_url
from flashpoint.types import Audience

OPERATION, PAGE, SMALL = million_world.OPERATION, 10_000, Layer.COMMUNITIES
_MB = 1024
Way: TypeAlias = Callable[[Server, Layer], tuple[int, int]]


@dataclass(frozen=True)
class Taken:
    """What a way of streaming took."""

    rows: int
    size: int
    seconds: float
    held_mb: float
    over_mb: float


def main() -> None:
    """Load, stream, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", default="20000,200000")
    parser.add_argument("--localities", type=int, default=5_000)
    options = parser.parse_args()
    told = Settings().database_url
    if told is None:
        parser.error("run it by tests/postgis.py, or set FLASHPOINT_DATABASE_URL to an empty, migrated database")
    url, numbers = told.get_secret_value(), [int(number) for number in options.incidents.split(",")]
    with (
        tempfile.TemporaryDirectory(prefix="flashpoint-bench-") as folder,
        psycopg.connect(libpq_url(url), autocommit=True) as owner,
    ):
        key = release(url, Path(folder), numbers[0], options.localities)
        # The service's assessor waits for this: it would take away what it has not released.
        owner.execute("SELECT pg_advisory_lock(hashtext('flashpoint.assessor'))")
        for number in numbers:
            rows = multiply(owner, number)
            print(f"\n{rows:,} incidents\n    {'':24}{'over MB':>10}{'held MB':>10}{'MB sent':>10}{'seconds':>10}")
            for name, way in WAYS.items():
                with gis_peers.flashpoint(url, Path(folder), key, shelf=name != SHELFLESS) as server:
                    report(name, measure(server, way, rows))
            control = apart(at_once, url)
            print(f"    {'all at once (control)':24}{control['peak_mb'] - control['imports_mb']:10.0f}", flush=True)


def release(url: str, home: Path, incidents: int, localities: int) -> str:
    """Load incidents, have them evaluated and released; give a reader's key."""
    million_world.load(url, incidents, localities)
    database, secret = Database(url, 4), pepper(Settings(home=home))
    try:
        with database.console() as vault:
            gis_world.agree(vault, OPERATION, dict.fromkeys(map(str, Subject), True))
        assess.Desk(database, secret).reassess(OPERATION, tick=False)
        return gis_world.key(database, secret, Audience.CLUSTER)
    finally:
        database.close()


def multiply(owner: psycopg.Connection[Any], number: int) -> int:
    """Copy released incidents under new ids until there are that many; give how many there are."""
    whose = (OPERATION, Audience.CLUSTER)
    count = "SELECT count(*) FROM release.picture_incident WHERE operation = %s AND audience = %s"
    columns = "operation, audience, revision, content_sha256, zone, properties, category, period, zone_id, point"
    while (missing := number - _one(owner, count, whose)) > number // 10:
        owner.execute(
            f"""INSERT INTO release.picture_incident (released_id, {columns})
                SELECT gen_random_uuid(), {columns} FROM release.picture_incident
                WHERE operation = %s AND audience = %s LIMIT %s""",  # noqa: S608 - constants of this module
            (*whose, missing),
        )
    owner.execute("UPDATE release.picture SET revision = revision + 1 WHERE collection = 'incidents'")
    owner.execute("VACUUM ANALYZE release.picture_incident")
    return _one(owner, count, whose)


def _one(owner: psycopg.Connection[Any], query: str, parameters: tuple[Any, ...]) -> int:
    return int(owner.execute(query, parameters).fetchall()[0][0])


def measure(server: Server, way: Way, rows: int) -> Taken:
    """Have the incidents streamed, all of them, and see how far the server's memory rises."""
    way(server, SMALL)
    Path(f"/proc/{server.pid}/clear_refs").write_text("5", encoding="ascii")
    held, began = _memory(server.pid, "VmRSS"), time.perf_counter()
    found, size = way(server, Layer.INCIDENTS)
    took = time.perf_counter() - began
    if found != rows:
        raise SystemExit(f"{found} rows came of {rows}")
    return Taken(found, size, took, held, _memory(server.pid, "VmHWM") - held)


def _memory(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"{name}:\s+(\d+)", status)[1]) / _MB  # type: ignore[index]


def pages(server: Server, layer: Layer) -> tuple[int, int]:
    """Follow the links to the next page to the end; give how many features came, and bytes."""
    path, ids, size = f"/ogc/collections/{layer}/items?limit={PAGE}&operation={OPERATION}", set(), 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    while path:
        connection.request("GET", path, headers={**server.headers, "Accept-Encoding": "identity"})
        body = _good(connection.getresponse(), path).read()
        page, size = orjson.loads(body), size + len(body)
        ids |= {feature["id"] for feature in page["features"]}
        address = next((urlsplit(link["href"]) for link in page["links"] if link["rel"] == "next"), None)
        path = "" if address is None else f"{address.path}?{address.query}"
    return len(ids), size


def file(kind: Format) -> Way:
    """Give the way to have a layer as a file of that kind."""

    def way(server: Server, layer: Layer) -> tuple[int, int]:
        path, size = f"/v1/exports/{layer}.{kind}?operation={OPERATION}", 0
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        connection.request("GET", path, headers={**server.headers, "Accept-Encoding": "identity"})
        answer = _good(connection.getresponse(), path)
        while part := answer.read(1 << 20):
            size += len(part)
        return int(answer.headers["Flashpoint-Rows"]), size

    return way


def _good(answer: http.client.HTTPResponse, path: str) -> http.client.HTTPResponse:
    if answer.status != http.client.OK:
        raise SystemExit(f"{path}: {answer.status} {answer.read()[:300]!r}")
    return answer


SHELFLESS = f"pages of {PAGE:,}, no shelf"
WAYS: dict[str, Way] = {
    SHELFLESS: pages,
    f"pages of {PAGE:,}": pages,
    **{f"incidents.{kind}": file(kind) for kind in Format},
}


def at_once(url: str) -> dict[str, Any]:
    """Write all incidents as it is written first: every row fetched, then one document."""
    rows = layer_sources.source(Layer.INCIDENTS, OPERATION, Audience.CLUSTER).rows.c
    database = Database(url, 1)
    with database.release_reader() as reader:
        query = layer_sources.select(rows.id, rows.properties, rows.geometry.ST_AsGeoJSON())
        found = reader.connection.execute(query).all()
    features = [
        {"type": "Feature", "id": str(one), "properties": json.loads(told), "geometry": json.loads(shape)}
        for one, told, shape in found
    ]
    return {"bytes": len(json.dumps({"type": "FeatureCollection", "features": features}))}


def report(name: str, taken: Taken) -> None:
    """Print a line."""
    sent = taken.size / _MB**2
    print(f"    {name:24}{taken.over_mb:10.0f}{taken.held_mb:10.0f}{sent:10.1f}{taken.seconds:10.1f}", flush=True)


if __name__ == "__main__":
    main()
