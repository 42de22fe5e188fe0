"""How the sample market's participants behave: who does what to the book, and when.

A latent fair value wanders; traders push the book's mid towards it. Between them act fleeting
orders that live milliseconds, quotes that follow the touch, patient orders deep in the book, and
walls. The rate of arrivals steers towards the span's message count all along.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy.typing as npt

from ingest.sample.auction import uncross
from ingest.sample.crowd import DISTANCES, FAR, NEVER, TIMERS, Crowd
from ingest.sample.draw import below, compiled, exponential, normal, order_size, uniform
from ingest.sample.exchange import (
    AUCTION_CONTRACTS,
    BUY,
    FLEETING,
    LEVELS,
    MAX_EVENT_RECORDS,
    NOTHING,
    PATIENT,
    QUOTE,
    SELL,
    WALL,
    Exchange,
    add,
    cancel,
    modify,
    queue_slack,
)
from ingest.sample.market import CLOSED, CONTINUOUS, PRE_OPEN, SECOND_NS
from ingest.sample.matching import take
from ingest.sample.mid_path import note_mid
from ingest.sample.pressure import move_fair_value, second_moods
from ingest.sample.walls import build_wall, tend_walls

STEP_NS: Final = 100_000_000
AUCTION_ROOM: Final = 4 * AUCTION_CONTRACTS + 64
_LOWEST: Final = 2
_HIGHEST: Final = LEVELS - 3
_QUOTE_SHARE: Final = 0.30
_ICEBERG_SHARE: Final = 0.02
_REACTION_NS: Final = 70_000.0


@compiled
def run(exchange: npt.NDArray[Any], crowd: npt.NDArray[Any], chunk_records: int) -> int:
    """Let the market run until the chunk is full, the messages are spent or the span ends.

    Return how many records lie in the exchange's `out`, at most `chunk_records`; 0 when there is
    nothing left to do.
    """
    x = exchange[0]
    c = crowd[0]
    s = x.state[0]
    m = c.mind[0]
    s.filled = 0
    s.event_start = 0
    s.mids = 0
    s.labels = 0
    room = chunk_records - AUCTION_ROOM
    while s.budget > 0 and m.done == 0 and s.filled < room:
        timer = c.timers[0].time if m.timers > 0 else NEVER
        if m.step_end <= m.next_arrival and m.step_end <= timer:
            _step(x, c)
        elif timer <= m.next_arrival:
            s.now = max(s.now, timer)
            _pop_timer(x, c)
        else:
            s.now = max(s.now, m.next_arrival)
            m.arrivals += 1
            if m.phase == PRE_OPEN:
                _gather(x, c)
            else:
                _arrive(x, c)
            _schedule_arrival(x, c)
        if s.filled > 0:
            note_mid(x, x.out[s.filled - 1].ts_event)
    return s.filled  # type: ignore[no-any-return]


@compiled
def _step(x: Exchange, c: Crowd) -> None:
    s = x.state[0]
    m = c.mind[0]
    s.now = max(s.now, m.step_end)
    if m.step_end >= m.end:
        m.done = 1
        return
    second = (m.step_end - m.midnight) // SECOND_NS
    if second != m.second:
        m.second = second
        second_moods(x, c)
        _enter_phase(x, c, c.phase[second])
    m.step_end += STEP_NS
    if m.phase == CONTINUOUS:
        move_fair_value(x, c, STEP_NS / SECOND_NS)
        tend_walls(x, c)
        build_wall(x, c, STEP_NS / SECOND_NS)
    left = c.left[second + 1] + c.activity[second] * (
        1.0 - (m.step_end - STEP_NS - m.midnight - second * SECOND_NS) / SECOND_NS
    )
    if m.phase == CLOSED or left <= 0.0:
        m.next_arrival = NEVER
        return
    per_arrival = (m.messages - s.budget + 60.0) / (m.arrivals + 40.0)
    m.rate = c.activity[second] * math.exp(m.log_rate) * s.budget / left / per_arrival
    _schedule_arrival(x, c)


@compiled
def _enter_phase(x: Exchange, c: Crowd, phase: int) -> None:
    s = x.state[0]
    m = c.mind[0]
    if phase == CLOSED and m.phase != CLOSED:
        while m.timers > 0 and s.budget > 0:
            _pop_timer(x, c)
    if phase == PRE_OPEN and m.phase != PRE_OPEN:
        m.crossing = min(AUCTION_CONTRACTS, s.budget // 40)
    opens = phase == CONTINUOUS and m.phase == PRE_OPEN
    m.phase = phase
    if opens:
        uncross(x)


@compiled
def _schedule_arrival(x: Exchange, c: Crowd) -> None:
    s = x.state[0]
    m = c.mind[0]
    if m.end - s.now <= SECOND_NS and s.budget > 0:
        gap = (m.end - s.now) * (1.0 - (1.0 - uniform(s)) ** (1.0 / s.budget))
        m.next_arrival = s.now + int(gap)
        return
    mean = SECOND_NS / max(m.rate, 1e-6)
    if m.cluster > 0 or uniform(s) < 0.35:
        m.cluster = max(m.cluster - 1, 0)
        gap = exponential(s, min(_REACTION_NS, mean))
    else:
        gap = exponential(s, 1.5 * mean)
    m.next_arrival = s.now + 1_500 + int(min(gap, 1e15))


@compiled
def _sift_up(c: Crowd, place: int) -> None:
    timers = c.timers
    while place > 0:
        parent = (place - 1) // 2
        if timers[parent].time <= timers[place].time:
            return
        _swap_timers(c, parent, place)
        place = parent


@compiled
def _swap_timers(c: Crowd, a: int, b: int) -> None:
    one = c.timers[a]
    two = c.timers[b]
    time, order_id, slot = one.time, one.order_id, one.slot
    one.time, one.order_id, one.slot = two.time, two.order_id, two.slot
    two.time, two.order_id, two.slot = time, order_id, slot


@compiled
def _push_timer(x: Exchange, c: Crowd, slot: int) -> None:
    """Let a fleeting order live a time between a tenth of a millisecond and seconds."""
    s = x.state[0]
    m = c.mind[0]
    timer = c.timers[m.timers]
    timer.time = s.now + 90_000 + int(4_000_000.0 * math.exp(min(2.1 * normal(s), 9.0)))
    timer.order_id = x.orders[slot].order_id
    timer.slot = slot
    m.timers += 1
    _sift_up(c, m.timers - 1)


@compiled
def _pop_timer(x: Exchange, c: Crowd) -> None:
    m = c.mind[0]
    slot = c.timers[0].slot
    order_id = c.timers[0].order_id
    m.timers -= 1
    _swap_timers(c, 0, m.timers)
    place = 0
    while True:
        child = 2 * place + 1
        if child >= m.timers:
            break
        if child + 1 < m.timers and c.timers[child + 1].time < c.timers[child].time:
            child += 1
        if c.timers[place].time <= c.timers[child].time:
            break
        _swap_timers(c, place, child)
        place = child
    order = x.orders[slot]
    if order.order_id == order_id:
        cancel(x, slot, order.size)


@compiled
def _behind(x: Exchange, c: Crowd, side: int, distance: int) -> int:
    """Return the level `distance` ticks behind a side's touch, on that side's half of the book."""
    s = x.state[0]
    m = c.mind[0]
    fair = math.floor(m.fair)
    if m.phase == PRE_OPEN:
        level = fair - distance if side == BUY else fair + 1 + distance
    elif side == BUY:
        touch = s.best_bid if s.best_bid > _LOWEST else min(fair, s.best_ask - 1)
        level = min(touch - distance, s.best_ask - 1)
    else:
        touch = s.best_ask if s.best_ask < _HIGHEST else max(fair + 1, s.best_bid + 1)
        level = max(touch + distance, s.best_bid + 1)
    return int(min(max(level, _LOWEST), _HIGHEST))


@compiled
def _slack(x: Exchange, c: Crowd, side: int, level: int) -> float:
    s = x.state[0]
    touch = s.best_bid if side == BUY else s.best_ask
    distance = min(abs(level - touch), FAR - 1)
    return queue_slack(x, side, level, c.appeal[level] * c.profile[distance])


@compiled
def _quote_distance(x: Exchange) -> int:
    s = x.state[0]
    if uniform(s) < 0.45:
        return int(exponential(s, 3.2))
    return int(exponential(s, 28.0))


@compiled
def _choose_level(x: Exchange, c: Crowd, side: int, kind: int) -> int:
    """Return the thinnest of a few levels, measured against what such a level usually holds."""
    s = x.state[0]
    best = NOTHING
    best_slack = -1.0
    for _ in range(3):
        patient = kind == PATIENT
        distance = c.distances[below(s, DISTANCES)] if patient else _quote_distance(x)
        level = _behind(x, c, side, distance)
        slack = _slack(x, c, side, level)
        if slack > best_slack:
            best, best_slack = level, slack
    return best


@compiled
def _random_order(x: Exchange, c: Crowd, kind: int) -> int:
    """Return an order of a kind, from the fuller of two levels; NOTHING if there are none."""
    s = x.state[0]
    count = x.roster_sizes[kind]
    if count == 0:
        return NOTHING
    one = x.rosters[kind, below(s, count)]
    two = x.rosters[kind, below(s, count)]
    first = x.orders[one]
    second = x.orders[two]
    fuller = _slack(x, c, first.side, first.level) < _slack(x, c, second.side, second.level)
    return one if fuller else two  # type: ignore[no-any-return]


@compiled
def _enter(x: Exchange, c: Crowd, side: int, level: int, kind: int) -> None:
    s = x.state[0]
    m = c.mind[0]
    if s.free < 64:
        _leave(x, c, PATIENT)
        return
    if kind == FLEETING and m.timers >= TIMERS:
        kind = QUOTE
    size = order_size(s)
    hidden = 0
    if kind == FLEETING:
        size = min(size, 10)
    elif uniform(s) < _ICEBERG_SHARE:
        size = 1 + below(s, 8)
        hidden = size * (2 + below(s, 12))
    slot = add(x, side, level, size, kind, hidden)
    if kind == FLEETING:
        _push_timer(x, c, slot)


@compiled
def _leave(x: Exchange, c: Crowd, kind: int) -> None:
    """Cancel an order of a kind, now and then only a part of it."""
    s = x.state[0]
    slot = _random_order(x, c, kind)
    if slot == NOTHING:
        return
    size = x.orders[slot].size
    if size > 1 and uniform(s) < 0.05:
        size = 1 + below(s, size - 1)
    cancel(x, slot, size)


@compiled
def _revise(x: Exchange, c: Crowd, kind: int) -> None:
    """Modify an order: another price, less size or more size."""
    s = x.state[0]
    slot = _random_order(x, c, kind)
    if slot == NOTHING:
        return
    order = x.orders[slot]
    pick = uniform(s)
    if pick < 0.62:
        level = _choose_level(x, c, order.side, kind)
        if level != order.level:
            modify(x, slot, level, order.size)
    elif pick < 0.85 or c.mind[0].phase == PRE_OPEN:
        if order.size > 1:
            modify(x, slot, order.level, 1 + below(s, order.size - 1))
    else:
        modify(x, slot, order.level, order.size + order_size(s))


@compiled
def _arrive(x: Exchange, c: Crowd) -> None:
    s = x.state[0]
    m = c.mind[0]
    dev = m.fair - 0.5 * (s.best_bid + s.best_ask)
    spread = s.best_ask - s.best_bid
    if spread > 1 and uniform(s) < 0.65:
        _improve(x, c, dev)
        return
    urgency = min(max(abs(dev) - 0.4, 0.0), 6.0)
    pick = uniform(s)
    trade = 0.024 + 0.016 * urgency
    retreat = trade + 0.015 + 0.05 * urgency
    single_only = s.budget <= MAX_EVENT_RECORDS or m.end - s.now <= SECOND_NS
    if pick < trade and not single_only:
        _trade(x, c, dev)
    elif pick < retreat:
        _retreat(x, c, SELL if dev > 0 else BUY)
    else:
        _rest(x, c, dev)


@compiled
def _rest(x: Exchange, c: Crowd, dev: float) -> None:
    """Add, cancel or modify by the usual shares; full rosters lose more than they win."""
    s = x.state[0]
    m = c.mind[0]
    lean = min(max(0.06 * dev, -0.2), 0.2)
    side = BUY if uniform(s) < 0.5 + lean else SELL
    quotes = x.roster_sizes[QUOTE] / (_QUOTE_SHARE * m.population)
    patient = x.roster_sizes[PATIENT] / ((1.0 - _QUOTE_SHARE) * m.population)
    pick = uniform(s)
    if pick < 0.36:
        level = _behind(x, c, side, int(exponential(s, 1.6)))
        _enter(x, c, side, level, FLEETING)
        return
    kind = QUOTE if pick < 0.93 else PATIENT
    crowded = quotes if kind == QUOTE else patient
    if 0.82 <= pick < 0.945:
        _revise(x, c, kind)
    elif uniform(s) * (1.0 + crowded**3) < 1.0:
        _enter(x, c, side, _choose_level(x, c, side, kind), kind)
    else:
        _leave(x, c, kind)


@compiled
def _improve(x: Exchange, c: Crowd, dev: float) -> None:
    """Quote inside a spread that is wider than a tick, on the side the fair value leaves behind."""
    s = x.state[0]
    m = c.mind[0]
    fair = math.floor(m.fair)
    inside = 1 + below(s, 2)
    side = BUY if dev > 0 else SELL
    if side == BUY:
        level = min(max(s.best_bid + 1, min(fair, s.best_bid + inside)), s.best_ask - 1)
    else:
        level = max(min(s.best_ask - 1, max(fair + 1, s.best_ask - inside)), s.best_bid + 1)
    _enter(x, c, side, level, QUOTE)


@compiled
def _retreat(x: Exchange, c: Crowd, side: int) -> None:
    """Pull an order near the touch that the fair value threatens, or move it away."""
    s = x.state[0]
    near = min(int(exponential(s, 1.5)), 12)
    level = _behind(x, c, side, near)
    slot = x.levels[side, level].tail
    if slot == NOTHING or x.orders[slot].kind == WALL:
        return
    order = x.orders[slot]
    if uniform(s) < 0.65:
        cancel(x, slot, order.size)
    else:
        away = 1 + int(exponential(s, 6.0))
        level = order.level - away if side == BUY else order.level + away
        modify(x, slot, min(max(level, _LOWEST), _HIGHEST), order.size)


@compiled
def _trade(x: Exchange, c: Crowd, dev: float) -> None:
    """Send an aggressor; the further the fair value has gone, the larger and more one-sided."""
    s = x.state[0]
    m = c.mind[0]
    towards = BUY if dev > 0 else SELL
    side = towards if uniform(s) < 0.5 + min(0.3 * abs(dev), 0.47) else 1 - towards
    if abs(dev) < 0.5 and uniform(s) < 0.45:
        side = m.last_side
    m.last_side = side
    touch = s.best_ask if side == BUY else s.best_bid
    size = order_size(s)
    limit = touch
    pick = uniform(s)
    if side == towards and abs(dev) > 0.8 and pick < 0.18 + 0.08 * abs(dev):
        size = 1 + int(x.levels[1 - side, touch].depth * (0.3 + uniform(s)))
        reach = min(int(abs(dev) + 0.5), 8)
        size += int(0.4 * reach * size * uniform(s))
        limit = touch + reach if side == BUY else touch - reach
    elif pick > 0.62 and x.levels[1 - side, touch].head != NOTHING:
        size = min(x.orders[x.levels[1 - side, touch].head].size, 40)
    elif pick > 0.57:
        size = 8 + int(exponential(s, 25.0))
    rest = QUOTE if uniform(s) < 0.05 else NOTHING
    if take(x, side, limit, size, rest) > 0:
        m.cluster = 1 + below(s, 5)


@compiled
def _gather(x: Exchange, c: Crowd) -> None:
    """Act in the pre-open: enter, cross, cancel and modify, but never trade."""
    s = x.state[0]
    m = c.mind[0]
    side = BUY if uniform(s) < 0.5 else SELL
    pick = uniform(s)
    if pick < 0.28 and m.crossing > 10:
        size = min(order_size(s), 10)
        through = int(exponential(s, 3.0))
        level = math.floor(m.fair) + (through if side == BUY else -through)
        m.crossing -= size
        add(x, side, level, size, QUOTE, 0)
    elif pick < 0.62:
        kind = QUOTE if uniform(s) < 0.6 else PATIENT
        _enter(x, c, side, _choose_level(x, c, side, kind), kind)
    elif pick < 0.85:
        _leave(x, c, QUOTE)
    else:
        _revise(x, c, QUOTE)
