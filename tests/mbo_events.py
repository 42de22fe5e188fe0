"""Every kind of event that `mbo_streams` writes: how often it comes, and of what records it is."""

from __future__ import annotations

from mbo_market import ORDER_IDS, SECOND, SNAPSHOT_STYLES, Live, Market

from spymaster_udf.mbo import ADD, ASK, BID, CLEAR, F_SNAPSHOT, FILL, NO_SIDE, NONE

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


class EventWriter(Market):
    """A market that writes its events; `event_` and the kind is the method of each."""

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
