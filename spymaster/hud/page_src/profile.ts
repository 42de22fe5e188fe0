/** The book now, a bar a price: how much stands there, and how much of it has rested. */
import {ASK, BID, type Columns} from './columns.ts';
import {COLOURS, css, MUTED} from './palette.ts';
import type {Surface} from './surface.ts';
import type {Geometry} from './view.ts';
import {count} from './words.ts';

/** `full` is the quantity of a whole bar: that of the picture's white. */
export function drawProfile(surface: Surface, columns: Columns, geometry: Geometry, slot: number, full: number): void {
  const context = surface.clear();
  const {width, height, ratio} = surface;
  if (slot < 0) return;
  const {depth_qty_end: end, depth_qty_rest: rest} = columns.quantities;
  const bar = Math.max(1, geometry.row.size - (geometry.row.size > 2 ? 1 : 0));
  for (let y = 0, tick = geometry.topTick; y < height; y += geometry.row.size, tick -= geometry.row.pool) {
    for (const [side, colour] of [[BID, COLOURS.bestBid], [ASK, COLOURS.bestAsk]] as const) {
      let stands = 0;
      let rested = 0;
      for (let down = 0; down < geometry.row.pool; down++) {
        const item = columns.item(slot, tick - down);
        if (item < 0) continue;
        stands = Math.max(stands, end[side][item]);
        rested = Math.max(rested, rest[side][item]);
      }
      if (stands <= 0) continue;
      context.fillStyle = css(colour, 0.35);
      context.fillRect(0, y, Math.min(1, stands / full) * width, bar);
      context.fillStyle = css(colour, 0.9);
      context.fillRect(0, y, Math.min(1, rested / full) * width, bar);
    }
  }
  surface.font(9.5);
  context.textBaseline = 'top';
  context.textAlign = 'right';
  context.fillStyle = MUTED;
  context.fillText(count(full), width - 3 * ratio, 4 * ratio);
  context.textAlign = 'left';
}
