"""Delimited text, row by row, in memory that does not grow with the file: ``.csv`` and ``.csv.gz``.

A row is numbered as a spreadsheet shows it: the header is row 1. Commas, semicolons (what a French spreadsheet
writes) and tabs are told apart by the header. A second line of HXL hashtags is not data and is passed over.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from flashpoint.errors import Invalid, Violation
from flashpoint.ingest.account import Account

MAX_LINE_CHARS = 1_000_000
_DELIMITERS = ",;\t"
_SURPLUS = "the row has more cells than the header, so its cells cannot be told apart"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it stands, and its cells by lower-case column name. A missing cell is an empty text."""

    number: int
    cells: dict[str, str]

    @property
    def reference(self) -> str:
        """How an account refers to the row."""
        return f"row {self.number}"


def invalid_file(rule: str) -> Invalid:
    """Build the error for a file that cannot be read at all."""
    return Invalid(Violation("/file", "file", rule))


def invalid_column(column: str, rule: str) -> Invalid:
    """Build the error for a column that is missing or does not fit; ``column`` is our name for it."""
    return Invalid(Violation(f"/columns/{column}", "column", rule))


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text, gzipped or not, and turn whatever goes wrong while reading it into ``Invalid``."""
    try:
        with path.open("rb") as peek:
            zipped = peek.read(2) == b"\x1f\x8b"
        opener = gzip.open if zipped else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise invalid_file("the file is not UTF-8 text; save it as 'CSV UTF-8' or as UTF-8 GeoJSON") from error
    except (OSError, EOFError, zlib.error) as error:
        raise invalid_file("the file is missing, cut short, or not readable") from error
    except csv.Error as error:
        raise invalid_file("the file is not well-formed delimited text") from error


@contextmanager
def open_table(path: Path, account: Account) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """Open a table: its lower-case column names, and its rows one at a time, each counted as read."""
    with open_text(path) as text:
        lines = _lines(text)
        header_line = next(lines, "")
        delimiter = max(_DELIMITERS, key=header_line.count)
        header = [cell.strip().lower() for cell in next(csv.reader([header_line], delimiter=delimiter), [])]
        if not any(header):
            raise invalid_file("the file has no header row")
        yield header, _rows(csv.reader(lines, delimiter=delimiter), header, account)


def _rows(reader: Iterator[list[str]], header: list[str], account: Account) -> Iterator[Row]:
    for number, cells in enumerate(reader, start=2):
        filled = [cell.strip() for cell in cells]
        # Spreadsheets leave blank rows behind the data; they are not rows that anybody wrote.
        if not any(filled) or (number == 2 and _is_hashtags(filled)):  # noqa: PLR2004 - right below the header
            continue
        account.count_read()
        if any(filled[len(header) :]):
            account.skip(_SURPLUS, f"row {number}")
            continue
        filled += [""] * (len(header) - len(filled))
        yield Row(number, dict(zip(header, filled, strict=False)))


def _is_hashtags(cells: list[str]) -> bool:
    return all(cell.startswith("#") for cell in cells if cell)


def _lines(text: TextIO) -> Iterator[str]:
    """Read lines of bounded length, so that a file without line ends cannot fill the memory."""
    while line := text.readline(MAX_LINE_CHARS):
        if len(line) == MAX_LINE_CHARS:
            raise invalid_file(f"a line of the file is longer than {MAX_LINE_CHARS} characters")
        yield line
