"""Whether a record can be applied at all: the part of the anomaly rule that needs no book."""

from __future__ import annotations

from typing import Final

import numpy as np

from spymaster_udf import mbo
from spymaster_udf.book_state import (
    OFF_TICK,
    UNDEFINED_PRICE,
    UNDEFINED_SIDE,
    UNDEFINED_SIZE,
    UNKNOWN_ACTION,
)
from spymaster_udf.compile import kernel

ADD, CANCEL, MODIFY, CLEAR = mbo.ADD, mbo.CANCEL, mbo.MODIFY, mbo.CLEAR
TRADE, FILL, NO_ACTION = mbo.TRADE, mbo.FILL, mbo.NONE
ASK, BID = mbo.ASK, mbo.BID
UNDEF_PRICE, UNDEF_SIZE = mbo.UNDEF_PRICE, mbo.UNDEF_ORDER_SIZE

NO_FAULT: Final = -1


@kernel(inline="always")
def whole_ticks(price, tick_int, inverse_tick):
    """Return price // tick_int; `inverse_tick` is 1 / tick_int and spares nearly all the division."""
    tick = np.int64(np.rint(price * inverse_tick))
    return tick if tick * tick_int == price else price // tick_int


@kernel(inline="always")
def record_fault(action, side, size, price, tick_int, inverse_tick):
    """Return the kind of anomaly that keeps a record from being applied, or NO_FAULT.

    Only adds, modifies and trades have a price, only adds and modifies need a side.
    """
    if action == ADD or action == MODIFY or action == TRADE:
        if size == UNDEF_SIZE:
            return UNDEFINED_SIZE
        if price == UNDEF_PRICE:
            return UNDEFINED_PRICE
        if whole_ticks(price, tick_int, inverse_tick) * tick_int != price:
            return OFF_TICK
        if action != TRADE and side != ASK and side != BID:
            return UNDEFINED_SIDE
    elif action == CANCEL or action == FILL:
        if size == UNDEF_SIZE:
            return UNDEFINED_SIZE
    elif action != CLEAR and action != NO_ACTION:
        return UNKNOWN_ACTION
    return NO_FAULT
