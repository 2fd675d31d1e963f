"""GDAL's own programs open the service: its driver for OGC API - Features, and that for GeoJSON."""

import csv
import io
import re

import pytest
from opened import ids_of, of_items, program, run
from service import on_a_port

WHERE = "tier = 'extreme'"
BOX = (17.0, 4.0, 19.0, 6.0)
#: Debian 12 has 3.6, which reads pages of 10 if it is not told otherwise.
SMALL = 10


@pytest.fixture(scope="module")
def ogrinfo():
    return program("ogrinfo", "gdal-bin")


@pytest.fixture(scope="module")
def ogr2ogr():
    return program("ogr2ogr", "gdal-bin")


@pytest.fixture
def read_ids(served, ogr2ogr):
    """Read the ids of a layer with ogr2ogr, in the order in which they come."""

    def read(source, layer=None, *options, **settings):
        settings = settings or {"GDAL_HTTP_USERPWD": f"any:{served.key}"}
        named = [] if layer is None else [layer]
        told = run(ogr2ogr, "-f", "CSV", "/vsistdout/", source, *named, "-select", "id", *options, **settings)
        return [row["id"] for row in csv.DictReader(io.StringIO(told))]

    return read


@pytest.fixture
def features(served):
    """The address for the driver of OGC API - Features."""
    return f"OAPIF:{served.url}/ogc"


def test_the_collections_are_listed(served, ogrinfo, features, asked):
    told = run(ogrinfo, "-ro", "-q", features, GDAL_HTTP_USERPWD=f"any:{served.key}")
    listed = re.findall(r"^\d+: (\w+) .*\((.+?)\)$", told, re.MULTILINE)
    assert [name for name, _ in listed] == ["matrix", "localities", "communities", "incidents", "changes"]
    assert dict(listed)["matrix"] == "Multi Polygon"
    assert dict(listed)["incidents"] == "Point"
    assert {one.scheme for one in asked} == {"Basic"}


def test_the_count_and_the_extent_are_those_of_the_api(served, ogrinfo, features):
    told = run(ogrinfo, "-ro", "-so", features, "incidents", GDAL_HTTP_USERPWD=f"any:{served.key}")
    assert f"Feature Count: {len(served.features('incidents'))}\n" in told
    west, south, east, north = served.get("/ogc/collections/incidents")["extent"]["spatial"]["bbox"][0]
    assert f"Extent: ({west:.6f}, {south:.6f}) - ({east:.6f}, {north:.6f})" in told


@pytest.mark.parametrize("collection", ["matrix", "incidents"])
def test_all_features_come_once_by_pages_of_its_own_size(served, read_ids, features, asked, collection):
    there = ids_of(served.features(collection))
    assert len(there) > SMALL  # else there is no second page
    assert read_ids(features, collection) == there
    pages = of_items(asked)
    cursors = [page["after"] for page in pages if "after" in page]
    assert len(cursors) == len(set(cursors))
    assert len(pages) <= 2 + len(there) // SMALL


def test_without_links_to_the_next_page_features_would_be_missed(sampled, served, read_ids):
    async def weakened(scope, receive, send):
        async def told(message):
            await send(message | {"body": message.get("body", b"").replace(b'"rel":"next"', b'"rel":"gone"')})

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await sampled.app(scope | {"headers": plain}, receive, told)

    with on_a_port(weakened) as url:
        found = read_ids(f"OAPIF:{url}/ogc", "incidents", "-oo", f"PAGE_SIZE={SMALL}")
    # Neither a warning nor a failure: every client believes that this is all.
    assert found == ids_of(served.features("incidents"))[:SMALL]


def test_a_page_as_large_as_all_is_asked_for_once(served, read_ids, features, asked):
    there = ids_of(served.features("incidents"))
    assert read_ids(features, "incidents", "-oo", "PAGE_SIZE=1000") == there
    # One look at what the columns are, and one page.
    assert [page["limit"] for page in of_items(asked)] in (["1000", "1000"], ["20", "1000"])


def test_pages_larger_than_the_server_gives_are_cut_and_all_come(served, read_ids, features):
    assert read_ids(features, "incidents", "-oo", "PAGE_SIZE=1000000") == ids_of(served.features("incidents"))


def test_a_box_is_left_to_the_server(served, read_ids, features, asked):
    west, south, east, north = BOX
    within = ids_of(served.features("incidents", f"&bbox={west},{south},{east},{north}"))
    assert 0 < len(within) < len(served.features("incidents"))
    found = read_ids(features, "incidents", "-spat", *BOX, "-oo", "PAGE_SIZE=1000")
    assert found == within
    assert [float(part) for part in of_items(asked)[-1]["bbox"].split(",")] == list(BOX)


def test_a_condition_gives_what_the_filter_gives(served, read_ids, features):
    within = ids_of(served.features("matrix", "&filter=tier%3D%27extreme%27"))
    assert 0 < len(within) < len(served.features("matrix"))
    assert read_ids(features, "matrix", "-where", WHERE) == within


def test_one_feature_is_asked_for_by_its_id(served, read_ids, features, asked):
    one = ids_of(served.features("incidents"))[-1]
    assert read_ids(features, "incidents", "-where", f"id = '{one}'") == [one]
    assert asked[-1].path == f"/ogc/collections/incidents/items/{one}"


def test_a_filter_in_the_address_is_evaluated_by_the_server(served, read_ids, asked):
    address = f"{served.url}/ogc/collections/matrix/items?limit=1000&sortby=-rank&filter=tier%20IN%20(%27extreme%27)"
    within = ids_of(served.features("matrix", "&sortby=-rank&filter=tier%20IN%20(%27extreme%27)"))
    assert within
    assert read_ids(address) == within
    assert {page["filter"] for page in of_items(asked)} == {"tier IN ('extreme')"}


@pytest.mark.parametrize("way", ["option", "setting", "header"])
def test_the_key_goes_along_each_way(served, read_ids, features, asked, way):
    options, settings = {
        "option": (["-oo", f"USERPWD=any:{served.key}"], {"GDAL_HTTP_TIMEOUT": "60"}),
        "setting": ([], {"GDAL_HTTP_USERPWD": f"any:{served.key}", "GDAL_HTTP_AUTH": "BASIC"}),
        # 3.6 knows the header alone, and 3.12 the key alone.
        "header": (
            [],
            {
                "GDAL_HTTP_HEADERS": f"Authorization: Bearer {served.key}",
                "GDAL_HTTP_AUTH": "BEARER",
                "GDAL_HTTP_BEARER": served.key,
            },
        ),
    }[way]
    assert read_ids(features, "localities", *options, **settings) == ids_of(served.features("localities"))
    assert {one.scheme for one in asked} == {"Bearer" if way == "header" else "Basic"}


def test_without_a_key_there_is_nothing(ogrinfo, features):
    with pytest.raises(AssertionError, match="401"):
        run(ogrinfo, "-ro", features)


def test_the_operation_in_the_address_is_kept(served, read_ids, features, asked):
    wide = {"GDAL_HTTP_USERPWD": f"any:{served.wide_key}"}
    assert read_ids(f"{features}?operation=DEMO", "incidents", **wide) == ids_of(served.features("incidents"))
    assert {one.query["operation"] for one in asked} == {"DEMO"}
    with pytest.raises(AssertionError, match="the operation is named"):
        read_ids(features, "incidents", **wide)


def test_the_matrix_itself_opens_too(served, read_ids):
    there = {feature["id"] for feature in served.get("/v1/matrix?operation=DEMO")["features"]}
    assert set(read_ids(f"{served.url}/v1/matrix?operation=DEMO")) == there
