"""The order kernel: which orders stand at a level, and what a level's fills met, second by second.

The book kernel keeps sums a level; this one keeps what sums forget: an order's size, and whether an
order that traded was filled up again from a hidden reserve. It follows the same records by the same rules
(docs/book.md) and is told the windows and their spots, so it needs no rule of validity or of trades.

Orders lie in a pool, found by a hash of their ids. A window's end reads the whole pool once, 16 bytes
an order, so that a level which has just lost its largest order is no special case. Worst case: a session
of many orders and few messages.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import numpy as np

from spymaster_udf import mbo
from spymaster_udf.book_state import NONE_INT, WINDOW_NS, Pause
from spymaster_udf.compile import kernel, prefetch
from spymaster_udf.order_table import SLOTS_AN_ORDER, find_order, home_slot, remove_order
from spymaster_udf.price_levels import ASK_SIDE, BID_SIDE, NEAR_TICKS, find_level, index_level
from spymaster_udf.record_fault_kernel import NO_FAULT, record_fault, whole_ticks

ADD, CANCEL, MODIFY, CLEAR = mbo.ADD, mbo.CANCEL, mbo.MODIFY, mbo.CLEAR
FILL, TRADE, NO_ACTION = mbo.FILL, mbo.TRADE, mbo.NONE
ASK, BID = mbo.ASK, mbo.BID
F_LAST, F_SNAPSHOT = mbo.F_LAST, mbo.F_SNAPSHOT
BATCH_DONE, OUTPUT_FULL, NEED_ROOM = (
    int(pause) for pause in (Pause.BATCH_DONE, Pause.OUTPUT_FULL, Pause.NEED_ROOM)
)
LOOK_AHEAD: Final = 16

PLACE = np.dtype([("order_id", np.uint64), ("place", np.uint32), ("qty", np.uint32)])
"""A slot of the hash: where an order lies in the pool; it is free where `qty` is 0 (order_table.py)."""

RESTING = np.dtype([("key", np.int64), ("qty", np.int64)])
"""An order in the pool: level key and contracts (0: a free place)."""

TRADED = np.dtype(
    [
        ("order_id", np.uint64),
        ("key", np.int64),  # NONE_INT until the event enters an order that was not in the book
        ("before_qty", np.int64),  # contracts shown before the event, or entered in it
        ("filled_qty", np.int64),  # announced by the event's F
        ("is_confirmed", np.int64),  # 1: a C or M of the order followed
    ]
)
"""An order that an F of the event named; the event has not ended yet. A table of order_table.ANNOUNCED
finds it by its id: `qty` is 1 + its place."""

FLOW = np.dtype(
    [
        ("key", np.int64),
        ("executed_qty", np.int64),
        ("refreshed_qty", np.int64),
        ("emptied", np.int64),
    ]
)
"""What one order's trading in one event meant to its level; kept until the window's spot is known."""

DEPTH = np.dtype([("key", np.int64), ("qty", np.int64)])

_place = count()
CLOCK: Final = next(_place)
WINDOW: Final = next(_place)  # number of the open window, NONE_INT before the first
IN_SNAPSHOT: Final = next(_place)
INSTRUMENT: Final = next(_place)
AGGRESSOR: Final = next(_place)  # order id of the event's last T, 0 where none is told
ORDER_COUNT: Final = next(_place)
POOL_TOP: Final = next(_place)  # places of the pool that were ever used
FREE_COUNT: Final = next(_place)  # of these, free again
TRADED_COUNT: Final = next(_place)
FLOW_COUNT: Final = next(_place)
LEVEL_COUNT: Final = next(_place)
NEAR_KEY: Final = next(_place)
ROWS: Final = next(_place)
FINISHED: Final = next(_place)
STATE_SIZE: Final = next(_place)

(
    OUT_WINDOW,
    OUT_KEY,
    OUT_SPOT,
    OUT_LARGEST,
    OUT_EXECUTED,
    OUT_ABSORBED,
    OUT_REFRESHES,
    OUT_REFRESHED,
) = range(8)
OUT_COLUMNS: Final = 8
SUM_LARGEST, SUM_EXECUTED, SUM_ABSORBED, SUM_REFRESHES, SUM_REFRESHED = range(5)
SUMS: Final = 5


@kernel()
def _change_depth(levels, index, near, state, key, change):
    position = find_level(levels, index, near, state[NEAR_KEY], key)
    if position < 0:
        position = state[LEVEL_COUNT]
        if position == 0:
            near[:] = -1
            state[NEAR_KEY] = 2 * ((key >> 1) - NEAR_TICKS // 2)
        levels[position].key = key
        levels[position].qty = 0
        index_level(levels, index, near, state[NEAR_KEY], position)
        state[LEVEL_COUNT] = position + 1
    levels[position].qty += change


@kernel()
def _insert(orders, pool, free, state, slot, order_id, key, qty):
    if state[FREE_COUNT] > 0:
        state[FREE_COUNT] -= 1
        place = free[state[FREE_COUNT]]
    else:
        place = state[POOL_TOP]
        state[POOL_TOP] += 1
    orders[slot].order_id = order_id
    orders[slot].place = place
    orders[slot].qty = qty
    pool[place].key = key
    pool[place].qty = qty
    state[ORDER_COUNT] += 1


@kernel()
def _remove(orders, pool, free, state, slot):
    place = orders[slot].place
    pool[place].qty = 0
    free[state[FREE_COUNT]] = place
    state[FREE_COUNT] += 1
    state[ORDER_COUNT] -= 1
    remove_order(orders, slot, np.uint64(orders.size - 1))


@kernel()
def _clear(orders, pool, levels, state):
    orders["qty"][:] = 0
    for place in range(state[POOL_TOP]):
        pool[place].qty = 0
    for position in range(state[LEVEL_COUNT]):
        levels[position].qty = 0
    state[ORDER_COUNT] = 0
    state[POOL_TOP] = 0
    state[FREE_COUNT] = 0


@kernel()
def _note_fill(orders, pool, announced, traded, state, order_id, qty):
    """Remember what an F announces of an order, in the book or not."""
    if qty == 0:
        return
    noted = find_order(announced, order_id, np.uint64(announced.size - 1))
    if noted < 0:
        noted = -1 - noted
        one = traded[state[TRADED_COUNT]]
        one.order_id = order_id
        one.key = NONE_INT
        one.before_qty = 0
        one.filled_qty = 0
        one.is_confirmed = 0
        slot = find_order(orders, order_id, np.uint64(orders.size - 1))
        if slot >= 0:
            one.key = pool[orders[slot].place].key
            one.before_qty = pool[orders[slot].place].qty
        state[TRADED_COUNT] += 1
        announced[noted].order_id = order_id
        announced[noted].qty = state[TRADED_COUNT]
    traded[announced[noted].qty - 1].filled_qty += qty


@kernel()
def _note_change(announced, traded, order_id, is_entered, key, qty):
    """Remember that an order that may have traded in the event is entered now, or changed."""
    noted = find_order(announced, order_id, np.uint64(announced.size - 1))
    if noted < 0:
        return
    one = traded[announced[noted].qty - 1]
    if not is_entered:
        one.is_confirmed = 1
    elif one.is_confirmed == 0 and qty != 0:
        one.key = key
        one.before_qty = qty


@kernel()
def _end_event(orders, pool, levels, index, near, announced, traded, flows, state):
    """Say what the event's fills meant, now that its book changes are known.

    An order that shows more after the event than it showed before less what was filled has taken the
    difference from a hidden reserve: a native iceberg.
    """
    mask = np.uint64(orders.size - 1)
    noted_mask = np.uint64(announced.size - 1)
    for number in range(state[TRADED_COUNT]):
        one = traded[number]
        remove_order(announced, find_order(announced, one.order_id, noted_mask), noted_mask)
        if one.is_confirmed == 0:
            continue
        slot = find_order(orders, one.order_id, mask)
        after = np.int64(0)
        if slot >= 0 and pool[orders[slot].place].key == one.key:
            after = pool[orders[slot].place].qty
        position = find_level(levels, index, near, state[NEAR_KEY], one.key)
        flow = flows[state[FLOW_COUNT]]
        flow.key = one.key
        flow.executed_qty = one.filled_qty
        flow.refreshed_qty = max(after + one.filled_qty - one.before_qty, 0)
        flow.emptied = np.int64(levels[position].qty == 0)
        state[FLOW_COUNT] += 1
    state[TRADED_COUNT] = 0


@kernel()
def _sum_up(pool, flows, state, lowest, sums):
    """Fill `sums` (side, tick from `lowest`, SUMS) with a window's levels."""
    sums[:] = 0
    width = np.uint64(sums.shape[1])
    for place in range(state[POOL_TOP]):
        key = pool[place].key
        tick = np.uint64((key >> 1) - lowest)
        if tick < width:
            qty = pool[place].qty
            level = sums[key & 1, tick]
            level[SUM_LARGEST] = max(level[SUM_LARGEST], qty)
    for number in range(state[FLOW_COUNT]):
        flow = flows[number]
        tick = np.uint64((flow.key >> 1) - lowest)
        if tick < width:
            level = sums[flow.key & 1, tick]
            level[SUM_EXECUTED] += flow.executed_qty
            level[SUM_ABSORBED] += flow.executed_qty
            level[SUM_REFRESHED] += flow.refreshed_qty
            level[SUM_REFRESHES] += np.int64(flow.refreshed_qty > 0)
            if flow.emptied != 0:
                level[SUM_ABSORBED] = 0


@kernel()
def close_order_windows(until, pool, flows, state, first_window, spots, sums, out):
    """Write the rows of the open windows before number `until`; return a Pause.

    `spots` holds the spot tick of each window from `first_window` on, NONE_INT where there is none.
    """
    reach = sums.shape[1] // 2
    while state[WINDOW] < until:
        window = state[WINDOW]
        number = window - first_window
        if number < 0:
            # No row is asked of the windows before: straight on to the first that has one.
            state[FLOW_COUNT] = 0
            state[WINDOW] = min(until, first_window)
            continue
        if number >= spots.size:
            state[FINISHED] = 1
            return BATCH_DONE
        spot = spots[number]
        if spot != NONE_INT:
            if out.shape[1] - state[ROWS] < 2 * sums.shape[1]:
                return OUTPUT_FULL
            _sum_up(pool, flows, state, spot - reach, sums)
            _write_window(state, window, spot, sums, out)
        state[FLOW_COUNT] = 0
        state[WINDOW] = window + 1
    return BATCH_DONE


@kernel()
def _write_window(state, window, spot, sums, out):
    row = state[ROWS]
    lowest = spot - sums.shape[1] // 2
    for side in range(2):
        for tick in range(sums.shape[1]):
            level = sums[side, tick]
            if level[SUM_LARGEST] == 0 and level[SUM_EXECUTED] == 0:
                continue
            out[OUT_WINDOW, row] = window
            out[OUT_KEY, row] = 2 * (lowest + tick) + side
            out[OUT_SPOT, row] = spot
            for place in range(SUMS):
                out[OUT_LARGEST + place, row] = level[place]
            row += 1
    state[ROWS] = row


@kernel()
def _room(orders, announced, traded, flows, levels, state):
    """Return how many records fit: each makes at most one of everything."""
    return min(
        orders.size // SLOTS_AN_ORDER - state[ORDER_COUNT],
        min(traded.size, announced.size // 2) - state[TRADED_COUNT],
        flows.size - state[FLOW_COUNT] - state[TRADED_COUNT],
        levels.size - state[LEVEL_COUNT],
    )


@kernel()
def _apply_change(
    kind, order_id, key, qty, orders, pool, free, levels, index, near, announced, traded, state
):  # fmt: skip
    """Apply an A, C or M to the orders and to their levels' depth."""
    slot = find_order(orders, order_id, np.uint64(orders.size - 1))
    if state[TRADED_COUNT] != 0 and (slot >= 0 or kind != CANCEL):
        _note_change(announced, traded, order_id, slot < 0 or kind == ADD, key, qty)
    if slot >= 0:
        place = orders[slot].place
        old_key, old_qty = pool[place].key, pool[place].qty
        if kind == CANCEL:
            key, qty = old_key, max(old_qty - qty, 0)
        _change_depth(levels, index, near, state, old_key, -old_qty)
        if kind == ADD or qty == 0:
            _remove(orders, pool, free, state, slot)
            slot = find_order(orders, order_id, np.uint64(orders.size - 1))
        else:
            orders[slot].qty = qty
            pool[place].qty = qty
            pool[place].key = key
    elif kind == CANCEL:
        return
    if qty != 0:
        if slot < 0:
            _insert(orders, pool, free, state, -1 - slot, order_id, key, qty)
        _change_depth(levels, index, near, state, key, qty)


@kernel()
def follow_orders(
    ts_event, ts_recv, order_id, price, size, flags, action, side, instrument_id,
    begin, tick_int, first_window, spots, orders, pool, free, announced, traded, flows,
    levels, index, near, state, sums, out,
):  # fmt: skip
    """Apply the records `begin`… of a batch; return (records of the batch done, a Pause).

    The first nine arrays are a batch's columns, as book_kernel.replay takes them; `spots` is that of
    close_order_windows. The others are the state and output of level_orders.py.
    """
    mask = np.uint64(orders.size - 1)
    inverse_tick = 1.0 / tick_int
    clock = state[CLOCK]
    window_end_ns = NONE_INT if state[WINDOW] == NONE_INT else (state[WINDOW] + 1) * WINDOW_NS
    stop = begin
    last = ts_event.size - 1
    for i in range(begin, ts_event.size):
        if i == stop:
            room = _room(orders, announced, traded, flows, levels, state)
            if room <= 0:
                state[CLOCK] = clock
                return i, NEED_ROOM
            stop = i + room
        home = home_slot(order_id[np.uint64(min(i + LOOK_AHEAD, last))], mask)
        prefetch(orders, home, 1)
        prefetch(orders, (home + np.uint64(1)) & mask, 1)
        at = np.uint64(i)
        if instrument_id[at] != state[INSTRUMENT]:
            continue

        flag = flags[at]
        in_snapshot_record = (flag & F_SNAPSHOT) != 0
        clock = max(clock, ts_recv[at] if in_snapshot_record else ts_event[at])
        if clock >= window_end_ns:
            state[CLOCK] = clock
            if state[WINDOW] == NONE_INT:
                state[WINDOW] = clock // WINDOW_NS
            else:
                pause = close_order_windows(
                    clock // WINDOW_NS, pool, flows, state, first_window, spots, sums, out
                )
                if pause != BATCH_DONE:
                    return i, pause
            if state[FINISHED] != 0 or state[WINDOW] >= first_window + spots.size:
                state[FINISHED] = 1
                return i, BATCH_DONE
            window_end_ns = (state[WINDOW] + 1) * WINDOW_NS

        if in_snapshot_record:
            if state[IN_SNAPSHOT] == 0:
                _clear(orders, pool, levels, state)
                state[IN_SNAPSHOT] = 1
        else:
            state[IN_SNAPSHOT] = 0

        kind = action[at]
        fault = record_fault(kind, side[at], size[at], price[at], tick_int, inverse_tick)
        noted_late = False
        if kind == CLEAR:
            _clear(orders, pool, levels, state)
        elif kind == TRADE:
            state[AGGRESSOR] = np.int64(order_id[at])
        elif fault == NO_FAULT and kind != NO_ACTION:
            if kind != FILL:
                tick = whole_ticks(price[at], tick_int, inverse_tick)
                key = 2 * tick + (ASK_SIDE if side[at] == ASK else BID_SIDE)
                _apply_change(
                    kind, order_id[at], key, size[at],
                    orders, pool, free, levels, index, near, announced, traded, state,
                )  # fmt: skip
            elif order_id[at] == np.uint64(state[AGGRESSOR]) and state[AGGRESSOR] != 0:
                # The aggressor was an order of the book that was moved through the price: it met
                # others' liquidity and was none.
                pass
            elif flag & F_LAST == 0:
                _note_fill(orders, pool, announced, traded, state, order_id[at], size[at])
            else:
                # Nasdaq: the reduction comes in the next event.
                noted_late = True

        if flag & F_LAST != 0:
            if state[TRADED_COUNT] != 0:
                _end_event(orders, pool, levels, index, near, announced, traded, flows, state)
            state[AGGRESSOR] = 0
            if noted_late:
                _note_fill(orders, pool, announced, traded, state, order_id[at], size[at])
            state[IN_SNAPSHOT] = 0

    state[CLOCK] = clock
    return ts_event.size, BATCH_DONE
