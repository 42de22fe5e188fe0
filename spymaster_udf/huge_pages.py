"""Zeroed arrays in huge pages, for tables of a few megabytes that are read at random places.

Such a table spans a thousand small pages, about as many as the processor remembers the addresses of.
numpy asks the system for huge pages for all that it allocates in four megabytes or more; so this
allocates as much and gives the part that huge pages can hold. What is not used is never touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_HUGE_PAGE = 1 << 21


def zeros_in_huge_pages(count: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return `count` zeroed items that start at the beginning of a huge page.

    >>> table = zeros_in_huge_pages(1000, np.dtype(np.int64))
    >>> table.shape, int(table.sum()), table.ctypes.data % 2**21
    ((1000,), 0, 0)
    """
    size = count * dtype.itemsize
    whole_pages = -(-size // _HUGE_PAGE)
    memory = np.zeros((whole_pages + 1) * _HUGE_PAGE, np.uint8)
    start = -memory.ctypes.data % _HUGE_PAGE
    return memory[start : start + size].view(dtype)
