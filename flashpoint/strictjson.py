"""The strict edge: bytes from outside become a JSON tree, or an ``Invalid`` that repeats none of them.

What the standard parser lets through is refused here: a key twice in one object (two readers would see two
records), NaN and infinities, integers beyond 64 bits, NUL and other control characters, halves of surrogate
pairs. Line feed and tab are the only control characters that text may hold; a member's name may hold none.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Final, TypeAlias

from flashpoint.errors import Invalid, Violation

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a body is looked at. Depth counts brackets; strings count code points.

    ``max_values`` bounds time and memory: ten million bytes of ``[],`` would become half a gigabyte of lists.
    """

    max_bytes: int = 1024 * 1024
    max_depth: int = 32
    max_values: int = 2_000_000
    max_string: int = 20_000
    max_records: int = 10_000


SINGLE: Final = Limits()
BATCH: Final = Limits(max_bytes=10 * 1024 * 1024)

_BOM: Final = b"\xef\xbb\xbf"
_RECORD_SEPARATOR: Final = b"\x1e"
_WHITESPACE: Final = b" \t\r\n"
_BEYOND_64_BITS: Final = 2**63
_LONGEST_64_BIT_TEXT: Final = len(str(-(2**63)))

# The closing quote is optional and nothing backtracks, so that a body of broken strings costs linear time.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b"[]{},"))
_OPENING: Final = frozenset(b"[{")

_NON_CHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    chr(plane + end) for plane in range(0, 0x110000, 0x10000) for end in (0xFFFE, 0xFFFF)
)
_NEVER_IN_TEXT: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_NON_CHARACTERS}]")
_NEVER_IN_A_NAME: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_NON_CHARACTERS}]")
_NAME_FIT_TO_REPEAT: Final = re.compile(r"[a-z][a-z0-9_.:~/-]{0,39}")


class _Repeated(dict[str, JsonValue]):
    """An object in which a key stood twice. It lives only until the tree is checked, where its place is known."""


class _FaultError(Exception):
    """A broken rule, and the way up from it: each level that it passes adds its own step."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(code)
        self.code = code
        self.rule = rule
        self.steps_up: list[str | int] = []

    def as_invalid(self) -> Invalid:
        return _invalid(self.code, self.rule, pointer_to("", *reversed(self.steps_up)))


def parse(body: bytes, limits: Limits = SINGLE) -> JsonValue:
    """Read one JSON text (RFC 8259, UTF-8).

    Raises:
        Invalid: the first rule that the body breaks; nothing else is ever raised, whatever the bytes.
    """
    text = _decode(body, limits)
    _refuse_shape(body, limits)
    tree = _load(text)
    fault = _first_fault(tree, limits)
    if fault is not None:
        raise fault.as_invalid()
    return tree


def parse_lines(body: bytes, limits: Limits = BATCH) -> Iterator[tuple[int, JsonValue | Invalid]]:
    """Read one JSON text a line, or a sequence of texts that each follow a record separator (RFC 8142).

    Yields ``(index, tree or Invalid)`` for each record that is not blank, the index counting from 0. Pointers
    are relative to the record. One bad record does not stop the others.

    Raises:
        Invalid: at once, if the body as a whole is empty, too large, has too many records or a byte order mark.
    """
    _refuse_whole(body, limits)
    framed = body.lstrip(_WHITESPACE).startswith(_RECORD_SEPARATOR)
    pattern = rb"[^\x1e]+" if framed else rb"[^\n]+"
    found = (match.group() for match in re.finditer(pattern, body))
    records = list(islice(filter(_not_blank, found), limits.max_records + 1))
    if len(records) > limits.max_records:
        raise _invalid("too_many_records", f"a body holds at most {limits.max_records} records")
    return enumerate(_parse_or_error(record, limits) for record in records)


def pointer_to(base: str, *steps: str | int) -> str:
    """Extend the RFC 6901 pointer ``base`` by member names and array indexes.

    It stops before the first name that does not look like one of this service's own (lower case, at most
    40 characters): a name is typed by the client as a value is, and could be a person's.
    """
    for step in steps:
        if isinstance(step, str) and not _NAME_FIT_TO_REPEAT.fullmatch(step):
            break
        base += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return base


def _invalid(code: str, rule: str, pointer: str = "") -> Invalid:
    return Invalid(Violation(pointer, code, rule))


def _not_blank(record: bytes) -> bool:
    return bool(record.strip(_WHITESPACE))


def _parse_or_error(record: bytes, limits: Limits) -> JsonValue | Invalid:
    try:
        return parse(record, limits)
    except Invalid as invalid:
        # A kept error would keep the record alive through its traceback, ten thousand times over.
        return invalid.with_traceback(None)


def _refuse_whole(body: bytes, limits: Limits) -> None:
    if len(body) > limits.max_bytes:
        raise _invalid("too_large", f"a body holds at most {limits.max_bytes} bytes")
    if not _not_blank(body):
        raise _invalid("empty_body", "the body is empty")
    if body.startswith(_BOM):
        raise _invalid("byte_order_mark", "JSON starts without a byte order mark")


def _decode(body: bytes, limits: Limits) -> str:
    _refuse_whole(body, limits)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        position = error.start
    # Raised outside the handler: a chained decoding error would carry the whole body into a log.
    raise _invalid("not_utf8", f"the body is not UTF-8 at byte {position}")


def _refuse_shape(body: bytes, limits: Limits) -> None:
    """Count what stands outside strings before parsing, so that a million brackets cost nothing."""
    structure = _STRING.sub(b"", body).translate(None, _NOT_STRUCTURE)
    brackets = structure.translate(None, b",")
    # Each value but the first of an array or object follows a comma, and each first one an opening bracket.
    if structure.count(b",") + brackets.count(b"[") + brackets.count(b"{") > limits.max_values:
        raise _invalid("too_many_values", f"a body holds at most {limits.max_values} values")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if depth > limits.max_depth:
            raise _invalid("too_deep", f"objects and arrays stand at most {limits.max_depth} deep in one another")


def _load(text: str) -> JsonValue:
    try:
        tree: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
    else:
        return tree
    # Raised outside the handler for the same reason as above.
    raise _invalid("not_json", f"the body is not JSON at line {line}, column {column}")


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Repeated(members)


def _integer(text: str) -> int:
    # Python takes quadratic time over digits, then refuses them with an error of its own: neither is wanted.
    return int(text) if len(text) <= _LONGEST_64_BIT_TEXT else _BEYOND_64_BITS


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def _first_fault(tree: JsonValue, limits: Limits) -> _FaultError | None:
    try:
        _check(tree, limits)
    except _FaultError as fault:
        return fault.with_traceback(None)
    return None


def _check(node: JsonValue, limits: Limits) -> None:
    """Refuse what JSON's grammar allows and this service does not. Recursion is bounded by the depth limit."""
    if isinstance(node, float):
        if not isfinite(node):
            raise _FaultError("not_finite", "a number is finite")
    elif isinstance(node, str):
        if len(node) > limits.max_string:
            raise _FaultError("string_too_long", f"text holds at most {limits.max_string} characters")
        if not node.isprintable() and _NEVER_IN_TEXT.search(node):
            raise _FaultError("forbidden_character", "text holds no control characters but line feed and tab")
    elif isinstance(node, dict):
        _check_object(node, limits)
    elif isinstance(node, list):
        _check_each(enumerate(node), limits)
    elif isinstance(node, int) and not -_BEYOND_64_BITS <= node < _BEYOND_64_BITS:
        raise _FaultError("integer_range", "an integer fits in 64 bits")


def _check_object(members: dict[str, JsonValue], limits: Limits) -> None:
    if isinstance(members, _Repeated):
        raise _FaultError("duplicate_key", "a key stands once in an object")
    if any(len(name) > limits.max_string for name in members):
        raise _FaultError("string_too_long", f"a member's name holds at most {limits.max_string} characters")
    if _NEVER_IN_A_NAME.search("".join(members)):
        raise _FaultError("forbidden_character", "a member's name holds no control characters")
    _check_each(members.items(), limits)


def _check_each(children: Iterable[tuple[str | int, JsonValue]], limits: Limits) -> None:
    for step, child in children:
        try:
            _check(child, limits)
        except _FaultError as fault:
            fault.steps_up.append(step)
            raise
