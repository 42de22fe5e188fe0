/**
 * The picture of time and price, as pixels of our own: no canvas, so that tests run it anywhere.
 *
 * `drawPixels` is a pure function of columns, geometry, settings and exposure. Where several cells share
 * a pixel the largest is shown, so none is lost.
 */
import {ASK, BID, type Columns} from './columns.ts';
import {shades, type Exposure} from './exposure.ts';
import {drawEventMarks} from './event_marks.ts';
import {drawGrid} from './grid.ts';
import {drawDots, drawLines} from './marks.ts';
import {ASK_STOPS, BID_STOPS, blend, COLOURS, packed, ramp} from './palette.ts';
import type {Geometry} from './view.ts';

export interface Layers {
  depth: boolean;
  vacuum: boolean;
  physics: boolean;
  spot: boolean;
  best: boolean;
  dots: boolean;
  events: boolean;
  grid: boolean;
}

const RAMPS = [ramp(BID_STOPS), ramp(ASK_STOPS)];
const EMPTY = packed(COLOURS.empty);
const UNKNOWN = packed(COLOURS.unknown);
const HATCH = packed(COLOURS.hatch);
const VACUUM = packed(COLOURS.vacuum);
const BUILDING = packed(COLOURS.building);
const ERODING = packed(COLOURS.eroding);
/** A vacuum score below it is not tinted. */
const VACUUM_FROM = 0.5;
/** Velocity (share of the level in a second) that gets the whole tint. */
const FULL_VELOCITY = 0.25;
/** The tint's alpha, of 256, at a level of the dark kind and of the white one. */
const SMALL_TINT = 24;
const LARGE_TINT = 190;
const HATCH_STEP = 8;

/** Draw the pixel columns x0 <= x < x1. */
export function drawPixels(
  pixels: Uint32Array, columns: Columns, geometry: Geometry, layers: Layers, exposure: Exposure,
  x0 = 0, x1 = geometry.width, shade = shades(exposure),
): void {
  const {size} = geometry.column;
  const offset = ((geometry.left % size) + size) % size;
  for (let x = x0 - ((x0 + offset) % size); x < x1; x += size) {
    drawColumn(pixels, columns, geometry, layers, shade, Math.max(x0, x), Math.min(x1, x + size));
  }
  repeatRows(pixels, geometry, x0, x1);
  hatch(pixels, columns, geometry, x0, x1);
  if (layers.grid) drawGrid(pixels, columns, geometry, x0, x1);
  if (layers.dots) drawDots(pixels, columns, geometry, x0, x1);
  if (layers.best || layers.spot) drawLines(pixels, columns, geometry, layers, x0, x1);
  if (layers.events) drawEventMarks(pixels, columns, geometry, x0, x1);
}

function drawColumn(
  pixels: Uint32Array, columns: Columns, geometry: Geometry, layers: Layers, shade: Uint8Array,
  x0: number, x1: number,
): void {
  const {width, height, topTick, row} = geometry;
  const shown = windowsOf(columns, geometry, x0);
  for (let y = 0, tick = topTick; y < height; y += row.size, tick -= row.pool) {
    const colour = cellColour(columns, layers, shade, shown, tick, row.pool);
    for (let x = x0, at = y * width + x0; x < x1; x++, at++) pixels[at] = colour;
  }
}

/** A window in memory: the place of its first item in the lists, and that item's price in ticks. */
interface Shown {
  start: number;
  lowest: number;
}

/** The windows that share the pixel column x. */
function windowsOf(columns: Columns, geometry: Geometry, x: number): Shown[] {
  const newest = Math.min(geometry.index(x), geometry.end);
  const oldest = Math.max(geometry.oldest, geometry.index(x) - geometry.column.pool + 1);
  const shown: Shown[] = [];
  for (let index = oldest; index <= newest; index++) {
    const slot = columns.slot(index);
    if (slot >= 0) shown.push({start: slot * columns.items, lowest: columns.prices.spot_ref_price_int[slot] - columns.ticks});
  }
  return shown;
}

/** The colour of the windows at the ticks tick, tick - 1, … */
function cellColour(columns: Columns, layers: Layers, shade: Uint8Array, shown: Shown[], tick: number, pool: number): number {
  const [bids, asks] = columns.quantities.depth_qty_rest;
  const [bidVacuum, askVacuum] = columns.rates.vacuum_score;
  const [bidVelocity, askVelocity] = columns.rates.liquidity_velocity;
  let bid = -1;
  let ask = -1;
  let vacuum = 0;
  let velocity = 0;
  let moving = -1;
  let side: typeof BID | typeof ASK = BID;
  for (let i = 0; i < shown.length; i++) {
    const {start, lowest} = shown[i];
    for (let place = tick - lowest, last = place - pool; place > last; place--) {
      if (!(place >= 0 && place < columns.items)) continue;
      const item = start + place;
      if (bids[item] > bid) bid = bids[item];
      if (asks[item] > ask) ask = asks[item];
      // A comparison with NaN, which is unknown, is false.
      if (layers.vacuum) {
        if (bidVacuum[item] > vacuum) vacuum = bidVacuum[item];
        if (askVacuum[item] > vacuum) vacuum = askVacuum[item];
      }
      if (layers.physics) {
        if (Math.abs(bidVelocity[item]) > Math.abs(velocity)) [velocity, moving, side] = [bidVelocity[item], item, BID];
        if (Math.abs(askVelocity[item]) > Math.abs(velocity)) [velocity, moving, side] = [askVelocity[item], item, ASK];
      }
    }
  }
  if (bid < 0 && ask < 0) return UNKNOWN;
  const quantity = Math.max(bid, ask);
  let colour = EMPTY;
  if (layers.depth && quantity > 0) colour = RAMPS[bid >= ask ? BID : ASK][shade[Math.min(quantity, 65_535)]];
  if (vacuum > VACUUM_FROM) colour = blend(colour, VACUUM, Math.round(((vacuum - VACUUM_FROM) / (1 - VACUUM_FROM)) * 110));
  if (moving >= 0) {
    const size = shade[largestOf(columns, moving, side)] / 255;
    const alpha = Math.min(1, Math.abs(velocity) / FULL_VELOCITY) * (SMALL_TINT + (LARGE_TINT - SMALL_TINT) * size);
    colour = blend(colour, velocity > 0 ? BUILDING : ERODING, Math.round(alpha));
  }
  return colour;
}

/** What stood at a level at the window's start or end, the larger: a wall that was pulled is one still. */
function largestOf(columns: Columns, item: number, side: number): number {
  const {depth_qty_end, add_qty, pull_qty_total, fill_qty} = columns.quantities;
  const end = depth_qty_end[side][item];
  const start = end - add_qty[side][item] + pull_qty_total[side][item] + fill_qty[side][item];
  return Math.max(0, Math.min(65_535, Math.max(start, end)));
}

function repeatRows(pixels: Uint32Array, {width, height, row}: Geometry, x0: number, x1: number): void {
  for (let y = 0; y < height; y++) {
    const from = y - (y % row.size);
    if (from !== y) pixels.copyWithin(y * width + x0, from * width + x0, from * width + x1);
  }
}

/** Hatch windows that are not in memory or whose book is not valid; the stripes stay where they are in time. */
function hatch(pixels: Uint32Array, columns: Columns, geometry: Geometry, x0: number, x1: number): void {
  const {width, height, left} = geometry;
  for (let x = x0; x < x1; x++) {
    const newest = geometry.index(x);
    let bad = false;
    for (let index = newest - geometry.column.pool + 1; index <= Math.min(newest, geometry.end); index++) {
      const slot = columns.slot(index);
      bad ||= index >= geometry.oldest && (slot < 0 || !columns.valid[slot]);
    }
    if (!bad) continue;
    const phase = (((x + left) % HATCH_STEP) + HATCH_STEP) % HATCH_STEP;
    for (let y = 0; y < height; y++) {
      const stripe = (phase + y) % HATCH_STEP;
      if (stripe < 2) pixels[y * width + x] = HATCH;
    }
  }
}
