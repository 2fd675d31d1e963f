"""The shelf of finished answers, and the counts beside it."""

from api.ogc.counts import Counts
from api.sheet import Answer
from api.shelf import HEAD_BYTES, LARGEST_BYTES, Shelf


def an_answer(size: int) -> Answer:
    return Answer(200, {}, b"x" * size)


def test_what_was_asked_for_lately_stays_and_the_rest_makes_room():
    shelf = Shelf(limit_bytes=100 + 3 * HEAD_BYTES)
    for name in "abc":
        shelf.put(name, an_answer(30))
    assert shelf.get("a") is not None
    shelf.put("d", an_answer(30))
    assert shelf.get("b") is None
    assert all(shelf.get(name) is not None for name in "acd")


def test_putting_the_same_again_takes_no_more_room():
    shelf = Shelf(limit_bytes=100 + 2 * HEAD_BYTES)
    for _ in range(10):
        shelf.put("a", an_answer(60))
    shelf.put("b", an_answer(40))
    assert shelf.get("a") is not None
    assert shelf.get("b") is not None


def test_answers_without_a_body_take_room_as_well():
    shelf = Shelf(limit_bytes=3 * HEAD_BYTES)
    for name in range(10):
        shelf.put(name, an_answer(0))
    assert [name for name in range(10) if shelf.get(name) is not None] == [7, 8, 9]


def test_one_large_answer_does_not_clear_the_shelf():
    shelf = Shelf()
    shelf.put("small", an_answer(1))
    shelf.put("large", an_answer(LARGEST_BYTES + 1))
    assert shelf.get("large") is None
    assert shelf.get("small") is not None


def test_a_number_is_counted_once():
    counts, counted = Counts(), []
    for _ in range(3):
        assert counts.get(("what", 1), lambda: counted.append(1) or 7) == 7
    assert counts.get(("what", 2), lambda: 8) == 8
    assert len(counted) == 1
