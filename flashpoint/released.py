"""A released matrix as finished bytes: what the store hands over and the hot poll serves.

Everything in it is already generalised for its audience and already JSON, so that whoever serves it can neither
leak what is not there nor spend time on it.
"""

from dataclasses import dataclass

from flashpoint.types import Audience

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS 84); west greater than east where it crosses the antimeridian."""


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """One row of the matrix.

    ``properties`` and ``explanation`` are finished JSON objects; ``polygon`` and ``point`` finished GeoJSON
    geometries, or ``b"null"``. ``tier``, ``pcode`` and ``bbox`` can be asked for, so they must say no more than
    the bytes do: a row whose place is withheld has ``bbox=None`` and is in no box.
    """

    rank: int
    locality_id: str
    pcode: str
    tier: str
    properties: bytes
    polygon: bytes
    point: bytes
    bbox: Box | None
    explanation: bytes


@dataclass(frozen=True, slots=True)
class Released:
    """The matrix of one operation for one audience, its rows in rank order.

    ``head`` holds finished JSON members without the outer braces (``b'"as_of":"...","audience":"cluster"'``); it is
    never empty and never names ``type``, ``id``, ``geometry``, ``properties``, ``explanation``, ``stale``, ``links``,
    ``features``, ``numberMatched`` or ``numberReturned``. ``revision`` grows when, and only when, the bytes change for
    this audience; ``build`` is an opaque id of the database they come from, so that a database made anew, counting
    from 1 again, is never taken for the old one.
    """

    operation: str
    audience: Audience
    build: str
    revision: int
    head: bytes
    rows: tuple[ReleasedRow, ...]
