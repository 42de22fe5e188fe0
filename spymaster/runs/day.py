"""One (symbol, dt), as a function that any process can be asked to run: picklable in and out."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import Any

from spymaster.dbt_run import BuiltTable, build_day
from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.runs.plan import Scope


@dataclass(frozen=True)
class DayTask:
    """What to build: one contract and date of a lake, under dbt's vars.

    `asked` is the symbol that the user gave (ES where the contract is ESH6). With `show` the worker
    itself shows how far it is.
    """

    lake: Lake
    symbol: str
    dt: str
    variables: dict[str, Any] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    asked: str = ""
    show: bool = False

    def __str__(self) -> str:
        return f"{self.symbol} {self.dt}"


@dataclass(frozen=True)
class DayResult:
    """What became of a day: outcome is "built", "fresh", "skipped" or "failed".

    `why` is the cause of a failure or the reason of a skip, in one line; `trace` is the traceback where
    the failure is a defect and no mistake of the user's. `seconds` is wall time.
    """

    asked: str
    symbol: str
    dt: str
    outcome: str
    why: str = ""
    trace: str = ""
    tables: tuple[BuiltTable, ...] = ()
    seconds: float = 0.0

    @property
    def built(self) -> int:
        """How many tables were built."""
        return sum(table.outcome == "built" for table in self.tables)


def run_day(task: DayTask) -> DayResult:
    """Build what is missing or stale of a day; never raises for what goes wrong with it.

    Task and result are picklable, so that it can be submitted to any executor.

    >>> from pathlib import Path
    >>> run_day(DayTask(Lake(Path("nowhere")), "ESH6", "2026-01-06")).outcome
    'failed'
    """
    start = time.monotonic()
    outcome, why, trace, tables = "failed", "", "", list[BuiltTable]()
    try:
        tables = build_day(
            task.lake, task.symbol, task.dt, task.variables, task.scope, show=task.show
        )
        built = any(table.outcome == "built" for table in tables)
        outcome = "built" if built else "fresh"
    except (UserError, OSError) as error:
        why = " ".join(str(error).split())
    except Exception as error:
        why, trace = f"{type(error).__name__}: {error}".split("\n")[0], traceback.format_exc()
    seconds = time.monotonic() - start
    return DayResult(
        task.asked or task.symbol, task.symbol, task.dt, outcome, why, trace, tuple(tables), seconds
    )
