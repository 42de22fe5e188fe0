/**
 * Where a window and a price are on the screen.
 *
 * Scales are whole device pixels a cell, or whole cells a pixel, anchored at the day's first second: a
 * new second then shifts the picture by whole pixels and nothing is resampled. The centre is a function
 * of the windows too, so that a seek and a playback end with the same one.
 */
import type {Columns} from './columns.ts';

/** CSS pixels a second. */
export const TIME_SCALES = [1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8, 12, 16];
/** CSS pixels a tick. */
export const TICK_SCALES = [1, 2, 3, 4, 5, 6, 8, 10, 14, 20];
/** Seconds between the times at which exposure and centre begin anew. */
export const BLOCK = 300;
/** Windows that the picture reaches back: what a bootstrap brings. */
export const HISTORY = 1800;
/** Windows before a block that both look at; with the block itself it is what a bootstrap brings. */
export const LOOK_BACK = 1500;

/** A scale in device pixels: `size` pixels a cell, or `pool` cells a pixel. */
export function cells(scale: number, ratio: number): {size: number; pool: number} {
  const pixels = scale * ratio;
  return pixels >= 1 ? {size: Math.round(pixels), pool: 1} : {size: 1, pool: Math.round(1 / pixels)};
}

export class Geometry {
  /** Pixels from the day's first second to the picture's left edge. */
  readonly left: number;
  readonly topTick: number;
  readonly column: {size: number; pool: number};
  readonly row: {size: number; pool: number};

  constructor(
    readonly width: number, readonly height: number, readonly ratio: number,
    timeScale: number, tickScale: number, readonly end: number, readonly centre: number,
    readonly oldest = Math.max(0, end - HISTORY + 1),
  ) {
    this.column = cells(timeScale, ratio);
    this.row = cells(tickScale, ratio);
    this.left = this.pixelOf(end) + this.column.size - width;
    this.topTick = centre + Math.floor((height / this.row.size) * this.row.pool / 2);
  }

  /** A part of the picture, from the pixel `left` (counted as `left` is): its own pixel 0 is there. */
  part(left: number, width: number): Geometry {
    return Object.assign(Object.create(Geometry.prototype) as Geometry, this, {left, width});
  }

  /** The pixel of a window, counted from the day's first second. */
  pixelOf(index: number): number {
    return Math.floor(index / this.column.pool) * this.column.size;
  }

  x(index: number): number {
    return this.pixelOf(index) - this.left;
  }

  /** The newest window of a pixel's column. */
  index(x: number): number {
    return Math.floor((Math.floor(x) + this.left) / this.column.size) * this.column.pool + this.column.pool - 1;
  }

  /** The upper edge of a price, in ticks. */
  y(tick: number): number {
    return Math.floor((this.topTick - tick) / this.row.pool) * this.row.size;
  }

  /** The middle of a price, which need not be a whole tick. */
  middle(tick: number): number {
    return (this.topTick - tick) / this.row.pool * this.row.size + this.row.size / 2;
  }

  tick(y: number): number {
    return this.topTick - Math.floor(y / this.row.size) * this.row.pool;
  }

  get seconds(): number {
    return Math.ceil(this.width / this.column.size) * this.column.pool;
  }

  get ticks(): number {
    return Math.ceil(this.height / this.row.size) * this.row.pool;
  }
}

/** The price in the middle at a window: it follows spot, but only when spot has left the middle half. */
export function centreTick(columns: Columns, index: number, ticks: number): number {
  let centre = NaN;
  for (let i = Math.max(0, Math.floor(index / BLOCK) * BLOCK - LOOK_BACK); i <= index; i++) {
    const slot = columns.slot(i);
    const spot = slot < 0 ? NaN : columns.prices.spot_ref_price_int[slot];
    if (!Number.isNaN(spot) && !(Math.abs(spot - centre) <= ticks / 4)) centre = spot;
  }
  return Number.isNaN(centre) ? 0 : Math.round(centre);
}
