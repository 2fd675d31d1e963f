"""What every route of the app can be asked: its paths filled, its parameters given, alone and with others.

A route that has no line here, or a parameter that nobody asks with, fails the tests that walk the surfaces: whatever is
added to the app is asked too, or the build stops.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import surfaces_of_exports
import surfaces_of_layers
import surfaces_of_tiles
from declared_routes import routes_of
from direct import Answer, Ask, get, send

from flashpoint.catalogue import CATEGORIES
from flashpoint.types import State, Wait

Reading = Callable[["World"], Iterable[Ask]]

SUBJECTS = ("localities", "communities", "assessments", "presences")
CODINGS = (None, "gzip", "zstd, gzip;q=0.5")
NOWHERE = "00000000-0000-4000-8000-000000000000"
_BOXES = (None, "18,4,19,5", "18.2,4.2,18.6,4.6", "170,-1,-170,1")


@dataclass(frozen=True, slots=True)
class World:
    """What fills paths and parameters: codes and ids of one operation, whoever may know of them."""

    operation: str
    places: tuple[str, ...] = ("X1101", "X1202", "X9999")
    incidents: tuple[str, ...] = (NOWHERE,)
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    released: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moments: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("2026.1", "none-such")
    protocols: tuple[str, ...] = ("TEST-P1", "none-such")

    def only(self, **changes: Any) -> "World":
        """Give the same world with other ids."""
        return replace(self, **changes)


def _combined(path: str, operation: str, *dimensions: Iterable[Mapping[str, object]]) -> Iterator[Ask]:
    """Ask with every combination of the dimensions' choices."""
    for chosen in product(*dimensions):
        yield get(path, operation=operation, **{k: v for one in chosen for k, v in one.items()})


def _varied(path: str, operation: str, *choices: Mapping[str, object]) -> Iterator[Ask]:
    """Ask plainly, and with each choice by itself."""
    yield from (get(path, operation=operation, **one) for one in ({}, *choices))


def head(ask: Ask) -> Ask:
    """Ask for the headers alone."""
    return replace(ask, method="HEAD")


def _each(name: str, values: Iterable[object]) -> list[dict[str, object]]:
    return [{name: value} for value in values]


def _matrix(world: World) -> Iterator[Ask]:
    tiers = _each("tier", (None, "extreme", "high,elevated", "watch"))
    pages = [{}, {"limit": 1}, {"limit": 2, "offset": 1}]
    shapes = _each("geometry", (None, "point", "none"))
    yield from _combined("/v1/matrix", world.operation, tiers, _each("bbox", _BOXES), shapes, pages)
    for moment in world.moments:
        past = [{"as_of": moment}, {"as_of": moment, "methodology": "2026.1"}, {"as_of": moment, "recorded": moment}]
        yield from _combined("/v1/matrix", world.operation, past, pages)
    yield get("/v1/matrix", operation=world.operation, methodology="2026.1")
    yield head(get("/v1/matrix", operation=world.operation))


def _row(world: World) -> Iterator[Ask]:
    moments = [{}, {"methodology": "2026.1"}]
    for moment in world.moments:
        moments += [{"as_of": moment}, {"as_of": moment, "recorded": moment}]
    for place in world.places:
        yield from _combined(f"/v1/matrix/{place}", world.operation, moments)
        yield head(get(f"/v1/matrix/{place}", operation=world.operation))


def _changes(world: World) -> Iterator[Ask]:
    yield from _combined("/v1/matrix/changes", world.operation, _each("since", (*world.moments, "2020-01-01")))


def _incidents(world: World) -> Iterator[Ask]:
    yield from _varied(
        "/v1/incidents",
        world.operation,
        *_each("category", CATEGORIES),
        *_each("state", State),
        *_each("locality", world.places),
        *_each("since", ("2020-01-01T00:00:00Z", *world.moments)),
        *_each("until", ("2020-01-01T00:00:00Z", *world.moments)),
        *_each("bbox", _BOXES),
        *_each("limit", (1, 2, 7, 1000)),
        {"category": "attack_on_civilians", "state": "reported", "bbox": "18,4,19,5", "limit": 3},
        {"after": "AAAA"},
    )


def _queue(world: World) -> Iterator[Ask]:
    yield from _varied(
        "/v1/queue", world.operation, *_each("waiting_for", Wait), *_each("limit", (1, 3, 1000)), {"after": "AAAA"}
    )


def _listing(collection: str) -> Reading:
    def asks(world: World) -> Iterator[Ask]:
        yield from _varied(f"/v1/{collection}", world.operation, *_each("limit", (1, 3, 1000)), {"after": "AAAA"})

    return asks


def _records(collection: str, ending: str = "") -> Reading:
    def asks(world: World) -> Iterator[Ask]:
        ids = world.incidents if collection == "incidents" else world.subjects.get(collection, (NOWHERE,))
        yield from (get(f"/v1/{collection}/{one}{ending}") for one in ids)

    return asks


def _methods(world: World) -> Iterator[Ask]:
    yield get("/v1/methodologies", operation=world.operation)


def _method(ending: str = "", **query: object) -> Reading:
    def asks(world: World) -> Iterator[Ask]:
        for version in world.methods:
            yield get(f"/v1/methodologies/{version}{ending}", operation=world.operation, **query)

    return asks


def _protocols(world: World) -> Iterator[Ask]:
    yield get("/v1/protocols", operation=world.operation)


def _protocol(world: World) -> Iterator[Ask]:
    for version in world.protocols:
        yield get(f"/v1/protocols/{version}", operation=world.operation)


def _released(collection: str) -> Reading:
    path = f"/v1/released/{collection}"
    shapes = _each("geometry", (None, "zone", "point", "none"))
    pages = _each("limit", (None, 1, 3, 1000))
    told = {
        "zones": [],
        "communities": _each("period", ("2026-11", "2026", "2025/2026")),
        "incidents": [
            *_each("period", ("2026-11", "2026-W47", "2026", "2025/2026")),
            *_each("category", CATEGORIES),
            {"category": "attack_on_civilians", "zone": "X1101"},
        ],
    }[collection]

    def asks(world: World) -> Iterator[Ask]:
        yield from _combined(path, world.operation, shapes, pages)
        yield head(get(path, operation=world.operation))
        zones = _each("zone", (*world.places, "X11", "X1"))
        after = _each("after", (NOWHERE, *world.released.get(collection, ())))
        yield from _varied(path, world.operation, *told, *zones, *after)

    return asks


def _audit(world: World) -> Iterator[Ask]:
    yield get("/v1/audit", limit=250)
    yield from _varied(
        "/v1/audit",
        world.operation,
        *_each("actor", ("console", "nobody")),
        *_each("action", ("list", "read", "report")),
        *_each("kind", ("incident", "community")),
        *_each("record", world.incidents[:3]),
        *_each("since", world.moments),
        *_each("until", world.moments),
        {"limit": 250},
        {"limit": 100, "after": NOWHERE},
    )


def _plain(*paths: str) -> Reading:
    asks = [Ask("GET", path.partition("?")[0], path.partition("?")[2]) for path in paths]
    return lambda _world: asks


#: What asks nobody who they are.
OPEN: dict[str, Reading] = {
    **{path: _plain(path) for path in ("/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")},
    "/docs/assets": _plain("/docs/assets/swagger-ui.css", "/docs/assets/none"),
    "/v1/sign-in": _plain("/v1/sign-in"),
    "/v1/sign-in/callback": _plain("/v1/sign-in/callback", "/v1/sign-in/callback?code=x&state=y"),
}
READS: dict[str, Reading] = {
    "/v1/matrix": _matrix,
    "/v1/matrix/changes": _changes,
    "/v1/matrix/{locality}": _row,
    "/v1/incidents": _incidents,
    "/v1/queue": _queue,
    "/v1/incidents/{incident_id}": _records("incidents"),
    "/v1/incidents/{incident_id}/history": _records("incidents", "/history"),
    **{f"/v1/{name}": _listing(name) for name in SUBJECTS},
    **{f"/v1/{name}/{{subject_id}}": _records(name) for name in SUBJECTS},
    **{f"/v1/{name}/{{subject_id}}/history": _records(name, "/history") for name in SUBJECTS},
    "/v1/methodologies": _methods,
    "/v1/methodologies/{version}": _method(),
    "/v1/methodologies/{version}/preview": _method("/preview", limit=2),
    "/v1/protocols": _protocols,
    "/v1/protocols/{version}": _protocol,
    **{f"/v1/released/{name}": _released(name) for name in ("incidents", "communities", "zones")},
    "/v1/audit": _audit,
    **surfaces_of_layers.READS,
    **surfaces_of_tiles.READS,
    **surfaces_of_exports.READS,
}
#: What is sent where something would be written: sound in its form, so that what is refused is refused for what it is.
_STEP = {"action": "corroborate"}
_SOURCE = {
    "type": "media",
    "independence_group": "g9",
    "reliability": "B",
    "credibility": 2,
    "obtained_on": "2024-01-01",
    "handle": "m-9",
}
_GONE = {"reason_code": "false"}
WRITES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/sign-out"): {},
    ("POST", "/v1/incidents"): {},
    ("POST", "/v1/incidents/batch"): {},
    ("PATCH", "/v1/incidents/{incident_id}"): {"properties": {"narrative": "Changed."}},
    ("POST", "/v1/incidents/{incident_id}/sources"): {"sources": [_SOURCE]},
    ("POST", "/v1/incidents/{incident_id}/transitions"): _STEP,
    **{("POST", f"/v1/{name}"): {} for name in SUBJECTS},
    **{("PUT", f"/v1/{name}/{{subject_id}}"): {} for name in SUBJECTS},
    **{("POST", f"/v1/{name}/{{subject_id}}/withdrawal"): _GONE for name in SUBJECTS},
    ("POST", "/v1/methodologies"): {},
    ("POST", "/v1/methodologies/{version}/adoption"): {},
    ("POST", "/v1/protocols"): {},
    ("POST", "/v1/protocols/{version}/adoption"): {},
    ("POST", "/v1/protocols/{version}/suspension"): {},
}


def missing(app: Any) -> set[str]:
    """Name the routes of the app, and the parameters of its routes, that nobody here asks with."""
    found = set()
    for method, path, _ in routes_of(app):
        table = WRITES if method in {"POST", "PUT", "PATCH", "DELETE"} else OPEN | READS
        if ((method, path) if table is WRITES else path) not in table:
            found.add(f"{method} {path}")
    probe = World("T", moments=("2024-01-01T00:00:00Z",), subjects={"localities": (NOWHERE,)})
    # The framework's description knows no parameter of these: they have a description of their own.
    found |= surfaces_of_layers.missing({path for _, path, _ in routes_of(app)}, probe)
    for path, reading in READS.items():
        described = app.openapi()["paths"].get(path, {}).get("get", {}).get("parameters", [])
        asked = {name for ask in reading(probe) for name, _ in parse_qsl(ask.query)}
        found |= {f"GET {path}?{one['name']}" for one in described if one["in"] == "query"} - {
            f"GET {path}?{name}" for name in asked
        }
    return found


def reads(world: World, paths: Iterable[str] = READS) -> Iterator[Ask]:
    """Give what is asked of the routes that show something, in every way there is."""
    for path in paths:
        yield from READS[path](world)


def route_of(path: str) -> str | None:
    """Give the route that a path is of, if it shows something: the one with the fewest names to fill."""
    found = [one for one in READS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path)]
    return min(found, key=lambda one: one.count("{"), default=None)


def probes(world: World) -> Iterator[Ask]:
    """Give what is tried on records by their ids, to change them."""
    ids = {"{incident_id}": world.incidents}
    for (method, path), tree in WRITES.items():
        name = path[path.find("{") : path.find("}") + 1]
        collection = path.split("/")[2]
        for one in ids.get(name, ()) if name != "{subject_id}" else world.subjects.get(collection, ()):
            yield send(method, path.replace(name, one), tree, ("if-match", "*"))


def following(ask: Ask, answer: Answer) -> Iterator[Ask]:
    """Give what a client asks next: the same again under the tag that came, and the page after this one."""
    tag = answer.header("etag")
    if tag is not None and answer.status == 200 and not any(name == "if-none-match" for name, _ in ask.headers):
        yield ask.under(("if-none-match", tag))
    told = answer.status == 200 and "json" in (answer.header("content-type") or "")
    if told and b'"next"' in answer.plain()[-2000:] + answer.plain()[:2000]:
        yield from _next(ask, answer.json())


def _next(ask: Ask, page: Any) -> Iterator[Ask]:
    cursor = page.get("next") if isinstance(page, dict) else None
    if cursor is not None:
        rest = [(name, value) for name, value in parse_qsl(ask.query) if name != "after"]
        yield replace(ask, query=urlencode([*rest, ("after", str(cursor))]))
    for link in page.get("links", []) if isinstance(page, dict) else []:
        if link["rel"] == "next":
            behind = urlsplit(link["href"])
            yield replace(ask, path=behind.path or ask.path, query=behind.query)


#: The queue is read from the records, and says as of when: the one answer that is never twice the same.
_NOW = re.compile(rb'"as_of":"[^"]*"')


def lasting(ask: Ask, answer: Answer) -> Answer:
    """Give an answer without what changes by itself."""
    return replace(answer, body=_NOW.sub(b"", answer.body)) if ask.path == "/v1/queue" else answer
