"""What a stream of MBO records is made of: actions, flags, event shapes, snapshots, times that go back.

>>> census = RecordCensus()
>>> census.feed(NO_RECORDS)
>>> census.records
0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spymaster_udf.event_shape_kernel import (
    ACTIONS,
    CENSUS_STATE_SIZE,
    EVENT_BACK,
    FIRST_EVENT_BACK,
    FIRST_RECV_BACK,
    INSTRUMENT_CENSUS,
    LONG_RUN,
    MARK_OF_ACTION,
    MORE,
    OTHER_ACTION,
    RECORDS,
    RECV_BACK,
    SPAN,
    take_census,
)
from spymaster_udf.mbo_columns import NO_RECORDS, MboColumns

MOST_SHAPES: Final = 100_000
"""So many different shapes are told apart; the events of others are counted together."""
MOST_SPANS: Final = 10_000
"""So many snapshots are kept, the first ones; all are counted."""

_NO_TIME: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Snapshot:
    """A span of snapshot records of one instrument, by record number (from 0) and ts_recv, UTC ns."""

    instrument_id: int
    first_record: int
    last_record: int
    first_ts_recv: int
    last_ts_recv: int
    orders: int
    ended_by_last: bool
    """False: the first record without F_SNAPSHOT, or the stream's end, ended it."""


@dataclass(frozen=True)
class TimesBack:
    """How often a time was smaller than the one before, and the first record where it was."""

    count: int
    first_record: int


class RecordCensus:
    """Counts the records of any number of instruments; memory does not grow with their number."""

    def __init__(self) -> None:
        self.flags_of_action = np.zeros((256, 256), np.int64)
        """Records by action (ASCII) and value of `flags`."""
        self.sides_of_action = np.zeros((256, 256), np.int64)
        """Records by action and side (ASCII)."""
        self.shapes: Counter[int] = Counter()
        self.other_shapes = 0
        self.snapshots: list[Snapshot] = []
        self.snapshot_count = 0
        self.unended_snapshots = 0
        """Those that F_LAST did not end."""
        self._state = np.zeros(CENSUS_STATE_SIZE, np.int64)
        self._instruments = np.zeros(16, INSTRUMENT_CENSUS)
        self._slot_of: dict[int, int] = {}

    def feed(self, batch: MboColumns) -> None:
        """Count a batch of records."""
        slots = self._slots(batch.instrument_id)
        shapes = np.empty(len(batch), np.uint64)
        spans = np.empty(len(batch) + 1, SPAN)
        shape_count, span_count = take_census(
            batch.ts_event, batch.ts_recv, batch.flags, batch.action, batch.side, slots,
            MARK_OF_ACTION, self._instruments, self._state, self.flags_of_action,
            self.sides_of_action, shapes, spans,
        )  # fmt: skip
        self._count_shapes(shapes[:shape_count])
        self._keep(spans[:span_count])

    def finish(self) -> None:
        """End the snapshots that the stream's end cuts off."""
        ids = list(self._slot_of)
        for slot in np.flatnonzero(self._instruments["in_snapshot"][: len(ids)]):
            one = self._instruments[slot]
            names = ("span_start", "span_last", "span_start_ns", "span_last_ns", "span_adds")
            first, last, first_ns, last_ns, adds = (int(one[name]) for name in names)
            self._add_snapshot(Snapshot(ids[slot], first, last, first_ns, last_ns, adds, False))

    @property
    def records(self) -> int:
        """Records so far."""
        return int(self._state[RECORDS])

    @property
    def events(self) -> int:
        """Events that ended, of all instruments."""
        return int(self._instruments["events"].sum())

    @property
    def instruments(self) -> Iterator[tuple[int, int, int]]:
        """(instrument id, records, events), in the order of first sight."""
        for instrument_id, slot in self._slot_of.items():
            one = self._instruments[slot]
            yield instrument_id, int(one["records"]), int(one["events"])

    @property
    def unended_events(self) -> int:
        """Instruments whose last record did not end its event."""
        return int(self._instruments["is_open"].sum())

    @property
    def ts_recv_back(self) -> TimesBack:
        """ts_recv below that of the record before, which Databento's files never have."""
        return TimesBack(int(self._state[RECV_BACK]), int(self._state[FIRST_RECV_BACK]))

    @property
    def ts_event_back(self) -> TimesBack:
        """ts_event below that of the instrument's record before, snapshots left out."""
        return TimesBack(int(self._state[EVENT_BACK]), int(self._state[FIRST_EVENT_BACK]))

    def _slots(self, ids: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, Any]:
        if len(ids) and (ids == ids[0]).all():
            return np.full(len(ids), self._slot(int(ids[0])))
        distinct, place = np.unique(ids, return_inverse=True)
        slot_of = np.array([self._slot(one) for one in distinct.tolist()], np.int64)
        slots: np.ndarray[Any, Any] = slot_of[place.reshape(-1)]
        return slots

    def _slot(self, instrument_id: int) -> int:
        slot = self._slot_of.setdefault(instrument_id, len(self._slot_of))
        if slot == len(self._instruments):
            self._instruments = np.concatenate(
                [self._instruments, np.zeros_like(self._instruments)]
            )
        if self._instruments[slot]["records"] == 0:
            self._instruments[slot]["last_ts_event"] = _NO_TIME
        return slot

    def _count_shapes(self, shapes: np.ndarray[Any, Any]) -> None:
        distinct, counts = np.unique(shapes, return_counts=True)
        for shape, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            if shape in self.shapes or len(self.shapes) < MOST_SHAPES:
                self.shapes[shape] += count
            else:
                self.other_shapes += count

    def _keep(self, spans: np.ndarray[Any, Any]) -> None:
        ids = list(self._slot_of) if len(spans) else []
        for slot, first, last, first_ns, last_ns, adds, has_last in spans.tolist():
            self._add_snapshot(
                Snapshot(ids[slot], first, last, first_ns, last_ns, adds, bool(has_last))
            )

    def _add_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot_count += 1
        self.unended_snapshots += not snapshot.ended_by_last
        if len(self.snapshots) < MOST_SPANS:
            self.snapshots.append(snapshot)


def shape_text(shape: int) -> str:
    """Return a shape in words: `T F C`; `F..` is a run of more than three, `…` the rest of a long one.

    >>> shape_text(0x562), shape_text(0x419)
    ('T F C', 'R A..')
    """
    marks = [shape >> bits & 15 for bits in range(60, -4, -4)]
    names = {OTHER_ACTION: "?", LONG_RUN: "..", MORE: "…"}
    names.update({place + 1: letter for place, letter in enumerate(ACTIONS)})
    return " ".join(names[mark] for mark in marks if mark).replace(" ..", "..")


__all__ = ["MOST_SHAPES", "NO_RECORDS", "RecordCensus", "Snapshot", "TimesBack", "shape_text"]
