"""CQL2, the filter language of OGC API - Features: read into a closed tree, and nothing in it is ever run as text.

The library ``cql2`` reads both forms, text and JSON, into the JSON form of the standard (OGC 21-065). It is written in
Rust and descends as deep as a filter is nested, so that one that is nested too deeply is refused before it is read:
it would overflow its stack, which ends the process.
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
_OPENING, _CLOSING = frozenset(b"([{"), frozenset(b")]}")
#: A character literal or a name in quotes, as the standard writes them, and as the library reads them.
_STANDARD = re.compile(r"""'(?:[^'\\]|''|\\.)*'|"[^"]*\"""", re.DOTALL)
_PLAIN = re.compile(rb"""'[^']*'|"[^"]*\"""")
_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"'": "''", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}


class Language(StrEnum):
    """The two forms of CQL2."""

    TEXT = "cql2-text"
    JSON = "cql2-json"


_DEEPEST = {Language.TEXT: 10, Language.JSON: 40}
#: The reader of text tries each bracket in two ways: what stands in ten of them it may read a thousand times over. So
#: many bytes, each as often as its brackets may have it read, take it less than a tenth of a second.
_MOST_READ = 200_000


def read(written: str, language: Language) -> Tree:
    """Read a filter.

    Raises:
        Invalid: it is too long, nested too deeply, or no CQL2. What was written is not repeated.
    """
    if len(written) > LONGEST:
        raise _wrong("too_long", f"a filter has at most {LONGEST} characters")
    if "\x00" in written:
        raise _wrong("malformed_filter", "a filter has no control characters")
    try:
        tree = _read_text(written) if language is Language.TEXT else _read_json(written)
    except Invalid:
        raise
    except Exception:  # noqa: BLE001 - the library has no class for some: POINT EMPTY is read, and cannot be written
        raise _wrong("malformed_filter", f"the filter is {language}") from None
    if _nodes(tree) > _MOST_NODES:
        raise _wrong("too_long", f"a filter has at most {_MOST_NODES} parts")
    return tree


def _read_text(written: str) -> Tree:
    if {"'", '"'} & set(_STANDARD.sub("", written)):
        raise _wrong("malformed_filter", "what begins with a quote ends with one")
    # The library has no escapes but the doubled quote.
    plain = _STANDARD.sub(lambda found: found[0] if found[0][0] == '"' else _ESCAPED.sub(_unescaped, found[0]), written)
    _guard(_PLAIN.sub(lambda found: b"_" * len(found[0]), plain.encode()), Language.TEXT)
    return _of(cql2.parse_text(plain))


def _read_json(written: str) -> Tree:
    # What Python wrote has its quotes where Python knows them to be.
    canonical = json.dumps(json.loads(written), allow_nan=False)
    _guard(_JSON_TEXT.sub(b"", canonical.encode()), Language.JSON)
    return _of(cql2.parse_json(canonical))


def _of(expression: cql2.Expr) -> Tree:
    tree: Tree = json.loads(json.dumps(expression.to_json(), allow_nan=False))
    return tree


def _unescaped(escape: re.Match[str]) -> str:
    # Any other stays as it is: the patterns of LIKE have their own.
    return _ESCAPES.get(escape[1], escape[0])


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


def _guard(unquoted: bytes, language: Language) -> None:
    """Refuse what is nested too deeply, or so that reading it takes too long; quotes hold no brackets any more."""
    depth = deepest = effort = 0
    for sign in unquoted:
        depth = max(0, depth + (sign in _OPENING) - (sign in _CLOSING))
        deepest = max(deepest, depth)
        effort += 1 << min(depth, _DEEPEST[Language.TEXT])
    if deepest > _DEEPEST[language]:
        raise _wrong("too_deep", f"brackets are nested at most {_DEEPEST[language]} deep")
    if language is Language.TEXT and effort > _MOST_READ:
        raise _wrong("too_deep", "the more a filter has in brackets, the less deep they are nested")


def _nodes(tree: Tree) -> int:
    if isinstance(tree, dict):
        # The vertices of a geometry are no parts of the filter.
        return 1 + sum(_nodes(value) for name, value in tree.items() if name not in {"coordinates", "geometries"})
    if isinstance(tree, str) and "\x00" in tree:
        raise _wrong("malformed_filter", "a filter has no control characters")
    return 1 + sum(map(_nodes, tree)) if isinstance(tree, list) else 1
