"""Another reading of CQL2 (OGC 21-065r2): trees over the members of features, in three-valued logic, with no SQL.

``text_of`` writes a tree as text, ``truth`` says what it is of a feature: true, false, or ``None`` where it is unknown.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import shapely
from shapely.geometry import box, shape

Feature = Mapping[str, Any]
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
#: Of an intersection, a difference and how two things lie, by the names of the functions.
SPATIAL: dict[str, Callable[[Any, Any], bool]] = {
    "s_intersects": shapely.intersects,
    "s_equals": shapely.equals,
    "s_disjoint": shapely.disjoint,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
    "s_contains": shapely.contains,
}
TEMPORAL: dict[str, Callable[[Any, Any, Any, Any], bool]] = {
    "t_after": lambda a, _, __, d: a > d,
    "t_before": lambda _, b, c, __: b < c,
    "t_disjoint": lambda a, b, c, d: a > d or b < c,
    "t_equals": lambda a, b, c, d: a == c and b == d,
    "t_intersects": lambda a, b, c, d: a <= d and b >= c,
    "t_contains": lambda a, b, c, d: a < c and d < b,
    "t_during": lambda a, b, c, d: c < a and b < d,
    "t_finishedBy": lambda a, b, c, d: a < c and b == d,
    "t_finishes": lambda a, b, c, d: a > c and b == d,
    "t_meets": lambda _, b, c, __: b == c,
    "t_metBy": lambda a, _, __, d: a == d,
    "t_overlappedBy": lambda a, b, c, d: c < a < d < b,
    "t_overlaps": lambda a, b, c, d: a < c < b < d,
    "t_startedBy": lambda a, b, c, d: a == c and b > d,
    "t_starts": lambda a, b, c, d: a == c and b < d,
}
OF_INSTANTS = frozenset({"t_after", "t_before", "t_disjoint", "t_equals", "t_intersects"})
_DAY_S = 86_400


# -- writing ----------------------------------------------------------------------------------------------------------


def text_of(tree: Any) -> str:  # noqa: PLR0911 - a case each
    """Write a tree as CQL2 text, with all brackets that may stand."""
    match tree:
        case {"op": "and" | "or" as op, "args": args}:
            return f" {op.upper()} ".join(f"({text_of(one)})" for one in args)
        case {"op": "not", "args": [one]}:
            return f"NOT ({text_of(one)})"
        case {"op": "isNull", "args": [one]}:
            return f"{text_of(one)} IS NULL"
        case {"op": "between", "args": [one, low, high]}:
            return f"{text_of(one)} BETWEEN {text_of(low)} AND {text_of(high)}"
        case {"op": "in", "args": [one, listed]}:
            return f"{text_of(one)} IN ({', '.join(map(text_of, listed))})"
        case {"op": "like", "args": [one, pattern]}:
            return f"{text_of(one)} LIKE {text_of(pattern)}"
        case {"op": op, "args": [one, other]} if op in COMPARED:
            return f"{text_of(one)} {op} {text_of(other)}"
        case {"op": op, "args": args}:
            return f"{op.upper()}({', '.join(map(text_of, args))})"
    return _literal(tree)


def _literal(tree: Any) -> str:  # noqa: PLR0911 - likewise
    match tree:
        case bool():
            return str(tree).upper()
        case str():
            return "'" + tree.replace("'", "''") + "'"
        case {"property": name}:
            return str(name)
        case {"date": written}:
            return f"DATE('{written}')"
        case {"timestamp": written}:
            return f"TIMESTAMP('{written}')"
        case {"interval": [first, last]}:
            return f"INTERVAL('{first}', '{last}')"
        case {"bbox": numbers}:
            return f"BBOX({', '.join(map(str, numbers))})"
        case {"type": _}:
            return str(shapely.to_wkt(shape(tree)))
    return str(tree)


# -- evaluating -------------------------------------------------------------------------------------------------------


def truth(tree: Any, feature: Feature) -> bool | None:
    """Say what a tree is of a feature."""
    match tree:
        case bool():
            return tree
        case {"op": "and", "args": args}:
            return _all([truth(one, feature) for one in args])
        case {"op": "or", "args": args}:
            return _negated(_all([_negated(truth(one, feature)) for one in args]))
        case {"op": "not", "args": [one]}:
            return _negated(truth(one, feature))
        case {"op": "isNull", "args": [one]}:
            return _any_value(one, feature) is None
    return _predicate(tree, feature)


def _predicate(tree: Any, feature: Feature) -> bool | None:
    op, args = tree["op"], tree["args"]
    if op in SPATIAL:
        drawn = [_geometry(one, feature) for one in args]
        return None if None in drawn else bool(SPATIAL[op](*drawn))
    if op in TEMPORAL:
        return TEMPORAL[op](*_in_step(*(_span(one, feature) for one in args)))
    if op == "in":
        told = [truth({"op": "=", "args": [args[0], one]}, feature) for one in args[1]]
        return _negated(_all([_negated(one) for one in told]))
    values = [_value(one, feature) for one in args]
    if None in values:
        return None
    if op == "between":
        return bool(values[1] <= values[0] <= values[2])
    return _matches(*values) if op == "like" else COMPARED[op](*values)


def _all(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _negated(one: bool | None) -> bool | None:  # noqa: FBT001 - one of three values
    return None if one is None else not one


def _any_value(tree: Any, feature: Feature) -> Any:
    match tree:
        case {"property": "geometry"}:
            return feature["geometry"]
        case {"property": "time"}:
            return feature["time"]
    return _value(tree, feature)


def _value(tree: Any, feature: Feature) -> Any:
    match tree:
        case {"property": "id"}:
            return feature["id"]
        case {"property": name}:
            return feature["columns"][name]
        case {"op": "casei", "args": [one]}:
            found = _value(one, feature)
            return None if found is None else found.casefold()
    return tree


def _matches(value: str, pattern: str) -> bool:
    signs = {"%": ".*", "_": "."}
    parts = [
        re.escape(part[1]) if part[0] == "\\" else signs.get(part, re.escape(part))
        for part in re.findall(r"\\.|[^\\]", pattern, re.DOTALL)
    ]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _geometry(tree: Any, feature: Feature) -> Any:
    match tree:
        case {"property": "geometry"}:
            return feature["drawn"]
        case {"bbox": [west, south, east, north]}:
            return box(west, south, east, north)
    return shape(tree)


def _span(tree: Any, feature: Feature) -> tuple[float, float, bool]:
    """Give from which second to which, and whether these are whole days."""
    told = feature["time"] if tree == {"property": "time"} else tree
    ends = told.get("interval") or [told.get("date") or told.get("timestamp")] * 2
    first, last = (float(sign + "inf") if one == ".." else _second(one) for one, sign in zip(ends, "-+", strict=True))
    in_days = all("T" not in one for one in ends)
    return first, last if ends[1] == ".." or "T" in ends[1] else last + _DAY_S - 1, in_days


def _second(written: str) -> float:
    if "T" in written:
        return datetime.fromisoformat(written).timestamp()
    return datetime.combine(date.fromisoformat(written), datetime.min.time(), UTC).timestamp()


def _in_step(a: tuple[float, float, bool], b: tuple[float, float, bool]) -> tuple[float, float, float, float]:
    off = _DAY_S - 1 if a[2] and b[2] else 0
    return a[0], a[1] - off, b[0], b[1] - off
