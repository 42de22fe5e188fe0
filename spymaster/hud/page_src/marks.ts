/**
 * Lines and dots of the picture: spot, best prices, traded volume. Drawn as pixels beside the cells, so
 * that they move with them and need no second pass over half an hour of trades a frame.
 */
import {ASK, BID, type Columns} from './columns.ts';
import {COLOURS, packed} from './palette.ts';
import {DOT, press, sizeOf, stampOf} from './stamps.ts';
import type {Geometry} from './view.ts';

/** CSS pixels; the largest dot. */
export const MAX_RADIUS = 14;
/** CSS pixels of radius of one contract: area is proportional to volume until the largest dot. */
const UNIT_RADIUS = 0.4;
/** Smaller dots could not be seen. */
const MIN_RADIUS = 1;
const DOT_ALPHA = 205;

interface Lines {
  spot: boolean;
  best: boolean;
}

export function drawLines(pixels: Uint32Array, columns: Columns, geometry: Geometry, lines: Lines, x0: number, x1: number): void {
  const {prices} = columns;
  if (lines.best) {
    drawLine(pixels, columns, geometry, prices.best_bid_price_int, packed(COLOURS.bestBid), 1, x0, x1);
    drawLine(pixels, columns, geometry, prices.best_ask_price_int, packed(COLOURS.bestAsk), 1, x0, x1);
  }
  const thick = Math.max(1, Math.round(1.5 * geometry.ratio));
  if (lines.spot) drawLine(pixels, columns, geometry, prices.spot_ref_price_int, packed(COLOURS.spot), thick, x0, x1);
}

/** A step line: each pixel column spans from the price before to all prices in it. */
function drawLine(
  pixels: Uint32Array, columns: Columns, geometry: Geometry, price: Float64Array, colour: number, thick: number,
  x0: number, x1: number,
): void {
  const {width, height} = geometry;
  for (let x = x0; x < x1; x++) {
    const newest = Math.min(geometry.index(x), geometry.end);
    const oldest = Math.max(geometry.oldest, geometry.index(x) - geometry.column.pool + 1);
    const isFirst = geometry.x(oldest) === x;
    let low = Infinity;
    let high = -Infinity;
    for (let index = isFirst ? Math.max(geometry.oldest, oldest - 1) : oldest; index <= newest; index++) {
      const slot = columns.slot(index);
      if (slot < 0 || Number.isNaN(price[slot])) continue;
      if (index < oldest && Number.isNaN(valueAt(columns, price, oldest))) continue;
      low = Math.min(low, price[slot]);
      high = Math.max(high, price[slot]);
    }
    if (oldest > newest || low > high) continue;
    const top = Math.round(geometry.middle(high) - thick / 2);
    const bottom = Math.round(geometry.middle(low) - thick / 2) + thick;
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) pixels[y * width + x] = colour;
  }
}

function valueAt(columns: Columns, price: Float64Array, index: number): number {
  const slot = columns.slot(index);
  return slot < 0 ? NaN : price[slot];
}

/** A dot for each price and aggressor of a second, in order of time; what was bought over what was sold. */
export function drawDots(pixels: Uint32Array, columns: Columns, geometry: Geometry, x0: number, x1: number): void {
  const margin = Math.ceil(MAX_RADIUS * geometry.ratio) + 1;
  const first = Math.max(geometry.oldest, geometry.index(x0 - margin) - geometry.column.pool + 1);
  const last = Math.min(geometry.index(x1 + margin), geometry.end);
  // What traded at a bid was sold by the aggressor, at an ask bought.
  const colours: [typeof BID | typeof ASK, number][] = [[BID, packed(COLOURS.sell)], [ASK, packed(COLOURS.buy)]];
  for (let index = first; index <= last; index++) {
    const slot = columns.slot(index);
    if (slot < 0) continue;
    const x = geometry.x(index) + geometry.column.size / 2;
    const base = slot * columns.items;
    const lowest = columns.prices.spot_ref_price_int[slot] - columns.ticks;
    for (const [side, colour] of colours) {
      for (let i = columns.firstFill[slot]; i <= columns.lastFill[slot]; i++) {
        const quantity = columns.traded(side, base + i);
        if (quantity > 0) drawDot(pixels, geometry, x, geometry.middle(lowest + i), quantity, colour, x0, x1);
      }
    }
  }
}

function drawDot(
  pixels: Uint32Array, geometry: Geometry, x: number, y: number, quantity: number, colour: number, x0: number, x1: number,
): void {
  const {ratio} = geometry;
  const radius = sizeOf(Math.min(MAX_RADIUS, Math.max(MIN_RADIUS, Math.sqrt(quantity) * UNIT_RADIUS)) * ratio);
  const stamp = stampOf(DOT, radius, ratio, x, y, radius, DOT_ALPHA, (dx, dy) => Math.hypot(dx, dy) - radius);
  press(pixels, geometry, stamp, x, y, colour, x0, x1);
}
