/** What the lake has, and the day's own course of price and volume; asked once a day that is opened. */
import {tableFromIPC} from '@uwdata/flechette';

export interface Day {
  dt: string;
  complete: boolean;
  missing: string[];
  windows: number;
  hud_max_ticks: number;
  session: string;
  first_window_end_ts_ns: string;
  last_window_end_ts_ns: string;
}

export interface Catalogue {
  default: {symbol: string; dt: string} | null;
  symbols: {symbol: string; tick_int: string; days: Day[]}[];
}

/** The whole day, a number a window: what the timeline and the volume delta are drawn from. */
export interface Course {
  spot: Float64Array;
  /** Bought less sold by aggressor since the day's first window. */
  delta: Float64Array;
}

export class ServiceError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

async function answer(url: string): Promise<Response> {
  const response = await fetch(url);
  if (response.ok) return response;
  const told = (await response.json().catch(() => ({}))) as {error?: string};
  throw new ServiceError(response.status, told.error ?? `the service answered ${response.status}`);
}

export const readCatalogue = async (): Promise<Catalogue> => (await answer('/v1/catalog')).json();

export async function readBootstrap(query: Record<string, string>): Promise<{bytes: Uint8Array; version: string}> {
  const response = await answer(`/v1/hud/bootstrap?${new URLSearchParams(query)}`);
  return {bytes: new Uint8Array(await response.arrayBuffer()), version: response.headers.get('spymaster-day-version') ?? ''};
}

export async function readCourse(symbol: string, dt: string, day: Day, tickInt: number): Promise<Course> {
  const columns = 'window_end_ts_ns,spot_ref_price_int,trade_buy_qty,trade_sell_qty';
  const response = await answer(`/v1/surfaces/book_snapshot_1s?${new URLSearchParams({symbol, dt, columns})}`);
  const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()), {useBigInt: true});
  const first = BigInt(day.first_window_end_ts_ns);
  const count = Number((BigInt(day.last_window_end_ts_ns) - first) / 1_000_000_000n) + 1;
  const spot = new Float64Array(count).fill(NaN);
  const delta = new Float64Array(count);
  const [times, prices, buys, sells] = columns.split(',').map((name) => table.getChild(name)!);
  for (let row = 0; row < table.numRows; row++) {
    const at = Number(((times.at(row) as bigint) - first) / 1_000_000_000n);
    const price = prices.at(row) as bigint | null;
    spot[at] = price === null ? NaN : Number(price) / tickInt;
    delta[at] = Number(buys.at(row)) - Number(sells.at(row));
  }
  for (let at = 1; at < count; at++) delta[at] += delta[at - 1];
  return {spot, delta};
}
