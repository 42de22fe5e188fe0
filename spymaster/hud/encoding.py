"""A view of a day (columns, reach) and its encoding: k rows are one complete Arrow IPC stream.

All clients that watch a day through the same view are one playback group: a stretch of windows is
encoded once and the same bytes go to each of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from spymaster.hud.columns import BY_NAME
from spymaster.hud.day import Day

MAX_MESSAGE_BYTES: Final = 3 << 17
"""Bound of a message at speed max; docs/hud.md promises 1 MiB."""

MAX_PACED_BYTES: Final = 1 << 18
"""Bound of a message at a finite speed: what a client that stopped reading can hold in memory."""

BATCH_ROWS: Final = 64
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\0\0\0\0"
_MEMO_BYTES: Final = 4 << 20
"""Enough for clients at one speed that began seconds apart; a stalled client adds nothing to it."""


class View:
    """The rows of a day, with some of the columns and lists cut to some ticks.

    `ticks` is at most the day's reach; `columns` as `columns.selected` returns them.
    """

    def __init__(self, day: Day, ticks: int, columns: tuple[str, ...]) -> None:
        self.day, self.ticks, self.columns = day, ticks, columns
        self._rows = day.rows.select(list(columns))
        self._cuts = ticks < day.reach
        metadata = {**day.rows.schema.metadata, b"ticks": str(ticks).encode()}
        fields = [self._cut_field(field) for field in self._rows.schema]
        self.schema = pa.schema(fields, metadata=metadata)
        self._schema_bytes = self.schema.serialize().to_pybytes()
        self._memo: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._memo_bytes = 0
        self.encodings = 0
        self.max_rows, self.max_paced_rows = (
            self._rows_within(limit) for limit in (MAX_MESSAGE_BYTES, MAX_PACED_BYTES)
        )

    def batch(self, first: int, stop: int) -> pa.RecordBatch:
        """Return rows [first, stop): without a copy, unless the lists are cut."""
        rows = self._rows.slice(first, stop - first)
        if not self._cuts:
            return rows.replace_schema_metadata(self.schema.metadata)
        arrays = [self._cut(rows, index) for index in range(rows.num_columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def encode(self, first: int, stop: int) -> bytes:
        """Return rows [first, stop) as one Arrow IPC stream; at least one row."""
        self.encodings += 1
        rows = self._rows.slice(first, stop - first) if not self._cuts else self.batch(first, stop)
        return b"".join((self._schema_bytes, rows.serialize(), _END_OF_STREAM))

    def stream(self, first: int, stop: int) -> Iterator[bytes]:
        """Yield the pieces of one Arrow IPC stream of rows [first, stop), in batches of 64 rows."""
        yield self._schema_bytes
        for start in range(first, stop, BATCH_ROWS):
            yield self.batch(start, min(start + BATCH_ROWS, stop)).serialize().to_pybytes()
        yield _END_OF_STREAM

    def message(self, first: int, stop: int) -> bytes:
        """Return `encode(first, stop)`, remembered for the group's other clients."""
        key = (first, stop)
        found = self._memo.get(key)
        if found is None:
            found = self.encode(first, stop)
            if len(found) > MAX_PACED_BYTES:
                return found  # at speed max each client has its own stretches
            self._memo[key] = found
            self._memo_bytes += len(found)
            while self._memo_bytes > _MEMO_BYTES:
                self._memo_bytes -= len(self._memo.popitem(last=False)[1])
        return found

    def _rows_within(self, limit: int) -> int:
        """Return how many rows a message of `limit` bytes can always hold, at least one."""
        a_row = sum(_item_bytes(field.type) for field in self.schema)
        padding = 3 * 8 * len(self.schema)  # three buffers a column, each padded to 8 bytes
        return max(1, int((limit - len(self.encode(0, 0)) - padding) / a_row))

    def _cut_field(self, field: pa.Field) -> pa.Field:
        if not self._cuts or BY_NAME[field.name].shape != "ticks":
            return field
        return field.with_type(pa.list_(field.type.value_type, 2 * self.ticks + 1))

    def _cut(self, rows: pa.RecordBatch, index: int) -> pa.Array:
        array = rows.column(index)
        if BY_NAME[rows.schema.names[index]].shape != "ticks":
            return array
        width, kept = 2 * self.day.reach + 1, 2 * self.ticks + 1
        items = array.values.slice(array.offset * width, len(array) * width)
        from_each = np.arange(self.day.reach - self.ticks, self.day.reach + self.ticks + 1)
        places = (np.arange(len(array))[:, None] * width + from_each).ravel()
        mask = array.is_null() if array.null_count else None
        return pa.FixedSizeListArray.from_arrays(items.take(pa.array(places)), kept, mask=mask)


def _item_bytes(of: pa.DataType) -> float:
    """Return the bytes of a value and its bit of validity."""
    if pa.types.is_fixed_size_list(of):
        return float(of.list_size * _item_bytes(of.value_type) + 1 / 8)
    return float((of.bit_width + 1) / 8)


class Views:
    """The views of a day that were asked for lately, so that equal clients share one."""

    def __init__(self, day: Day, limit: int = 16) -> None:
        self.day, self.limit = day, limit
        self._views: OrderedDict[tuple[int, tuple[str, ...]], View] = OrderedDict()

    def get(self, ticks: int, columns: tuple[str, ...]) -> View:
        """Return the view, a new one if none of the last ones is it."""
        key = (ticks, columns)
        view = self._views.get(key) or View(self.day, ticks, columns)
        self._views[key] = view
        self._views.move_to_end(key)
        while len(self._views) > self.limit:
            self._views.popitem(last=False)
        return view
