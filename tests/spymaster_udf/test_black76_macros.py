"""Black-76 as SQL macros: the 60-digit vectors, and the kernels over everything a market may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from spymaster_udf.black76_macros import black76_macros
from spymaster_udf.sql_functions import FUNCTIONS, register

VECTORS = Path(__file__).resolve().parent.parent / "data" / "black76_vectors.csv"
ROWS = 20_000


@pytest.fixture(scope="module")
def macros() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(black76_macros())
        yield connection


def test_the_vectors(macros):
    """|IV error| <= 1e-10 where the out-of-the-money price is 1e-6 or more; the others to 1e-12."""
    rows = (
        macros.sql(f"""
        select
            "case", sigma, price_mp60, gamma_mp60, delta_mp60, iv_expected,
            price_mp60 - discount * greatest(if(flag = 'c', F - K, K - F), 0) as otm_price,
            black76_iv(F, K, T_years, price_mp60, r, upper(flag)) as iv,
            black76_price(F, K, T_years, sigma, r, upper(flag)) as price,
            black76_gamma(F, K, T_years, sigma, r, upper(flag)) as gamma,
            black76_delta(F, K, T_years, sigma, r, upper(flag)) as delta
        from read_csv('{VECTORS}')
    """)
        .to_arrow_table()
        .to_pylist()
    )
    assert len(rows) == 56
    for row in rows:
        if np.isnan(row["iv_expected"]):
            assert row["iv"] is None, row
            continue
        if row["otm_price"] >= 1e-6:
            assert abs(row["iv"] - row["sigma"]) <= 1e-10, row
        for name, rel in (("price", 1e-11), ("gamma", 1e-12), ("delta", 1e-12)):
            assert row[name] == pytest.approx(row[f"{name}_mp60"], rel=rel), (name, row)


def test_the_macros_agree_with_the_kernels(macros):
    """Seconds to years, up to 12 standard deviations from the money, calls and puts, every price."""
    rng = np.random.default_rng(76)
    forward = rng.uniform(1, 9000, ROWS)
    total_vol = 10 ** rng.uniform(-5, 0.5, ROWS)
    years = 10 ** rng.uniform(-7, 1, ROWS)
    deviation = rng.normal(0, 2.5, ROWS)
    options = pa.table(
        {
            "forward": forward,
            "strike": forward * np.exp(total_vol * deviation),
            "years": years,
            "sigma": total_vol / np.sqrt(years),
            "rate": rng.uniform(-0.02, 0.08, ROWS),
            "side": np.where(rng.random(ROWS) < 0.5, "C", "P"),
        }
    )
    with duckdb.connect() as kernels:
        register(kernels)
        kernels.register("options", options)
        priced = kernels.sql(
            "select *, black76_price(forward, strike, years, sigma, rate, side) as price from options"
        ).to_arrow_table()
        for connection in (kernels, macros):
            connection.register("priced", priced)
        assert np.abs(deviation).max() > 9
        for name in FUNCTIONS:
            value = "price" if name == "black76_iv" else "sigma"
            query = f"select {name}(forward, strike, years, {value}, rate, side) as x from priced"
            found = macros.sql(query).to_arrow_table()["x"].to_numpy()
            expected = kernels.sql(query).to_arrow_table()["x"].to_numpy()
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=0, err_msg=name)
            assert len(priced) == ROWS


def test_a_lambdas_name_is_used_by_one_macro_only():
    """A macro is text: its argument would be taken for a variable of the same name inside it."""
    by_name: dict[str, set[str]] = {}
    for macro in re.split(r"(?m)^create or replace macro ", black76_macros())[1:]:
        for name in re.findall(r"lambda (\w+)", macro):
            by_name.setdefault(name, set()).add(macro.split("(")[0])
    shared = {name: users for name, users in by_name.items() if len(users) > 1}
    # The last three are called by nothing, and each call of them stands in no other's lambda.
    assert shared == {"chain": {"black76_price", "black76_gamma", "black76_delta"}}


def test_columns_may_have_the_macros_own_names(macros):
    """What the user's columns are called changes nothing."""
    query = """
        select black76_iv(given, priced, goal, undiscounted, answer, guess)
        from (values (6003.25, 6005, 0.00074, 7.6356, 0.045, 'C'))
            as option(given, priced, goal, undiscounted, answer, guess)
    """
    assert macros.sql(query).fetchone()[0] == pytest.approx(0.1301757098, rel=1e-9)
