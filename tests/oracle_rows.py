"""The rows of one window, the slow and obvious way: each from its two ends and its changes."""

from __future__ import annotations

from dataclasses import dataclass

from oracle_window import Change, Depth, Place, Window

ZONE_TICKS = 20
BUCKETS = {"at": (0, 2), "near": (3, 5), "mid": (6, 14), "far": (15, 20)}

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


def half_even(total: int) -> int:
    """Half of an integer, rounded to the even neighbour."""
    floor = total // 2
    if total % 2 == 0:
        return floor
    return floor if floor % 2 == 0 else floor + 1


def snapshot_row(window: Window) -> dict:
    depth = window.depth_end
    bid = max(depth["B"], default=None)
    ask = min(depth["A"], default=None)
    both = bid is not None and ask is not None
    row = (
        window.start_ns,
        window.end_ns,
        bid,
        0 if bid is None else depth["B"][bid],
        ask,
        0 if ask is None else depth["A"][ask],
        (bid + ask) / 2e9 if both else None,
        half_even(bid + ask) if both else None,
        window.last_trade,
        window.spot,
        window.book_valid,
        0 if bid is None else len(window.levels["B"][bid]),
        0 if ask is None else len(window.levels["A"][ask]),
        window.trades["buy"],
        window.trades["sell"],
        window.trades["other"],
        window.messages,
    )
    return dict(zip(SNAPSHOT_COLUMNS, row, strict=True))


# ---- walls -----------------------------------------------------------------------------------


@dataclass
class Flow:
    """What came to one level and left it in one window."""

    add: int = 0
    pull: int = 0
    pull_rest: int = 0
    fill: int = 0


def wall_rows(window: Window, hud_max_ticks: int, rest_ns: int) -> list[dict]:
    spot, reach = window.spot, hud_max_ticks * window.tick
    flows = _level_flows(window.changes)
    rows = []
    for side in "AB":
        moved = {
            price
            for (flow_side, price), flow in flows.items()
            if flow_side == side and (flow.add or flow.pull or flow.fill)
        }
        for price in sorted(moved.union(window.depth_end[side])):
            if -reach <= price - spot <= reach:
                flow = flows.get((side, price), Flow())
                rows.append(_wall_row(window, side, price, flow, rest_ns))
    return rows


def _level_flows(changes: list[Change]) -> dict[tuple[str, int], Flow]:
    flows: dict[tuple[str, int], Flow] = {}

    def reduce(place: Place, qty: int, change: Change) -> None:
        flow = flows.setdefault((place.side, place.price), Flow())
        flow.fill += change.fill
        flow.pull += qty - change.fill
        if change.aged:
            flow.pull_rest += qty - change.fill

    def add(place: Place, qty: int) -> None:
        flows.setdefault((place.side, place.price), Flow()).add += qty

    for change in changes:
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
    return flows


def _wall_row(window: Window, side: str, price: int, flow: Flow, rest_ns: int) -> dict:
    resting = window.levels[side].get(price, {}).values()
    row = (
        window.start_ns,
        window.end_ns,
        price,
        side,
        window.spot,
        (price - window.spot) // window.tick,
        window.depth_start[side].get(price, 0),
        window.depth_end[side].get(price, 0),
        flow.add,
        flow.pull,
        sum(order.qty for order in resting if order.ts_enter <= window.end_ns - rest_ns),
        flow.pull_rest,
        flow.fill,
        *_differences(window, side, price),
        window.valid,
        len(resting),
    )
    return dict(zip(WALL_COLUMNS, row, strict=True))


def _differences(window: Window, side: str, price: int) -> tuple[int, int, int]:
    if window.depths_before is None:
        return 0, 0, 0
    d0 = window.depth_end[side].get(price, 0)
    back1, back2, back3 = (depth[side].get(price, 0) for depth in window.depths_before)
    return d0 - back1, d0 - 2 * back1 + back2, d0 - 3 * back1 + 3 * back2 - back3


# ---- radar -----------------------------------------------------------------------------------


def radar_row(window: Window) -> dict:
    row = [window.start_ns, window.end_ns, window.spot]
    for side in "AB":
        ends = (
            _zone(window, side, window.depth_start),
            _zone(window, side, window.depth_end),
        )
        for low, high in ((0, ZONE_TICKS), *BUCKETS.values()):
            for zone in ends:
                row.append(sum(qty for k, qty in zone.items() if low <= k <= high))
        for zone in ends:
            total = sum(zone.values())
            moment = sum(k * qty for k, qty in zone.items())
            row.append(moment / total if total else float(ZONE_TICKS))
        row.append(min(ends[1], default=ZONE_TICKS))
        row.extend(_zone_flow(window, side))
    return dict(zip(RADAR_COLUMNS, row, strict=True))


def _distance(window: Window, side: str, price: int) -> int:
    ahead = price - window.spot if side == "A" else window.spot - price
    return ahead // window.tick


def _zone(window: Window, side: str, depth: Depth) -> dict[int, int]:
    """Quantity by distance, of the levels in the zone."""
    step = window.tick if side == "A" else -window.tick
    prices = {k: window.spot + k * step for k in range(ZONE_TICKS + 1)}
    return {k: depth[side][price] for k, price in prices.items() if price in depth[side]}


def _zone_flow(window: Window, side: str) -> tuple[int, int, int, int, int, int]:
    add = pull = pull_at = pull_near = away = toward = 0

    def zone_qty(place: Place | None) -> int:
        if place is None or place.side != side:
            return 0
        return place.qty if 0 <= _distance(window, side, place.price) <= ZONE_TICKS else 0

    for change in window.changes:
        z0, z1 = zone_qty(change.before), zone_qty(change.after)
        if z1 > z0:
            add += z1 - z0
        if change.action == "A" or z0 == 0 or not change.aged:
            continue
        k0 = _distance(window, side, change.before.price)
        if z1 < z0:
            qty = max(z0 - z1 - change.fill, 0)
            pull += qty
            if k0 <= BUCKETS["at"][1]:
                pull_at += qty
            elif k0 <= BUCKETS["near"][1]:
                pull_near += qty
        after = change.after
        if after and after.side == side and after.price != change.before.price:
            k1 = _distance(window, side, after.price)
            if k1 <= 0 or k1 < k0:
                toward += z0
            else:
                away += z0
    return add, pull, pull_at, pull_near, away, toward
