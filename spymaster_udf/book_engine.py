"""The book engine: batches of MBO records in, one-second tables out, state carried between batches.

>>> engine = BookEngine(BookParams(tick_int=250_000_000, session_start_ns=0, session_end_ns=10**9))
>>> [table for table, rows in engine.finish() if rows.num_rows]
[]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_udf.anomalies import BadParamsError, BookReport, check_anomaly_limit, report_of
from spymaster_udf.book_kernel import replay
from spymaster_udf.book_ladder import ASK_SIDE, BID_SIDE, Ladder, ladder_side
from spymaster_udf.book_state import (
    ANNOUNCED_COUNT,
    BOOK_ROWS,
    BOOK_VALID,
    CHANGE,
    CHANGE_COUNT,
    CLOCK,
    COUNTER_SIZE,
    FINISHED,
    FIRST_ANOMALY_INDEX,
    FIRST_ANOMALY_KIND,
    HINT_ASK,
    HINT_BID,
    HISTORY_WINDOW,
    INSTRUMENT,
    LAST_TRADE_TICK,
    LEVEL_COUNT,
    NEAR_KEY,
    NONE_INT,
    ORDER_COUNT,
    PARAM_SIZE,
    RADAR_ROWS,
    RECORDS_APPLIED,
    RECORDS_SEEN,
    STATE_SIZE,
    UNKNOWN_CANCEL,
    WALL_ROWS,
    WINDOW,
    WINDOW_NS,
    Pause,
)
from spymaster_udf.book_tables import (
    BOOK_SNAPSHOT,
    RADAR_ZONE_FLOW,
    WALL_SURFACE,
    WallBuffer,
    book_snapshot_batch,
    radar_zone_flow_batch,
)
from spymaster_udf.book_windows import (
    BOOK_COLUMNS,
    RADAR_KEY_SIZE,
    RADAR_SIDE_SIZE,
    close_windows,
)
from spymaster_udf.huge_pages import zeros_in_huge_pages
from spymaster_udf.mbo_columns import NO_RECORDS, MboColumns
from spymaster_udf.order_table import (
    ANNOUNCED,
    ORDER,
    SLOTS_AN_ORDER,
    move_levels,
    new_order_table,
    rehash_orders,
)
from spymaster_udf.price_levels import (
    LEVEL,
    compact_levels,
    index_levels,
    new_level_index,
    new_near_directory,
    recentre_near,
)

MAX_REST_NS = 3_600 * WINDOW_NS
MAX_HUD_TICKS = 100_000
# Not a power of two: columns a power of two apart would fight for the same lines of the cache. A
# flush costs 0.2 ms, but a first touch of memory more: 24 ms for 8 MB, on a virtual machine.
_WALL_ROWS_A_FLUSH = 32_768 + 72
_WINDOWS_A_FLUSH = 4_096


@dataclass(frozen=True)
class BookParams:
    """What the engine must know: tick in 1e-9 price units, session in UTC ns (whole seconds).

    Raises BadParamsError for values it cannot work with.
    """

    tick_int: int
    session_start_ns: int
    session_end_ns: int
    hud_max_ticks: int = 200
    rest_ns: int = 500_000_000
    assume_valid: bool = False
    max_anomaly_share: float = 0.001
    instrument_id: int | None = None
    """The instrument of the book; None: that of the first record."""

    def __post_init__(self) -> None:
        # 2·tick + side must fit 64 bits, so a tick is at least 2.
        if self.tick_int < 2:
            raise BadParamsError(f"tick_int must be at least 2, not {self.tick_int}")
        if self.session_start_ns % WINDOW_NS or self.session_end_ns % WINDOW_NS:
            raise BadParamsError("the session must start and end on a whole second")
        if self.session_end_ns <= self.session_start_ns:
            raise BadParamsError("the session ends at or before its start")
        if not 0 <= self.hud_max_ticks <= MAX_HUD_TICKS:
            raise BadParamsError(
                f"hud_max_ticks must be 0..{MAX_HUD_TICKS}, not {self.hud_max_ticks}"
            )
        if not 0 <= self.rest_ns <= MAX_REST_NS:
            raise BadParamsError(f"rest_ns must be 0..{MAX_REST_NS} (an hour), not {self.rest_ns}")
        if not 0 <= self.max_anomaly_share <= 1:
            raise BadParamsError(f"max_anomaly_share must be 0..1, not {self.max_anomaly_share}")

    def to_array(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the kernel's parameter array, in the order of book_state's names."""
        values = (
            self.tick_int,
            self.rest_ns,
            self.hud_max_ticks,
            self.session_start_ns // WINDOW_NS,
            self.session_end_ns // WINDOW_NS,
            int(self.assume_valid),
        )
        array = np.array(values, np.int64)
        assert array.size == PARAM_SIZE
        return array


@dataclass
class BookEngine:
    """Replays one instrument's records; the same records in any split give the same rows."""

    params: BookParams
    _state: np.ndarray[Any, np.dtype[np.int64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._param_array = self.params.to_array()
        self._state = _new_state(self.params)
        self._counters = np.zeros(COUNTER_SIZE, np.int64)
        self._orders = new_order_table(1 << 17)
        self._announced = new_order_table(1 << 6, ANNOUNCED)
        self._levels = zeros_in_huge_pages(1 << 13, LEVEL)
        # Ring of "first resting at the end of window b": an order is young for this many ends at most.
        matures = max(1, -(-self.params.rest_ns // WINDOW_NS))
        self._young = np.zeros((self._levels.size, matures), np.int64)
        self._index = new_level_index(self._levels.size)
        self._near = new_near_directory()
        self._changes = np.zeros(1 << 12, CHANGE)
        self._new_output()

    def feed(self, batch: MboColumns) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Apply a batch; yield (table name, rows) of the tables whose buffer filled up.

        The rows of other windows that closed wait for more; flush() yields them at once.
        """
        if len(batch) and self._state[INSTRUMENT] == NONE_INT:
            self._state[INSTRUMENT] = batch.instrument_id[0]
        done = 0
        while done < len(batch) and not self.finished:
            done, pause = self._replay(batch, done)
            if pause == Pause.OUTPUT_FULL:
                yield from self._flush_full()
            elif pause == Pause.NEED_ROOM:
                self._make_room()
        self._state[RECORDS_SEEN] += len(batch)

    def compile(self) -> None:
        """Compile the kernels now (half a minute on a machine's first run) instead of at first use."""
        self._replay(NO_RECORDS, 0)
        self._close_windows(self._state[WINDOW])
        self._compact_levels()
        for slot_type in (ORDER, ANNOUNCED):
            _doubled(new_order_table(2, slot_type))

    def _replay(self, batch: MboColumns, done: int) -> tuple[int, int]:
        answer: tuple[int, int] = replay(
            *batch.as_tuple(), done, self._orders, self._announced, self._levels, self._index,
            self._near, self._young, self._changes, self._state, self._param_array,
            self._counters, self._book_out, self._wall.columns, self._wall.marks,
            self._radar_out,
        )  # fmt: skip
        return answer

    def _close_windows(self, until: int) -> int:
        pause: int = close_windows(
            until, self._levels, self._index, self._near, self._young, self._changes,
            self._state, self._param_array, self._book_out, self._wall.columns,
            self._wall.marks, self._radar_out,
        )  # fmt: skip
        return pause

    def finish(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Close the last record's window and yield what is left.

        Raises BadDataError if more records were bad than `max_anomaly_share` allows.
        """
        if self._state[WINDOW] != NONE_INT and not self.finished:
            until = self._state[WINDOW] + 1
            while self._close_windows(until) == Pause.OUTPUT_FULL:
                yield from self._flush_full()
        self._state[FINISHED] = 1
        yield from self.flush()
        excused = UNKNOWN_CANCEL if self.params.assume_valid else None
        check_anomaly_limit(self.report, self.params.max_anomaly_share, excused)

    @property
    def finished(self) -> bool:
        """True when the session's end has been reached: later records change nothing."""
        return bool(self._state[FINISHED])

    @property
    def live_orders(self) -> int:
        """Orders resting in the book now."""
        return int(self._state[ORDER_COUNT])

    @property
    def report(self) -> BookReport:
        """What was met so far."""
        first_anomaly = self._state[FIRST_ANOMALY_INDEX : FIRST_ANOMALY_KIND + 1]
        return report_of(self._counters, int(self._state[RECORDS_APPLIED]), first_anomaly)

    def ladder(self, at_ns: int | None = None) -> Ladder:
        """Return the book as it stands after the records fed so far; reads and changes nothing.

        Orders rest or not as of `at_ns` (UTC ns), by default the clock: the largest time seen.
        """
        state = self._state
        clock = None if state[CLOCK] == NONE_INT else int(state[CLOCK])
        at_ns = clock if at_ns is None else at_ns
        levels = self._levels[: state[LEVEL_COUNT]]
        trade_tick = int(state[LAST_TRADE_TICK])
        bids, asks = (
            ladder_side(
                side, levels, self._orders, self.params.tick_int,
                (at_ns or 0) - self.params.rest_ns,
            )
            for side in (BID_SIDE, ASK_SIDE)
        )  # fmt: skip
        return Ladder(
            at_ns=at_ns,
            book_valid=bool(state[BOOK_VALID]),
            last_trade_price_int=(
                None if trade_tick == NONE_INT else trade_tick * self.params.tick_int
            ),
            bids=bids,
            asks=asks,
        )

    def _new_output(self) -> None:
        rows_a_window = 2 * (2 * self.params.hud_max_ticks + 1)
        self._wall = WallBuffer(max(_WALL_ROWS_A_FLUSH, rows_a_window))
        self._book_out = np.empty((_WINDOWS_A_FLUSH, len(BOOK_COLUMNS)), np.int64)
        self._radar_out = np.empty(
            (_WINDOWS_A_FLUSH, RADAR_KEY_SIZE + 2 * RADAR_SIDE_SIZE), np.int64
        )

    def flush(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield (table name, rows) of every window that closed and was not yielded yet."""
        yield from self._flush_windows()
        yield from self._flush_wall()

    def _flush_full(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Hand over only what is full: a batch of few rows costs as much as one of many."""
        windows_full = self._state[BOOK_ROWS] == len(self._book_out)
        return self._flush_windows() if windows_full else self._flush_wall()

    def _flush_windows(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        state, tick_int = self._state, self.params.tick_int
        if state[BOOK_ROWS]:
            yield BOOK_SNAPSHOT, book_snapshot_batch(self._book_out[: state[BOOK_ROWS]], tick_int)
        if state[RADAR_ROWS]:
            radar = self._radar_out[: state[RADAR_ROWS]]
            yield RADAR_ZONE_FLOW, radar_zone_flow_batch(radar, tick_int)
        state[[BOOK_ROWS, RADAR_ROWS]] = 0

    def _flush_wall(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        full, rows = self._wall, int(self._state[WALL_ROWS])
        if rows:
            self._wall = full.successor()
            self._state[WALL_ROWS] = 0
            yield WALL_SURFACE, full.batch(rows)

    def _make_room(self) -> None:
        state = self._state
        if state[ORDER_COUNT] >= self._orders.size // SLOTS_AN_ORDER:
            self._orders = _doubled(self._orders)
        if state[ANNOUNCED_COUNT] >= self._announced.size // 2:
            self._announced = _doubled(self._announced)
        if state[CHANGE_COUNT] >= self._changes.size:
            self._changes = np.concatenate([self._changes, np.zeros_like(self._changes)])
        if state[LEVEL_COUNT] > self._levels.size - 2:
            self._compact_levels()

    def _compact_levels(self) -> None:
        state, size = self._state, self._levels.size
        kept, kept_young = np.zeros_like(self._levels), np.zeros_like(self._young)
        new_places = np.zeros(size, np.int32)
        count = compact_levels(
            self._levels, state[LEVEL_COUNT], self._young, state[WINDOW], kept, kept_young,
            new_places,
        )  # fmt: skip
        move_levels(self._orders, new_places)
        if count > size // 2:
            kept = np.concatenate([kept, np.zeros_like(kept)])
            kept_young = np.concatenate([kept_young, np.zeros_like(kept_young)])
        self._levels, self._young = kept, kept_young
        self._index = new_level_index(kept.size)
        state[LEVEL_COUNT] = count
        near_key = recentre_near(kept, 0, self._near, state[NEAR_KEY] >> 1)
        index_levels(kept, self._index, self._near, near_key, count)


def _new_state(params: BookParams) -> np.ndarray[Any, np.dtype[np.int64]]:
    state = np.zeros(STATE_SIZE, np.int64)
    for name in (CLOCK, WINDOW, HISTORY_WINDOW, LAST_TRADE_TICK, HINT_ASK, HINT_BID, INSTRUMENT):
        state[name] = NONE_INT
    if params.instrument_id is not None:
        state[INSTRUMENT] = params.instrument_id
    state[BOOK_VALID] = int(params.assume_valid)
    state[FIRST_ANOMALY_INDEX] = -1
    return state


def _doubled(table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    larger = new_order_table(2 * table.size, table.dtype)
    rehash_orders(table, larger)
    return larger
