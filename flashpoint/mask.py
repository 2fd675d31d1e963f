"""The mask: keyed pseudonyms and drawn points, made of the installation's secret and of nothing that is to be hidden.

A drawn point is uniform over its zone and does not depend on where in the zone anything happened. It is a function of
the secret, the record, the zone and the zone's boundaries: asked again, after a restart or from a backup, it is the
same point, and an average over any number of answers is that one point.
"""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import asin, degrees, radians, sin
from struct import unpack
from uuid import UUID

from shapely import contains_xy, prepare
from shapely.geometry.base import BaseGeometry

from flashpoint.types import Audience

Point = tuple[float, float]
"""Longitude and latitude in degrees (WGS 84), to five decimals: what is kept is what is shown."""

DECIMALS = 5
_TRIES = 2_000
_WHOLE = 2**64


def purpose_key(pepper: bytes) -> bytes:
    """Derive the picture's key from the server's secret, so that no second secret has to be kept."""
    return hmac.digest(pepper, b"picture", "sha256")


def pseudonym(key: bytes, kind: str, audience: Audience | None, subject: str) -> UUID:
    """Give the id under which a subject is released: without the key nobody can tell what it stands for.

    Each audience has its own; ``None`` for what is the same for all. Looks like a random UUID.
    """
    told = "\0".join(("id", kind, "" if audience is None else audience.value, subject)).encode()
    return UUID(bytes=hmac.digest(key, told, "sha256")[:16], version=4)


@dataclass(frozen=True, slots=True)
class Outline:
    """The boundaries of a zone as one version of it has them."""

    version: int
    area: BaseGeometry
    _extent: tuple[float, float, float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make ready what every draw asks: the extent, its south and north as sines of the latitude."""
        prepare(self.area)
        west, south, east, north = self.area.bounds
        object.__setattr__(self, "_extent", (west, sin(radians(south)), east, sin(radians(north))))

    def holds(self, point: Point) -> bool:
        """Say whether a point lies inside."""
        return bool(contains_xy(self.area, *point))

    def at(self, across: float, up: float) -> Point:
        """Give the point so far (0 to 1) across and up the extent, by area on the sphere."""
        west, low, east, high = self._extent
        longitude, latitude = west + across * (east - west), degrees(asin(low + up * (high - low)))
        return round(longitude, DECIMALS), round(latitude, DECIMALS)


@dataclass(frozen=True, slots=True)
class Draw:
    """What a point is drawn for: a record in a zone."""

    kind: str
    subject: str
    zone: str


def drawn_point(key: bytes, draw: Draw, outlines: Iterable[Outline]) -> Point | None:
    """Draw the point of a record in a zone, whose outlines are given from the first to the one in force.

    It is drawn once, and once more only where boundaries were corrected so that it lies outside. ``None`` without an
    outline.
    """
    point: Point | None = None
    for outline in outlines:
        if point is None or not outline.holds(point):
            point = _drawn(key, draw, outline)
    return point


def _drawn(key: bytes, draw: Draw, outline: Outline) -> Point:
    candidates = (outline.at(across, up) for across, up in _numbers(key, draw, outline))
    found = next(filter(outline.holds, candidates), None)
    if found is not None:
        return found
    # A zone that fills next to nothing of its extent: the same point for every record in it.
    point = outline.area.representative_point()
    return round(point.x, DECIMALS), round(point.y, DECIMALS)


def _numbers(key: bytes, draw: Draw, outline: Outline) -> Iterator[tuple[float, float]]:
    """Give pairs of numbers from 0 to 1, which nobody can tell from chance without the key."""
    told = "\0".join(("point", draw.kind, draw.subject, draw.zone, str(outline.version))).encode()
    for attempt in range(_TRIES):
        numbers = unpack(">4Q", hmac.digest(key, told + attempt.to_bytes(4, "big"), "sha256"))
        yield numbers[0] / _WHOLE, numbers[1] / _WHOLE
        yield numbers[2] / _WHOLE, numbers[3] / _WHOLE
