"""dbt-duckdb plugin: gives the macros of the `lake` materialization their verbs, as SQL functions.

Each takes and returns JSON text. A user's error comes back as {"error": "one line"}, so that the macro
can raise it as dbt's own error instead of a DuckDB exception with a Python traceback in it.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags

from spymaster.contracts import ContractError, known_keys
from spymaster.dbt_code import code_checksum, kernel_checksum, macro_texts
from spymaster.dbt_session import DbtSession
from spymaster.errors import UserError
from spymaster.freshness import is_of_root
from spymaster.lake import is_partition_complete, partition_damage
from spymaster.runs.machine import THREADS_VARIABLE
from spymaster_udf.sql_functions import register as register_sql_functions


def _project_dir() -> Path:
    return Path(get_flags().PROJECT_DIR or ".").absolute()


def _with_checksums(request: Any) -> Any:
    texts = macro_texts(_project_dir())
    for node in request["nodes"]:
        node["checksum"] = code_checksum(
            node.pop("file_checksum"), node.pop("macros"), node.pop("seed_checksums"), texts
        )
    return request | {"kernel_checksum": kernel_checksum()}


def _open(request: Any) -> Any:
    session = DbtSession(_with_checksums(request))
    for folder in session.lake.sweep_staging():
        print(f"removed the left-over {folder}")
    session.open()
    refs = {key: [session.ref(key)] for key in known_keys()}
    of_contracts = session.inputs_of_root if any(map(is_of_root, session.nodes_to_run())) else {}
    refs |= of_contracts
    # What is damaged and needed has been refused, unless this run builds it again.
    files = {
        key: [
            str(ref.data_path)
            for ref in of_key
            if is_partition_complete(ref) and partition_damage(ref) is None
        ]
        for key, of_key in refs.items()
    }
    return {
        "files": {key: paths for key, paths in files.items() if paths},
        "partition_columns": list(of_contracts),
    }


graphs_told: list[dict[str, Any]] = []
"""What the macro lake_graph told in this process: the run without a day, for runs/graph_cache.py."""


def _prior_sessions(unique_id: str) -> Any:
    session = DbtSession.current()
    return [str(ref.data_path) for ref in session.prior_sessions(session.nodes[unique_id])]


def _finish(request: Any) -> Any:
    session = DbtSession.current()
    try:
        return session.finish(request)
    finally:
        session.close()


errors_told: list[str] = []
"""The errors given to dbt in this process, for those who run dbt in it and want them bare."""

_VERBS: dict[str, Callable[[Any], Any]] = {
    "lake_graph": lambda request: graphs_told.append(_with_checksums(request)),
    "lake_open": _open,
    "lake_begin": lambda unique_id: DbtSession.current().begin(unique_id),
    "lake_end": lambda unique_id: DbtSession.current().end(unique_id),
    "lake_finish": _finish,
    "lake_is_there": lambda name: DbtSession.current().is_there(name),
    "lake_parameter": lambda name: DbtSession.current().parameters[name],
    "lake_seed_path": lambda name: str(_project_dir() / "seeds" / f"{name}.csv"),
    "lake_prior_sessions": _prior_sessions,
}


def _json_verb(verb: Callable[[Any], Any]) -> Callable[[str], str]:
    @functools.wraps(verb)
    def call(request: str) -> str:
        try:
            return json.dumps(verb(json.loads(request)))
        except (UserError, ContractError, OSError) as error:
            errors_told.append(" ".join(str(error).split()))
            return json.dumps({"error": errors_told[-1]})

    return call


class Plugin(BasePlugin):  # type: ignore[misc] # which has no types
    """Registers the verbs and SQL functions in every connection that dbt opens."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Add the functions; called by dbt-duckdb once a connection."""
        for name, verb in _VERBS.items():
            conn.create_function(name, _json_verb(verb), ["VARCHAR"], "VARCHAR", side_effects=True)
        threads = os.environ.get(THREADS_VARIABLE)
        if threads and threads.isdecimal():
            conn.execute(f"set threads = {max(int(threads), 1)}")
        # The warehouse file has them as macros, beside which DuckDB takes no function of the name.
        known = "select 1 from duckdb_functions() where function_name = 'black76_iv'"
        if not conn.execute(known).fetchone():
            register_sql_functions(conn)
