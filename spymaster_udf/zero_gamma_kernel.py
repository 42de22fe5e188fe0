"""Where the net gamma of a chain changes sign when the future moves and every total volatility stays.

The net gamma at another price F' is, but for factors that are positive at every F',

    N(y) = sum of w·exp(-d1²/2),  y = ln F',  d1 = (y - ln K)/s + s/2,
    w = D·multiplier·(OI_call - OI_put)/s

Only its sign matters, and near expiration all of its terms underflow between two strikes, so the sum is
taken relative to its largest exponential. The search goes outward from F in rings of `step` points on
both sides. A sign that differs between a ring's ends is a crossing; equal signs with a hollow between
them (|N| falls at both ends) may hide two, so the hollow's bottom is looked at. What crosses twice
within a step and shows neither is not found: the step is a quarter of the distance between strikes.
"""

from __future__ import annotations

import math
from typing import Final

from spymaster_udf.compile import kernel

SEARCH_SHARE: Final = 0.05
"""The search ends this share of F above and below F."""

_NAN: Final = math.nan
_NEGLIGIBLE: Final = 80.0  # e^-80 of the largest term is below the last digit at any weight
_BISECTIONS: Final = 60
_RESOLUTION: Final = 1e-11  # of ln F': 6e-8 points of ES


@kernel()
def _net(y, count, log_strike, s, weight, exponent):
    """Return (N, dN/dy) at y, both over the same positive factor; the options are the first count."""
    smallest = math.inf
    for i in range(count):
        d1 = (y - log_strike[i]) / s[i] + 0.5 * s[i]
        exponent[i] = 0.5 * d1 * d1
        smallest = min(smallest, exponent[i])
    value = 0.0
    slope = 0.0
    for i in range(count):
        if exponent[i] - smallest < _NEGLIGIBLE:
            term = weight[i] * math.exp(smallest - exponent[i])
            d1 = (y - log_strike[i]) / s[i] + 0.5 * s[i]
            value += term
            slope -= term * d1 / s[i]
    return value, slope


@kernel()
def _sign(value):
    return 1.0 if value > 0.0 else (-1.0 if value < 0.0 else 0.0)


@kernel()
def _root(near, far, sign_near, count, log_strike, s, weight, exponent):
    """Return the y between `near` and `far` where N leaves its sign at `near`: Newton, bracketed."""
    y = 0.5 * (near + far)
    for _ in range(_BISECTIONS):
        value, slope = _net(y, count, log_strike, s, weight, exponent)
        if _sign(value) == sign_near:
            near = y
        else:
            far = y
        if value == 0.0 or abs(far - near) < _RESOLUTION:
            return y
        following = y - value / slope if slope != 0.0 else near
        low, high = min(near, far), max(near, far)
        if not (low < following < high):
            following = 0.5 * (near + far)
        if abs(following - y) < 0.01 * _RESOLUTION:
            return following
        y = following
    return y


@kernel()
def _hollow(near, far, sign, count, log_strike, s, weight, exponent):
    """Return a y between `near` and `far` where N has not the sign it has at both, or NaN."""
    for _ in range(_BISECTIONS):
        y = 0.5 * (near + far)
        value, slope = _net(y, count, log_strike, s, weight, exponent)
        if _sign(value) != sign:
            return y
        if abs(far - near) < _RESOLUTION:
            return _NAN
        if slope * sign * (far - near) < 0.0:
            near = y
        else:
            far = y
    return _NAN


@kernel()
def zero_gamma_price(forward, step, count, log_strike, s, weight, exponent):
    """Return the price nearest F where the chain's net gamma changes sign; NaN if none in ±5 %.

    log_strike (ln K), s and weight are float64 arrays whose first `count` options are used, none of
    weight 0; `exponent` is room for as many numbers; step and the answer are points.
    """
    least, most = 0.0, 0.0
    for i in range(count):
        least, most = min(least, weight[i]), max(most, weight[i])
    if least == 0.0 or most == 0.0:
        return _NAN
    y = math.log(forward)
    value, slope = _net(y, count, log_strike, s, weight, exponent)
    if value == 0.0:
        return forward if slope != 0.0 else _NAN
    sign = _sign(value)
    reach = SEARCH_SHARE * forward
    near_up, near_down = y, y
    falls_up, falls_down = slope * sign < 0.0, slope * sign > 0.0
    offset = 0.0
    while offset < reach:
        offset = min(offset + step, reach)
        best = _NAN
        for side in range(2):
            near = near_up if side == 0 else near_down
            falls = falls_up if side == 0 else falls_down
            far = math.log(forward + offset if side == 0 else forward - offset)
            value, slope = _net(far, count, log_strike, s, weight, exponent)
            # Outward is up on side 0, down on side 1.
            outward = slope * sign if side == 0 else -slope * sign
            other = _NAN
            if _sign(value) != sign:
                other = far
            elif falls and outward > 0.0:
                other = _hollow(near, far, sign, count, log_strike, s, weight, exponent)
            if not math.isnan(other):
                root = math.exp(_root(near, other, sign, count, log_strike, s, weight, exponent))
                if math.isnan(best) or abs(root - forward) < abs(best - forward):
                    best = root
            if side == 0:
                near_up, falls_up = far, outward < 0.0
            else:
                near_down, falls_down = far, outward < 0.0
        if not math.isnan(best):
            return best
    return _NAN
