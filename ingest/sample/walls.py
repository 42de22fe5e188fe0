"""Walls: large orders at round prices that stay for minutes, then are pulled or traded through."""

from __future__ import annotations

from typing import Final

from ingest.sample.crowd import WALLS, Crowd
from ingest.sample.draw import below, compiled, exponential, uniform
from ingest.sample.exchange import BUY, LEVELS, NOTHING, SELL, WALL, Exchange, add, cancel
from ingest.sample.market import SECOND_NS

BOUNCE: Final = 0
HOLD: Final = 1
"""What a wall does when the price comes: turns it back, or stands until it is eaten. A larger
`trigger` is the distance in ticks at which the wall is pulled."""

_TYPICAL_WALLS: Final = 16
_MIN_SECONDS: Final = 50.0
_MEAN_SECONDS: Final = 420.0
_LEVEL_MARGIN: Final = 64


@compiled
def wall_left(x: Exchange, side: int, level: int) -> int:
    """Return the contracts that wall orders still show at a level."""
    total = 0
    slot = x.levels[side, level].head
    while slot != NOTHING:
        order = x.orders[slot]
        if order.kind == WALL:
            total += order.size
        slot = order.next
    return total


@compiled
def _pull(x: Exchange, side: int, level: int) -> None:
    s = x.state[0]
    slot = x.levels[side, level].head
    while slot != NOTHING and s.budget > 0:
        order = x.orders[slot]
        following = order.next
        if order.kind == WALL:
            cancel(x, slot, order.size)
            s.now += 2_000 + int(exponential(s, 15_000.0))
        slot = following


@compiled
def tend_walls(x: Exchange, c: Crowd) -> None:
    """Pull the walls whose time is up or that the price has come too near to."""
    s = x.state[0]
    for i in range(WALLS):
        wall = c.walls[i]
        if wall.live == 0:
            continue
        distance = s.best_bid - wall.level if wall.side == BUY else wall.level - s.best_ask
        frightened = wall.trigger > HOLD and distance < wall.trigger
        if s.now >= wall.until or frightened:
            _pull(x, wall.side, wall.level)
            wall.live = 0
        elif distance <= 0 and wall_left(x, wall.side, wall.level) == 0:
            wall.live = 0


@compiled
def place_wall(x: Exchange, c: Crowd, side: int) -> int:
    """Note a new wall behind a side's touch; return its place among the walls or NOTHING."""
    s = x.state[0]
    distance = 5 + int(exponential(s, 30.0))
    touch = s.best_bid if side == BUY else s.best_ask
    pick = uniform(s)
    step = c.mind[0].round_unit
    if pick > 0.93:
        step *= 25
    elif pick > 0.78:
        step *= 10
    elif pick > 0.48:
        step *= 5
    elif pick > 0.40:
        step = max(step // 2, 1)
    aim = s.origin_tick + (touch - distance if side == BUY else touch + distance)
    level = (aim + step // 2) // step * step - s.origin_tick
    away = touch - level if side == BUY else level - touch
    if away < 4 or not _LEVEL_MARGIN < level < LEVELS - _LEVEL_MARGIN:
        return NOTHING
    place = NOTHING
    for i in range(WALLS):
        wall = c.walls[i]
        if wall.live == 0:
            place = i
        elif wall.level == level:
            return NOTHING
    if place == NOTHING:
        return NOTHING
    wall = c.walls[place]
    wall.live = 1
    wall.side = side
    wall.level = level
    pick = uniform(s)
    wall.trigger = 2 + below(s, 4) if pick < 0.45 else (BOUNCE if pick < 0.7 else HOLD)
    wall.until = s.now + int((_MIN_SECONDS + exponential(s, _MEAN_SECONDS)) * SECOND_NS)
    return place


@compiled
def wall_order_size(x: Exchange, c: Crowd, orders: int) -> int:
    """Return the size of each of a wall's orders: 100 to 500 contracts in all, mostly round."""
    s = x.state[0]
    total = 100.0 + 400.0 * uniform(s) ** 2.0
    size = int(total * max(c.mind[0].thickness, 0.1) / orders)
    return max(size // 10 * 10, 10)


@compiled
def build_wall(x: Exchange, c: Crowd, seconds: float) -> None:
    """Now and then put up a wall, more often where few stand."""
    s = x.state[0]
    live = 0
    for i in range(WALLS):
        live += c.walls[i].live
    missing = _TYPICAL_WALLS - live
    if missing <= 0 or s.free < 64 or uniform(s) > 0.008 * missing * seconds:
        return
    side = BUY if uniform(s) < 0.5 else SELL
    place = place_wall(x, c, side)
    if place == NOTHING:
        return
    wall = c.walls[place]
    orders = 1 + below(s, 5)
    size = wall_order_size(x, c, orders)
    for _ in range(orders):
        if s.budget > 0:
            add(x, wall.side, wall.level, size, WALL, 0)
            s.now += 3_000 + int(exponential(s, 60_000.0))
