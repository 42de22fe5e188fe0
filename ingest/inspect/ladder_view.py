"""A book at a moment, drawn in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spymaster.products import PRICE_SCALE
from spymaster_udf.book_ladder import Ladder, LadderSide

_BAR_CELLS: Final = 32
_RESTED, _YOUNG = "█", "░"
_ASK_STYLE, _BID_STYLE = "yellow", "cyan"  # told apart also by the colour-blind
_AGGRESSORS: Final = {"B": "bought", "A": "sold"}


@dataclass(frozen=True)
class LastTrade:
    """The last trade: UTC ns, price x 1e9, contracts, aggressor's side B, A or N."""

    ts_ns: int
    price_int: int
    qty: int
    side: str


@dataclass(frozen=True)
class MomentView:
    """All that is shown of one instrument's book at a moment."""

    name: str
    at_ns: int
    zone: str
    ladder: Ladder
    last_trade: LastTrade | None
    tick_int: int | None
    orders: int
    records: int
    left_out: int


def moment_text(ns: int, zone: tzinfo = UTC) -> str:
    """Return UTC nanoseconds as date and time of a zone, with the fraction that it has.

    >>> moment_text(1_767_709_805_250_000_000)
    '2026-01-06 14:30:05.25 UTC'
    """
    seconds, fraction = divmod(ns, 10**9)
    local = datetime.fromtimestamp(seconds, zone)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{local:%Y-%m-%d %H:%M:%S}{digits} {local:%Z}"


def price_text(price_int: int, tick_int: int | None) -> str:
    """Return a price with the decimals of its tick.

    >>> price_text(6_925_500_000_000, 250_000_000), price_text(-37_630_000_000, 10_000_000)
    ('6,925.50', '-37.63')
    """
    decimals = 9
    while decimals and (tick_int or price_int) % 10 ** (10 - decimals) == 0:
        decimals -= 1
    return f"{price_int / PRICE_SCALE:,.{decimals}f}"


def print_ladder(view: MomentView, levels: int, console: Console) -> None:
    """Print the book: what it is, asks from far to near, the spread, bids from near to far."""
    ladder = view.ladder
    local = moment_text(view.at_ns, ZoneInfo(view.zone))
    heading = Text(f"{view.name}  {local}  ({moment_text(view.at_ns)})  ", style="bold")
    heading.append(*("valid", "green") if ladder.book_valid else ("NOT VALID", "bold red"))
    console.print(heading)
    console.print(_trade_line(view), highlight=False)
    table = Table(show_edge=False, pad_edge=False, box=None)
    table.add_column("")
    table.add_column("price", justify="right")
    table.add_column("contracts", justify="right")
    table.add_column(f"{_RESTED} rested  {_YOUNG} young", width=_BAR_CELLS)
    table.add_column("orders", justify="right")
    table.add_column("rested", justify="right")
    depths = [d for s in (ladder.asks, ladder.bids) for d in s.depth_qty[:levels].tolist()]
    largest = max(depths, default=1)
    _add_rows(table, "ask", ladder.asks, range(min(levels, len(ladder.asks)))[::-1], view, largest)
    table.add_row("", "", "", Text(_spread_text(view), style="bold"), "", "")
    _add_rows(table, "bid", ladder.bids, range(min(levels, len(ladder.bids))), view, largest)
    console.print(table)
    console.print(_foot(view, levels), style="dim", highlight=False)


def _trade_line(view: MomentView) -> str:
    trade = view.last_trade
    if trade is None:
        return "no trade yet"
    seconds = (view.at_ns - trade.ts_ns) / 10**9
    how = _AGGRESSORS.get(trade.side, "without aggressor")
    price = price_text(trade.price_int, view.tick_int)
    return f"last trade {price} x {trade.qty:,}, {how}, {seconds:,.3f} s before"


def _spread_text(view: MomentView) -> str:
    spread = view.ladder.spread_int
    if spread is None:
        empty = [
            n for n, s in (("bids", view.ladder.bids), ("asks", view.ladder.asks)) if not len(s)
        ]
        return f"no {' and no '.join(empty)}"
    text = f"spread {price_text(spread, view.tick_int)}"
    if view.tick_int:
        ticks = spread // view.tick_int
        text += f" ({ticks} tick{'s' if abs(ticks) != 1 else ''})"
    return text + (" CROSSED" if spread < 0 else " touching" if spread == 0 else "")


def _add_rows(
    table: Table, name: str, side: LadderSide, places: range, view: MomentView, largest: int
) -> None:
    style = _ASK_STYLE if name == "ask" else _BID_STYLE
    for place in places:
        depth, rest = int(side.depth_qty[place]), int(side.rest_qty[place])
        cells = max(1, round(_BAR_CELLS * depth / largest))
        rested = round(cells * rest / depth)
        table.add_row(
            name,
            price_text(int(side.price_int[place]), view.tick_int),
            f"{depth:,}",
            _RESTED * rested + _YOUNG * (cells - rested),
            f"{int(side.order_count[place]):,}",
            f"{100 * rest / depth:.0f} %",
            style=style,
        )


def _foot(view: MomentView, levels: int) -> str:
    ladder = view.ladder
    hidden = max(len(ladder.asks) - levels, 0), max(len(ladder.bids) - levels, 0)
    text = f"{view.orders:,} orders after {view.records:,} records"
    if any(hidden):
        text += f"; {hidden[0]:,} asks and {hidden[1]:,} bids further away (--levels)"
    if view.left_out:
        text += f"; {view.left_out:,} records of an event that had not ended are left out"
    if not ladder.book_valid:
        text += "; no snapshot or clear has made the book whole (see --assume-valid)"
    return text
