"""Best quotes of many options: batches of MBO records in, a row when an instrument's quote has changed.

>>> quotes = OptionQuotes({7: 50_000_000}, session_start_ns=0, session_end_ns=10**9)
>>> sum(rows.num_rows for rows in quotes.finish())
0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spymaster_udf.anomalies import BadParamsError, BookReport, check_anomaly_limit, report_of
from spymaster_udf.book_state import COUNTER_SIZE, NONE_INT, WINDOW_NS, Pause
from spymaster_udf.column_buffer import ColumnBuffer
from spymaster_udf.mbo_columns import NO_RECORDS, MboColumns
from spymaster_udf.option_levels import new_option_levels, with_more_room
from spymaster_udf.option_orders import new_option_orders, rebuild_option_orders
from spymaster_udf.option_quote_kernel import (
    FIRST_ANOMALY_INDEX,
    FIRST_ANOMALY_KIND,
    FULL_SIDE,
    INSTRUMENT,
    LAST_WINDOW,
    MARK_ASK,
    MARK_BID,
    MARK_VALID,
    ORDER_SLOTS_USED,
    PACKED,
    Q_ASK_PRICE,
    Q_ASK_QTY,
    Q_BID_PRICE,
    Q_BID_QTY,
    Q_INSTRUMENT,
    Q_WINDOW_END,
    QUOTE_COLUMN_COUNT,
    QUOTE_MARK_COUNT,
    QUOTE_STATE_SIZE,
    RECORDS_APPLIED,
    RECORDS_SEEN,
    ROWS,
    index_instruments,
    number_instruments,
    pack_by_instrument,
    replay_quotes,
    tell_last_quotes,
)

_ROWS_A_FLUSH: Final = 32_768 + 72  # as in book_engine.py
_ORDERS_AN_OPTION: Final = 64  # about as many as rest in one; the table grows when it must


class OptionQuotes:
    """Replays the records of many instruments, each a book of its own; any split gives the same rows.

    `ticks` gives each instrument's tick by its id, in 1e-9 price units; records of others are
    anomalies. A row says a quote from its window's end on. Rows come in the order in which windows of
    single instruments end, not in time over all of them. Raises BadParamsError for values it cannot
    work with.
    """

    def __init__(
        self,
        ticks: Mapping[int, int],
        *,
        session_start_ns: int,
        session_end_ns: int,
        max_anomaly_share: float = 0.001,
    ) -> None:
        if session_start_ns % WINDOW_NS or session_end_ns % WINDOW_NS:
            raise BadParamsError("the session must start and end on a whole second")
        if any(tick < 1 for tick in ticks.values()):
            raise BadParamsError("a tick must be at least 1")
        self._limit = max_anomaly_share
        self._windows = session_start_ns // WINDOW_NS, session_end_ns // WINDOW_NS
        self._state = np.zeros(QUOTE_STATE_SIZE, np.int64)
        self._state[FIRST_ANOMALY_INDEX] = -1
        self._state[LAST_WINDOW] = NONE_INT
        self._state[FULL_SIDE] = -1
        self._counters = np.zeros(COUNTER_SIZE, np.int64)
        self._instruments = _instrument_table(ticks)
        self._instrument_index = np.full(_power_of_two(2 * (len(ticks) + 1)), -1, np.int32)
        index_instruments(self._instruments, self._instrument_index)
        self._packed = np.empty(0, PACKED)
        self._scratch = np.empty((3, 0), np.int32)
        self._group_ends = np.zeros(len(ticks) + 1, np.int32)
        self._epochs = np.zeros(len(ticks), np.int32)
        self._orders = new_option_orders(_power_of_two(2 * _ORDERS_AN_OPTION * (len(ticks) + 1)))
        self._ranks, self._depths, self._sides = new_option_levels(len(ticks))
        self._pool_used = len(self._ranks)
        self._out = QuoteBuffer(_ROWS_A_FLUSH)

    def feed(self, batch: MboColumns) -> Iterator[pa.RecordBatch]:
        """Apply a batch; yield rows whenever the output is full."""
        packed, done = self._pack(batch), 0
        while done < len(batch):
            done, pause = self._replay(packed, done)
            if pause == Pause.OUTPUT_FULL:
                yield self._flush()
            elif pause == Pause.NEED_ROOM:
                self._make_room()
        self._state[RECORDS_SEEN] += len(batch)

    def compile(self) -> None:
        """Compile the kernel now instead of at the first batch."""
        self._replay(self._pack(NO_RECORDS), 0)
        rebuild_option_orders(new_option_orders(2), self._orders, self._epochs)

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Tell the open windows of all instruments and yield what is left.

        Raises BadDataError if more records were bad than `max_anomaly_share` allows.
        """
        number = 0
        while number < self._instruments.size:
            number = tell_last_quotes(
                self._instruments, number, self._ranks, self._depths, self._sides, self._state,
                *self._windows, self._out.columns, self._out.marks,
            )  # fmt: skip
            if self._state[ROWS]:
                yield self._flush()
        check_anomaly_limit(self.report, self._limit)

    @property
    def report(self) -> BookReport:
        """What was met so far."""
        first_anomaly = self._state[FIRST_ANOMALY_INDEX : FIRST_ANOMALY_KIND + 1]
        return report_of(self._counters, int(self._state[RECORDS_APPLIED]), first_anomaly)

    def _pack(self, batch: MboColumns) -> tuple[np.ndarray[Any, Any], ...]:
        """Return the batch packed for the kernel: its first four arrays, good until the next batch."""
        *columns, ids = batch.as_tuple()
        if len(batch) > len(self._packed):
            # Kept, since fresh memory costs more than to fill it.
            self._packed = np.empty(len(batch), PACKED)
            self._scratch = np.empty((3, len(batch)), np.int32)
        packed = self._packed[: len(batch)]
        numbers, grouped, places = self._scratch[:, : len(batch)]
        number_instruments(self._instruments, self._instrument_index, ids, numbers)
        pack_by_instrument(*columns, numbers, self._group_ends, packed, grouped, places)
        return packed, grouped, places, columns[0]

    def _replay(self, packed: tuple[np.ndarray[Any, Any], ...], done: int) -> tuple[int, int]:
        answer: tuple[int, int] = replay_quotes(
            *packed, done, self._instruments, self._epochs, self._orders, self._ranks,
            self._depths, self._sides, self._state, *self._windows, self._counters,
            self._out.columns, self._out.marks,
        )  # fmt: skip
        return answer

    def _flush(self) -> pa.RecordBatch:
        full, rows = self._out, int(self._state[ROWS])
        self._out = full.successor()
        self._state[ROWS] = 0
        return full.batch(rows)

    def _make_room(self) -> None:
        if self._state[FULL_SIDE] >= 0:
            self._ranks, self._depths, self._pool_used = with_more_room(
                self._ranks, self._depths, self._pool_used, self._sides,
                int(self._state[FULL_SIDE]),
            )  # fmt: skip
            self._state[FULL_SIDE] = -1
        if self._state[ORDER_SLOTS_USED] >= self._orders.size // 2:
            # Orders that a clear has ended leave now; often that is room enough.
            rebuilt = new_option_orders(self._orders.size)
            live = rebuild_option_orders(self._orders, rebuilt, self._epochs)
            if live > self._orders.size // 4:
                rebuilt = new_option_orders(2 * self._orders.size)
                live = rebuild_option_orders(self._orders, rebuilt, self._epochs)
            self._orders = rebuilt
            self._state[ORDER_SLOTS_USED] = live


def _power_of_two(at_least: int) -> int:
    return 1 << (at_least - 1).bit_length()


class QuoteBuffer(ColumnBuffer):
    """Room for `capacity` quotes."""

    column_count, mark_count = QUOTE_COLUMN_COUNT, QUOTE_MARK_COUNT

    def batch(self, rows: int) -> pa.RecordBatch:
        """Return the first `rows` rows as option_quote_1s; the buffer must not be written again."""
        return pa.RecordBatch.from_pydict(
            {
                "window_end_ts_ns": self.bigint(Q_WINDOW_END, rows),
                "instrument_id": self.bigint(Q_INSTRUMENT, rows),
                "best_bid_price_int": self.bigint(Q_BID_PRICE, rows, known=MARK_BID),
                "best_bid_qty": self.bigint(Q_BID_QTY, rows),
                "best_ask_price_int": self.bigint(Q_ASK_PRICE, rows, known=MARK_ASK),
                "best_ask_qty": self.bigint(Q_ASK_QTY, rows),
                "book_valid": self.boolean(MARK_VALID, rows),
            }
        )


def _instrument_table(ticks: Mapping[int, int]) -> np.ndarray[Any, Any]:
    table = np.zeros(len(ticks), INSTRUMENT)
    table["instrument_id"] = list(ticks)
    table["tick_int"] = list(ticks.values())
    table["inverse_tick"] = 1.0 / table["tick_int"]
    table["clock"] = table["window"] = NONE_INT
    table["told_valid"] = -1
    return table
