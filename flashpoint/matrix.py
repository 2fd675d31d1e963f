"""A scored matrix in the words of each audience: what the cluster may read of it, and what the mission may.

The rank is the same for everyone; ``matrix_row`` says how the rows differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

import numpy as np

from flashpoint.evaluated import Evaluated, Past
from flashpoint.matrix_row import DECIMALS, SHARE_DECIMALS, Scribe, json_text, told_coverage
from flashpoint.released import Standing
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats, Ints
from flashpoint.store.engine import Record
from flashpoint.store.releases import Content, NewRelease, NewRow
from flashpoint.types import Audience

__all__ = ["CLASSIFICATION", "DECIMALS", "Publisher", "release"]

CLASSIFICATION = {
    Audience.CLUSTER: "Protection cluster, internal",
    Audience.MISSION: "Mission, restricted",
}
_OWN_COLUMNS = (
    *("score", "score_low", "score_high", "threat", "vulnerability", "capacity_gap"),
    *("silent", "coverage", "freshness_days", "people_at_risk"),
)


def release(evaluated: Evaluated, audience: Audience) -> NewRelease:
    """Write the whole matrix for an audience."""
    return Publisher(audience).release(evaluated)


class Publisher:
    """Writes one evaluation of an operation after the other for an audience, and only the rows that changed.

    It has to be shown every evaluation of a standing, for each says what changed since the one before. Whoever misses
    one begins with a new publisher. What it gives is what ``release`` gives.
    """

    def __init__(self, audience: Audience) -> None:
        """Begin with nothing written."""
        self._audience = audience
        self._basis: _Basis | None = None
        self._rows: list[NewRow] = []
        self._numbers: Floats = np.empty((0, 0))
        self._content: Content | None = None

    def release(self, evaluated: Evaluated) -> NewRelease:
        """Write the matrix."""
        basis, numbers = _Basis.of(evaluated, self._basis), _own_numbers(evaluated.result)
        stale = self._stale(evaluated, basis, numbers)
        scribe = Scribe(evaluated, self._audience, stale)
        rows = self._rows.copy() if len(stale) < len(evaluated.localities) else []
        for index in stale:
            rows[index : index + 1] = [scribe.row(index)]
        before, self._content = self._content, self._as_content(evaluated, basis, rows)
        self._basis, self._rows, self._numbers = basis, rows, numbers
        moment = _moment(evaluated, self._audience)
        return NewRelease(evaluated.operation, self._audience, evaluated.as_of, moment, self._content, before)

    def _stale(self, evaluated: Evaluated, basis: "_Basis", numbers: Floats) -> Sequence[int]:
        """Give the indices of the rows to write: those touched, and whatever else has other numbers than before."""
        if evaluated.touched is None or self._basis is None or not basis.goes_on_from(self._basis):
            return range(len(evaluated.localities))
        differing = (numbers != self._numbers).any(axis=1)
        return sorted(evaluated.touched.union(np.flatnonzero(differing).tolist()))

    def _as_content(self, evaluated: Evaluated, basis: "_Basis", rows: Sequence[NewRow]) -> Content:
        """Put rows and ranks in the order of the ids."""
        result, order = evaluated.result, basis.order
        ranks: Ints = np.column_stack((result.rank, result.rank_low, result.rank_high))[order]
        shares = np.round(evaluated.shares, SHARE_DECIMALS[self._audience])[order]
        in_order = [rows[index] for index in order.tolist()]
        return Content(_head(evaluated, self._audience), basis.ids, in_order, Standing(ranks, shares))


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What every row depends on: the method, the localities, and the matrices of earlier days.

    ``ids`` are sorted, and ``order`` says where each of them stands among the localities.
    """

    method: Methodology
    localities: Sequence[Record]
    ids: tuple[UUID, ...]
    order: Ints
    past: tuple[Past, ...]

    @classmethod
    def of(cls, evaluated: Evaluated, earlier: "_Basis | None") -> "_Basis":
        """Take it from an evaluation; the order is found once for the same localities."""
        method, past = evaluated.result.parts.methodology, tuple(evaluated.earlier.values())
        if earlier is not None and earlier.localities is evaluated.localities:
            return replace(earlier, method=method, past=past)
        ids = [row.id for row in evaluated.localities]
        order = sorted(range(len(ids)), key=[one.bytes for one in ids].__getitem__)
        in_order = tuple([ids[index] for index in order])
        return cls(method, evaluated.localities, in_order, np.array(order, dtype=np.int64), past)

    def goes_on_from(self, earlier: "_Basis") -> bool:
        """Say whether rows written on an earlier basis still stand on this one."""
        return (
            self.method == earlier.method
            and len(self.past) == len(earlier.past)
            and all(one is other for one, other in zip(self.past, earlier.past, strict=True))
            and (
                self.localities is earlier.localities
                or list(map(_VERSION, self.localities)) == list(map(_VERSION, earlier.localities))
            )
        )


_VERSION = attrgetter("id", "version")


def _own_numbers(result: Result) -> Floats:
    """Return (N, columns) what the localities' own inputs made; -1 where nothing was reported."""
    columns = [np.asarray(getattr(result, name), dtype=np.float64) for name in _OWN_COLUMNS]
    return np.nan_to_num(np.column_stack(columns), nan=-1.0)


def _moment(evaluated: Evaluated, audience: Audience) -> str:
    moment: dict[str, object] = {
        "as_of": evaluated.as_of,
        "data_through": _data_through(evaluated.data_through, audience),
    }
    if evaluated.recorded != evaluated.as_of:
        moment["recorded_through"] = evaluated.recorded
    if evaluated.reconstructed:
        moment["reconstructed"] = True
    return _members(moment)


def _head(evaluated: Evaluated, audience: Audience) -> str:
    return _members(
        {
            "methodology": evaluated.result.parts.methodology.version,
            "operation": evaluated.operation,
            "audience": audience,
            "classification": CLASSIFICATION[audience],
            "protocol": evaluated.protocol,
            "coverage": _coverage(evaluated, audience),
        }
    )


def _members(tree: Mapping[str, object]) -> str:
    return json_text(tree)[1:-1]


def _data_through(newest: datetime | None, audience: Audience) -> datetime | str | None:
    if newest is None or audience is Audience.CLUSTER:
        return newest
    monday = newest.date() - timedelta(days=newest.weekday())
    return f"{monday.isoformat()}T00:00:00Z"


def _coverage(evaluated: Evaluated, audience: Audience) -> dict[str, object]:
    """Say how much of what the score asks for is known; how many records there are is for the cluster alone."""
    result = evaluated.result
    known = told_coverage(result, audience)
    share = round(float(known.mean()), 2) if len(known) else 0.0
    summary: dict[str, object] = {"inputs_known": share, "localities": len(result.rank)}
    if audience is Audience.CLUSTER:
        summary |= {
            "localities_silent": int(result.silent.sum()),
            "incidents_in_force": evaluated.in_force,
            "incidents_unplaced": evaluated.unplaced,
        }
    return summary
