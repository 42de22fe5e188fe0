"""A day's published partitions as views of a DuckDB connection, for checks to read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow.parquet as pq

from spymaster.contracts import ContractError, check_parquet, load_contract
from spymaster.dbt_yaml import model_name
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    manifest_sha256,
    partition_ref,
    read_manifest,
)
from spymaster.products import product_of_contract
from spymaster.run_parameters import gex_parameters

_PARTITIONS = """
create table partitions (
    dataset_key varchar, symbol varchar, dt varchar,
    manifest_rows bigint, file_rows bigint, manifest_bytes bigint, file_bytes bigint,
    manifest_data_sha256 varchar, file_sha256 varchar, contract_problem varchar
)"""
_INPUTS = """
create table partition_inputs (
    dataset_key varchar, input_key varchar, input_dt varchar,
    recorded_manifest_sha256 varchar, published_manifest_sha256 varchar
)"""


@dataclass
class CheckedDay:
    """What is there of a day: complete partitions by table name, and what is missing."""

    connection: duckdb.DuckDBPyConnection
    views: dict[str, str] = field(default_factory=dict)
    """Table name → the SQL that makes its view; `parameters` is among them."""
    rows: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    """Tables whose data file is not what its manifest or its contract says."""


def day_ref(lake: Lake, key: str, symbol: str, dt: str) -> PartitionRef:
    """Return a day's partition of a table: some tables have the root as their symbol."""
    of_root = load_contract(key).properties.get("partition_symbol") == "root"
    return partition_ref(lake, key, product_of_contract(symbol).root if of_root else symbol, dt)


@contextlib.contextmanager
def open_day(lake: Lake, symbol: str, dt: str, keys: tuple[str, ...]) -> Iterator[CheckedDay]:
    """Give the tables of a day as views under their names, in a connection of its own.

    Beside them: `parameters`, one row of what the tables were built with; `partitions` and
    `partition_inputs`, what the manifests say and what the files are. Raises UserError if a partition
    is replaced meanwhile or its manifest is damaged.
    """
    refs = [day_ref(lake, key, symbol, dt) for key in keys]
    complete = [ref for ref in refs if is_partition_complete(ref)]
    before = {ref: manifest_sha256(ref) for ref in complete}
    with (
        tempfile.TemporaryDirectory(prefix="spymaster-check-") as scratch,
        duckdb.connect(config={"temp_directory": scratch}) as connection,
    ):
        if limit := os.environ.get("SPYMASTER_MEMORY_LIMIT"):
            connection.execute("set memory_limit = ?", [limit])
        day = CheckedDay(connection)
        day.missing = [ref.key for ref in refs if ref not in before]
        manifests = {ref: read_manifest(ref) for ref in complete}
        connection.execute(_PARTITIONS)
        connection.execute(_INPUTS)
        for ref, manifest in manifests.items():
            _add_partition(day, ref, manifest)
            _add_inputs(day, lake, symbol, manifest)
        day.views["parameters"] = _parameters_view(symbol, dt, list(manifests.values()))
        for statement in day.views.values():
            connection.execute(statement)
        yield day
    replaced = [str(ref) for ref, sha in before.items() if _manifest_sha256_or_none(ref) != sha]
    if replaced:
        raise UserError(f"{', '.join(replaced)}: replaced while it was checked; check again")


def _add_partition(day: CheckedDay, ref: PartitionRef, manifest: dict[str, Any]) -> None:
    name = model_name(ref.key)
    problem, rows = None, None
    try:
        with pq.ParquetFile(ref.data_path) as file:
            rows = file.metadata.num_rows
        check_parquet(ref.data_path, load_contract(ref.key))
    except ContractError as error:
        problem = str(error)
    except Exception as error:  # a damaged file may raise anything
        problem = f"not a parquet file that can be read: {error}".splitlines()[0]
    sha256, size = None, None
    with contextlib.suppress(OSError), ref.data_path.open("rb") as data:
        sha256 = hashlib.file_digest(data, "sha256").hexdigest()
        size = os.fstat(data.fileno()).st_size
    recorded = manifest["data_file"]
    day.connection.execute(
        "insert into partitions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            ref.key, ref.symbol, ref.dt, manifest["row_count"], rows, recorded["bytes"], size,
            recorded.get("sha256"), sha256, problem,
        ],
    )  # fmt: skip
    if problem or sha256 != recorded.get("sha256"):
        day.damaged.add(name)
    if rows is None:
        return
    day.rows[name] = rows
    path = str(ref.data_path).replace("'", "''")
    day.views[name] = (
        f"create view {name} as from read_parquet('{path}', hive_partitioning = false)"
    )


def _add_inputs(day: CheckedDay, lake: Lake, symbol: str, manifest: dict[str, Any]) -> None:
    for read in manifest.get("inputs", []):
        input_ref = day_ref(lake, read["key"], read.get("symbol", symbol), read["dt"])
        day.connection.execute(
            "insert into partition_inputs values (?, ?, ?, ?, ?)",
            [
                manifest["dataset_key"], read["key"], read["dt"], read["manifest_sha256"],
                _manifest_sha256_or_none(input_ref),
            ],
        )  # fmt: skip


def _manifest_sha256_or_none(ref: PartitionRef) -> str | None:
    try:
        return manifest_sha256(ref)
    except UserError:
        return None


def _parameters_view(symbol: str, dt: str, manifests: list[dict[str, Any]]) -> str:
    values: dict[str, Any] = {"tick_int": product_of_contract(symbol).tick_int}
    for manifest in manifests:
        for name, value in manifest.get("parameters", {}).items():
            values.setdefault(name, value)
    if "gex_max_dte" in values:
        values["expiration_before_ns"] = gex_parameters(values, dt)["expiration_before_ns"]
    columns = ", ".join(f"{_literal(value)} as {name}" for name, value in values.items())
    return f"create view parameters as select {columns}, '{symbol}' as symbol, '{dt}' as dt"


def _literal(value: Any) -> str:
    if value is None:
        return "null::bigint"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}::bigint"
    if isinstance(value, float):
        return f"{value!r}::double"
    text = str(value).replace("'", "''")
    return f"'{text}'"
