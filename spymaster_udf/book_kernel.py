"""The book kernel: applies MBO records in file order and closes one-second windows as the clock passes.

One pass over the columns of a batch. The kernel allocates nothing: when a table is nearly full or the
output has no room for a window it returns, at a record not yet applied, and the driver
(book_engine.py) makes room and calls again. Every rule is that of docs/book.md.
"""

from __future__ import annotations

import numpy as np

from spymaster_udf import mbo
from spymaster_udf.announced_fills import announce, take_announced
from spymaster_udf.book_state import (
    ANNOUNCED_COUNT,
    ASSUME_VALID,
    BOOK_VALID,
    CHANGE_COUNT,
    CLEAR_PENDING,
    CLOCK,
    DUPLICATE_ADD,
    END_WINDOW,
    FINISHED,
    FIRST_ANOMALY_INDEX,
    FIRST_ANOMALY_KIND,
    FIRST_ANOMALY_ORDER_ID,
    FIRST_ANOMALY_TS_EVENT,
    FIRST_WINDOW,
    HINT_ASK,
    IN_SNAPSHOT,
    INSTRUMENT,
    LAST_TRADE_TICK,
    LEVEL_COUNT,
    MESSAGE_COUNT,
    NEAR_KEY,
    NONE_INT,
    ORDER_COUNT,
    OTHER_INSTRUMENT,
    OVER_REDUCTION,
    RECORDS_APPLIED,
    RECORDS_SEEN,
    REST_NS,
    TICK_INT,
    TRADE_BUY,
    TRADE_OTHER,
    TRADE_SELL,
    UNKNOWN_CANCEL,
    UNKNOWN_FILL,
    UNKNOWN_MODIFY,
    WALL_ROWS,
    WINDOW,
    WINDOW_DISTURBED,
    WINDOW_NS,
    WINDOW_START_VALID,
    Pause,
)
from spymaster_udf.book_windows import LINE, WALL_COLUMN_COUNT, close_windows, wall_lines_ahead
from spymaster_udf.compile import kernel, prefetch
from spymaster_udf.order_table import SLOTS_AN_ORDER, find_order, home_slot, remove_order
from spymaster_udf.price_levels import (
    ASK_SIDE,
    BID_SIDE,
    NEAR_TICKS,
    clear_levels,
    create_level,
    find_level,
    level_side,
    level_tick,
    recentre_near,
    roll_level,
)
from spymaster_udf.record_fault_kernel import NO_FAULT, record_fault, whole_ticks

ADD, CANCEL, MODIFY, CLEAR = mbo.ADD, mbo.CANCEL, mbo.MODIFY, mbo.CLEAR
TRADE, FILL = mbo.TRADE, mbo.FILL
ASK, BID = mbo.ASK, mbo.BID
F_LAST, F_SNAPSHOT = mbo.F_LAST, mbo.F_SNAPSHOT
BATCH_DONE, NEED_ROOM = int(Pause.BATCH_DONE), int(Pause.NEED_ROOM)

COLUMNS_AHEAD = 128  # records; nine columns are too many for the processor to foresee
LOOK_AHEAD = 16  # records; far enough for a slot to arrive from memory


@kernel(inline="always")
def _count_anomaly(kind, index, ts_event, order_id, state, params, counters):
    counters[kind] += 1
    excused = kind == UNKNOWN_CANCEL and params[ASSUME_VALID] != 0
    if state[FIRST_ANOMALY_INDEX] < 0 and not excused:
        state[FIRST_ANOMALY_INDEX] = state[RECORDS_SEEN] + index
        state[FIRST_ANOMALY_TS_EVENT] = ts_event
        state[FIRST_ANOMALY_ORDER_ID] = np.int64(order_id)
        state[FIRST_ANOMALY_KIND] = kind


@kernel(inline="always")
def _touch_known(levels, young, position, window):
    """Roll an order's level forward to `window`."""
    if levels[position].window != window:
        roll_level(levels, young, position, window)


@kernel(inline="always")
def _touch_level(levels, index, near, young, state, key, window):
    """Return the pool position of a level, made if new, rolled forward to `window`."""
    position = find_level(levels, index, near, state[NEAR_KEY], key)
    if position >= 0:
        _touch_known(levels, young, np.uint64(position), window)
        return np.uint64(position)
    position = state[LEVEL_COUNT]
    if position == 0:
        state[NEAR_KEY] = recentre_near(levels, 0, near, level_tick(key) - NEAR_TICKS // 2)
    create_level(levels, index, near, state[NEAR_KEY], young, position, key, window)
    state[LEVEL_COUNT] = position + 1
    return np.uint64(position)


@kernel(inline="always")
def _maturity(ts_enter, rest_ns, matures):
    """Return the place in a ring of `matures` for an order entered at `ts_enter`.

    It counts from the first window at whose end the order has rested for rest_ns.
    """
    if matures == 1:
        return np.int64(0)
    return ((ts_enter + rest_ns + WINDOW_NS - 1) // WINDOW_NS - 1) % matures


@kernel(inline="always")
def _all_bits_if(condition):
    """Return a mask, for conditions that a branch would guess wrong."""
    return -np.int64(condition)


@kernel(inline="always")
def _increase(levels, young, position, qty, ts_enter, young_after, rest_ns, is_flow):
    """Add depth (not an order) to a touched level."""
    levels[position].depth_qty += qty
    if is_flow:
        levels[position].add_qty += qty
    if ts_enter > young_after:
        young[position, _maturity(ts_enter, rest_ns, young.shape[1])] += qty


@kernel(inline="always")
def _reduce(levels, young, position, qty, fill, ts_enter, aged, young_after, rest_ns, is_flow):
    """Take depth (not an order) from a touched level: `fill` of it traded, the rest was pulled."""
    levels[position].depth_qty -= qty
    if is_flow:
        levels[position].fill_qty += fill
        levels[position].pull_qty += qty - fill
        levels[position].pull_rest_qty += (qty - fill) & _all_bits_if(aged)
    if young.shape[1] == 1:
        young[position, 0] -= qty & _all_bits_if(ts_enter > young_after)
    elif ts_enter > young_after:
        young[position, _maturity(ts_enter, rest_ns, young.shape[1])] -= qty


@kernel()
def _clear_book(orders, levels, young, state, window):
    if state[ORDER_COUNT] > 0:
        orders["qty"][:] = 0
        state[ORDER_COUNT] = 0
    clear_levels(levels, state[LEVEL_COUNT], young, window)
    state[HINT_ASK] = NONE_INT
    state[HINT_ASK + 1] = NONE_INT
    state[WINDOW_DISTURBED] = 1


@kernel()
def _room(orders, announced, levels, changes, state):
    """Return how many records fit: each makes at most two levels and one of everything else."""
    return min(
        orders.size // SLOTS_AN_ORDER - state[ORDER_COUNT],
        announced.size // 2 - state[ANNOUNCED_COUNT],
        (levels.size - state[LEVEL_COUNT]) // 2,
        changes.size - state[CHANGE_COUNT],
    )


@kernel(inline="always")
def _raise_hint(state, side, tick):
    place = np.uint64(HINT_ASK + side)
    hint = state[place]
    if hint == NONE_INT or (tick > hint if side == BID_SIDE else tick < hint):
        state[place] = tick


@kernel()
def replay(
    ts_event, ts_recv, order_id, price, size, flags, action, side, instrument_id,
    begin, orders, announced, levels, index, near, young, changes,
    state, params, counters, book_out, wall_out, wall_marks, radar_out,
):  # fmt: skip
    """Apply the records `begin`… of a batch; return (records of the batch done, a Pause).

    The first nine arrays are a batch's columns: int64 UTC ns, uint64 ids, int64 prices in 1e-9,
    int64 contracts, uint8 flags and ASCII codes. The others are the state and output of book_engine.py.
    """
    tick_int = params[TICK_INT]
    inverse_tick = 1.0 / tick_int
    rest_ns = params[REST_NS]
    instrument = state[INSTRUMENT]
    order_mask = np.uint64(orders.size - 1)
    order_qtys = orders["qty"]  # a slot's last field: it may lie in the next line of the cache
    session_end_ns = params[END_WINDOW] * WINDOW_NS
    window = state[WINDOW]
    window_end_ns = NONE_INT if window == NONE_INT else (window + 1) * WINDOW_NS
    young_after = window_end_ns - rest_ns
    keep_changes = window >= params[FIRST_WINDOW]
    clock = state[CLOCK]
    stop = begin
    flat_wall = wall_out.reshape(wall_out.size)
    opened, first_row = begin, state[WALL_ROWS]
    wall_lines = wall_lines_ahead(first_row, params, wall_out)
    last = ts_event.size - 1
    message_count = np.int64(0)  # of the open window, in this call

    for i in range(begin, ts_event.size):
        if i == stop:
            room = _room(orders, announced, levels, changes, state)
            if room <= 0:
                state[CLOCK] = clock
                state[MESSAGE_COUNT] += message_count
                state[RECORDS_APPLIED] += message_count
                return i, NEED_ROOM
            stop = i + room

        # What a later record needs and the rows that the end of this window will write, so that it is in
        # cache when its turn comes.
        line = i - opened
        if line < wall_lines:
            row = first_row + (line // WALL_COLUMN_COUNT) * LINE
            prefetch(flat_wall, np.uint64(line % WALL_COLUMN_COUNT * wall_out.shape[1] + row), 2)
        if i % LINE == 0:
            far = np.uint64(min(i + COLUMNS_AHEAD, last))
            prefetch(ts_event, far, 1)
            prefetch(order_id, far, 1)
            prefetch(price, far, 1)
            prefetch(size, far, 1)
            prefetch(instrument_id, far, 1)
        home = home_slot(order_id[np.uint64(min(i + LOOK_AHEAD, last))], order_mask)
        prefetch(orders, home, 1)
        prefetch(order_qtys, (home + np.uint64(1)) & order_mask, 1)

        at = np.uint64(i)  # an index that may be negative costs a comparison at every use
        oid = order_id[at]
        event_ns = ts_event[at]
        if instrument_id[at] != instrument:
            _count_anomaly(OTHER_INSTRUMENT, i, event_ns, oid, state, params, counters)
            continue

        flag = flags[at]
        in_snapshot_record = (flag & F_SNAPSHOT) != 0
        record_ns = ts_recv[at] if in_snapshot_record else event_ns
        clock = max(clock, record_ns)
        if clock >= window_end_ns:
            state[MESSAGE_COUNT] += message_count
            state[RECORDS_APPLIED] += message_count
            message_count = np.int64(0)
            if window == NONE_INT:
                state[WINDOW] = clock // WINDOW_NS
                state[WINDOW_START_VALID] = state[BOOK_VALID]
            else:
                state[CLOCK] = clock
                pause = close_windows(
                    min(clock // WINDOW_NS, params[END_WINDOW]), levels, index, near, young,
                    changes, state, params, book_out, wall_out, wall_marks, radar_out,
                )  # fmt: skip
                if pause != BATCH_DONE:
                    return i, pause
            window = state[WINDOW]
            window_end_ns = (window + 1) * WINDOW_NS
            young_after = window_end_ns - rest_ns
            keep_changes = window >= params[FIRST_WINDOW]
            opened, first_row = i, state[WALL_ROWS]
            wall_lines = wall_lines_ahead(first_row, params, wall_out)
            if clock >= session_end_ns:
                state[FINISHED] = 1
                return i, BATCH_DONE

        message_count += 1
        if in_snapshot_record:
            if state[IN_SNAPSHOT] == 0:
                _clear_book(orders, levels, young, state, window)
                state[IN_SNAPSHOT] = 1
                state[BOOK_VALID] = 0
                state[CLEAR_PENDING] = 0
                state[WINDOW_DISTURBED] = 1
        elif state[IN_SNAPSHOT] != 0:
            state[IN_SNAPSHOT] = 0
            state[BOOK_VALID] = 1

        kind = action[at]
        is_flow = not in_snapshot_record
        qty = size[at]
        anomaly = record_fault(kind, side[at], qty, price[at], tick_int, inverse_tick)
        if anomaly != NO_FAULT:
            _count_anomaly(anomaly, i, event_ns, oid, state, params, counters)

        elif kind == CANCEL:
            slot = find_order(orders, oid, order_mask)
            if slot < 0:
                _count_anomaly(UNKNOWN_CANCEL, i, event_ns, oid, state, params, counters)
            else:
                old_qty = np.int64(orders[slot].qty)
                if qty > old_qty:
                    _count_anomaly(OVER_REDUCTION, i, event_ns, oid, state, params, counters)
                    qty = old_qty
                position = np.uint64(orders[slot].level)
                _touch_known(levels, young, position, window)
                ts_enter = orders[slot].ts_enter
                fill = take_announced(announced, state, oid, qty)
                _reduce(
                    levels, young, position, qty, fill, ts_enter, clock - ts_enter >= rest_ns,
                    young_after, rest_ns, is_flow,
                )  # fmt: skip
                if qty == old_qty:
                    levels[position].order_count -= 1
                    remove_order(orders, slot, order_mask)
                    state[ORDER_COUNT] -= 1
                else:
                    orders[slot].qty = old_qty - qty

        elif kind == ADD or kind == MODIFY:
            new_side = np.int64(ASK_SIDE if side[at] == ASK else BID_SIDE)
            tick = whole_ticks(price[at], tick_int, inverse_tick)
            new_key = 2 * tick + new_side
            slot = find_order(orders, oid, order_mask)
            known = slot >= 0
            if known and kind == ADD:
                _count_anomaly(DUPLICATE_ADD, i, event_ns, oid, state, params, counters)
            elif not known and kind == MODIFY:
                counters[UNKNOWN_MODIFY] += 1

            if known and kind == MODIFY and levels[orders[slot].level].key == new_key:
                # Same price and side: only the difference moves, and the order keeps its age.
                position = np.uint64(orders[slot].level)
                _touch_known(levels, young, position, window)
                ts_enter = orders[slot].ts_enter
                old_qty = np.int64(orders[slot].qty)
                if qty < old_qty:
                    fill = take_announced(announced, state, oid, old_qty - qty)
                    _reduce(
                        levels, young, position, old_qty - qty, fill, ts_enter,
                        clock - ts_enter >= rest_ns, young_after, rest_ns, is_flow,
                    )  # fmt: skip
                else:
                    _increase(
                        levels, young, position, qty - old_qty, ts_enter, young_after, rest_ns,
                        is_flow,
                    )  # fmt: skip
                if qty == 0:
                    levels[position].order_count -= 1
                    remove_order(orders, slot, order_mask)
                    state[ORDER_COUNT] -= 1
                else:
                    orders[slot].qty = qty
            else:
                if known:
                    position = np.uint64(orders[slot].level)
                    old_key = levels[position].key
                    old_qty = np.int64(orders[slot].qty)
                    ts_enter = orders[slot].ts_enter
                    aged = clock - ts_enter >= rest_ns
                    fill = np.int64(0)
                    if kind == MODIFY:
                        fill = take_announced(announced, state, oid, old_qty)
                    _touch_known(levels, young, position, window)
                    _reduce(
                        levels, young, position, old_qty, fill, ts_enter, aged, young_after,
                        rest_ns, is_flow,
                    )  # fmt: skip
                    levels[position].order_count -= 1
                    same_side = level_side(old_key) == new_side
                    repriced = kind == MODIFY and same_side and qty != 0
                    if keep_changes and is_flow and (kind == ADD or repriced):
                        change = changes[state[CHANGE_COUNT]]
                        change.is_add = np.int64(kind == ADD)
                        change.old_key = old_key
                        change.new_key = new_key
                        change.old_qty = old_qty
                        change.new_qty = qty
                        change.fill_qty = fill
                        change.aged = np.int64(aged)
                        state[CHANGE_COUNT] += 1
                    if qty == 0:
                        remove_order(orders, slot, order_mask)
                        state[ORDER_COUNT] -= 1
                elif qty != 0:
                    slot = -1 - slot
                    orders[slot].order_id = oid
                    state[ORDER_COUNT] += 1
                if qty != 0:
                    ts_enter = min(event_ns, clock)
                    position = _touch_level(levels, index, near, young, state, new_key, window)
                    orders[slot].level = position
                    orders[slot].ts_enter = ts_enter
                    orders[slot].qty = qty
                    _increase(levels, young, position, qty, ts_enter, young_after, rest_ns, is_flow)
                    levels[position].order_count += 1
                    _raise_hint(state, new_side, tick)

        elif kind == TRADE:
            state[LAST_TRADE_TICK] = whole_ticks(price[at], tick_int, inverse_tick)
            if is_flow:
                aggressor = side[at]
                if aggressor == BID:
                    state[TRADE_BUY] += qty
                elif aggressor == ASK:
                    state[TRADE_SELL] += qty
                else:
                    state[TRADE_OTHER] += qty

        elif kind == FILL:
            if find_order(orders, oid, order_mask) < 0:
                counters[UNKNOWN_FILL] += 1
            if flag & F_LAST == 0:
                announce(announced, state, oid, qty)

        elif kind == CLEAR:
            _clear_book(orders, levels, young, state, window)
            if not in_snapshot_record:
                state[BOOK_VALID] = 0
                state[CLEAR_PENDING] = 1

        if flag & F_LAST != 0:
            if state[ANNOUNCED_COUNT] != 0:
                announced["qty"][:] = 0
                state[ANNOUNCED_COUNT] = 0
            if kind == FILL and anomaly == NO_FAULT:
                announce(announced, state, oid, qty)
            if state[IN_SNAPSHOT] != 0 or state[CLEAR_PENDING] != 0:
                state[IN_SNAPSHOT] = 0
                state[CLEAR_PENDING] = 0
                state[BOOK_VALID] = 1

        if in_snapshot_record:
            state[WINDOW_DISTURBED] = 1

    state[CLOCK] = clock
    state[MESSAGE_COUNT] += message_count
    state[RECORDS_APPLIED] += message_count
    return ts_event.size, BATCH_DONE
