"""The whole explanation of a released row: what was released, and what can only be said beside the other rows.

It is put together when somebody asks for the row, from what was released to that audience and from nothing else, so
that it cannot say more than the audience has; and a change elsewhere does not write the row anew.
"""

from bisect import bisect_right
from collections.abc import Sequence

import orjson

from flashpoint.released import ReleasedRow
from flashpoint.words import tell


class Scores:
    """The scores of all rows of a matrix, as they are printed for its audience."""

    def __init__(self, scores: Sequence[float]) -> None:
        """Sort them once."""
        self._ascending = sorted(scores)

    def rank_of(self, score: float, own: float) -> int:
        """Give the rank that the row with the score ``own`` would have with another: 1 + those above it."""
        above = len(self._ascending) - bisect_right(self._ascending, score)
        return 1 + above - (own > score)


def explained(row: ReleasedRow, scores: Scores) -> bytes:
    """Write the explanation of a row: with the ranks that its margins could lead to, and in words."""
    explanation = orjson.loads(row.explanation)
    for margin in explanation.get("margins", ()):
        for end in ("least", "most"):
            margin[f"rank_if_{end}"] = scores.rank_of(margin[f"score_if_{end}"], row.score)
    explanation["words"] = tell(orjson.loads(row.whole_properties()), explanation)
    return orjson.dumps(explanation)
