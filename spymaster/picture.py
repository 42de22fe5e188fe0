"""A still picture of a day: resting depth as a heatmap of time and price, with the price on top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont

from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_partition
from spymaster.products import PRICE_SCALE, product_of_contract
from spymaster.whole_file import whole_file

_BOOK = "silver.future_mbo.book_snapshot_1s"
_WALL = "silver.future_mbo.wall_surface_1s"
_NS = 1_000_000_000
# Exposure: depth up to the dark percentile only glows, the bright percentile is white.
_DARK_PERCENTILE, _BRIGHT_PERCENTILE = 60.0, 99.7
_FAINTEST = 0.16
_BACKGROUND = np.array([8, 10, 20], np.float64)
# From dark to bright; bids are blue-green, asks amber: told apart also by the colour-blind.
_RAMPS = {
    "B": np.array([[8, 10, 20], [14, 60, 92], [32, 148, 160], [196, 245, 238]], np.float64),
    "A": np.array([[8, 10, 20], [92, 46, 22], [208, 120, 36], [255, 236, 196]], np.float64),
}
_SPOT, _BUY, _SELL, _TEXT, _GRID = "#ffffff", "#3ddc97", "#ff5d73", "#aab4c8", "#232a3d"
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM = 16, 84, 40, 30

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Frame:
    """What is drawn: windows [0, windows) from `start_ns`, ticks [low_tick, low_tick + ticks)."""

    start_ns: int
    windows: int
    low_tick: int
    ticks: int
    tick_int: int
    width: int
    height: int

    def x(self, window: float) -> float:
        """Return the pixel column of a window's number."""
        return _MARGIN_LEFT + window * self.width / self.windows

    def y(self, tick: float) -> float:
        """Return the pixel row of a tick's middle."""
        return _MARGIN_TOP + (self.low_tick + self.ticks - tick - 0.5) * self.height / self.ticks


def draw_heatmap(
    lake: Lake, symbol: str, dt: str, path: Path, width: int = 1600, height: int = 900
) -> None:
    """Write a PNG of depth_qty_rest over time and price, the spot and the trades by aggressor.

    The file appears whole or not at all. Raises UserError if the day is not built or has no valid
    price, and if `path` is no .png or cannot be written.
    """
    if path.suffix != ".png":
        raise UserError(f"--out {path}: the name must end with .png")
    if not is_partition_complete(partition_ref(lake, _BOOK, symbol, dt)):
        raise UserError(
            f"{symbol} {dt} has not been built; run: spymaster build --symbol {symbol} --dt {dt}"
        )
    book = read_partition(partition_ref(lake, _BOOK, symbol, dt))
    wall = read_partition(partition_ref(lake, _WALL, symbol, dt))
    book = book.filter(pc.is_valid(book["spot_ref_price_int"]))
    if book.num_rows == 0:
        raise UserError(f"{symbol} {dt}: no window of the session has a price, nothing to draw")
    tick_int = product_of_contract(symbol).tick_int
    frame = _frame(book, tick_int, width, height)
    image = Image.fromarray(_heat(wall, frame))
    canvas = Image.new("RGB", (width, height), tuple(int(c) for c in _BACKGROUND))
    canvas.paste(image.resize((frame.width, frame.height), Image.Resampling.NEAREST),
                 (_MARGIN_LEFT, _MARGIN_TOP))  # fmt: skip
    draw = ImageDraw.Draw(canvas)
    _draw_axes(draw, frame, f"{symbol}  {dt}  resting depth, contracts, one column a second")
    _draw_price(draw, frame, book)
    with whole_file(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas.save(part, format="PNG")


def _frame(book: Any, tick_int: int, width: int, height: int) -> Frame:
    starts = book["window_start_ts_ns"].to_numpy()
    spot = book["spot_ref_price_int"].to_numpy() // tick_int
    low, high = np.percentile(spot, [0.5, 99.5])
    reach = max(40.0, (high - low) / 2 * 1.6)
    low_tick = int((low + high) / 2 - reach)
    return Frame(
        start_ns=int(starts[0]),
        windows=int((starts[-1] - starts[0]) // _NS) + 1,
        low_tick=low_tick,
        ticks=int(2 * reach) + 1,
        tick_int=tick_int,
        width=width - _MARGIN_LEFT - _MARGIN_RIGHT,
        height=height - _MARGIN_TOP - _MARGIN_BOTTOM,
    )


def _heat(wall: Any, frame: Frame) -> np.ndarray[Any, np.dtype[np.uint8]]:
    columns = min(frame.windows, frame.width)
    rows = min(frame.ticks, frame.height)
    window = (wall["window_start_ts_ns"].to_numpy() - frame.start_ns) // _NS
    tick = wall["price_int"].to_numpy() // frame.tick_int - frame.low_tick
    depth = wall["depth_qty_rest"].to_numpy().astype(np.float64)
    side = np.asarray(wall["side"].to_pylist())
    seen = (window >= 0) & (window < frame.windows) & (tick >= 0) & (tick < frame.ticks)
    lit = depth[seen & (depth > 0)]
    dark, bright = np.percentile(lit if len(lit) else [1.0], [_DARK_PERCENTILE, _BRIGHT_PERCENTILE])
    pixels = np.broadcast_to(_BACKGROUND, (rows, columns, 3)).copy()
    brightest = np.zeros((rows, columns))
    for name, ramp in _RAMPS.items():
        chosen = seen & (side == name)
        # Max-pooled: a column or row of pixels shows the largest of what it stands for.
        pooled = np.zeros((rows, columns))
        y = rows - 1 - tick[chosen] * rows // frame.ticks
        np.maximum.at(pooled, (y, window[chosen] * columns // frame.windows), depth[chosen])
        glow = np.clip(pooled / dark, 0, 1) * _FAINTEST
        level = (
            glow + (1 - _FAINTEST) * np.clip((pooled - dark) / max(bright - dark, 1), 0, 1) ** 0.7
        )
        shown = pooled > brightest
        pixels[shown] = _ramp_colours(ramp, level[shown])
        brightest = np.maximum(brightest, pooled)
    return pixels.astype(np.uint8)


def _ramp_colours(ramp: Floats, level: Floats) -> Floats:
    stops = np.linspace(0, 1, len(ramp))
    return np.stack([np.interp(level, stops, ramp[:, channel]) for channel in range(3)], axis=-1)


def _draw_axes(draw: ImageDraw.ImageDraw, frame: Frame, title: str) -> None:
    font = ImageFont.load_default(size=15)
    draw.text((_MARGIN_LEFT, 10), title, fill=_TEXT, font=font)
    step = next(s for s in (4, 8, 20, 40, 80, 200, 400, 10**9) if frame.ticks / s < 16)
    for tick in range(frame.low_tick - frame.low_tick % step, frame.low_tick + frame.ticks, step):
        if tick >= frame.low_tick:
            y = frame.y(tick)
            draw.line([(frame.x(frame.windows), y), (frame.x(frame.windows) + 6, y)], fill=_TEXT)
            price = f"{tick * frame.tick_int / PRICE_SCALE:,.2f}"
            draw.text((frame.x(frame.windows) + 10, y - 9), price, fill=_TEXT, font=font)
    minutes = frame.windows / 60
    step_minutes = next(m for m in (1, 2, 5, 10, 15, 30, 60, 10**9) if minutes / m < 16)
    start = datetime.fromtimestamp(frame.start_ns // _NS, UTC).astimezone(
        ZoneInfo("America/New_York")
    )
    first = start.replace(second=0) + timedelta(minutes=-start.minute % step_minutes)
    bottom = _MARGIN_TOP + frame.height
    for number in range(int(minutes / step_minutes) + 2):
        moment = first + timedelta(minutes=number * step_minutes)
        x = frame.x((moment - start).total_seconds())
        if _MARGIN_LEFT <= x <= frame.x(frame.windows):
            draw.line([(x, bottom), (x, bottom + 5)], fill=_TEXT)
            draw.text((x - 18, bottom + 8), f"{moment:%H:%M}", fill=_TEXT, font=font)
    draw.text((frame.x(frame.windows) - 60, 10), "New York time", fill=_TEXT, font=font)


def _draw_price(draw: ImageDraw.ImageDraw, frame: Frame, book: Any) -> None:
    windows: Ints = (book["window_start_ts_ns"].to_numpy() - frame.start_ns) // _NS
    ticks = book["spot_ref_price_int"].to_numpy() / frame.tick_int
    points = [(frame.x(w + 0.5), frame.y(t)) for w, t in zip(windows, ticks, strict=True)]
    buys, sells = book["trade_buy_qty"].to_numpy(), book["trade_sell_qty"].to_numpy()
    largest = max(float(np.percentile(np.maximum(buys, sells), 99.5)), 1.0)
    for (x, y), buy, sell in zip(points, buys, sells, strict=True):
        qty, colour = (buy, _BUY) if buy >= sell else (sell, _SELL)
        radius = 5.0 * float(np.sqrt(min(qty / largest, 1.0)))
        if radius >= 1.5:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=colour)
    draw.line(points, fill=_SPOT, width=1)
