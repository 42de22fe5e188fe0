"""What checks found: tables for the terminal, JSON for machines."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

from rich.console import Console
from rich.table import Table

from spymaster.checks.run import FAILED, NOT_RUN, PASSED, WARNED, CheckResult, DayReport
from spymaster.products import PRICE_SCALE

_TIME_WIDTH = len("2026-01-06 14:30:00Z")
_STYLES = {PASSED: "green", FAILED: "bold red", WARNED: "yellow", NOT_RUN: "dim"}


def print_day(report: DayReport, console: Console) -> None:
    """Print a day: one row a check, then the first rows of what is wrong."""
    title = f"check {report.suite}  {report.symbol} {report.dt}"
    if report.nothing_to_check:
        console.print(f"{title}: {report.nothing_to_check}, nothing to check", highlight=False)
        return
    if report.results:
        console.print(_results(title, report))
    if report.problem:
        console.print(f"{title}: {report.problem}", highlight=False)
    for key in report.missing:
        console.print(
            f"missing: {key} {report.symbol} {report.dt} is not in the lake", highlight=False
        )
    if report.missing:
        console.print(
            f"build it: spymaster build --dt {report.dt} --symbol {report.symbol}", highlight=False
        )
    for result in report.results:
        if result.outcome in (FAILED, WARNED) and result.rows:
            console.print(_first_rows(result))


def _results(title: str, report: DayReport) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("rows", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("what must be true")
    for result in report.results:
        count = "" if result.violations is None else f"{result.violations:,}"
        table.add_row(
            result.check.name, result.outcome, count, f"{result.seconds:.2f}",
            result.reason or result.check.sentence, style=_STYLES[result.outcome],
        )  # fmt: skip
    return table


def _first_rows(result: CheckResult) -> Table:
    shown, all_rows = len(result.rows), result.violations or 0
    first = f"the first {shown} of {all_rows:,} rows" if all_rows > shown else f"{shown} rows"
    table = Table(title=f"{result.check.name}: {first}", title_justify="left")
    for name in result.rows[0]:
        width = _TIME_WIDTH if name.endswith("_ts_ns") else None
        heading = name.removesuffix("_ts_ns").removesuffix("_int")
        table.add_column(heading, overflow="fold", min_width=width)
    for row in result.rows:
        table.add_row(*(readable(name, value) for name, value in row.items()))
    return table


def readable(name: str, value: Any) -> str:
    """Return a value as text by its column's name: times in UTC, prices in points.

    >>> readable("window_start_ts_ns", 1_767_709_740_000_000_000)
    '2026-01-06 14:29:00Z'
    >>> readable("price_int", 6_925_250_000_000), readable("depth_qty_end", None)
    ('6925.25', 'NULL')
    """
    if value is None:
        return "NULL"
    if name.endswith("_ts_ns"):
        return time_text(value)
    if name.endswith("price_int"):
        return f"{value / PRICE_SCALE:.9g}"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def time_text(ns: int) -> str:
    """Return UTC nanoseconds as date and time, with a fraction only if there is one."""
    seconds, fraction = divmod(ns, 10**9)
    text = f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S}"
    return text + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"


def reports_json(reports: list[DayReport]) -> str:
    """Return the days as a JSON text; its keys are those of docs/checks.md."""
    document = {
        "suite": reports[0].suite,
        "symbol": reports[0].symbol,
        "passed": all(report.passed for report in reports),
        "days": [_day_object(report) for report in reports],
    }
    return json.dumps(document, indent=1)


def _day_object(report: DayReport) -> dict[str, Any]:
    return {
        "dt": report.dt,
        "passed": report.passed,
        "nothing_to_check": report.nothing_to_check,
        "problem": report.problem,
        "missing": report.missing,
        "checks": [
            {
                "name": result.check.name,
                "sentence": result.check.sentence,
                "severity": result.check.severity,
                "outcome": result.outcome,
                "violations": result.violations,
                "rows": [_row_object(row) for row in result.rows],
                "reason": result.reason,
                "seconds": round(result.seconds, 3),
            }
            for result in report.results
        ],
    }


def _row_object(row: dict[str, Any]) -> dict[str, Any]:
    """A time stands twice: as the integer of the table and as text."""
    times = {
        name.removesuffix("_ts_ns"): time_text(value)
        for name, value in row.items()
        if name.endswith("_ts_ns") and value is not None
    }
    return {**times, **{name: _json_value(value) for name, value in row.items()}}


def _json_value(value: Any) -> Any:
    """JSON has no NaN and no infinity: these become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_json_value(one) for one in value]
    if isinstance(value, dict):
        return {name: _json_value(one) for name, one in value.items()}
    return value
