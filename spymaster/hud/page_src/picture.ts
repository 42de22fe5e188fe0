/**
 * The picture in parts of a fixed place in time, so that when time goes on nothing is moved in memory:
 * the parts are shown further left, and only pixel columns that look otherwise than before are drawn.
 * A test holds the parts to the pixels of a whole picture drawn at once.
 */
import type {Columns} from './columns.ts';
import {shades, type Exposure} from './exposure.ts';
import {drawPixels, type Layers} from './heatmap.ts';
import {MAX_RADIUS} from './marks.ts';
import type {Geometry} from './view.ts';

/** Device pixels that a part is wide. */
export const PART = 256;

export interface Part {
  /** Pixels from the day's first second to its left edge. */
  left: number;
  height: number;
  pixels: Uint32Array;
  /** The windows that it was drawn for; -1 before the first drawing. */
  end: number;
  oldest: number;
}

/** Pixel columns x0 <= x < x1 of a part. */
export type Stretch = readonly [part: Part, x0: number, x1: number];

export class Picture {
  /** The parts that are seen, from the left. */
  parts: Part[] = [];
  /** What was drawn since it was last taken. */
  private drawn: Stretch[] = [];
  private key = '';
  private geometry: Geometry | null = null;
  private shade: Uint8Array = new Uint8Array(0);

  /** Forget it: columns that were drawn have changed. */
  invalidate(): void {
    this.key = '';
  }

  /**
   * Bring it up to date, or begin to: when `isLate` says so it stops after a part. Returns whether it is
   * done; if not, the next call goes on.
   */
  draw(columns: Columns, geometry: Geometry, layers: Layers, exposure: Exposure, isLate = () => false): boolean {
    const {height, column, row, topTick, ratio} = geometry;
    const key = JSON.stringify([height, column, row, topTick, ratio, layers, exposure]);
    if (key !== this.key) {
      this.shade = shades(exposure);
      for (const part of this.parts) part.end = -1;
    }
    this.key = key;
    this.geometry = geometry;
    this.place(geometry);
    for (const part of this.parts) {
      const place = geometry.part(part.left, PART);
      const ranges = stale(part, place);
      if (ranges.length && isLate()) return false;
      for (const [x0, x1] of ranges) {
        drawPixels(part.pixels, columns, place, layers, exposure, x0, x1, this.shade);
        this.drawn.push([part, x0, x1]);
      }
      [part.end, part.oldest] = [geometry.end, geometry.oldest];
    }
    return true;
  }

  /** What was drawn since the last call; parts that the picture has left are not among it. */
  take(): Stretch[] {
    const drawn = this.drawn.filter(([part]) => this.parts.includes(part));
    this.drawn = [];
    return drawn;
  }

  /** Have the parts that the picture needs; those that it has left are used again. */
  private place({left, width, height}: Geometry): void {
    const isSeen = (part: Part) => part.height === height && part.left + PART > left && part.left < left + width;
    const free = this.parts.filter((part) => part.height === height && !isSeen(part));
    const seen = new Map(this.parts.filter(isSeen).map((part) => [part.left, part]));
    this.parts = [];
    for (let at = Math.floor(left / PART) * PART; at < left + width; at += PART) {
      let part = seen.get(at);
      if (!part) {
        const fresh = {left: at, height, end: -1, oldest: -1};
        part = Object.assign(free.pop() ?? {pixels: new Uint32Array(PART * height)}, fresh);
      }
      this.parts.push(part);
    }
  }

  /** The whole of it, row by row, as wide as it is seen: for tests, the screen has the parts. */
  get pixels(): Uint32Array {
    const {left, width, height} = this.geometry!;
    const whole = new Uint32Array(width * height);
    for (const part of this.parts) {
      const from = Math.max(0, left - part.left);
      const to = Math.min(PART, left + width - part.left);
      for (let y = 0; y < height; y++) {
        whole.set(part.pixels.subarray(y * PART + from, y * PART + to), y * width + part.left + from - left);
      }
    }
    return whole;
  }
}

/** The pixel columns of a part that changed: around the newest window, and around the oldest in memory. */
function stale(part: Part, place: Geometry): [number, number][] {
  if (part.end < 0) return [[0, PART]];
  const reach = place.column.size * 2 + Math.ceil(MAX_RADIUS * place.ratio) + 1;
  const ranges = ([[part.oldest, place.oldest], [part.end, place.end]] as const)
    .filter(([before, now]) => before !== now)
    .map(([before, now]): [number, number] => [
      Math.max(0, place.x(Math.min(before, now)) - reach), Math.min(PART, place.x(Math.max(before, now)) + reach),
    ])
    .filter(([x0, x1]) => x0 < x1);
  if (ranges.length === 2 && ranges[0][1] >= ranges[1][0]) return [[Math.min(ranges[0][0], ranges[1][0]), Math.max(ranges[0][1], ranges[1][1])]];
  return ranges;
}
