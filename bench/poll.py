"""Measure the hot poll: requests a second and latency of ``GET /v1/matrix`` against a named baseline in the same run.

The baseline is what one writes first: the same payload, as Python objects already in memory, serialised in each
request by FastAPI's default JSON response and compressed by Starlette's GZipMiddleware. Both run under uvicorn, one
process each, one after the other, on a free loopback port, with a few keep-alive connections that each send the next
request when the last is answered. CPU is the server's own and depends least on what else the machine does. The
matrix is synthetic. Authorisation is no part of it: the baseline has none, the board a constant reader (put there by
FastAPI's override, which costs it some 20 us a request).

    python -m bench.poll [--seconds 2] [--connections 8] [--rows 175] [--vertices 30]
"""

import argparse
import asyncio
import json
import math
import multiprocessing as mp
import os
import socket
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.board import Board
from api.deps import MatrixReader
from api.routes import matrix
from api.sheet import Query, Sheet
from flashpoint.released import Locality, Place, Released, Standing, Written
from flashpoint.types import Actor, ActorId, Audience, Role, Tier

PATH = "/v1/matrix?operation=CAF"
READER = Actor(ActorId(UUID(int=1)), UUID(int=2), "bench", Role.READER, Audience.CLUSTER, None)


@dataclass(frozen=True)
class Case:
    """One kind of request and what it must be answered with."""

    name: str
    server: str
    headers: dict[str, str]
    status: int = 200


@dataclass(frozen=True)
class Figures:
    """What a case came to."""

    requests_per_second: float
    p50_ms: float
    p95_ms: float
    cpu_us: float
    body_bytes: int


def released(rows: int, vertices: int) -> Released:
    """Make a synthetic matrix, the same on every run."""
    as_of = datetime(2015, 5, 1, tzinfo=UTC)
    members = {"as_of": "2015-05-01T00:00:00Z", "methodology": "bench", "operation": "CAF", "audience": "cluster"}
    written = tuple(row(rank, vertices) for rank in range(1, rows + 1))
    ranks = np.array([(rank, max(1, rank - 3), rank + 4) for rank in range(1, rows + 1)])
    standing = Standing(ranks, np.round(1 / ranks[:, 0], 2))
    head = orjson.dumps(members)[1:-1]
    return Released("CAF", Audience.CLUSTER, "bench", 1, as_of, bytes(32), head, written, standing)


def row(rank: int, vertices: int) -> Written:
    """Make one row with a ragged ring and the figures a row carries."""
    lon, lat = 14.5 + (rank * 0.7548776662) % 1 * 12, 2.5 + (rank * 0.5698402910) % 1 * 8
    turns = [2 * math.pi * i / (vertices - 1) for i in range(vertices - 1)]
    ring = [
        [round(lon + (0.2 + 0.05 * math.sin(rank * t)) * math.cos(t), 6), round(lat + 0.2 * math.sin(t + rank), 6)]
        for t in turns
    ]
    score = round(100 - rank / 2 + math.sin(rank), 1)
    properties = {
        "name": f"Locality {rank}", "pcode": f"CF{rank}",
        "score": score, "score_low": score - 4.5, "score_high": score + 6.5, "tier": list(Tier)[rank % 4],
        "trend": {"7d": round(math.sin(rank), 1), "30d": round(math.cos(rank), 1)}, "threat": round(score / 101, 3),
        "vulnerability": round(score / 110, 3), "capacity_gap": 0.61, "silent": rank % 5 == 0, "coverage": 0.82,
        "freshness_days": rank % 40, "population_at_risk": 1000 * rank, "override": None,
    }  # fmt: skip
    return Written(
        locality=Locality(str(UUID(int=rank)), 1, f"CF{rank}", f"Locality {rank}"),
        tier=str(properties["tier"]),
        score=score,
        properties=orjson.dumps(properties),
        explanation=b"{}",
        place=Place(
            polygon=orjson.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}),
            point=orjson.dumps({"type": "Point", "coordinates": [lon, lat]}),
            bbox=(lon - 0.3, lat - 0.3, lon + 0.3, lat + 0.3),
        ),
    )


def board_app(release: Released) -> FastAPI:
    """Make the service's own route over a board, with a constant reader."""

    async def reader() -> Actor:
        return READER

    [depends] = [extra for extra in get_args(MatrixReader) if hasattr(extra, "dependency")]
    app = FastAPI()
    app.dependency_overrides[depends.dependency] = reader
    app.include_router(matrix.router)
    app.state.board = Board()
    app.state.board.put(release)
    app.state.settings = SimpleNamespace(stale_after_minutes=20, stale_limit_minutes=240)
    app.state.contact = SimpleNamespace(age_seconds=lambda _operation: 0.0)
    return app


def baseline_app(release: Released) -> FastAPI:
    """Serve the same payload the usual way."""
    payload: dict[str, Any] = json.loads(Sheet(release).answer(Query(), None, None).body)
    app = FastAPI()
    app.add_middleware(GZipMiddleware)

    @app.get("/v1/matrix")
    async def get_matrix(operation: str) -> dict[str, Any]:  # noqa: ARG001 - read, as the real route does
        return payload

    return app


def serve(server: str, release: Released, listener: socket.socket) -> None:
    """Run one of the two apps until terminated."""
    app = board_app(release) if server == "board" else baseline_app(release)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


class Connection:
    """A keep-alive connection that reads answers by their Content-Length and decodes nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], int]:
        """Send one request; give status, headers and the length of the body."""
        self._writer.write(request)
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        length = int(headers.get("content-length", "0"))
        await self._reader.readexactly(length)
        return int(first.split(" ")[1]), headers, length


async def measure(case: Case, pid: int, port: int, args: argparse.Namespace) -> Figures:
    """Load the server with one case for the given time, after a short warm-up."""
    connections = [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(args.connections)]
    headers = {"Host": "localhost", **case.headers}
    if case.status == 304:  # noqa: PLR2004
        plain = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        _, told, _ = await connections[0].ask(f"GET {PATH} HTTP/1.1\r\n{plain}\r\n".encode())
        headers["If-None-Match"] = told["etag"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {PATH} HTTP/1.1\r\n{lines}\r\n".encode()
    await drive(connections[:1], request, case.status, 0.2)
    cpu, began = cpu_seconds(pid), time.perf_counter()
    latencies, length = await drive(connections, request, case.status, args.seconds)
    took, spent = time.perf_counter() - began, cpu_seconds(pid) - cpu
    cuts = statistics.quantiles(latencies, n=20)
    count = len(latencies)
    return Figures(count / took, cuts[9] * 1e3, cuts[18] * 1e3, spent / count * 1e6, length)


async def drive(connections: list[Connection], request: bytes, status: int, seconds: float) -> tuple[list[float], int]:
    """Ask in a closed loop on every connection; give the latencies in seconds and the length of the bodies."""
    latencies: list[float] = []
    lengths: set[int] = set()
    until = time.perf_counter() + seconds

    async def loop(connection: Connection) -> None:
        while (sent := time.perf_counter()) < until:
            answered, _, length = await connection.ask(request)
            if answered != status:
                raise SystemExit(f"expected {status}, got {answered}")
            latencies.append(time.perf_counter() - sent)
            lengths.add(length)

    await asyncio.gather(*(loop(connection) for connection in connections))
    return latencies, lengths.pop()


def cpu_seconds(pid: int) -> float:
    """Read the CPU time a process has used, user and system (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(server: str, cases: list[Case], args: argparse.Namespace) -> dict[str, Figures]:
    """Start a server, measure its cases, stop it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        release = released(args.rows, args.vertices)
        process = mp.get_context("spawn").Process(target=serve, args=(server, release, listener), daemon=True)
        process.start()
        try:
            return {case.name: asyncio.run(measure(case, process.pid or 0, port, args)) for case in cases}
        finally:
            process.terminate()
            process.join(5)


def main() -> None:
    """Run all cases and print them with their ratios to the baseline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each of the six cases, at most 5")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rows", type=int, default=175)
    parser.add_argument("--vertices", type=int, default=30)
    args = parser.parse_args()
    args.seconds = min(args.seconds, 5.0)
    gzip, zstd = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip, zstd"}
    cases = [
        Case("baseline: 200 gzip", "baseline", gzip),
        Case("baseline: 200 plain", "baseline", {}),
        Case("board: 304", "board", gzip, 304),
        Case("board: 200 zstd", "board", zstd),
        Case("board: 200 gzip", "board", gzip),
        Case("board: 200 plain", "board", {}),
    ]
    figures: dict[str, Figures] = {}
    for server in ("baseline", "board"):
        figures |= run(server, [case for case in cases if case.server == server], args)
    report(figures, args)


def report(figures: dict[str, Figures], args: argparse.Namespace) -> None:
    """Print one line a case; the ratios are to the baseline's gzip answer."""
    base = figures["baseline: 200 gzip"]
    print(f"{args.rows} rows, {args.vertices} vertices, {args.connections} connections, {args.seconds} s each")
    print(f"{'case':22}{'req/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'CPU us':>9}{'bytes':>9}{'req/s x':>9}{'CPU /':>8}")
    for name, f in figures.items():
        print(
            f"{name:22}{f.requests_per_second:9.0f}{f.p50_ms:9.2f}{f.p95_ms:9.2f}{f.cpu_us:9.0f}{f.body_bytes:9d}"
            f"{f.requests_per_second / base.requests_per_second:9.1f}{base.cpu_us / f.cpu_us:8.1f}"
        )


if __name__ == "__main__":
    main()
