"""The lake as a table: what a build would find of each day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.table import Table

from spymaster.contract_selection import KEY as SELECTION
from spymaster.contract_selection import contract_for
from spymaster.dbt_run import BRONZE_MBO
from spymaster.errors import UserError
from spymaster.lake import Lake, complete_partitions, partition_damage, partition_ref
from spymaster.products import is_root, product_of_contract
from spymaster.root_days import contracts_in, trading_dates
from spymaster.runs.graph_cache import ProjectGraph, project_graph
from spymaster.runs.plan import day_states
from spymaster.runs.symbols import parse_symbols


@dataclass(frozen=True)
class DayStatus:
    """A day's tables by key: (state, reason), the state one of complete, stale, missing, damaged."""

    symbol: str
    dt: str
    tables: dict[str, tuple[str, str]]


def lake_days(
    lake: Lake, symbols: list[str], dates: list[date] | None, variables: dict[str, Any]
) -> list[DayStatus]:
    """Return the state of the days that have bronze data, of all symbols and dates if none are given.

    Raises UserError if there is no such day.
    """
    wanted = {day.isoformat() for day in dates} if dates is not None else None
    days: list[tuple[str, str]] = []
    for symbol in parse_symbols(symbols) if symbols else _symbols(lake):
        days += _days_of(lake, symbol, wanted, with_fronts=bool(symbols))
    if not days:
        raise UserError(f"no bronze data of these symbols and dates in the lake {lake.root}")
    graph = project_graph(variables)
    return [_day_status(graph, lake, symbol, dt) for symbol, dt in dict.fromkeys(days)]


def day_table(days: Iterable[DayStatus]) -> Table:
    """Return a row a day: how many tables are complete, and the names of those that are not."""
    view = Table()
    for name in ("symbol", "dt", "complete", "stale, missing, damaged"):
        view.add_column(name)
    for day in days:
        complete = sum(state == "complete" for state, _ in day.tables.values())
        view.add_row(
            day.symbol, day.dt, f"{complete} of {len(day.tables)}", "; ".join(_others(day))
        )
    return view


def table_table(days: Iterable[DayStatus]) -> Table:
    """Return a row a day and table, with the reason."""
    view = Table()
    for name in ("symbol", "dt", "table", "state", "why"):
        view.add_column(name, overflow="fold")
    for day in days:
        for key, (state, reason) in day.tables.items():
            view.add_row(day.symbol, day.dt, key, state, reason)
    return view


def left_over_lines(lake: Lake) -> list[str]:
    """Return a line for each staging folder that a dead process left."""
    return [
        f"staging left over: {left.folder}, {left.purpose or 'unknown'}, {left.bytes:,} bytes; "
        "remove it with: spymaster sweep"
        for left in lake.left_overs()
    ]


def _split(reason: str | None) -> tuple[str, str]:
    """Return state and reason.

    >>> _split(None), _split("missing"), _split("stale, code changed")
    (('complete', ''), ('missing', ''), ('stale', 'code changed'))
    """
    if reason is None:
        return "complete", ""
    state, _, why = reason.replace("damaged: ", "damaged, ", 1).partition(", ")
    return state, why


def _others(day: DayStatus) -> list[str]:
    lines = []
    for state in ("stale", "missing", "damaged"):
        names = [key.rsplit(".", 1)[1] for key, (is_, _) in day.tables.items() if is_ == state]
        if names:
            lines.append(f"{state}: {', '.join(names)}")
    return lines


def _day_status(graph: ProjectGraph, lake: Lake, symbol: str, dt: str) -> DayStatus:
    tables = {}
    if not is_root(symbol):
        damage = partition_damage(partition_ref(lake, BRONZE_MBO, symbol, dt))
        tables[BRONZE_MBO] = ("damaged", damage) if damage else ("complete", "")
    for key, reason in day_states(graph, lake, symbol, dt).items():
        tables[key] = _split(reason)
    return DayStatus(symbol, dt, tables)


def _symbols(lake: Lake) -> list[str]:
    """Return the contracts of which the lake has records, then the roots that have a selection."""
    contracts = contracts_in(lake)
    roots = dict.fromkeys(product_of_contract(name).root for name in contracts)
    return [*contracts, *(root for root in roots if complete_partitions(lake, SELECTION, root))]


def _days_of(
    lake: Lake, symbol: str, wanted: set[str] | None, with_fronts: bool
) -> list[tuple[str, str]]:
    """Return a symbol's days; a root's with those of the front contracts that were selected."""
    if not is_root(symbol):
        found = [ref.dt for ref in complete_partitions(lake, BRONZE_MBO, symbol)]
        return [(symbol, dt) for dt in found if wanted is None or dt in wanted]
    selected = {ref.dt for ref in complete_partitions(lake, SELECTION, symbol)}
    there = selected.union(trading_dates(lake, symbol)) if with_fronts else selected
    days = []
    for dt in sorted(there if wanted is None else there & wanted):
        days.append((symbol, dt))
        if with_fronts and dt in selected:
            days += _days_of(lake, contract_for(lake, symbol, dt), {dt}, with_fronts)
    return days
