"""Fill quantity that an `F` has announced and no cancel or modify has used yet, by order id.

An `F` changes no depth; the `C` or `M` that follows in the event does, and what was announced tells how
much of it traded and how much was pulled (docs/book.md).
"""

from __future__ import annotations

import numpy as np

from spymaster_udf.book_state import ANNOUNCED_COUNT
from spymaster_udf.compile import kernel
from spymaster_udf.order_table import find_order, remove_order


@kernel(inline="always")
def take_announced(announced, state, order_id, qty):
    """Use up announced fill quantity of an order; return how much of `qty` was fill."""
    if state[ANNOUNCED_COUNT] == 0:
        return np.int64(0)
    mask = announced.size - 1
    slot = find_order(announced, order_id, mask)
    if slot < 0:
        return np.int64(0)
    fill = min(qty, announced[slot].qty)
    if fill == announced[slot].qty:
        remove_order(announced, slot, mask)
        state[ANNOUNCED_COUNT] -= 1
    else:
        announced[slot].qty -= fill
    return fill


@kernel(inline="always")
def announce(announced, state, order_id, qty):
    """Remember that an `F` has told of `qty` filled of an order."""
    if qty == 0:
        return
    slot = find_order(announced, order_id, announced.size - 1)
    if slot >= 0:
        announced[slot].qty += qty
    else:
        announced[-1 - slot].order_id = order_id
        announced[-1 - slot].qty = qty
        state[ANNOUNCED_COUNT] += 1
