"""The book that rests at midnight UTC, published as Databento's snapshot."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.sample.crowd import DISTANCES, FAR, Crowd
from ingest.sample.draw import below, compiled, exponential, normal, order_size, uniform
from ingest.sample.exchange import (
    BOTTOM,
    BUY,
    NOTHING,
    PATIENT,
    QUOTE,
    SELL,
    TOP,
    WALL,
    Exchange,
    snapshot_add,
    snapshot_clear,
    snapshot_end,
)
from ingest.sample.market import SECOND_NS
from ingest.sample.mid_path import note_mid
from ingest.sample.walls import place_wall, wall_order_size

_WALLS_AT_MIDNIGHT: Final = 14
_MAX_AGE_SECONDS: Final = 20 * 86_400.0
_RESTING: Final = np.dtype(
    [("age", "f8"), ("side", "i8"), ("level", "i8"), ("size", "i8"), ("kind", "i8")]
)


def open_book(exchange: npt.NDArray[Any], crowd: npt.NDArray[Any]) -> int:
    """Fill an empty book with its snapshot, oldest orders first; return the records written."""
    resting = np.zeros(int(crowd["mind"]["population"][0, 0]), _RESTING)
    _draw_orders(exchange, crowd, resting)
    resting = resting[np.argsort(-resting["age"], kind="stable")]
    return _publish(exchange, crowd, resting)


@compiled
def _draw_orders(
    exchange: npt.NDArray[Any], crowd: npt.NDArray[Any], resting: npt.NDArray[Any]
) -> None:
    x = exchange[0]
    c = crowd[0]
    s = x.state[0]
    m = c.mind[0]
    fair = math.floor(m.fair)
    s.best_bid, s.best_ask = fair, fair + 1
    s.now = m.step_end
    walls = _wall_orders(x, c, resting)
    for i in range(walls, len(resting)):
        order = resting[i]
        order.side = BUY if i % 2 == 0 else SELL
        order.kind = PATIENT if uniform(s) < 0.72 else QUOTE
        distance, order.level = _level(x, c, order.side, order.kind, fair)
        hours = 2.5 if order.kind == PATIENT else 0.08
        hours *= (1.0 + distance / 40.0) * math.exp(1.4 * normal(s))
        order.age = min(3_600.0 * hours + 0.01, _MAX_AGE_SECONDS)
        order.size = order_size(s)


@compiled
def _level(x: Exchange, c: Crowd, side: int, kind: int, fair: int) -> tuple[int, int]:
    s = x.state[0]
    best = 0
    best_level = fair
    best_appeal = -1.0
    for _ in range(2):
        if kind == PATIENT:
            distance = int(c.distances[below(s, DISTANCES)])
        else:
            distance = min(1 + int(exponential(s, 35.0)), FAR - 1)
        level = fair - distance if side == BUY else fair + 1 + distance
        if c.appeal[level] > best_appeal:
            best, best_level, best_appeal = distance, level, c.appeal[level]
    return best, best_level


@compiled
def _wall_orders(x: Exchange, c: Crowd, resting: npt.NDArray[Any]) -> int:
    s = x.state[0]
    count = 0
    for i in range(_WALLS_AT_MIDNIGHT):
        side = BUY if i % 2 == 0 else SELL
        place = place_wall(x, c, side)
        if place == NOTHING:
            continue
        orders = 1 + below(s, 4)
        size = wall_order_size(x, c, orders)
        for _ in range(orders):
            order = resting[count]
            order.side = side
            order.level = c.walls[place].level
            order.kind = WALL
            order.size = size
            order.age = 600.0 + exponential(s, 7_200.0)
            count += 1
    return count


@compiled
def _publish(exchange: npt.NDArray[Any], crowd: npt.NDArray[Any], resting: npt.NDArray[Any]) -> int:
    x = exchange[0]
    s = x.state[0]
    m = crowd[0].mind[0]
    start = s.now
    s.best_bid, s.best_ask = BOTTOM, TOP
    order_id = s.next_order_id - 8 * len(resting)
    for i in range(len(resting)):
        order = resting[i]
        entered = m.midnight - int(order.age * SECOND_NS)
        if i == 0:
            snapshot_clear(x, entered, m.midnight)
        order_id += 1 + below(s, 7)
        s.sequence = 600 + i * 3
        snapshot_add(x, entered, order.side, order.level, order.size, order.kind, order_id)
    snapshot_end(x)
    s.sequence = max(11_000_000, s.sequence + 1)
    s.now = start
    m.messages = s.budget
    note_mid(x, start)
    return s.filled  # type: ignore[no-any-return]
