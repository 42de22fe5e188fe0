/** One drawing of everything, when something changed: from columns, settings and position to canvases. */
import type {Course} from './catalogue.ts';
import type {Columns} from './columns.ts';
import {eventsAt, type MarketEvent} from './events.ts';
import {exposureAt, type Exposure} from './exposure.ts';
import {Picture} from './heatmap.ts';
import {cellRows, showCell} from './hover.ts';
import {drawCursor, drawEvents, drawGrid, drawOptions, drawTag, type Cursor} from './overlays.ts';
import {drawPanel} from './panel.ts';
import {drawProfile} from './profile.ts';
import type {Settings} from './settings.ts';
import {Surface} from './surface.ts';
import {Timeline} from './timeline.ts';
import {BLOCK, cells, centreTick, Geometry, HISTORY, TICK_SCALES, TIME_SCALES} from './view.ts';
import {price} from './words.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

/** Where the picture stands: the newest window, and what the user moved away from it. */
export interface Position {
  head: number;
  back: number;
  /** The price in the middle that the user chose, or null: it follows spot. */
  centre: number | null;
  cursor: Cursor | null;
}

export class Scene {
  geometry: Geometry | null = null;
  readonly drawTimes: number[] = [];
  readonly picture = new Picture();
  private readonly main = new Surface(element('picture'), false);
  private readonly over = new Surface(element('over'));
  private readonly profile = new Surface(element('profile'));
  private readonly panel = new Surface(element('panel'));
  readonly timeline = new Timeline(new Surface(element('timeline')));
  private image: ImageData | null = null;
  private exposure: {block: number; of: Columns; value: Exposure} | null = null;
  private readonly events = new Map<number, MarketEvent[]>();

  /** Columns were replaced: nothing drawn or computed from them holds. */
  invalidate(): void {
    this.picture.invalidate();
    this.events.clear();
    this.exposure = null;
  }

  get timeScale(): number {
    return this.geometry ? this.geometry.column.size / this.geometry.column.pool / this.geometry.ratio : 1;
  }

  draw(columns: Columns, settings: Settings, position: Position, course: Course | null, first: bigint, windows: number): void {
    const began = performance.now();
    for (const surface of [this.main, this.over, this.profile, this.panel, this.timeline.surface]) surface.fit();
    const {width, height, ratio} = this.main;
    const end = position.head - position.back;
    const tickScale = TICK_SCALES[settings.tick];
    const row = cells(tickScale, ratio);
    const centre = position.centre ?? centreTick(columns, end, (height / row.size) * row.pool);
    const geometry = new Geometry(width, height, ratio, this.fitting(settings.time, windows), tickScale, end, centre, Math.max(0, position.head - HISTORY + 1));
    this.geometry = geometry;
    const exposure = this.exposureOf(columns, position.head);
    const on = settings.on;
    const layers = {depth: on.has('depth'), vacuum: on.has('vacuum'), physics: on.has('physics'), spot: on.has('spot'), best: on.has('best'), dots: on.has('dots')};
    this.picture.draw(columns, geometry, layers, exposure);
    this.put(width, height);
    this.drawOver(columns, settings, position, geometry);
    const slot = columns.slot(end);
    drawProfile(this.profile, columns, geometry, slot, exposure.white);
    drawPanel(this.panel, columns, slot);
    this.timeline.draw(course, first, end, Math.min(geometry.seconds, end - geometry.oldest + 1), on.has('cvd'));
    this.drawTimes.push(performance.now() - began);
    if (this.drawTimes.length > 5000) this.drawTimes.splice(0, 2500);
  }

  private put(width: number, height: number): void {
    const {pixels} = this.picture;
    if (this.image?.data.buffer !== pixels.buffer) this.image = new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer), width, height);
    this.main.context.putImageData(this.image, 0, 0);
  }

  private drawOver(columns: Columns, settings: Settings, position: Position, geometry: Geometry): void {
    this.over.clear();
    drawGrid(this.over, columns, geometry);
    const slot = columns.slot(geometry.end);
    if (slot >= 0 && settings.on.has('gex')) drawOptions(this.over, columns, geometry, slot);
    if (settings.on.has('events')) drawEvents(this.over, geometry, this.eventsOf(columns, geometry));
    if (slot >= 0) {
      const spot = columns.prices.spot_ref_price_int[slot];
      drawTag(this.over, geometry, spot, price(spot, columns.tickInt), '#e8edf5', '#06080b');
    }
    const {cursor} = position;
    if (cursor) drawCursor(this.over, columns, geometry, cursor);
    const rows = cursor ? cellRows(columns, geometry.index(cursor.x), geometry.tick(cursor.y)) : null;
    showCell(element('cell'), rows, (cursor?.x ?? 0) / geometry.ratio, (cursor?.y ?? 0) / geometry.ratio);
  }

  private eventsOf(columns: Columns, geometry: Geometry): MarketEvent[] {
    const shown: MarketEvent[] = [];
    // What was found is kept; what the picture has left is let go.
    for (const index of this.events.keys()) {
      if (index < geometry.oldest) this.events.delete(index);
    }
    for (let index = Math.max(geometry.oldest, geometry.index(0)); index <= geometry.end; index++) {
      let found = this.events.get(index);
      if (!found && columns.slot(index) >= 0) this.events.set(index, (found = eventsAt(columns, index)));
      if (found) shown.push(...found);
    }
    return shown;
  }

  private exposureOf(columns: Columns, head: number): Exposure {
    const block = head < BLOCK ? head - BLOCK : Math.floor(head / BLOCK);
    if (this.exposure?.block !== block || this.exposure.of !== columns) {
      this.exposure = {block, of: columns, value: exposureAt(columns, head)};
    }
    return this.exposure.value;
  }

  /** The scale chosen, or the smallest at which half an hour, or the day if it is shorter, fills the width. */
  private fitting(chosen: number, windows: number): number {
    if (chosen >= 0) return TIME_SCALES[chosen];
    const wide = this.main.width / this.main.ratio;
    return TIME_SCALES.find((scale) => wide / scale <= Math.min(windows, HISTORY)) ?? 1;
  }
}
