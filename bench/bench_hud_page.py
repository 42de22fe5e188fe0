"""The HUD page in headless Chromium without a GPU: size, time of a drawing, idle cost, memory.

    python bench/bench_hud_page.py [--windows 7200]

It serves a day of random rows (some eight prices traded in each second) and plays it at 60x into a
picture of 1800 x 400. Drawing is measured by the page (from the first canvas call to the last); idle
cost is the CPU time of the browser's processes over ten paused seconds; memory is the heap after a
collection, early and late in the day.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hud_lake import HudDay, hud_lake
from playwright.sync_api import sync_playwright

from spymaster.hud.app import PAGE_FOLDER
from spymaster.hud.server import HudServer, ServerOptions

# The picture is 1800 wide: beside it are the price axis, the profile and the panel.
VIEWPORT = {"width": 1800 + 66 + 84 + 248, "height": 400 + 40 + 64}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
             "--js-flags=--expose-gc"]  # fmt: skip
IDLE_SECONDS = 10


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=7200)
    windows = parser.parse_args().windows
    files = [path for path in PAGE_FOLDER.iterdir() if path.is_file()]
    print(f"page, gzipped: {sum(len(gzip.compress(p.read_bytes())) for p in files) / 1000:.1f} kB")
    with tempfile.TemporaryDirectory() as folder:
        lake = hud_lake(Path(folder), HudDay(windows=windows, reach=150, fill_reach=20))
        with (
            HudServer(lake, ServerOptions(port=0)).in_thread() as server,
            sync_playwright() as tool,
        ):
            browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            page = browser.new_page(viewport=VIEWPORT)
            began = time.perf_counter()
            page.goto(f"{server.url}?speed=60&time=1")
            while not page.evaluate("!!(window.hud && hud.times.length)"):
                time.sleep(0.02)
            print(f"opened until drawn: {time.perf_counter() - began:.2f} s")
            _playing(page)
            _memory(page)
            _idle(page, browser)
            browser.close()


def _playing(page: Any) -> None:
    time.sleep(2)
    page.evaluate("hud.times.length = 0")
    time.sleep(15)
    times = sorted(page.evaluate("[...hud.times]"))
    size = page.evaluate("[hud.scene.geometry.width, hud.scene.geometry.height]")
    print(f"drawing {size[0]} x {size[1]} at 60x: {len(times)} drawings, median "
          f"{times[len(times) // 2]:.1f}, p95 {times[int(len(times) * 0.95)]:.1f}, "
          f"longest {times[-1]:.1f} ms")  # fmt: skip


def _memory(page: Any) -> None:
    heap = "(gc(), performance.memory.usedJSHeapSize / 1e6)"
    page.keyboard.press(">")
    before, at = page.evaluate(heap), page.evaluate("hud.position.head")
    time.sleep(20)
    after, then = page.evaluate(heap), page.evaluate("hud.position.head")
    print(f"heap: {before:.1f} MB at window {at}, {after:.1f} MB at window {then}")


def _idle(page: Any, browser: Any) -> None:
    page.keyboard.press(" ")
    time.sleep(2)
    session = browser.new_browser_cdp_session()

    def cpu_seconds() -> float:
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(process["cpuTime"] for process in processes))

    before = cpu_seconds()
    time.sleep(IDLE_SECONDS)
    print(f"paused: {(cpu_seconds() - before) / IDLE_SECONDS:.2%} of a core")


if __name__ == "__main__":
    main()
