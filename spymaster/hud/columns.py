"""The columns of a HUD row, in their order: where each comes from, its group and its type.

docs/hud.md is the same list in words; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

BOOK: Final = "silver.future_mbo.book_snapshot_1s"
WALL: Final = "silver.future_mbo.wall_surface_1s"
ORDERS: Final = "silver.future_mbo.level_orders_1s"
VACUUM: Final = "silver.future_mbo.vacuum_surface_1s"
PHYSICS: Final = "silver.future_mbo.physics_surface_1s"
BANDS: Final = "silver.future_mbo.physics_bands_1s"
GEX: Final = "silver.future_option_mbo.gex_surface_1s"
CHAIN: Final = "gold.hud.gex_levels_1s"

FUTURE_TABLES: Final = (BOOK, WALL, VACUUM, PHYSICS, BANDS)
"""What a complete day has: older lakes have no orders, and not every contract and date has options."""

DAY_TABLES: Final = (*FUTURE_TABLES, ORDERS, GEX, CHAIN)
GROUPS: Final = ("book", "depth", "flow", "physics", "bands", "gex")
SIDES: Final = (("bid", "B"), ("ask", "A"))
KEY: Final = "window_end_ts_ns"

Shape = Literal["scalar", "ticks", "strikes", "norms"]


@dataclass(frozen=True)
class Column:
    """One column: its name, its group, the lake's table and column, and what a row holds of it.

    `side` (A, B) is set for lists over ticks. The type is that of a value, of an item in a list.
    """

    name: str
    group: str
    table: str
    source: str
    shape: Shape
    type: pa.DataType
    side: str = ""


def _scalars(table: str, group: str, prefix: str, names: str, of: pa.DataType) -> list[Column]:
    return [Column(prefix + name, group, table, name, "scalar", of) for name in names.split()]


def _tick_lists(table: str, group: str, names: str, of: pa.DataType) -> list[Column]:
    return [
        Column(f"{prefix}_{name}", group, table, name, "ticks", of, side)
        for name in names.split()
        for prefix, side in SIDES
    ]


NORM_NAMES: Final = tuple(
    f"{side}_{band}_{measure}"
    for side in ("above", "below")
    for band in ("at", "near", "mid", "far")
    for measure in ("wall_strength_norm", "wall_erosion_norm", "vacuum_norm")
)
"""The items of band_norms."""

COLUMNS: Final = (
    Column(KEY, "", BOOK, KEY, "scalar", pa.int64()),
    *_scalars(BOOK, "book", "", "spot_ref_price_int best_bid_price_int best_ask_price_int"
              " mid_price_int", pa.int64()),
    *_scalars(BOOK, "book", "", "best_bid_qty best_ask_qty best_bid_orders best_ask_orders"
              " trade_buy_qty trade_sell_qty trade_other_qty message_count", pa.int32()),
    *_scalars(BOOK, "book", "", "book_valid", pa.bool_()),
    *_scalars(WALL, "book", "", "window_valid", pa.bool_()),
    *_tick_lists(WALL, "depth", "depth_qty_end depth_qty_rest order_count_end", pa.uint16()),
    *_tick_lists(ORDERS, "depth", "largest_order_qty", pa.uint16()),
    *_tick_lists(WALL, "flow", "add_qty pull_qty_total pull_qty_rest fill_qty", pa.uint16()),
    *_tick_lists(ORDERS, "flow", "absorbed_qty refreshed_qty executed_qty", pa.uint16()),
    *_tick_lists(VACUUM, "physics", "vacuum_score", pa.float32()),
    *_tick_lists(PHYSICS, "physics", "liquidity_velocity", pa.float32()),
    Column("band_norms", "bands", BANDS, "", "norms", pa.float64()),
    *_scalars(BANDS, "bands", "", "above_score below_score vacuum_total_score", pa.float64()),
    Column("strike_price_int", "gex", GEX, "strike_price_int", "strikes", pa.int64()),
    *(Column(f"strike_{name}", "gex", GEX, name, "strikes", pa.float64())
      for name in ("gex", "gex_abs", "gex_call_abs", "gex_put_abs", "quote_coverage")),
    *_scalars(CHAIN, "gex", "chain_", "net_gex abs_gex zero_gamma_price call_wall put_wall abs_wall"
              " vanna_exposure_1vol charm_exposure_1d quote_coverage", pa.float64()),
)  # fmt: skip

BY_NAME: Final = {column.name: column for column in COLUMNS}


def columns_of(table: str, shape: Shape) -> list[Column]:
    """Return the columns that a table gives in a shape, in order."""
    return [column for column in COLUMNS if column.table == table and column.shape == shape]


def selected(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that names of columns and groups mean, in order, the key always first.

    Raises KeyError with the first name that is neither.

    >>> selected(["spot_ref_price_int"])
    ('window_end_ts_ns', 'spot_ref_price_int')
    >>> selected(["bands"])[1:3]
    ('band_norms', 'above_score')
    """
    wanted = {KEY, *names}
    for name in wanted:
        if name not in BY_NAME and name not in GROUPS:
            raise KeyError(name)
    return tuple(c.name for c in COLUMNS if c.name in wanted or c.group in wanted)
