"""Runs dbt in this process for one (symbol, dt) and says in one line what went wrong."""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spymaster.contracts import contracts_dir, known_keys
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest
from spymaster.progress import Advance, progress

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


def dbt_project_dir() -> Path:
    """Return the dbt project's folder.

    >>> (dbt_project_dir() / "dbt_project.yml").exists()
    True
    """
    return contracts_dir().parent


def build_day(
    lake: Lake, symbol: str, dt: str, variables: dict[str, Any], select: str | None = None
) -> list[BuiltTable]:
    """Run `dbt build` and return the tables that are complete now.

    Raises UserError with the cause if nothing, or not everything, could be built.
    """
    bronze = partition_ref(lake, BRONZE_MBO, symbol, dt)
    if not is_partition_complete(bronze):
        raise UserError(
            f"no bronze data: {bronze} is not in the lake {lake.root}; run: spymaster ingest PATH"
        )
    records = read_manifest(bronze)["row_count"]
    every_var = {**variables, "lake": str(lake.root), "symbol": symbol, "dt": dt}
    with (
        tempfile.TemporaryDirectory(prefix="spymaster-dbt-") as scratch,
        contextlib.closing(_BuildProgress(f"{symbol} {dt}", records)) as shown,
    ):
        published = _run_dbt(scratch, every_var, select, shown)
    return _tables(lake, symbol, dt, published)


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
    scratch: str, variables: dict[str, Any], select: str | None, shown: _BuildProgress
) -> set[str]:
    # dbt takes seconds to import; commands that do not run it should not wait for it.
    from dbt.cli.main import dbtRunner

    from spymaster.dbt_plugin import errors_told
    from spymaster.dbt_session import DbtSession

    project = str(dbt_project_dir())
    arguments = [
        "build", "--project-dir", project, "--profiles-dir", project,
        "--target-path", f"{scratch}/target", "--log-path", f"{scratch}/logs",
        "--log-level", "none", "--no-partial-parse", "--vars", json.dumps(variables),
        # Unit tests are about the code, not about this day, and the models read seeds from their files.
        "--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed",
        *(["--select", select] if select else []),
    ]  # fmt: skip
    errors_told.clear()
    DbtSession.last = None
    DbtSession.on_records.append(shown.on_records)
    try:
        outcome = dbtRunner(callbacks=[shown.on_event]).invoke(arguments)
    finally:
        DbtSession.on_records.remove(shown.on_records)
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
    raise RuntimeError("dbt failed: " + "\n".join(messages))


def _tables(lake: Lake, symbol: str, dt: str, published: set[str]) -> list[BuiltTable]:
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
