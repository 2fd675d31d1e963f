"""How long until a verified incident is in the matrix of the running demo, and what other pollers feel meanwhile.

Needs the demo running without a limit (``FLASHPOINT_REQUESTS_PER_MINUTE=0 make demo``). Each round reports an incident,
corroborates and verifies it, and polls until the matrix holds one incident more; other pollers go on with
``If-None-Match`` all the time. The baseline of the same run is the pollers' latency while nothing is written. It
withdraws what it reported.

    python -m bench.live --keys .flashpoint/demo-keys.json
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

Client = httpx.Client


def incident() -> dict[str, object]:
    """Make an incident that the demo takes."""
    day = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    sources = [
        {
            "type": kind,
            "independence_group": kind,
            "reliability": "B",
            "credibility": 2,
            "obtained_on": day,
            "handle": kind,
        }
        for kind in ("witness", "ngo")
    ]
    properties = {
        "operation": "DEMO",
        "category": "attack_on_civilians",
        "event_start": f"{day}T06:00:00Z",
        "date_precision": 1,
        "geo_precision": 1,
        "narrative": "Synthetic: made by a benchmark.",
        "sharing": "cluster",
        "share_above": "aggregate",
        "consent": "given",
        "sources": sources,
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [20.6757, 5.768]},
        "properties": properties,
    }


def in_force(client: Client, key: str) -> int:
    """Give how many incidents the matrix counts."""
    answer = client.get("/v1/matrix?operation=DEMO&limit=1&geometry=none", headers=bearer(key))
    count: int = answer.raise_for_status().json()["coverage"]["incidents_in_force"]
    return count


def bearer(key: str) -> dict[str, str]:
    """Give the header that a key travels in."""
    return {"Authorization": f"Bearer {key}"}


def one_round(client: Client, keys: dict[str, str]) -> float:
    """Verify an incident; give the seconds from the answer of the verification to the matrix that counts it."""
    before = in_force(client, keys["analyst"])
    posted = client.post("/v1/incidents", json=incident(), headers=bearer(keys["analyst"])).raise_for_status()
    steps = f"/v1/incidents/{posted.json()['id']}/transitions"
    step = client.post(steps, json={"action": "corroborate"}, headers=bearer(keys["analyst"])).raise_for_status()
    verify, seen = {"action": "verify", "standard": "reasonable_grounds"}, {"If-Match": step.headers["ETag"]}
    client.post(steps, json=verify, headers=bearer(keys["verifier"]) | seen).raise_for_status()
    verified = time.perf_counter()
    while in_force(client, keys["analyst"]) == before:
        time.sleep(0.002)
    seconds = time.perf_counter() - verified
    withdraw = {"action": "withdraw", "reason_code": "false"}
    client.post(steps, json=withdraw, headers=bearer(keys["verifier"])).raise_for_status()
    while in_force(client, keys["analyst"]) != before:
        time.sleep(0.002)
    return seconds


class Poller(threading.Thread):
    """Polls ten times a second, as a wall screen never would, and notes how long each answer took."""

    def __init__(self, url: str, key: str) -> None:
        """Prepare."""
        super().__init__(daemon=True)
        self.url, self.key = url, key
        self.seconds: list[float] = []
        self.failures = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Poll until stopped."""
        tag = ""
        with Client(base_url=self.url) as client:
            while not self.stopping.wait(0.1):
                began = time.perf_counter()
                headers = bearer(self.key) | {"If-None-Match": tag}
                answer = client.get("/v1/matrix?operation=DEMO", headers=headers)
                self.seconds.append(time.perf_counter() - began)
                self.failures += answer.status_code not in {200, 304}
                tag = answer.headers.get("ETag", tag)


def with_pollers(url: str, key: str, work: Callable[[], object]) -> list[Poller]:
    """Do the work while eight pollers poll."""
    pollers = [Poller(url, key) for _ in range(8)]
    for poller in pollers:
        poller.start()
    work()
    for poller in pollers:
        poller.stopping.set()
        poller.join()
    return pollers


def told(name: str, seconds: list[float]) -> str:
    """Give median, 95th percentile and maximum in milliseconds."""
    p95 = statistics.quantiles(seconds, n=20)[-1]
    figures = (statistics.median(seconds), p95, max(seconds))
    return f"{name:<44}" + "".join(f"{1000 * figure:10.1f}" for figure in figures) + f"{len(seconds):8d}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=Path, default=Path(".flashpoint/demo-keys.json"))
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=30, choices=range(2, 201), metavar="2..200")
    options = parser.parse_args()
    keys = json.loads(options.keys.read_text(encoding="utf-8"))
    quiet = with_pollers(options.url, keys["reader"], lambda: time.sleep(5))
    waits: list[float] = []
    with Client(base_url=options.url, timeout=30) as client:
        busy = with_pollers(
            options.url,
            keys["reader"],
            lambda: waits.extend(one_round(client, keys) for _ in range(options.rounds)),
        )
    print(f"{'milliseconds':<44}{'median':>10}{'p95':>10}{'max':>10}{'n':>8}")
    print(told("verification answered to matrix served", waits))
    print(told("poll, nothing written (baseline)", [s for poller in quiet for s in poller.seconds]))
    print(told("poll, during the rounds", [s for poller in busy for s in poller.seconds]))
    print(f"failed polls: {sum(poller.failures for poller in quiet + busy)}")


if __name__ == "__main__":
    main()
