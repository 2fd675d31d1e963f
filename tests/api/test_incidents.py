"""Reporting incidents over HTTP, one by one and in batches, and reading them back."""

import json
from uuid import uuid4

import pytest
from service import a_source, at_once, collection

LINES = "application/x-ndjson"


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
    assert properties["allowed"] == ["corroborate", "mark_duplicate", "merge", "reject", "withdraw"]
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
    assert answer.json() == {"id": incident_id, "sources_added": 1}
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


def test_what_is_kept_with_a_key_says_nothing_of_the_record(service, operation):
    said, key = "Said-this-once", uuid4().hex
    caller, body = operation.analyst, operation.incident(narrative=said)
    answers = [caller.post("/v1/incidents", body, Idempotency_Key=key)]
    path = f"/v1/incidents/{answers[0].json()['id']}"
    answers.append(caller.post(f"{path}/transitions", {"action": "corroborate"}, Idempotency_Key=f"{key}-step"))
    sources = {"sources": [a_source("medical", "g3", handle=said)]}
    answers.append(caller.post(f"{path}/sources", sources, Idempotency_Key=f"{key}-sources"))
    batch = collection(operation.incident(narrative=said))
    answers.append(caller.post("/v1/incidents/batch", batch, Idempotency_Key=f"{key}-batch"))
    assert [answer.status_code for answer in answers] == [201, 200, 201, 201]
    assert said not in "".join(answer.text for answer in answers)
    kept = "SELECT string_agg(convert_from(body, 'UTF8'), '') FROM vault.idempotency WHERE key LIKE %s"
    assert said not in service.scalar(kept, f"{key}%")


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
