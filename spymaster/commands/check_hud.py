"""`spymaster check hud`: the service, checked over its own sockets against the lake."""

from __future__ import annotations

from contextlib import nullcontext
from urllib.parse import urlsplit

import click

from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.terminal import console

BOOK = "silver.future_mbo.book_snapshot_1s"


@click.command()
@click.option("--symbol", required=True, help="Contract, such as ESH6, or root, such as ES.")
@click.option("--dt", metavar="DATE", help="UTC date of the daily file.")
@click.option(
    "--dates", metavar="LIST",
    help="DATE, FIRST:LAST, or a comma list of these, instead of --dt.",
)  # fmt: skip
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option("--url", help="A service that shows this lake [one is started for the check].")
@click.option("--token", envvar="SPYMASTER_TOKEN", help="The token of the service at --url.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout instead of a table.")
def hud(
    symbol: str, dt: str | None, dates: str | None, lake_path: str | None, url: str | None,
    token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Check the HUD service: every window streamed once, in order, with the lake's values; seek,
    speed, bootstrap and the day's end exact.

    \b
    Example:
      spymaster check hud --symbol ESH6 --dt 2026-01-06
    """
    from spymaster.checks.days import asked_days
    from spymaster.checks.hud import check_hud
    from spymaster.checks.report import print_day, reports_json
    from spymaster.hud.day_tables import day_tables
    from spymaster.hud.server import HudServer, ServerOptions
    from spymaster.progress import progress

    _require_http(url)
    lake = Lake.from_option(lake_path)
    days = asked_days(lake, [BOOK], symbol, dt, dates)
    # A service of its own needs no token: it listens on this machine, until the check ends.
    own = None if url else HudServer(lake, ServerOptions(port=0))
    reports = []
    with own.in_thread() if own else nullcontext():
        address = url or (own.url if own else "")
        for contract, day in days:
            windows = day_tables(lake, contract, day).windows
            with progress(f"check hud {contract} {day}", windows, "windows") as advance:
                report = check_hud(lake, contract, day, address, token if url else None, advance)
            reports.append(report)
            if not as_json:
                print_day(report, console(150))
    if as_json:
        click.echo(reports_json(reports))
    failed = [report.dt for report in reports if not report.passed]
    if failed:
        raise UserError(f"check hud {symbol}: not passed on {', '.join(failed)}")


def _require_http(url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        is_http = False
    if not is_http:
        raise UserError(f"--url {url!r} is not an address such as http://127.0.0.1:8765")
