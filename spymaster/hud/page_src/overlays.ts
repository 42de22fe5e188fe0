/**
 * What lies over the picture and belongs to now: price and time grid, option levels, absorption, the
 * cursor. Few shapes, so the canvas draws them anew whenever the picture changes.
 */
import {BID, type Columns} from './columns.ts';
import type {MarketEvent} from './events.ts';
import {ACCENT, COLOURS, css, LINE, MUTED, TEXT} from './palette.ts';
import type {Surface} from './surface.ts';
import type {Geometry} from './view.ts';
import {minute, price} from './words.ts';

export const POSITIVE = '#b58cf0';
export const NEGATIVE = '#e8e06a';
const STEPS = [1, 2, 4, 8, 20, 40, 80, 200, 400];
const TIME_STEPS = [10, 30, 60, 120, 300, 600, 900, 1800];

export interface Cursor {
  x: number;
  y: number;
}

export function drawGrid(surface: Surface, columns: Columns, geometry: Geometry): void {
  const {context, height, ratio} = surface;
  const {width} = geometry;
  surface.font(10.5);
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  const pixels = (22 * ratio) / geometry.row.size * geometry.row.pool;
  const step = STEPS.find((ticks) => ticks >= pixels) ?? 400;
  for (let tick = Math.floor(geometry.topTick / step) * step; geometry.middle(tick) < height; tick -= step) {
    const y = Math.round(geometry.middle(tick));
    context.fillStyle = LINE;
    context.fillRect(0, y, width, 1);
    context.fillStyle = MUTED;
    context.fillText(price(tick, columns.tickInt), width + 6 * ratio, y);
  }
  const room = (90 * ratio) / geometry.column.size * geometry.column.pool;
  const seconds = TIME_STEPS.find((s) => s >= room) ?? 3600;
  const second = Number(columns.firstTs / 1_000_000_000n);
  const first = Math.max(geometry.oldest, geometry.index(0));
  context.textAlign = 'center';
  for (let at = Math.ceil((first + second) / seconds) * seconds - second; at <= geometry.end; at += seconds) {
    const x = geometry.x(at);
    context.fillStyle = LINE;
    context.fillRect(x, 0, 1, height - 16 * ratio);
    context.fillStyle = MUTED;
    const label = seconds < 60 ? minute(columns.timestamp(at)) + `:${String((at + second) % 60).padStart(2, '0')}` : minute(columns.timestamp(at));
    if (x > 24 * ratio && x < width - 24 * ratio) context.fillText(label, x, height - 8 * ratio);
  }
  context.textAlign = 'left';
}

/** The price axis's tags: spot now. */
export function drawTag(surface: Surface, geometry: Geometry, tick: number, text: string, fill: string, ink: string): void {
  const {context, ratio, width, height} = surface;
  if (Number.isNaN(tick)) return;
  const y = Math.max(9 * ratio, Math.min(height - 9 * ratio, geometry.middle(tick)));
  surface.font(11, 600);
  context.textBaseline = 'middle';
  context.fillStyle = fill;
  context.fillRect(geometry.width + 1, y - 8 * ratio, width - geometry.width - 1, 16 * ratio);
  context.fillStyle = ink;
  context.fillText(text, geometry.width + 6 * ratio, y);
}

export function drawOptions(surface: Surface, columns: Columns, geometry: Geometry, slot: number): void {
  const {context, ratio, height} = surface;
  const {width} = geometry;
  const strikes = columns.strikes[slot];
  const largest = Math.max(0, ...strikes.map((strike) => Math.abs(strike.gex) || 0));
  for (const {tick, gex} of strikes) {
    const y = Math.round(geometry.middle(tick));
    if (y < 0 || y > height || !gex) continue;
    const weight = Math.abs(gex) / largest;
    context.globalAlpha = 0.25 + 0.6 * weight;
    const thick = Math.max(1, Math.round((1 + 2 * weight) * ratio));
    context.setLineDash([6 * ratio, 8 * ratio]);
    context.strokeStyle = gex > 0 ? POSITIVE : NEGATIVE;
    context.lineWidth = thick;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
  const points = 1e9 / columns.tickInt;
  const {chain_zero_gamma_price: zero, chain_call_wall: call, chain_put_wall: put} = columns.scalars;
  const marks: [number, string, string][] = [
    [call[slot] * points, 'CALL WALL', POSITIVE], [put[slot] * points, 'PUT WALL', NEGATIVE], [zero[slot] * points, 'ZERO GAMMA', '#ffffff'],
  ];
  surface.font(10, 600);
  context.textBaseline = 'bottom';
  const used: number[] = [];
  for (const [tick, name, colour] of marks) {
    if (Number.isNaN(tick)) continue;
    const y = geometry.middle(tick);
    const edge = y < 0 ? ' ↑' : y > height ? ' ↓' : '';
    context.fillStyle = colour;
    if (!edge) context.fillRect(0, Math.round(y) - 1, width, Math.max(1, ratio));
    let at = Math.max(14 * ratio, Math.min(height - 20 * ratio, y - 2 * ratio));
    while (used.some((other) => Math.abs(other - at) < 14 * ratio)) at += (y > height / 2 ? -14 : 14) * ratio;
    used.push(at);
    const text = `${name} ${price(tick, columns.tickInt)}${edge}`;
    const wide = context.measureText(text).width;
    context.fillStyle = 'rgba(6,8,11,.78)';
    context.fillRect(6 * ratio, at - 13 * ratio, wide + 8 * ratio, 14 * ratio);
    context.fillStyle = colour;
    context.fillText(text, 10 * ratio, at);
  }
  surface.font(10);
  context.textBaseline = 'top';
  if (!strikes.length) {
    context.fillStyle = MUTED;
    context.fillText('no GEX for this second', 10 * ratio, 6 * ratio);
  }
}

/** Absorption is a bar under (bid) or over (ask) the level, an iceberg a diamond beyond it; size is not volume: dots show that. */
export function drawEvents(surface: Surface, geometry: Geometry, events: MarketEvent[]): void {
  const {context, ratio} = surface;
  context.lineWidth = 1.5 * ratio;
  for (const event of events) {
    const x = geometry.x(event.index) + geometry.column.size / 2;
    const y = geometry.middle(event.tick);
    if (x < 0 || x > geometry.width) continue;
    const away = (event.side === BID ? 1 : -1) * 9 * ratio;
    context.strokeStyle = css(event.side === BID ? COLOURS.bestBid : COLOURS.bestAsk);
    context.beginPath();
    if (event.kind === 'absorption') {
      context.moveTo(x - 6 * ratio, y + away);
      context.lineTo(x + 6 * ratio, y + away);
      context.moveTo(x, y + away);
      context.lineTo(x, y + away * 0.4);
    } else {
      const r = 4 * ratio;
      const out = away * 1.8;
      context.moveTo(x, y + out - r);
      context.lineTo(x + r, y + out);
      context.lineTo(x, y + out + r);
      context.lineTo(x - r, y + out);
      context.closePath();
    }
    context.stroke();
  }
}

export function drawCursor(surface: Surface, columns: Columns, geometry: Geometry, cursor: Cursor): void {
  const {context, height} = surface;
  const tick = geometry.tick(cursor.y);
  const index = geometry.index(cursor.x);
  context.strokeStyle = ACCENT;
  context.globalAlpha = 0.5;
  context.lineWidth = 1;
  context.strokeRect(Math.max(0, geometry.x(index)) + 0.5, geometry.y(tick) + 0.5, geometry.column.size, geometry.row.size);
  context.globalAlpha = 0.25;
  context.fillStyle = ACCENT;
  context.fillRect(0, Math.round(geometry.middle(tick)), geometry.width, 1);
  context.fillRect(Math.round(geometry.x(index) + geometry.column.size / 2), 0, 1, height);
  context.globalAlpha = 1;
  drawTag(surface, geometry, tick, price(tick, columns.tickInt), '#1d2836', TEXT);
}
