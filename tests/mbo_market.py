"""The market behind `mbo_streams`: few orders, few prices, odd ids; its draws and its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spymaster_udf.mbo import (
    ADD,
    ASK,
    BID,
    CANCEL,
    F_LAST,
    FILL,
    MODIFY,
    NO_SIDE,
    RECORD,
    TRADE,
    UNDEF_PRICE,
)

SECOND = 1_000_000_000
REST_NS = 500_000_000
INSTRUMENT = 17077
OTHER_INSTRUMENT = 42
START_NS = 1_704_067_195 * SECOND
UNDEFINED_TS = (1 << 64) - 1

# Small ones, and those on which a hash table or a signed integer trips.
ORDER_IDS = (
    *range(1, 25),
    0,
    *(k << 20 for k in range(1, 5)),
    *(k << 32 for k in range(1, 5)),
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 2,
    (1 << 64) - 1,
)
SNAPSHOT_STYLES = ("with_r", "without_r", "no_last")
BEGINNINGS = (*SNAPSHOT_STYLES, "clear", "none")
TIME_STEPS = (
    *("same", "same", "micro", "micro", "milli", "milli", "milli", "half", "seconds"),
    *("boundary", "before_boundary", "rest", "rest_edge", "end_edge", "jump"),
)


@dataclass
class Live:
    """What the writer believes of one resting order."""

    side: int
    price: int
    qty: int
    ts_enter: int


@dataclass
class Event:
    """The records of one event; `packets` marks one that the new form ends with an N."""

    records: list[dict[str, int]] = field(default_factory=list)
    packets: bool = False


class Market:
    """Time, the resting orders as the writer believes them, and the events written so far."""

    def __init__(
        self, rng: np.random.Generator, tick: int, centre: int, start_ns: int, rest_ns: int
    ):
        self.rng = rng
        self.tick = tick
        self.centre = centre
        self.now = start_ns
        self.recv = start_ns
        self.rest_ns = rest_ns
        self.live: dict[int, Live] = {}
        self.events: list[Event] = []
        self.event = Event()
        self.open_snapshot = False

    # ---- draws ---------------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, items: Any) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def size(self) -> int:
        return 1 if self.chance(0.25) else int(self.rng.integers(1, 12))

    def side(self) -> int:
        return self.pick((ASK, BID))

    def price(self, side: int) -> int:
        """Mostly near the centre on its own side; sometimes crossing, at an edge, or far off."""
        draw = self.rng.random()
        if draw < 0.75:
            ticks = int(self.rng.integers(0, 8))
        elif draw < 0.85:
            ticks = -int(self.rng.integers(1, 5))
        elif draw < 0.95:
            ticks = self.pick((2, 3, 5, 6, 14, 15, 20, 21))
        elif draw < 0.98:
            ticks = self.pick((199, 200, 201, -200, -201, 600, 601))
        else:
            ticks = self.pick((1_000_000, -1_000_000))
        return self.centre + (ticks if side == ASK else -ticks) * self.tick

    def order(self) -> int | None:
        return self.pick(list(self.live)) if self.live else None

    def free_id(self) -> int | None:
        free = [order_id for order_id in ORDER_IDS if order_id not in self.live]
        return self.pick(free) if free else None

    def pass_time(self) -> None:
        step = self.pick(TIME_STEPS)
        now = self.now
        if step == "micro":
            now += int(self.rng.integers(1, 100_000))
        elif step == "milli":
            now += int(self.rng.integers(1_000_000, 400_000_000))
        elif step == "half":
            now += self.rest_ns
        elif step == "seconds":
            now += int(self.rng.integers(0, 3 * SECOND))
        elif step == "boundary":
            now = (now // SECOND + 1) * SECOND
        elif step == "before_boundary":
            now = (now // SECOND + 1) * SECOND - 1
        elif step == "rest" and self.live:  # some order is about to reach its rest
            now = self.live[self.order()].ts_enter + self.rest_ns + self.pick((-1, 0, 0, 1))
        elif step == "rest_edge":  # what enters now is at its rest at the window's end
            now = (now // SECOND + 1) * SECOND - self.rest_ns + self.pick((-1, 0, 0, 1))
        elif step == "end_edge":
            now = (now // SECOND + 2) * SECOND - self.rest_ns
        elif step == "jump" and self.chance(0.4):
            now += int(self.rng.integers(2, 40)) * SECOND
        self.now = max(self.now, now)

    # ---- records -------------------------------------------------------------------------------

    def put(
        self,
        action: int,
        side: int = NO_SIDE,
        *,
        order_id: int = 0,
        price: int = UNDEF_PRICE,
        size: int = 0,
        flags: int = 0,
        ts_event: int | None = None,
    ) -> None:
        ts_event = self.now if ts_event is None else ts_event
        self.recv = max(self.recv, self.now + int(self.rng.integers(0, 200_000)))
        self.event.records.append(
            {
                "length": RECORD.itemsize // 4,
                "rtype": 160,
                "publisher_id": 1,
                "instrument_id": INSTRUMENT,
                "ts_event": ts_event,
                "order_id": order_id,
                "price": price,
                "size": size,
                "flags": flags,
                "channel_id": 0,
                "action": action,
                "side": side,
                "ts_recv": self.recv,
                "ts_in_delta": 0,
                "sequence": 0,
            }
        )

    def close(self, *, last: bool = True, packets: bool = False) -> None:
        """End the event; F_LAST goes on its last record (in the new form perhaps on an N)."""
        records = self.event.records
        if records:
            if last:
                records[-1]["flags"] |= F_LAST
            self.event.packets = packets and last and records[-1]["action"] != FILL
            self.events.append(self.event)
        self.event = Event()

    def add(self, order_id: int | None = None) -> None:
        order_id = self.free_id() if order_id is None else order_id
        if order_id is None:
            return
        side = self.side()
        price, size = self.price(side), self.size()
        self.put(ADD, side, order_id=order_id, price=price, size=size)
        self.live[order_id] = Live(side, price, size, self.now)

    def cancel(self, order_id: int, size: int) -> None:
        order = self.live[order_id]
        self.put(CANCEL, order.side, order_id=order_id, price=order.price, size=size)
        order.qty -= size
        if order.qty <= 0:
            del self.live[order_id]

    def modify(
        self, order_id: int, *, size: int, price: int | None = None, side: int | None = None
    ) -> None:
        order = self.live[order_id]
        new_side = order.side if side is None else side
        new_price = order.price if price is None else price
        self.put(MODIFY, new_side, order_id=order_id, price=new_price, size=size)
        moved = (new_side, new_price) != (order.side, order.price)
        self.live[order_id] = Live(new_side, new_price, size, self.now if moved else order.ts_enter)

    def trade(self, price: int, size: int, side: int) -> None:
        self.put(TRADE, side, price=price, size=size)

    def fill(self, order_id: int, size: int, price: int | None = None) -> None:
        order = self.live[order_id]
        side = NO_SIDE if self.chance(0.2) else order.side
        price = order.price if price is None else price
        self.put(FILL, side, order_id=order_id, price=price, size=size)

    def trade_fill(self, order_id: int, size: int) -> None:
        order = self.live[order_id]
        aggressor = BID if order.side == ASK else ASK
        self.trade(order.price, size, NO_SIDE if self.chance(0.1) else aggressor)
        self.fill(order_id, size)
