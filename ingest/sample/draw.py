"""Random draws inside compiled code: one 64-bit counter, the same numbers everywhere.

NumPy's generators promise no stable streams across versions; SplitMix64 is fixed by its formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit

import spymaster_udf  # noqa: F401 (points numba at the kernel cache before anything compiles)

_P = ParamSpec("_P")
_R = TypeVar("_R")

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_30, _SHIFT_27, _SHIFT_31, _SHIFT_11 = (np.uint64(bits) for bits in (30, 27, 31, 11))
_TO_UNIT = 2.0**-53


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a function with numba (cached on disk, GIL released) and keep its type."""
    return cast("Callable[_P, _R]", njit(cache=True, nogil=True)(function))


@compiled
def uniform(state: Any) -> float:
    """Return the next number in [0, 1) of the stream in `state.rng`."""
    state.rng = state.rng + _GOLDEN
    bits = state.rng
    bits = (bits ^ (bits >> _SHIFT_30)) * _MIX_1
    bits = (bits ^ (bits >> _SHIFT_27)) * _MIX_2
    bits = bits ^ (bits >> _SHIFT_31)
    return float(bits >> _SHIFT_11) * _TO_UNIT


@compiled
def below(state: Any, count: int) -> int:
    """Return an integer in [0, count)."""
    return int(uniform(state) * count)


@compiled
def exponential(state: Any, mean: float) -> float:
    """Return an exponential waiting time or length with the given mean."""
    return -mean * math.log(1.0 - uniform(state))


@compiled
def normal(state: Any) -> float:
    """Return a standard normal number (Box-Muller, one of the pair)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))


@compiled
def order_size(state: Any) -> int:
    """Return an order's size in contracts: mostly 1 to 5, with a long tail.

    The shares follow the sizes of resting ES orders: half are single contracts, few exceed 20.
    """
    pick = uniform(state)
    if pick < 0.56:
        return 1
    if pick < 0.73:
        return 2
    if pick < 0.82:
        return 3
    if pick < 0.87:
        return 4
    if pick < 0.92:
        return 5
    if pick < 0.955:
        return 10
    return 1 + int(exponential(state, 12.0))
