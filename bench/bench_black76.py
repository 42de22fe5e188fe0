"""Prints how fast implied volatility and gamma are solved, on one thread: bench_black76.py [options]

Options of a day's last hours, strikes within four standard deviations of the future (default 1 million),
through the kernel, through SQL and, a tenth of them, through the SQL macros; then gamma exposure a
window, of a chain of 250 strikes.
"""

from __future__ import annotations

import sys
import time

import duckdb
import numpy as np
import pyarrow as pa

from spymaster_udf.black76 import fill_iv_gamma, fill_price
from spymaster_udf.black76_macros import black76_macros
from spymaster_udf.gex import OptionChain
from spymaster_udf.sql_functions import register

DEFAULT_OPTIONS = 1_000_000
FORWARD = 6003.25
REPEATS = 5
WINDOWS = 1_000
STRIKES = 250
HOUR_NS = 3_600_000_000_000


def options(count: int) -> pa.Table:
    """Draw options of known volatility, with their prices."""
    rng = np.random.default_rng(76)
    years = rng.uniform(0.05, 6.5, count) / 24 / 365
    sigma = rng.uniform(0.08, 0.3, count)
    deviation = rng.uniform(-4, 4, count) * sigma * np.sqrt(years)
    strike = np.round(FORWARD * np.exp(deviation) / 5) * 5
    forward, rate = np.full(count, FORWARD), np.full(count, 0.04)
    price = np.empty(count)
    fill_price(forward, strike, years, sigma, rate, strike >= forward, price)
    right = np.where(strike >= forward, "C", "P")
    columns = {"f": forward, "k": strike, "t": years, "price": price, "r": rate}
    return pa.table(columns | {"cp": right, "sigma": sigma})


def measure_kernel(table: pa.Table) -> None:
    names = ("f", "k", "t", "price", "r")
    columns = [np.array(table[name].to_numpy()) for name in names]
    is_call, count = columns[1] >= columns[0], len(table)
    iv, gammas = np.empty(count), np.empty(count)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        fill_iv_gamma(*columns, is_call, iv, gammas)
        seconds.append(time.perf_counter() - start)
    dear = columns[3] >= 1e-6
    error = np.abs(iv - table["sigma"].to_numpy())[dear].max()
    print(
        f"{count:>12,} options: {count / min(seconds) / 1e6:5.2f} M IV + gamma/s, "
        f"largest IV error {error:.0e} of prices from 1e-6",
        flush=True,
    )


def measure_sql(table: pa.Table) -> None:
    query = "select sum(black76_iv(f, k, t, price, r, cp)) from options"
    rates = []
    for macros, rows in ((False, table), (True, table.slice(0, len(table) // 10))):
        with duckdb.connect(config={"threads": 1}) as connection:
            if macros:
                connection.execute(black76_macros())
            else:
                register(connection)
            connection.register("options", rows)
            start = time.perf_counter()
            connection.execute(query).fetchall()
            rates.append(len(rows) / (time.perf_counter() - start) / 1e6)
    print(
        f"{len(table):>12,} options: {rates[0]:5.2f} M IV/s in SQL, {rates[1]:5.2f} by macros, "
        f"{rates[0] / rates[1]:.0f} times as long",
        flush=True,
    )


def measure_exposure() -> None:
    rng = np.random.default_rng(76)
    strike = (5375 + 5 * np.arange(STRIKES)) * 10**9
    chain = OptionChain.of_options(
        np.tile(strike, 2),
        np.arange(2 * STRIKES) < STRIKES,
        np.full(2 * STRIKES, HOUR_NS),
        rng.integers(0, 5_000, 2 * STRIKES),
        50,
    )
    forward = np.full(WINDOWS, round(FORWARD * 1e9))
    vols = np.full((WINDOWS, STRIKES), 0.0014)
    ends = np.zeros(WINDOWS, np.int64)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        chain.exposures(forward, ends, vols, rate=0.04)
        seconds.append(time.perf_counter() - start)
    print(
        f"{STRIKES:>12,} strikes: {WINDOWS / min(seconds):7,.0f} windows of exposure/s", flush=True
    )


def main() -> None:
    table = options(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OPTIONS)
    measure_kernel(table)
    measure_sql(table)
    measure_exposure()


if __name__ == "__main__":
    main()
