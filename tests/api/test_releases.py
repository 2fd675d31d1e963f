"""Publishing what changed comes to the same as publishing everything, in the rows, in the database and on the board."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from service import away_from_the_quarter, subject, wait_until
from test_matrix import busy
from test_past_matrix import answered, ask, import_event, long_here, long_known, views  # noqa: F401 - a fixture

from flashpoint.assess import evaluate
from flashpoint.matrix import Publisher, release
from flashpoint.pepper import pepper
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES
from flashpoint.standing import Standing
from flashpoint.store import releases
from flashpoint.store.moments import history
from flashpoint.store.release_reading import load
from flashpoint.types import Audience, Role

STORED = "SELECT count(*) FROM release.matrix_row WHERE operation = %s AND audience = 'cluster' AND revision = %s"
REVISION = "SELECT revision FROM release.matrix WHERE operation = %s AND audience = 'cluster'"


def told(new):
    """Give all that a release says, to be compared."""
    content = new.content
    rows = [(row, row.sha256) for row in content.rows]
    return (
        new.moment,
        content.head,
        rows,
        content.standing.ranks.tolist(),
        content.standing.shares.tolist(),
        content.sha256,
    )


def events(operation):
    """Let things happen one by one; yield after each."""
    yield "nothing"
    first = operation.verified((18.2, 4.2), killed={"low": 1, "best": 2, "high": 3})
    yield "the first incident"
    operation.verified((19.2, 4.2), killed={"low": 10, "best": 20, "high": 30})
    yield "one elsewhere, that shifts ranks"
    operation.verified((18.3, 4.3), sharing="restricted")
    yield "a restricted one"
    operation.verified(None, geo_precision=4, admin_pcode="X12")
    yield "a coarse one"
    operation.analyst.patch(f"/v1/incidents/{first}", {"properties": {"sharing": "restricted"}}, If_Match="*")
    yield "the first is no longer named"
    operation.step(first, "withdraw", reason_code="false")
    yield "and then withdrawn"
    operation.analyst.post("/v1/communities", subject(operation.code, "community"))
    yield "a community"
    operation.coordinator.post("/v1/localities", subject(operation.code, "locality"))
    yield "a new locality"
    town = operation.service.scalar(
        "SELECT id FROM vault.locality WHERE operation = %s AND pcode = 'X1303'", operation.code
    )
    answer = operation.coordinator.post(f"/v1/localities/{town}/withdrawal", {"reason_code": "false"}, If_Match="*")
    assert answer.status_code == 200, answer.text
    yield "and gone again"


def test_writing_what_changed_comes_to_what_writing_everything_comes_to(operation, service):
    away_from_the_quarter()
    long_here(service, operation)
    standing = Standing(operation.code, DEFAULT)
    publishers = {audience: Publisher(audience) for audience in Audience}
    written = 0
    for event in events(operation):
        as_of = service.database.knowledge_instant()
        with service.database.vault_reader() as reader:
            evaluated = standing.refresh(reader, history(reader, operation.code, as_of), as_of)
            anew = evaluate(reader, operation.code, as_of)
        written += evaluated.touched is not None
        for audience, publisher in publishers.items():
            assert told(publisher.release(evaluated)) == told(release(anew, audience)), event
    assert written, "nothing was ever written in part"


@pytest.mark.parametrize("audience", Audience)
def test_what_is_loaded_bit_by_bit_is_what_is_loaded_at_once(operation, service, audience):
    long_here(service, operation)
    board = service.app.state.board
    for event in events(operation):
        operation.assess()
        with service.database.release_reader() as reader:
            whole = {one.audience: one for one in load(reader, [operation.code])}[audience]
        shown = board.get(operation.code, audience).released
        assert (shown.build, shown.revision, shown.head) == (whole.build, whole.revision, whole.head), event
        assert shown.rows() == whole.rows(), event
        assert [one.locality.id for one in shown.written] == sorted(one.locality.id for one in whole.written)
        assert [row.ranks.rank for row in whole.rows()] == list(range(1, len(whole.written) + 1))


def test_only_the_rows_that_changed_are_written_and_loaded(operation, service):
    away_from_the_quarter()
    long_here(service, operation)
    busy(operation)
    kept = {
        one.locality.pcode: one
        for one in service.app.state.board.get(operation.code, Audience.CLUSTER).released.written
    }
    operation.verified((19.2, 4.2), killed={"low": 1, "best": 1, "high": 1})
    operation.assess()
    revision = service.scalar(REVISION, operation.code)
    assert service.scalar(STORED, operation.code, revision) == 1
    now = {
        one.locality.pcode: one
        for one in service.app.state.board.get(operation.code, Audience.CLUSTER).released.written
    }
    assert {pcode for pcode, one in now.items() if one is not kept[pcode]} == {"X1102"}
    assert now["X1102"].place is kept["X1102"].place
    assert now["X1102"].locality is kept["X1102"].locality


def test_whoever_did_not_write_what_is_stored_compares_with_the_database(operation, service):
    """Two assessors by turns: neither knows what the other has stored."""
    long_here(service, operation)
    first, second = service.desk, type(service.desk)(service.database, pepper(service.app.state.settings))
    for number, desk in enumerate([first, second, first, second]):
        operation.verified((18.2, 4.2) if number % 2 else (19.2, 4.2), killed={"low": 0, "best": number, "high": 9})
        desk.reassess(operation.code, tick=False)
        service.app.state.watch.reload([operation.code])
        with service.database.vault_reader() as reader:
            as_of = service.app.state.board.get(operation.code, Audience.CLUSTER).released.as_of
            anew = release(evaluate(reader, operation.code, as_of), Audience.CLUSTER)
        stored = service.scalar(
            "SELECT content_sha256 FROM release.matrix WHERE operation = %s AND audience = 'cluster'", operation.code
        )
        assert bytes(stored) == anew.content.sha256
        with service.database.release_reader() as reader:
            (whole,) = [one for one in load(reader, [operation.code]) if one.audience is Audience.CLUSTER]
        assert [one.properties.decode() for one in whole.written] == [row.properties for row in anew.content.rows]


def test_a_transaction_that_failed_leaves_nothing_believed_that_is_not_so(operation, service):
    busy(operation)
    publisher = Publisher(Audience.CLUSTER)

    def written():
        as_of = service.database.knowledge_instant()
        with service.database.vault_reader() as reader:
            return publisher.release(evaluate(reader, operation.code, as_of))

    operation.verified((19.2, 4.2), killed={"low": 9, "best": 9, "high": 9})
    lost = written()
    with pytest.raises(ZeroDivisionError), service.database.publishing() as vault:  # noqa: PT012 - it fails after saving
        releases.save(vault, lost, even_if_same=False)
        raise ZeroDivisionError
    new = written()
    assert new.before is lost.content
    with service.database.publishing() as vault:
        assert releases.save(vault, new, even_if_same=False)
    with service.database.release_reader() as reader:
        (whole,) = [one for one in load(reader, [operation.code]) if one.audience is Audience.CLUSTER]
    assert [one.properties.decode() for one in whole.written] == [row.properties for row in new.content.rows]


def test_an_earlier_matrix_never_takes_the_place_of_a_later_one(operation, service):
    busy(operation)
    live = ask(operation.analyst, operation)
    as_of = service.app.state.board.get(operation.code, Audience.CLUSTER).released.as_of
    with service.database.vault_reader() as reader:
        earlier = release(evaluate(reader, operation.code, as_of - timedelta(milliseconds=1)), Audience.CLUSTER)
        same = release(evaluate(reader, operation.code, as_of), Audience.CLUSTER)
    for new, written in ((earlier, False), (replace(same, as_of=as_of - timedelta(days=1)), False), (same, True)):
        with service.database.publishing() as vault:
            assert releases.save(vault, new, even_if_same=True) is written
    service.app.state.watch.reload([operation.code])
    assert ask(operation.analyst, operation).content == live.content


def test_a_tick_renews_the_moment_and_writes_no_row(operation, service):
    away_from_the_quarter()
    busy(operation)
    revision, before = service.scalar(REVISION, operation.code), ask(operation.analyst, operation)
    service.desk.reassess(operation.code, tick=True)
    service.app.state.watch.reload([operation.code])
    after = ask(operation.analyst, operation)
    assert service.scalar(REVISION, operation.code) == revision + 1
    assert service.scalar(STORED, operation.code, revision + 1) == 0
    assert after.json()["as_of"] > before.json()["as_of"]
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["features"] == before.json()["features"]


# -- what changed, over HTTP ----------------------------------------------------------------------------------------


def changes(caller, operation, since, **headers):
    path = f"/v1/matrix/changes?operation={operation.code}&since={since}"
    return caller.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def summary(matrix):
    return {
        row["id"]: tuple(row["properties"][name] for name in ("rank", "tier", "score")) for row in matrix["features"]
    }


def apply(before, told):
    after = dict(before)
    for one in told["changes"]:
        ends = {end: tuple(one[name][end] for name in ("rank", "tier", "score")) for end in ("from", "to")}
        assert before.get(one["id"], (None, None, None)) == ends["from"]
        after.pop(one["id"], None)
        if not one.get("gone"):
            after[one["id"]] = ends["to"]
    return after


@pytest.mark.parametrize("audience", Audience)
def test_the_changes_lead_from_any_earlier_answer_to_the_newest(operation, service, audience):
    caller, matrices = operation.caller(Role.ANALYST, audience), []
    for _ in events(operation):
        operation.assess()
        matrices.append(ask(caller, operation).json())
    now = summary(matrices[-1])
    board = service.app.state.board
    wait_until(lambda: board.recall(operation.code, audience, board.get(operation.code, audience).released.as_of))
    for matrix in matrices:
        told = changes(caller, operation, matrix["as_of"]).json()
        assert apply(summary(matrix), told) == now
        head = {"data_through", "operation", "audience", "classification", "protocol", "coverage", "stale"}
        assert set(told) == head | {"as_of", "since", "methodology", "changes"}
        assert (told["since"], told["as_of"]) == (matrix["as_of"], matrices[-1]["as_of"])
        assert told["methodology"] == {"from": DEFAULT.version, "to": DEFAULT.version}
        assert {name: told[name] for name in head} == {name: matrices[-1][name] for name in head}


@pytest.mark.parametrize("audience", Audience)
def test_what_memory_tells_is_what_the_past_tells(operation, service, audience, monkeypatch):
    caller, moments = operation.caller(Role.ANALYST, audience), set()
    for _ in events(operation):
        operation.assess()
        moments.add(ask(caller, operation).json()["as_of"])
    board = service.app.state.board
    wait_until(lambda: board.recall(operation.code, audience, board.get(operation.code, audience).released.as_of))
    remembered = {since: changes(caller, operation, since).content for since in moments}
    monkeypatch.setattr(board, "_recent", {})
    # The answers are kept by the sheet: another one has to be put up to have them made anew.
    key = (operation.code, audience)
    monkeypatch.setitem(board._sheets, key, type(board._sheets[key])(board._sheets[key].released))  # noqa: SLF001
    assert {since: changes(caller, operation, since).content for since in moments} == remembered


def test_changes_are_polled_as_the_matrix_is(operation):
    busy(operation)
    since = ask(operation.reader, operation).json()["as_of"]
    quiet = changes(operation.reader, operation, since)
    assert quiet.headers["content-type"] == "application/json"
    assert quiet.headers["cache-control"] == "private, no-cache"
    assert quiet.json()["changes"] == []
    again = changes(operation.reader, operation, since, If_None_Match=quiet.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    operation.verified((19.2, 4.2), killed={"low": 99, "best": 99, "high": 99})
    operation.assess()
    told = changes(operation.reader, operation, since, If_None_Match=quiet.headers["etag"])
    assert told.status_code == 200
    assert any(one["pcode"] == "X1102" for one in told.json()["changes"])
    assert all(isinstance(one["score"]["to"], int) for one in told.json()["changes"])
    fine = changes(operation.analyst, operation, since).json()["changes"]
    assert any(not float(one["score"]["to"]).is_integer() for one in fine)


def test_one_who_left_leaves_a_tombstone(operation):
    busy(operation)
    matrix = ask(operation.analyst, operation).json()
    town = next(row for row in matrix["features"] if row["properties"]["pcode"] == "X1202")
    operation.coordinator.post(f"/v1/localities/{town['id']}/withdrawal", {"reason_code": "false"}, If_Match="*")
    operation.assess()
    (gone,) = [
        one for one in changes(operation.analyst, operation, matrix["as_of"]).json()["changes"] if one.get("gone")
    ]
    assert (gone["id"], gone["pcode"], gone["name"]) == (town["id"], "X1202", "Place X1202")
    assert gone["rank"] == {"from": town["properties"]["rank"], "to": None}


def test_changes_since_before_the_operation_was_here_are_marked(operation, service, import_event):  # noqa: F811
    long_known(service, operation)
    import_event(1, "2014-01-20")
    operation.assess()
    for caller in views(operation).values():
        answer = changes(caller, operation, "2014-02-01")
        told = answer.json()
        assert told["reconstructed"] is True
        assert (told["since"], told["recorded_through"]) == ("2014-02-01T00:00:00Z", told["as_of"])
        assert told["changes"]
        pinned = f"&as_of=2014-02-01&recorded={told['recorded_through']}"
        now = summary(ask(caller, operation).json())
        assert apply(summary(answered(caller, operation, pinned).json()), told) == now
        assert changes(caller, operation, "2014-02-01").headers["etag"] == answer.headers["etag"]


def test_changes_tell_that_the_method_changed(operation):
    busy(operation)
    since = ask(operation.analyst, operation).json()["as_of"]
    other = next(version for version in METHODOLOGIES if version != DEFAULT.version)
    adoption = {"operation": operation.code, "reason": "Trial."}
    assert operation.coordinator.post(f"/v1/methodologies/{other}/adoption", adoption).status_code == 200
    operation.assess()
    told = changes(operation.analyst, operation, since).json()
    assert told["methodology"] == {"from": DEFAULT.version, "to": other}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", [("?since", "required")]),
        ("&since=", [("?since", "malformed_instant")]),
        ("&since=yesterday", [("?since", "malformed_instant")]),
        ("&since=2999-01-01", [("?since", "in_future")]),
        ("&since=1899-01-01", [("?since", "out_of_range")]),
        ("&since=2014-01-01&since=2014-01-01", [("?since", "repeated_parameter")]),
        ("&since=2014-01-01&limit=1", [("?limit", "unknown_parameter")]),
        ("&since=2014-01-01&as_of=2014-01-01", [("?as_of", "unknown_parameter")]),
    ],
)
def test_what_is_wrong_with_a_question_for_changes_is_named(operation, query, wrong):
    operation.assess()
    answer = operation.analyst.get(f"/v1/matrix/changes?operation={operation.code}{query}")
    assert answer.status_code == 400
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == wrong


def test_the_changes_of_another_operation_are_not_there(operation, elsewhere):
    elsewhere.assess()
    since = "2026-01-01"
    said = {
        operation.analyst.get(f"/v1/matrix/changes?operation={code}&since={since}").text
        for code in (elsewhere.code, "NONE")
    }
    assert len(said) == 1
    assert json.loads(said.pop())["status"] == 404
