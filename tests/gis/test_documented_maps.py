"""The web pages that docs/gis.md shows, opened in a real browser, from another origin, as their readers will."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from opened import ELSEWHERE, environment
from test_maplibre import CHROMIUM, FLAGS

PAGES = re.findall(
    r"^```html\n(.*?)^```$",
    (Path(__file__).resolve().parents[2] / "docs" / "gis.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


#: A page that was not really fetched counts as one of the internet, which may not reach this machine unasked.
LOCAL = "--disable-features=LocalNetworkAccessChecks"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium); make clients")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, LOCAL], env=environment())
        yield started
        started.close()


def opened(browser, served, library, libraries):
    """Open the page that uses a library; the key is asked for, and given."""
    (text,) = [page for page in PAGES if f"{library}.js" in page]
    page = browser.new_page(viewport={"width": 700, "height": 500})
    page.on("dialog", lambda dialog: dialog.accept(served.key if dialog.type == "prompt" else ""))
    text = text.replace("http://127.0.0.1:8000", served.url).replace("const map =", "const map = window.map =")
    page.route(f"{ELSEWHERE}/map.html", lambda route: route.fulfill(body=text, content_type="text/html"))
    for ending in ("js", "css"):
        page.route(
            f"{ELSEWHERE}/{library}.{ending}",
            lambda route, _, of=ending: route.fulfill(path=libraries / f"{library}.{of}"),
        )
    page.goto(f"{ELSEWHERE}/map.html")
    return page


def test_the_page_for_maplibre_draws_the_matrix(browser, served):
    libraries = Path(next(iter(find_spec("maplibre").submodule_search_locations))) / "srcjs"
    page = opened(browser, served, "maplibre-gl", libraries)
    page.wait_for_function("map.loaded() && map.areTilesLoaded() && map.queryRenderedFeatures().length > 0")
    found = page.evaluate(
        "[...new Set(map.queryRenderedFeatures({ layers: ['tier'] }).map((one) => one.properties.name))]"
    )
    assert set(found) == {one["properties"]["name"] for one in served.features("matrix")}


def test_there_is_a_page_for_each_library():
    assert [name for name in ("maplibre-gl", "leaflet") for page in PAGES if f"{name}.js" in page] == [
        "maplibre-gl",
        "leaflet",
    ]
