"""What people said is erased when it has to be; what makes the score stays, and every matrix of the past with it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from outputs import Past, days_ago, held, known_always, ranked, shown
from service import a_source, away_from_the_quarter, subject

from api.archive import Archive
from flashpoint import retention
from flashpoint.access import CONSOLE
from flashpoint.errors import Unavailable
from flashpoint.keeper import Keeper
from flashpoint.retention import Rule
from flashpoint.types import PurgeReason, Role

NARRATIVE, HANDLE, CLIENT, REASON = "Qnarrative", "Qhandle", "Qclient", "Qreason"
WRITTEN = {
    "community": {"name": "Qname", "surrounded_by": "Qsurround", "protective_presence": "Qpresence"},
    "assessment": {"reason": "Qjudged"},
    "presence": {"note": "Qnote"},
}
PATHS = {"community": "communities", "assessment": "assessments", "presence": "presences"}
#: A year is what the protocol of these operations says.
KEPT_DAYS = 365


@pytest.fixture(scope="module")
def keeper(service, tmp_path_factory):
    keeper = Keeper(service.database, tmp_path_factory.mktemp("ledger"))
    keeper.settle()
    return keeper


@pytest.fixture
def marks(operation):
    """What is written in an operation, each word with the operation's code: other tests leave theirs."""
    return tuple(f"{one}{operation.code}." for one in (NARRATIVE, HANDLE, CLIENT, REASON))


def marked(operation, **changes):
    narrative, handle, client, _ = (f"{one}{operation.code}." for one in (NARRATIVE, HANDLE, CLIENT, REASON))
    sources = [a_source("witness", "g1", handle=handle), a_source("ngo", "g2")]
    return {"narrative": narrative, "client_id": client, "sources": sources} | changes


def written(operation, kind):
    return {name: f"{word}{operation.code}." for name, word in WRITTEN[kind].items()}


# -- consent --------------------------------------------------------------------------------------------------------


def refuse(incident_id, caller, consent):
    body = {"properties": {"consent": consent}}
    assert caller.patch(f"/v1/incidents/{incident_id}", body, If_Match="*").status_code in {200, 204}


def withdraw(operation, incident_id, caller):
    answer = operation.step(
        incident_id, "withdraw", caller, reason_code="consent_withdrawn", reason=f"{REASON}{operation.code}."
    )
    assert answer.status_code == 200, answer.text


def supersede(operation, path, kind, **changes):
    body = subject(operation.code, kind, **written(operation, kind), **changes)
    tag = operation.analyst.get(path).headers["etag"]
    assert operation.analyst.put(path, body, If_Match=tag).status_code == 200


def take_back(operation, path):
    tag = operation.analyst.get(path).headers["etag"]
    answer = operation.analyst.post(f"{path}/withdrawal", {"reason_code": "consent_withdrawn"}, If_Match=tag)
    assert answer.status_code == 200, answer.text


#: Who takes the consent off an incident, and how.
INCIDENT_WAYS = {
    "refused by an edit": lambda op, one: refuse(one, op.analyst, "refused"),
    "withdrawn by an edit of somebody else": lambda op, one: refuse(one, op.other_analyst, "withdrawn"),
    "withdrawn by its reporter": lambda op, one: withdraw(op, one, op.analyst),
    "withdrawn by a verifier": lambda op, one: withdraw(op, one, op.verifier),
}
#: The same of a subject, each of another place, so that each is seen in the matrix.
SUBJECT_WAYS = {
    "X1101": lambda op, path, kind: supersede(op, path, kind, locality="X1101", consent="refused"),
    "X1102": lambda op, path, kind: supersede(op, path, kind, locality="X1102", consent="withdrawn"),
    "X1201": lambda op, path, _: take_back(op, path),
}
OPEN = {"sharing": "mission", "share_above": "detail"}


def reported_one_by_one(operation):
    """Yield every kind of record that is in use, and how its consent goes: its collection, its id, and that deed."""
    for number, way in enumerate(INCIDENT_WAYS):
        incident_id = operation.verified(**marked(operation, client_id=f"{CLIENT}{operation.code}.{number}", **OPEN))
        yield "incidents", incident_id, lambda one=incident_id, way=way: INCIDENT_WAYS[way](operation, one)
    for kind in WRITTEN:
        for pcode, way in SUBJECT_WAYS.items():
            told = subject(operation.code, kind, **written(operation, kind), **OPEN, locality=pcode)
            answer = operation.analyst.post(f"/v1/{PATHS[kind]}", told)
            path = f"/v1/{PATHS[kind]}/{answer.json()['id']}"
            yield PATHS[kind], answer.json()["id"], lambda path=path, kind=kind, way=way: way(operation, path, kind)


def test_what_loses_its_consent_leaves_the_score_and_every_output_and_is_erased(service, operation, keeper, marks):
    away_from_the_quarter(40)
    for at in ((18.3, 4.3), (19.3, 4.3), (18.3, 6.3)):
        operation.verified(at, sharing="public")
    reason = marks[-1]
    marks += tuple(word for kind in WRITTEN for word in written(operation, kind).values())
    stages, deeds, ids = [ranked(operation)], [], defaultdict(list)
    for collection, one, deed in reported_one_by_one(operation):
        stages.append(ranked(operation))
        # It counts, and so it can be seen to go.
        assert stages[-1] != stages[-2], collection
        ids[collection].append(one)
        deeds.append(deed)
    assert shown(operation, marks, ids) == {*marks} - {reason}
    assert {"incident", "incident_version", "source", "community", "presence"} <= held(service.owner, marks)
    for deed, before in zip(reversed(deeds), reversed(stages[:-1]), strict=True):
        deed()
        assert ranked(operation) == before
    assert shown(operation, marks, ids) == set()
    # Out of every output, it is still there; with the keeper's turn it is not.
    assert held(service.owner, marks)
    keeper.turn()
    assert held(service.owner, marks) == set()
    assert ranked(operation) == stages[0]
    for one in ids["incidents"]:
        tombstone = operation.analyst.get(f"/v1/incidents/{one}").json()["properties"]
        assert tombstone["gone"]
        assert tombstone["purged_at"]


def test_with_the_rule_off_what_lost_its_consent_would_go_on_counting(operation, service):
    away_from_the_quarter()
    before = ranked(operation)
    incident_id = operation.verified()
    rule = service.scalar("SELECT pg_get_functiondef('vault.counts_in_score'::regproc)")
    service.owner.execute(rule.replace("NOT IN ('refused', 'withdrawn')", "IS NOT NULL"))
    try:
        refuse(incident_id, operation.analyst, "refused")
        assert ranked(operation) != before
    finally:
        service.owner.execute(rule)


def test_consent_that_was_taken_back_is_not_given_again_by_somebody_else(operation, keeper):
    incident_id = operation.verified()
    withdraw(operation, incident_id, operation.analyst)
    assert operation.step(incident_id, "reinstate", operation.coordinator).status_code == 409
    keeper.turn()
    assert operation.step(incident_id, "reinstate", operation.coordinator).status_code == 409


def test_copies_that_a_merge_carried_elsewhere_go_as_well(service, operation, keeper, marks):
    original, duplicate = operation.verified(), operation.reported(**marked(operation))
    operation.step(duplicate, "merge", duplicate_of=original)
    handles = "SELECT count(*) FROM vault.source WHERE incident_id = %s AND handle = %s"
    assert service.scalar(handles, original, marks[1]) == 1
    withdraw(operation, duplicate, operation.verifier)
    keeper.turn()
    assert service.scalar(handles, original, marks[1]) == 0
    assert service.scalar("SELECT count(*) FROM vault.source WHERE incident_id = %s", original) == 2


# -- by age ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def past(operation):
    known_always(operation)
    return Past(operation)


def said_then(operation, recorded):
    """Give the bytes of several past matrices, computed anew from what was recorded by then, and the live rows."""
    operation.assess()
    service = operation.service
    service.app.state.archive = Archive(service.database)
    bodies = {}
    for caller in (operation.analyst, operation.reader):
        for days in (5, 60, 350, 380, 410):
            query = {"operation": operation.code, "as_of": days_ago(days).date().isoformat() + "T00:00:00Z"}
            answer = caller.request("GET", "/v1/matrix", params={**query, "recorded": recorded})
            assert answer.status_code == 200, answer.text
            bodies[caller.id, days] = answer.content
        bodies[caller.id, "live"] = [one["properties"] for one in operation.matrix(caller).json()["features"]]
    return bodies


def test_what_was_kept_for_as_long_as_was_agreed_is_erased_and_every_matrix_stays(service, operation, past, marks):
    away_from_the_quarter()
    old, recent = (
        past.verified(days, **marked(operation, client_id=f"{CLIENT}{operation.code}.{days}")) for days in (400, 100)
    )
    recorded = datetime.now(UTC).isoformat()
    before = said_then(operation, recorded)
    assert len({str(body) for body in before.values()}) >= 4
    (due,) = retention.preview(service.database, operation.code)
    assert (due.reason, due.kind, due.records, due.sources) == (PurgeReason.RETENTION, "incident", 1, 2)
    assert service.scalar("SELECT count(*) FROM vault.purge WHERE operation = %s", operation.code) == 0
    assert retention.apply(service.database, operation.code, Rule()) == [due]
    assert retention.preview(service.database, operation.code) == []
    assert said_then(operation, recorded) == before

    erased, kept = (operation.analyst.get(f"/v1/incidents/{one}").json()["properties"] for one in (old, recent))
    assert (erased["state"], erased["gone"], erased["sources"], erased["narrative"]) == ("verified", False, [], None)
    assert erased["client_id"] is None
    assert erased["killed"] == kept["killed"]
    assert datetime.fromisoformat(erased["purged_at"]) > days_ago(1)
    assert (kept["purged_at"], kept["narrative"], len(kept["sources"])) == (None, marks[0], 2)
    history = operation.analyst.get(f"/v1/incidents/{old}/history").text
    assert all(mark not in history for mark in marks)
    assert service.scalar("SELECT known_to IS NULL FROM vault.evidence WHERE incident_id = %s", old) is True
    row = service.owner.execute(
        "SELECT actor_id, subject, detail->>'reason', detail->'ids', detail->'sources' FROM vault.audit"
        " WHERE action = 'retention.purge' AND operation = %s",
        [operation.code],
    ).fetchall()
    assert row == [(CONSOLE.id, "incident", "retention", [str(old)], 2)]

    # The comparison sees what an erasure that went too far would do.
    too_far = (
        "UPDATE vault.incident_version SET killed_low = 0, killed_best = 0, killed_high = 0 WHERE incident_id = %s"
    )
    service.owner.execute(too_far, [old])
    assert said_then(operation, recorded) != before


def test_verifying_what_was_purged_anew_needs_new_sources(service, operation, past):
    old = past.verified(400)
    retention.apply(service.database, operation.code, Rule())
    path = f"/v1/incidents/{old}"
    edit = {"properties": {"killed": {"low": 2, "best": 2, "high": 2}}}
    assert operation.analyst.patch(path, edit, If_Match="*").status_code == 200
    assert operation.step(str(old), "verify", standard="reasonable_grounds").status_code == 409
    sources = {"sources": [a_source("medical", "g7"), a_source("ngo", "g8")]}
    assert operation.analyst.post(f"{path}/sources", sources).status_code == 201
    assert operation.step(str(old), "verify", standard="reasonable_grounds").status_code == 200


@pytest.mark.parametrize("touch", ["source", "act", "version"])
def test_what_somebody_still_works_on_is_not_old(service, operation, past, touch):
    old = past.verified(400)
    if touch == "source":
        operation.analyst.post(f"/v1/incidents/{old}/sources", {"sources": [a_source("medical", "g9")]})
    elif touch == "act":
        operation.step(str(old), "verify_attribution", standard="reasonable_grounds", reason="Seen.")
    else:
        operation.analyst.patch(f"/v1/incidents/{old}", {"properties": {"narrative": "Other."}}, If_Match="*")
    assert retention.preview(service.database, operation.code) == []


def test_without_a_protocol_nothing_is_too_old_and_one_that_ended_still_counts(service):
    alone = service.operation(agreed=False)
    Past(alone).verified(900)
    assert retention.preview(service.database, alone.code) == []
    agreed = service.operation()
    Past(agreed).verified(900)
    answer = agreed.coordinator.post(
        "/v1/protocols/TEST-P1/suspension", {"operation": agreed.code, "reason": "To share less."}
    )
    assert answer.is_success, answer.text
    assert [one.records for one in retention.preview(service.database, agreed.code)] == [1]


def test_a_version_from_before_a_rule_can_be_erased_and_none_is_added_that_breaks_it(service, operation, keeper):
    told = {"category": "sexual_violence", "sharing": "restricted", "share_above": "none"}
    incident_id = operation.reported(**told)
    # As versions were taken before what is protected had to be closed.
    open_it = "UPDATE vault.incident_version SET sharing = 'public' WHERE incident_id = %s"
    service.owner.execute(open_it, [incident_id])
    withdraw(operation, incident_id, operation.analyst)
    keeper.turn()
    assert service.scalar("SELECT narrative FROM vault.incident_version WHERE incident_id = %s", incident_id) is None
    once_more = """
        INSERT INTO vault.incident_version SELECT (jsonb_populate_record(v, '{"version": 2}')).*
        FROM vault.incident_version v WHERE incident_id = %s
    """
    with pytest.raises(psycopg.errors.CheckViolation):
        service.owner.execute(once_more, [incident_id])


# -- the door -------------------------------------------------------------------------------------------------------


def call(service, actor, query, *parameters):
    with service.database.vault(actor) as vault:
        return vault.connection.exec_driver_sql(query, parameters).fetchall()


def test_the_door_is_for_the_console_and_for_what_is_due(service, operation, past):
    fresh, old = operation.verified(), past.verified(400)
    now, coordinator = datetime.now(UTC), past.actor(Role.COORDINATOR)
    purge = "SELECT id FROM vault.purge_incidents(ARRAY[%s]::uuid[], %s, %s, %s)"
    subjects = "SELECT * FROM vault.purge_subjects('community', '{}', now())"
    for query, parameters in ((purge, (old, "retention", now, now)), (subjects, ())):
        with pytest.raises(Unavailable) as refused:
            call(service, coordinator, query, *parameters)
        assert refused.value.__cause__.orig.sqlstate == "FP130"
    due = "SELECT id FROM vault.due_for_purge(%s, now(), 10)"
    assert call(service, coordinator, due, operation.code) == []
    assert len(call(service, CONSOLE, due, operation.code)) == 2
    # Whatever somebody asks for: nothing younger than any protocol keeps it, and nothing that has its consent.
    for one, why in ((fresh, "retention"), (fresh, "consent"), (old, "consent"), (old, "because")):
        assert call(service, CONSOLE, purge, one, why, now, now) == []
    assert call(service, CONSOLE, purge, old, "retention", now, now) == [(old,)]


def test_one_hand_does_not_erase_the_evidence_of_an_operation(service, operation, keeper, marks):
    ids = [
        operation.reported(**marked(operation, client_id=f"{CLIENT}{operation.code}.{number}")) for number in range(23)
    ]
    for incident_id in ids:
        refuse(incident_id, operation.other_analyst, "withdrawn")
    keeper.turn()
    left = "SELECT count(DISTINCT incident_id) FROM vault.source WHERE incident_id = ANY (%s)"
    assert service.scalar(left, ids) == 3
    # Taken out of use they are, all of them.
    assert shown(operation, marks, {"incidents": ids[-2:]}) == set()
    (held_back,) = [one for one in retention.preview(service.database, operation.code) if one.held]
    assert (held_back.records, held_back.reason) == (3, PurgeReason.CONSENT)
    assert [one.held for one in retention.apply(service.database, operation.code, Rule())] == [True]
    # Somebody looked.
    (done,) = retention.apply(service.database, operation.code, Rule(held_too=True))
    assert (done.records, done.held) == (3, False)
    assert service.scalar(left, ids) == 0


def test_what_was_purged_is_not_reported_once_more_by_who_never_got_the_answer(service, operation, keeper, marks):
    told = operation.incident(**marked(operation))
    first = operation.analyst.post("/v1/incidents", told)
    withdraw(operation, first.json()["id"], operation.analyst)
    keeper.turn()
    again = operation.analyst.post("/v1/incidents", told)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    batch = operation.analyst.post("/v1/incidents/batch", {"type": "FeatureCollection", "features": [told]})
    assert [row["status"] for row in batch.json()["rows"]] == ["already_there"]
    assert held(service.owner, marks) == set()
    # With the guard off it is there once more.
    service.owner.execute("ALTER TABLE vault.incident DISABLE TRIGGER know_purged")
    try:
        assert operation.analyst.post("/v1/incidents", told).status_code == 201
    finally:
        service.owner.execute("ALTER TABLE vault.incident ENABLE TRIGGER know_purged")


def test_by_age_it_is_done_once_a_day_and_for_want_of_consent_at_once(service, operation, past, keeper):
    def sources(incident_id):
        return service.scalar("SELECT count(*) FROM vault.source WHERE incident_id = %s", incident_id)

    keeper.turn()
    old, taken_back = past.verified(400), operation.verified()
    keeper.turn()
    withdraw(operation, taken_back, operation.analyst)
    assert (sources(old), sources(taken_back)) == (2, 2)
    keeper.turn()
    assert (sources(old), sources(taken_back)) == (2, 0)
    keeper._purged_on -= timedelta(days=1)  # noqa: SLF001 - as it was yesterday
    keeper.turn()
    assert sources(old) == 0
