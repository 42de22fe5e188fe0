"""dbt-duckdb plugin: gives the macros of the `lake` materialization their verbs, as SQL functions.

Each takes and returns JSON text. A user's error comes back as {"error": "one line"}, so that the macro
can raise it as dbt's own error instead of a DuckDB exception with a Python traceback in it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags

from spymaster.contracts import ContractError, known_keys
from spymaster.dbt_code import code_checksum, macro_texts
from spymaster.dbt_session import DbtSession
from spymaster.errors import UserError
from spymaster.lake import is_partition_complete
from spymaster_udf.sql_functions import register as register_sql_functions


def kernel_checksum() -> str:
    """Return the sha256 over the kernels' sources: what a Python model computes depends on them."""
    spec = importlib.util.find_spec("spymaster_udf")
    folders = spec.submodule_search_locations if spec else None
    digest = hashlib.sha256()
    for source in sorted(Path((folders or ["."])[0]).glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _project_dir() -> Path:
    return Path(get_flags().PROJECT_DIR or ".").absolute()


def _open(request: Any) -> Any:
    texts = macro_texts(_project_dir())
    for node in request["nodes"]:
        node["checksum"] = code_checksum(
            node.pop("file_checksum"), node.pop("macros"), node.pop("seed_checksums"), texts
        )
    session = DbtSession(request | {"kernel_checksum": kernel_checksum()})
    for folder in session.lake.sweep_staging():
        print(f"removed the left-over {folder}")
    session.require_sources()
    session.require_parents()
    refs = [session.ref(key) for key in known_keys()]
    return {"files": {ref.key: str(ref.data_path) for ref in refs if is_partition_complete(ref)}}


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


class Plugin(BasePlugin):  # type: ignore[misc]
    """Registers the verbs and SQL functions in every connection that dbt opens."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Add the functions; called by dbt-duckdb once a connection."""
        for name, verb in _VERBS.items():
            conn.create_function(name, _json_verb(verb), ["VARCHAR"], "VARCHAR", side_effects=True)
        # The warehouse file has them as macros, beside which DuckDB takes no function of the name.
        known = "select 1 from duckdb_functions() where function_name = 'black76_iv'"
        if not conn.execute(known).fetchone():
            register_sql_functions(conn)
