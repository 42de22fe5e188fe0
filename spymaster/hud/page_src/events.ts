/**
 * What aggressive volume met: absorption, and icebergs that came up again. The lake's level_orders_1s has
 * followed the single orders; here its numbers are weighed. docs/hud-page.md has the rules in words.
 */
import {ASK, BID, type Columns} from './columns.ts';

export interface MarketEvent {
  kind: 'absorption' | 'iceberg';
  index: number;
  tick: number;
  side: typeof BID | typeof ASK;
  quantity: number;
}

/** Fewer contracts absorbed at a level in a second are noise. */
export const MIN_ABSORBED = 50;
/** Absorbed at least so many times the depth at the start. */
export const ABSORBED_TIMES = 2;
/** Contracts out of hidden reserves in a second. */
export const MIN_REFRESHED = 5;
/** An order that still shows so many contracts is one that others lean on. */
export const LARGE_ORDER = 30;

/** The events of one window. */
export function eventsAt(columns: Columns, index: number): MarketEvent[] {
  const slot = columns.slot(index);
  if (slot < 0 || !columns.valid[slot]) return [];
  const {absorbed_qty, refreshed_qty} = columns.quantities;
  const found: MarketEvent[] = [];
  const lowest = columns.prices.spot_ref_price_int[slot] - columns.ticks;
  for (let i = columns.firstFill[slot]; i <= columns.lastFill[slot]; i++) {
    for (const side of [BID, ASK] as const) {
      const item = slot * columns.items + i;
      const tick = lowest + i;
      const absorbed = absorbed_qty[side][item];
      const refreshed = refreshed_qty[side][item];
      if (absorbed >= MIN_ABSORBED && isAbsorbed(columns, slot, item, tick, side, absorbed)) {
        found.push({kind: 'absorption', index, tick, side, quantity: absorbed});
      }
      if (refreshed >= MIN_REFRESHED) found.push({kind: 'iceberg', index, tick, side, quantity: refreshed});
    }
  }
  return found;
}

/**
 * The level still stands and price has not passed it; and something held it: a hidden reserve, a large order,
 * or others who refilled it to a multiple of what it showed at the start.
 */
function isAbsorbed(columns: Columns, slot: number, item: number, tick: number, side: typeof BID | typeof ASK, absorbed: number): boolean {
  const {depth_qty_end, add_qty, pull_qty_total, fill_qty, refreshed_qty, largest_order_qty} = columns.quantities;
  const end = depth_qty_end[side][item];
  const flows = [add_qty, pull_qty_total, fill_qty].map((of) => of[side][item]);
  if (end <= 0 || flows.some((flow) => flow < 0)) return false;
  const start = end - flows[0] + flows[1] + flows[2];
  const other = side === BID ? columns.prices.best_ask_price_int[slot] : columns.prices.best_bid_price_int[slot];
  const holds = Number.isNaN(other) || (side === BID ? other > tick : other < tick);
  const isHeld = refreshed_qty[side][item] >= MIN_REFRESHED || largest_order_qty[side][item] >= LARGE_ORDER;
  return holds && (isHeld || absorbed >= ABSORBED_TIMES * start);
}
