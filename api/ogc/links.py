"""Addresses in what OGC clients are answered: whole ones, as most of them want, under the name they asked by."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from api.browser import own_origin

HTML, JSON, GEOJSON = "text/html", "application/json", "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"

Link = dict[str, Any]
Parameters = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Site:
    """Under which name the client asked, and the operation that it named, if it did."""

    origin: str
    operation: str | None

    @classmethod
    def of(cls, request: Request, operation: str | None) -> "Site":
        """Read it off a request. Where the name is none, addresses begin with the path."""
        return cls((own_origin(request) or "") + str(request.scope.get("root_path", "")), operation)

    def href(self, path: str, parameters: Parameters = ()) -> str:
        """Write an address; an operation that was named goes with it."""
        named = [("operation", self.operation)] if self.operation else []
        query = urlencode([*named, *parameters], safe=",:/[]")
        return f"{self.origin}{path}" + (f"?{query}" if query else "")

    def link(self, rel: str, path: str, media: str, **more: Any) -> Link:  # noqa: ANN401 - title and parameters
        """Write a link."""
        parameters: Parameters = more.pop("parameters", ())
        return {"rel": rel, "type": media, "href": self.href(path, parameters), **more}

    def both(self, path: str, media: str, parameters: Parameters = (), *, html: bool = False) -> list[Link]:
        """Link to what is answered, and to its other form."""
        forms = {False: (media, "json"), True: (HTML, "html")}
        return [
            self.link(rel, path, forms[which][0], parameters=[*parameters, ("f", forms[which][1])])
            for rel, which in (("self", html), ("alternate", not html))
        ]
