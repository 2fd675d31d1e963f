"""What encloses features, computed from their coordinates by nobody's library."""

from typing import Any


def bounds_of(features: list[dict[str, Any]]) -> list[float]:
    """Give west, south, east and north of all that has a geometry."""
    points = [point for one in features if one["geometry"] for point in _points(one["geometry"]["coordinates"])]
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return [min(xs), min(ys), max(xs), max(ys)]


def _points(part: Any) -> list[list[float]]:
    return [one for each in part for one in _points(each)] if isinstance(part[0], list) else [part]
