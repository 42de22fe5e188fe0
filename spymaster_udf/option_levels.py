"""The levels of many small books: each side of each book a sorted run of one pool, its best level last.

Why this structure. An option's book has a handful of levels a side, hundreds of ticks apart, and there
are thousands of such books; a dense ladder each would be memory for nothing. A run is contiguous: it is
searched by halving within a few cache lines, its last element is the best quote, and most levels come and
go near that end, where little has to be moved. A run that is full moves to a place of twice the room at
the pool's end. Worst case: a level far from the best of a deep side moves all that are better.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_udf.compile import kernel

OPTION_LEVEL = np.dtype(
    [
        ("rank", np.int64),  # price of a bid, -price of an ask: better is larger
        ("depth_qty", np.int64),
        ("order_count", np.int64),
    ]
)

OPTION_SIDE = np.dtype(
    [
        ("first", np.int64),  # place of its run in the pool
        ("count", np.int64),
        ("room", np.int64),
    ]
)

FIRST_ROOM = 64  # levels; to ask for more costs as much as a hundred records


def new_option_levels(books: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (pool, sides) of empty books: side 2·book is its asks, 2·book + 1 its bids.

    >>> pool, sides = new_option_levels(3)
    >>> len(pool), len(sides)
    (384, 6)
    """
    sides = np.zeros(2 * books, OPTION_SIDE)
    sides["first"] = FIRST_ROOM * np.arange(2 * books)
    sides["room"] = FIRST_ROOM
    return np.zeros(FIRST_ROOM * 2 * books, OPTION_LEVEL), sides


def with_more_room(
    pool: np.ndarray[Any, Any], used: int, sides: np.ndarray[Any, Any], side: int
) -> tuple[np.ndarray[Any, Any], int]:
    """Move the run of `side` to a place of twice the room; return the pool and its places used.

    A pool that is used up becomes a new one of twice the room that all runs have, without the
    places that runs have left.
    """
    run = sides[side]
    first, count = int(run["first"]), int(run["count"])
    run["room"] *= 2
    if used + int(run["room"]) <= len(pool):
        pool[used : used + count] = pool[first : first + count]
        run["first"] = used
        return pool, used + int(run["room"])
    total = int(sides["room"].sum())
    larger, at = np.zeros(2 * total, OPTION_LEVEL), 0
    for run in sides:
        first, count = int(run["first"]), int(run["count"])
        larger[at : at + count] = pool[first : first + count]
        run["first"] = at
        at += int(run["room"])
    return larger, total


@kernel(inline="always")
def level_rank(side, price):
    """Return the rank of a price: better is larger, on both sides."""
    return price if side & 1 else -price


@kernel()
def find_option_level(pool, sides, side, rank):
    """Return the place in the pool of the first level of a side that is not worse than `rank`."""
    low = sides[side].first
    high = low + sides[side].count
    while low < high:
        middle = (low + high) >> 1
        if pool[middle].rank < rank:
            low = middle + 1
        else:
            high = middle
    return low


@kernel()
def add_depth(pool, sides, side, rank, qty, orders):
    """Add quantity and orders at a level, made if new; the side must have room."""
    place = find_option_level(pool, sides, side, rank)
    end = sides[side].first + sides[side].count
    if place == end or pool[place].rank != rank:
        for moved in range(end, place, -1):
            pool[moved] = pool[moved - 1]
        pool[place].rank = rank
        pool[place].depth_qty = 0
        pool[place].order_count = 0
        sides[side].count += 1
    pool[place].depth_qty += qty
    pool[place].order_count += orders


@kernel()
def take_depth(pool, sides, side, rank, qty, orders):
    """Take quantity and orders off a level that is there; without orders it leaves."""
    place = find_option_level(pool, sides, side, rank)
    pool[place].depth_qty -= qty
    pool[place].order_count -= orders
    if pool[place].order_count == 0:
        end = sides[side].first + sides[side].count - 1
        for moved in range(place, end):
            pool[moved] = pool[moved + 1]
        sides[side].count -= 1
