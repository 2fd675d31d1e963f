"""The file that says what is gone: nothing in it is lost, and what was done to it shows."""

import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.ledger import FILE, GENESIS, Kind, Ledger, Tombstone, chained

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
#: Where a disk costs nothing.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
entries = st.builds(
    Tombstone,
    at=st.integers(0, 10**12).map(lambda us: BEGIN + timedelta(microseconds=us)),
    kind=st.sampled_from(Kind),
    id=st.integers(0, 5).map(lambda number: UUID(int=number)),
    reason=st.sampled_from(["harm", "false", "consent_withdrawn", "revoked"]),
    gone=st.booleans(),
)


def entry(number, **changes):
    told = {"at": BEGIN, "kind": Kind.INCIDENT, "id": UUID(int=number), "reason": "harm"}
    return Tombstone(**(told | changes))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "home" / FILE)


#: What somebody was writing when the power went: a line that did not come to its end.
TORN = next(chained(GENESIS, [entry(9)]))


@given(lots=st.lists(st.tuples(st.lists(entries, max_size=4), st.integers(0, len(TORN) - 2)), max_size=5))
def test_whatever_the_power_cuts_off_the_file_goes_on_and_its_last_word_counts(lots):
    latest = {}
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        path = Path(folder) / FILE
        path.touch()
        for lot, cut in lots:
            Ledger(path).append(lot)
            latest |= {(one.kind, one.id): one for one in lot}
            with path.open("ab") as file:
                file.write(TORN[:cut])
        read = Ledger(path)
        read.refresh()
    assert read.latest == latest
    assert read.flaw is None


def test_a_line_that_lacks_its_end_alone_was_said(ledger):
    ledger.append([entry(1)])
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    assert Ledger(ledger.path).append([entry(2)]) == 1
    read = Ledger(ledger.path)
    read.refresh()
    assert [one.id.int for one in read.entries()] == [1, 2]
    assert (read.flaw, read.unreadable) == (None, 0)


def test_what_is_there_already_is_not_written_again(ledger):
    assert ledger.append([entry(1), entry(2)]) == 2
    assert ledger.append([entry(1), entry(2, reason="false"), entry(3)]) == 2
    assert Ledger(ledger.path).append([entry(1), entry(3)]) == 0
    assert len(ledger.path.read_bytes().splitlines()) == 4


def test_only_its_owner_reads_it(ledger):
    ledger.append([entry(1)])
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_many_write_at_once_and_the_chain_holds(ledger):
    def write(number):
        Ledger(ledger.path).append([entry(number), entry(number + 100)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    ledger.refresh()
    assert (len(ledger.latest), ledger.lines, ledger.flaw, ledger.unreadable) == (80, 80, None, 0)


def changed(lines):
    return [*lines[:2], lines[2].replace(b'"gone":true', b'"gone":false'), *lines[3:]]


def taken_out(lines):
    return [*lines[:2], *lines[3:]]


def put_in(lines):
    return [*lines[:2], *chained(GENESIS, [entry(7, gone=False)]), *lines[2:]]


def made_unreadable(lines):
    return [*lines[:2], b"x\n", *lines[3:]]


def moved(lines):
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


@pytest.mark.parametrize("deed", [changed, taken_out, put_in, made_unreadable, moved])
def test_what_was_done_to_it_shows_at_its_line(ledger, deed):
    ledger.append([entry(number) for number in range(5)])
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines))
    sound, flawed = Ledger(ledger.path), Ledger(ledger.path)
    sound.refresh()
    assert sound.flaw is None
    ledger.path.write_bytes(b"".join(deed(lines)))
    flawed.refresh()
    assert flawed.flaw in {3, 4}


def test_a_file_that_was_cut_off_at_its_end_has_another_head(ledger):
    ledger.append([entry(1), entry(2)])
    head, lines = ledger.head, ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(lines[0])
    assert not ledger.refresh()
    assert (ledger.flaw, len(ledger.latest)) == (None, 1)
    assert ledger.head != head
    ledger.path.unlink()
    assert not ledger.refresh()
    assert ledger.refresh()


WRONG = [
    {"at": "2026-01-01"},
    {"at": 1},
    {"gone": 1},
    {"id": "1"},
    {"kind": "rumour"},
    {"reason": "Because somebody said so"},
    {"hash": "x"},
    {"hash": None},
]


def wrongly(changes):
    return orjson.dumps(orjson.loads(next(chained(GENESIS, [entry(1)]))) | changes)


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"\xff\xfe", *map(wrongly, WRONG)])
def test_a_line_that_is_no_entry_is_counted_and_passed_over(ledger, line):
    ledger.append([entry(1)])
    with ledger.path.open("ab") as file:
        file.write(line + b"\n")
    ledger.append([entry(2)])
    read = Ledger(ledger.path)
    read.refresh()
    assert (len(read.latest), read.unreadable, read.flaw) == (2, 1, None)
