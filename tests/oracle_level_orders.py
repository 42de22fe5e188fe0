"""level_orders_1s the slow and obvious way: dictionaries, and every order looked at at every end."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from spymaster_udf import mbo

SECOND = 1_000_000_000
UNDEFINED_TS = (1 << 64) - 1
Row = dict[str, Any]


class _Orders:
    """Resting orders by id, as (side, price, quantity)."""

    def __init__(self, tick_int: int) -> None:
        self.tick_int = tick_int
        self.resting: dict[int, tuple[str, int, int]] = {}
        self.traded: dict[int, dict[str, Any]] = {}
        self.flows: list[dict[str, Any]] = []
        self.aggressor = 0

    def depth(self, side: str, price: int) -> int:
        return sum(q for s, p, q in self.resting.values() if (s, p) == (side, price))

    def set(self, order_id: int, side: str, price: int, qty: int) -> None:
        if qty:
            self.resting[order_id] = (side, price, qty)
        else:
            self.resting.pop(order_id, None)

    def apply(self, record: Any) -> None:
        kind, order_id = int(record["action"]), int(record["order_id"])
        qty, price = int(record["size"]), int(record["price"])
        if kind == mbo.CLEAR:
            self.resting.clear()
        if kind == mbo.TRADE:
            self.aggressor = order_id
        if kind not in (mbo.ADD, mbo.CANCEL, mbo.MODIFY, mbo.FILL) or qty == mbo.UNDEF_ORDER_SIZE:
            return
        known = self.resting.get(order_id)
        if kind == mbo.FILL:
            if self.aggressor and order_id == self.aggressor:
                return
            if not int(record["flags"]) & mbo.F_LAST:
                self.announce(order_id, qty)
            return
        if kind == mbo.CANCEL:
            if known:
                side, price, old = known
                self.confirm(order_id)
                self.set(order_id, side, price, max(old - qty, 0))
            return
        letter = {mbo.ASK: "A", mbo.BID: "B"}.get(int(record["side"]))
        if letter is None or price == mbo.UNDEF_PRICE or price % self.tick_int:
            return
        if kind == mbo.MODIFY and known:
            self.confirm(order_id)
        elif qty and order_id in self.traded and not self.traded[order_id]["confirmed"]:
            self.traded[order_id] |= {"side": letter, "price": price, "before": qty}
        self.set(order_id, letter, price, qty)

    def announce(self, order_id: int, qty: int) -> None:
        if qty:
            side, price, before = self.resting.get(order_id, ("", 0, 0))
            one = self.traded.setdefault(
                order_id,
                {"side": side, "price": price, "before": before, "filled": 0, "confirmed": False},
            )
            one["filled"] += qty

    def confirm(self, order_id: int) -> None:
        if order_id in self.traded:
            self.traded[order_id]["confirmed"] = True

    def end_event(self) -> None:
        for order_id, one in self.traded.items():
            side, price, after = self.resting.get(order_id, ("", 0, 0))
            if (side, price) != (one["side"], one["price"]):
                after = 0
            if one["confirmed"]:
                refreshed = max(after + one["filled"] - one["before"], 0)
                emptied = self.depth(one["side"], one["price"]) == 0
                self.flows.append({**one, "refreshed": refreshed, "emptied": emptied})
        self.traded = {}


def oracle_level_orders(
    records: np.ndarray[Any, Any],
    windows: list[tuple[int, int | None]],
    tick_int: int,
    hud_max_ticks: int,
) -> list[Row]:
    """Return the rows of the windows (start, spot), in order."""
    spots = {start // SECOND: spot for start, spot in windows}
    orders = _Orders(tick_int)
    rows: list[Row] = []
    window = clock = None
    in_snapshot = False
    for record in records:
        if record["instrument_id"] != records[0]["instrument_id"]:
            continue
        recv = max(int(record["ts_recv"].astype(np.int64)), 0)
        event = int(record["ts_event"].astype(np.int64))
        event = recv if event < 0 else event
        flags = int(record["flags"])
        is_snapshot = bool(flags & mbo.F_SNAPSHOT)
        time = recv if is_snapshot else event
        clock = time if clock is None else max(clock, time)
        while window is not None and window < clock // SECOND:
            rows += _rows(orders, window, spots.get(window), tick_int, hud_max_ticks)
            window += 1
            if not any(later >= window for later in spots):
                return rows
        window = clock // SECOND
        if is_snapshot and not in_snapshot:
            orders.resting.clear()
        in_snapshot = is_snapshot
        orders.apply(record)
        if flags & mbo.F_LAST:
            in_snapshot = False
            orders.end_event()
            size = int(record["size"])
            is_own = orders.aggressor and orders.aggressor == int(record["order_id"])
            orders.aggressor = 0
            if record["action"] == mbo.FILL and size != mbo.UNDEF_ORDER_SIZE and not is_own:
                orders.announce(int(record["order_id"]), size)
    if window is not None:
        rows += _rows(orders, window, spots.get(window), tick_int, hud_max_ticks)
    return rows


def _rows(orders: _Orders, window: int, spot: int | None, tick_int: int, reach: int) -> list[Row]:
    flows, orders.flows = orders.flows, []
    if spot is None:
        return []
    levels: dict[tuple[str, int], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("largest", "executed", "absorbed", "refreshes", "refreshed"), 0)
    )
    for side, price, qty in orders.resting.values():
        levels[side, price]["largest"] = max(levels[side, price]["largest"], qty)
    for flow in flows:
        level = levels[flow["side"], flow["price"]]
        level["executed"] += flow["filled"]
        level["absorbed"] = 0 if flow["emptied"] else level["absorbed"] + flow["filled"]
        level["refreshes"] += flow["refreshed"] > 0
        level["refreshed"] += flow["refreshed"]
    return [
        {
            "window_start_ts_ns": window * SECOND,
            "window_end_ts_ns": (window + 1) * SECOND,
            "price_int": price,
            "side": side,
            "spot_ref_price_int": spot,
            "rel_ticks": (price - spot) // tick_int,
            "largest_order_qty": level["largest"],
            "executed_qty": level["executed"],
            "absorbed_qty": level["absorbed"],
            "refresh_count": level["refreshes"],
            "refreshed_qty": level["refreshed"],
        }
        for (side, price), level in sorted(levels.items())
        if abs(price - spot) <= reach * tick_int and level["largest"] + level["executed"]
    ]
