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
  const bar = Math.max(1, geometry.row.size - (geometry.row.size > 2 ? 1 : 0));
  const {depth_qty_end, depth_qty_rest} = columns.quantities;
  for (const [side, colour] of [[BID, COLOURS.bestBid], [ASK, COLOURS.bestAsk]] as const) {
    for (const [list, alpha] of [[depth_qty_end[side], 0.35], [depth_qty_rest[side], 0.9]] as const) {
      context.fillStyle = css(colour, alpha);
      for (let y = 0, tick = geometry.topTick; y < height; y += geometry.row.size, tick -= geometry.row.pool) {
        const quantity = largest(columns, list, slot, tick, geometry.row.pool);
        if (quantity > 0) context.fillRect(0, y, Math.min(1, quantity / full) * width, bar);
      }
    }
  }
  drawScale(surface, height, count(full));
}

/** Of the ticks tick, tick - 1, … that share a bar. */
function largest(columns: Columns, list: Int32Array, slot: number, tick: number, pool: number): number {
  let most = 0;
  for (let down = 0; down < pool; down++) {
    const item = columns.item(slot, tick - down);
    if (item >= 0 && list[item] > most) most = list[item];
  }
  return most;
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
