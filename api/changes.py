"""What moved between two releases of a matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import orjson

from api.sheet import Sheet
from api.summary import Stood, Summary, instant, read_head
from flashpoint.released import Locality

#: Rows compared in a millisecond or two.
_QUICK_ROWS = 1_000
_NOTHING: Stood = (None, None, None)


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved since an earlier release, up to the one of the sheet."""

    media: ClassVar[str] = "application/json"

    since: datetime
    before: Summary

    def terms(self) -> list[tuple[str, str]]:
        """Write since when."""
        return [("since", instant(self.since))]

    def is_quick(self, sheet: Sheet) -> bool:
        """Say whether there are few rows."""
        return len(sheet.released.written) < _QUICK_ROWS

    def render(self, sheet: Sheet, *, stale: bool) -> bytes:
        """Write the changes under the head of the newer matrix."""
        head = read_head(sheet.released)
        head["methodology"] = {"from": self.before.methodology, "to": head["methodology"]}
        members = {"since": instant(self.since), "stale": stale, "changes": list(self._changes(sheet))}
        return orjson.dumps({**head, **self.before.marks, **members})

    def _changes(self, sheet: Sheet) -> Iterator[dict[str, Any]]:
        """Give who moved or is new, in the order of the ranks now, then who left, in the order of then."""
        before = {one.id: standing for one, standing in self.before.standing()}
        for row in sheet.rows:
            earlier, now = before.pop(row.locality.id, _NOTHING), (row.ranks.rank, row.tier, row.score)
            if earlier != now:
                yield _change(row.locality, earlier, now)
        for one, standing in self.before.standing():
            if one.id in before:
                yield {**_change(one, standing, _NOTHING), "gone": True}


def _change(one: Locality, earlier: Stood, now: Stood) -> dict[str, Any]:
    ends = zip(("rank", "tier", "score"), earlier, now, strict=True)
    return {
        "id": one.id,
        "pcode": one.pcode,
        "name": one.name,
        **{name: {"from": before, "to": after} for name, before, after in ends},
    }
