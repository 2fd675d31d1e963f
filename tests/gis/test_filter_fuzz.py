"""Whatever is written as a filter is read or refused: it ends no process, takes no time, and is no error of ours."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import text_of
from trees import TREES

from flashpoint import filters
from flashpoint.errors import Invalid
from flashpoint.filters import Language

#: An example asks the service, or draws a whole filter first.
FEWER = settings(max_examples=150)

PIECES = [
    *(
        "(",
        ")",
        "((",
        "))",
        "[",
        "]",
        "{",
        "}",
        "'",
        "''",
        '"',
        "\\",
        "\\'",
        ",",
        ".",
        "..",
        "-",
        "+",
        "*",
        "/",
        "^",
        "%",
    ),
    *(
        " ",
        "\n",
        "\t",
        "\r",
        "--",
        "/*",
        "*/",
        ";",
        "=",
        "<>",
        "<",
        ">=",
        "||",
        "!",
        "?",
        ":",
        "$1",
        "%s",
        "\x07",
        "\x7f",
    ),
    *(
        "rank",
        "name",
        "geometry",
        "time",
        "id",
        "nobody",
        "silent",
        "1",
        "0.5",
        "1e9",
        "1e999",
        "'X1101'",
        "'%'",
        "é",
        "\u0131",
    ),
    *("AND", "OR", "NOT", "LIKE", "IN", "IS", "NULL", "BETWEEN", "TRUE", "FALSE", "CASEI(", "POINT(", "BBOX(", "DATE("),
    *("POLYGON((", "GEOMETRYCOLLECTION(", "POINT EMPTY", "POINT(1 1)", "TIMESTAMP(", "INTERVAL(", "S_INTERSECTS("),
    *("T_AFTER(", "A_CONTAINS(", "f(", "\uff08", "\uff09", "\u201c", "\u2019", "\u202e", "\u0000", "\U0001f600", "NaN"),
]
SCRAPS = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)
TIGHT = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@st.composite
def mutated(draw):
    """Give a filter with a piece of it taken out, put in or doubled; in either form."""
    _, tree = draw(TREES)
    text = draw(st.sampled_from([text_of(tree), json.dumps(tree)]))
    at, to = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    piece = draw(st.one_of(st.sampled_from(PIECES), st.just(text[at:to] * 2), st.just("")))
    return text[:at] + piece + text[draw(st.sampled_from([at, to])) :]


WRITTEN = st.one_of(SCRAPS, TIGHT, mutated(), st.text(max_size=60), st.text(string.printable, max_size=60))


def deepest(text):
    """Count how deep brackets nest outside of quotes, sign by sign, as whoever reads from left to right."""
    depth, most, quote = 0, 0, None
    for sign in text:
        if quote is None and sign in "'\"":
            quote = sign
        elif sign == quote:
            quote = None
        elif quote is None:
            depth = max(0, depth + (sign in "([{") - (sign in ")]}"))
            most = max(most, depth)
    return most


@FEWER
@given(WRITTEN, st.sampled_from(Language))
def test_whatever_is_written_is_read_or_refused(text, language):
    try:
        filters.read(text, language)
    except Invalid as refused:
        (one,) = refused.violations
        assert one.pointer == "?filter"
        assert len(text) < 5 or text not in one.rule
    else:
        assert "\\" in text or deepest(text) <= {Language.TEXT: 10, Language.JSON: 40}[language]


@FEWER
@given(st.integers(11, 60), st.sampled_from(PIECES), st.sampled_from(["'{}'", '"{}"', "'it''s {}'", "'\\'{}'"]))
def test_brackets_in_quotes_hide_none_outside_of_them(depth, piece, quoted):
    hiding = quoted.format(")]}" * 40)
    deep = "(" * depth + piece + ")" * depth
    for text in (f"{hiding} = name AND {deep}", f"{deep} AND {hiding} = name", ")" * 60 + deep, f"{hiding}{deep}"):
        with pytest.raises(Invalid):
            filters.read(text, Language.TEXT)
    nested = "[" * (depth + 30) + "1" + "]" * (depth + 30)
    for text in (f'{{"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]":1,"op":"=","args":["]]]]",{nested}]}}', nested):
        with pytest.raises(Invalid):
            filters.read(text, Language.JSON)


@pytest.mark.parametrize("opening", ["(", "NOT (", "f(", "a IN (", "a = (", "CASEI(", "-(", "a BETWEEN ("])
def test_what_would_take_long_to_refuse_is_not_read(opening):
    filler = "a = 1 OR " * 400
    text = (opening * 9 + filler)[:3_900] + " a b" + ")" * 9
    with pytest.raises(Invalid) as refused:
        filters.read(text, Language.TEXT)
    assert refused.value.violations[0].code == "too_deep"


@FEWER
@given(WRITTEN, st.sampled_from(["incidents", "matrix"]), st.sampled_from(Language))
def test_no_filter_is_an_error_of_ours(ogc, text, layer, language):
    answer = ogc.ask(layer, filter=text, filter_lang=language)
    assert answer.status_code in {200, 400}, text
    if answer.status_code == 400:
        assert {one["pointer"] for one in answer.json()["errors"]} == {"?filter"}
