"""Values as plain text that nothing takes for anything else: formulas of spreadsheets, forbidden characters of XML."""

import re
from functools import lru_cache
from xml.sax.saxutils import escape

from flashpoint.exports.content import Value

#: What begins a formula in one spreadsheet or another; full-width signs are taken for the narrow ones.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: All that XML 1.0 does not take, however it is written.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def harmless(value: Value) -> str:
    """Write a value for a cell: what is text and begins as a formula does gets an apostrophe before it."""
    return _quoted(value) if isinstance(value, str) else text_of(value)


def text_of(value: Value) -> str:
    """Write a value; nothing where there is none."""
    if value is None:
        return ""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def xml_text(value: Value) -> str:
    """Write a value between the tags of XML."""
    return _escaped(value) if isinstance(value, str) else text_of(value)


# Words and zones come again and again: looking one up takes a tenth of the time.
@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


@lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("", text))
