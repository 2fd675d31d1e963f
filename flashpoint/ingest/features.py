"""GeoJSON features one at a time, in memory that holds one feature and one chunk of the file.

A whole UCDP release as GeoJSON is several hundred megabytes; parsing it in one piece would take gigabytes.
Both a ``FeatureCollection`` and newline-delimited features are understood.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from flashpoint.ingest.tables import invalid_file, open_text

CHUNK_CHARS = 1 << 16
MAX_FEATURE_CHARS = 5_000_000
_FEATURES = re.compile(r'"features"\s*:\s*\[')
_DECODER = json.JSONDecoder()
_BETWEEN = " \t\r\n,\x1e"  # x1e opens a record of a GeoJSON text sequence (RFC 8142)


def read_features(path: Path) -> Iterator[dict[str, Any]]:
    """Give each feature as parsed JSON, in the order of the file."""
    with open_text(path) as text:
        buffer, position = _skip_head(text), 0
        while True:
            position = _next_value(buffer, position)
            if buffer.startswith("]", position):
                return
            decoded = _decode(buffer, position)
            if decoded is not None:
                feature, position = decoded
                yield feature
                continue
            chunk = text.read(CHUNK_CHARS)
            rest = len(buffer) - position
            if not chunk and not rest:
                return
            if not chunk or rest > MAX_FEATURE_CHARS:
                raise invalid_file("the file is not well-formed GeoJSON, or it is cut short")
            buffer, position = buffer[position:] + chunk, 0


def _skip_head(text: TextIO) -> str:
    """Read up to the first feature; a file without a features array is taken as newline-delimited features."""
    head = text.read(CHUNK_CHARS)
    match = _FEATURES.search(head)
    if match:
        return head[match.end() :]
    if re.match(r'[\s\x1e]*\{[^{\[]*"type"\s*:\s*"FeatureCollection"', head):
        raise invalid_file("the feature collection does not name its features within its first 65,536 characters")
    return head


def _next_value(buffer: str, position: int) -> int:
    while position < len(buffer) and buffer[position] in _BETWEEN:
        position += 1
    return position


def _decode(buffer: str, position: int) -> tuple[dict[str, Any], int] | None:
    """Decode the feature at the position, or give ``None`` when it is not all there yet."""
    if position == len(buffer):
        return None
    if buffer[position] != "{":
        raise invalid_file("the file is not well-formed GeoJSON")
    try:
        feature, end = _DECODER.raw_decode(buffer, position)
    except json.JSONDecodeError:
        return None
    except RecursionError as error:
        raise invalid_file("the file is nested too deeply to be GeoJSON") from error
    return feature, end
