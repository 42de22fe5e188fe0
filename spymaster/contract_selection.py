"""Which contract a symbol means on a date: a contract itself, a root its front contract of that date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_partition
from spymaster.products import is_root, product_of_contract, product_of_root

KEY = "gold.shared.contract_day_selection"
MODEL = KEY.rsplit(".", 1)[1]


@dataclass(frozen=True)
class Selection:
    """The row of contract_day_selection of a root and date; None is what is not known.

    Volumes are contracts traded on `prev_trading_date`.
    """

    session_date: date
    selected_symbol: str
    selected_exp_date: date
    prev_trading_date: date | None
    prev_volume_selected: int | None
    prev_volume_rank2: int | None
    roll_flag: bool | None


def contract_for(lake: Lake, symbol: str, dt: str) -> str:
    """Return the contract that a symbol means on a date: itself, or a root's front contract.

    Nothing is built. Raises UserError for an unknown symbol and, with what to run, if the front contract
    has not been selected.

    >>> from pathlib import Path
    >>> contract_for(Lake(Path("nowhere")), "ESH6", "2026-01-06")
    'ESH6'
    """
    if is_root(symbol):
        return read_selection(lake, symbol, dt).selected_symbol
    partition_ref(lake, KEY, symbol, dt)  # says what could not be a symbol or a date
    product_of_contract(symbol)
    return symbol


def read_selection(lake: Lake, root: str, dt: str) -> Selection:
    """Return the published selection of a root and date; UserError, with what to run, without one."""
    product_of_root(root)
    ref = partition_ref(lake, KEY, root, dt)
    if not is_partition_complete(ref):
        raise UserError(
            f"the front contract of {root} on {dt} has not been selected; run: spymaster build "
            f"--symbol {root} --dt {dt}, or give a contract such as {root}H6"
        )
    rows = read_partition(ref, threads=False).to_pylist()
    if len(rows) != 1:
        raise UserError(f"{ref} has {len(rows)} rows, not 1; run: spymaster rerun {MODEL} "
                        f"--symbol {root} --dt {dt}")  # fmt: skip
    return Selection(**rows[0])


def select_contract(lake: Lake, root: str, dt: str, variables: dict[str, Any] | None = None) -> str:
    """Return the front contract of a root on a date, selecting it first where that is not fresh.

    `variables` are dbt's; none of them changes what is selected. Raises UserError if the lake does not
    say enough, with the file to get.

    >>> from pathlib import Path
    >>> select_contract(Lake(Path("nowhere")), "XX", "2026-01-06")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    spymaster.errors.UserError: unknown product 'XX': known are ES, ...
    """
    # Those who only read a selection need not know how runs are planned.
    from spymaster.dbt_run import build_day

    product_of_root(root)
    build_day(lake, root, dt, variables or {}, select=MODEL, show=False)
    return read_selection(lake, root, dt).selected_symbol
