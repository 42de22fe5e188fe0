"""What of one (symbol, dt) is complete and fresh, and why the rest is not: manifests against the graph.

Pure Python over the manifests, in milliseconds and without dbt: `spymaster build` asks it what to do
before dbt starts, dbt's run (dbt_session.py) asks it again under the day's lock, and `spymaster status`
shows it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from spymaster.contracts import load_contract
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    complete_partitions,
    is_partition_complete,
    manifest_sha256,
    partition_damage,
    partition_ref,
    read_manifest,
)
from spymaster.products import is_root, product_of_symbol
from spymaster.root_days import root_inputs
from spymaster.run_parameters import OWN_TO_A_DAY, run_parameters

Json = dict[str, Any]
OPTION_MBO = "bronze.future_option_mbo.mbo"
DAMAGED = "damaged:"
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


def overwritten(value: Any, nodes: Iterable[Node]) -> set[str]:
    """Return the names of the models that the var overwrite (true, false or names) builds again.

    Raises UserError for anything else.

    >>> overwritten(False, [])
    set()
    """
    known = {node.name for node in nodes}
    if isinstance(value, bool):
        return known if value else set()
    if isinstance(value, list) and known.issuperset(str(name) for name in value):
        return {str(name) for name in value}
    raise UserError(f"the var overwrite is {value!r}, not true, false or a list of models")


def is_of_root(node: Node) -> bool:
    """Return whether a model's partitions are of roots, not of contracts; scratch models' are not."""
    return not node.scratch and load_contract(node.key).of_root


class DayPlan:
    """State of every lake model on one (symbol, dt), read once and then remembered.

    The symbol is a contract, or a root for the tables of roots.

    `request` is what dbt knows of the run, as macros/lake.sql gives it: lake, symbol, dt, vars, nodes
    (with their checksums), selected unique ids, and kernel_checksum. Raises UserError for a symbol, dt or
    var that is missing or makes no sense.
    """

    def __init__(self, request: Json) -> None:
        self.lake = Lake.from_option(request["lake"])
        self.symbol, self.dt = str(request["symbol"] or ""), str(request["dt"] or "")
        for name, value in (("dt", self.dt), ("symbol", self.symbol)):
            if not value:
                raise UserError(
                    f"the var {name} is not set: --vars '{{dt: 2026-01-06, symbol: ESH6}}'"
                )
        self.nodes = {node["unique_id"]: Node(**node) for node in request["nodes"]}
        self.selected = set(request["selected"])
        self._overwritten = overwritten(request["vars"].get("overwrite"), self.nodes.values())
        self.kernel_checksum = str(request["kernel_checksum"])
        self.ref("bronze.future_mbo.mbo")  # says what is wrong with symbol or dt
        self.of_root = is_root(self.symbol)
        self.parameters = run_parameters(self.symbol, self.dt, request["vars"])
        self._states: dict[str, str | None] = {}
        self._digests: dict[PartitionRef, str] = {}

    def ref(self, key: str) -> PartitionRef:
        """Return this run's partition of a table."""
        of_root = load_contract(key).of_root
        symbol = product_of_symbol(self.symbol).root if of_root else self.symbol
        return partition_ref(self.lake, key, symbol, self.dt)

    @property
    def has_options(self) -> bool:
        """Whether the lake has the records of this day's options on the contract."""
        return is_partition_complete(self.ref(OPTION_MBO))

    def skip_reason(self, node: Node) -> str | None:
        """Return why a node is not for this run: another grain, or options on a day without them."""
        if is_of_root(node) != self.of_root:
            return (
                f"a table of {'roots' if is_of_root(node) else 'contracts'}, not of {self.symbol}"
            )
        if node.options and not self.has_options:
            return f"no options on {self.symbol} on {self.dt}"
        return None

    def is_skipped(self, node: Node) -> bool:
        """Whether a node is not for this run; see skip_reason."""
        return self.skip_reason(node) is not None

    def state(self, node: Node) -> str | None:
        """Return None if the node's partition is complete and fresh, else why it must be built.

        None, too, for a table that this run skips. As it was when first asked.
        """
        if node.unique_id not in self._states:
            self._states[node.unique_id] = self._state(node)
        return self._states[node.unique_id]

    def _state(self, node: Node) -> str | None:
        if self.is_skipped(node):
            return None
        if node.scratch:
            children = [n for n in self.nodes.values() if node.unique_id in n.parents]
            needed = [n.name for n in children if n.unique_id in self.selected and self.state(n)]
            return f"needed for {', '.join(needed)}" if needed else None
        ref = self.ref(node.key)
        if not is_partition_complete(ref):
            return "missing"
        if node.name in self._overwritten:
            return "overwrite"
        damage = partition_damage(ref)
        return f"{DAMAGED} {damage}" if damage else self._staleness(node, read_manifest(ref))

    def _staleness(self, node: Node, manifest: Json) -> str | None:
        for parent in [] if self._reads_prior_sessions(node) else self._published_parents(node):
            if parent.unique_id in self.selected and self.state(parent):
                return f"stale, input {parent.key} is rebuilt"
        for part, value in self._fingerprint(node).items():
            if manifest.get(part) != value:
                return f"stale, {_difference(part, manifest.get(part), value)} changed"
        contract = manifest.get("contract")
        if (
            not isinstance(contract, dict)
            or contract.get("sha256") != load_contract(node.key).sha256
        ):
            return "stale, contract changed"
        return None

    def _published_parents(self, node: Node) -> Iterable[Node]:
        for parent in (self.nodes[p] for p in node.parents):
            if parent.scratch:
                yield from self._published_parents(parent)
            elif not self.is_skipped(parent):
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
            "inputs": [self._input(ref) for ref in self._input_refs(node)],
            "model": {"name": node.name, "checksum": self._checksum(node)},
            "parameters": {k: v for k, v in self.parameters.items() if k in shaping},
        }

    def _input(self, ref: PartitionRef) -> Json:
        # A contract's inputs are its own or its root's; a root's are of several contracts.
        named = {"symbol": ref.symbol} if self.of_root else {}
        return {"key": ref.key, "dt": ref.dt, **named, "manifest_sha256": self._digest(ref)}

    def _input_refs(self, node: Node) -> list[PartitionRef]:
        if self._reads_prior_sessions(node):
            return self.prior_sessions(node)
        parents = [self.ref(parent.key) for parent in self._published_parents(node)]
        return [*self._source_refs(node), *parents]

    def _source_refs(self, node: Node) -> list[PartitionRef]:
        keys = self._source_keys(node)
        if self.of_root:
            return [ref for key in keys for ref in self.inputs_of_root[key]]
        return [self.ref(key) for key in keys]

    @functools.cached_property
    def inputs_of_root(self) -> dict[str, list[PartitionRef]]:
        """What a run of a root reads of each bronze table."""
        return root_inputs(self.lake, self.symbol, self.dt)

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

    def _digest(self, ref: PartitionRef) -> str:
        # Remembered from before the models run: a partition that is replaced meanwhile leaves a manifest
        # that names the one which may have been read, so that the next plan finds the table stale.
        if ref not in self._digests:
            self._digests[ref] = manifest_sha256(ref)
        return self._digests[ref]

    def remember_inputs(self) -> None:
        """Read the manifests of all that the selected models read and that is there now."""
        for node in self.nodes_to_run():
            parents = [self.ref(parent.key) for parent in self._published_parents(node)]
            for ref in (*self._source_refs(node), *parents):
                if is_partition_complete(ref):
                    self._digest(ref)

    def forget(self, node: Node) -> None:
        """Read a node's manifest anew when next asked: its table has just been published."""
        self._digests.pop(self.ref(node.key), None)

    def require_grain(self) -> None:
        """Raise UserError if no selected model is for a symbol such as this run's."""
        nodes = [node for node in self.selected_nodes() if not node.scratch]
        if nodes and all(is_of_root(node) != self.of_root for node in nodes):
            root = product_of_symbol(self.symbol).root
            wanted = f"a contract such as {root}H6" if self.of_root else f"the root {root}"
            kind = "contracts" if self.of_root else "roots"
            raise UserError(
                f"{', '.join(node.name for node in nodes)}: of {kind}, not of {self.symbol}; give "
                f"{wanted} as the symbol"
            )

    def require_sources(self) -> None:
        """Raise UserError if a bronze partition that a selected model reads is not there."""
        for node in self.nodes_to_run():
            for ref in self._source_refs(node):
                if not is_partition_complete(ref):
                    schema = _SCHEMAS.get(ref.key, "mbo")
                    raise UserError(
                        f"no bronze data: {ref} is not in the lake {self.lake.root}; "
                        f"download the day's schema {schema} and run: spymaster ingest PATH"
                    )

    def require_parents(self) -> None:
        """Raise UserError if a selected model reads one that is neither selected nor complete."""
        for node in self.nodes_to_run():
            for parent in (self.nodes[p] for p in node.parents):
                there = not parent.scratch and is_partition_complete(self.ref(parent.key))
                there = there or self.is_skipped(parent)
                if parent.unique_id not in self.selected and not there:
                    raise UserError(
                        f"{node.name} reads {parent.name}, which is not in the lake for "
                        f"{self.symbol} {self.dt}: select +{node.name}"
                    )

    def require_whole(self) -> None:
        """Raise UserError for what is damaged: a selected table, or one that a selected table reads."""
        for node in self.nodes_to_run():
            for ref in self._source_refs(node):
                damage = partition_damage(ref) if is_partition_complete(ref) else None
                if damage:
                    raise UserError(f"{ref} is damaged: {damage}; ingest its file again")
            for read in (node, *(self.nodes[parent] for parent in node.parents)):
                reason = self.state(read)
                if reason and reason.startswith(DAMAGED):
                    raise UserError(
                        f"{self.ref(read.key)} is {reason}; to build it again, add "
                        f"--select {read.name} --overwrite"
                    )

    def selected_nodes(self) -> list[Node]:
        """Return the selected lake models, in the graph's order."""
        return [node for node in self.nodes.values() if node.unique_id in self.selected]

    def nodes_to_run(self) -> list[Node]:
        """Return the selected lake models that this run does not skip."""
        return [node for node in self.selected_nodes() if not self.is_skipped(node)]


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
        changed = dict.fromkeys(f"input {i['key']}" for i in new if i not in old)
        return ", ".join(changed) or "inputs"
    return "code" if part == "model" else part
