"""The futures book, written the slow and obvious way.

This is the yardstick for the engine: dicts of orders, Python integers, one list of changes a
window, and every row computed at the window's end from the orders that rest then and from that
list. It shares nothing with the engine but the names of the wire constants.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, RECORD, UNDEF_ORDER_SIZE, UNDEF_PRICE

SECOND = 1_000_000_000
UNDEFINED_TIME = 1 << 63
ZONE_TICKS = 20
BUCKETS = {"at": (0, 2), "near": (3, 5), "mid": (6, 14), "far": (15, 20)}
SIDE_NAMES = {"A": "ask", "B": "bid"}

SNAPSHOT_COLUMNS = (
    "window_start_ts_ns",
    "window_end_ts_ns",
    "best_bid_price_int",
    "best_bid_qty",
    "best_ask_price_int",
    "best_ask_qty",
    "mid_price",
    "mid_price_int",
    "last_trade_price_int",
    "spot_ref_price_int",
    "book_valid",
    "best_bid_orders",
    "best_ask_orders",
    "trade_buy_qty",
    "trade_sell_qty",
    "trade_other_qty",
    "message_count",
)
WALL_COLUMNS = (
    "window_start_ts_ns",
    "window_end_ts_ns",
    "price_int",
    "side",
    "spot_ref_price_int",
    "rel_ticks",
    "depth_qty_start",
    "depth_qty_end",
    "add_qty",
    "pull_qty_total",
    "depth_qty_rest",
    "pull_qty_rest",
    "fill_qty",
    "d1_depth_qty",
    "d2_depth_qty",
    "d3_depth_qty",
    "window_valid",
    "order_count_end",
)
RADAR_COLUMNS = (
    "window_start_ts_ns",
    "window_end_ts_ns",
    "spot_ref_price_int",
    *(
        f"{side}_{name}"
        for side in ("ask", "bid")
        for name in (
            *(
                f"depth_{bucket}_{end}"
                for bucket in ("total", "at", "near", "mid", "far")
                for end in ("start", "end")
            ),
            "com_ticks_start",
            "com_ticks_end",
            "bbo_ticks_end",
            "add_qty",
            "pull_rest_qty",
            "pull_rest_qty_at",
            "pull_rest_qty_near",
            "reprice_away_rest_qty",
            "reprice_toward_rest_qty",
        )
    ),
)

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


@dataclass
class Flow:
    """What came to one level and left it in one window."""

    add: int = 0
    pull: int = 0
    pull_rest: int = 0
    fill: int = 0


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


def half_even(total: int) -> int:
    """Half of an integer, rounded to the even neighbour."""
    floor = total // 2
    if total % 2 == 0:
        return floor
    return floor if floor % 2 == 0 else floor + 1


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

        # a snapshot's start, and its end where it lacks F_LAST
        if is_snapshot:
            self.saw_snapshot = True
            if not self.in_snapshot:
                self._clear()
                self.in_snapshot = True
                self.valid = False
                self.valid_at_next_last = False
        elif self.in_snapshot:
            self.in_snapshot = False
            self.valid = True

        action, side = chr(rec["action"]), chr(rec["side"])
        defect = self._defect(action, side, rec["price"], rec["size"])
        if defect is not None:
            self._anomaly(defect, index, rec["ts_event"], order_id)
        elif action == "R":
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
            change, kind = self._book_record(
                action, order_id, Order(side, rec["price"], rec["size"], min(ts_event, clock))
            )
            if kind is not None:
                self._anomaly(kind, index, rec["ts_event"], order_id)
            if change is not None and not is_snapshot:
                self.changes.append(change)

        if is_last:
            if is_snapshot:
                self.in_snapshot = False
                self.valid = True
            elif self.valid_at_next_last:
                self.valid_at_next_last = False
                self.valid = True
            self.announced = {}
            if action == "F" and defect is None:
                self.announced[order_id] = rec["size"]
        return True

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
        history_start = self.history_start  # None: the three differences are 0
        if history_start is None and valid:
            self.history_start = window

        if self.first_session_window <= window < self.end_session_window:
            spot = self._emit_snapshot(window, depth_end)
            if spot is not None:
                self._emit_walls(window, spot, depth_end, valid, history_start)
                self._emit_radar(window, spot, depth_end)

        self.valid_start = self.valid
        self.depth_start = depth_end
        self.changes = []
        self.touched = set()
        self.trades = {"buy": 0, "sell": 0, "other": 0}
        self.messages = 0
        self.cleared = False
        self.saw_snapshot = False

    def _emit_snapshot(self, window: int, depth: Depth) -> int | None:
        bid = max(depth["B"], default=None)
        ask = min(depth["A"], default=None)
        both = bid is not None and ask is not None
        spot = self.last_trade
        if spot is None and self.valid:
            spot = bid
        row = (
            window * SECOND,
            (window + 1) * SECOND,
            bid,
            0 if bid is None else depth["B"][bid],
            ask,
            0 if ask is None else depth["A"][ask],
            (bid + ask) / 2e9 if both else None,
            half_even(bid + ask) if both else None,
            self.last_trade,
            spot,
            self.valid,
            0 if bid is None else len(self.levels["B"][bid]),
            0 if ask is None else len(self.levels["A"][ask]),
            self.trades["buy"],
            self.trades["sell"],
            self.trades["other"],
            self.messages,
        )
        self.snapshot_rows.append(dict(zip(SNAPSHOT_COLUMNS, row, strict=True)))
        return spot

    def _emit_walls(
        self,
        window: int,
        spot: int,
        depth_end: Depth,
        valid: bool,
        history_start: int | None,
    ) -> None:
        flows: dict[tuple[str, int], Flow] = {}

        def reduce(place: Place, qty: int, change: Change) -> None:
            flow = flows.setdefault((place.side, place.price), Flow())
            flow.fill += change.fill
            flow.pull += qty - change.fill
            if change.aged:
                flow.pull_rest += qty - change.fill

        def add(place: Place, qty: int) -> None:
            flows.setdefault((place.side, place.price), Flow()).add += qty

        for change in self.changes:
            before, after = change.before, change.after
            if before and after and change.action != "A" and before[:2] == after[:2]:
                if after.qty > before.qty:
                    add(before, after.qty - before.qty)
                else:
                    reduce(before, before.qty - after.qty, change)
                continue
            if before:
                reduce(before, before.qty, change)
            if after:
                add(after, after.qty)

        start_ns, end_ns = window * SECOND, (window + 1) * SECOND
        rested_since = end_ns - self.rest_ns
        no_flow = Flow()
        for side in "AB":
            starts, ends = self.depth_start[side], depth_end[side]
            if history_start is not None:
                ends1, ends2, ends3 = (
                    self.end_depths[max(window - back, history_start)][side] for back in (1, 2, 3)
                )
            moved = {
                price
                for (flow_side, price), flow in flows.items()
                if flow_side == side and (flow.add or flow.pull or flow.fill)
            }
            reach = self.hud * self.tick
            for price in sorted(p for p in moved.union(ends) if -reach <= p - spot <= reach):
                flow = flows.get((side, price), no_flow)
                resting = self.levels[side].get(price, {}).values()
                rest = sum([order.qty for order in resting if order.ts_enter <= rested_since])
                d0 = ends.get(price, 0)
                d1 = d2 = d3 = 0
                if history_start is not None:
                    back1, back2, back3 = (
                        ends1.get(price, 0),
                        ends2.get(price, 0),
                        ends3.get(price, 0),
                    )
                    d1 = d0 - back1
                    d2 = d0 - 2 * back1 + back2
                    d3 = d0 - 3 * back1 + 3 * back2 - back3
                row = (
                    start_ns,
                    end_ns,
                    price,
                    side,
                    spot,
                    (price - spot) // self.tick,
                    starts.get(price, 0),
                    d0,
                    flow.add,
                    flow.pull,
                    rest,
                    flow.pull_rest,
                    flow.fill,
                    d1,
                    d2,
                    d3,
                    valid,
                    len(resting),
                )
                self.wall_rows.append(dict(zip(WALL_COLUMNS, row, strict=True)))

    def _emit_radar(self, window: int, spot: int, depth_end: Depth) -> None:
        row = [window * SECOND, (window + 1) * SECOND, spot]
        for side in "AB":
            ends = self._zone(side, spot, self.depth_start), self._zone(side, spot, depth_end)
            for low, high in ((0, ZONE_TICKS), *BUCKETS.values()):
                for zone in ends:
                    row.append(sum(qty for k, qty in zone.items() if low <= k <= high))
            for zone in ends:
                total = sum(zone.values())
                moment = sum(k * qty for k, qty in zone.items())
                row.append(moment / total if total else float(ZONE_TICKS))
            row.append(min(ends[1], default=ZONE_TICKS))
            row.extend(self._zone_flow(side, spot))
        self.radar_rows.append(dict(zip(RADAR_COLUMNS, row, strict=True)))

    def _distance(self, side: str, spot: int, price: int) -> int:
        return (price - spot if side == "A" else spot - price) // self.tick

    def _zone(self, side: str, spot: int, depth: Depth) -> dict[int, int]:
        """Quantity by distance, of the levels in the zone."""
        step = self.tick if side == "A" else -self.tick
        levels = depth[side]
        return {
            k: levels[spot + k * step] for k in range(ZONE_TICKS + 1) if spot + k * step in levels
        }

    def _zone_flow(self, side: str, spot: int) -> tuple[int, int, int, int, int, int]:
        add = pull = pull_at = pull_near = away = toward = 0

        def zone_qty(place: Place | None) -> int:
            if place is None or place.side != side:
                return 0
            return place.qty if 0 <= self._distance(side, spot, place.price) <= ZONE_TICKS else 0

        for change in self.changes:
            z0, z1 = zone_qty(change.before), zone_qty(change.after)
            if z1 > z0:
                add += z1 - z0
            if change.action == "A" or z0 == 0 or not change.aged:
                continue
            k0 = self._distance(side, spot, change.before.price)
            if z1 < z0:
                qty = max(z0 - z1 - change.fill, 0)
                pull += qty
                if k0 <= BUCKETS["at"][1]:
                    pull_at += qty
                elif k0 <= BUCKETS["near"][1]:
                    pull_near += qty
            after = change.after
            if after and after.side == side and after.price != change.before.price:
                k1 = self._distance(side, spot, after.price)
                if k1 <= 0 or k1 < k0:
                    toward += z0
                else:
                    away += z0
        return add, pull, pull_at, pull_near, away, toward

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
