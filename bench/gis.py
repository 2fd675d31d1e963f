"""What GIS tools ask for, of this service, of tipg and of pygeoapi, in one run on the same PostGIS database.

    python tests/postgis.py python -m bench.gis [--layers localities,matrix] [--codings identity,gzip] [--cases ...]

Five thousand localities of 30 vertices. Ours are released and read as in the field: with a key, a protocol in force
and a limit that counts. The peers read plain tables with the same rows and columns (``gis_world``), without sign-in.
Each server is one process; all run throughout and are asked in turns, a few requests each, over one keep-alive
connection each, so that whatever else the machine does hits all alike.

* ``cold``: requests that differ (page after page, another box, another tile), and a shelf of ours that takes nothing;
* ``warm``: the same request again and again, ours from its shelf;
* ``304``: the same with its tag. The peers have none and answer in full, as for ``warm``.

For each request all servers must answer with the same features, else the run ends: of items the same P-codes, of tiles
every locality that reaches well into the tile (how much of its margin a server draws is its own choice). On tiles tipg
draws the columns that we draw; pygeoapi cannot be told to, and draws all.

A line gives the least, median and 95th percentile in milliseconds, CPU time a request of the server and of PostgreSQL
in milliseconds, the bytes of an answer and the number of requests. ``ratio`` is a server's median to ours; that of the
faster peer has to be 5 for items and 2 for tiles, or more. ``of CPU`` is the ratio of the CPU times, server and
PostgreSQL together: what else the machine does at the time moves it least. The peers are measured as they come: tipg
writes links into each feature, pygeoapi's tiles have PostGIS parse both reference systems anew for each row.
"""

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import gis_peers, gis_world
from bench.gis_ask import Figures, Line, Meter, Refused
from bench.gis_cases import CASES, Asked, Bounds, Case, Requests, Within
from bench.gis_peers import OURS, PEERS, SHELFLESS, Server
from flashpoint.layers import Layer
from flashpoint.settings import Settings
from flashpoint.store.engine import libpq_url

TOGETHER, TURN_S, FEWEST, BUDGET_S = 5, 0.5, 3, 4.0
SERVERS_OF = {"cold": (SHELFLESS, *PEERS), "warm": (OURS, *PEERS), "304": (OURS,)}


def main() -> None:
    """Make the world, start everybody, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--localities", type=int, default=5_000)
    parser.add_argument("--layers", default="localities,matrix")
    parser.add_argument("--codings", default="identity,gzip")
    parser.add_argument("--cases", default=",".join(CASES), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=20, help=f"rounds of {TOGETHER} requests each")
    options = parser.parse_args()
    told = Settings().database_url
    if told is None:
        parser.error("run it by tests/postgis.py, or set FLASHPOINT_DATABASE_URL to an empty, migrated database")
    url = told.get_secret_value()
    gis_peers.environment()
    with tempfile.TemporaryDirectory(prefix="flashpoint-bench-") as folder, ExitStack() as running:
        key = gis_world.make(url, Path(folder), options.localities)
        servers = [running.enter_context(one) for one in gis_peers.everybody(url, Path(folder), key)]
        bench = Bench(url, servers, gis_world.extent(options.localities), options.rounds)
        for layer in options.layers.split(","):
            for coding in options.codings.split(","):
                bench.run(Layer(layer), coding, [CASES[name] for name in options.cases.split(",")])


@dataclass(frozen=True)
class Asking:
    """What is measured. ``tags`` are those that the servers have told so far."""

    layer: Layer
    coding: str
    case: Case
    kind: str
    tags: dict[str, str]


@dataclass
class Asker:
    """A server that is asked for a case. ``told`` are the features of each thing that was asked for."""

    server: Server
    line: Line
    case: Case
    requests: Requests
    extra: str = ""
    tag: str = ""
    figures: Figures = field(default_factory=Figures)
    told: dict[Any, frozenset[str]] = field(default_factory=dict)
    _next: tuple[Any, str] = (None, "")

    def warm_up(self) -> None:
        """Ask a few times, uncounted."""
        self._next = next(self.requests)
        self.turn()
        self.figures = Figures()

    def turn(self) -> None:
        """Ask a few times, for as long as there is time."""
        spent, before = self.figures.seconds, len(self.figures.seconds)
        if sum(spent) > BUDGET_S and before >= FEWEST:
            return
        while len(spent) < before + TOGETHER and sum(spent[before:]) < TURN_S:
            self._ask()

    def _ask(self) -> None:
        what, path = self._next
        answer = self.line.ask(path, self.extra)
        if self.extra and answer.status == HTTPStatus.OK:
            # The quarter of an hour has struck: there is a new state, and a new tag.
            self.extra = with_tag(answer.headers["etag"])
            return
        self.figures.seconds.append(answer.seconds)
        self.figures.size, self.tag = answer.size, answer.headers.get("etag", "")
        if what not in self.told and answer.status == HTTPStatus.OK:
            self.told[what] = self.case.features(answer)
        self._next = self.requests.send(answer)


class Bench:
    """The servers, and what is measured of them."""

    def __init__(self, url: str, servers: list[Server], extent: Bounds, rounds: int) -> None:
        """Remember whom to ask."""
        self._servers = {server.name: server for server in servers}
        self._extent, self._rounds = extent, rounds
        self._meter, self._within = Meter(libpq_url(url)), Within(libpq_url(url))

    def run(self, layer: Layer, coding: str, cases: list[Case]) -> None:
        """Measure a layer in a coding, and print it."""
        print(f"\n{layer}, {coding}")
        print(
            f"{'milliseconds':20}{'best':>9}{'median':>9}{'p95':>9}{'CPU':>9}{'PG CPU':>9}"
            f"{'bytes':>11}{'n':>6}{'ratio':>8}{'of CPU':>8}"
        )
        for case in cases:
            tags: dict[str, str] = {}
            found = {kind: self._measure(Asking(layer, coding, case, kind, tags)) for kind in SERVERS_OF}
            # The peers have no tags: they answer as if nobody had asked with one.
            found["304"] |= {name: found["warm"][name] for name in PEERS if name in found["warm"]}
            for kind, figures in found.items():
                report(case, kind, figures)

    def _measure(self, asking: "Asking") -> dict[str, Figures]:
        askers = [one for name in SERVERS_OF[asking.kind] if (one := self._asker(self._servers[name], asking))]
        for _ in range(self._rounds):
            for asker in askers:
                with self._meter.reading(asker.server.pid, asker.figures):
                    asker.turn()
        for one, other in pairwise(askers):
            asking.case.compare(one.told, other.told, self._within)
        return {asker.server.name: asker.figures for asker in askers}

    def _asker(self, server: Server, asking: "Asking") -> "Asker | None":
        """Make an asker and have it ask a few times, uncounted; or say that the server cannot do it."""
        asked = Asked(server, asking.layer, self._extent)
        requests = asking.case.varied(asked) if asking.kind == "cold" else asking.case.same(asked)
        tag = with_tag(asking.tags[server.name]) if asking.kind == "304" else ""
        asker = Asker(
            server, Line(server.port, {**server.headers, "Accept-Encoding": asking.coding}), asking.case, requests, tag
        )
        try:
            asker.warm_up()
        except Refused as error:
            print(f"{asking.case.name}: {server.name} cannot: {error}")
            return None
        asking.tags[server.name] = asker.tag
        return asker


def with_tag(tag: str) -> str:
    """Ask for an answer only if it is another one."""
    return f"If-None-Match: {tag}\r\n"


def report(case: Case, kind: str, figures: dict[str, Figures]) -> None:
    """Print a line a server."""
    ours, *others = figures.values()
    bar = "" if case.bar is None else f" (bar {case.bar}: {'met' if met(case.bar, ours, others) else 'MISSED'})"
    print(f"{case.name}, {kind}{bar}")
    for name, found in figures.items():
        print(
            f"    {name:16}{found.best_ms:9.2f}{found.median_ms:9.2f}{found.p95_ms:9.2f}"
            f"{found.cpu_ms:9.2f}{found.database_cpu_ms:9.2f}{found.size:11,}{len(found.seconds):6}"
            f"{found.median_ms / ours.median_ms:8.1f}{found.all_cpu_ms / ours.all_cpu_ms:8.1f}",
            flush=True,
        )


def met(bar: int, ours: Figures, others: list[Figures]) -> bool:
    """Say whether the fastest of the others takes that many times as long."""
    return min(other.median_ms for other in others) >= bar * ours.median_ms


if __name__ == "__main__":
    main()
