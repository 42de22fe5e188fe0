"""Where the sample market's fair value goes: regimes of volatility, trends, bursts."""

from __future__ import annotations

import math
from typing import Final

from ingest.sample.crowd import WALLS, Crowd
from ingest.sample.draw import compiled, normal, uniform
from ingest.sample.exchange import BUY, Exchange
from ingest.sample.walls import BOUNCE, HOLD, wall_left

_REGIME_SECONDS: Final = 150.0
_JUMP_SECONDS: Final = 900.0
_RANGE_PULL: Final = 0.9
_ANCHOR_MEMORY: Final = 0.004
_HOME_PULL: Final = 1.2


@compiled
def second_moods(x: Exchange, c: Crowd) -> None:
    """Draw this second's activity, volatility and, now and then, a new regime."""
    s = x.state[0]
    m = c.mind[0]
    m.log_rate = 0.80 * m.log_rate + 0.33 * normal(s) - 0.2 * 0.15
    m.log_volatility = 0.99 * m.log_volatility + 0.06 * normal(s)
    if uniform(s) < 1.0 / _REGIME_SECONDS:
        pick = uniform(s)
        m.trend = 0.0
        if pick < 0.35:
            m.regime = 0.45
        elif pick < 0.60:
            m.regime = 0.9
        elif pick < 0.85:
            m.regime = 0.9
            m.trend = 0.16 if uniform(s) < 0.5 else -0.16
        else:
            m.regime = 1.8
    if uniform(s) < 1.0 / _JUMP_SECONDS:
        m.log_rate += 1.2
        m.log_volatility += 0.5


@compiled
def move_fair_value(x: Exchange, c: Crowd, seconds: float) -> None:
    """Move the fair value by `seconds` of diffusion, trend and pull, and let walls bar its way."""
    s = x.state[0]
    m = c.mind[0]
    usual = c.volatility[m.second]
    sigma = usual * m.regime * math.exp(m.log_volatility)
    m.anchor += _ANCHOR_MEMORY * seconds * (m.fair - m.anchor)
    m.drift = 0.97 * m.drift + 0.25 * 0.03 * sigma * normal(s) / math.sqrt(seconds)
    move = sigma * math.sqrt(seconds) * normal(s)
    move += seconds * (m.drift + m.trend * sigma)
    calm = usual * usual / (m.daily_ticks * m.daily_ticks)
    move -= seconds * _HOME_PULL * calm * (m.fair - m.home)
    if m.trend == 0.0:
        move -= seconds * _RANGE_PULL * 0.01 * usual * math.tanh((m.fair - m.anchor) / 12.0)
    guide = c.guide[m.second]
    if not math.isnan(guide):
        move = guide - m.fair
    limit = 12.0 + 6.0 * usual * math.sqrt(seconds)
    move = min(max(move, -limit), limit)
    m.fair = _barred(x, c, m.fair + move)
    mid = 0.5 * (s.best_bid + s.best_ask)
    ahead = 6.0 + 2.0 * usual
    m.fair = min(max(m.fair, mid - ahead), mid + ahead)


@compiled
def _barred(x: Exchange, c: Crowd, wanted: float) -> float:
    """Return how far the fair value gets: some walls turn it back, others only slow it."""
    s = x.state[0]
    m = c.mind[0]
    for i in range(WALLS):
        wall = c.walls[i]
        if wall.live == 0 or wall.trigger > HOLD:
            continue
        through = wanted < wall.level - 0.2 if wall.side == BUY else wanted > wall.level + 0.2
        was = m.fair < wall.level - 0.2 if wall.side == BUY else m.fair > wall.level + 0.2
        if not through or was or wall_left(x, wall.side, wall.level) == 0:
            continue
        gives_way = 0.02 if wall.trigger == BOUNCE else 0.30
        if uniform(s) < gives_way:
            continue
        if wall.trigger == BOUNCE:
            m.drift = -0.6 * m.drift
            m.trend = 0.0
        return float(wall.level) + (0.3 if wall.side == BUY else -0.3)
    return wanted
