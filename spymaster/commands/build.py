"""`spymaster build`: the plain dbt command for one (symbol, dt), with a progress bar and short errors."""

from __future__ import annotations

import sys
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from spymaster.dbt_run import BuiltTable, build_day, dbt_project_dir
from spymaster.errors import UserError
from spymaster.lake import Lake


@click.command()
@click.option("--dt", required=True, metavar="DATE", help="UTC date of the daily file.")
@click.option("--symbol", required=True, help="Contract, such as ESH6.")
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option("--select", metavar="SELECTOR", help="dbt selector, such as wall_surface_1s.")
@click.option("--overwrite", is_flag=True, help="Build again what is complete and fresh.")
@click.option(
    "--var", "var_texts", multiple=True, metavar="K=V",
    help="A dbt var (see dbt_project/dbt_project.yml); may be given again.",
)  # fmt: skip
def build(
    dt: str,
    symbol: str,
    lake_path: str | None,
    select: str | None,
    overwrite: bool,
    var_texts: tuple[str, ...],
) -> None:
    """Build the tables of one contract and date, and publish those that pass their tests.

    \b
    Example:
      spymaster build --dt 2026-01-06 --symbol ESH6 --var session_start=09:30 --var rest_ns=250000000
    """
    variables = dict(_parse_var(text) for text in var_texts)
    if overwrite:
        variables["overwrite"] = True
    # DuckDB is slow to import and not wanted by --help.
    from spymaster.warehouse import refresh_warehouse

    lake = Lake.from_option(lake_path)
    tables = build_day(lake, symbol, dt, variables, select)
    refresh_warehouse(lake)
    # A pipe has no width of its own, and a name cut short cannot be searched for.
    console = Console() if sys.stdout.isatty() else Console(width=100)
    console.print(build_summary(f"{symbol} {dt}", tables))


def _parse_var(text: str) -> tuple[str, Any]:
    """Split K=V; V is read as YAML, so numbers and booleans come as such, but a time 09:30 as text.

    >>> _parse_var("hud_max_ticks=600"), _parse_var("session_start=09:30")
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


def known_vars() -> list[str]:
    """Return the names of the project's vars that --var takes."""
    project = yaml.safe_load((dbt_project_dir() / "dbt_project.yml").read_text())
    return [name for name in project["vars"] if name not in ("dt", "symbol", "lake", "overwrite")]


def build_summary(title: str, tables: list[BuiltTable]) -> Table:
    """Return what was built as a table for the terminal."""
    view = Table(title=title, title_justify="left")
    for name, justify in (("table", "left"), ("outcome", "left"), ("rows", "right"),
                          ("seconds", "right"), ("size", "right")):  # fmt: skip
        view.add_column(name, justify=justify)  # type: ignore[arg-type]
    for table in tables:
        seconds = f"{table.seconds:.1f}" if table.seconds is not None else ""
        size = f"{table.bytes / 1e6:,.1f} MB"
        view.add_row(table.key, table.outcome, f"{table.rows:,}", seconds, size)
    return view
