import gzip

import pytest

from flashpoint.errors import Invalid
from flashpoint.ingest import tables
from flashpoint.ingest.account import Kind


def cells(path, account):
    with tables.open_table(path, account) as (_, rows):
        return [(row.number, row.cells) for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("opener", [open, gzip.open])
def test_delimiters_gzip_and_byte_order_marks_are_told_apart(tmp_path, account, delimiter, opener):
    path = tmp_path / "table.csv"
    with opener(path, "wb") as file:
        file.write(f"\ufeffA{delimiter} b\r\n1{delimiter}x\r\n".encode())
    assert cells(path, account) == [(2, {"a": "1", "b": "x"})]


def test_hashtags_and_blank_rows_are_no_rows_and_numbers_are_those_of_a_spreadsheet(tmp_path, account):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n#adm1+code,#x\n1,"two\nlines"\n,\n3\n', encoding="utf-8")
    assert cells(path, account) == [(3, {"a": "1", "b": "two\nlines"}), (5, {"a": "3", "b": ""})]
    assert account.read == 2


def test_a_row_that_is_too_long_is_skipped(tmp_path, account, reasons):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2,3\n1,2,\n", encoding="utf-8")
    assert cells(path, account) == [(3, {"a": "1", "b": "2"})]
    assert sum(reasons(Kind.SKIP).values()) == account.skipped == 1


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "no header"),
        ("name\nYalok\u00e9\n".encode("latin-1"), "UTF-8"),
        (gzip.compress(b"a,b\n1,2\n" * 9, mtime=0)[:-9], "cut short"),
        (b'a,b\n1,"' + b"x" * 200_000, "well-formed"),
        (b"a,b\n" + b"x" * (tables.MAX_LINE_CHARS + 1), "longer than"),
    ],
)
def test_a_file_that_cannot_be_read_is_invalid_and_says_why(tmp_path, account, content, rule):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=rule) as caught:
        cells(path, account)
    assert caught.value.violations[0].pointer == "/file"


def test_a_missing_file_is_invalid(tmp_path, account):
    with pytest.raises(Invalid, match="missing"):
        cells(tmp_path / "none.csv", account)
