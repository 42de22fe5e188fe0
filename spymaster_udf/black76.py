"""Black-76: price, implied volatility and greeks of a European option on a future.

With F the future, K the strike, T years to expiration, D = e^(-rT) and the total volatility
s = sigma·sqrt(T), the only volatility that these kernels know (Black, The pricing of commodity
contracts, 1976):

    d1 = (ln(F/K) + s²/2) / s,  d2 = d1 - s
    call = D·(F·N(d1) - K·N(d2)),  put = D·(K·N(-d2) - F·N(-d1))

Prices are points, volatilities absolute numbers (0.13 is 13 %), rates continuous, times years of 365
days. American quarterly options are priced as European ones: early exercise of an option on a future is
worth a small part of D - 1, nothing at all on the day of expiration.

Why an own solver. The library vanilla-option-pricers 2.3 (Jaeckel's method) is as accurate, but took
2.3 times as long in the same run, and with the 2 million implied volatilities and gammas a second that
a day of options needs there is nothing to give away; it takes the right as text, and a new version of
it would not renew our cache of compiled kernels. What makes this one short and quick: almost all
options of a day have s < 0.06, where the price is a short series around one erfc
(`_otm_price_and_vega`), and the logarithm of the price is so straight in s that two or three steps of
Halley's method end at the last digits.

Scalar kernels take valid numbers (F, K, s, D > 0) and give NaN for NaN; the drivers over arrays
(`fill_…`) check every argument and write NaN where there is no answer. They return nothing, allocate
nothing, and raise nothing.

>>> s = total_vol(7.635896375, 6003.25, 6005.0, True)
>>> round(s / math.sqrt(0.000742009), 6)
0.13
>>> round(gamma(6003.25, 6005.0, s, 0.99996661), 8)
0.01870478
"""

from __future__ import annotations

import math
from typing import Final

from spymaster_udf.compile import kernel

_NAN: Final = math.nan
_INV_SQRT_2: Final = math.sqrt(0.5)
_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)
_SQRT_HALF_PI: Final = math.sqrt(0.5 * math.pi)
_SMALL_T: Final = 0.03
"""Below this s/2 the price is a series; its first term left out is 1e-15 of the sum."""
_DEEPEST_H: Final = -37.0
"""Below this ln(F/K)/s the price is under 1e-297 of the strike and erfc underflows."""
_BOUND_ROUNDING: Final = 1.8e-15
"""A price this near to a no-arbitrage bound (8 units in the last place) stands at it."""
_LAST_STEP: Final = 3e-6
"""After a relative step this small Halley's method, of third order, has no error left."""
_MAX_STEPS: Final = 60


@kernel()
def log_moneyness(forward, strike):
    """Return ln(F/K), to full relative accuracy also for neighbours."""
    gap = forward - strike
    if abs(gap) < 0.5 * strike:
        return math.log1p(gap / strike)
    return math.log(forward / strike)


@kernel()
def _otm_price_and_vega(h, t):
    """Return (b, v): the out-of-the-money price over sqrt(F·K) and its derivative by s.

    For h = -|ln(F/K)|/s in [-37, 0] and t = s/2 > 0, with e^(ht) = sqrt(min(F,K)/max(F,K)):
    b = e^(ht)·N(h+t) - e^(-ht)·N(h-t) = v·(Y(h+t) - Y(h-t)) with Y = N/phi, v = phi(h)·e^(-t²/2).
    The plain difference loses log10(1/t) digits, so small t takes the odd part of Y's Taylor series:
    Y' = 1 + hY, Y^(n+1) = h·Y^(n) + n·Y^(n-1).
    """
    density = math.exp(-0.5 * h * h)
    if t < _SMALL_T:
        u = 0.5 * t * t
        vega = _INV_SQRT_2PI * density * (1.0 - u * (1.0 - 0.5 * u * (1.0 - u / 3.0)))
        y0 = _SQRT_HALF_PI * math.erfc(-h * _INV_SQRT_2) / density
        y1 = 1.0 + h * y0
        y2 = y0 + h * y1
        y3 = 2.0 * y1 + h * y2
        y4 = 3.0 * y2 + h * y3
        y5 = 4.0 * y3 + h * y4
        y7 = 6.0 * y5 + h * (5.0 * y4 + h * y5)
        q = t * t
        series = y1 + q * (y3 / 6.0 + q * (y5 / 120.0 + q * (y7 / 5040.0)))
        return vega * 2.0 * t * series, vega
    vega = _INV_SQRT_2PI * density * math.exp(-0.5 * t * t)
    shrink = math.exp(h * t)
    price = 0.5 * (
        shrink * math.erfc(-(h + t) * _INV_SQRT_2) - math.erfc(-(h - t) * _INV_SQRT_2) / shrink
    )
    return price, vega


@kernel()
def undiscounted_price(forward, strike, s, is_call):
    """Return the price before discounting, in points: intrinsic + out-of-the-money part."""
    if not (s > 0.0):
        return _NAN
    h, t = -abs(log_moneyness(forward, strike)) / s, 0.5 * s
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    if h < _DEEPEST_H:
        return intrinsic
    price, _ = _otm_price_and_vega(h, t)
    return intrinsic + math.sqrt(forward) * math.sqrt(strike) * price


@kernel()
def _bachelier_start(beta, distance):
    """Return about the s of an option with price beta over sqrt(F·K) and |ln(F/K)| = distance.

    For small s Black's price is Bachelier's: with z = distance/s, beta/distance = phi(z)/z - N(-z).
    The inverse is fitted by two rational functions, relative error below 1 % (test_black76.py).
    """
    a = distance / beta
    if a < 6.6551735:
        top = 0.39894227710190283 + a * (
            0.4732295130307875
            + a * (0.1427038362850754 + a * (0.009726506315519788 + a * 2.8373915882024885e-05))
        )
        bottom = 1.0 + a * (
            1.686208964455038
            + a * (0.8712513958977567 + a * (0.14854482477170453 + a * 0.006023339053442944))
        )
        return beta * bottom / top
    y = math.sqrt(math.log(a))
    u = 1.0 / y
    top = 1.4146891292905779 + u * (
        5.091316487072783
        + u
        * (
            -26.67970178153533
            + u * (67.35449629274466 + u * (-70.42314797013675 + u * 44.787936149571294))
        )
    )
    bottom = 1.0 + u * (
        3.6475463673273842
        + u
        * (
            -13.016058231396341
            + u * (40.87893615891273 + u * (-44.82759473347663 + u * 53.78217902701095))
        )
    )
    return distance * bottom / (y * top)


@kernel()
def total_vol(price, forward, strike, is_call):
    """Return the total volatility s = sigma·sqrt(T) of an undiscounted price, in points.

    NaN when the price is at or outside its no-arbitrage bounds (intrinsic and F for a call, K for a
    put) or nearer to one than the price's last digits tell, and for inputs that are not positive.
    """
    if not (price > 0.0 and forward > 0.0 and strike > 0.0 and forward + strike < math.inf):
        return _NAN
    intrinsic = forward - strike if is_call else strike - forward
    value = price
    if intrinsic > 0.0:
        value = price - intrinsic
        if not (value > _BOUND_ROUNDING * price):
            return _NAN
    ceiling = min(forward, strike)
    room = ceiling - value
    if not (room > _BOUND_ROUNDING * max(price, ceiling)):
        return _NAN
    scale = math.sqrt(forward) * math.sqrt(strike)
    beta = value / scale
    distance = abs(log_moneyness(forward, strike))
    # From the middle up the distance to the ceiling has the digits, not the price.
    upper = value > 0.5 * ceiling
    target = room / scale if upper else beta
    if not (target > 0.0):
        return _NAN
    s = _bachelier_start(beta, distance)
    for _ in range(_MAX_STEPS):
        h, t = -distance / s, 0.5 * s
        if h < _DEEPEST_H:
            s = max(1.3 * s, distance / 30.0)
            continue
        price_now, vega = _otm_price_and_vega(h, t)
        if upper:
            price_now = 0.5 * (
                math.exp(h * t) * math.erfc((h + t) * _INV_SQRT_2)
                + math.exp(-h * t) * math.erfc(-(h - t) * _INV_SQRT_2)
            )
            vega = -vega
        if not (price_now > 0.0):
            s *= 0.7 if upper else 1.3
            continue
        # Halley on f = ln(price_now / target): f' = slope, f''/f' = curve.
        miss = price_now / target - 1.0
        f = math.log1p(miss) if abs(miss) < 0.5 else math.log(price_now / target)
        slope = vega / price_now
        curve = h * h / s - 0.25 * s - slope
        newton = f / slope
        step = -newton / max(1.0 - 0.5 * newton * curve, 0.3)
        step = min(max(step, -0.6 * s), 2.0 * s)
        s += step
        if abs(step) < _LAST_STEP * s:
            return s
    return _NAN


@kernel()
def delta(forward, strike, s, discount, is_call):
    """Return the derivative of the price by F: D·N(d1) of a call, -D·N(-d1) of a put."""
    d1 = log_moneyness(forward, strike) / s + 0.5 * s
    if is_call:
        return 0.5 * discount * math.erfc(-d1 * _INV_SQRT_2)
    return -0.5 * discount * math.erfc(d1 * _INV_SQRT_2)


@kernel()
def gamma(forward, strike, s, discount):
    """Return the second derivative of the price by F, D·phi(d1)/(F·s), per point; call and put."""
    d1 = log_moneyness(forward, strike) / s + 0.5 * s
    return discount * _INV_SQRT_2PI * math.exp(-0.5 * d1 * d1) / (forward * s)


@kernel()
def vanna(forward, strike, s, discount, years):
    """Return the derivative of delta by sigma, -D·phi(d1)·d2/sigma; call and put (1.0 is 100 %)."""
    d1 = log_moneyness(forward, strike) / s + 0.5 * s
    density = discount * _INV_SQRT_2PI * math.exp(-0.5 * d1 * d1)
    return -density * (d1 - s) * math.sqrt(years) / s


@kernel()
def charm(forward, strike, s, discount, years, rate, is_call):
    """Return the change of delta as time passes, per year: -d(delta)/dT at a constant sigma.

    D·phi(d1)·d2/(2T) + r·delta.
    """
    d1 = log_moneyness(forward, strike) / s + 0.5 * s
    density = discount * _INV_SQRT_2PI * math.exp(-0.5 * d1 * d1)
    carry = rate * delta(forward, strike, s, discount, is_call)
    return density * (d1 - s) / (2.0 * years) + carry


@kernel()
def discount_factor(forward, strike, years, rate):
    """Return D = e^(-rT), or NaN if F, K, T are not positive and finite or D has no number."""
    if not (0.0 < forward < math.inf and 0.0 < strike < math.inf and 0.0 < years < math.inf):
        return _NAN
    discount = math.exp(-rate * years)
    return discount if 0.0 < discount < math.inf else _NAN


@kernel()
def _priced_vol(forward, strike, years, sigma, rate):
    """Return (s, D) of an option whose sigma is given; (NaN, NaN) if an argument is impossible."""
    discount = discount_factor(forward, strike, years, rate)
    s = sigma * math.sqrt(years)
    if not (discount > 0.0 and 0.0 < s < math.inf):
        return _NAN, _NAN
    return s, discount


@kernel()
def fill_price(forward, strike, years, sigma, rate, is_call, out):
    """Write the discounted prices of n options: arrays of n float64, is_call n bools."""
    for i in range(out.size):
        s, discount = _priced_vol(forward[i], strike[i], years[i], sigma[i], rate[i])
        out[i] = discount * undiscounted_price(forward[i], strike[i], s, is_call[i])


@kernel()
def fill_delta(forward, strike, years, sigma, rate, is_call, out):
    """Write the deltas of n options: arrays of n float64, is_call n bools."""
    for i in range(out.size):
        s, discount = _priced_vol(forward[i], strike[i], years[i], sigma[i], rate[i])
        # A NaN keeps out of log: its argument may be anything.
        out[i] = delta(forward[i], strike[i], s, discount, is_call[i]) if s > 0.0 else _NAN


@kernel()
def fill_gamma(forward, strike, years, sigma, rate, is_call, out):
    """Write the gammas of n options: arrays of n float64; is_call is of no meaning to gamma."""
    for i in range(out.size):
        s, discount = _priced_vol(forward[i], strike[i], years[i], sigma[i], rate[i])
        out[i] = gamma(forward[i], strike[i], s, discount) if s > 0.0 else _NAN


@kernel()
def fill_iv(forward, strike, years, price, rate, is_call, out):
    """Write the implied volatilities (sigma a year) of n discounted prices; NaN as `total_vol`."""
    for i in range(out.size):
        discount = discount_factor(forward[i], strike[i], years[i], rate[i])
        s = total_vol(price[i] / discount, forward[i], strike[i], is_call[i])
        out[i] = s / math.sqrt(years[i]) if s > 0.0 else _NAN


@kernel()
def fill_iv_gamma(forward, strike, years, price, rate, is_call, iv, gammas):
    """Write implied volatility and gamma of n discounted prices; both NaN where there is none.

    All arrays are float64 of n elements but `is_call`, n bools; `iv` and `gammas` are written.
    """
    for i in range(iv.size):
        discount = discount_factor(forward[i], strike[i], years[i], rate[i])
        s = total_vol(price[i] / discount, forward[i], strike[i], is_call[i])
        if s > 0.0:
            iv[i] = s / math.sqrt(years[i])
            gammas[i] = gamma(forward[i], strike[i], s, discount)
        else:
            iv[i] = _NAN
            gammas[i] = _NAN
