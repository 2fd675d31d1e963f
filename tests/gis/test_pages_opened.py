"""The pages of OGC API - Features, as the service gives them and as a browser opens them, without any script."""

import re
import shutil
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from made import Page

from api.ogc import pages, wording
from flashpoint.layers import Layer

ROUTES = {
    "landing": "/ogc",
    "api": "/ogc/api",
    "conformance": "/ogc/conformance",
    "collections": "/ogc/collections",
    "collection": "/ogc/collections/{layer}",
    "queryables": "/ogc/collections/{layer}/queryables",
    "items": "/ogc/collections/{layer}/items?limit=3",
}
QUIET = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


def read(served, path, **headers):
    """Ask as the reader; give the header fields and the text."""
    told = {"Authorization": served.basic, "Accept": "text/html"} | headers
    with urllib.request.urlopen(urllib.request.Request(served.url + path, headers=told)) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_of_the_service_is_well_made(served, language):
    asked = {"Accept-Language": f"{language}-CF, *;q=0.5"}
    for name, route in ROUTES.items():
        for layer in Layer if "{layer}" in route else [None]:
            fields, text = read(served, route.format(layer=layer), **asked)
            found = Page(text)
            assert found.wrong == [], (name, layer)
            assert fields["content-language"] == language
            assert fields["content-security-policy"] == pages.policy(name)
            assert fields["content-type"] == "text/html; charset=utf-8"
            of_one = [given["href"] for given in found.named("a") if re.search(r"/items/[0-9a-f]{8}-", given["href"])]
            for href in of_one[:1]:
                assert Page(read(served, href, **asked)[1]).wrong == []


def test_a_page_shows_what_the_json_says(served):
    document = served.get("/ogc/collections/matrix/items?sortby=rank&limit=5&f=json")
    texts = [text for text, _ in Page(read(served, "/ogc/collections/matrix/items?sortby=rank&limit=5")[1]).texts]
    assert f"Features on this page: 5 of {document['numberMatched']}. On one page:" in texts
    assert document["classification"] in texts
    for feature in document["features"]:
        assert feature["properties"]["name"] in texts


@pytest.fixture(scope="module")
def browser():
    """Chromium, without a script on any page that it opens."""
    api = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("chromium is not installed (Debian: chromium); make clients")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, served):
    """Open a page in a window of its own; give it, and what the console said."""
    windows = []

    def go(path, key=served.key, **settings):
        credentials = {"username": "any", "password": key}
        window = browser.new_context(http_credentials=credentials, locale="fr-FR", **settings)
        windows.append(window)
        opened = window.new_page()
        opened.set_default_timeout(10_000)
        told = []
        opened.on("console", lambda message: told.append(message.text))
        opened.goto(served.url + path)
        return opened, told

    yield go
    for window in windows:
        window.close()


def test_a_browser_asks_for_the_key(browser, served):
    window = browser.new_context()
    # Without anybody to ask, this is how Chromium says that it would.
    with pytest.raises(Exception, match="ERR_INVALID_AUTH_CREDENTIALS"):
        window.new_page().goto(f"{served.url}/ogc")
    window.close()


def test_from_the_start_to_one_feature_by_its_links_and_forms(visit):
    page, told = visit("/ogc")
    say = {key: wording.say(key, "fr") for key in ("to_collections", "to_items", "apply_filter", "next")}
    page.get_by_role("link", name=say["to_collections"], exact=True).click()
    page.get_by_role("link", name="Matrice des points chauds", exact=True).click()
    page.get_by_role("link", name=say["to_items"]).click()
    page.get_by_role("textbox", name="Filtre (CQL2)").fill("tier = 'watch'")
    page.get_by_role("button", name=say["apply_filter"]).click()
    page.get_by_role("columnheader", name="Score", exact=True).get_by_role("link").click()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"filter": ["tier = 'watch'"], "sortby": ["score"]}
    assert page.get_by_role("columnheader", name="Score", exact=True).get_attribute("aria-sort") == "ascending"
    row = page.get_by_role("row").nth(1)
    assert "veille" in row.inner_text()
    name = row.get_by_role("rowheader").inner_text()
    row.get_by_role("link").click()
    assert page.get_by_role("heading", level=1).inner_text() == name
    assert told == []


def test_pages_follow_one_another_to_the_last(visit, served):
    page, _ = visit("/ogc/collections/localities/items?limit=8")
    names = []
    for _ in range(9):
        names += page.get_by_role("rowheader").all_inner_texts()
        following = page.get_by_role("link", name="Page suivante")
        if following.count() == 0:
            break
        following.click()
    assert sorted(names) == sorted(one["properties"]["name"] for one in served.features("localities"))


def test_the_keyboard_reaches_the_content_first_and_then_the_table(visit):
    page, _ = visit("/ogc/collections/matrix/items")
    page.keyboard.press("Tab")
    first = page.locator(":focus")
    assert first.inner_text() == "Aller au contenu"
    assert first.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("role") == "region":
            break
    focus = page.locator(":focus")
    assert focus.get_attribute("role") == "region"
    assert focus.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_what_a_screen_reader_is_told(visit):
    page, _ = visit("/ogc/collections/matrix/items")
    told = page.locator("body").aria_snapshot()
    for part in (
        'link "Aller au contenu"',
        "banner",
        'navigation "Vous êtes ici"',
        'region "À propos de ces données"',
        "main",
        'heading "Entités : Matrice des points chauds" [level=1]',
        'table "Entités : Matrice des points chauds"',
        'columnheader "Niveau"',
        'rowheader "Boda"',
        'textbox "Filtre (CQL2)"',
        'button "Appliquer ce filtre"',
        "contentinfo",
    ):
        assert part in told.replace("\u202f", " "), part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_narrow_screen(visit, scheme):
    page, _ = visit("/ogc", viewport={"width": 320, "height": 640}, color_scheme=scheme)
    for route in ROUTES.values():
        page.goto(page.url.partition("/ogc")[0] + route.format(layer=Layer.MATRIX))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, route
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
