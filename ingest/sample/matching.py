"""Trading in the sample market: an aggressor meets the queues, and the records and labels of it."""

from __future__ import annotations

from typing import Final

from ingest.sample.draw import compiled, uniform
from ingest.sample.exchange import (
    BOTTOM,
    BUY,
    MAX_FILLS,
    NOTHING,
    TOP,
    WALL,
    Exchange,
    end_event,
    insert,
    letter,
    link,
    new_order_id,
    next_packet,
    note_if_empty,
    packet,
    record,
    release,
    unlink,
)
from ingest.sample.labels import ABSORPTION, ICEBERG_REFRESH, WALL_EATEN, note_label
from spymaster_udf.mbo import ADD, CANCEL, FILL, MODIFY, TRADE

_SPAN_SHARE: Final = 0.78


@compiled
def touch(x: Exchange, slot: int, touched: int) -> int:
    """Note an order that trades in this event, with its size before it; return how many did."""
    order = x.orders[slot]
    order.event = x.state[0].event
    order.before = order.size
    x.touched[touched] = slot
    return touched + 1


@compiled
def fill(x: Exchange, slot: int, size: int) -> bool:
    """Trade `size` of an order's shown contracts; return whether hidden ones refreshed it."""
    order = x.orders[slot]
    order.size -= size
    x.levels[order.side, order.level].depth -= size
    if order.kind == WALL:
        note_label(x, WALL_EATEN, order.side, order.level, order.order_id, size)
    if order.size > 0:
        return False
    unlink(x, slot)
    if order.hidden == 0:
        return False
    order.size = min(order.display, order.hidden)
    order.hidden -= order.size
    link(x, slot)
    note_label(x, ICEBERG_REFRESH, order.side, order.level, order.order_id, order.size)
    return True


@compiled
def _move_to_end(x: Exchange, slot: int, touched: int) -> None:
    found = False
    for i in range(touched - 1):
        found = found or x.touched[i] == slot
        if found:
            x.touched[i] = x.touched[i + 1]
    x.touched[touched - 1] = slot


@compiled
def book_changes(x: Exchange, touched: int) -> None:
    """Publish what trading did to each touched order: C if it is gone, else M."""
    for i in range(touched):
        slot = x.touched[i]
        order = x.orders[slot]
        own = letter(order.side)
        note_if_empty(x, order.side, order.level, order.order_id)
        if order.size == 0:
            record(x, CANCEL, own, order.order_id, order.level, order.before)
            release(x, slot)
        else:
            record(x, MODIFY, own, order.order_id, order.level, order.size)


@compiled
def take(x: Exchange, side: int, limit: int, size: int, rest_kind: int) -> int:
    """Match an aggressor up to its limit level and return the quantity that traded.

    A `rest_kind` other than NOTHING lets what is left rest at the limit. The event is T and F for
    each level (and again for each refreshed iceberg), then C and M, then A for the rest.
    """
    s = x.state[0]
    s.event += 1
    aggressor = new_order_id(x)
    other = 1 - side
    touched = 0
    left = size
    trade = NOTHING
    trade_level = NOTHING
    traded = 0
    firm = 0
    packet(x)
    for _ in range(MAX_FILLS):
        level = s.best_ask if side == BUY else s.best_bid
        beyond = level > limit if side == BUY else level < limit
        if left == 0 or beyond or level in (BOTTOM, TOP):
            break
        slot = x.levels[other, level].head
        order = x.orders[slot]
        again = order.event == s.event
        if not again:
            touched = touch(x, slot, touched)
        if level != trade_level:
            traded = firm = 0
        if again or level != trade_level:
            trade = s.filled
            trade_level = level
            record(x, TRADE, letter(side), aggressor, level, 0)
        quantity = min(left, order.size)
        record(x, FILL, letter(other), order.order_id, level, quantity)
        x.out[trade].size += quantity
        left -= quantity
        traded += quantity
        if order.kind == WALL or order.iceberg != 0:
            firm = order.order_id
        if fill(x, slot, quantity):
            _move_to_end(x, slot, touched)
    if touched == 0:
        return 0
    note_trade(x, trade_level)
    _note_absorption(x, other, trade_level, firm, traded)
    spans = uniform(s) < _SPAN_SHARE
    if spans:
        next_packet(x)
    book_changes(x, touched)
    level = s.best_ask if side == BUY else s.best_bid
    clear = level > limit if side == BUY else level < limit
    if left > 0 and rest_kind != NOTHING and clear and s.free > 0:
        insert(x, side, limit, left, rest_kind, aggressor)
        record(x, ADD, letter(side), aggressor, limit, left)
    end_event(x, spans)
    return size - left


@compiled
def _note_absorption(x: Exchange, side: int, level: int, order_id: int, quantity: int) -> None:
    """Note that a level stands after `quantity` traded there, with an iceberg or wall among it."""
    queue = x.levels[side, level]
    if order_id != 0 and queue.head != NOTHING:
        queue.absorbs = 1
        note_label(x, ABSORPTION, side, level, order_id, quantity)


@compiled
def note_trade(x: Exchange, level: int) -> None:
    """Remember the first and the last trade's level."""
    s = x.state[0]
    s.last_trade = level
    if s.first_trade == NOTHING:
        s.first_trade = level
