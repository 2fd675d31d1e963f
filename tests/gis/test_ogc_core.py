"""OGC API - Features, Part 1 (OGC 17-069r4): the requirements class Core, one test a requirement."""

from datetime import UTC, datetime, timedelta

import pytest
from ogc import CRS84, GEOJSON, HTML, LAYERS, PROBLEM, link, pages, path_of
from service import NOBODY
from shapely.geometry import box, shape

JSON = "application/json"
CONFORMANCE, DATA = (f"http://www.opengis.net/def/rel/ogc/1.0/{name}" for name in ("conformance", "data"))
#: Each path with the media type of its answer.
PATHS = {"": JSON, "/api": "application/vnd.oai.openapi+json;version=3.0", "/conformance": JSON, "/collections": JSON}


@pytest.fixture(scope="module")
def spoken(ogc):
    """What the API says of its parameters."""
    document = ogc.document("/api")
    items = document["paths"]["/collections/{collectionId}/items"]["get"]["parameters"]
    named = [document["components"]["parameters"][one["$ref"].rsplit("/", 1)[1]] for one in items]
    return {one["name"]: one for one in named}


def succeeds(answer, media=JSON):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].replace(" ", "") == media
    return answer.json()


# -- landing page, definition, conformance ----------------------------------------------------------------------------


def test_req_core_root_op(ogc):
    """/req/core/root-op"""
    assert ogc.get().status_code == 200


def test_req_core_root_success(ogc):
    """/req/core/root-success"""
    landing = succeeds(ogc.get())
    described = {one["rel"] for one in landing["links"]} & {"service-desc", "service-doc"}
    assert described
    for rel in (CONFORMANCE, "conformance", DATA, "data"):
        assert link(landing, rel)["href"]


def test_req_core_api_definition_op(ogc):
    """/req/core/api-definition-op"""
    described = link(ogc.document(), "service-desc")
    answer = ogc.get(path_of(described["href"]))
    assert answer.status_code == 200
    assert answer.headers["content-type"].replace(" ", "") == described["type"]


def test_req_core_api_definition_success(ogc):
    """/req/core/api-definition-success"""
    assert succeeds(ogc.get("/api"), PATHS["/api"])["openapi"].startswith("3.0.")
    shown = link(ogc.document(), "service-doc")
    assert ogc.get(path_of(shown["href"])).headers["content-type"].startswith(HTML)


def test_req_core_conformance_op(ogc):
    """/req/core/conformance-op"""
    assert ogc.get("/conformance").status_code == 200


def test_req_core_conformance_success(ogc):
    """/req/core/conformance-success"""
    declared = succeeds(ogc.get("/conformance"))["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in declared
    assert all(one.startswith("http://www.opengis.net/spec/") for one in declared)


# -- what holds everywhere --------------------------------------------------------------------------------------------


def test_req_core_http(ogc, served):
    """/req/core/http"""
    told = served.get("/ogc")
    assert told["links"]
    for path in (*PATHS, "/collections/matrix", "/collections/matrix/items"):
        head = ogc.caller.request("HEAD", f"/ogc{path}")
        assert head.status_code == 200
        assert not head.content
        assert ogc.caller.request("POST", f"/ogc{path}").status_code == 405
    assert ogc.get("/nowhere").status_code == 404
    tag = ogc.ask("matrix").headers["etag"]
    for seen in (tag, f'"other", W/{tag}', "*"):
        again = ogc.get("/collections/matrix/items", {"If-None-Match": seen})
        assert (again.status_code, again.headers["etag"]) == (304, tag)
    # What is not there is the same as nothing, and is not unchanged.
    for missing in (f"/collections/matrix/items/{NOBODY}", "/collections/nowhere/items"):
        assert ogc.get(missing, {"If-None-Match": "*"}).status_code == 404


def test_req_core_crs84(ogc):
    """/req/core/crs84"""
    for layer in LAYERS:
        answer = ogc.ask(layer)
        assert answer.headers["content-crs"] == f"<{CRS84}>"
        for one in answer.json()["features"]:
            if one["geometry"] is not None:
                west, south, east, north = shape(one["geometry"]).bounds
                assert 17 <= west <= east <= 22
                assert 3 <= south <= north <= 8


# -- collections ------------------------------------------------------------------------------------------------------


def test_req_core_fc_md_op(ogc):
    """/req/core/fc-md-op"""
    assert ogc.get("/collections").status_code == 200


def test_req_core_fc_md_success(ogc):
    """/req/core/fc-md-success"""
    found = succeeds(ogc.get("/collections"))
    assert [one["id"] for one in found["collections"]] == list(LAYERS)
    for one in found["collections"]:
        assert one["itemType"] == "feature"
        assert one["title"]
        assert one["description"]


def test_req_core_fc_md_links(ogc):
    """/req/core/fc-md-links"""
    found = ogc.document("/collections")
    assert link(found, "self")["type"] == JSON
    assert link(found, "alternate")["type"] == HTML
    assert ogc.document(path_of(link(found, "self")["href"])) == found


def test_req_core_fc_md_items(ogc):
    """/req/core/fc-md-items"""
    listed = {one["id"] for one in ogc.document("/collections")["collections"]}
    assert listed == set(LAYERS)
    assert all(ogc.ask(layer).status_code == 200 for layer in listed)


def test_req_core_fc_md_items_links(ogc):
    """/req/core/fc-md-items-links"""
    for one in ogc.document("/collections")["collections"]:
        for media in (GEOJSON, HTML):
            answer = ogc.get(path_of(link(one, "items", media)["href"]))
            assert answer.headers["content-type"].split(";")[0] == media


def test_req_core_fc_md_extent(ogc):
    """/req/core/fc-md-extent"""
    for who in (ogc, ogc.as_analyst):
        for one in who.document("/collections")["collections"]:
            extent = one["extent"]
            assert extent["spatial"]["crs"] == CRS84
            (bounds,) = extent["spatial"]["bbox"]
            features = who.features(one["id"])
            drawn = [shape(each["geometry"]) for each in features if each["geometry"] is not None]
            # Coordinates are rounded to a metre.
            assert all(box(*bounds).buffer(1e-5).covers(each) for each in drawn), one["id"]
            times = [span(each["time"]) for each in features if each["time"] is not None]
            if times:
                ((first, last),) = extent["temporal"]["interval"]
                assert first is None or min(times)[0] >= datetime.fromisoformat(first)
                assert last is None or max(end for _, end in times) <= datetime.fromisoformat(last)


def test_req_core_sfc_md_op(ogc):
    """/req/core/sfc-md-op"""
    for layer in LAYERS:
        assert ogc.get(f"/collections/{layer}").status_code == 200
    for other in ("nowhere", "Matrix", "matrix%2F", "matrix.json", NOBODY):
        assert ogc.get(f"/collections/{other}").status_code == 404


def test_req_core_sfc_md_success(ogc):
    """/req/core/sfc-md-success"""
    for listed in ogc.document("/collections")["collections"]:
        assert succeeds(ogc.get(f"/collections/{listed['id']}")) == listed


# -- features ---------------------------------------------------------------------------------------------------------


def test_req_core_fc_op(ogc):
    """/req/core/fc-op"""
    for layer in LAYERS:
        succeeds(ogc.ask(layer), GEOJSON)
    assert ogc.ask("nowhere").status_code == 404


def test_req_core_fc_limit_definition(spoken):
    """/req/core/fc-limit-definition"""
    limit = spoken["limit"]
    told = (limit["in"], limit["required"], limit["style"], limit["explode"], limit["schema"]["type"])
    assert told == ("query", False, "form", False, "integer")
    assert limit["schema"]["minimum"] == 1
    assert 1 <= limit["schema"]["default"] <= limit["schema"]["maximum"] <= 10_000


def test_req_core_fc_limit_response_1(ogc, spoken):
    """/req/core/fc-limit-response-1"""
    most = spoken["limit"]["schema"]["maximum"]
    for layer in LAYERS:
        everything = ogc.ids(layer)
        for limit in (1, 2, len(everything), len(everything) + 1, most, most + 1, 10**17):
            found = ogc.page(layer, limit=limit)["features"]
            assert [one["id"] for one in found] == everything[:limit]


def test_req_core_fc_bbox_definition(spoken):
    """/req/core/fc-bbox-definition"""
    bbox = spoken["bbox"]
    assert (bbox["in"], bbox["required"], bbox["style"], bbox["explode"]) == ("query", False, "form", False)
    schema = bbox["schema"]
    assert (schema["type"], schema["items"]) == ("array", {"type": "number"})
    assert schema["oneOf"] == [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]


#: West, south, east, north: some, none, all, a point, a line, around the world, over its edges.
BOXES = [
    (18.2, 4.2, 18.4, 4.4),
    (19.0, 4.5, 19.0, 4.5),
    (18.999, 4.0, 19.001, 7.0),
    (10.0, 5.5, 30.0, 5.5),
    (-180.0, -90.0, 180.0, 90.0),
    (-200.0, -100.0, 18.5, 100.0),
    (40.0, 4.0, 50.0, 5.0),
    (18.0, 6.0, 20.0, 6.0),
]


@pytest.mark.parametrize("bounds", BOXES)
def test_a_box_gives_what_it_touches_and_nothing_else(ogc, bounds):
    for layer in LAYERS:
        touched = [
            one["id"]
            for one in ogc.features(layer)
            if one["geometry"] is not None and shape(one["geometry"]).intersects(box(*bounds))
        ]
        assert ogc.ids(layer, bbox=",".join(map(str, bounds))) == touched
        with_height = (*bounds[:2], -10, *bounds[2:], 10)
        assert ogc.ids(layer, bbox=",".join(map(str, with_height))) == touched


def test_req_core_fc_bbox_response(ogc):
    """/req/core/fc-bbox-response"""
    assert ogc.names("matrix", bbox="18.2,4.2,18.4,4.4") == {"101"}
    assert ogc.names("matrix", bbox="19,4.2,19,4.4") == {"101", "102"}
    # Over the antimeridian: from the east of the second locality around the world to the west of it.
    assert ogc.names("matrix", bbox="19.5,4.2,19.4,4.4") == {"101", "102"}
    assert ogc.names("matrix", bbox="20.5,4.2,18.5,4.4") == {"101"}
    assert ogc.names("matrix", bbox="179,-10,-179,10") == set()
    # What has no geometry is in no box, also not in that of the world.
    everything, placed = ogc.ids("incidents"), ogc.ids("incidents", bbox="-180,-90,180,90")
    assert len(everything) - len(placed) == 2


def test_req_core_fc_time_definition(spoken):
    """/req/core/fc-time-definition"""
    datetime_ = spoken["datetime"]
    told = (datetime_["in"], datetime_["required"], datetime_["style"], datetime_["explode"], datetime_["schema"])
    assert told == ("query", False, "form", False, {"type": "string"})


def span(time):
    """Read a time of JSON-FG: from when to when."""
    ends = time["interval"] if "interval" in time else [time.get("date") or time.get("timestamp")] * 2
    begin, end = (
        datetime.fromisoformat(one if "T" in one else f"{one}T{of_day}+00:00")
        for one, of_day in zip(ends, ("00:00:00", "23:59:59"), strict=True)
    )
    return begin, end


def within(features, begin, end):
    """Give what touches an interval; what has no time is of all times."""
    times = [(one["id"], one["time"] and span(one["time"])) for one in features]
    return [name for name, time in times if time is None or (time[0] <= end and time[1] >= begin)]


def test_req_core_fc_time_response(ogc):
    """/req/core/fc-time-response"""
    ever, never = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    now = datetime.now(UTC).replace(microsecond=0)
    moments = [now + timedelta(days=days) for days in (-500, -399, -100, -40, -8, -2, -1, 0, 1, 60)]
    for layer in LAYERS:
        features = ogc.features(layer)
        for at, moment in enumerate(moments):
            told, day = f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d}"
            midnight = moment.replace(hour=0, minute=0, second=0)
            assert ogc.ids(layer, datetime=told) == within(features, moment, moment)
            assert ogc.ids(layer, datetime=f"{told}/..") == within(features, moment, never)
            assert ogc.ids(layer, datetime=f"/{told}") == within(features, ever, moment)
            last = midnight + timedelta(hours=23, minutes=59, seconds=59)
            assert ogc.ids(layer, datetime=day) == within(features, midnight, last)
            for later in moments[at + 1 :: 3]:
                asked = f"{told}/{later:%Y-%m-%dT%H:%M:%S}+00:00"
                assert ogc.ids(layer, datetime=asked) == within(features, moment, later)
        assert ogc.ids(layer, datetime="../..") == [one["id"] for one in features]


def test_features_without_a_time_are_of_all_times(ogc):
    assert ogc.ids("localities", datetime="1900-01-01") == ogc.ids("localities")


def test_req_core_fc_response(ogc):
    """/req/core/fc-response"""
    for layer in LAYERS:
        found = succeeds(ogc.ask(layer, limit=10_000, bbox="18,4,19,5", datetime="2026-01-01/.."), GEOJSON)
        assert found["type"] == "FeatureCollection"
        in_box, in_time = set(ogc.ids(layer, bbox="18,4,19,5")), set(ogc.ids(layer, datetime="2026-01-01/.."))
        assert {one["id"] for one in found["features"]} == in_box & in_time
        assert all(one["type"] == "Feature" for one in found["features"])


def test_req_core_fc_links(ogc):
    """/req/core/fc-links"""
    for layer in LAYERS:
        page = ogc.page(layer, limit=1, datetime="../..")
        own, other = link(page, "self"), link(page, "alternate")
        assert ogc.document(path_of(own["href"])) == page
        assert ogc.get(path_of(other["href"])).headers["content-type"].startswith(HTML)
        following = [one for one in page["links"] if one["rel"] == "next"]
        assert len(following) == (page["numberMatched"] > 1)


def test_next_links_lead_through_all_features_once(ogc):
    for layer in LAYERS:
        for limit in (1, 2, 3, 100):
            found = [one["id"] for page in pages(ogc, layer, limit=limit) for one in page["features"]]
            assert found == ogc.ids(layer)


def test_req_core_fc_rel_type(ogc):
    """/req/core/fc-rel-type"""
    for layer in LAYERS:
        for page in pages(ogc, layer, limit=2):
            assert all(one["rel"] and one["type"] and one["href"] for one in page["links"])


def test_req_core_fc_timestamp(ogc):
    """/req/core/fc-timeStamp"""
    # It may be there. An answer stays the same as long as its data do, so that a moment of its own would be a lie.
    for layer in LAYERS:
        told = ogc.page(layer).get("timeStamp")
        assert told is None or datetime.fromisoformat(told).tzinfo is not None


def test_req_core_fc_numbermatched(ogc):
    """/req/core/fc-numberMatched"""
    for layer in LAYERS:
        for asked in ({}, {"bbox": "18,4,19,5"}, {"datetime": "2026-11-01/.."}, {"bbox": "40,4,50,5"}):
            told = {page["numberMatched"] for page in pages(ogc, layer, limit=2, **asked)}
            assert told == {len(ogc.ids(layer, **asked))}


def test_req_core_fc_numberreturned(ogc):
    """/req/core/fc-numberReturned"""
    for layer in LAYERS:
        for page in pages(ogc, layer, limit=2):
            assert page["numberReturned"] == len(page["features"])


def test_req_core_f_op(ogc):
    """/req/core/f-op"""
    for layer in LAYERS:
        for feature in ogc.ids(layer):
            assert ogc.get(f"/collections/{layer}/items/{feature}").status_code == 200
        for other in (NOBODY, "1", "x", "%00", ogc.ids(layer)[0][:-1]):
            answer = ogc.get(f"/collections/{layer}/items/{other}")
            assert answer.status_code == 404
            assert answer.headers["content-type"] == PROBLEM
            assert other not in answer.text.replace("404", "")
    assert ogc.get(f"/collections/incidents/items/{ogc.ids('matrix')[0]}").status_code == 404


def test_req_core_f_success(ogc):
    """/req/core/f-success"""
    for layer in LAYERS:
        for listed in ogc.features(layer):
            found = succeeds(ogc.get(f"/collections/{layer}/items/{listed['id']}"), GEOJSON)
            assert {name: found[name] for name in listed} == listed


def test_req_core_f_links(ogc):
    """/req/core/f-links"""
    for layer in LAYERS:
        found = ogc.document(f"/collections/{layer}/items/{ogc.ids(layer)[0]}")
        assert ogc.document(path_of(link(found, "self", GEOJSON)["href"])) == found
        assert ogc.get(path_of(link(found, "alternate", HTML)["href"])).headers["content-type"].startswith(HTML)
        assert ogc.document(path_of(link(found, "collection")["href"]))["id"] == layer
