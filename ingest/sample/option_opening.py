"""The option books that rest at midnight UTC, published as Databento's snapshot."""

from __future__ import annotations

from typing import Final

from databento_dbn import F_BAD_TS_RECV

from ingest.sample.draw import compiled, exponential, order_size, uniform
from ingest.sample.exchange import BUY, NOTHING, end_event, record
from ingest.sample.option_book import OPEN, OptionMarket, behind, enter_within, place_of
from ingest.sample.option_quote import quote
from ingest.sample.option_tasks import STEP
from spymaster_udf.mbo import CLEAR, F_SNAPSHOT, NO_SIDE

_FLAGS: Final = int(F_SNAPSHOT) | int(F_BAD_TS_RECV)
_FIRST_SEQUENCE: Final = 40_000_000
_OLDEST_NS: Final = 4.0 * 3_600e9


@compiled
def publish_snapshot(x: OptionMarket) -> None:
    """Write the next option's snapshot; after the last, let the simulated time begin.

    Books lie around the value at the start of the simulated time, which follows directly.
    """
    s = x.state[0]
    while s.cursor < s.options and x.options[s.cursor].listed > s.midnight:
        s.cursor += 1
    if s.cursor < s.options:
        if s.start < x.options[s.cursor].expiration:
            quote(x, s.cursor, s.start)
            _publish(x, s.cursor)
        s.cursor += 1
        return
    s.now = s.start
    s.recv = s.midnight
    s.sequence = _FIRST_SEQUENCE
    s.snapshot = s.messages - s.budget
    s.task = STEP


@compiled
def _publish(x: OptionMarket, option: int) -> None:
    """Write a clear and then an option's orders, the oldest first."""
    s = x.state[0]
    o = x.options[option]
    s.recv = s.midnight
    s.in_delta = 0
    s.now = s.midnight - int(exponential(s, _OLDEST_NS)) - 1_000_000_000
    s.instrument_id = o.instrument_id
    record(x, CLEAR, NO_SIDE, 0, NOTHING, 0)
    x.out[s.filled - 1].flags = _FLAGS
    for place in range(s.depth - 1, -1, -1):
        for side in range(2):
            touch = o.bid if side == BUY else o.ask
            if touch == NOTHING or (place > 0 and uniform(s) < 0.1):
                continue
            level = behind(x, option, side, place)
            s.now += int((s.midnight - s.now) * 0.4 * uniform(s))
            s.sequence += 1
            enter_within(x, option, side, place_of(x, option, side, place), level, order_size(s))
            x.out[s.filled - 1].flags = _FLAGS
    end_event(x, False)
    o.status = OPEN
