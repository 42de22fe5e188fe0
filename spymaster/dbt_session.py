"""One dbt run over one (symbol, dt): what must be built, where it is staged, what gets published.

dbt's macros (dbt_project/macros/lake.sql) call this through the functions of dbt_plugin.py. A run stages
every table in one folder of the lake, outside every glob; tests run on what is staged; at the run's end
the tables that were built and passed are published, and the folder goes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from spymaster.contracts import check_parquet, load_contract
from spymaster.errors import UserError
from spymaster.freshness import DayPlan, Json, Node
from spymaster.lake import (
    is_partition_complete,
    publish,
)
from spymaster.root_days import require_expirations
from spymaster.run_parameters import (
    ENGINE_PARAMETERS,
    gex_parameters,
)


@dataclass
class Built:
    """What this run has staged for a node."""

    files: list[Path]
    seconds: float
    report: Json = field(default_factory=dict)


class DbtSession(DayPlan):
    """State of one run; `current()` gives the running one to Python models."""

    _current: DbtSession | None = None
    last: DbtSession | None = None
    """The latest session of this process, for those who ran dbt in it."""

    def __init__(self, request: Json) -> None:
        """Read the run's vars and graph; UserError for a var that is missing or makes no sense."""
        super().__init__(request)
        self._stack = contextlib.ExitStack()
        self.built: dict[str, Built] = {}
        self.failed: dict[str, str] = {}
        self.test_failures: list[str] = []
        self.published: list[str] = []
        self._staging: Path | None = None
        self._begun: dict[str, float] = {}
        self._stack.enter_context(self.lake.build_lock(self.symbol, self.dt, _say_waiting))
        DbtSession._current = DbtSession.last = self

    def open(self) -> None:
        """Raise UserError for what the models need and the lake has not; see DayPlan.require_….

        What is read is remembered as it is now, before a model reads it.
        """
        try:
            self.require_grain()
            self.require_sources()
            self.require_whole()
            self.require_parents()
            self.remember_inputs()
            if self.of_root and any(map(self.state, self.selected_nodes())):
                require_expirations(self.lake, self.symbol, self.dt)
        except BaseException:
            self.close()
            raise

    on_records: ClassVar[list[Callable[[int], None]]] = []
    """Listeners to the engine's progress, in records; those who run dbt in this process add theirs."""

    def advance(self, records: int) -> None:
        """Tell the listeners that the engine has taken more records."""
        for listener in self.on_records:
            listener(records)

    @classmethod
    def current(cls) -> DbtSession:
        """Return the running session; RuntimeError if none is."""
        if cls._current is None:
            raise RuntimeError("no dbt run is under way")
        return cls._current

    def close(self) -> None:
        """Remove what is staged; may be called again."""
        self._stack.close()
        DbtSession._current = None

    @property
    def engine_parameters(self) -> Json:
        """Keyword arguments of spymaster_udf's BookParams."""
        return {name: self.parameters[name] for name in ENGINE_PARAMETERS}

    @property
    def quote_parameters(self) -> Json:
        """Keyword arguments of spymaster_udf's OptionQuotes."""
        names = ("session_start_ns", "session_end_ns", "max_anomaly_share")
        return {name: self.parameters[name] for name in names}

    @property
    def gex_parameters(self) -> Json:
        """Keyword arguments of spymaster_udf's GexParams."""
        return gex_parameters(self.parameters, self.dt)

    # -- a model ----------------------------------------------------------------------------------

    def begin(self, unique_id: str) -> Json:
        """Return where a model writes: {"action": "skip"} or {"action": "build", "path": …}.

        Raises UserError if it reads a scratch model that this run has not built.
        """
        node = self.nodes[unique_id]
        reason = self.state(node)
        if reason is None:
            why = self.skip_reason(node) or "complete and fresh"
            return {"action": "skip", "reason": f"{why}, skipped"}
        for parent in (self.nodes[p] for p in node.parents):
            if parent.scratch and parent.unique_id not in self.built:
                raise UserError(f"{node.name} reads {parent.name}: select +{node.name}")
        self._begun[unique_id] = time.monotonic()
        folder = self.staging / node.name
        folder.mkdir()
        return {"action": "build", "reason": reason, "path": str(folder / "part-0.parquet")}

    @property
    def staging(self) -> Path:
        """This run's staging folder, made when first needed."""
        if self._staging is None:
            self._staging = self._stack.enter_context(self.lake.staging(f"{self.symbol} {self.dt}"))
        return self._staging

    def end(self, unique_id: str) -> Json:
        """Check what a model wrote against its contract; return the files its view reads.

        Raises UserError if it has failed or does not keep the contract.
        """
        node = self.nodes[unique_id]
        if unique_id in self.failed:
            raise UserError(self.failed[unique_id])
        if unique_id not in self._begun:
            skipped = node.scratch or self.is_skipped(node)
            files = [] if skipped else [self.ref(node.key).data_path]
        else:
            built = self.built.setdefault(
                unique_id, Built([self.staging / node.name / "part-0.parquet"], 0.0)
            )
            built.seconds = time.monotonic() - self._begun[unique_id]
            if not node.scratch:
                check_parquet(built.files[0], load_contract(node.key))
            files = built.files
        return {"files": [str(path) for path in files]}

    def is_there(self, name: str) -> bool:
        """Return whether a model's table was built in this run or is published."""
        return any(
            node.unique_id in self.built or is_partition_complete(self.ref(node.key))
            for node in self.nodes.values()
            if node.name == name
        )

    def write_tables(self, unique_id: str, tables: Any) -> None:
        """Write a Python model's tagged batches, a parquet file a table, with the table's name in it.

        `tables` iterates (table name, record batch) and has `schemas` and `report`.
        """
        folder = self.staging / self.nodes[unique_id].name
        files = {name: folder / f"{name}.parquet" for name in tables.schemas}
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(_scratch_writer(files[name], schema))
                for name, schema in tables.schemas.items()
            }
            for name, rows in tables:
                writers[name].write_batch(_tagged(name, rows), row_group_size=rows.num_rows)
        self.built[unique_id] = Built(list(files.values()), 0.0, tables.report)

    # -- after the models -------------------------------------------------------------------------

    def finish(self, results: list[Json]) -> Json:
        """Publish what was built and passed its tests; return names by outcome, in build order."""
        succeeded = {r["unique_id"] for r in results if r["status"] in ("success", "pass", "warn")}
        # A test is skipped when a table it reads is not there, which is no fault of the others.
        blamed = {
            judged
            for r in results
            if r["unique_id"] not in succeeded and r["status"] != "skipped"
            for judged in r["judges"]
        }
        self.test_failures = [
            f"{r['name']} fails first at {r['first_row']}" for r in results if r.get("first_row")
        ]
        withheld: list[str] = []
        for node in (self.nodes[unique_id] for unique_id in self.built):
            if node.scratch:
                continue
            sound = node.unique_id in succeeded and node.unique_id not in blamed
            sound = sound and not any(p.name in withheld for p in self._published_parents(node))
            if not sound:
                withheld.append(node.name)
                continue
            self._publish(node)
            self.published.append(node.name)
        return {"published": self.published, "withheld": withheld}

    def _publish(self, node: Node) -> None:
        built = self.built[node.unique_id]
        report: Json = {}
        seconds = built.seconds
        for parent in (self.built[p] for p in node.parents if self.nodes[p].scratch):
            report |= parent.report
            seconds += parent.seconds
        manifest = self._fingerprint(node)
        manifest["anomalies"] = report.pop("anomalies", {})
        manifest["report"] = report
        manifest["seconds"] = round(seconds, 3)
        publish(self.ref(node.key), built.files[0], manifest, load_contract(node.key))
        self.forget(node)


def _say_waiting(who: str) -> None:
    print(f"waiting for another build of {who}", flush=True)


def _scratch_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    tagged = pa.schema([pa.field("table_name", pa.dictionary(pa.int8(), pa.string())), *schema])
    # Written once, read once, gone in seconds: cheap to encode beats small.
    return pq.ParquetWriter(path, tagged, compression="lz4", use_dictionary=["table_name", "side"])


def _tagged(name: str, rows: pa.RecordBatch) -> pa.RecordBatch:
    tags = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), len(rows)), [name])
    return pa.RecordBatch.from_arrays(
        [tags, *rows.columns], names=["table_name", *rows.schema.names]
    )
