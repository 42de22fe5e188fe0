"""The book of the sample market: orders in price-time priority, and the MBO records it publishes.

Prices are levels: `level` n stands for the price (`origin_tick` + n) * `tick_int`. An operation
changes the book and writes the records of one event, the last of which ends the event.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from databento_dbn import F_BAD_TS_RECV, RType

from ingest.sample.draw import compiled, exponential, uniform
from ingest.sample.labels import (
    GAVE_WAY,
    LABEL,
    LABELS_A_RECORD,
    WALL_BUILT,
    WALL_PULLED,
    note_label,
)
from spymaster_udf.mbo import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    F_LAST,
    F_SNAPSHOT,
    MODIFY,
    NO_SIDE,
    NONE,
    RECORD,
    UNDEF_PRICE,
)

LEVELS: Final = 16_384
ORDERS: Final = 65_536
BUY: Final = 0
SELL: Final = 1
NOTHING: Final = -1

FLEETING: Final = 0
QUOTE: Final = 1
PATIENT: Final = 2
WALL: Final = 3
KINDS: Final = 4

MAX_FILLS: Final = 48
MAX_EVENT_RECORDS: Final = 3 * MAX_FILLS + 2
"""Trades, fills and book changes of one aggressor, its rest, and the closing N record."""
AUCTION_CONTRACTS: Final = 5_000
MAX_AUCTION_FILLS: Final = 2 * AUCTION_CONTRACTS

_LAST: Final = int(F_LAST)
_SNAPSHOT_FLAGS: Final = int(F_SNAPSHOT) | int(F_BAD_TS_RECV)
_LENGTH: Final = RECORD.itemsize // 4
_RTYPE: Final = int(RType.MBO)
_PUBLISHER: Final = 1
_UNDEF_PRICE: Final = int(UNDEF_PRICE)
_MIN_LATENCY_NS: Final = 82_000
BOTTOM: Final = 0
TOP: Final = LEVELS - 1

STATE: Final = np.dtype(
    [
        ("rng", "u8"),
        ("next_order_id", "i8"),
        ("now", "i8"),
        ("recv", "i8"),
        ("budget", "i8"),
        ("filled", "i8"),
        ("event_start", "i8"),
        ("event", "i8"),
        ("best_bid", "i8"),
        ("best_ask", "i8"),
        ("origin_tick", "i8"),
        ("tick_int", "i8"),
        ("free", "i8"),
        ("first_trade", "i8"),
        ("last_trade", "i8"),
        ("sequence", "i8"),
        ("in_delta", "i8"),
        ("instrument_id", "i8"),
        ("span_record", "i8"),
        ("mid_int", "i8"),
        ("mids", "i8"),
        ("labels", "i8"),
    ]
)
"""`budget`: messages still to come, spans counted in both forms. `filled`: records in `out`;
`mids`: entries in `mids`; `labels`: entries in `labels`."""

ORDER: Final = np.dtype(
    [
        ("order_id", "i8"),
        ("event", "i8"),
        ("level", "i8"),
        ("size", "i8"),
        ("before", "i8"),
        ("hidden", "i8"),
        ("display", "i8"),
        ("iceberg", "i8"),
        ("previous", "i8"),
        ("next", "i8"),
        ("place", "i8"),
        ("side", "i8"),
        ("kind", "i8"),
    ]
)
LEVEL: Final = np.dtype(
    [("head", "i8"), ("tail", "i8"), ("depth", "i8"), ("orders", "i8"), ("absorbs", "i8")]
)
"""`absorbs`: 1 from a label ABSORPTION until the level is empty."""
CHUNK_RECORDS: Final = 131_072
MID: Final = np.dtype([("time", "i8"), ("mid_int", "i8")])
"""From `time` (UTC ns) on the book's mid is `mid_int`, in 1e-9 price units."""
EXCHANGE: Final = np.dtype(
    [
        ("state", STATE, (1,)),
        ("orders", ORDER, (ORDERS,)),
        ("levels", LEVEL, (2, LEVELS)),
        ("rosters", "i8", (KINDS, ORDERS)),
        ("roster_sizes", "i8", (KINDS,)),
        ("free", "i8", (ORDERS,)),
        ("touched", "i8", (2 * MAX_AUCTION_FILLS,)),
        ("out", RECORD, (CHUNK_RECORDS,)),
        ("mids", MID, (CHUNK_RECORDS,)),
        ("labels", LABEL, (LABELS_A_RECORD * CHUNK_RECORDS,)),
    ]
)
"""All state of the engine; `out` is the chunk that operations write records to, `mids` how the
book's mid moved in it, `labels` what is known of it beyond the records.

One record with everything in it reaches compiled functions as a pointer. A tuple of arrays would
have each array's references counted at every call, which halves the speed.
"""

Exchange: TypeAlias = Any
"""A record of type EXCHANGE."""


def new_exchange() -> npt.NDArray[Any]:
    """Return one empty exchange; the caller fills in prices, clock, seed and budget in `state`."""
    exchange = np.zeros(1, EXCHANGE)
    exchange["levels"]["head"] = NOTHING
    exchange["levels"]["tail"] = NOTHING
    exchange["free"] = np.arange(ORDERS - 1, -1, -1)
    state = exchange["state"]
    state["free"] = ORDERS
    state["best_bid"], state["best_ask"] = BOTTOM, TOP
    state["first_trade"] = state["last_trade"] = NOTHING
    return exchange


@compiled
def record(x: Exchange, action: int, side: int, order_id: int, level: int, size: int) -> None:
    """Append a record of the current event; level NOTHING stands for the undefined price."""
    s = x.state[0]
    r = x.out[s.filled]
    r.length = _LENGTH
    r.rtype = _RTYPE
    r.publisher_id = _PUBLISHER
    r.instrument_id = s.instrument_id
    r.ts_event = s.now
    r.order_id = order_id
    r.price = _UNDEF_PRICE if level == NOTHING else (s.origin_tick + level) * s.tick_int
    r.size = size
    r.flags = 0
    r.channel_id = 0
    r.action = action
    r.side = side
    r.ts_recv = s.recv
    r.ts_in_delta = s.in_delta
    r.sequence = s.sequence
    s.filled += 1


@compiled
def packet(x: Exchange) -> None:
    """Begin a packet: the sequence, receive time and latency that its records share."""
    s = x.state[0]
    s.sequence += 1 if uniform(s) < 0.7 else 2 + int(exponential(s, 2.0))
    latency = _MIN_LATENCY_NS + exponential(s, 18_000.0)
    if uniform(s) < 0.02:
        latency += exponential(s, 400_000.0)
    s.recv = max(s.recv, s.now + int(latency))
    s.in_delta = 11_800 + int(exponential(s, 2_400.0))


@compiled
def next_packet(x: Exchange) -> None:
    """Continue the current event in the packet that follows."""
    s = x.state[0]
    s.sequence += 1
    s.recv += 6_800 + int(exponential(s, 2_500.0))
    s.in_delta = 11_800 + int(exponential(s, 2_400.0))


@compiled
def end_event(x: Exchange, spans: bool) -> None:
    """Mark the event's last record, after an N record if it spans packets; charge the budget."""
    s = x.state[0]
    s.budget -= s.filled - s.event_start + (1 if spans else 0)
    if spans and s.span_record != 0:
        record(x, NONE, NO_SIDE, 0, NOTHING, 0)
    x.out[s.filled - 1].flags |= _LAST
    s.event_start = s.filled


@compiled
def letter(side: int) -> int:
    """Return the side as a record has it."""
    return BID if side == BUY else ASK


@compiled
def new_order_id(x: Exchange) -> int:
    """Return an order id above all before it; ids of the other instruments lie between."""
    s = x.state[0]
    s.next_order_id += 1 if uniform(s) < 0.5 else 1 + int(exponential(s, 3.0))
    return s.next_order_id  # type: ignore[no-any-return]


@compiled
def link(x: Exchange, slot: int) -> None:
    """Put an order at the end of its level's queue."""
    s = x.state[0]
    order = x.orders[slot]
    level = x.levels[order.side, order.level]
    order.previous = level.tail
    order.next = NOTHING
    if level.tail == NOTHING:
        level.head = slot
    else:
        x.orders[level.tail].next = slot
    level.tail = slot
    level.depth += order.size
    level.orders += 1
    if order.side == BUY:
        s.best_bid = max(s.best_bid, order.level)
    else:
        s.best_ask = min(s.best_ask, order.level)


@compiled
def unlink(x: Exchange, slot: int) -> None:
    """Take an order out of its level's queue."""
    s = x.state[0]
    order = x.orders[slot]
    level = x.levels[order.side, order.level]
    if order.previous == NOTHING:
        level.head = order.next
    else:
        x.orders[order.previous].next = order.next
    if order.next == NOTHING:
        level.tail = order.previous
    else:
        x.orders[order.next].previous = order.previous
    level.depth -= order.size
    level.orders -= 1
    if order.side == BUY:
        while s.best_bid > BOTTOM and x.levels[BUY, s.best_bid].head == NOTHING:
            s.best_bid -= 1
    else:
        while s.best_ask < TOP and x.levels[SELL, s.best_ask].head == NOTHING:
            s.best_ask += 1


@compiled
def insert(x: Exchange, side: int, level: int, size: int, kind: int, order_id: int) -> int:
    """Let an order rest, without a record of it; return its slot."""
    s = x.state[0]
    s.free -= 1
    slot = x.free[s.free]
    order = x.orders[slot]
    order.order_id = order_id
    order.side = side
    order.level = level
    order.size = size
    order.kind = kind
    order.hidden = 0
    order.iceberg = 0
    order.display = size
    order.place = x.roster_sizes[kind]
    x.rosters[kind, order.place] = slot
    x.roster_sizes[kind] += 1
    link(x, slot)
    if kind == WALL:
        note_label(x, WALL_BUILT, side, level, order_id, size)
    return slot  # type: ignore[no-any-return]


@compiled
def release(x: Exchange, slot: int) -> None:
    """Free the slot of an order that is in no queue."""
    s = x.state[0]
    order = x.orders[slot]
    x.roster_sizes[order.kind] -= 1
    last = x.rosters[order.kind, x.roster_sizes[order.kind]]
    x.rosters[order.kind, order.place] = last
    x.orders[last].place = order.place
    order.order_id = 0
    x.free[s.free] = slot
    s.free += 1


@compiled
def note_if_empty(x: Exchange, side: int, level: int, order_id: int) -> None:
    """Note that a level which had absorbed is empty; `order_id` was the last one there."""
    queue = x.levels[side, level]
    if queue.absorbs != 0 and queue.head == NOTHING:
        queue.absorbs = 0
        note_label(x, GAVE_WAY, side, level, order_id, 0)


@compiled
def add(x: Exchange, side: int, level: int, size: int, kind: int, hidden: int) -> int:
    """Enter a resting order and return its slot; `hidden` contracts refresh it (an iceberg)."""
    packet(x)
    slot = insert(x, side, level, size, kind, new_order_id(x))
    order = x.orders[slot]
    order.hidden = hidden
    order.iceberg = 1 if hidden > 0 else 0
    record(x, ADD, letter(side), order.order_id, level, size)
    end_event(x, False)
    return slot


@compiled
def cancel(x: Exchange, slot: int, size: int) -> None:
    """Take `size` contracts from an order, all of them to remove it."""
    packet(x)
    order = x.orders[slot]
    record(x, CANCEL, letter(order.side), order.order_id, order.level, size)
    if order.kind == WALL:
        note_label(x, WALL_PULLED, order.side, order.level, order.order_id, size)
    if size == order.size:
        unlink(x, slot)
        note_if_empty(x, order.side, order.level, order.order_id)
        release(x, slot)
    else:
        order.size -= size
        x.levels[order.side, order.level].depth -= size
    end_event(x, False)


@compiled
def modify(x: Exchange, slot: int, level: int, size: int) -> None:
    """Change an order's price and size; more size or another price costs its place in the queue."""
    packet(x)
    order = x.orders[slot]
    if level != order.level or size > order.size:
        unlink(x, slot)
        note_if_empty(x, order.side, order.level, order.order_id)
        order.level = level
        order.size = size
        link(x, slot)
    else:
        x.levels[order.side, order.level].depth -= order.size - size
        order.size = size
    order.display = size
    record(x, MODIFY, letter(order.side), order.order_id, level, size)
    end_event(x, False)


@compiled
def snapshot_clear(x: Exchange, ts_event: int, midnight: int) -> None:
    """Start the midnight snapshot with its R record."""
    s = x.state[0]
    s.now, s.recv, s.in_delta = ts_event, midnight, 0
    record(x, CLEAR, NO_SIDE, 0, NOTHING, 0)
    x.out[s.filled - 1].flags = _SNAPSHOT_FLAGS


@compiled
def snapshot_add(
    x: Exchange, ts_event: int, side: int, level: int, size: int, kind: int, order_id: int
) -> None:
    """Put an order, entered at `ts_event`, into the midnight snapshot."""
    s = x.state[0]
    s.now = ts_event
    insert(x, side, level, size, kind, order_id)
    record(x, ADD, letter(side), order_id, level, size)
    x.out[s.filled - 1].flags = _SNAPSHOT_FLAGS


@compiled
def snapshot_end(x: Exchange) -> None:
    """Mark the last snapshot record and charge the snapshot to the budget."""
    end_event(x, False)


@compiled
def queue_slack(x: Exchange, side: int, level: int, target: float) -> float:
    """Return how far a level's depth lies below its target, as a ratio above 1 if it is thin."""
    return target / (math.fabs(float(x.levels[side, level].depth)) + 3.0)
