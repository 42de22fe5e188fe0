"""A batch of MBO records as the kernels take it: one array a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class MboColumns:
    """A batch of records as columns of equal length, in file order; undefined times made 0 or more.

    An undefined price is UNDEF_PRICE, an undefined size UNDEF_ORDER_SIZE; action and side are ASCII.
    """

    ts_event: np.ndarray[Any, np.dtype[np.int64]]
    ts_recv: np.ndarray[Any, np.dtype[np.int64]]
    order_id: np.ndarray[Any, np.dtype[np.uint64]]
    price: np.ndarray[Any, np.dtype[np.int64]]
    size: np.ndarray[Any, np.dtype[np.int64]]
    flags: np.ndarray[Any, np.dtype[np.uint8]]
    action: np.ndarray[Any, np.dtype[np.uint8]]
    side: np.ndarray[Any, np.dtype[np.uint8]]
    instrument_id: np.ndarray[Any, np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.ts_event)

    @classmethod
    def of_records(cls, records: np.ndarray[Any, Any]) -> MboColumns:
        """Return the columns of Databento records (dtype mbo.RECORD), undefined times replaced.

        An undefined ts_event is taken from ts_recv; an undefined ts_recv is 0.
        """
        recv = np.maximum(records["ts_recv"].astype(np.int64), 0)
        event = records["ts_event"].astype(np.int64)
        return cls(
            ts_event=np.where(event < 0, recv, event),
            ts_recv=recv,
            order_id=records["order_id"].copy(),
            price=records["price"].copy(),
            size=records["size"].astype(np.int64),
            flags=records["flags"].copy(),
            action=records["action"].copy(),
            side=records["side"].copy(),
            instrument_id=records["instrument_id"].astype(np.int64),
        )

    def take(self, indices: Any) -> MboColumns:
        """Return the records at some indices, or in a slice, in their order."""
        return MboColumns(**{name: column[indices] for name, column in vars(self).items()})

    @classmethod
    def joined(cls, parts: list[MboColumns]) -> MboColumns:
        """Return the records of some batches as one."""
        if len(parts) == 1:
            return parts[0]
        names = vars(NO_RECORDS)
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    def as_tuple(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Return the columns in the kernel's order, all read-only.

        Arrow's are so anyway; a writable one would be another type to numba, and compiled again.
        """
        columns = (
            self.ts_event, self.ts_recv, self.order_id, self.price, self.size,
            self.flags, self.action, self.side, self.instrument_id,
        )  # fmt: skip
        views = tuple(column.view() for column in columns)
        for view in views:
            view.flags.writeable = False
        return views


NO_RECORDS = MboColumns(
    ts_event=np.empty(0, np.int64),
    ts_recv=np.empty(0, np.int64),
    order_id=np.empty(0, np.uint64),
    price=np.empty(0, np.int64),
    size=np.empty(0, np.int64),
    flags=np.empty(0, np.uint8),
    action=np.empty(0, np.uint8),
    side=np.empty(0, np.uint8),
    instrument_id=np.empty(0, np.int64),
)
