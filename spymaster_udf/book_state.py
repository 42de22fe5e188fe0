"""The state of one instrument's book between batches: names of its scalars, counters and arrays.

The kernels take plain arrays. Scalars that live longer than a batch stand in one int64 array, `state`,
under the names below.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import count
from typing import Final

import numpy as np

WINDOW_NS: Final = 1_000_000_000
NONE_INT: Final = np.iinfo(np.int64).min
"""Stands for "there is none" inside the kernels; NULL in every output."""

_slot = count()
CLOCK: Final = next(_slot)  # UTC ns, the largest so far
WINDOW: Final = next(
    _slot
)  # number of the open window (ns // WINDOW_NS), NONE_INT before the first
BOOK_VALID: Final = next(_slot)
IN_SNAPSHOT: Final = next(_slot)
CLEAR_PENDING: Final = next(_slot)  # a clear's event has not ended yet
WINDOW_START_VALID: Final = next(_slot)
WINDOW_DISTURBED: Final = next(_slot)  # a clear or a snapshot record fell in the open window
HISTORY_WINDOW: Final = next(_slot)  # first valid window after the last clear, NONE_INT before it
LAST_TRADE_TICK: Final = next(_slot)
HINT_ASK: Final = next(_slot)  # at or better than the best ask's tick; NONE_INT: side empty
HINT_BID: Final = next(_slot)
NEAR_KEY: Final = next(_slot)
LEVEL_COUNT: Final = next(_slot)
ORDER_COUNT: Final = next(_slot)
ANNOUNCED_COUNT: Final = next(_slot)  # orders with announced, unused fill quantity
CHANGE_COUNT: Final = next(_slot)
TRADE_BUY: Final = next(_slot)  # contracts traded in the open window, by aggressor
TRADE_SELL: Final = next(_slot)
TRADE_OTHER: Final = next(_slot)
MESSAGE_COUNT: Final = next(_slot)
BOOK_ROWS: Final = next(_slot)  # output rows written since the last flush
WALL_ROWS: Final = next(_slot)
RADAR_ROWS: Final = next(_slot)
RECORDS_SEEN: Final = next(_slot)  # records of all batches before this one
RECORDS_APPLIED: Final = next(_slot)
FINISHED: Final = next(_slot)  # the session's end has been reached
INSTRUMENT: Final = next(_slot)
FIRST_ANOMALY_INDEX: Final = next(_slot)
FIRST_ANOMALY_TS_EVENT: Final = next(_slot)
FIRST_ANOMALY_ORDER_ID: Final = next(_slot)  # bits of the uint64
FIRST_ANOMALY_KIND: Final = next(_slot)
STATE_SIZE: Final = next(_slot)

_param = count()
TICK_INT: Final = next(_param)  # tick size in 1e-9 price units
REST_NS: Final = next(_param)
HUD_MAX_TICKS: Final = next(_param)
FIRST_WINDOW: Final = next(_param)  # the session's windows are [FIRST_WINDOW, END_WINDOW)
END_WINDOW: Final = next(_param)
ASSUME_VALID: Final = next(_param)
PARAM_SIZE: Final = next(_param)

(
    OTHER_INSTRUMENT,
    UNKNOWN_ACTION,
    UNDEFINED_SIZE,
    UNDEFINED_PRICE,
    OFF_TICK,
    UNDEFINED_SIDE,
    UNKNOWN_CANCEL,
    DUPLICATE_ADD,
    OVER_REDUCTION,
) = range(9)
ANOMALY_KINDS: Final = (
    "other_instrument",
    "unknown_action",
    "undefined_size",
    "undefined_price",
    "off_tick",
    "undefined_side",
    "unknown_cancel",
    "duplicate_add",
    "over_reduction",
)
# Normal in real files; counted for the curious only.
UNKNOWN_MODIFY: Final = len(ANOMALY_KINDS)
UNKNOWN_FILL: Final = UNKNOWN_MODIFY + 1
COUNTER_SIZE: Final = UNKNOWN_FILL + 1


class Pause(IntEnum):
    """Why the kernel stopped before the end of a batch."""

    BATCH_DONE = 0
    OUTPUT_FULL = 1
    NEED_ROOM = 2


CHANGE = np.dtype(
    [
        # A modify that changed the price, or an add that replaced an order: the radar measures these
        # against the spot at the window's end, so they are kept until then.
        ("is_add", np.int64),
        ("old_key", np.int64),
        ("new_key", np.int64),
        ("old_qty", np.int64),
        ("new_qty", np.int64),
        ("fill_qty", np.int64),
        ("aged", np.int64),  # 1 if the order had rested for rest_ns
    ]
)
