"""MBO records to the columns of bronze.future_mbo.mbo, which are those of the options' table too."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from databento_dbn import UNDEF_ORDER_SIZE, UNDEF_PRICE
from numpy.typing import NDArray

from ingest.bronze_writer import ParquetLayout
from ingest.record_columns import RecordColumns
from spymaster.contracts import Contract, load_contract

MBO_KEY: Final = "bronze.future_mbo.mbo"
OPTION_MBO_KEY: Final = "bronze.future_option_mbo.mbo"

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
_UNCOMPRESSED: Final = frozenset(
    {"ts_recv_ns", "ts_event_ns", "sequence", "ts_in_delta_ns", "action", "side"}
)
_DICTIONARIES: Final = ["action", "side", "price_int", "size_qty"]
_STATISTICS: Final = ["ts_recv_ns", "ts_event_ns", "price_int", "size_qty"]
_PARQUET: Final = ParquetLayout(_ENCODINGS, _UNCOMPRESSED, _DICTIONARIES, _STATISTICS)


class MboColumns:
    """Turns MBO records into record batches of the bronze contract.

    >>> from ingest.record_layouts import RECORD
    >>> records = np.zeros(1, RECORD)
    >>> records["action"], records["side"] = ord("A"), ord("B")
    >>> MboColumns().batch(RecordColumns.of(records)).num_rows
    1
    """

    parquet = _PARQUET

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

    def find_error(self, records: RecordColumns) -> tuple[int, str] | None:
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
