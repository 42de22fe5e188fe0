"""Record batches to one parquet file per table, symbol and date."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.routing import Target
from spymaster.errors import UserError

ROW_GROUP_ROWS: Final = 131_072
"""A multiple of DuckDB's vector and about its own row group, so that scans split evenly."""
MAX_BUFFERED_ROWS: Final = 1_048_576
MAX_OPEN_FILES: Final = 256
MAX_BATCHES: Final = 64
"""Waiting rows of a quiet contract come a few at a time; a batch costs more than such rows."""

_PAGE_BYTES: Final = 256 << 10

Partition = tuple[Target, int]
"""Table and symbol, and the UTC date of ts_recv in days since 1970-01-01."""


@dataclass(frozen=True)
class ParquetLayout:
    """How a table's columns are written: what is packed, and how, best suits their values.

    `uncompressed` columns are not given to zstd; `row_weight`: a row takes as much memory as so
    many MBO rows, and that many fewer make a row group.
    """

    encodings: dict[str, str] = field(default_factory=dict)
    uncompressed: frozenset[str] = frozenset()
    dictionaries: list[str] | bool = True
    statistics: list[str] | bool = True
    row_weight: int = 1


class BronzeColumns(Protocol):
    """Turns the records of a schema into record batches of a bronze contract."""

    schema: pa.Schema
    parquet: ParquetLayout

    def find_error(self, records: Any) -> tuple[int, str] | None:
        """Return (index, what) of the first record that is not of the contract, None if none."""

    def batch(self, records: Any) -> pa.RecordBatch:
        """Return the contract's columns of records without errors."""


@dataclass
class _OpenFile:
    path: Path
    batches: list[pa.RecordBatch] = field(default_factory=list)
    buffered: int = 0
    rows: int = 0
    writer: pq.ParquetWriter | None = None


class PartitionWriters:
    """Writes record batches into one parquet file per (target, day), in the order they come.

    Rows wait in memory for a row group of their file, at most MAX_BUFFERED_ROWS in all files
    together; a file is opened when its first row group is written.
    """

    def __init__(self, folder: Path, schema: pa.Schema, parquet: ParquetLayout) -> None:
        self._folder = folder
        self._schema = schema
        self._parquet = parquet
        self._open: dict[Partition, _OpenFile] = {}
        self._buffered = 0

    def add(self, partition: Partition, batch: pa.RecordBatch) -> None:
        """Append rows to the file of (target, day)."""
        if partition not in self._open:
            target, day = partition
            path = self._folder / f"{target.key}-{target.symbol}-{day}.parquet"
            self._open[partition] = _OpenFile(path)
        file = self._open[partition]
        file.batches.append(batch)
        file.buffered += batch.num_rows
        file.rows += batch.num_rows
        self._buffered += batch.num_rows
        if len(file.batches) >= MAX_BATCHES:
            file.batches = _joined(file.batches, self._schema)
        if file.buffered * self._parquet.row_weight >= ROW_GROUP_ROWS:
            self._flush(file)
        elif self._buffered * self._parquet.row_weight > MAX_BUFFERED_ROWS:
            self._flush(max(self._open.values(), key=lambda other: other.buffered))

    def finish(self) -> dict[Partition, Path]:
        """Complete all open files and return them by (target, day)."""
        done = {}
        for partition, file in self._open.items():
            self._flush(file)
            if file.writer is not None:
                file.writer.close()
            done[partition] = file.path
        self._open.clear()
        return done

    def close(self) -> None:
        """Let go of the files, complete or not; for after an error."""
        for file in self._open.values():
            if file.writer is not None:
                # The file is thrown away; what made it fail is already on its way to the user.
                with contextlib.suppress(OSError, pa.ArrowException):
                    file.writer.close()
        self._open.clear()

    def _flush(self, file: _OpenFile) -> None:
        if not file.batches:
            return
        if file.writer is None:
            if sum(other.writer is not None for other in self._open.values()) >= MAX_OPEN_FILES:
                raise UserError(
                    "too many busy contracts in one file: take them by --root, one each"
                )
            plain = self._parquet.uncompressed
            file.writer = pq.ParquetWriter(
                file.path,
                self._schema,
                compression={
                    name: "none" if name in plain else "zstd" for name in self._schema.names
                },
                compression_level={name: 1 for name in self._schema.names if name not in plain},
                data_page_size=_PAGE_BYTES,
                use_dictionary=self._parquet.dictionaries,
                column_encoding=self._parquet.encodings or None,
                write_statistics=self._parquet.statistics,
                store_schema=False,
            )
        rows: Any = pa.Table.from_batches(file.batches, self._schema)
        file.writer.write_table(rows, row_group_size=len(rows))
        self._buffered -= file.buffered
        file.batches, file.buffered = [], 0


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> list[pa.RecordBatch]:
    return list(pa.Table.from_batches(batches, schema).combine_chunks().to_batches())
