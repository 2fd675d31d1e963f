"""Canaries: words, places, instants, days, counts and ids that stand in one record each, and how they are found again.

A place is found in either order of its axes, written in full, rounded or cut to four decimals or more, as whole
ten-millionths of a degree, or as the eight bytes of a double in hexadecimal, which is how WKB writes it.
"""

import random
import re
import string
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

GONE_CONSENT = ("refused", "withdrawn")
#: Decimals from which on a coordinate tells more than the locality does: four are eleven metres.
_FEWEST_DECIMALS, _ALONE_DECIMALS = 4, 6

_WORD = re.compile("zq[a-z]{10}", re.IGNORECASE)
_ID = re.compile("[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH = re.compile(r"(?<!\d)1[5-9]\d{8}")
_COUNT = re.compile(r"(?<![\w.-])\d{7}(?![\w.-])")
_DECIMAL = re.compile(r"(?<![\d.])\d{1,3}\.\d+")
_DIGITS = re.compile(r"\d{8,}")
_HEX = re.compile("[0-9a-f]{16,}", re.IGNORECASE)


@dataclass(eq=False)
class Planted:
    """A record as it was planted. ``levels`` are the sharing levels of its versions, the current one last."""

    kind: str
    by: str
    levels: tuple[str, ...]
    above: str
    consent: str
    protected: bool = False
    exercise: bool = False
    state: str = "reported"
    id: str = ""

    @property
    def sharing(self) -> str:
        """The level of the current version."""
        return self.levels[-1]

    @property
    def gone(self) -> bool:
        """Whether only a tombstone is left."""
        return self.state == "withdrawn" or self.consent in GONE_CONSENT


@dataclass(frozen=True)
class Canary:
    """Something that stands in one field of one record, or of one of its versions, and nowhere else in the world."""

    field: str
    record: Planted
    version: int = 1

    def level(self) -> str:
        """Give the sharing level of the version that says it."""
        return self.record.levels[self.version - 1]


@dataclass
class Aviary:
    """Makes canaries, each once, and finds them in texts."""

    dice: random.Random
    #: Days that stand in the service's own words.
    avoided: set[str] = field(default_factory=set)
    _found_by: dict[str, Canary] = field(default_factory=dict)
    _places: dict[tuple[str, str], Canary] = field(default_factory=dict)
    _numbers: int = 0

    def word(self, name: str, record: Planted, version: int = 1) -> str:
        """Make a word for a field."""
        word = "zq" + "".join(self.dice.choices(string.ascii_lowercase, k=10))
        self._found_by[word] = Canary(name, record, version)
        return word

    def count(self, record: Planted, version: int = 1) -> dict[str, int]:
        """Make a number of people."""
        self._numbers += 1
        number = 3_000_000 + 7 * self._numbers
        self._found_by[str(number)] = Canary("count", record, version)
        return {"low": number, "best": number, "high": number}

    def instant(self, record: Planted, version: int = 1) -> str:
        """Make an instant, of a day and a second that no other record has."""
        day = self._day()
        while f"{day:%Y-%m-%d}" in self.avoided or _ends_a_period(day):
            day = self._day()
        at = day + timedelta(seconds=self.dice.randrange(3600, 82_800))
        instant, on = Canary("instant", record, version), Canary("day", record, version)
        self._found_by |= {at.strftime("%Y-%m-%dT%H:%M:%S"): instant, str(int(at.timestamp())): instant}
        self._found_by[f"{at:%Y-%m-%d}"] = on
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"

    def _day(self) -> datetime:
        self._numbers += 1
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=10 + self._numbers)

    def place(self, corner: tuple[float, float], record: Planted, version: int = 1) -> tuple[float, float]:
        """Make a place in the square degree at a corner, to seven decimals that rounding leaves there."""
        longitude, latitude = found = self._degrees(corner[0]), self._degrees(corner[1])
        canary = Canary("place", record, version)
        for first in _written(longitude):
            self._places |= {(first, second): canary for second in _written(latitude)}
        for degrees in found:
            for text in (
                f"{degrees:.7f}".replace(".", ""),
                struct.pack("<d", degrees).hex(),
                struct.pack(">d", degrees).hex(),
            ):
                self._found_by[text] = canary
            alone = {text for text in _written(degrees) if len(text.partition(".")[2]) >= _ALONE_DECIMALS}
            self._found_by |= dict.fromkeys(alone, canary)
        return longitude, latitude

    def _degrees(self, whole: float) -> float:
        return float(f"{int(whole)}." + "".join(self.dice.choices("12345678", k=7)))

    def ids(self, record: Planted) -> None:
        """Take the id that a record was given."""
        self._found_by[record.id.replace("-", "")] = Canary("id", record)

    def all(self) -> set[Canary]:
        """Give every canary."""
        return set(self._found_by.values())

    def find(self, text: str) -> set[Canary]:
        """Give the canaries that a text holds."""
        return {self._found_by[one] for one in _candidates(text) if one in self._found_by} | set(self._pairs(text))

    def _pairs(self, text: str) -> Iterator[Canary]:
        """Two numbers that follow one another are a place, whichever of them comes first."""
        numbers = [shortened(one) for one in _DECIMAL.findall(text)]
        for one, other in pairwise(numbers):
            for pair in ((one, other), (other, one)):
                if pair in self._places:
                    yield self._places[pair]


def _ends_a_period(day: datetime) -> bool:
    """Say whether a day is the first or the last of a week or of a month: what is released may name those."""
    return day.weekday() in {0, 6} or day.day == 1 or (day + timedelta(days=1)).day == 1


def days_in(text: str) -> set[str]:
    """Give the days that stand in a text."""
    return set(_DAY.findall(text))


def shortened(number: str) -> str:
    """Write a number with the decimals that are looked at, seven at most."""
    whole, _, decimals = number.partition(".")
    return f"{whole}.{decimals[:7]}"


def _written(degrees: float) -> set[str]:
    """Write a number of degrees with four decimals and more, rounded and cut."""
    whole, _, decimals = f"{degrees:.7f}".partition(".")
    lengths = range(_FEWEST_DECIMALS, 8)
    return {f"{degrees:.{length}f}" for length in lengths} | {f"{whole}.{decimals[:length]}" for length in lengths}


def _candidates(text: str) -> Iterator[str]:
    """Give every part of a text that a canary could be."""
    yield from (one.lower() for one in _WORD.findall(text))
    yield from (one.replace("-", "").lower() for one in _ID.findall(text))
    yield from (one.replace(" ", "T") for one in _INSTANT.findall(text))
    for pattern in (_DAY, _EPOCH, _COUNT):
        yield from pattern.findall(text)
    yield from (shortened(one) for one in _DECIMAL.findall(text))
    yield from _windows(_DIGITS.findall(text), (8, 9))
    yield from _windows((one.lower() for one in _HEX.findall(text)), (16,))


def _windows(runs: Iterable[str], lengths: Iterable[int]) -> Iterator[str]:
    for run in runs:
        for length in lengths:
            yield from (run[start : start + length] for start in range(len(run) - length + 1))
