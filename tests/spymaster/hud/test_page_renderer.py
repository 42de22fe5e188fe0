"""The page's pure parts, in the shipped bundle: pooling, moving, exposure, and the rules of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from chromium import chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from page_browser import needs_chromium, opened

from spymaster.hud.server import HudServer

pytestmark = needs_chromium

MARKET = """
const {Columns, Picture, drawPixels, Geometry, exposureAt, eventsAt, centreTick} = hud.renderer;
const TICKS = 20;
const make = () => new Columns(0n, 250000000, TICKS);
// A window with a quiet book: 10 at every level, bids below tick 1000, asks from it on.
const put = (columns, index, changes = {}, spot = 1000) => {
    const slot = index & 2047;
    columns.seen[slot] = index;
    columns.last = Math.max(columns.last, index);
    columns.valid[slot] = 1;
    columns.prices.spot_ref_price_int[slot] = spot;
    columns.prices.best_bid_price_int[slot] = spot - 1;
    columns.prices.best_ask_price_int[slot] = spot;
    const q = columns.quantities;
    for (let i = 0; i < columns.items; i++) {
        for (const side of [0, 1]) {
            const at = slot * columns.items + i;
            for (const name of Object.keys(q)) q[name][side][at] = 0;
            const there = side ? i >= TICKS : i < TICKS;
            q.depth_qty_end[side][at] = q.depth_qty_rest[side][at] = there ? 10 : 0;
        }
    }
    for (const [name, side, tick, value] of changes.levels ?? []) {
        q[name][side][columns.item(slot, tick)] = value;
    }
    columns.firstFill[slot] = 0;
    columns.lastFill[slot] = columns.items - 1;
    return slot;
};
const LAYERS = {depth: true, vacuum: false, physics: false, spot: false, best: false, dots: false};
const ALL = {depth: true, vacuum: true, physics: true, spot: true, best: true, dots: true,
    events: true, grid: true};
"""


@pytest.fixture(scope="module")
def page(server: HudServer) -> Iterator[Any]:
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 720})
        yield opened(tab, server.url + "?playing=false")


def run(page: Any, body: str, argument: Any = None) -> Any:
    return page.evaluate(f"argument => {{{MARKET}{body}}}", argument)


@settings(max_examples=40, deadline=None)
@given(
    time=st.sampled_from([0.25, 0.5, 1, 3]),
    tick=st.sampled_from([0.25, 0.5, 1, 4]),
    index=st.integers(60, 199),
    above=st.integers(-15, 15),
)
def test_no_level_is_lost_where_cells_share_a_pixel(
    page: Any, time: float, tick: float, index: int, above: int
):
    """One large level in one second is white at its place, whatever else shares that pixel."""
    side = int(above >= 0)
    assert run(page, """
        const [time, tick, index, above, side] = argument;
        const columns = make();
        const levels = [['depth_qty_rest', side, 1000 + above, 5000]];
        for (let i = 0; i < 200; i++) put(columns, i, i === index ? {levels} : {});
        const geometry = new Geometry(600, 200, 1, time, tick, 199, 1000);
        const pixels = new Uint32Array(600 * 200);
        drawPixels(pixels, columns, geometry, LAYERS, {dark: 5, white: 1000});
        return pixels[geometry.y(1000 + above) * 600 + geometry.x(index)] === 0xffffffff
            && pixels.filter(pixel => pixel === 0xffffffff).length
                === geometry.column.size * geometry.row.size;
    """, [time, tick, index, above, side])  # fmt: skip


def test_a_moved_picture_is_a_fresh_one(page: Any):
    """Column by column, at every scale, with every layer: the same pixels as drawn at once."""
    assert run(page, """
        const differ = [];
        for (const time of [0.5, 1, 3]) for (const ratio of [1, 2]) {
            const columns = make(), moved = new Picture();
            let seed = 7;
            const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32 * n | 0;
            let spot = 1000, drawn = 0;
            for (let i = 0; i < 700; i++) {
                spot += random(3) - 1;
                const levels = [
                    ['fill_qty', 0, spot - 1, random(900)],
                    ['fill_qty', 1, spot + 1, random(90)],
                    ['depth_qty_rest', random(2), spot + random(30) - 15, random(5000)],
                ];
                const slot = put(columns, i, {levels}, spot);
                if (i % 97 === 5) columns.valid[slot] = 0;
                if (i < 650 || i % 3) continue;
                const geometry = new Geometry(300, 160, ratio, time, 4, i, 1000);
                const exposure = {dark: 5, white: 4000};
                moved.draw(columns, geometry, ALL, exposure);
                drawn = moved.take().reduce((sum, [, x0, x1]) => sum + x1 - x0, 0);
                const fresh = new Uint32Array(300 * 160);
                drawPixels(fresh, columns, geometry, ALL, exposure);
                const shown = moved.pixels;
                if (fresh.some((pixel, at) => pixel !== shown[at])) differ.push([time, ratio, i]);
            }
            if (drawn >= 300) differ.push([time, 'was never moved']);
        }
        return differ;
    """) == []  # fmt: skip


@pytest.mark.parametrize(
    ("fill", "executed", "same_as"),
    [(40, 90, 90), (0, 90, 90), (40, 0, 0), (40, 40, 40), (40, -1, 40), (-1, -1, 0)],
    ids=["an iceberg's part", "hidden alone", "an aggressor's own", "usual", "no orders in the lake",
         "unknown"],
)  # fmt: skip
def test_a_dot_is_all_that_traded(page: Any, fill: int, executed: int, same_as: int):
    """What hidden reserves traded is no fill of the walls, what an aggressor moved away no trade."""
    assert run(page, """
        const drawn = (fill, executed) => {
            const columns = make();
            const levels = [['fill_qty', 1, 1001, fill], ['executed_qty', 1, 1001, executed]];
            columns.findFills(put(columns, 0, {levels}));
            const pixels = new Uint32Array(100 * 100);
            const geometry = new Geometry(100, 100, 1, 1, 1, 0, 1000);
            drawPixels(pixels, columns, geometry, {...LAYERS, dots: true}, {dark: 5, white: 1000});
            return pixels;
        };
        const [fill, executed, same] = argument;
        const expected = drawn(same, same), nothing = drawn(0, 0);
        return drawn(fill, executed).every((pixel, at) => pixel === expected[at])
            && (same > 0) === expected.some((pixel, at) => pixel !== nothing[at]);
    """, [fill, executed, same_as])  # fmt: skip


STEP = st.tuples(st.integers(0, 60), st.integers(0, 80), st.booleans())
"""Windows that come, windows looked back, whether the drawing stops half way."""


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 80), st.booleans()), min_size=2, max_size=6
    ),
    time=st.sampled_from([0.25, 1, 2]),
    history=st.sampled_from([120, 1800]),
)
def test_parts_are_a_whole_however_one_came_to_them(
    page: Any, steps: list[tuple[int, int, bool]], time: float, history: int
):
    """Playing, looking back, the edge of memory, drawings that stop half way: fresh pixels at the end."""
    assert run(page, """
        const [steps, time, history] = argument;
        const columns = make(), moved = new Picture(), exposure = {dark: 5, white: 400};
        let head = 150, geometry;
        for (let i = 0; i < 150; i++) put(columns, i, {levels: [['fill_qty', i % 2, 1000, 9 * i % 700]]});
        for (const [ahead, back, stops] of steps) {
            for (let i = 0; i < ahead; i++, head++) {
                const levels = [['fill_qty', i % 2, 998 + i % 5, 400], ['refreshed_qty', 0, 997, i % 30]];
                put(columns, head, {levels});
            }
            const end = Math.max(0, head - 1 - back), oldest = Math.max(0, head - history);
            geometry = new Geometry(700, 90, 1, time, 4, end, 1000, oldest);
            let parts = 0;
            moved.draw(columns, geometry, ALL, exposure, () => stops && parts++ > 0);
        }
        if (!moved.draw(columns, geometry, ALL, exposure)) return 'not done';
        const fresh = new Uint32Array(700 * 90), shown = moved.pixels;
        drawPixels(fresh, columns, geometry, ALL, exposure);
        return fresh.findIndex((pixel, at) => pixel !== shown[at]);
    """, [steps, time, history]) == -1  # fmt: skip


def test_exposure_is_by_rank(page: Any):
    """60 of 100 levels are at or below dark, 997 of 1000 at or below white; 0 is no level."""
    assert run(page, """
        const columns = make();
        for (let i = 0; i < 300; i++) {
            const slot = put(columns, i);
            for (const side of [0, 1]) for (let k = 0; k < columns.items; k++) {
                const rest = columns.quantities.depth_qty_rest[side];
                rest[slot * columns.items + k] = side ? 0 : i % 100 + 1;
            }
        }
        return [exposureAt(columns, 299), exposureAt(columns, 250).white];
    """) == [{"dark": 60, "white": 100}, 100]  # fmt: skip


def test_the_centre_follows_spot_only_beyond_the_middle_half(page: Any):
    assert run(page, """
        const columns = make();
        for (let i = 0; i < 40; i++) put(columns, i, {}, i < 20 ? 1000 + i : 1040);
        return [centreTick(columns, 19, 100), centreTick(columns, 30, 100)];
    """) == [1000, 1040]  # fmt: skip


BID, ASK = 0, 1
STANDS = [["fill_qty", BID, 999, 100], ["add_qty", BID, 999, 105], ["depth_qty_end", BID, 999, 15]]
FILLED = [*STANDS, ["absorbed_qty", BID, 999, 120]]
"""120 sold into a bid of 10, 20 of them into hidden reserves; it stands with 15 at the end."""
DEEP = [*FILLED, ["depth_qty_end", BID, 999, 200]]
"""The same, into a bid of 195."""


@pytest.mark.parametrize(
    ("levels", "kinds"),
    [
        (FILLED, ["absorption"]),
        ([*FILLED, ["depth_qty_end", BID, 999, 0]], []),
        ([*STANDS, ["absorbed_qty", BID, 999, 45]], []),
        (DEEP, []),
        ([*DEEP, ["largest_order_qty", BID, 999, 29]], []),
        ([*DEEP, ["largest_order_qty", BID, 999, 30]], ["absorption"]),
        ([*DEEP, ["refreshed_qty", BID, 999, 4]], []),
        ([*DEEP, ["refreshed_qty", BID, 999, 5]], ["absorption", "iceberg"]),
        ([*STANDS, ["absorbed_qty", BID, 999, 45], ["largest_order_qty", BID, 999, 90]], []),
        ([*FILLED, ["add_qty", BID, 999, -1]], []),
        ([*STANDS, ["absorbed_qty", BID, 999, -1]], []),
        ([["fill_qty", ASK, 1000, 120], ["add_qty", ASK, 1000, 125], ["depth_qty_end", ASK, 1000, 15],
          ["absorbed_qty", ASK, 1000, 120]], ["absorption"]),
    ],
    ids=["stands", "gone at the end", "too small since it gave way", "less than its depth",
         "small orders hold", "a large order holds", "hardly a reserve holds", "a reserve holds",
         "too small for a large order", "unknown", "no orders in the lake", "ask"],
)  # fmt: skip
def test_absorption(page: Any, levels: list[Any], kinds: list[str]):
    """At least 50, by a reserve, a large order or twice the depth of the start; and the level stands."""
    found = run(
        page, "const c = make(); put(c, 5, {levels: argument}); return eventsAt(c, 5)", levels
    )
    assert [event["kind"] for event in found] == kinds


def test_absorption_needs_a_price_that_did_not_pass(page: Any):
    """A level that the other side's best has reached was not absorbed: the book is crossed there."""
    body = """const c = make(), slot = put(c, 5, {levels: argument});
        c.prices.best_ask_price_int[slot] = 999; return eventsAt(c, 5)"""
    assert run(page, body, FILLED) == []


@pytest.mark.parametrize(("quantity", "kinds"), [(-1, []), (4, []), (5, ["iceberg"])])
def test_icebergs(page: Any, quantity: int, kinds: list[str]):
    """Five contracts out of hidden reserves within the second, whether or not the level shows fills."""
    body = """const levels = ['refreshed_qty', 'executed_qty'].map(name => [name, 1, 1001, argument]);
        const c = make(), slot = put(c, 5, {levels});
        c.findFills(slot); return eventsAt(c, 5)"""
    found = run(page, body, quantity)
    assert [event["kind"] for event in found] == kinds
    assert [event["quantity"] for event in found] == [quantity] * len(kinds)


def test_an_invalid_book_has_no_events(page: Any):
    body = "const c = make(); c.valid[put(c, 5, {levels: argument})] = 0; return eventsAt(c, 5)"
    assert run(page, body, FILLED) == []


SIMULATED = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""What such an eye makes of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)."""
XYZ_OF_WHITE = [0.9505, 1, 1.089]
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def lab(rgb: list[int], eye: list[list[float]]) -> Any:
    """CIELAB of a colour as an eye sees it."""
    share = np.array(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = np.array(XYZ) @ np.clip(np.array(eye) @ linear, 0, 1) / XYZ_OF_WHITE
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", SIMULATED)
@pytest.mark.parametrize(
    ("one", "other"),
    [("bestBid", "bestAsk"), ("buy", "sell"), ("building", "eroding")],
)
def test_opposites_differ_for_every_eye(page: Any, eye: str, one: str, other: str):
    """By thirty steps of CIELAB, of which a trained eye sees two or three."""
    colours = page.evaluate("hud.renderer.COLOURS")
    away = lab(colours[one], SIMULATED[eye]) - lab(colours[other], SIMULATED[eye])
    assert np.linalg.norm(away) > 30
