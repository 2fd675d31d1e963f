"""Administrative units as the Common Operational Datasets write them: levels, P-codes, names, and their columns.

The same columns are spelled in many ways (``adm3_pcode``, ``ADM3_PCODE``, ``admin3Pcode``, ``admin3Pcod`` when a
shapefile cut it to ten characters; names as ``adm3_name``, ``ADM3_EN``, ``ADM3_FR``), so they are found by pattern.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

FINEST_LEVEL = 4

# What follows "adm3" or "admin3" once case and punctuation are gone; shortened forms come from ten-character columns.
_COLUMN = re.compile(rf"adm(?:in)?([0-{FINEST_LEVEL}])([a-z]+)")
_PCODE_ENDINGS = ("pcode", "pcod", "pco", "pc", "code")
_NAME_ENDINGS = ("name", "nam", "na", "nameen", "namefr", "en", "fr", "es", "pt", "ar")
_PCODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ORDINAL = re.compile(r"(\d+)(?:er|ere|e|eme|nd|nde|st|rd|th)?")


class AdminUnit(NamedTuple):
    """One administrative unit as a file names it; ``name`` is empty where the file has none."""

    level: int
    pcode: str
    name: str


@dataclass(frozen=True, slots=True)
class LevelColumns:
    """The columns of one administrative level, as the file spells them."""

    pcode: str | None
    name: str | None


def find_columns(columns: Iterable[str]) -> dict[int, LevelColumns]:
    """Find the P-code and name columns of every administrative level; the preferred spelling of several wins."""
    found: dict[tuple[int, str], str] = {}
    for column in columns:
        match = _COLUMN.fullmatch(re.sub(r"[^a-z0-9]", "", column.lower()))
        if match:
            found.setdefault((int(match[1]), match[2]), column)
    levels = sorted({level for level, _ in found})
    return {
        level: LevelColumns(_first(found, level, _PCODE_ENDINGS), _first(found, level, _NAME_ENDINGS))
        for level in levels
    }


def _first(found: dict[tuple[int, str], str], level: int, endings: Iterable[str]) -> str | None:
    return next((found[level, ending] for ending in endings if (level, ending) in found), None)


def finest_level(columns: dict[int, LevelColumns]) -> int | None:
    """Give the finest level that has a P-code column, or ``None``."""
    return max((level for level, names in columns.items() if names.pcode), default=None)


def unit_of(row: dict[str, str], level: int, columns: dict[int, LevelColumns]) -> AdminUnit | None:
    """Read one level's unit from a row of texts, or ``None`` if the row has no well-formed P-code for it."""
    names = columns.get(level)
    if names is None or names.pcode is None:
        return None
    pcode = row.get(names.pcode, "").strip()
    if not _PCODE.fullmatch(pcode):
        return None
    return AdminUnit(level, pcode, clean_name(row.get(names.name, "")) if names.name else "")


def parents_of(row: dict[str, str], level: int, columns: dict[int, LevelColumns]) -> tuple[AdminUnit, ...]:
    """Read the units above ``level`` from a row of texts, from coarse to fine."""
    return tuple(unit for above in range(level) if (unit := unit_of(row, above, columns)) is not None)


def clean_name(text: str) -> str:
    """Drop what PostgreSQL refuses (NUL, lone surrogates) and other controls, join white space, compose accents."""
    return unicodedata.normalize("NFC", " ".join(_UNPRINTABLE.sub(" ", text).split()))


def name_key(name: str) -> str:
    """Reduce a name to what two spellings of it share: '2e Arrondissement' and 'ARRONDISSEMENT 2' give the same key.

    Accents, case, apostrophes and punctuation go; a leading ordinal becomes a number at the end.
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(char))
    words = re.sub(r"[^\w]+", " ", re.sub(r"['\u2019\u02bc`]", "", plain)).replace("_", " ").split()
    ordinals = [_ORDINAL.fullmatch(word) for word in words]
    words = [ordinal[1] if ordinal else word for word, ordinal in zip(words, ordinals, strict=True)]
    if len(words) > 1 and ordinals[0]:
        words = [*words[1:], words[0]]
    return " ".join(words)
