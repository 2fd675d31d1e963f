"""What the tiles can be asked: each layer on the tile that holds all of it, by either address, and what is said of it.

A tile further in holds some of the same, and comes of the same query.
"""

from collections.abc import Callable, Iterator
from typing import Any

from direct import Ask, get

LAYERS = ("matrix", "localities", "communities", "incidents")
QUAD = "/ogc/collections/{}/tiles/WebMercatorQuad"


def _asks(*paths: str) -> Callable[[Any], Iterator[Ask]]:
    def asks(world: Any) -> Iterator[Ask]:
        yield from (get(path, operation=world.operation) for path in paths)

    return asks


READS = {
    "/tiles/styles/matrix": _asks("/tiles/styles/matrix"),
    "/tiles/{collection}": _asks("/tiles/incidents", "/tiles/matrix"),
    "/tiles/{collection}/{zoom}/{column}/{row}": _asks(
        *(f"/tiles/{layer}/0/0/0" for layer in LAYERS), "/tiles/incidents/9/281/249.pbf"
    ),
    "/ogc/tileMatrixSets": _asks("/ogc/tileMatrixSets"),
    "/ogc/tileMatrixSets/{grid}": _asks("/ogc/tileMatrixSets/WebMercatorQuad"),
    "/ogc/collections/{collection}/tiles": _asks("/ogc/collections/communities/tiles"),
    "/ogc/collections/{collection}/tiles/{grid}": _asks(QUAD.format("incidents")),
    "/ogc/collections/{collection}/tiles/{grid}/{zoom}/{row}/{column}": _asks(f"{QUAD.format('incidents')}/0/0/0"),
}
