"""The days that `spymaster check` is asked for, each with the contract that the symbol means on it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from spymaster.checks.day import day_ref
from spymaster.contract_selection import KEY as SELECTION
from spymaster.contract_selection import contract_for
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref
from spymaster.products import is_root
from spymaster.runs.dates import named_alone, parse_dates


def asked_days(
    lake: Lake, tables: Iterable[str], symbol: str, dt: str | None, dates: str | None
) -> list[tuple[str, str]]:
    """Return (contract, date) of --dt or --dates; the lake need not have what was named alone.

    Dates of ranges of which the lake has none of `tables` are left out, with a word: weekends, holidays.
    UserError if that leaves none, and for what is no symbol or date.
    """
    if (dt is None) == (dates is None):
        raise UserError("give either --dt DATE or --dates DATES")
    asked = dates or dt or ""
    days = [day.isoformat() for day in parse_dates(asked)]
    alone = {day.isoformat() for day in named_alone(asked)}
    keys = tuple(tables)
    empty = [d for d in days if d not in alone and not _has_something(lake, keys, symbol, d)]
    if empty:
        click.echo(f"nothing of {symbol} in the lake, skipped: {', '.join(empty)}", err=True)
    if len(empty) == len(days):
        raise UserError(
            f"the lake {lake.root} has nothing of {symbol} from {days[0]} to {days[-1]}"
        )
    return [(contract_for(lake, symbol, day), day) for day in days if day not in empty]


def _has_something(lake: Lake, tables: tuple[str, ...], symbol: str, dt: str) -> bool:
    if is_root(symbol):
        if not is_partition_complete(partition_ref(lake, SELECTION, symbol, dt)):
            return False
        symbol = contract_for(lake, symbol, dt)
    return any(is_partition_complete(day_ref(lake, key, symbol, dt)) for key in tables)
