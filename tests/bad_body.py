"""How a bad body is made: one step away from a valid one, with what is expected of the answer beside it."""

import copy
import json
from dataclasses import dataclass
from typing import Any

TOKEN = "Tok3n-NotToEcho"  # noqa: S105  (a marker, not a secret)
GEOJSON = "application/geo+json"
RAW = "@@raw@@"

Feature = dict[str, Any]
Path = tuple[str | int, ...]
PROPERTIES: Path = ("properties",)
COORDINATES: Path = ("geometry", "coordinates")
KILLED: Path = ("properties", "killed")
SPLIT: Path = ("properties", "killed", "split")
SOURCE: Path = ("properties", "sources", 0)


@dataclass(frozen=True)
class BadBody:
    """One case. ``pointer`` is where the first violation stands; ``code`` its code."""

    name: str
    body: bytes
    content_type: str = GEOJSON
    pointer: str | None = None
    code: str | None = None


def at(feature: Any, path: Path) -> Any:
    for step in path:
        feature = feature[step]
    return feature


def pointer_of(path: Path) -> str:
    return "".join(f"/{step}" for step in path)


def dump(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def replaced(good: Feature, path: Path, value: Any) -> Feature:
    changed = copy.deepcopy(good)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def with_value(good: Feature, name: str, path: Path, value: Any, **expected: Any) -> BadBody:
    """Put ``value`` at ``path``; the violation is expected there unless ``pointer`` says otherwise."""
    return BadBody(name, dump(replaced(good, path, value)), **({"pointer": pointer_of(path)} | expected))


def with_raw(good: Feature, name: str, path: Path, text: bytes, **expected: Any) -> BadBody:
    """Put JSON text that ``json.dumps`` would not write at ``path``."""
    body = dump(replaced(good, path, RAW)).replace(f'"{RAW}"'.encode(), text)
    return BadBody(name, body, **({"pointer": pointer_of(path)} | expected))


def without(good: Feature, name: str, path: Path, **expected: Any) -> BadBody:
    changed = copy.deepcopy(good)
    del at(changed, path[:-1])[path[-1]]
    return BadBody(name, dump(changed), **({"pointer": pointer_of(path)} | expected))


def with_geometry(good: Feature, name: str, kind: str, coordinates: Any, **expected: Any) -> BadBody:
    return with_value(good, name, ("geometry",), {"type": kind, "coordinates": coordinates}, **expected)


def ring_of(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
