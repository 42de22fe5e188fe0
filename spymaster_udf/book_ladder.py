"""The book at a moment, read from the engine's own arrays: depth, orders and rest of each level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spymaster_udf.price_levels import ASK_SIDE, BID_SIDE

Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class LadderSide:
    """One side's levels with depth, best first: arrays of equal length."""

    price_int: Ints
    """Prices x 1e9."""
    depth_qty: Ints
    order_count: Ints
    rest_qty: Ints
    """Contracts of orders that had rested for rest_ns."""

    def __len__(self) -> int:
        return len(self.price_int)


@dataclass(frozen=True)
class Ladder:
    """A book at a moment; an invalid one still shows the prices that it has."""

    at_ns: int | None
    """The moment from which ages count, UTC ns; None before any record."""
    book_valid: bool
    last_trade_price_int: int | None
    bids: LadderSide
    asks: LadderSide

    @property
    def spread_int(self) -> int | None:
        """Best ask less best bid, price x 1e9; None if a side is empty."""
        if not len(self.bids) or not len(self.asks):
            return None
        return int(self.asks.price_int[0] - self.bids.price_int[0])


def ladder_side(
    side: int,
    levels: np.ndarray[Any, Any],
    orders: np.ndarray[Any, Any],
    tick_int: int,
    rested_since_ns: int,
) -> LadderSide:
    """Return a side of the book from the pool of levels in use and the table of orders.

    `side` is ASK_SIDE or BID_SIDE; an order rests if it was entered at or before `rested_since_ns`.

    >>> from spymaster_udf.order_table import new_order_table
    >>> from spymaster_udf.price_levels import LEVEL
    >>> levels = np.zeros(2, LEVEL)
    >>> levels["key"], levels["depth_qty"], levels["order_count"] = [2 * 7, 2 * 6], [5, 3], 1
    >>> ladder_side(ASK_SIDE, levels, new_order_table(8), 250_000_000, 0).price_int / 1e9
    array([1.5 , 1.75])
    """
    mine = np.flatnonzero((levels["order_count"] != 0) & (levels["key"] & 1 == side))
    ticks = levels["key"][mine] >> 1
    best_first = np.argsort(-ticks if side == BID_SIDE else ticks)
    mine = mine[best_first]
    rested = orders[(orders["qty"] != 0) & (orders["ts_enter"] <= rested_since_ns)]
    rest_qty = np.zeros(len(levels), np.int64)
    np.add.at(rest_qty, rested["level"], rested["qty"].astype(np.int64))
    return LadderSide(
        price_int=ticks[best_first] * tick_int,
        depth_qty=levels["depth_qty"][mine],
        order_count=levels["order_count"][mine],
        rest_qty=rest_qty[mine],
    )


__all__ = ["ASK_SIDE", "BID_SIDE", "Ladder", "LadderSide", "ladder_side"]
