"""CQL2, the filter language of OGC API - Features: read into a closed tree, and nothing in it is ever run as text.

The library ``cql2`` reads both forms, text and JSON, into the JSON form of the standard (OGC 21-065). It is written in
Rust and descends as deep as a filter is nested, so that one that is nested too deeply is refused before it is read.
"""

import json
import re
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, TypeAlias

import cql2

from flashpoint.errors import Invalid, Violation

Tree: TypeAlias = "dict[str, Any] | list[Any] | str | float | bool | None"
"""A node of CQL2 in JSON: an operation with ``op`` and ``args``, a property, a literal."""

LONGEST = 4_000
_MOST_NODES = 500
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(_DAY.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class Language(StrEnum):
    """The two forms of CQL2."""

    TEXT = "cql2-text"
    JSON = "cql2-json"


#: The reader of text tries each bracket in several ways: with every level a wrong filter takes it twice as long.
_DEEPEST = {Language.TEXT: 10, Language.JSON: 40}


def read(written: str, language: Language) -> Tree:
    """Read a filter.

    Raises:
        Invalid: it is too long, nested too deeply, or no CQL2. What was written is not repeated.
    """
    if len(written) > LONGEST:
        raise _wrong("too_long", f"a filter has at most {LONGEST} characters")
    if _depth(written) > _DEEPEST[language]:
        raise _wrong("too_deep", f"brackets are nested at most {_DEEPEST[language]} deep")
    if "\x00" in written:
        raise _wrong("malformed_filter", "a filter has no control characters")
    try:
        expression = cql2.parse_text(written) if language is Language.TEXT else cql2.parse_json(written)
        tree: Tree = json.loads(json.dumps(expression.to_json(), allow_nan=False))
    except (cql2.ParseError, cql2.ValidationError, ValueError, TypeError, RecursionError):
        raise _wrong("malformed_filter", f"the filter is {language}") from None
    if _nodes(tree) > _MOST_NODES:
        raise _wrong("too_long", f"a filter has at most {_MOST_NODES} parts")
    return tree


def instant(written: str, *, last: bool) -> datetime | None:
    """Read an RFC 3339 instant, or a date as its first or its last second, in UTC; ``None`` where it is neither."""
    try:
        if _DAY.fullmatch(written):
            return datetime.combine(date.fromisoformat(written), time(23, 59, 59) if last else time(), UTC)
        return datetime.fromisoformat(written.upper()).astimezone(UTC) if _INSTANT.fullmatch(written) else None
    except (ValueError, OverflowError):
        return None


def _wrong(code: str, rule: str) -> Invalid:
    return Invalid(Violation("?filter", code, rule))


def _depth(written: str) -> int:
    """Count how deep brackets nest, whether or not they stand in a text."""
    depth = deepest = 0
    for sign in written:
        depth += (sign in _OPENING) - (sign in _CLOSING)
        deepest = max(deepest, depth)
    return deepest


def _nodes(tree: Tree) -> int:
    if isinstance(tree, dict):
        # The vertices of a geometry are no parts of the filter.
        return 1 + sum(_nodes(value) for name, value in tree.items() if name not in {"coordinates", "geometries"})
    return 1 + sum(map(_nodes, tree)) if isinstance(tree, list) else 1
