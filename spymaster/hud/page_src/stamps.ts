/** Small shapes put into pixels: each is made once for a size and a place within the pixel. */
import {blend, COLOURS, packed} from './palette.ts';
import type {Geometry} from './view.ts';

/** How strongly a shape covers the pixels around its middle: 0..256 of its colour, below 0 of the outline. */
export interface Stamp {
  size: number;
  cover: Int16Array;
}

export const DOT = 0;
export const DIAMOND = 1;
export const BRACKET_BELOW = 2;
export const BRACKET_ABOVE = 3;
export type Shape = typeof DOT | typeof DIAMOND | typeof BRACKET_BELOW | typeof BRACKET_ABOVE;

/** Quarters of a pixel are as exact in size as the eye is, and eighths in place. */
const SIZES = 4;
const PLACES = 8;
const LARGEST = 256;
/** Let go when there are more. */
const MAX_STAMPS = 2000;
const OUTLINE_ALPHA = 130;
const OUTLINE = packed(COLOURS.outline);
const stamps = new Map<number, Stamp>();
let stampsRatio = 0;

/** A size that stamps are made of. */
export const sizeOf = (pixels: number): number => Math.min(LARGEST - 1, Math.round(pixels * SIZES) / SIZES);

/**
 * The stamp of a shape of a size with its middle at x, y. `away` is how far outside of the shape a point
 * is (below 0: inside), in pixels from its middle; `reach` how far from it the shape goes at most.
 */
export function stampOf(
  shape: Shape, size: number, ratio: number, x: number, y: number, reach: number, alpha: number, away: (x: number, y: number) => number,
): Stamp {
  if (ratio !== stampsRatio || stamps.size >= MAX_STAMPS) stamps.clear();
  stampsRatio = ratio;
  const dx = Math.round((x - Math.floor(x)) * PLACES);
  const dy = Math.round((y - Math.floor(y)) * PLACES);
  const key = ((shape * LARGEST * SIZES + size * SIZES) * 2 * PLACES + dx) * 2 * PLACES + dy;
  let stamp = stamps.get(key);
  if (!stamp) stamps.set(key, (stamp = makeStamp(Math.ceil(reach + 1), dx / PLACES, dy / PLACES, alpha, reach > 3, away)));
  return stamp;
}

function makeStamp(half: number, dx: number, dy: number, alpha: number, hasOutline: boolean, away: (x: number, y: number) => number): Stamp {
  const size = 2 * half + 1;
  const cover = new Int16Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const outside = away(x - half + 0.5 - dx, y - half + 0.5 - dy);
      const share = Math.min(1, Math.max(0, 0.5 - outside));
      if (share > 0) cover[y * size + x] = Math.round(share * alpha);
      else if (outside < 1 && hasOutline) cover[y * size + x] = -OUTLINE_ALPHA;
    }
  }
  return {size, cover};
}

/** Put a stamp with its middle at x, y into the pixel columns x0 <= x < x1. */
export function press(
  pixels: Uint32Array, {width, height}: Geometry, {size, cover}: Stamp, x: number, y: number, colour: number, x0: number, x1: number,
): void {
  const left = Math.floor(x) - (size >> 1);
  const top = Math.floor(y) - (size >> 1);
  const from = Math.max(x0, left);
  const to = Math.min(x1, left + size);
  for (let py = Math.max(0, top); py < Math.min(height, top + size); py++) {
    const row = (py - top) * size - left;
    for (let px = from; px < to; px++) {
      const alpha = cover[row + px];
      if (!alpha) continue;
      const at = py * width + px;
      pixels[at] = alpha > 0 ? blend(pixels[at], colour, alpha) : blend(pixels[at], OUTLINE, -alpha);
    }
  }
}
