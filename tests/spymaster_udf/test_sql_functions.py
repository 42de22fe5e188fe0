"""The Black-76 SQL functions: literals of any type, whole columns, NULL instead of wrong numbers.

Each test is of the compiled functions and of the macros alike: one name, one behaviour.
"""

from __future__ import annotations

import doctest
import math
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from spymaster.dbt_plugin import Plugin
from spymaster_udf import black76, sql_functions
from spymaster_udf.black76_macros import black76_macros
from spymaster_udf.sql_functions import FUNCTIONS, register


@pytest.fixture(scope="module", params=["kernels", "macros"])
def connection(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """The compiled functions, and those that the warehouse file has for a stock DuckDB."""
    with duckdb.connect() as opened:
        if request.param == "kernels":
            register(opened)
        else:
            opened.execute(black76_macros())
        yield opened


def answer(connection: duckdb.DuckDBPyConnection, expression: str):
    return connection.sql(f"select {expression}").fetchone()[0]


def test_an_implied_volatility_of_literals(connection):
    """Integers and decimals are taken as they stand, without a cast."""
    iv = answer(connection, "black76_iv(6003.25, 6005, 0.00074, 7.6356, 0.045, 'C')")
    assert iv == pytest.approx(0.130176, abs=1e-6)
    price = answer(connection, f"black76_price(6003.25, 6005, 0.00074, {iv}, 0.045, 'C')")
    assert price == pytest.approx(7.6356, rel=1e-12)


@pytest.mark.parametrize(
    "number", ["100", "100.00", "100::float", "100::hugeint", "100::decimal(38, 10)", "1e2"]
)
def test_every_type_of_number(connection, number):
    price = answer(connection, f"black76_price({number}, {number}, 1, 0.2, 0, 'C')")
    assert price == pytest.approx(7.965567455405797, rel=1e-14)


def test_the_four_functions_are_the_kernels(connection):
    arguments = "6003.25, 6025, 0.000742, 0.13, 0.045, 'P'"
    s, discount = 0.13 * math.sqrt(0.000742), math.exp(-0.045 * 0.000742)
    chain = (6003.25, 6025.0, s, discount)
    expected = {
        "price": discount * black76.undiscounted_price(6003.25, 6025.0, s, False),
        "gamma": black76.gamma(*chain),
        "delta": black76.delta(*chain, False),
    }
    for name, value in expected.items():
        found = answer(connection, f"black76_{name}({arguments})")
        assert found == pytest.approx(value, rel=1e-14), name


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("place", range(6))
def test_null_in_null_out(connection, name, place):
    arguments = ["100", "100", "1", "0.2", "0.04", "'C'"]
    assert answer(connection, f"{name}({', '.join(arguments)})") is not None
    arguments[place] = "null"
    assert answer(connection, f"{name}({', '.join(arguments)})") is None


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("right", ["", "c", "p", "X", "CALL", "C ", "Ç"])
def test_only_c_and_p_are_rights(connection, name, right):
    assert answer(connection, f"{name}(100, 100, 1, 0.2, 0.04, '{right}')") is None


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", ["'nan'::double", "'inf'::double", "'-inf'::double", "0", "-1"])
def test_impossible_arguments_are_null(connection, name, place, wrong):
    """But for the interest rate, which may be 0 or negative."""
    arguments = ["100", "100", "1", "0.2", "0.04", "'C'"]
    arguments[place] = wrong
    found = answer(connection, f"{name}({', '.join(arguments)})")
    assert (found is None) == (place != 4 or "::" in wrong)


@pytest.mark.parametrize("price", ["0", "100", "99.999", "6000", "7000", "-5"])
def test_a_price_at_or_outside_its_bounds_is_null(connection, price):
    assert answer(connection, f"black76_iv(6000, 5900, 0.001, {price}, 0, 'C')") is None


def test_answers_too_large_for_a_number_are_null(connection):
    assert answer(connection, "black76_price(100, 100, 1000, 0.2, -100, 'C')") is None
    assert answer(connection, "black76_gamma(1e-200, 1e-200, 1, 1e-200, 0, 'C')") is None


def test_columns_with_nulls_of_many_vectors(connection):
    """Every row gets its own answer: 10,000 rows, every seventh without a price."""
    found = connection.sql("""
        select i, black76_iv(
            6000, 5950 + i % 100, 0.001,
            if(i % 7 = 0, null, greatest(50 - i % 100, 0) + 1 + i % 13),
            0.04, if(i % 100 < 100, 'C', 'P')
        ) as iv
        from range(10000) as rows(i) order by i
    """).fetchnumpy()
    for i in (1, 13, 2047, 2049, 5555, 9999):
        price = max(50 - i % 100, 0) + 1 + i % 13
        discount = math.exp(-0.04 * 0.001)
        s = black76.total_vol(price / discount, 6000.0, 5950.0 + i % 100, True)
        assert found["iv"][i] == pytest.approx(s / math.sqrt(0.001), rel=1e-14), i
    assert (np.ma.getmaskarray(found["iv"]) == (found["i"] % 7 == 0)).all()


def test_no_rows(connection):
    rows = connection.sql(
        "select black76_iv(i, i, i, i, i, 'C') from range(0) as rows(i)"
    ).fetchall()
    assert rows == []


def test_an_aggregate_over_a_filter(connection):
    """Selection vectors and constants meet in one query."""
    mean = connection.sql(
        "select avg(black76_delta(100, 100, 1, 0.2, 0, if(i % 2 = 0, 'C', 'P'))) "
        "from range(5000) as rows(i) where i % 5 > 1 and i < 4000"
    ).fetchone()
    call = black76.delta(100.0, 100.0, 0.2, 1.0, True)
    assert mean is not None
    assert mean[0] == pytest.approx(call - 0.5, abs=1e-12)


def test_every_connection_of_the_project_has_them():
    with duckdb.connect() as opened:
        Plugin("spymaster", {}).configure_connection(opened)
        assert answer(opened, "black76_iv(100, 100, 1, 7.9655674554, 0, 'P')") == (
            pytest.approx(0.2, rel=1e-9)
        )


def test_the_example_in_the_module_runs():
    assert doctest.testmod(sql_functions).failed == 0
