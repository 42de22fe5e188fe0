"""What the commands that run over symbols and dates share: options, the run, its summary."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from spymaster.dbt_code import dbt_project_dir
from spymaster.dbt_run import BuiltTable
from spymaster.errors import INTERRUPTED, UserError
from spymaster.lake import Lake
from spymaster.runs.dates import date_range, named_alone, parse_date, parse_dates
from spymaster.runs.day import DayResult
from spymaster.runs.plan import Scope
from spymaster.runs.ranges import RangeRequest, build_range
from spymaster.runs.symbols import parse_symbols
from spymaster.terminal import console

Command = Callable[..., Any]

_NUMBERS = ("built", "fresh", "rows", "seconds", "size")


@dataclass(frozen=True)
class ChosenDays:
    """The dates that were given, sorted, and those of them that were named one by one."""

    dates: list[date]
    alone: frozenset[date]


lake_option = click.option(
    "--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake]."
)
workers_option = click.option(
    "--workers", type=int, metavar="N", help="Processes [as many as cores and memory allow]."
)


def symbol_option(required: bool = True) -> Callable[[Command], Command]:
    """Add --symbol; the command gets `symbols`."""
    return click.option(
        "--symbol", "symbols", multiple=True, required=required, metavar="SYMBOL[,SYMBOL]",
        help="Contracts such as ESH6, or a root such as ES; may be given again.",
    )  # fmt: skip


def date_options(required: bool = True) -> Callable[[Command], Command]:
    """Add --dt, --dates, --start-date and --end-date; the command gets `days`."""
    return functools.partial(_with_date_options, required)


def _with_date_options(required: bool, command: Command) -> Command:

    @functools.wraps(command)
    def call(
        dt: str | None, dates: str | None, start_date: str | None, end_date: str | None, **rest: Any
    ) -> Any:
        days = _chosen(dt, dates, start_date, end_date)
        if days is None and required:
            raise UserError("no date is given: --dt, --dates, or --start-date and --end-date")
        return command(days=days, **rest)

    for option in (
        click.option("--end-date", metavar="DATE", help="Last date of a range."),
        click.option("--start-date", metavar="DATE", help="First date of a range."),
        click.option("--dates", metavar="LIST", help="DATE, FIRST:LAST, or a comma list of these."),
        click.option("--dt", metavar="DATE", help="One date: UTC date of the daily file."),
    ):
        call = option(call)
    return call


def var_option(command: Command) -> Command:
    """Add --var K=V; the command gets `variables`."""

    @functools.wraps(command)
    def call(var_texts: tuple[str, ...], **rest: Any) -> Any:
        return command(variables=dict(parse_var(text) for text in var_texts), **rest)

    return click.option(
        "--var", "var_texts", multiple=True, metavar="K=V",
        help="A dbt var (see dbt_project/dbt_project.yml); may be given again.",
    )(call)  # fmt: skip


def run_and_report(
    lake: Lake,
    symbols: tuple[str, ...],
    days: ChosenDays,
    variables: dict[str, Any],
    scope: Scope,
    workers: int | None,
) -> None:
    """Run, print what became of each day, and end with exit code 1 if any failed, 130 on Ctrl-C."""
    request = RangeRequest(
        lake, parse_symbols(symbols), days.dates, variables, scope, workers, days.alone
    )
    try:
        results = build_range(request, say=_say)
    except KeyboardInterrupt:
        Console(stderr=True).show_cursor(True)  # a worker that drew a bar was killed
        click.echo(
            "spymaster: interrupted; what was published is whole, the rest is gone", err=True
        )
        sys.exit(INTERRUPTED)
    if any(result.built for result in results):
        # DuckDB is slow to import; a run that finds all fresh does without.
        from spymaster.warehouse import refresh_warehouse

        refresh_warehouse(lake)
    failed = [result for result in results if result.outcome == "failed"]
    for result in failed:
        if result.trace:
            click.echo(result.trace, err=True)
    if len(results) == 1:
        if failed:
            raise UserError(failed[0].why)
        only = results[0]
        console().print(build_summary(f"{only.symbol} {only.dt}", list(only.tables)))
        return
    console().print(range_summary(results))
    if failed:
        causes = "".join(f"\n  {r.symbol} {r.dt}: {r.why}" for r in failed)
        click.echo(f"spymaster: error: {len(failed)} of {len(results)} failed:{causes}", err=True)
        sys.exit(1)


def _say(line: str) -> None:
    click.echo(line)


def parse_var(text: str) -> tuple[str, Any]:
    """Split K=V; V is read as YAML, so numbers and booleans come as such, but a time 09:30 as text.

    Raises UserError if K is no var of the project.

    >>> parse_var("hud_max_ticks=600"), parse_var("session_start=09:30")
    (('hud_max_ticks', 600), ('session_start', '09:30'))
    """
    name, equals, value = text.partition("=")
    if not equals or name not in known_vars():
        raise UserError(f"--var {text!r} is not K=V with K one of {', '.join(known_vars())}")
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        parsed = value
    # YAML 1.1 reads 09:30 as a number in base 60.
    return name, value if ":" in value else parsed


@functools.cache
def known_vars() -> list[str]:
    """Return the names of the project's vars that --var takes."""
    project = yaml.safe_load((dbt_project_dir() / "dbt_project.yml").read_text())
    return [name for name in project["vars"] if name not in ("dt", "symbol", "lake", "overwrite")]


def build_summary(title: str, tables: list[BuiltTable]) -> Table:
    """Return what was built of one day as a table for the terminal."""
    view = Table(title=title, title_justify="left")
    _add_columns(view, "table", "outcome", "rows", "seconds", "size")
    for table in tables:
        seconds = f"{table.seconds:.1f}" if table.seconds is not None else ""
        size = f"{table.bytes / 1e6:,.1f} MB"
        view.add_row(table.key, table.outcome, f"{table.rows:,}", seconds, size)
    return view


def _add_columns(view: Table, *names: str) -> None:
    for name in names:
        view.add_column(name, justify="right" if name in _NUMBERS else "left")


def range_summary(results: list[DayResult]) -> Table:
    """Return a row a (symbol, dt): what became of it, how many tables, rows, and why."""
    view = Table()
    _add_columns(view, "symbol", "dt", "contract", "outcome", "built", "fresh", "rows", "seconds",
                 "why")  # fmt: skip
    for result in results:
        rows = sum(table.rows for table in result.tables)
        there = [str(result.built), str(len(result.tables) - result.built), f"{rows:,}",
                 f"{result.seconds:.1f}"] if result.tables else [""] * 4  # fmt: skip
        contract = result.symbol if result.outcome != "skipped" else ""
        view.add_row(result.asked, result.dt, contract, result.outcome, *there, result.why)
    return view


def _chosen(
    dt: str | None, dates: str | None, start_date: str | None, end_date: str | None
) -> ChosenDays | None:
    is_range = start_date is not None or end_date is not None
    if (dt is not None) + (dates is not None) + is_range > 1:
        raise UserError("give one of --dt, --dates, or --start-date with --end-date")
    if is_range:
        if start_date is None or end_date is None:
            raise UserError("--start-date and --end-date go together")
        return ChosenDays(date_range(parse_date(start_date), parse_date(end_date)), frozenset())
    text = dt if dt is not None else dates
    if text is None:
        return None
    days = [parse_date(text)] if dt is not None else parse_dates(text)
    return ChosenDays(days, frozenset(named_alone(text)))
