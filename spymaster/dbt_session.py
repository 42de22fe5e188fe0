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
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from spymaster.contracts import check_parquet, load_contract
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    manifest_sha256,
    partition_ref,
    publish,
    read_manifest,
)
from spymaster.products import product_of_contract
from spymaster.sessions import session_of

Json = dict[str, Any]
ENGINE_VARS = ("hud_max_ticks", "rest_ns", "assume_valid", "max_anomaly_share")


@dataclass
class Node:
    """A lake model of the dbt graph. A scratch model is never published; its children read it."""

    unique_id: str
    name: str
    key: str
    checksum: str
    scratch: bool
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
        self.overwrite = _boolean(request["vars"], "overwrite")
        self.code_checksum = str(request["code_checksum"])
        self.ref("bronze.future_mbo.mbo")  # says what is wrong with symbol or dt
        self.parameters = self._parameters(request["vars"])
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
        return partition_ref(self.lake, key, self.symbol, self.dt)

    @property
    def engine_parameters(self) -> Json:
        """Keyword arguments of spymaster_udf's BookParams."""
        names = ("tick_int", "session_start_ns", "session_end_ns", *ENGINE_VARS)
        return {name: self.parameters[name] for name in names}

    def _parameters(self, given: Json) -> Json:
        product = product_of_contract(self.symbol)
        session = session_of(
            date.fromisoformat(self.dt),
            str(given.get("session_start") or product.session_start),
            str(given.get("session_end") or product.session_end),
            str(given.get("session_tz") or product.session_tz),
        )
        return {
            "tick_int": product.tick_int,
            "session": session.text,
            "session_start_ns": session.start_ns,
            "session_end_ns": session.end_ns,
            "hud_max_ticks": _integer(given, "hud_max_ticks"),
            "rest_ns": _integer(given, "rest_ns"),
            "assume_valid": _boolean(given, "assume_valid"),
            "max_anomaly_share": _share(given, "max_anomaly_share"),
        }

    # -- before the models ------------------------------------------------------------------------

    def state(self, node: Node) -> str | None:
        """Return None if the node's partition is complete and fresh, else why it must be built."""
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
        for parent in self._published_parents(node):
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
            else:
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
                digest.update(self.code_checksum.encode())
        return digest.hexdigest()

    def _fingerprint(self, node: Node) -> Json:
        keys = [*self._source_keys(node), *(n.key for n in self._published_parents(node))]
        inputs = [
            {"key": key, "dt": self.dt, "manifest_sha256": manifest_sha256(self.ref(key))}
            for key in keys
        ]
        return {
            "inputs": inputs,
            "model": {"name": node.name, "checksum": self._checksum(node)},
            "parameters": self.parameters,
        }

    def require_sources(self) -> None:
        """Raise UserError if a bronze partition that a selected model reads is not there."""
        for node in self.nodes.values():
            if node.unique_id not in self.selected:
                continue
            for key in self._source_keys(node):
                if not is_partition_complete(self.ref(key)):
                    raise UserError(
                        f"no bronze data: {self.ref(key)} is not in the lake {self.lake.root}; "
                        f"run: spymaster ingest PATH"
                    )

    # -- a model ----------------------------------------------------------------------------------

    def begin(self, unique_id: str) -> Json:
        """Return where a model writes: {"action": "skip"} or {"action": "build", "path": …}."""
        node = self.nodes[unique_id]
        reason = self.state(node)
        if reason is None:
            return {"action": "skip"}
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
            files = [] if node.scratch else [self.ref(node.key).data_path]
        else:
            built = self.built.setdefault(
                unique_id, Built([self.staging / node.name / "part-0.parquet"], 0.0)
            )
            built.seconds = time.monotonic() - self._begun[unique_id]
            if not node.scratch:
                check_parquet(built.files[0], load_contract(node.key))
            files = built.files
        return {"files": [str(path) for path in files]}

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
        blamed = {
            parent for r in results if r["unique_id"] not in succeeded for parent in r["depends_on"]
        }
        self.test_failures = [
            f"{r['name']} fails first at {r['first_row']}" for r in results if r.get("first_row")
        ]
        withheld: list[str] = []
        for node in self.nodes.values():
            if node.scratch or node.unique_id not in self.built:
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


def _difference(part: str, old: Any, new: Any) -> str:
    if part == "parameters" and isinstance(old, dict):
        return ", ".join(f"var {k}" for k in new if old.get(k) != new[k])
    if part == "inputs" and isinstance(old, list):
        return ", ".join(f"input {i['key']}" for i in new if i not in old) or "inputs"
    return "code" if part == "model" else part


def _integer(given: Json, name: str) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserError(f"the var {name} is {value!r}, not a whole number >= 0")
    return value


def _boolean(given: Json, name: str) -> bool:
    value = given.get(name)
    if not isinstance(value, bool):
        raise UserError(f"the var {name} is {value!r}, not true or false")
    return value


def _share(given: Json, name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UserError(f"the var {name} is {value!r}, not a share between 0 and 1")
    return float(value)
