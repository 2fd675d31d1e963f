"""What the files can be asked: every layer, and of every kind of writer one, for each of them gets the same rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from direct import Ask, get

#: Text where something would be found at once; beside it a database, a description, and a file that has no rows.
FILES = (
    *("incidents.csv", "incidents.gpkg", "communities.geojson", "matrix.kml", "localities.fgb"),
    *("matrix.csv-metadata.json", "matrix.qlr"),
)


def _listing(world: Any) -> Iterator[Ask]:
    yield get("/v1/exports", operation=world.operation)


def _files(world: Any) -> Iterator[Ask]:
    yield from (get(f"/v1/exports/{file}", operation=world.operation) for file in FILES)


READS: Mapping[str, Callable[[Any], Iterable[Ask]]] = {"/v1/exports": _listing, "/v1/exports/{file}": _files}
