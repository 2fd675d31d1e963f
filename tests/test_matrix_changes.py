"""Laws of what moved between two releases, of the board's memory of them, and of answers that take their time."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from service import at_once, wait_until

from api import board as board_module
from api.board import Board
from api.changes import Moved
from api.negotiation import negotiate
from api.sheet import KEPT_BYTES, VARIANTS, OneRow, Query, Sheet, Variant
from api.summary import Summary
from flashpoint.explained import Scores
from flashpoint.released import Locality, Place, Released, Standing, Written
from flashpoint.types import Audience, Tier

TIERS = [tier.value for tier in Tier]
START = datetime(2026, 5, 1, tzinfo=UTC)
NOTHING = (None, None, None)


def make_released(rows, revision=1, audience=Audience.CLUSTER, filler=0):
    """Make a release of (number, tier, score) in rank order; ``filler`` makes each row that much longer."""
    as_of = START + timedelta(minutes=revision)
    members = {"as_of": as_of.isoformat(), "methodology": f"2026.{revision}", "audience": audience, "coverage": {}}
    written = {
        number: Written(
            Locality(str(UUID(int=number)), 1, f"X{number}", f"Town {number}"),
            tier,
            score,
            json.dumps({"name": f"Town {number}", "filler": "x" * filler}).encode(),
            b"{}",
            Place(b"null", b"null", None),
        )
        for number, tier, score in rows
    }
    rank = {number: rank for rank, (number, _, _) in enumerate(rows, 1)}
    ranks = np.array([[rank[number]] * 3 for number in sorted(written)]).reshape(-1, 3)
    return Released(
        operation="CAF",
        audience=audience,
        build="b1",
        revision=revision,
        as_of=as_of,
        content_sha256=bytes(32),
        head=json.dumps(members)[1:-1].encode(),
        written=tuple(written[number] for number in sorted(written)),
        standing=Standing(ranks, np.full(len(rows), 0.5)),
    )


def worlds(scores):
    row = st.tuples(st.integers(1, 12), st.sampled_from(TIERS), scores)
    return st.lists(row, max_size=10, unique_by=lambda found: found[0])


def standing(rows):
    return {str(UUID(int=number)): (rank, tier, score) for rank, (number, tier, score) in enumerate(rows, 1)}


def changes(old, new):
    asked = Moved(old.as_of, Summary.of(old))
    return json.loads(Sheet(new).answer(asked, None, None).body)


# -- what moved -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "scores"), [(Audience.CLUSTER, st.floats(0, 100)), (Audience.MISSION, st.integers(0, 100))]
)
def test_the_changes_applied_to_the_old_matrix_give_the_new_one(audience, scores):
    @given(worlds(scores), worlds(scores))
    def law(old_rows, new_rows):
        told = changes(make_released(old_rows, 1, audience), make_released(new_rows, 2, audience))
        then, now = standing(old_rows), standing(new_rows)
        for one in told["changes"]:
            before, after = (tuple(one[name][end] for name in ("rank", "tier", "score")) for end in ("from", "to"))
            assert then.get(one["id"], NOTHING) == before != after == now.get(one["id"], NOTHING)
            assert one.get("gone", False) == (after == NOTHING)
            then.pop(one["id"], None)
            if after != NOTHING:
                then[one["id"]] = after
        assert then == now

    law()


@given(worlds(st.floats(0, 100)))
def test_nothing_moved_where_nothing_did(rows):
    assert changes(make_released(rows, 1), make_released(rows, 2))["changes"] == []


def test_the_answer_holds_the_head_and_the_changes_and_nothing_else():
    old = make_released([(1, "high", 61.0), (2, "watch", 9.5), (3, "watch", 9.0)], 1)
    new = make_released([(2, "high", 66.25), (1, "high", 61.0), (4, "watch", 1.5)], 2)
    told = changes(old, new)
    assert set(told) == {"as_of", "methodology", "audience", "coverage", "since", "stale", "changes"}
    assert told["since"] == "2026-05-01T00:01:00Z"
    assert told["methodology"] == {"from": "2026.1", "to": "2026.2"}
    assert [one["pcode"] for one in told["changes"]] == ["X2", "X1", "X4", "X3"]
    assert told["changes"][1:] == [
        {
            "id": str(UUID(int=1)),
            "pcode": "X1",
            "name": "Town 1",
            "rank": {"from": 1, "to": 2},
            "tier": {"from": "high", "to": "high"},
            "score": {"from": 61.0, "to": 61.0},
        },
        {
            "id": str(UUID(int=4)),
            "pcode": "X4",
            "name": "Town 4",
            "rank": {"from": None, "to": 3},
            "tier": {"from": None, "to": "watch"},
            "score": {"from": None, "to": 1.5},
        },
        {
            "id": str(UUID(int=3)),
            "pcode": "X3",
            "name": "Town 3",
            "rank": {"from": 3, "to": None},
            "tier": {"from": "watch", "to": None},
            "score": {"from": 9.0, "to": None},
            "gone": True,
        },
    ]


def test_the_mission_reads_whole_numbers_of_changes():
    old, new = (make_released([(1, "watch", score)], n, Audience.MISSION) for n, score in ((1, 9), (2, 10)))
    body = Sheet(new).answer(Moved(old.as_of, Summary.of(old)), None, None).body
    assert b'"score":{"from":9,"to":10}' in body


def test_changes_since_another_moment_have_another_tag():
    new, old = make_released([(1, "high", 60.0)], 9), make_released([(1, "high", 50.0)], 1)
    summary = Summary.of(old)

    def tag(since, before):
        return Sheet(new).answer(Moved(since, before), None, None).headers["ETag"]

    moments = [old.as_of + timedelta(seconds=n) for n in range(3)]
    assert len({tag(since, summary) for since in moments}) == 3
    assert tag(old.as_of, summary) == tag(old.as_of, Summary.of(old))


# -- what the board remembers ---------------------------------------------------------------------------------------


def rested(board):
    """Wait until the board's workers have nothing to do."""
    for done in [board.workers.submit(time.sleep, 0) for _ in range(4)]:
        done.result(5)
    return board


def test_recent_releases_are_recalled_by_their_very_instant():
    board = Board()
    for revision in range(1, 4):
        board.put(make_released([(1, "high", 10.0 * revision)], revision))
    rested(board)
    for revision in range(1, 4):
        found = board.recall("CAF", Audience.CLUSTER, START + timedelta(minutes=revision))
        assert dict(found.standing()) == {found.localities[0]: (1, "high", 10.0 * revision)}
    assert board.recall("CAF", Audience.CLUSTER, START + timedelta(seconds=90)) is None
    assert board.recall("CAF", Audience.MISSION, START + timedelta(minutes=1)) is None


def test_the_memory_is_bounded_and_goes_with_its_database(monkeypatch):
    monkeypatch.setattr(board_module, "RECENT", 3)
    board = Board()
    for revision in range(1, 8):
        board.put(make_released([(1, "high", 1.0)], revision))
        rested(board)
    known = [n for n in range(1, 8) if board.recall("CAF", Audience.CLUSTER, START + timedelta(minutes=n))]
    assert known == [5, 6, 7]
    board.put(replace(make_released([(1, "high", 1.0)], 1), build="b2"))
    rested(board)
    known = [n for n in range(1, 8) if board.recall("CAF", Audience.CLUSTER, START + timedelta(minutes=n))]
    assert known == [1]


def test_an_unchanged_locality_is_one_object_in_every_summary():
    released = make_released([(1, "high", 1.0)])
    assert Summary.of(released).localities[0] is Summary.of(replace(released, revision=2)).localities[0]


# -- answers that take their time -----------------------------------------------------------------------------------

LARGE = make_released([(number, "watch", 1.0) for number in range(1, 200)], filler=1_000)


def variant(asked, accept="gzip"):
    return Variant(asked, negotiate(accept), stale=False)


def test_what_takes_long_is_not_made_in_passing():
    sheet = Sheet(LARGE)
    assert sheet.at_hand(variant(Query()), None) is None
    made = sheet.make(variant(Query()))
    assert sheet.at_hand(variant(Query()), None) is made
    assert sheet.at_hand(variant(Query(tiers=frozenset({"watch"}))), None) is None
    small = Sheet(make_released([(1, "watch", 1.0)]))
    assert small.at_hand(variant(Query()), None).status == 200


def test_what_has_not_changed_is_told_without_making_anything():
    tag = Sheet(LARGE).make(variant(Query())).headers["ETag"]
    sheet = Sheet(LARGE)
    assert sheet.at_hand(variant(Query()), tag).status == 304
    assert sheet.at_hand(variant(Query()), None) is None


def test_what_many_ask_for_at_the_same_time_is_made_once():
    rendered = []

    class Slow(OneRow):
        def render(self, sheet, *, stale):  # noqa: ARG002 - as its kin
            rendered.append(stale)
            time.sleep(0.1)
            return b"{}"

    sheet = Sheet(LARGE)
    answers = at_once([lambda: sheet.make(variant(Slow(1)))] * 8)
    assert (len(rendered), len({id(answer) for answer in answers})) == (1, 1)
    assert not sheet._making  # noqa: SLF001


def test_what_was_asked_of_a_sheet_is_made_ready_on_the_next_and_nothing_else_is():
    board = Board()
    board.put(replace(LARGE, revision=1))
    sheet = board.get("CAF", Audience.CLUSTER)
    assert sheet.at_hand(variant(Query(), "zstd"), '"x"') is None
    board.put(replace(LARGE, revision=2))
    newer = board.get("CAF", Audience.CLUSTER)
    wait_until(lambda: newer.at_hand(variant(Query(), "zstd"), None))
    assert newer.at_hand(variant(Query(), "gzip"), None) is None


def test_a_sheet_that_was_replaced_meanwhile_is_not_compressed():
    board, blocked = Board(), threading.Event()
    board.put(replace(LARGE, revision=1))
    board.get("CAF", Audience.CLUSTER).at_hand(variant(Query()), None)
    for _ in range(2):
        board.workers.submit(blocked.wait)
    board.put(replace(LARGE, revision=2))
    overtaken = board.get("CAF", Audience.CLUSTER)
    board.put(replace(LARGE, revision=3))
    blocked.set()
    rested(board)
    assert overtaken.at_hand(variant(Query()), None) is None


def test_answers_kept_are_bounded_by_their_size():
    many = make_released([(number, "watch", 1.0) for number in range(1, 700)], filler=10_000)
    sheet = Sheet(many)
    for offset in range(1, 12):
        sheet.answer(Query(offset=offset), None, None)
    kept = sheet._kept  # noqa: SLF001
    assert 1 < len(kept._answers) < 12 < VARIANTS  # noqa: SLF001
    assert sum(len(answer.body) for answer in kept._answers.values()) == kept._bytes <= KEPT_BYTES  # noqa: SLF001


# -- where another score would stand --------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 20), min_size=1, max_size=20), st.data())
def test_the_rank_of_another_score_is_one_more_than_the_others_above_it(scores, data):
    at, score = data.draw(st.integers(0, len(scores) - 1)), data.draw(st.integers(0, 20))
    others = scores[:at] + scores[at + 1 :]
    assert Scores(scores).rank_of(score, scores[at]) == 1 + sum(other > score for other in others)
