"""Reporting, reading and correcting incidents over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import uuid4

import pytest
from service import a_source, ago
from shapely.geometry import MultiPolygon, box

NOBODY = "00000000-0000-4000-8000-000000000000"
LINES = "application/x-ndjson"


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def listed(caller, operation, **query):
    text = "".join(f"&{name}={quote(str(value))}" for name, value in query.items())
    return caller.get(f"/v1/incidents?operation={operation.code}{text}")


def count(service, operation):
    return service.scalar("SELECT count(*) FROM vault.incident WHERE operation = %s", operation.code)


# -- reporting and reading ------------------------------------------------------------------------------------------


def test_what_was_reported_is_read_back(operation):
    sent = operation.incident(
        client_id="c-1",
        event_start="2026-01-02T06:00:00+01:00",
        event_end="2026-01-02T08:30:00+01:00",
        attribution_confidence="low",
        protected_site="school",
        killed={"low": 1, "best": 2, "high": 3, "split": {"female": 1, "child": 0}},
        displaced={"low": 0, "best": 50, "high": 90},
        narrative="Première ligne.\nDeuxième \U0001f54a.",
    )
    answer = operation.analyst.post("/v1/incidents", sent)
    assert answer.status_code == 201
    path = answer.headers["location"]
    assert path == f"/v1/incidents/{answer.json()['id']}"
    read = operation.analyst.get(path)
    assert read.headers["etag"] == answer.headers["etag"]
    feature = read.json()
    assert feature["geometry"] == sent["geometry"]
    properties = feature["properties"]
    for name in ("client_id", "category", "killed", "displaced", "narrative", "protected_site", "sharing", "consent"):
        assert properties[name] == sent["properties"][name], name
    assert (properties["event_start"], properties["event_end"]) == ("2026-01-02T05:00:00Z", "2026-01-02T07:30:00Z")
    assert (properties["state"], properties["version"], properties["gone"]) == ("reported", 1, False)
    assert [source["type"] for source in properties["sources"]] == ["witness", "ngo"]
    assert properties["allowed"] == ["corroborate", "mark_duplicate", "reject", "withdraw"]
    assert properties["maps_to"]["ucdp_type_of_violence"] == 3


def test_an_incident_is_placed_in_the_locality_that_covers_it(operation):
    pcodes = {
        (18.5, 4.5): "X1101",
        (19.5, 4.5): "X1102",
        (21.05, 6.55): "X1202",
        (25.0, 12.0): None,
    }
    localities = {f["properties"]["pcode"]: f["id"] for f in _localities(operation)}
    for at, pcode in pcodes.items():
        incident_id = operation.reported(at)
        feature = operation.analyst.get(f"/v1/incidents/{incident_id}").json()
        assert feature["properties"]["locality"] == localities.get(pcode)


def test_a_coarse_incident_is_placed_in_its_unit_and_drawn_nowhere(operation):
    for precision, claimed, unit in [(4, "X11", "X11"), (5, "X1", "X1"), (6, None, None)]:
        incident_id = operation.reported(None, geo_precision=precision, admin_pcode=claimed)
        feature = operation.analyst.get(f"/v1/incidents/{incident_id}").json()
        assert feature["geometry"] is None
        assert feature["properties"]["admin_unit"] == unit
        assert feature["properties"]["locality"] is None


def test_a_place_outside_its_claimed_code_is_flagged(operation):
    flags = {
        claimed: operation.analyst.get(f"/v1/incidents/{operation.reported(admin_pcode=claimed)}").json()["properties"][
            "flags"
        ]
        for claimed in ("X1101", "X11", "X1", "X1102", "X12")
    }
    assert flags == {
        "X1101": [],
        "X11": [],
        "X1": [],
        "X1102": ["outside_claimed_pcode"],
        "X12": ["outside_claimed_pcode"],
    }


def _localities(operation):
    return operation.analyst.get(f"/v1/localities?operation={operation.code}").json()["features"]


@pytest.mark.parametrize("digits", [0.1 + 0.2, 18.123456789012345, 1 / 3 + 18, 19.000000000000004])
def test_coordinates_come_back_as_they_were_sent(operation, digits):
    at = (digits if digits > 10 else digits + 18, 4.5)
    incident_id = operation.reported(at)
    assert operation.analyst.get(f"/v1/incidents/{incident_id}").json()["geometry"]["coordinates"] == pytest.approx(
        list(at), abs=1e-14
    )


def test_history_tells_every_version_and_act(operation):
    incident_id = operation.verified()
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "Reworded."}}, If_Match="*")
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"date_precision": 2}}, If_Match="*")
    history = operation.analyst.get(f"/v1/incidents/{incident_id}/history").json()
    assert [version["properties"]["version"] for version in history["versions"]] == [1, 2, 3]
    assert [version["properties"]["narrative"] for version in history["versions"]] == [
        "Synthetic.",
        "Reworded.",
        "Reworded.",
    ]
    assert [(act["action"], act["from_state"], act["to_state"], act["version"]) for act in history["acts"]] == [
        ("report", None, "reported", 1),
        ("corroborate", "reported", "corroborating", 1),
        ("verify", "corroborating", "verified", 1),
        ("edit", "verified", "corroborating", 3),
    ]
    assert history["acts"][2]["standard"] == "reasonable_grounds"
    assert history["acts"][2]["recorded_by"] == str(operation.verifier.id)


def test_sources_are_added_and_never_replaced(operation):
    incident_id = operation.reported()
    answer = operation.other_analyst.post(
        f"/v1/incidents/{incident_id}/sources", {"sources": [a_source("medical", "g3")]}
    )
    assert answer.status_code == 201
    assert [source["type"] for source in answer.json()["sources"]] == ["witness", "ngo", "medical"]
    read = operation.analyst.get(f"/v1/incidents/{incident_id}").json()["properties"]["sources"]
    assert [source["type"] for source in read] == ["witness", "ngo", "medical"]


# -- once and only once ---------------------------------------------------------------------------------------------


def test_a_repeat_with_its_key_gets_the_same_bytes_for_ever(service, operation):
    body, key = operation.incident(), uuid4().hex
    first = operation.analyst.post("/v1/incidents", body, Idempotency_Key=key)
    incident_id = first.json()["id"]
    operation.verify(incident_id)
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "Later."}}, If_Match="*")
    again = operation.analyst.post("/v1/incidents", body, Idempotency_Key=key)
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("etag", "location", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert count(service, operation) == 1


def test_a_key_with_another_body_is_a_conflict(service, operation):
    key = uuid4().hex
    operation.analyst.post("/v1/incidents", operation.incident(), Idempotency_Key=key)
    other = operation.analyst.post("/v1/incidents", operation.incident(date_precision=2), Idempotency_Key=key)
    elsewhere = operation.analyst.post("/v1/incidents/batch", collection(operation.incident()), Idempotency_Key=key)
    assert (other.status_code, elsewhere.status_code) == (409, 409)
    assert count(service, operation) == 1


def test_the_key_of_one_person_is_nothing_to_another(service, operation):
    key = uuid4().hex
    answers = [
        caller.post("/v1/incidents", operation.incident(), Idempotency_Key=key)
        for caller in (operation.analyst, operation.other_analyst)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert count(service, operation) == 2


def test_a_refused_request_does_not_use_up_its_key(operation):
    key = uuid4().hex
    bad = operation.analyst.post("/v1/incidents", operation.incident((50.0, 50.0)), Idempotency_Key=key)
    good = operation.analyst.post("/v1/incidents", operation.incident(), Idempotency_Key=key)
    assert (bad.status_code, good.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f"])
def test_a_key_of_no_form_is_a_bad_request(operation, key):
    answer = operation.analyst.post("/v1/incidents", operation.incident(), Idempotency_Key=key)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "?Idempotency-Key"


def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_retries_that_race_get_one_answer_and_one_row(service, operation):
    caller, body = operation.analyst, operation.incident()
    for _ in range(3):
        before, key = count(service, operation), uuid4().hex
        answers = at_once([lambda key=key: caller.post("/v1/incidents", body, Idempotency_Key=key)] * 6)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
        assert count(service, operation) == before + 1


def test_the_same_report_under_one_client_id_races_to_one_row(service, operation):
    caller = operation.analyst
    for round_ in range(3):
        body = operation.incident(client_id=f"c-{round_}")
        answers = at_once([lambda body=body: caller.post("/v1/incidents", body)] * 6)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]
        assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(service, operation) == 3


def test_a_step_with_its_key_is_taken_once(operation):
    incident_id, key = operation.reported(), uuid4().hex
    path, body = f"/v1/incidents/{incident_id}/transitions", {"action": "corroborate"}
    answers = at_once([lambda: operation.analyst.post(path, body, Idempotency_Key=key)] * 4)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert operation.analyst.post(path, body).status_code == 409


def test_sources_with_a_key_are_added_once(operation):
    incident_id, key = operation.reported(sources=[]), uuid4().hex
    path, body = f"/v1/incidents/{incident_id}/sources", {"sources": [a_source("ngo", "g1")]}
    answers = at_once([lambda: operation.analyst.post(path, body, Idempotency_Key=key)] * 4)
    assert {answer.status_code for answer in answers} == {201}
    assert len(operation.analyst.get(f"/v1/incidents/{incident_id}").json()["properties"]["sources"]) == 1


def test_a_client_id_gives_the_incident_of_that_time(service, operation):
    body = operation.incident(client_id="mine")
    first = operation.analyst.post("/v1/incidents", body)
    again = operation.analyst.post("/v1/incidents", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    other = operation.analyst.post("/v1/incidents", operation.incident(client_id="mine", date_precision=2))
    assert other.status_code == 409
    assert "mine" not in other.text
    assert count(service, operation) == 1


def test_a_client_id_is_the_submitters_own(service, operation, elsewhere):
    body = operation.incident(client_id="mine")
    both = [caller.post("/v1/incidents", body) for caller in (operation.analyst, operation.other_analyst)]
    assert [answer.status_code for answer in both] == [201, 201]
    assert elsewhere.analyst.post("/v1/incidents", elsewhere.incident(client_id="mine")).status_code == 201
    assert count(service, operation) == 2


# -- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_is_recorded_whole(service, operation):
    features = [operation.incident(client_id=f"b-{number}") for number in range(5)]
    answer = operation.analyst.post("/v1/incidents/batch", collection(*features))
    report = answer.json()
    assert answer.status_code == 201
    assert (report["received"], report["created"], report["already_there"], report["rejected"]) == (5, 5, 0, 0)
    assert [row["row"] for row in report["rows"]] == [0, 1, 2, 3, 4]
    assert count(service, operation) == 5
    again = operation.analyst.post("/v1/incidents/batch", collection(*features))
    assert again.status_code == 200
    assert [row["status"] for row in again.json()["rows"]] == ["already_there"] * 5
    assert [row["id"] for row in again.json()["rows"]] == [row["id"] for row in report["rows"]]


def test_a_batch_with_a_flaw_records_nothing(service, operation):
    features = [operation.incident(), operation.incident((50.0, 50.0)), operation.incident()]
    answer = operation.analyst.post("/v1/incidents/batch", collection(*features))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/features/1/geometry"]
    assert count(service, operation) == 0


def test_a_partial_batch_records_what_is_sound(service, operation):
    operation.reported(client_id="used")
    features = [
        operation.incident(client_id="a"),
        operation.incident(category="no such"),
        operation.incident((50.0, 50.0)),
        operation.incident(client_id="a"),
        operation.incident(client_id="used", date_precision=4),
        operation.incident(client_id="b"),
        17,
    ]
    answer = operation.analyst.post("/v1/incidents/batch?partial=true", collection(*features))
    rows = answer.json()["rows"]
    assert answer.status_code == 201
    assert [row["status"] for row in rows] == [
        *("created", "rejected", "rejected", "rejected", "rejected", "created", "rejected")
    ]
    assert [row["errors"][0]["code"] for row in rows if row["status"] == "rejected"] == [
        *("unknown_category", "outside_operation", "client_id_repeated", "client_id_used", "not_object")
    ]
    assert count(service, operation) == 3


def test_a_batch_that_clashes_with_an_earlier_client_id_records_nothing(service, operation):
    operation.reported(client_id="used")
    features = [operation.incident(), operation.incident(client_id="used", date_precision=4)]
    answer = operation.analyst.post("/v1/incidents/batch", collection(*features))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/features/1/properties/client_id"
    assert count(service, operation) == 1


@pytest.mark.parametrize("separator", ["", "\x1e"])
def test_lines_are_a_batch_too(service, operation, separator):
    kind = "application/geo+json-seq" if separator else LINES
    lines = "".join(f"{separator}{json.dumps(operation.incident())}\n" for _ in range(3))
    headers = {"Content-Type": kind}
    answer = operation.analyst.request("POST", "/v1/incidents/batch", content=lines, headers=headers)
    assert answer.status_code == 201
    assert count(service, operation) == 3
    broken = operation.analyst.request(
        "POST", "/v1/incidents/batch?partial=true", content=lines + f"{separator}{{\n", headers=headers
    )
    assert [row["status"] for row in broken.json()["rows"]] == ["created"] * 3 + ["rejected"]


def test_a_batch_with_its_key_is_recorded_once(service, operation):
    body, key = collection(operation.incident(), operation.incident()), uuid4().hex
    caller = operation.analyst
    answers = at_once([lambda: caller.post("/v1/incidents/batch", body, Idempotency_Key=key)] * 3)
    assert len({answer.content for answer in answers}) == 1
    assert count(service, operation) == 2


def test_nothing_in_a_batch_enters_as_verified(service, operation):
    stated = operation.incident()
    stated["properties"]["state"] = "verified"
    assert operation.coordinator.post("/v1/incidents/batch", collection(stated)).status_code == 422
    operation.coordinator.post("/v1/incidents/batch", collection(operation.incident()))
    assert service.scalar("SELECT state FROM vault.incident WHERE operation = %s", operation.code) == "reported"


def test_ten_thousand_rows_are_one_batch(service, operation):
    template = json.dumps(operation.incident(client_id="@", sources=[]))
    lines = "\n".join(template.replace('"@"', f'"n-{number}"') for number in range(10_000))
    answer = operation.analyst.request("POST", "/v1/incidents/batch", content=lines, headers={"Content-Type": LINES})
    assert answer.status_code == 201
    assert answer.json()["created"] == 10_000
    assert count(service, operation) == 10_000


# -- lists ----------------------------------------------------------------------------------------------------------


def test_filters_narrow_a_listing(operation):
    here = operation.reported(event_start=ago(10))
    there = operation.reported((19.5, 4.5), category="abduction", event_start=ago(5))
    verified = operation.verified((18.1, 6.1), event_start=ago(1))
    wide = operation.reported(
        {"type": "Polygon", "coordinates": [[[18.7, 4.1], [19.05, 4.1], [19.05, 4.2], [18.7, 4.1]]]},
        geo_precision=3,
        event_start=ago(1),
    )
    nowhere = operation.reported(None, geo_precision=6)
    everything = [here, there, verified, wide, nowhere]
    expected = [
        ({}, everything),
        ({"category": "abduction"}, [there]),
        ({"state": "verified"}, [verified]),
        ({"state": "reported"}, [here, there, wide, nowhere]),
        ({"locality": "X1101"}, [here, wide]),
        ({"locality": "X1201"}, [verified]),
        ({"since": ago(6)}, [there, verified, wide, nowhere]),
        ({"until": ago(6)}, [here]),
        ({"since": ago(7), "until": ago(4)}, [there]),
        ({"bbox": "18,4,18.95,5"}, [here, wide]),
        ({"bbox": "18,4,18.6,5"}, [here]),
        ({"bbox": "19.04,4.0,20,5"}, [there, wide]),
        ({"bbox": "-180,-90,180,90"}, [here, there, verified, wide]),
        ({"bbox": "20,-90,15,90"}, []),
        ({"bbox": "18,4,18.95,5", "category": "abduction"}, []),
        ({"limit": 2}, [here, there]),
    ]
    for query, found in expected:
        assert sorted(ids(listed(operation.analyst, operation, **query))) == sorted(found), query


@pytest.mark.xfail(reason="PostGIS finds that nothing meets a box without extent")
def test_a_box_without_extent_finds_what_lies_there(operation):
    incident_id = operation.reported()
    assert ids(listed(operation.analyst, operation, bbox="18.5,4.5,18.5,4.5")) == [incident_id]


def test_a_box_across_the_antimeridian(service):
    ocean = MultiPolygon([box(170, -20, 180, 0), box(-180, -20, -170, 0)])
    operation = service.operation(area=ocean, localities=False)
    east, west, far = (operation.reported((lon, -10.0)) for lon in (179.5, -179.5, 171.0))
    found = {
        bbox: set(ids(listed(operation.analyst, operation, bbox=bbox)))
        for bbox in ("179,-20,-179,0", "-179,-20,179,0", "170,-20,180,0", "-180,-20,-170,0", "170,-20,-170,0")
    }
    assert list(found.values()) == [{east, west}, {far}, {east, far}, {west}, {east, west, far}]


def test_paging_gives_each_row_once_while_rows_are_appended(operation):
    first = [operation.reported() for _ in range(7)]
    seen, after, appended = [], {}, []
    while True:
        answer = listed(operation.analyst, operation, limit=3, **after)
        seen += ids(answer)
        if len(appended) < 4:
            appended += [operation.reported(), operation.reported()]
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert seen == first + appended


def test_rows_of_one_transaction_are_paged_too(operation):
    body = collection(*(operation.incident() for _ in range(10)))
    created = [row["id"] for row in operation.analyst.post("/v1/incidents/batch", body).json()["rows"]]
    seen, after = [], {}
    while True:
        answer = listed(operation.analyst, operation, limit=5, **after)
        seen += ids(answer)
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert len(seen) == 10
    assert set(seen) == set(created)


@pytest.mark.parametrize(
    "query",
    [
        *("", "operation=", "operation=%00&x", "since=2026-01-01T00:00:00", "since=yesterday", "until=now"),
        *("category=nonsense", "state=verifed", "limit=0", "limit=1001", "limit=ten", "bbox=1,2,3", "bbox=nan,0,1,1"),
        *("bbox=0,10,1,5", "bbox=-181,0,1,1", "after=%21", "after=W10", "after=" + "x" * 300, "locality=" + "x" * 41),
        *("verified=true", "Category=abduction", "limt=5", "bbox=0,0,1,1;x"),
    ],
)
def test_a_bad_query_is_a_bad_request(operation, query):
    given = query if "operation" in query or not query else f"operation={operation.code}&{query}"
    answer = operation.analyst.get(f"/v1/incidents?{given}")
    wanted = {404, 400} if query == "operation=" else {400}
    assert answer.status_code in wanted, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(error["pointer"].startswith("?") for error in answer.json().get("errors", []))
    assert "nonsense" not in answer.text


@pytest.mark.parametrize("path", ["incidents", "localities", "communities", "assessments", "presences", "matrix"])
def test_an_unknown_query_parameter_is_refused_unnamed(operation, path):
    answer = operation.analyst.get(f"/v1/{path}?operation={operation.code}&Tok3n=Tok3n")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "?", "code": "unknown_parameter", "rule": answer.json()["errors"][0]["rule"]}
    ]
    assert "Tok3n" not in answer.text


def test_a_cursor_with_an_odd_inside_is_no_error_of_ours(operation):
    for inside in ("MQ", "bnVsbA", "WzEsMl0", "W251bGwsbnVsbF0", "e30", "IiI", "////", "WyIyMDI2LTAxLTAxIiwiMCJd"):
        assert listed(operation.analyst, operation, after=inside).status_code == 400


# -- corrections ----------------------------------------------------------------------------------------------------


def test_a_correction_says_what_it_is_based_on(operation):
    incident_id = operation.reported()
    path, change = f"/v1/incidents/{incident_id}", {"properties": {"narrative": "Reworded."}}
    tag = operation.analyst.get(path).headers["etag"]
    assert operation.analyst.patch(path, change).status_code == 428
    assert operation.analyst.patch(path, change, If_Match='"9.9"').status_code == 412
    done = operation.analyst.patch(path, change, If_Match=tag)
    assert done.status_code == 200
    assert done.headers["etag"] not in {tag, None}
    assert done.headers["etag"] == operation.analyst.get(path).headers["etag"]
    assert operation.analyst.patch(path, change, If_Match=tag).status_code == 412
    assert operation.analyst.patch(path, change, If_Match=f'"8.8", {done.headers["etag"]}').status_code == 200


def test_a_step_changes_the_tag_and_honours_if_match(operation):
    incident_id = operation.reported()
    tag = operation.analyst.get(f"/v1/incidents/{incident_id}").headers["etag"]
    path = f"/v1/incidents/{incident_id}/transitions"
    assert operation.analyst.post(path, {"action": "corroborate"}, If_Match='"9.9"').status_code == 412
    moved = operation.analyst.post(path, {"action": "corroborate"}, If_Match=tag)
    assert (moved.status_code, moved.headers["etag"] == tag) == (200, False)


def test_corrections_that_race_are_not_lost(operation):
    incident_id = operation.reported()
    path = f"/v1/incidents/{incident_id}"
    tag = operation.analyst.get(path).headers["etag"]
    answers = at_once(
        [
            lambda text=text: operation.analyst.patch(path, {"properties": {"narrative": text}}, If_Match=tag)
            for text in ("a", "b", "c", "d")
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert operation.analyst.get(path).json()["properties"]["version"] == 2


MATERIAL = [
    {"event_start": ago(3)},
    {"event_end": ago(1)},
    {"date_precision": 2},
    {"geo_precision": 2},
    {"admin_pcode": "X1101"},
    {"category": "abduction"},
    {"perpetrator_class": "state_forces"},
    {"attribution_confidence": "high"},
    {"killed": {"best": 3}},
    {"killed": {"split": {"child": 1}}},
    {"injured": {"low": 1, "best": 1, "high": 1}},
    {"killed": None},
    {"protected_site": "school"},
    {"sharing": "mission"},
    {"share_above": "detail"},
    {"consent": "not_required"},
]


@pytest.mark.parametrize("change", MATERIAL, ids=lambda change: str(*change))
def test_a_material_edit_asks_for_verification_again(operation, service, change):
    incident_id = operation.verified()
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
    assert answer.status_code == 200
    assert answer.headers["material-edit"] == "true"
    assert answer.json()["properties"]["state"] == "corroborating"
    assert in_force(service, incident_id) == 1
    operation.step(incident_id, "verify", standard="reasonable_grounds")
    assert in_force(service, incident_id) == 2


def in_force(service, incident_id):
    return service.scalar("SELECT version FROM vault.evidence WHERE incident_id = %s AND known_to IS NULL", incident_id)


def test_moving_an_incident_is_material_and_a_place_is_replaced_whole(operation, service):
    incident_id = operation.verified()
    moved = operation.analyst.patch(
        f"/v1/incidents/{incident_id}",
        {"geometry": {"type": "Point", "coordinates": [19.5, 4.5]}},
        If_Match="*",
        Content_Type="application/merge-patch+json",
    )
    assert moved.headers["material-edit"] == "true"
    before, _ = (row["properties"]["score"] for row in sorted_rows(operation, "X1101", "X1102"))
    operation.step(incident_id, "verify", standard="reasonable_grounds")
    left, there = (row["properties"]["score"] for row in sorted_rows(operation, "X1101", "X1102"))
    assert left < before == there
    assert in_force(service, incident_id) == 2


def sorted_rows(operation, *pcodes):
    rows = {row["properties"]["pcode"]: row for row in operation.rows()}
    return [rows[pcode] for pcode in pcodes]


@pytest.mark.parametrize("change", [{"narrative": "Reworded."}, {"narrative": None}, {"date_precision": 1}])
def test_an_edit_that_is_not_material_leaves_it_verified(operation, service, change):
    incident_id = operation.verified()
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
    assert answer.headers["material-edit"] == "false"
    assert answer.json()["properties"]["state"] == "verified"
    assert answer.json()["properties"]["version"] == 2
    assert in_force(service, incident_id) == 1


def test_null_removes_a_member(operation):
    incident_id = operation.reported(protected_site="school", attribution_confidence="low", event_end=ago(1))
    path = f"/v1/incidents/{incident_id}"
    gone = {"protected_site": None, "attribution_confidence": None, "killed": None, "event_end": None}
    properties = operation.analyst.patch(path, {"properties": gone}, If_Match="*").json()["properties"]
    assert (properties["protected_site"], properties["attribution_confidence"], properties["killed"]) == (None,) * 3
    assert properties["event_end"] == properties["event_start"]
    assert operation.analyst.get(path).json()["properties"]["narrative"] == "Synthetic."


def test_a_coarse_incident_may_lose_its_geometry(operation):
    incident_id = operation.reported(geo_precision=3, admin_pcode="X1101")
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"geometry": None}, If_Match="*")
    assert answer.status_code == 200
    assert answer.json()["geometry"] is None


@pytest.mark.parametrize("name", ["operation", "client_id", "sources"])
def test_what_identifies_an_incident_stays(operation, name):
    incident_id = operation.reported(client_id="c")
    value = {"operation": operation.code, "client_id": "c", "sources": []}[name]
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {name: value}}, If_Match="*")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "fixed"


def test_an_edit_that_takes_a_record_out_of_use_takes_it_out_of_the_score_at_once(operation, service):
    for change in ({"exercise": True}, {"consent": "withdrawn"}, {"share_above": "none"}):
        incident_id = operation.verified()
        assert in_force(service, incident_id) == 1
        operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
        assert in_force(service, incident_id) is None


# -- who may know ---------------------------------------------------------------------------------------------------


def all_doors(caller, incident_id):
    """Knock on every route that names an incident; give status and body of each."""
    path = f"/v1/incidents/{incident_id}"
    return [
        (answer.status_code, answer.text)
        for answer in (
            caller.get(path),
            caller.get(f"{path}/history"),
            caller.patch(path, {"properties": {"narrative": "x"}}, If_Match="*"),
            caller.post(f"{path}/sources", {"sources": [a_source("ngo", "g1")]}),
            caller.post(f"{path}/transitions", {"action": "corroborate"}),
        )
    ]


def test_what_is_not_yours_answers_as_what_is_not_there(operation, elsewhere, service):
    theirs, hidden = elsewhere.reported(), operation.reported(sharing="restricted")
    before = service.vault_rows()
    absent = all_doors(operation.other_analyst, NOBODY)
    before |= {name: count for name, count in service.vault_rows().items() if name in {"actor", "api_key", "audit"}}
    assert {status for status, _ in absent} == {404}
    assert all_doors(operation.other_analyst, theirs) == absent
    assert all_doors(operation.other_analyst, hidden) == absent
    assert service.vault_rows() == before
    assert {status for status, _ in all_doors(operation.analyst, hidden)} == {200, 201}


@pytest.mark.parametrize("path", ["incidents", "localities", "communities", "assessments", "presences", "matrix"])
def test_another_operation_answers_as_one_that_nobody_has(operation, elsewhere, path):
    answers = [operation.analyst.get(f"/v1/{path}?operation={code}") for code in (elsewhere.code, "NOBODY", "ZZ9")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_reporting_into_another_operation_is_refused_as_into_none(operation, elsewhere):
    bodies = [operation.incident(operation=code) for code in (elsewhere.code, "NOBODY")]
    answers = [operation.analyst.post("/v1/incidents", body) for body in bodies]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.text for answer in answers}) == 1


def test_pointing_at_what_is_hidden_is_refused_as_pointing_at_nothing(operation, elsewhere):
    hidden, own = operation.reported(sharing="restricted"), operation.reported()
    other = operation.other_analyst
    targets = (hidden, elsewhere.reported(), NOBODY)
    steps = [operation.step(own, "mark_duplicate", other, duplicate_of=target) for target in targets]
    superseding = [other.post("/v1/incidents", operation.incident(supersedes=target)) for target in targets]
    for answers in (steps, superseding):
        assert {answer.status_code for answer in answers} == {422}
        assert len({answer.text for answer in answers}) == 1


def test_restricted_incidents_are_for_those_named(operation):
    open_id, hidden = operation.reported(), operation.reported(sharing="restricted")
    for caller, sees in [
        (operation.analyst, True),
        (operation.verifier, True),
        (operation.coordinator, True),
        (operation.other_analyst, False),
    ]:
        assert ids(listed(caller, operation)) == ([open_id, hidden] if sees else [open_id])
        for query in ({"bbox": "18,4,19,5"}, {"locality": "X1101"}, {"state": "reported"}, {"since": ago(5)}):
            assert (hidden in ids(listed(caller, operation, **query))) == sees
        assert (caller.get(f"/v1/incidents/{hidden}").status_code == 200) == sees


def test_hidden_rows_leave_no_gap_in_a_page(operation):
    visible = []
    for _ in range(3):
        visible.append(operation.reported())
        operation.reported(sharing="restricted")
    answer = listed(operation.other_analyst, operation, limit=3)
    assert ids(answer) == visible
    following = listed(operation.other_analyst, operation, limit=3, after=answer.json()["next"])
    assert following.json() == {"type": "FeatureCollection", "features": [], "next": None}


def reads(service, incident_id):
    query = "SELECT count(*) FROM vault.audit WHERE subject_id = %s AND action = 'read'"
    return service.scalar(query, incident_id)


def test_reading_what_is_restricted_is_logged(operation, service):
    open_id, hidden = operation.reported(), operation.reported(sharing="restricted")
    operation.verifier.get(f"/v1/incidents/{hidden}")
    assert reads(service, hidden) == 1
    operation.verifier.get(f"/v1/incidents/{hidden}/history")
    listed(operation.verifier, operation)
    listed(operation.verifier, operation, bbox="0,0,1,1")
    assert reads(service, hidden) == 3
    listed(operation.other_analyst, operation)
    operation.other_analyst.get(f"/v1/incidents/{hidden}")
    operation.verifier.get(f"/v1/incidents/{open_id}")
    assert (reads(service, hidden), reads(service, open_id)) == (3, 0)
    actor = service.scalar("SELECT actor_id FROM vault.audit WHERE subject_id = %s AND action = 'read'", hidden)
    assert actor == operation.verifier.id


def test_a_version_that_was_restricted_stays_so(operation, service):
    incident_id = operation.reported(sharing="restricted", narrative="Names a village.")
    change = {"sharing": "cluster", "narrative": "Generalised."}
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
    path = f"/v1/incidents/{incident_id}/history"
    seen = operation.other_analyst.get(path)
    assert [version["properties"]["version"] for version in seen.json()["versions"]] == [2]
    assert "Names a village." not in seen.text
    assert reads(service, incident_id) == 0
    for number, caller in enumerate((operation.analyst, operation.verifier), 1):
        assert len(caller.get(path).json()["versions"]) == 2
        assert reads(service, incident_id) == number


# -- tombstones -----------------------------------------------------------------------------------------------------

SAID = "Said-this-once"


def withdrawn(operation):
    incident_id = operation.verified(narrative=SAID)
    operation.step(incident_id, "withdraw", reason_code="harm", reason=SAID)
    return incident_id


def consent_withdrawn(operation):
    incident_id = operation.verified(narrative=SAID)
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"consent": "withdrawn"}}, If_Match="*")
    return incident_id


def consent_refused(operation):
    return operation.reported(narrative=SAID, consent="refused")


@pytest.mark.parametrize("gone", [withdrawn, consent_withdrawn, consent_refused])
def test_a_tombstone_says_that_it_is_gone_and_nothing_else(operation, gone):
    incident_id = gone(operation)
    for caller in (operation.analyst, operation.coordinator):
        read = caller.get(f"/v1/incidents/{incident_id}")
        history = caller.get(f"/v1/incidents/{incident_id}/history")
        page = listed(caller, operation)
        assert (read.status_code, history.status_code, ids(page)) == (200, 200, [incident_id])
        assert SAID not in read.text + history.text + page.text
        (feature,) = page.json()["features"]
        assert feature["geometry"] is None
        assert set(feature["properties"]) == {"operation", "state", "version", "gone"}
        assert set(read.json()["properties"]) == {"operation", "state", "version", "gone", "allowed"}
        assert history.json()["versions"] == []
        assert [act["reason"] for act in history.json()["acts"]] == [None] * len(history.json()["acts"])
        for query in [
            {"category": "attack_on_civilians"},
            {"locality": "X1101"},
            {"since": ago(400)},
            {"until": ago(0)},
            {"bbox": "-180,-90,180,90"},
        ]:
            assert ids(listed(caller, operation, **query)) == []


def test_what_is_in_use_says_what_a_tombstone_does_not(operation):
    incident_id = operation.reported(narrative=SAID)
    for path in (f"/v1/incidents/{incident_id}", f"/v1/incidents/{incident_id}/history"):
        assert SAID in operation.analyst.get(path).text
    assert ids(listed(operation.analyst, operation, bbox="-180,-90,180,90")) == [incident_id]


def test_a_withdrawal_says_why(operation):
    incident_id = withdrawn(operation)
    acts = operation.analyst.get(f"/v1/incidents/{incident_id}/history").json()["acts"]
    assert (acts[-1]["action"], acts[-1]["reason_code"]) == ("withdraw", "harm")


@pytest.mark.parametrize("gone", [withdrawn, consent_withdrawn, consent_refused])
def test_nothing_is_added_to_what_is_gone(operation, gone):
    incident_id = gone(operation)
    path = f"/v1/incidents/{incident_id}"
    assert operation.analyst.patch(path, {"properties": {"narrative": "x"}}, If_Match="*").status_code == 409
    answer = operation.analyst.post(f"{path}/sources", {"sources": [a_source("ngo", "g1")]})
    assert answer.status_code == 409


def test_a_duplicate_names_its_original(operation):
    original, copy = operation.reported(), operation.reported()
    answer = operation.step(copy, "mark_duplicate", operation.analyst, duplicate_of=original)
    assert answer.json()["properties"]["duplicate_of"] == original
    assert operation.step(original, "mark_duplicate", duplicate_of=copy).status_code == 422
