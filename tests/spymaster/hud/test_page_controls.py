"""What the user can do with the page, by keyboard and by mouse, and that its parts fit the window."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hud_lake import DT, SYMBOL, HudDay, hud_lake, write_hud_day
from page_browser import STATUS, head, instant, needs_chromium, opened, pixels, settled, until

from spymaster.hud.server import HudServer, ServerOptions

pytestmark = needs_chromium
OVERLAYS = ["depth", "spot", "best", "dots", "vacuum", "physics", "gex", "events", "cvd"]


def test_the_keyboard_does_everything(page: Any, server: HudServer):
    """Play, seek, zoom, pan, speed, overlays, cursor, pickers, help; and the address remembers."""
    opened(page, f"{server.url}?playing=false&t={instant(200)}&time=2")
    press = page.keyboard.press
    press(" ")
    until(page, "hud.position.head > 200")
    press(" ")
    until(page, f"{STATUS} === 'paused'")
    before = head(page)
    press("ArrowLeft")
    until(page, f"hud.position.head === {before - 10} && !hud.app.isSeeking")
    press("+")
    until(page, "hud.scene.geometry.column.size === 3")
    press("-")
    until(page, "hud.scene.geometry.column.size === 2")
    press("]")
    until(page, "hud.scene.geometry.row.size === 5")
    press("[")
    until(page, "hud.scene.geometry.row.size === 4")
    centre = page.evaluate("hud.scene.geometry.centre")
    press("ArrowUp")
    until(page, f"hud.scene.geometry.centre > {centre}")
    press("ArrowDown")
    until(page, f"hud.scene.geometry.centre === {centre}")
    press(",")
    until(page, "hud.position.back > 0")
    press(".")
    until(page, "hud.position.back === 0")
    press(",")
    press("c")
    until(page, f"hud.position.back === 0 && hud.scene.geometry.centre === {centre}")
    press(">")
    until(page, "hud.app.settings.speed === 2")
    press("<")
    until(page, "hud.app.settings.speed === 1")
    press("5")
    until(page, "hud.app.settings.on.has('vacuum')")
    press("Shift+ArrowLeft")
    until(page, "!document.getElementById('cell').hidden")
    cell = page.inner_text("#cell .wide")
    press("Shift+ArrowUp")
    until(page, f"document.querySelector('#cell .wide').textContent !== {json.dumps(cell)}")
    press("Escape")
    until(page, "document.getElementById('cell').hidden")
    press("?")
    until(page, "document.getElementById('keys').open")
    press("Escape")
    until(page, "!document.getElementById('keys').open")
    press("Home")
    until(page, "hud.position.head === 0 && !hud.app.isSeeking")
    press("PageDown")
    until(page, "hud.position.head === 300 && !hud.app.isSeeking")
    press("PageUp")
    until(page, "hud.position.head === 0 && !hud.app.isSeeking")
    press("End")
    until(page, "hud.position.head === 399 && !hud.app.isSeeking")
    assert "speed=1" in page.url
    assert "vacuum" in page.url


def test_symbol_and_date_are_chosen_by_keyboard(page: Any, tmp_path: Path):
    """The newest day is shown first; the pickers lead to the others, and the address follows."""
    lake = hud_lake(tmp_path, HudDay(windows=60))
    write_hud_day(lake, HudDay(windows=60, seed=2), SYMBOL, "2026-01-07")
    write_hud_day(lake, HudDay(windows=60, seed=3), "ESM6", DT)
    with HudServer(lake, ServerOptions(port=0)).in_thread() as several:
        opened(page, f"{several.url}?symbol={SYMBOL}&playing=false")
        assert page.evaluate("hud.app.settings.dt") == "2026-01-07"
        for key, other, setting in (("d", DT, "dt"), ("s", "ESM6", "symbol")):
            page.keyboard.press(key)
            page.keyboard.press("ArrowDown" if setting == "symbol" else "Home")
            page.keyboard.press("Escape")
            until(page, f"hud.app.settings.{setting} === '{other}' && hud.app.stream.isOpen")
            until(page, f"{STATUS} === 'paused'")
            assert f"{setting}={other}" in page.url
            assert page.evaluate("document.activeElement === document.body")
        page.goto("about:blank")


def test_the_mouse_zooms_pans_and_goes_back(page: Any, server: HudServer):
    """Wheel, wheel with Shift, drag, double click."""
    opened(page, f"{server.url}?playing=false&t={instant(200)}&time=2&tick=4")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -100)
    until(page, "hud.scene.geometry.column.size === 3")
    page.mouse.wheel(0, 100)
    until(page, "hud.scene.geometry.column.size === 2")
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Shift")
    until(page, "hud.scene.geometry.row.size === 5")
    centre = page.evaluate("hud.scene.geometry.centre")
    page.mouse.down()
    page.mouse.move(360, 350, steps=3)
    page.mouse.up()
    until(page, f"hud.position.back === 30 && hud.scene.geometry.centre === {centre + 10}")
    page.mouse.dblclick(400, 300)
    until(page, f"hud.position.back === 0 && hud.scene.geometry.centre === {centre}")
    assert head(page) == 200


def test_every_overlay_can_be_switched_off(page: Any, server: HudServer):
    """Its key takes it from the screen, and brings back the same pixels; the button says which it is."""
    view = f"playing=false&t={instant(200)}&time=8&tick=14"
    opened(page, f"{server.url}?{view}&on={','.join(OVERLAYS)}")
    everything = pixels(page, "main", "#timeline")
    for key, name in enumerate(OVERLAYS, 1):
        page.keyboard.press(str(key))
        settled(page)
        button = page.locator(f"#overlays [name={name}]")
        assert button.get_attribute("aria-pressed") == "false"
        assert pixels(page, "main", "#timeline") != everything, name
        page.keyboard.press(str(key))
        settled(page)
        assert button.get_attribute("aria-pressed") == "true"
    assert pixels(page, "main", "#timeline") == everything


def test_the_help_explains_every_overlay_and_key(page: Any, server: HudServer):
    """Nothing can be switched on that is not told of, each with a sample that is not blank."""
    opened(page, f"{server.url}?playing=false")
    page.keyboard.press("?")
    marks = page.locator("#keys dl:first-child dt").all_inner_texts()
    for place, title in enumerate(page.locator("#overlays button").all_inner_texts(), 1):
        assert any(mark.startswith(f"{place} {title}") for mark in marks), title
    assert {"hatched", "bars"} <= set(marks)
    colours = """[...document.querySelectorAll('#keys canvas')].map(canvas => new Set(new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size)"""
    assert min(page.evaluate(colours)) > 1
    assert page.locator("#keys dl:last-child dt").count() > 12


@pytest.mark.parametrize(
    ("width", "height", "letters"), [(1280, 720, 12), (1920, 1080, 12), (3840, 2160, 24)]
)
def test_letters_grow_and_nothing_is_clipped(
    page: Any, server: HudServer, width: int, height: int, letters: int
):
    """Also while it says the longest it has to say; 4K shows a smaller screen's page, larger."""
    page.set_viewport_size({"width": width, "height": height})
    opened(page, f"{server.url}?playing=false&t={instant(200)}")
    page.evaluate("document.getElementById('status').textContent = 'disconnected: trying again'")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == f"{letters}px"
    boxes = page.evaluate("""[...document.querySelectorAll('header > *, footer > *')]
        .filter(one => one.checkVisibility()).map(one => {
            const {left, right, top, bottom} = one.getBoundingClientRect();
            return [one.id, left, right, top, bottom, one.scrollWidth - one.clientWidth];
        })""")
    for name, left, right, top, bottom, hidden in boxes:
        assert left >= 0, name
        assert right <= width, name
        assert top >= 0, name
        assert bottom <= height, name
        assert hidden <= 1, f"{name} is cut"
    rows = [[box for box in boxes if (box[3] < height / 2) == above] for above in (True, False)]
    for row in rows:
        for (name, _, right, *_), (_, left, *_) in pairwise(row):
            assert right <= left, f"{name} lies over its neighbour"
    wide, high = page.evaluate("[hud.scene.geometry.width, hud.scene.geometry.height]")
    assert wide * high > 0.55 * width * height, "most of the window is the picture"
