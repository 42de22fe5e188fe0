"""Output rows of a kernel, one array a column, handed over to Arrow without a copy."""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any, ClassVar, Final, Self, TypeAlias

import numpy as np
import pyarrow as pa

from spymaster_udf.huge_pages import zeros_in_huge_pages

Memory: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
_SPARE_BUFFERS: Final = 2


class ColumnBuffer:
    """Room for `capacity` rows of int64 columns and of int8 columns, called marks.

    The kernel writes `columns` (int64, column by row) and `marks` (int8, likewise); what has been handed
    over as Arrow must not be written again. The rows that follow go to the `successor`, in memory whose
    Arrow data nobody holds any more, if there is such: to get fresh memory from the system and give it
    back, buffer after buffer, took a tenth of the book engine's time.

    A table's buffer says how many columns and marks it has:

    >>> class TwoColumns(ColumnBuffer):
    ...     column_count, mark_count = 2, 1
    >>> buffer = TwoColumns(capacity=100)
    >>> buffer.columns[1, :3] = 7, 8, 9
    >>> buffer.marks[0, :3] = 1, 0, 1
    >>> buffer.bigint(1, 3, known=0).to_pylist()
    [7, None, 9]
    """

    column_count: ClassVar[int]
    mark_count: ClassVar[int]

    def __init__(self, capacity: int, spare: deque[Memory] | None = None) -> None:
        self.capacity = capacity
        self._spare: deque[Memory] = deque(maxlen=_SPARE_BUFFERS) if spare is None else spare
        size = (8 * self.column_count + self.mark_count) * capacity
        memory = self._spare.pop() if self._spare else zeros_in_huge_pages(size, np.dtype(np.uint8))
        split = 8 * self.column_count * capacity
        self.columns = memory[:split].view(np.int64).reshape(self.column_count, capacity)
        self.marks = memory[split:].view(np.int8).reshape(self.mark_count, capacity)
        # Arrow's arrays keep the lease alive, and the kernel's do not: when it dies, nobody reads.
        lease = memory.view()
        self._arrow = pa.py_buffer(lease)
        weakref.finalize(lease, self._spare.append, memory)

    def successor(self) -> Self:
        """Return a buffer of the same capacity for the rows after these."""
        return type(self)(self.capacity, self._spare)

    def bigint(self, column: int, rows: int, known: int | None = None) -> pa.Array:
        """Return the first rows of a column; NULL where the mark `known`, if one is named, is 0."""
        if known is None:
            buffers, first = [None, self._arrow], column * self.capacity
            return pa.Array.from_buffers(pa.int64(), rows, buffers, null_count=0, offset=first)
        values = self._arrow.slice(8 * column * self.capacity, 8 * rows)
        return pa.Array.from_buffers(pa.int64(), rows, [self._bits(known, rows), values])

    def tinyint(self, mark: int, rows: int) -> pa.Array:
        """Return the first rows of a mark as int8."""
        first = (8 * self.column_count + mark) * self.capacity
        return pa.Array.from_buffers(
            pa.int8(), rows, [None, self._arrow], null_count=0, offset=first
        )

    def boolean(self, mark: int, rows: int) -> pa.Array:
        """Return the first rows of a mark of zeros and ones as booleans."""
        return pa.Array.from_buffers(pa.bool_(), rows, [None, self._bits(mark, rows)], null_count=0)

    def _bits(self, mark: int, rows: int) -> pa.Buffer:
        bits = np.packbits(self.marks[mark, :rows].view(np.uint8), bitorder="little")
        return pa.py_buffer(bits)
