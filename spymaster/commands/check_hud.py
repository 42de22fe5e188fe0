"""`spymaster check hud`: the service, checked over its own sockets against the lake."""

from __future__ import annotations

from contextlib import nullcontext

import click

from spymaster.contract_selection import contract_for
from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.terminal import console


@click.command()
@click.option("--symbol", required=True, help="Contract, such as ESH6, or root, such as ES.")
@click.option("--dt", required=True, metavar="DATE", help="UTC date of the daily file.")
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option("--url", help="A service that shows this lake [one is started for the check].")
@click.option("--token", envvar="SPYMASTER_TOKEN", help="The token of the service at --url.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout instead of a table.")
def hud(
    symbol: str, dt: str, lake_path: str | None, url: str | None, token: str | None, as_json: bool
) -> None:
    """Check the HUD service: every window streamed once, in order, with the lake's values; seek,
    speed, bootstrap and the day's end exact.

    \b
    Example:
      spymaster check hud --symbol ESH6 --dt 2026-01-06
    """
    from spymaster.checks.hud import check_hud
    from spymaster.checks.report import print_day, reports_json
    from spymaster.hud.day_tables import day_tables
    from spymaster.hud.server import HudServer, ServerOptions
    from spymaster.progress import progress

    lake = Lake.from_option(lake_path)
    symbol = contract_for(lake, symbol, dt)
    windows = day_tables(lake, symbol, dt).windows
    # A service of its own needs no token: it listens on this machine, until the check ends.
    own = None if url else HudServer(lake, ServerOptions(port=0))
    with (
        own.in_thread() if own else nullcontext(),
        progress(f"check hud {symbol} {dt}", windows, "windows") as advance,
    ):
        address = url or (own.url if own else "")
        report = check_hud(lake, symbol, dt, address, token if url else None, advance)
    if as_json:
        click.echo(reports_json([report]))
    else:
        print_day(report, console(150))
    if not report.passed:
        raise UserError(f"check hud {symbol}: not passed on {dt}")
