/** The marks of absorption and icebergs, beside the level on its own side of the book; size is volume. */
import {BID, type Columns} from './columns.ts';
import {eventsAt, type MarketEvent} from './events.ts';
import {MAX_RADIUS} from './marks.ts';
import {COLOURS, packed} from './palette.ts';
import {press, stampOf, type Stamp} from './stamps.ts';
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
  // Half pixels are as exact as the eye is.
  const reach = Math.round(Math.min(MAX_RADIUS - 1, Math.max(SMALLEST, css)) * ratio * 2) / 2;
  const place: [number, number] = [x - Math.floor(x), y - Math.floor(y)];
  const stamp = isBracket ? bracket(reach, ratio, outward, place) : diamond(reach, ratio, place);
  press(pixels, geometry, stamp, x, y, SIDE_COLOURS[event.side], x0, x1);
}

/** A bar with a stem towards the level that it holds. */
function bracket(reach: number, ratio: number, outward: number, [dx, dy]: [number, number]): Stamp {
  const stem = STEM * ratio;
  const half = Math.ceil(Math.max(reach, stem) + 2);
  return stampOf(`bracket ${reach} ${ratio} ${outward}`, half, dx, dy, 256, true, (x, y) => {
    const bar = Math.hypot(Math.max(0, Math.abs(x) - reach), y);
    const down = -outward * y;
    const inStem = Math.hypot(x, Math.max(0, -down, down - stem));
    return Math.min(bar, inStem) - HALF_STROKE * ratio;
  });
}

function diamond(reach: number, ratio: number, [dx, dy]: [number, number]): Stamp {
  const half = Math.ceil(reach + 2);
  return stampOf(`diamond ${reach} ${ratio}`, half, dx, dy, 256, true, (x, y) =>
    Math.abs((Math.abs(x) + Math.abs(y) - reach) / Math.SQRT2) - HALF_STROKE * ratio);
}
