"""Groups of commands that are registered under an entry point group and imported when used."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click


class EntryPointGroup(click.Group):
    """The commands of an entry point group (pyproject.toml): a package above can add its own."""

    def __init__(self, *args: Any, entry_point_group: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._entry_point_group = entry_point_group

    def _commands(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self._entry_point_group)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self._commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; None if there is none."""
        point = self._commands().get(cmd_name)
        command = point.load() if point else None
        return command if isinstance(command, click.Command) else None
