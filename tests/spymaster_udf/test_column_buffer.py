"""Buffers that a kernel writes and Arrow reads: memory is used again, but only once nobody reads it."""

from __future__ import annotations

import gc

import pyarrow as pa

from spymaster_udf.column_buffer import ColumnBuffer


class Pairs(ColumnBuffer):
    column_count, mark_count = 2, 2


def filled(buffer: Pairs, value: int) -> pa.RecordBatch:
    buffer.columns[:], buffer.marks[:] = value, value % 2
    return pa.RecordBatch.from_pydict(
        {
            "known": buffer.bigint(0, 5),
            "nullable": buffer.bigint(1, 5, known=1),
            "tiny": buffer.tinyint(0, 5),
            "flag": buffer.boolean(1, 5),
        }
    )


def row(value: int) -> dict[str, int | bool | None]:
    odd = value % 2
    return {"known": value, "nullable": value if odd else None, "tiny": odd, "flag": bool(odd)}


def address(buffer: Pairs) -> int:
    return buffer.columns.ctypes.data


def test_columns_and_marks_become_arrow():
    for value in (4, 7):
        assert filled(Pairs(5), value).to_pylist() == 5 * [row(value)]


def test_rows_that_somebody_holds_are_never_written_again():
    buffer, batches = Pairs(64), []
    for value in range(10):
        batches.append(filled(buffer, value))
        buffer = buffer.successor()
    assert [batch.to_pylist() for batch in batches] == [5 * [row(value)] for value in range(10)]


def test_a_single_column_that_somebody_holds_keeps_its_memory():
    buffer = Pairs(64)
    column = filled(buffer, 3)["known"].to_numpy()
    for value in range(4):
        buffer = buffer.successor()
        filled(buffer, value)
    assert column.tolist() == 5 * [3]


def test_memory_that_nobody_reads_is_used_again():
    buffer, addresses = Pairs(64), set()
    for value in range(20):
        addresses.add(address(buffer))
        filled(buffer, value)
        buffer = buffer.successor()
        gc.collect()
    assert len(addresses) == 2


def test_spare_memory_is_bounded():
    """A reader that held many batches and lets them go does not leave them all with the engine."""
    buffer, batches = Pairs(64), []
    for value in range(10):
        batches.append(filled(buffer, value))
        buffer = buffer.successor()
    spare = buffer._spare
    batches.clear()
    gc.collect()
    assert len(spare) == 2
