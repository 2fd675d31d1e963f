"""Population tables (COD-PS) from CSV: one figure, or a range, for each administrative unit.

A P-code listed more than once with different figures under one name is one place published in parts: COD-PS 2015 of the
Central African Republic lists Bangui (CF711) with 15,716 people, which is its first arrondissement to the last
head, and with 823,365, which is the sum of its seven others. Keeping the larger would lose people who are there, so the
figures are added up; the largest figure alone stays as the low bound, because a file cannot prove that it meant parts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import (
    AdminUnit,
    LevelColumns,
    find_columns,
    finest_level,
    name_key,
    parents_of,
    unit_of,
)
from flashpoint.ingest.tables import Row, invalid_column, invalid_file, open_table

_BEST = ("t_tl", "population", "total", "pop_total", "total_population", "population_total", "best", "population_best")
_LOW = ("low", "population_low", "pop_low", "t_tl_low")
_HIGH = ("high", "population_high", "pop_high", "t_tl_high")
_SPLIT = ("sex", "gender", "age", "age_range", "age_group")

# One separator throughout, groups of three, nine digits at most (an integer column). A single dotted group ("15.716")
# may as well be a decimal number.
_GROUPED = re.compile("\\d{1,3}(?:([ ,.'\u2019\u00a0\u202f])\\d{3})(?:\\1\\d{3})?")
_PLAIN = re.compile(r"\d{1,9}(?:\.\d+)?")

NO_PCODE = "the P-code is missing or malformed"
NO_FIGURE = "the population is blank"
NOT_A_FIGURE = "the population is not a number, or is negative"
AMBIGUOUS = "a single dot before three digits may mean thousands or decimals"
TWO_NAMES = "the P-code is listed with two different names, so neither can be trusted"
SAME_AGAIN = "the row repeats the P-code, name and figures of an earlier row"
THOUSANDS = "thousands separators were removed"
ROUNDED = "the population was not a whole number and was rounded"
WIDENED = "the range did not contain the best figure and was widened to it"
ADDED_UP = "the P-code is listed in parts under one name; the figures were added up, the largest kept as the low bound"


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """The people of one administrative unit; ``low == best == high`` where the file gives one figure.

    ``source_rows`` are the rows of the file it was made of: that many rows are accounted for when it is stored.
    """

    level: int
    pcode: str
    name: str
    parents: tuple[AdminUnit, ...]
    low: int
    best: int
    high: int
    source_rows: tuple[int, ...]

    @property
    def reference(self) -> str:
        """How an account refers to the row."""
        return f"row {self.source_rows[0]} ({self.pcode})"


@dataclass(frozen=True, slots=True)
class PopulationTable:
    """All usable rows of one file, which are all of one administrative level."""

    level: int
    rows: tuple[PopulationRow, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    level: int
    columns: dict[int, LevelColumns]
    best: str
    low: str | None
    high: str | None


def read(path: Path, account: Account) -> PopulationTable:
    """Read a table of its finest administrative level; raise ``Invalid`` when a column that is needed is missing."""
    if path.suffix.lower() in {".xlsx", ".xls", ".ods"}:
        raise invalid_file("spreadsheets are not read; save the sheet with one row per place as 'CSV UTF-8'")
    with open_table(path, account) as (header, rows):
        layout = _layout(header)
        parsed = [population for row in rows if (population := _parse(row, layout, account)) is not None]
    return PopulationTable(layout.level, tuple(_merge(parsed, account)))


def _layout(header: list[str]) -> _Layout:
    columns = find_columns(header)
    level = finest_level(columns)
    if level is None:
        raise invalid_column("adm3_pcode", "the file has no P-code column such as adm2_pcode or adm3_pcode")
    best = _pick(header, _BEST)
    if best is None:
        raise invalid_column("t_tl", "the file has no column of totals (t_tl, population, total, pop_total or best)")
    split = _pick(header, _SPLIT)
    if split is not None:
        raise invalid_column(split, "one row per place is needed; this file splits places by sex or age")
    return _Layout(level, columns, best, _pick(header, _LOW), _pick(header, _HIGH))


def _pick(header: list[str], names: Iterable[str]) -> str | None:
    return next((name for name in names if name in header), None)


def _parse(row: Row, layout: _Layout, account: Account) -> PopulationRow | None:
    unit = unit_of(row.cells, layout.level, layout.columns)
    if unit is None:
        account.skip(NO_PCODE, row.reference)
        return None
    reference = f"{row.reference} ({unit.pcode})"
    best = _number(row.cells[layout.best])
    if isinstance(best, str):
        account.skip(best, reference)
        return None
    low, high = (_bound(row.cells.get(column or "", ""), best) for column in (layout.low, layout.high))
    for repair in dict.fromkeys(best.repairs + low.repairs + high.repairs):
        account.repair(repair, reference)
    if low.value > best.value or high.value < best.value:
        account.repair(WIDENED, reference)
    parents = parents_of(row.cells, layout.level, layout.columns)
    bounds = (min(low.value, best.value), best.value, max(high.value, best.value))
    return PopulationRow(layout.level, unit.pcode, unit.name or unit.pcode, parents, *bounds, (row.number,))


@dataclass(frozen=True, slots=True)
class _Number:
    value: int
    repairs: tuple[str, ...] = ()


def _number(text: str) -> _Number | str:
    """Read a count of people, or give the reason why it cannot be read."""
    if not text:
        return NO_FIGURE
    grouped = _GROUPED.fullmatch(text)
    if grouped:
        if grouped[1] == "." and text.count(".") == 1:
            return AMBIGUOUS
        return _Number(int(re.sub(r"\D", "", text)), (THOUSANDS,))
    if not _PLAIN.fullmatch(text):
        return NOT_A_FIGURE
    value = float(text)
    return _Number(round(value), () if value.is_integer() else (ROUNDED,))


def _bound(text: str, best: _Number) -> _Number:
    """Read one end of the range; where it is not given, or not readable, the best figure stands for it."""
    number = _number(text)
    return _Number(best.value) if isinstance(number, str) else number


def _merge(rows: list[PopulationRow], account: Account) -> Iterator[PopulationRow]:
    """Bring the rows of each P-code together, in the order in which the codes first appear."""
    by_pcode: dict[str, list[PopulationRow]] = {}
    for row in rows:
        by_pcode.setdefault(row.pcode, []).append(row)
    for group in by_pcode.values():
        if len({name_key(row.name) for row in group}) > 1:
            for row in group:
                account.skip(TWO_NAMES, row.reference)
            continue
        distinct = _distinct(group, account)
        yield distinct[0] if len(distinct) == 1 else _add_up(distinct, account)


def _distinct(group: list[PopulationRow], account: Account) -> list[PopulationRow]:
    kept: dict[tuple[int, int, int], PopulationRow] = {}
    for row in group:
        figures = (row.low, row.best, row.high)
        if figures in kept:
            account.skip(SAME_AGAIN, row.reference)
        else:
            kept[figures] = row
    return list(kept.values())


def _add_up(parts: list[PopulationRow], account: Account) -> PopulationRow:
    first = parts[0]
    account.repair(ADDED_UP, first.reference)
    return PopulationRow(
        first.level,
        first.pcode,
        first.name,
        first.parents,
        low=max(part.low for part in parts),
        best=sum(part.best for part in parts),
        high=sum(part.high for part in parts),
        source_rows=tuple(part.source_rows[0] for part in parts),
    )
