"""Runs a suite over a day and says what was found."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb

from spymaster.checks.check import ERROR, WARNING, Check
from spymaster.checks.day import CheckedDay, day_ref, open_day
from spymaster.checks.suites import OPTION_MBO, Suite
from spymaster.contracts import known_keys
from spymaster.dbt_yaml import model_name
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete
from spymaster.progress import progress

FIRST_ROWS: Final = 5

PASSED, FAILED, WARNED, NOT_RUN = "passed", "failed", "warned", "not run"


@dataclass(frozen=True)
class CheckResult:
    """What a check found: how many rows break it, and the first of them."""

    check: Check
    outcome: str
    """One of passed, failed, warned, not run."""
    violations: int | None
    rows: list[dict[str, Any]]
    seconds: float
    reason: str | None = None
    """Why it was not run, or what the query ran into."""


@dataclass
class DayReport:
    """What a suite found on a day."""

    suite: str
    symbol: str
    dt: str
    results: list[CheckResult] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Dataset keys of tables that are not in the lake."""
    problem: str | None = None
    """Why nothing could be checked: a damaged manifest, a partition replaced meanwhile."""
    nothing_to_check: str | None = None
    """Why the day has nothing for this suite; such a day passes."""

    @property
    def passed(self) -> bool:
        """Whether all is there and no error was found; warnings do not count."""
        failed = any(result.outcome == FAILED for result in self.results)
        return not failed and not self.missing and self.problem is None


def check_day(
    suite: Suite, lake: Lake, symbol: str, dt: str, *, require_options: bool = False
) -> DayReport:
    """Run a suite over the published partitions of a day.

    Raises UserError if symbol or dt is malformed. What is wrong with the day's partitions stands in the
    report.

    >>> from pathlib import Path
    >>> from spymaster.checks.suites import SUITES
    >>> check_day(SUITES["data"], Lake(Path("lake")), "ESH6", "2026-01-06").passed  # nothing is built
    False
    """
    day_ref(lake, suite.tables[0], symbol, dt)  # says what is wrong with symbol or dt
    report = DayReport(suite.name, symbol, dt)
    without_options = suite.of_options and not has_any(
        lake, symbol, dt, (OPTION_MBO, *suite.own_tables)
    )
    if without_options and not require_options and has_any(lake, symbol, dt, suite.other_tables):
        report.nothing_to_check = "a day without options"
        return report
    try:
        _run_checks(suite, lake, report)
    except UserError as error:
        report.results, report.problem = [], str(error)
    return report


def _run_checks(suite: Suite, lake: Lake, report: DayReport) -> None:
    with open_day(lake, report.symbol, report.dt, suite.tables) as day:
        report.missing = day.missing
        if len(day.missing) == len(suite.tables):
            return
        checks = suite.checks()
        title = f"check {suite.name} {report.symbol} {report.dt}"
        with progress(title, len(checks), "checks") as advance:
            for check in checks:
                report.results.append(run_check(check, day))
                advance(1)


def has_any(lake: Lake, symbol: str, dt: str, keys: Iterable[str]) -> bool:
    """Return whether the lake has any of these tables of a day."""
    return any(is_partition_complete(day_ref(lake, key, symbol, dt)) for key in keys)


def run_check(check: Check, day: CheckedDay) -> CheckResult:
    """Run one check on the tables of a day."""
    start = time.monotonic()
    absent = _absent_tables(check, day)
    if absent:
        return CheckResult(check, NOT_RUN, None, [], 0.0, f"needs {', '.join(absent)}")
    try:
        (violations,) = day.connection.sql(f"select count(*) from ({check.query})").fetchall()[0]
        rows: list[dict[str, Any]] = []
        if violations:
            first = day.connection.sql(
                f"select * from ({check.query}) order by all limit {FIRST_ROWS}"
            )
            rows = [dict(zip(first.columns, row, strict=True)) for row in first.fetchall()]
    except duckdb.InterruptException:
        raise  # Ctrl-C says nothing of the files
    except duckdb.Error as error:
        if not day.damaged & set(tables_read(check.query)):
            raise  # the files are as they were published: the mistake is in the check
        reason = f"cannot be read: {str(error).splitlines()[0]}"
        return CheckResult(check, FAILED, None, [], time.monotonic() - start, reason)
    outcome = PASSED
    if violations > check.tolerated_share * day.rows.get(str(check.share_of), 0):
        outcome = {ERROR: FAILED, WARNING: WARNED}[check.severity]
    return CheckResult(check, outcome, violations, rows, time.monotonic() - start)


def tables_read(query: str) -> list[str]:
    """Return the lake's tables that a query reads.

    >>> tables_read("select * from wall_surface_1s cross join parameters")
    ['wall_surface_1s']
    """
    known = {model_name(key) for key in known_keys()}
    return sorted(known & set(re.findall(r"\w+", re.sub(r"--.*", "", query))))


def _absent_tables(check: Check, day: CheckedDay) -> list[str]:
    return [name for name in tables_read(check.query) if name not in day.views]


def check_sql(check: Check, day: CheckedDay) -> str:
    """Return a check's query with the views that it needs, to paste into any DuckDB."""
    needed = [*tables_read(check.query), "parameters"]
    views = [day.views[name] for name in needed if name in day.views]
    return ";\n\n".join([*views, check.query]) + ";"
