"""Corrections of incidents, and what is left of those that are gone."""

import pytest
from service import a_source, ago, at_once, ids_of, listed, subject

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


def test_another_analyst_takes_nothing_verified_out_of_the_score(operation, service):
    incident_id, original = operation.verified(), operation.reported()
    exercise = {"properties": {"exercise": True}}
    duplicate = {"action": "mark_duplicate", "duplicate_of": original}
    path = f"/v1/incidents/{incident_id}"
    assert operation.other_analyst.patch(path, exercise, If_Match="*").status_code == 403
    assert operation.other_analyst.post(f"{path}/transitions", duplicate).status_code == 403
    assert in_force(service, incident_id) == 1
    assert operation.verifier.post(f"{path}/transitions", duplicate).status_code == 200
    assert in_force(service, incident_id) is None


def test_an_edit_does_not_open_the_way_out_of_the_score(operation, service):
    incident_id, original = operation.verified(), operation.reported()
    path = f"/v1/incidents/{incident_id}"
    change = {"properties": {"killed": {"low": 1, "best": 2, "high": 30}}}
    assert operation.other_analyst.patch(path, change, If_Match="*").status_code == 200
    duplicate = {"action": "mark_duplicate", "duplicate_of": original}
    assert operation.other_analyst.post(f"{path}/transitions", duplicate).status_code == 403
    closed = {"properties": {"sharing": "restricted", "share_above": "none"}}
    assert operation.other_analyst.patch(path, closed, If_Match="*").status_code == 403
    assert in_force(service, incident_id) == 1


def test_whoever_added_a_source_does_not_verify_on_it(operation):
    incident_id = operation.reported(sources=[])
    path = f"/v1/incidents/{incident_id}"
    assert operation.analyst.post(f"{path}/transitions", {"action": "corroborate"}).status_code == 200
    sources = [a_source("witness", "g1"), a_source("ngo", "g2")]
    assert operation.verifier.post(f"{path}/sources", {"sources": sources}).status_code == 201
    refused = operation.step(incident_id, "verify", standard="reasonable_grounds")
    assert (refused.status_code, "another person" in refused.json()["detail"]) == (409, True)


def test_only_its_recorder_or_a_decider_takes_a_standing_threat_down(operation):
    body = subject(operation.code, "assessment")
    path = f"/v1/assessments/{operation.analyst.post('/v1/assessments', body).json()['id']}"
    reason, milder = {"reason_code": "false"}, subject(operation.code, "assessment", likelihood=1)
    assert operation.other_analyst.put(path, milder, If_Match="*").status_code == 403
    assert operation.analyst.put(path, milder, If_Match="*").status_code == 200
    assert operation.other_analyst.post(f"{path}/withdrawal", reason, If_Match="*").status_code == 403
    assert operation.verifier.post(f"{path}/withdrawal", reason, If_Match="*").status_code == 200


def test_what_was_said_while_a_record_was_closed_stays_closed(operation):
    said = "Said-while-closed"
    incident_id = operation.reported(sharing="restricted", sources=[a_source("victim", "g1", handle=said)])
    path = f"/v1/incidents/{incident_id}"
    step = {"action": "corroborate", "reason": said}
    assert operation.analyst.post(f"{path}/transitions", step).status_code == 200
    assert operation.analyst.patch(path, {"properties": {"sharing": "cluster"}}, If_Match="*").status_code == 200
    for reading in (path, f"{path}/history"):
        assert said in operation.verifier.get(reading).text  # the control: it is there for whoever may know
        answer = operation.other_analyst.get(reading)
        assert (answer.status_code, said in answer.text) == (200, False)


def test_a_link_to_what_the_reader_may_not_know_of_is_not_shown(operation):
    hidden = operation.reported(sharing="restricted")
    path = f"/v1/incidents/{operation.reported(supersedes=hidden)}"
    duplicate = {"action": "mark_duplicate", "duplicate_of": hidden}
    assert operation.analyst.post(f"{path}/transitions", duplicate).status_code == 200
    assert hidden in operation.analyst.get(path).text  # the control: it is there for whoever may know
    for reading in (path, f"{path}/history", f"/v1/incidents?operation={operation.code}"):
        assert hidden not in operation.other_analyst.get(reading).text


def test_a_new_source_changes_the_etag(operation):
    path = f"/v1/incidents/{operation.reported()}"
    before = operation.analyst.get(path).headers["ETag"]
    assert operation.analyst.post(f"{path}/sources", {"sources": [a_source("media", "g9")]}).status_code == 201
    assert operation.analyst.get(path).headers["ETag"] != before


def test_an_end_that_nobody_gave_moves_with_the_start(operation):
    path = f"/v1/incidents/{operation.reported()}"
    change = {"properties": {"event_start": ago(1)}}
    assert operation.analyst.patch(path, change, If_Match="*").status_code == 200
    properties = operation.analyst.get(path).json()["properties"]
    assert properties["event_end"] == properties["event_start"]


def test_an_editor_may_close_a_record_to_themselves(operation):
    incident_id = operation.reported()
    change = {"properties": {"sharing": "restricted"}}
    answer = operation.other_analyst.patch(f"/v1/incidents/{incident_id}", change, If_Match="*")
    assert (answer.status_code, answer.content) == (204, b"")
    assert operation.other_analyst.get(f"/v1/incidents/{incident_id}").status_code == 404
    assert operation.analyst.get(f"/v1/incidents/{incident_id}").json()["properties"]["sharing"] == "restricted"


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
        assert (read.status_code, history.status_code, ids_of(page)) == (200, 200, [incident_id])
        assert SAID not in read.text + history.text + page.text
        (feature,) = page.json()["features"]
        assert feature["geometry"] is None
        assert set(feature["properties"]) == {"operation", "state", "version", "gone", "purged_at"}
        assert set(read.json()["properties"]) == {"operation", "state", "version", "gone", "purged_at", "allowed"}
        assert history.json()["versions"] == []
        assert [act["reason"] for act in history.json()["acts"]] == [None] * len(history.json()["acts"])
        for query in [
            {"category": "attack_on_civilians"},
            {"locality": "X1101"},
            {"since": ago(400)},
            {"until": ago(0)},
            {"bbox": "-180,-90,180,90"},
        ]:
            assert ids_of(listed(caller, operation, **query)) == []


def test_what_is_in_use_says_what_a_tombstone_does_not(operation):
    incident_id = operation.reported(narrative=SAID)
    for path in (f"/v1/incidents/{incident_id}", f"/v1/incidents/{incident_id}/history"):
        assert SAID in operation.analyst.get(path).text
    assert ids_of(listed(operation.analyst, operation, bbox="-180,-90,180,90")) == [incident_id]


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
    assert operation.step(copy, "mark_duplicate", operation.analyst, duplicate_of=original).status_code == 200
    read = operation.analyst.get(f"/v1/incidents/{copy}").json()
    assert read["properties"]["duplicate_of"] == original
    assert operation.step(original, "mark_duplicate", duplicate_of=copy).status_code == 422
