"""Output rows of a kernel, one array a column, handed over to Arrow without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


class ColumnBuffer:
    """Room for `capacity` rows of int64 columns and of int8 columns, called marks.

    The kernel writes `columns` (int64, column by row) and `marks` (int8, likewise); what has been handed
    over as Arrow must not be written again.

    >>> buffer = ColumnBuffer(2, 1, capacity=100)
    >>> buffer.columns[1, :3] = 7, 8, 9
    >>> buffer.marks[0, :3] = 1, 0, 1
    >>> buffer.bigint(1, 3, known=0).to_pylist()
    [7, None, 9]
    """

    def __init__(self, columns: int, marks: int, capacity: int) -> None:
        self.capacity = capacity
        # Arrow's allocator keeps pages between buffers; fresh ones from numpy would fault each time.
        self._memory = pa.allocate_buffer((8 * columns + marks) * capacity)
        self.columns: np.ndarray[Any, np.dtype[np.int64]] = np.frombuffer(
            self._memory, np.int64, columns * capacity
        ).reshape(columns, capacity)
        self.marks: np.ndarray[Any, np.dtype[np.int8]] = np.frombuffer(
            self._memory, np.int8, offset=8 * columns * capacity
        ).reshape(marks, capacity)

    def bigint(self, column: int, rows: int, known: int | None = None) -> pa.Array:
        """Return the first rows of a column; NULL where the mark `known`, if one is named, is 0."""
        values = self._memory.slice(8 * column * self.capacity, 8 * rows)
        if known is None:
            return pa.Array.from_buffers(pa.int64(), rows, [None, values], null_count=0)
        return pa.Array.from_buffers(pa.int64(), rows, [self._bits(known, rows), values])

    def tinyint(self, mark: int, rows: int) -> pa.Array:
        """Return the first rows of a mark as int8."""
        values = pa.py_buffer(self.marks[mark, :rows])
        return pa.Array.from_buffers(pa.int8(), rows, [None, values], null_count=0)

    def boolean(self, mark: int, rows: int) -> pa.Array:
        """Return the first rows of a mark of zeros and ones as booleans."""
        return pa.Array.from_buffers(pa.bool_(), rows, [None, self._bits(mark, rows)], null_count=0)

    def _bits(self, mark: int, rows: int) -> pa.Buffer:
        bits = np.packbits(self.marks[mark, :rows].view(np.uint8), bitorder="little")
        return pa.py_buffer(bits)
