"""What a client takes and what it has: content codings and entity tags (RFC 9110). No framework."""

import re
from functools import lru_cache

import zstandard
from isal import igzip

from flashpoint.language import LANGUAGES, Code

CODINGS = ("zstd", "gzip", "identity")

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_QUALITY = re.compile(r"q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@lru_cache(maxsize=64)
def negotiate(accept_encoding: str | None) -> str:
    """Choose the content coding: the client's highest quality, then zstd before gzip before plain.

    Where the client refuses all that we have, the field is disregarded and the bytes go out plain (RFC 9110,
    section 12.1): a wall screen with an odd proxy is better served so than by a 406.
    """
    asked = _qualities(accept_encoding or "")
    # Identity need not be listed to be acceptable, yet nobody who lists a coding wants it first.
    fallback = {"zstd": 0.0, "gzip": 0.0, "identity": 0.0001}
    quality = {coding: asked.get(coding, asked.get("*", fallback[coding])) for coding in CODINGS}
    best = max(CODINGS, key=quality.__getitem__)  # the first of equals
    return best if quality[best] > 0 else "identity"


@lru_cache(maxsize=256)
def prefers_html(accept: str | None) -> bool:
    """Say whether a page is asked for rather than data, as browsers do; whoever takes anything gets data."""
    asked = _qualities(accept or "")
    page = max(asked.get("text/html", 0.0), asked.get("application/xhtml+xml", 0.0))
    return page > max([quality for media, quality in asked.items() if media.endswith("json")], default=0.0)


@lru_cache(maxsize=256)
def negotiate_language(accept_language: str | None) -> Code:
    """Choose the language that is asked for most, of those that there are; English where none is."""
    asked = _qualities(accept_language or "")
    # Of equals the one that is named first.
    best = max(asked, key=lambda tag: asked[tag] * (_language(tag) is not None), default="")
    found = _language(best)
    return found if found is not None and asked[best] > 0 else "en"


def _language(tag: str) -> Code | None:
    return next((code for code in LANGUAGES if code == tag.partition("-")[0]), None)


def matches(if_none_match: str, tag: str) -> bool:
    """Compare weakly, as ``If-None-Match`` asks: a proxy that compresses marks our strong tag with ``W/``."""
    return if_none_match == tag or if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def compress(plain: bytes, coding: str) -> bytes:
    """Code the bytes; on one kind of processor the same bytes always come to the same."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(plain)
    if coding == "gzip":
        # In a tenth of the time that zlib takes, and two hundredths larger.
        return igzip.compress(plain, 3, mtime=0)
    return plain


def _qualities(accept_encoding: str) -> dict[str, float]:
    """Read ``gzip;q=0.5, *;q=0``; an element that does not parse is as if it were not there."""
    found: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        weight = parameters[0] if parameters else "q=1"
        if name and _QUALITY.fullmatch(weight):
            found["gzip" if name == "x-gzip" else name] = float(weight[2:])
    return found
