"""Who does what in the sample market's options, and when.

Time goes in steps of ten milliseconds. In each, market makers first bring the quotes up to date
that the forward or the clock has left behind; then others add, cancel, modify and trade, as many
messages as the step's share of the total leaves. Incidents cross or clear a book now and then.
"""

from __future__ import annotations

from typing import Final

import numpy.typing as npt

from ingest.sample.crowd import NEVER
from ingest.sample.draw import below, compiled, exponential, order_size, uniform
from ingest.sample.exchange import BUY, NOTHING, SELL
from ingest.sample.market import CLOSED, CONTINUOUS, PRE_OPEN, SECOND_NS
from ingest.sample.option_book import (
    CROSSED,
    EXPIRED,
    MAX_EVENT_RECORDS,
    OPEN,
    UNLISTED,
    OptionMarket,
    align_side,
    behind,
    clear,
    enter,
    fill_up,
    place_of,
    react,
    revise,
    trade,
    uncross,
    withdraw,
)
from ingest.sample.option_chain import MAX_DEPTH
from ingest.sample.option_opening import publish_snapshot
from ingest.sample.option_quote import quote
from ingest.sample.option_tasks import NOISE, REQUOTE, SNAPSHOT, STEP
from spymaster.products import PRICE_SCALE

STEP_NS: Final = 10_000_000
REVIEW_STEPS: Final = 50
INCIDENTS: Final = 60
MAX_CROSSED: Final = 40
STEP_ROOM: Final = MAX_CROSSED * MAX_EVENT_RECORDS + 6 * MAX_DEPTH
"""Records that one turn of `run` writes at most: every crossed book matched, or one refilled."""

_MAX_PATIENCE: Final = 200.0
_LEAST_SHARE_OF_OTHERS: Final = 0.15


@compiled
def run(market: npt.NDArray, chunk_records: int, known: int) -> int:  # type: ignore[type-arg]
    """Let the options trade until the chunk is full or the forward is not `known` (UTC ns) yet.

    Return how many records lie in `out`; 0 when the forward must be known for longer, or when
    there is nothing left to do.
    """
    x = market[0]
    s = x.state[0]
    s.filled = 0
    s.event_start = 0
    room = chunk_records - STEP_ROOM
    while s.filled < room and s.budget > 0:
        if s.task == REQUOTE:
            _requote_next(x)
        elif s.task == NOISE:
            _others_act(x)
        elif s.task == SNAPSHOT:
            _advance_forward(x, s.start)
            publish_snapshot(x)
        elif s.step_end >= s.end or s.step_end >= known:
            break
        else:
            _begin_step(x)
    return s.filled  # type: ignore[no-any-return]


@compiled
def _advance_forward(x: OptionMarket, time: int) -> None:
    """Take over the mids noted up to a time."""
    s = x.state[0]
    while s.path_at < s.path_end and x.path[s.path_at].time <= time:
        s.forward = x.path[s.path_at].mid_int / PRICE_SCALE
        s.path_at += 1
        s.due = 1


@compiled
def _begin_step(x: OptionMarket) -> None:
    s = x.state[0]
    start = s.step_end
    s.step_end += STEP_NS
    _advance_forward(x, start)
    phase = x.phases[(start - s.midnight) // SECOND_NS]
    if phase == CLOSED:
        s.phase = phase
        return
    s.now = max(s.now, start)
    if phase == CONTINUOUS and s.phase == PRE_OPEN:
        _match_crossed(x)
    s.phase = phase
    _tend_incident(x)
    if (start - s.start) // STEP_NS % REVIEW_STEPS == 0:
        s.due = 1
        _adapt_patience(x)
    s.cursor = 0
    s.task = REQUOTE if s.due else NOISE
    s.due = 0


@compiled
def _expected(x: OptionMarket, time: int) -> float:
    """Return how many messages should be out at a time, by the day's activity."""
    s = x.state[0]
    if time >= s.end:
        return float(s.messages)
    second = (time - s.midnight) // SECOND_NS
    share = (time - s.midnight - second * SECOND_NS) / SECOND_NS
    left = x.left[second] + share * (x.left[second + 1] - x.left[second])
    all_of_it = x.left[(s.start - s.midnight) // SECOND_NS]
    return s.snapshot + (s.messages - s.snapshot) * (1.0 - left / all_of_it)  # type: ignore[no-any-return]


@compiled
def _ahead(x: OptionMarket) -> float:
    """Return by how many messages the market is ahead of what should be out."""
    s = x.state[0]
    return s.messages - s.budget - _expected(x, s.step_end)  # type: ignore[no-any-return]


@compiled
def _allowance(x: OptionMarket) -> float:
    """Return how far quotes may run ahead of the message count: a burst of the whole market."""
    s = x.state[0]
    burst = max(0.01 * s.messages, 4.0 * s.options)
    return min(burst, 0.5 * (s.messages - _expected(x, s.step_end)))  # type: ignore[no-any-return]


@compiled
def _left_to_others(x: OptionMarket) -> float:
    """Return the messages that the rest of the market still has in this step."""
    s = x.state[0]
    due = _LEAST_SHARE_OF_OTHERS * (_expected(x, s.step_end) - s.snapshot) - s.others
    return min(max(-_ahead(x), due), s.budget)  # type: ignore[no-any-return]


@compiled
def _adapt_patience(x: OptionMarket) -> None:
    s = x.state[0]
    ahead = _ahead(x)
    if ahead > 0.5 * _allowance(x):
        s.patience = min(1.1 * s.patience, _MAX_PATIENCE)
    elif ahead < 0.1 * _allowance(x):
        s.patience = max(s.patience / 1.05, 1.0)


@compiled
def _requote_next(x: OptionMarket) -> None:
    """Bring the next quote up to date that the forward or the clock has left behind."""
    s = x.state[0]
    while s.cursor < s.options:
        o = x.options[s.cursor]
        if s.forward < o.low or s.forward > o.high or s.now >= o.until:
            break
        s.cursor += 1
    if s.cursor == s.options:
        s.task = NOISE
        return
    if _ahead(x) > _allowance(x) or s.budget < 8 * s.depth + MAX_EVENT_RECORDS:
        s.task = NOISE
        s.due = 1
        return
    _requote(x, s.cursor)
    s.cursor += 1


@compiled
def _requote(x: OptionMarket, option: int) -> None:
    s = x.state[0]
    o = x.options[option]
    if s.now >= o.expiration:
        _expire(x, option)
        return
    new = o.status == UNLISTED
    if new:
        o.bid = NOTHING
        o.ask = NOTHING
        clear(x, option, True)
        o.status = OPEN
    before = o.ask
    quote(x, option, s.now)
    rises = o.ask == NOTHING or (before != NOTHING and o.ask >= before)
    if rises:  # the offers make way before the bids follow, so that the two never cross
        align_side(x, option, SELL)
        align_side(x, option, BUY)
    else:
        align_side(x, option, BUY)
        align_side(x, option, SELL)
    if new:
        fill_up(x, option)


@compiled
def _expire(x: OptionMarket, option: int) -> None:
    """Take all orders out of an option's book for good."""
    o = x.options[option]
    o.bid = NOTHING
    o.ask = NOTHING
    align_side(x, option, BUY)
    align_side(x, option, SELL)
    o.status = EXPIRED
    _leave_alone(x, option)


@compiled
def _leave_alone(x: OptionMarket, option: int) -> None:
    o = x.options[option]
    o.low = -1e300
    o.high = 1e300
    o.until = NEVER


@compiled
def _call_back(x: OptionMarket, option: int) -> None:
    """Let the market makers look at an option in the next step."""
    x.options[option].until = 0
    x.state[0].due = 1


@compiled
def _others_act(x: OptionMarket) -> None:
    """Do one thing of the rest of the market at a random option, until the step's share is out."""
    s = x.state[0]
    left = _left_to_others(x)
    option = _any_open(x) if left >= 1.0 else NOTHING
    if option == NOTHING:
        s.task = STEP
        return
    gap = exponential(s, (s.step_end - s.now) / left)
    s.now = min(s.now + 1 + int(gap), s.step_end - 1)
    before = s.budget
    pick = uniform(s)
    single_only = s.budget < 2 * s.depth + MAX_EVENT_RECORDS or left < 8.0
    if pick < 0.02 and s.phase == CONTINUOUS and not single_only:
        side = BUY if uniform(s) < 0.5 else SELL
        size = order_size(s) if uniform(s) < 0.7 else 8 + below(s, 40)
        trade(x, option, side, size)
        _call_back(x, option)
    elif pick < 0.02 and s.phase == PRE_OPEN and s.crossed < MAX_CROSSED:
        _cross(x, option)
    else:
        _rest(x, option)
    s.others += before - s.budget


@compiled
def _any_open(x: OptionMarket) -> int:
    """Return an option with a quote, at random; NOTHING if none was found."""
    s = x.state[0]
    for _ in range(64):
        option = below(s, s.options)
        o = x.options[option]
        if o.status == OPEN and (o.bid != NOTHING or o.ask != NOTHING):
            return option
    return NOTHING


@compiled
def _rest(x: OptionMarket, option: int) -> None:
    """Add, cancel or modify an order behind the touch, or change the size of the maker's."""
    s = x.state[0]
    o = x.options[option]
    side = BUY if uniform(s) < 0.5 else SELL
    if (o.bid if side == BUY else o.ask) == NOTHING:
        side = 1 - side
    place = below(s, s.depth)
    slot = place_of(x, option, side, place)
    order = x.orders[slot]
    pick = uniform(s)
    if order.size == 0:
        level = behind(x, option, side, place)
        enter(x, option, side, slot, level, order_size(s))
    elif place == 0 or pick < 0.30:
        revise(x, option, side, slot, order.level, 1 + below(s, 2 * order.size + 2))
    elif pick < 0.68:
        revise(x, option, side, slot, behind(x, option, side, place), order.size)
    elif pick < 0.72 and order.size > 1:
        withdraw(x, option, side, slot, 1 + below(s, order.size - 1))
    else:
        withdraw(x, option, side, slot, order.size)


@compiled
def _cross(x: OptionMarket, option: int) -> None:
    """Let a bid offer more than the best ask asks; the book stays so until it is matched."""
    s = x.state[0]
    o = x.options[option]
    slot = place_of(x, option, BUY, s.depth - 1)
    order = x.orders[slot]
    if NOTHING in (o.bid, o.ask):
        return
    level = o.ask + below(s, 3)
    if order.size == 0:
        enter(x, option, BUY, slot, level, 1 + below(s, 20))
    else:
        revise(x, option, BUY, slot, level, order.size)
    o.status = CROSSED
    s.crossed += 1
    _leave_alone(x, option)


@compiled
def _reopen(x: OptionMarket, option: int) -> None:
    s = x.state[0]
    x.options[option].status = OPEN
    s.crossed -= 1
    _call_back(x, option)


@compiled
def _match_crossed(x: OptionMarket) -> None:
    """Match all crossed books: the market opens."""
    s = x.state[0]
    for option in range(s.options):
        if x.options[option].status == CROSSED and s.budget > MAX_EVENT_RECORDS:
            uncross(x, option)
            _reopen(x, option)
            react(x)


@compiled
def _tend_incident(x: OptionMarket) -> None:
    """End the present incident or begin the next: a cleared book, or one that crosses first."""
    s = x.state[0]
    if s.phase != CONTINUOUS or s.now < s.incident_at:
        return
    if s.budget < 2 * s.depth + 2 * MAX_EVENT_RECORDS:
        return
    kind = s.incidents % 3
    if s.incident == NOTHING:
        option = _any_open(x)
        if option == NOTHING:
            return
        if kind == 0:
            clear(x, option, uniform(s) < 0.5)
            _call_back(x, option)
            _await_incident(x)
            return
        _cross(x, option)
        if x.options[option].status == CROSSED:
            s.incident = option
            s.incident_at = s.now + 20_000_000 + int(exponential(s, 400_000_000.0))
        return
    option = s.incident
    s.incident = NOTHING
    if x.options[option].status == CROSSED:
        if kind == 1:
            uncross(x, option)
        else:
            clear(x, option, uniform(s) < 0.5)
        _reopen(x, option)
    _await_incident(x)


@compiled
def _await_incident(x: OptionMarket) -> None:
    s = x.state[0]
    s.incidents += 1
    s.incident_at = s.now + int(exponential(s, (s.end - s.start) / INCIDENTS))
