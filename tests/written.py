"""Matrices as they are written for each audience: everything that a reader could be shown, to be compared."""

import json

from flashpoint import assess
from flashpoint.matrix import release
from flashpoint.types import Audience


def matrices(database, operation, *moments):
    """Give, for each moment and audience, head, rows by P-code, and the fingerprint that covers the ranks too."""
    with database.vault_reader() as reader:
        evaluated = [assess.evaluate(reader, operation, moment) for moment in moments]
    return [_written(release(one, audience)) for one in evaluated for audience in Audience]


def _written(released):
    content = released.content
    rows = {row.pcode: (row.locality_id, row.properties, row.explanation) for row in content.rows}
    # A past that is reconstructed says by when it was recorded, which is when it was asked.
    moment = {name: value for name, value in json.loads(f"{{{released.moment}}}").items() if name != "recorded_through"}
    return moment, content.head, rows, content.sha256
