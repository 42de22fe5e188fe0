"""`spymaster picture`: a day's heatmap as a PNG."""

from __future__ import annotations

from pathlib import Path

import click

from spymaster.contract_selection import contract_for
from spymaster.lake import Lake


@click.command()
@click.option("--dt", required=True, metavar="DATE", help="UTC date of the daily file.")
@click.option("--symbol", required=True, help="Contract such as ESH6, or root such as ES.")
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option("--out", metavar="FILE", help="The PNG [heatmap-SYMBOL-DATE.png].")
def picture(dt: str, symbol: str, lake_path: str | None, out: str | None) -> None:
    """Draw the resting depth of a built day over time and price.

    \b
    Example:
      spymaster picture --dt 2026-01-06 --symbol ESH6 --out heatmap.png
      spymaster picture --dt 2026-01-06 --symbol ES
    """
    # Pillow is wanted by this command alone.
    from spymaster.picture import draw_heatmap

    lake = Lake.from_option(lake_path)
    lake.check_exists()
    contract = contract_for(lake, symbol, dt)
    path = Path(out or f"heatmap-{contract}-{dt}.png")
    draw_heatmap(lake, contract, dt, path)
    click.echo(f"wrote {path}")
