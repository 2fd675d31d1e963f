"""geopandas opens the service by its address, with the GDAL that it brings along."""

import pytest
from bounding import bounds_of
from opened import ask_script, ids_of, of_items

BOX = [17.0, 4.0, 19.0, 6.0]
IN_METRES = "http://www.opengis.net/def/crs/EPSG/0/3857"
#: What one task sets, the next one unsets.
NONE = dict.fromkeys(("GDAL_HTTP_USERPWD", "GDAL_HTTP_AUTH", "GDAL_HTTP_BEARER", "GDAL_HTTP_HEADERS"))


@pytest.fixture(scope="module")
def found(served):
    """Everything that is opened, in one process."""
    basic = {"GDAL_HTTP_USERPWD": f"any:{served.key}", "GDAL_HTTP_AUTH": "BASIC"}
    bearer = {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": served.key}
    header = {"GDAL_HTTP_HEADERS": f"Authorization: Bearer {served.key}"}
    layers, items = f"OAPIF:{served.url}/ogc", f"/vsicurl/{served.url}/ogc/collections/matrix/items"
    tasks = {
        "incidents": {"address": layers, "options": {"layer": "incidents"}, "config": bearer},
        "basic": {"address": layers, "options": {"layer": "localities"}, "config": basic},
        "small pages": {"address": layers, "options": {"layer": "incidents", "PAGE_SIZE": 10}, "config": bearer},
        "box": {"address": layers, "options": {"layer": "matrix", "bbox": BOX}, "config": bearer},
        "where": {"address": layers, "options": {"layer": "matrix", "where": "tier = 'extreme'"}, "config": bearer},
        "metres": {"address": layers, "options": {"layer": "matrix", "CRS": "EPSG:3857"}, "config": bearer},
        "since": {
            "address": layers,
            "options": {"layer": "incidents", "DATETIME": f"{_middle(served)}/.."},
            "config": bearer,
        },
        "items": {"address": f"{items}?f=json&limit=1000", "config": header},
        "items in metres": {"address": f"{items}?f=json&limit=1000&crs={IN_METRES}", "config": header},
        "matrix": {"address": f"/vsicurl/{served.url}/v1/matrix?operation=DEMO", "config": header},
        "no key": {"address": layers, "options": {"layer": "matrix"}, "config": {}},
    }
    return ask_script("geopandas_layers.py", served, {"tasks": tasks, "none": NONE})


def _middle(served):
    """Give an instant with incidents before and after it."""
    begins = sorted(str(feature["time"]) for feature in served.features("incidents"))
    days = [word.strip("'[]}") for word in begins[len(begins) // 2].split() if word.strip("'[]},")[:2] == "20"]
    return f"{days[0].rstrip(',').strip(chr(39))}T00:00:00Z"


def test_all_features_come_in_one_page(served, found):
    there = served.features("incidents")
    assert found["incidents"].told["ids"] == ids_of(there)
    assert found["incidents"].told["bounds"] == pytest.approx(bounds_of(there))
    # One look at what the columns are, and one page of up to a thousand.
    assert [page["limit"] for page in of_items(found["incidents"].requests)] == ["20", "1000"]
    assert {one.scheme for one in found["incidents"].requests} == {"Bearer"}


def test_all_features_come_by_small_pages(served, found):
    assert found["small pages"].told["ids"] == ids_of(served.features("incidents"))
    assert len(of_items(found["small pages"].requests)) > len(served.features("incidents")) // 10


def test_the_key_goes_along_as_a_password(served, found):
    assert found["basic"].told["ids"] == ids_of(served.features("localities"))
    assert {one.scheme for one in found["basic"].requests} == {"Basic"}


def test_a_box_is_left_to_the_server(served, found):
    within = served.features("matrix", "&bbox=17,4,19,6")
    assert 0 < len(within) < len(served.features("matrix"))
    assert found["box"].told["ids"] == ids_of(within)
    assert of_items(found["box"].requests)[-1]["bbox"] == "17,4,19,6"


def test_a_condition_gives_what_the_filter_gives(served, found):
    within = served.features("matrix", "&filter=tier%3D%27extreme%27")
    assert found["where"].told["ids"] == ids_of(within) != []


def test_a_moment_is_left_to_the_server(served, found):
    since = of_items(found["since"].requests)[-1]["datetime"]
    within = served.features("incidents", f"&datetime={since}")
    assert 0 < len(within) < len(served.features("incidents"))
    assert found["since"].told["ids"] == ids_of(within)


def test_another_reference_system_is_left_to_the_server(served, found):
    there = served.features("matrix", f"&crs={IN_METRES}")
    assert found["metres"].told["crs"] == "EPSG:3857"
    assert found["metres"].told["bounds"] == pytest.approx(bounds_of(there))
    assert of_items(found["metres"].requests)[-1]["crs"] == IN_METRES


@pytest.mark.parametrize("name", ["items", "matrix"])
def test_an_address_of_geojson_opens(served, found, name):
    there = served.features("matrix")
    assert sorted(found[name].told["ids"]) == sorted(ids_of(there))
    assert found[name].told["bounds"] == pytest.approx(bounds_of(there))
    assert found[name].told["crs"] == "EPSG:4326"


def test_an_address_of_geojson_in_metres_says_so(served, found):
    told = found["items in metres"].told
    assert told["crs"] == "EPSG:3857"
    assert told["bounds"] == pytest.approx(bounds_of(served.features("matrix", f"&crs={IN_METRES}")))


def test_without_a_key_there_is_nothing(found):
    assert "401" in found["no key"].told["error"]
    assert {one.status for one in found["no key"].requests} == {401}
