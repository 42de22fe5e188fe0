"""Price levels: depth, this window's flows and the last window ends of every (price, side) in use.

A level's key is 2·tick + side, where tick = price / tick size (any sign) and side is 0 for asks, 1 for
bids. Levels live in a pool; a hash finds any key, and `near`, a dense directory of pool indices around
the market, answers for the 16,384 ticks where practically all messages fall. So a price may be zero,
negative or absurd without costing memory or a wrong answer, and the common lookup is one array read.

Nothing is reset when a window ends: a level carries the window it was last touched in (`window`) and
is rolled forward when it is next touched or read. An untouched level has stood still, so the depth at
each of the last window ends follows from that stamp. The pool is compacted when it is full: a level that
has been empty for more than three windows can no longer be seen in any output.

Worst case: the best price of a side lies outside `near`; then finding it scans the pool, once a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel

LEVEL = np.dtype(
    [
        ("key", np.int64),
        ("window", np.int64),  # the window in which the level was last touched
        ("depth_qty", np.int64),
        ("order_count", np.int64),
        ("end1_qty", np.int64),  # depth at the end of window - 1, - 2 and - 3
        ("end2_qty", np.int64),
        ("end3_qty", np.int64),
        ("add_qty", np.int64),  # the flows of `window`
        ("pull_qty", np.int64),
        ("pull_rest_qty", np.int64),
        ("fill_qty", np.int64),
    ]
)

ASK_SIDE = 0
BID_SIDE = 1
HISTORY_WINDOWS = 3
NEAR_TICKS = 16_384

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def new_level_index(pool_size: int) -> np.ndarray[Any, Any]:
    """Return an empty hash index for a pool of `pool_size` levels: at least two slots a level.

    >>> new_level_index(100).size
    256
    """
    slots = 2
    while slots < 2 * pool_size:
        slots *= 2
    return np.full(slots, -1, np.int32)


def new_near_directory() -> np.ndarray[Any, Any]:
    """Return an empty directory of 2 x NEAR_TICKS pool indices (-1: no level)."""
    return np.full(2 * NEAR_TICKS, -1, np.int32)


@kernel(inline="always")
def level_side(key):
    """Return the side of a level key."""
    return key & 1


@kernel(inline="always")
def level_tick(key):
    """Return the tick of a level key (arithmetic shift: right for negative ticks too)."""
    return key >> 1


@kernel(inline="always")
def _home(key, mask):
    return np.int64((np.uint64(key) * _GOLDEN) >> np.uint64(32)) & mask


@kernel()
def find_far_level(levels, index, key):
    """Return the pool index of a level by hash, or -1."""
    mask = index.size - 1
    slot = _home(key, mask)
    while index[slot] >= 0:
        if levels[index[slot]].key == key:
            return np.int64(index[slot])
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel(inline="always")
def find_level(levels, index, near, near_key, key):
    """Return the pool index of a level, or -1. `near_key` is the key of `near`'s first entry."""
    offset = np.uint64(key - near_key)
    if offset < np.uint64(near.size):
        return np.int64(near[offset])
    return find_far_level(levels, index, key)


@kernel()
def index_level(levels, index, near, near_key, position):
    """Enter the pool's level at `position` into the hash and, if it is near, the directory."""
    key = levels[position].key
    mask = index.size - 1
    slot = _home(key, mask)
    while index[slot] >= 0:
        slot = (slot + 1) & mask
    index[slot] = position
    offset = key - near_key
    if np.uint64(offset) < np.uint64(near.size):
        near[offset] = position


@kernel()
def index_levels(levels, index, near, near_key, level_count):
    """Enter the first `level_count` levels of the pool into the hash and the directory."""
    for position in range(level_count):
        index_level(levels, index, near, near_key, position)


@kernel()
def create_level(levels, index, near, near_key, young, position, key, window):
    """Make an empty level in the pool at `position` (its first free place)."""
    level = levels[position]
    level.key = key
    level.window = window
    level.depth_qty = 0
    level.order_count = 0
    level.end1_qty = 0
    level.end2_qty = 0
    level.end3_qty = 0
    level.add_qty = 0
    level.pull_qty = 0
    level.pull_rest_qty = 0
    level.fill_qty = 0
    young[position, :] = 0
    index_level(levels, index, near, near_key, position)


@kernel(forceinline=True)
def roll_level(levels, young, position, window):
    """Bring a level forward to `window`: shift its window ends, start its flows at 0."""
    level = levels[position]
    gap = window - level.window
    if gap == 1:
        level.end3_qty = level.end2_qty
        level.end2_qty = level.end1_qty
    elif gap == 2:
        level.end3_qty = level.end1_qty
        level.end2_qty = level.depth_qty
    else:
        level.end3_qty = level.depth_qty
        level.end2_qty = level.depth_qty
    level.end1_qty = level.depth_qty
    level.add_qty = 0
    level.pull_qty = 0
    level.pull_rest_qty = 0
    level.fill_qty = 0
    matures = young.shape[1]
    if matures == 1:
        young[position, 0] = 0
    else:
        for matured in range(level.window + 1, level.window + 1 + min(gap, matures)):
            young[position, matured % matures] = 0
    level.window = window


@kernel()
def young_qty(levels, young, position, window):
    """Return the depth of a level that is younger than rest_ns at the end of `window`.

    `young[position, b % B]` holds what first counts as resting at the end of window b.
    """
    total = 0
    matures = young.shape[1]
    for matured in range(window + 1, levels[position].window + 1 + matures):
        total += young[position, matured % matures]
    return total


@kernel()
def recentre_near(levels, level_count, near, near_tick):
    """Rebuild the directory with `near_tick` as its first tick; return its first key."""
    near_key = 2 * near_tick
    near[:] = -1
    for position in range(level_count):
        offset = levels[position].key - near_key
        if np.uint64(offset) < np.uint64(near.size):
            near[offset] = position
    return near_key


@kernel()
def clear_levels(levels, level_count, young, window):
    """Empty every level, as a clear does; the flows of the window stay."""
    for position in range(level_count):
        if levels[position].depth_qty != 0 or levels[position].order_count != 0:
            if levels[position].window != window:
                roll_level(levels, young, position, window)
            levels[position].depth_qty = 0
            levels[position].order_count = 0
            young[position, :] = 0


@kernel()
def compact_levels(levels, level_count, young, window, kept_levels, kept_young, new_places):
    """Copy the levels that can still matter in or after `window`; return how many.

    `new_places[old]` becomes the new place of each level kept.
    """
    kept = 0
    for position in range(level_count):
        level = levels[position]
        if level.order_count != 0 or window - level.window <= HISTORY_WINDOWS:
            kept_levels[kept] = level
            new_places[position] = kept
            for slot in range(young.shape[1]):
                kept_young[kept, slot] = young[position, slot]
            kept += 1
    return kept


@kernel()
def best_tick(levels, level_count, near, near_key, side, hint, none):
    """Return the best tick with depth on a side, `none` if there is none.

    `hint` is at or better than the best (`none`: the side is empty).
    """
    if hint == none:
        return none
    step = np.int64(-1 if side == BID_SIDE else 1)
    offset = 2 * hint + side - near_key
    while np.uint64(offset) < np.uint64(near.size):
        position = near[offset]
        if position >= 0 and levels[position].order_count != 0:
            return level_tick(offset + near_key)
        offset += 2 * step
    best = none
    for position in range(level_count):
        level = levels[position]
        if level.order_count != 0 and level_side(level.key) == side:
            tick = level_tick(level.key)
            if best == none or (tick - best) * step < 0:
                best = tick
    return best
