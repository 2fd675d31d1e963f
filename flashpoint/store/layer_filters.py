"""Filters of layers as conditions of a query: a closed table of operators, columns of the answer, values bound.

What is no column of the layer for the audience is refused in the same words as what nobody ever heard of.
"""

import json
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Text, and_, cast, collate, false, func, literal, not_, or_, true

from flashpoint import layers
from flashpoint.crs import Crs, box_in_wgs84, to_wgs84
from flashpoint.errors import Invalid, Violation
from flashpoint.filters import Tree, instant
from flashpoint.layers import ABOUT, Kind, Layer
from flashpoint.store.columns import AT
from flashpoint.store.layer_sources import Source

GEOMETRY, TIME, ID = "geometry", "time", "id"
"""What every layer can be asked by besides its columns; ``time`` where its features have one."""

_MOST_VERTICES = 10_000
_SPATIAL: dict[str, Callable[..., ColumnElement[bool]]] = {
    "s_intersects": func.ST_Intersects,
    "s_equals": func.ST_Equals,
    "s_disjoint": func.ST_Disjoint,
    "s_touches": func.ST_Touches,
    "s_within": func.ST_Within,
    "s_overlaps": func.ST_Overlaps,
    "s_crosses": func.ST_Crosses,
    "s_contains": func.ST_Contains,
}
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
#: The ends of time, as PostgreSQL writes them.
_EVER, _NEVER = "-infinity", "infinity"
_OPEN = ".."
_LETTERS_OF_A_DAY = len("2026-11-01")
_WGS84 = 4326

Part: TypeAlias = tuple[ColumnElement[Any], Kind]
Ends: TypeAlias = tuple[ColumnElement[Any], ColumnElement[Any]]
#: From the beginning of a day to its end, as ``instant`` reads days.
_A_DAY = timedelta(hours=23, minutes=59, seconds=59)


@dataclass(frozen=True, slots=True)
class Span:
    """A time: when it begins and ends, whether these are days, and whether it is an instant and no interval."""

    begins: ColumnElement[Any]
    ends: ColumnElement[Any]
    in_days: bool
    is_instant: bool


def _ends(a: Span, b: Span) -> tuple[Ends, Ends]:
    """Give the ends of two spans. Days compare as days: one may end on the very day on which another begins."""
    if a.in_days and b.in_days:
        return (a.begins, a.ends - _A_DAY), (b.begins, b.ends - _A_DAY)
    return (a.begins, a.ends), (b.begins, b.ends)


def _order(a: Ends, b: Ends) -> dict[str, ColumnElement[bool]]:
    """Give how two times compare: as numbers do where they are instants."""
    (a0, a1), (b0, b1) = a, b
    same = and_(a0 == b0, a1 == b1)
    return {"=": same, "<>": not_(same), "<": a1 < b0, "<=": a1 <= b1, ">": a0 > b1, ">=": a0 >= b0}


def _relations(a: Ends, b: Ends) -> dict[str, ColumnElement[bool]]:
    """Give how two times stand to one another, by the tables of CQL2 (OGC 21-065, tables 7 and 8)."""
    (a0, a1), (b0, b1) = a, b
    return {
        "t_after": a0 > b1,
        "t_before": a1 < b0,
        "t_contains": and_(a0 < b0, a1 > b1),
        "t_disjoint": or_(a1 < b0, a0 > b1),
        "t_during": and_(a0 > b0, a1 < b1),
        "t_equals": and_(a0 == b0, a1 == b1),
        "t_finishedby": and_(a0 < b0, a1 == b1),
        "t_finishes": and_(a0 > b0, a1 == b1),
        "t_intersects": and_(a0 <= b1, a1 >= b0),
        "t_meets": a1 == b0,
        "t_metby": a0 == b1,
        "t_overlappedby": and_(a0 > b0, a0 < b1, a1 > b1),
        "t_overlaps": and_(a0 < b0, a1 > b0, a1 < b1),
        "t_startedby": and_(a0 == b0, a1 > b1),
        "t_starts": and_(a0 == b0, a1 < b1),
    }


_TEMPORAL = frozenset(_relations((literal(0), literal(0)), (literal(0), literal(0))))
#: Those that take instants; for the others one is an error, by the standard.
_OF_INSTANTS = frozenset({"t_after", "t_before", "t_disjoint", "t_equals", "t_intersects"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a filter is read against: the rows, and the system its geometries are written in."""

    source: Source
    crs: Crs

    def condition(self, tree: Tree) -> ColumnElement[bool]:
        """Write a filter as a condition.

        Raises:
            Invalid: an operator, a column or a literal is not one that the layer has, or they do not go together.
        """
        match tree:
            case bool():
                return true() if tree else false()
            case {"op": "and" | "or" as op, "args": [_, _, *_] as args}:
                return (and_ if op == "and" else or_)(*map(self.condition, args))
            case {"op": "not", "args": [one]}:
                return not_(self.condition(one))
            case {"op": str(op), "args": list(args)}:
                return self._related(op, args)
            case {"property": str(name)}:
                found, kind = self._column(name)
                if kind is Kind.BOOLEAN:
                    return found
        raise _wrong("not_a_condition", "a filter is true or false of a feature")

    def _related(self, op: str, args: Sequence[Tree]) -> ColumnElement[bool]:
        name = op.lower()
        if name in _SPATIAL:
            return self._spatial(name, args)
        if name in _TEMPORAL:
            return self._temporal(name, args)
        return self._moments(op, args) if any(map(_is_time, _compared_by(op, args))) else self._compared(op, args)

    def _compared(self, op: str, args: Sequence[Tree]) -> ColumnElement[bool]:
        match op, args:
            case (("=" | "<>" | "<" | "<=" | ">" | ">="), [left, right]):
                found: ColumnElement[bool] = _COMPARED[op](*_alike(self._part(left), self._part(right)))
                return found
            case "isNull", [one]:
                return self._value(one).is_(None)
            case "between", [one, low, high]:
                value = self._part(one)
                if value[1] not in _NUMBERS:
                    raise _wrong("not_comparable", "between compares numbers")
                least, most = (_alike(value, self._part(end))[1] for end in (low, high))
                return value[0].between(least, most)
            case "in", [one, [_, *_] as listed]:
                value = self._part(one)
                return or_(*(operator.eq(*_alike(value, self._part(other))) for other in listed))
            case "like", [one, pattern]:
                value, like = self._part(one), self._part(pattern)
                if value[1] is not Kind.TEXT or not _is_pattern(pattern):
                    raise _wrong("not_comparable", "like compares a text with a pattern, which has an end")
                return value[0].like(like[0], escape="\\")
        raise _wrong("unknown_operator", "an operator or function is one of those that the service declares")

    def _value(self, tree: Tree) -> ColumnElement[Any]:
        """Read what can be known or not: anything."""
        match tree:
            case {"property": "geometry"} | {"type": str()} | {"bbox": list()}:
                return self._shape(tree)
            case {"interval": list()}:
                return self._span(tree).begins
        return self._span(tree).begins if _is_time(tree) else self._part(tree)[0]

    def _part(self, tree: Tree) -> Part:
        """Read what can be compared: a column, a literal, either without its case, or whether something is true."""
        match tree:
            case {"property": str(name)}:
                return self._column(name)
            case {"op": "casei", "args": [one]}:
                value, kind = self._part(one)
                if kind is Kind.TEXT:
                    return _folded(value), kind
            case {"op": str()}:
                return self.condition(tree), Kind.BOOLEAN
            case bool():
                return literal(tree), Kind.BOOLEAN
            case int() | float() if math.isfinite(tree):
                return literal(float(tree)), Kind.NUMBER
            case str() if "\x00" not in tree:
                return literal(tree), Kind.TEXT
        raise _wrong("not_comparable", "what is compared is a column, a number, a text, true or false")

    def _column(self, name: str) -> Part:
        if name == ID:
            return cast(self.source.rows.c.id, Text), Kind.TEXT
        for column in layers.columns(self.source.layer, self.source.audience):
            if column.name == name:
                return self.source.rows.c[name], column.kind
        raise _wrong("unknown_property", "a property is one of the layer's queryables")

    # -- where --------------------------------------------------------------------------------------------------

    def _spatial(self, op: str, args: Sequence[Tree]) -> ColumnElement[bool]:
        if len(args) != 2:  # noqa: PLR2004 - a relation of two
            raise _wrong("not_comparable", "a spatial function compares two geometries")
        return _SPATIAL[op](*map(self._shape, args))

    def _shape(self, tree: Tree) -> ColumnElement[Any]:
        match tree:
            case {"property": "geometry"}:
                return self.source.rows.c.geometry
            case {"bbox": [x0, y0, x1, y1]} | {"bbox": [x0, y0, _, x1, y1, _]} if _all_numbers(x0, y0, x1, y1):
                return bound(box_in_wgs84((x0, y0), (x1, y1), self.crs))
            case {"type": str()}:
                return bound(_drawn(tree, self.crs))
        raise _wrong("not_a_geometry", "a geometry is the property geometry, a geometry of GeoJSON, or a bbox")

    # -- when ---------------------------------------------------------------------------------------------------

    def _moments(self, op: str, args: Sequence[Tree]) -> ColumnElement[bool]:
        match op, args:
            case "in", [one, [_, *_] as listed]:
                return or_(*(self._moments("=", [one, other]) for other in listed))
            case (("=" | "<>" | "<" | "<=" | ">" | ">="), [left, right]):
                return _order(*_ends(self._span(left), self._span(right)))[op]
        raise _wrong("not_comparable", "a comparison has two sides, and a list something in it")

    def _temporal(self, op: str, args: Sequence[Tree]) -> ColumnElement[bool]:
        if len(args) != 2:  # noqa: PLR2004 - a relation of two
            raise _wrong("not_comparable", "a temporal function compares two times")
        one, other = map(self._span, args)
        if op not in _OF_INSTANTS and (one.is_instant or other.is_instant):
            raise _wrong("not_an_interval", f"an instant goes with {', '.join(sorted(_OF_INSTANTS))} alone")
        return _relations(*_ends(one, other))[op]

    def _span(self, tree: Tree) -> Span:
        match tree:
            case {"property": "time"} if ABOUT[self.source.layer].timed:
                columns = self.source.rows.c
                ranked = self.source.layer is Layer.MATRIX
                return Span(columns.begins, columns.ends, self.source.has_days, is_instant=ranked)
            case {"property": str(name)} if name != TIME:
                raise _wrong("unknown_property", "the property that has a time is the queryable time")
            case {"date": str(written)} | {"timestamp": str(written)}:
                return _span_of(written, written, is_instant=True)
            case {"interval": [first, last]}:
                return _span_of(_end(first), _end(last), is_instant=False)
        raise _wrong("not_a_time", "a time is the property time, a DATE, a TIMESTAMP or an INTERVAL")


def bound(geometry: BaseGeometry | None) -> ColumnElement[Any]:
    """Hand a geometry (WGS 84) to a query."""
    if geometry is None:
        raise _wrong("out_of_range", "coordinates lie in the range of their reference system")
    return func.ST_GeomFromWKB(shapely.to_wkb(geometry), _WGS84)


def _drawn(tree: Tree, crs: Crs) -> BaseGeometry | None:
    """Read a geometry of GeoJSON, which must be sound: PostGIS breaks off on one that crosses itself."""
    try:
        drawn = shapely.from_geojson(json.dumps(tree))
    except (shapely.GEOSException, ValueError, TypeError):
        raise _wrong("not_a_geometry", "a geometry is one of GeoJSON") from None
    if drawn is None or drawn.is_empty or not drawn.is_valid or shapely.get_num_coordinates(drawn) > _MOST_VERTICES:
        raise _wrong("not_a_geometry", f"a geometry is valid, not empty, and has at most {_MOST_VERTICES} vertices")
    return to_wgs84(shapely.force_2d(drawn), crs)


def _all_numbers(*values: object) -> bool:
    return all(isinstance(one, int | float) and math.isfinite(one) for one in values)


def _is_pattern(tree: Tree) -> bool:
    """Say whether it is a pattern: a text, or one without its case, whose last backslash escapes something."""
    if isinstance(tree, str):
        return (len(tree) - len(tree.rstrip("\\"))) % 2 == 0
    match tree:
        case {"op": "casei", "args": [one]}:
            return _is_pattern(one)
    return False


def _alike(left: Part, right: Part) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Give the two values, if they can be compared."""
    if left[1] is not right[1] and not {left[1], right[1]} <= _NUMBERS:
        raise _wrong("not_comparable", "what is compared is of one kind: numbers, texts, or true and false")
    return left[0], right[0]


def _compared_by(op: str, args: Sequence[Tree]) -> Iterator[Tree]:
    """Give what a comparison compares."""
    if op in {*_COMPARED, "in"}:
        for one in args:
            yield from one if isinstance(one, list) else (one,)


def _is_time(tree: Tree) -> bool:
    """Say whether it is an instant, or the column that may be one."""
    return isinstance(tree, dict) and (tree.get("property") == TIME or "date" in tree or "timestamp" in tree)


def _folded(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Fold case in full, as Unicode does: the sharp s is two, and the dotless i is not the i that its capital is."""
    kept = collate(func.replace(value, "\u0131", "\uf8ff"), "und-x-icu")
    # ICU knows what is one letter; in lower case again it would write a sigma at the end of a word otherwise.
    folded = func.lower(collate(func.upper(func.lower(kept)), "default"))
    return collate(func.replace(folded, "\uf8ff", "\u0131"), "C")


def _end(tree: Tree) -> str:
    """Give an end of an interval as it was written."""
    match tree:
        case str():
            return tree
        case {"date": str(written)} | {"timestamp": str(written)}:
            return written
    raise _wrong("not_a_time", "an interval has two ends, each a date, a timestamp or ..")


def _span_of(first: str, last: str, *, is_instant: bool) -> Span:
    ends = [
        _EVER if first == _OPEN else instant(first, last=False),
        _NEVER if last == _OPEN else instant(last, last=True),
    ]
    if None in ends:
        raise _wrong("not_a_time", "a time is an RFC 3339 instant with its offset, or a date")
    begins, ends_at = (cast(literal(end, Text if isinstance(end, str) else AT), AT) for end in ends)
    return Span(begins, ends_at, not {len(end) for end in (first, last)} - {len(_OPEN), _LETTERS_OF_A_DAY}, is_instant)


def _wrong(code: str, rule: str) -> Invalid:
    return Invalid(Violation("?filter", code, rule))
