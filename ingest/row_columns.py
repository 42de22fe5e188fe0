"""Fields of records of odd layouts to Arrow columns, NULL for every value that means undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from databento_dbn import UNDEF_PRICE
from numpy.typing import NDArray

from ingest.bronze_writer import ParquetLayout
from ingest.record_columns import RecordRows
from spymaster.contracts import load_contract


class DamagedTextError(Exception):
    """A text in a record that is not UTF-8."""


Convert = Callable[[NDArray[Any], pa.DataType], pa.Array]


@dataclass(frozen=True)
class Column:
    """A contract's column, the record's field it is made of, and how.

    `absent` is the field's value in records of a DBN version that does not have it. With
    `of_leg` the value stands only in records that describe a leg of a strategy.
    """

    name: str
    field: str
    convert: Convert
    absent: int | None = None
    of_leg: bool = False


def times(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return UTC nanoseconds; NULL for UNDEF_TIMESTAMP and all that no int64 holds.

    >>> times(np.array([5, 2**64 - 1], np.uint64), pa.int64()).to_pylist()
    [5, None]
    """
    nanoseconds = values.astype(np.int64)
    return pa.array(nanoseconds, kind, mask=nanoseconds < 0)


def prices(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return prices times 1e9; NULL for UNDEF_PRICE."""
    return pa.array(values.astype(np.int64), kind, mask=values == UNDEF_PRICE)


def integers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return numbers as they are."""
    return pa.array(values.astype(np.int64), pa.int64()).cast(kind)


def counts(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return numbers; NULL for the field's largest value, which means undefined.

    >>> counts(np.array([2, 255], np.uint8), pa.int32()).to_pylist()
    [2, None]
    """
    undefined = values == np.iinfo(values.dtype).max
    return pa.array(values.astype(np.int64), pa.int64(), mask=undefined).cast(kind)


def ids(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return numbers of instruments; NULL for 0, which means none."""
    return pa.array(values.astype(np.int64), kind, mask=values == 0)


def texts(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    r"""Return texts up to their first zero byte; NULL for empty ones.

    Raises DamagedTextError for one that is not UTF-8.

    >>> texts(np.array([b"ESH6\0x", b""], "S7"), pa.string()).to_pylist()
    ['ESH6', None]
    """
    return _decoded([value.partition(b"\0")[0] or None for value in values.tolist()], kind)


def names(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return texts like `texts`, empty ones as they are."""
    return _decoded([value.partition(b"\0")[0] for value in values.tolist()], kind)


def letters(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return letters from their codes; NULL for a zero byte and a space, which mean undefined.

    >>> letters(np.array([67, 32, 0], np.uint8), pa.string()).to_pylist()
    ['C', None, None]
    """
    found = [bytes([value]) if value not in b"\0 " else None for value in values.tolist()]
    return _decoded(found, kind)


def _decoded(found: list[bytes | None] | list[bytes], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(found, pa.binary()).cast(kind)
    except pa.ArrowInvalid:
        for value in found:
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                raise DamagedTextError(f"the text {value!r} is damaged") from None
        raise


class RowColumns:
    """Turns records into record batches of a bronze contract by a list of its columns."""

    def __init__(self, key: str, columns: tuple[Column, ...], parquet: ParquetLayout) -> None:
        self.schema = load_contract(key).arrow_schema
        self.parquet = parquet
        self._columns = columns
        assert [column.name for column in columns] == self.schema.names, key

    def find_error(self, _records: RecordRows) -> None:
        """Return None: what is wrong with a record's texts is told by `batch`."""

    def batch(self, records: RecordRows) -> pa.RecordBatch:
        """Return the contract's columns; DamagedTextError for a text that is not UTF-8."""
        is_leg = (
            records["leg_count"] != 0 if "leg_count" in records else np.zeros(len(records), bool)
        )
        arrays = []
        for column, field in zip(self._columns, self.schema, strict=True):
            if column.field not in records:
                array = pa.array([column.absent] * len(records), field.type)
            else:
                array = column.convert(records[column.field], field.type)
            if column.of_leg:
                array = pc.if_else(pa.array(is_leg), array, None)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)
