/**
 * How bright a quantity is: by its rank among the day's recent ones, as a photographer exposes.
 *
 * The quantity that 60 of 100 known levels do not exceed is dark, that of 997 of 1000 is white; between
 * them brightness follows the logarithm. The windows looked at end at a whole five minutes: the picture
 * does not flicker with every second, and how the day was played makes no difference.
 */
import type {Columns} from './columns.ts';
import {BLOCK, LOOK_BACK} from './view.ts';

export interface Exposure {
  dark: number;
  white: number;
}

const DARK = 0.6;
const WHITE = 0.997;
/** Every fifth window tells the ranks as well as all do. */
const STRIDE = 5;
const LARGEST = 65_535;

export function exposureAt(columns: Columns, index: number): Exposure {
  // Before the first whole five minutes there is only what there is.
  const stop = index < BLOCK ? index + 1 : Math.floor(index / BLOCK) * BLOCK;
  const counts = new Uint32Array(LARGEST + 1);
  let total = 0;
  const stride = index < BLOCK ? 1 : STRIDE;
  for (let i = Math.max(0, stop - LOOK_BACK); i < stop; i += stride) {
    const slot = columns.slot(i);
    if (slot < 0) continue;
    for (const side of columns.quantities.depth_qty_rest) {
      for (let at = slot * columns.items, to = at + columns.items; at < to; at++) {
        if (side[at] > 0) {
          counts[Math.min(side[at], LARGEST)]++;
          total++;
        }
      }
    }
  }
  const dark = Math.max(1, quantile(counts, total * DARK));
  return {dark, white: Math.max(dark + 1, quantile(counts, total * WHITE))};
}

function quantile(counts: Uint32Array, rank: number): number {
  for (let value = 0, below = 0; value < counts.length; value++) {
    below += counts[value];
    if (below >= rank && below > 0) return value;
  }
  return 0;
}

/** Shades 0..255 of the quantities 0..65535. */
export function shades({dark, white}: Exposure): Uint8Array {
  const table = new Uint8Array(LARGEST + 1);
  const span = Math.log(white / dark);
  for (let value = 1; value <= LARGEST; value++) {
    table[value] = Math.max(0, Math.min(255, Math.round((Math.log(value / dark) / span) * 255)));
  }
  return table;
}
