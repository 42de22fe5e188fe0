"""The books of the sample market's options: many instruments, a few orders each, one stream.

Each side of a book has `depth` places for orders. Place 0 is the market maker's at the touch; the
others hold orders at the touch or behind it. Prices are whole ticks of 0.05, as `level` of the
exchange's records with `origin_tick` 0.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ingest.sample.draw import compiled, exponential, order_size, uniform
from ingest.sample.exchange import (
    BUY,
    CHUNK_RECORDS,
    MID,
    NOTHING,
    SELL,
    end_event,
    new_order_id,
    next_packet,
    packet,
    record,
)
from ingest.sample.market import DAY_SECONDS
from ingest.sample.option_chain import MAX_OPTIONS, MAX_ORDERS
from spymaster_udf.mbo import ADD, ASK, BID, CANCEL, CLEAR, FILL, MODIFY, NO_SIDE, RECORD, TRADE

MAX_FILLS: Final = 8
MAX_EVENT_RECORDS: Final = 2 * MAX_FILLS + 4
"""A trade, its fills and their book changes, and the closing N record."""

UNLISTED: Final = 0
OPEN: Final = 1
CROSSED: Final = 2
EXPIRED: Final = 3

_SPAN_SHARE: Final = 0.78
_NO_SIDE_SHARE: Final = 0.08

STATE: Final = np.dtype(
    [
        ("rng", "u8"),
        ("next_order_id", "i8"),
        ("now", "i8"),
        ("recv", "i8"),
        ("budget", "i8"),
        ("filled", "i8"),
        ("event_start", "i8"),
        ("origin_tick", "i8"),
        ("tick_int", "i8"),
        ("sequence", "i8"),
        ("in_delta", "i8"),
        ("instrument_id", "i8"),
        ("span_record", "i8"),
        ("options", "i8"),
        ("depth", "i8"),
        ("forward", "f8"),
        ("rate", "f8"),
        ("midnight", "i8"),
        ("start", "i8"),
        ("end", "i8"),
        ("step_end", "i8"),
        ("task", "i8"),
        ("cursor", "i8"),
        ("due", "i8"),
        ("phase", "i8"),
        ("messages", "i8"),
        ("snapshot", "i8"),
        ("patience", "f8"),
        ("crossed", "i8"),
        ("incident_at", "i8"),
        ("incidents", "i8"),
        ("incident", "i8"),
        ("path_at", "i8"),
        ("path_end", "i8"),
        ("touched", "i8"),
        ("live", "i8"),
        ("others", "i8"),
    ]
)
"""The first thirteen are what the exchange's functions that write records use.

`budget`: messages still to come. `due`: whether quotes may be out of date. `patience`: how much
further than usual a quote may lag behind. `crossed`: options with a crossed book. `incident`: the
option of the present incident. `live`: orders that rest in all books. `others`: messages so far of
all who are not market makers.
"""

OPTION: Final = np.dtype(
    [
        ("instrument_id", "i8"),
        ("expiration", "i8"),
        ("listed", "i8"),
        ("strike", "f8"),
        ("volatility", "f8"),
        ("call", "i8"),
        ("fixed", "i8"),
        ("status", "i8"),
        ("bid", "i8"),
        ("ask", "i8"),
        ("width", "i8"),
        ("low", "f8"),
        ("high", "f8"),
        ("until", "i8"),
    ]
)
"""`fixed`: value in ticks of a spread, which no forward moves; 0 for an option. `bid`, `ask`: the
touch as it should be, in ticks, NOTHING if that side has none. The quote is good while the forward
is in [`low`, `high`] and the time before `until`.
"""

ORDER: Final = np.dtype([("order_id", "i8"), ("level", "i4"), ("size", "i4")])
"""A resting order; size 0 is a free place."""

OPTION_MARKET: Final = np.dtype(
    [
        ("state", STATE, (1,)),
        ("options", OPTION, (MAX_OPTIONS,)),
        ("orders", ORDER, (MAX_ORDERS,)),
        ("touched", "i8", (MAX_FILLS,)),
        ("before", "i8", (MAX_FILLS,)),
        ("left", "f8", (DAY_SECONDS + 1,)),
        ("phases", "i8", (DAY_SECONDS,)),
        ("path", MID, (2 * CHUNK_RECORDS,)),
        ("out", RECORD, (CHUNK_RECORDS,)),
    ]
)
"""All state of the option market. Pages that no order needs are never touched, hence not in memory."""

OptionMarket: TypeAlias = Any
"""A record of type OPTION_MARKET."""


def new_option_market() -> npt.NDArray[Any]:
    """Return an option market without options; the caller fills in options, clock and budget."""
    return np.zeros(1, OPTION_MARKET)


@compiled
def place_of(x: OptionMarket, option: int, side: int, place: int) -> int:
    """Return the slot of a place in an option's book."""
    depth = x.state[0].depth
    return (2 * option + side) * depth + place  # type: ignore[no-any-return]


@compiled
def _letter(side: int) -> int:
    return BID if side == BUY else ASK


@compiled
def enter(x: OptionMarket, option: int, side: int, slot: int, level: int, size: int) -> None:
    """Add an order in a free slot, as an event of its own."""
    packet(x)
    enter_within(x, option, side, slot, level, size)
    end_event(x, False)


@compiled
def enter_within(x: OptionMarket, option: int, side: int, slot: int, level: int, size: int) -> None:
    """Add an order in a free slot, as a record of the present event."""
    s = x.state[0]
    s.instrument_id = x.options[option].instrument_id
    order = x.orders[slot]
    order.order_id = new_order_id(x)
    order.level = level
    order.size = size
    s.live += 1
    record(x, ADD, _letter(side), order.order_id, level, size)


@compiled
def withdraw(x: OptionMarket, option: int, side: int, slot: int, size: int) -> None:
    """Cancel `size` contracts of an order, all of them to remove it."""
    s = x.state[0]
    packet(x)
    s.instrument_id = x.options[option].instrument_id
    order = x.orders[slot]
    record(x, CANCEL, _letter(side), order.order_id, order.level, size)
    order.size -= size
    if order.size == 0:
        s.live -= 1
    end_event(x, False)


@compiled
def revise(x: OptionMarket, option: int, side: int, slot: int, level: int, size: int) -> None:
    """Modify an order's price and size."""
    packet(x)
    x.state[0].instrument_id = x.options[option].instrument_id
    order = x.orders[slot]
    order.level = level
    order.size = size
    record(x, MODIFY, _letter(side), order.order_id, level, size)
    end_event(x, False)


@compiled
def behind(x: OptionMarket, option: int, side: int, place: int) -> int:
    """Return a level for an order of a place: deeper places lie further behind the touch."""
    s = x.state[0]
    o = x.options[option]
    touch = int(o.bid if side == BUY else o.ask)
    away = 0
    if place > 0 and uniform(s) < 0.85:
        away = 1 + int(0.5 * o.width + exponential(s, o.width * (0.4 + 0.35 * place)))
    return max(touch - away, 1) if side == BUY else touch + away


@compiled
def _is_through(side: int, level: int, touch: int) -> bool:
    return level > touch if side == BUY else level < touch


@compiled
def align_side(x: OptionMarket, option: int, side: int) -> None:
    """Bring one side of a book to its touch: the maker to it, and no other order beyond it.

    A maker mostly modifies, else cancels and adds. Without a touch the side is emptied.
    """
    s = x.state[0]
    o = x.options[option]
    touch = o.bid if side == BUY else o.ask
    for place in range(s.depth):
        slot = place_of(x, option, side, place)
        order = x.orders[slot]
        if order.size == 0:
            if place == 0 and touch != NOTHING:
                enter(x, option, side, slot, touch, 2 * order_size(s))
                react(x)
        elif touch == NOTHING:
            withdraw(x, option, side, slot, order.size)
            react(x)
        elif (place == 0 and order.level != touch) or _is_through(side, order.level, touch):
            level = behind(x, option, side, place)
            if uniform(s) < 0.85:
                revise(x, option, side, slot, level, order.size)
            else:
                withdraw(x, option, side, slot, order.size)
                react(x)
                enter(x, option, side, slot, level, 2 * order_size(s))
            react(x)


@compiled
def react(x: OptionMarket) -> None:
    """Let the moment pass that lies between two actions of market makers, within the step."""
    s = x.state[0]
    gap = 300 + int(exponential(s, 3_000_000.0 / s.options))
    s.now = min(s.now + gap, s.step_end - 1)


@compiled
def fill_up(x: OptionMarket, option: int) -> None:
    """Add orders behind the touch of a newly listed option."""
    s = x.state[0]
    for side in range(2):
        if (x.options[option].bid if side == BUY else x.options[option].ask) == NOTHING:
            continue
        for place in range(1, s.depth):
            slot = place_of(x, option, side, place)
            level = behind(x, option, side, place)
            enter(x, option, side, slot, level, order_size(s))
            react(x)


@compiled
def _is_before(side: int, order: Any, other: Any) -> bool:
    """Return whether an order trades before another of its side: better priced, or older."""
    if order.level != other.level:
        return _is_through(side, order.level, other.level)
    return order.order_id < other.order_id  # type: ignore[no-any-return]


@compiled
def _best(x: OptionMarket, option: int, side: int) -> int:
    """Return the slot of the order first in line on a side, NOTHING if the side is empty."""
    best = NOTHING
    for place in range(x.state[0].depth):
        slot = place_of(x, option, side, place)
        order = x.orders[slot]
        if order.size == 0:
            continue
        if best == NOTHING or _is_before(side, order, x.orders[best]):
            best = slot
    return best


@compiled
def _fill(x: OptionMarket, letter: int, slot: int, level: int, size: int) -> None:
    """Announce a fill; the order itself changes in `_book_changes`."""
    s = x.state[0]
    order = x.orders[slot]
    x.touched[s.touched] = slot
    x.before[s.touched] = order.size
    s.touched += 1
    record(x, FILL, letter, order.order_id, level, size)
    order.size -= size


@compiled
def _book_changes(x: OptionMarket) -> None:
    """Publish what trading did to each order: C if it is gone, else M or, rarely, a partial C."""
    s = x.state[0]
    for i in range(s.touched):
        slot = x.touched[i]
        order = x.orders[slot]
        side = slot // s.depth % 2
        if order.size == 0:
            record(x, CANCEL, _letter(side), order.order_id, order.level, x.before[i])
            s.live -= 1
        elif uniform(s) < 0.2:
            gone = x.before[i] - order.size
            record(x, CANCEL, _letter(side), order.order_id, order.level, gone)
        else:
            record(x, MODIFY, _letter(side), order.order_id, order.level, order.size)


@compiled
def _end_trade(x: OptionMarket) -> None:
    s = x.state[0]
    spans = uniform(s) < _SPAN_SHARE
    if spans:
        next_packet(x)
    _book_changes(x)
    end_event(x, spans)


@compiled
def trade(x: OptionMarket, option: int, side: int, size: int) -> None:
    """Send an aggressor against the touch of a side; now and then its T and F carry no side."""
    s = x.state[0]
    slot = _best(x, option, side)
    if slot == NOTHING:
        return
    packet(x)
    s.instrument_id = x.options[option].instrument_id
    s.touched = 0
    level = x.orders[slot].level
    no_side = uniform(s) < _NO_SIDE_SHARE
    at = s.filled
    aggressor = 0 if no_side else new_order_id(x)
    record(x, TRADE, NO_SIDE if no_side else _letter(1 - side), aggressor, level, 0)
    while size > 0 and slot != NOTHING and s.touched < MAX_FILLS and x.orders[slot].level == level:
        quantity = min(size, x.orders[slot].size)
        _fill(x, NO_SIDE if no_side else _letter(side), slot, level, quantity)
        x.out[at].size += quantity
        size -= quantity
        slot = _best(x, option, side)
    _end_trade(x)


@compiled
def uncross(x: OptionMarket, option: int) -> None:
    """Match the bid that crosses the book against the offers, without aggressor, at one price."""
    s = x.state[0]
    bid = _best(x, option, BUY)
    ask = _best(x, option, SELL)
    if NOTHING in (bid, ask) or x.orders[ask].level > x.orders[bid].level:
        return
    packet(x)
    s.instrument_id = x.options[option].instrument_id
    s.touched = 0
    level = x.orders[bid].level
    want = x.orders[bid].size
    at = s.filled
    record(x, TRADE, NO_SIDE, 0, level, 0)
    bought = 0
    while bought < want and s.touched < MAX_FILLS - 1:
        ask = _best(x, option, SELL)
        if ask == NOTHING or x.orders[ask].level > level:
            break
        quantity = min(want - bought, x.orders[ask].size)
        _fill(x, NO_SIDE, ask, level, quantity)
        bought += quantity
    _fill(x, NO_SIDE, bid, level, bought)
    x.out[at].size = bought
    _end_trade(x)


@compiled
def clear(x: OptionMarket, option: int, within: bool) -> None:
    """Clear an option's book and add its orders again; `within` one event or each as its own."""
    s = x.state[0]
    packet(x)
    s.instrument_id = x.options[option].instrument_id
    record(x, CLEAR, NO_SIDE, 0, NOTHING, 0)
    if not within:
        end_event(x, False)
    for side in range(2):
        for place in range(s.depth):
            slot = place_of(x, option, side, place)
            size = x.orders[slot].size
            if size == 0:
                continue
            s.live -= 1
            x.orders[slot].size = 0
            touch = x.options[option].bid if side == BUY else x.options[option].ask
            if touch == NOTHING:
                continue
            level = behind(x, option, side, place)
            if within:
                enter_within(x, option, side, slot, level, size)
            else:
                enter(x, option, side, slot, level, size)
                react(x)
    if within:
        end_event(x, False)
