"""The released picture over HTTP: what each audience is given, what a query can narrow, and what never shows."""

import json

import pytest
from service import ago, ids_of, subject
from shapely.geometry import box, shape

from flashpoint.types import Audience, Role

COLLECTIONS = ("incidents", "communities", "zones")


def released(caller, operation, collection="incidents", query="", **headers):
    spelt = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.get(f"/v1/released/{collection}?operation={operation.code}{query}", headers=spelt)


def rows(answer):
    assert answer.status_code == 200, answer.text
    return [one["properties"] for one in answer.json()["features"]]


@pytest.fixture
def painted(operation):
    """An operation with a few incidents and communities, and its pictures."""
    operation.verified(sharing="mission", share_above="detail")
    operation.verified((19.5, 4.5), sharing="public", geo_precision=4, category="abduction", date_precision=3)
    operation.verified(sharing="cluster")
    operation.verified((18.2, 6.2), sharing="restricted", share_above="detail")
    operation.verified(None, sharing="mission", geo_precision=6)
    operation.analyst.post("/v1/communities", subject(operation.code, "community", sharing="mission"))
    operation.assess()
    return operation


# -- what is answered -----------------------------------------------------------------------------------------------


def test_the_mission_reads_generalised_rows(painted):
    answer = released(painted.reader, painted)
    body = answer.json()
    assert list(body)[:4] == ["type", "operation", "audience", "classification"]
    assert (body["audience"], body["numberMatched"], body["numberReturned"]) == ("mission", 4, 4)
    assert body["links"] == []
    assert answer.headers["content-type"] == "application/geo+json"
    columns = {
        *("category", "period", "zone", "zone_name", "zone_level", "perpetrator_class", "protected_site"),
        *("killed_band", "injured_band", "abducted_band", "displaced_band"),
    }
    assert all(row.keys() == columns for row in rows(answer))
    assert sorted((row["zone"], row["killed_band"], row["perpetrator_class"]) for row in rows(answer)) == [
        (painted.code, "1-4", "unknown"),
        ("X11", "1-4", "unknown"),
        ("X1101", "1-4", "unknown"),
        ("X1201", "1-4", "unknown"),
    ]
    ids = ids_of(answer)
    assert ids == sorted(ids)


def test_the_cluster_reads_where_and_how_many(painted):
    full = [row for row in rows(released(painted.analyst, painted)) if not row["generalised"]]
    generalised = [row for row in rows(released(painted.analyst, painted)) if row["generalised"]]
    assert len(full) == 4
    assert {row["locality_pcode"] for row in full} == {"X1101", None}
    assert {row["date"] for row in full} == {ago(2)[:10], ago(2)[:7]}
    assert full[0]["killed"] == {"low": 1, "best": 2, "high": 3}
    assert [row["zone"] for row in generalised] == ["X1201"]
    assert generalised[0]["date"] is generalised[0]["killed"] is generalised[0]["locality"] is None


def test_points_are_drawn_in_their_zones_and_nowhere_near_by_rule(painted):
    for caller in (painted.reader, painted.analyst):
        zones = released(caller, painted, "zones").json()["features"]
        outlines = {one["properties"]["zone"]: shape(one["geometry"]) for one in zones}
        for one in released(caller, painted).json()["features"]:
            zone = one["properties"]["zone"]
            if one["properties"]["zone_level"] == 0:
                assert one["geometry"] is None  # known to the country only: a point would be a false one
            else:
                assert outlines[zone].covers(shape(one["geometry"]))
                assert one["geometry"]["coordinates"] not in ([18.5, 4.5], [19.5, 4.5], [18.2, 6.2])
        drawn = released(caller, painted, query="&geometry=zone").json()["features"]
        assert all(shape(one["geometry"]).equals(outlines[one["properties"]["zone"]]) for one in drawn)
        assert {one["geometry"] for one in released(caller, painted, query="&geometry=none").json()["features"]} == {
            None
        }


def test_zones_are_all_there_with_their_outlines(painted):
    answer = released(painted.reader, painted, "zones")
    assert {row["zone"]: row["zone_level"] for row in rows(answer)} == {
        painted.code: 0,
        "X1": 1,
        "X11": 2,
        "X12": 2,
        **dict.fromkeys(("X1101", "X1102", "X1201"), 3),
    }
    (commune,) = released(painted.reader, painted, "zones", "&zone=X1101").json()["features"]
    assert shape(commune["geometry"]).equals(box(18, 4, 19, 5))
    (commune,) = released(painted.reader, painted, "zones", "&zone=X1101&geometry=point").json()["features"]
    assert box(18, 4, 19, 5).covers(shape(commune["geometry"]))


def test_communities_are_told_by_their_zone_and_a_band(painted):
    (row,) = rows(released(painted.reader, painted, "communities"))
    assert row == {
        "period": ago(3)[:7],
        "zone": "X1101",
        "zone_name": "Place X1101",
        "zone_level": 3,
        "people_band": "100-499",
        "confinement": 3,
        "food_access": 3,
        "water_access": None,
        "health_access": None,
        "market_access": None,
        "expired": False,
    }
    (row,) = rows(released(painted.analyst, painted, "communities"))
    assert (row["name"], row["people"]) == ("Parish site", {"low": 400, "best": 450, "high": 600})
    assert row["locality_pcode"] == "X1101"


def test_released_ids_lead_nowhere(painted, service):
    vault = {str(one) for (one,) in service.owner.execute("SELECT id FROM vault.incident")}
    mission, cluster = (set(ids_of(released(caller, painted))) for caller in (painted.reader, painted.analyst))
    assert not mission & cluster
    assert not (mission | cluster) & vault
    for one in cluster:
        assert painted.analyst.get(f"/v1/incidents/{one}").status_code == 404
    text = released(painted.analyst, painted).text
    assert not [one for one in vault if one in text]


# -- what can be asked ----------------------------------------------------------------------------------------------


def test_every_filter_is_a_column_of_the_answer(painted):
    everything = released(painted.reader, painted).json()["features"]
    for name in ("category", "period", "zone"):
        values = {one["properties"][name] for one in everything}
        assert len(values) > 1
        for value in values:
            narrowed = released(painted.reader, painted, query=f"&{name}={value}").json()
            wanted = [one for one in everything if one["properties"][name] == value]
            assert narrowed["features"] == wanted
            assert narrowed["numberMatched"] == len(wanted)
    assert rows(released(painted.reader, painted, query="&category=abduction&zone=X1101")) == []


@pytest.mark.parametrize(
    "query",
    [
        *("locality=X1101", "state=verified", "since=2026-01-01", "bbox=18,4,19,5", "perpetrator_class=unknown"),
        *(
            "sortby=zone",
            "offset=1",
            "killed=2",
            "date=2026-11-20",
            "sharing=mission",
            "generalised=true",
            "Zone=X1101",
        ),
        *("limit=0", "limit=1001", "limit=ten", "geometry=polygon", "category=nonsense", "zone=X%20Y", "zone="),
        *("period=2026-11-20", "period=nonsense", "after=1", "after=" + "x" * 300, "zone=X1101&zone=X1102"),
    ],
)
@pytest.mark.parametrize("role", [Role.READER, Role.ANALYST])
def test_what_is_no_parameter_is_a_bad_request(operation, query, role):
    answer = released(operation.caller(role), operation, query="&" + query)
    assert answer.status_code == 400, answer.text
    assert all(error["pointer"].startswith("?") for error in answer.json()["errors"])
    assert "nonsense" not in answer.text


def test_communities_and_zones_have_no_more_parameters_than_columns(operation):
    operation.assess()
    for collection, query in (("communities", "category=abduction"), ("zones", "period=2026"), ("zones", "category=x")):
        assert released(operation.reader, operation, collection, f"&{query}").status_code == 400


def test_pages_hold_each_row_once(painted):
    everything = ids_of(released(painted.analyst, painted))
    seen, query = [], f"?operation={painted.code}&limit=2"
    while query:
        answer = painted.analyst.get(f"/v1/released/incidents{query}")
        assert answer.json()["numberMatched"] == 5
        seen += ids_of(answer)
        query = next((link["href"] for link in answer.json()["links"] if link["rel"] == "next"), None)
    assert seen == everything
    assert len(seen) == len(set(seen)) == 5


def test_an_operation_that_is_not_yours_is_not_there(painted, elsewhere):
    answers = [released(elsewhere.reader, painted), elsewhere.reader.get("/v1/released/incidents?operation=NOWHERE")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert released(elsewhere.reader, elsewhere).status_code == 404  # nothing of it was released yet
    assert painted.reader.get("/v1/released/incidents").status_code == 400


def test_without_a_protocol_the_mission_is_given_nothing(service):
    operation = service.operation(agreed=False)
    operation.verified(sharing="mission")
    operation.assess()
    for collection in COLLECTIONS:
        assert released(operation.reader, operation, collection).status_code == 403
        assert released(operation.analyst, operation, collection).status_code == 200


# -- tags -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_tag_is_good_until_something_changes(painted, collection):
    first = released(painted.reader, painted, collection)
    tag = first.headers["etag"]
    again = released(painted.reader, painted, collection, If_None_Match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert released(painted.reader, painted, collection, "&limit=1").headers["etag"] != tag
    assert released(painted.reader, painted, collection, "&geometry=none").headers["etag"] != tag
    assert released(painted.analyst, painted, collection).headers["etag"] != tag
    head = painted.reader.request("HEAD", f"/v1/released/{collection}?operation={painted.code}")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_codings_are_told_apart(painted):
    plain = released(painted.reader, painted, Accept_Encoding="identity")
    packed = released(painted.reader, painted, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != packed.headers["etag"]
    assert packed.content == plain.content  # the client unpacked it


def test_every_reader_of_an_audience_gets_the_same_bytes(painted):
    callers = [painted.caller(role, Audience.MISSION) for role in Role]
    for collection in COLLECTIONS:
        answers = [released(caller, painted, collection) for caller in callers]
        assert len({(answer.content, answer.headers["etag"]) for answer in answers}) == 1


def seen(painted):
    """Give all that a mission reader can observe: bytes, tags, sizes, counts, filters, in every collection."""
    queries = ["", "&limit=1", "&zone=X1101", "&geometry=zone", "&geometry=none"]
    answers = [released(painted.reader, painted, one, query) for one in COLLECTIONS for query in queries]
    answers += [released(painted.reader, painted, query=f"&category={one}") for one in ("abduction", "extortion")]
    return [(answer.status_code, answer.content, answer.headers["etag"]) for answer in answers]


def test_what_the_mission_may_not_know_of_does_not_show(painted):
    before = seen(painted)
    for hidden in (
        {"sharing": "cluster", "category": "extortion"},
        {"sharing": "restricted", "share_above": "aggregate", "category": "abduction"},
        {"sharing": "mission", "consent": "unknown"},
        {"sharing": "mission", "exercise": True},
        {"sharing": "cluster", "category": "sexual_violence"},
    ):
        incident_id = painted.verified(**hidden)
        painted.assess()
        assert seen(painted) == before
    painted.step(incident_id, "withdraw", reason_code="harm", reason="Synthetic.")
    painted.reported(sharing="mission")
    painted.analyst.post("/v1/communities", subject(painted.code, "community", sharing="cluster"))
    painted.assess()
    assert seen(painted) == before


def test_what_the_mission_may_know_of_does_show(painted):
    before = seen(painted)
    incident_id = painted.verified(sharing="mission")
    painted.assess()
    after = seen(painted)
    assert after != before
    painted.step(incident_id, "withdraw", reason_code="harm", reason="Synthetic.")
    painted.assess()
    gone = seen(painted)
    assert [one[2] for one in gone] != [one[2] for one in after]
    assert incident_id not in json.dumps([one[1].decode() for one in gone])


def test_the_moment_is_that_of_the_last_change_and_no_other(painted):
    first = released(painted.reader, painted).json()["as_of"]
    painted.verified(sharing="cluster")
    painted.assess()
    assert released(painted.reader, painted).json()["as_of"] == first
    assert released(painted.analyst, painted).json()["as_of"] > first
