/** Small shapes put into pixels: each is made once for a size and a place within the pixel. */
import {blend, COLOURS, packed} from './palette.ts';
import type {Geometry} from './view.ts';

/** How strongly a shape covers the pixels around its middle: 0..256 of its colour, below 0 of the outline. */
export interface Stamp {
  size: number;
  cover: Int16Array;
}

/** Of every scale that was looked at; let go when there are more. */
const MAX_STAMPS = 2000;
const OUTLINE_ALPHA = 130;
const OUTLINE = packed(COLOURS.outline);
const stamps = new Map<string, Stamp>();

/**
 * The stamp of a shape: `away` is how far outside of it a point is (below 0: inside), in pixels from the
 * shape's middle, which lies `dx`, `dy` within its pixel; `key` names shape and size.
 */
export function stampOf(
  key: string, half: number, dx: number, dy: number, alpha: number, hasOutline: boolean, away: (x: number, y: number) => number,
): Stamp {
  const name = `${key} ${dx} ${dy}`;
  let stamp = stamps.get(name);
  if (stamp) return stamp;
  const size = 2 * half + 1;
  stamp = {size, cover: new Int16Array(size * size)};
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const outside = away(x - half + 0.5 - dx, y - half + 0.5 - dy);
      const share = Math.min(1, Math.max(0, 0.5 - outside));
      if (share > 0) stamp.cover[y * size + x] = Math.round(share * alpha);
      else if (outside < 1 && hasOutline) stamp.cover[y * size + x] = -OUTLINE_ALPHA;
    }
  }
  if (stamps.size >= MAX_STAMPS) stamps.clear();
  stamps.set(name, stamp);
  return stamp;
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
