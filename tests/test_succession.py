"""What became of which place, told from the areas that two lists share."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.succession import Kind, Line, Place, changes, going_on, heirs


def places(side, *codes):
    return [Place(UUID(int=side * 1000 + number), code, f"Place {code}") for number, code in enumerate(codes)]


def told(before, after, shares):
    """Tell the changes by P-code; ``shares`` are old code, new code, share of the old, share of the new."""
    old, new = ({place.pcode: place for place in side} for side in (before, after))
    lines = [Line(old[a].id, new[b].id, share, of_new) for a, b, share, of_new in shares]
    return [(one.kind.value, str(one)) for one in changes(before, after, lines)]


@pytest.mark.parametrize(
    ("old", "new", "shares", "expected"),
    [
        (["A"], ["A"], [("A", "A", 1, 1)], [("unchanged", "A > A")]),
        (["A"], ["A"], [("A", "A", 0.995, 0.992)], [("unchanged", "A > A")]),
        (["A"], ["A"], [("A", "A", 0.9, 1)], [("redrawn", "A > A")]),
        (["A"], ["B"], [("A", "B", 1, 1)], [("recoded", "A > B")]),
        (["A"], ["A", "B"], [("A", "A", 0.6, 1), ("A", "B", 0.4, 1)], [("split", "A > A + B")]),
        (["A", "B"], ["A"], [("A", "A", 1, 0.6), ("B", "A", 1, 0.4)], [("merged", "A + B > A")]),
        (["A", "B"], ["A"], [("A", "A", 1, 0.9), ("B", "A", 1, 0.1)], [("merged", "A + B > A")]),
        (["A"], [], [], [("gone", "A")]),
        (["A"], ["A"], [("A", "A", 0.2, 0.3)], [("gone", "A"), ("new", "A")]),
        ([], ["A"], [], [("new", "A")]),
        # A strip of the border went over to the neighbour: both are redrawn, nothing split.
        (
            ["A", "B"],
            ["A", "B"],
            [("A", "A", 0.9, 1), ("A", "B", 0.1, 0.1), ("B", "B", 1, 0.9)],
            [("redrawn", "A > A"), ("redrawn", "B > B")],
        ),
        # Shared out among others, none of which is mostly from it.
        (
            ["A", "B", "C"],
            ["B", "C"],
            [("A", "B", 0.45, 0.3), ("A", "C", 0.45, 0.3), ("B", "B", 1, 0.7), ("C", "C", 1, 0.7)],
            [("split", "A > B + C"), ("redrawn", "B > B"), ("redrawn", "C > C")],
        ),
        # The larger part of A joined B, and a new place was made of the rest.
        (
            ["A", "B"],
            ["B", "N"],
            [("A", "B", 0.7, 0.3), ("A", "N", 0.3, 1), ("B", "B", 1, 0.7)],
            [("split", "A > N + B"), ("merged", "A + B > B")],
        ),
        # Codes exchanged between neighbours: the code goes on elsewhere, the place under another code.
        (["A", "B"], ["B", "A"], [("A", "B", 1, 1), ("B", "A", 1, 1)], [("recoded", "A > B"), ("recoded", "B > A")]),
    ],
)
def test_each_kind_of_change_is_told(old, new, shares, expected):
    assert told(places(1, *old), places(2, *new), shares) == expected


def test_another_name_under_the_same_code_is_a_renaming():
    (before,), after = places(1, "A"), Place(UUID(int=2000), "A", "Renamed")
    assert [one.kind for one in changes([before], [after], [Line(before.id, after.id, 1, 1)])] == [Kind.RENAMED]


def test_a_place_goes_on_under_its_code_and_name_however_little_is_left_of_it():
    before, after = places(1, "A"), places(2, "A", "B")
    lines = [Line(before[0].id, after[0].id, 0.1, 1), Line(before[0].id, after[1].id, 0.9, 1)]
    assert going_on(before, after, lines) == {before[0].id: after[0].id}
    assert heirs(before, lines) == {before[0].id: after[1].id}
    elsewhere = [Line(before[0].id, after[1].id, 1, 1)]
    assert going_on(before, after, elsewhere) == {}


def cells():
    """Two lists of the same ten cells of one size: to which old and which new place each of them belongs."""
    owner = st.lists(st.integers(0, 4), min_size=10, max_size=10)
    return st.tuples(owner, owner)


@given(cells())
def test_every_place_is_told_of_and_no_ground_is_lost(owners):
    old_of, new_of = owners
    before, after = places(1, *sorted({f"O{n}" for n in old_of})), places(2, *sorted({f"N{n}" for n in new_of}))
    old, new = ({place.pcode: place.id for place in side} for side in (before, after))
    both = Counter(zip(old_of, new_of, strict=True))
    lines = [
        Line(old[f"O{a}"], new[f"N{b}"], count / old_of.count(a), count / new_of.count(b))
        for (a, b), count in both.items()
    ]
    found = changes(before, after, lines)
    assert {place for one in found for place in one.before} == set(before)
    assert {place for one in found for place in one.after} == set(after)
    # The same ground under both lists: nothing is gone.
    assert Kind.GONE not in {one.kind for one in found}
    for one in found:
        assert (one.kind is Kind.NEW) == (not one.before)
    assert [str(one) for one in changes(before, after, lines[::-1])] == [str(one) for one in found]
