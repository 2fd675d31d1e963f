"""What a client may ask of a layer's items: read strictly, for a misspelt filter would show too much.

No refusal repeats what was typed.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from shapely.geometry.base import BaseGeometry

from flashpoint import filters, layers
from flashpoint.crs import CRS84, Crs, box_in_wgs84
from flashpoint.errors import Invalid, Violation
from flashpoint.filters import Language, Tree, instant
from flashpoint.layers import Kind, Layer
from flashpoint.store.layer_reading import Interval, Narrowed, Order, Page
from flashpoint.types import Audience

MAX_LIMIT, DEFAULT_LIMIT = 10_000, 100

_LONGEST_QUERY = 12_000
_OPERATION = re.compile(r"[A-Za-z0-9_]{1,16}")
_NAME = re.compile(r"[a-z][a-z_-]{0,31}")
_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")
_OPEN = frozenset({"", ".."})

#: Forms of an answer; what is GeoJSON is JSON.
FORMS = ("json", "geojson", "html")
#: Parameters of every resource, and those of items besides.
COMMON = ("f", "operation")
ITEM = ("crs",)
ITEMS = (
    *("limit", "after", "bbox", "bbox-crs", "datetime", "crs"),
    *("properties", "sortby", "filter", "filter-lang", "filter-crs"),
)


@dataclass(frozen=True, slots=True)
class About:
    """What a query is read against: the layer, for whom, and the systems it is given in."""

    layer: Layer
    audience: Audience
    systems: tuple[Crs, ...]


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """What is asked of the items of a layer. ``properties``: which members of the properties, all where ``None``.

    ``terms`` are the parameters as they were given, without ``after``, ``f`` and ``operation``.
    """

    narrowed: Narrowed
    page: Page
    properties: tuple[str, ...] | None
    terms: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_plain(self) -> bool:
        """Whether the matrix in memory has all that it takes to answer."""
        return self.narrowed.condition is True and not self.page.order.keys and self.page.crs is CRS84


class Given:
    """The parameters of a request, and what is wrong with them."""

    def __init__(self, query_string: bytes, known: Iterable[str]) -> None:
        """Take the parameters apart; what is not ``known`` is wrong.

        Raises:
            Invalid: the query is no query at all.
        """
        self._given: dict[str, str] = {}
        self._wrong: list[Violation] = []
        names = frozenset((*COMMON, *known))
        for name, value in _pairs(query_string):
            if name not in names:
                pointer = f"?{name}" if _NAME.fullmatch(name) else "?"
                self.refuse(pointer, "unknown_parameter", "the parameter is one that this resource has")
            elif name in self._given:
                self.refuse(f"?{name}", "repeated_parameter", "the parameter is given once")
            else:
                self._given[name] = value

    def refuse(self, pointer: str, code: str, rule: str) -> None:
        """Note what is wrong."""
        self._wrong.append(Violation(pointer, code, rule))

    def check(self) -> None:
        """Raise ``Invalid`` with all that is wrong, if anything is."""
        if self._wrong:
            raise Invalid(*self._wrong)

    def get(self, name: str) -> str | None:
        """Give a parameter as it was written."""
        return self._given.get(name)

    def operation(self) -> str | None:
        """Give the operation, if one is named."""
        value = self.get("operation")
        if value is not None and not _OPERATION.fullmatch(value):
            self.refuse("?operation", "malformed_operation", "an operation code is 1 to 16 letters or digits")
        return value

    def html(self, *, preferred: bool) -> bool:
        """Say whether a page for people is asked for: by ``f``, or else by what the client prefers."""
        value = self.get("f")
        if value is not None and value not in FORMS:
            self.refuse("?f", "unknown_format", f"f is one of {', '.join(FORMS)}")
        return preferred if value is None else value == "html"

    def crs(self, name: str, systems: Sequence[Crs]) -> Crs:
        """Give the system that is named by its identifier; the first where none is."""
        value = self.get(name)
        for one in systems:
            if value is None or value.strip("[]<>") == one.uri:
                return one
        self.refuse(f"?{name}", "unknown_crs", "the reference system is one of those that the collection lists")
        return systems[0]

    def given(self, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Give those of the parameters that came."""
        return tuple((name, self._given[name]) for name in names if name in self._given)


def items_query(given: Given, about: About) -> ItemsQuery:
    """Read what is asked of items; raise ``Invalid`` with all that is wrong."""
    order = _order(given, about)
    narrowed = Narrowed(_area(given, about), _during(given), *_condition(given, about))
    page = Page(_limit(given), order, _after(given, about, order), given.crs("crs", about.systems))
    asked = ItemsQuery(
        narrowed, page, _properties(given, about), given.given(name for name in ITEMS if name != "after")
    )
    given.check()
    return asked


def cursor(order: Order, keys: Sequence[Any], feature: str) -> str:
    """Write where the next page begins: after this feature, whatever comes or goes in between."""
    if not order.keys:
        return feature
    return base64.urlsafe_b64encode(json.dumps([*keys, feature]).encode()).decode().rstrip("=")


def _limit(given: Given) -> int:
    value = given.get("limit")
    if value is None:
        return DEFAULT_LIMIT
    if not _WHOLE.fullmatch(value) or int(value) < 1:
        given.refuse("?limit", "out_of_range", "a whole number from 1; what is above the maximum counts as it")
        return DEFAULT_LIMIT
    return min(int(value), MAX_LIMIT)


def _area(given: Given, about: About) -> BaseGeometry | None:
    crs, value = given.crs("bbox-crs", about.systems), given.get("bbox")
    if value is None:
        return None
    numbers = [float(part) if _NUMBER.fullmatch(part) else math.nan for part in value.split(",")]
    found = None
    if all(map(math.isfinite, numbers)):
        match numbers:
            case [x0, y0, x1, y1] | [x0, y0, _, x1, y1, _]:
                found = box_in_wgs84((x0, y0), (x1, y1), crs)
    if found is None:
        rule = "two corners, the lower left one first, each of two numbers (or three) in the order of the bbox-crs"
        given.refuse("?bbox", "malformed_bbox", rule)
    return found


def _during(given: Given) -> Interval | None:
    value = given.get("datetime")
    if value is None:
        return None
    first, slash, last = value.partition("/")
    if not slash:
        last = first
    begin = None if slash and first in _OPEN else instant(first, last=False)
    end = None if slash and last in _OPEN else instant(last, last=True)
    wrong = (begin is None and not (slash and first in _OPEN)) or (end is None and not (slash and last in _OPEN))
    if wrong or (begin is not None and end is not None and begin > end):
        rule = "an RFC 3339 instant, a date, or an interval of two with a slash between, either end open as .."
        given.refuse("?datetime", "malformed_datetime", rule)
    return begin, end


def _condition(given: Given, about: About) -> tuple[Tree, Crs]:
    crs, value = given.crs("filter-crs", about.systems), given.get("filter")
    language = given.get("filter-lang")
    language = Language.TEXT if language is None else language
    if language not in set(Language):
        given.refuse("?filter-lang", "unknown_language", f"one of {', '.join(Language)}")
    elif value is not None:
        try:
            return filters.read(value, Language(language)), crs
        except Invalid as wrong:
            for one in wrong.violations:
                given.refuse(one.pointer, one.code, one.rule)
    return True, crs


def _properties(given: Given, about: About) -> tuple[str, ...] | None:
    value = given.get("properties")
    if value is None:
        return None
    names = tuple(name for name in value.split(",") if name)
    if not set(names) <= layers.members(about.layer, about.audience):
        given.refuse("?properties", "unknown_property", "members of the features' properties, with commas between")
    return names


def _order(given: Given, about: About) -> Order:
    value = given.get("sortby")
    if value is None:
        return Order()
    known = {column.name for column in layers.columns(about.layer, about.audience)}
    # A plus sign that was not escaped arrives as a space.
    keys = [(part.lstrip("+- "), part.startswith("-")) for part in value.split(",")]
    names = [name for name, _ in keys]
    if not set(names) <= known or len(set(names)) < len(names):
        given.refuse(
            "?sortby", "unknown_property", "queryables, each once, separated by commas; - before one: downwards"
        )
        return Order()
    return Order(tuple(keys))


def _after(given: Given, about: About, order: Order) -> tuple[Any, ...] | None:
    value = given.get("after")
    if value is None:
        return None
    *keys, feature = [value] if not order.keys else _decoded(value)
    kinds = {column.name: column.kind for column in layers.columns(about.layer, about.audience)}
    fits = len(keys) == len(order.keys) and all(
        key is None or _fits(key, kinds[name]) for key, (name, _) in zip(keys, order.keys, strict=True)
    )
    if not fits or not _is_id(feature):
        given.refuse("?after", "cursor", "what the next link of the page before says")
    return *keys, feature


def _decoded(value: str) -> list[Any]:
    try:
        if _CURSOR.fullmatch(value):
            found = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
            return found if isinstance(found, list) and found else [None]
    except (binascii.Error, ValueError, RecursionError):
        pass
    return [None]


_FITTING: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}


def _fits(value: object, kind: Kind) -> bool:
    if isinstance(value, bool) is not (kind is Kind.BOOLEAN) or not isinstance(value, _FITTING[kind]):
        return False
    if isinstance(value, str):
        return "\x00" not in value and value.encode("utf-8", "ignore").decode() == value
    # Compared before anything else: what has 400 digits is no float. NaN is less than nothing.
    return abs(value) < 2**31 if isinstance(value, int | float) else True


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    malformed = Violation("?", "malformed_query", f"the query is UTF-8 of at most {_LONGEST_QUERY} bytes")
    if len(query_string) > _LONGEST_QUERY:
        raise Invalid(malformed)
    try:
        return parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise Invalid(malformed) from None
