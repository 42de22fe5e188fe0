"""The HUD page in headless Chromium without a GPU: size, opening, time of a drawing, idle cost.

    python bench/bench_hud_page.py [--windows 7200] [--page FOLDER]

It serves a day of random rows (some eight prices traded in each second) and plays it at 60x into a
picture of 1800 x 400 and into a 4K window with one and with two device pixels a CSS pixel, with the
overlays that a new page has and with all. Drawing is measured by the page, from the first line to the
last; a long frame is one that the browser says took 50 ms or more from its begin to the end of its
rendering. Idle cost is the CPU time of the browser's processes over ten paused seconds. `--page`
serves another built page beside the package's, in the same run: the one from before a change.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chromium import chromium
from hud_lake import HudDay, hud_lake

from spymaster.hud.app import PAGE_FOLDER
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

# The picture is 1800 x 400: beside it are the price axis, the profile and the panel with a border,
# above and below the header, the time axis and the footer.
PICTURE = (1800 + 66 + 84 + 248 + 1, 400 + 40 + 64 + 18)
WINDOWS = {
    "1800 x 400": (*PICTURE, 1),
    "3840 x 2160": (3840, 2160, 1),
    "1920 x 1080, 2x": (1920, 1080, 2),
}
ALL = "depth,spot,best,dots,vacuum,physics,gex,events,cvd"
OVERLAYS = {"as opened": "", "all": f"&on={ALL}"}
LONG_FRAMES = """window.longFrames = [];
new PerformanceObserver(list => longFrames.push(...list.getEntries().map(one => one.duration)))
    .observe({type: 'long-animation-frame'});"""
PLAYED_SECONDS = 12
IDLE_SECONDS = 10


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=7200)
    parser.add_argument("--page", type=Path, help="another built page, measured too")
    arguments = parser.parse_args()
    pages = [PAGE_FOLDER, *([arguments.page] if arguments.page else [])]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lake = hud_lake(Path(folder), HudDay(windows=arguments.windows, reach=150, fill_reach=20))
        for page in pages:
            files = [path for path in page.iterdir() if path.is_file()]
            size = sum(len(gzip.compress(path.read_bytes())) for path in files)
            print(f"{page}: {size / 1000:.1f} kB gzipped", flush=True)
        for window in WINDOWS:
            for overlays in OVERLAYS:
                for page in pages:
                    _served(
                        lake, page, lambda url, w=window, o=overlays: _playing(browser, url, w, o)
                    )
        for page in pages:
            _served(lake, page, lambda url: _idle(browser, url))


def _served(lake: Lake, page: Path, measure: Callable[[str], None]) -> None:
    with (
        patch("spymaster.hud.app.PAGE_FOLDER", page),
        HudServer(lake, ServerOptions(port=0)).in_thread() as server,
    ):
        measure(server.url)


def _opened(browser: Any, url: str, width: int, height: int, ratio: float) -> tuple[Any, float]:
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=ratio)
    page.add_init_script(LONG_FRAMES)
    began = time.perf_counter()
    page.goto(url)
    while not page.evaluate("!!(window.hud && hud.times.length)"):
        time.sleep(0.02)
    return page, time.perf_counter() - began


def _playing(browser: Any, url: str, window: str, overlays: str) -> None:
    width, height, ratio = WINDOWS[window]
    scale = "&time=1" if window == next(iter(WINDOWS)) else ""
    page, opened = _opened(
        browser, f"{url}?speed=60{scale}{OVERLAYS[overlays]}", width, height, ratio
    )
    time.sleep(2)
    page.evaluate("hud.times.length = longFrames.length = 0")
    time.sleep(PLAYED_SECONDS)
    times = sorted(page.evaluate("[...hud.times]"))
    long = page.evaluate("longFrames")
    size = page.evaluate("[hud.scene.geometry.width, hud.scene.geometry.height]")
    page.close()
    print(
        f"{window:16} {overlays:10} picture {size[0]} x {size[1]}: drawn after {opened:.2f} s; at 60x "
        f"{len(times) / PLAYED_SECONDS:.0f} drawings/s, median {times[len(times) // 2]:.1f}, "
        f"p95 {times[int(len(times) * 0.95)]:.1f}, longest {times[-1]:.1f} ms; "
        f"{len(long)} long frames{f', longest {max(long):.0f} ms' if long else ''}",
        flush=True,
    )


def _idle(browser: Any, url: str) -> None:
    page, _ = _opened(browser, f"{url}?playing=false", *WINDOWS["1800 x 400"])
    time.sleep(3)
    session = browser.new_browser_cdp_session()

    def cpu_seconds() -> float:
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(process["cpuTime"] for process in processes))

    before = cpu_seconds()
    time.sleep(IDLE_SECONDS)
    print(f"paused: {(cpu_seconds() - before) / IDLE_SECONDS:.2%} of a core", flush=True)
    page.close()


if __name__ == "__main__":
    main()
