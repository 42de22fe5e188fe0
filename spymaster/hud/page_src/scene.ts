/** One drawing of everything, when something changed: from columns, settings and position to canvases. */
import type {Course} from './catalogue.ts';
import type {Columns} from './columns.ts';
import {exposureAt, type Exposure} from './exposure.ts';
import {Film} from './film.ts';
import {drawPrices, drawTimes, type Tag} from './grid.ts';
import {cellRows, showCell} from './hover.ts';
import {OptionLines, showCursor, type Cursor} from './overlays.ts';
import {TEXT} from './palette.ts';
import {drawPanel} from './panel.ts';
import {Picture} from './picture.ts';
import {drawProfile} from './profile.ts';
import type {Settings} from './settings.ts';
import {deviceSize, scaleNow, Surface, type Scale} from './surface.ts';
import {Timeline} from './timeline.ts';
import {BLOCK, cells, centreTick, Geometry, HISTORY, TICK_SCALES, TIME_SCALES} from './view.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

/** Where the picture stands: the newest window, and what the user moved away from it. */
export interface Position {
  head: number;
  back: number;
  /** The price in the middle that the user chose, or null: it follows spot. */
  centre: number | null;
  cursor: Cursor | null;
}

/** After so long a drawing that nobody waits for goes on in the next frame. */
const FRAME_MS = 4;

export class Scene {
  geometry: Geometry | null = null;
  /** Device pixels a CSS pixel. */
  device = 1;
  readonly drawTimes: number[] = [];
  readonly picture = new Picture();
  readonly timeline = new Timeline(new Surface(element('timeline')));
  private readonly film = new Film(element('film'));
  private readonly prices = new Surface(element('prices'));
  private readonly times = new Surface(element('times'));
  private readonly profile = new Surface(element('profile'));
  private readonly panel = new Surface(element('panel'));
  private readonly options = new OptionLines(element('options'));
  private exposure: {block: number; of: Columns; value: Exposure} | null = null;

  /** Columns were replaced: nothing drawn or computed from them holds. */
  invalidate(): void {
    this.picture.invalidate();
    this.exposure = null;
  }

  get timeScale(): number {
    return this.geometry ? this.geometry.column.size / this.geometry.column.pool / this.geometry.ratio : 1;
  }

  /**
   * Draw, or begin to: unless the user waits, a picture that has to be drawn as a whole is drawn over
   * several frames, and the screen keeps the last one until then. Returns whether it is done.
   */
  draw(columns: Columns, settings: Settings, position: Position, course: Course | null, first: bigint, windows: number, isAwaited: boolean): boolean {
    const began = performance.now();
    const scale = scaleNow();
    this.device = scale.device;
    for (const surface of [this.prices, this.times, this.profile, this.panel, this.timeline.surface]) surface.fit(scale);
    const geometry = this.geometryOf(columns, settings, position, windows, scale);
    const exposure = this.exposureOf(columns, position.head);
    const on = settings.on;
    const layers = {
      depth: on.has('depth'), vacuum: on.has('vacuum'), physics: on.has('physics'), spot: on.has('spot'), best: on.has('best'),
      dots: on.has('dots'), events: on.has('events'), grid: true,
    };
    const isDone = this.picture.draw(columns, geometry, layers, exposure, () => !isAwaited && performance.now() - began > FRAME_MS);
    if (isDone) this.show(columns, settings, position, course, geometry, exposure, first);
    this.drawTimes.push(performance.now() - began);
    if (this.drawTimes.length > 5000) this.drawTimes.splice(0, 2500);
    return isDone;
  }

  /** Bring the screen up to date with a picture that is done. */
  private show(
    columns: Columns, settings: Settings, position: Position, course: Course | null, geometry: Geometry, exposure: Exposure, first: bigint,
  ): void {
    this.geometry = geometry;
    this.film.show(this.picture, geometry, this.device);
    const {end} = geometry;
    const {on} = settings;
    const slot = columns.slot(end);
    this.options.draw(columns, geometry, on.has('gex') ? slot : -1, this.device);
    this.drawAxes(columns, geometry, slot, position.cursor);
    this.showCursor(columns, geometry, position.cursor);
    drawProfile(this.profile, columns, geometry, slot, exposure.white);
    drawPanel(this.panel, columns, slot);
    this.timeline.draw(course, first, end, Math.min(geometry.seconds, end - geometry.oldest + 1), on.has('cvd'));
  }

  private geometryOf(columns: Columns, settings: Settings, position: Position, windows: number, {device, ratio}: Scale): Geometry {
    const [width, height] = deviceSize(element('picture'), device);
    const end = position.head - position.back;
    const tickScale = TICK_SCALES[settings.tick];
    const row = cells(tickScale, ratio);
    const centre = position.centre ?? centreTick(columns, end, (height / row.size) * row.pool);
    const timeScale = settings.time >= 0 ? TIME_SCALES[settings.time] : fitting(width / ratio, windows);
    return new Geometry(width, height, ratio, timeScale, tickScale, end, centre, Math.max(0, position.head - HISTORY + 1));
  }

  private drawAxes(columns: Columns, geometry: Geometry, slot: number, cursor: Cursor | null): void {
    drawTimes(this.times, columns, geometry);
    const tags: Tag[] = [];
    if (slot >= 0) tags.push({tick: columns.prices.spot_ref_price_int[slot], fill: '#e8edf5', ink: '#06080b'});
    if (cursor) tags.push({tick: geometry.tick(cursor.y), fill: '#1d2836', ink: TEXT});
    drawPrices(this.prices, columns, geometry, tags);
  }

  private showCursor(columns: Columns, geometry: Geometry, cursor: Cursor | null): void {
    showCursor(element('cursor'), geometry, cursor, this.device);
    const rows = cursor ? cellRows(columns, geometry.index(cursor.x), geometry.tick(cursor.y)) : null;
    const place = (x: number, y: number): [number, number] => [x / this.device, y / this.device];
    showCell(element('cell'), rows, place(cursor?.x ?? 0, cursor?.y ?? 0), place(geometry.width, geometry.height));
  }

  private exposureOf(columns: Columns, head: number): Exposure {
    const block = head < BLOCK ? head - BLOCK : Math.floor(head / BLOCK);
    if (this.exposure?.block !== block || this.exposure.of !== columns) {
      this.exposure = {block, of: columns, value: exposureAt(columns, head)};
    }
    return this.exposure.value;
  }
}

/** The smallest scale at which half an hour, or the day if it is shorter, fills so many CSS pixels. */
const fitting = (wide: number, windows: number): number =>
  TIME_SCALES.find((scale) => wide / scale <= Math.min(windows, HISTORY)) ?? 1;
