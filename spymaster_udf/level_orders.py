"""The orders behind the levels: batches of MBO records in, rows of level_orders_1s out.

What the dbt model `order_engine` returns. The windows and their spots are given, those of
book_snapshot_1s, so that every row is of a window of the book and measured from its spot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spymaster_udf.anomalies import BadParamsError
from spymaster_udf.book_state import NONE_INT, WINDOW_NS, Pause
from spymaster_udf.level_orders_kernel import (
    CLOCK,
    DEPTH,
    FINISHED,
    FLOW,
    FLOW_COUNT,
    INSTRUMENT,
    LEVEL_COUNT,
    NEAR_KEY,
    ORDER_COUNT,
    OUT_ABSORBED,
    OUT_COLUMNS,
    OUT_EXECUTED,
    OUT_KEY,
    OUT_LARGEST,
    OUT_REFRESHED,
    OUT_REFRESHES,
    OUT_SPOT,
    OUT_WINDOW,
    PLACE,
    RESTING,
    ROWS,
    STATE_SIZE,
    SUMS,
    TRADED,
    TRADED_COUNT,
    WINDOW,
    close_order_windows,
    follow_orders,
)
from spymaster_udf.mbo_columns import MboColumns
from spymaster_udf.order_table import ANNOUNCED, SLOTS_AN_ORDER, new_order_table, rehash_orders
from spymaster_udf.price_levels import index_levels, new_level_index, new_near_directory

LEVEL_ORDERS: Final = "level_orders_1s"
_ROWS_A_FLUSH: Final = 65_536
# Of an empty engine; each table grows when it must.
ORDER_SLOTS = 1 << 17
TRADED_PLACES = 1 << 10
FLOW_PLACES = 1 << 12
LEVEL_PLACES = 1 << 13
_QTY_COLUMNS: Final = {
    "largest_order_qty": OUT_LARGEST,
    "executed_qty": OUT_EXECUTED,
    "absorbed_qty": OUT_ABSORBED,
    "refresh_count": OUT_REFRESHES,
    "refreshed_qty": OUT_REFRESHED,
}
_SIDE_NAMES: Final = pa.array(["A", "B"])

Array = np.ndarray[Any, Any]


class LevelOrders:
    """Follows one instrument's orders; the same records in any split give the same rows.

    `windows` are the consecutive windows that rows are wanted of: (start in UTC ns, spot price in 1e-9 or
    None). Rows reach `hud_max_ticks` from each window's spot. BadParamsError if a window is missing.

    >>> sum(rows.num_rows for rows in LevelOrders([(0, None)], 250_000_000, 200).finish())
    0
    """

    def __init__(
        self, windows: Sequence[tuple[int, int | None]], tick_int: int, hud_max_ticks: int
    ) -> None:
        starts = np.array([start for start, _ in windows], np.int64)
        if (np.diff(starts) != WINDOW_NS).any() or (starts % WINDOW_NS).any():
            raise BadParamsError("the windows must be whole seconds that follow each other")
        self._tick_int = tick_int
        self._first_window = int(starts[0]) // WINDOW_NS if len(starts) else 0
        spots = [NONE_INT if spot is None else spot // tick_int for _, spot in windows]
        self._spots = np.array(spots, np.int64)
        self._state = np.zeros(STATE_SIZE, np.int64)
        self._state[[CLOCK, WINDOW, INSTRUMENT]] = NONE_INT
        self._orders = new_order_table(ORDER_SLOTS, PLACE)
        self._new_pool()
        self._announced = new_order_table(2 * TRADED_PLACES, ANNOUNCED)
        self._traded = np.zeros(TRADED_PLACES, TRADED)
        self._flows = np.zeros(FLOW_PLACES, FLOW)
        self._levels = np.zeros(LEVEL_PLACES, DEPTH)
        self._index = new_level_index(self._levels.size)
        self._near = new_near_directory()
        self._sums = np.zeros((2, 2 * hud_max_ticks + 1, SUMS), np.int64)
        self._new_output()

    def _new_output(self) -> None:
        room = max(_ROWS_A_FLUSH, 4 * self._sums.shape[1])
        self._out = np.empty((OUT_COLUMNS, room), np.int64)
        self._state[ROWS] = 0

    def _new_pool(self) -> None:
        self._pool = np.zeros(self._orders.size // SLOTS_AN_ORDER + 1, RESTING)
        self._free = np.zeros(self._pool.size, np.uint32)

    @property
    def finished(self) -> bool:
        """True when the last window has been written: later records change nothing."""
        return bool(self._state[FINISHED])

    def feed(self, batch: MboColumns) -> Iterator[pa.RecordBatch]:
        """Apply a batch; yield rows when there are many, the others wait."""
        if len(batch) and self._state[INSTRUMENT] == NONE_INT:
            self._state[INSTRUMENT] = batch.instrument_id[0]
        done = 0
        while done < len(batch) and not self.finished:
            done, pause = follow_orders(
                *batch.as_tuple(), done, self._tick_int, self._first_window, self._spots,
                self._orders, self._pool, self._free, self._announced, self._traded, self._flows,
                self._levels, self._index, self._near, self._state, self._sums, self._out,
            )  # fmt: skip
            if pause == Pause.OUTPUT_FULL:
                yield from self._flush()
            elif pause == Pause.NEED_ROOM:
                self._make_room()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Close the windows that are left, up to the last one given, and yield their rows."""
        if self._state[WINDOW] != NONE_INT and not self.finished:
            until = int(self._state[WINDOW]) + 1
            while self._close_windows(until) == Pause.OUTPUT_FULL:
                yield from self._flush()
        self._state[FINISHED] = 1
        yield from self._flush()

    def _close_windows(self, until: int) -> int:
        pause: int = close_order_windows(
            until, self._pool, self._flows, self._state, self._first_window, self._spots,
            self._sums, self._out,
        )  # fmt: skip
        return pause

    def _flush(self) -> Iterator[pa.RecordBatch]:
        rows = int(self._state[ROWS])
        if rows:
            yield level_orders_batch(self._out[:, :rows], self._tick_int)
            self._new_output()

    def _make_room(self) -> None:
        state = self._state
        if state[ORDER_COUNT] >= self._orders.size // SLOTS_AN_ORDER:
            larger = new_order_table(2 * self._orders.size, PLACE)
            rehash_orders(self._orders, larger)
            pool, free = self._pool, self._free
            self._orders = larger
            self._new_pool()
            self._pool[: pool.size], self._free[: free.size] = pool, free
        if state[TRADED_COUNT] >= self._traded.size:
            self._traded = _doubled(self._traded)
            announced = new_order_table(2 * self._announced.size, ANNOUNCED)
            rehash_orders(self._announced, announced)
            self._announced = announced
        if state[FLOW_COUNT] + state[TRADED_COUNT] >= self._flows.size:
            self._flows = _doubled(self._flows)
        if state[LEVEL_COUNT] >= self._levels.size:
            self._compact_levels()

    def _compact_levels(self) -> None:
        """Let go of the empty levels; double the pool if few are."""
        state = self._state
        levels = self._levels[: state[LEVEL_COUNT]]
        # A level of the event that has not ended is asked for at its end.
        in_event = np.isin(levels["key"], self._traded["key"][: state[TRADED_COUNT]])
        kept = levels[(levels["qty"] != 0) | in_event]
        size = self._levels.size * (2 if len(kept) > self._levels.size // 2 else 1)
        self._levels = np.zeros(size, DEPTH)
        self._levels[: len(kept)] = kept
        self._index = new_level_index(size)
        self._near = new_near_directory()
        state[LEVEL_COUNT] = len(kept)
        if len(kept):
            index_levels(self._levels, self._index, self._near, int(state[NEAR_KEY]), len(kept))


class LevelOrderTables:
    """The rows of one pass as batches tagged with their table; iterate once."""

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        windows: Sequence[tuple[int, int | None]],
        tick_int: int,
        hud_max_ticks: int,
    ) -> None:
        self._reader = reader
        self._arguments = (windows, tick_int, hud_max_ticks)
        nothing = np.empty((OUT_COLUMNS, 0), np.int64)
        self.schemas: dict[str, pa.Schema] = {LEVEL_ORDERS: level_orders_batch(nothing, 1).schema}
        self.report: dict[str, Any] = {}

    def __iter__(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        engine = LevelOrders(*self._arguments)
        for batch in self._reader:
            columns = {name: batch[name].to_numpy() for name in batch.schema.names}
            for rows in engine.feed(MboColumns(**columns)):
                yield LEVEL_ORDERS, rows
            if engine.finished:
                break
        for rows in engine.finish():
            yield LEVEL_ORDERS, rows


def level_orders_batch(out: Array, tick_int: int) -> pa.RecordBatch:
    """Return level_orders_1s rows from the kernel's (OUT_COLUMNS, rows) array."""
    start = out[OUT_WINDOW] * WINDOW_NS
    tick = out[OUT_KEY] >> 1
    sides = pa.array((out[OUT_KEY] & 1).astype(np.int8))
    return pa.RecordBatch.from_pydict(
        {
            "window_start_ts_ns": start,
            "window_end_ts_ns": start + WINDOW_NS,
            "price_int": tick * tick_int,
            "side": pa.DictionaryArray.from_arrays(sides, _SIDE_NAMES),
            "spot_ref_price_int": out[OUT_SPOT] * tick_int,
            "rel_ticks": tick - out[OUT_SPOT],
            **{name: np.array(out[place]) for name, place in _QTY_COLUMNS.items()},
        }
    )


def _doubled(array: Array) -> Array:
    return np.concatenate([array, np.zeros_like(array)])
