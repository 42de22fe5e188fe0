/** Numbers as they are read: prices with the tick's digits, quantities grouped, times of New York. */
const TIME = new Intl.DateTimeFormat('en-GB', {timeZone: 'America/New_York', hour: '2-digit', minute: '2-digit', second: '2-digit'});
const SHORT = new Intl.DateTimeFormat('en-GB', {timeZone: 'America/New_York', hour: '2-digit', minute: '2-digit'});
const GROUPED = new Intl.NumberFormat('en-US');

export const clock = (ts: bigint): string => TIME.format(Number(ts / 1_000_000n));
export const minute = (ts: bigint): string => SHORT.format(Number(ts / 1_000_000n));
export const count = (value: number): string => (Number.isNaN(value) || value < 0 ? '–' : GROUPED.format(value));
export const signed = (value: number): string => (Number.isNaN(value) ? '–' : (value > 0 ? '+' : value < 0 ? '−' : '') + GROUPED.format(Math.abs(value)));
export const share = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(2).replace('-', '−'));

/** 1.2B, 340M, 5k. */
export function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  const [unit, name] = size >= 1e9 ? [1e9, 'B'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e3 ? [1e3, 'k'] : [1, ''];
  const digits = size / unit >= 100 || unit === 1 ? 0 : 1;
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${(size / unit).toFixed(digits)}${name}`;
}

/** A price, given in ticks, with the digits that its tick needs. */
export function price(ticks: number, tickInt: number): string {
  if (Number.isNaN(ticks)) return '–';
  const digits = Math.min(9, Math.max(2, (String(tickInt).padStart(10, '0').replace(/0+$/, '').length - 1)));
  return ((ticks * tickInt) / 1e9).toFixed(digits);
}
