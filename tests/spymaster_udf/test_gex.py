"""Gamma exposure: a chain of known answers, a plain sum in Python, and what is not known."""

from __future__ import annotations

import doctest
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_udf import black76, gex
from spymaster_udf.book_state import NONE_INT
from spymaster_udf.gex import LEVELS, GexError, OptionChain
from spymaster_udf.gex_kernel import YEAR_NS, nearest_multiple

DATA = Path(__file__).resolve().parent.parent / "data"
CHAIN = json.loads((DATA / "gex_chain_vectors.json").read_text())
FORWARD = 6003.25
HOUR_NS = 3_600_000_000_000
POINT = 1_000_000_000
RATE = 0.045


def to_int(points) -> np.ndarray:
    return np.round(np.asarray(points, float) * POINT).astype(np.int64)


def chain_of(strikes, calls, puts, expiration_ns=HOUR_NS, multiplier=50) -> OptionChain:
    """A chain with a call and a put at each strike; None instead of open interest: not listed."""
    options = [
        (strike, is_call, interest)
        for is_call, column in ((True, calls), (False, puts))
        for strike, interest in zip(strikes, column, strict=True)
        if interest is not None
    ]
    strike, is_call, interest = zip(*options, strict=True)
    return OptionChain.of_options(
        to_int(strike), is_call, [expiration_ns] * len(options), interest, multiplier
    )


def one_window(chain, s, forward=FORWARD, end_ns=0, **options):
    return chain.exposures(to_int([forward]), [end_ns], s, rate=RATE, **options)


def at_strike(found, strike: float) -> dict[str, float]:
    place = int(np.flatnonzero(found.strike_int[0] == round(strike * POINT))[0])
    return {name: float(found.column(name)[0, place]) for name in gex.SURFACE_COLUMNS}


def vector_chain() -> tuple[OptionChain, np.ndarray]:
    years = CHAIN["T_years"]
    chain = chain_of(
        CHAIN["strikes"], CHAIN["oi_call"], CHAIN["oi_put"], round(years * YEAR_NS),
        CHAIN["multiplier"],
    )  # fmt: skip
    return chain, np.array(CHAIN["sigma"]) * math.sqrt(years)


def test_the_vectors_by_strike_and_in_total():
    """Exposures to 1e-9, the flip to 1e-4 points, the walls exactly."""
    chain, s = vector_chain()
    found = one_window(chain, s, CHAIN["F"], grid_count=15)
    for i, strike in enumerate(CHAIN["strikes"]):
        row = at_strike(found, strike)
        assert row["gex_call_abs"] == pytest.approx(CHAIN["call_gex_usd_per_1pct"][i], rel=1e-9)
        assert row["gex_put_abs"] == pytest.approx(CHAIN["put_gex_usd_per_1pct"][i], rel=1e-9)
        assert row["gamma"] == pytest.approx(CHAIN["gamma"][i], rel=1e-9)
        assert row["iv"] == pytest.approx(CHAIN["sigma"][i], rel=1e-9)
        assert row["open_interest_call"] == CHAIN["oi_call"][i]
        assert row["quote_coverage"] == 1.0
    level = {name: float(found.level(name)[0]) for name in LEVELS}
    assert level["net_gex"] == pytest.approx(CHAIN["net_gex_usd_per_1pct"], rel=1e-9)
    assert level["net_gex"] / (0.01 * CHAIN["F"]) == (
        pytest.approx(CHAIN["net_gex_usd_per_point"], rel=1e-9)
    )
    (flip,) = CHAIN["zero_gamma_profile_sticky_strike"]
    assert level["zero_gamma_price"] == pytest.approx(flip, abs=1e-4)
    assert level["call_wall"] == CHAIN["call_wall"]
    assert level["put_wall"] == CHAIN["put_wall"]
    assert level["abs_wall"] == CHAIN["abs_gamma_strike"]


def test_quotes_to_volatilities():
    """Quotes around the vectors' own prices give the vectors' volatilities back."""
    chain, s = vector_chain()
    discount = CHAIN["discount"]
    strikes = np.array(CHAIN["strikes"])
    prices = [
        discount * black76.undiscounted_price(CHAIN["F"], strike, vol, is_call)
        for is_call in (True, False)
        for strike, vol in zip(strikes, s, strict=True)
    ]
    half = np.minimum(0.05, 0.5 * np.array(prices))
    bid, ask = to_int(prices - half), to_int(prices + half)
    found = chain.total_vols(to_int([CHAIN["F"]]), [0], bid, ask, rate=CHAIN["r"])
    dear = np.minimum(prices[: len(s)], prices[len(s) :]) > 1e-3  # quotes are rounded to 1e-9
    assert dear.sum() == 18
    assert found[0][dear] == pytest.approx(s[dear], rel=1e-6)


def test_strikes_that_are_not_listed_are_zero():
    """The grid has 2n + 1 rows around the forward, listed or not."""
    chain = chain_of([6000, 6010], [10, 20], [30, 40])
    found = one_window(chain, [0.001, 0.001])
    assert found.strike_int.shape == (1, 25)
    assert (found.strike_int[0] == to_int(np.arange(5945, 6066, 5))).all()
    row = at_strike(found, 6005)
    assert math.isnan(row.pop("iv")) and math.isnan(row.pop("gamma"))
    assert row.pop("quote_coverage") == 1.0
    assert set(row.values()) == {0.0}


def test_strikes_between_and_beyond_the_grid_count_in_the_totals_only():
    chain = chain_of([6000, 6002, 6300], [10, 20, 30], [0, 0, 0])
    found = one_window(chain, [0.001, 0.001, 0.02])
    on_grid = np.nansum(found.column("gex_call_abs"))
    assert on_grid == at_strike(found, 6000)["gex_call_abs"] > 0
    assert found.level("net_gex")[0] > 2 * on_grid
    assert found.level("call_wall")[0] == 6002


@pytest.mark.parametrize("calls_only", [True, False])
def test_only_calls_or_only_puts(calls_only: bool):
    """The other side is 0, not unknown; no sign change, no wall on the other side."""
    interest, none = [100, 200, 50], [None, None, None]
    strikes = [6000, 6005, 6010]
    chain = chain_of(strikes, *((interest, none) if calls_only else (none, interest)))
    found = one_window(chain, [0.001] * 3)
    level = {name: float(found.level(name)[0]) for name in LEVELS}
    sign = 1 if calls_only else -1
    assert level["net_gex"] == sign * level["abs_gex"] != 0
    assert math.isnan(level["zero_gamma_price"])
    assert math.isnan(level["put_wall" if calls_only else "call_wall"])
    assert level["call_wall" if calls_only else "put_wall"] == level["abs_wall"] == 6005
    assert level["quote_coverage"] == 1.0
    row = at_strike(found, 6005)
    assert row["gex_put_abs" if calls_only else "gex_call_abs"] == 0.0


def test_a_strike_in_two_expirations_is_the_sum_of_both():
    """Also one that trades in both; its volatility is that of the nearer expiration."""
    near, far = HOUR_NS, 30 * HOUR_NS
    chain = OptionChain.of_options(
        to_int([6005] * 4), [True, False, True, False], [far, far, near, near], [1, 2, 4, 8], 50
    )
    assert list(chain.expiration_ns) == [near, far]
    found = at_strike(one_window(chain, [0.001, 0.005]), 6005)
    parts = [
        one_window(
            OptionChain.of_options(to_int([6005] * 2), [True, False], [end] * 2, interest, 50), [s]
        )
        for end, interest, s in ((near, [4, 8], 0.001), (far, [1, 2], 0.005))
    ]
    for name in ("gex_call_abs", "gex_put_abs", "open_interest_call", "open_interest_put"):
        assert found[name] == pytest.approx(sum(at_strike(p, 6005)[name] for p in parts), rel=1e-14)
    for name in ("iv", "gamma"):
        assert found[name] == at_strike(parts[0], 6005)[name]


def test_two_series_of_the_same_terms_are_two_pairs():
    chain = OptionChain.of_options(
        to_int([6005] * 3), [True, True, False], [HOUR_NS] * 3, [1, 2, 4], 50
    )
    assert list(chain.call_option) == [0, 1]
    assert list(chain.put_option) == [2, -1]
    assert at_strike(one_window(chain, [0.001, 0.001]), 6005)["open_interest_call"] == 3


def test_an_expiration_inside_the_session():
    """From its expiration on an option is unknown: NaN, never 0; what lives on is counted."""
    near, far = HOUR_NS, 30 * HOUR_NS
    chain = OptionChain.of_options(
        to_int([6000, 6005, 6005]), [True] * 3, [near, near, far], [10, 30, 10], 50
    )
    ends = [near - POINT, near, near + POINT]
    found = chain.exposures(to_int([FORWARD] * 3), ends, np.full((3, 3), 0.002), rate=RATE)
    coverage = found.level("quote_coverage")
    assert coverage == pytest.approx([1.0, 0.2, 0.2])
    at_6000 = int(np.flatnonzero(found.strike_int[0] == to_int(6000))[0])
    expired = found.surface[1:, at_6000]
    assert np.isnan(expired[:, [gex.SURFACE_COLUMNS[n] for n in ("gex_call_abs", "iv")]]).all()
    assert (found.column("quote_coverage")[:, at_6000] == [1.0, 0.0, 0.0]).all()
    assert (found.column("gex_put_abs")[:, at_6000] == 0.0).all()
    at_6005 = at_6000 + 1
    assert found.column("quote_coverage")[1:, at_6005] == pytest.approx([0.25, 0.25])
    assert (found.column("gex_call_abs")[:, at_6005] > 0).all()
    assert found.column("iv")[1, at_6005] > 0
    assert (found.level("net_gex") > 0).all()


def test_missing_open_interest_is_unknown_and_lowers_the_coverage():
    chain = chain_of([6000, 6005, 6010], [math.nan, 100, 0], [50, math.nan, 0])
    found = one_window(chain, [0.001, 0.001, math.nan])
    row = at_strike(found, 6000)
    assert math.isnan(row["gex_call_abs"]) and math.isnan(row["open_interest_call"])
    assert row["gex_put_abs"] > 0
    assert row["quote_coverage"] == 0.5
    # No open interest is 0 whatever its gamma.
    row = at_strike(found, 6010)
    assert row["gex_call_abs"] == row["gex_put_abs"] == 0.0
    assert row["quote_coverage"] == 1.0
    assert found.level("quote_coverage")[0] == pytest.approx(4 / 6)
    assert found.level("net_gex")[0] == pytest.approx(
        at_strike(found, 6005)["gex_call_abs"] - at_strike(found, 6000)["gex_put_abs"]
    )


def test_a_missing_gamma_lowers_the_coverage_by_its_open_interest():
    chain = chain_of([6000, 6005], [30, 10], [30, 30])
    found = one_window(chain, [math.nan, 0.001])
    row = at_strike(found, 6000)
    assert all(math.isnan(row[name]) for name in ("gex_call_abs", "gex_put_abs", "iv", "gamma"))
    assert (row["open_interest_call"], row["quote_coverage"]) == (30, 0)
    assert found.level("quote_coverage")[0] == 0.4


def test_nothing_known_is_unknown_in_total():
    chain = chain_of([6000, 6005], [30, 10], [30, 30])
    found = one_window(chain, [math.nan, math.nan])
    level = {name: float(found.level(name)[0]) for name in LEVELS}
    assert level.pop("quote_coverage") == 0.0
    assert all(math.isnan(value) for value in level.values()), level


def test_a_window_without_a_forward_is_unknown():
    chain = chain_of([6000, 6005], [30, 10], [30, 30])
    forward = np.array([NONE_INT, 6003 * POINT])
    bid, ask = np.full((2, 4), 3 * POINT), np.full((2, 4), 4 * POINT)
    s = chain.total_vols(forward, [0, 0], bid, ask, rate=RATE)
    assert np.isnan(s[0]).all() and (s[1] > 0).all()
    found = chain.exposures(forward, [0, 0], s, rate=RATE)
    assert (found.strike_int[0] == NONE_INT).all()
    assert np.isnan(found.surface[0]).all() and np.isnan(found.levels[0]).all()
    assert not np.isnan(found.levels[1, LEVELS["net_gex"]])


def test_the_volatility_is_the_out_of_the_money_sides():
    """If that side has no two-sided quote the other side's, even in the money."""
    chain = chain_of([5990, 6010], [1, 1], [1, 1])
    forward, years = to_int([6000]), HOUR_NS / YEAR_NS
    discount = math.exp(-RATE * years)
    # calls 5990, 6010, puts 5990, 6010
    prices = np.array([12.0, 2.0, 1.5, 13.0])
    bid, ask = to_int(prices - 0.25), to_int(prices + 0.25)

    def found() -> list[float]:
        return [float(v) for v in chain.total_vols(forward, [0], bid, ask, rate=RATE)[0]]

    put = black76.total_vol(1.5 / discount, 6000.0, 5990.0, False)
    call = black76.total_vol(2.0 / discount, 6000.0, 6010.0, True)
    assert found() == pytest.approx([put, call], rel=1e-12)
    bid[2], ask[1] = NONE_INT, bid[1]  # no bid; locked
    fallback = [
        black76.total_vol(12.0 / discount, 6000.0, 5990.0, True),
        black76.total_vol(13.0 / discount, 6000.0, 6010.0, False),
    ]
    assert found() == pytest.approx(fallback, rel=1e-12)
    bid[0], ask[3] = 0, NONE_INT  # a bid of 0 is none
    assert np.isnan(found()).all()


def test_a_mid_outside_its_bounds_is_unknown_and_not_replaced():
    """The out-of-the-money side has a quote, so the other side is not asked."""
    chain = chain_of([6010], [1], [1])
    bid, ask = to_int([6000, 12]), to_int([6001, 13])
    assert np.isnan(chain.total_vols(to_int([6000]), [0], bid, ask, rate=RATE)).all()


def test_at_the_money_belongs_to_the_calls():
    chain = chain_of([6000], [1], [1])
    bid, ask = to_int([2, 4]), to_int([3, 5])
    found = chain.total_vols(to_int([6000]), [0], bid, ask, rate=RATE)[0, 0]
    discount = math.exp(-RATE * HOUR_NS / YEAR_NS)
    assert found == pytest.approx(black76.total_vol(2.5 / discount, 6000.0, 6000.0, True))


def test_vanna_and_charm_exposure_are_sums_over_the_options():
    """Dollars of delta per volatility point and per day, calls less puts."""
    chain, s = vector_chain()
    years, forward = CHAIN["T_years"], CHAIN["F"]
    discount = CHAIN["discount"]
    vanna = charm = 0.0
    for i, strike in enumerate(CHAIN["strikes"]):
        arguments = (forward, strike, s[i], discount, years)
        calls, puts = CHAIN["oi_call"][i], CHAIN["oi_put"][i]
        vanna += black76.vanna(*arguments) * (calls - puts)
        charm += black76.charm(*arguments, CHAIN["r"], True) * calls
        charm -= black76.charm(*arguments, CHAIN["r"], False) * puts
    found = one_window(chain, s, forward)
    assert found.level("vanna_exposure_1vol")[0] == (
        pytest.approx(vanna * 0.01 * 50 * forward, rel=1e-9)
    )
    assert found.level("charm_exposure_1d")[0] == (
        pytest.approx(charm / 365 * 50 * forward, rel=1e-9)
    )


def plain_net_signs(prices, strikes, s, interest) -> np.ndarray:
    """The sign of the net gamma at each price, each sum relative to its largest exponential."""
    d1 = (np.log(prices[:, None] / strikes) + 0.5 * s**2) / s
    power = -0.5 * d1**2
    power[:, interest == 0] = -np.inf
    power -= power.max(axis=1, keepdims=True)
    return np.sign((interest / s * np.exp(power)).sum(axis=1))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-3000, 3000), min_size=2, max_size=40).filter(any),
    st.floats(1e-4, 0.02),
    st.floats(-0.4, 0.4),
    st.floats(5980.0, 6020.0),
)
def test_zero_gamma_is_the_nearest_change_of_sign(interest, s, slope, forward):
    """Compared with a walk in steps of 0.02 points; changes nearer together than 1.25 may hide."""
    interest = np.array(interest, float)
    strikes = 6000.0 + 5.0 * (np.arange(interest.size) - interest.size // 2)
    vols = s * (1 - slope * (strikes / 6000.0 - 1) / 0.02)
    found = one_window(
        chain_of(strikes, np.maximum(interest, 0), np.maximum(-interest, 0)), vols, forward
    )
    price = float(found.level("zero_gamma_price")[0])
    forward = round(forward * POINT) / POINT
    grid = np.arange(0.95 * forward, 1.05 * forward, 0.02)
    signs = plain_net_signs(grid, strikes, vols, interest)
    changes = grid[:-1][signs[:-1] * signs[1:] < 0] + 0.01
    apart = changes[np.abs(changes - forward).argsort()]
    if apart.size == 0:
        # Between two steps of the walk, or its very ends.
        if not math.isnan(price):
            near = plain_net_signs(np.array([price - 1e-5, price + 1e-5]), strikes, vols, interest)
            assert near[0] * near[1] <= 0
    else:
        assert abs(price - forward) == pytest.approx(abs(apart[0] - forward), abs=0.02)


def test_zero_gamma_below_the_forward_and_beyond_five_per_cent():
    chain = chain_of([5900, 6100], [0, 100], [100, 0])
    assert one_window(chain, [0.01, 0.01], 6090).level("zero_gamma_price")[0] < 6010
    assert math.isnan(one_window(chain, [0.01, 0.01], 6400).level("zero_gamma_price")[0])


def test_zero_gamma_where_two_changes_hide_in_one_step():
    """Between two narrow long strikes a wide short one outweighs them for 1.5 points only.

    The search's steps end at 6008.5 and 6011, where the sign is what it was.
    """
    strikes, vols = np.array([6000.0, 6010, 6020]), np.array([0.0009, 0.01, 0.0009])
    both = 2 * 1000 / 0.0009 * math.exp(-0.5 * (10 / 6010 / 0.0009) ** 2)
    short = round(1.02 * both * 0.01)
    chain = OptionChain.of_options(
        to_int([6000, 6020, 6010]), [True, True, False], [HOUR_NS] * 3, [1000, 1000, short], 50
    )
    interest = np.array([1000.0, -short, 1000])
    around = plain_net_signs(np.array([6001, 6008.5, 6010, 6011]), strikes, vols, interest)
    assert list(around) == [1, 1, -1, 1]
    found = float(one_window(chain, vols, 6001).level("zero_gamma_price")[0])
    assert 6008.5 < found < 6010
    signs = plain_net_signs(np.array([found - 1e-4, found + 1e-4]), strikes, vols, interest)
    assert list(signs) == [1, -1]


def test_zero_gamma_at_the_forward_itself():
    chain = chain_of([6000, 6000.5], [100, 0], [0, 100])
    flip = float(one_window(chain, [0.002, 0.002], 6000).level("zero_gamma_price")[0])
    again = one_window(chain, [0.002, 0.002], flip).level("zero_gamma_price")[0]
    assert again == pytest.approx(flip, abs=1e-6)


def test_many_windows_are_as_many_single_ones():
    chain, s = vector_chain()
    forwards, ends = [5990.0, 6003.125, 6021.5], [0, 10 * POINT, 20 * POINT]
    vols = np.stack([s, 0.9 * s, 0.8 * s])
    together = chain.exposures(to_int(forwards), ends, vols, rate=RATE)
    for w in range(3):
        alone = one_window(chain, vols[w], forwards[w], ends[w])
        assert (alone.strike_int[0] == together.strike_int[w]).all()
        np.testing.assert_array_equal(alone.surface[0], together.surface[w])
        np.testing.assert_array_equal(alone.levels[0], together.levels[w])


@given(st.integers(-10_000, 10_000), st.integers(1, 50))
def test_the_grids_centre_is_the_nearest_multiple(value: int, step: int):
    found = nearest_multiple(value, step)
    assert found % step == 0
    assert 2 * abs(found - value) <= step
    if 2 * abs(found - value) == step:
        assert (found // step) % 2 == 0


def test_an_empty_chain_is_zero():
    chain = OptionChain.of_options([], [], [], [], 50)
    found = one_window(chain, np.empty((1, 0)))
    assert found.level("abs_gex")[0] == 0.0
    assert math.isnan(found.level("call_wall")[0])
    assert (found.column("gex_call_abs") == 0.0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"strike_int": [0, POINT]},
        {"is_call": [True]},
        {"open_interest": [-1, 2]},
        {"open_interest": [math.inf, 2]},
        {"multiplier": 0},
        {"multiplier": math.nan},
    ],
)
def test_options_that_cannot_be(wrong):
    options = {
        "strike_int": [POINT, POINT],
        "is_call": [True, False],
        "expiration_ns": [1, 1],
        "open_interest": [1, 2],
        "multiplier": 50,
    }
    with pytest.raises(GexError):
        OptionChain.of_options(**(options | wrong))


def test_windows_that_do_not_fit():
    chain = chain_of([6000, 6005], [1, 2], [3, 4])
    for arguments in (([1], [1, 2], [0.1, 0.1]), ([1], [1], [0.1]), ([1, 2], [1, 2], [0.1, 0.1])):
        with pytest.raises(GexError, match="must have the shape"):
            chain.exposures(*arguments, rate=RATE)
    with pytest.raises(GexError, match="grid"):
        one_window(chain, [0.1, 0.1], grid_count=-1)


def test_the_example_in_the_module_runs():
    assert doctest.testmod(gex).failed == 0
