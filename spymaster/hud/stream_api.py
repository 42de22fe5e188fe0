"""The HUD's rows in this process: for notebooks, tests and models, without a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from spymaster.hud.day import DEFAULT_REACH_TICKS, Day, load_day
from spymaster.hud.playback import RING_WINDOWS
from spymaster.lake import Lake


class HudStream:
    """A lake's days as the rows of docs/hud.md.

    The last day loaded is kept. Raises UserError for a day that is not in the lake or is damaged.

        stream = HudStream(Lake.from_option("lake"))
        for end_ns, row in stream.iter_batches("ESH6", "2026-01-06"):
            model.update(row, history=stream.ring)
    """

    def __init__(self, lake: Lake, max_ticks: int = DEFAULT_REACH_TICKS) -> None:
        self._lake, self._max_ticks = lake, max_ticks
        self._day: Day | None = None
        self._ring: deque[pa.RecordBatch] = deque(maxlen=RING_WINDOWS)

    def load(self, symbol: str, dt: str) -> Day:
        """Read a day into memory, again if it is called again."""
        self._day = load_day(self._lake, symbol, dt, self._max_ticks)
        return self._day

    def bootstrap(
        self, symbol: str, dt: str, end_ts_ns: int | None = None, windows: int = RING_WINDOWS
    ) -> pa.Table:
        """Return the last `windows` rows past at an instant, by default at the day's end."""
        day = self._loaded(symbol, dt)
        stop = day.windows if end_ts_ns is None else day.first_after(end_ts_ns)
        first = max(0, stop - windows)
        return pa.Table.from_batches([day.rows.slice(first, stop - first)])

    def iter_batches(
        self, symbol: str, dt: str, start_ts_ns: int | None = None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield (window_end_ts_ns, batch of one row) for each window to come at an instant, in order.

        What was yielded goes to `ring`, which begins empty.
        """
        day = self._loaded(symbol, dt)
        self._ring.clear()
        for row in range(0 if start_ts_ns is None else day.first_after(start_ts_ns), day.windows):
            batch = day.rows.slice(row, 1)
            self._ring.append(batch)
            yield int(day.ends_ns[row]), batch

    @property
    def ring(self) -> pa.Table:
        """The last rows that `iter_batches` yielded, at most 1800, oldest first."""
        schema = self._day.rows.schema if self._day else pa.schema([])
        return pa.Table.from_batches(list(self._ring), schema=schema)

    def _loaded(self, symbol: str, dt: str) -> Day:
        day = self._day
        if day is None or (day.symbol, day.dt) != (symbol, dt):
            return self.load(symbol, dt)
        return day
