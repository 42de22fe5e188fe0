/** Where prices and times are marked: lines in the picture, words on the axes beside it. */
import type {Columns} from './columns.ts';
import {blend, MUTED, packed} from './palette.ts';
import type {Surface} from './surface.ts';
import type {Geometry} from './view.ts';
import {clock, minute, price} from './words.ts';

const STEPS = [1, 2, 4, 8, 20, 40, 80, 200, 400];
const TIME_STEPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600];
const LINE = packed([150, 166, 190]);
const LINE_ALPHA = 26;
/** CSS pixels that a price's and a time's words need. */
const PRICE_ROOM = 22;
const TIME_ROOM = 90;

function priceStep({row, ratio}: Geometry): number {
  const room = ((PRICE_ROOM * ratio) / row.size) * row.pool;
  return STEPS.find((ticks) => ticks >= room) ?? STEPS[STEPS.length - 1];
}

function timeStep({column, ratio}: Geometry): number {
  const room = ((TIME_ROOM * ratio) / column.size) * column.pool;
  return TIME_STEPS.find((seconds) => seconds >= room) ?? TIME_STEPS[TIME_STEPS.length - 1];
}

/** The marked ticks of the picture, from the top, with the pixel of their line. */
function* markedPrices(geometry: Geometry): Generator<[tick: number, y: number]> {
  const step = priceStep(geometry);
  for (let tick = Math.floor(geometry.topTick / step) * step; geometry.middle(tick) < geometry.height; tick -= step) {
    yield [tick, Math.round(geometry.middle(tick))];
  }
}

/** The marked windows first..last: those that end at a whole number of steps. */
function* markedTimes(columns: Columns, geometry: Geometry, first: number, last: number): Generator<number> {
  const step = timeStep(geometry);
  const second = Number(columns.firstTs / 1_000_000_000n);
  for (let at = Math.ceil((first + second) / step) * step - second; at <= last; at += step) yield at;
}

/** The lines, in the pixel columns x0 <= x < x1. */
export function drawGrid(pixels: Uint32Array, columns: Columns, geometry: Geometry, x0: number, x1: number): void {
  const {width, height} = geometry;
  for (const [, y] of markedPrices(geometry)) {
    for (let at = y * width + x0, to = y * width + x1; at < to; at++) pixels[at] = blend(pixels[at], LINE, LINE_ALPHA);
  }
  const first = Math.max(geometry.oldest, geometry.index(x0) - geometry.column.pool + 1);
  for (const index of markedTimes(columns, geometry, first, Math.min(geometry.end, geometry.index(x1)))) {
    const x = geometry.x(index);
    if (x < x0 || x >= x1) continue;
    for (let at = x; at < height * width; at += width) pixels[at] = blend(pixels[at], LINE, LINE_ALPHA);
  }
}

/** A price on the axis that stands out: spot, the cursor. */
export interface Tag {
  tick: number;
  fill: string;
  ink: string;
}

/** The axis of prices; a tag takes the place of the words that it would cover. */
export function drawPrices(surface: Surface, columns: Columns, geometry: Geometry, tags: Tag[]): void {
  const context = surface.clear();
  const {ratio, height, width} = surface;
  const edge = 9 * ratio;
  const placed = tags
    .filter(({tick}) => !Number.isNaN(tick))
    .map((tag) => ({...tag, y: Math.max(edge, Math.min(height - edge, geometry.middle(tag.tick)))}));
  surface.font(10.5);
  context.textBaseline = 'middle';
  context.fillStyle = MUTED;
  for (const [tick, y] of markedPrices(geometry)) {
    const isFree = placed.every((tag) => Math.abs(tag.y - y) > 15 * ratio);
    if (isFree && y > edge && y < height - edge) context.fillText(price(tick, columns.tickInt), 6 * ratio, y);
  }
  surface.font(11, 600);
  for (const {tick, fill, ink, y} of placed) {
    context.fillStyle = fill;
    context.fillRect(0, y - 8 * ratio, width, 16 * ratio);
    context.fillStyle = ink;
    context.fillText(price(tick, columns.tickInt), 6 * ratio, y);
  }
}

export function drawTimes(surface: Surface, columns: Columns, geometry: Geometry): void {
  const context = surface.clear();
  const {ratio, height, width} = surface;
  surface.font(10.5);
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  context.fillStyle = MUTED;
  const words = timeStep(geometry) < 60 ? clock : minute;
  const first = Math.max(geometry.oldest, geometry.index(0));
  for (const index of markedTimes(columns, geometry, first, geometry.end)) {
    const x = geometry.x(index);
    if (x > 30 * ratio && x < width - 30 * ratio) context.fillText(words(columns.timestamp(index)), x, height / 2);
  }
}
