"""The method as a document: proposed, looked at, put in force; every version kept and no past answer moved."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from service import at_once, away_from_the_quarter

from flashpoint import assess, methods
from flashpoint.errors import Conflict, Forbidden, Invalid, NotFound
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES
from flashpoint.store import actors, methodologies
from flashpoint.types import Audience, Role

PATH = "/v1/methodologies"
#: Turns the order round: what is reported weighs next to nothing, who is there weighs all.
CHANGES = {"threat_exponent": 0.01, "tier_from": {"extreme": 40, "high": 20, "elevated": 10}}


def document(operation, version="TEST-1", **changes):
    base = {"operation": operation.code, "version": version, "reason": "a trial", "changes": CHANGES}
    return {name: value for name, value in (base | changes).items() if value is not None}


def proposed(operation, version="TEST-1", **changes):
    answer = operation.coordinator.post(PATH, document(operation, version, **changes))
    assert answer.status_code == 201, answer.text
    return answer


def adopted(operation, version="TEST-1", reason="agreed"):
    body = {"operation": operation.code, "reason": reason}
    return operation.coordinator.post(f"{PATH}/{version}/adoption", body)


def versions(operation, caller=None):
    answer = (caller or operation.reader).get(f"{PATH}?operation={operation.code}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def one(operation, version, caller=None):
    return (caller or operation.coordinator).get(f"{PATH}/{version}?operation={operation.code}")


def preview(operation, version="TEST-1", **query):
    rest = "".join(f"&{name}={value}" for name, value in query.items())
    return operation.coordinator.get(f"{PATH}/{version}/preview?operation={operation.code}{rest}")


def in_force(operation, as_of, recorded=None):
    with operation.service.database.vault_reader() as reader:
        return methodologies.in_force(reader, operation.code, as_of, recorded or as_of).version


def now():
    return datetime.now(UTC)


@pytest.fixture
def busy(operation):
    """An operation in which two localities change places once threat counts for little."""
    away_from_the_quarter()
    for _ in range(3):
        operation.verified()
    operation.verified((19.5, 4.5), category="extortion")
    body = {"locality": "X1201", "type": "none", "since": "2020-01-01T00:00:00Z", "sharing": "mission"}
    body |= {"operation": operation.code, "confirmed_at": "2020-01-02T00:00:00Z"}
    body |= {"share_above": "aggregate", "consent": "not_required"}
    feature = {"type": "Feature", "geometry": None, "properties": body}
    assert operation.analyst.post("/v1/presences", feature).status_code == 201
    operation.assess()
    return operation


# -- proposing ------------------------------------------------------------------------------------------------------


def test_a_proposal_is_recorded_with_what_it_changes_and_scores_nothing(busy):
    before = busy.matrix().content
    answer = proposed(busy)
    assert answer.headers["location"] == f"{PATH}/TEST-1?operation={busy.code}"
    assert answer.json() == {
        "operation": busy.code,
        "version": "TEST-1",
        "state": "proposed",
        "in_force": False,
        "based_on": DEFAULT.version,
        "differs": [
            {"parameter": "threat_exponent", "from": DEFAULT.threat_exponent, "to": 0.01},
            *(
                {"parameter": f"tier_from/{tier}", "from": DEFAULT.tier_from[tier], "to": float(score)}
                for tier, score in CHANGES["tier_from"].items()
            ),
        ],
    }
    busy.assess()
    assert busy.matrix().json()["methodology"] == DEFAULT.version
    assert busy.matrix().content == before
    assert busy.coordinator.get(answer.headers["location"]).json()["proposed"]["reason"] == "a trial"


def test_a_proposal_is_based_on_the_version_in_force_unless_it_names_another(operation):
    proposed(operation, "TEST-1", changes={"silence_days": 14})
    proposed(operation, "TEST-2", based_on="TEST-1", changes={"neutral_share": 0.2})
    assert [d["parameter"] for d in one(operation, "TEST-2").json()["differs"]] == ["neutral_share"]
    adopted(operation, "TEST-1")
    proposed(operation, "TEST-3", changes={"neutral_share": 0.3})
    third = one(operation, "TEST-3").json()
    assert third["based_on"] == "TEST-1"
    values = {line["name"]: line["value"] for line in third["parameters"]}
    assert (values["silence_days"], values["neutral_share"]) == (14.0, 0.3)
    proposed(operation, "TEST-4", based_on=DEFAULT.version)
    assert one(operation, "TEST-4").json()["based_on"] == DEFAULT.version


def test_a_name_is_taken_once_in_its_operation_and_by_what_is_published(operation, elsewhere):
    proposed(operation)
    for version, changes in [("TEST-1", CHANGES), ("TEST-1", {"silence_days": 3}), (DEFAULT.version, CHANGES)]:
        answer = operation.coordinator.post(PATH, document(operation, version, changes=changes))
        assert answer.status_code == 409, version
    # Another operation's names are its own: a clash would tell of them.
    proposed(elsewhere, changes={"silence_days": 3})
    assert one(operation, "TEST-1").json()["differs"] != one(elsewhere, "TEST-1").json()["differs"]


def test_two_proposals_of_one_name_at_once_make_one_version(operation):
    coordinator = operation.coordinator
    calls = [
        lambda days=days: coordinator.post(PATH, document(operation, changes={"silence_days": days}))
        for days in (3, 4, 5)
    ]
    assert sorted(answer.status_code for answer in at_once(calls)) == [201, 409, 409]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"changes": {"severity": {"shelling": 99}}}, ("/changes/severity/shelling", "range")),
        ({"changes": {"severity": {"shelling": "much"}}}, ("/changes/severity/shelling", "type")),
        ({"changes": {"severity": {"Jean Dupont": 1}}}, ("/changes/severity", "unknown")),
        ({"changes": {"colour": 1}}, ("/changes/colour", "unknown")),
        ({"changes": {"Jean Dupont": 1}}, ("/changes", "unknown")),
        ({"changes": {"silence_days": -99}}, ("/changes/silence_days", "range")),
        ({"changes": {"tier_from": {"extreme": 1}}}, ("/changes/tier_from", "order")),
        ({"changes": {"silence_days": DEFAULT.silence_days}}, ("/changes", "unchanged")),
        ({"changes": {}}, ("/changes", "too_short")),
        ({"changes": [99]}, ("/changes", "dict_type")),
        ({"changes": None}, ("/changes", "missing")),
        ({"reason": None}, ("/reason", "missing")),
        ({"reason": " "}, ("/reason", "string_pattern_mismatch")),
        ({"reason": "x" * 2001}, ("/reason", "string_too_long")),
        ({"version": "Jean Dupont"}, ("/version", "string_pattern_mismatch")),
        ({"version": "../matrix"}, ("/version", "string_pattern_mismatch")),
        ({"version": "2099.1"}, ("/version", "reserved")),
        ({"based_on": "nothing-such"}, ("/based_on", "no_such_version")),
        ({"operation": "NOWHERE"}, ("/operation", "no_such_operation")),
        ({"operation": 3}, ("/operation", "string_type")),
        ({"colour": "much"}, ("/colour", "extra_forbidden")),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_proposal_is_told_where_and_nothing_of_it_is_repeated(operation, changes, expected):
    coordinator = operation.coordinator
    rows = operation.service.vault_rows()
    sent = {name: value for name, value in (document(operation) | changes).items() if value is not None}
    answer = coordinator.post(PATH, sent)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert expected in {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert not any(text in answer.text for text in ("Jean", "Dupont", "much", "99", "nothing-such", "NOWHERE"))
    assert operation.service.vault_rows() == rows


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b'{"version": NaN}', b'{"a": 1, "a": 2}', b"\xff"])
def test_a_body_that_is_no_document_is_refused(operation, body):
    for path in (PATH, f"{PATH}/{DEFAULT.version}/adoption"):
        answer = operation.coordinator.request("POST", path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, path


def test_a_proposal_happens_once_however_often_it_is_sent(operation):
    first, again = (operation.coordinator.post(PATH, document(operation), Idempotency_Key="once") for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert operation.coordinator.post(PATH, document(operation, "TEST-2"), Idempotency_Key="once").status_code == 409


# -- looking at it --------------------------------------------------------------------------------------------------


def test_a_preview_is_the_matrix_that_the_version_would_give_and_changes_nothing(busy):
    proposed(busy)
    served, rows = busy.matrix().content, busy.service.vault_rows()
    answer = preview(busy)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["methodology"] == {"now": DEFAULT.version, "proposed": "TEST-1"}
    # Who looked, and nothing else.
    assert busy.service.vault_rows() == rows | {"audit": rows["audit"] + 1}
    busy.assess()
    assert busy.matrix().content == served
    today = {row["properties"]["pcode"]: row["properties"] for row in busy.matrix().json()["features"]}
    assert adopted(busy).status_code == 200
    then = {row["properties"]["pcode"]: row["properties"] for row in busy.rows()}
    assert [row["proposed"]["rank"] for row in shown["rows"]] == [1, 2, 3, 4]
    for row in shown["rows"]:
        for name, matrix in (("now", today), ("proposed", then)):
            assert row[name] == {key: matrix[row["pcode"]][key] for key in ("rank", "score", "tier")}
        assert row["difference"]["rank"] == row["proposed"]["rank"] - row["now"]["rank"]
        assert row["difference"]["score"] == round(row["proposed"]["score"] - row["now"]["score"], 2)
    moved = [row for row in shown["rows"] if row["difference"]["rank"]]
    summary = shown["summary"]
    assert moved
    assert summary["change_rank"] == len(moved)
    assert summary["change_tier"] == sum(row["now"]["tier"] != row["proposed"]["tier"] for row in shown["rows"]) > 0
    assert summary["enter_top"] == 0
    assert [abs(row["difference"]["rank"]) for row in summary["biggest_movers"]] == sorted(
        (abs(row["difference"]["rank"]) for row in moved), reverse=True
    )


def test_a_preview_of_what_is_in_force_finds_no_difference(busy):
    summary = preview(busy, DEFAULT.version).json()["summary"]
    assert (summary["localities"], summary["change_rank"], summary["change_tier"]) == (4, 0, 0)


def test_a_preview_can_be_cut_and_its_summary_is_of_all(busy):
    proposed(busy)
    whole, cut = preview(busy).json(), preview(busy, limit=2).json()
    assert cut["rows"] == whole["rows"][:2]
    assert cut["summary"] == whole["summary"]
    assert (cut["numberMatched"], cut["numberReturned"]) == (4, 2)


def test_a_coordinator_who_reads_the_missions_release_previews_no_finer_scores(busy):
    proposed(busy)
    caller = busy.caller(Role.COORDINATOR, Audience.MISSION)
    shown = caller.get(f"{PATH}/TEST-1/preview?operation={busy.code}").json()
    scores = [row[when]["score"] for row in shown["rows"] for when in ("now", "proposed", "difference")]
    assert all(score == int(score) for score in scores)
    finer = [row["now"]["score"] for row in preview(busy).json()["rows"]]
    assert any(score != int(score) for score in finer)


def test_a_preview_holds_up_no_other_request(busy, monkeypatch):
    proposed(busy)
    entered, go = threading.Event(), threading.Event()
    evaluate = assess.evaluate

    def slowly(*arguments):
        entered.set()
        assert go.wait(10)
        return evaluate(*arguments)

    monkeypatch.setattr(assess, "evaluate", slowly)
    waiting = threading.Thread(target=preview, args=(busy,))
    waiting.start()
    try:
        assert entered.wait(10)
        started = time.monotonic()
        assert busy.matrix().status_code == 200
        assert time.monotonic() - started < 5
        assert waiting.is_alive()
    finally:
        go.set()
        waiting.join()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("", "?operation"), ("?operation=a b", "?operation"), ("?operation={}&limit=0", "?limit"),
     ("?operation={}&limit=x", "?limit"), ("?operation={}&colour=3", "?")],
)  # fmt: skip
def test_a_bad_query_is_a_bad_request(operation, query, pointer):
    answer = operation.coordinator.get(f"{PATH}/{DEFAULT.version}/preview{query.format(operation.code)}")
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


# -- putting it in force --------------------------------------------------------------------------------------------


def test_adopting_changes_the_matrix_and_no_past_answer(busy):
    database = busy.service.database
    before = now()
    with database.vault_reader() as reader:
        earlier = assess.evaluate(reader, busy.code, before)
    proposed(busy)
    old = [row["properties"]["pcode"] for row in busy.rows()]
    assert adopted(busy).json()["state"] == "in_force"
    after = now()
    new = [row["properties"]["pcode"] for row in busy.rows()]
    assert busy.matrix().json()["methodology"] == "TEST-1"
    assert new != old
    assert busy.row(new[0])["explanation"]["methodology"] == "TEST-1"
    with database.vault_reader() as reader:
        again = assess.evaluate(reader, busy.code, before)
    assert again.result.parts.methodology == earlier.result.parts.methodology == DEFAULT
    assert again.result.score.tolist() == earlier.result.score.tolist()
    assert in_force(busy, before) == DEFAULT.version
    assert in_force(busy, after) == "TEST-1"


def test_both_times_of_an_adoption_count(operation):
    before = now()
    reason = ("entered later, as it went then", before - timedelta(days=30))
    with operation.service.database.console() as vault:
        console = actors.console(vault)
        methodologies.adopt(vault, console, operation.code, replace(DEFAULT, version="late", silence_days=7.0), reason)
    after = now()
    long_ago = before - timedelta(days=10)
    assert in_force(operation, long_ago, after) == "late"
    assert in_force(operation, long_ago, before) == DEFAULT.version
    assert in_force(operation, before - timedelta(days=40), after) == DEFAULT.version


def test_the_assessor_is_woken(operation):
    proposed(operation)
    with psycopg.connect(operation.service.owner.info.dsn, autocommit=True) as connection:
        connection.execute("LISTEN flashpoint_changed")
        adopted(operation)
        notices = list(connection.notifies(timeout=5, stop_after=1))
    assert [notice.payload for notice in notices] == [operation.code]


def test_what_is_in_force_cannot_be_put_in_force_again_but_an_earlier_version_can(operation):
    proposed(operation)
    assert adopted(operation, DEFAULT.version).status_code == 409
    for version in ("TEST-1", DEFAULT.version, "TEST-1"):
        assert adopted(operation, version).status_code == 200
        assert versions(operation)["in_force"] == version
    assert adopted(operation, "TEST-1").status_code == 409
    shown = one(operation, "TEST-1").json()
    assert [deed["reason"] for deed in shown["adoptions"]] == ["agreed", "agreed"]


def test_an_adoption_happens_once_however_often_it_is_sent(operation):
    proposed(operation)
    path, body = f"{PATH}/TEST-1/adoption", {"operation": operation.code, "reason": "agreed"}
    first, again = (operation.coordinator.post(path, body, Idempotency_Key="adopt") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert len(one(operation, "TEST-1").json()["adoptions"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"reason": None}, "/reason"), ({"reason": "\n"}, "/reason"), ({"operation": "NOWHERE"}, "/operation"),
     ({"since": "2020-01-01"}, "/since")],
)  # fmt: skip
def test_an_adoption_needs_a_reason_and_an_operation_and_sets_no_time(operation, body, pointer):
    proposed(operation)
    sent = {"operation": operation.code, "reason": "agreed"} | body
    sent = {name: value for name, value in sent.items() if value is not None}
    answer = operation.coordinator.post(f"{PATH}/TEST-1/adoption", sent)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_version_that_nobody_knows_is_not_there(operation, elsewhere):
    proposed(elsewhere, "THEIRS")
    for version in ("THEIRS", "nothing-such", "%00", "Jean%20Dupont", "x" * 101):
        assert adopted(operation, version).status_code == 404
        assert one(operation, version).status_code == 404
        assert preview(operation, version).status_code == 404
    with operation.service.database.vault_reader() as reader, pytest.raises(NotFound):
        methodologies.named(reader, operation.code, "THEIRS", now())


def test_a_name_with_other_parameters_is_a_conflict_and_keeps_what_was_stored(operation):
    other = replace(DEFAULT, version="TEST-1", silence_days=7.0)
    database = operation.service.database
    proposed(operation)
    for clash in (other, replace(DEFAULT, silence_days=7.0)):
        with pytest.raises(Conflict), database.console() as vault:
            methodologies.adopt(vault, actors.console(vault), operation.code, clash, ("again", vault.at))
    with database.vault_reader() as reader:
        assert methodologies.named(reader, operation.code, "TEST-1", now()).silence_days == DEFAULT.silence_days
    assert in_force(operation, now()) == DEFAULT.version


def test_every_deed_is_in_the_audit_log_by_whoever_did_it(operation):
    proposed(operation)
    adopted(operation)
    rows = operation.service.owner.execute(
        "SELECT action, subject_id, actor_id FROM vault.audit WHERE operation = %s AND action LIKE 'methodology.%%' "
        "ORDER BY seq",
        [operation.code],
    ).fetchall()
    coordinator, subject_id = operation.coordinator.id, str(methodologies.subject(operation.code, "TEST-1")[1])
    assert rows[-2:] == [
        ("methodology.propose", subject_id, coordinator),
        ("methodology.adopt", subject_id, coordinator),
    ]


# -- names ----------------------------------------------------------------------------------------------------------


def test_a_version_is_found_by_name_from_when_it_was_recorded(operation):
    before = now()
    proposed(operation)
    with operation.service.database.vault_reader() as reader:
        assert methodologies.named(reader, operation.code, "TEST-1", now()).threat_exponent == 0.01
        for published in METHODOLOGIES.values():
            assert methodologies.named(reader, operation.code, published.version, before) == published
        with pytest.raises(NotFound):
            methodologies.named(reader, operation.code, "TEST-1", before)


def test_what_the_software_publishes_can_be_adopted_by_name(operation, monkeypatch):
    newer = replace(DEFAULT, version="2098.1", silence_days=7.0)
    monkeypatch.setitem(METHODOLOGIES, newer.version, newer)
    assert one(operation, newer.version).json()["state"] == "published"
    assert adopted(operation, newer.version).status_code == 200
    # From then on the operation has it, whatever a later release publishes.
    monkeypatch.delitem(METHODOLOGIES, newer.version)
    assert one(operation, newer.version).json()["in_force"] is True
    with operation.service.database.vault_reader() as reader:
        assert methodologies.in_force(reader, operation.code, now(), now()) == newer


# -- who may see what -----------------------------------------------------------------------------------------------


def test_the_list_says_which_is_in_force_since_when_and_why(operation):
    proposed(operation)
    adopted(operation, reason="agreed on Monday")
    shown = versions(operation, operation.coordinator)
    assert [one["version"] for one in shown["versions"]][:2] == ["TEST-1", DEFAULT.version]
    first = shown["versions"][0]
    assert (shown["in_force"], first["in_force"], first["state"]) == ("TEST-1", True, "in_force")
    (deed,) = first["adoptions"]
    assert (deed["reason"], deed["known_at"]) == ("agreed on Monday", deed["recorded_at"])
    assert deed["by"] == first["proposed"]["by"] == f"{operation.code}-coordinator-cluster"
    assert [one["state"] for one in shown["versions"][1:]].count("in_force") == 0
    (earlier,) = [one for one in shown["versions"] if one["version"] == DEFAULT.version]
    assert earlier["state"] == "earlier"


def test_every_parameter_is_shown_with_its_meaning(operation):
    shown = one(operation, DEFAULT.version, operation.reader).json()
    assert {line["name"]: line["value"] for line in shown["parameters"]} | {"version": DEFAULT.version} == (
        DEFAULT.to_dict()
    )
    assert all(line["meaning"] for line in shown["parameters"])


def test_the_mission_sees_what_was_in_force_and_why_and_nobody_of_the_cluster(operation):
    proposed(operation, "DRAFT", changes={"silence_days": 3}, reason="thinking of the convoy")
    proposed(operation, "TEST-1", based_on="DRAFT")
    proposed(operation, "TEST-2", based_on=DEFAULT.version, changes={"silence_days": 4})
    adopted(operation, "TEST-1", "agreed on Monday")
    adopted(operation, "TEST-2", "agreed on Tuesday")
    answer = operation.reader.get(f"{PATH}?operation={operation.code}")
    shown = {one["version"]: one for one in answer.json()["versions"]}
    assert "DRAFT" not in answer.text
    assert "convoy" not in answer.text
    assert "coordinator" not in answer.text
    assert shown["TEST-1"]["based_on"] is shown["TEST-1"]["differs"] is shown["TEST-1"]["proposed"] is None
    assert [d["parameter"] for d in shown["TEST-2"]["differs"]] == ["silence_days"]
    assert [deed["reason"] for deed in shown["TEST-2"]["adoptions"]] == ["agreed on Tuesday"]
    assert one(operation, "DRAFT", operation.reader).status_code == 404
    assert one(operation, "TEST-1", operation.reader).status_code == 200
    # The control: the cluster is told.
    told = operation.analyst.get(f"{PATH}?operation={operation.code}").text
    assert all(text in told for text in ("DRAFT", "convoy", "coordinator"))


def test_the_views_hide_from_the_mission_whatever_the_service_asks(operation):
    proposed(operation, "DRAFT")
    query = "SELECT count(*) FROM release.method WHERE operation = %s AND audience = %s AND version = 'DRAFT'"
    assert operation.service.scalar(query, operation.code, "mission") == 0
    assert operation.service.scalar(query, operation.code, "cluster") == 1
    named = "SELECT count(recorded_by) FROM release.method_in_force WHERE operation = %s AND audience = %s"
    assert operation.service.scalar(named, operation.code, "mission") == 0
    assert operation.service.scalar(named, operation.code, "cluster") == 1


def test_the_method_is_read_by_a_role_that_cannot_see_the_vault(operation):
    callers = operation.reader, operation.coordinator
    others = "flashpoint_app, flashpoint_records, flashpoint_assessor"
    operation.service.owner.execute(f"REVOKE USAGE ON SCHEMA vault FROM {others}")
    try:
        for caller in callers:
            versions(operation, caller)
            assert one(operation, DEFAULT.version, caller).status_code == 200
        # The control: what needs the vault does not get it.
        assert preview(operation, DEFAULT.version).status_code == 500
    finally:
        operation.service.owner.execute(f"GRANT USAGE ON SCHEMA vault TO {others}")
    assert preview(operation, DEFAULT.version).status_code == 200


def test_another_operation_is_not_there(operation, elsewhere):
    for path in (PATH, f"{PATH}/{DEFAULT.version}", f"{PATH}/{DEFAULT.version}/preview"):
        for code in (elsewhere.code, "NOWHERE"):
            assert operation.coordinator.get(f"{path}?operation={code}").status_code == 404
    everywhere = operation.service.caller(f"{operation.code}-all", Role.COORDINATOR, Audience.CLUSTER, None)
    assert everywhere.get(f"{PATH}?operation={elsewhere.code}").status_code == 200
    assert everywhere.get(f"{PATH}?operation=NOWHERE").status_code == 404
    body = document(elsewhere)
    assert operation.coordinator.post(PATH, body).status_code == 422
    assert everywhere.post(PATH, body).status_code == 201


def test_the_verbs_ask_for_the_permission_themselves(operation):
    with operation.service.database.console() as vault:
        analyst = replace(actors.console(vault), role=Role.ANALYST)
        with pytest.raises(Forbidden):
            methods.propose(vault, analyst, operation.code, {})
        with pytest.raises(Forbidden):
            methods.adopt(vault, analyst, operation.code, DEFAULT.version, "because")
        with pytest.raises(Invalid):
            methods.adopt(vault, actors.console(vault), operation.code, DEFAULT.version, " ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault.methodology SET parameters = '{}'",
        "UPDATE vault.methodology_in_force SET reason = ''",
        "DELETE FROM vault.methodology_in_force",
        "DELETE FROM vault.methodology",
    ],
)
def test_versions_and_adoptions_are_never_changed(operation, statement):
    with psycopg.connect(operation.service.owner.info.dsn) as connection:
        connection.execute("SET LOCAL ROLE flashpoint_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_an_adoption_cannot_be_known_before_it_was_recorded_nor_be_of_another_operations_version(operation, elsewhere):
    proposed(elsewhere, "THEIRS")
    insert = (
        "INSERT INTO vault.methodology_in_force (operation, version, recorded_at, recorded_by, known_at, reason) "
        "VALUES (%s, %s, now(), %s, now() + %s, '')"
    )
    flaws = [
        (("THEIRS", timedelta(0)), psycopg.errors.ForeignKeyViolation),
        ((DEFAULT.version, timedelta(days=1)), psycopg.errors.CheckViolation),
    ]
    for (version, later), error in flaws:
        with psycopg.connect(operation.service.owner.info.dsn) as connection, pytest.raises(error):
            connection.execute(insert, [operation.code, version, operation.coordinator.id, later])
