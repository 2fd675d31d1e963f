"""What the pages of OGC API - Features say: the same in two languages, with numbers and times as each writes them."""

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import Page
from page_documents import DOCUMENTS, LANGUAGES, ROW, items, page

from api.ogc import pages, tables, wording
from flashpoint.layers import ABOUT, Layer, columns
from flashpoint.types import Audience, Tier


def test_both_languages_have_every_phrase_with_the_same_gaps():
    for key, text in wording.PHRASES.items():
        gaps = [{name for _, name, _, _ in Formatter().parse(one) if name} for one in (text.en, text.fr)]
        assert text.en.strip(), key
        assert text.fr.strip(), key
        assert gaps[0] == gaps[1], key


def strings(tree):
    if isinstance(tree, dict):
        return {text for key, value in tree.items() for text in {key} | strings(value)}
    return {text for value in tree for text in strings(value)} if isinstance(tree, list | tuple) else {str(tree)}


@pytest.mark.parametrize("name", pages.NAMES)
def test_no_word_of_the_page_is_left_in_the_other_language(name):
    texts = [*wording.PHRASES.values(), *tables.TITLES.values(), *(one.title for one in ABOUT.values())]
    same = {text.en for text in texts if text.en == text.fr} | {f"name = '{ROW['name']}'", "GET"}
    english, french = (
        {text for text, lang in Page(page(name, language)).texts if lang == language} for language in LANGUAGES
    )
    both = {text for text in english & french if re.search(r"[^\W\d_]{2}", text)}
    assert both - same - strings(DOCUMENTS[name]) == set()


def test_words_that_are_the_same_in_both_languages_are_known_to_be():
    same = {key for key, text in wording.PHRASES.items() if text.en == text.fr}
    assert same == {"classification", "routes", "pages"}


def test_templates_hold_no_words_of_their_own():
    for template in pages._PAGES.list_templates(["html"]):  # noqa: SLF001 - where the words would be
        text = pages._PAGES.loader.get_source(pages._PAGES, template)[0]  # noqa: SLF001 - likewise
        bare = re.sub(
            r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", re.sub(r"\{\{[^}]*\}\}|\{%[^%]*%\}", "", text), flags=re.DOTALL
        )
        assert set(re.findall(r"\w+", bare)) <= {"Flashpoint"}, template


def test_data_say_first_how_closed_and_of_when_they_are():
    for name in ("items", "item"):
        text = page(name, "fr")
        before = text[: text.index("<h1>")]
        assert "Mission, diffusion restreinte" in before
        assert "1er mars 2026, 01:05 UTC" in before
        assert "1er mars 2027" in before


def test_stale_data_say_so_before_anything_else():
    fresh, stale = (Page(page("items", document=items(stale=value))) for value in (False, True))
    told = wording.PHRASES["stale"].en
    assert told not in dict(fresh.texts)
    assert [text for text, _ in stale.texts].index(told) < [text for text, _ in stale.texts].index("Boda")


@pytest.mark.parametrize("tier", Tier)
def test_a_tier_is_told_by_a_word_and_by_its_colour(tier):
    text = page("items", "fr", items(rows=[ROW | {"tier": tier}]))
    assert f'<span class="tier {tier}"></span><bdi>{wording.TIER_NAMES[tier]["fr"]}</bdi>' in text
    assert f".{tier}{{--tier:#" in text


def test_numbers_are_written_as_the_language_has_it():
    assert "1,234.50" in page("items")
    assert "1\u202f234,50" in page("items", "fr")
    assert "50%" in page("items")


@pytest.mark.parametrize(
    ("told", "english", "french"),
    [
        ("2026-03-01", "1 March 2026", "1er mars 2026"),
        ("2026-03-01T23:30:00-02:00", "2 March 2026, 01:30 UTC", "2 mars 2026, 01:30 UTC"),
        ("2026-03-01T01:30:00", "1 March 2026, 01:30 UTC", "1er mars 2026, 01:30 UTC"),
        ("2026-W09", "week 9, 2026", "semaine 9, 2026"),
        ("2026-08", "August 2026", "août 2026"),
        ("2026-13", "2026-13", "2026-13"),
        ("2026", "2026", "2026"),
        ("2026-08/2026-09", "August 2026 to September 2026", "août 2026 au septembre 2026"),
        ("2026-08-02/..", "from 2 August 2026", "à partir du 2 août 2026"),
        ("../2026-08-02", "until 2 August 2026", "jusqu'au 2 août 2026"),
        ("../..", wording.DASH, wording.DASH),
        ("yesterday", "yesterday", "yesterday"),
    ],
)
def test_times_are_written_as_people_do(told, english, french):
    assert (wording.span(told, "en"), wording.span(told, "fr")) == (english, french)


def test_every_code_that_a_column_may_hold_has_its_words_in_french():
    for column in tables.COLUMNS.values():
        for choice in column.choices:
            assert wording.value(column, choice, "fr") != str(choice), (column.name, choice)


@given(
    st.sampled_from(list(tables.COLUMNS.values())),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
)
def test_any_value_is_written(column, found):
    assert isinstance(wording.value(column, found, "fr"), str)


def test_all_columns_of_both_audiences_are_known():
    for layer in Layer:
        assert {one.name for one in columns(layer, Audience.MISSION)} <= {
            one.name for one in columns(layer, Audience.CLUSTER)
        }
