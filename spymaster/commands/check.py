"""`spymaster check`: integrity suites over published partitions."""

from __future__ import annotations

from typing import Any

import click

from spymaster.checks.day import open_day
from spymaster.checks.days import asked_days
from spymaster.checks.report import print_day, reports_json
from spymaster.checks.run import DayReport, check_day, check_sql
from spymaster.checks.suites import SUITES, Suite
from spymaster.command_group import EntryPointGroup
from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.terminal import console


@click.group(cls=EntryPointGroup, entry_point_group="spymaster.checks")
def check() -> None:
    """Check what is published: suites of SQL queries that find rows that are wrong.

    Exit code 1 if an error is found or a table is missing; warnings do not count.

    \b
    Example:
      spymaster check data --symbol ESH6 --dt 2026-01-06
    """


def _suite_command(suite: Suite, about: str) -> click.Command:
    def run(
        symbol: str, dt: str | None, dates: str | None, lake_path: str | None, as_json: bool,
        show: str | None, require_options: bool = False,
    ) -> None:  # fmt: skip
        lake = Lake.from_option(lake_path)
        days = asked_days(lake, suite.tables, symbol, dt, dates)
        if show:
            click.echo(_shown_sql(suite, lake, *days[0], show))
            return
        screen = console(150)
        reports = []
        for contract, day in days:
            report = check_day(suite, lake, contract, day, require_options=require_options)
            reports.append(report)
            if not as_json:
                print_day(report, screen)
        if as_json:
            click.echo(reports_json(reports))
        _raise_if_failed(suite, reports)

    options: list[Any] = [
        click.Option(["--symbol"], required=True, help="Contract, such as ESH6, or root, such as ES."),
        click.Option(["--dt"], metavar="DATE", help="UTC date of the daily file."),
        click.Option(["--dates"], metavar="LIST",
                     help="DATE, FIRST:LAST, or a comma list of these, instead of --dt."),
        click.Option(["--lake", "lake_path"], metavar="PATH",
                     help="Lake's root [SPYMASTER_LAKE or ./lake]."),
        click.Option(["--json", "as_json"], is_flag=True, help="JSON on stdout instead of tables."),
        click.Option(["--show"], metavar="CHECK",
                     help="Print the check's SQL with its views, to paste into duckdb; check nothing."),
    ]  # fmt: skip
    if suite.of_options:
        options.append(
            click.Option(["--require-options"], is_flag=True,
                         help="A day without options is an error.")
        )  # fmt: skip
    return click.Command(
        suite.name, callback=run, params=options,
        help=f"{about}\n\n\b\nExample:\n  spymaster check {suite.name} --symbol ESH6 --dt 2026-01-06"
        f"\n  spymaster check {suite.name} --symbol ESH6 --dates 2026-01-05:2026-01-09 --json",
    )  # fmt: skip


data = _suite_command(
    SUITES["data"],
    "Check the book, its walls and the radar: against each other, the records and the manifests.",
)
physics = _suite_command(
    SUITES["physics"],
    "Check vacuum, bands, physics surface and calibration: recomputed from the walls.",
)
gex = _suite_command(
    SUITES["gex"],
    "Check quotes and gamma exposure of the options. A day without options passes, with a word.",
)


def _shown_sql(suite: Suite, lake: Lake, symbol: str, dt: str, name: str) -> str:
    checks = {check.name: check for check in suite.checks()}
    if name not in checks:
        raise UserError(f"{suite.name} has no check {name!r}: there are {', '.join(checks)}")
    with open_day(lake, symbol, dt, suite.tables) as day:
        return check_sql(checks[name], day)


def _raise_if_failed(suite: Suite, reports: list[DayReport]) -> None:
    failed = [report for report in reports if not report.passed]
    if failed:
        days = ", ".join(report.dt for report in failed)
        raise UserError(f"check {suite.name} {reports[0].symbol}: not passed on {days}")
