"""Records turned into columns: one pass over the bytes instead of one for each field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.record_layouts import Records

_WORD = np.dtype("<u8")
# So many records that a block and its seven or eight columns stay in the first-level cache.
_BLOCK_RECORDS = 512


class RecordColumns:
    """The fields of some MBO records, each an array with one value a record.

    Reading a field of 56-byte records touches every cache line of them; here their 8-byte words are
    laid out column by column first, and a field is a view of its word's column.

    >>> from ingest.record_layouts import RECORD
    >>> records = np.zeros(3, RECORD)
    >>> records["size"] = [5, 6, 7]
    >>> RecordColumns.of(records).take(np.array([2, 0]))["size"].tolist()
    [7, 5]
    """

    def __init__(self, words: NDArray[np.uint64], record: np.dtype[Any]) -> None:
        self._words = words
        self._record = record

    @classmethod
    def of(cls, records: Records) -> RecordColumns:
        """Copy records, whose fields must not cross the bounds of their 8-byte words."""
        rows = records.view(_WORD).reshape(len(records), -1)
        words = np.empty(rows.shape[::-1], _WORD)
        for start in range(0, len(records), _BLOCK_RECORDS):
            block = slice(start, start + _BLOCK_RECORDS)
            words[:, block] = rows[block].T
        return cls(words, records.dtype)

    def __len__(self) -> int:
        return int(self._words.shape[1])

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a field's values, a view."""
        field_type, offset = self._field(name)
        return self.values_at(offset, field_type)

    def values_at(self, offset: int, value_type: np.dtype[Any]) -> NDArray[Any]:
        """Return what lies at a byte offset in every record, a view."""
        word, inside = divmod(offset, _WORD.itemsize)
        step = _WORD.itemsize // value_type.itemsize
        parts: NDArray[Any] = self._words[word].view(value_type)
        return parts[inside // value_type.itemsize :: step]

    def offset_of(self, name: str) -> int:
        """Return a field's byte offset in the record."""
        return self._field(name)[1]

    def slice(self, start: int, stop: int) -> RecordColumns:
        """Return the records from start to stop, a view."""
        return RecordColumns(self._words[:, start:stop], self._record)

    def take(self, indices: NDArray[np.int64]) -> RecordColumns:
        """Return the records at these indices, a copy."""
        return RecordColumns(self._words.take(indices, axis=1), self._record)

    def _field(self, name: str) -> tuple[np.dtype[Any], int]:
        assert self._record.fields is not None
        field_type, offset = self._record.fields[name][:2]
        return field_type, offset


class RecordRows:
    """The same for records of odd fields, such as texts, of which a day has few: rows, as they are.

    >>> records = np.zeros(2, [("length", "u1"), ("raw_symbol", "S7")])
    >>> RecordRows.of(records)["raw_symbol"].tolist()
    [b'', b'']
    """

    def __init__(self, rows: NDArray[np.void]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, records: Records) -> RecordRows:
        """Copy records."""
        return cls(records.copy())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        """Return whether the records have this field."""
        return name in (self._rows.dtype.names or ())

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a field's values, a view."""
        return self._rows[name]

    def slice(self, start: int, stop: int) -> RecordRows:
        """Return the records from start to stop, a view."""
        return RecordRows(self._rows[start:stop])

    def take(self, indices: NDArray[np.int64]) -> RecordRows:
        """Return the records at these indices, a copy."""
        return RecordRows(self._rows[indices])


RecordBlock = RecordColumns | RecordRows
"""Some records of one kind in file order."""
