"""The `spymaster` command: finds the commands of all packages and turns a user's errors into a line."""

from __future__ import annotations

import sys

import click

from spymaster.command_group import EntryPointGroup
from spymaster.errors import UserError


@click.group(
    cls=EntryPointGroup,
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
