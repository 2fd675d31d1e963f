"""The service under test: a running app on a real database, operations made on demand, and those who call it.

The app's own assessor is kept waiting, so that a test says itself when the matrix is assessed and nothing moves
between two readings.
"""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import psycopg
import uvicorn
from fastapi.testclient import TestClient
from shapely.geometry import MultiPolygon, box
from shapely.geometry.base import BaseGeometry

from api.app import create_app
from flashpoint import agreement, assess, context
from flashpoint.access import DEFAULT_AUDIENCE
from flashpoint.pepper import pepper
from flashpoint.protocol import Subject, template
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.serving import server_config
from flashpoint.settings import Settings
from flashpoint.store import actors, methodologies, places
from flashpoint.store.engine import libpq_url
from flashpoint.store.places import SRID
from flashpoint.store.protocols import Decision
from flashpoint.types import Audience, Role
from flashpoint.workflow import DECISIONS

ASSESSOR_LOCK = "SELECT pg_advisory_lock(hashtext('flashpoint.assessor'))"
AREA = box(10, 0, 30, 15)
QUARTER_SECONDS = 15 * 60
WAIT_SECONDS = 10
NOBODY = "00000000-0000-4000-8000-000000000000"

#: P-code to the box of a locality, all of the third level.
BOXES = {
    "X1101": (18.0, 4.0, 19.0, 5.0),
    "X1102": (19.0, 4.0, 20.0, 5.0),
    "X1201": (18.0, 6.0, 19.0, 7.0),
}
TOWN, TOWN_AT = "X1202", [21.0, 6.5]
#: P-code, level, parent and box of each unit above them.
UNITS = [
    ("X1", 1, None, (17.0, 3.0, 22.0, 8.0)),
    ("X11", 2, "X1", (18.0, 4.0, 20.0, 5.0)),
    ("X12", 2, "X1", (18.0, 6.0, 21.5, 7.0)),
]


def ago(days: float = 0) -> str:
    """Write the instant that many days ago."""
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def listed(caller: "Caller", operation: "Operation", **query: object) -> Any:
    text = "".join(f"&{name}={quote(str(value))}" for name, value in query.items())
    return caller.get(f"/v1/incidents?operation={operation.code}{text}")


def ids_of(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def at_once(calls: list[Any]) -> list[Any]:
    """Make the calls at the same time, each in a thread; give what they gave."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def a_source(kind: str, group: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "independence_group": group,
        "reliability": "B",
        "credibility": 2,
        "obtained_on": ago(1)[:10],
        "handle": f"{kind}-{group}",
    } | changes


def subject(code: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Make the Feature of a community, assessment, presence or locality in an operation."""
    judged = {"assessed_at": ago(3), "expires_at": ago(-60), "sharing": "cluster", "share_above": "aggregate"}
    properties: dict[str, Any] = {
        "community": {
            "locality": "X1101",
            "name": "Parish site",
            "people": {"low": 400, "best": 450, "high": 600},
            "confinement": 3,
            "food_access": 3,
            "consent": "given",
            **judged,
        },
        "assessment": {
            "locality": "X1101",
            "likelihood": 4,
            "impact": 4,
            "horizon_days": 30,
            "reason": "Synthetic.",
            "consent": "not_required",
            **judged,
        },
        "presence": {
            "locality": "X1101",
            "type": "mission_patrol",
            "since": ago(20),
            "confirmed_at": ago(1),
            "sharing": "mission",
            "share_above": "aggregate",
            "consent": "not_required",
        },
        "locality": {"pcode": "X1303", "code_list": "Test 2026", "name": "Yes", "catchment_km": 15},
    }[kind]
    place = {"type": "Point", "coordinates": [22.0, 9.0]} if kind == "locality" else None
    return {"type": "Feature", "geometry": place, "properties": {"operation": code, **properties} | changes}


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    client: TestClient
    token: str
    id: UUID
    key_id: UUID

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> Any:
        return self.client.request(
            method, path, headers={"Authorization": f"Bearer {self.token}"} | (headers or {}), **rest
        )

    def get(self, path: str, **rest: Any) -> Any:
        return self.request("GET", path, **rest)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("POST", path, body, headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("PUT", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("PATCH", path, body, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        named = {"Content-Type": "application/json"} | _spelt(headers)
        return self.request(method, path, content=json.dumps(body), headers=named)


def _spelt(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Operation:
    """An operation of its own for a test, with localities, and callers that are made when first asked for."""

    service: "Service"
    code: str
    _callers: dict[tuple[object, ...], Caller] = field(default_factory=dict)

    def caller(self, role: Role, audience: Audience | None = None, name: str = "") -> Caller:
        """Give the caller of that role; another ``name`` is another person."""
        audience = audience or DEFAULT_AUDIENCE[role]
        key = (role, audience, name)
        if key not in self._callers:
            self._callers[key] = self.service.caller(
                f"{self.code}-{role}-{audience}{name}", role, audience, (self.code,)
            )
        return self._callers[key]

    @property
    def analyst(self) -> Caller:
        return self.caller(Role.ANALYST)

    @property
    def other_analyst(self) -> Caller:
        return self.caller(Role.ANALYST, name="-other")

    @property
    def verifier(self) -> Caller:
        return self.caller(Role.VERIFIER)

    @property
    def coordinator(self) -> Caller:
        return self.caller(Role.COORDINATOR)

    @property
    def reader(self) -> Caller:
        return self.caller(Role.READER)

    def incident(self, at: Any = (18.5, 4.5), **properties: Any) -> dict[str, Any]:
        """Make the Feature of an incident: a point, another geometry, or ``None``."""
        place = {"type": "Point", "coordinates": list(at)} if isinstance(at, tuple) else at
        given = {
            "operation": self.code,
            "category": "attack_on_civilians",
            "event_start": ago(2),
            "date_precision": 1,
            "geo_precision": 1,
            "perpetrator_class": "armed_group",
            "killed": {"low": 1, "best": 2, "high": 3},
            "narrative": "Synthetic.",
            "sharing": "cluster",
            "share_above": "aggregate",
            "consent": "given",
            "sources": [a_source("witness", "g1"), a_source("ngo", "g2")],
        }
        return {"type": "Feature", "geometry": place, "properties": given | properties}

    def reported(self, at: Any = (18.5, 4.5), **properties: Any) -> str:
        """Report an incident as the analyst; give its id."""
        answer = self.analyst.post("/v1/incidents", self.incident(at, **properties))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def step(self, incident_id: str, action: str, caller: Caller | None = None, **details: Any) -> Any:
        """Take a step; a decision names what it decides on, as it is now."""
        caller, where, headers = caller or self.verifier, f"/v1/incidents/{incident_id}", {}
        if action in DECISIONS:
            headers["If_Match"] = caller.get(where).headers.get("etag", "none")
        return caller.post(f"{where}/transitions", {"action": action, **details}, **headers)

    def verify(self, incident_id: str) -> None:
        """Take a reported, or otherwise undecided, incident to verified."""
        self.step(incident_id, "corroborate")
        answer = self.step(incident_id, "verify", standard="reasonable_grounds")
        assert answer.status_code == 200, answer.text

    def verified(self, at: Any = (18.5, 4.5), **properties: Any) -> str:
        incident_id = self.reported(at, **properties)
        self.verify(incident_id)
        return incident_id

    def assess(self) -> None:
        """Evaluate and release now, and have the app serve it."""
        self.service.desk.reassess(self.code, tick=False)
        self.service.app.state.watch.reload([self.code])

    def matrix(self, caller: Caller | None = None, **headers: str) -> Any:
        return (caller or self.analyst).get(f"/v1/matrix?operation={self.code}", headers=_spelt(headers))

    def row(self, pcode: str, caller: Caller | None = None) -> Any:
        answer = (caller or self.analyst).get(f"/v1/matrix/{pcode}?operation={self.code}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, caller: Caller | None = None) -> list[dict[str, Any]]:
        """Assess, and give the rows of the matrix."""
        self.assess()
        features: list[dict[str, Any]] = self.matrix(caller).json()["features"]
        return features


class Service:
    """The running app and the database beneath it."""

    def __init__(self, app: Any, client: TestClient, owner: psycopg.Connection[Any]) -> None:
        self.app = app
        self.client = client
        self.database = app.state.database
        self.desk = assess.Desk(self.database, pepper(app.state.settings))
        self.owner = owner
        self._pepper = pepper(app.state.settings)
        self._numbers = count(1)

    def caller(self, handle: str, role: Role, audience: Audience, operations: tuple[str, ...] | None) -> Caller:
        with self.database.keys() as vault:
            grant = actors.KeyGrant(handle, role, audience, operations)
            key_id, token = actors.issue(vault, actors.console(vault), grant, self._pepper)
            person = actors.person(vault, handle)
        self.app.state.ring.reload()
        return Caller(self.client, token, person, key_id)

    def operation(
        self, code: str | None = None, area: BaseGeometry = AREA, *, localities: bool = True, agreed: bool = True
    ) -> Operation:
        """Make an operation; without a code, one that no other test has; and what is ``agreed`` on sharing."""
        code = code or f"T{next(self._numbers)}"
        with self.database.console() as vault:
            console = actors.console(vault)
            places.add_operation(vault, console, places.NewOperation(code, "Test", "Essai", area, 3))
            methodologies.adopt(vault, console, code, DEFAULT, ("start", places.ALWAYS))
            if agreed:
                _agree(vault, console, code)
            if localities:
                _add_places(vault, console, code)
        if agreed:
            self.app.state.watch.reload([])
        return Operation(self, code)

    def scalar(self, query: str, *parameters: Any) -> Any:
        """Ask the database as its owner."""
        row = self.owner.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def vault_rows(self) -> dict[str, int]:
        """Count the rows of every table of the vault but that of allowances, which are no records."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'vault' ORDER BY 1"
        names = [name for (name,) in self.owner.execute(query) if name != "allowance"]
        counts = ", ".join(f"(SELECT count(*) FROM vault.{name})" for name in names)
        row = self.owner.execute(f"SELECT {counts}").fetchone()
        assert row is not None
        return dict(zip(names, row, strict=True))


def a_protocol(**document: Any) -> dict[str, Any]:
    """Make a proposal that gives everything to both audiences; ``document`` changes members of its document."""
    tree = template(datetime.now(UTC).date())
    gets = dict.fromkeys(map(str, Subject), True)
    given = {
        "title": "A protocol for tests",
        "purpose": "Synthetic.",
        "parties": [{"name": "The cluster", "audience": "cluster"}, {"name": "The mission", "audience": "mission"}],
        "audiences": {"cluster": gets, "mission": gets},
        "until": (datetime.now(UTC).date() + timedelta(days=365)).isoformat(),
        "contacts": ["Coordinator"],
        "notes": "Synthetic note.",
    }
    return {"version": "TEST-P1", "reason": "for tests", "document": tree["document"] | given | document}


def _agree(vault: Any, console: Any, code: str) -> None:
    made = agreement.propose(vault, console, code, a_protocol())
    agreement.adopt(vault, console, code, Decision(made.version, "for tests", places.ALWAYS, sole_signature=True))


def _add_places(vault: Any, console: Any, code: str) -> None:
    recorded = {"recorded_at": vault.at, "recorded_by": console.id, "known_at": vault.at, "version": 1}
    units = [
        {
            **recorded,
            "id": uuid4(),
            "operation": code,
            "code_list": "Test 2026",
            "level": level,
            "pcode": pcode,
            "name": pcode,
            "parent_pcode": parent,
            "population": 90_000,
            "area": f"SRID={SRID};{MultiPolygon([box(*bounds)]).wkt}",
        }
        for pcode, level, parent, bounds in UNITS
    ]
    places.add_units(vault, units)
    for pcode, bounds in BOXES.items():
        square = [list(corner) for corner in box(*bounds).exterior.coords]
        shape = {"type": "Polygon", "coordinates": [square]}
        context.record(vault, console, "locality", (uuid4(), 1), _locality(code, pcode, shape, level=3))
    town = _locality(code, TOWN, {"type": "Point", "coordinates": TOWN_AT}, catchment_km=20)
    context.record(vault, console, "locality", (uuid4(), 1), town)


def _locality(code: str, pcode: str, shape: Any, **more: Any) -> Any:
    properties = {
        "operation": code,
        "pcode": pcode,
        "code_list": "Test 2026",
        "name": f"Place {pcode}",
        "adm1_pcode": "X1",
        "adm2_pcode": pcode[:3],
        "adm3_pcode": pcode,
        "population": {"low": 18_000, "best": 20_000, "high": 24_000},
        "population_source": "synthetic",
        **more,
    }
    return {"type": "Feature", "geometry": shape, "properties": properties}


@contextmanager
def running(url: str, home: Any, *, assessor: bool = False, **settings: Any) -> Iterator[Service]:
    """Run the app on a migrated database. Without the assessor, ``Operation.assess`` does its work."""
    # Tests ask more often than anybody may; tests/trust/test_allowances.py is about that.
    app = create_app(Settings(home=home, **{"requests_per_minute": 1_000_000, **settings}), url)
    with psycopg.connect(libpq_url(url), autocommit=True) as owner:
        if not assessor:
            owner.execute(ASSESSOR_LOCK)
        with TestClient(app) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200)
            yield Service(app, client, owner)


@contextmanager
def on_a_port(app: Any, **unlike: Any) -> Iterator[str]:
    """Serve an app that is already running over a real socket, as the service does it; give its base URL."""
    config = server_config(app, "127.0.0.1", 0)
    for name, value in {"lifespan": "off", **unlike}.items():
        setattr(config, name, value)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)


def wait_until(condition: Any, seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def away_from_the_quarter(seconds: float = 20) -> None:
    """Ages are counted from full quarters of an hour: wait for the next one where it would strike within a test."""
    left = QUARTER_SECONDS - time.time() % QUARTER_SECONDS
    if left < seconds:
        time.sleep(left + 0.1)
