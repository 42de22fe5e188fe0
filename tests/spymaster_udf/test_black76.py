"""The Black-76 kernels: 60-digit vectors, the relations every price obeys, and the edges."""

from __future__ import annotations

import csv
import doctest
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_udf import black76

DATA = Path(__file__).resolve().parent.parent / "data"
with (DATA / "black76_vectors.csv").open() as _file:
    VECTORS = list(csv.DictReader(_file))
SOLVABLE = [row for row in VECTORS if row["iv_expected"] != "nan"]
IMPOSSIBLE = [row for row in VECTORS if row["iv_expected"] == "nan"]

FORWARD = 6000.0
vols = st.floats(1e-5, 2.0)
"""Total volatilities, from the last second of a session to a wild year."""
deviations = st.floats(-6.0, 6.0)
"""ln(K/F) in units of s."""
rights = st.booleans()


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


def iv_gamma(forward, strike, years, price, rate, is_call) -> tuple[float, float]:
    iv, gammas = np.empty(1), np.empty(1)
    black76.fill_iv_gamma(
        *arrays(forward, strike, years, price, rate), np.array([is_call]), iv, gammas
    )
    return float(iv[0]), float(gammas[0])


def numbers(row: dict[str, str]) -> tuple[float, float, float, float, float, bool]:
    forward, strike, years, price, rate = (
        float(row[name]) for name in ("F", "K", "T_years", "price_mp60", "r")
    )
    return forward, strike, years, price, rate, row["flag"] == "c"


@pytest.mark.parametrize("row", SOLVABLE, ids=lambda row: row["case"])
def test_vectors_to_the_asked_accuracy(row):
    """|IV error| <= 1e-10 where the out-of-the-money price is 1e-6 or more; gamma 1e-9 relative."""
    forward, strike, years, price, rate, is_call = numbers(row)
    iv, gamma = iv_gamma(forward, strike, years, price, rate, is_call)
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    if price - float(row["discount"]) * intrinsic >= 1e-6:
        assert abs(iv - float(row["sigma"])) <= 1e-10
    assert gamma == pytest.approx(float(row["gamma_mp60"]), rel=1e-9)


@pytest.mark.parametrize("row", SOLVABLE, ids=lambda row: row["case"])
def test_price_and_greeks_of_the_vectors(row):
    forward, strike, years, price, rate, is_call = numbers(row)
    s, discount = float(row["total_vol"]), float(row["discount"])
    chain = (forward, strike, s, discount)
    # The price of a far option is as sensitive to the last digit of s as d1² is large.
    found = discount * black76.undiscounted_price(forward, strike, s, is_call)
    assert found == pytest.approx(price, rel=1e-11)
    assert black76.gamma(*chain) == pytest.approx(float(row["gamma_mp60"]), rel=1e-12)
    assert black76.delta(*chain, is_call) == pytest.approx(float(row["delta_mp60"]), rel=1e-12)
    vanna = black76.vanna(*chain, years)
    assert vanna == pytest.approx(float(row["vanna_mp60"]), rel=1e-12)
    charm = black76.charm(*chain, years, rate, is_call)
    assert charm == pytest.approx(float(row["charm_per_year_mp60"]), rel=1e-12)


@pytest.mark.parametrize("row", IMPOSSIBLE, ids=lambda row: row["case"])
def test_a_price_at_or_outside_its_bounds_has_no_volatility(row):
    assert np.isnan(iv_gamma(*numbers(row))).all()


def test_the_vectors_are_all_there():
    assert (len(SOLVABLE), len(IMPOSSIBLE)) == (49, 7)


@given(vols, deviations, rights)
def test_price_to_volatility_to_price(s: float, deviation: float, is_call: bool):
    """The solver gives back the volatility of an out-of-the-money price, and its price."""
    strike = FORWARD * math.exp(s * abs(deviation) * (1 if is_call else -1))
    price = black76.undiscounted_price(FORWARD, strike, s, is_call)
    found = black76.total_vol(price, FORWARD, strike, is_call)
    assert found == pytest.approx(s, rel=1e-11)
    assert black76.undiscounted_price(FORWARD, strike, found, is_call) == (
        pytest.approx(price, rel=1e-11)
    )


@given(vols, deviations)
def test_put_call_parity(s: float, deviation: float):
    """Call less put is F - K, and call delta less put delta the discount."""
    strike = FORWARD * math.exp(s * deviation)
    call = black76.undiscounted_price(FORWARD, strike, s, True)
    put = black76.undiscounted_price(FORWARD, strike, s, False)
    assert call - put == pytest.approx(FORWARD - strike, abs=1e-11 * max(FORWARD, strike))
    deltas = [black76.delta(FORWARD, strike, s, 0.99, right) for right in (True, False)]
    assert deltas[0] - deltas[1] == pytest.approx(0.99, rel=1e-14)


@given(st.floats(1e-4, 1.0), st.floats(-3.0, 3.0), rights)
def test_delta_and_gamma_are_the_differences_of_the_price(s, deviation, is_call):
    """First and second central differences over a hundredth of a standard deviation."""
    strike = FORWARD * math.exp(s * deviation)
    step = 0.01 * FORWARD * s
    below, here, above = (
        black76.undiscounted_price(FORWARD + k * step, strike, s, is_call) for k in (-1, 0, 1)
    )
    scale = 0.4 / (FORWARD * s)
    # A difference of prices near F - K has their last digit, divided by step².
    noise = 4e-16 * max(FORWARD, strike) / step**2
    delta = black76.delta(FORWARD, strike, s, 1.0, is_call)
    assert (above - below) / (2 * step) == pytest.approx(delta, abs=1e-4 + noise * step)
    gamma = black76.gamma(FORWARD, strike, s, 1.0)
    assert (above - 2 * here + below) / step**2 == (
        pytest.approx(gamma, abs=1e-4 * scale + 4 * noise)
    )


@given(st.floats(0.05, 0.8), st.floats(-2.0, 2.0), st.floats(0.01, 1.0), rights)
def test_vanna_and_charm_are_the_differences_of_delta(sigma, deviation, years, is_call):
    """Charm is what delta changes by as time passes, so against T."""
    rate = 0.05
    strike = FORWARD * math.exp(sigma * math.sqrt(years) * deviation)

    def delta(sigma: float, years: float) -> float:
        return black76.delta(
            FORWARD, strike, sigma * math.sqrt(years), math.exp(-rate * years), is_call
        )

    s, discount = sigma * math.sqrt(years), math.exp(-rate * years)
    d_sigma, d_years = 1e-4 * sigma, 1e-4 * years
    slope = (delta(sigma + d_sigma, years) - delta(sigma - d_sigma, years)) / (2 * d_sigma)
    assert black76.vanna(FORWARD, strike, s, discount, years) == (
        pytest.approx(slope, abs=1e-6 / sigma)
    )
    slope = (delta(sigma, years + d_years) - delta(sigma, years - d_years)) / (2 * d_years)
    assert black76.charm(FORWARD, strike, s, discount, years, rate, is_call) == (
        pytest.approx(-slope, abs=1e-6 / years)
    )


@given(vols, st.floats(0.0, 6.0), st.floats(1e-9, 0.5), rights)
def test_the_price_rises_with_volatility_and_so_does_the_volatility(s, deviation, more, is_call):
    strike = FORWARD * math.exp(s * deviation * (1 if is_call else -1))
    low, high = (
        black76.undiscounted_price(FORWARD, strike, vol, is_call) for vol in (s, s * (1 + more))
    )
    assert low <= high
    low_vol, high_vol = (
        black76.total_vol(price, FORWARD, strike, is_call) for price in (low, high)
    )
    assert low_vol <= high_vol * (1 + 1e-12)


@given(vols, st.floats(0.5, 1.5), st.floats(0.0, 0.2), rights)
def test_the_price_falls_or_rises_with_the_strike(s, share, more, is_call):
    strike = FORWARD * share
    near, far = (
        black76.undiscounted_price(FORWARD, k, s, is_call) for k in (strike, strike * (1 + more))
    )
    rounding = 1e-12 * FORWARD
    assert far <= near + rounding if is_call else far >= near - rounding


@settings(max_examples=500)
@given(*[st.floats(allow_nan=True, allow_infinity=True)] * 5, rights)
def test_no_argument_is_too_wild(forward, strike, years, price, rate, is_call):
    """Whatever comes in: NaN in both, or a positive volatility and a gamma that is not negative."""
    iv, gamma = iv_gamma(forward, strike, years, price, rate, is_call)
    assert math.isnan(iv) == math.isnan(gamma)
    assert math.isnan(iv) or (iv > 0.0 and gamma >= 0.0)


@settings(max_examples=300)
@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(0.0, 1.0), rights)
def test_every_price_between_its_bounds_is_solved(log_forward, log_strike, share, is_call):
    """Of positive numbers of any size; a solution prices back to what it came from."""
    forward, strike = 10.0**log_forward, 10.0**log_strike
    price = share * min(forward, strike)
    s = black76.total_vol(price, forward, strike, is_call)
    if (
        is_call == (forward < strike)
        and 1e-9 < share < 1 - 1e-9
        and abs(log_forward - log_strike) < 15
    ):
        assert black76.undiscounted_price(forward, strike, s, is_call) == (
            pytest.approx(price, rel=1e-9)
        )
    assert math.isnan(s) or s > 0.0


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("rate", [-0.02, 0.0, 0.045])
def test_intrinsic_value_after_discounting_is_still_the_bound(is_call: bool, rate: float):
    """D·(F - K) divided by D may miss F - K by a digit; that digit is no time value."""
    for points in range(1, 1000, 7):
        strike = FORWARD - points if is_call else FORWARD + points
        for years in (1e-6, 1e-3, 0.3):
            price = math.exp(-rate * years) * points
            assert np.isnan(iv_gamma(FORWARD, strike, years, price, rate, is_call)).all()


def test_arguments_that_must_be_positive():
    good = (6000.0, 6005.0, 0.001, 5.0)
    assert iv_gamma(*good, 0.04, True)[0] > 0
    for place in range(4):
        for wrong in (0.0, -1.0, math.nan, math.inf):
            arguments = list(good)
            arguments[place] = wrong
            assert np.isnan(iv_gamma(*arguments, 0.04, True)).all(), (place, wrong)


def test_the_start_is_near_the_volatility_of_bachelier():
    """The fitted start is within 1 % of the s whose Bachelier price was asked for."""
    for z in [*np.geomspace(1e-6, 30.0, 400)]:
        beta_over_distance = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) / z - (
            0.5 * math.erfc(z / math.sqrt(2))
        )
        if beta_over_distance > 1e-200:
            start = black76._bachelier_start(beta_over_distance, 1.0)
            assert start == pytest.approx(1.0 / z, rel=0.01), z


def test_the_example_in_the_module_runs():
    assert doctest.testmod(black76).failed == 0
