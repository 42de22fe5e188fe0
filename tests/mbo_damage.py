"""What no market should send: damage that `mbo_streams` does to events, and events that are bad."""

from __future__ import annotations

from mbo_events import EventWriter
from mbo_market import ORDER_IDS, OTHER_INSTRUMENT, SECOND, UNDEFINED_TS

from spymaster_udf.mbo import (
    ADD,
    ASK,
    CANCEL,
    CLEAR,
    F_LAST,
    F_SNAPSHOT,
    FILL,
    MODIFY,
    NO_SIDE,
    NONE,
    TRADE,
    UNDEF_ORDER_SIZE,
    UNDEF_PRICE,
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


class HostileWriter(EventWriter):
    """A market whose records can be spoilt after they were written."""

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
