/**
 * The windows in memory: a ring of one-second columns, decoded once from Arrow.
 *
 * A window's place follows from its time, not from its arrival: rows that come twice, late or after a
 * seek land where they belong, so the picture cannot depend on how the day was played. Unknown stays
 * apart from nothing: -1 in quantities, NaN in floats.
 */
import {tableFromIPC, type Table} from '@uwdata/flechette';

export const RING = 2048;
export const SIDES = ['bid', 'ask'] as const;
export const BID = 0;
export const ASK = 1;
const QUANTITIES = ['depth_qty_end', 'depth_qty_rest', 'order_count_end', 'largest_order_qty', 'add_qty', 'pull_qty_total', 'fill_qty', 'absorbed_qty', 'refreshed_qty', 'executed_qty'] as const;
const RATES = ['vacuum_score', 'liquidity_velocity'] as const;
const SCALARS = [
  'best_bid_qty', 'best_ask_qty', 'best_bid_orders', 'best_ask_orders', 'trade_buy_qty', 'trade_sell_qty',
  'message_count', 'above_score', 'below_score', 'vacuum_total_score', 'chain_net_gex',
  'chain_zero_gamma_price', 'chain_call_wall', 'chain_put_wall', 'chain_quote_coverage',
] as const;
const PRICES = ['spot_ref_price_int', 'best_bid_price_int', 'best_ask_price_int'] as const;

export type Quantity = (typeof QUANTITIES)[number];
export type Rate = (typeof RATES)[number];
export type Scalar = (typeof SCALARS)[number];
export type Price = (typeof PRICES)[number];

/** What the page asks the service for. */
export const WANTED = [
  ...PRICES, ...SCALARS, 'book_valid', 'window_valid', 'band_norms', 'strike_price_int', 'strike_gex',
  ...[...QUANTITIES, ...RATES].flatMap((name) => SIDES.map((side) => `${side}_${name}`)),
].join(',');

interface Batch {
  length: number;
  values: ArrayLike<number | bigint>;
  validity: Uint8Array | null;
  nullCount: number;
  offsets?: Int32Array;
  stride?: number;
  children: Batch[];
  at(index: number): unknown;
  isValid(index: number): boolean;
}

export interface Strike {
  tick: number;
  gex: number;
}

/** A ring of windows; `index` counts seconds from the day's first window. */
export class Columns {
  readonly items: number;
  readonly seen = new Int32Array(RING).fill(-1);
  readonly valid = new Uint8Array(RING);
  readonly firstFill = new Int16Array(RING);
  readonly lastFill = new Int16Array(RING);
  readonly prices: Record<Price, Float64Array>;
  readonly scalars: Record<Scalar, Float64Array>;
  readonly quantities: Record<Quantity, [Int32Array, Int32Array]>;
  readonly rates: Record<Rate, [Float32Array, Float32Array]>;
  readonly norms = new Float64Array(RING * 24).fill(NaN);
  readonly strikes: Strike[][] = Array.from({length: RING}, () => []);
  /** The newest window by time, -1 before the first. */
  last = -1;

  constructor(readonly firstTs: bigint, readonly tickInt: number, readonly ticks: number) {
    this.items = 2 * ticks + 1;
    const cells = RING * this.items;
    const record = <K extends string, V>(names: readonly K[], make: () => V): Record<K, V> =>
      Object.fromEntries(names.map((name) => [name, make()])) as Record<K, V>;
    this.prices = record(PRICES, () => new Float64Array(RING).fill(NaN));
    this.scalars = record(SCALARS, () => new Float64Array(RING).fill(NaN));
    this.quantities = record(QUANTITIES, () => [new Int32Array(cells), new Int32Array(cells)]);
    this.rates = record(RATES, () => [new Float32Array(cells), new Float32Array(cells)]);
  }

  /** The slot of a window, -1 where it is not in memory. */
  slot(index: number): number {
    const at = index & (RING - 1);
    return index >= 0 && this.seen[at] === index ? at : -1;
  }

  /** The place of a price (in ticks) in the slot's lists, -1 beyond their reach. */
  item(slot: number, tick: number): number {
    const place = tick - this.prices.spot_ref_price_int[slot] + this.ticks;
    return place >= 0 && place < this.items ? slot * this.items + place : -1;
  }

  clear(): void {
    this.seen.fill(-1);
    this.last = -1;
  }

  timestamp(index: number): bigint {
    return this.firstTs + BigInt(index) * 1_000_000_000n;
  }

  /** Take the rows of one Arrow stream; returns the indexes of the first and the last. */
  take(bytes: Uint8Array): [number, number] {
    const table = tableFromIPC(bytes, {useBigInt: true});
    const batches = table.getChild('window_end_ts_ns')?.data.length ?? 0;
    let first = Infinity;
    let last = -1;
    for (let batch = 0; batch < batches; batch++) {
      const times = this.batch(table, 'window_end_ts_ns', batch)!;
      const indexes = Array.from({length: times.length}, (_, row) =>
        Number(((times.values[row] as bigint) - this.firstTs) / 1_000_000_000n));
      this.takeBatch(table, batch, indexes);
      first = Math.min(first, indexes[0]);
      last = Math.max(last, indexes[indexes.length - 1]);
    }
    this.last = Math.max(this.last, last);
    return [first, last];
  }

  private batch(table: Table, name: string, batch: number): Batch | undefined {
    return table.getChild(name)?.data[batch] as unknown as Batch | undefined;
  }

  private takeBatch(table: Table, batch: number, indexes: number[]): void {
    const slots = indexes.map((index) => index & (RING - 1));
    for (const name of PRICES) this.takeScalars(this.prices[name], slots, this.batch(table, name, batch), this.tickInt);
    for (const name of SCALARS) this.takeScalars(this.scalars[name], slots, this.batch(table, name, batch), 1);
    for (const name of QUANTITIES) {
      SIDES.forEach((side, s) => this.takeList(this.quantities[name][s], slots, this.batch(table, `${side}_${name}`, batch), -1));
    }
    for (const name of RATES) {
      SIDES.forEach((side, s) => this.takeList(this.rates[name][s], slots, this.batch(table, `${side}_${name}`, batch), NaN));
    }
    const valid = this.batch(table, 'book_valid', batch);
    const whole = this.batch(table, 'window_valid', batch);
    slots.forEach((slot, row) => {
      // No level within reach says whether the window was valid: then the book's word alone counts.
      this.valid[slot] = valid?.at(row) === true && whole?.at(row) !== false ? 1 : 0;
      this.takeNorms(slot, row, this.batch(table, 'band_norms', batch));
      this.strikes[slot] = this.strikesOf(row, this.batch(table, 'strike_price_int', batch), this.batch(table, 'strike_gex', batch));
      this.findFills(slot);
      this.seen[slot] = indexes[row];
    });
  }

  private takeScalars(into: Float64Array, slots: number[], from: Batch | undefined, unit: number): void {
    slots.forEach((slot, row) => {
      const value = from?.at(row);
      into[slot] = value === null || value === undefined ? NaN : Number(value) / unit;
    });
  }

  private takeList(into: Int32Array | Float32Array, slots: number[], from: Batch | undefined, unknown: number): void {
    const {items} = this;
    slots.forEach((slot, row) => {
      const to = slot * items;
      const child = from?.children?.[0];
      if (!from || !child || (from.nullCount && !from.isValid(row))) {
        into.fill(unknown, to, to + items);
        return;
      }
      const start = from.offsets ? from.offsets[row] : row * items;
      into.set((child.values as Uint16Array).subarray(start, start + items), to);
      const bits = child.validity;
      if (!child.nullCount || !bits) return;
      for (let i = 0, bit = start; i < items; i++, bit++) {
        if (!(bits[bit >> 3] & (1 << (bit & 7)))) into[to + i] = unknown;
      }
    });
  }

  private takeNorms(slot: number, row: number, from: Batch | undefined): void {
    const child = from?.children?.[0];
    for (let i = 0; i < 24; i++) {
      const value = child && !(from!.nullCount && !from!.isValid(row)) ? child.at((from!.offsets ? from!.offsets[row] : row * 24) + i) : null;
      this.norms[slot * 24 + i] = value === null || value === undefined ? NaN : Number(value);
    }
  }

  private strikesOf(row: number, prices: Batch | undefined, gex: Batch | undefined): Strike[] {
    const list = prices?.at(row) as Iterable<bigint> | null | undefined;
    const values = gex?.at(row) as Iterable<number | null> | null | undefined;
    if (!list || !values) return [];
    const sizes = [...values];
    return [...list].map((price, i) => ({tick: Number(price) / this.tickInt, gex: sizes[i] ?? NaN}));
  }

  /** Contracts traded at an item; a lake without orders knows only what the walls lost to fills. */
  traded(side: typeof BID | typeof ASK, item: number): number {
    const {fill_qty, executed_qty} = this.quantities;
    const executed = executed_qty[side][item];
    return executed < 0 ? fill_qty[side][item] : executed;
  }

  /** The stretch of ticks in which something traded. */
  private findFills(slot: number): void {
    const {fill_qty, executed_qty} = this.quantities;
    const lists = [...fill_qty, ...executed_qty];
    const start = slot * this.items;
    const isQuiet = (item: number) => lists.every((list) => list[start + item] <= 0);
    let first = 0;
    let last = this.items - 1;
    while (first <= last && isQuiet(first)) first++;
    while (last >= first && isQuiet(last)) last--;
    this.firstFill[slot] = first;
    this.lastFill[slot] = last;
  }
}
