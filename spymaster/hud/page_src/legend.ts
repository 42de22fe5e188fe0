/** The help: what each mark means, shown by the mark itself, and what each key does. */
import {KEYS} from './keyboard.ts';
import {ASK_STOPS, BID_STOPS, COLOURS, css, NEGATIVE, POSITIVE, type Rgb} from './palette.ts';
import {OVERLAY_TITLES, OVERLAYS, type Overlay} from './settings.ts';

/** CSS pixels of a sample at the smallest letters, and how much finer it is drawn. */
const [WIDE, HIGH, FINE] = [36, 18, 3];

type Sample = (context: CanvasRenderingContext2D) => void;

function ramp(context: CanvasRenderingContext2D, stops: Rgb[], y: number, height: number): void {
  const gradient = context.createLinearGradient(0, 0, WIDE, 0);
  stops.forEach((stop, i) => gradient.addColorStop(i / (stops.length - 1), css(stop)));
  context.fillStyle = gradient;
  context.fillRect(0, y, WIDE, height);
}

function line(context: CanvasRenderingContext2D, colour: string, y: number, dash: number[] = [], thick = 1.5): void {
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = thick;
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(WIDE, y);
  context.stroke();
}

function halves(context: CanvasRenderingContext2D, left: string, right: string): void {
  [left, right].forEach((colour, i) => {
    context.fillStyle = colour;
    context.fillRect((i * WIDE) / 2, 0, WIDE / 2, HIGH);
  });
}

function dot(context: CanvasRenderingContext2D, colour: Rgb, x: number, radius: number): void {
  context.fillStyle = css(colour, 0.8);
  context.beginPath();
  context.arc(x, HIGH / 2, radius, 0, 7);
  context.fill();
}

function shape(context: CanvasRenderingContext2D, colour: Rgb, points: [number, number][]): void {
  context.strokeStyle = css(colour);
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

const bracket: Sample = (context) => {
  shape(context, COLOURS.bestBid, [[4, 12], [9, 12], [9, 6], [9, 12], [14, 12]]);
  shape(context, COLOURS.bestAsk, [[22, 6], [27, 6], [27, 12], [27, 6], [32, 6]]);
};
const diamond: Sample = (context) => {
  shape(context, COLOURS.bestBid, [[9, 5], [13, 9], [9, 13], [5, 9], [9, 5]]);
  shape(context, COLOURS.bestAsk, [[27, 3], [33, 9], [27, 15], [21, 9], [27, 3]]);
};
const hatch: Sample = (context) => {
  for (let x = -HIGH; x < WIDE; x += 8) shape(context, COLOURS.hatch, [[x, HIGH], [x + HIGH, 0]]);
};

/** An overlay's marks, or those that are always there: sample, name, meaning. */
export const MARKS: [of: Overlay | null, name: string, sample: Sample, meaning: string][] = [
  ['depth', 'bids, asks', (c) => (ramp(c, BID_STOPS, 0, HIGH / 2), ramp(c, ASK_STOPS, HIGH / 2, HIGH / 2)), 'resting quantity, by rank; white: the largest 3 in 1,000'],
  ['spot', 'line', (c) => line(c, css(COLOURS.spot), 9, [], 2), 'the last price'],
  ['best', 'thin lines', (c) => (line(c, css(COLOURS.bestAsk), 6, [], 1), line(c, css(COLOURS.bestBid), 12, [], 1)), 'best ask, best bid'],
  ['dots', 'dots', (c) => (dot(c, COLOURS.buy, 10, 6), dot(c, COLOURS.sell, 26, 4)), 'bought, sold by the aggressor; area is volume'],
  ['vacuum', 'violet', (c) => halves(c, css(COLOURS.vacuum, 0.2), css(COLOURS.vacuum, 0.6)), 'little there to stop price'],
  ['physics', 'green, magenta', (c) => halves(c, css(COLOURS.building, 0.75), css(COLOURS.eroding, 0.75)), 'built, eroding; stronger at larger levels'],
  ['gex', 'dashes', (c) => (line(c, POSITIVE, 6, [6, 8], 2), line(c, NEGATIVE, 12, [6, 8], 2)), "a strike's gamma exposure above, below zero; by size"],
  ['gex', 'full lines', (c) => (line(c, POSITIVE, 4, [], 1), line(c, NEGATIVE, 9, [], 1), line(c, '#fff', 14, [], 1)), 'call wall, put wall, zero gamma'],
  ['events', 'bracket', bracket, 'absorption: the level took much and held'],
  ['events', 'diamond', diamond, 'iceberg: a hidden reserve came up; size is volume'],
  ['cvd', 'line below', (c) => line(c, POSITIVE, 9, [], 1), 'bought less sold by aggressors since the day began'],
  [null, 'hatched', hatch, 'not known: book not valid, or not in memory'],
  [null, 'bars', (c) => halves(c, css(COLOURS.bestBid, 0.9), css(COLOURS.bestBid, 0.35)), 'depth now, rested and all; the scale is below'],
  [null, 'at near mid far', (c) => halves(c, css(COLOURS.bestAsk), css(COLOURS.eroding)), 'wall, erosion and vacuum by distance from price, 0 to 1'],
];

export function legend(): HTMLElement {
  const list = document.createElement('dl');
  for (const [of, name, sample, meaning] of MARKS) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [WIDE * FINE, HIGH * FINE];
    const context = canvas.getContext('2d')!;
    context.scale(FINE, FINE);
    context.fillStyle = css(COLOURS.empty);
    context.fillRect(0, 0, WIDE, HIGH);
    sample(context);
    const title = of ? `${OVERLAYS.indexOf(of) + 1} ${OVERLAY_TITLES[of]}: ${name}` : name;
    list.append(canvas, entry('dt', title), entry('dd', meaning));
  }
  return list;
}

export function keyList(): HTMLElement {
  const list = document.createElement('dl');
  for (const [, shown, meaning] of KEYS) list.append(entry('dt', shown), entry('dd', meaning));
  return list;
}

const entry = (tag: 'dt' | 'dd', text: string): HTMLElement => Object.assign(document.createElement(tag), {textContent: text});
