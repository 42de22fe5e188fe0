"""Resting orders of many books in one hash table; the structure is that of order_table.py.

An order belongs to an instrument and to one of its epochs. A clear starts a new epoch: the orders of the
old one are no longer found, and leave when the table is rebuilt. So a clear costs the instrument's levels
and not a walk through the orders of all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel
from spymaster_udf.order_table import home_slot

OPTION_ORDER = np.dtype(
    [
        ("order_id", np.uint64),
        ("instrument", np.int32),  # place in the table of instruments
        ("epoch", np.int32),
        ("qty", np.uint32),  # contracts; 0 = free slot
        ("side", np.uint32),  # 0 ask, 1 bid
        ("level", np.int64),  # index of its level, see option_levels.py
    ]
)
CACHE_LINE = 64


def new_option_orders(slots: int) -> np.ndarray[Any, Any]:
    """Return an empty table of `slots` slots, a power of two.

    >>> new_option_orders(8).size
    8
    """
    if slots < 2 or slots & (slots - 1):
        raise ValueError(f"slots must be a power of two, not {slots}")
    # Two slots a cache line, none in two lines: half a million orders lie far beyond the caches, and a
    # slot that crossed a line would be fetched twice.
    memory = np.zeros(slots * OPTION_ORDER.itemsize + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + slots * OPTION_ORDER.itemsize].view(OPTION_ORDER)


@kernel(forceinline=True)
def find_option_order(orders, order_id, instrument, epoch, mask):
    """Return the slot of an order, or -1 - (the free slot where it belongs)."""
    slot = home_slot(order_id, mask)
    while orders[slot].qty != 0:
        order = orders[slot]
        if order.order_id == order_id and order.instrument == instrument and order.epoch == epoch:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & np.uint64(mask)
    return -1 - np.int64(slot)


@kernel()
def rebuild_option_orders(old, new, epochs):
    """Move the orders of the epochs that last into the empty table `new`; return how many."""
    mask = new.size - 1
    moved = 0
    for number in range(old.size):
        order = old[number]
        if order.qty != 0 and order.epoch == epochs[order.instrument]:
            slot = np.uint64(home_slot(order.order_id, mask))
            while new[slot].qty != 0:
                slot = (slot + np.uint64(1)) & np.uint64(mask)
            new[slot] = old[number]
            moved += 1
    return moved
