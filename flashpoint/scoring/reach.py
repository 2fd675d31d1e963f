"""How far an incident presses beyond its own locality: a Gaussian kernel, off where its width is 0.

influence(i, l) = exp(-(d / width)^2 / 2)        d: from the incident to the locality's point, at most 3 widths
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from flashpoint.scoring.portable import LN2, Floats, Ints, exp2
from flashpoint.scoring.pressing import Pressing

EARTH_RADIUS_KM = 6371.0088
#: Beyond three widths the influence is under 0.012 and counts as none.
REACH_WIDTHS = 3.0
# So many pairs at a time: their columns stay in some megabytes.
_PAIRS = 200_000


class Reach:
    """The localities that incidents press on from outside. Distances are chords through the sphere.

    Within the few hundred kilometres that a kernel reaches, a chord is shorter than the way along the ground by less
    than one part in a thousand.
    """

    def __init__(self, points: Floats, width_km: float) -> None:
        """Prepare for localities at ``points`` (N, 3) on the unit sphere."""
        self._width = width_km / EARTH_RADIUS_KM
        self._radius = REACH_WIDTHS * self._width
        known = np.flatnonzero(~np.isnan(points).any(axis=-1)) if len(points) else np.empty(0, dtype=np.int64)
        self._on = width_km > 0 and known.size > 0
        self._points, self._known = points, known
        self._tree = cKDTree(points[known]) if self._on else None

    def pairs(self, incidents: Pressing) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Give rows of ``incidents``, localities, and the influence of the one on the other; piece by piece."""
        if self._tree is None or len(incidents.point) == 0:
            return
        precise = np.flatnonzero((incidents.unit < 0) & ~np.isnan(incidents.point).any(axis=-1))
        places, place_of = np.unique(incidents.point[precise], axis=0, return_inverse=True)
        place, locality, influence = self._from(places)
        starts = np.searchsorted(place, np.arange(len(places) + 1))
        counts = np.diff(starts)[place_of]
        for part in _parts(counts):
            count = counts[part]
            within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            pair = np.repeat(starts[place_of[part]], count) + within
            row = np.repeat(precise[part], count)
            # It presses on its own locality with 1 already.
            elsewhere = np.flatnonzero(incidents.locality[row] != locality[pair])
            yield row[elsewhere], locality[pair[elsewhere]], influence[pair[elsewhere]]

    def _from(self, places: Floats) -> tuple[Ints, Ints, Floats]:
        """Give places, localities and influences of all pairs within reach, sorted by place."""
        assert self._tree is not None  # noqa: S101 - only asked where the kernel is on
        # Asked a little wider and then cut by arithmetic that is the same on every machine.
        near = cKDTree(places).sparse_distance_matrix(self._tree, self._radius * 1.001, output_type="ndarray")
        order = np.argsort(near["i"] * len(self._known) + near["j"])
        place, locality = near["i"][order].astype(np.int64), self._known[near["j"][order]]
        apart = places[place] - self._points[locality]
        square = apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1] + apart[:, 2] * apart[:, 2]
        within = np.flatnonzero(square <= self._radius * self._radius)
        standard = square[within] / (self._width * self._width)
        return place[within], locality[within], exp2(-0.5 * standard / LN2)


def _parts(counts: Ints) -> Iterator[slice]:
    """Cut rows into runs of about a million pairs."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
        yield slice(start, end)
        start = end
