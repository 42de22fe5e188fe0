"""The book engine's output as Arrow: column names and types of the three tables.

The contracts say the same names and types; a build compares the two before anything is published.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from spymaster_udf.book_state import NONE_INT, WINDOW_NS
from spymaster_udf.book_windows import (
    BOOK_COLUMNS,
    BUCKETS,
    MARK_SIDE,
    MARK_VALID,
    R_ADD,
    R_AWAY,
    R_BBO,
    R_COM_END,
    R_COM_START,
    R_PULL_REST,
    R_PULL_REST_AT,
    R_PULL_REST_NEAR,
    R_TOWARD,
    RADAR_KEY_SIZE,
    RADAR_SIDE_SIZE,
    W_ADD,
    W_D1,
    W_D2,
    W_D3,
    W_END,
    W_FILL,
    W_ORDERS,
    W_PRICE,
    W_PULL,
    W_PULL_REST,
    W_REL_TICKS,
    W_REST,
    W_SPOT,
    W_START,
    W_WINDOW_END,
    W_WINDOW_START,
    WALL_COLUMN_COUNT,
    WALL_MARK_COUNT,
    ZONE_TICKS,
)
from spymaster_udf.column_buffer import ColumnBuffer

BOOK_SNAPSHOT: Final = "book_snapshot_1s"
WALL_SURFACE: Final = "wall_surface_1s"
RADAR_ZONE_FLOW: Final = "radar_zone_flow_1s"
PRICE_SCALE: Final = 1_000_000_000

_BIGINT_WALL: Final = {
    "window_start_ts_ns": W_WINDOW_START,
    "window_end_ts_ns": W_WINDOW_END,
    "price_int": W_PRICE,
    "spot_ref_price_int": W_SPOT,
    "rel_ticks": W_REL_TICKS,
    "depth_qty_start": W_START,
    "depth_qty_end": W_END,
    "add_qty": W_ADD,
    "pull_qty_total": W_PULL,
    "depth_qty_rest": W_REST,
    "pull_qty_rest": W_PULL_REST,
    "fill_qty": W_FILL,
    "d1_depth_qty": W_D1,
    "d2_depth_qty": W_D2,
    "d3_depth_qty": W_D3,
    "order_count_end": W_ORDERS,
}
_WALL_NAMES: Final = (
    *list(_BIGINT_WALL)[:3],
    "side",
    *list(_BIGINT_WALL)[3:15],
    "window_valid",
    "order_count_end",
)
_SIDE_NAMES: Final = pa.array(["A", "B"])  # in the order of ASK_SIDE, BID_SIDE

IntArray = np.ndarray[Any, np.dtype[np.int64]]


def _bigint(values: IntArray, none: IntArray | None = None) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), mask=none)


def book_snapshot_batch(rows: IntArray, tick_int: int) -> pa.RecordBatch:
    """Return book_snapshot_1s rows from the kernel's (windows, BOOK_COLUMNS) array."""
    column = dict(zip(BOOK_COLUMNS, rows.T, strict=True))

    def price(name: str) -> pa.Array:
        none = column[name] == NONE_INT
        return _bigint(np.where(none, 0, column[name]) * tick_int, none)

    no_mid = (column["best_bid_tick"] == NONE_INT) | (column["best_ask_tick"] == NONE_INT)
    tick_sum = np.where(no_mid, 0, column["best_bid_tick"] + column["best_ask_tick"])
    price_sum = tick_sum * tick_int
    half = price_sum >> 1
    half_even = half + ((price_sum & 1) & (half & 1))
    start = column["window"] * WINDOW_NS
    return pa.RecordBatch.from_pydict(
        {
            "window_start_ts_ns": _bigint(start),
            "window_end_ts_ns": _bigint(start + WINDOW_NS),
            "best_bid_price_int": price("best_bid_tick"),
            "best_bid_qty": _bigint(column["best_bid_qty"]),
            "best_ask_price_int": price("best_ask_tick"),
            "best_ask_qty": _bigint(column["best_ask_qty"]),
            "mid_price": pa.array(price_sum / (2.0 * PRICE_SCALE), mask=no_mid),
            "mid_price_int": _bigint(half_even, no_mid),
            "last_trade_price_int": price("last_trade_tick"),
            "spot_ref_price_int": price("spot_tick"),
            "book_valid": pa.array(column["book_valid"] != 0),
            "best_bid_orders": _bigint(column["best_bid_orders"]),
            "best_ask_orders": _bigint(column["best_ask_orders"]),
            "trade_buy_qty": _bigint(column["trade_buy_qty"]),
            "trade_sell_qty": _bigint(column["trade_sell_qty"]),
            "trade_other_qty": _bigint(column["trade_other_qty"]),
            "message_count": _bigint(column["message_count"]),
        }
    )


class WallBuffer(ColumnBuffer):
    """Room for `capacity` wall rows."""

    column_count, mark_count = WALL_COLUMN_COUNT, WALL_MARK_COUNT

    def batch(self, rows: int) -> pa.RecordBatch:
        """Return the first `rows` rows as wall_surface_1s; the buffer must not be written again."""
        arrays = {name: self.bigint(column, rows) for name, column in _BIGINT_WALL.items()}
        # Not checked: the kernel writes no other sides.
        arrays["side"] = pa.DictionaryArray.from_arrays(
            self.tinyint(MARK_SIDE, rows), _SIDE_NAMES, safe=False
        )
        arrays["window_valid"] = self.boolean(MARK_VALID, rows)
        return pa.RecordBatch.from_arrays([arrays[n] for n in _WALL_NAMES], list(_WALL_NAMES))


def radar_zone_flow_batch(rows: IntArray, tick_int: int) -> pa.RecordBatch:
    """Return radar_zone_flow_1s rows from the kernel's radar rows."""
    start = rows[:, 0] * WINDOW_NS
    columns: dict[str, pa.Array] = {
        "window_start_ts_ns": _bigint(start),
        "window_end_ts_ns": _bigint(start + WINDOW_NS),
        "spot_ref_price_int": _bigint(rows[:, 1] * tick_int),
    }
    for side_number, side in enumerate(("ask", "bid")):
        first = RADAR_KEY_SIZE + side_number * RADAR_SIDE_SIZE
        of_side = rows[:, first : first + RADAR_SIDE_SIZE]
        for number, bucket in enumerate(BUCKETS):
            columns[f"{side}_depth_{bucket}_start"] = _bigint(of_side[:, 2 * number])
            columns[f"{side}_depth_{bucket}_end"] = _bigint(of_side[:, 2 * number + 1])
        for end, numerator in (("start", R_COM_START), ("end", R_COM_END)):
            total = of_side[:, 0 if end == "start" else 1]
            mean = np.full(len(rows), float(ZONE_TICKS))
            np.divide(of_side[:, numerator], total, out=mean, where=total > 0)
            columns[f"{side}_com_ticks_{end}"] = pa.array(mean)
        for name, column in (
            ("bbo_ticks_end", R_BBO),
            ("add_qty", R_ADD),
            ("pull_rest_qty", R_PULL_REST),
            ("pull_rest_qty_at", R_PULL_REST_AT),
            ("pull_rest_qty_near", R_PULL_REST_NEAR),
            ("reprice_away_rest_qty", R_AWAY),
            ("reprice_toward_rest_qty", R_TOWARD),
        ):
            columns[f"{side}_{name}"] = _bigint(of_side[:, column])
    return pa.RecordBatch.from_pydict(columns)
