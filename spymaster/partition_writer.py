"""Writes a partition from Python: any rows of a contract, streamed, checked and published whole."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from spymaster.contracts import ContractError, load_contract
from spymaster.lake import PartitionRef, manifest_sha256, publish

Rows: TypeAlias = pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch]
"""Record batches, at once or one after the other."""


def write_partition(
    ref: PartitionRef,
    rows: Rows,
    *,
    inputs: Sequence[PartitionRef] = (),
    parameters: dict[str, Any] | None = None,
    made_by: str = "write_partition",
) -> int:
    """Make `rows` the partition `ref`, replacing what was there; returns how many they are.

    `rows` have the columns of the contract, in any order and no others; a value of another type is
    taken if nothing of it is lost. A batch is in memory at a time. The manifest names `inputs` (complete
    partitions that the rows were made from), `parameters` (what JSON holds) and `made_by`.

    Raises ContractError, with nothing changed, if a column is missing, unknown, of a type that does not
    fit, or NULL where it must not be; UserError if the table is unknown or an input not complete.

    A table of a dbt model is of that model: the next build of its day replaces the rows by its own.
    """
    started = time.monotonic()
    contract = load_contract(ref.key)
    manifest: dict[str, Any] = {
        "inputs": [
            {"key": one.key, "dt": one.dt, "manifest_sha256": manifest_sha256(one)}
            for one in inputs
        ],
        "model": {"name": made_by, "checksum": ""},
        "parameters": parameters or {},
    }
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    count = 0
    with ref.lake.staging() as folder:
        file = folder / "rows.parquet"
        with pq.ParquetWriter(
            file, contract.arrow_schema, compression="zstd", compression_level=1
        ) as writer:
            for batch in batches:
                writer.write_batch(_fitted(batch, contract.arrow_schema, ref))
                count += batch.num_rows
        manifest["seconds"] = round(time.monotonic() - started, 3)
        publish(ref, file, manifest, contract)
    return count


def _fitted(batch: pa.RecordBatch, schema: pa.Schema, ref: PartitionRef) -> pa.RecordBatch:
    """Return a batch with the columns, order and types of a schema; ContractError if it cannot be."""
    missing = [name for name in schema.names if name not in batch.schema.names]
    unexpected = [name for name in batch.schema.names if name not in schema.names]
    if missing or unexpected or len(batch.schema.names) != len(schema.names):
        raise ContractError(f"{ref}: columns missing {missing}, unexpected {unexpected}")
    columns = []
    for field in schema:
        column = batch.column(field.name)
        try:
            columns.append(column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(
                f"{ref}: column {field.name} is {column.type}, its contract says {field.type}: {error}"
            ) from error
        if not field.nullable and column.null_count:
            raise ContractError(f"{ref}: column {field.name} must not be null")
    return pa.RecordBatch.from_arrays(columns, schema=schema)
