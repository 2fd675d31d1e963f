"""Charts made of characters: for a terminal, a pipe, a bad connection. They say nothing in colour alone.

A chart is a list of rows; a row is a list of runs, each a text and what it shows (a style for whoever prints it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

import numpy as np

from flashpoint.scoring.portable import Floats
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW

Shown = Literal["axis", "line", "band", "threshold"]
Run = tuple[str, Shown]

_BRAILLE = 0x2800
#: The bit of each dot of a braille cell, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_DOTS_DOWN, _DOTS_ACROSS = len(_DOTS), len(_DOTS[0])
_STEP = 10
_TOP = 100
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that a chart is made of."""

    band: str
    threshold: str
    corner: str
    across: str
    upright: str
    plain: bool


FINE = Signs("░", "┄", "└", "─", "│", plain=False)
#: For what can show no more than ASCII.
PLAIN = Signs(":", "-", "+", "-", "|", plain=True)


def bar(value: float, largest: float, width: int, signs: Signs = FINE) -> str:
    """Draw a bar whose length is to ``width`` as ``value`` is to ``largest``; what is taken off is drawn lighter."""
    if largest <= 0:
        return ""
    length = abs(value) / largest * width
    if value < 0:
        return signs.band * round(length)
    if signs.plain:
        return "#" * round(length)
    whole, rest = divmod(round(length * 8), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


@dataclass(frozen=True, slots=True)
class Chart:
    """A line with its interval, over evenly spaced moments.

    ``scores`` (W, 3) low, best, high, NaN where there is none; ``thresholds`` names levels; ``ends`` are written below
    the first and the last moment. ``width`` and ``height`` are those of the plot alone, in characters.
    """

    scores: Floats
    thresholds: Mapping[str, float]
    ends: tuple[str, str]
    width: int
    height: int = 12
    signs: Signs = FINE

    def bounds(self) -> tuple[int, int]:
        """Give the least and the largest number on the axis: whole tens around all intervals."""
        told = self.scores[~np.isnan(self.scores)]
        if not told.size:
            return 0, _TOP
        least, most = int(told.min() // _STEP) * _STEP, -int(-told.max() // _STEP) * _STEP
        return (least, most) if most > least else (max(least - _STEP, 0), least + _STEP)

    def rows(self) -> list[list[Run]]:
        """Draw the chart, top row first."""
        cells = self._cells()
        names = {self._row(level): f" {level:g} {name}" for name, level in self._shown().items()}
        drawn = [
            [(self._label(row), "axis"), *_runs(cells[row]), (names.get(row, ""), "axis")] for row in range(self.height)
        ]
        gap = max(self.width - len(self.ends[0]) - len(self.ends[1]), 1)
        return [
            *([run for run in row if run[0]] for row in drawn),
            [(f"{'':>4} {self.signs.corner}{self.signs.across * self.width}", "axis")],
            [(f"{'':>6}{self.ends[0]}{' ' * gap}{self.ends[1]}", "axis")],
        ]

    def _shown(self) -> dict[str, float]:
        low, high = self.bounds()
        return {name: level for name, level in self.thresholds.items() if low < level <= high}

    def _label(self, row: int) -> str:
        low, high = self.bounds()
        label = {0: high, self.height - 1: low}
        return f"{label.get(row, ''):>4} {self.signs.upright}"

    def _level(self, row: float) -> float:
        """Give the level at the middle of a row."""
        low, high = self.bounds()
        return high - (row + 0.5) * (high - low) / self.height

    def _row(self, level: float) -> int:
        low, high = self.bounds()
        return min(int((high - level) / (high - low) * self.height), self.height - 1)

    def _cells(self) -> list[list[Run]]:
        """Fill the plot: bands first, thresholds over them, the line over both."""
        cells: list[list[Run]] = [[(" ", "band")] * self.width for _ in range(self.height)]
        for column in range(self.width):
            low, high = self._interval(column)
            for row in range(self.height):
                if low <= self._level(row) <= high:
                    cells[row][column] = (self.signs.band, "band")
        for level in self._shown().values():
            cells[self._row(level)] = [(self.signs.threshold, "threshold")] * self.width
        for (row, column), sign in self._line().items():
            cells[row][column] = (sign, "line")
        return cells

    def _interval(self, column: int) -> tuple[float, float]:
        """Give the interval of the moment that a column is nearest to."""
        last = len(self.scores) - 1
        nearest = round(column / max(self.width - 1, 1) * last)
        return float(self.scores[nearest, LOW]), float(self.scores[nearest, HIGH])

    def _line(self) -> dict[tuple[int, int], str]:
        """Draw the line by dots, eight to a character; in ASCII by one sign to a character."""
        bits: dict[tuple[int, int], int] = {}
        for x, y in self._dots():
            cell = (y // _DOTS_DOWN, x // _DOTS_ACROSS)
            bits[cell] = bits.get(cell, 0) | _DOTS[y % _DOTS_DOWN][x % _DOTS_ACROSS]
        return {cell: "*" if self.signs.plain else chr(_BRAILLE + dots) for cell, dots in bits.items()}

    def _dots(self) -> list[tuple[int, int]]:
        """Place the dots of the line, those of two neighbouring moments joined."""
        low, high = self.bounds()
        across, down = self.width * _DOTS_ACROSS - 1, self.height * _DOTS_DOWN - 1
        last = max(len(self.scores) - 1, 1)
        places = [
            (round(moment / last * across), round((high - score) / (high - low) * down))
            if not np.isnan(score)
            else None
            for moment, score in enumerate(self.scores[:, BEST])
        ]
        joined = [dot for one, other in pairwise(places) if one and other for dot in _between(one, other)]
        return joined + [place for place in places if place is not None]


def _between(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(other[0] - one[0]), abs(other[1] - one[1]), 1)
    return [
        (round(one[0] + (other[0] - one[0]) * step / steps), round(one[1] + (other[1] - one[1]) * step / steps))
        for step in range(steps + 1)
    ]


def _runs(cells: Sequence[Run]) -> list[Run]:
    """Join neighbouring characters that show the same."""
    return [("".join(sign for sign, _ in run), shown) for shown, run in groupby(cells, key=lambda cell: cell[1])]
