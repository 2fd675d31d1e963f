"""Intervals: every uncertain number is a row ``low, best, high`` on the last axis.

The score is monotone in each of its inputs, so the formula at all lower ends and at all upper ends gives its
exact bounds; no sampling is needed. A missing input is the whole interval that it could take, with a declared
neutral value in the middle. It is never dropped and renormalised: that would raise the score of the places
that we know least about.
"""

import numpy as np

from flashpoint.scoring.portable import Bools, Floats

LOW, BEST, HIGH = 0, 1, 2


def stated(rows: Floats) -> Bools:
    """Say for each row (..., 3) whether it is known: one NaN anywhere makes the row unknown."""
    return np.asarray(~np.isnan(rows).any(axis=-1), dtype=np.bool_)


def certain(values: Floats) -> Floats:
    """Turn numbers (...) into intervals (..., 3) of no width."""
    return np.repeat(values[..., np.newaxis], 3, axis=-1)


def fill(rows: Floats, unknown: tuple[float, float, float]) -> Floats:
    """Return a copy of ``rows`` (..., 3) with ``unknown`` (low, best, high) wherever the row is not known."""
    return np.where(stated(rows)[..., np.newaxis], rows, np.asarray(unknown, dtype=np.float64))


def open_where(mask: Bools, rows: Floats, floor: float) -> Floats:
    """Return a copy of ``rows`` (..., 3) whose ends are ``floor`` and 1 where ``mask`` (...) holds; best stays."""
    opened = rows.copy()
    opened[..., LOW] = np.where(mask, floor, rows[..., LOW])
    opened[..., HIGH] = np.where(mask, 1.0, rows[..., HIGH])
    return opened


def contain(rows: Floats) -> Floats:
    """Make sure that low <= best <= high (..., 3) holds to the last bit, moving only the ends."""
    ends = rows.copy()
    ends[..., LOW] = np.minimum(rows[..., LOW], rows[..., BEST])
    ends[..., HIGH] = np.maximum(rows[..., HIGH], rows[..., BEST])
    return ends
