"""`spymaster build`: tables of symbols and dates, on one worker or many."""

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
@symbol_option()
@date_options()
@lake_option
@click.option("--layer", "layers", multiple=True, help="Only silver, or only gold.")
@click.option("--product-type", "product_types", multiple=True, help="Such as future_option_mbo.")
@click.option("--select", metavar="SELECTOR", help="dbt selector, such as wall_surface_1s.")
@click.option("--overwrite", is_flag=True, help="Build again what is complete and fresh.")
@workers_option
@var_option
def build(
    symbols: tuple[str, ...],
    days: ChosenDays,
    lake_path: str | None,
    layers: tuple[str, ...],
    product_types: tuple[str, ...],
    select: str | None,
    overwrite: bool,
    workers: int | None,
    variables: dict[str, Any],
) -> None:
    """Build the tables of symbols and dates, and publish those that pass their tests.

    What is complete and fresh is skipped. Tables that those asked for are made of are built too, where
    they are missing or stale. Dates on which there is nothing are skipped with a word.

    \b
    Example:
      spymaster build --symbol ESH6 --dt 2026-01-06 --var session_start=09:30
      spymaster build --symbol ESH6,ESM6 --dates 2026-01-05:2026-01-16,2026-01-20 --workers 2
      spymaster build --symbol ESH6 --dates 2026-01-05:2026-01-09 --select radar_vacuum_1s
    """
    scope = Scope(select, layers, product_types, overwrite=overwrite)
    run_and_report(Lake.from_option(lake_path), symbols, days, variables, scope, workers)
