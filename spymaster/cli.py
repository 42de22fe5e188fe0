"""The `spymaster` command: finds the commands of all packages and turns a user's errors into a line."""

from __future__ import annotations

import sys
from typing import Any

import click

from spymaster.command_group import EntryPointGroup
from spymaster.errors import INTERRUPTED, UserError


class _Cli(EntryPointGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C becomes one line and exit code 130."""
        try:
            return super().invoke(ctx)
        except BaseException as error:
            if not _is_interrupt(error):
                raise
            click.echo("spymaster: interrupted", err=True)
            ctx.exit(INTERRUPTED)


def _is_interrupt(error: BaseException) -> bool:
    """Whether it stands for Ctrl-C, which DuckDB tells in two ways of its own."""
    return (
        isinstance(error, KeyboardInterrupt)
        or type(error).__name__ == "InterruptException"
        or (type(error) is RuntimeError and str(error) == "Query interrupted")
    )


@click.group(
    cls=_Cli,
    entry_point_group="spymaster.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="spymaster")
def cli() -> None:
    """Order-book microstructure from Databento MBO data, in DuckDB.

    \b
    Example, from nothing to tables:
      spymaster sample --out sample/
      spymaster ingest sample/
      spymaster build --dt 2026-01-06 --symbol ESH6
    """


def main() -> None:
    """Run the command line; a UserError becomes one line on stderr and exit code 1."""
    try:
        cli.main(prog_name="spymaster")
    except UserError as error:
        click.echo(f"spymaster: error: {error}", err=True)
        sys.exit(1)
