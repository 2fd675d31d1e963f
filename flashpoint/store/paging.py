"""Opaque keyset cursors: appended rows never shift a page, and a cursor means nothing outside its own listing."""

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from flashpoint.errors import Invalid, Violation

Position = tuple[datetime, UUID]


def encode(position: Position) -> str:
    """Give the cursor that continues after the row recorded then, with that id."""
    recorded_at, row_id = position
    return base64.urlsafe_b64encode(json.dumps([recorded_at.isoformat(), row_id.hex]).encode()).decode().rstrip("=")


def decode(cursor: str) -> Position:
    """Read a cursor.

    Raises:
        Invalid: the cursor is not one of ours.
    """
    try:
        recorded_at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = datetime.fromisoformat(recorded_at), UUID(row_id)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Invalid(Violation("?after", "cursor", "must be a cursor given by an earlier page")) from None
    if position[0].tzinfo is None:
        raise Invalid(Violation("?after", "cursor", "must be a cursor given by an earlier page"))
    return position
