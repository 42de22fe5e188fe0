"""Records to bronze columns, and columns to one parquet file per contract and date."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from databento_dbn import UNDEF_ORDER_SIZE, UNDEF_PRICE
from numpy.typing import NDArray

from ingest.record_columns import RecordColumns
from spymaster.contracts import Contract, load_contract
from spymaster.errors import UserError

MBO_KEY: Final = "bronze.future_mbo.mbo"
ROW_GROUP_ROWS: Final = 131_072
"""A multiple of DuckDB's vector and about its own row group, so that scans split evenly."""
MAX_BUFFERED_ROWS: Final = 1_048_576
MAX_OPEN_FILES: Final = 256
MAX_BATCHES: Final = 64
"""Waiting rows of a quiet contract come a few at a time; a batch costs more than such rows."""

_UNKNOWN: Final = -1
# An order id comes again when its order is cancelled: zstd finds that in plain values, not in
# differences. BYTE_STREAM_SPLIT would be quicker for some, but DuckDB reads no such integers.
_ENCODINGS: Final = {
    "ts_recv_ns": "DELTA_BINARY_PACKED",
    "ts_event_ns": "DELTA_BINARY_PACKED",
    "order_id": "PLAIN",
    "flags": "PLAIN",
    "sequence": "DELTA_BINARY_PACKED",
    "ts_in_delta_ns": "DELTA_BINARY_PACKED",
    "channel_id": "PLAIN",
    "publisher_id": "PLAIN",
    "instrument_id": "PLAIN",
}
# Differences and letters are packed into so few bits that zstd saves less than its time is worth.
_UNCOMPRESSED: Final = {
    "ts_recv_ns",
    "ts_event_ns",
    "sequence",
    "ts_in_delta_ns",
    "action",
    "side",
}
_PAGE_BYTES: Final = 256 << 10
_DICTIONARIES: Final = ["action", "side", "price_int", "size_qty"]
_STATISTICS: Final = ["ts_recv_ns", "ts_event_ns", "price_int", "size_qty"]


class MboColumns:
    """Turns MBO records into record batches of the bronze contract.

    >>> from ingest.dbn_file import RECORD
    >>> records = np.zeros(1, RECORD)
    >>> records["action"], records["side"] = ord("A"), ord("B")
    >>> MboColumns().batch(RecordColumns.of(records)).num_rows
    1
    """

    def __init__(self) -> None:
        contract = load_contract(MBO_KEY)
        self._actions = _Letters(contract, "action")
        self._sides = _Letters(contract, "side")
        bytes_of_pair = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
        action_codes = self._actions.code_of_byte[bytes_of_pair[:, 0]]
        side_codes = self._sides.code_of_byte[bytes_of_pair[:, 1]]
        self._is_unknown_pair = (action_codes == _UNKNOWN) | (side_codes == _UNKNOWN)
        self.schema = pa.schema(
            [
                column.with_type(pa.dictionary(pa.int8(), pa.string()))
                if column.name in ("action", "side")
                else column
                for column in contract.arrow_schema
            ]
        )

    def find_unknown_letter(self, records: RecordColumns) -> tuple[int, str] | None:
        """Return (index, what) of the first record with an unknown action or side, None if none."""
        # Both letters are looked up at once: they stand side by side, at an even offset.
        pairs = records.values_at(records.offset_of("action"), np.dtype("<u2"))
        unknown = self._is_unknown_pair[pairs]
        if not unknown.any():
            return None
        first = int(np.argmax(unknown))
        action, side = int(records["action"][first]), int(records["side"][first])
        if self._actions.code_of_byte[action] == _UNKNOWN:
            return first, f"unknown action {bytes([action])!r}"
        return first, f"unknown side {bytes([side])!r}"

    def batch(self, records: RecordColumns) -> pa.RecordBatch:
        """Return the contract's columns; the letters must be known, ts_recv below 2^63.

        Fields of 8 bytes are not copied: the records must not change afterwards.
        """
        ts_event = records["ts_event"].view(np.int64)
        price = records["price"]
        size = records["size"].astype(np.int64)
        columns = [
            pa.array(records["ts_recv"].view(np.int64)),
            _nullable(ts_event, ts_event < 0),
            pa.array(records["order_id"]),
            self._actions.array(records),
            self._sides.array(records),
            _nullable(price, price == UNDEF_PRICE),
            _nullable(size, size == UNDEF_ORDER_SIZE),
            pa.array(records["flags"].astype(np.int32)),
            pa.array(records["sequence"].astype(np.int64)),
            pa.array(records["ts_in_delta"].copy()),
            pa.array(records["channel_id"].astype(np.int32)),
            pa.array(records["publisher_id"].astype(np.int32)),
            pa.array(records["instrument_id"].astype(np.int64)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


class _Letters:
    def __init__(self, contract: Contract, name: str) -> None:
        values = next(f for f in contract.fields if f.name == name).properties["accepted_values"]
        self._name = name
        self._values = pa.array(values, pa.string())
        self.code_of_byte = np.full(256, _UNKNOWN, np.int8)
        for code, value in enumerate(values):
            self.code_of_byte[ord(value)] = code

    def codes(self, records: RecordColumns) -> NDArray[np.int8]:
        codes: NDArray[np.int8] = self.code_of_byte[records[self._name]]
        return codes

    def array(self, records: RecordColumns) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(self.codes(records)), self._values)


def _nullable(values: NDArray[np.int64], undefined: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=undefined) if undefined.any() else pa.array(values)


@dataclass
class _Partition:
    path: Path
    batches: list[pa.RecordBatch] = field(default_factory=list)
    buffered: int = 0
    rows: int = 0
    writer: pq.ParquetWriter | None = None


class PartitionWriters:
    """Writes record batches into one parquet file per (contract, day), in the order they come.

    Rows wait in memory for a row group of their file, at most MAX_BUFFERED_ROWS in all files
    together; a file is opened when its first row group is written.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._open: dict[tuple[str, int], _Partition] = {}
        self._buffered = 0

    def add(self, partition: tuple[str, int], batch: pa.RecordBatch) -> None:
        """Append rows to the file of (contract, day)."""
        if partition not in self._open:
            symbol, day = partition
            self._open[partition] = _Partition(self._folder / f"{symbol}-{day}.parquet")
        file = self._open[partition]
        file.batches.append(batch)
        file.buffered += batch.num_rows
        file.rows += batch.num_rows
        self._buffered += batch.num_rows
        if len(file.batches) >= MAX_BATCHES:
            file.batches = _joined(file.batches, self._schema)
        if file.buffered >= ROW_GROUP_ROWS:
            self._flush(file)
        elif self._buffered > MAX_BUFFERED_ROWS:
            self._flush(max(self._open.values(), key=lambda other: other.buffered))

    def finish(self) -> dict[tuple[str, int], Path]:
        """Complete all open files and return them by (contract, day)."""
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

    def _flush(self, file: _Partition) -> None:
        if not file.batches:
            return
        if file.writer is None:
            if sum(other.writer is not None for other in self._open.values()) >= MAX_OPEN_FILES:
                raise UserError(
                    "too many busy contracts in one file: take them by --root, one each"
                )
            file.writer = pq.ParquetWriter(
                file.path,
                self._schema,
                compression={
                    name: "none" if name in _UNCOMPRESSED else "zstd" for name in self._schema.names
                },
                compression_level={
                    name: 1 for name in self._schema.names if name not in _UNCOMPRESSED
                },
                data_page_size=_PAGE_BYTES,
                use_dictionary=_DICTIONARIES,
                column_encoding=_ENCODINGS,
                write_statistics=_STATISTICS,
                store_schema=False,
            )
        rows: Any = pa.Table.from_batches(file.batches, self._schema)
        file.writer.write_table(rows, row_group_size=len(rows))
        self._buffered -= file.buffered
        file.batches, file.buffered = [], 0


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> list[pa.RecordBatch]:
    return list(pa.Table.from_batches(batches, schema).combine_chunks().to_batches())
