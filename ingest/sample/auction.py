"""The opening auction: after a pre-open in which the book may be crossed, one price for all."""

from __future__ import annotations

from ingest.sample.draw import compiled
from ingest.sample.exchange import (
    BUY,
    MAX_AUCTION_FILLS,
    NOTHING,
    SELL,
    Exchange,
    end_event,
    next_packet,
    packet,
    record,
)
from ingest.sample.matching import book_changes, fill, note_trade, touch
from spymaster_udf.mbo import FILL, NO_SIDE, TRADE


@compiled
def _uncross_level(x: Exchange) -> int:
    """Return the level at which most contracts trade, the least imbalance first, or NOTHING."""
    s = x.state[0]
    bought = 0
    for level in range(s.best_ask, s.best_bid + 1):
        bought += x.levels[BUY, level].depth
    sold = 0
    best_volume = 0
    best_imbalance = 0
    best_level = NOTHING
    for level in range(s.best_ask, s.best_bid + 1):
        sold += x.levels[SELL, level].depth
        volume = min(bought, sold)
        imbalance = abs(bought - sold)
        if volume > best_volume or (volume == best_volume and imbalance < best_imbalance):
            best_volume, best_imbalance, best_level = volume, imbalance, level
        bought -= x.levels[BUY, level].depth
    return best_level


@compiled
def _auction_volume(x: Exchange, price: int) -> int:
    s = x.state[0]
    bought = 0
    sold = 0
    for level in range(price, s.best_bid + 1):
        bought += x.levels[BUY, level].depth
    for level in range(s.best_ask, price + 1):
        sold += x.levels[SELL, level].depth
    return min(bought, sold)


@compiled
def uncross(x: Exchange) -> int:
    """Run the opening auction: one price for all, side N on T and F; return the quantity."""
    s = x.state[0]
    price = _uncross_level(x)
    if price == NOTHING:
        return 0
    volume = _auction_volume(x, price)
    s.event += 1
    packet(x)
    record(x, TRADE, NO_SIDE, 0, price, volume)
    touched = 0
    first_sold = MAX_AUCTION_FILLS
    touched_sold = first_sold
    bought = 0
    sold = 0
    while bought < volume or sold < volume:
        buying = bought <= sold and bought < volume
        if buying:
            slot = x.levels[BUY, s.best_bid].head
            touched = touch(x, slot, touched)
            quantity = min(volume - bought, x.orders[slot].size)
            bought += quantity
        else:
            slot = x.levels[SELL, s.best_ask].head
            touched_sold = touch(x, slot, touched_sold)
            quantity = min(volume - sold, x.orders[slot].size)
            sold += quantity
        x.orders[slot].hidden = 0
        record(x, FILL, NO_SIDE, x.orders[slot].order_id, price, quantity)
        fill(x, slot, quantity)
    next_packet(x)
    for i in range(first_sold, touched_sold):
        x.touched[touched] = x.touched[i]
        touched += 1
    book_changes(x, touched)
    note_trade(x, price)
    end_event(x, True)
    return volume
