"""What ``bench/gis.py`` asks for: the requests of each case, and the features that their answers hold."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import mapbox_vector_tile
import orjson
import psycopg

from bench.gis_ask import Answer
from bench.gis_peers import Server
from flashpoint.layers import Layer
from flashpoint.store.tiles import drawn_columns
from flashpoint.types import Audience

Bounds: TypeAlias = tuple[float, float, float, float]
Tile: TypeAlias = tuple[int, int, int]
#: What a request is for, the same for all servers, and its path; the answer is handed back.
Requests: TypeAlias = Generator[tuple[Any, str], Answer, None]
#: The P-codes of the features that were found in each thing asked for.
Told: TypeAlias = Mapping[Any, frozenset[str]]

ITEMS_BAR, TILES_BAR = 5, 2


@dataclass(frozen=True)
class Asked:
    """Whom, for which layer, and where it lies."""

    server: Server
    layer: Layer
    extent: Bounds

    def items(self, query: str) -> str:
        """Give the path of items."""
        return self.server.items.format(layer=self.layer) + query

    def tile(self, tile: Tile) -> str:
        """Give the path of a tile. Who can be told which columns to draw is told those that we draw."""
        columns = ",".join(["id", *(column.name for column in drawn_columns(self.layer, Audience.MISSION))])
        z, x, y = tile
        return self.server.tiles.format(layer=self.layer, z=z, x=x, y=y, columns=columns)


@dataclass(frozen=True)
class Case:
    """A kind of request: the same each time, and ones that differ. Without a bar, the ratio is told and no more."""

    name: str
    same: Callable[[Asked], Requests]
    varied: Callable[[Asked], Requests]
    bar: int | None = ITEMS_BAR
    tiled: bool = False

    def compare(self, one: Told, other: Told, within: "Within") -> None:
        """End the run where two servers answered the same request with different features."""
        for what in one.keys() & other.keys():
            differing = one[what] ^ other[what]
            if self.tiled:
                differing &= within.tile(what)
            if differing:
                raise SystemExit(f"{self.name}: the servers differ at {what}: {sorted(differing)[:5]}")

    def features(self, answer: Answer) -> frozenset[str]:
        """Give the P-codes of the features in an answer."""
        if self.tiled:
            layers = mapbox_vector_tile.decode(answer.body) if answer.body else {}
            return frozenset(one["properties"]["pcode"] for layer in layers.values() for one in layer["features"])
        found = [one["properties"]["pcode"] for one in orjson.loads(answer.body)["features"]]
        if len(set(found)) < len(found):
            raise SystemExit(f"{self.name}: a feature came twice")
        return frozenset(found)


class Within:
    """Looks up which localities reach well into a tile: by more than a hundredth of its side."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self._owner = psycopg.connect(url, autocommit=True)

    @lru_cache  # noqa: B019 - there is one of them
    def tile(self, tile: Tile) -> frozenset[str]:
        """Give their P-codes."""
        query = """
            SELECT pcode FROM peers.localities, LATERAL (SELECT ST_TileEnvelope(%s, %s, %s) AS whole) tile
            WHERE ST_Intersects(ST_Transform(geom, 3857), ST_Buffer(whole, (ST_XMin(whole) - ST_XMax(whole)) / 100))
        """
        return frozenset(pcode for (pcode,) in self._owner.execute(query, tile))


def _first_page(asked: Asked) -> Requests:
    while True:
        yield "first", asked.items("limit=100")


def _pages(asked: Asked) -> Requests:
    """Follow the links to the next page, as clients do; begin anew with another size when there is none."""
    for limit in count(100):
        path, number = asked.items(f"limit={limit}"), 0
        while path:
            answer = yield (limit, number), path
            links = orjson.loads(answer.body)["links"]
            path = next((_relative(link["href"]) for link in links if link["rel"] == "next"), "")
            number += 1


def _relative(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _all(asked: Asked) -> Requests:
    while True:
        yield "all", asked.items("limit=10000")


def _box(asked: Asked) -> Requests:
    while True:
        yield "box", asked.items(f"limit=1000&bbox={_written(asked, 0)}")


def _boxes(asked: Asked) -> Requests:
    for number in count(1):
        yield number, asked.items(f"limit=1000&bbox={_written(asked, number)}")


def _written(asked: Asked, number: int) -> str:
    """Draw a box of a degree within the extent."""
    west, south, east, north = asked.extent
    at = west + (number * math.sqrt(2)) % (east - west - 1), south + (number * math.sqrt(3)) % (north - south - 1)
    return f"{at[0]:.6f},{at[1]:.6f},{at[0] + 1:.6f},{at[1] + 1:.6f}"


def _unit(asked: Asked) -> Requests:
    while True:
        yield "unit", asked.items(f"limit=100&filter={quote(_condition(7))}")


def _units(asked: Asked) -> Requests:
    for number in count():
        yield number % 50, asked.items(f"limit=100&filter={quote(_condition(number % 50))}")


def _condition(number: int) -> str:
    return f"adm2_pcode='XX{number}'"


def _tile(zoom: int) -> Callable[[Asked], Requests]:
    def same(asked: Asked) -> Requests:
        west, south, east, north = asked.extent
        tile = _tile_of((west + east) / 2, (south + north) / 2, zoom)
        while True:
            yield tile, asked.tile(tile)

    return same


def _tiles(zoom: int) -> Callable[[Asked], Requests]:
    def varied(asked: Asked) -> Requests:
        west, south, east, north = asked.extent
        _, first, last_row = _tile_of(west, south, zoom)
        _, last, first_row = _tile_of(east, north, zoom)
        while True:
            for x in range(first, last + 1):
                for y in range(first_row, last_row + 1):
                    yield (zoom, x, y), asked.tile((zoom, x, y))

    return varied


def _tile_of(longitude: float, latitude: float, zoom: int) -> Tile:
    """Give the tile of the web's grid that holds a point."""
    turn = math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2)) / math.pi
    return zoom, int((longitude + 180) / 360 * 2**zoom), int((1 - turn) / 2 * 2**zoom)


CASES = {
    "items": Case("items, limit=100", _first_page, _pages),
    "all": Case("items, all", _all, _all),
    "box": Case("items, bbox", _box, _boxes),
    "filter": Case("items, CQL2 filter", _unit, _units, bar=None),
    "z6": Case("tile z6", _tile(6), _tiles(6), TILES_BAR, tiled=True),
    "z9": Case("tile z9", _tile(9), _tiles(9), TILES_BAR, tiled=True),
}
