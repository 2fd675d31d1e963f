"""A million incidents on five thousand localities: what an update costs, and a full recomputation beside bare numpy.

Needs a migrated, empty database whose login is a superuser (the rows are written past the rules, in bulk):

    python tests/postgis.py python -m bench.million

The incidents are synthetic and clustered like the global UCDP file: a few places hold most of them, and places repeat.
Localities have 30 vertices and stand so close that an incident has about 39 of them within 50 km. Printed are

* the full recomputation, by the default method and by one whose kernel reaches 50 km, each in a process of its own,
  with its peak memory; and beside each, in the same run, the named baseline: the same rows read by psycopg, and the
  same sums made with bare numpy (and scipy's cKDTree for the kernel). ``ratio`` is to that; ``ratio_fewest_columns``
  to a baseline that reads only the eight columns that a matrix without history could do with;
* verified incident to new matrix in memory: each incident is reported, corroborated and verified through the verbs, and
  the clock runs from the commit of the verification until every locality is scored and ranked anew;
* how far the kept sums are from sums made anew, and both from the baseline's.
"""

import argparse
import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import shapely
from scipy.spatial import cKDTree

from bench.million_world import COLUMNS, OPERATION, SPACING, load
from flashpoint import decisions, intake
from flashpoint.reports import IncidentReport, StepReport
from flashpoint.scoring.methodology import DEFAULT, Methodology
from flashpoint.scoring.portable import unit_vectors
from flashpoint.scoring.reach import EARTH_RADIUS_KM
from flashpoint.settings import Settings
from flashpoint.standing import Standing
from flashpoint.store import actors, incidents
from flashpoint.store.engine import Database, libpq_url
from flashpoint.store.moments import day_of, history
from flashpoint.types import Actor, Audience, Role, Standard
from flashpoint.workflow import Action

REACH_KM = 50.0
KERNEL = replace(DEFAULT, version="kernel", kernel_width_km=REACH_KM / 3)
METHODS = {"default": DEFAULT, "kernel": KERNEL}


def _configured() -> str | None:
    url = Settings().database_url
    return None if url is None else url.get_secret_value()


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", default=_configured())
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--localities", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON as well")
    options = parser.parse_args()
    url = options.database_url
    load(url, options.incidents, options.localities)
    figures: dict[str, Any] = {"incidents": options.incidents, "localities": options.localities}
    for name in METHODS:
        ours = apart(full, url, name)
        bare = apart(baseline, url, name)
        computing = bare["seconds"] - bare["read_seconds"]
        ours["ratio"] = ours["seconds"] / (computing + bare["read_all_seconds"])
        ours["ratio_fewest_columns"] = ours["seconds"] / bare["seconds"]
        ours["worst_difference"] = float(np.max(np.abs(ours.pop("threat") - bare.pop("threat"))))
        figures[name] = {"ours": ours, "baseline": bare}
        print(f"{name}: ours {told(ours)}\n{name}: bare {told(bare)}", flush=True)
    figures["update"] = apart(updates, url, options.rounds)
    print(f"update: {told(figures['update'])}")
    if options.json:
        print(json.dumps(figures, indent=2))


def told(figures: dict[str, Any]) -> str:
    """Write figures in one line."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
    )


def apart(work: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Do the work in a process of its own; add its peak memory in MB, and how much of that the work itself took."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable[..., dict[str, Any]], arguments: tuple[object, ...]) -> dict[str, Any]:
    before = _peak_mb()
    figures = work(*arguments)
    return {**figures, "peak_mb": _peak_mb(), "imports_mb": before}


def _peak_mb() -> float:
    # What getrusage says is inherited from whoever started us.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def full(url: str, name: str) -> dict[str, Any]:
    """Compute the matrix from the database; ``seconds`` is reading and scoring one moment."""
    database, method = Database(url, 2), METHODS[name]
    as_of = database.knowledge_instant()
    best = float("inf")
    with database.vault_reader() as reader:
        for _ in range(3):
            began = time.perf_counter()
            _, result = Standing(OPERATION, method).scored(reader, history(reader, OPERATION, as_of), as_of)
            best = min(best, time.perf_counter() - began)
            threat = by_pcode(result)
            del result
        began = time.perf_counter()
        Standing(OPERATION, method).refresh(reader, history(reader, OPERATION, as_of), as_of)
        whole = time.perf_counter() - began
    return {"seconds": best, "with_trend_and_sensitivity": whole, "threat": threat}


def by_pcode(result: Any) -> Any:  # noqa: ANN401 - a result, columns out
    """Give threat in the order of the P-codes."""
    return result.threat[np.argsort(np.array(result.parts.evidence.localities.pcode))]


#: All that the matrix of a moment is made from: both times of each row and of its end, and every count.
_ALL = """
    SELECT e.incident_id, e.recorded_at, p.recorded_at, e.known_at, p.known_at, e.known_to, e.closed_at, p.known_to,
           p.closed_at, e.veiled_at, e.event_end, v.reported_at, p.locality_id, p.unit_pcode, v.category,
           v.protected_site, v.perpetrator_class, v.sharing, v.killed_low, v.killed_best, v.killed_high, v.injured_low,
           v.injured_best, v.injured_high, v.abducted_low, v.abducted_best, v.abducted_high, v.displaced_low,
           v.displaced_best, v.displaced_high
    FROM vault.evidence e JOIN vault.incident_version v USING (incident_id, version)
    JOIN vault.placement p USING (incident_id, version) WHERE e.operation = %s
"""
#: What a matrix without history, and of this bench's incidents only, could do with.
_BARE = """
    SELECT l.pcode, v.category, extract(epoch FROM v.event_end)::float8 / 86400, v.killed_low, v.killed_best,
           v.killed_high, ST_X(v.geom), ST_Y(v.geom)
    FROM vault.evidence e JOIN vault.incident_version v USING (incident_id, version)
    JOIN vault.placement p USING (incident_id, version) JOIN vault.locality l ON l.id = p.locality_id
    WHERE e.operation = %s AND e.known_to IS NULL AND p.known_to IS NULL
"""


def baseline(url: str, name: str) -> dict[str, Any]:
    """Read the same rows with ``fetchall`` and make the same sums with bare numpy: no intervals of share, no order."""
    with psycopg.connect(libpq_url(url)) as connection:
        as_of = connection.execute("SELECT now()").fetchone()[0]  # type: ignore[index]
        towns = connection.execute("SELECT pcode, ST_X(point), ST_Y(point) FROM vault.locality").fetchall()
        connection.execute("SET work_mem = '256MB'")  # as for ours
        began = time.perf_counter()
        rows = connection.execute(_BARE, (OPERATION,)).fetchall()
        read = time.perf_counter() - began
    towns.sort()
    at = {pcode: index for index, (pcode, _, _) in enumerate(towns)}
    began = time.perf_counter()
    threat = _bare_threat(rows, (at, np.array([town[1:] for town in towns], dtype=float)), as_of, METHODS[name])
    computed = time.perf_counter() - began
    del rows
    return {
        "seconds": read + computed,
        "read_seconds": read,
        "read_all_seconds": _read_all(url),
        "threat": threat,
    }


def _read_all(url: str) -> float:
    """Read every column that ours reads, a hundred thousand rows at a time, and throw them away."""
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET cursor_tuple_fraction = 1")  # all of them are wanted
        began = time.perf_counter()
        with connection.cursor("every") as cursor:
            cursor.execute(_ALL, (OPERATION,))
            while cursor.fetchmany(100_000):
                pass
        return time.perf_counter() - began


def _bare_threat(rows: list[Any], towns: tuple[dict[str, int], Any], as_of: datetime, method: Methodology) -> Any:  # noqa: ANN401
    at, points = towns
    clock = day_of(as_of.astimezone(UTC).replace(minute=as_of.minute // 15 * 15, second=0, microsecond=0))
    pcode, category, ended, low, best, high, longitude, latitude = zip(*rows, strict=True)
    town = np.array([at[one] for one in pcode])
    age = clock - np.array(ended)
    killed = np.stack([np.array(column, dtype=float) for column in (low, best, high)])
    # Nobody said how many were injured and abducted: none, none, up to the ceiling.
    killed[2] = method.casualty_ceiling
    casualty = 1 + np.log2(1 + killed) / method.casualty_divisor
    size = len(points)
    strength = np.stack(
        [
            np.array([scale.severity[code] for code in category]) * np.exp2(-age / scale.half_life_days)
            for scale in method.threat_scales
        ]
    )
    weight = strength[:, np.newaxis] * casualty
    sums = np.stack([[np.bincount(town, column, size) for column in scale] for scale in weight])
    if method.kernel_width_km:
        for row, near, influence in _bare_pairs((np.array(longitude), np.array(latitude)), points, town, method):
            for layer, end in np.ndindex(sums.shape[:2]):
                sums[layer, end] += np.bincount(near, weight[layer, end, row] * influence, size)
    shares = np.array([scale.share for scale in method.threat_scales])
    total = np.tensordot(shares, np.log1p(sums), 1) / np.log1p(method.threat_reference)
    return np.clip(total, method.floor, 1).T


def _bare_pairs(where: tuple[Any, Any], points: Any, town: Any, method: Methodology) -> Iterator[tuple[Any, Any, Any]]:  # noqa: ANN401
    incidents, towns = unit_vectors(*where), unit_vectors(points[:, 0], points[:, 1])
    tree = cKDTree(towns)
    for start in range(0, len(incidents), 50_000):
        part = cKDTree(incidents[start : start + 50_000])
        near = part.sparse_distance_matrix(tree, REACH_KM / EARTH_RADIUS_KM, output_type="ndarray")
        row, other = near["i"] + start, near["j"]
        elsewhere = town[row] != other
        standard = near["v"][elsewhere] * (EARTH_RADIUS_KM / method.kernel_width_km)
        yield row[elsewhere], other[elsewhere], np.exp(-0.5 * standard * standard)


def updates(url: str, rounds: int) -> dict[str, Any]:
    """Verify incidents one by one; give the milliseconds from each commit to the new matrix in memory."""
    database = Database(url, 4)
    reporter, verifier = _actor(database, "reporter", Role.ANALYST), _actor(database, "verifier", Role.VERIFIER)
    standing = Standing(OPERATION, DEFAULT)
    evaluated = _refresh(database, standing)
    seconds = []
    for number in range(rounds):
        before = evaluated.in_force
        _verify(database, number, reporter, verifier)
        began = time.perf_counter()
        evaluated = _refresh(database, standing)
        seconds.append(time.perf_counter() - began)
        assert evaluated.in_force == before + 1  # noqa: S101 - else nothing was measured
    kept, as_of = evaluated.result.score.copy(), evaluated.as_of
    del standing, evaluated  # else two of them would be in memory
    with database.vault_reader() as reader:
        anew = Standing(OPERATION, DEFAULT).refresh(reader, history(reader, OPERATION, as_of), as_of)
    worst = float(np.max(np.abs(anew.result.score - kept)))
    cuts = statistics.quantiles(seconds, n=20)
    return {
        "median_ms": 1000 * statistics.median(seconds),
        "p95_ms": 1000 * cuts[-1],
        "max_ms": 1000 * max(seconds),
        "rounds": rounds,
        "worst_difference_from_anew": worst,
    }


def _refresh(database: Database, standing: Standing) -> Any:  # noqa: ANN401
    as_of = database.knowledge_instant()
    with database.vault_reader() as reader:
        return standing.refresh(reader, history(reader, OPERATION, as_of), as_of)


def _actor(database: Database, handle: str, role: Role) -> Actor:
    with database.console() as vault:
        return Actor(actors.person(vault, handle), uuid4(), handle, role, Audience.CLUSTER, None)


def _verify(database: Database, number: int, reporter: Actor, verifier: Actor) -> None:
    """Report an incident and take it to verified, each step in its own transaction."""
    day = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    told = {
        "operation": OPERATION, "category": "attack_on_civilians", "event_start": f"{day}T06:00:00Z",
        "date_precision": 1, "geo_precision": 1, "perpetrator_class": "armed_group",
        "killed": {"low": 1, "best": 2, "high": 3}, "narrative": "Synthetic: made by a benchmark.",
        "sharing": "cluster", "share_above": "aggregate", "consent": "given",
        "sources": [
            {
                "type": kind, "independence_group": kind, "reliability": "B", "credibility": 2, "obtained_on": day,
                "handle": kind,
            }
            for kind in ("witness", "ngo")
        ],
    }  # fmt: skip
    report = IncidentReport.model_validate_json(json.dumps(told))
    place = shapely.Point((number * 37 % COLUMNS + 0.5) * SPACING, (number * 11 % 40 + 0.5) * SPACING)
    with database.console() as vault:
        (receipt,) = intake.report(vault, reporter, [intake.Submission(report, place)])
    for actor, step in (
        (reporter, StepReport(action=Action.CORROBORATE)),
        (verifier, StepReport(action=Action.VERIFY, standard=Standard.REASONABLE_GROUNDS)),
    ):
        with database.console() as vault:
            decisions.advance(vault, actor, incidents.find(vault, actor, receipt.incident_id), step)


if __name__ == "__main__":
    main()
