"""A run over symbols and dates: plan each day, give what is to do to the workers, gather the results."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spymaster.dbt_run import BRONZE_MBO, BuiltTable, built_tables
from spymaster.errors import UserError
from spymaster.lake import Lake, complete_partitions, is_partition_complete, partition_ref
from spymaster.progress import Advance, progress
from spymaster.runs.dates import closed
from spymaster.runs.day import DayResult, DayTask
from spymaster.runs.graph_cache import ProjectGraph, project_graph
from spymaster.runs.machine import default_workers, worker_environment
from spymaster.runs.plan import PlannedDay, Scope, plan_day, scope_models
from spymaster.runs.symbols import contract_on, is_root
from spymaster.runs.workers import WorkerPool


@dataclass(frozen=True)
class RangeRequest:
    """What to build: symbols (contracts or roots), sorted dates, dbt's vars, the tables, the workers.

    Of `dates`, those in `alone` are built whatever the calendar says of them. `workers` None: as many as
    the machine serves well.
    """

    lake: Lake
    symbols: list[str]
    dates: list[date]
    variables: dict[str, Any] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    workers: int | None = None
    alone: frozenset[date] = frozenset()


def build_range(request: RangeRequest, say: Callable[[str], None] = print) -> list[DayResult]:
    """Build every (symbol, date) of a request and return what became of each, by symbol and date.

    `say` is given a line for each thing worth telling. One day's failure does not stop the others; it is
    in its result. Raises UserError if the request itself makes no sense or no date has data. With
    calibration_mode prior the dates of a contract are built one after the other, earlier ones first.

    >>> from datetime import date
    >>> from pathlib import Path
    >>> request = RangeRequest(Lake(Path("nowhere")), ["ESH6"], [date(2026, 1, 6)])
    >>> build_range(request)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    spymaster.errors.UserError: no bronze data: bronze.future_mbo.mbo ESH6 2026-01-06 ...
    """
    if request.workers is not None and request.workers < 1:
        raise UserError(f"--workers {request.workers} is not a number of processes from 1")
    results, tasks = _tasks(request)
    graph = project_graph(request.variables)
    scope_models(graph, request.scope)
    workers = request.workers or default_workers(len(tasks))
    run = _Run(request, graph, tasks, say)
    try:
        with (
            WorkerPool(workers, worker_environment(min(workers, len(tasks))), say) as pool,
            run.progress() as advance,
        ):
            for result in run.results(pool):
                results.append(result)
                advance(1)
    except BaseException:
        request.lake.sweep_staging()  # of the workers that were killed
        raise
    order = {symbol: place for place, symbol in enumerate(request.symbols)}
    return sorted(results, key=lambda result: (order[result.asked], result.dt))


class _Run:
    """The days of a run that wait, and how one after the other is planned, begun and told."""

    def __init__(
        self,
        request: RangeRequest,
        graph: ProjectGraph,
        tasks: list[DayTask],
        say: Callable[[str], None],
    ) -> None:
        self._request, self._graph, self._say = request, graph, say
        self._waiting = list(tasks)
        self._in_date_order = graph.vars["calibration_mode"] == "prior"
        self._one_day = len(tasks) == 1

    def progress(self) -> AbstractContextManager[Advance]:
        """Show how many days are done; of one day its worker shows more."""
        if self._one_day:
            return nullcontext(lambda done, total=None: None)
        days = len(self._waiting)
        return progress(f"building {', '.join(self._request.symbols)}", days, "days")

    def results(self, pool: WorkerPool) -> Any:
        """Yield each day's result as it comes."""
        while self._waiting or pool.running:
            while pool.has_room and (task := self._next(pool.running)):
                result = self._begin(task, pool)
                if result:
                    yield result
            if pool.running:
                for result in pool.wait():
                    self._tell(result)
                    yield result

    def _next(self, running: list[DayTask]) -> DayTask | None:
        """Return the next day that need not wait for another, and take it off the list."""
        busy = {task.symbol for task in running} if self._in_date_order else set()
        for task in self._waiting:
            if task.symbol not in busy:
                self._waiting.remove(task)
                return task
        return None

    def _begin(self, task: DayTask, pool: WorkerPool) -> DayResult | None:
        """Give a day to a worker, or return its result if there is nothing to do or it cannot be done."""
        start = time.monotonic()
        outcome, why, tables = "fresh", "", tuple[BuiltTable, ...]()
        try:
            planned = plan_day(self._graph, task.lake, task.symbol, task.dt, task.scope)
            if planned.models:
                task.lake.require_writable()
                self._tell_plan(task, planned)
                pool.submit(task)
                return None
            tables = tuple(built_tables(task.lake, task.symbol, task.dt, set()))
        except (UserError, OSError) as error:
            outcome, why = "failed", " ".join(str(error).split())
        seconds = time.monotonic() - start
        result = DayResult(
            task.asked, task.symbol, task.dt, outcome, why, tables=tables, seconds=seconds
        )
        if outcome == "failed":
            self._tell(result)
        return result

    def _tell_plan(self, task: DayTask, planned: PlannedDay) -> None:
        missing = sum(reason == "missing" for reason in planned.reasons.values())
        if missing:
            self._say(f"{task}: {missing} {'table' if missing == 1 else 'tables'} missing")
        for name, reason in planned.reasons.items():
            if reason != "missing":
                self._say(f"{name} {task}: {reason}")

    def _tell(self, result: DayResult) -> None:
        if self._one_day:
            return
        what = result.why if result.outcome == "failed" else f"{result.built} tables built"
        self._say(f"{result.symbol} {result.dt}: {what} ({result.seconds:.1f} s)")


def _tasks(request: RangeRequest) -> tuple[list[DayResult], list[DayTask]]:
    """Return the days to build, by date, and the results of those that are not, with a word why."""
    results: list[DayResult] = []
    found: dict[tuple[str, str], DayTask] = {}
    for day in request.dates:
        dt = day.isoformat()
        shut = None if day in request.alone else closed(day)
        for asked in request.symbols:
            symbol, why, outcome = asked, shut, "skipped"
            if not why:
                try:
                    symbol = contract_on(request.lake, asked, dt)
                except UserError as error:
                    why, outcome = str(error), "failed"
            if not why and (symbol, dt) in found:
                why = f"as {found[symbol, dt].asked}"
            bronze = None if why else partition_ref(request.lake, BRONZE_MBO, symbol, dt)
            if bronze and not is_partition_complete(bronze):
                why = closed(day) or "no data"
            if why:
                results.append(DayResult(asked, symbol, dt, outcome, why))
            else:
                found[symbol, dt] = DayTask(
                    request.lake, symbol, dt, request.variables, request.scope, asked
                )
    tasks = list(found.values())
    if not tasks:
        _raise_nothing(request, results)
    if len(tasks) == 1:
        tasks = [DayTask(**{**vars(tasks[0]), "show": True})]
    return results, tasks


def _raise_nothing(request: RangeRequest, results: list[DayResult]) -> None:
    for result in results:
        if result.outcome == "failed":
            raise UserError(result.why)
    symbol = request.symbols[0]
    advice = "download the day's schema mbo and run: spymaster ingest PATH"
    if len(results) == 1:
        ref = partition_ref(request.lake, BRONZE_MBO, symbol, results[0].dt)
        raise UserError(f"no bronze data: {ref} is not in the lake {request.lake.root}; {advice}")
    there = [] if is_root(symbol) else complete_partitions(request.lake, BRONZE_MBO, symbol)
    has = f"; of {symbol} it has {there[0].dt} to {there[-1].dt}" if there else f"; {advice}"
    raise UserError(
        f"no bronze data of {', '.join(request.symbols)} from {request.dates[0]} to "
        f"{request.dates[-1]} in the lake {request.lake.root}{has}"
    )
