"""The futures book, written the slow and obvious way.

This is the yardstick for the engine: dicts of orders, Python integers, one list of changes a
window, and every row computed at the window's end from the orders that rest then and from that
list. It shares nothing with the engine but the names of the wire constants.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from oracle_rows import radar_row, snapshot_row, wall_rows
from oracle_window import SECOND, Change, Depth, Order, Place, Window

from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, RECORD, UNDEF_ORDER_SIZE, UNDEF_PRICE

UNDEFINED_TIME = 1 << 63
ANOMALY_KINDS = (
    "other_instrument",
    "unknown_action",
    "undefined_size",
    "undefined_price",
    "off_tick",
    "undefined_side",
    "unknown_cancel",
    "duplicate_add",
    "over_reduction",
)


@dataclass
class OracleResult:
    """The three surfaces as rows, and what was counted on the way."""

    book_snapshot_1s: list[dict]
    wall_surface_1s: list[dict]
    radar_zone_flow_1s: list[dict]
    anomalies: dict[str, int]
    first_anomaly: tuple[int, int, int, str] | None
    records_applied: int
    unknown_modifies: int
    unknown_fills: int
    orders: dict[int, Order] = field(repr=False)  # those that rest at the end


def depth_from_orders(orders: dict[int, Order]) -> Depth:
    """Quantity by side and price, from nothing but the orders."""
    depth: Depth = {"A": {}, "B": {}}
    for order in orders.values():
        side = depth[order.side]
        side[order.price] = side.get(order.price, 0) + order.qty
    return depth


class OracleBook:
    """The book of one instrument, fed record by record."""

    def __init__(
        self,
        *,
        tick_int: int,
        session_start_ns: int,
        session_end_ns: int,
        hud_max_ticks: int,
        rest_ns: int,
        assume_valid: bool,
        instrument_id: int | None,
        check_depth: bool,
    ):
        if session_start_ns % SECOND or session_end_ns % SECOND:
            raise ValueError("a session starts and ends on whole seconds")
        self.tick = tick_int
        self.first_session_window = session_start_ns // SECOND
        self.session_end_ns = session_end_ns
        self.end_session_window = session_end_ns // SECOND
        self.hud = hud_max_ticks
        self.rest_ns = rest_ns
        self.assume_valid = assume_valid
        self.instrument_id = instrument_id
        self.check_depth = check_depth

        # the book
        self.orders: dict[int, Order] = {}
        self.levels: dict[str, dict[int, dict[int, Order]]] = {"A": {}, "B": {}}
        self.announced: dict[int, int] = {}
        self.last_trade: int | None = None
        self.clock = 0
        self.valid = assume_valid
        self.in_snapshot = False
        self.valid_at_next_last = False

        # the running window
        self.window: int | None = None
        self.changes: list[Change] = []
        self.touched: set[tuple[str, int]] = set()
        self.trades = {"buy": 0, "sell": 0, "other": 0}
        self.messages = 0
        self.cleared = False
        self.saw_snapshot = False

        # the ends of windows before
        self.valid_start = assume_valid
        self.depth_start: Depth = {"A": {}, "B": {}}
        self.history_start: int | None = None
        self.end_depths: dict[int, Depth] = {}

        # what comes out
        self.snapshot_rows: list[dict] = []
        self.wall_rows: list[dict] = []
        self.radar_rows: list[dict] = []
        self.anomalies: Counter[str] = Counter()
        self.first_anomaly: tuple[int, int, int, str] | None = None
        self.records_applied = 0
        self.unknown_modifies = 0
        self.unknown_fills = 0

    # ---- the orders ----------------------------------------------------------------------------

    def _insert(self, order_id: int, order: Order) -> None:
        self.orders[order_id] = order
        self.levels[order.side].setdefault(order.price, {})[order_id] = order
        self.touched.add((order.side, order.price))

    def _remove(self, order_id: int) -> None:
        order = self.orders.pop(order_id)
        level = self.levels[order.side][order.price]
        del level[order_id]
        if not level:
            del self.levels[order.side][order.price]
        self.touched.add((order.side, order.price))

    def _clear(self) -> None:
        self.orders = {}
        self.levels = {"A": {}, "B": {}}
        self.cleared = True

    def _use_announced(self, order_id: int, reduction: int) -> int:
        fill = min(reduction, self.announced.get(order_id, 0))
        if fill:
            self.announced[order_id] -= fill
        return fill

    def _add(self, order_id: int, order: Order) -> Place | None:
        if order.qty == 0:
            return None
        self._insert(order_id, order)
        return Place(order.side, order.price, order.qty)

    # ---- one record ----------------------------------------------------------------------------

    def _anomaly(self, kind: str, index: int, ts_event: int, order_id: int) -> None:
        self.anomalies[kind] += 1
        if kind == "unknown_cancel" and self.assume_valid:
            return
        if self.first_anomaly is None:
            self.first_anomaly = (index, ts_event, order_id, kind)

    def _defect(self, action: str, side: str, price: int, size: int) -> str | None:
        if action not in "ACMRTFN":
            return "unknown_action"
        if action in "ACMTF" and size == UNDEF_ORDER_SIZE:
            return "undefined_size"
        if action in "AMT" and price == UNDEF_PRICE:
            return "undefined_price"
        if action in "AMT" and price % self.tick != 0:
            return "off_tick"
        if action in "AM" and side not in "AB":
            return "undefined_side"
        return None

    def record(self, index: int, rec: dict[str, int]) -> bool:
        """Take one record; False when it lies at or after the session's end."""
        order_id = rec["order_id"]
        if self.instrument_id is None:
            self.instrument_id = rec["instrument_id"]
        if rec["instrument_id"] != self.instrument_id:
            self._anomaly("other_instrument", index, rec["ts_event"], order_id)
            return True

        is_snapshot = bool(rec["flags"] & F_SNAPSHOT)
        is_last = bool(rec["flags"] & F_LAST)
        ts_recv = rec["ts_recv"] if rec["ts_recv"] < UNDEFINED_TIME else 0
        ts_event = rec["ts_event"] if rec["ts_event"] < UNDEFINED_TIME else ts_recv
        clock = max(self.clock, ts_recv if is_snapshot else ts_event)
        if clock >= self.session_end_ns:
            if self.window is not None:
                self._roll_to(self.end_session_window)
                self.window = None
            return False
        if self.window is None:
            self.window = clock // SECOND
        self._roll_to(clock // SECOND)
        self.clock = clock
        self.messages += 1
        self.records_applied += 1

        if is_snapshot:
            self.saw_snapshot = True
            if not self.in_snapshot:
                self._clear()
                self.in_snapshot = True
                self.valid = False
                self.valid_at_next_last = False
        elif self.in_snapshot:  # which lacked its F_LAST
            self.in_snapshot = False
            self.valid = True

        defect = self._defect(chr(rec["action"]), chr(rec["side"]), rec["price"], rec["size"])
        if defect is not None:
            self._anomaly(defect, index, rec["ts_event"], order_id)
        else:
            self._apply(index, rec, min(ts_event, clock), is_snapshot)

        if is_last:
            if is_snapshot:
                self.in_snapshot = False
                self.valid = True
            elif self.valid_at_next_last:
                self.valid_at_next_last = False
                self.valid = True
            self.announced = {}
            if chr(rec["action"]) == "F" and defect is None:
                self.announced[order_id] = rec["size"]
        return True

    def _apply(self, index: int, rec: dict[str, int], ts_enter: int, is_snapshot: bool) -> None:
        """Do what a record without defects says."""
        action, side, order_id = chr(rec["action"]), chr(rec["side"]), rec["order_id"]
        if action == "R":
            self._clear()
            if not is_snapshot:
                self.valid = False
                self.valid_at_next_last = True
        elif action == "T":
            self.last_trade = rec["price"]
            if not is_snapshot:
                name = {"B": "buy", "A": "sell"}.get(side, "other")
                self.trades[name] += rec["size"]
        elif action == "F":
            if order_id not in self.orders:
                self.unknown_fills += 1
            self.announced[order_id] = self.announced.get(order_id, 0) + rec["size"]
        elif action in "ACM":
            order = Order(side, rec["price"], rec["size"], ts_enter)
            change, kind = self._book_record(action, order_id, order)
            if kind is not None:
                self._anomaly(kind, index, rec["ts_event"], order_id)
            if change is not None and not is_snapshot:
                self.changes.append(change)

    def _book_record(
        self, action: str, order_id: int, new: Order
    ) -> tuple[Change | None, str | None]:
        """Apply A, C or M to the orders: what changed, and which anomaly it was."""
        side, price, size = new.side, new.price, new.qty
        order = self.orders.get(order_id)
        if order is None:
            if action == "C":
                return None, "unknown_cancel"
            if action == "M":
                self.unknown_modifies += 1
            after = self._add(order_id, new)
            return Change(action, None, after, 0, False), None

        before = Place(order.side, order.price, order.qty)
        aged = self.clock - order.ts_enter >= self.rest_ns

        if action == "A":
            self._remove(order_id)
            after = self._add(order_id, new)
            return Change("A", before, after, 0, aged), "duplicate_add"

        if action == "C":
            left = max(order.qty - size, 0)
            fill = self._use_announced(order_id, order.qty - left)
            kind = "over_reduction" if size > order.qty else None
            if left == 0:
                self._remove(order_id)
                return Change("C", before, None, fill, aged), kind
            order.qty = left
            self.touched.add((order.side, order.price))
            return Change("C", before, Place(order.side, order.price, left), fill, aged), kind

        if size == 0 or side != order.side or price != order.price:
            fill = self._use_announced(order_id, order.qty)
            self._remove(order_id)
            after = self._add(order_id, new)
            return Change("M", before, after, fill, aged), None

        fill = self._use_announced(order_id, max(order.qty - size, 0))
        order.qty = size
        self.touched.add((order.side, order.price))
        return Change("M", before, Place(side, price, size), fill, aged), None

    # ---- the windows ---------------------------------------------------------------------------

    def _roll_to(self, window: int) -> None:
        """End every window before this one."""
        ended = 0
        while self.window < window:
            self._end_window()
            self.window += 1
            ended += 1
            # A long silence before the session: after the busy window and four idle ones all
            # windows up to the session are alike.
            target = min(window, self.first_session_window)
            if ended == 5 and self.window < target:
                self.end_depths = {target - back: self.depth_start for back in (1, 2, 3)}
                self.window = target

    def _depth(self) -> Depth:
        """Depth now. Levels without a change keep the number they had."""
        if self.cleared:
            depth = depth_from_orders(self.orders)
        elif not self.touched:
            depth = self.depth_start
        else:
            depth = {side: dict(self.depth_start[side]) for side in "AB"}
            for side, price in self.touched:
                level = self.levels[side].get(price)
                if level:
                    depth[side][price] = sum(order.qty for order in level.values())
                else:
                    depth[side].pop(price, None)
        if self.check_depth:
            assert depth == depth_from_orders(self.orders)
        return depth

    def _end_window(self) -> None:
        """Write the window's rows, and start the next one."""
        window = self.window
        depth_end = self._depth()
        valid = self.valid_start and self.valid and not self.cleared and not self.saw_snapshot
        self.end_depths[window] = depth_end
        self.end_depths.pop(window - 4, None)
        if self.cleared:
            self.history_start = None
        history_start = self.history_start
        if history_start is None and valid:
            self.history_start = window

        if self.first_session_window <= window < self.end_session_window:
            self._write_rows(
                Window(
                    number=window,
                    tick=self.tick,
                    levels=self.levels,
                    depth_start=self.depth_start,
                    depth_end=depth_end,
                    depths_before=self._depths_before(window, history_start),
                    changes=self.changes,
                    trades=self.trades,
                    messages=self.messages,
                    last_trade=self.last_trade,
                    book_valid=self.valid,
                    valid=valid,
                )
            )

        self.valid_start = self.valid
        self.depth_start = depth_end
        self.changes = []
        self.touched = set()
        self.trades = {"buy": 0, "sell": 0, "other": 0}
        self.messages = 0
        self.cleared = False
        self.saw_snapshot = False

    def _depths_before(self, window: int, history_start: int | None) -> tuple[Depth, ...] | None:
        if history_start is None:
            return None
        return tuple(self.end_depths[max(window - back, history_start)] for back in (1, 2, 3))

    def _write_rows(self, window: Window) -> None:
        self.snapshot_rows.append(snapshot_row(window))
        if window.spot is not None:
            self.wall_rows.extend(wall_rows(window, self.hud, self.rest_ns))
            self.radar_rows.append(radar_row(window))

    def finish(self) -> OracleResult:
        """End the last window and hand everything over."""
        if self.window is not None:
            self._roll_to(self.window + 1)
        return OracleResult(
            self.snapshot_rows,
            self.wall_rows,
            self.radar_rows,
            dict(self.anomalies),
            self.first_anomaly,
            self.records_applied,
            self.unknown_modifies,
            self.unknown_fills,
            self.orders,
        )


def oracle_book(
    records: np.ndarray,
    *,
    tick_int: int,
    session_start_ns: int,
    session_end_ns: int,
    hud_max_ticks: int = 200,
    rest_ns: int = 500_000_000,
    assume_valid: bool = False,
    instrument_id: int | None = None,
    check_depth: bool = False,
) -> OracleResult:
    """Run the records through the book; `check_depth` recounts all depth in every window."""
    book = OracleBook(
        tick_int=tick_int,
        session_start_ns=session_start_ns,
        session_end_ns=session_end_ns,
        hud_max_ticks=hud_max_ticks,
        rest_ns=rest_ns,
        assume_valid=assume_valid,
        instrument_id=instrument_id,
        check_depth=check_depth,
    )
    names = RECORD.names
    for index, values in enumerate(records.tolist()):
        if not book.record(index, dict(zip(names, values, strict=True))):
            break
    return book.finish()
