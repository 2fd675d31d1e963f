"""Who did it, decided apart from what happened: its own standard, two people and reason, and no say in the score."""

import pytest
from service import a_source, away_from_the_quarter

from flashpoint.workflow import MATERIAL_FIELDS

WHY = {"reason": "Both saw the uniforms."}
GROUNDS = {"standard": "reasonable_grounds", **WHY}
UNVERIFIED = {"state": "unverified", "standard": None, "version": None}


def attribution(operation, incident_id):
    return operation.coordinator.get(f"/v1/incidents/{incident_id}").json()["properties"]["attribution"]


def edit(operation, incident_id, caller=None, **properties):
    answer = (caller or operation.analyst).patch(
        f"/v1/incidents/{incident_id}", {"properties": properties}, If_Match="*"
    )
    assert answer.status_code == 200, answer.text


def attributed(operation, **properties):
    incident_id = operation.verified(**properties)
    assert operation.step(incident_id, "verify_attribution", **GROUNDS).status_code == 200
    return incident_id


def named(service, incident_id, version=1):
    """Ask as the assessor, who makes what others are given."""
    with service.owner.transaction():
        service.owner.execute("SET LOCAL ROLE flashpoint_assessor")
        return service.scalar("SELECT vault.attribution_verified(%s, %s)", incident_id, version)


def test_that_it_happened_says_nothing_about_who_did_it(operation, service):
    incident_id = operation.verified()
    assert attribution(operation, incident_id) == UNVERIFIED
    assert named(service, incident_id) is False
    answer = operation.step(incident_id, "verify_attribution", **GROUNDS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["state"] == "verified"
    assert attribution(operation, incident_id) == {"state": "verified", "standard": "reasonable_grounds", "version": 1}
    assert named(service, incident_id) is True
    assert operation.step(incident_id, "dispute_attribution", **WHY).status_code == 200
    assert attribution(operation, incident_id) == {"state": "disputed", "standard": None, "version": 1}
    assert named(service, incident_id) is False
    acts = operation.verifier.get(f"/v1/incidents/{incident_id}/history").json()["acts"]
    assert [(act["action"], act["attribution_verified"], act["standard"], act["reason"]) for act in acts[-2:]] == [
        ("verify_attribution", True, "reasonable_grounds", WHY["reason"]),
        ("dispute_attribution", False, None, WHY["reason"]),
    ]


def test_the_listing_says_it_too(operation):
    incident_id = attributed(operation)
    (feature,) = operation.analyst.get(f"/v1/incidents?operation={operation.code}").json()["features"]
    assert feature["properties"]["attribution"] == attribution(operation, incident_id)


def test_who_did_it_moves_no_score(operation, service):
    away_from_the_quarter()
    incident_id = operation.verified()
    operation.assess()
    before = operation.matrix().content
    evidence = "SELECT array_agg(e::text) FROM vault.evidence e WHERE incident_id = %s"
    in_force = service.scalar(evidence, incident_id)
    for action, told in (("verify_attribution", GROUNDS), ("dispute_attribution", WHY)):
        assert operation.step(incident_id, action, **told).status_code == 200
        operation.assess()
        assert operation.matrix().content == before
        assert service.scalar(evidence, incident_id) == in_force
    # The control: what does move the score is seen.
    operation.step(incident_id, "dispute", reason="It did not happen.")
    operation.assess()
    assert operation.matrix().content != before


@pytest.mark.parametrize("action", ["verify_attribution", "dispute_attribution"])
@pytest.mark.parametrize("part", ["reported", "edited", "source"])
def test_it_takes_another_person_than_those_who_had_a_part(operation, action, part):
    told = GROUNDS if action == "verify_attribution" else WHY
    if part == "reported":
        incident_id = operation.coordinator.post("/v1/incidents", operation.incident()).json()["id"]
    else:
        incident_id = operation.reported()
    operation.verify(incident_id)
    if part == "edited":
        edit(operation, incident_id, operation.coordinator, narrative="Synthetic too.")
    if part == "source":
        more = {"sources": [a_source("medical", "g7")]}
        assert operation.coordinator.post(f"/v1/incidents/{incident_id}/sources", more).status_code == 201
    refused = operation.step(incident_id, action, operation.coordinator, **told)
    assert refused.status_code == 409
    assert "another person" in refused.json()["detail"]
    assert operation.step(incident_id, action, operation.verifier, **told).status_code == 200


def test_it_has_a_standard_of_its_own(operation):
    incident_id = operation.verified()
    higher = {"standard": "clear_and_convincing", **WHY}
    refused = operation.step(incident_id, "verify_attribution", **higher)
    assert refused.status_code == 409
    assert "needs 3 sources" in refused.json()["detail"]
    operation.analyst.post(f"/v1/incidents/{incident_id}/sources", {"sources": [a_source("media", "g3")]})
    assert operation.step(incident_id, "verify_attribution", **higher).status_code == 200
    assert attribution(operation, incident_id)["standard"] == "clear_and_convincing"


def test_unknown_is_a_good_answer_and_cannot_be_verified(operation, service):
    incident_id = operation.reported(perpetrator_class="unknown")
    operation.step(incident_id, "corroborate")
    short = {"standard": "reasonable_grounds", "attribution_verified": True}
    refused = operation.step(incident_id, "verify", **short)
    assert (refused.status_code, "unknown" in refused.json()["detail"]) == (409, True)
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 200
    refused = operation.step(incident_id, "verify_attribution", **GROUNDS)
    assert (refused.status_code, "unknown" in refused.json()["detail"]) == (409, True)
    assert "verify_attribution" in refused.json()["allowed"]
    assert operation.step(incident_id, "dispute_attribution", **WHY).status_code == 409
    assert named(service, incident_id) is False


def test_one_act_may_verify_both_by_one_standard(operation):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    operation.step(incident_id, "verify", standard="reasonable_grounds", attribution_verified=True)
    assert attribution(operation, incident_id) == {"state": "verified", "standard": "reasonable_grounds", "version": 1}


def test_an_edit_of_the_attribution_asks_for_both_again(operation, service):
    incident_id = attributed(operation)
    edit(operation, incident_id, perpetrator_class="state_forces")
    assert attribution(operation, incident_id) == UNVERIFIED
    # What is in force says what it said, and stays attributed, until the new version is decided on.
    assert (named(service, incident_id, 1), named(service, incident_id, 2)) == (True, False)
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 200
    assert attribution(operation, incident_id) == UNVERIFIED
    assert operation.step(incident_id, "verify_attribution", **GROUNDS).status_code == 200
    assert attribution(operation, incident_id)["version"] == 2
    # Nor does it help to go back to what was once verified.
    edit(operation, incident_id, perpetrator_class="armed_group")
    assert attribution(operation, incident_id) == UNVERIFIED
    edit(operation, incident_id, attribution_confidence="low")
    assert attribution(operation, incident_id) == UNVERIFIED


def test_an_edit_of_something_else_asks_for_the_occurrence_alone(operation, service):
    incident_id = attributed(operation)
    edit(operation, incident_id, killed={"low": 2, "best": 2, "high": 9})
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 200
    assert attribution(operation, incident_id) == {"state": "verified", "standard": "reasonable_grounds", "version": 1}
    assert named(service, incident_id, 2) is True
    edit(operation, incident_id, narrative="Synthetic, said better.")
    assert operation.step(incident_id, "dispute_attribution", **WHY).status_code == 200
    # Said on a later version of the same attribution, it holds for the one in force.
    assert named(service, incident_id, 2) is False


@pytest.mark.parametrize(
    "steps",
    [
        [("dispute", {"reason": "Contested."}), ("corroborate", {})],
        [("withdraw", {"reason_code": "false"}), ("reinstate", {})],
    ],
)
def test_where_the_occurrence_was_in_question_so_is_who_did_it(operation, steps):
    incident_id = attributed(operation)
    for action, details in steps:
        assert operation.step(incident_id, action, **details).status_code == 200
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 200
    assert attribution(operation, incident_id) == UNVERIFIED


@pytest.mark.parametrize("action", ["verify_attribution", "dispute_attribution"])
def test_it_says_why(operation, action):
    told = {"standard": "reasonable_grounds"} if action == "verify_attribution" else {}
    answer = operation.step(operation.verified(), action, **told)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reason"


def test_what_is_gone_says_nothing_of_it(operation):
    incident_id = attributed(operation)
    operation.step(incident_id, "withdraw", reason_code="harm")
    assert "attribution" not in operation.coordinator.get(f"/v1/incidents/{incident_id}").json()["properties"]


# -- what a decision is on -------------------------------------------------------------------------------------------

DECIDING = [
    ("corroborating", "verify", {"standard": "reasonable_grounds"}),
    ("corroborating", "reject", {}),
    ("corroborating", "dispute", {}),
    ("verified", "dispute", {"reason": "Contested."}),
    ("verified", "verify_attribution", GROUNDS),
    ("verified", "dispute_attribution", WHY),
]


@pytest.mark.parametrize(("state", "action", "told"), DECIDING)
def test_nobody_decides_on_an_edit_not_yet_seen(operation, state, action, told):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    if state == "verified":
        operation.verify(incident_id)
    where = f"/v1/incidents/{incident_id}"
    seen = operation.verifier.get(where).headers["etag"]
    body = {"action": action, **told}
    for blind in ({}, {"If_Match": "*"}):
        assert operation.verifier.post(f"{where}/transitions", body, **blind).status_code == 428
    edit(operation, incident_id, narrative="Synthetic, and another story.")
    assert operation.verifier.post(f"{where}/transitions", body, If_Match=seen).status_code == 412
    seen = operation.verifier.get(where).headers["etag"]
    operation.analyst.post(f"{where}/sources", {"sources": [a_source("media", "g9")]})
    assert operation.verifier.post(f"{where}/transitions", body, If_Match=seen).status_code == 412
    seen = operation.verifier.get(where).headers["etag"]
    assert operation.verifier.post(f"{where}/transitions", body, If_Match=seen).status_code == 200


def test_whoever_may_not_decide_is_told_so_first(operation):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    answer = operation.step(incident_id, "verify", operation.analyst, standard="reasonable_grounds")
    assert answer.status_code == 403


def test_a_repeat_with_its_key_needs_no_second_look(operation):
    incident_id = operation.reported()
    where = f"/v1/incidents/{incident_id}"
    seen = operation.verifier.get(where).headers["etag"]
    body, key = {"action": "reject"}, {"Idempotency_Key": f"reject-{incident_id}"}
    first = operation.verifier.post(f"{where}/transitions", body, If_Match=seen, **key)
    again = operation.verifier.post(f"{where}/transitions", body, If_Match=seen, **key)
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


# -- disputes --------------------------------------------------------------------------------------------------------


def test_what_is_verified_may_come_under_dispute_and_leaves_the_score(operation, service):
    away_from_the_quarter()
    operation.assess()
    empty = operation.matrix().content
    incident_id = operation.verified()
    assert operation.step(incident_id, "dispute").json()["errors"][0]["pointer"] == "/reason"
    assert operation.step(incident_id, "dispute", operation.analyst, reason="No.").status_code == 403
    answer = operation.step(incident_id, "dispute", operation.coordinator, reason="The victim says otherwise.")
    assert answer.json()["properties"]["state"] == "disputed"
    operation.assess()
    assert operation.matrix().content == empty
    for action, details in (("corroborate", {}), ("verify", {"standard": "reasonable_grounds"})):
        assert operation.step(incident_id, action, **details).status_code == 200
    operation.assess()
    assert operation.matrix().content != empty
    kept = "SELECT count(*) FROM vault.evidence WHERE incident_id = %s AND known_to IS NULL"
    assert service.scalar(kept, incident_id) == 1


# -- what is material ------------------------------------------------------------------------------------------------

CHANGES = {
    "event_start": "2026-01-02T03:00:00Z",
    "event_end": "2026-01-03T00:00:00Z",
    "date_precision": 2,
    "geo_precision": 2,
    "admin_pcode": "X1101",
    "category": "abduction",
    "perpetrator_class": "unknown",
    "attribution_confidence": "high",
    "killed": {"low": 1, "best": 2, "high": 4},
    "injured": {"low": 0, "best": 0, "high": 0},
    "abducted": {"low": 0, "best": 0, "high": 1, "split": {"male": 1}},
    "displaced": {"low": 9, "best": 9, "high": 9},
    "protected_site": "school",
    "sharing": "restricted",
    "share_above": "none",
    "consent": "not_required",
    "exercise": True,
    "narrative": "Synthetic, in other words.",
    "reported_at": "2026-01-05T00:00:00Z",
    "supersedes": None,
}


@pytest.mark.parametrize("name", [*CHANGES, "geometry"])
def test_the_database_calls_material_what_the_workflow_calls_so(operation, name):
    # So many decimals that whoever rounds them would take every edit for a move.
    at = (18.123456789012345, 4.100000000000001)
    incident_id = operation.verified(at, event_start="2026-01-02T00:00:00Z", event_end="2026-01-02T06:00:00Z")
    patch = {"properties": {name: CHANGES.get(name)}}
    if name == "supersedes":
        patch["properties"][name] = operation.reported()
    if name == "geometry":
        patch = {"geometry": {"type": "Point", "coordinates": [at[0], at[1] + 1e-6]}}
    answer = operation.coordinator.patch(f"/v1/incidents/{incident_id}", patch, If_Match="*")
    assert answer.status_code == 200, answer.text
    material = name in MATERIAL_FIELDS
    assert answer.headers["material-edit"] == str(material).lower()
    assert answer.json()["properties"]["state"] == ("corroborating" if material else "verified")


def test_every_field_that_is_material_was_tried():
    assert set(CHANGES) | {"geometry"} >= MATERIAL_FIELDS
