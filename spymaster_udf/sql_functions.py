"""The Black-76 kernels as SQL functions of a DuckDB connection, a vector of rows at a time.

    black76_price(F, K, T, sigma, r, "right")    discounted price in points
    black76_iv(F, K, T, price, r, "right")       sigma of a discounted price
    black76_gamma(F, K, T, sigma, r, "right")    per point
    black76_delta(F, K, T, sigma, r, "right")

F and K are points, T years of 365 days, sigma and r absolute numbers a year, right 'C' or 'P'. Numbers of
any type will do. A NULL argument, an impossible one (not finite, another right, F, K, T or sigma not
positive, a price at or outside its no-arbitrage bounds) or an answer that is no finite number gives NULL.
Formulas: black76.py.

>>> with duckdb.connect() as connection:
...     register(connection)
...     iv = "black76_iv(6003.25, 6005, 0.00074, 7.6356, 0.045, 'C')"
...     connection.sql(f"select round({iv}, 6)").fetchone()
(0.130176,)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_udf.black76 import fill_delta, fill_gamma, fill_iv, fill_price

FUNCTIONS: Final = {
    "black76_price": fill_price,
    "black76_iv": fill_iv,
    "black76_gamma": fill_gamma,
    "black76_delta": fill_delta,
}
"""The kernel of each SQL function: six columns in, one written."""

_ARGUMENT_TYPES: Final = ["DOUBLE"] * 5 + ["VARCHAR"]


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the functions to a connection.

    Raises duckdb.Error if they are there already.
    """
    for name, kernel in FUNCTIONS.items():
        connection.create_function(
            name,
            _vectorised(kernel),
            _ARGUMENT_TYPES,
            "DOUBLE",
            type="arrow",
            null_handling="special",
        )


def _vectorised(kernel: Callable[..., None]) -> Callable[..., Any]:
    def call(forward: Any, strike: Any, years: Any, sigma: Any, rate: Any, right: Any) -> Any:
        numbers = [_floats(column) for column in (forward, strike, years, sigma, rate)]
        known_right = _bools(pc.is_in(right, value_set=pa.array(["C", "P"])))
        is_call = _bools(pc.equal(right, "C"))
        out = np.empty(len(right))
        kernel(*numbers, is_call, out)
        # An infinite price or rate may still lead to a finite number, which then means nothing.
        usable = known_right & np.isfinite([*numbers, out]).all(axis=0)
        return pa.array(out, mask=~usable)

    return call


def _floats(column: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column of doubles as an array, NULL as NaN; a copy, as kernels know one type."""
    array = (
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    )
    return np.array(array, np.float64)


def _bools(column: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a column of booleans as an array, NULL as False."""
    filled = pc.fill_null(column, False)
    if isinstance(filled, pa.Array):
        return np.array(filled.to_numpy(zero_copy_only=False), np.bool_)
    return np.array(filled.to_numpy(), np.bool_)
