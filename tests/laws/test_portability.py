"""Invariant 6, on another machine: one large world whose bytes were written down once, and whose bytes must come again.

The digests guard what no test on one machine can: that no library's own logarithm, sum or sort has crept into the
score, whose last bit is another on another processor, another version of NumPy or SciPy, another Python. Where one
fails on one machine only, the arithmetic is not portable. Where it fails on all of them, a published version of the
method gives other numbers than it gave: that takes a new version, and a new digest beside the old ones.
"""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scoring_worlds import CLOCK_DAY

from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.evidence import (
    CATEGORY_CODES,
    PRESENCE_TYPES,
    Assessments,
    Communities,
    Evidence,
    Incidents,
    Localities,
    Presences,
    Units,
)
from flashpoint.scoring.methodology import METHODOLOGIES
from flashpoint.scoring.model import score
from flashpoint.scoring.portable import unit_vectors
from flashpoint.scoring.sensitivity import top_k_share

LOCALITIES, UNITS, INCIDENTS, SUBJECTS = 400, 40, 20_000, 150
WIDTHS_KM = (0.0, 20.0)
#: By version and width of the spill-over: of the matrix, of the shares of draws, of the contributions.
DIGESTS = {
    ("2026.1", 0.0): ("2d1806c4edd9ee67", "866a22970db81c11", "e3392a51feb35a11"),
    ("2026.1", 20.0): ("effb7516d206deb0", "5a6b0cd8c47d626c", "d04ff566fd28664e"),
    ("2026.2", 0.0): ("c908a6f63b5e5251", "63844b9289ff12bf", "ced76f16f0e1e7d8"),
    ("2026.2", 20.0): ("9c69c4b4ac313853", "8173af6d08befd07", "ec66a234a7a56712"),
}
COLUMNS = (
    *("order", "rank", "rank_low", "rank_high", "score", "score_low", "score_high", "threat", "vulnerability"),
    *("capacity_gap", "silent", "coverage", "freshness_days", "people_at_risk"),
)


class _Drawing:
    """Numbers of one seed; the raw stream is the only thing of NumPy's that is drawn from."""

    def __init__(self, seed):
        self._random = np.random.Generator(np.random.PCG64(seed)).random

    def numbers(self, top, size):
        return self._random(size) * top

    def whole(self, top, size):
        return np.floor(self._random(size) * top).astype(np.int64)

    def flags(self, share, size):
        return self._random(size) < share

    def ranges(self, top, size):
        """Low, best and high; one in ten is not known. Small numbers are commoner than large ones."""
        square = self._random((size, 3)) * self._random((size, 3))
        found = np.floor(np.sort(square * square * top, axis=1))
        found[self.flags(0.1, size)] = np.nan
        return found

    def levels(self, size):
        return np.where(self.flags(0.2, size), np.nan, np.floor(self._random(size) * 5))

    def points(self, size):
        return unit_vectors(self.numbers(6, size) + 18, self.numbers(6, size) + 4)


@cache
def _world():
    draw = _Drawing(20140201)
    inside = draw.whole(3, INCIDENTS)
    return Evidence(
        clock_day=CLOCK_DAY,
        localities=Localities(
            [f"T{number:04}" for number in range(LOCALITIES)],
            draw.ranges(900_000, LOCALITIES),
            draw.points(LOCALITIES),
        ),
        units=Units(draw.levels(UNITS) * 100_000, draw.whole(UNITS, LOCALITIES), np.arange(LOCALITIES)),
        incidents=Incidents(
            id=[f"i{number:05}" for number in range(INCIDENTS)],
            category=draw.whole(len(CATEGORY_CODES), INCIDENTS),
            ended_day=CLOCK_DAY - draw.numbers(9_000, INCIDENTS),
            reported_day=CLOCK_DAY - draw.numbers(900, INCIDENTS),
            killed=draw.ranges(200, INCIDENTS),
            injured=draw.ranges(200, INCIDENTS),
            abducted=draw.ranges(50, INCIDENTS),
            displaced=draw.ranges(60_000, INCIDENTS),
            protected_site=draw.flags(0.1, INCIDENTS),
            state_perpetrator=draw.flags(0.02, INCIDENTS),
            locality=np.where(inside > 0, draw.whole(LOCALITIES, INCIDENTS), -1),
            unit=np.where(inside > 0, -1, draw.whole(UNITS, INCIDENTS)),
            point=draw.points(INCIDENTS),
        ),
        communities=_communities(draw),
        assessments=Assessments(
            id=[f"a{number:03}" for number in range(SUBJECTS)],
            locality=draw.whole(LOCALITIES, SUBJECTS),
            likelihood=1.0 + draw.whole(5, SUBJECTS),
            impact=1.0 + draw.whole(5, SUBJECTS),
        ),
        presences=Presences(
            id=[f"p{number:03}" for number in range(SUBJECTS)],
            locality=draw.whole(LOCALITIES, SUBJECTS),
            type=[PRESENCE_TYPES[kind] for kind in draw.whole(len(PRESENCE_TYPES), SUBJECTS)],
            distance_km=draw.numbers(80, SUBJECTS),
            age_days=draw.numbers(400, SUBJECTS),
        ),
    )


def _communities(draw):
    levels = {name: draw.levels(SUBJECTS) for name in ("confinement", "food", "water", "health", "market")}
    return Communities(
        id=[f"c{number:03}" for number in range(SUBJECTS)],
        locality=draw.whole(LOCALITIES, SUBJECTS),
        people=draw.ranges(60_000, SUBJECTS),
        expired=draw.flags(0.2, SUBJECTS),
        **levels,
    )


def _digests(method):
    """Hash everything that is served of the world."""
    result = score(_world(), method)
    columns = [getattr(result, name) for name in COLUMNS]
    matrix = [column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns]
    shares = top_k_share(result, result.parts.incidents).astype("<f8").tobytes()
    ledger = Ledger(result)
    lines = [line for locality in result.order[:20].tolist() for line in ledger.lines(locality, 50)]
    told = repr([(line.component, line.ref, line.points) for line in lines])
    return _short(*matrix, "".join(result.tier).encode()), _short(shares), _short(told.encode())


def _short(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


@pytest.mark.parametrize("version", METHODOLOGIES)
@pytest.mark.parametrize("width_km", WIDTHS_KM)
def test_invariant_6_a_published_version_gives_the_same_bytes_on_every_machine(version, width_km):
    assert _digests(replace(METHODOLOGIES[version], kernel_width_km=width_km)) == DIGESTS[version, width_km]


def test_the_world_has_everything_in_it():
    """Were a column dull, its digest would guard nothing."""
    result = score(_world(), METHODOLOGIES["2026.2"])
    assert len(set(result.tier)) == 4
    assert len(np.unique(result.score)) > LOCALITIES * 0.99
    assert (result.score_low < result.score_high).all()
    assert 0 < np.isnan(result.freshness_days).sum() + result.silent.sum() < LOCALITIES
    assert (result.parts.pressure.coarse[..., 1] > 0).any()
    assert 0 < result.parts.pressure.state_implicated.sum() < LOCALITIES
    shares = top_k_share(result, result.parts.incidents)
    assert ((shares > 0) & (shares < 1)).sum() > 5
