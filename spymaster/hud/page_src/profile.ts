/** The book now, a bar a price: how much stands there, and how much of it has rested. */
import {ASK, BID, type Columns} from './columns.ts';
import {COLOURS, css, MUTED} from './palette.ts';
import type {Surface} from './surface.ts';
import type {Geometry} from './view.ts';
import {count} from './words.ts';

/** `full` is the quantity of a whole bar: that of the picture's white. */
export function drawProfile(surface: Surface, columns: Columns, geometry: Geometry, slot: number, full: number): void {
  const context = surface.clear();
  const {width} = surface;
  const {height} = geometry;
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
  drawScale(surface, height, count(full));
}

/** Below the bars, beside the axis of time: what an empty and a full bar are. */
function drawScale(surface: Surface, top: number, full: string): void {
  const {context, width, height, ratio} = surface;
  surface.font(10.5);
  context.fillStyle = MUTED;
  context.textBaseline = 'middle';
  const middle = (top + height) / 2;
  context.fillText('0', 4 * ratio, middle);
  context.textAlign = 'right';
  context.fillText(full, width - 4 * ratio, middle);
  context.textAlign = 'left';
}
