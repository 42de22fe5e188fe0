"""How kernels are compiled: one decorator, one reason for each option."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import njit

kernel: Callable[..., Any] = partial(
    njit,
    nogil=True,  # other threads (and a worker's heartbeat) run meanwhile
    cache=True,  # compiled once a machine, see kernel_cache.py
    error_model="numpy",  # divisors are checked by the driver: no branch for zero in the loop
    # No reference counts: the kernels allocate nothing, and counting every array passed to a
    # function cost as much as the book itself (3.9 instead of 7.0 million messages a second).
    _nrt=False,
)
"""Decorator `@kernel()` for a compiled function over arrays; it must not allocate."""
