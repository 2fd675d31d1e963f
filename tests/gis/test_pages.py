"""The pages of OGC API - Features: well made, in two languages, nothing of the data taken for markup."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import Page
from page_documents import DOCUMENTS, FEATURE, INCIDENT, LANGUAGES, ROW, items, page

from api.ogc import addresses, pages, wording

each_page = pytest.mark.parametrize("name", pages.NAMES)


def shape(text):
    """Give the markup of a page: its tags, and of their attributes those that decide how they are read."""
    return [(tag, sorted(given), given.get("class")) for tag, given in Page(text).tags]


# -- how they are made ------------------------------------------------------------------------------------------------


@each_page
@pytest.mark.parametrize("language", LANGUAGES)
def test_well_made_and_light(name, language):
    text = page(name, language)
    found = Page(text)
    assert found.wrong == []
    assert found.named("html") == [{"lang": language}]
    assert len(text.encode()) < 15_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("</main>", ""),
        ('<th scope="col">', "<th>"),
        ("<caption", "<p"),
        ('tabindex="0"', ""),
        ('<label for="filter"', '<label for="datetime"'),
        ("<h2", "<h4"),
        ("<a rel=", '<a style="x" rel='),
        ("<main", "<script></script><main"),
    ],
)
def test_the_checks_find_what_is_wrong(before, after):
    text = page("items")
    assert before in text
    assert Page(text.replace(before, after)).wrong != []


def test_every_row_more_is_light():
    one, many = (len(page("items", document=items(rows=[ROW] * count))) for count in (1, 101))
    assert (many - one) / 100 < 1_000


@each_page
def test_the_policy_lets_its_own_style_in_and_nothing_else(name):
    style = re.search(r"<style>(.*?)</style>", page(name), re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    told = dict(one.split(" ", 1) for one in pages.policy(name).split("; "))
    assert told["default-src"] == "'none'"
    assert told["style-src"] == f"'sha256-{digest}'"
    assert (told["form-action"] == "'self'") is ("<form" in page(name))
    assert "unsafe" not in pages.policy(name)


def luminance(colour):
    parts = [int(colour.lstrip("#")[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted(luminance(colour if len(colour) > 4 else f"#{colour[1:] * 2}") for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_is_enough_for_weak_eyes(scheme):
    style = re.search(r"<style>(.*?)</style>", page("items"), re.DOTALL).group(1)
    colours = [dict(re.findall(r"--(\w+):(#\w+)", rule)) for rule in re.findall(r":root\{([^}]*--paper[^}]*)\}", style)]
    told = colours[scheme]
    pairs = [(ink, ground) for ink in ("ink", "quiet", "link") for ground in ("paper", "band")]
    assert {
        pair: contrast(told[pair[0]], told[pair[1]]) for pair in pairs if contrast(*map(told.get, pair)) < 4.5
    } == {}
    assert contrast(told["line"], told["paper"]) >= 3
    assert contrast("#ffffff", "#800026") >= 4.5


# -- data are data ----------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title><b>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.x",
    "&lt;b&gt;",
    "javascript:alert(1)",
]


def filled(tree, text):
    """Give the document with a text wherever one may stand, but for what says where its links lead."""
    if isinstance(tree, dict):
        kept = ("rel", "type", "href", "links", "id", "$id", "stale")
        return {key: value if key in kept else filled(value, text) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled(one, text) for one in tree]
    return text if isinstance(tree, str) else tree


@each_page
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(name, text):
    harmless, hostile = (page(name, document=filled(DOCUMENTS[name], told)) for told in ("harmless", text))
    assert shape(hostile) == shape(harmless)
    assert Page(hostile).wrong == []


def test_without_escaping_the_test_above_fails(monkeypatch):
    monkeypatch.setattr(pages, "_PAGES", pages._PAGES.overlay(autoescape=False))  # noqa: SLF001 - the weakened variant
    told = [page("item", document=filled(DOCUMENTS["item"], text)) for text in ("harmless", HOSTILE[0])]
    assert shape(told[0]) != shape(told[1])


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
def test_a_name_stands_on_the_page_as_it_was_typed(name):
    found = Page(page("items", document=items(rows=[ROW | {"name": name}])))
    assert found.wrong == []
    assert " ".join(name.split()) in {text for text, _ in found.texts} | {""}


def test_what_turns_the_direction_of_text_is_kept_within_bounds():
    name = "Boda \u202e(extreme)"
    text = page("item", document=DOCUMENTS["item"] | {"properties": ROW | {"name": name}})
    assert f"<h1><bdi>{name}</bdi></h1>" in text
    assert "\u202e" not in re.search(r"<title>(.*?)</title>", text).group(1)
    assert all(before.endswith("<bdi>Boda ") for before in text.split("\u202e")[:-1])


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "//elsewhere.test/x",
        "/\\elsewhere.test",
        "data:text/html,x",
        "mailto:a@b",
        "",
        "x",
        "http://[",
    ],
)
def test_a_link_leads_over_http_or_is_left_out(href):
    links = [*DOCUMENTS["landing"]["links"], {"rel": "license", "href": href, "title": "Here"}]
    assert wording.PHRASES["to_license"].en not in page("landing", document=DOCUMENTS["landing"] | {"links": links})


def test_a_page_stays_on_the_host_on_which_it_was_asked_for():
    links = [*DOCUMENTS["landing"]["links"], {"rel": "license", "href": "https://elsewhere.test/terms"}]
    found = Page(page("landing", document=DOCUMENTS["landing"] | {"links": links}))
    assert "/terms" in {given["href"] for given in found.named("a")}
    assert found.wrong == []


# -- ways from page to page -------------------------------------------------------------------------------------------


def hrefs(text):
    found = [urlsplit(given["href"]) for given in Page(text).named("a")]
    return [(one.path, {name: values[0] for name, values in parse_qs(one.query).items()}) for one in found]


def test_a_title_sorts_and_sorts_back_from_the_first_page_on():
    path = "/ogc/collections/matrix/items"
    kept = {"operation": "DEMO", "limit": "5"}
    for now, then in (
        ("", "score"),
        ("&sortby=score", "-score"),
        ("&sortby=%2Bscore", "-score"),
        ("&sortby=-score", "score"),
    ):
        text = page("items", document=items(query=f"&operation=DEMO&limit=5&after=x{now}"))
        assert (path, kept | {"sortby": then}) in hrefs(text)
        assert ('aria-sort="ascending"' in text) is (then == "-score")
        assert ('aria-sort="descending"' in text) is (now == "&sortby=-score")


def test_what_narrows_down_is_told_and_can_be_taken_back():
    query = "&filter=tier%3D'high'&filter-lang=cql2-text&bbox=1,2,3,4&bbox-crs=x&datetime=2026-01-01/.."
    text = page("items", document=items(query=query))
    found = [
        keys for path, given in hrefs(text) if path.endswith("/items") and "after" not in given for keys in [set(given)]
    ]
    every = {"filter", "filter-lang", "bbox", "bbox-crs", "datetime"}
    for gone in ({"filter", "filter-lang"}, {"bbox", "bbox-crs"}, {"datetime"}):
        assert every - gone in found


def test_a_form_sends_only_what_was_typed_and_keeps_the_rest():
    found = Page(page("items", document=items(query="&operation=DEMO&limit=5&after=x&filter=a&filter-lang=cql2-json")))
    hidden = [{name: given.get(name) for name in ("name", "value")} for given in found.named("input")]
    fields = [given for given in found.named("input") if given.get("type") != "hidden"]
    assert [given["action"] for given in found.named("form")] == ["/ogc/collections/matrix/items"] * 2
    assert [(given["name"], given["value"], "required" in given) for given in fields] == [
        ("datetime", "", True),
        ("filter", "a", True),
    ]
    names = [one["name"] for one in hidden]
    assert names == ["operation", "limit", "filter", "filter-lang", "datetime", "operation", "limit", "filter"]


def test_a_layer_without_times_asks_for_none():
    assert 'id="datetime"' not in page("items", document=items("localities"))
    assert 'id="datetime"' in page("items", document=items("incidents", rows=[INCIDENT]))


def test_the_example_of_a_filter_is_one_that_finds_something():
    assert "tier = &#39;high&#39;" in page("items")
    told = page("items", document=items("localities", rows=[{"name": "N'Délé"}]))
    assert "name = &#39;N&#39;&#39;Délé&#39;" in told


def test_pages_lead_to_pages_and_name_the_operation_on_the_way():
    found = hrefs(page("items", document=items(query="&operation=DEMO")))
    assert all("f" not in given for path, given in found[:-1] if path)
    assert ("/ogc", {"operation": "DEMO"}) in found
    assert (f"/ogc/collections/matrix/items/{FEATURE}", {"operation": "DEMO"}) in found
    assert found[-1][1]["f"] == "json"


def test_features_without_a_name_are_called_by_what_when_and_where():
    assert "Armed clash, week 9, 2026, Lobaye</bdi></a>" in page("items", document=items("incidents", rows=[INCIDENT]))


def test_without_features_the_page_says_so():
    text = page("items", "fr", items(rows=[], numberMatched=0))
    assert "Aucune entité ne correspond." in text
    assert "<table" not in text


@given(st.text(max_size=40), st.sampled_from(["sortby", "filter", "datetime"]))
def test_a_changed_parameter_comes_back_as_it_was_put_in(value, name):
    told = addresses.changed("/ogc/collections/x/items?f=html&after=1&limit=5", **{name: value})
    assert addresses.parameters(told) == {"limit": "5", name: value}
    assert urlsplit(told).path == "/ogc/collections/x/items"


def test_behind_a_proxy_the_pages_stay_below_its_prefix():
    assert (
        addresses.above("/maps/ogc/collections/matrix?operation=A", "collections")
        == "/maps/ogc/collections?operation=A"
    )
