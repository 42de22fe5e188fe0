"""Resting orders by id: an open-addressing hash table with the value in the slot.

Why this structure. Half of all messages look an order up and most orders live milliseconds, so the
table must insert, find and delete in about one cache miss. Linear probing over 24-byte slots with
Fibonacci hashing does that for exchange ids, which rise almost by one; backward-shift deletion leaves no
tombstones, so the table never degrades over a day. Load stays at or below one quarter: at a half, every
third deletion finds a neighbour, and the branch that the processor then guesses wrong took an eighth of
the engine's speed. The driver doubles the table when the quarter is reached. An order names its level by
its place in the level pool, so a cancel finds the level without a lookup. Worst case: ids chosen to
collide probe linearly.

A slot is free when its quantity is 0: an order of quantity 0 does not rest. Every 64-bit id is valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel
from spymaster_udf.huge_pages import zeros_in_huge_pages

ORDER = np.dtype(
    [
        ("order_id", np.uint64),
        ("ts_enter", np.int64),  # UTC ns from which the order's age counts
        ("level", np.uint32),  # place in the pool of price_levels.py
        ("qty", np.uint32),  # contracts; 0 = free slot
    ]
)

ANNOUNCED = np.dtype([("order_id", np.uint64), ("qty", np.int64)])
"""Fill quantity announced for an order and not yet used; kept in a table of the same kind."""

SLOTS_AN_ORDER = 4
"""How many slots a table of resting orders has for each order, at least."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def new_order_table(slots: int, slot_type: np.dtype[Any] = ORDER) -> np.ndarray[Any, Any]:
    """Return an empty table of `slots` slots, a power of two; slot_type is ORDER or ANNOUNCED.

    >>> int((new_order_table(8)["qty"] == 0).sum())
    8
    """
    if slots < 2 or slots & (slots - 1):
        raise ValueError(f"slots must be a power of two, not {slots}")
    return zeros_in_huge_pages(slots, np.dtype(slot_type))


@kernel(inline="always")
def home_slot(order_id, mask):
    """Return the slot where probing for an id starts.

    The product's highest bits: there, and only there, ids that follow each other lie far apart.
    """
    spread = (np.uint64(order_id) * _GOLDEN) >> np.uint64(32)
    return (spread * (np.uint64(mask) + np.uint64(1))) >> np.uint64(32)


@kernel(forceinline=True)
def find_order(orders, order_id, mask):
    """Return the slot of an order, or -1 - (the free slot where it belongs)."""
    slot = home_slot(order_id, mask)
    while orders[slot].qty != 0:
        if orders[slot].order_id == order_id:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & np.uint64(mask)
    return -1 - np.int64(slot)


@kernel(forceinline=True)
def remove_order(orders, slot, mask):
    """Free a slot and shift back the orders that probed past it."""
    one, mask = np.uint64(1), np.uint64(mask)
    hole = np.uint64(slot)
    probe = (hole + one) & mask
    while orders[probe].qty != 0:
        home = home_slot(orders[probe].order_id, mask)
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            orders[hole] = orders[probe]
            hole = probe
        probe = (probe + one) & mask
    orders[hole].qty = 0


@kernel()
def rehash_orders(old, new):
    """Move every order of `old` into the empty, larger table `new`."""
    mask = new.size - 1
    for slot in range(old.size):
        if old[slot].qty != 0:
            free = -1 - find_order(new, old[slot].order_id, mask)
            new[free] = old[slot]


@kernel()
def move_levels(orders, new_places):
    """Point every order to its level's new place in the pool."""
    for slot in range(orders.size):
        if orders[slot].qty != 0:
            orders[slot].level = new_places[orders[slot].level]
