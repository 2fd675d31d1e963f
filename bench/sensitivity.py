"""How long the sensitivity of a ranking takes, beside a plain loop that scores everything anew in each draw.

    python -m bench.sensitivity

The world is synthetic and clustered (``bench/synthetic.py``): 5,000 localities, 1,000,000 incidents over 30 years, the
published method, 1,000 draws, k = 10. Memory is the peak of what is allocated while it works, the world left out. The
named baseline is bare NumPy: for each draw every incident is weighed and summed, every locality scored, and the first
ten are found with ``argpartition``. It does a few draws, and its time for all of them is extrapolated: that is said
beside the figure. Both sides count the same few draws as well, and have to agree.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.synthetic import CLOCK_DAY, world
from flashpoint.scoring.draws import DECLARED, Draws, Ranges, draw
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import Result, score
from flashpoint.scoring.portable import Floats
from flashpoint.scoring.pressing import Pressing, severities
from flashpoint.scoring.sensitivity import TOP_K, top_k_share
from flashpoint.scoring.uncertainty import BEST

_RUNS = 5
_BAR_SECONDS = 5.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--localities", type=int, default=5_000)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--baseline-draws", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON as well")
    options = parser.parse_args()
    size = (options.localities, options.incidents)
    few = replace(DECLARED, draws=options.baseline_draws)
    result = score(world(*size, years=30.0), DEFAULT)
    if not np.array_equal(_bare(result, few), _ours(result, few)):
        raise SystemExit("the two sides disagree about the draws that both did")
    ours, bare = _measured(_ours, result, DECLARED, _RUNS), _measured(_bare, result, few, 1)
    whole = bare["seconds"] / few.draws * DECLARED.draws
    print(f"{size[0]:,} localities, {size[1]:,} incidents, {DECLARED.draws:,} draws, k = {TOP_K}")
    print(f"ours: {ours['seconds']:.3f} s, {ours['cpu_seconds']:.3f} s of CPU, {ours['peak_mb']:.0f} MB")
    print(
        f"bare NumPy: {whole:.0f} s, extrapolated from {few.draws} draws in {bare['seconds']:.2f} s; "
        f"{bare['peak_mb']:.0f} MB"
    )
    print(f"ratio: {whole / ours['seconds']:.0f}; both agree on the first {few.draws} draws")
    print(f"bar of {_BAR_SECONDS:g} s: {'kept' if ours['seconds'] < _BAR_SECONDS else 'BROKEN'}")
    if options.json:
        print(json.dumps({"ours": ours, "bare": bare | {"seconds_extrapolated": whole}}, indent=2))


def _measured(work: Callable[[Result, Ranges], Floats], result: Result, ranges: Ranges, runs: int) -> dict[str, float]:
    """Give the best time of some runs; and the peak of memory in one more, for tracing takes time."""
    times = []
    for _ in range(runs):
        began, cpu = time.perf_counter(), time.process_time()
        work(result, ranges)
        times.append((time.perf_counter() - began, time.process_time() - cpu))
    tracemalloc.start()
    work(result, ranges)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    seconds, cpu_seconds = min(times)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak / 2**20}


def _ours(result: Result, ranges: Ranges) -> Floats:
    return top_k_share(result, result.parts.incidents, ranges)


# -- the baseline -----------------------------------------------------------------------------------------------------


def _bare(result: Result, ranges: Ranges) -> Floats:
    """Score everything in each draw, as one would without thinking about it."""
    drawn, wins = draw(DEFAULT, ranges), np.zeros(len(result.score))
    for row in range(ranges.draws):
        scores = _bare_scores(result, drawn, row)
        wins[np.argpartition(-scores, TOP_K)[:TOP_K]] += 1
    return wins / ranges.draws


def _bare_scores(result: Result, drawn: Draws, row: int) -> Floats:
    components = result.parts.vulnerability.components[:, :, BEST]
    enclave = np.zeros(len(components), dtype=bool)
    enclave[result.parts.evidence.communities.locality] = True
    people, confined = components @ drawn.population_weight[row], components @ drawn.community_weight[row]
    threat = np.clip(np.maximum(_bare_threat(result, drawn, row), result.parts.threat.standing), DEFAULT.floor, 1)
    vulnerability = np.clip(np.where(enclave, np.maximum(people, confined), people), DEFAULT.floor, 1)
    a, b, c = drawn.exponents[row]
    product = threat**a * vulnerability**b * result.capacity_gap[:, BEST] ** c
    return np.asarray(product ** (1 / (a + b + c)))


def _bare_threat(result: Result, drawn: Draws, row: int) -> Floats:
    incidents: Pressing = result.parts.incidents
    units, size = result.parts.evidence.units, len(result.score)
    place = np.where(incidents.locality >= 0, incidents.locality, size + incidents.unit)
    factor = drawn.ranges.half_life_factors[drawn.half_life[row]]
    total = np.zeros(size)
    for scale, share in zip(DEFAULT.threat_scales, drawn.share[row], strict=True):
        harm = severities(scale.severity) * drawn.severity[row]
        fading = np.exp2((incidents.ended_day - CLOCK_DAY) / (scale.half_life_days * factor))
        sums = np.bincount(place, incidents.casualty[:, BEST] * harm[incidents.category] * fading, size + len(units))
        spread = np.bincount(units.locality, sums[size + units.unit] * result.parts.pressure.share, size)
        total += share * np.log1p(sums[:size] + spread) / np.log1p(DEFAULT.threat_reference)
    return total


if __name__ == "__main__":
    main()
