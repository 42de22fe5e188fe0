"""Lakes with a HUD day of random rows, of any size, made without a build.

The rows keep the contracts' columns, types and order; they are no market. What tests look at can be
asked for: windows without a spot, invalid ones, a crossed book, large quantities, tables left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster.contracts import load_contract
from spymaster.hud.columns import BANDS, BOOK, CHAIN, DAY_TABLES, GEX, ORDERS, PHYSICS, VACUUM, WALL
from spymaster.lake import Lake, manifest_sha256, partition_ref, publish

SYMBOL, DT = "ESH6", "2026-01-06"
SECOND = 10**9
FIRST_START_NS = 1_767_697_200 * SECOND
TICK_INT = 250_000_000
STRIKES = 25
INPUTS = {
    VACUUM: [WALL],
    PHYSICS: [WALL],
    BANDS: [BOOK, WALL, VACUUM],
    ORDERS: [BOOK],
    GEX: [BOOK],
    CHAIN: [BOOK],
}
Columns = dict[str, Any]


@dataclass(frozen=True)
class HudDay:
    """What the rows of a day are like."""

    windows: int = 120
    reach: int = 20
    seed: int = 1
    no_spot: Collection[int] = ()
    invalid: Collection[int] = ()
    """Windows with an invalid book."""
    crossed: Collection[int] = ()
    """Windows in which both sides have every level."""
    largest: int = 500
    """Bound of the quantities."""
    without: Collection[str] = ()
    """Dataset keys of tables that are not written."""
    no_gex: Collection[int] = ()
    """Windows without rows in gex_surface_1s."""
    fill_reach: int | None = None
    """Fills only at so many ticks from spot, as in a market; otherwise anywhere."""


def write_hud_day(lake: Lake, day: HudDay, symbol: str = SYMBOL, dt: str = DT) -> None:
    """Publish the tables of a day, in the order in which a build would."""
    for key in DAY_TABLES:
        if key not in day.without:
            _publish(lake, key, day, symbol, dt)


def _publish(lake: Lake, key: str, day: HudDay, symbol: str, dt: str) -> None:
    contract = load_contract(key)
    schema = contract.arrow_schema
    with lake.staging() as folder:
        path = folder / "part.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
            for columns in _chunks(key, day):
                writer.write_table(_table(schema, columns))
        inputs = [
            {"key": of, "dt": dt, "manifest_sha256": manifest_sha256(partition_ref(lake, of, symbol, dt))}
            for of in INPUTS.get(key, [])
            if of not in day.without
        ]  # fmt: skip
        # The seed stands for the bronze file: the same in every table of a build, other in another.
        bronze = {"key": "bronze.future_mbo.mbo", "dt": dt, "manifest_sha256": f"seed {day.seed}"}
        parameters = {"tick_int": TICK_INT, "hud_max_ticks": day.reach, "session": "06:00-16:00"}
        manifest = {"inputs": inputs or [bronze], "parameters": parameters}
        publish(partition_ref(lake, key, symbol, dt), path, manifest, contract)


def _table(schema: pa.Schema, columns: Columns) -> pa.Table:
    """Complete a table: columns that are not given are 0, or null where they may be."""
    count = len(columns["window_start_ts_ns"])
    columns = {**columns, "window_end_ts_ns": columns["window_start_ts_ns"] + SECOND}
    arrays = []
    for field in schema:
        given = columns.get(field.name)
        if given is None and field.nullable:
            arrays.append(pa.nulls(count, field.type))
        elif given is None:
            zero = "" if pa.types.is_string(field.type) else 0
            arrays.append(pa.array([zero] * count, pa.string()).cast(field.type) if zero == "" else
                          pa.array(np.zeros(count, np.int64)).cast(field.type))  # fmt: skip
        else:
            array = given if isinstance(given, pa.Array) else pa.array(given)
            arrays.append(array.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _chunks(key: str, day: HudDay) -> Iterator[Columns]:
    spot = _spots(day)
    for first in range(0, day.windows, 1_000):
        windows = np.arange(first, min(first + 1_000, day.windows))
        draw = np.random.default_rng([day.seed, DAY_TABLES.index(key), first])
        starts = FIRST_START_NS + windows * SECOND
        if key in (WALL, ORDERS, VACUUM, PHYSICS):
            yield _levels(key, day, windows, starts, spot)
        elif key == BOOK:
            yield _book(day, windows, starts, spot, draw)
        elif key == GEX:
            yield _strikes(day, windows, starts, spot, draw)
        else:
            yield _scores(key, starts, draw)


def _spots(day: HudDay) -> Any:
    """A random walk, in ticks."""
    return 27_700 + np.cumsum(np.random.default_rng(day.seed).integers(-3, 4, day.windows))


def _levels(key: str, day: HudDay, windows: Any, starts: Any, spot: Any) -> Columns:
    # The same draw for the four tables: they have the same levels.
    draw = np.random.default_rng([day.seed, int(windows[0])])
    rel = np.arange(-day.reach, day.reach + 1)
    shape = (len(windows), 2, len(rel))
    is_ask = np.array([True, False])[:, None]
    natural = np.where(is_ask, rel >= -3, rel <= 3)
    crossed = np.isin(windows, list(day.crossed))[:, None, None]
    there = (natural | crossed) & (draw.random(shape) < 0.9)
    there &= ~np.isin(windows, list(day.no_spot))[:, None, None]
    window, side, tick = np.nonzero(there)
    count = len(window)
    start = draw.integers(1, day.largest, count)
    pull = draw.integers(0, start + 1) * (draw.random(count) < 0.3)
    fill = draw.integers(0, start - pull + 1) * (draw.random(count) < 0.1)
    if day.fill_reach is not None:
        fill *= np.abs(rel[tick]) <= day.fill_reach
    add = draw.integers(0, day.largest, count) * (draw.random(count) < 0.3)
    end = start + add - pull - fill
    columns: Columns = {
        "window_start_ts_ns": starts[window],
        "side": pa.array(["A", "B"]).take(pa.array(side)),
        "rel_ticks": rel[tick],
        "price_int": (spot[windows[window]] + rel[tick]) * TICK_INT,
        "spot_ref_price_int": spot[windows[window]] * TICK_INT,
        "window_valid": ~np.isin(windows[window], list(day.invalid)),
    }
    if key == WALL:
        columns |= {
            "depth_qty_start": start, "depth_qty_end": end, "add_qty": add,
            "pull_qty_total": pull, "fill_qty": fill, "depth_qty_rest": end // 2,
            "pull_qty_rest": pull // 2, "order_count_end": (end + 2) // 3,
        }  # fmt: skip
    elif key == ORDERS:
        columns |= {
            "largest_order_qty": (end + 1) // 2, "executed_qty": fill, "absorbed_qty": fill,
            "refresh_count": fill % 2, "refreshed_qty": fill // 2,
        }  # fmt: skip
    elif key == VACUUM:
        columns["vacuum_score"] = draw.random(count)
    else:
        columns["liquidity_velocity"] = (add - pull - fill) / (start + 1)
    return columns


def _book(day: HudDay, windows: Any, starts: Any, spot: Any, draw: Any) -> Columns:
    no_spot = np.isin(windows, list(day.no_spot))
    price = spot[windows] * TICK_INT
    counts = {
        name: draw.integers(1, day.largest, len(windows))
        for name in ("best_bid_qty", "best_ask_qty", "trade_buy_qty", "trade_sell_qty",
                     "trade_other_qty", "message_count")
    }  # fmt: skip
    return {
        "window_start_ts_ns": starts,
        "best_bid_price_int": pa.array(price - TICK_INT, mask=no_spot),
        "best_ask_price_int": pa.array(price + TICK_INT, mask=no_spot),
        "mid_price_int": pa.array(price, mask=no_spot),
        "last_trade_price_int": pa.array(price, mask=no_spot),
        "spot_ref_price_int": pa.array(price, mask=no_spot),
        "book_valid": ~np.isin(windows, list(day.invalid)),
        "best_bid_orders": counts["best_bid_qty"] // 2 + 1,
        "best_ask_orders": counts["best_ask_qty"] // 2 + 1,
        **counts,
    }


def _strikes(day: HudDay, windows: Any, starts: Any, spot: Any, draw: Any) -> Columns:
    with_gex = ~np.isin(windows, list(day.no_gex))
    window = np.repeat(np.arange(len(windows))[with_gex], STRIKES)
    place = np.tile(np.arange(STRIKES) - STRIKES // 2, int(with_gex.sum()))
    call, put = draw.random(len(window)) * 1e9, draw.random(len(window)) * 1e9
    unknown = draw.random(len(window)) < 0.1
    return {
        "window_start_ts_ns": starts[window],
        "strike_price_int": (spot[windows[window]] // 20 + place) * 20 * TICK_INT,
        "strike_points": (spot[windows[window]] // 20 + place) * 5.0,
        "gex_call_abs": pa.array(call, mask=unknown),
        "gex_put_abs": pa.array(put, mask=unknown),
        "gex_abs": pa.array(call + put, mask=unknown),
        "gex": pa.array(call - put, mask=unknown),
        "quote_coverage": draw.random(len(window)),
    }


def _scores(key: str, starts: Any, draw: Any) -> Columns:
    """Random floats, a tenth of them null."""
    columns: Columns = {"window_start_ts_ns": starts}
    for field in load_contract(key).arrow_schema:
        if pa.types.is_floating(field.type):
            columns[field.name] = pa.array(
                draw.random(len(starts)), mask=draw.random(len(starts)) < 0.1
            )
    return columns


def hud_lake(folder: Path, day: HudDay) -> Lake:
    """Return a new lake with one day."""
    lake = Lake(folder / "lake")
    write_hud_day(lake, day)
    return lake
