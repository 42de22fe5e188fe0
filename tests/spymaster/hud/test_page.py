"""The page in a real browser, on a real service: what it shows is the lake's, however it got there."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hud_lake import (
    DT,
    SECOND,
    SYMBOL,
    TICK_INT,
    HudDay,
    hud_lake,
    write_hud_day,
)
from page_browser import (
    COLOUR,
    STATUS,
    head,
    instant,
    needs_chromium,
    opened,
    pixels,
    settled,
    until,
)
from PIL import Image
from pyarrow import ipc

from spymaster.hud.columns import ORDERS, PHYSICS, VACUUM, WALL
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake, partition_ref

pytestmark = needs_chromium
LAST = 399
"""The last window of the day AWKWARD."""


def levels(lake: Lake, key: str, first: int, last: int) -> list[dict[str, Any]]:
    """The rows of the windows first..last, with their `index`."""
    path = next(iter(partition_ref(lake, key, SYMBOL, DT).folder.glob("*.parquet")))
    ends = pa.array([instant(index) for index in range(first, last + 1)])
    table = pq.read_table(path)
    rows = table.filter(pc.is_in(table["window_end_ts_ns"].cast("int64"), ends)).to_pylist()
    return [{**row, "index": (row["window_end_ts_ns"] - instant(0)) // SECOND} for row in rows]


def test_it_loads_from_its_origin_alone(page: Any, server: HudServer):
    """No error, no word in the console, no request elsewhere, and a picture that is not one colour."""
    opened(page, server.url + "?playing=false")
    page.wait_for_timeout(300)
    assert page.errors == []
    hosts = (server.url, "data:", server.url.replace("http", "ws"))
    assert all(url.startswith(hosts) for url in page.requests), page.requests
    assert page.evaluate("new Set(hud.scene.picture.pixels).size") > 50
    assert page.evaluate("document.querySelector('#notice').hidden")


def test_the_largest_wall_is_white_at_its_price_and_time(
    page: Any, server: HudServer, awkward_lake: Lake
):
    """The level's own pixel, by arithmetic: four pixels a second from the right, twenty a tick."""
    opened(page, f"{server.url}?playing=false&t={instant(200)}&time=4&tick=20&on=depth")
    top, width = page.evaluate("[hud.scene.geometry.topTick, hud.scene.geometry.width]")
    height = page.evaluate("hud.scene.geometry.height")
    rows = levels(awkward_lake, WALL, 100, 199)
    shown = [row for row in rows if 0 <= (top - row["price_int"] // TICK_INT) * 20 < height - 20]
    brightest = max(shown, key=lambda row: row["depth_qty_rest"])
    # Nearer to spot the sides of this book overlap, and the larger one is shown.
    alone = [row for row in shown if abs(row["rel_ticks"]) > 3]
    faintest = min(alone, key=lambda row: row["depth_qty_rest"])

    def colour(row: dict[str, Any]) -> list[int]:
        x = width - (200 - row["index"] + 1) * 4 + 1
        return list(page.evaluate(COLOUR, [x, (top - row["price_int"] // TICK_INT) * 20 + 3]))

    assert colour(brightest) == [255, 255, 255]
    assert sum(colour(faintest)) < 200
    blue, red = colour(faintest)[2], colour(faintest)[0]
    assert blue >= red if faintest["side"] == "B" else red >= blue, "bids are blue, asks amber"


DRAWN_BYTES = """(() => {
    const bytes = new Uint8Array(hud.scene.picture.pixels.buffer);
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768)
        text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
})()"""


@pytest.mark.parametrize("ratio", [1.25, 2])
def test_the_screen_has_the_pictures_pixels(browser: Any, server: HudServer, ratio: float):
    """Pixel by pixel, also where a CSS pixel is not whole ones: its parts have no seams."""
    tab = browser.new_page(viewport={"width": 1280, "height": 720}, device_scale_factor=ratio)
    opened(
        tab, f"{server.url}?playing=false&t={instant(300)}&time=3&on=depth,spot,best,dots,events"
    )
    size = tab.evaluate("[hud.scene.geometry.height, hud.scene.geometry.width]")
    drawn = np.frombuffer(b64decode(tab.evaluate(DRAWN_BYTES)), np.uint8).reshape(*size, 4)
    shown = np.asarray(Image.open(BytesIO(tab.screenshot())).convert("RGB"))
    corner = tab.evaluate(
        "(box => [box.top, box.left].map(at => Math.round(at * devicePixelRatio)))"
        "(document.getElementById('picture').getBoundingClientRect())"
    )
    shown = shown[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    tab.close()
    assert np.argwhere((drawn[..., :3] != shown).any(axis=2)).tolist() == []


@pytest.mark.parametrize(
    ("width", "height", "played"),
    [(1280, 720, [(1, 3), (60, 90)]), (3840, 2160, [(60, 90)])],
    ids=["720p", "4K"],
)
def test_every_way_to_an_instant_ends_in_the_same_pixels(
    page: Any, server: HudServer, width: int, height: int, played: list[tuple[int, int]]
):
    """Played at 1x, at 60x, or sought: the picture is a function of what it shows."""
    page.set_viewport_size({"width": width, "height": height})
    view = "time=3&on=depth,spot,best,dots,vacuum,physics,gex,events"
    opened(page, f"{server.url}?t={instant(50)}&playing=false&{view}")
    page.keyboard.press("End")
    until(page, f"hud.position.head === {LAST}")
    settled(page)
    results = [pixels(page)]
    for speed, windows in played:
        opened(page, f"{server.url}?t={instant(LAST - windows)}&speed={speed}&{view}")
        until(page, f"{STATUS} === 'end of day'")
        settled(page)
        results.append(pixels(page))
    assert len(set(results)) == 1


def test_the_cell_under_the_cursor_is_the_lakes(page: Any, server: HudServer, awkward_lake: Lake):
    """Every number of the hover, beside the tables' rows."""
    index = 150
    opened(page, f"{server.url}?playing=false&t={instant(160)}&time=8&tick=20")
    walls = levels(awkward_lake, WALL, index, index)
    top, height = page.evaluate("[hud.scene.geometry.topTick, hud.scene.geometry.height]")
    wall = next(row for row in walls if row["side"] == "A"
                and 2 < top - row["price_int"] // TICK_INT < height // 20 - 2)  # fmt: skip
    tick = wall["price_int"] // TICK_INT
    x, y = page.evaluate(
        "([i, t]) => [hud.scene.geometry.x(i) + 2, hud.scene.geometry.y(t) + 5]", [index, tick]
    )
    box = page.locator("#over").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    until(page, "!document.getElementById('cell').hidden")
    cells = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#cell dd')]"
        ".map(cell => [cell.dataset.cell, cell.textContent]))"
    )
    title = page.inner_text("#cell .wide")
    assert title.startswith(f"{wall['price_int'] / 1e9:.2f}")
    assert "06:02:31 NY" in title, "the window's end"
    assert cells == expected_cells(awkward_lake, index, wall["price_int"])


def expected_cells(lake: Lake, index: int, price_int: int) -> dict[str, str]:
    """The hover's words for a level of a valid book, from the tables' rows."""
    integers = {"depth": (WALL, "depth_qty_end"), "rested": (WALL, "depth_qty_rest"),
                "orders": (WALL, "order_count_end"), "largest": (ORDERS, "largest_order_qty"),
                "add": (WALL, "add_qty"), "pull": (WALL, "pull_qty_total"),
                "fill": (WALL, "fill_qty"), "traded": (ORDERS, "executed_qty"),
                "hidden": (ORDERS, "refreshed_qty")}  # fmt: skip
    floats = {"vacuum": (VACUUM, "vacuum_score"), "velocity": (PHYSICS, "liquidity_velocity")}
    rows = {
        (key, row["side"]): row
        for key in (WALL, ORDERS, VACUUM, PHYSICS)
        for row in levels(lake, key, index, index)
        if row["price_int"] == price_int
    }
    cells = {" bid": "bid", " ask": "ask"}
    for side, name in (("B", "bid"), ("A", "ask")):
        for cell, (key, column) in integers.items():
            value = rows[key, side][column] if (key, side) in rows else 0
            cells[f"{cell} {name}"] = f"{value:,}"
        for cell, (key, column) in floats.items():
            known = (key, side) in rows
            value = np.float32(rows[key, side][column]) if known else None
            text = f"{value:.2f}" if known else "\N{EN DASH}"
            cells[f"{cell} {name}"] = text.replace("-", "\N{MINUS SIGN}")
    return cells


def test_a_lake_from_before_the_orders_is_served(page: Any, tmp_path: Path):
    """Without level_orders_1s the largest order is a dash, and the rest is there."""
    lake = hud_lake(tmp_path, HudDay(windows=60, without=[ORDERS]))
    with HudServer(lake, ServerOptions(port=0)).in_thread() as older:
        opened(page, f"{older.url}?playing=false&t={instant(30)}&time=8&tick=20")
        page.keyboard.press("Shift+ArrowLeft")
        until(page, "!!document.querySelector('#cell dd[data-cell=\"largest ask\"]')")
        cells = page.evaluate(
            "[...document.querySelectorAll('#cell dd')].map(c => [c.dataset.cell, c.textContent])"
        )
        dash = "\N{EN DASH}"
        of_orders = ("largest", "hidden", "traded")
        assert {text for name, text in cells if name.startswith(of_orders)} == {dash}
        assert {text for name, text in cells if name.startswith("depth")} != {dash}
        page.goto("about:blank")


def test_it_plays_at_60x_and_seeks_on_the_timeline(page: Any, server: HudServer):
    """A minute a second; a click on the timeline goes there and the playing goes on."""
    opened(page, f"{server.url}?t={instant(100)}&speed=60")
    until(page, "hud.position.head > 180", 5)
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    until(page, "hud.position.head >= 199 && hud.position.head < 260 && !hud.app.isSeeking", 5)
    until(page, "hud.position.head > 260", 5)


def test_it_says_what_is_not_known(page: Any, server: HudServer):
    """An invalid book and windows that never came are hatched; both are named."""
    hatch = "hud.scene.picture.pixels.filter(pixel => pixel === 0xff3e342e).length"
    opened(page, f"{server.url}?playing=false&t={instant(8)}&time=8&on=depth")
    assert page.evaluate(hatch) == 0
    opened(page, f"{server.url}?playing=false&t={instant(15)}&time=8&on=depth")
    until(page, f"{STATUS} === 'book not valid'")
    assert page.evaluate(hatch) > 1000
    opened(page, f"{server.url}?playing=false&t={instant(200)}&time=8&on=depth")
    assert page.evaluate(hatch) == 0
    page.evaluate("hud.app.columns.seen[200] = -1; hud.scene.invalidate(); hud.app.change()")
    until(page, f"{STATUS} === 'gap'")
    assert page.evaluate(hatch) > 500


def test_it_says_where_options_are_missing(page: Any, server: HudServer):
    """A second without GEX has no lines, and the picture and the panel say so; the next has both."""
    opened(page, f"{server.url}?playing=false&t={instant(6)}&on=depth,gex")
    assert "no GEX for this second" in page.inner_text("#options")
    assert page.locator("#options .strike:not([hidden])").count() == 0
    opened(page, f"{server.url}?playing=false&t={instant(7)}&on=depth,gex")
    assert page.locator("#options .strike:not([hidden])").count() > 2
    assert "no GEX" not in page.inner_text("#options")


def test_it_says_that_it_loads_and_that_there_is_nothing(page: Any, tmp_path: Path):
    """An empty lake is told with the command that fills it."""
    with HudServer(Lake(tmp_path / "lake"), ServerOptions(port=0)).in_thread() as empty:
        page.route("**/v1/catalog", lambda route: (page.wait_for_timeout(300), route.continue_()))
        page.goto(empty.url, wait_until="commit")
        until(page, "document.getElementById('notice')?.textContent === 'loading'")
        until(page, f"{STATUS} === 'no data'")
        assert "spymaster build" in page.inner_text("#notice")


def test_it_comes_back_after_the_service(page: Any, awkward_lake: Lake):
    """The service stops and starts again: the page says so and goes on where it was."""
    page.may_complain = True
    with HudServer(awkward_lake, ServerOptions(port=0)).in_thread() as first:
        port = first.port
        opened(page, f"{first.url}?t={instant(100)}&speed=2")
        until(page, "hud.position.head > 101")
    until(page, f"{STATUS}.startsWith('disconnected')")
    assert page.is_visible("#notice")
    stopped = head(page)
    with HudServer(awkward_lake, ServerOptions(port=port)).in_thread():
        until(page, f"hud.position.head > {stopped}", 15)
        assert not page.is_visible("#notice")
        assert head(page) < stopped + 30, "no window was jumped over"
        missing = page.evaluate(
            f"Array.from({{length: 20}}, (_, i) => hud.app.columns.slot({stopped} - 10 + i)).indexOf(-1)"
        )
        assert missing == -1 or missing > 10


def test_a_gap_is_filled(page: Any, server: HudServer):
    """Windows that the service left out, and said so, are fetched: no hole stays."""
    dropped: list[bytes] = []

    def stand_between(socket: Any) -> None:
        service = socket.connect_to_server()

        def to_page(message: str | bytes) -> None:
            if isinstance(message, str) or len(dropped) == 5:
                socket.send(message)
                return
            dropped.append(message)
            if len(dropped) == 5:
                ends = [
                    ipc.open_stream(one).read_all()["window_end_ts_ns"].to_pylist()
                    for one in dropped
                ]
                gap = {"windows": sum(map(len, ends)), "first_window_end_ts_ns": str(ends[0][0]),
                       "last_window_end_ts_ns": str(ends[-1][-1])}  # fmt: skip
                socket.send(json.dumps({"type": "gap", **gap}))

        service.on_message(to_page)

    page.route_web_socket(re.compile("/v1/hud/stream"), stand_between)
    view = "time=3&on=depth,spot,best,dots,gex,events"
    opened(page, f"{server.url}?t={instant(100)}&speed=10&{view}")
    until(page, "hud.position.head >= 112")
    page.keyboard.press(" ")
    until(page, f"{STATUS} === 'paused'")
    settled(page)
    stopped = head(page)
    assert len(dropped) == 5
    slots = f"Array.from({{length: {stopped - 90}}}, (_, i) => hud.app.columns.slot(91 + i))"
    assert -1 not in page.evaluate(slots)
    filled = pixels(page)
    page.goto("about:blank")
    opened(page, f"{server.url}?t={instant(stopped)}&playing=false&{view}")
    assert pixels(page) == filled


def test_a_day_replaced_in_between_is_opened_anew(page: Any, tmp_path: Path):
    """The page does not wait for a version that is gone, nor mix two."""
    page.may_complain = True
    lake = hud_lake(tmp_path, HudDay(windows=60))
    with HudServer(lake, ServerOptions(port=0)).in_thread() as first:
        port = first.port
        opened(page, f"{first.url}?t={instant(20)}&playing=false")
        version = page.evaluate("hud.app.version")
    until(page, f"{STATUS}.startsWith('disconnected')")
    write_hud_day(lake, HudDay(windows=60, seed=2))
    with HudServer(lake, ServerOptions(port=port)).in_thread():
        until(page, f"hud.app.version && hud.app.version !== '{version}'", 15)
        until(page, f"{STATUS} === 'paused'")
        assert head(page) == 20
