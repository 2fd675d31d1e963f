"""How numbers and lists are written in English and in French, and how French sets its signs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Code = Literal["en", "fr"]

#: Narrow, and never broken over two lines: within French numbers and before high signs.
NARROW = "\u202f"
_HIGH_SIGN = re.compile(r" ([:;?!%»])")
_HUNDRED = 100
_TEENS = range(11, 14)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_PLURAL = 2


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code, its decimal and thousands signs, and the last word of a list."""

    code: Code
    point: str
    thousands: str
    last: str

    def number(self, value: float) -> str:
        """Write a number: whole ones without decimals, others with two, as scores are printed."""
        text = f"{value:,}" if isinstance(value, int) else f"{value + 0.0:,.2f}"
        whole, _, decimals = text.partition(".")
        return whole.replace(",", self.thousands) + (self.point + decimals if decimals else "")

    def level(self, value: float) -> str:
        """Write a level on a scale from 0 to 1, without needless zeros."""
        return f"{value:g}".replace(".", self.point)

    def percent(self, share: float) -> str:
        """Write a share as a percentage; only all is 100, and only nothing is 0."""
        value = round(share * _HUNDRED)
        if 0 < share < 1:
            value = min(max(value, 1), _HUNDRED - 1)
        return f"{value}%" if self.code == "en" else f"{value}{NARROW}%"

    def ordinal(self, place: int) -> str:
        """Write a place in an order: 3rd, 3e."""
        if self.code == "fr":
            return "1er" if place == 1 else f"{place}e"
        ending = "th" if place % _HUNDRED in _TEENS else _ENDINGS.get(place % 10, "th")
        return f"{place}{ending}"

    def form(self, value: float, one: str, many: str) -> str:
        """Choose the form of a word: in French 1.5 is singular, in English all but 1."""
        plural = value >= _PLURAL if self.code == "fr" else value != 1
        return many if plural else one

    def together(self, items: Sequence[str]) -> str:
        """Write a list: a, b and c."""
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {self.last} {items[-1]}"

    def aligned(self, items: Sequence[str]) -> str:
        """Write a list of numbers with their names, where a French comma would be read as a decimal sign."""
        return (", " if self.code == "en" else " ; ").join(items)

    def sentence(self, text: str) -> str:
        """Begin a sentence with a capital, and set the narrow spaces that belong to French signs."""
        if self.code == "fr":
            text = _HIGH_SIGN.sub(NARROW + r"\1", text).replace("« ", "«" + NARROW)
        return text[:1].upper() + text[1:]


ENGLISH = Language("en", ".", ",", "and")
FRENCH = Language("fr", ",", NARROW, "et")
LANGUAGES = {language.code: language for language in (ENGLISH, FRENCH)}
