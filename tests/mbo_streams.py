"""Adversarial MBO streams for tests: few orders, few prices, every kind of event.

`random_stream` writes what a market may send (and, with `hostile`, what it should not). The same
generator state gives the same market in the vendor's two forms: `old`, where an event's last real
record carries F_LAST, and `new`, where an event of several packets ends in an extra N record.

Corners that are left out, because no rule decides them: a snapshot record without a `ts_recv`, and
prices so large that the sum of two leaves 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spymaster_udf.mbo import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    F_LAST,
    F_SNAPSHOT,
    FILL,
    MODIFY,
    NO_SIDE,
    NONE,
    RECORD,
    TRADE,
    UNDEF_ORDER_SIZE,
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

# How often each kind of event comes.
EVENTS = {
    "add": 22,
    "cancel": 7,
    "cancel_part": 5,
    "resize_down": 5,
    "resize_up": 4,
    "touch": 1,
    "reprice": 9,
    "change_side": 2,
    "modify_unknown": 2,
    "trade_cancel": 5,
    "trade_cancel_part": 4,
    "trade_modify": 4,
    "trade_and_pull": 2,
    "trade_reprice": 2,
    "trade_change_side": 1,
    "fill_after_cancel": 1,
    "double_fill": 2,
    "sweep": 4,
    "iceberg": 4,
    "trade_alone": 2,
    "fill_unknown": 1,
    "auction": 1,
    "nasdaq": 3,
    "nothing": 2,
    "snapshot": 1,
    "clear": 1,
}
TIME_STEPS = (
    *("same", "same", "micro", "micro", "milli", "milli", "milli", "half", "seconds"),
    *("boundary", "before_boundary", "rest", "rest_edge", "end_edge", "jump"),
)
HOSTILE = (
    "undefined_price",
    "undefined_size",
    "off_tick",
    "other_instrument",
    "unknown_cancel",
    "duplicate_add",
    "over_reduction",
    "missing_last",
    "missing_last",
    "back_in_time",
    "no_side",
    "unknown_action",
    "size_zero",
    "undefined_time",
    "huge_size",
    "far_price",
    "torn_event",
    "stray_snapshot_flag",
    "lost_snapshot_flag",
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


class _Market:
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

    # ---- events --------------------------------------------------------------------------------

    def write(self, kind: str) -> None:
        order_id = self.order()
        if order_id is None and kind not in ("snapshot", "clear", "trade_alone", "nothing"):
            kind = "add"
        packets = self.chance(0.25)
        done = getattr(self, f"event_{kind}")(order_id)
        if done is None:
            self.close(packets=packets)

    def event_add(self, _: int | None) -> None:
        for _again in range(self.pick((1, 1, 1, 2, 3))):
            self.add()

    def event_cancel(self, order_id: int) -> None:
        self.cancel(order_id, self.live[order_id].qty)

    def event_cancel_part(self, order_id: int) -> None:
        self.cancel(order_id, int(self.rng.integers(1, self.live[order_id].qty + 1)))

    def event_resize_down(self, order_id: int) -> None:
        self.modify(order_id, size=int(self.rng.integers(1, self.live[order_id].qty + 1)))

    def event_resize_up(self, order_id: int) -> None:
        self.modify(order_id, size=self.live[order_id].qty + self.size())

    def event_touch(self, order_id: int) -> None:
        self.modify(order_id, size=self.live[order_id].qty)

    def event_reprice(self, order_id: int) -> None:
        order = self.live[order_id]
        size = order.qty if self.chance(0.6) else self.size()
        if self.chance(0.5):
            price = order.price + int(self.rng.integers(-4, 5)) * self.tick
        else:
            price = self.price(order.side)
        self.modify(order_id, size=size, price=price)

    def event_change_side(self, order_id: int) -> None:
        order = self.live[order_id]
        side = BID if order.side == ASK else ASK
        price = order.price if self.chance(0.5) else self.price(side)
        size = order.qty if self.chance(0.5) else self.size()
        self.modify(order_id, size=size, price=price, side=side)

    def event_modify_unknown(self, _: int) -> None:
        order_id = self.free_id()
        if order_id is not None:
            side = self.side()
            self.live[order_id] = Live(side, self.price(side), 0, self.now)
            self.modify(order_id, size=self.size())

    def event_trade_cancel(self, order_id: int) -> None:
        qty = self.live[order_id].qty
        self.trade_fill(order_id, qty)
        self.cancel(order_id, qty)

    def event_trade_cancel_part(self, order_id: int) -> None:
        size = int(self.rng.integers(1, self.live[order_id].qty + 1))
        self.trade_fill(order_id, size)
        self.cancel(order_id, size)

    def event_trade_modify(self, order_id: int) -> None:
        qty = self.live[order_id].qty
        if qty == 1:
            return self.event_trade_cancel(order_id)
        size = int(self.rng.integers(1, qty))
        self.trade_fill(order_id, size)
        return self.modify(order_id, size=qty - size)

    def event_trade_and_pull(self, order_id: int) -> None:
        """Less was announced than goes."""
        qty = self.live[order_id].qty
        self.trade_fill(order_id, int(self.rng.integers(1, qty + 1)))
        self.cancel(order_id, qty)

    def event_trade_reprice(self, order_id: int) -> None:
        order = self.live[order_id]
        size = int(self.rng.integers(1, order.qty + 1))
        self.trade_fill(order_id, size)
        self.modify(order_id, size=max(order.qty - size, 1), price=self.price(order.side))

    def event_trade_change_side(self, order_id: int) -> None:
        order = self.live[order_id]
        self.trade_fill(order_id, int(self.rng.integers(1, order.qty + 1)))
        side = BID if order.side == ASK else ASK
        self.modify(order_id, size=self.size(), price=self.price(side), side=side)

    def event_fill_after_cancel(self, order_id: int) -> None:
        """An announcement that comes too late and lapses."""
        order = self.live[order_id]
        self.cancel(order_id, 1)
        self.put(FILL, order.side, order_id=order_id, price=order.price, size=1)
        self.put(NONE)

    def event_double_fill(self, order_id: int) -> None:
        """The same fill printed twice, or two fills of one order."""
        qty = self.live[order_id].qty
        part = int(self.rng.integers(1, qty + 1))
        self.trade_fill(order_id, part)
        self.fill(order_id, part if self.chance(0.5) else max(qty - part, 1))
        self.cancel(order_id, qty if self.chance(0.7) else part)

    def event_sweep(self, order_id: int) -> None:
        side = self.live[order_id].side
        hit = [other for other, order in self.live.items() if order.side == side]
        self.rng.shuffle(hit)
        hit = hit[: int(self.rng.integers(1, 5))]
        left = int(self.rng.integers(1, self.live[hit[-1]].qty + 1))
        sizes = [self.live[other].qty for other in hit[:-1]] + [left]
        self.trade(self.live[hit[0]].price, sum(sizes), BID if side == ASK else ASK)
        for other, size in zip(hit, sizes, strict=True):
            self.fill(other, size)
        for other, size in zip(hit, sizes, strict=True):
            if size < self.live[other].qty and self.chance(0.5):
                self.modify(other, size=self.live[other].qty - size)
            else:
                self.cancel(other, size)

    def event_iceberg(self, order_id: int) -> None:
        """The displayed part trades and is refreshed; what was announced in excess lapses."""
        qty = self.live[order_id].qty
        self.trade_fill(order_id, qty + int(self.rng.integers(0, 3)))
        draw = self.rng.random()
        if draw < 0.4:
            self.modify(order_id, size=qty)
        elif draw < 0.7:
            self.modify(order_id, size=max(qty - 1, 1))
        else:
            self.modify(order_id, size=qty + self.size())
        if self.chance(0.6):  # in an event of its own all of it is a pull
            self.close(packets=self.chance(0.3))
            self.cancel(order_id, self.live[order_id].qty)

    def event_trade_alone(self, _: int | None) -> None:
        self.trade(self.price(self.side()), self.size(), self.pick((ASK, BID, NO_SIDE)))

    def event_fill_unknown(self, order_id: int) -> None:
        unknown = self.free_id()
        if unknown is not None:
            side = self.side()
            self.put(FILL, side, order_id=unknown, price=self.price(side), size=self.size())
            if self.chance(0.5):  # and it enters in the same event
                self.add(unknown)
                self.cancel(unknown, 1)
        self.cancel(order_id, self.live[order_id].qty)

    def event_auction(self, order_id: int) -> None:
        """One print for all: the fills carry the auction's price, not their order's."""
        print_price = self.price(ASK)
        hit = list({order_id, self.order(), self.order()})
        sizes = [self.live[other].qty for other in hit]
        self.trade(print_price, sum(sizes), NO_SIDE)
        for other, size in zip(hit, sizes, strict=True):
            self.fill(other, size, print_price)
        for other, size in zip(hit, sizes, strict=True):
            self.cancel(other, size)

    def event_nasdaq(self, order_id: int) -> bool:
        """F with F_LAST: it holds until the next event's F_LAST."""
        size = int(self.rng.integers(1, self.live[order_id].qty + 1))
        self.fill(order_id, size)
        self.close()
        draw = self.rng.random()
        if draw < 0.2:  # too late: another event is between
            self.add()
            self.close()
        elif draw < 0.4:  # another F takes its place
            self.fill(self.order(), 1)
            self.close()
        elif draw < 0.6:  # the next event has more records before
            self.add()
        if order_id in self.live:
            self.cancel(order_id, min(size, self.live[order_id].qty))
        self.close()
        return True

    def event_nothing(self, _: int | None) -> None:
        self.put(NONE)

    def event_clear(self, _: int | None) -> None:
        self.put(CLEAR)
        self.live.clear()
        self.open_snapshot = False
        if self.chance(0.5):
            for _again in range(int(self.rng.integers(0, 3))):
                if self.chance(0.2):
                    self.now += SECOND // 2
                self.add()

    def event_snapshot(self, _: int | None, style: str | None = None) -> bool:
        style = style or self.pick(SNAPSHOT_STYLES)
        if style == "without_r" and self.open_snapshot:
            style = "with_r"
        self.close(last=False)
        old = self.now - 20 * 3600 * SECOND
        self.live.clear()
        spread = self.chance(0.3)
        if style == "with_r" or self.open_snapshot:
            self.put(CLEAR, flags=F_SNAPSHOT, ts_event=old)
        for n in range(int(self.rng.integers(0, 10)) if style == "with_r" else 1 + len(ORDER_IDS)):
            order_id = self.free_id()
            if order_id is None or (n > 0 and self.chance(0.15)):
                break
            if spread and self.chance(0.5):
                self.now = self.pick((self.now + SECOND // 3, (self.now // SECOND + 1) * SECOND))
            if self.chance(0.05) and n:
                self.put(CLEAR, flags=F_SNAPSHOT, ts_event=old)
                self.live.clear()
            ts_event = self.now - self.pick((0, 1, self.rest_ns, 3600 * SECOND, 50 * 3600 * SECOND))
            side = self.side()
            price, size = self.price(side), self.size()
            flags = F_SNAPSHOT | self.pick((0, 8))
            self.put(
                ADD, side, order_id=order_id, price=price, size=size, flags=flags, ts_event=ts_event
            )
            self.live[order_id] = Live(side, price, size, ts_event)
        for record in self.event.records:  # a snapshot is clocked by its arrival
            record["ts_recv"] = max(record["ts_recv"], self.event.records[0]["ts_recv"])
        self.now = max(self.now, self.recv)
        self.open_snapshot = style == "no_last"
        self.close(last=style != "no_last")
        return True

    # ---- damage --------------------------------------------------------------------------------

    def spoil(self) -> None:
        """Damage the event written last, or put a bad one after it."""
        kind = self.pick(HOSTILE)
        records = self.events[-1].records
        record = self.pick(records)
        if kind == "undefined_price":
            record["price"] = UNDEF_PRICE
        elif kind == "undefined_size":
            record["size"] = UNDEF_ORDER_SIZE
        elif kind == "off_tick":
            if record["price"] != UNDEF_PRICE:
                record["price"] += self.pick((1, -1, self.tick // 2))
        elif kind == "missing_last":
            records[-1]["flags"] &= ~F_LAST
            self.events[-1].packets = False
        elif kind == "back_in_time":
            for other in records if self.chance(0.5) else [record]:
                other["ts_event"] -= self.pick((1, 1000, SECOND, 100 * SECOND))
        elif kind == "no_side":
            record["side"] = self.pick((NO_SIDE, 0, ord("a"), 255))
        elif kind == "unknown_action":
            record["action"] = self.pick((0, ord("a"), ord("X"), 255))
        elif kind == "size_zero":
            record["size"] = 0
        elif kind == "undefined_time":
            record["ts_event"] = self.pick((UNDEFINED_TS, 1 << 63))
            if not record["flags"] & F_SNAPSHOT and self.chance(0.2):
                record["ts_recv"] = UNDEFINED_TS
        elif kind == "huge_size":
            record["size"] = UNDEF_ORDER_SIZE - 1
        elif kind == "far_price":
            ticks = self.pick(((1 << 62) // self.tick, -((1 << 62) // self.tick)))
            record["price"] = ticks * self.tick
        elif kind == "torn_event":  # the records of an event lie on both sides of a boundary
            self.now = (self.now // SECOND + 1) * SECOND
            for other in records[int(self.rng.integers(len(records))) :]:
                other["ts_event"] = max(other["ts_event"], self.now)
                other["ts_recv"] = max(other["ts_recv"], self.now)
            self.recv = max(self.recv, self.now)
        elif kind == "stray_snapshot_flag":
            record["flags"] |= F_SNAPSHOT
        elif kind == "lost_snapshot_flag":
            record["flags"] &= ~F_SNAPSHOT
        else:
            self.bad_event(kind)

    def bad_event(self, kind: str) -> None:
        order_id = self.order()
        if kind == "other_instrument":
            self.put(
                self.pick((ADD, CANCEL, MODIFY, CLEAR, TRADE, FILL, NONE)),
                self.side(),
                order_id=self.pick(ORDER_IDS),
                price=self.price(ASK),
                size=self.size(),
                flags=self.pick((0, F_SNAPSHOT, F_SNAPSHOT | F_LAST)),
            )
            self.event.records[-1]["instrument_id"] = OTHER_INSTRUMENT
            if self.chance(0.3):
                self.event.records[-1]["ts_event"] += 10_000 * SECOND
        elif kind == "unknown_cancel":
            unknown = self.free_id()
            if unknown is not None:
                self.put(CANCEL, self.side(), order_id=unknown, price=self.centre, size=1)
        elif order_id is not None and kind == "duplicate_add":
            if self.chance(0.3):
                self.fill(order_id, 1)
            self.add(order_id)
        elif order_id is not None and kind == "over_reduction":
            qty = self.live[order_id].qty
            if self.chance(0.5):
                self.fill(order_id, self.size())
            self.cancel(order_id, qty + self.size())
        self.close(last=self.chance(0.8))


def random_stream(
    rng: np.random.Generator,
    n_events: int,
    *,
    tick_int: int,
    form: str = "new",
    hostile: float = 0.0,
    snapshot: str = "with_r",
    start_ns: int = START_NS,
    rest_ns: int = REST_NS,
    centre_ticks: int | None = None,
) -> np.ndarray:
    """Write about `n_events` events of a small market as RECORD array.

    `snapshot` is the stream's beginning: a snapshot of a style, a clear, or none. `hostile` is the
    chance of damage after each event; without it no record is an anomaly. `centre_ticks` is where
    the prices lie (drawn if None; at zero and below, too).
    """
    if centre_ticks is None:
        centre_ticks = int(rng.choice([0, 3, -5, -150, 19_240]))
    market = _Market(rng, tick_int, centre_ticks * tick_int, start_ns, rest_ns)
    kinds = list(EVENTS)
    weights = np.array(list(EVENTS.values()), dtype=float)
    weights /= weights.sum()
    if snapshot in SNAPSHOT_STYLES:
        market.event_snapshot(None, snapshot)
    elif snapshot == "clear":
        market.event_clear(None)
        market.close()
    elif snapshot != "none":
        raise ValueError(f"unknown beginning: {snapshot}")
    for _ in range(n_events):
        market.pass_time()
        market.write(str(rng.choice(kinds, p=weights)))
        if hostile and market.events and market.chance(hostile):
            market.spoil()
        market.open_snapshot &= bool(
            market.events and market.events[-1].records[-1]["flags"] & F_SNAPSHOT
        )
    return _to_records(market.events, form, rng)


def _to_records(events: list[Event], form: str, rng: np.random.Generator) -> np.ndarray:
    if form not in ("new", "old"):
        raise ValueError(f"unknown form: {form}")
    records: list[dict[str, int]] = []
    for event in events:
        extra = int(rng.choice([0, 2, 2, 2, 8, 4]))  # bits that mean nothing here
        for record in event.records:
            records.append({**record, "flags": record["flags"] | extra})
        if form == "new" and event.packets and records[-1]["flags"] & F_LAST:
            last = records[-1]
            last["flags"] &= ~F_LAST
            end = {"order_id": 0, "price": UNDEF_PRICE, "size": 0, "action": NONE, "side": NO_SIDE}
            records.append({**last, **end, "flags": last["flags"] | F_LAST})
    array = np.zeros(len(records), dtype=RECORD)
    for name in RECORD.names:
        array[name] = np.array([record[name] for record in records], dtype=RECORD[name])
    array["sequence"] = np.arange(len(records))
    return array


def random_splits(rng: np.random.Generator, n: int) -> list[slice]:
    """Cut n records into batches of any size; some are empty, some hold one record."""
    slices: list[slice] = []
    at = 0
    while at < n:
        size = int(rng.choice([0, 1, 1, 2, 3, 10, 100, n]))
        if size > 1:
            size = int(rng.integers(1, size + 1))
        end = min(at + size, n)
        slices.append(slice(at, end))
        at = end
    if rng.random() < 0.5:
        slices.append(slice(n, n))
    return slices


@dataclass(frozen=True)
class Stream:
    """A drawn stream. `settings` are the arguments of the book that runs it."""

    seed: int
    n_events: int
    options: dict[str, Any]  # of random_stream
    settings: dict[str, Any]  # of the book

    @cached_property
    def records(self) -> np.ndarray:
        return self.in_form(self.options["form"])

    def in_form(self, form: str) -> np.ndarray:
        """The same market in the form `old` or `new`."""
        options = {**self.options, "form": form}
        return random_stream(np.random.default_rng(self.seed), self.n_events, **options)


@st.composite
def streams(
    draw: st.DrawFn, *, max_events: int = 120, hostile: tuple[float, ...] = (0.0, 0.1, 0.5)
) -> Stream:
    """Streams with the settings of a book: sessions that begin and end anywhere, other ticks."""
    seed = draw(st.integers(0, 2**32 - 1))
    n_events = draw(st.integers(0, max_events))
    rest_ns = draw(st.sampled_from([REST_NS, REST_NS, 0, 1_500_000_000]))
    options = {
        "tick_int": draw(st.sampled_from([250_000_000, 10_000_000, 7, 2])),
        "form": draw(st.sampled_from(["new", "old"])),
        "hostile": draw(st.sampled_from(hostile)),
        "snapshot": draw(st.sampled_from(BEGINNINGS)),
        "rest_ns": rest_ns,
    }
    first = START_NS // SECOND
    start = first + draw(st.sampled_from([-5, 0, 0, 1, 7, 30]))
    length = draw(st.sampled_from([400, 400, 60, 5, 2]))
    settings = {
        "tick_int": options["tick_int"],
        "session_start_ns": start * SECOND,
        "session_end_ns": (start + length) * SECOND,
        "hud_max_ticks": draw(st.sampled_from([200, 200, 600, 3, 0])),
        "rest_ns": rest_ns,
        "assume_valid": draw(st.booleans()),
    }
    return Stream(seed, n_events, options, settings)
