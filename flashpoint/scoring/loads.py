"""What presses where, at best: inside a locality, over a unit, and by spill-over from exact points."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import LN2, Floats, Ints
from flashpoint.scoring.pressing import Pressing
from flashpoint.scoring.reach import EARTH_RADIUS_KM, REACH_WIDTHS, Reach
from flashpoint.scoring.uncertainty import BEST

_SLACK = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Incidents and the place (R,) that each presses on. ``casualty`` (R,) holds its influence there already."""

    category: Ints
    casualty: Floats
    ended_day: Floats
    place: Ints

    def rows(self, rows: Ints | slice) -> "Loads":
        """Return some of the rows."""
        return Loads(self.category[rows], self.casualty[rows], self.ended_day[rows], self.place[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Pressed:
    """The incidents of a result. ``inside`` are in their places: the localities and, behind them, the units.

    With spill-over, many incidents share a spot: the same point in the same locality. ``spots`` are the exact ones in
    their spots, ``exact`` their rows among all, and ``spot`` holds one incident of each; without, all three are empty.
    """

    result: Result
    pressing: Pressing
    inside: Loads
    exact: Ints
    spots: Loads
    spot: Pressing

    def influence(self) -> tuple[csr_array, csr_array]:
        """Return bounds of each spot's influence on each locality (N, spots), quick to make and not portable.

        They are a thousandth apart, which is more than any rounding of the distances does.
        """
        points, width = self.result.parts.evidence.localities.point, self.result.parts.methodology.kernel_width_km
        shape = (len(self.result.score), len(self.spot))
        if not len(points) or not len(self.spot):
            return csr_array(shape), csr_array(shape)
        known = np.flatnonzero(~np.isnan(points).any(axis=-1))
        reach, standard = (1.0 + _SLACK) * REACH_WIDTHS * width / EARTH_RADIUS_KM, width / EARTH_RADIUS_KM
        near = cKDTree(self.spot.point).sparse_distance_matrix(cKDTree(points[known]), reach, output_type="coo_matrix")
        locality = known[near.col]
        kernel = np.exp2(-0.5 * (near.data / standard) ** 2 / LN2) * (self.spot.locality[near.row] != locality)
        inner = near.data <= (1.0 - _SLACK) * REACH_WIDTHS * standard
        most, least = kernel * (1.0 + _SLACK), kernel * inner * (1.0 - _SLACK)
        return csr_array((least, (locality, near.row)), shape), csr_array((most, (locality, near.row)), shape)

    def near(self, chosen: Ints) -> list[Loads]:
        """List what presses on the chosen localities from outside."""
        points = np.full_like(self.result.parts.evidence.localities.point, np.nan)
        # Without spill-over localities need not have points.
        kept = chosen if len(points) else chosen[:0]
        points[kept] = self.result.parts.evidence.localities.point[kept]
        reach, reaching = self._reach(points), np.zeros(len(self.spot), dtype=np.bool_)
        for spot, _, _ in reach.pairs(self.spot):
            reaching[spot] = True
        held = self.pressing.rows(self.exact[reaching[self.spots.place]])
        return [
            Loads(held.category[row], held.casualty[row, BEST] * influence, held.ended_day[row], locality)
            for row, locality, influence in reach.pairs(held)
        ]

    def _reach(self, points: Floats) -> Reach:
        return Reach(points, self.result.parts.methodology.kernel_width_km)


def pressed_by(result: Result, pressing: Pressing) -> Pressed:
    """Sort out where the incidents press; those placed nowhere and out of reach of everything do not."""
    spilling = result.parts.methodology.kernel_width_km > 0 and len(pressing.point) > 0
    exact, spots, first = _spots(pressing) if spilling else (np.empty(0, dtype=np.int64),) * 3
    place = np.where(pressing.locality >= 0, pressing.locality, len(result.score) + pressing.unit)
    placed = np.flatnonzero((pressing.locality >= 0) | (pressing.unit >= 0))
    every = Loads(pressing.category, pressing.casualty[:, BEST], pressing.ended_day, place)
    at_spots = every.rows(exact)
    return Pressed(
        result=result,
        pressing=pressing,
        inside=every if placed.size == place.size else every.rows(placed),
        exact=exact,
        spots=Loads(at_spots.category, at_spots.casualty, at_spots.ended_day, spots),
        spot=pressing.rows(first),
    )


def _spots(pressing: Pressing) -> tuple[Ints, Ints, Ints]:
    """Return the rows of incidents at exact points, the spot of each of them, and one row for each spot."""
    exact = np.flatnonzero((pressing.unit < 0) & ~np.isnan(pressing.point).any(axis=-1))
    keys = np.column_stack((pressing.point[exact], pressing.locality[exact]))
    # Sorting column by column takes a third of the time of ``np.unique`` on rows.
    order = np.lexsort(keys.T)
    begins = np.ones(exact.size, dtype=np.bool_)
    begins[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    spots = np.empty(exact.size, dtype=np.int64)
    spots[order] = np.cumsum(begins) - 1
    return exact, spots, exact[order[begins]]
