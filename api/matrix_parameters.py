"""What a client may ask of the matrix: the parameters of its three resources, read strictly.

An unknown parameter is refused, for a misspelt filter would show too much. No refusal repeats what was typed.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, get_args
from urllib.parse import parse_qsl

from api.sheet import Geometry, Query
from flashpoint.errors import Invalid, Violation
from flashpoint.released import Box
from flashpoint.types import Tier

MAX_LIMIT = 10_000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
#: The database's clock may be ahead of ours, and ``as_of`` of a live answer is by that clock.
_AHEAD = timedelta(seconds=5)

_MAX_QUERY_BYTES = 2_048
_GEOMETRIES: tuple[Geometry, ...] = get_args(Geometry)
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# A name that somebody typed is repeated only if it can hardly be anything but a parameter's name.
_NAME = re.compile(r"[a-z][a-z_-]{0,31}")
_OPERATION = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A plus sign that was not escaped arrives as a space, and nothing else can be meant by one there.
_INSTANT = re.compile(_DAY.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+ -][0-9]{2}:[0-9]{2})")


def _parameter(name: str, description: str, schema: dict[str, Any], example: object = None) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": name in {"operation", "since"},
        "description": description,
        "schema": schema,
        **({} if example is None else {"example": example}),
        **({"explode": False} if schema["type"] == "array" else {}),
    }


_OF_OPERATION = _parameter("operation", "The operation whose matrix is asked for.", {"type": "string"}, "DEMO")
# Without examples: the interactive documentation would fill them in, and then nobody saw the live matrix first.
_OF_MOMENT = [
    _parameter(
        "as_of",
        "The matrix as it could have been computed at that moment, from what was known and recorded here by then: an "
        "RFC 3339 instant such as 2014-02-01T12:00:00Z, or a date, which means its midnight in UTC. Not in the "
        "future, not before 1900.",
        {"type": "string"},
    ),
    _parameter(
        "methodology",
        "By this version of the method instead of the one that was in force; without `as_of`, of the live matrix.",
        {"type": "string"},
    ),
    _parameter(
        "recorded",
        "Only from what was recorded here by then; goes with `as_of`. An answer that is a reconstruction says in "
        "`recorded_through` what to give here to get the same bytes again after later imports.",
        {"type": "string"},
    ),
]
_OF_ROWS = [
    _parameter(
        "limit",
        "Rows in one answer; without it, all. A limited answer has a `next` link while rows remain.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        100,
    ),
    _parameter("offset", "Rows to leave out first.", {"type": "integer", "minimum": 0, "default": 0}, 0),
    _parameter(
        "tier",
        "Only rows of these tiers: comma separated, or the parameter repeated.",
        {"type": "array", "items": {"type": "string", "enum": [tier.value for tier in Tier]}},
        ["extreme", "high"],
    ),
    _parameter(
        "bbox",
        "Only rows whose extent touches west,south,east,north in degrees (WGS 84); west greater than east crosses "
        "the antimeridian.",
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        [14.4, 2.2, 27.5, 11.0],
    ),
    _parameter(
        "geometry",
        "Which geometry each feature carries.",
        {"type": "string", "enum": list(_GEOMETRIES), "default": "polygon"},
        "point",
    ),
]
_OF_SINCE = _parameter(
    "since",
    "The `as_of` of an earlier answer, or any other moment since when changes are asked for, as an RFC 3339 instant or "
    "a date.",
    {"type": "string"},
    "2026-01-01T00:00:00Z",
)

MATRIX_PARAMETERS = [_OF_OPERATION, *_OF_ROWS, *_OF_MOMENT]
ROW_PARAMETERS = [_OF_OPERATION, *_OF_MOMENT]
CHANGES_PARAMETERS = [_OF_OPERATION, _OF_SINCE]


@dataclass(frozen=True, slots=True)
class Moment:
    """Which past matrix: known at ``as_of`` (``None``: that of the live one), by a version of the method if named.

    ``recorded``: only what was recorded by then. ``rebuilt_by`` takes its place where the answer turns out to be a
    reconstruction; ``None``: now.
    """

    as_of: datetime | None
    methodology: str | None = None
    recorded: datetime | None = None
    rebuilt_by: datetime | None = None


@lru_cache(maxsize=256)
def parse_matrix_query(query_string: bytes) -> tuple[str, Moment | None, Query]:
    """Read operation, moment and query of ``GET /v1/matrix``; raise ``Invalid`` with all that is wrong.

    No moment means the live matrix.
    """
    given = _Given(query_string, MATRIX_PARAMETERS)
    operation = given.operation()
    query = Query(
        limit=given.whole("limit", range(1, MAX_LIMIT + 1)),
        offset=given.whole("offset", range(10**9)) or 0,
        tiers=given.tiers(),
        bbox=given.bbox(),
        geometry=given.geometry(),
    )
    moment = given.moment()
    given.check()
    return operation, moment, query


@lru_cache(maxsize=256)
def parse_row_query(query_string: bytes) -> tuple[str, Moment | None]:
    """Read operation and moment of ``GET /v1/matrix/{locality}``."""
    given = _Given(query_string, ROW_PARAMETERS)
    operation, moment = given.operation(), given.moment()
    given.check()
    return operation, moment


@lru_cache(maxsize=256)
def parse_changes_query(query_string: bytes) -> tuple[str, datetime]:
    """Read operation and moment of ``GET /v1/matrix/changes``."""
    given = _Given(query_string, CHANGES_PARAMETERS)
    operation, since = given.operation(), given.instant("since", required=True)
    given.check()
    return operation, since or EARLIEST


class _Given:
    """The parameters of a request, and what is wrong with them."""

    def __init__(self, query_string: bytes, known: Iterable[dict[str, Any]]) -> None:
        self._given: dict[str, list[str]] = {}
        self._wrong: list[Violation] = []
        names = {parameter["name"] for parameter in known}
        for name, value in _pairs(query_string):
            if name in names:
                self._given.setdefault(name, []).append(value)
            else:
                pointer = f"?{name}" if _NAME.fullmatch(name) else "?"
                self._wrong.append(
                    Violation(pointer, "unknown_parameter", "the parameter is one that this resource has")
                )

    def check(self) -> None:
        """Raise ``Invalid`` with all that is wrong, if anything is."""
        if self._wrong:
            raise Invalid(*self._wrong)

    def one(self, name: str) -> str | None:
        values = self._given.get(name)
        if values and len(values) > 1:
            self._wrong.append(Violation(f"?{name}", "repeated_parameter", "the parameter is given once"))
            return None
        return values[0] if values else None

    def operation(self) -> str:
        if "operation" not in self._given:
            self._wrong.append(Violation("?operation", "required", "the operation is named"))
        value = self.one("operation")
        if value is not None and not _OPERATION.fullmatch(value):
            self._wrong.append(
                Violation("?operation", "malformed_operation", "an operation code is 1 to 32 letters or digits")
            )
        return value or ""

    def whole(self, name: str, allowed: range) -> int | None:
        value = self.one(name)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value) or int(value) not in allowed:
            self._wrong.append(
                Violation(f"?{name}", "out_of_range", f"a whole number from {allowed.start} to {allowed.stop - 1}")
            )
            return None
        return int(value)

    def tiers(self) -> frozenset[str]:
        known = {tier.value for tier in Tier}
        asked = {tier for value in self._given.get("tier", []) for tier in value.split(",")}
        if asked - known:
            self._wrong.append(Violation("?tier", "unknown_tier", f"each tier is one of {', '.join(Tier)}"))
        return frozenset(asked & known)

    def bbox(self) -> Box | None:
        value = self.one("bbox")
        if value is None:
            return None
        numbers = [float(part) if _NUMBER.fullmatch(part) else math.nan for part in value.split(",")]
        # NaN is in no range, so what is not a number fails here too.
        match numbers:
            case [w, s, e, n] if -180 <= w <= 180 and -180 <= e <= 180 and -90 <= s <= n <= 90:  # noqa: PLR2004
                return (w, s, e, n)
        rule = "west,south,east,north in degrees, longitudes in [-180, 180], latitudes in [-90, 90], south <= north"
        self._wrong.append(Violation("?bbox", "malformed_bbox", rule))
        return None

    def geometry(self) -> Geometry:
        value = self.one("geometry")
        for geometry in _GEOMETRIES:
            if value == geometry:
                return geometry
        if value is not None:
            self._wrong.append(
                Violation("?geometry", "unknown_geometry", f"the geometry is one of {', '.join(_GEOMETRIES)}")
            )
        return "polygon"

    def moment(self) -> Moment | None:
        as_of, recorded, version = self.instant("as_of"), self.instant("recorded"), self.version()
        if "recorded" in self._given and "as_of" not in self._given:
            self._wrong.append(Violation("?recorded", "not_allowed", "goes with as_of"))
        return None if as_of is None and version is None else Moment(as_of, version, recorded)

    def version(self) -> str | None:
        value = self.one("methodology")
        if value is not None and not _VERSION.fullmatch(value):
            rule = "a version's name is 1 to 100 letters, digits, points, hyphens or underscores"
            self._wrong.append(Violation("?methodology", "malformed_version", rule))
        return value

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        if required and name not in self._given:
            self._wrong.append(Violation(f"?{name}", "required", "the moment is named"))
        value = self.one(name)
        found = None if value is None else _instant(value)
        if value is not None and found is None:
            self._wrong.append(
                Violation(f"?{name}", "malformed_instant", "an RFC 3339 instant with its offset, or a date")
            )
        elif found is not None and found < EARLIEST:
            self._wrong.append(Violation(f"?{name}", "out_of_range", "not before 1900"))
        elif found is not None and found > datetime.now(UTC) + _AHEAD:
            self._wrong.append(Violation(f"?{name}", "in_future", "not in the future"))
        return found


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    malformed = Violation("?", "malformed_query", f"the query is UTF-8 of at most {_MAX_QUERY_BYTES} bytes")
    if len(query_string) > _MAX_QUERY_BYTES:
        raise Invalid(malformed)
    try:
        return parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise Invalid(malformed) from None


def _instant(value: str) -> datetime | None:
    """Read an instant, or a date as its midnight, in UTC; ``None`` where it is neither."""
    if _DAY.fullmatch(value):
        value += "T00:00:00Z"
    elif not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper().replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
