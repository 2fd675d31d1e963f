"""MapLibre GL JS in a real browser, drawing the matrix of a running service with a reader's key."""

import io
import shutil
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from opened import environment
from PIL import Image

from flashpoint.tier_colours import TIER_COLOURS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Software draws as well as any graphics card, and there is none here. Nothing is asked of anybody but the service.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
PAGE = """
<!doctype html><meta charset="utf-8"><style>body { margin: 0 } #map { width: 700px; height: 500px }</style>
<div id="map"></div>
"""
#: Draws the style, waits until nothing is left to be done, and says what is on the map.
DRAW = """
async ([key, style, bounds]) => {
    const failed = [];
    const map = new maplibregl.Map({
        container: 'map', style, bounds, attributionControl: {}, fadeDuration: 0,
        canvasContextAttributes: { preserveDrawingBuffer: true }, preserveDrawingBuffer: true,
        transformRequest: (url) => ({ url, headers: { Authorization: `Bearer ${key}` } }),
    });
    map.on('error', (event) => failed.push(String(event.error && event.error.message)));
    const waited = new Promise((done) => setTimeout(done, 20000, 'it took too long'));
    const idle = new Promise((done) => { map.once('idle', done); map.once('error', done); });
    failed.push(...[await Promise.race([idle, waited])].filter((one) => typeof one === 'string'));
    const rendered = map.getLayer('tier') ? map.queryRenderedFeatures({ layers: ['tier'] }) : [];
    const silent = map.getLayer('silent') ? map.queryRenderedFeatures({ layers: ['silent'] }) : [];
    return {
        failed,
        features: rendered.map((one) => one.properties),
        ids: [...new Set(rendered.map((one) => one.id))],
        broken: silent.map((one) => one.properties.id),
        credit: (document.querySelector('.maplibregl-ctrl-attrib') || {}).innerText,
    };
}
"""


@pytest.fixture(scope="module")
def page(served):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    script = Path(next(iter(find_spec("maplibre").submodule_search_locations))) / "srcjs/maplibre-gl.js"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), env=environment())
        made = browser.new_page(viewport={"width": 700, "height": 500})
        made.route(f"{served.url}/page", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        made.goto(f"{served.url}/page")
        made.add_script_tag(path=script)
        yield made
        browser.close()


@pytest.fixture(scope="module")
def drawn(page, served):
    """The map of the sample, and a picture of it."""
    told = served.get("/tiles/matrix")
    west, south, east, north = told["bounds"]
    asked = [served.key, f"{served.url}/tiles/styles/matrix", [[west, south], [east, north]]]
    found = page.evaluate(DRAW, asked)
    return found | {"picture": page.locator("canvas.maplibregl-canvas").screenshot()}


def pixels(picture):
    """Count the colours of a picture."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return Counter(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in image.get_flattened_data())


def test_the_matrix_is_drawn_with_all_its_rows(drawn, served):
    assert drawn["failed"] == []
    items = {one["id"]: one["properties"] for one in served.features("matrix")}
    assert set(drawn["ids"]) == items.keys()
    for one in drawn["features"]:
        told = items[one["id"]]
        assert {name: one[name] for name in ("pcode", "tier", "rank", "score", "silent")} == {
            name: told[name] for name in ("pcode", "tier", "rank", "score", "silent")
        }
    assert set(drawn["broken"]) == {name for name, told in items.items() if told["silent"]}
    assert drawn["credit"].startswith("Mission, restricted. Information-sharing protocol ")


def test_each_tier_has_its_colour_on_the_map(drawn):
    found = pixels(drawn["picture"])
    tiers = {one["tier"] for one in drawn["features"]}
    assert len(tiers) >= 3
    for tier, colour in TIER_COLOURS.items():
        assert (found[colour] >= 40) == (tier in tiers), (tier, found[colour])


@pytest.mark.usefixtures("drawn")
def test_nobody_but_the_service_is_asked(page, served):
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert asked
    assert all(one.startswith((served.url, "blob:")) for one in asked)


def test_of_an_operation_that_is_not_ones_own_nothing_is_drawn(page, served):
    style = f"{served.url}/tiles/styles/matrix?operation=OTHER"
    found = page.evaluate(DRAW, [served.key, style, [[18, 4], [20, 6]]])
    assert "404" in found["failed"][0]
    assert found["ids"] == []
