"""What the oracle knows when a window ends: orders, depth at both ends, and the list of changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

SECOND = 1_000_000_000

Depth: TypeAlias = dict[str, dict[int, int]]


@dataclass
class Order:
    """A resting order."""

    side: str
    price: int
    qty: int
    ts_enter: int


class Place(NamedTuple):
    """Where an order stood, and with how much, before or after one record."""

    side: str
    price: int
    qty: int


class Change(NamedTuple):
    """What one record of flow (A, C or M, not of a snapshot) did to one order."""

    action: str
    before: Place | None
    after: Place | None
    fill: int  # of the reduction, announced by F
    aged: bool  # the order before had rested rest_ns


@dataclass(frozen=True)
class Window:
    """One window of one second at its end, session or not."""

    number: int  # seconds since 1970
    tick: int
    levels: dict[str, dict[int, dict[int, Order]]]  # orders by side, price and id, at the end
    depth_start: Depth
    depth_end: Depth
    depths_before: tuple[Depth, ...] | None  # 1, 2 and 3 ends ago; None: no history yet
    changes: list[Change]
    trades: dict[str, int]  # quantity by aggressor: buy, sell, other
    messages: int
    last_trade: int | None
    book_valid: bool  # at the end
    valid: bool  # from start to end, without a clear or a snapshot record

    @property
    def start_ns(self) -> int:
        return self.number * SECOND

    @property
    def end_ns(self) -> int:
        return (self.number + 1) * SECOND

    @property
    def spot(self) -> int | None:
        if self.last_trade is None and self.book_valid:
            return max(self.depth_end["B"], default=None)
        return self.last_trade
