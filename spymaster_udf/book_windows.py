"""What a window says when it closes: one snapshot row, its wall rows, one radar row.

Output arrays and their columns are named here, next to the code that fills them; book_tables.py turns
them into Arrow under the contracts' names. `NONE_INT` stands for NULL.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import numpy as np

from spymaster_udf.book_state import (
    BOOK_ROWS,
    BOOK_VALID,
    CHANGE_COUNT,
    END_WINDOW,
    FIRST_WINDOW,
    HINT_ASK,
    HINT_BID,
    HISTORY_WINDOW,
    HUD_MAX_TICKS,
    LAST_TRADE_TICK,
    LEVEL_COUNT,
    MESSAGE_COUNT,
    NEAR_KEY,
    NONE_INT,
    RADAR_ROWS,
    TICK_INT,
    TRADE_BUY,
    TRADE_OTHER,
    TRADE_SELL,
    WALL_ROWS,
    WINDOW,
    WINDOW_DISTURBED,
    WINDOW_NS,
    WINDOW_START_VALID,
    Pause,
)
from spymaster_udf.compile import kernel
from spymaster_udf.price_levels import (
    ASK_SIDE,
    BID_SIDE,
    NEAR_TICKS,
    best_tick,
    find_level,
    level_side,
    level_tick,
    recentre_near,
    young_qty,
)

BATCH_DONE, OUTPUT_FULL = int(Pause.BATCH_DONE), int(Pause.OUTPUT_FULL)

BOOK_COLUMNS: Final = (
    "window",
    "best_bid_tick",
    "best_bid_qty",
    "best_bid_orders",
    "best_ask_tick",
    "best_ask_qty",
    "best_ask_orders",
    "last_trade_tick",
    "spot_tick",
    "book_valid",
    "trade_buy_qty",
    "trade_sell_qty",
    "trade_other_qty",
    "message_count",
)

_wall = count()
W_WINDOW_START: Final = next(_wall)
W_WINDOW_END: Final = next(_wall)
W_PRICE: Final = next(_wall)
W_SPOT: Final = next(_wall)
W_REL_TICKS: Final = next(_wall)
W_START: Final = next(_wall)
W_END: Final = next(_wall)
W_ADD: Final = next(_wall)
W_PULL: Final = next(_wall)
W_REST: Final = next(_wall)
W_PULL_REST: Final = next(_wall)
W_FILL: Final = next(_wall)
W_D1: Final = next(_wall)
W_D2: Final = next(_wall)
W_D3: Final = next(_wall)
W_ORDERS: Final = next(_wall)
WALL_COLUMN_COUNT: Final = next(_wall)
_W_POSITION: Final = W_PRICE  # the level of a row, until its price is written

LINE: Final = 8  # int64 in a cache line

MARK_SIDE: Final = 0  # the int8 columns of a wall row
MARK_VALID: Final = 1
WALL_MARK_COUNT: Final = 2

ZONE_TICKS: Final = 20
BUCKETS: Final = ("total", "at", "near", "mid", "far")
_TOTAL, _AT, _NEAR, _MID, _FAR = range(5)

_radar = count(2 * len(BUCKETS))  # first come depth[bucket] at the start and the end
R_COM_START: Final = next(_radar)  # sum of k·qty; the driver divides by the total
R_COM_END: Final = next(_radar)
R_BBO: Final = next(_radar)
R_ADD: Final = next(_radar)
R_PULL_REST: Final = next(_radar)
R_PULL_REST_AT: Final = next(_radar)
R_PULL_REST_NEAR: Final = next(_radar)
R_AWAY: Final = next(_radar)
R_TOWARD: Final = next(_radar)
RADAR_SIDE_SIZE: Final = next(_radar)
RADAR_KEY_SIZE: Final = 2  # window, spot tick


@kernel(inline="always")
def zone_bucket(k):
    """Return the radar bucket of a distance k in ticks, 0 outside the zone.

    AT 0-2, NEAR 3-5, MID 6-14, FAR 15-20.
    """
    if k < 0 or k > ZONE_TICKS:
        return 0
    if k <= 2:
        return _AT
    if k <= 5:
        return _NEAR
    if k <= 14:
        return _MID
    return _FAR


@kernel(inline="always")
def _distance(key, spot):
    """Return k: ticks from the spot outward on the key's own side."""
    return spot - level_tick(key) if level_side(key) == BID_SIDE else level_tick(key) - spot


@kernel()
def _write_book_row(levels, index, near, state, spot, row):
    row[0] = state[WINDOW]
    for side in (BID_SIDE, ASK_SIDE):
        tick = state[HINT_ASK + side]
        column = 1 if side == BID_SIDE else 4
        row[column] = tick
        row[column + 1] = 0
        row[column + 2] = 0
        if tick != NONE_INT:
            level = levels[find_level(levels, index, near, state[NEAR_KEY], 2 * tick + side)]
            row[column + 1] = level.depth_qty
            row[column + 2] = level.order_count
    row[7] = state[LAST_TRADE_TICK]
    row[8] = spot
    row[9] = state[BOOK_VALID]
    row[10] = state[TRADE_BUY]
    row[11] = state[TRADE_SELL]
    row[12] = state[TRADE_OTHER]
    row[13] = state[MESSAGE_COUNT]


@kernel(inline="always")
def wall_lines_ahead(first_row, params, wall_out):
    """Return how many cache lines the open window's rows will take: there is about one row a tick."""
    rows = min(2 * params[HUD_MAX_TICKS] + 1, wall_out.shape[1] - first_row)
    return WALL_COLUMN_COUNT * (rows // LINE)


@kernel()
def _find_wall_rows(levels, index, near, near_key, window, spot, reach, side, out, row):
    """Note tick and level of each wall row of a side, prices rising, from `row` on; return the next row.

    A row is written for every level and kept if the level says something: whether it does is as good
    as random, so a branch would be mispredicted.
    """
    first_key = 2 * (spot - reach) + side
    offset = first_key - near_key
    all_near = offset >= 0 and offset + 4 * reach < near.size
    for rel_ticks in range(-reach, reach + 1):
        if all_near:
            position = np.int64(near[np.uint64(offset)])
            offset += 2
        else:
            position = find_level(levels, index, near, near_key, 2 * (spot + rel_ticks) + side)
        if position < 0:
            continue
        level = levels[np.uint64(position)]
        flows = (level.add_qty | level.pull_qty | level.fill_qty) != 0
        out[W_REL_TICKS, row] = rel_ticks
        out[_W_POSITION, row] = position
        row += np.uint64((level.depth_qty != 0) | (flows & (level.window == window)))
    return row


@kernel()
def _write_levels(levels, young, window, history, out, first, end):
    """Write depth and flows of the levels noted for the rows `first`...`end`."""
    matures = young.shape[1]
    for row in range(first, end):
        position = out[_W_POSITION, row]
        level = levels[np.uint64(position)]
        gap = window - level.window
        depth = level.depth_qty
        stood1, stood2, stood3 = level.end1_qty, level.end2_qty, level.end3_qty
        end1 = stood1 if gap == 0 else depth
        end2 = stood2 if gap == 0 else (stood1 if gap == 1 else depth)
        end3 = stood3 if gap == 0 else (stood2 if gap == 1 else (stood1 if gap == 2 else depth))
        if history < 3:
            if history <= 0:
                end1 = depth
            if history <= 1:
                end2 = end1
            end3 = end2
        rest = depth
        if matures == 1:
            young0 = young[np.uint64(position), 0]
            rest -= young0 if gap == 0 else 0
        elif gap < matures:
            rest -= young_qty(levels, young, position, window)
        flowed = -np.int64(gap == 0)  # all bits set if the flows are those of this window
        out[W_START, row] = stood1 if gap == 0 else depth
        out[W_END, row] = depth
        out[W_ADD, row] = level.add_qty & flowed
        out[W_PULL, row] = level.pull_qty & flowed
        out[W_REST, row] = rest
        out[W_PULL_REST, row] = level.pull_rest_qty & flowed
        out[W_FILL, row] = level.fill_qty & flowed
        out[W_D1, row] = depth - end1
        out[W_D2, row] = depth - 2 * end1 + end2
        out[W_D3, row] = depth - 3 * end1 + 3 * end2 - end3
        out[W_ORDERS, row] = level.order_count


@kernel()
def _write_wall_rows(levels, index, near, young, state, params, spot, window_valid, out, marks):
    """Write the rows of the open window, asks then bids, prices rising; return the row count after."""
    window = state[WINDOW]
    tick_int = params[TICK_INT]
    history = np.int64(-1)  # whole windows since the history began again; -1: it has not
    if state[HISTORY_WINDOW] != NONE_INT:
        history = window - state[HISTORY_WINDOW]
    first = np.uint64(state[WALL_ROWS])
    end = first
    for side in (ASK_SIDE, BID_SIDE):
        begin = end
        end = _find_wall_rows(
            levels, index, near, state[NEAR_KEY], window, spot, params[HUD_MAX_TICKS], side, out,
            begin,
        )  # fmt: skip
        marks[MARK_SIDE, begin:end] = side
    _write_levels(levels, young, window, history, out, first, end)
    for row in range(first, end):
        out[W_PRICE, row] = (spot + out[W_REL_TICKS, row]) * tick_int
    out[W_WINDOW_START, first:end] = window * WINDOW_NS
    out[W_WINDOW_END, first:end] = (window + 1) * WINDOW_NS
    out[W_SPOT, first:end] = spot * tick_int
    marks[MARK_VALID, first:end] = window_valid
    return np.int64(end)


@kernel()
def _add_zone(levels, index, near, state, spot, side, out):
    """Add up the zone's depth at both ends and the flows that its levels kept."""
    window = state[WINDOW]
    out[R_BBO] = ZONE_TICKS
    for k in range(ZONE_TICKS, -1, -1):
        tick = spot - k if side == BID_SIDE else spot + k
        position = find_level(levels, index, near, state[NEAR_KEY], 2 * tick + side)
        if position < 0:
            continue
        level = levels[position]
        touched = level.window == window
        at_start = level.end1_qty if touched else level.depth_qty
        at_end = level.depth_qty
        bucket = zone_bucket(k)
        out[2 * _TOTAL] += at_start
        out[2 * _TOTAL + 1] += at_end
        out[2 * bucket] += at_start
        out[2 * bucket + 1] += at_end
        out[R_COM_START] += k * at_start
        out[R_COM_END] += k * at_end
        if at_end > 0:
            out[R_BBO] = k
        if touched:
            out[R_ADD] += level.add_qty
            _add_pull(bucket, level.pull_rest_qty, out)


@kernel(inline="always")
def _add_pull(bucket, qty, out):
    out[R_PULL_REST] += qty
    if bucket == _AT:
        out[R_PULL_REST_AT] += qty
    elif bucket == _NEAR:
        out[R_PULL_REST_NEAR] += qty


@kernel()
def _correct_for_changes(changes, change_count, spot, sides):
    """Count each kept change as one movement of its order instead of a pull and an add.

    The levels hold a change as "pulled there, added here"; the radar's rule is about the order: what
    it has in the zone after, less what it had before.
    """
    for number in range(change_count):
        change = changes[number]
        old_k = _distance(change.old_key, spot)
        new_k = _distance(change.new_key, spot)
        old_bucket = zone_bucket(old_k)
        new_bucket = zone_bucket(new_k)
        out = sides[level_side(change.old_key)]
        if change.aged != 0 and old_bucket != 0:
            _add_pull(old_bucket, -(change.old_qty - change.fill_qty), out)
        if level_side(change.old_key) != level_side(change.new_key):
            continue
        before = change.old_qty if old_bucket != 0 else 0
        after = change.new_qty if new_bucket != 0 else 0
        moved = after - before
        out[R_ADD] += max(moved, 0) - after
        if change.is_add != 0:
            continue
        if change.aged != 0 and old_bucket != 0:
            if moved < 0:
                _add_pull(old_bucket, max(-moved - change.fill_qty, 0), out)
            if new_k <= 0 or new_k < old_k:
                out[R_TOWARD] += change.old_qty
            else:
                out[R_AWAY] += change.old_qty


@kernel()
def _write_radar_row(levels, index, near, changes, state, spot, row):
    row[:] = 0
    row[0] = state[WINDOW]
    row[1] = spot
    sides = row[RADAR_KEY_SIZE:].reshape(2, RADAR_SIDE_SIZE)
    for side in (ASK_SIDE, BID_SIDE):
        _add_zone(levels, index, near, state, spot, side, sides[side])
    _correct_for_changes(changes, state[CHANGE_COUNT], spot, sides)


@kernel()
def _emit_window(
    levels, index, near, young, changes, state, params, window_valid,
    book_out, wall_out, wall_marks, radar_out,
):  # fmt: skip
    for side in (ASK_SIDE, BID_SIDE):
        state[HINT_ASK + side] = best_tick(
            levels, state[LEVEL_COUNT], near, state[NEAR_KEY], side, state[HINT_ASK + side],
            NONE_INT,
        )  # fmt: skip
    spot = state[LAST_TRADE_TICK]
    if spot == NONE_INT and state[BOOK_VALID] != 0:
        spot = state[HINT_BID]
    _write_book_row(levels, index, near, state, spot, book_out[state[BOOK_ROWS]])
    state[BOOK_ROWS] += 1
    if spot == NONE_INT:
        return
    distance_from_middle = spot - level_tick(state[NEAR_KEY]) - NEAR_TICKS // 2
    if state[LEVEL_COUNT] > 0 and abs(distance_from_middle) > NEAR_TICKS // 4:
        state[NEAR_KEY] = recentre_near(levels, state[LEVEL_COUNT], near, spot - NEAR_TICKS // 2)
    state[WALL_ROWS] = _write_wall_rows(
        levels, index, near, young, state, params, spot, window_valid, wall_out, wall_marks
    )
    _write_radar_row(levels, index, near, changes, state, spot, radar_out[state[RADAR_ROWS]])
    state[RADAR_ROWS] += 1


@kernel()
def close_windows(
    until, levels, index, near, young, changes, state, params,
    book_out, wall_out, wall_marks, radar_out,
):  # fmt: skip
    """Close the open window and every one before `until`, which becomes the open one.

    Returns a Pause: OUTPUT_FULL if there is no room for the next window's rows (call again).
    """
    rows_a_window = 2 * (2 * params[HUD_MAX_TICKS] + 1)
    while state[WINDOW] < until:
        window = state[WINDOW]
        window_valid = np.int64(
            state[WINDOW_START_VALID] != 0
            and state[WINDOW_DISTURBED] == 0
            and state[BOOK_VALID] != 0
        )
        in_session = params[FIRST_WINDOW] <= window < params[END_WINDOW]
        if in_session and (
            state[BOOK_ROWS] == book_out.shape[0]
            or state[WALL_ROWS] + rows_a_window > wall_out.shape[1]
        ):
            return OUTPUT_FULL
        if state[WINDOW_DISTURBED] != 0:
            state[HISTORY_WINDOW] = NONE_INT
        if state[HISTORY_WINDOW] == NONE_INT and window_valid != 0:
            state[HISTORY_WINDOW] = window
        if in_session:
            _emit_window(
                levels, index, near, young, changes, state, params, window_valid,
                book_out, wall_out, wall_marks, radar_out,
            )  # fmt: skip
        state[CHANGE_COUNT] = 0
        state[TRADE_BUY] = 0
        state[TRADE_SELL] = 0
        state[TRADE_OTHER] = 0
        state[MESSAGE_COUNT] = 0
        state[WINDOW_DISTURBED] = 0
        state[WINDOW_START_VALID] = state[BOOK_VALID]
        window += 1
        if window < until and window < params[FIRST_WINDOW]:
            # Idle windows before the session say nothing; only the history's start may lie in them.
            if state[HISTORY_WINDOW] == NONE_INT and state[BOOK_VALID] != 0:
                state[HISTORY_WINDOW] = window
            window = min(until, params[FIRST_WINDOW])
        state[WINDOW] = window
    return BATCH_DONE
