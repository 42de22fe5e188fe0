"""Streamed HUD rows against the lake's rows, by SQL that shares nothing with the service's packing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from spymaster.hud.columns import BANDS, BOOK, CHAIN, GEX, NORM_NAMES, ORDERS, PHYSICS, VACUUM, WALL
from spymaster.hud.day_tables import DayTables
from spymaster.lake import Lake

Row = dict[str, Any]
Array = np.ndarray[Any, Any]

CHUNK_WINDOWS: Final = 512
_DEPTH: Final = ("depth_qty_end", "depth_qty_rest", "order_count_end")
_FLOW: Final = ("add_qty", "pull_qty_total", "pull_qty_rest", "fill_qty")
_BOOK: Final = (
    "window_end_ts_ns", "spot_ref_price_int", "best_bid_price_int", "best_ask_price_int",
    "mid_price_int", "best_bid_qty", "best_ask_qty", "best_bid_orders", "best_ask_orders",
    "trade_buy_qty", "trade_sell_qty", "trade_other_qty", "message_count", "book_valid",
)  # fmt: skip
_ORDERS: Final = ("largest_order_qty", "absorbed_qty", "refreshed_qty", "executed_qty")
_SCORES: Final = ("above_score", "below_score", "vacuum_total_score")
_STRIKES: Final = ("gex", "gex_abs", "gex_call_abs", "gex_put_abs", "quote_coverage")
_CHAIN: Final = (
    "net_gex", "abs_gex", "zero_gamma_price", "call_wall", "put_wall", "abs_wall",
    "vanna_exposure_1vol", "charm_exposure_1d", "quote_coverage",
)  # fmt: skip

TABLES: Final = {
    "book": (BOOK, ", ".join(_BOOK)),
    "validity": (WALL, "distinct window_end_ts_ns, window_valid"),
    "walls": (WALL, f"window_end_ts_ns, side, rel_ticks, {', '.join(_DEPTH + _FLOW)}"),
    "orders": (ORDERS, f"window_end_ts_ns, side, rel_ticks, {', '.join(_ORDERS)}"),
    "vacuum": (VACUUM, "window_end_ts_ns, side, rel_ticks, vacuum_score::float as value"),
    "physics": (PHYSICS, "window_end_ts_ns, side, rel_ticks, liquidity_velocity::float as value"),
    "bands": (BANDS, f"window_end_ts_ns, {', '.join(NORM_NAMES + _SCORES)}"),
    "strikes": (GEX, f"window_end_ts_ns, strike_price_int, {', '.join(_STRIKES)}"),
    "chain": (CHAIN, f"window_end_ts_ns, {', '.join(_CHAIN)}"),
}
"""What is compared: the lake's table, and what of it stands in a HUD row."""


class ValueComparison:
    """Compares batches of streamed rows with the lake, a stretch of windows at a time.

    `ticks` is how far the streamed lists reach; what `tables` lacks must be null in them.
    """

    def __init__(self, lake: Lake, tables: DayTables, ticks: int) -> None:
        self._ticks = ticks
        self._connection = duckdb.connect()
        self._connection.execute("set threads = 1")
        self._paths = {
            name: None if key in tables.missing else str(tables.ref(lake, key).data_path)
            for name, (key, _) in TABLES.items()
        }
        self._waiting: list[pa.RecordBatch] = []
        self._windows = 0
        self.differing: dict[str, int] = dict.fromkeys((*TABLES, "nulls"), 0)
        self.first_rows: dict[str, list[Row]] = {name: [] for name in self.differing}

    def add(self, batch: pa.RecordBatch) -> None:
        """Compare a batch, when enough of them are there to be worth a query."""
        self._waiting.append(batch)
        self._windows += batch.num_rows
        if self._windows >= CHUNK_WINDOWS:
            self.finish()

    def finish(self) -> None:
        """Compare what was added last."""
        if not self._waiting:
            return
        # A quantity's type is that of its day, so all batches have one schema.
        rows = pa.Table.from_batches(self._waiting).combine_chunks()
        self._waiting, self._windows = [], 0
        self._compare_nulls(rows)
        for name, streamed in _streamed(rows, self._ticks):
            self._compare(name, streamed, rows["window_end_ts_ns"])

    def _compare(self, name: str, streamed: pa.Table, ends: pa.ChunkedArray) -> None:
        _, wanted = TABLES[name]
        path = self._paths[name]
        only = f"and abs(rel_ticks) <= {self._ticks}" if "rel_ticks" in wanted else ""
        if name == "orders":  # nor does one of zeros: a level that traded and is gone
            only = f"{only} and {' + '.join(_ORDERS)} > 0"
        if name in ("bands", "chain"):  # a row of NULLs says as little as none
            only = f"and coalesce({', '.join(streamed.column_names[1:])}) is not null"
        lake = (
            f"select {wanted} from read_parquet('{path}', hive_partitioning = false) "
            f"where window_end_ts_ns between {ends[0].as_py()} and {ends[-1].as_py()} {only}"
            if path
            else "from streamed limit 0"
        )
        self._connection.register("streamed", streamed)
        found = self._connection.sql(
            f"(from ({lake}) except all from streamed) union all by name "
            f"(from streamed except all from ({lake})) order by all limit 100000"
        ).fetch_arrow_table()
        self._connection.unregister("streamed")
        self._note(name, found.num_rows, found.slice(0, 5).to_pylist())

    def _compare_nulls(self, rows: pa.Table) -> None:
        """Unknown is null and known is not: where a level has no row, its quantities are 0 or null."""
        has_spot = rows["spot_ref_price_int"].is_valid().to_numpy(zero_copy_only=False)
        known = {
            _DEPTH: rows["book_valid"].to_numpy(zero_copy_only=False),
            _FLOW: rows["window_valid"].fill_null(False).to_numpy(zero_copy_only=False),
        }
        for side in ("bid", "ask"):
            cells = {name: _cells(rows, f"{side}_{name}") for name in (*_DEPTH, *_FLOW)}
            has_row = _has_row(cells)
            for names, is_known in known.items():
                expected = ~is_known[:, None] & ~has_row | ~has_spot[:, None]
                for name in names:
                    wrong = np.argwhere(cells[name][1] != expected)
                    where = [
                        {
                            "window_end_ts_ns": rows["window_end_ts_ns"][int(row)].as_py(),
                            "column": f"{side}_{name}",
                            "rel_ticks": int(tick) - self._ticks,
                        }
                        for row, tick in wrong[:5]
                    ]
                    self._note("nulls", len(wrong), where)

    def _note(self, name: str, count: int, rows: list[Row]) -> None:
        self.differing[name] += count
        self.first_rows[name] = (self.first_rows[name] + rows)[:5]


def _streamed(rows: pa.Table, ticks: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield the streamed rows as tables of the lake's shape, with their names in TABLES."""
    ends = rows["window_end_ts_ns"]
    yield "book", rows.select(list(_BOOK))
    valid = rows.select(["window_end_ts_ns", "window_valid"])
    yield "validity", valid.filter(rows["window_valid"].is_valid())
    yield "walls", _levels(rows, ticks, (*_DEPTH, *_FLOW))
    yield "orders", _levels(rows, ticks, _ORDERS)
    for name, column in (("vacuum", "vacuum_score"), ("physics", "liquidity_velocity")):
        yield name, _levels(rows, ticks, (column,)).rename_columns({column: "value"})
    norms = rows["band_norms"].combine_chunks().flatten()
    bands = {
        name: norms.take(pa.array(np.arange(index, len(norms), len(NORM_NAMES))))
        for index, name in enumerate(NORM_NAMES)
    }
    scores = {name: rows[name] for name in _SCORES}
    whole = pa.table({"window_end_ts_ns": ends, **bands, **scores})
    yield "bands", whole.filter(_has_any(whole))
    yield "strikes", _strikes(rows)
    chain = pa.table({"window_end_ts_ns": ends, **{name: rows[f"chain_{name}"] for name in _CHAIN}})
    yield "chain", chain.filter(_has_any(chain))


def _has_any(table: pa.Table) -> pa.Array:
    columns = [table[name].is_valid().to_numpy() for name in table.column_names[1:]]
    return pa.array(np.logical_or.reduce(columns))


def _cells(rows: pa.Table, name: str) -> tuple[Array, Array]:
    """Return a list column as (window, tick): values, and which are null."""
    lists = rows[name].combine_chunks()
    width = lists.type.list_size
    items = lists.values.slice(lists.offset * width, len(lists) * width)
    values = items.fill_null(0).to_numpy(zero_copy_only=False).reshape(-1, width)
    nulls = items.is_null().to_numpy(zero_copy_only=False).reshape(-1, width)
    no_list = lists.is_null().to_numpy(zero_copy_only=False)
    return values, nulls | no_list[:, None]


def _has_row(cells: dict[str, tuple[Array, Array]]) -> Array:
    """A level of the lake has something: depth or flow, of rested orders or not."""
    there = [(values > 0) & ~nulls for values, nulls in cells.values()]
    return np.asarray(np.logical_or.reduce(there))


def _levels(rows: pa.Table, ticks: int, names: tuple[str, ...]) -> pa.Table:
    """Return the levels that have a row: quantities that are not all 0, scores that are not null."""
    ends = rows["window_end_ts_ns"].to_numpy()
    sides = []
    for side, letter in (("bid", "B"), ("ask", "A")):
        cells = {name: _cells(rows, f"{side}_{name}") for name in names}
        is_score = len(names) == 1
        there = ~cells[names[0]][1] if is_score else _has_row(cells)
        window, tick = np.nonzero(there)
        table = {
            "window_end_ts_ns": pa.array(ends[window]),
            "side": pa.array([letter]).take(pa.array(np.zeros(len(window), np.int64))),
            "rel_ticks": pa.array(tick.astype(np.int64) - ticks),
        }
        for name, (values, nulls) in cells.items():
            table[name] = pa.array(values[there], mask=nulls[there])
        sides.append(pa.table(table))
    return pa.concat_tables(sides)


def _strikes(rows: pa.Table) -> pa.Table:
    lists = rows["strike_price_int"].combine_chunks()
    window = np.nonzero(lists.is_valid().to_numpy(zero_copy_only=False))[0]
    ends = rows["window_end_ts_ns"].to_numpy()[window]
    table = {"window_end_ts_ns": pa.array(np.repeat(ends, lists.type.list_size))}
    for name in ("strike_price_int", *(f"strike_{name}" for name in _STRIKES)):
        # flatten leaves the lists out that are null.
        table[name if name == "strike_price_int" else name.removeprefix("strike_")] = (
            rows[name].combine_chunks().flatten()
        )
    return pa.table(table)
