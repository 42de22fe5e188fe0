"""Takes docs/hud.png, README's first picture: the demo's day in the page (`make hud-picture`).

python docs/hud_picture.py LAKE
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

PICTURE = Path(__file__).parent / "hud.png"
MOMENT_NS = 1_767_710_160_000_000_000  # 2026-01-06 09:36:00 in New York
CURSOR = (639, 786)  # on a wall, some minutes back


def main() -> None:
    """Serve the lake, open the page at the moment, write what it shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    lake = Lake(parser.parse_args().lake)
    with (
        tempfile.TemporaryDirectory() as profile,
        HudServer(lake, ServerOptions(port=0)).in_thread() as server,
        sync_playwright() as tool,
    ):
        browser = tool.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            viewport={"width": 1920, "height": 1080},
        )
        page = browser.new_page()
        page.goto(
            f"{server.url}?symbol=ESH6&dt=2026-01-06&playing=false&t={MOMENT_NS}&time=4&tick=6"
        )
        _wait(page, "!!(window.hud && hud.times.length && hud.app.course !== null)")
        _wait(page, "!hud.app.dirty && !hud.app.isSeeking")
        page.mouse.move(*CURSOR)
        _wait(page, "!document.getElementById('cell').hidden && !hud.app.dirty")
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    picture.save(PICTURE, optimize=True)  # all colours: a palette loses those of the small marks
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1e3:,.0f} kB")


def _wait(page: Any, expression: str) -> None:
    deadline = time.monotonic() + 30
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise SystemExit(f"{expression} did not become true")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
