/** The whole day below the picture: price, volume delta, and where in it the picture stands. */
import type {Course} from './catalogue.ts';
import {ACCENT, LINE, MUTED, TEXT} from './palette.ts';
import {FONT, type Surface} from './surface.ts';
import {minute, signed} from './words.ts';

export class Timeline {
  private lines: HTMLCanvasElement | null = null;
  private key = '';

  constructor(readonly surface: Surface) {}

  /** `first` is the day's first instant; `index` the window shown, `seen` how many the picture shows. */
  draw(course: Course | null, first: bigint, index: number, seen: number, hasDelta: boolean): void {
    const context = this.surface.clear();
    const {width, height, ratio} = this.surface;
    if (!course) return;
    const key = `${width} ${height} ${hasDelta} ${first} ${course.spot.length}`;
    if (key !== this.key) this.lines = this.drawLines(course, first, hasDelta);
    this.key = key;
    context.drawImage(this.lines!, 0, 0);
    const per = width / course.spot.length;
    const x = (index + 1) * per;
    context.fillStyle = 'rgba(94,234,212,.08)';
    const from = Math.max(0, x - seen * per);
    context.fillRect(from, 0, x - from, height);
    context.fillStyle = ACCENT;
    context.fillRect(Math.min(width - 2 * ratio, Math.round(x)), 0, Math.max(1, Math.round(1.5 * ratio)), height);
    if (hasDelta) {
      this.surface.font(10);
      context.textBaseline = 'top';
      const text = `CVD ${signed(course.delta[Math.min(index, course.delta.length - 1)])}`;
      context.fillStyle = 'rgba(8,11,16,.8)';
      context.fillRect(3 * ratio, 2 * ratio, context.measureText(text).width + 8 * ratio, 13 * ratio);
      context.fillStyle = TEXT;
      context.fillText(text, 7 * ratio, 4 * ratio);
    }
  }

  index(x: number, windows: number): number {
    const share = x / this.surface.canvas.getBoundingClientRect().width;
    return Math.max(0, Math.min(windows - 1, Math.floor(share * windows)));
  }

  private drawLines(course: Course, first: bigint, hasDelta: boolean): HTMLCanvasElement {
    const {width, height, ratio} = this.surface;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d')!;
    const floor = height - 13 * ratio;
    if (hasDelta) this.line(context, course.delta, 'rgba(181,140,240,.65)', floor);
    this.line(context, course.spot, TEXT, floor);
    context.font = `${9.5 * ratio}px ${FONT}`;
    context.textAlign = 'center';
    const windows = course.spot.length;
    const step = [60, 120, 300, 900, 1800, 3600, 7200].find((s) => (s / windows) * width > 70 * ratio) ?? 14_400;
    const second = Number(first / 1_000_000_000n);
    for (let at = Math.ceil(second / step) * step - second; at < windows; at += step) {
      const x = (at / windows) * width;
      context.fillStyle = LINE;
      context.fillRect(x, 0, 1, floor);
      context.fillStyle = MUTED;
      if (x > 20 * ratio && x < width - 20 * ratio) context.fillText(minute(first + BigInt(at) * 1_000_000_000n), x, height - 3 * ratio);
    }
    return canvas;
  }

  /** Lowest to highest of the windows of a pixel, so that no extreme is lost. */
  private line(context: CanvasRenderingContext2D, values: Float64Array, colour: string, floor: number): void {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const {width, ratio} = this.surface;
    const y = (value: number) => floor - 3 * ratio - ((value - low) / (high - low || 1)) * (floor - 6 * ratio);
    context.fillStyle = colour;
    let before = NaN;
    for (let x = 0; x < width; x++) {
      let least = before;
      let most = before;
      for (let at = Math.floor((x / width) * values.length); at < Math.max(Math.floor((x / width) * values.length) + 1, Math.floor(((x + 1) / width) * values.length)); at++) {
        const value = values[at];
        if (Number.isNaN(value)) continue;
        least = Number.isNaN(least) ? value : Math.min(least, value);
        most = Number.isNaN(most) ? value : Math.max(most, value);
        before = value;
      }
      if (!Number.isNaN(least)) context.fillRect(x, y(most), 1, Math.max(ratio, y(least) - y(most)));
    }
  }
}
