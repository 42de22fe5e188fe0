"""Black-76 as SQL macros, for DuckDB where Python is not: the text of black76_macros.sql."""

from __future__ import annotations

from pathlib import Path


def black76_macros() -> str:
    """Return the SQL that makes the functions of sql_functions.py as macros, in the current schema.

    They agree with the kernels to 1e-11 of the value; an implied volatility takes them 7 to 15 times as
    long (bench/bench_black76.py).
    """
    return Path(__file__).with_suffix(".sql").read_text()
