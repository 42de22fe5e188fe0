/** The marks of absorption and icebergs, beside the level on its own side of the book; size is volume. */
import {BID, type Columns} from './columns.ts';
import {eventsAt, type MarketEvent} from './events.ts';
import {MAX_RADIUS} from './marks.ts';
import {COLOURS, packed} from './palette.ts';
import {BRACKET_ABOVE, BRACKET_BELOW, DIAMOND, press, sizeOf, stampOf, type Stamp} from './stamps.ts';
import type {Geometry} from './view.ts';

const SIDE_COLOURS = [packed(COLOURS.bestBid), packed(COLOURS.bestAsk)];
/** CSS pixels: half a stroke; from the level to its bracket and to its diamond; the bracket's stem. */
const HALF_STROKE = 0.75;
const BRACKET_AWAY = 9;
const DIAMOND_AWAY = 16;
const STEM = 5;
/** CSS pixels of reach of one contract: half the bracket's width, half the diamond's diagonal. */
const BRACKET_UNIT = 0.65;
const DIAMOND_UNIT = 0.9;
const SMALLEST = 2.5;
/** Of 256; the smallest marks are many and fainter. */
const FAINTEST = 160;

export function drawEventMarks(pixels: Uint32Array, columns: Columns, geometry: Geometry, x0: number, x1: number): void {
  const margin = Math.ceil(MAX_RADIUS * geometry.ratio) + 1;
  const first = Math.max(geometry.oldest, geometry.index(x0 - margin) - geometry.column.pool + 1);
  const last = Math.min(geometry.index(x1 + margin), geometry.end);
  for (let index = first; index <= last; index++) {
    for (const event of eventsAt(columns, index)) drawMark(pixels, geometry, event, x0, x1);
  }
}

function drawMark(pixels: Uint32Array, geometry: Geometry, event: MarketEvent, x0: number, x1: number): void {
  const {ratio} = geometry;
  const isBracket = event.kind === 'absorption';
  const outward = event.side === BID ? 1 : -1;
  const x = geometry.x(event.index) + geometry.column.size / 2;
  const y = geometry.middle(event.tick) + outward * (isBracket ? BRACKET_AWAY : DIAMOND_AWAY) * ratio;
  const css = Math.sqrt(event.quantity) * (isBracket ? BRACKET_UNIT : DIAMOND_UNIT);
  const size = sizeOf(Math.min(MAX_RADIUS - 1, Math.max(SMALLEST, css)) * ratio);
  const stamp = isBracket ? bracket(size, ratio, outward, x, y) : diamond(size, ratio, x, y);
  press(pixels, geometry, stamp, x, y, SIDE_COLOURS[event.side], x0, x1);
}

/** A bar with a stem towards the level that holds. */
function bracket(size: number, ratio: number, outward: number, x: number, y: number): Stamp {
  const stem = STEM * ratio;
  return stampOf(outward > 0 ? BRACKET_BELOW : BRACKET_ABOVE, size, ratio, x, y, Math.max(size, stem) + ratio, 256, (dx, dy) => {
    const bar = Math.hypot(Math.max(0, Math.abs(dx) - size), dy);
    const inward = -outward * dy;
    const inStem = Math.hypot(dx, Math.max(0, -inward, inward - stem));
    return Math.min(bar, inStem) - HALF_STROKE * ratio;
  });
}

function diamond(size: number, ratio: number, x: number, y: number): Stamp {
  const alpha = FAINTEST + Math.round(((256 - FAINTEST) * size) / (MAX_RADIUS * ratio));
  return stampOf(DIAMOND, size, ratio, x, y, size + ratio, alpha, (dx, dy) =>
    Math.abs((Math.abs(dx) + Math.abs(dy) - size) / Math.SQRT2) - HALF_STROKE * ratio);
}
