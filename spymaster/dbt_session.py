"""One dbt run over one (symbol, dt): what must be built, where it is staged, what gets published.

dbt's macros (dbt_project/macros/lake.sql) call this through the functions of dbt_plugin.py. A run stages
every table in one folder of the lake, outside every glob; tests run on what is staged; at the run's end
the tables that were built and passed are published, and the folder goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from spymaster.contracts import check_parquet, load_contract
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    complete_partitions,
    is_partition_complete,
    manifest_sha256,
    partition_ref,
    publish,
    read_manifest,
)
from spymaster.products import product_of_contract
from spymaster.run_parameters import (
    ENGINE_PARAMETERS,
    OWN_TO_A_DAY,
    boolean,
    gex_parameters,
    run_parameters,
)

Json = dict[str, Any]
OPTION_MBO = "bronze.future_option_mbo.mbo"
_SCHEMAS = {
    "bronze.shared.instrument_definitions": "definition",
    "bronze.future_option.statistics": "statistics",
}


@dataclass
class Node:
    """A lake model of the dbt graph. A scratch model is never published; its children read it."""

    unique_id: str
    name: str
    key: str
    language: str  # sql or python
    checksum: str  # of its file and of the macros and seeds that it uses
    scratch: bool
    options: bool  # of the options: skipped on a day without them
    vars: list[str]  # parameters that it reads
    prior_sessions_of: (
        str | None
    )  # dataset key; with calibration_mode prior, read instead of parents
    parents: list[str]  # unique ids of lake models
    source_keys: list[str]  # dataset keys of bronze tables


@dataclass
class Built:
    """What this run has staged for a node."""

    files: list[Path]
    seconds: float
    report: Json = field(default_factory=dict)


class DbtSession:
    """State of one run; `current()` gives the running one to Python models."""

    _current: DbtSession | None = None
    last: DbtSession | None = None
    """The latest session of this process, for those who ran dbt in it."""

    def __init__(self, request: Json) -> None:
        """Read the run's vars and graph; UserError for a var that is missing or makes no sense."""
        self._stack = contextlib.ExitStack()
        self.lake = Lake.from_option(request["lake"])
        self.symbol, self.dt = str(request["symbol"] or ""), str(request["dt"] or "")
        for name, value in (("dt", self.dt), ("symbol", self.symbol)):
            if not value:
                raise UserError(
                    f"the var {name} is not set: --vars '{{dt: 2026-01-06, symbol: ESH6}}'"
                )
        self.nodes = {node["unique_id"]: Node(**node) for node in request["nodes"]}
        self.selected = set(request["selected"])
        self.overwrite = boolean(request["vars"], "overwrite")
        self.kernel_checksum = str(request["kernel_checksum"])
        self.ref("bronze.future_mbo.mbo")  # says what is wrong with symbol or dt
        self.parameters = run_parameters(self.symbol, self.dt, request["vars"])
        self.built: dict[str, Built] = {}
        self.failed: dict[str, str] = {}
        self.test_failures: list[str] = []
        self.published: list[str] = []
        self._staging: Path | None = None
        self._begun: dict[str, float] = {}
        DbtSession._current = DbtSession.last = self

    on_records: ClassVar[list[Callable[[int], None]]] = []
    """Listeners to the engine's progress, in records; those who run dbt in this process add theirs."""

    def advance(self, records: int) -> None:
        """Tell the listeners that the engine has taken more records."""
        for listener in self.on_records:
            listener(records)

    @classmethod
    def current(cls) -> DbtSession:
        """Return the running session."""
        if cls._current is None:
            raise RuntimeError("no dbt run is under way")
        return cls._current

    def close(self) -> None:
        """Remove what is staged; may be called again."""
        self._stack.close()
        DbtSession._current = None

    def ref(self, key: str) -> PartitionRef:
        """Return this run's partition of a table."""
        of_root = load_contract(key).properties.get("partition_symbol") == "root"
        symbol = product_of_contract(self.symbol).root if of_root else self.symbol
        return partition_ref(self.lake, key, symbol, self.dt)

    @property
    def has_options(self) -> bool:
        """Whether the lake has the records of this day's options on the contract."""
        return is_partition_complete(self.ref(OPTION_MBO))

    def _is_skipped(self, node: Node) -> bool:
        return node.options and not self.has_options

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

    # -- before the models ------------------------------------------------------------------------

    def state(self, node: Node) -> str | None:
        """Return None if the node's partition is complete and fresh, else why it must be built.

        None, too, for a table of options on a day without them.
        """
        if self._is_skipped(node):
            return None
        if node.scratch:
            children = [n for n in self.nodes.values() if node.unique_id in n.parents]
            needed = [n.name for n in children if n.unique_id in self.selected and self.state(n)]
            return f"needed for {', '.join(needed)}" if needed else None
        ref = self.ref(node.key)
        if not is_partition_complete(ref):
            return "missing"
        if self.overwrite:
            return "overwrite"
        manifest = read_manifest(ref)
        for parent in [] if self._reads_prior_sessions(node) else self._published_parents(node):
            if parent.unique_id in self.selected and self.state(parent):
                return f"stale, input {parent.key} is rebuilt"
        expected = self._fingerprint(node)
        for part, value in expected.items():
            if manifest.get(part) != value:
                return f"stale, {_difference(part, manifest.get(part), value)} changed"
        if manifest["contract"]["sha256"] != load_contract(node.key).sha256:
            return "stale, contract changed"
        return None

    def _published_parents(self, node: Node) -> Iterable[Node]:
        for parent in (self.nodes[p] for p in node.parents):
            if parent.scratch:
                yield from self._published_parents(parent)
            elif not self._is_skipped(parent):
                yield parent

    def _source_keys(self, node: Node) -> list[str]:
        keys = list(node.source_keys)
        for parent in (self.nodes[p] for p in node.parents):
            if parent.scratch:
                keys += self._source_keys(parent)
        return keys

    def _checksum(self, node: Node) -> str:
        digest = hashlib.sha256(node.checksum.encode())
        for parent in (self.nodes[p] for p in node.parents):
            if parent.scratch:
                digest.update(self._checksum(parent).encode())
        if node.language == "python":
            digest.update(self.kernel_checksum.encode())
        return digest.hexdigest()

    def _vars(self, node: Node) -> set[str]:
        """Return the parameters that shaped a node's table: its own and those of all before it."""
        return set(node.vars).union(*(self._vars(self.nodes[parent]) for parent in node.parents))

    def _fingerprint(self, node: Node) -> Json:
        shaping = self._vars(node)
        return {
            "inputs": [
                {"key": ref.key, "dt": ref.dt, "manifest_sha256": manifest_sha256(ref)}
                for ref in self._input_refs(node)
            ],
            "model": {"name": node.name, "checksum": self._checksum(node)},
            "parameters": {k: v for k, v in self.parameters.items() if k in shaping},
        }

    def _input_refs(self, node: Node) -> list[PartitionRef]:
        if self._reads_prior_sessions(node):
            return self.prior_sessions(node)
        parents = (parent.key for parent in self._published_parents(node))
        return [self.ref(key) for key in (*self._source_keys(node), *parents)]

    def _reads_prior_sessions(self, node: Node) -> bool:
        return bool(node.prior_sessions_of) and self.parameters["calibration_mode"] == "prior"

    def prior_sessions(self, node: Node) -> list[PartitionRef]:
        """Return the last complete partitions before dt of the table that a node calibrates by.

        A partition counts if it was made with this run's parameters. UserError names the dates that
        are missing when there are fewer than calibration_lookback_sessions.
        """
        key, wanted = str(node.prior_sessions_of), self.parameters["calibration_lookback_sessions"]
        like = {name for parent in node.parents for name in self._vars(self.nodes[parent])}
        like -= set(OWN_TO_A_DAY)
        found: list[PartitionRef] = []
        for ref in reversed(complete_partitions(self.lake, key, self.symbol)):
            if ref.dt < self.dt and len(found) < wanted:
                made_with = read_manifest(ref)["parameters"]
                if all(made_with.get(name) == self.parameters[name] for name in like):
                    found.append(ref)
        if len(found) < wanted:
            have = {ref.dt for ref in found}
            missing = _weekdays_before(self.dt, have, wanted - len(found))
            raise UserError(
                f"calibration_mode prior needs {wanted} sessions of {self.symbol} before {self.dt} "
                f"built with the same vars, the lake has {len(found)}; missing: "
                f"{', '.join(missing)}; build them or set calibration_lookback_sessions"
            )
        return found[::-1]

    def require_sources(self) -> None:
        """Raise UserError if a bronze partition that a selected model reads is not there."""
        for node in self._selected_nodes():
            for key in [] if self._is_skipped(node) else self._source_keys(node):
                if not is_partition_complete(self.ref(key)):
                    schema = _SCHEMAS.get(key, "mbo")
                    raise UserError(
                        f"no bronze data: {self.ref(key)} is not in the lake {self.lake.root}; "
                        f"download the day's schema {schema} and run: spymaster ingest PATH"
                    )

    def require_parents(self) -> None:
        """Raise UserError if a selected model reads one that is neither selected nor complete."""
        for node in self._selected_nodes():
            for parent in (self.nodes[p] for p in node.parents):
                there = not parent.scratch and is_partition_complete(self.ref(parent.key))
                there = there or self._is_skipped(parent) or self._is_skipped(node)
                if parent.unique_id not in self.selected and not there:
                    raise UserError(
                        f"{node.name} reads {parent.name}, which is not in the lake for "
                        f"{self.symbol} {self.dt}: select +{node.name}"
                    )

    def _selected_nodes(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.unique_id in self.selected]

    # -- a model ----------------------------------------------------------------------------------

    def begin(self, unique_id: str) -> Json:
        """Return where a model writes: {"action": "skip"} or {"action": "build", "path": …}."""
        node = self.nodes[unique_id]
        reason = self.state(node)
        if reason is None:
            why = "complete and fresh, skipped"
            if self._is_skipped(node):
                why = f"no options on {self.symbol} on {self.dt}, skipped"
            return {"action": "skip", "reason": why}
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
            self._staging = self._stack.enter_context(self.lake.staging())
        return self._staging

    def end(self, unique_id: str) -> Json:
        """Check what a model wrote against its contract; return the files its view reads."""
        node = self.nodes[unique_id]
        if unique_id in self.failed:
            raise UserError(self.failed[unique_id])
        if unique_id not in self._begun:
            skipped = node.scratch or self._is_skipped(node)
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


def _scratch_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    tagged = pa.schema([pa.field("table_name", pa.dictionary(pa.int8(), pa.string())), *schema])
    # Written once, read once, gone in seconds: cheap to encode beats small.
    return pq.ParquetWriter(path, tagged, compression="lz4", use_dictionary=["table_name", "side"])


def _tagged(name: str, rows: pa.RecordBatch) -> pa.RecordBatch:
    tags = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), len(rows)), [name])
    return pa.RecordBatch.from_arrays(
        [tags, *rows.columns], names=["table_name", *rows.schema.names]
    )


def _weekdays_before(dt: str, have: set[str], count: int) -> list[str]:
    """Return the latest `count` weekdays before dt that are not in `have`, latest first."""
    day, missing = date.fromisoformat(dt), list[str]()
    while len(missing) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5 and day.isoformat() not in have:
            missing.append(day.isoformat())
    return missing


def _difference(part: str, old: Any, new: Any) -> str:
    if part == "parameters" and isinstance(old, dict):
        return ", ".join(f"var {k}" for k in new if old.get(k) != new[k])
    if part == "inputs" and isinstance(old, list):
        return ", ".join(f"input {i['key']}" for i in new if i not in old) or "inputs"
    return "code" if part == "model" else part
