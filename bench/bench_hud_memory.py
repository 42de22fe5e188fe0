"""What the HUD page keeps in memory over a day of 23 hours, in headless Chromium.

    python bench/bench_hud_memory.py [--windows 82800] [--ticks 60]

A day of random rows is played as fast as the page takes it. At several times of the day the playback
is paused and garbage collected; then it prints the used heap, the buffers outside of it (columns and
pixels) and the resident memory of the page's process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chromium import chromium
from hud_lake import HudDay, hud_lake

from spymaster.hud.server import HudServer, ServerOptions

MEASURED = 10
"""Times of the day at which memory is looked at."""


def main() -> None:
    """Play the day and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=23 * 3600)
    parser.add_argument("--ticks", type=int, default=60, help="how far the lists reach from spot")
    arguments = parser.parse_args()
    windows = arguments.windows
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lake = hud_lake(Path(folder), HudDay(windows=windows, reach=arguments.ticks, fill_reach=20))
        print(f"a day of {windows} windows, {arguments.ticks} ticks to each side", flush=True)
        with HudServer(lake, ServerOptions(port=0)).in_thread() as server:
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.goto(f"{server.url}?playing=false")
            while not page.evaluate("!!(window.hud && hud.times.length && hud.app.course)"):
                time.sleep(0.1)
            _play_and_measure(browser, page, windows)


def _play_and_measure(browser: Any, page: Any, windows: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate("hud.app.stream.send({type: 'speed', speed: 'max'})")
    began = time.perf_counter()
    for part in range(1, MEASURED + 1):
        goal = windows * part // MEASURED - 1
        page.evaluate("hud.app.stream.send({type: 'play'})")
        while page.evaluate("hud.position.head") < goal:
            time.sleep(0.05)
        page.evaluate("hud.app.stream.send({type: 'pause'})")
        time.sleep(1)
        session.send("HeapProfiler.collectGarbage")
        time.sleep(1)
        heap, buffers = _heap(session)
        print(
            f"window {page.evaluate('hud.position.head'):6}: heap {heap / 1e6:5.1f} MB, "
            f"buffers {buffers / 1e6:6.1f} MB, process {_resident(browser) / 1e6:6.1f} MB",
            flush=True,
        )
    print(f"played in {time.perf_counter() - began:.0f} s, pauses among it")


def _heap(session: Any) -> tuple[int, int]:
    usage = session.send("Runtime.getHeapUsage")
    return usage["usedSize"], usage["backingStorageSize"]


def _resident(browser: Any) -> int:
    """The resident bytes of the browser's largest renderer: the page's."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    statuses = [Path(f"/proc/{one['id']}/status") for one in processes if one["type"] == "renderer"]
    lines = [line for path in statuses for line in path.read_text().splitlines()]
    return max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
