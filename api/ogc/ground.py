"""The ground of a matrix in memory: where its localities lie, to find those that touch an area, and how they moved.

Looking at thousands of shapes takes a moment, and where they lie outlasts most releases: it is kept until it changes.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from api.sheet import Sheet
from flashpoint.crs import WORLDWIDE, Crs, systems
from flashpoint.features import dumps
from flashpoint.released import Box, Place, Written
from flashpoint.store.layer_sources import Moved
from flashpoint.types import Audience

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)

WEEK = timedelta(days=7)
_NOTHING: dict[str, Any] = {"rank": None, "tier": None, "score": None}


NO_TIME = b"null"


def written_feature(feature: str, geometry: bytes, properties: bytes, told: bytes | None) -> bytes:
    """Write a feature of finished members; without ``told`` it has no member for its time."""
    timed = b"" if told is None else b',"time":' + told
    return b'{"type":"Feature","id":"%b","geometry":%b,"properties":%b%b}' % (
        feature.encode(),
        geometry,
        properties,
        timed,
    )


class _Terrain:
    """Where places lie."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places

    @cached_property
    def tree(self) -> STRtree:
        # A place that is withheld lies nowhere.
        drawn = [None if place.bbox is None else place.polygon.decode() for place in self.places]
        return STRtree(shapely.from_geojson(drawn))

    @cached_property
    def extent(self) -> Box:
        boxes = [place.bbox for place in self.places if place.bbox is not None]
        if not boxes or any(west > east for west, _, east, _ in boxes):
            return WORLD
        west, south, east, north = zip(*boxes, strict=True)
        return min(west), min(south), max(east), max(north)

    def lies_as(self, places: Sequence[Place]) -> bool:
        """Say whether those are the very same: a place that did not move is one object from release to release."""
        return len(places) == len(self.places) and all(map(_is, places, self.places))


def _is(one: Place, other: Place) -> bool:
    return one is other


class Ground:
    """One matrix in memory, in the order of its localities' ids."""

    def __init__(self, sheet: Sheet, terrain: _Terrain) -> None:
        """Look at nothing yet."""
        self.sheet = sheet
        self._terrain = terrain
        self._written: Sequence[Written] = sheet.released.written
        # Finished features, of the matrix and of the localities alone: written when first asked for.
        self._finished: dict[bool, list[bytes | None]] = {
            ranked: [None] * len(self._written) for ranked in (True, False)
        }

    @cached_property
    def ids(self) -> list[str]:
        """The ids, in order."""
        return [one.locality.id for one in self._written]

    @cached_property
    def _standing(self) -> tuple[list[list[int]], list[float]]:
        standing = self.sheet.released.standing
        return standing.ranks.tolist(), standing.shares.tolist()

    @property
    def tree(self) -> STRtree:
        """The shapes, to be found by where they lie."""
        return self._terrain.tree

    @property
    def extent(self) -> Box:
        """The box in which all localities lie; the world where that is not known."""
        return self._terrain.extent

    @cached_property
    def systems(self) -> tuple[Crs, ...]:
        """The reference systems in which what lies here can be had."""
        west, south, east, north = self.extent
        return WORLDWIDE if self.extent == WORLD else systems((west + east) / 2, (south + north) / 2)

    def behind(self, feature: str | None) -> int:
        """Give where the features behind one begin, whether or not that one is still there."""
        return 0 if feature is None else bisect_right(self.ids, feature)

    def touching(self, area: BaseGeometry) -> list[int]:
        """Give where the features stand that touch an area."""
        found = self.tree.query(area, predicate="intersects")
        positions: list[int] = np.sort(found).tolist()
        return positions

    def has_few(self, area: BaseGeometry, few: int) -> bool:
        """Say whether few features touch an area; that too is looked at only where it takes no time."""
        return "tree" in vars(self._terrain) and len(self.tree.query(area)) <= few

    def shape(self, at: int) -> bytes:
        """Give the geometry."""
        return self._written[at].place.polygon

    def ranked(self, at: int) -> bytes:
        """Write the properties of a locality in the matrix."""
        (rank, low, high), share = self._standing[0][at], repr(self._standing[1][at]).encode()
        head = b'{"rank":%d,"rank_low":%d,"rank_high":%d,"top_k_share":%b,' % (rank, low, high, share)
        return head + self._written[at].properties[1:]

    def plain(self, at: int) -> bytes:
        """Write the properties of a locality by itself."""
        told = orjson.loads(self._written[at].properties)
        return dumps({name: told[name] for name in _PLAIN})

    def feature(self, at: int, *, ranked: bool) -> bytes:
        """Write the whole feature of a locality, in the matrix or by itself."""
        found = self._finished[ranked][at]
        if found is None:
            properties = self.ranked(at) if ranked else self.plain(at)
            found = written_feature(self.ids[at], self.shape(at), properties, self.time if ranked else NO_TIME)
            self._finished[ranked][at] = found
        return found

    @cached_property
    def time(self) -> bytes:
        """When the matrix is, as JSON-FG writes it."""
        return dumps({"timestamp": self.sheet.released.as_of})

    @cached_property
    def moved(self) -> Moved:
        """What stands otherwise than a week earlier, as the rows themselves say."""
        as_of = self.sheet.released.as_of
        rows = [row for at in range(len(self._written)) if (row := self._moved(at)) is not None]
        return Moved(dumps(rows).decode(), as_of - WEEK, as_of)

    def _moved(self, at: int) -> dict[str, Any] | None:
        one = self._written[at]
        before = orjson.loads(one.explanation)["last_week"] or _NOTHING
        now = {"rank": self._standing[0][at][0], "tier": one.tier, "score": one.score}
        if all(before[name] == now[name] for name in now):
            return None
        moves = {name: {"from": before[name], "to": now[name]} for name in now}
        return {"id": one.locality.id, "properties": {"name": one.locality.name, "pcode": one.locality.pcode, **moves}}


_PLAIN = ("name", "pcode", "code_list", "adm1_pcode", "adm2_pcode", "adm3_pcode")


class Grounds:
    """The grounds of the matrices in memory. Safe to use from any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._grounds: dict[tuple[str, Audience], Ground] = {}
        self._lock = threading.Lock()

    def of(self, sheet: Sheet) -> Ground:
        """Give the ground of a sheet."""
        released = sheet.released
        key = released.operation, released.audience
        with self._lock:
            kept = self._grounds.get(key)
            if kept is None or kept.sheet is not sheet:
                kept = self._grounds[key] = Ground(sheet, self._terrain(kept, released.written))
            return kept

    @staticmethod
    def _terrain(kept: Ground | None, written: Sequence[Written]) -> _Terrain:
        places = [one.place for one in written]
        if kept is not None and kept._terrain.lies_as(places):  # noqa: SLF001 - a ground gives its terrain on
            return kept._terrain  # noqa: SLF001
        return _Terrain(places)
