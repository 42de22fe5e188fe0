"""Takes docs/hud.png, README's first picture: the demo's day in the page (`make hud-picture`).

python docs/hud_picture.py LAKE
"""

from __future__ import annotations

import argparse
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chromium import chromium
from PIL import Image

from spymaster.errors import UserError
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
    try:
        lake.check_exists()
    except UserError as error:
        raise SystemExit(str(error)) from None
    with HudServer(lake, ServerOptions(port=0)).in_thread() as server, chromium() as browser:
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(
            f"{server.url}?symbol=ESH6&dt=2026-01-06&playing=false&t={MOMENT_NS}&time=4&tick=6"
        )
        _wait(page, "!!(window.hud && hud.times.length && hud.app.course !== null)")
        _wait(page, "!hud.app.dirty && !hud.app.isSeeking")
        page.mouse.move(*CURSOR)
        _wait(page, "!document.getElementById('cell').hidden && !hud.app.dirty")
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
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
