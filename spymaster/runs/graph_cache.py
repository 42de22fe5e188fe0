"""dbt's model graph, remembered between processes, so that a plan does not wait for dbt to start.

The graph is a function of the dbt project's files, the kernels' sources, the packages' versions and the
vars of a run without its day; a sha256 over these is the name of a file in the user's cache folder.
Beside the nodes it keeps dbt's parsed manifest, with which a run starts without parsing anything.
"""

from __future__ import annotations

import contextlib
import graphlib
import hashlib
import importlib.metadata
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spymaster import dbt_code
from spymaster.dbt_invoke import invoke_dbt
from spymaster.errors import UserError
from spymaster.lake import package_versions

Json = dict[str, Any]
OF_A_DAY = ("dt", "symbol", "lake", "overwrite")
"""Vars that no parsed graph depends on."""

_IGNORED = {"target", "logs", "dbt_packages", "__pycache__"}
_KEPT_FILES = 60
_FORMAT = "3"  # raised when what is kept changes


@dataclass(frozen=True)
class ProjectGraph:
    """The dbt project under some vars: its lake models, and every var's value."""

    key: str
    nodes: list[Json]
    vars: Json
    kernel_checksum: str
    manifest_path: Path

    def request(self, lake: Path, symbol: str, dt: str, selected: Iterable[str]) -> Json:
        """Return what `DayPlan` wants to know, with the var overwrite false."""
        return {
            "lake": str(lake),
            "symbol": symbol,
            "dt": dt,
            "vars": self.vars | {"overwrite": False},
            "nodes": [dict(node) for node in self.nodes],
            "selected": list(selected),
            "kernel_checksum": self.kernel_checksum,
        }


def cache_folder() -> Path:
    """Return the folder in the user's cache, beside that of the compiled kernels."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "spymaster" / "graphs"


def project_graph(variables: Json) -> ProjectGraph:
    """Return the graph under vars (those of a day do not count), from the cache if it is there.

    Otherwise dbt parses the project, which takes some seconds. Raises UserError for what dbt rejects.
    """
    shaping = {name: value for name, value in variables.items() if name not in OF_A_DAY}
    key = graph_key(shaping)
    return _load(key) or _parse(key, shaping)


def selected_models(graph: ProjectGraph, selector: str) -> set[str]:
    """Return the unique ids of the lake models that a dbt selector names; UserError if none."""
    named = {node["unique_id"] for node in graph.nodes if node["name"] == selector}
    if named:  # a model's bare name, which dbt need not be asked about
        return named
    name = hashlib.sha256(f"{graph.key} {selector}".encode()).hexdigest()
    path = cache_folder() / f"{name}.selected.json"
    with contextlib.suppress(OSError, ValueError):
        return set(json.loads(path.read_text()))
    known = {node["unique_id"] for node in graph.nodes}
    found = known.intersection(_dbt_list(graph, selector))
    if not found:
        names = ", ".join(sorted(node["name"] for node in graph.nodes if not node["scratch"]))
        raise UserError(f"--select {selector!r} names no table; the tables are {names}")
    _keep(path, json.dumps(sorted(found)).encode())
    return found


def graph_key(shaping: Json) -> str:
    """Return the sha256 over all that the graph depends on.

    >>> graph_key({}) == graph_key({"rest_ns": 1})
    False
    """
    project = dbt_code.dbt_project_dir()
    digest = hashlib.sha256()
    for path in sorted(_project_files(project)):
        digest.update(f"{path.relative_to(project)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    dbt_versions = [importlib.metadata.version(name) for name in ("dbt-core", "dbt-duckdb")]
    parts = [
        _FORMAT,
        dbt_code.kernel_checksum(),
        hashlib.sha256(Path(dbt_code.__file__).read_bytes()).hexdigest(),
        package_versions(),
        dbt_versions,
        str(project),
        shaping,
    ]
    digest.update(json.dumps(parts, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def dbt_manifest(graph: ProjectGraph) -> Any:
    """Return dbt's manifest of the graph, fresh for one run; None if the cache has lost it."""
    from dbt.contracts.graph.manifest import Manifest

    try:
        return Manifest.from_msgpack(graph.manifest_path.read_bytes())
    except Exception:  # a file in a cache, cut short or of another version: dbt can parse anew
        return None


def dbt_arguments(scratch: str | Path, variables: Json) -> list[str]:
    """Return the options that every dbt command of ours gets; `scratch` takes its target and logs."""
    project = str(dbt_code.dbt_project_dir())
    return [
        "--project-dir", project, "--profiles-dir", project, "--target-path", f"{scratch}/target",
        "--log-path", f"{scratch}/logs", "--log-level", "none", "--vars", json.dumps(variables),
    ]  # fmt: skip


def _project_files(project: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in _IGNORED]
        yield from (Path(folder) / name for name in files if not name.endswith(".pyc"))


def _load(key: str) -> ProjectGraph | None:
    path = cache_folder() / f"{key}.json"
    try:
        kept = json.loads(path.read_text())
        graph = ProjectGraph(
            key, kept["nodes"], kept["vars"], kept["kernel_checksum"], path.with_suffix(".msgpack")
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return graph if graph.manifest_path.is_file() else None


def _parse(key: str, shaping: Json) -> ProjectGraph:
    from spymaster.dbt_plugin import errors_told, graphs_told

    with tempfile.TemporaryDirectory(prefix="spymaster-dbt-") as scratch:
        common = dbt_arguments(scratch, shaping)
        parsed = invoke_dbt(["parse", "--no-partial-parse", *common])
        if not parsed.success:
            raise UserError(f"dbt cannot parse {dbt_code.dbt_project_dir()}: {parsed.exception}")
        packed = parsed.result.to_msgpack()
        errors_told.clear()
        graphs_told.clear()
        told = invoke_dbt(["run-operation", "lake_graph", *common], manifest=parsed.result)
    if not graphs_told:
        raise UserError(f"dbt does not tell its graph: {errors_told or told.exception}")
    request = graphs_told.pop()
    path = cache_folder() / f"{key}.json"
    kept = {name: request[name] for name in ("vars", "kernel_checksum")}
    kept["nodes"] = _parents_first(request["nodes"])
    _keep(path.with_suffix(".msgpack"), packed)
    _keep(path, json.dumps(kept).encode())
    return ProjectGraph(key, manifest_path=path.with_suffix(".msgpack"), **kept)


def _parents_first(nodes: list[Json]) -> list[Json]:
    by_id = {node["unique_id"]: node for node in sorted(nodes, key=lambda node: str(node["key"]))}
    order = graphlib.TopologicalSorter({name: node["parents"] for name, node in by_id.items()})
    return [by_id[name] for name in order.static_order()]


def _dbt_list(graph: ProjectGraph, selector: str) -> list[str]:
    shaping = {k: v for k, v in graph.vars.items() if k not in OF_A_DAY and v is not None}
    with tempfile.TemporaryDirectory(prefix="spymaster-dbt-") as scratch:
        listed = invoke_dbt(
            ["ls", "--select", *selector.split(), "--resource-type", "model", "--quiet",
             "--output", "json", "--output-keys", "unique_id", *dbt_arguments(scratch, shaping)],
            manifest=dbt_manifest(graph),
        )  # fmt: skip
    if not listed.success:
        raise UserError(f"--select {selector!r}: {listed.exception}")
    return [json.loads(line)["unique_id"] for line in listed.result]


def _keep(path: Path, content: bytes) -> None:
    """Write a file whole; a cache that cannot be written costs time and nothing else."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
        by_age = sorted(path.parent.iterdir(), key=lambda other: other.stat().st_mtime)
        for old in by_age[:-_KEPT_FILES]:
            old.unlink(missing_ok=True)
