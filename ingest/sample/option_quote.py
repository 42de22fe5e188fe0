"""Where an option's market makers quote, and how far the forward may move until they must again."""

from __future__ import annotations

import math
from typing import Final

from ingest.sample.draw import compiled
from ingest.sample.exchange import NOTHING
from ingest.sample.option_book import OptionMarket
from ingest.sample.option_chain import OPTION_TICK_INT
from ingest.sample.smile import RISK_FREE_RATE, YEAR_NS, black76
from spymaster.products import PRICE_SCALE

_TICK: Final = OPTION_TICK_INT / PRICE_SCALE
_LEAST_TWO_SIDED: Final = 1.25 * _TICK
_LEAST_LAG: Final = _TICK / 4.0
_DEVIATION_LAG: Final = 0.004
_INTRINSIC_LAG: Final = 0.45
_LONGEST_QUOTE_NS: Final = 30_000_000_000
_FIXED_WIDTH: Final = 6


@compiled
def quote(x: OptionMarket, option: int, time: int) -> None:
    """Set an option's touch and width around its value at `time`, and how long they are good.

    A quote lags its value by at most a quarter tick, or by what changes the implied deviation by
    0.4 %: a smaller lag could not be seen in ticks, a larger one would be seen in the gamma. In
    the money, where no volatility is taken from, the value may wander in the spread.
    """
    s = x.state[0]
    o = x.options[option]
    if o.fixed > 0:
        _centre(x, option, 2.0 * o.fixed, _FIXED_WIDTH)
        _good_for(x, option, math.inf, time + _LONGEST_QUOTE_NS)
        return
    years = (o.expiration - time) / YEAR_NS
    deviation = o.volatility * math.sqrt(years)
    discount = math.exp(-RISK_FREE_RATE * years)
    value, delta, slope = black76(s.forward, o.strike, deviation, discount, o.call == 1)
    away = s.forward - o.strike if o.call == 1 else o.strike - s.forward
    intrinsic = discount * max(away, 0.0)
    outer = max(value - intrinsic, 0.0)
    width = 1 + int(0.25 * math.sqrt(outer / _TICK) + 0.15 * math.sqrt(intrinsic / _TICK))
    if intrinsic > 0.0 and outer < _LEAST_TWO_SIDED:
        _bid_only(x, option, value)
    else:
        _centre(x, option, 2.0 * value / _TICK, width)
    lag = max(_LEAST_LAG, _DEVIATION_LAG * slope * deviation)
    if intrinsic > 0.0:
        lag = max(lag, _INTRINSIC_LAG * width * _TICK)
    lag *= s.patience
    lasts = min((o.expiration - time) // 40, _LONGEST_QUOTE_NS)
    _good_for(x, option, lag / max(abs(delta), 1e-6), time + lasts)


@compiled
def _centre(x: OptionMarket, option: int, half_ticks: float, width: int) -> None:
    """Put bid and ask evenly around a value, at least `width` ticks apart.

    Their mid is then the multiple of half a tick nearest the value. A value below a tick and a
    quarter leaves no room for a bid.
    """
    o = x.options[option]
    both = round(half_ticks)
    if both < 3:
        o.width = 1
        o.bid = NOTHING
        o.ask = max(both, 1)
        return
    width += (both - width) % 2
    o.width = min(width, both - 2)
    o.bid = (both - o.width) // 2
    o.ask = o.bid + o.width


@compiled
def _bid_only(x: OptionMarket, option: int, value: float) -> None:
    """Leave an option without offer that is worth its intrinsic value and hardly more.

    A mid of whole half ticks could tell nothing of its volatility.
    """
    o = x.options[option]
    o.width = 2
    o.bid = max(int(value / _TICK) - 1, 1)
    o.ask = NOTHING


@compiled
def _good_for(x: OptionMarket, option: int, reach: float, until: int) -> None:
    o = x.options[option]
    forward = x.state[0].forward
    o.low = forward - reach
    o.high = forward + reach
    o.until = until
