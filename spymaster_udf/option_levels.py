"""The levels of many small books: found by (instrument, side, price), walked from the best outward.

Why this structure. An option's book has a handful of levels a side, hundreds of ticks apart, and there
are thousands of such books; a dense ladder each would be memory for nothing. Levels of all books live in
one pool. A hash finds a level; a list through each side, best first, gives the next best price when the
best empties. A level leaves when its last order does. Worst case: a new level far from the best walks
its side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel

OPTION_LEVEL = np.dtype(
    [
        ("price", np.int64),  # in 1e-9 units
        ("depth_qty", np.int64),
        ("order_count", np.int32),
        ("instrument", np.int32),  # place in the table of instruments
        ("side", np.int32),  # 0 ask, 1 bid
        ("better", np.int32),  # neighbours on its side, -1: none
        ("worse", np.int32),
        ("unused", np.int32),
    ]
)

NO_LEVEL = -1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xC2B2AE3D27D4EB4F)


def new_option_levels(pool_size: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Return (pool, index, free, free_count): a pool of free levels and its hash, at most half full.

    >>> pool, index, free, free_count = new_option_levels(4)
    >>> len(pool), len(index), int(free_count[0])
    (4, 8, 4)
    """
    slots = 2
    while slots < 2 * pool_size:
        slots *= 2
    pool = np.zeros(pool_size, OPTION_LEVEL)
    index = np.full(slots, NO_LEVEL, np.int32)
    free = np.arange(pool_size - 1, -1, -1, dtype=np.int32)
    return pool, index, free, np.array([pool_size], np.int64)


@kernel(inline="always")
def _home(instrument, side, price, slots):
    mixed = np.uint64(price) * _GOLDEN + np.uint64(2 * instrument + side) * _ODD
    spread = (mixed ^ (mixed >> np.uint64(29))) * _GOLDEN
    return np.int64(((spread >> np.uint64(32)) * np.uint64(slots)) >> np.uint64(32))


@kernel()
def find_option_level(pool, index, instrument, side, price):
    """Return the place of a level in the pool, or NO_LEVEL."""
    mask = index.size - 1
    slot = _home(instrument, side, price, index.size)
    while index[slot] >= 0:
        level = pool[index[slot]]
        if level.price == price and level.instrument == instrument and level.side == side:
            return np.int64(index[slot])
        slot = (slot + 1) & mask
    return np.int64(NO_LEVEL)


@kernel()
def index_option_level(pool, index, place):
    """Enter a level of the pool into the hash."""
    level = pool[place]
    mask = index.size - 1
    slot = _home(level.instrument, level.side, level.price, index.size)
    while index[slot] >= 0:
        slot = (slot + 1) & mask
    index[slot] = place


@kernel()
def _unindex(pool, index, place):
    mask = index.size - 1
    level = pool[place]
    hole = _home(level.instrument, level.side, level.price, index.size)
    while index[hole] != place:
        hole = (hole + 1) & mask
    probe = (hole + 1) & mask
    while index[probe] >= 0:
        other = pool[index[probe]]
        home = _home(other.instrument, other.side, other.price, index.size)
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            index[hole] = index[probe]
            hole = probe
        probe = (probe + 1) & mask
    index[hole] = NO_LEVEL


@kernel()
def add_option_level(pool, index, free, free_count, best, instrument, side, price):
    """Make an empty level and put it in its place between its neighbours; return its place."""
    free_count[0] -= 1
    place = np.int64(free[free_count[0]])
    outward = 1 if side == 0 else -1
    better, worse = np.int64(NO_LEVEL), np.int64(best[instrument, side])
    while worse >= 0 and (price - pool[worse].price) * outward > 0:
        better, worse = worse, np.int64(pool[worse].worse)
    level = pool[place]
    level.price = price
    level.depth_qty = 0
    level.order_count = 0
    level.instrument = instrument
    level.side = side
    level.better = better
    level.worse = worse
    if better >= 0:
        pool[better].worse = place
    else:
        best[instrument, side] = place
    if worse >= 0:
        pool[worse].better = place
    index_option_level(pool, index, place)
    return place


@kernel()
def drop_option_level(pool, index, free, free_count, best, place):
    """Take a level out of its book and give its place back."""
    level = pool[place]
    _unindex(pool, index, place)
    if level.better >= 0:
        pool[level.better].worse = level.worse
    else:
        best[level.instrument, level.side] = level.worse
    if level.worse >= 0:
        pool[level.worse].better = level.better
    free[free_count[0]] = place
    free_count[0] += 1
