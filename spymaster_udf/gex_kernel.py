"""Gamma exposure of an option chain, window by window: compiled; gex.py is its typed front.

The chain is a list of pairs, the call and the put of one strike and expiration (they share one total
volatility). A pair's open interest is in contracts, NaN if the option is listed but its open interest is
not known, NOT_LISTED if there is no such option. What is unknown is left out of the sums and lowers
the coverage; a side of which nothing is known is NaN. Formulas: black76.py and docs/options.md.
"""

from __future__ import annotations

import math
from itertools import count
from typing import Final

from spymaster_udf.black76 import charm, gamma, total_vol, vanna
from spymaster_udf.book_state import NONE_INT
from spymaster_udf.compile import kernel
from spymaster_udf.zero_gamma_kernel import zero_gamma_price

NOT_LISTED: Final = -1.0
YEAR_NS: Final = 365 * 86_400 * 1_000_000_000
PRICE_SCALE: Final = 1e9
_PER_CENT: Final = 0.01
_DAYS_A_YEAR: Final = 365.0
_NAN: Final = math.nan

_strike = count()
GEX_CALL: Final = next(_strike)  # US dollars of delta per 1 % move, never negative
GEX_PUT: Final = next(_strike)
COVERAGE: Final = next(_strike)  # 0..1
SIGMA: Final = next(_strike)  # of the strike's nearest expiration still to come
GAMMA: Final = next(_strike)  # of the same, per point
OI_CALL: Final = next(_strike)  # contracts
OI_PUT: Final = next(_strike)
STRIKE_COLUMNS: Final = next(_strike)  # what follows are sums on the way, one row a strike
_CALLS: Final = STRIKE_COLUMNS
_PUTS: Final = next(_strike)
_CALLS_WITH_OI: Final = next(_strike)
_PUTS_WITH_OI: Final = next(_strike)
_CALLS_KNOWN: Final = next(_strike)
_PUTS_KNOWN: Final = next(_strike)
_OI_COVERED: Final = next(_strike)
_LIVE: Final = next(_strike)  # 1 once SIGMA and GAMMA are those of an expiration still to come
SUM_COLUMNS: Final = next(_strike)

_level = count()
NET_GEX: Final = next(_level)
ABS_GEX: Final = next(_level)
ZERO_GAMMA: Final = next(_level)  # points
CALL_WALL: Final = next(_level)  # points
PUT_WALL: Final = next(_level)
ABS_WALL: Final = next(_level)
VANNA_EXPOSURE: Final = next(_level)  # US dollars of delta per volatility point
CHARM_EXPOSURE: Final = next(_level)  # US dollars of delta per day
TOTAL_COVERAGE: Final = next(_level)
LEVEL_COLUMNS: Final = next(_level)


@kernel()
def _add_side(row, oi, size, known_gamma, oi_column, gex_column, listed, with_oi, known):
    """Add one option to a row of sums; `size` is gamma·multiplier·F²·0.01."""
    if oi == NOT_LISTED:
        return
    row[listed] += 1.0
    if not (oi >= 0.0):
        return
    row[with_oi] += 1.0
    row[oi_column] += oi
    if known_gamma or oi == 0.0:
        row[known] += 1.0
        row[_OI_COVERED] += oi
        if known_gamma:
            row[gex_column] += size * oi


@kernel()
def _finish_row(row):
    """Turn sums into answers: NaN where a side is listed and nothing of it is known; coverage."""
    listed = row[_CALLS] + row[_PUTS]
    known = row[OI_CALL] + row[OI_PUT]
    row[COVERAGE] = row[_OI_COVERED] / known if known > 0.0 else 1.0
    if listed > 0.0:
        row[COVERAGE] *= (row[_CALLS_WITH_OI] + row[_PUTS_WITH_OI]) / listed
    if row[_CALLS] > 0.0 and row[_CALLS_KNOWN] == 0.0:
        row[GEX_CALL] = _NAN
    if row[_PUTS] > 0.0 and row[_PUTS_KNOWN] == 0.0:
        row[GEX_PUT] = _NAN
    if row[_CALLS] > 0.0 and row[_CALLS_WITH_OI] == 0.0:
        row[OI_CALL] = _NAN
    if row[_PUTS] > 0.0 and row[_PUTS_WITH_OI] == 0.0:
        row[OI_PUT] = _NAN


@kernel()
def fill_window(
    forward, end_ns, rate, step, s, strike, strike_place, expiration_ns, multiplier, oi_call,
    oi_put, sums, levels, flip_strike, flip_s, flip_weight, flip_exponent,
):  # fmt: skip
    """Fill `sums` (strikes + 1, SUM_COLUMNS), its last row the whole chain, and `levels` of a window.

    Pairs stand in order of strike, then expiration: s, strike (points), strike_place (row of `sums`),
    expiration_ns, multiplier, oi_call, oi_put; the flip_ arrays are room for one number a pair.
    `step` is that of zero_gamma_price, `forward` is points, positive.
    """
    total = sums[sums.shape[0] - 1]
    for place in range(sums.shape[0]):
        for column in range(SUM_COLUMNS):
            sums[place, column] = 0.0
        sums[place, SIGMA] = _NAN
        sums[place, GAMMA] = _NAN
    vanna_sum = 0.0
    charm_sum = 0.0
    flips = 0
    for i in range(strike.size):
        row = sums[strike_place[i]]
        years = (expiration_ns[i] - end_ns) / YEAR_NS
        live = years > 0.0
        known_gamma = live and 0.0 < s[i] < math.inf
        g = _NAN
        sigma = _NAN
        size = 0.0
        if known_gamma:
            discount = math.exp(-rate * years)
            g = gamma(forward, strike[i], s[i], discount)
            sigma = s[i] / math.sqrt(years)
            size = g * multiplier[i] * forward * forward * _PER_CENT
            calls = oi_call[i] if oi_call[i] > 0.0 else 0.0
            puts = oi_put[i] if oi_put[i] > 0.0 else 0.0
            notional = multiplier[i] * forward
            v = vanna(forward, strike[i], s[i], discount, years)
            vanna_sum += v * _PER_CENT * notional * (calls - puts)
            charm_sum += (
                charm(forward, strike[i], s[i], discount, years, rate, True) * calls
                - charm(forward, strike[i], s[i], discount, years, rate, False) * puts
            ) * (notional / _DAYS_A_YEAR)
            if calls != puts:
                flip_strike[flips] = math.log(strike[i])
                flip_s[flips] = s[i]
                flip_weight[flips] = discount * multiplier[i] * (calls - puts) / s[i]
                flips += 1
        if live and row[_LIVE] == 0.0:
            row[_LIVE] = 1.0
            row[SIGMA] = sigma
            row[GAMMA] = g
        _add_side(row, oi_call[i], size, known_gamma, OI_CALL, GEX_CALL, _CALLS, _CALLS_WITH_OI,
                  _CALLS_KNOWN)  # fmt: skip
        _add_side(row, oi_put[i], size, known_gamma, OI_PUT, GEX_PUT, _PUTS, _PUTS_WITH_OI,
                  _PUTS_KNOWN)  # fmt: skip
        _add_side(total, oi_call[i], size, known_gamma, OI_CALL, GEX_CALL, _CALLS, _CALLS_WITH_OI,
                  _CALLS_KNOWN)  # fmt: skip
        _add_side(total, oi_put[i], size, known_gamma, OI_PUT, GEX_PUT, _PUTS, _PUTS_WITH_OI,
                  _PUTS_KNOWN)  # fmt: skip
    for place in range(sums.shape[0]):
        _finish_row(sums[place])
    _fill_walls(sums, strike, strike_place, levels)
    levels[NET_GEX] = total[GEX_CALL] - total[GEX_PUT]
    levels[ABS_GEX] = total[GEX_CALL] + total[GEX_PUT]
    levels[TOTAL_COVERAGE] = total[COVERAGE]
    unknown = math.isnan(levels[NET_GEX])
    levels[VANNA_EXPOSURE] = _NAN if unknown else vanna_sum
    levels[CHARM_EXPOSURE] = _NAN if unknown else charm_sum
    levels[ZERO_GAMMA] = _NAN
    if not unknown:
        levels[ZERO_GAMMA] = zero_gamma_price(
            forward, step, flips, flip_strike, flip_s, flip_weight, flip_exponent
        )


@kernel()
def _fill_walls(sums, strike, strike_place, levels):
    """Write the strikes of the largest call, put and absolute gex; the lowest of equals, NaN if 0."""
    levels[CALL_WALL] = _NAN
    levels[PUT_WALL] = _NAN
    levels[ABS_WALL] = _NAN
    most_call = 0.0
    most_put = 0.0
    most_abs = 0.0
    for i in range(strike.size):
        row = sums[strike_place[i]]
        if row[GEX_CALL] > most_call:
            most_call = row[GEX_CALL]
            levels[CALL_WALL] = strike[i]
        if row[GEX_PUT] > most_put:
            most_put = row[GEX_PUT]
            levels[PUT_WALL] = strike[i]
        if row[GEX_CALL] + row[GEX_PUT] > most_abs:
            most_abs = row[GEX_CALL] + row[GEX_PUT]
            levels[ABS_WALL] = strike[i]


@kernel()
def nearest_multiple(value, step):
    """Return the multiple of `step` nearest to `value`, integers; half way, the even multiple."""
    whole = value // step
    twice = 2 * (value - whole * step)
    if twice > step or (twice == step and whole % 2 != 0):
        whole += 1
    return whole * step


@kernel()
def _fill_surface(forward_int, grid_step_int, strikes_int, sums, grid, surface):
    """Copy the rows of the grid's strikes; 0, covered and without a volatility where none is listed."""
    reach = (grid.size - 1) // 2
    centre = nearest_multiple(forward_int, grid_step_int)
    place = 0
    for i in range(grid.size):
        grid[i] = centre + (i - reach) * grid_step_int
        while place < strikes_int.size and strikes_int[place] < grid[i]:
            place += 1
        listed = place < strikes_int.size and strikes_int[place] == grid[i]
        for column in range(STRIKE_COLUMNS):
            surface[i, column] = sums[place, column] if listed else 0.0
        if not listed:
            surface[i, COVERAGE] = 1.0
            surface[i, SIGMA] = _NAN
            surface[i, GAMMA] = _NAN


@kernel()
def fill_windows(
    forward_int, end_ns, rate, min_gap, grid_step_int, s, strike, strikes_int, strike_place,
    expiration_ns, multiplier, oi_call, oi_put, sums, flip_strike, flip_s, flip_weight,
    flip_exponent, grid, surface, levels,
):  # fmt: skip
    """Fill grid (W, rows), surface (W, rows, STRIKE_COLUMNS) and levels (W, LEVEL_COLUMNS).

    forward_int and end_ns have W elements, s (W, pairs). A window without a forward (NONE_INT or not
    positive) is NaN throughout, its grid NONE_INT. `min_gap` is the least distance of strikes.
    """
    for w in range(forward_int.size):
        forward = forward_int[w] / PRICE_SCALE
        if forward > 0.0:
            # Between 0.6 and 6 points of ES: fine enough for the strikes, 500 steps a side at most.
            step = min(max(0.25 * min_gap, 1e-4 * forward), 1e-3 * forward)
            fill_window(
                forward, end_ns[w], rate, step, s[w], strike, strike_place, expiration_ns,
                multiplier, oi_call, oi_put, sums, levels[w], flip_strike, flip_s, flip_weight,
                flip_exponent,
            )  # fmt: skip
            _fill_surface(forward_int[w], grid_step_int, strikes_int, sums, grid[w], surface[w])
        else:
            grid[w, :] = NONE_INT
            surface[w, :, :] = _NAN
            levels[w, :] = _NAN


@kernel()
def _mid(best_bid_int, best_ask_int):
    """Return the mid of a two-sided quote (0 < bid < ask) in points, else NaN."""
    if 0 < best_bid_int < best_ask_int:
        return 0.5 * (best_bid_int / PRICE_SCALE + best_ask_int / PRICE_SCALE)
    return _NAN


@kernel()
def fill_total_vols(
    forward_int, end_ns, rate, strike, expiration_ns, call_option, put_option, best_bid_int,
    best_ask_int, s,
):  # fmt: skip
    """Fill s (W, pairs) from quotes (W, options) in 1e-9 points, NONE_INT for an empty side.

    The out-of-the-money side's mid, if it has no two-sided quote the other side's. call_option and
    put_option are places among the options, -1 if there is no such option.
    """
    for w in range(forward_int.size):
        forward = forward_int[w] / PRICE_SCALE
        for i in range(strike.size):
            s[w, i] = _NAN
            years = (expiration_ns[i] - end_ns[w]) / YEAR_NS
            if not (forward > 0.0 and years > 0.0):
                continue
            is_call = strike[i] >= forward
            price = _NAN
            for _ in range(2):
                option = call_option[i] if is_call else put_option[i]
                if option >= 0:
                    price = _mid(best_bid_int[w, option], best_ask_int[w, option])
                if not math.isnan(price):
                    break
                is_call = not is_call
            s[w, i] = total_vol(price / math.exp(-rate * years), forward, strike[i], is_call)
