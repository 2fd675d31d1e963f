"""The verifier's queue: what waits for a decision, the oldest first, and what each caller is told of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from service import a_source

from flashpoint.types import Role

FLASHPOINT = Path(sys.executable).with_name("flashpoint")
WHY = {"reason": "Both saw them."}


def queue(caller, operation, **query):
    text = "".join(f"&{name}={value}" for name, value in query.items())
    answer = caller.get(f"/v1/queue?operation={operation.code}{text}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def waits(caller, operation, **query):
    return {one["id"]: one["waiting_for"] for one in queue(caller, operation, **query)["incidents"]}


def entry(caller, operation, incident_id):
    (found,) = [one for one in queue(caller, operation)["incidents"] if one["id"] == incident_id]
    return found


def edit(operation, incident_id, **properties):
    answer = operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": properties}, If_Match="*")
    assert answer.status_code in {200, 204}, answer.text


# -- what waits ------------------------------------------------------------------------------------------------------


def test_what_waits_says_for_what(operation):
    reported, corroborating, disputed, rejected = (operation.reported() for _ in range(4))
    for incident_id in (corroborating, disputed):
        operation.step(incident_id, "corroborate")
    operation.step(disputed, "dispute")
    operation.step(rejected, "reject")
    edited, unattributed, attributed, contested = (operation.verified() for _ in range(4))
    unknown = operation.verified(perpetrator_class="unknown")
    edit(operation, edited, geo_precision=2)
    for incident_id in (attributed, contested):
        operation.step(incident_id, "verify_attribution", standard="reasonable_grounds", **WHY)
    operation.step(contested, "dispute_attribution", **WHY)
    withdrawn, duplicate = operation.reported(), operation.reported()
    operation.step(withdrawn, "withdraw", reason_code="false")
    operation.step(duplicate, "merge", duplicate_of=reported)
    unconsented = operation.reported(consent="refused")
    expected = {
        **dict.fromkeys((reported, corroborating, disputed), "occurrence"),
        edited: "edit",
        **dict.fromkeys((unattributed, contested), "attribution"),
    }
    found = queue(operation.verifier, operation)
    assert {one["id"]: one["waiting_for"] for one in found["incidents"]} == expected
    assert found["counts"] == {"occurrence": 3, "edit": 1, "attribution": 2}
    assert {unknown, attributed, rejected, unconsented}.isdisjoint(expected)
    for wait in ("occurrence", "edit", "attribution"):
        part = {one for one, kind in expected.items() if kind == wait}
        assert waits(operation.verifier, operation, waiting_for=wait).keys() == part


def test_what_is_decided_leaves_and_what_is_asked_again_comes_back(operation):
    incident_id = operation.reported(perpetrator_class="unknown")
    seen = []
    for step in [
        None,
        ("corroborate", {}),
        ("verify", {"standard": "reasonable_grounds"}),
        ("dispute", {"reason": "Contested."}),
        ("corroborate", {}),
        ("reject", {}),
        ("corroborate", {}),
        ("withdraw", {"reason_code": "false"}),
        ("reinstate", {}),
    ]:
        if step is not None:
            assert operation.step(incident_id, step[0], **step[1]).status_code == 200
        seen.append(waits(operation.verifier, operation).get(incident_id))
    here = "occurrence"
    assert seen == [here, here, None, here, here, None, here, None, here]
    edit(operation, incident_id, consent="withdrawn")
    assert waits(operation.verifier, operation) == {}


def test_a_taken_back_duplicate_puts_its_original_back(operation):
    original = operation.reported(sources=[a_source("witness", "g1")], perpetrator_class="unknown")
    duplicate = operation.reported(sources=[a_source("ngo", "g2")])
    operation.step(duplicate, "merge", duplicate_of=original)
    operation.verify(original)
    assert waits(operation.verifier, operation) == {}
    operation.step(duplicate, "reinstate")
    assert waits(operation.verifier, operation) == {original: "edit", duplicate: "occurrence"}


def test_the_oldest_stands_first_and_waiting_goes_on_until_it_is_decided(operation, service):
    first, second, third = (operation.reported() for _ in range(3))
    since = {one["id"]: one["waiting_since"] for one in queue(operation.verifier, operation)["incidents"]}
    assert list(since) == [first, second, third]
    # A step that decides nothing does not send it to the end.
    operation.step(first, "corroborate")
    assert list(waits(operation.verifier, operation)) == [first, second, third]
    assert entry(operation.verifier, operation, first)["waiting_since"] == since[first]
    operation.verify(first)
    assert list(waits(operation.verifier, operation)) == [second, third, first]
    old = "UPDATE vault.incident SET waiting_since = waiting_since - interval '40 days 3 hours' WHERE id = %s"
    service.owner.execute(old, [third])
    assert list(waits(operation.verifier, operation)) == [third, second, first]
    assert entry(operation.verifier, operation, third)["waiting_days"] == 40
    assert entry(operation.verifier, operation, second)["waiting_days"] == 0


def test_pages_follow_one_another_without_gap_or_repeat(operation):
    ids = [operation.reported() for _ in range(7)]
    seen, page = [], queue(operation.verifier, operation, limit=3)
    while True:
        seen += [one["id"] for one in page["incidents"]]
        if page["next"] is None:
            break
        if len(seen) == 3:
            # What is decided, and what comes, between two pages shifts nothing.
            operation.step(seen[0], "reject")
            ids.append(operation.reported())
        page = queue(operation.verifier, operation, limit=3, after=page["next"])
        assert sum(page["counts"].values()) == 7
    assert seen == ids


# -- what each is told -----------------------------------------------------------------------------------------------


def test_an_entry_says_what_it_needs(operation):
    incident_id = operation.reported(sources=[a_source("witness", "g1"), a_source("witness", "g2")])
    found = entry(operation.verifier, operation, incident_id)
    assert found["sources"] == {
        "independent": 1,
        "standards": [
            {"standard": "reasonable_grounds", "needed": 2, "have": 1, "missing": 1},
            {"standard": "clear_and_convincing", "needed": 3, "have": 1, "missing": 2},
        ],
    }
    assert (found["category"], found["sharing"], found["protected"]) == ("attack_on_civilians", "cluster", False)
    assert (found["locality"]["pcode"], found["locality"]["name"]) == ("X1101", "Place X1101")
    assert found["etag"] == operation.verifier.get(f"/v1/incidents/{incident_id}").headers["etag"]
    assert found["allowed"] == ["corroborate", "mark_duplicate", "merge", "reject", "withdraw"]
    coarse = operation.reported(None, geo_precision=4, admin_pcode="X11")
    found = entry(operation.verifier, operation, coarse)
    assert (found["locality"], found["admin_unit"]) == (None, "X11")


def test_an_entry_can_be_decided_on_as_it_stands(operation):
    incident_id = operation.reported()
    operation.step(incident_id, "corroborate")
    tag = entry(operation.verifier, operation, incident_id)["etag"]
    body = {"action": "verify", "standard": "reasonable_grounds"}
    answer = operation.verifier.post(f"/v1/incidents/{incident_id}/transitions", body, If_Match=tag)
    assert answer.status_code == 200


def test_it_says_whether_the_caller_may_decide_and_if_not_why(operation):
    incident_id = operation.coordinator.post("/v1/incidents", operation.incident()).json()["id"]

    def told(caller):
        found = entry(caller, operation, incident_id)
        assert found["may_decide"] == (found["why_not"] == [])
        return found["why_not"]

    assert told(operation.coordinator) == ["reported_by_you", "source_by_you"]
    assert told(operation.analyst) == ["role"]
    assert told(operation.verifier) == []
    other = operation.caller(Role.VERIFIER, name="-other")
    more = {"sources": [a_source("media", "g7")]}
    other.post(f"/v1/incidents/{incident_id}/sources", more)
    third = operation.caller(Role.VERIFIER, name="-third")
    third.patch(f"/v1/incidents/{incident_id}", {"properties": {"narrative": "Synthetic."}}, If_Match="*")
    assert (told(other), told(third), told(operation.verifier)) == (["source_by_you"], ["edited_by_you"], [])
    # What it says is what happens.
    operation.step(incident_id, "corroborate")
    for caller, status in ((operation.coordinator, 409), (other, 409), (third, 409), (operation.verifier, 200)):
        assert operation.step(incident_id, "verify", caller, standard="reasonable_grounds").status_code == status


def test_who_had_a_part_in_a_duplicate_is_told_so(operation):
    original = operation.reported()
    duplicate = operation.coordinator.post("/v1/incidents", operation.incident(sources=[])).json()["id"]
    operation.step(duplicate, "merge", duplicate_of=original)
    assert entry(operation.coordinator, operation, original)["why_not"] == ["reported_by_you"]


# -- who is told -----------------------------------------------------------------------------------------------------

CLOSED = [{"sharing": "restricted"}, {"category": "child_abduction"}]


@pytest.mark.parametrize("told", CLOSED, ids=str)
def test_what_a_caller_may_not_know_of_is_neither_listed_nor_counted(operation, told):
    open_one = operation.reported()
    before = queue(operation.other_analyst, operation)
    closed = operation.reported(**told)
    after = queue(operation.other_analyst, operation)
    assert list(waits(operation.other_analyst, operation)) == [open_one]
    assert (after["counts"], after["incidents"]) == (before["counts"], before["incidents"])
    for caller in (operation.analyst, operation.verifier, operation.coordinator):
        assert list(waits(caller, operation)) == [open_one, closed]
        assert queue(caller, operation)["counts"]["occurrence"] == 2


def test_without_the_condition_and_the_policy_it_would_be_counted(operation, service):
    """The control: the same count, with the wall down, tells of the closed record."""
    operation.reported()
    operation.reported(sharing="restricted")
    count = "SELECT count(*) FROM vault.incident WHERE operation = %s AND waiting_for IS NOT NULL"
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("ALTER TABLE vault.incident DISABLE ROW LEVEL SECURITY")
        connection.execute("SET LOCAL ROLE flashpoint_records")
        assert connection.execute(count, [operation.code]).fetchone() == (2,)
        connection.rollback()
    assert queue(operation.other_analyst, operation)["counts"]["occurrence"] == 1


def test_another_operation_is_not_there(operation, elsewhere):
    elsewhere.reported()
    assert waits(operation.verifier, operation) == {}
    answer = operation.verifier.get(f"/v1/queue?operation={elsewhere.code}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    ["", "operation=%s&waiting_for=tea", "operation=%s&limit=0", "operation=%s&after=x", "operation=%s&sort=id"],
)
def test_a_question_that_is_not_one(operation, query):
    answer = operation.verifier.get("/v1/queue?" + query.replace("%s", operation.code))
    assert answer.status_code == 400
    assert all(one["pointer"].startswith("?") for one in answer.json()["errors"])


def test_whoever_looks_is_logged_with_what_they_were_shown(operation, service):
    ids = [operation.reported(), operation.reported(sharing="restricted")]
    logged = "SELECT actor_id, detail FROM vault.audit WHERE action = 'queue' AND operation = %s ORDER BY seq"
    queue(operation.verifier, operation, limit=1)
    queue(operation.other_analyst, operation)
    queue(operation.verifier, operation)
    rows = service.owner.execute(logged, [operation.code]).fetchall()
    assert [row[0] for row in rows] == [operation.verifier.id, operation.other_analyst.id, operation.verifier.id]
    assert [row[1]["ids"] for row in rows] == [ids[:1], ids[:1], ids]


# -- many ------------------------------------------------------------------------------------------------------------

MANY = """
    INSERT INTO vault.incident (id, operation, submitted_by, origin, content_sha256, recorded_at, state, sharing,
                                protected, waiting_for, waiting_since)
    SELECT gen_random_uuid(), %(code)s, %(by)s, 'api', '', now(), 'reported', 'cluster', false,
           CASE WHEN n %% 10 = 0 THEN 'occurrence' END,
           CASE WHEN n %% 10 = 0 THEN now() - n * interval '1 minute' END
    FROM generate_series(1, 20000) n
"""


def test_a_page_is_read_off_an_index(operation, service):
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute(MANY, {"code": operation.code, "by": operation.analyst.id})
        connection.execute("ANALYZE vault.incident")
        connection.execute("SET LOCAL ROLE flashpoint_records")
        settings = {"actor": operation.verifier.id, "operations": operation.code, "clearance": "cluster"}
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", [f"flashpoint.{name}", str(value)])
        page = """
            EXPLAIN (FORMAT JSON)
            SELECT id FROM vault.incident
            WHERE operation = %s AND waiting_for IS NOT NULL AND sharing = ANY ('{cluster}')
              AND (waiting_since, id) > (now() - interval '5 days', '00000000-0000-0000-0000-000000000000'::uuid)
            ORDER BY waiting_since, id LIMIT 100
        """
        plan = json.dumps(connection.execute(page, [operation.code]).fetchone()[0])
        connection.rollback()
    assert "ix_incident_waiting" in plan
    assert '"Seq Scan"' not in plan
    assert '"Sort"' not in plan


# -- on the terminal -------------------------------------------------------------------------------------------------


def told(service, *arguments):
    url = {"FLASHPOINT_DATABASE_URL": service.database.url.replace("+psycopg", "")}
    done = subprocess.run(
        [FLASHPOINT, "queue", *arguments], env=os.environ | url, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_terminal_says_it_in_both_languages(operation, service):
    assert "Nothing waits" in told(service, "--operation", operation.code)
    incident_id = operation.reported(sources=[a_source("witness", "g1")])
    operation.verified()
    english, french = (told(service, "-o", operation.code, *more) for more in ((), ("--fr",)))
    for text in (english, french):
        assert incident_id in text.replace("\n", "")
    assert "2 to decide on: 1 whether it happened, 0 after an edit, 1 who did it." in english
    assert "Attack on" in english
    assert "2 à décider : 1 sur les faits, 0 après modification, 1 sur l'auteur." in french
    assert "Attaque" in french
    given = json.loads(told(service, "-o", operation.code, "--json", "--waiting-for", "occurrence"))
    assert given["counts"] == {"occurrence": 1, "edit": 0, "attribution": 1}
    (one,) = given["incidents"]
    assert (one["id"], one["sources"]["standards"][0]["missing"]) == (incident_id, 1)
