"""`spymaster status`: what of the lake is complete, stale, missing or damaged."""

from __future__ import annotations

import click

from spymaster.commands.run_options import (
    ChosenDays,
    date_options,
    lake_option,
    symbol_option,
    var_option,
)
from spymaster.lake import Lake
from spymaster.runs.status import day_table, lake_days, left_over_lines, table_table
from spymaster.terminal import console


@click.command()
@symbol_option(required=False)
@date_options(required=False)
@lake_option
@click.option("--why", is_flag=True, help="A line for each table, with the reason.")
@var_option
def status(
    symbols: tuple[str, ...],
    days: ChosenDays | None,
    lake_path: str | None,
    why: bool,
    variables: dict[str, object],
) -> None:
    """Show the lake, by date and table: complete, stale (and why), missing, damaged, left over.

    Stale means: a build with these --var would make it again. Nothing is changed.

    \b
    Example:
      spymaster status
      spymaster status --symbol ESH6 --dates 2026-01-05:2026-01-09 --why
    """
    lake = Lake.from_option(lake_path)
    found = lake_days(lake, list(symbols), days.dates if days else None, variables)
    screen = console()
    screen.print((table_table if why else day_table)(found))
    for line in left_over_lines(lake):
        screen.print(line, highlight=False, soft_wrap=True)
