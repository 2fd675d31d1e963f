"""Arithmetic that gives the same bits on every machine and in every order.

NumPy's ``log`` and ``exp`` take another code path on another processor and may differ in the last bit, and a
floating-point sum depends on the order of its terms. Both would break the promise that the same knowledge gives
the byte-identical matrix. What is here uses only operations that IEEE 754 fixes to the bit
(add, subtract, multiply, divide, round, scale by a power of two).
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LN2 = 0.6931471805599453
PI = 3.141592653589793
_SQRT_HALF = 0.7071067811865476
# artanh series, highest power first: at |f| <= 0.1716 the first term left out is below 1e-17.
_ARTANH = tuple(1.0 / (2 * k + 1) for k in range(11, -1, -1))
# 1/k! of the exponential series, highest power first: at |y| <= 0.3466 the first term left out is below 1e-17.
_EXPONENTIAL = (
    1.0 / 6227020800.0,
    1.0 / 479001600.0,
    1.0 / 39916800.0,
    1.0 / 3628800.0,
    1.0 / 362880.0,
    1.0 / 40320.0,
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
)
# (-1)^k / (2k+1)! of the sine's series, highest power first.
_SINE = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(11, -1, -1))
_LEAST_EXPONENT = -1070.0
# Blocks of this many numbers keep the intermediate arrays in the processor's cache.
_BLOCK = 8192
# Up to 2**22 terms of one sum add without any rounding, unless the caller knows of fewer.
_COUNT_BITS = 22


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Evaluate by Horner's rule, one rounded multiplication and one rounded addition a step."""
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def _log2_block(x: Floats) -> Floats:
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    f = (mantissa - 1.0) / (mantissa + 1.0)
    fraction: Floats = 2.0 * f * _polynomial(_ARTANH, f * f) / LN2
    return np.asarray(fraction + (exponent - low), dtype=np.float64)


def _exp2_block(x: Floats) -> Floats:
    whole = np.rint(np.maximum(x, _LEAST_EXPONENT))
    rest = np.maximum(x, _LEAST_EXPONENT) - whole
    return np.asarray(np.ldexp(_polynomial(_EXPONENTIAL, rest * LN2), whole.astype(np.int32)), dtype=np.float64)


def _blockwise(function: Callable[[Floats], Floats], values: ArrayLike) -> Floats:
    """Apply ``function`` to ``values`` of any shape, block by block."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    flat = array.reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        out[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return out.reshape(np.shape(values))


def log2(values: ArrayLike) -> Floats:
    """Return the logarithm to base 2 of positive finite numbers, any shape; exact for powers of two."""
    return _blockwise(_log2_block, values)


def exp2(values: ArrayLike) -> Floats:
    """Return 2 to the given powers, any shape; exact for whole powers. Below 2**-1070 it stays at 2**-1070."""
    return _blockwise(_exp2_block, values)


def log_scale(values: ArrayLike, reference: float) -> Floats:
    """Return ``log(1 + x) / log(1 + reference)``: 0 at 0, 1 at the published reference. Any shape, not clipped."""
    return log2(1.0 + np.asarray(values, dtype=np.float64)) / log2(1.0 + reference)


def split(values: Floats, ceiling: float, count_bits: int = _COUNT_BITS) -> tuple[Floats, Floats]:
    """Split values of any shape, at most ``ceiling`` (a power of two), into two parts on fixed grids.

    Up to ``2**count_bits`` coarse parts add without rounding, and so do as many fine ones.
    """
    step = 2.0 ** (count_bits - 52)
    capped = np.minimum(values, ceiling)
    coarse = _on_grid(capped, ceiling * step)
    return coarse, _on_grid(capped - coarse, ceiling * step * step)


def _on_grid(values: Floats, step: float) -> Floats:
    """Round to multiples of a power of two: a number so large that nothing finer stands beside it is put to it."""
    large = 1.5 * 2.0**52 * step
    rounded: Floats = values + large
    rounded -= large
    return rounded


def exact_sums(values: Floats, bins: Ints, size: int, ceiling: float, count_bits: int = _COUNT_BITS) -> Floats:
    """Sum ``values`` (K,) into ``size`` bins by ``bins`` (K,), with the same bits whatever the order of the terms.

    Each value, at most ``ceiling`` (a power of two; larger ones count as ``ceiling``), is split into two parts
    on fixed grids so coarse that up to ``2**count_bits`` parts add without rounding. What is lost below the finer
    grid is at most ``ceiling * 2**(2 * count_bits - 105)`` per term.

    After Demmel and Nguyen, *Fast reproducible floating-point summation* (2013); the grids are fixed,
    not fitted to the data, so that one locality's evidence never changes another's last bit.
    """
    coarse, fine = split(values, ceiling, count_bits)
    sums: Floats = np.bincount(bins, coarse, size).astype(np.float64) + np.bincount(bins, fine, size)
    return sums


def unit_vectors(longitude: ArrayLike, latitude: ArrayLike) -> Floats:
    """Return points (..., 3) on the unit sphere for degrees; NaN where a coordinate is NaN."""
    meridian, parallel = _radians(longitude), _radians(latitude)
    return np.stack((_cos(parallel) * _cos(meridian), _cos(parallel) * _sin(meridian), _sin(parallel)), axis=-1)


def _radians(degrees: ArrayLike) -> Floats:
    return np.asarray(degrees, dtype=np.float64) * (PI / 180.0)


def _cos(x: Floats) -> Floats:
    return _sin(PI / 2 - np.abs(x))


def _sin(x: Floats) -> Floats:
    """Evaluate the Taylor series on [-pi, pi], folded to [-pi/2, pi/2], where the first term left out is 1e-17."""
    folded = np.where(np.abs(x) > PI / 2, np.copysign(PI, x) - x, x)
    return folded * _polynomial(_SINE, folded * folded)
