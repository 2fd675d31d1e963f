"""QGIS opens the service, without a screen: as a person would, with the key in its authentication database."""

import subprocess
from pathlib import Path

import pytest
from bounding import bounds_of
from opened import ask_script, ids_of, of_items

from flashpoint.tier_colours import TIER_COLOURS

#: QGIS belongs to the system's Python, whatever ours is.
PYTHON = "/usr/bin/python3"
BOX = [17.0, 4.0, 19.0, 6.0]
#: Percent-encoded: QGIS puts the key of a Basic configuration into every "http://" of an address, also into this one.
IN_METRES = "http%3A%2F%2Fwww.opengis.net%2Fdef%2Fcrs%2FEPSG%2F0%2F3857"
#: In EPSG:3857, what tile 5/17/15 covers, where the sample lies, and a place that has nothing on it.
ON_TILE = [1252344.271424327, 0.0, 2504688.542848654, 1252344.271424327]
IN_THE_OCEAN = [-5000000.0, 0.0, -4000000.0, 1000000.0]


@pytest.fixture(scope="module")
def opened(served, tmp_path_factory):
    """Everything that is opened, in one process."""
    if not Path(PYTHON).exists() or not _has_qgis():
        pytest.skip("QGIS for Python is not installed (Debian: python3-qgis); make clients")
    folder = tmp_path_factory.mktemp("qgis")
    for name in ("matrix.qlr", "matrix.gpkg"):
        (folder / name).write_bytes(served.read(f"/v1/exports/{name}"))
    asked = {"folder": str(folder), "key": served.key, "tasks": _tasks(served, folder)}
    how = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    how["QGIS_AUTH_DB_DIR_PATH"] = str(folder)
    return ask_script("qgis_layers.py", served, asked, python=PYTHON, **how)


def _has_qgis():
    return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False, cwd="/").returncode == 0


def _tasks(served, folder):
    features = {"kind": "features", "url": f"{served.url}/ogc"}
    tiles = {"kind": "tiles", "url": f"{served.url}/tiles/matrix/{{z}}/{{x}}/{{y}}", "zmax": 9, "colours": TIER_COLOURS}
    return {
        "matrix": features | {"layer": "matrix"},
        "incidents": features | {"layer": "incidents"},
        "operation": {"kind": "features", "url": f"{served.url}/ogc?operation=DEMO", "layer": "incidents"},
        "rectangle": features | {"layer": "matrix", "rectangle": BOX},
        "subset": features | {"layer": "matrix", "subset": "tier = 'extreme'"},
        "address": {"kind": "address", "url": f"{served.url}/v1/matrix?operation=DEMO"},
        "metres": {"kind": "address", "url": f"{served.url}/ogc/collections/matrix/items?limit=1000&crs={IN_METRES}"},
        "tiles": tiles | {"extent": ON_TILE},
        "elsewhere": tiles | {"extent": IN_THE_OCEAN},
        "definition": {"kind": "definition", "path": str(folder / "matrix.qlr")},
        "file": {"kind": "file", "path": str(folder / "matrix.gpkg")},
    }


@pytest.mark.parametrize("collection", ["matrix", "incidents"])
def test_all_features_come_and_lie_where_they_should(served, opened, collection):
    there, found = served.features(collection), opened[collection]
    assert found.told["ids"] == ids_of(there), found.told
    assert found.told["extent"] == pytest.approx(bounds_of(there))
    # One look at what the columns are, and one page: the description of the API says how large pages may be.
    assert [page["limit"] for page in of_items(found.requests)] == ["10", "1000"]
    assert {one.scheme for one in found.requests} == {"Basic"}


def test_the_columns_are_those_of_the_api(served, opened):
    assert set(opened["incidents"].told["fields"]) - {"id"} == set(served.features("incidents")[0]["properties"])


def test_the_operation_in_the_address_is_kept(served, opened):
    assert opened["operation"].told["ids"] == ids_of(served.features("incidents"))
    assert {one.query["operation"] for one in opened["operation"].requests} == {"DEMO"}


def test_a_view_asks_for_what_it_shows(served, opened):
    within = served.features("matrix", "&bbox=17,4,19,6")
    assert 0 < len(within) < len(served.features("matrix"))
    assert opened["rectangle"].told["ids"] == ids_of(within)
    # It asks for somewhat more than it shows.
    west, south, east, north = (float(part) for part in of_items(opened["rectangle"].requests)[-1]["bbox"].split(","))
    assert west <= BOX[0] <= BOX[2] <= east
    assert south <= BOX[1] <= BOX[3] <= north


def test_a_filter_gives_what_the_api_gives(served, opened):
    within = served.features("matrix", "&filter=tier%3D%27extreme%27")
    assert opened["subset"].told["ids"] == ids_of(within) != []


def test_an_address_of_geojson_opens(served, opened):
    there = served.features("matrix")
    assert sorted(opened["address"].told["ids"]) == sorted(ids_of(there))
    assert opened["address"].told["extent"] == pytest.approx(bounds_of(there))


def test_an_address_of_geojson_in_metres_lies_where_it_should(served, opened):
    there = served.features("matrix", f"&crs={IN_METRES}")
    assert opened["metres"].told["crs"] == "EPSG:3857"
    assert opened["metres"].told["extent"] == pytest.approx(bounds_of(there))


def test_vector_tiles_are_drawn_by_tier(served, opened):
    tiers = {feature["properties"]["tier"] for feature in served.features("matrix")}
    found = opened["tiles"]
    assert {TIER_COLOURS[tier] for tier in tiers} <= found.told["colours"].keys(), found.told
    assert {one.status for one in found.requests} <= {200, 204, 304}
    assert {one.scheme for one in found.requests} == {"Basic"}
    assert opened["elsewhere"].told["colours"] == {}


def test_the_layer_definition_opens_styled(served, opened):
    there, found = served.features("matrix"), opened["definition"].told
    assert found["ids"] == ids_of(there), found
    assert found["styled"] == {"by": "tier", "colours": TIER_COLOURS}
    assert {TIER_COLOURS[feature["properties"]["tier"]] for feature in there} <= found["colours"].keys()
    assert [page["limit"] for page in of_items(opened["definition"].requests)][-1] == "1000"


def test_the_layer_definition_holds_no_key(served):
    assert served.key not in served.read("/v1/exports/matrix.qlr").decode()


def test_a_geopackage_opens_styled(served, opened):
    there, found = served.features("matrix"), opened["file"].told
    assert sorted(found["tiers"]) == sorted(feature["properties"]["tier"] for feature in there), found
    assert found["extent"] == pytest.approx(bounds_of(there), abs=1e-5)  # pages are rounded
    assert found["styled"] == {"by": "tier", "colours": TIER_COLOURS}
    assert opened["file"].requests == []
