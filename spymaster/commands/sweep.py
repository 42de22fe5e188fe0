"""`spymaster sweep`: remove what dead processes left in the lake."""

from __future__ import annotations

import click

from spymaster.commands.run_options import lake_option
from spymaster.lake import Lake


@click.command()
@lake_option
def sweep(lake_path: str | None) -> None:
    """Remove the staging folders of processes that have died, and nothing else.

    Every build does so too when it begins. Tables, locks and downloaded files are never touched.

    \b
    Example:
      spymaster sweep --lake lake
    """
    lake = Lake.from_option(lake_path)
    lake.check_exists()
    removed = lake.left_overs(remove=True)
    for left in removed:
        of = f" of {left.purpose}" if left.purpose else ""
        click.echo(f"removed {left.folder}{of}, {left.bytes:,} bytes")
    total = sum(left.bytes for left in removed)
    click.echo(f"{len(removed)} left-overs removed, {total:,} bytes")
