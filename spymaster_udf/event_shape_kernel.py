"""The census kernel: one pass over a batch that counts actions, flags, events and snapshots.

An event is one instrument's records up to the one with F_LAST. Its shape is the sequence of their
actions as a number, four bits an action, the first highest. A run of more than three equal actions is
written as one and LONG_RUN, a shape of more than fifteen marks ends in MORE: so sweeps of any size and
snapshots have few shapes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spymaster_udf import mbo
from spymaster_udf.compile import kernel

ACTIONS: Final = "ACMRTFN"
OTHER_ACTION: Final = len(ACTIONS) + 1
LONG_RUN: Final = OTHER_ACTION + 1
MORE: Final = 15
_MARK_BITS: Final = 4
_MOST_MARKS: Final = 15
_LONGEST_RUN: Final = 3

MARK_OF_ACTION: Final = np.full(256, OTHER_ACTION, np.int64)
for _place, _letter in enumerate(ACTIONS):
    MARK_OF_ACTION[ord(_letter)] = _place + 1

INSTRUMENT_CENSUS: Final = np.dtype(
    [
        ("shape", np.uint64),  # of the event that has not ended yet
        ("marks", np.int64),
        ("last_mark", np.int64),
        ("run", np.int64),
        ("records", np.int64),
        ("events", np.int64),
        ("last_ts_event", np.int64),
        ("is_open", np.int64),  # 1: the last record did not end its event
        ("in_snapshot", np.int64),
        ("span_start", np.int64),
        ("span_start_ns", np.int64),
        ("span_last", np.int64),
        ("span_last_ns", np.int64),
        ("span_adds", np.int64),
    ]
)
"""What is known of one instrument between batches."""

SPAN: Final = np.dtype(
    [
        ("slot", np.int64),
        ("first_record", np.int64),
        ("last_record", np.int64),
        ("first_ts_recv", np.int64),
        ("last_ts_recv", np.int64),
        ("adds", np.int64),
        ("has_last", np.int64),  # 1: ended by F_LAST
    ]
)
"""One snapshot: its records by their number in the stream, its orders, how it ended."""

RECV_BACK, FIRST_RECV_BACK, EVENT_BACK, FIRST_EVENT_BACK, LAST_RECV, RECORDS = range(6)
CENSUS_STATE_SIZE: Final = 6

_ADD = mbo.ADD
_F_LAST, _F_SNAPSHOT = int(mbo.F_LAST), int(mbo.F_SNAPSHOT)


@kernel(inline="always")
def _append(one, mark):
    if one.marks > _MOST_MARKS:
        return
    one.run = one.run + 1 if mark == one.last_mark else 1
    one.last_mark = mark
    if one.run == _LONGEST_RUN + 1:
        # the last two of the three written go, and the mark of a long run comes in their place
        one.shape = (one.shape >> np.uint64(2 * _MARK_BITS)) << np.uint64(_MARK_BITS)
        one.shape |= np.uint64(LONG_RUN)
        one.marks -= 1
    elif one.run <= _LONGEST_RUN:
        full = one.marks == _MOST_MARKS
        one.shape = (one.shape << np.uint64(_MARK_BITS)) | np.uint64(MORE if full else mark)
        one.marks += 1


@kernel(inline="always")
def _forget_event(one):
    one.shape = np.uint64(0)
    one.marks = 0
    one.last_mark = 0
    one.run = 0


@kernel(inline="always")
def _end_span(one, slot, has_last, spans, count):
    spans[count].slot = slot
    spans[count].first_record = one.span_start
    spans[count].last_record = one.span_last
    spans[count].first_ts_recv = one.span_start_ns
    spans[count].last_ts_recv = one.span_last_ns
    spans[count].adds = one.span_adds
    spans[count].has_last = has_last
    one.in_snapshot = 0


@kernel()
def take_census(
    ts_event, ts_recv, flags, action, side, slots, mark_of_action, instruments, state,
    flags_of_action, sides_of_action, shapes, spans,
):  # fmt: skip
    """Count a batch; return (shapes written, spans written).

    The first six arrays are columns of n records, `slots` the place of each record's instrument in
    `instruments`. `flags_of_action` and `sides_of_action` are 256 x 256 counts by ASCII code and byte.
    `shapes` (n) takes the shape of each event that ended, `spans` (n + 1) the snapshots that did.
    """
    shape_count = 0
    span_count = 0
    for i in range(ts_event.size):
        number = state[RECORDS]
        state[RECORDS] += 1
        kind = action[i]
        flag = flags[i]
        flags_of_action[kind, flag] += 1
        sides_of_action[kind, side[i]] += 1
        if ts_recv[i] < state[LAST_RECV]:
            if state[RECV_BACK] == 0:
                state[FIRST_RECV_BACK] = number
            state[RECV_BACK] += 1
        state[LAST_RECV] = ts_recv[i]
        slot = slots[i]
        one = instruments[slot]
        one.records += 1

        if flag & _F_SNAPSHOT != 0:
            if one.in_snapshot == 0:
                one.in_snapshot = 1
                one.span_start = number
                one.span_start_ns = ts_recv[i]
                one.span_adds = 0
            one.span_last = number
            one.span_last_ns = ts_recv[i]
            one.span_adds += np.int64(kind == _ADD)
            if flag & _F_LAST != 0:
                _end_span(one, slot, 1, spans, span_count)
                span_count += 1
        else:
            if one.in_snapshot != 0:
                _end_span(one, slot, 0, spans, span_count)
                span_count += 1
                _forget_event(one)
            if ts_event[i] < one.last_ts_event:
                if state[EVENT_BACK] == 0:
                    state[FIRST_EVENT_BACK] = number
                state[EVENT_BACK] += 1
            one.last_ts_event = ts_event[i]

        _append(one, mark_of_action[kind])
        one.is_open = 1
        if flag & _F_LAST != 0:
            shapes[shape_count] = one.shape
            shape_count += 1
            one.events += 1
            one.is_open = 0
            _forget_event(one)
    return shape_count, span_count
