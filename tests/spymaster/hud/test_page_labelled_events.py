"""The page's own rules on the sample market's labelled events, through the service and Arrow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest
from chromium import chromium
from hud_clients import Api
from labelled_day import DT, SECOND, START_NS, SYMBOL, WINDOWS, LabelledDay, precision_and_recall
from page_browser import needs_chromium, opened

from spymaster.hud.server import HudServer, ServerOptions

pytestmark = needs_chromium
END_NS = START_NS + WINDOWS * SECOND
Event = tuple[int, str, int]


@pytest.fixture(scope="module")
def service(labelled_day: LabelledDay) -> Iterator[HudServer]:
    with HudServer(labelled_day.lake, ServerOptions(port=0)).in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def page(service: HudServer) -> Iterator[Any]:
    """The page at the day's end, with every window in memory."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 720})
        yield opened(tab, f"{service.url}?playing=false&t={END_NS}")


def marks(page: Any, kind: str) -> dict[Event, int]:
    """What the page's rule finds: quantity by window start, side and price."""
    found = page.evaluate(
        """([kind, windows]) => {
            const {columns} = hud.app, found = [];
            for (let index = 0; index < windows; index++) {
                if (columns.slot(index) < 0) throw new Error(`window ${index} is not in memory`);
                found.push(...hud.renderer.eventsAt(columns, index));
            }
            return found.filter(event => event.kind === kind)
                .map(({index, side, tick, quantity}) => [index, side, tick * columns.tickInt, quantity]);
        }""",
        [kind, WINDOWS],
    )
    return {
        (START_NS + index * SECOND, "BA"[side], price): quantity
        for index, side, price, quantity in found
    }


def test_diamonds_are_the_refreshes(page: Any, labelled_day: LabelledDay):
    """All of at least five contracts, with their quantity, and no other."""
    true = labelled_day.sql(
        "select window_start_ts_ns, side, price_int, sum(quantity)::int from labels"
        " where kind = 'iceberg_refresh' group by all having sum(quantity) >= 5"
    )
    assert marks(page, "iceberg") == {(start, side, price): q for start, side, price, q in true}
    assert len(true) > 100


def absorbed(day: LabelledDay, least: int) -> set[Event]:
    """Where walls and icebergs took so many contracts in a second since the level last gave way."""
    return set(
        day.sql(
            "select window_start_ts_ns, side, price_int from (select *, coalesce(max(ts_event)"
            " filter (kind = 'gave_way') over (partition by window_start_ts_ns, side, price_int), 0)"
            " as gave_way_at from labels) where kind = 'absorption' and ts_event > gave_way_at"
            f" group by all having sum(quantity) >= {least}"
        )
    )


def test_brackets_are_where_walls_and_icebergs_held(page: Any, labelled_day: LabelledDay):
    """Nine of ten that absorbed 50 are marked; seven of ten marks have one that absorbed half of it.

    The others are levels that ordinary orders refilled: the sample's participants do that too.
    """
    found = set(marks(page, "absorption"))
    recall = precision_and_recall(found, absorbed(labelled_day, 50))[1]
    precision = precision_and_recall(found, absorbed(labelled_day, 25))[0]
    assert len(found) > 20
    assert recall >= 0.85, (precision, recall)
    assert precision >= 0.6, (precision, recall)


def test_the_volume_delta_on_the_page_is_the_files(page: Any, labelled_day: LabelledDay):
    """The line of the day and the number beside it, from the file's trade records, at every second."""
    expected = labelled_day.delta()
    assert page.evaluate("[...hud.app.course.delta]") == expected


def test_the_volume_delta_on_the_wire_is_the_files(service: HudServer, labelled_day: LabelledDay):
    """The same of a row's trade_buy_qty and trade_sell_qty, as clients get them."""
    columns = ("trade_buy_qty", "trade_sell_qty")
    table = (
        Api(service.port)
        .get("/v1/hud/bootstrap", symbol=SYMBOL, dt=DT, end_ts_ns=END_NS, columns=",".join(columns))
        .table
    )
    bought, sold = (accumulate(table[name].to_pylist()) for name in columns)
    assert [buy - sell for buy, sell in zip(bought, sold, strict=True)] == labelled_day.delta()


def test_dots_are_the_files_trades(page: Any, labelled_day: LabelledDay):
    """At each second, price and side, but for the auction's second: its orders rest at many prices."""
    found = page.evaluate(
        """windows => {
            const {columns} = hud.app, found = [];
            for (let index = 0; index < windows; index++) {
                const slot = columns.slot(index);
                for (const side of [0, 1]) {
                    for (let i = columns.firstFill[slot]; i <= columns.lastFill[slot]; i++) {
                        const quantity = columns.traded(side, slot * columns.items + i);
                        const tick = columns.prices.spot_ref_price_int[slot] - columns.ticks + i;
                        if (quantity > 0) found.push([index, side, tick * columns.tickInt, quantity]);
                    }
                }
            }
            return found;
        }""",
        WINDOWS,
    )
    auction = {window for window, side, _, _ in labelled_day.trades() if side == "N"}
    assert len(auction) == 1
    traded: dict[Event, int] = defaultdict(int)
    for window, aggressor, price, size in labelled_day.trades():
        if window not in auction:
            traded[window, {"B": "A", "A": "B"}[aggressor], price] += size
    dots = {
        (index, "BA"[side], price): quantity
        for index, side, price, quantity in found
        if index not in auction
    }
    assert dots == traded
