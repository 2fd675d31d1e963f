"""What the routes under ``/ogc`` can be asked: every layer, every parameter, in the ways that tell most."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from direct import Ask, get

from api.ogc import description
from api.ogc.links import Site
from flashpoint.crs import CRS84, WEB_MERCATOR
from flashpoint.layers import Layer

COLLECTIONS = "/ogc/collections"
NOWHERE = "00000000-0000-4000-8000-000000000000"
ITEMS = f"{COLLECTIONS}/{{collection}}/items"
_WORLDWIDE = {"bbox-crs": CRS84.uri, "crs": WEB_MERCATOR.uri}
_AROUND = {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [18.2, 4.2, 18.6, 4.6]}]}
#: Addresses that OGC API - Tiles gives what stands at ``/tiles`` as well.
_TILED = {"tiles", "tileMatrixSets"}
#: Layer to how it is sorted, which of its members are asked for, and its filters.
_TOLD: dict[Layer, tuple[str, str, tuple[str, ...]]] = {
    Layer.MATRIX: (
        "-score,name",
        "rank,tier",
        ("rank <= 2 OR score > 10", "tier IN ('extreme', 'high') AND NOT silent"),
    ),
    Layer.LOCALITIES: ("-pcode", "name", ("CASEI(name) LIKE CASEI('place%')",)),
    Layer.COMMUNITIES: (
        "-confinement,zone",
        "zone,people_band",
        ("zone = 'X1101' AND confinement >= 3", "people_band <> '1-99' OR expired"),
    ),
    Layer.INCIDENTS: (
        "-period,category",
        "category,zone",
        (
            "category = 'attack_on_civilians' AND zone = 'X1101'",
            "killed_band IN ('1-4', '5-9') OR displaced_band IS NULL",
            "T_AFTER(time, DATE('2020-01-01')) AND perpetrator_class <> 'unknown'",
            "NOT S_INTERSECTS(geometry, BBOX(18, 4, 19, 5))",
        ),
    ),
    Layer.CHANGES: ("rank_to", "name,tier", ("score_to > 1 OR tier_from IS NULL",)),
}


def entry(path: str) -> Any:
    """Ask for a document that is about the whole service, as such and as a page."""

    def asks(world: Any) -> Iterator[Ask]:
        yield get(path, operation=world.operation)
        yield get(path, ("accept-language", "fr"), operation=world.operation, f="html")

    return asks


def about(ending: str = "") -> Any:
    """Ask for what is said of each layer."""

    def asks(world: Any) -> Iterator[Ask]:
        yield from (get(f"{COLLECTIONS}/{layer}{ending}", operation=world.operation) for layer in Layer)
        yield get(f"{COLLECTIONS}/{Layer.INCIDENTS}{ending}", operation=world.operation, f="html")

    return asks


def items(world: Any) -> Iterator[Ask]:
    """Ask for the features of each layer: plainly, as a page, in pages, narrowed in space, in time and by filters."""
    for layer, (order, members, filters) in _TOLD.items():
        path = f"{COLLECTIONS}/{layer}/items"
        choices: list[dict[str, object]] = [
            {},
            {"f": "html"},
            {"sortby": order, "limit": 3},
            {"bbox": "18,4,19,5", "datetime": "2020-01-01/..", **_WORLDWIDE},
            {"filter": json.dumps(_AROUND), "filter-lang": "cql2-json", "filter-crs": CRS84.uri, "limit": 2},
            {"after": NOWHERE, "datetime": "../2020-01-01"},
            *({"filter": one, "properties": members} for one in filters),
        ]
        yield from (get(path, operation=world.operation, **one) for one in choices)


def item(world: Any) -> Iterator[Ask]:
    """Ask for single features: those of localities by their ids, the others by ids that were released."""
    areas = world.subjects.get("localities", ())[:2]
    for layer in (Layer.MATRIX, Layer.LOCALITIES, Layer.CHANGES):
        path = f"{COLLECTIONS}/{layer}/items"
        yield from (get(f"{path}/{one}", operation=world.operation, crs=WEB_MERCATOR.uri) for one in areas)
    for layer in (Layer.INCIDENTS, Layer.COMMUNITIES):
        ids = world.released.get(layer.value, (NOWHERE,))
        yield from (get(f"{COLLECTIONS}/{layer}/items/{one}", operation=world.operation) for one in ids)
    yield from (get(f"{COLLECTIONS}/matrix/items/{one}", operation=world.operation, f="html") for one in areas[:1])


READS = {
    **{path: entry(path) for path in ("/ogc", "/ogc/", "/ogc/api", "/ogc/conformance", COLLECTIONS)},
    f"{COLLECTIONS}/{{collection}}": about(),
    f"{COLLECTIONS}/{{collection}}/queryables": about("/queryables"),
    ITEMS: items,
    f"{ITEMS}/{{feature}}": item,
}


def parameters() -> dict[str, set[str]]:
    """Give each route that the service describes to GIS tools, in our own spelling, with what it can be asked by."""
    told = description.description(Site("", None))
    named = {_plain(path): path for path in READS}
    found = {}
    for path, verbs in told["paths"].items():
        whole = f"/ogc{path}".rstrip("/")
        given = [told["components"]["parameters"][one["$ref"].rpartition("/")[2]] for one in verbs["get"]["parameters"]]
        found[named.get(_plain(whole), whole)] = {one["name"] for one in given if one["in"] == "query"}
    return found


def missing(routes: set[str], world: Any) -> set[str]:
    """Name parameters that are described to GIS tools and that nobody asks with, and routes that are not described.

    ``routes`` are all that are served. Tiles, below ``/tiles``, are described where the framework describes things.
    """
    described, found = parameters(), set()
    own = {path.rstrip("/") for path in routes if path.split("/")[1] == "ogc" and not _TILED & set(path.split("/"))}
    for path in own ^ set(described):
        found.add(f"GET {path} is served or described, and not both")
    for path, names in described.items():
        asked = {name for ask in READS[path](world) for name, _ in parse_qsl(ask.query)} if path in READS else set()
        found |= {f"GET {path}?{name}" for name in names - asked}
    return found


def _plain(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)
