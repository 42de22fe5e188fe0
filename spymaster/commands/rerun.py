"""`spymaster rerun`: build tables again, with all that depends on them."""

from __future__ import annotations

from typing import Any

import click

from spymaster.commands.run_options import (
    ChosenDays,
    date_options,
    lake_option,
    run_and_report,
    symbol_option,
    var_option,
    workers_option,
)
from spymaster.lake import Lake
from spymaster.runs.plan import Scope


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@symbol_option()
@date_options()
@lake_option
@workers_option
@var_option
def rerun(
    tables: tuple[str, ...],
    symbols: tuple[str, ...],
    days: ChosenDays,
    lake_path: str | None,
    workers: int | None,
    variables: dict[str, Any],
) -> None:
    """Build tables again, and all that depends on them, fresh or not.

    A table is replaced when its new rows are whole and have passed their tests: until then, and if they
    do not pass, readers find the old ones.

    \b
    Example:
      spymaster rerun vacuum_surface_1s --symbol ESH6 --dates 2026-01-05:2026-01-09
    """
    scope = Scope(rerun=tables)
    run_and_report(Lake.from_option(lake_path), symbols, days, variables, scope, workers)
