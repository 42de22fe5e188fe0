"""The levels of many small books: each side of each book a run of one pool, in no order.

Why this structure. An option's book has a handful of levels a side, hundreds of ticks apart, and there
are thousands of such books; a dense ladder each would be memory for nothing. Market makers requote all
of a book at once, so levels come and go at every message, while the best one is asked for only when a
window ends. A sorted run pays for its order at each message, with a search that the processor cannot
foresee and with levels to be moved. Here a level keeps its index for life, an order knows it, and so
a cancel searches nothing; a new price is looked for in one pass over a few cache lines of ranks,
eight at a time, and the best level in another, once a window at most. A run that is full moves to a place
of twice the room at the pool's end. Worst case: both passes are as long as the side is deep.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel

OPTION_DEPTH = np.dtype([("qty", np.int64), ("orders", np.int64)])

OPTION_SIDE = np.dtype(
    [
        ("first", np.int64),  # place of its run in the pool
        ("room", np.int32),
        ("used", np.int32),  # no level has this index or a higher one
        ("count", np.int32),  # levels
        ("best", np.int32),  # index of the best level, BEST_UNKNOWN if it must be looked for
    ]
)

FIRST_ROOM = 64  # levels; to ask for more costs as much as a hundred records
BEST_UNKNOWN = -1
NO_LEVEL = np.iinfo(np.int64).min
"""The rank of a place without a level: worse than every price's."""


def new_option_levels(
    books: int,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (ranks, depths, sides) of empty books: side 2·book is its asks, 2·book + 1 its bids.

    >>> ranks, depths, sides = new_option_levels(3)
    >>> len(ranks), len(depths), len(sides)
    (384, 384, 6)
    """
    sides = np.zeros(2 * books, OPTION_SIDE)
    sides["first"] = FIRST_ROOM * np.arange(2 * books)
    sides["room"] = FIRST_ROOM
    sides["best"] = BEST_UNKNOWN
    places = FIRST_ROOM * 2 * books
    return np.full(places, NO_LEVEL), np.zeros(places, OPTION_DEPTH), sides


def with_more_room(
    ranks: np.ndarray[Any, Any],
    depths: np.ndarray[Any, Any],
    pool_used: int,
    sides: np.ndarray[Any, Any],
    side: int,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]:
    """Move the run of `side` to a place of twice the room; return ranks, depths and places used.

    A pool that is used up becomes a new one of twice the room that all runs have, without the
    places that runs have left.
    """
    run = sides[side]
    run["room"] *= 2
    if pool_used + int(run["room"]) <= len(ranks):
        _move_run(run, pool_used, ranks, depths, ranks, depths)
        return ranks, depths, pool_used + int(run["room"])
    total = int(sides["room"].sum())
    new_ranks, new_depths = np.full(2 * total, NO_LEVEL), np.zeros(2 * total, OPTION_DEPTH)
    at = 0
    for run in sides:
        _move_run(run, at, ranks, depths, new_ranks, new_depths)
        at += int(run["room"])
    return new_ranks, new_depths, total


def _move_run(
    run: Any,
    at: int,
    ranks: np.ndarray[Any, Any],
    depths: np.ndarray[Any, Any],
    new_ranks: np.ndarray[Any, Any],
    new_depths: np.ndarray[Any, Any],
) -> None:
    first, used = int(run["first"]), int(run["used"])
    new_ranks[at : at + used] = ranks[first : first + used]
    new_depths[at : at + used] = depths[first : first + used]
    run["first"] = at


@kernel(inline="always")
def level_rank(side, price):
    """Return the rank of a price: better is larger, on both sides."""
    return price if side & 1 else -price


@kernel(forceinline=True)
def best_level(ranks, sides, side):
    """Return the place in the pool of a side's best level, -1 if the side is empty."""
    run = sides[side]
    if run.count == 0:
        return np.int64(-1)
    first = np.uint64(run.first)
    if run.best == BEST_UNKNOWN:
        best_rank = np.int64(NO_LEVEL)
        for index in range(np.uint64(run.used)):
            best_rank = max(best_rank, ranks[first + index])
        run.best = _index_of(ranks, first, run.used, best_rank)
    return run.first + np.int64(run.best)


@kernel(forceinline=True)
def _index_of(ranks, first, used, rank):
    """Return the last index of a rank in a run, -1 if it is not there; without a branch to guess."""
    found = np.int64(-1)
    for index in range(np.uint64(used)):
        found = max(found, np.int64(index) if ranks[first + index] == rank else np.int64(-1))
    return found


@kernel(forceinline=True)
def add_depth(ranks, depths, sides, side, rank, qty):
    """Add an order of `qty` at a level, made if new; the side must have room. Returns its index."""
    run = sides[side]
    first = np.uint64(run.first)
    index = _index_of(ranks, first, run.used, rank)
    if index < 0:
        if run.count < run.used:
            index = _index_of(ranks, first, run.used, np.int64(NO_LEVEL))
        else:
            index = np.int64(run.used)
            run.used += 1
        place = first + np.uint64(index)
        ranks[place] = rank
        depths[place].qty = 0
        depths[place].orders = 0
        run.count += 1
        if run.count == 1 or (
            run.best != BEST_UNKNOWN and ranks[first + np.uint64(run.best)] < rank
        ):
            run.best = index
    place = first + np.uint64(index)
    depths[place].qty += qty
    depths[place].orders += 1
    return index


@kernel(forceinline=True)
def take_order(ranks, depths, sides, side, index, qty):
    """Take an order of `qty` off the level of an index; without orders the level leaves."""
    run = sides[side]
    place = np.uint64(run.first) + np.uint64(index)
    depths[place].qty -= qty
    depths[place].orders -= 1
    if depths[place].orders == 0:
        ranks[place] = NO_LEVEL
        run.count -= 1
        if run.best == index:
            run.best = BEST_UNKNOWN
        if run.used == index + 1:
            run.used = index


@kernel(inline="always")
def clear_side(ranks, sides, side):
    """Empty a side."""
    run = sides[side]
    for index in range(run.used):
        ranks[run.first + index] = NO_LEVEL
    run.used = 0
    run.count = 0
    run.best = BEST_UNKNOWN
