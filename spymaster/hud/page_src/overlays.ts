/** What lies over the picture and belongs to now: option levels and the cursor, as elements of the page. */
import type {Columns} from './columns.ts';
import type {Geometry} from './view.ts';
import {price} from './words.ts';

export interface Cursor {
  x: number;
  y: number;
}

/** CSS pixels, times the scale of words: a label's height, and how near the edge it comes. */
const LABEL = 15;

/** Elements of one kind, made when they are first needed and hidden when not. */
class Pool {
  private readonly made: HTMLElement[] = [];
  private used = 0;

  constructor(private readonly root: HTMLElement, private readonly name: string) {}

  begin(): void {
    this.used = 0;
  }

  next(): HTMLElement {
    let element = this.made[this.used];
    if (!element) {
      element = document.createElement('div');
      element.classList.add(this.name);
      this.root.append(element);
      this.made.push(element);
    }
    this.used++;
    element.hidden = false;
    return element;
  }

  end(): void {
    for (const element of this.made.slice(this.used)) element.hidden = true;
  }
}

/** GEX of the strikes as dashed lines; zero gamma and the walls as labelled ones. */
export class OptionLines {
  private readonly strikes: Pool;
  private readonly levels: Pool;
  private readonly labels: Pool;

  constructor(private readonly root: HTMLElement) {
    this.strikes = new Pool(root, 'strike');
    this.levels = new Pool(root, 'level');
    this.labels = new Pool(root, 'label');
  }

  /** `slot` is the window's, -1: nothing is shown; `device` is device pixels a CSS pixel. */
  draw(columns: Columns, geometry: Geometry, slot: number, device: number): void {
    this.root.hidden = slot < 0;
    if (slot < 0) return;
    for (const pool of [this.strikes, this.levels, this.labels]) pool.begin();
    this.drawStrikes(columns, geometry, slot, device);
    this.drawLevels(columns, geometry, slot, device);
    for (const pool of [this.strikes, this.levels, this.labels]) pool.end();
  }

  private drawStrikes(columns: Columns, geometry: Geometry, slot: number, device: number): void {
    const strikes = columns.strikes[slot];
    const largest = Math.max(0, ...strikes.map((strike) => Math.abs(strike.gex) || 0));
    for (const {tick, gex} of strikes) {
      const y = geometry.middle(tick);
      if (y < 0 || y > geometry.height || !gex) continue;
      const weight = Math.abs(gex) / largest;
      const thick = Math.max(1, Math.round((1 + 2 * weight) * geometry.ratio));
      const line = this.strikes.next();
      line.dataset.sign = gex > 0 ? '+' : '-';
      line.style.opacity = (0.25 + 0.6 * weight).toFixed(2);
      line.style.height = `${thick / device}px`;
      line.style.transform = `translateY(${(Math.round(y) - (thick >> 1)) / device}px)`;
    }
  }

  private drawLevels(columns: Columns, geometry: Geometry, slot: number, device: number): void {
    const {ratio, height} = geometry;
    const points = 1e9 / columns.tickInt;
    const {chain_zero_gamma_price: zero, chain_call_wall: call, chain_put_wall: put} = columns.scalars;
    const used: number[] = [];
    for (const [value, name, kind] of [[call[slot], 'CALL WALL', 'call'], [put[slot], 'PUT WALL', 'put'], [zero[slot], 'ZERO GAMMA', 'zero']] as const) {
      if (Number.isNaN(value)) continue;
      const y = geometry.middle(value * points);
      const edge = y < 0 ? ' ↑' : y > height ? ' ↓' : '';
      if (!edge) {
        const line = this.levels.next();
        line.dataset.kind = kind;
        line.style.transform = `translateY(${(Math.round(y) - 1) / device}px)`;
      }
      let at = Math.max(2 * ratio, Math.min(height - (LABEL + 2) * ratio, y - (LABEL + 2) * ratio));
      while (used.some((other) => Math.abs(other - at) < LABEL * ratio)) at += (y > height / 2 ? -LABEL : LABEL) * ratio;
      used.push(at);
      this.label(`${name} ${price(value * points, columns.tickInt)}${edge}`, kind, at / device);
    }
    if (!columns.strikes[slot].length) this.label('no GEX for this second', 'none', (2 * ratio) / device);
  }

  private label(text: string, kind: string, y: number): void {
    const label = this.labels.next();
    label.dataset.kind = kind;
    label.textContent = text;
    label.style.transform = `translateY(${y}px)`;
  }
}

/** Cross hairs through the cell of the cursor, and a frame around it. */
export function showCursor(root: HTMLElement, geometry: Geometry, cursor: Cursor | null, device: number): void {
  root.hidden = cursor === null;
  if (!cursor) return;
  const [column, row, cell] = root.children as unknown as HTMLElement[];
  const x = geometry.x(geometry.index(cursor.x));
  const tick = geometry.tick(cursor.y);
  column.style.transform = `translateX(${(x + (geometry.column.size >> 1)) / device}px)`;
  row.style.transform = `translateY(${Math.round(geometry.middle(tick)) / device}px)`;
  cell.style.width = `${(geometry.column.size + 2) / device}px`;
  cell.style.height = `${(geometry.row.size + 2) / device}px`;
  cell.style.transform = `translate(${(x - 1) / device}px, ${(geometry.y(tick) - 1) / device}px)`;
}
