"""The sample market's volatility surface and the Black-76 values its options are quoted around."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ingest.sample.draw import compiled

YEAR_NS: Final = 365 * 86_400 * 1_000_000_000
RISK_FREE_RATE: Final = 0.04

SKEW: Final = -0.06
CONVEXITY: Final = 0.03
BEND: Final = 9.0

_SHORTEST_VOLATILITY: Final = 0.110
_LONGEST_VOLATILITY: Final = 0.160
_VOLATILITY_DAYS: Final = 40.0
_ROOT_HALF: Final = math.sqrt(0.5)
_DENSITY: Final = 1.0 / math.sqrt(2.0 * math.pi)


def at_the_money(years: float) -> float:
    """Return the annual volatility at the first forward for an expiry `years` away.

    >>> round(at_the_money(0.0), 3), round(at_the_money(0.2), 3)
    (0.11, 0.152)
    """
    span = _LONGEST_VOLATILITY - _SHORTEST_VOLATILITY
    return _SHORTEST_VOLATILITY + span * (1.0 - math.exp(-365.0 * years / _VOLATILITY_DAYS))


def smile_volatility(strike: float, forward: float, years: float) -> float:
    """Return the annual volatility of a strike, for all of the day (sticky strike).

    With z = ln(strike/forward) / (v·sqrt(years)), v the volatility at the first forward, and
    u = z / sqrt(1 + z²/BEND), it is v·(1 + SKEW·u + CONVEXITY·u²): skewed to the downside and
    bounded far out.

    >>> smile_volatility(6900.0, 6925.0, 0.01) > smile_volatility(6950.0, 6925.0, 0.01)
    True
    """
    middle = at_the_money(years)
    z = math.log(strike / forward) / (middle * math.sqrt(years))
    u = z / math.sqrt(1.0 + z * z / BEND)
    return middle * (1.0 + SKEW * u + CONVEXITY * u * u)


@compiled
def black76(
    forward: float, strike: float, deviation: float, discount: float, call: bool
) -> tuple[float, float, float]:
    """Return value, delta and the value's change per 1 of `deviation`, all in price units.

    `deviation` is volatility times the square root of the years left, above 0; `discount` is
    e^(-r·T).

    >>> value, delta, slope = black76(6925.0, 6925.0, 0.003, 1.0, True)
    >>> round(value, 4), round(delta, 4), round(slope, 1)
    (8.288, 0.5006, 2762.7)
    """
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    sign = 1.0 if call else -1.0
    inside = 0.5 * math.erfc(-sign * d1 * _ROOT_HALF)
    paid = 0.5 * math.erfc(-sign * d2 * _ROOT_HALF)
    value = discount * sign * (forward * inside - strike * paid)
    slope = discount * forward * _DENSITY * math.exp(-0.5 * d1 * d1)
    return value, discount * sign * inside, slope


def value_of(forward: float, strike: float, volatility: float, years: float, call: bool) -> float:
    """Return an option's Black-76 value at the sample market's rate, in price units.

    >>> round(value_of(6925.0, 6925.0, 0.16, 0.2, call=True), 1)
    196.1
    """
    discount = math.exp(-RISK_FREE_RATE * years)
    return float(black76(forward, strike, volatility * np.sqrt(years), discount, call)[0])
