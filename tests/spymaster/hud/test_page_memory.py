"""The page keeps a bounded part of the day, whatever was played; `bench_hud_memory` plays 23 hours."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from hud_lake import HudDay, hud_lake
from page_browser import needs_chromium, opened, until

from spymaster.hud.server import HudServer, ServerOptions

pytestmark = needs_chromium
WINDOWS = 7_000
"""Three times what the page holds, and more."""


def test_memory_is_flat_once_the_window_of_history_is_full(page: Any, tmp_path: Path):
    """A row that were kept would be 2 kB or more: 4,000 of them 8 MB."""
    lake = hud_lake(tmp_path, HudDay(windows=WINDOWS, fill_reach=5))
    session = page.context.new_cdp_session(page)
    with HudServer(lake, ServerOptions(port=0)).in_thread() as server:
        opened(page, f"{server.url}?playing=false")
        page.evaluate("hud.app.stream.send({type: 'speed', speed: 'max'})")
        used = []
        for share in (0.4, 1):
            page.evaluate("hud.app.stream.send({type: 'play'})")
            until(page, f"hud.position.head >= {int(WINDOWS * share) - 1}", 60)
            page.evaluate("hud.app.stream.send({type: 'pause'})")
            time.sleep(0.3)
            session.send("HeapProfiler.collectGarbage")
            usage = session.send("Runtime.getHeapUsage")
            used.append(usage["usedSize"] + usage["backingStorageSize"])
        assert page.evaluate("hud.position.head") == WINDOWS - 1
        # Of this the most is code that the browser compiled meanwhile.
        assert used[1] - used[0] < 2_000_000
        page.goto("about:blank")
