/** The right side: pressure by distance above and below, the three scores, exposure by strike. */
import type {Columns} from './columns.ts';
import {COLOURS, css, MUTED, NEGATIVE, POSITIVE, TEXT} from './palette.ts';
import type {Surface} from './surface.ts';
import {price, share, short} from './words.ts';

const BANDS = ['AT', 'NEAR', 'MID', 'FAR'];
const TRACK = 'rgba(150,166,190,.10)';

export function drawPanel(surface: Surface, columns: Columns, slot: number): void {
  const context = surface.clear();
  const {ratio} = surface;
  context.textBaseline = 'middle';
  let y = drawBands(surface, columns, slot, 12 * ratio);
  y = drawScores(surface, columns, slot, y + 8 * ratio);
  drawStrikes(surface, columns, slot, y + 12 * ratio);
}

function title(surface: Surface, text: string, y: number, right = ''): void {
  const {context, ratio, width} = surface;
  surface.font(10, 600);
  context.fillStyle = MUTED;
  context.fillText(text, 10 * ratio, y);
  context.textAlign = 'right';
  context.fillText(right, width - 10 * ratio, y);
  context.textAlign = 'left';
}

/** Far above on top, far below at the bottom, as on the price axis. */
function drawBands(surface: Surface, columns: Columns, slot: number, y: number): number {
  const {context, ratio, width} = surface;
  const left = 52 * ratio;
  const wide = (width - left - 10 * ratio) / 3 - 6 * ratio;
  for (const side of [0, 1]) {
    title(surface, side ? 'BELOW' : 'ABOVE', y);
    if (!side) {
      context.fillStyle = MUTED;
      surface.font(9.5);
      ['wall', 'erosion', 'vacuum'].forEach((name, i) => context.fillText(name, left + i * (wide + 6 * ratio), y));
    }
    y += 17 * ratio;
    for (const band of side ? [0, 1, 2, 3] : [3, 2, 1, 0]) {
      surface.font(11);
      context.fillStyle = TEXT;
      context.fillText(BANDS[band], 10 * ratio, y);
      const colours = [side ? COLOURS.bestBid : COLOURS.bestAsk, COLOURS.eroding, COLOURS.vacuum];
      colours.forEach((colour, measure) => {
        const value = slot < 0 ? NaN : columns.norms[slot * 24 + 12 * side + 3 * band + measure];
        const x = left + measure * (wide + 6 * ratio);
        context.fillStyle = TRACK;
        context.fillRect(x, y - 4 * ratio, wide, 8 * ratio);
        context.fillStyle = css(colour);
        if (value > 0) context.fillRect(x, y - 4 * ratio, Math.min(1, value) * wide, 8 * ratio);
        if (Number.isNaN(value)) context.fillText('–', x + wide / 2, y);
      });
      y += 15 * ratio;
    }
    y += 6 * ratio;
  }
  return y;
}

function drawScores(surface: Surface, columns: Columns, slot: number, y: number): number {
  const {context, ratio, width} = surface;
  const names = [['ABOVE', 'above_score'], ['BELOW', 'below_score'], ['VACUUM', 'vacuum_total_score']] as const;
  const wide = (width - 20 * ratio) / 3;
  names.forEach(([name, column], i) => {
    surface.font(9.5, 600);
    context.fillStyle = MUTED;
    context.fillText(name, 10 * ratio + i * wide, y);
    surface.font(17, 500);
    context.fillStyle = TEXT;
    context.fillText(slot < 0 ? '–' : share(columns.scalars[column][slot]), 10 * ratio + i * wide, y + 18 * ratio);
  });
  return y + 34 * ratio;
}

function drawStrikes(surface: Surface, columns: Columns, slot: number, y: number): void {
  const {context, ratio, width, height} = surface;
  const net = slot < 0 ? NaN : columns.scalars.chain_net_gex[slot];
  title(surface, 'GEX BY STRIKE', y, Number.isNaN(net) ? '' : `net ${short(net)}`);
  y += 12 * ratio;
  const strikes = slot < 0 ? [] : columns.strikes[slot];
  if (!strikes.length) {
    surface.font(10.5);
    context.fillStyle = MUTED;
    context.fillText('none for this second', 10 * ratio, y + 8 * ratio);
    return;
  }
  const row = Math.min(27 * ratio, (height - y - 4 * ratio) / strikes.length);
  const bar = Math.max(1, Math.min(13 * ratio, row * 0.7));
  const largest = Math.max(...strikes.map((strike) => Math.abs(strike.gex) || 0)) || 1;
  const middle = 62 * ratio + (width - 116 * ratio) / 2;
  const spot = columns.prices.spot_ref_price_int[slot];
  const half = (width - 116 * ratio) / 2;
  const nearest = strikes.reduce((best, strike) => (Math.abs(strike.tick - spot) < Math.abs(best.tick - spot) ? strike : best));
  [...strikes].reverse().forEach((strike, i) => {
    const at = y + (i + 0.5) * row;
    surface.font(Math.min(11, (row / ratio) * 0.9), strike === nearest ? 700 : 400);
    context.fillStyle = strike === nearest ? TEXT : MUTED;
    context.fillText(price(strike.tick, columns.tickInt).replace(/\.00$/, ''), 10 * ratio, at);
    context.textAlign = 'right';
    context.fillText(short(strike.gex), width - 6 * ratio, at);
    context.textAlign = 'left';
    context.fillStyle = strike.gex > 0 ? POSITIVE : NEGATIVE;
    const size = (Math.abs(strike.gex) || 0) / largest * half;
    context.fillRect(strike.gex > 0 ? middle : middle - size, at - bar / 2, size, bar);
  });
  context.fillStyle = TRACK;
  context.fillRect(middle, y, Math.max(1, ratio), row * strikes.length);
}
