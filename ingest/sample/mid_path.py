"""How the future's mid moves while its file is written: the options are quoted around it."""

from __future__ import annotations

from ingest.sample.draw import compiled
from ingest.sample.exchange import BOTTOM, TOP, Exchange


@compiled
def note_mid(x: Exchange, time: int) -> None:
    """Note the mid at `time` (UTC ns) if it is another than before; none while a side is empty.

    At most one entry a record fits, because only records change a book.
    """
    s = x.state[0]
    if s.best_bid == BOTTOM or s.best_ask == TOP:
        return
    mid_int = (2 * s.origin_tick + s.best_bid + s.best_ask) * s.tick_int // 2
    if mid_int == s.mid_int:
        return
    s.mid_int = mid_int
    x.mids[s.mids].time = time
    x.mids[s.mids].mid_int = mid_int
    s.mids += 1
