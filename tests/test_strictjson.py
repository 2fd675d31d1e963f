"""The parser at the edge takes JSON, refuses the rest with ``Invalid`` alone, and repeats nothing."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashpoint.errors import Invalid
from flashpoint.strictjson import BATCH, Limits, parse, parse_lines, pointer_to

SECRET = "Tok3n-NotToEcho"  # noqa: S105  (what must not come back)

clean_text = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=[chr(c) for c in range(0xFDD0, 0xFDF0)]).filter(
        lambda c: ord(c) & 0xFFFE != 0xFFFE
    ),
    max_size=30,
)
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | clean_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(clean_text, inner, max_size=5),
    max_leaves=20,
)
json_like_bytes = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b'"',
            b"\\",
            b"\\u0000",
            b"\\ud800",
            b"1",
            b"-",
            b".",
            b"e",
            b"9" * 30,
            b" ",
            b"\n",
            b"true",
            b"null",
            b"NaN",
            b"Infinity",
            b'"a"',
            b'"a":',
            b"1e999",
            b"\x1e",
            b"\x00",
            b"\xff",
            b"\xef\xbb\xbf",
            b"[" * 40,
        ]
    ),
    max_size=30,
).map(b"".join)
# A tree that is somewhere more than this service takes, with the secret as a value beside each fault.
faults = st.sampled_from(
    [
        f'["{SECRET}", NaN]',
        f'["{SECRET}", 1e400]',
        f'["{SECRET}", {2**63}]',
        f'["{SECRET}\\u0000"]',
        f'["{SECRET}\\ud83d"]',
        f'{{"{SECRET}": 1, "{SECRET}": 2}}',
        f'{{"{SECRET}": {{"note": "\\u0007"}}}}',
        f'{{"{SECRET}\\u0000": 1}}',
        f'["{SECRET}" "{SECRET}"]',
        f'["{SECRET}"',
        f'["{SECRET}"] {SECRET}',
        "[" * 40 + f'"{SECRET}"',
        f'"{SECRET * 2000}"',
    ]
)


def refusal(body, limits=None):
    with pytest.raises(Invalid) as caught:
        parse(body, limits or Limits())
    (violation,) = caught.value.violations
    return violation


@given(trees, st.booleans())
def test_what_json_writes_is_read_back_the_same(tree, ascii_only):
    assert parse(json.dumps(tree, ensure_ascii=ascii_only).encode()) == tree


@settings(max_examples=500)
@given(st.binary(max_size=60) | json_like_bytes)
def test_any_bytes_parse_or_raise_invalid(body):
    try:
        tree = parse(body)
    except Invalid:
        return
    # What was taken can be written again as strict JSON in UTF-8, whatever stood in it.
    json.dumps(tree, allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=300)
@given(st.binary(max_size=60) | json_like_bytes)
def test_any_bytes_as_lines_give_records_or_raise_invalid(body):
    try:
        records = list(parse_lines(body))
    except Invalid:
        return
    assert [index for index, _ in records] == list(range(len(records)))


@given(faults, st.lists(st.sampled_from(["list", "object", "name"]), max_size=4))
def test_a_violation_never_repeats_what_was_sent(fault, wrappers):
    for wrapper in wrappers:
        fault = {"list": f"[{fault}]", "object": f'{{"properties": {fault}}}', "name": f'{{"{SECRET}": {fault}}}'}[
            wrapper
        ]
    with pytest.raises(Invalid) as caught:
        parse(fault.encode())
    error = caught.value
    assert SECRET not in f"{error} {error!r} {error.violations!r}"
    # Logs print chained errors, and those of the standard parser hold the whole body.
    assert error.__cause__ is None
    assert error.__context__ is None or SECRET not in f"{vars(error.__context__)}"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"", "", "empty_body"),
        (b" \r\n\t", "", "empty_body"),
        (b"\xef\xbb\xbf{}", "", "byte_order_mark"),
        ('{"a": 1}'.encode("utf-16"), "", "not_utf8"),
        ('{"a": 1}'.encode("utf-16-be"), "", "not_json"),
        ('{"a": "Kabo, é"}'.encode("latin-1"), "", "not_utf8"),
        (b'"\xed\xa0\x80"', "", "not_utf8"),
        (b'{"a": 1', "", "not_json"),
        (b'{"a": 1} x', "", "not_json"),
        (b'{"a": 1}{"a": 1}', "", "not_json"),
        (b"{'a': 1}", "", "not_json"),
        (b'{"a": 01}', "", "not_json"),
        (b'{"a": 1,}', "", "not_json"),
        (b'["a\nb"]', "", "not_json"),
        (b'{"a": 1, "a": 1}', "", "duplicate_key"),
        (b'{"x": [0, {"a": 1, "\\u0061": 2}]}', "/x/1", "duplicate_key"),
        (b'{"a": NaN}', "/a", "not_finite"),
        (b'{"a": [Infinity]}', "/a/0", "not_finite"),
        (b'{"a": [0, -Infinity]}', "/a/1", "not_finite"),
        (b'{"a": -1e400}', "/a", "not_finite"),
        (b'{"a": 9223372036854775808}', "/a", "integer_range"),
        (b'{"a": -9223372036854775809}', "/a", "integer_range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "/a", "integer_range"),
        (b'{"a": "\\u0000"}', "/a", "forbidden_character"),
        (b'{"a": "x\\r\\n"}', "/a", "forbidden_character"),
        (b'{"a": "\\u0085"}', "/a", "forbidden_character"),
        (b'{"a": "\\u007f"}', "/a", "forbidden_character"),
        (b'{"a": "\\ud800"}', "/a", "forbidden_character"),
        (b'{"a": "\\udc00\\ud800"}', "/a", "forbidden_character"),
        (b'{"a": "\\ufffe"}', "/a", "forbidden_character"),
        (b'{"a": "\\ufdd0"}', "/a", "forbidden_character"),
        ('{"a": "\U0010ffff"}'.encode(), "/a", "forbidden_character"),
        (b'{"a": {"k\\u0000": 1}}', "/a", "forbidden_character"),
        (b'{"a": {"k\\n": 1}}', "/a", "forbidden_character"),
        (b'{"a": {"k\\udfff": 1}}', "/a", "forbidden_character"),
        (b'{"a": ["' + b"x" * 20_001 + b'"]}', "/a/0", "string_too_long"),
        (b'{"a": {"' + b"x" * 20_001 + b'": 1}}', "/a", "string_too_long"),
        (b"[" * 33 + b"]" * 33, "", "too_deep"),
        (b"[" * 1_000_000, "", "too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "", "too_deep"),
        (b" " * (1024 * 1024) + b"1", "", "too_large"),
    ],
)
def test_refused(body, pointer, code):
    violation = refusal(body)
    assert (violation.pointer, violation.code) == (pointer, code)


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        (b"[" * 32 + b"]" * 32, None),
        (b'"' + b"[" * 100 + b'\\"[[["', "[" * 100 + '"[[['),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\n\\t"', "\n\t"),
        (b'"' + b"x" * 20_000 + b'"', "x" * 20_000),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b" 1 ", 1),
        (b"null", None),
        ('"d\u2019où, \u00a0là"'.encode(), "d\u2019où, \u00a0là"),
    ],
)
def test_taken(body, tree):
    parsed = parse(body)
    assert tree is None or parsed == tree


def test_values_are_counted_before_they_are_built():
    body = b"[" + b"[]," * 100 + b"[]]"
    assert refusal(body, Limits(max_values=100)).code == "too_many_values"
    assert len(parse(body, Limits(max_values=300))) == 101


def test_not_json_says_where():
    assert "line 2, column 7" in refusal(b'{\n "a": x}').rule


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        (("properties", "sources", 3), "/properties/sources/3"),
        (("a/b~c",), "/a~1b~0c"),
        (("properties", "Jean Dupont", "age"), "/properties"),
        (("properties", "x" * 41), "/properties"),
        (("",), ""),
    ],
)
def test_pointers(steps, pointer):
    assert pointer_to("", *steps) == pointer


def test_lines_one_bad_record_does_not_stop_the_others():
    records = list(parse_lines(b'{"a": 1}\r\n\n{"a": NaN}\n{"a": \n{"a": 2}\n'))
    assert [index for index, _ in records] == [0, 1, 2, 3]
    first, second, third, fourth = (record for _, record in records)
    assert (first, fourth) == ({"a": 1}, {"a": 2})
    assert [bad.violations[0].code for bad in (second, third)] == ["not_finite", "not_json"]
    assert second.violations[0].pointer == "/a"


def test_record_separated_texts_may_span_lines():
    body = b'\x1e{"a":\n 1}\n\x1e\x1e{"a": 2}\n\x1e{"a"'
    (_, first), (_, second), (_, truncated) = parse_lines(body)
    assert (first, second) == ({"a": 1}, {"a": 2})
    assert truncated.violations[0].code == "not_json"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\n \n", "empty_body"),
        (b"\xef\xbb\xbf1\n", "byte_order_mark"),
        (b"1\n" * 4, "too_many_records"),
        (b"1" * 101, "too_large"),
    ],
)
def test_lines_refused_as_a_whole(body, code):
    with pytest.raises(Invalid) as caught:
        parse_lines(body, Limits(max_bytes=100, max_records=3))
    assert caught.value.violations[0].code == code


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000_000,
        b"[" + b"[]," * 3_000_000 + b"[]]",
        b'"' + b'\\"' * 5_000_000,
        b"[" + b"9" * 10_000_000 + b"]",
        b"[0." + b"1" * 10_000_000,
        b"[" + b",".join([b"7" * 4299] * 2400) + b"]",
    ],
    ids=["brackets", "empty lists", "quotes", "digits", "decimals", "long integers"],
)
def test_hostile_bodies_cost_no_time(body):
    started = time.process_time()
    refusal(body, BATCH)
    # Each takes under 0.1 s; anything quadratic would take minutes.
    assert time.process_time() - started < 3
