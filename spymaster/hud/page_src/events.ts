/**
 * What aggressive volume met: absorption and refills, by rules that the one-second tables can decide.
 * docs/hud-page.md has the rules in words and what they cannot know.
 */
import {ASK, BID, type Columns} from './columns.ts';

export interface MarketEvent {
  kind: 'absorption' | 'refill';
  index: number;
  tick: number;
  side: typeof BID | typeof ASK;
  quantity: number;
}

/** Fewer contracts at a level in a second are noise. */
export const MIN_FILL = 50;
/** Fills of at least so many times the depth at the start. */
export const ABSORBED_TIMES = 2;
/** Windows looked at, and how many of them must refill. */
export const REFILL_WINDOWS = 10;
export const REFILL_TIMES = 3;

/** The events of one window. */
export function eventsAt(columns: Columns, index: number): MarketEvent[] {
  const slot = columns.slot(index);
  if (slot < 0 || !columns.valid[slot]) return [];
  const found: MarketEvent[] = [];
  const lowest = columns.prices.spot_ref_price_int[slot] - columns.ticks;
  for (let i = columns.firstFill[slot]; i <= columns.lastFill[slot]; i++) {
    for (const side of [BID, ASK] as const) {
      const tick = lowest + i;
      const level = levelAt(columns, slot, tick, side);
      if (!level || level.fill < MIN_FILL) continue;
      if (level.end > 0 && level.fill >= ABSORBED_TIMES * level.start && holds(columns, slot, tick, side)) {
        found.push({kind: 'absorption', index, tick, side, quantity: level.fill});
      } else if (isRefilled(level) && refills(columns, index, tick, side) >= REFILL_TIMES) {
        found.push({kind: 'refill', index, tick, side, quantity: level.fill});
      }
    }
  }
  return found;
}

interface Level {
  start: number;
  end: number;
  add: number;
  fill: number;
}

function levelAt(columns: Columns, slot: number, tick: number, side: number): Level | null {
  const item = columns.item(slot, tick);
  if (item < 0) return null;
  const {depth_qty_end, add_qty, pull_qty_total, fill_qty} = columns.quantities;
  const end = depth_qty_end[side][item];
  const add = add_qty[side][item];
  const pull = pull_qty_total[side][item];
  const fill = fill_qty[side][item];
  return end < 0 || add < 0 || pull < 0 || fill < 0 ? null : {start: end - add + pull + fill, end, add, fill};
}

/** Price has not passed the level: no better side of the other book stands at or beyond it. */
function holds(columns: Columns, slot: number, tick: number, side: number): boolean {
  const other = side === BID ? columns.prices.best_ask_price_int[slot] : columns.prices.best_bid_price_int[slot];
  return Number.isNaN(other) || (side === BID ? other > tick : other < tick);
}

const isRefilled = (level: Level): boolean => level.fill > 0 && level.add >= level.fill && level.end >= level.start;

function refills(columns: Columns, index: number, tick: number, side: number): number {
  let count = 0;
  for (let back = 0; back < REFILL_WINDOWS; back++) {
    const slot = columns.slot(index - back);
    const level = slot < 0 ? null : levelAt(columns, slot, tick, side);
    if (level && isRefilled(level)) count++;
  }
  return count;
}
