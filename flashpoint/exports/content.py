"""What a writer is given: what the file says of itself, its columns, and its rows in parts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from flashpoint.exports.imprint import Imprint
from flashpoint.layers import Column, value_of
from flashpoint.store.engine import Record
from flashpoint.store.layer_exports import Drawn, Tally

Value = str | int | float | bool | None


@dataclass(slots=True)
class Content:
    """The content of a file. ``tally`` says beforehand how many rows there are, ``written`` how many were given out."""

    imprint: Imprint
    columns: tuple[Column, ...]
    tally: Tally
    read: Callable[[Drawn], Iterator[Sequence[Record]]]
    written: int = 0

    @property
    def name(self) -> str:
        """What the table is called in formats that have tables."""
        return str(self.imprint.layer)

    def parts(self, drawn: Drawn) -> Iterator[Sequence[Record]]:
        """Give the rows a part at a time, and count them."""
        for part in self.read(drawn):
            self.written += len(part)
            yield part

    def rows(self, drawn: Drawn) -> Iterator[Record]:
        """Give the rows one by one."""
        for part in self.parts(drawn):
            yield from part

    def values(self, row: Record) -> list[Value]:
        """Give what a row says in each column, the id first."""
        properties: dict[str, Any] = orjson.loads(row.properties)
        return [row.id, *[value_of(properties, column) for column in self.columns]]
