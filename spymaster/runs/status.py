"""The lake as a table: what a build would find of each day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.table import Table

from spymaster.dbt_run import BRONZE_MBO
from spymaster.errors import UserError
from spymaster.lake import Lake, PartitionRef, complete_partitions, partition_damage, partition_ref
from spymaster.products import outright_root
from spymaster.runs.graph_cache import project_graph
from spymaster.runs.plan import day_states
from spymaster.runs.symbols import contract_on, parse_symbols


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
    refs = []
    for symbol in parse_symbols(symbols) if symbols else _contracts(lake):
        refs += _bronze_days(lake, symbol, wanted)
    if not refs:
        raise UserError(f"no bronze data of these symbols and dates in the lake {lake.root}")
    graph = project_graph(variables)
    found = []
    for ref in refs:
        damage = partition_damage(ref)
        tables = {ref.key: ("damaged", damage) if damage else ("complete", "")}
        for key, reason in day_states(graph, lake, ref.symbol, ref.dt).items():
            tables[key] = _split(reason)
        found.append(DayStatus(ref.symbol, ref.dt, tables))
    return found


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


def _contracts(lake: Lake) -> list[str]:
    """Return the contracts of which the lake has bronze data: the names of its folders that are such."""
    table = partition_ref(lake, BRONZE_MBO, "ESH6", date.min).folder.parent
    folders = table.parent.parent.glob(f"symbol=*/{table.name}")
    names = (folder.parent.name.removeprefix("symbol=") for folder in folders)
    return sorted(name for name in names if outright_root(name))


def _bronze_days(lake: Lake, symbol: str, wanted: set[str] | None) -> list[PartitionRef]:
    if wanted is None:
        return complete_partitions(lake, BRONZE_MBO, contract_on(lake, symbol, ""))
    contracts = {dt: contract_on(lake, symbol, dt) for dt in sorted(wanted)}
    there = {
        ref for c in set(contracts.values()) for ref in complete_partitions(lake, BRONZE_MBO, c)
    }
    refs = (partition_ref(lake, BRONZE_MBO, contract, dt) for dt, contract in contracts.items())
    return [ref for ref in refs if ref in there]
