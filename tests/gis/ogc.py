"""The API for GIS tools as its tests ask it: a small world with some of everything, and how it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from service import Caller, Operation, Service, ago, subject

from flashpoint import context
from flashpoint.filters import Language
from flashpoint.store import actors

LAYERS = ("matrix", "localities", "communities", "incidents", "changes")
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"
GEOJSON, PROBLEM, HTML = "application/geo+json", "application/problem+json", "text/html"
#: A name that everything in a filter language has to be careful with.
AWKWARD = "L'Été_50% \\ Straße"
WITHOUT_A_PLACE = 2


@dataclass(frozen=True)
class Ogc:
    """An operation with some of everything, and who asks about it."""

    operation: Operation
    caller: Caller

    @property
    def as_analyst(self) -> "Ogc":
        """The same for the cluster, which sees more."""
        return Ogc(self.operation, self.operation.analyst)

    def get(self, path: str = "", headers: dict[str, str] | None = None, **query: object) -> Any:
        """Ask; an underscore in the name of a parameter is a hyphen."""
        given = urlencode({name.replace("_", "-"): value for name, value in query.items()})
        return self.caller.get(f"/ogc{path}" + (f"?{given}" if given else ""), headers=headers)

    def document(self, path: str = "", **query: object) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, layer: str, **query: object) -> Any:
        return self.get(f"/collections/{layer}/items", **query)

    def page(self, layer: str, **query: object) -> Any:
        return self.document(f"/collections/{layer}/items", **query)

    def features(self, layer: str, **query: object) -> list[dict[str, Any]]:
        """Give all features, in one page."""
        page = self.page(layer, limit=10_000, **query)
        assert page["numberMatched"] == page["numberReturned"] == len(page["features"])
        found: list[dict[str, Any]] = page["features"]
        return found

    def ids(self, layer: str, **query: object) -> list[str]:
        return [one["id"] for one in self.features(layer, **query)]

    def names(self, layer: str, **query: object) -> set[str]:
        """Say which localities are found, by the last three figures of their P-codes."""
        return {one["properties"]["pcode"][-3:] for one in self.features(layer, **query)}

    def refused(self, pointer: str, layer: str, **query: object) -> Any:
        """See that a query is refused as HTTP 400, and that it is said why, but not what was typed."""
        typed = {str(value) for value in query.values()} - set(Language)
        return refused(self.ask(layer, **query), pointer, *typed)


def refused(answer: Any, pointer: str, *typed: str) -> Any:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert pointer in {one["pointer"] for one in problem["errors"]}, problem
    assert not any(len(one) > 3 and one in answer.text for one in typed)
    return problem


def link(document: Any, rel: str, media: str | None = None) -> Any:
    """Give the one link of that relation, and of that type where several are there."""
    found = [one for one in document["links"] if one["rel"] == rel and (media is None or one["type"] == media)]
    assert len(found) == 1, (rel, document["links"])
    return found[0]


def path_of(href: str) -> str:
    """Give what is asked of the test client."""
    prefix = "https://testserver/ogc"
    assert href.startswith(prefix), href
    return href.removeprefix(prefix)


def pages(ogc: Ogc, layer: str, **query: object) -> Iterator[Any]:
    """Follow the next links from the first page to the last."""
    page = ogc.page(layer, **query)
    yield page
    while following := [one["href"] for one in page["links"] if one["rel"] == "next"]:
        page = ogc.document(path_of(following[0]))
        yield page


@contextmanager
def world(service: Service) -> Iterator[Ogc]:
    """Make it: five localities, ten incidents of all kinds, two communities, and changes within the week."""
    operation = service.operation()
    with service.database.console() as vault:
        square = {"type": "Polygon", "coordinates": [[[19, 6], [20, 6], [20, 7], [19, 7], [19, 6]]]}
        given = subject(operation.code, "locality", pcode="X1203", name=AWKWARD, catchment_km=None, level=3)
        made = {**given, "geometry": square}
        context.record(vault, actors.console(vault), "locality", (uuid4(), 1), made)
    for at in range(5):
        killed = {"low": at, "best": 2 * at, "high": 3 * at}
        operation.verified((18.1 + at / 5, 4.5), sharing="mission", share_above="detail", killed=killed)
    operation.verified((19.5, 4.5), sharing="mission", category="abduction", date_precision=3, event_start=ago(100))
    operation.verified((19.5, 6.5), sharing="public", category="abduction", event_start=ago(400), killed=None)
    operation.verified((18.5, 6.5), sharing="cluster", share_above="detail", perpetrator_class="state_forces")
    for _ in range(WITHOUT_A_PLACE):
        operation.verified(None, sharing="mission", share_above="detail", geo_precision=6)
    for name, sharing in (("Parish site", "mission"), ("School", "cluster")):
        answer = operation.analyst.post(
            "/v1/communities", subject(operation.code, "community", sharing=sharing, name=name)
        )
        assert answer.status_code == 201, answer.text
    operation.assess()
    yield Ogc(operation, operation.reader)
