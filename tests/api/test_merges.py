"""A merge makes a duplicate and carries its sources over; what is taken back counts no longer; nothing leaks by it."""

import psycopg
import pytest
from service import NOBODY, a_source
from test_workflow import as_app, mark  # noqa: F401 - the fixture

ONE, OTHER = [a_source("witness", "g1")], [a_source("ngo", "g2")]
COUNTED = "SELECT vault.independent_sources(%s)"


def merge(operation, incident_id, original, caller=None):
    return operation.step(incident_id, "merge", caller, duplicate_of=original)


def merged(operation, incident_id, original):
    answer = merge(operation, incident_id, original)
    assert answer.status_code == 200, answer.text


def sources(caller, incident_id):
    answer = caller.get(f"/v1/incidents/{incident_id}")
    assert answer.status_code == 200, answer.text
    return [(one["handle"], one["merged_from"]) for one in answer.json()["properties"]["sources"]]


def state_of(operation, incident_id):
    return operation.coordinator.get(f"/v1/incidents/{incident_id}").json()["properties"]["state"]


def verify(operation, incident_id, caller=None):
    return operation.step(incident_id, "verify", caller, standard="reasonable_grounds").status_code


@pytest.fixture
def pair(operation):
    """Two reports of one event by two people, each with one source: the original, and its duplicate."""
    original = operation.reported(sources=ONE)
    duplicate = operation.other_analyst.post("/v1/incidents", operation.incident(sources=OTHER)).json()["id"]
    for incident_id in (original, duplicate):
        operation.step(incident_id, "corroborate")
    return original, duplicate


def test_the_sources_come_along_with_who_recorded_them(operation, service, pair):
    original, duplicate = pair
    assert verify(operation, original) == 409
    seen = operation.verifier.get(f"/v1/incidents/{original}").headers["etag"]
    answer = merge(operation, duplicate, original)
    assert answer.json()["properties"]["state"] == "duplicate"
    assert operation.verifier.get(f"/v1/incidents/{original}").headers["etag"] != seen
    assert sources(operation.analyst, original) == [("witness-g1", None), ("ngo-g2", duplicate)]
    recorded = "SELECT recorded_by, recorded_at, known_at FROM vault.source WHERE incident_id = %s ORDER BY id"
    (_, came), (own,) = (service.owner.execute(recorded, [one]).fetchall() for one in (original, duplicate))
    (act,) = service.owner.execute(
        "SELECT recorded_at, known_at FROM vault.verification_act WHERE action = 'merge' AND incident_id = %s",
        [duplicate],
    ).fetchall()
    assert came[0] == own[0] == operation.other_analyst.id
    assert came[1:] == act
    assert verify(operation, original) == 200


def test_to_mark_a_duplicate_carries_nothing(operation, pair):
    original, duplicate = pair
    operation.step(duplicate, "mark_duplicate", duplicate_of=original)
    assert sources(operation.analyst, original) == [("witness-g1", None)]
    assert verify(operation, original) == 409


@pytest.mark.parametrize("part", ["reported", "edited", "source"])
def test_who_had_a_part_in_the_duplicate_does_not_verify_the_original(operation, pair, part):
    original, duplicate = pair
    coordinator, where = operation.coordinator, f"/v1/incidents/{duplicate}"
    if part == "reported":
        duplicate = coordinator.post("/v1/incidents", operation.incident(sources=OTHER)).json()["id"]
    elif part == "edited":
        coordinator.patch(where, {"properties": {"narrative": "Synthetic."}}, If_Match="*")
    else:
        coordinator.post(f"{where}/sources", {"sources": [a_source("media", "g3")]})
    merged(operation, duplicate, original)
    assert verify(operation, original, coordinator) == 409
    assert verify(operation, original, operation.verifier) == 200


def test_a_duplicate_that_is_taken_back_takes_its_sources_along(operation, service, pair):
    original, duplicate = pair
    merged(operation, duplicate, original)
    assert service.scalar(COUNTED, original) == 2
    operation.step(duplicate, "reinstate")
    assert service.scalar(COUNTED, original) == 1
    assert sources(operation.analyst, original) == [("witness-g1", None)]
    assert verify(operation, original) == 409
    # Merged again it counts again, and its source is not there twice.
    merged(operation, duplicate, original)
    assert sources(operation.analyst, original) == [("witness-g1", None), ("ngo-g2", duplicate)]
    assert verify(operation, original) == 200


@pytest.mark.parametrize(("action", "details"), [("reinstate", {}), ("withdraw", {"reason_code": "false"})])
def test_what_was_verified_on_it_has_to_be_decided_on_again(operation, service, pair, action, details):
    original, duplicate = pair
    merged(operation, duplicate, original)
    assert verify(operation, original) == 200
    told = {"standard": "reasonable_grounds", "reason": "Both saw them."}
    assert operation.step(original, "verify_attribution", **told).status_code == 200
    assert operation.step(duplicate, action, operation.coordinator, **details).status_code == 200
    shown = operation.verifier.get(f"/v1/incidents/{original}").json()["properties"]
    assert (shown["state"], shown["attribution"]["state"]) == ("corroborating", "unverified")
    last = operation.verifier.get(f"/v1/incidents/{original}/history").json()["acts"][-1]
    assert (last["action"], last["recorded_by"]) == ("unmerge", str(operation.coordinator.id))
    # As after an edit, what was verified stays in force until then.
    in_force = "SELECT count(*) FROM vault.evidence WHERE incident_id = %s AND known_to IS NULL"
    assert service.scalar(in_force, original) == 1
    assert verify(operation, original) == 409
    operation.analyst.post(f"/v1/incidents/{original}/sources", {"sources": [a_source("medical", "g5")]})
    assert verify(operation, original) == 200


def test_what_stands_without_it_stays_verified(operation, pair):
    original, duplicate = pair
    operation.analyst.post(f"/v1/incidents/{original}/sources", {"sources": [a_source("medical", "g5")]})
    merged(operation, duplicate, original)
    assert verify(operation, original) == 200
    operation.step(duplicate, "reinstate")
    assert state_of(operation, original) == "verified"


def test_an_original_that_becomes_a_duplicate_hands_everything_on(operation, service, pair):
    middle, first = pair
    last = operation.reported(sources=[a_source("medical", "g3")])
    merged(operation, first, middle)
    # Of what is a duplicate nothing can be one.
    merged(operation, middle, last)
    assert merge(operation, operation.reported(), middle).status_code == 422
    assert sources(operation.analyst, last) == [
        ("medical-g3", None),
        ("witness-g1", middle),
        ("ngo-g2", first),
    ]
    assert service.scalar(COUNTED, last) == 3
    operation.step(last, "corroborate")
    assert operation.step(last, "verify", standard="clear_and_convincing").status_code == 200
    # The first was no duplicate of the middle after all: the last loses it too, and is asked again.
    operation.step(first, "reinstate")
    assert service.scalar(COUNTED, last) == 2
    assert (state_of(operation, middle), state_of(operation, last)) == ("duplicate", "corroborating")
    operation.step(middle, "reinstate")
    assert service.scalar(COUNTED, last) == 1
    assert service.scalar(COUNTED, middle) == 1


def test_who_reported_the_first_of_a_line_does_not_verify_the_last(operation):
    first = operation.coordinator.post("/v1/incidents", operation.incident(sources=[])).json()["id"]
    middle, last = operation.reported(), operation.reported()
    merged(operation, first, middle)
    merged(operation, middle, last)
    operation.step(last, "corroborate")
    assert verify(operation, last, operation.coordinator) == 409
    assert verify(operation, last, operation.verifier) == 200


def test_a_duplicate_takes_no_more_sources(operation, pair):
    original, duplicate = pair
    merged(operation, duplicate, original)
    answer = operation.analyst.post(f"/v1/incidents/{duplicate}/sources", {"sources": [a_source("media", "g9")]})
    assert answer.status_code == 409
    assert answer.json()["allowed"] == ["reinstate", "withdraw"]


# -- what must not leak ----------------------------------------------------------------------------------------------

CLOSED = [
    {"sharing": "restricted"},
    {"category": "child_abduction"},
    {"killed": {"low": 1, "best": 1, "high": 1, "split": {"child": 1}}},
]


@pytest.mark.parametrize("told", CLOSED, ids=str)
def test_what_is_more_closed_is_not_merged_into_what_is_open(operation, told):
    original, duplicate = operation.reported(sources=ONE), operation.reported(sources=OTHER, **told)
    answer = merge(operation, duplicate, original)
    assert answer.status_code == 409
    assert "more closed" in answer.json()["detail"]
    assert sources(operation.other_analyst, original) == [("witness-g1", None)]
    # It can still be marked, and an original that is as closed takes it.
    merged(operation, duplicate, operation.reported(sources=ONE, **told))


def test_who_may_know_of_the_original_alone_is_shown_nothing_of_the_duplicate(operation, service):
    # Whoever submitted a restricted record may know of it, and not of another's.
    original = operation.reported(sources=ONE, sharing="restricted")
    closed = operation.incident(sources=OTHER, sharing="restricted")
    duplicate = operation.other_analyst.post("/v1/incidents", closed).json()["id"]
    where = f"/v1/incidents/{original}"
    before = operation.analyst.get(where)
    merged(operation, duplicate, original)
    after = operation.analyst.get(where)
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    assert sources(operation.verifier, original) == [("witness-g1", None), ("ngo-g2", duplicate)]
    # Also when the original is opened one day.
    operation.verifier.patch(where, {"properties": {"sharing": "cluster"}}, If_Match="*")
    assert ("ngo-g2", duplicate) not in sources(operation.caller("analyst", name="-third"), original)
    # The control: without the policy, the merged source is there to be read.
    with psycopg.connect(service.owner.info.dsn) as connection:
        seen = []
        for statement in ("SELECT 1", "ALTER TABLE vault.source DISABLE ROW LEVEL SECURITY"):
            connection.execute(statement)
            connection.execute("SET LOCAL ROLE flashpoint_records")
            settings = {"actor": operation.analyst.id, "operations": operation.code, "clearance": "cluster"}
            for name, value in settings.items():
                connection.execute("SELECT set_config(%s, %s, true)", [f"flashpoint.{name}", str(value)])
            count = "SELECT count(*) FROM vault.source WHERE incident_id = %s"
            seen.append(connection.execute(count, [original]).fetchone()[0])
            connection.rollback()
        assert seen == [1, 2]


def test_only_who_may_know_of_both_merges(operation, elsewhere):
    duplicate = operation.reported()
    closed = operation.coordinator.post("/v1/incidents", operation.incident(sharing="restricted")).json()["id"]
    answers = [
        merge(operation, duplicate, target, operation.analyst)
        for target in (closed, NOBODY, elsewhere.reported(), duplicate)
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.content for answer in answers}) == 1


def test_nothing_is_merged_into_or_out_of_what_is_without_consent(operation):
    live, refused = operation.reported(), operation.reported(consent="refused")
    assert merge(operation, live, refused).status_code == 422
    assert operation.step(live, "mark_duplicate", duplicate_of=refused).status_code == 422
    answer = merge(operation, refused, live)
    assert (answer.status_code, answer.json()["detail"]) == (409, "consent is missing")


# -- straight through the database -----------------------------------------------------------------------------------


def test_the_database_keeps_the_rules_of_a_merge(operation, elsewhere, as_app):  # noqa: F811 - the fixture
    def merging(incident_id, target):
        return mark(incident_id, operation.coordinator.id, "merge", target)

    open_one, another = operation.reported(), operation.reported()
    closed, refused = operation.reported(sharing="restricted"), operation.reported(consent="refused")
    assert as_app(merging(open_one, another)) is None
    assert as_app(merging(open_one, closed)) is None
    assert as_app(merging(closed, open_one)) == "FP102"
    assert as_app(merging(refused, open_one)) == "FP008"
    assert as_app(merging(open_one, refused)) == "FP004"
    assert as_app(merging(open_one, elsewhere.reported())) == "FP101"
    assert as_app(merging(open_one, NOBODY)) == "FP101"
    assert as_app(merging(open_one, open_one)) == "23514"
    assert as_app(merging(open_one, another), merging(another, open_one)) == "FP004"


def test_the_application_makes_no_copy_of_a_source_itself(operation, as_app):  # noqa: F811 - the fixture
    original, duplicate = operation.reported(), operation.reported()
    copied = """
        INSERT INTO vault.source (incident_id, merged_from, recorded_by, known_at, type, independence_group,
                                  reliability, credibility, obtained_on, handle)
        SELECT %s, %s, recorded_by, known_at, type, independence_group, 'A', 1, obtained_on, handle
        FROM vault.source WHERE incident_id = %s
    """
    assert as_app((copied, (original, None, duplicate))) is None
    assert as_app((copied, (original, duplicate, duplicate))) == "42501"
