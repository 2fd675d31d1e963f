"""The verification workflow, over HTTP and past it: the database applies the same rules to whoever writes."""

from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import a_source, ago, away_from_the_quarter, subject

from flashpoint import workflow
from flashpoint.types import Consent, ShareAbove, Sharing, SourceType, Standard, State
from flashpoint.workflow import REQUESTABLE, TRANSITIONS, Action

IN_ONE_DATABASE = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}

#: The steps that take a reported incident to each state.
WAY: dict[State, tuple[Action, ...]] = {
    State.REPORTED: (),
    State.CORROBORATING: (Action.CORROBORATE,),
    State.VERIFIED: (Action.CORROBORATE, Action.VERIFY),
    State.NOT_VERIFIED: (Action.REJECT,),
    State.DISPUTED: (Action.CORROBORATE, Action.DISPUTE),
    State.WITHDRAWN: (Action.WITHDRAW,),
    State.DUPLICATE: (Action.MARK_DUPLICATE,),
}
TARGET = {(action, source): target for action, source, target in TRANSITIONS}


def details(action, original):
    return {
        Action.VERIFY: {"standard": "reasonable_grounds"},
        Action.DISPUTE: {"reason": "Somebody contests it."},
        Action.VERIFY_ATTRIBUTION: {"standard": "reasonable_grounds", "reason": "Both saw them."},
        Action.DISPUTE_ATTRIBUTION: {"reason": "One takes it back."},
        Action.WITHDRAW: {"reason_code": "false"},
        Action.MARK_DUPLICATE: {"duplicate_of": original},
        Action.MERGE: {"duplicate_of": original},
    }.get(action, {})


def take(operation, incident_id, action, original, caller=None):
    return operation.step(incident_id, action, caller, **details(action, original))


def brought_to(operation, state, original, **properties):
    incident_id = operation.reported(**properties)
    for action in WAY[state]:
        answer = take(operation, incident_id, action, original)
        assert answer.status_code == 200, answer.text
    return incident_id


def state_of(operation, incident_id):
    return operation.coordinator.get(f"/v1/incidents/{incident_id}").json()["properties"]["state"]


# -- the table ------------------------------------------------------------------------------------------------------


def test_the_database_holds_the_same_table(service):
    rows = service.owner.execute("SELECT action, from_state, to_state FROM vault.transition_rule")
    assert set(rows) == {(str(action), str(source or ""), str(target)) for action, source, target in TRANSITIONS}


@pytest.mark.parametrize("state", State)
def test_each_step_is_taken_or_refused_as_the_table_says(operation, state):
    original = operation.reported()
    for action in sorted(REQUESTABLE):
        incident_id = brought_to(operation, state, original)
        answer = take(operation, incident_id, action, original)
        target = TARGET.get((action, state))
        if target is None:
            assert answer.status_code == 409, f"{state} {action}"
            assert answer.json()["allowed"] == list(workflow.allowed(state))
            assert state_of(operation, incident_id) == state
        else:
            assert answer.status_code == 200, f"{state} {action}: {answer.text}"
            properties = answer.json()["properties"]
            assert properties["state"] == target == state_of(operation, incident_id)
            assert properties["allowed"] == list(workflow.allowed(target))


@settings(max_examples=15, **IN_ONE_DATABASE)
@given(walk=st.lists(st.sampled_from(sorted(REQUESTABLE)), min_size=3, max_size=12))
def test_any_walk_goes_where_the_table_leads(operation, walk):
    original, incident_id, state = operation.reported(), operation.reported(), State.REPORTED
    for action in walk:
        answer = take(operation, incident_id, action, original)
        target = TARGET.get((action, state))
        assert (answer.status_code == 200) == (target is not None)
        state = target or state
        assert state_of(operation, incident_id) == state


@pytest.mark.parametrize("state", State)
def test_an_edit_leads_where_the_table_says(operation, state):
    incident_id = brought_to(operation, state, operation.reported())
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"geo_precision": 2}}, If_Match="*")
    if state in {State.WITHDRAWN, State.DUPLICATE}:
        assert answer.status_code == 409
        assert state_of(operation, incident_id) == state
    else:
        assert answer.json()["properties"]["state"] == TARGET.get((Action.EDIT, state), state)


def test_a_refusal_lists_exactly_the_steps_of_the_state(operation):
    listed = {state: workflow.allowed(state) for state in State}
    assert listed == {
        State.REPORTED: ("corroborate", "mark_duplicate", "merge", "reject", "withdraw"),
        State.CORROBORATING: ("dispute", "mark_duplicate", "merge", "reject", "verify", "withdraw"),
        State.VERIFIED: (
            *("dispute", "dispute_attribution", "mark_duplicate", "merge", "verify_attribution", "withdraw"),
        ),
        State.NOT_VERIFIED: ("corroborate", "mark_duplicate", "merge", "withdraw"),
        State.DISPUTED: ("corroborate", "mark_duplicate", "merge", "withdraw"),
        State.WITHDRAWN: ("reinstate",),
        State.DUPLICATE: ("reinstate", "withdraw"),
    }
    answer = take(operation, brought_to(operation, State.WITHDRAWN, ""), Action.VERIFY, "")
    assert answer.json()["allowed"] == ["reinstate"]


# -- who decides ----------------------------------------------------------------------------------------------------


def test_an_analyst_corroborates_and_does_not_decide(operation):
    original, analyst = operation.reported(), operation.other_analyst
    for state, action in [
        (State.CORROBORATING, Action.VERIFY),
        (State.CORROBORATING, Action.REJECT),
        (State.CORROBORATING, Action.DISPUTE),
        (State.VERIFIED, Action.DISPUTE),
        (State.VERIFIED, Action.VERIFY_ATTRIBUTION),
        (State.VERIFIED, Action.DISPUTE_ATTRIBUTION),
        (State.VERIFIED, Action.MARK_DUPLICATE),
        (State.VERIFIED, Action.MERGE),
        (State.REPORTED, Action.WITHDRAW),
        (State.WITHDRAWN, Action.REINSTATE),
    ]:
        incident_id = brought_to(operation, state, original)
        assert take(operation, incident_id, action, original, analyst).status_code == 403
        assert state_of(operation, incident_id) == state
    assert take(operation, operation.reported(), Action.CORROBORATE, original, analyst).status_code == 200
    assert take(operation, operation.reported(), Action.MARK_DUPLICATE, original, analyst).status_code == 200


def test_whoever_reported_may_withdraw(operation):
    assert take(operation, operation.verified(), Action.WITHDRAW, "", operation.analyst).status_code == 200


@pytest.mark.parametrize("who", ["verifier", "coordinator"])
def test_nobody_verifies_what_they_reported(operation, who):
    caller = getattr(operation, who)
    incident_id = caller.post("/v1/incidents", operation.incident()).json()["id"]
    operation.step(incident_id, "corroborate")
    answer = operation.step(incident_id, "verify", caller, standard="reasonable_grounds")
    assert answer.status_code == 409
    assert "another person" in answer.json()["detail"]
    assert answer.json()["allowed"] == list(workflow.allowed(State.CORROBORATING))
    assert state_of(operation, incident_id) == State.CORROBORATING


def test_nobody_verifies_what_they_edited(operation):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    operation.verifier.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "x"}}, If_Match="*")
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 409
    answer = operation.step(incident_id, "verify", operation.coordinator, standard="reasonable_grounds")
    assert answer.status_code == 200


def test_a_second_key_does_not_make_a_second_person(operation, service):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    same = service.caller(f"{operation.code}-analyst-cluster", "verifier", "cluster", (operation.code,))
    assert same.id == operation.analyst.id
    assert operation.step(incident_id, "verify", same, standard="reasonable_grounds").status_code == 409


# -- straight through the database, as the application's role -------------------------------------------------------


@pytest.fixture(scope="module")
def as_app(service):
    """Run statements as the application's role in a transaction that is undone; give the SQLSTATE of a refusal."""
    with psycopg.connect(service.owner.info.dsn) as connection:

        def run(*statements):
            try:
                connection.execute("SET LOCAL ROLE flashpoint_app")
                connection.execute(CONSOLE)
                for statement, parameters in statements:
                    connection.execute(statement, parameters)
            except psycopg.Error as error:
                return error.sqlstate
            finally:
                connection.rollback()
            return None

        yield run


#: The command line's settings: what is refused is refused by a rule of the workflow, not because rows are hidden.
CONSOLE = """
    SELECT set_config('flashpoint.actor', '00000000-0000-0000-0000-000000000001', true),
           set_config('flashpoint.operations', '*', true), set_config('flashpoint.protected', 'yes', true),
           set_config('flashpoint.clearance', 'public,mission,cluster,restricted', true)
"""
ACT = """
    INSERT INTO vault.verification_act
        (incident_id, version, recorded_by, known_at, action, from_state, to_state, standard, reason_code, reason,
         duplicate_of)
    VALUES (%(incident_id)s, %(version)s, %(by)s, now(), %(action)s, %(from)s, %(to)s, %(standard)s, %(reason_code)s,
            'Synthetic.', %(duplicate_of)s)
"""


def act(incident_id, by, action, source, target, **more):
    given = {
        "incident_id": incident_id,
        "by": by,
        "action": action,
        "from": source,
        "to": target,
        "version": 1,
        "standard": "reasonable_grounds" if action in {"verify", "import", "verify_attribution"} else None,
        "reason_code": "false" if target == "withdrawn" else None,
        "duplicate_of": None,
    }
    return ACT, given | more


def verifying(incident_id, by, **more):
    return act(incident_id, by, "verify", "corroborating", "verified", **more)


def mark(incident_id, by, action, original):
    return act(incident_id, by, action, "reported", "duplicate", duplicate_of=original)


def test_the_database_refuses_one_person_for_both(operation, as_app):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    assert as_app(verifying(incident_id, operation.verifier.id)) is None
    assert as_app(verifying(incident_id, operation.analyst.id)) == "FP006"
    operation.other_analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "x"}}, If_Match="*")
    assert as_app(verifying(incident_id, operation.other_analyst.id, version=2)) == "FP006"
    assert as_app(verifying(incident_id, operation.verifier.id, version=2)) is None


def test_the_database_asks_for_the_sources_of_the_standard(operation, as_app):
    poor = operation.reported(sources=[a_source("witness", "g1"), a_source("witness", "g2")])
    fair = operation.reported()
    for incident_id in (poor, fair):
        operation.step(incident_id, "corroborate")
    by = operation.verifier.id
    assert as_app(verifying(poor, by)) == "FP007"
    assert as_app(verifying(fair, by)) is None
    assert as_app(verifying(fair, by, standard="clear_and_convincing")) == "FP007"


def test_the_database_keeps_external_standards_for_imports(operation, as_app):
    incident_id = operation.reported()
    assert as_app(act(incident_id, operation.coordinator.id, "import", "", "verified")) == "FP004"
    operation.step(incident_id, "corroborate")
    assert as_app(verifying(incident_id, operation.verifier.id, standard="external:ucdp")) == "FP005"


@pytest.mark.parametrize("standard", ["external:ucdp", "reasonable_grounds"])
def test_what_was_not_imported_does_not_begin_verified(operation, as_app, standard):
    incident_id = uuid4()
    new = (
        """INSERT INTO vault.incident (id, operation, submitted_by, origin, content_sha256, recorded_at)
           VALUES (%s, %s, %s, 'api', '\\x00', now())""",
        (incident_id, operation.code, operation.coordinator.id),
    )
    begin = act(incident_id, operation.coordinator.id, "import", "", "verified", standard=standard)
    assert as_app(new, begin) is not None


def test_the_database_refuses_every_step_that_the_table_does_not_have(operation, as_app):
    by, original = operation.verifier.id, operation.reported()
    for state in State:
        incident_id = brought_to(operation, state, original)
        for action in Action:
            for target in State:
                copy_of = original if target is State.DUPLICATE else None
                refusal = as_app(act(incident_id, by, action, state, target, duplicate_of=copy_of))
                # An edit and the loss of a duplicate are steps that the database takes by itself.
                known = (action, state, target) in TRANSITIONS and action not in {Action.EDIT, Action.UNMERGE}
                assert (refusal is None) == known, f"{action} {state} {target}: {refusal}"


def test_the_database_refuses_an_act_on_an_old_version_or_from_another_state(operation, as_app):
    incident_id, by = operation.reported(), operation.verifier.id
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "x"}}, If_Match="*")
    corroborate = ("corroborate", "reported", "corroborating")
    assert as_app(act(incident_id, by, *corroborate, version=2)) is None
    assert as_app(act(incident_id, by, *corroborate, version=1)) == "FP004"
    assert as_app(act(incident_id, by, *corroborate, version=3)) == "FP004"
    assert as_app(act(incident_id, by, "corroborate", "disputed", "corroborating", version=2)) == "FP004"
    assert as_app(act(uuid4(), by, *corroborate)) is not None


def test_the_database_asks_for_consent_before_it_reinstates(operation, as_app):
    given_id, refused_id, taken_back_id = (operation.reported(consent=one) for one in ("given", "refused", "given"))
    by = operation.coordinator.id
    reasons = ((given_id, "harm", None), (refused_id, "harm", "FP008"), (taken_back_id, "consent_withdrawn", "FP008"))
    for incident_id, reason, refusal in reasons:
        operation.step(incident_id, "withdraw", reason_code=reason)
        assert as_app(act(incident_id, by, "reinstate", "withdrawn", "corroborating")) == refusal
    for incident_id in (refused_id, taken_back_id):
        assert operation.step(incident_id, "reinstate").status_code == 409


# -- standards of proof ---------------------------------------------------------------------------------------------

PROOFS = [
    ([], 0),
    ([("witness", "g1")], 1),
    ([("witness", "g1"), ("witness", "g2")], 1),
    ([("witness", "g1"), ("ngo", "g1")], 1),
    ([("witness", "g1"), ("ngo", "g2")], 2),
    ([("witness", "g1"), ("witness", "g2"), ("ngo", "g1")], 2),
    ([("witness", "g1"), ("witness", "g2"), ("ngo", "g3"), ("media", "g3")], 2),
    ([("witness", "g1"), ("ngo", "g2"), ("media", "g3")], 3),
    ([("witness", "g1"), ("ngo", "g1"), ("ngo", "g2"), ("media", "g2"), ("media", "g3")], 3),
    ([("witness", "g1"), ("ngo", "g1"), ("media", "g1"), ("medical", "g1")], 1),
]


@pytest.mark.parametrize(("sources", "independent"), PROOFS)
def test_a_standard_is_met_by_sources_that_differ_in_type_and_group(operation, service, sources, independent):
    incident_id = operation.reported(sources=[a_source(*one) for one in sources])
    assert service.scalar("SELECT vault.independent_sources(%s)", incident_id) == independent
    operation.step(incident_id, "corroborate")
    for standard, need in ((Standard.CLEAR_AND_CONVINCING, 3), (Standard.REASONABLE_GROUNDS, 2)):
        answer = operation.step(incident_id, "verify", standard=standard)
        if independent >= need:
            assert answer.status_code == 200
            return
        assert answer.status_code == 409
        assert answer.json()["allowed"] == list(workflow.allowed(State.CORROBORATING))
        assert str(need) in answer.json()["detail"]


def test_further_sources_can_meet_the_standard(operation):
    incident_id = operation.reported(sources=[a_source("witness", "g1")])
    operation.step(incident_id, "corroborate")
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 409
    operation.analyst.post(f"/v1/incidents/{incident_id}/sources", {"sources": [a_source("medical", "g2")]})
    assert operation.step(incident_id, "verify", standard="reasonable_grounds").status_code == 200


def test_the_standard_and_the_attribution_are_recorded_on_the_act(operation):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    operation.step(
        incident_id, "verify", standard="reasonable_grounds", attribution_verified=False, reason="Two agree."
    )
    last = operation.analyst.get(f"/v1/incidents/{incident_id}/history").json()["acts"][-1]
    assert (last["standard"], last["attribution_verified"], last["reason"]) == (
        "reasonable_grounds",
        False,
        "Two agree.",
    )


@pytest.fixture(scope="module")
def bare_incident(service):
    """An incident without sources, and a connection on which to try some."""
    incident_id = service.operation().reported(sources=[])
    with psycopg.connect(service.owner.info.dsn) as connection:
        yield UUID(incident_id), connection


@settings(max_examples=200, **IN_ONE_DATABASE)
@given(
    sources=st.lists(
        st.tuples(st.sampled_from(list(SourceType)[:5]), st.sampled_from(["a", "b", "c", "d", "e"])), max_size=9
    )
)
def test_the_database_counts_independent_sources_as_the_workflow_does(bare_incident, sources):
    incident_id, connection = bare_incident
    try:
        with connection.cursor() as cursor:
            cursor.executemany(
                """INSERT INTO vault.source (incident_id, recorded_by, known_at, type, independence_group,
                                             reliability, credibility, obtained_on, handle)
                   SELECT id, submitted_by, now(), %s, %s, 'B', 2, '2026-01-01', 'h'
                   FROM vault.incident WHERE id = %s""",
                [(kind, group, incident_id) for kind, group in sources],
            )
        counted = connection.execute("SELECT vault.independent_sources(%s)", [incident_id]).fetchone()[0]
    finally:
        connection.rollback()
    # Beyond the three that the strictest standard asks for, the database does not go on counting.
    assert counted == min(3, workflow.independent_sources(sources))


# -- what moves the score -------------------------------------------------------------------------------------------


def scored(operation):
    """Give the rows as the matrix prints them, by locality."""
    return {row["properties"]["pcode"]: row["properties"] for row in operation.rows()}


def test_only_what_is_verified_and_may_be_used_moves_the_score(operation):
    away_from_the_quarter()
    empty = scored(operation)
    operation.verified()
    before = scored(operation)
    assert before["X1101"]["score"] > empty["X1101"]["score"]
    bytes_before = operation.matrix().content
    original = operation.reported()
    for state in State:
        if state is not State.VERIFIED:
            brought_to(operation, state, original)
    for out_of_use in [
        {"exercise": True},
        {"consent": Consent.REFUSED},
        {"consent": Consent.WITHDRAWN},
        {"sharing": Sharing.CLUSTER, "share_above": ShareAbove.NONE},
        {"sharing": Sharing.RESTRICTED, "share_above": ShareAbove.NONE},
    ]:
        incident_id = brought_to(operation, State.VERIFIED, original, **out_of_use)
        assert state_of(operation, incident_id) == State.VERIFIED
    operation.verify(operation.reported(None, geo_precision=6, exercise=True))
    assert scored(operation) == before
    assert operation.matrix().content == bytes_before
    for in_use in [
        {"sharing": Sharing.RESTRICTED, "share_above": ShareAbove.AGGREGATE},
        {"sharing": Sharing.MISSION, "share_above": ShareAbove.NONE},
        {"consent": Consent.UNKNOWN},
    ]:
        earlier = scored(operation)["X1101"]["score"]
        operation.verified(**in_use)
        assert scored(operation)["X1101"]["score"] > earlier


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.MARK_DUPLICATE])
def test_leaving_and_coming_back_gives_the_very_same_score(operation, action):
    away_from_the_quarter()
    empty = scored(operation)
    operation.verified((18.2, 4.2), killed={"low": 0, "best": 7, "high": 19})
    kept = operation.verified((18.4, 4.4), displaced={"low": 10, "best": 40, "high": 90})
    original = operation.reported()
    before = scored(operation)
    take(operation, kept, action, original)
    without = scored(operation)
    assert empty["X1101"]["score"] < without["X1101"]["score"] < before["X1101"]["score"]
    operation.step(kept, "reinstate")
    assert scored(operation) == without
    operation.step(kept, "verify", standard="reasonable_grounds")
    assert scored(operation) == before


def test_an_edit_waits_for_verification_before_it_moves_the_score(operation):
    away_from_the_quarter()
    incident_id = operation.verified()
    before = scored(operation)
    change = {"properties": {"killed": {"low": 30, "best": 40, "high": 50}}}
    operation.analyst.patch(f"/v1/incidents/{incident_id}", change, If_Match="*")
    assert scored(operation) == before
    operation.step(incident_id, "verify", standard="reasonable_grounds")
    assert scored(operation)["X1101"]["score"] > before["X1101"]["score"]


def test_an_edit_that_is_rejected_takes_the_incident_out(operation):
    away_from_the_quarter()
    empty = scored(operation)
    incident_id = operation.verified()
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": {"date_precision": 2}}, If_Match="*")
    operation.step(incident_id, "reject")
    assert scored(operation) == empty


@pytest.mark.parametrize("kind", ["community", "assessment"])
def test_communities_and_threats_without_consent_or_use_change_nothing(operation, kind):
    away_from_the_quarter()
    name = {"community": "communities", "assessment": "assessments"}[kind]
    before = scored(operation)
    for out_of_use in [{"consent": "refused"}, {"consent": "withdrawn"}, {"share_above": "none"}]:
        answer = operation.analyst.post(f"/v1/{name}", subject(operation.code, kind, **out_of_use))
        assert answer.status_code == 201
        assert scored(operation) == before
    made = operation.analyst.post(f"/v1/{name}", subject(operation.code, kind)).json()
    assert scored(operation)["X1101"]["score"] > before["X1101"]["score"]
    path = f"/v1/{name}/{made['id']}/withdrawal"
    assert operation.analyst.post(path, {"reason_code": "false"}, If_Match="*").status_code == 200
    assert scored(operation) == before


def test_an_event_long_ago_presses_less_than_one_just_now(operation):
    operation.verified((18.5, 4.5), event_start=ago(90))
    operation.verified((19.5, 4.5), event_start=ago(1))
    rows = scored(operation)
    assert rows["X1101"]["score"] < rows["X1102"]["score"]
