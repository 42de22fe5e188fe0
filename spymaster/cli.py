"""The `spymaster` command: finds the commands of all packages and turns a user's errors into a line."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from spymaster.errors import UserError


class _EntryPointGroup(click.Group):
    """Commands registered under the entry point group `spymaster.commands`, imported when used."""

    def _commands(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group="spymaster.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        point = self._commands().get(cmd_name)
        command = point.load() if point else None
        return command if isinstance(command, click.Command) else None


@click.group(cls=_EntryPointGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
