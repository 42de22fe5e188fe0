"""The option quote kernel: MBO records of many instruments, a row when a quote has changed.

The book's rules are those of docs/book.md, each instrument by itself: its own clock, validity and open
window. Fills need not be told from pulls here, since only what rests makes a quote. A row is written when
an instrument's next record shows that its open window has ended, so rows come instrument by instrument
in time, and not in time over all of them.

The instruments' books know nothing of each other, so a batch is replayed instrument by instrument, each
one's records in file order: thousands of books lie far beyond the processor's first caches, and one that
was fetched now serves all its records of the batch instead of one. The records are packed in that order,
so that the replay reads them one after another: taken from their columns, each would cost seven lines of
the cache.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import numpy as np

from spymaster_udf import mbo
from spymaster_udf.book_state import (
    DUPLICATE_ADD,
    NONE_INT,
    OTHER_INSTRUMENT,
    OVER_REDUCTION,
    UNKNOWN_CANCEL,
    UNKNOWN_MODIFY,
    WINDOW_NS,
    Pause,
)
from spymaster_udf.compile import kernel, prefetch
from spymaster_udf.option_levels import (
    add_depth,
    best_level,
    clear_side,
    level_rank,
    take_order,
)
from spymaster_udf.option_orders import find_option_order
from spymaster_udf.order_table import home_slot, remove_order
from spymaster_udf.record_fault_kernel import NO_FAULT, record_fault

ADD, CANCEL, MODIFY, CLEAR = mbo.ADD, mbo.CANCEL, mbo.MODIFY, mbo.CLEAR
ASK, BID = mbo.ASK, mbo.BID
F_LAST, F_SNAPSHOT = mbo.F_LAST, mbo.F_SNAPSHOT
NO_NEGATIVE = np.iinfo(np.int64).min  # a price whose negative does not exist ranks nowhere
UNDEF_PRICE = mbo.UNDEF_PRICE
BATCH_DONE = int(Pause.BATCH_DONE)
NEED_ROOM = int(Pause.NEED_ROOM)
OUTPUT_FULL = int(Pause.OUTPUT_FULL)

_column = count()
Q_WINDOW_END: Final = next(_column)  # UTC ns
Q_INSTRUMENT: Final = next(_column)
Q_BID_PRICE: Final = next(_column)
Q_BID_QTY: Final = next(_column)
Q_ASK_PRICE: Final = next(_column)
Q_ASK_QTY: Final = next(_column)
QUOTE_COLUMN_COUNT: Final = next(_column)

MARK_BID: Final = 0  # the int8 columns of a row: is there a bid, is there an ask, is the book valid
MARK_ASK: Final = 1
MARK_VALID: Final = 2
QUOTE_MARK_COUNT: Final = 3

INSTRUMENT = np.dtype(
    [
        ("instrument_id", np.int64),
        ("tick_int", np.int64),
        ("inverse_tick", np.float64),  # 1 / tick_int, which spares nearly all divisions
        ("clock", np.int64),  # UTC ns, the largest of its records; NONE_INT before the first
        ("window", np.int64),  # its open window
        ("told_bid_price", np.int64),  # its last row
        ("told_bid_qty", np.int64),
        ("told_ask_price", np.int64),
        ("told_ask_qty", np.int64),
        ("told_valid", np.int64),  # -1: no row yet
        ("book_valid", np.int8),
        ("in_snapshot", np.int8),
        ("clear_pending", np.int8),
    ]
)

PACKED = np.dtype(
    [
        ("order_id", np.uint64),
        (
            "record_ns",
            np.int64,
        ),  # the time that moves the clock: ts_recv of a snapshot's record, else ts_event
        ("price", np.int64),
        ("size", np.uint32),
        ("flags", np.uint8),
        ("action", np.uint8),
        ("side", np.uint8),
        ("unused", np.uint8),
    ]
)
"""What the replay needs of a record, two in a cache line."""

_state = count()
ORDER_SLOTS_USED: Final = next(_state)  # slots taken, also by orders that a clear has ended
ROWS: Final = next(_state)
RECORDS_SEEN: Final = next(_state)
RECORDS_APPLIED: Final = next(_state)
LAST_WINDOW: Final = next(_state)  # latest window of any instrument
FULL_SIDE: Final = next(_state)  # side of option_levels.py that needs room, -1: none
FIRST_ANOMALY_INDEX: Final = next(_state)
FIRST_ANOMALY_TS_EVENT: Final = next(_state)
FIRST_ANOMALY_ORDER_ID: Final = next(_state)
FIRST_ANOMALY_KIND: Final = next(_state)
QUOTE_STATE_SIZE: Final = next(_state)

RANKS_A_LINE = 8  # of the cache
DEPTHS_A_LINE = 4
PACK_AHEAD = 16  # records
SLOT_AHEAD = 16  # records; far enough to arrive from memory
BOOK_AHEAD = 8


@kernel(inline="always")
def _count_anomaly(kind, at, order_id, places, ts_event, state, counters):
    counters[kind] += 1
    place = np.int64(places[at])
    index_in_stream = state[RECORDS_SEEN] + place
    # A batch's records do not come in the stream's order.
    if state[FIRST_ANOMALY_INDEX] < 0 or index_in_stream < state[FIRST_ANOMALY_INDEX]:
        state[FIRST_ANOMALY_INDEX] = index_in_stream
        state[FIRST_ANOMALY_TS_EVENT] = ts_event[place]
        state[FIRST_ANOMALY_ORDER_ID] = np.int64(order_id)
        state[FIRST_ANOMALY_KIND] = kind


@kernel()
def tell_quote(instruments, number, ranks, depths, sides, window, state, out, marks):
    """Write an instrument's row for a window if its quote differs from that of its last row."""
    instrument = instruments[number]
    bid_price, bid_qty = np.int64(NONE_INT), np.int64(0)
    ask_price, ask_qty = np.int64(NONE_INT), np.int64(0)
    bid, ask = best_level(ranks, sides, 2 * number + 1), best_level(ranks, sides, 2 * number)
    if bid >= 0:
        bid_price, bid_qty = ranks[bid], depths[bid].qty
    if ask >= 0:
        ask_price, ask_qty = -ranks[ask], depths[ask].qty
    valid = np.int64(instrument.book_valid)
    if (
        instrument.told_valid == valid
        and instrument.told_bid_price == bid_price
        and instrument.told_ask_price == ask_price
        and instrument.told_bid_qty == bid_qty
        and instrument.told_ask_qty == ask_qty
    ):
        return
    instrument.told_valid = valid
    instrument.told_bid_price = bid_price
    instrument.told_bid_qty = bid_qty
    instrument.told_ask_price = ask_price
    instrument.told_ask_qty = ask_qty
    row = np.uint64(state[ROWS])
    out[Q_WINDOW_END, row] = (window + 1) * WINDOW_NS
    out[Q_INSTRUMENT, row] = instrument.instrument_id
    out[Q_BID_PRICE, row] = bid_price
    out[Q_BID_QTY, row] = bid_qty
    out[Q_ASK_PRICE, row] = ask_price
    out[Q_ASK_QTY, row] = ask_qty
    marks[MARK_BID, row] = bid >= 0
    marks[MARK_ASK, row] = ask >= 0
    marks[MARK_VALID, row] = valid
    state[ROWS] += 1


@kernel()
def tell_last_quotes(
    instruments, begin, ranks, depths, sides, state, first_window, end_window, out, marks
):
    """At the end of the records: tell every open window from instrument `begin` on.

    Returns the instrument at which the output was full, their number when all are told. An
    instrument silent since before the session still has the quote that it had.
    """
    last_window = min(state[LAST_WINDOW], end_window - 1)
    for number in range(begin, instruments.size):
        if state[ROWS] == out.shape[1]:
            return number
        if instruments[number].clock != NONE_INT:
            window = max(instruments[number].window, first_window)
            if window <= last_window:
                tell_quote(instruments, number, ranks, depths, sides, window, state, out, marks)
    return instruments.size


@kernel(inline="always")
def _clear(ranks, sides, number, epochs):
    """Empty a book; its orders, of an epoch that is over, are no longer found."""
    clear_side(ranks, sides, 2 * number)
    clear_side(ranks, sides, 2 * number + 1)
    epochs[number] += 1


@kernel()
def index_instruments(instruments, instrument_index):
    """Enter every instrument into the hash by which records find theirs."""
    mask = instrument_index.size - 1
    for number in range(instruments.size):
        slot = np.int64(home_slot(np.uint64(instruments[number].instrument_id), mask))
        while instrument_index[slot] >= 0:
            slot = (slot + 1) & mask
        instrument_index[slot] = number


@kernel()
def number_instruments(instruments, instrument_index, instrument_id, numbers):
    """Find each record's place in the table of instruments, -1 if it is of none of them."""
    mask = instrument_index.size - 1
    for i in range(instrument_id.size):
        slot = np.int64(home_slot(np.uint64(instrument_id[i]), mask))
        number = instrument_index[slot]
        while number >= 0 and instruments[number].instrument_id != instrument_id[i]:
            slot = (slot + 1) & mask
            number = instrument_index[slot]
        numbers[i] = number


@kernel()
def pack_by_instrument(
    ts_event,
    ts_recv,
    order_id,
    price,
    size,
    flags,
    action,
    side,
    numbers,
    ends,
    packed,
    grouped,
    places,
):
    """Pack a batch's records in the order of their instruments, an instrument's in file order.

    The first eight arrays are as those of book_kernel.replay. `packed` becomes the records, `grouped`
    their instruments' numbers, those of none (-1) first, `places` their places in the batch. `ends`
    is scratch, longer by one than the instruments are many.
    """
    ends[:] = 0
    for i in range(numbers.size):
        ends[numbers[i] + 1] += 1
    begin = 0
    for group in range(ends.size):
        count = ends[group]
        grouped[begin : begin + count] = group - 1
        ends[group] = begin
        begin += count
    last = numbers.size - 1
    for i in range(numbers.size):
        prefetch(packed, np.uint64(ends[numbers[np.uint64(min(i + PACK_AHEAD, last))] + 1]), 1)
        group = numbers[i] + 1
        place = ends[group]
        ends[group] = place + 1
        places[place] = i
        record = packed[place]
        record.order_id = order_id[i]
        record.record_ns = ts_recv[i] if flags[i] & F_SNAPSHOT != 0 else ts_event[i]
        record.price = price[i]
        record.size = size[i]
        record.flags = flags[i]
        record.action = action[i]
        record.side = side[i]


@kernel()
def replay_quotes(
    packed, grouped, places, ts_event, begin, instruments, epochs, orders, ranks, depths, sides, state,
    first_window, end_window, counters, out, marks,
):  # fmt: skip
    """Apply the packed records `begin`… of a batch; return (records of the batch done, a Pause).

    The first three arrays are those of pack_by_instrument, `ts_event` is the batch's column. The others
    are the state and output of option_quotes.py.
    """
    mask = np.uint64(orders.size - 1)
    last = packed.size - 1
    coming = np.int32(-1)
    for i in range(begin, packed.size):
        # A record makes at most one order and one row.
        if state[ORDER_SLOTS_USED] >= orders.size // 2:
            return i, NEED_ROOM
        if state[ROWS] == out.shape[1]:
            return i, OUTPUT_FULL
        # What later records need, so that it is in cache when their turn comes.
        later = home_slot(packed[np.uint64(min(i + SLOT_AHEAD, last))].order_id, mask)
        prefetch(orders, later, 1)
        prefetch(orders, (later + np.uint64(1)) & mask, 1)
        number = grouped[np.uint64(min(i + BOOK_AHEAD, last))]
        if number != coming:
            coming = number
            prefetch(instruments, np.uint64(number), 1)
            for half in range(2):
                run = sides[np.uint64(2 * number + half)]
                for index in range(0, run.used, RANKS_A_LINE):
                    prefetch(ranks, np.uint64(run.first + index), 1)
                for index in range(0, run.used, DEPTHS_A_LINE):
                    prefetch(depths, np.uint64(run.first + index), 1)

        at = np.uint64(i)
        record = packed[at]
        oid = record.order_id
        number = np.int64(grouped[at])
        if number < 0:
            _count_anomaly(OTHER_INSTRUMENT, at, oid, places, ts_event, state, counters)
            continue
        for half in range(2):
            if sides[2 * number + half].count == sides[2 * number + half].room:
                state[FULL_SIDE] = 2 * number + half
                return i, NEED_ROOM
        instrument = instruments[number]
        flag = record.flags
        in_snapshot_record = (flag & F_SNAPSHOT) != 0
        clock = max(instrument.clock, record.record_ns)
        window = clock // WINDOW_NS
        if instrument.clock == NONE_INT:
            instrument.window = window
        elif window > instrument.window:
            closed = max(instrument.window, first_window)
            if closed < min(window, end_window):
                tell_quote(instruments, number, ranks, depths, sides, closed, state, out, marks)
            instrument.window = window
        instrument.clock = clock
        state[LAST_WINDOW] = max(state[LAST_WINDOW], window)
        if window >= end_window:
            continue

        state[RECORDS_APPLIED] += 1
        if in_snapshot_record:
            if instrument.in_snapshot == 0:
                _clear(ranks, sides, number, epochs)
                instrument.in_snapshot = 1
                instrument.book_valid = 0
                instrument.clear_pending = 0
        elif instrument.in_snapshot != 0:
            instrument.in_snapshot = 0
            instrument.book_valid = 1

        kind = record.action
        qty = np.int64(record.size)
        price = record.price
        anomaly = record_fault(
            kind, record.side, qty, UNDEF_PRICE if price == NO_NEGATIVE else price,
            instrument.tick_int, instrument.inverse_tick,
        )  # fmt: skip
        if anomaly != NO_FAULT:
            _count_anomaly(anomaly, at, oid, places, ts_event, state, counters)

        elif kind == CANCEL:
            slot = find_option_order(orders, oid, number, epochs[number], mask)
            if slot < 0:
                _count_anomaly(UNKNOWN_CANCEL, at, oid, places, ts_event, state, counters)
            else:
                old_qty = np.int64(orders[slot].qty)
                if qty > old_qty:
                    _count_anomaly(OVER_REDUCTION, at, oid, places, ts_event, state, counters)
                    qty = old_qty
                of_side = np.int64(2 * number + orders[slot].side)
                if qty == old_qty:
                    take_order(ranks, depths, sides, of_side, orders[slot].level, qty)
                    remove_order(orders, slot, mask)
                    state[ORDER_SLOTS_USED] -= 1
                else:
                    depths[sides[of_side].first + orders[slot].level].qty -= qty
                    orders[slot].qty = old_qty - qty

        elif kind == ADD or kind == MODIFY:
            new_side = np.int64(0 if record.side == ASK else 1)
            of_side = np.int64(2 * number + new_side)
            rank = level_rank(new_side, price)
            slot = find_option_order(orders, oid, number, epochs[number], mask)
            known = slot >= 0
            if known and kind == ADD:
                _count_anomaly(DUPLICATE_ADD, at, oid, places, ts_event, state, counters)
            elif not known and kind == MODIFY:
                counters[UNKNOWN_MODIFY] += 1
            stays = False
            if known:
                old_qty = np.int64(orders[slot].qty)
                old_side = 2 * number + np.int64(orders[slot].side)
                place = sides[old_side].first + orders[slot].level
                stays = old_side == of_side and ranks[place] == rank and qty != 0
                if stays:
                    depths[place].qty += qty - old_qty
                    orders[slot].qty = qty
                else:
                    take_order(ranks, depths, sides, old_side, orders[slot].level, old_qty)
                    if qty == 0:
                        remove_order(orders, slot, mask)
                    state[ORDER_SLOTS_USED] -= 1
            if qty != 0 and not stays:
                level = add_depth(ranks, depths, sides, of_side, rank, qty)
                if not known:
                    slot = -1 - slot
                    orders[slot].order_id = oid
                    orders[slot].instrument = number
                    orders[slot].epoch = epochs[number]
                    state[ORDER_SLOTS_USED] += 1
                orders[slot].side = new_side
                orders[slot].level = level
                orders[slot].qty = qty

        elif kind == CLEAR:
            _clear(ranks, sides, number, epochs)
            if not in_snapshot_record:
                instrument.book_valid = 0
                instrument.clear_pending = 1

        if flag & F_LAST != 0 and (instrument.in_snapshot != 0 or instrument.clear_pending != 0):
            instrument.in_snapshot = 0
            instrument.clear_pending = 0
            instrument.book_valid = 1
    return packed.size, BATCH_DONE
