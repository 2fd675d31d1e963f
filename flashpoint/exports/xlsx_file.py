"""Layers as a workbook: the rows on the first sheet, under names and HXL tags, the imprint and the columns on another.

Names are typed by people. Whatever begins as a formula does is a text, and stays one when somebody edits the cell.
"""

from datetime import datetime
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from flashpoint.exports.content import Content, Value
from flashpoint.exports.csv_file import names_of, place_of
from flashpoint.exports.hxl import TAGS
from flashpoint.exports.imprint import GENERATOR
from flashpoint.exports.plain import harmless
from flashpoint.store.layer_exports import Drawn

_WIDTH, _WIDE = 14, 60
_ABOUT = "about"


def write(content: Content, path: Path) -> None:
    """Write the file, a row at a time: what was written is on the disk, not in memory."""
    options = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_urls": False}
    with Workbook(str(path), options) as book:
        book.set_properties(
            {
                "title": content.imprint.title.en,
                "subject": content.imprint.classification,
                "comments": content.imprint.licence,
                "author": GENERATOR,
                # The moment of the data: the same state gives the same bytes, whenever it is asked for.
                "created": _moment(content.imprint.as_of),
            }
        )
        cells = _Cells(book)
        _rows(book.add_worksheet(content.name), content, cells)
        _about(book.add_worksheet(_ABOUT), content, cells)


class _Cells:
    """How cells are written: each value as what it is."""

    def __init__(self, book: Workbook) -> None:
        self.bold = book.add_format({"bold": True})
        self.tag = book.add_format({"font_color": "#666666"})
        #: The cell is a text whatever it begins with, also once it is edited.
        self._quoted = book.add_format({"quote_prefix": True})

    def put(self, sheet: Worksheet, at: tuple[int, int], value: Value, style: Format | None = None) -> None:
        """Write a value; nothing where there is none."""
        if isinstance(value, bool):
            sheet.write_boolean(*at, value, style)
        elif isinstance(value, str):
            sheet.write_string(*at, value, style or (self._quoted if harmless(value) != value else None))
        elif value is not None:
            sheet.write_number(*at, value, style)


def _rows(sheet: Worksheet, content: Content, cells: _Cells) -> None:
    names = names_of(content.columns)
    sheet.freeze_panes(2, 0)
    sheet.set_column(0, len(names) - 1, _WIDTH)
    for at, name in enumerate(names):
        cells.put(sheet, (0, at), name, cells.bold)
    for at, name in enumerate(names):
        cells.put(sheet, (1, at), TAGS[name], cells.tag)
    for line, row in enumerate(content.rows(Drawn.PLACE), start=2):
        for at, value in enumerate((*content.values(row), *place_of(row))):
            cells.put(sheet, (line, at), value)


def _about(sheet: Worksheet, content: Content, cells: _Cells) -> None:
    sheet.set_column(0, 0, 2 * _WIDTH)
    sheet.set_column(1, 2, _WIDE)
    lines: list[tuple[str, ...]] = [("", ""), *content.imprint.lines().items(), (), ("column", "en", "fr")]
    lines += [(one.name, one.title.en, one.title.fr) for one in content.columns]
    for line, told in enumerate(lines):
        for at, value in enumerate(told):
            cells.put(sheet, (line, at), value, None if at else cells.bold)


def _moment(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
