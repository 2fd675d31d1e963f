import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.ingest.account import MAX_EXAMPLES, Account, Kind

FATES = ("imported", "skipped", "already_there")


def settle(account, fate, reference):
    account.count_read()
    if fate == "imported":
        account.count_imported()
    elif fate == "already_there":
        account.count_already_there()
    else:
        account.skip("no P-code", reference)


@given(st.lists(st.sampled_from(FATES)), st.integers(0, 20))
def test_rows_settled_once_add_up_whatever_is_repaired(fates, repairs):
    account = Account()
    for number, fate in enumerate(fates):
        settle(account, fate, f"row {number}")
    for number in range(repairs):
        account.repair("widened", f"row {number}")
    account.check()
    assert account.read == len(fates)
    assert {fate: getattr(account, fate) for fate in FATES} == {fate: fates.count(fate) for fate in FATES}


@given(st.integers(1, 5))
def test_a_row_without_a_fate_is_found_out(lost):
    account = Account()
    account.count_imported(3)
    for _ in range(3 + lost):
        account.count_read()
    with pytest.raises(RuntimeError, match=f"{3 + lost} rows read, but 3 accounted for"):
        account.check()


@given(st.integers(1, 1000))
def test_a_remark_keeps_its_count_and_at_most_five_examples(times):
    account = Account()
    for number in range(times):
        account.repair("widened", f"row {number}")
    (remark,) = account.remarks
    assert remark.count == times
    assert remark.examples == [f"row {number}" for number in range(min(times, MAX_EXAMPLES))]


def test_the_same_reason_is_kept_apart_by_kind_and_skips_come_first():
    account = Account()
    account.note("as published")
    account.repair("odd date", "row 3")
    account.skip("odd date", "row 2")
    assert [(remark.kind, remark.count) for remark in account.remarks] == [
        (Kind.SKIP, 1),
        (Kind.REPAIR, 1),
        (Kind.NOTE, 1),
    ]


def test_plain_values_and_lines_say_the_same():
    account = Account()
    for number in range(2, 9):
        settle(account, "skipped", f"row {number}")
    settle(account, "imported", "row 9")
    account.note("the file does not say its version")
    assert json.loads(json.dumps(account.to_dict())) == {
        "read": 8,
        "imported": 1,
        "skipped": 7,
        "already_there": 0,
        "notes": [
            {
                "kind": "skip",
                "reason": "no P-code",
                "count": 7,
                "examples": ["row 2", "row 3", "row 4", "row 5", "row 6"],
            },
            {"kind": "note", "reason": "the file does not say its version", "count": 1, "examples": []},
        ],
    }
    assert account.lines() == [
        "8 rows read: 1 imported, 7 skipped, 0 already there",
        "skip x7: no P-code (row 2, row 3, row 4, row 5, row 6, ...)",
        "note x1: the file does not say its version",
    ]
