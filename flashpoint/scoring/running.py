"""The sums over incidents of each locality and unit, kept up to date incident by incident.

One addition per (incident, locality) when an incident is verified, nothing at all when time passes: what an update
costs does not grow with the incidents stored. A sum kept so has the same bits as one made anew (see ``sums``).
"""

import numpy as np

from flashpoint.scoring.evidence import Localities
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import Floats, Ints
from flashpoint.scoring.pressing import NEVER, Pressing, severities
from flashpoint.scoring.reach import Reach
from flashpoint.scoring.sums import DecayedSums

# Powers of two that no single term can exceed (see ``portable.split``): severity <= 4 and casualty < 16; displaced
# persons; one incident touching a site.
WEIGHT_CEILING = 64.0
PERSONS_CEILING = 2.0**30
SITE_CEILING = 1.0


class Running:
    """Running sums of N localities and, behind them, U units: B = N + U bins.

    ``marks`` (N, 4) holds the newest instant of each kind that ``Pressing.marks`` lists, over the precise incidents of
    each locality; ``count`` (B,) how many are placed in each bin, ``unplaced`` how many in none.
    """

    def __init__(self, localities: Localities, units: int, method: Methodology) -> None:
        """Begin without incidents."""
        self._size = len(localities)
        bins = self._size + units
        memory = method.memory_half_lives
        self._scales = [
            (severities(scale.severity), DecayedSums((bins, 3), scale.half_life_days, memory, WEIGHT_CEILING))
            for scale in method.threat_scales
        ]
        aftermath = method.aftermath_half_life_days
        self._displaced = DecayedSums((bins, 3), aftermath, memory, PERSONS_CEILING)
        self._sites = DecayedSums((bins, 1), aftermath, memory, SITE_CEILING)
        self._reach = Reach(localities.point, method.kernel_width_km)
        self.marks = np.full((self._size, 4), NEVER)
        self.count = np.zeros(bins, dtype=np.int64)
        self.unplaced = 0

    def move(self, clock_day: float) -> None:
        """Let time pass until ``clock_day``."""
        for sums in (*(sums for _, sums in self._scales), self._displaced, self._sites):
            sums.move(clock_day)

    def add(self, incidents: Pressing) -> None:
        """Count incidents; the clock must have reached the quarter of an hour in which they ended."""
        self._change(incidents, 1.0)
        here = np.flatnonzero(incidents.locality >= 0)
        np.maximum.at(self.marks, incidents.locality[here], incidents.marks[here])

    def remove(self, incidents: Pressing) -> Ints:
        """Take out incidents that were added. Give the localities whose ``marks`` the caller has to state anew."""
        self._change(incidents, -1.0)
        return np.unique(incidents.locality[incidents.locality >= 0])

    def _change(self, incidents: Pressing, sign: float) -> None:
        bins = np.where(incidents.locality >= 0, incidents.locality, self._size + incidents.unit)
        placed = np.flatnonzero((incidents.locality >= 0) | (incidents.unit >= 0))
        self.unplaced += int(sign) * (len(incidents) - placed.size)
        bins, ended = bins[placed], incidents.ended_day[placed]
        self.count += int(sign) * np.bincount(bins, minlength=self.bins)
        for severity, sums in self._scales:
            sums.add(_strength(incidents, placed, severity), bins, ended, sign=sign)
        self._displaced.add(incidents.displaced[placed], bins, ended, sign=sign)
        self._sites.add(incidents.site[placed, np.newaxis], bins, ended, sign=sign)
        counts = [
            (severity[incidents.category] > 0) & sums.remembers(incidents.ended_day) for severity, sums in self._scales
        ]
        for row, locality, influence in self._reach.pairs(incidents):
            for (severity, sums), counted in zip(self._scales, counts, strict=True):
                pairs = np.flatnonzero(counted[row])
                terms = _strength(incidents, row[pairs], severity) * influence[pairs, np.newaxis]
                sums.add(terms, locality[pairs], incidents.ended_day[row[pairs]], sign=sign)

    def threat(self, clock_day: float) -> Floats:
        """Return the sums of weights (K, B, 3) of each time scale."""
        return np.stack([sums.at(clock_day) for _, sums in self._scales])

    def displaced(self, clock_day: float) -> Floats:
        """Return displaced persons (B, 3), faded."""
        return self._displaced.at(clock_day)

    def sites(self, clock_day: float) -> Floats:
        """Return incidents that touched a protected site (B,), faded."""
        return self._sites.at(clock_day)[:, 0]

    @property
    def bins(self) -> int:
        """How many localities and units there are."""
        return self._displaced.bins


def _strength(incidents: Pressing, rows: Ints, severity: Floats) -> Floats:
    """Return severity times casualties (K, 3) of some incidents."""
    strength: Floats = incidents.casualty[rows] * severity[incidents.category[rows]][:, np.newaxis]
    return strength
