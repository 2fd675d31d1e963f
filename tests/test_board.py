"""Laws and examples of the hot poll: the board in memory and the two routes in front of it."""

import asyncio
import gzip
import inspect
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import get_args
from urllib.parse import parse_qs, urljoin, urlsplit
from uuid import UUID

import httpx
import numpy as np
import pytest
import zstandard
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from api.board import Board
from api.sheet import VARIANTS, Query, Sheet, touches
from api.watch import Contact
from flashpoint.errors import Invalid, NotFound, Unavailable
from flashpoint.released import Locality, Place, Released, Standing, Written
from flashpoint.scoring.contributions import Kind
from flashpoint.types import Actor, ActorId, Audience, Role, Tier

TIERS = [tier.value for tier in Tier]
CODINGS = ["zstd", "gzip", "identity"]


LINES = [{"dimension": kind, "input": kind, "id": None, "points": 50.0 / 3} for kind in Kind]
PROPERTIES = {
    "name": "Yaloké",
    "score": 50.0,
    "score_low": 40.0,
    "score_high": 60.0,
    "tier": "high",
    "coverage": 0.5,
    "threat": 0.5,
    "vulnerability": 0.5,
    "capacity_gap": 0.5,
    "silent": False,
    "freshness_days": 3,
}
EXPLANATION = {
    "tier_name": {"en": "high", "fr": "élevé"},
    "contributions": LINES,
    "last_week": None,
    "margins": [{"input": "presence", "score_if_least": 20.0, "score_if_most": 80.0}],
}


def make_row(rank, tier="high", bbox=(16.0, 4.0, 17.0, 5.0), score=50.0):
    return Written(
        locality=Locality(str(UUID(int=rank)), 1, f"CF{rank}", "Yaloké"),
        tier=tier,
        score=score,
        properties=json.dumps(PROPERTIES | {"score": score, "tier": tier}, ensure_ascii=False).encode(),
        explanation=json.dumps(EXPLANATION).encode(),
        place=Place(
            polygon=b'{"type":"Polygon","coordinates":[[[16,4],[17,4],[17,5],[16,4]]]}',
            point=b'{"type":"Point","coordinates":[16.5,4.5]}',
            bbox=bbox,
        ),
    )


def make_released(rows, revision=1, build="b1", operation="CAF"):
    as_of = datetime(2015, 5, revision, tzinfo=UTC)
    members = {"as_of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}", "methodology": "2026.1", "audience": "cluster"}
    head = json.dumps(members)[1:-1].encode()
    rows = tuple(rows)
    ranks = np.array([(rank, max(1, rank - 1), rank + 1) for rank in range(1, len(rows) + 1)]).reshape(-1, 3)
    standing = Standing(ranks, np.full(len(rows), 0.25))
    return Released(operation, Audience.CLUSTER, build, revision, as_of, bytes(32), head, rows, standing)


def plain(answer):
    coding = answer.headers.get("Content-Encoding", "identity")
    decode = {"zstd": zstandard.ZstdDecompressor().decompress, "gzip": gzip.decompress, "identity": bytes}[coding]
    return decode(answer.body)


def ids(answer):
    return [feature["id"] for feature in json.loads(plain(answer))["features"]]


longitudes, latitudes = st.integers(-180, 180), st.integers(-90, 90)
boxes = st.tuples(longitudes, latitudes, longitudes, latitudes).map(
    lambda b: (float(b[0]), float(min(b[1], b[3])), float(b[2]), float(max(b[1], b[3])))
)
worlds = st.lists(st.tuples(st.sampled_from(TIERS), st.none() | boxes), max_size=12).map(
    lambda rows: make_released(make_row(i + 1, tier, bbox) for i, (tier, bbox) in enumerate(rows))
)
queries = st.builds(
    Query,
    limit=st.none() | st.integers(1, 15),
    offset=st.integers(0, 15),
    tiers=st.frozensets(st.sampled_from(TIERS)),
    bbox=st.none() | boxes,
    geometry=st.sampled_from(["polygon", "point", "none"]),
)


def degrees(box):
    """Give the whole degrees in a box with whole corners: a way to compare boxes without comparing their ends."""
    west, south, east, north = map(int, box)
    lon = set(range(west, east + 1)) if west <= east else set(range(west, 181)) | set(range(-180, east + 1))
    return lon, set(range(south, north + 1))


# --- the collection -------------------------------------------------------------------------------------------------


@given(worlds, queries)
def test_filters_equal_brute_force(world, query):
    def wanted(row):
        if query.tiers and row.tier not in query.tiers:
            return False
        if query.bbox is None:
            return True
        box = row.place.bbox
        return box is not None and all(a & b for a, b in zip(degrees(query.bbox), degrees(box), strict=True))

    matched = [row.locality.id for row in world.written if wanted(row)]
    answer = Sheet(world).answer(query, None, None)
    body = json.loads(answer.body)
    end = None if query.limit is None else query.offset + query.limit
    assert ids(answer) == matched[query.offset : end]
    assert (body["numberMatched"], body["numberReturned"]) == (len(matched), len(ids(answer)))


@given(worlds, queries)
def test_following_next_gives_every_row_once_in_order(world, query):
    query = replace(query, offset=0, limit=query.limit or 4)
    sheet = Sheet(world)
    seen = []
    while query:
        answer = sheet.answer(query, "gzip", None)
        seen += ids(answer)
        links = {link["rel"]: link["href"] for link in json.loads(plain(answer))["links"]}
        query = read_link(links["next"], query) if "next" in links else None
    assert seen == [row.locality.id for row in world.written if row.locality.id in seen]
    assert len(seen) == json.loads(plain(answer))["numberMatched"]


def read_link(href, query):
    asked = {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}
    assert asked.pop("operation") == "CAF"
    assert int(asked["offset"]) == query.offset + query.limit
    assert asked == dict(replace(query, offset=int(asked["offset"])).terms())
    return replace(query, offset=int(asked["offset"]))


@given(worlds, queries, st.booleans())
def test_every_coding_of_every_variant_holds_the_same_json(world, query, stale):
    sheet = Sheet(world)
    bodies = [plain(sheet.answer(query, coding, None, stale=stale)) for coding in CODINGS]
    assert len(set(bodies)) == 1
    body = json.loads(bodies[0])
    assert body["type"] == "FeatureCollection"
    assert body["stale"] is stale
    assert body["as_of"] == "2015-05-01T00:00:00Z"
    assert ("links" in body) == (query.limit is not None)


def test_the_bytes_of_a_small_matrix():
    row = replace(make_row(1), properties=json.dumps({"name": "Yaloké"}, ensure_ascii=False).encode())
    body = Sheet(make_released([row])).answer(Query(limit=1, geometry="point"), None, None).body
    assert body.decode() == (
        '{"type":"FeatureCollection","as_of": "2015-05-01T00:00:00Z", "methodology": "2026.1", '
        '"audience": "cluster","stale":false,"numberMatched":1,"numberReturned":1,'
        '"links":[{"rel":"self","type":"application/geo+json","href":"?operation=CAF&limit=1&geometry=point"}],'
        '"features":[{"type":"Feature","id":"00000000-0000-0000-0000-000000000001",'
        '"geometry":{"type":"Point","coordinates":[16.5,4.5]},"properties":'
        '{"rank":1,"rank_low":1,"rank_high":2,"top_k_share":0.25,"name": "Yaloké"}}]}'
    )


@pytest.mark.parametrize(
    ("a", "b", "touching"),
    [
        ((170, 0, -170, 10), (175, 5, 179, 6), True),
        ((170, 0, -170, 10), (-179, 5, -175, 6), True),
        ((170, 0, -170, 10), (0, 5, 10, 6), False),
        ((170, 0, -170, 10), (175, 11, 179, 12), False),
        ((170, 0, -170, 10), (160, 0, -175, 1), True),
        ((0, 0, 1, 1), (1, 1, 2, 2), True),
    ],
)
def test_boxes_across_the_antimeridian(a, b, touching):
    assert touches(a, b) is touching
    assert touches(b, a) is touching


# --- tags -----------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(queries, queries, *[st.tuples(st.sampled_from(CODINGS), st.booleans(), st.integers(1, 2))] * 2)
def test_tag_changes_if_and_only_if_what_decides_the_bytes_does(query, other, ways, others):
    def tag(query, way):
        coding, stale, revision = way
        sheet = Sheet(make_released([make_row(1)], revision))
        return sheet.answer(query, coding, None, stale=stale).headers["ETag"]

    assert (tag(query, ways) == tag(other, others)) == ((query, ways) == (other, others))
    assert tag(query, ways) == tag(query, ways)


def test_tag_differs_between_databases_operations_and_audiences():
    first = make_released([make_row(1)])
    kin = [
        first,
        replace(first, build="b2"),
        replace(first, operation="SSD"),
        replace(first, audience=Audience.MISSION),
        replace(first, revision=2),
    ]
    tags = {Sheet(released).answer(Query(), None, None).headers["ETag"] for released in kin}
    assert len(tags) == len(kin)
    assert all(tag[0] == tag[-1] == '"' for tag in tags)


def test_equal_numbers_written_differently_are_one_query():
    assert Query(bbox=(0, -0.0, 1, 2)).terms() == Query(bbox=(-0.0, 0.0, 1.0, 2.0)).terms()


@given(worlds, queries, st.sampled_from(CODINGS))
def test_repeats_and_other_workers_answer_the_same_bytes(world, query, coding):
    sheet, elsewhere = Sheet(world), Sheet(world)
    first = sheet.answer(query, coding, None)
    assert first == sheet.answer(query, coding, None) == elsewhere.answer(query, coding, None)


def test_what_fell_out_of_the_cache_comes_back_the_same_and_all_rows_never_fall_out():
    sheet = Sheet(make_released([make_row(1), make_row(2)]))
    pinned = [sheet.answer(Query(), coding, None) for coding in CODINGS]
    first = sheet.answer(Query(offset=1), "gzip", None)
    for offset in range(2, VARIANTS + 3):
        sheet.answer(Query(offset=offset), "gzip", None)
    again = sheet.answer(Query(offset=1), "gzip", None)
    assert again == first
    assert again is not first
    assert all(sheet.answer(Query(), coding, None) is answer for coding, answer in zip(CODINGS, pinned, strict=True))


@given(queries, st.sampled_from(CODINGS), st.booleans())
def test_304_on_the_tag_and_on_no_other(query, coding, stale):
    sheet = Sheet(make_released([make_row(1)]))
    full = sheet.answer(query, coding, None, stale=stale)
    same = sheet.answer(query, coding, full.headers["ETag"], stale=stale)
    assert (same.status, same.body) == (304, b"")
    assert same.headers == {name: full.headers[name] for name in ("ETag", "Vary", "Cache-Control")}
    assert sheet.answer(query, coding, full.headers["ETag"], stale=not stale).status == 200
    other = next(c for c in CODINGS if c != coding)
    assert sheet.answer(query, other, full.headers["ETag"], stale=stale).status == 200


# --- the board ------------------------------------------------------------------------------------------------------


def test_a_new_revision_replaces_and_a_late_one_does_not():
    board = Board()
    board.put(make_released([make_row(1)], revision=2))
    shown = board.get("CAF", Audience.CLUSTER)
    for revision in (1, 2):
        board.put(make_released([make_row(1)], revision=revision))
    assert board.get("CAF", Audience.CLUSTER) is shown
    board.put(make_released([make_row(1)], revision=3))
    assert board.get("CAF", Audience.CLUSTER).released.revision == 3
    board.put(make_released([make_row(1)], revision=1, build="b2"))
    assert board.get("CAF", Audience.CLUSTER).released.build == "b2"
    assert board.get("CAF", Audience.MISSION) is None


def test_rows_are_found_by_id_and_by_a_pcode_of_their_own():
    rows = [
        make_row(1),
        *(replace(row, locality=replace(row.locality, pcode="CF9")) for row in (make_row(2), make_row(3))),
    ]
    sheet = Sheet(make_released(rows))
    assert [sheet.find(row.locality.id) for row in rows] == [0, 1, 2]
    assert (sheet.find("CF1"), sheet.find("CF9"), sheet.find("CF2")) == (0, None, None)


# --- the routes -----------------------------------------------------------------------------------------------------

READER = Actor(ActorId(UUID(int=1)), UUID(int=2), "joc", Role.READER, Audience.CLUSTER, frozenset({"CAF", "TCD"}))


@pytest.fixture
def app():
    from api.deps import MatrixReader  # noqa: PLC0415 - the pure laws above need no framework
    from api.routes import matrix  # noqa: PLC0415

    async def reader():
        return READER

    [depends] = [extra for extra in get_args(MatrixReader) if hasattr(extra, "dependency")]
    app = FastAPI()
    app.dependency_overrides[depends.dependency] = reader
    app.include_router(matrix.router)
    app.state.board = Board()
    app.state.board.put(make_released(make_row(i, TIERS[i % 4]) for i in range(1, 8)))
    app.state.board.put(make_released([make_row(1)], operation="SSD"))
    app.state.settings = SimpleNamespace(stale_after_minutes=20, stale_limit_minutes=240)
    app.state.contact = SimpleNamespace(age_seconds=lambda _operation: app.state.age)
    app.state.age = 1.5
    return app


class Client:
    """Ask the app in this process; what it raises comes through, for problems are another module's business."""

    def __init__(self, app):
        self._transport = httpx.ASGITransport(app)

    def get(self, url, headers=None, method="GET"):
        async def ask():
            async with httpx.AsyncClient(transport=self._transport, base_url="http://flashpoint") as client:
                return await client.request(method, url, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(app):
    return Client(app)


def test_poll_then_304(client):
    full = client.get("/v1/matrix?operation=CAF", headers={"Accept-Encoding": "gzip"})
    assert full.status_code == 200
    assert full.headers["content-encoding"] == "gzip"
    assert full.headers["content-type"] == "application/geo+json"
    assert full.headers["cache-control"] == "private, no-cache"
    assert full.headers["vary"] == "Accept-Encoding, Authorization"
    assert "age" not in full.headers
    assert "last-modified" not in full.headers
    assert [f["properties"]["rank"] for f in full.json()["features"]] == [1, 2, 3, 4, 5, 6, 7]
    again = client.get(
        "/v1/matrix?operation=CAF",
        headers=[("Accept-Encoding", "gzip"), ("If-None-Match", '"x"'), ("If-None-Match", full.headers["etag"])],
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == full.headers["etag"]
    assert client.get("/v1/matrix?operation=CAF", method="HEAD").status_code == 200


def test_pages_are_followed_through_the_relative_link(client):
    url, ranks = "http://flashpoint/v1/matrix?operation=CAF&limit=3&geometry=none", []
    while url:
        body = client.get(url).json()
        ranks += [feature["properties"]["rank"] for feature in body["features"]]
        url = next((urljoin(url, link["href"]) for link in body["links"] if link["rel"] == "next"), None)
    assert ranks == [1, 2, 3, 4, 5, 6, 7]


def test_parameters_reach_the_query(client):
    asked = "/v1/matrix?operation=CAF&tier=high,watch&tier=extreme&bbox=16,4,1.7e1,5.0&offset=1&geometry=point"
    body = client.get(asked).json()
    assert [f["properties"]["rank"] for f in body["features"]] == [3, 4, 5, 7]
    assert {f["geometry"]["type"] for f in body["features"]} == {"Point"}
    assert client.get("/v1/matrix?operation=CAF&bbox=170,-10,-170,10").json()["numberMatched"] == 0


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", [("?operation", "required")]),
        ("operation=", [("?operation", "malformed_operation")]),
        ("operation=CA%00", [("?operation", "malformed_operation")]),
        ("operation=CAF&operation=SSD", [("?operation", "repeated_parameter")]),
        ("operation=CAF&limt=1", [("?limt", "unknown_parameter")]),
        ("operation=CAF&fpk_9aF3=1", [("?", "unknown_parameter")]),
        ("operation=CAF&Jean%20Dupont", [("?", "unknown_parameter")]),
        *[(f"operation=CAF&limit={v}", [("?limit", "out_of_range")]) for v in ("0", "10001", "-1", "1e2", "", "٣")],
        *[(f"operation=CAF&offset={v}", [("?offset", "out_of_range")]) for v in ("-1", "x", "9999999999")],
        *[(f"operation=CAF&tier={v}", [("?tier", "unknown_tier")]) for v in ("", "high,", "HIGH", "low")],
        *[
            (f"operation=CAF&bbox={v}", [("?bbox", "malformed_bbox")])
            for v in ("1,2,3", "1,2,3,4,5", "nan,0,1,1", "0,0,nan,1", "0,nan,1,1", "0,0,1,nan", "0,0,inf,1", "0,5,1,4")
        ],
        *[(f"operation=CAF&bbox={v}", [("?bbox", "malformed_bbox")]) for v in ("0,0,181,1", "0,-91,1,1", "0,0,1_0,1")],
        *[(f"operation=CAF&geometry={v}", [("?geometry", "unknown_geometry")]) for v in ("", "Point", "wkt")],
        ("limit=0&bbox=1", [("?operation", "required"), ("?limit", "out_of_range"), ("?bbox", "malformed_bbox")]),
        ("operation=%ff", [("?", "malformed_query")]),
        ("&".join(["tier=high"] * 65), [("?", "malformed_query")]),
        ("operation=" + "A" * 3000, [("?", "malformed_query")]),
    ],
)
def test_bad_parameters_are_named_and_never_repeated(client, query, wrong):
    with pytest.raises(Invalid) as caught:
        client.get(f"/v1/matrix?{query}")
    assert [(v.pointer, v.code) for v in caught.value.violations] == wrong


def test_what_is_not_the_actors_is_as_what_is_not(client):
    said = set()
    for operation in ("SSD", "TCD", "XXX"):  # another's, one's own without a matrix, nobody's
        for path in ("/v1/matrix", "/v1/matrix/CF1"):
            with pytest.raises(NotFound) as caught:
                client.get(f"{path}?operation={operation}")
            said.add(str(caught.value))
    assert len(said) == 1
    with pytest.raises(NotFound):
        client.get("/v1/matrix/CF99?operation=CAF")


def test_one_row_with_its_explanation(client):
    row = client.get("/v1/matrix/CF3?operation=CAF")
    assert row.content == client.get(f"/v1/matrix/{UUID(int=3)}?operation=CAF").content
    body = row.json()
    assert (body["type"], body["id"], body["stale"]) == ("Feature", str(UUID(int=3)), False)
    (margin,) = body["explanation"]["margins"]
    assert (margin["rank_if_least"], margin["rank_if_most"]) == (7, 1)
    assert set(body["explanation"]["words"]) == {"en", "fr"}
    assert body["as_of"] == "2015-05-01T00:00:00Z"
    again = client.get("/v1/matrix/CF3?operation=CAF", headers={"If-None-Match": row.headers["etag"]})
    assert again.status_code == 304
    tags = {client.get(f"/v1/matrix{path}?operation=CAF").headers["etag"] for path in ("", "/CF1", "/CF2", "/CF3")}
    assert len(tags) == 4
    with pytest.raises(Invalid):
        client.get("/v1/matrix/CF3?operation=CAF&limit=1")


def test_staleness_is_told_and_bounded(app, client):
    fresh = client.get("/v1/matrix?operation=CAF")
    stale = []
    for app.state.age in (1201, 1290.9):
        stale.append(client.get("/v1/matrix?operation=CAF", headers={"If-None-Match": fresh.headers["etag"]}))
    assert [answer.headers["age"] for answer in stale] == ["1201", "1290"]
    assert stale[0].json()["stale"] is True
    assert stale[0].content == stale[1].content
    assert stale[0].headers["etag"] == stale[1].headers["etag"] != fresh.headers["etag"]
    assert client.get("/v1/matrix/CF1?operation=CAF").json()["stale"] is True
    app.state.age = 240 * 60 + 1
    for path in ("/v1/matrix", "/v1/matrix/CF1"):
        with pytest.raises(Unavailable):
            client.get(f"{path}?operation=CAF")
    app.state.age = 0
    assert client.get("/v1/matrix?operation=CAF").content == fresh.content


def test_nothing_on_the_hot_path_needs_a_thread():
    from api.routes import matrix  # noqa: PLC0415

    def calls(dependant):
        return [dependant.call, *[call for inner in dependant.dependencies for call in calls(inner)]]

    def awaited(call):
        return any(
            f(c) for f in (inspect.iscoroutinefunction, inspect.isasyncgenfunction) for c in (call, call.__call__)
        )

    found = [call for route in matrix.router.routes for call in calls(route.dependant)]
    assert len(found) >= 8
    assert [call for call in found if not awaited(call)] == []


def test_openapi_documents_every_parameter(app):
    paths = app.openapi()["paths"]
    documented = paths["/v1/matrix"]["get"]["parameters"]
    assert {p["name"] for p in documented} >= {"operation", "limit", "offset", "tier", "bbox", "geometry"}
    of_moment = {"as_of", "methodology", "recorded"}  # without: whoever tries it out sees the live matrix first
    assert all("example" in p for p in documented if p["in"] == "query" and p["name"] not in of_moment)
    assert all(p["description"] for p in documented if p["in"] == "query")
    assert of_moment <= {p["name"] for p in documented}
    assert {p["name"] for p in paths["/v1/matrix/{locality}"]["get"]["parameters"]} >= {"operation", "locality"}
    assert all(set(path) == {"get"} for path in paths.values())


def test_links_never_skip(client):
    body = client.get("/v1/matrix?operation=CAF&limit=2&offset=2").json()
    ranks = [feature["properties"]["rank"] for feature in body["features"]]
    assert all(b - a == 1 for a, b in pairwise(ranks))
    assert {link["rel"]: link["href"] for link in body["links"]} == {
        "self": "?operation=CAF&limit=2&offset=2",
        "next": "?operation=CAF&limit=2&offset=4",
    }


def test_what_is_old_of_one_operation_says_nothing_of_another():
    contact = Contact(release_every_seconds=0.0)
    contact.touch({"CAF", "SSD"})
    time.sleep(0.02)
    contact.touch({"SSD"})
    assert contact.age_seconds("CAF") >= 0.02
    assert contact.age_seconds("SSD") < contact.age_seconds("CAF")
