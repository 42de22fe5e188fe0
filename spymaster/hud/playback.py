"""The clock of one client's playback: which rows are due when, at a speed, after a seek, late.

A playback has a place in market time that advances `speed` times as fast as the wall clock; a row is
due once its window lies in the past. Rows go out in blocks that start at multiples of their size, so
that clients at the same speed get the same blocks and share their encodings, wherever they began.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from spymaster.hud.day import WINDOW_NS, Array

RING_WINDOWS: Final = 1800
MAX_MESSAGES_A_SECOND: Final = 20
MIN_SPEED: Final = 0.25
MAX_SPEED: Final = 120.0
MAX: Final = math.inf
"""The speed `max`: as fast as the client reads."""

BACKLOG_MESSAGES: Final = 20
"""So many messages a client may be behind before the rows are given up and told as a gap."""

_MIN_INTERVAL: Final = 1 / MAX_MESSAGES_A_SECOND


@dataclass(frozen=True)
class Rows:
    """Rows [first, stop) to send now, after a gap [gap_first, first) that will not be sent."""

    gap_first: int
    first: int
    stop: int


class Playback:
    """One playback over the rows whose windows end at `ends_ns` (ascending, one a second).

    `now` is always in seconds of one clock that never goes back, such as `time.monotonic`.
    `max_rows` and `max_paced_rows` bound a message, at speed MAX and at a finite speed.
    """

    def __init__(
        self, ends_ns: Array, max_rows: int, max_paced_rows: int, *,
        start_ts_ns: int, speed: float, playing: bool, now: float,
    ) -> None:  # fmt: skip
        self._ends_ns = ends_ns
        self._max_rows, self._max_paced_rows = max_rows, max_paced_rows
        self.speed, self.playing = speed, playing
        self.epoch = 0
        self.next_row, self._run_start = 0, 0
        self._anchor_ns, self._anchor_time = 0, now
        self._last_sent = -math.inf
        self._place(start_ts_ns, now)

    @property
    def at_end(self) -> bool:
        """Whether the last row has been sent."""
        return self.next_row >= len(self._ends_ns)

    @property
    def next_end_ns(self) -> int | None:
        """The next row's window end; None at the end of the day."""
        return None if self.at_end else int(self._ends_ns[self.next_row])

    @property
    def ring(self) -> range:
        """The rows sent without interruption up to now, the last RING_WINDOWS of them.

        The ring is a stretch of the day's own columns: it grows and moves without a copy.
        """
        return range(max(self._run_start, self.next_row - RING_WINDOWS), self.next_row)

    @property
    def block(self) -> int:
        """Rows of a message at this speed."""
        if self.speed == MAX:
            return min(self._max_rows, RING_WINDOWS)
        return min(math.ceil(self.speed / MAX_MESSAGES_A_SECOND), self._max_paced_rows)

    def play(self, now: float) -> None:
        """Go on from where it is."""
        self._settle(now)
        self.playing = True

    def pause(self, now: float) -> None:
        """Stop; the part of a second that has passed already is kept."""
        self._settle(now)
        self.playing = False

    def set_speed(self, speed: float, now: float) -> None:
        """Change the speed from now on."""
        self._settle(now)
        self.speed = speed

    def seek(self, ts_ns: int, now: float) -> None:
        """Go to an instant: the next row is the first whose window ends after it."""
        self.epoch += 1
        self._place(ts_ns, now)

    def next_time(self, now: float) -> float | None:
        """Return when `take` will have rows, at the earliest; None while nothing will come."""
        if not self.playing or self.at_end:
            return None
        pause_over = self._last_sent + _MIN_INTERVAL
        if self.speed == MAX:
            return max(now, pause_over)
        last = min(self._block_stop(self.next_row), len(self._ends_ns)) - 1
        due = self._anchor_time + (int(self._ends_ns[last]) - self._anchor_ns) / (
            self.speed * WINDOW_NS
        )
        return max(now, pause_over, due)

    def take(self, now: float) -> Rows | None:
        """Return the rows to send now, None if none are due yet."""
        # Timers of an event loop may fire a clock tick early.
        time = self.next_time(now)
        if time is None or time > now + 1e-3:
            return None
        first = gap_first = self.next_row
        if self.speed == MAX:
            stop = min(self._block_stop(first), len(self._ends_ns))
            self._anchor_ns, self._anchor_time = int(self._ends_ns[stop - 1]), now
        else:
            # What next_time says is due is due, whatever the last bit of a float says.
            due = max(self._due_stop(time), min(self._block_stop(first), len(self._ends_ns)))
            if due - first > BACKLOG_MESSAGES * self.block:
                first = self._run_start = (due - 1) // self.block * self.block
            stop = min(due, first + self._max_paced_rows)
        self.next_row = stop
        self._last_sent = now
        return Rows(gap_first, first, stop)

    def _place(self, ts_ns: int, now: float) -> None:
        first, last = int(self._ends_ns[0]) - WINDOW_NS, int(self._ends_ns[-1])
        self._anchor_ns, self._anchor_time = min(max(ts_ns, first), last), now
        row = int(np.searchsorted(self._ends_ns, self._anchor_ns, side="right"))
        self.next_row = self._run_start = row

    def _settle(self, now: float) -> None:
        """Make the present place the anchor, before speed or motion change."""
        if self.playing and self.speed != MAX:
            passed = round((now - self._anchor_time) * self.speed * WINDOW_NS)
            self._anchor_ns = min(self._anchor_ns + passed, int(self._ends_ns[-1]))
        self._anchor_time = now

    def _block_stop(self, row: int) -> int:
        return (row // self.block + 1) * self.block

    def _due_stop(self, now: float) -> int:
        """Return the end of the last whole block whose windows are past; the day's end is one too."""
        market = self._anchor_ns + round((now - self._anchor_time) * self.speed * WINDOW_NS)
        past = int(np.searchsorted(self._ends_ns, market, side="right"))
        if past < len(self._ends_ns):
            past -= past % self.block
        return past
