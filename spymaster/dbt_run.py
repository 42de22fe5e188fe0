"""Runs dbt in this process for one (symbol, dt) and says in one line what went wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spymaster.contracts import known_keys
from spymaster.dbt_invoke import invoke_dbt
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest
from spymaster.products import is_root
from spymaster.progress import Advance, progress
from spymaster.runs.graph_cache import ProjectGraph, dbt_arguments, dbt_manifest, project_graph
from spymaster.runs.plan import Scope, plan_day

if TYPE_CHECKING:
    from spymaster.dbt_session import DbtSession

BRONZE_MBO = "bronze.future_mbo.mbo"


@dataclass(frozen=True)
class BuiltTable:
    """A table's partition after a build; outcome is "built" or "fresh"; seconds to make it, bytes."""

    key: str
    outcome: str
    rows: int
    seconds: float | None
    bytes: int


def build_day(
    lake: Lake,
    symbol: str,
    dt: str,
    variables: dict[str, Any],
    select: str | Scope | None = None,
    show: bool = True,
) -> list[BuiltTable]:
    """Build what is missing or stale of a day and return the tables that are complete now.

    `select` is a dbt selector or a whole scope; parents are built too where they are not fresh. dbt is
    not started when there is nothing to do. Raises UserError with the cause if nothing, or not
    everything, could be built.
    """
    scope = select if isinstance(select, Scope) else Scope(select=select)
    if variables.get("overwrite") is True:
        scope = replace(scope, overwrite=True)
    graph = project_graph(variables)
    planned = plan_day(graph, lake, symbol, dt, scope)
    if not planned.models:
        return built_tables(lake, symbol, dt, set())
    every_var = {
        **variables,
        "lake": str(lake.root), "symbol": symbol, "dt": dt, "overwrite": planned.overwrite,
    }  # fmt: skip
    shown = _BuildProgress(f"{symbol} {dt}", _records(lake, symbol, dt)) if show else None
    with (
        tempfile.TemporaryDirectory(prefix="spymaster-dbt-") as scratch,
        contextlib.closing(shown) if shown else contextlib.nullcontext(),
    ):
        published = _run_dbt(scratch, graph, every_var, planned.models, shown)
    return built_tables(lake, symbol, dt, published)


def _records(lake: Lake, symbol: str, dt: str) -> int:
    """Return how many records the engine will take: none for a root."""
    if is_root(symbol):
        return 0
    return int(read_manifest(partition_ref(lake, BRONZE_MBO, symbol, dt))["row_count"])


class _BuildProgress:
    """First the engine's messages, then dbt's steps (models and tests): one bar after the other."""

    def __init__(self, title: str, records: int) -> None:
        self._title, self._records = title, records
        self._bar = contextlib.ExitStack()
        self._engine: Advance | None = None
        self._steps: Advance | None = None
        self._steps_done = 0

    def on_records(self, records: int) -> None:
        """Hear from the engine."""
        if self._engine is None:
            bar = progress(f"book engine {self._title}", self._records, "messages")
            self._engine = self._bar.enter_context(bar)
        self._engine(records)

    def on_event(self, event: Any) -> None:
        """Hear from dbt: its result lines say how many of how many nodes are done."""
        if event.info.name not in ("LogModelResult", "LogTestResult"):
            return
        if event.data.node_info.materialized == "ingested":
            return  # comes before the engine and takes no time
        if self._steps is None:
            self.close()
            total = event.data.total - event.data.index
            bar = progress(f"tables and tests {self._title}", total, "steps")
            self._steps = self._bar.enter_context(bar)
            self._steps_done = event.data.index
            return
        self._steps(max(event.data.index - self._steps_done, 0))
        self._steps_done = max(event.data.index, self._steps_done)

    def close(self) -> None:
        """End what is shown."""
        self._bar.close()


def _run_dbt(
    scratch: str,
    graph: ProjectGraph,
    variables: dict[str, Any],
    models: list[str],
    shown: _BuildProgress | None,
) -> set[str]:
    # dbt takes seconds to import; commands that do not run it should not wait for it.
    from spymaster.dbt_plugin import errors_told
    from spymaster.dbt_session import DbtSession

    arguments = [
        "build", "--no-partial-parse", *dbt_arguments(scratch, variables),
        # Unit tests are about the code, not about this day, and the models read seeds from their files.
        "--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed",
        # With each model the ingested tables that it reads, so that their tests run before it.
        "--select", *models, *(f"1+{name},config.materialized:ingested" for name in models),
    ]  # fmt: skip
    errors_told.clear()
    DbtSession.last = None
    listeners = [shown.on_records] if shown else []
    callbacks = [shown.on_event] if shown else []
    DbtSession.on_records.extend(listeners)
    try:
        outcome = invoke_dbt(arguments, manifest=dbt_manifest(graph), callbacks=callbacks)
    finally:
        for listener in listeners:
            DbtSession.on_records.remove(listener)
        session = _last_session()
        if session:
            session.close()
    if not outcome.success:
        _raise_cause(outcome, errors_told, session.test_failures if session else [])
    return set(session.published) if session else set()


def _last_session() -> DbtSession | None:
    from spymaster.dbt_session import DbtSession

    return DbtSession.last


def _raise_cause(outcome: Any, told: list[str], test_failures: list[str]) -> None:
    if told:
        raise UserError(told[0])
    if test_failures:
        raise UserError("not published: " + "; ".join(test_failures))
    if outcome.exception:
        raise outcome.exception
    messages = [
        f"{result.node.name}: {result.message}"
        for result in outcome.result
        if str(result.status) in ("error", "fail", "runtime error")
    ]
    for message in messages:
        if os.strerror(errno.ENOSPC) in message:
            model = message.partition(":")[0]
            raise UserError(f"the disk is full (while building {model}); make room and run again")
    raise RuntimeError("dbt failed: " + "\n".join(messages))


def built_tables(lake: Lake, symbol: str, dt: str, published: set[str]) -> list[BuiltTable]:
    """Return the tables of a day that are complete; those named in `published` were built now."""
    tables = []
    for key in known_keys():
        ref = partition_ref(lake, key, symbol, dt)
        if key.startswith("bronze.") or not is_partition_complete(ref):
            continue
        manifest = read_manifest(ref)
        outcome = "built" if key.rsplit(".", 1)[1] in published else "fresh"
        tables.append(
            BuiltTable(
                key,
                outcome,
                manifest["row_count"],
                manifest.get("seconds"),
                manifest["data_file"]["bytes"],
            )
        )
    return tables
