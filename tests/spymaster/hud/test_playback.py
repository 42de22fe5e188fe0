"""The clock of a playback, with a clock of its own: what is sent when, whatever happens."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster.hud.playback import (
    BACKLOG_MESSAGES,
    MAX,
    MAX_MESSAGES_A_SECOND,
    RING_WINDOWS,
    Playback,
    Rows,
)

SECOND = 10**9
START = 1_767_697_200 * SECOND
ENDS = START + SECOND * np.arange(1, 5_001)
SPEEDS = st.sampled_from([0.25, 0.3, 1.0, 7.5, 19.0, 20.0, 21.0, 60.0, 119.9, 120.0, MAX])


def playback(speed: float, start_ts_ns: int = 0, max_rows: int = 40) -> Playback:
    return Playback(ENDS, max_rows, 10, start_ts_ns=start_ts_ns, speed=speed, playing=True, now=0.0)


def run(play: Playback, until: float, now: float = 0.0) -> list[tuple[float, Rows]]:
    """Take what is due as soon as it is due, until an instant."""
    taken = []
    while (due := play.next_time(now)) is not None and due <= until:
        now = due
        rows = play.take(now)
        assert rows is not None
        taken.append((now, rows))
    return taken


@given(speed=SPEEDS, start=st.integers(0, 4_000))
def test_no_window_is_lost_or_sent_twice(speed: float, start: int):
    play = playback(speed, START + start * SECOND)
    expected = start
    for _, rows in run(play, until=30.0):
        assert rows.gap_first == rows.first == expected
        assert rows.stop > rows.first
        expected = rows.stop


@given(speed=SPEEDS, start=st.integers(0, 4_000))
def test_at_most_twenty_messages_a_second(speed: float, start: int):
    times = [time for time, _ in run(playback(speed, START + start * SECOND), until=5.0)]
    seconds = Counter(int(time * 20 + 1e-6) for time in times)
    assert not times or max(seconds.values()) <= 1
    assert len(times) <= 5 * MAX_MESSAGES_A_SECOND + 1


@given(speed=SPEEDS.filter(lambda speed: speed != MAX), nanoseconds=st.integers(0, 4_000 * SECOND))
def test_windows_come_when_market_time_has_passed_them(speed: float, nanoseconds: int):
    """Speed is exact: a row never comes early, and late by no more than its message's other rows."""
    start = START + nanoseconds
    play = playback(speed, start)
    for time, rows in run(play, until=8.0):
        for row in range(rows.first, rows.stop):
            due = (int(ENDS[row]) - start) / (speed * SECOND)
            assert due - 1e-6 <= time <= due + play.block / speed + 1 / MAX_MESSAGES_A_SECOND


@given(speed=SPEEDS, ts_ns=st.integers(0, 2**63 - 1))
def test_seek_goes_to_the_first_window_that_ends_after(speed: float, ts_ns: int):
    play = playback(speed)
    run(play, until=2.0)
    play.seek(ts_ns, now=2.0)
    after = [int(end) for end in ENDS if end > ts_ns]
    assert play.next_end_ns == (after[0] if after else None)
    assert play.at_end == (not after)
    assert (play.epoch, len(play.ring)) == (1, 0)


@given(speeds=st.lists(SPEEDS, min_size=1, max_size=12))
def test_any_change_of_speed_keeps_the_order(speeds: list[float]):
    play, now, expected = playback(1.0), 0.0, 0
    for speed in speeds:
        play.set_speed(speed, now)
        for _, rows in run(play, until=now + 1.7, now=now):
            assert (rows.gap_first, rows.first) == (expected, expected)
            expected = rows.stop
        now += 1.7


def test_a_pause_keeps_the_part_of_a_second_that_has_passed():
    play = playback(1.0)
    play.pause(0.75)
    assert play.next_time(100.0) is None
    assert play.take(100.0) is None
    play.play(100.0)
    assert play.next_time(100.0) == pytest.approx(100.25)


def test_equal_speeds_send_equal_blocks_wherever_they_began():
    """So the clients of a playback group share what is encoded once."""
    blocks = [
        {(rows.first, rows.stop) for _, rows in run(playback(60.0, START + s * SECOND), until=20.0)}
        for s in (0, 100, 101)
    ]
    common = range(120, 1_000)
    inside = [{b for b in found if b[0] in common} for found in blocks]
    assert inside[0] == inside[1] == inside[2] != set()


@given(speed=SPEEDS.filter(lambda speed: speed != MAX), late=st.floats(0.0, 600.0))
def test_a_late_client_gets_a_gap_or_all(speed: float, late: float):
    """What is behind by more than the backlog is told as a gap; else nothing is left out."""
    play = playback(speed)
    rows = play.take(late)
    if rows is None:
        assert late * speed < play.block + 1
        return
    assert rows.gap_first == 0
    behind = min(late * speed, len(ENDS))
    if behind > BACKLOG_MESSAGES * play.block + play.block:
        assert rows.first > 0
        assert behind - rows.stop <= play.block + 1, "it goes on from now, not from long ago"
        assert len(play.ring) == rows.stop - rows.first
    elif behind < BACKLOG_MESSAGES * play.block:
        assert rows.first == 0


@given(
    speeds=st.lists(SPEEDS, min_size=1, max_size=6), waits=st.lists(st.floats(0, 90), min_size=6)
)
def test_the_ring_never_holds_more_than_1800_windows(speeds: list[float], waits: list[float]):
    play, now = playback(MAX, max_rows=700), 0.0
    for speed, wait in zip(speeds, waits, strict=False):
        play.set_speed(speed, now)
        now += wait
        while play.take(now) is not None:
            assert 0 < len(play.ring) <= RING_WINDOWS
            assert play.ring.stop == play.next_row
            now += 0.05


def test_the_end_of_the_day():
    play = playback(MAX, max_rows=1_000)
    assert run(play, until=1e9)[-1][1].stop == len(ENDS)
    assert play.at_end
    assert play.next_time(1e9) is None
    play.seek(int(ENDS[-1]) - 1, 1e9)
    assert not play.at_end
