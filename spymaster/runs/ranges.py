"""A run over symbols and dates: plan each day, give what is to do to the workers, gather the results."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from spymaster.contract_selection import MODEL as SELECTION_MODEL
from spymaster.contract_selection import read_selection
from spymaster.contracts import load_contract
from spymaster.dbt_run import BRONZE_MBO, BuiltTable, built_tables
from spymaster.errors import UserError
from spymaster.lake import Lake, complete_partitions, is_partition_complete, partition_ref
from spymaster.products import is_root
from spymaster.progress import Advance, progress
from spymaster.root_days import contracts_in
from spymaster.runs.dates import closed
from spymaster.runs.day import DayResult, DayTask
from spymaster.runs.graph_cache import ProjectGraph, project_graph
from spymaster.runs.machine import default_workers, worker_environment
from spymaster.runs.plan import PlannedDay, Scope, plan_day, scope_models
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
    results, wanted = _wanted(request)
    graph = project_graph(request.variables)
    scope_models(graph, request.scope)
    workers = request.workers or default_workers(len(wanted))
    try:
        with WorkerPool(workers, worker_environment(min(workers, len(wanted))), say) as pool:
            roots = _root_tasks(request, graph, wanted)
            selections = {
                (r.asked, r.dt): r for r in _Run(request, graph, roots, say).results(pool)
            }
            more, tasks = _tasks(request, graph, wanted, selections, say)
            results += more
            run = _Run(request, graph, tasks, say)
            with run.progress() as advance:
                for result in run.results(pool):
                    results.append(_with_selection(result, selections))
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
        if self._one_day or not self._waiting:
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


Wanted = tuple[str, str]
"""Symbol as it was asked for, date."""


def _wanted(request: RangeRequest) -> tuple[list[DayResult], list[Wanted]]:
    """Return, by date, what to build, and the results of days on which there is nothing."""
    results: list[DayResult] = []
    wanted: list[Wanted] = []
    there = {symbol: _dates_with_records(request.lake, symbol) for symbol in request.symbols}
    for day in request.dates:
        dt = day.isoformat()
        for asked in request.symbols:
            why = None if day in request.alone else closed(day)
            if not why and dt not in there[asked]:
                why = closed(day) or "no data"
            if why:
                results.append(DayResult(asked, asked, dt, "skipped", why))
            else:
                wanted.append((asked, dt))
    if not wanted:
        _raise_nothing(request, results)
    return results, wanted


def _dates_with_records(lake: Lake, symbol: str) -> set[str]:
    contracts = contracts_in(lake, symbol) if is_root(symbol) else [symbol]
    refs = (ref for name in contracts for ref in complete_partitions(lake, BRONZE_MBO, name))
    return {ref.dt for ref in refs}


def _root_tasks(request: RangeRequest, graph: ProjectGraph, wanted: list[Wanted]) -> list[DayTask]:
    """Return what selects the front contracts of the roots that were asked for."""
    asked_for = scope_models(graph, request.scope)
    again = (request.scope.overwrite or bool(request.scope.rerun)) and any(
        node["name"] == SELECTION_MODEL and node["unique_id"] in asked_for for node in graph.nodes
    )
    scope = Scope(select=SELECTION_MODEL, overwrite=again)
    return [
        DayTask(request.lake, root, dt, request.variables, scope, root)
        for root, dt in wanted
        if is_root(root)
    ]


def _tasks(
    request: RangeRequest,
    graph: ProjectGraph,
    wanted: list[Wanted],
    selections: dict[Wanted, DayResult],
    say: Callable[[str], None],
) -> tuple[list[DayResult], list[DayTask]]:
    """Return the days of contracts to build, and the results of those that end with the selection."""
    asked_for = scope_models(graph, request.scope)
    of_roots_only = all(
        not node["scratch"] and load_contract(node["key"]).of_root
        for node in graph.nodes
        if node["unique_id"] in asked_for
    )
    results: list[DayResult] = []
    found: dict[Wanted, DayTask] = {}
    for asked, dt in wanted:
        symbol, selection = asked, selections.get((asked, dt))
        if selection and selection.outcome == "failed":
            results.append(selection)
            continue
        if selection:
            symbol = _selected(request.lake, asked, dt, say)
        if selection and of_roots_only:
            results.append(replace(selection, symbol=symbol))
        elif (symbol, dt) in found:
            why = f"as {found[symbol, dt].asked}"
            results.append(DayResult(asked, symbol, dt, "skipped", why))
        elif not is_partition_complete(partition_ref(request.lake, BRONZE_MBO, symbol, dt)):
            results.append(DayResult(asked, symbol, dt, "skipped", f"no data of {symbol}"))
        else:
            found[symbol, dt] = DayTask(
                request.lake, symbol, dt, request.variables, request.scope, asked
            )
    tasks = list(found.values())
    return results, [replace(tasks[0], show=True)] if len(tasks) == 1 else tasks


def _selected(lake: Lake, root: str, dt: str, say: Callable[[str], None]) -> str:
    """Return the front contract; say so where no volume could tell."""
    selection = read_selection(lake, root, dt)
    if selection.prev_trading_date is None:
        say(
            f"{root} {dt}: {selection.selected_symbol} by its expiry; the lake has no earlier date "
            "whose volume could tell"
        )
    return selection.selected_symbol


def _with_selection(result: DayResult, selections: dict[Wanted, DayResult]) -> DayResult:
    """Return a contract's day with the selection that named it."""
    selection = selections.get((result.asked, result.dt))
    if selection is None or result.outcome == "failed":
        return result
    outcome = "built" if "built" in (selection.outcome, result.outcome) else result.outcome
    return replace(result, outcome=outcome, tables=(*selection.tables, *result.tables))


def _raise_nothing(request: RangeRequest, results: list[DayResult]) -> None:
    symbol = request.symbols[0]
    advice = "download the day's schema mbo and run: spymaster ingest PATH"
    if len(results) == 1 and not is_root(symbol):
        ref = partition_ref(request.lake, BRONZE_MBO, symbol, results[0].dt)
        raise UserError(f"no bronze data: {ref} is not in the lake {request.lake.root}; {advice}")
    there = sorted(_dates_with_records(request.lake, symbol))
    has = f"; of {symbol} it has {there[0]} to {there[-1]}" if there else f"; {advice}"
    raise UserError(
        f"no bronze data of {', '.join(request.symbols)} from {request.dates[0]} to "
        f"{request.dates[-1]} in the lake {request.lake.root}{has}"
    )
