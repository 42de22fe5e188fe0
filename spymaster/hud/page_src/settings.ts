/** What the user chose, in the address: a reload or a link shows the same picture. */
import {TICK_SCALES, TIME_SCALES} from './view.ts';

export const OVERLAYS = ['depth', 'spot', 'best', 'dots', 'vacuum', 'physics', 'gex', 'events', 'cvd'] as const;
export type Overlay = (typeof OVERLAYS)[number];
export const OVERLAY_TITLES: Record<Overlay, string> = {
  depth: 'Depth', spot: 'Spot', best: 'Best', dots: 'Trades', vacuum: 'Vacuum', physics: 'Build/erode',
  gex: 'GEX', events: 'Events', cvd: 'CVD',
};
export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 120];
const ON: Overlay[] = ['depth', 'spot', 'best', 'dots', 'gex', 'events', 'cvd'];

export interface Settings {
  symbol: string;
  dt: string;
  /** The instant shown, UTC nanoseconds; empty: chosen for the day. */
  t: string;
  playing: boolean;
  speed: number;
  /** Index of TIME_SCALES, -1: the one that fits; of TICK_SCALES. */
  time: number;
  tick: number;
  on: Set<Overlay>;
}

const place = (text: string | null, list: number[], other: number): number => {
  const at = list.indexOf(Number(text));
  return text === null || at < 0 ? other : at;
};

export function readSettings(search: string): Settings {
  const query = new URLSearchParams(search);
  const on = query.get('on');
  const t = query.get('t') ?? '';
  return {
    symbol: query.get('symbol') ?? '',
    dt: query.get('dt') ?? '',
    t: /^\d{1,19}$/.test(t) ? t : '',
    playing: query.get('playing') !== 'false',
    speed: SPEEDS[place(query.get('speed'), SPEEDS, SPEEDS.indexOf(1))],
    time: place(query.get('time'), TIME_SCALES, -1),
    tick: place(query.get('tick'), TICK_SCALES, TICK_SCALES.indexOf(4)),
    on: new Set(on === null ? ON : OVERLAYS.filter((name) => on.split(',').includes(name))),
  };
}

export function writeSettings(settings: Settings): string {
  const query = new URLSearchParams({symbol: settings.symbol, dt: settings.dt, t: settings.t});
  if (!settings.playing) query.set('playing', 'false');
  query.set('speed', String(settings.speed));
  if (settings.time >= 0) query.set('time', String(TIME_SCALES[settings.time]));
  query.set('tick', String(TICK_SCALES[settings.tick]));
  query.set('on', OVERLAYS.filter((name) => settings.on.has(name)).join(','));
  return `?${query}`.replaceAll('%2C', ',');
}
