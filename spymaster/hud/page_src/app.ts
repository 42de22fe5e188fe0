/**
 * The page: which day, where in it, and what the user does about it. It draws when something changed and
 * at no other time, so a page on which nothing happens costs nothing.
 */
import {readBootstrap, readCatalogue, readCourse, ServiceError, type Catalogue, type Course, type Day} from './catalogue.ts';
import {Columns, WANTED} from './columns.ts';
import {eventsAt} from './events.ts';
import {exposureAt} from './exposure.ts';
import {drawPixels} from './heatmap.ts';
import {listen} from './keyboard.ts';
import {keyList, legend} from './legend.ts';
import {COLOURS} from './palette.ts';
import {Picture} from './picture.ts';
import {Scene, type Position} from './scene.ts';
import {OVERLAY_TITLES, OVERLAYS, readSettings, SPEEDS, writeSettings, type Overlay} from './settings.ts';
import {Stream, type State} from './stream.ts';
import {centreTick, Geometry, HISTORY, TICK_SCALES, TIME_SCALES} from './view.ts';
import {clock, count, price} from './words.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
/** Ticks to each side that are asked for: more than any screen shows would be read for nothing. */
const REACH = 150;

/** Characters kept for a quantity of the best: what changes every second must not move what stands beside it. */
const QUANTITY = 5;

class App {
  readonly settings = readSettings(location.search);
  readonly scene = new Scene();
  readonly position: Position = {head: -1, back: 0, centre: null, cursor: null};
  columns: Columns | null = null;
  private catalogue: Catalogue | null = null;
  private day: Day | null = null;
  private course: Course | null = null;
  private version = '';
  private dirty = false;
  /** The user did something and waits for the picture. */
  private isAwaited = false;
  private opening = 0;
  private isAtEnd = false;
  private isSeeking = false;
  private readonly stream = new Stream({
    rows: (bytes) => this.takeRows(bytes),
    state: (state) => this.takeState(state),
    gap: (lastTs, windows) => void this.fillGap(lastTs, windows),
    end: () => this.arrive(),
    open: () => {
      this.status('', '');
      this.notice('');
    },
    lost: () => this.lose(),
    address: () => this.address(),
  });

  async start(): Promise<void> {
    this.controls();
    new ResizeObserver(() => this.change()).observe(element('stage'));
    window.addEventListener('popstate', () => location.reload());
    await this.open();
  }

  /** Draw soon; many changes before that make one drawing. */
  change(isAwaited = true): void {
    this.isAwaited ||= isAwaited;
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(() => {
      this.dirty = false;
      this.draw();
    });
  }

  private draw(): void {
    const {columns, day, position, settings} = this;
    if (!columns || !day || position.head < 0) return;
    if (!this.scene.draw(columns, settings, position, this.course, columns.firstTs, this.windows, this.isAwaited)) {
      this.change(false);
      return;
    }
    this.isAwaited = false;
    const end = position.head - position.back;
    const slot = columns.slot(end);
    element('clock').textContent = `${clock(columns.timestamp(end))} NY`;
    const {spot_ref_price_int: spot, best_bid_price_int: bid, best_ask_price_int: ask} = columns.prices;
    const {best_bid_qty, best_ask_qty} = columns.scalars;
    element('spot').textContent = slot < 0 ? '–' : price(spot[slot], columns.tickInt);
    element('quote').textContent = slot < 0 ? '' : `${count(best_bid_qty[slot]).padStart(QUANTITY)} × ${price(bid[slot], columns.tickInt)} · ${price(ask[slot], columns.tickInt)} × ${count(best_ask_qty[slot]).padEnd(QUANTITY)}`;
    element('timeline').setAttribute('aria-valuetext', clock(columns.timestamp(end)));
    if (this.stream.isOpen) this.showState(slot);
  }

  private showState(slot: number): void {
    if (slot < 0) this.status('gap', 'bad');
    else if (!this.columns!.valid[slot]) this.status('book not valid', 'bad');
    else if (this.isAtEnd) this.status('end of day', '');
    else if (this.settings.playing) this.status(`playing ${this.settings.speed}×`, 'live');
    else this.status('paused', '');
  }

  private get windows(): number {
    return this.course?.spot.length ?? this.day?.windows ?? 0;
  }

  private status(text: string, kind: string): void {
    const shown = element('status');
    if (text) shown.textContent = text;
    shown.className = kind;
  }

  private notice(text: string): void {
    element('notice').textContent = text;
    element('notice').hidden = !text;
  }

  /** Read the catalogue and show the day that the settings name, or the newest. */
  private async open(): Promise<void> {
    const turn = ++this.opening;
    this.isSeeking = false;
    this.notice('loading');
    this.status('loading', '');
    try {
      this.catalogue = await readCatalogue();
      const wanted = this.wantedDay(this.catalogue);
      if (!wanted) {
        this.status('no data', 'bad');
        this.notice('There is no built day in this lake. Build one: spymaster build --dt … --symbol …');
        return;
      }
      const {tick_int, day} = wanted;
      this.pickers();
      this.day = day;
      this.course = null;
      const ticks = Math.min(REACH, day.hud_max_ticks);
      this.columns = new Columns(BigInt(day.first_window_end_ts_ns), Number(tick_int), ticks);
      this.scene.invalidate();
      if (!this.settings.t) this.settings.t = this.columns.timestamp(firstShown(day)).toString();
      const course = readCourse(this.settings.symbol, this.settings.dt, day, Number(tick_int));
      this.version = '';
      await this.load(turn);
      if (turn !== this.opening) return;
      this.stream.connect();
      this.course = await course;
      this.change();
    } catch (error) {
      if (turn === this.opening) this.fail(error);
    }
  }

  private fail(error: unknown): void {
    const isReplaced = error instanceof ServiceError && error.status === 409;
    const isLost = !(error instanceof ServiceError) || error.status >= 500 || error.status === 429;
    this.status(isLost ? 'disconnected: trying again' : 'no data', 'bad');
    this.notice(error instanceof ServiceError ? error.message : 'The service does not answer. This page tries again.');
    if (isReplaced || isLost) setTimeout(() => void this.open(), isReplaced ? 0 : 1500);
  }

  private wantedDay({symbols, default: newest}: Catalogue): {tick_int: string; day: Day} | null {
    const {settings} = this;
    const symbol = symbols.find((one) => one.symbol === settings.symbol) ?? symbols.find((one) => one.symbol === newest?.symbol) ?? symbols[0];
    const days = symbol?.days.filter((one) => one.complete) ?? [];
    const day = days.find((one) => one.dt === settings.dt) ?? days.find((one) => one.dt === newest?.dt) ?? days[days.length - 1];
    if (!day) return null;
    // An instant belongs to the day it was asked with; with no day named, to the one that is shown.
    const isOther = (asked: string, shown: string) => asked !== '' && asked !== shown;
    if (isOther(settings.symbol, symbol.symbol) || isOther(settings.dt, day.dt)) settings.t = '';
    settings.symbol = symbol.symbol;
    settings.dt = day.dt;
    return {tick_int: symbol.tick_int, day};
  }

  private pickers(): void {
    const {symbols} = this.catalogue!;
    const fill = (id: string, names: string[], chosen: string) => {
      element<HTMLSelectElement>(id).replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
    };
    fill('symbol', symbols.map((one) => one.symbol), this.settings.symbol);
    const days = symbols.find((one) => one.symbol === this.settings.symbol)?.days ?? [];
    fill('dt', days.filter((one) => one.complete).map((one) => one.dt), this.settings.dt);
  }

  private query(more: Record<string, string>): Record<string, string> {
    const {symbol, dt} = this.settings;
    const base = {symbol, dt, ticks: String(this.columns!.ticks), columns: WANTED, ...more};
    return this.version ? {...base, version: this.version} : base;
  }

  private address(): URLSearchParams {
    const at = this.columns!.timestamp(Math.max(-1, this.position.head));
    return new URLSearchParams(this.query({start_ts_ns: at.toString(), speed: String(this.settings.speed), playing: String(this.settings.playing)}));
  }

  /** The windows before the instant of the settings, in place of those in memory. */
  private async load(turn: number): Promise<void> {
    const {bytes, version} = await readBootstrap(this.query({end_ts_ns: this.settings.t, windows: String(HISTORY)}));
    if (turn !== this.opening) return;
    this.version = version;
    this.columns!.clear();
    const [, last] = this.columns!.take(bytes);
    this.position.head = Math.max(0, last);
    this.position.back = 0;
    this.isAtEnd = false;
    this.scene.invalidate();
    this.notice('');
    this.change();
  }

  private takeRows(bytes: Uint8Array): void {
    const [first, last] = this.columns!.take(bytes);
    if (this.position.back > 0) this.position.back += last - this.position.head;
    if (first !== this.position.head + 1) this.scene.invalidate();
    this.position.head = last;
    this.isAtEnd = false;
    this.change(false);
  }

  private takeState(state: State): void {
    // While a seek holds the playback, what the user wants is still what he wanted before.
    if (!this.isSeeking) this.settings.playing = state.playing;
    if (state.speed !== 'max') this.settings.speed = state.speed;
    element('play').textContent = this.settings.playing ? 'Pause' : 'Play';
    element<HTMLSelectElement>('speed').value = String(this.settings.speed);
    this.remember();
    this.change();
  }

  /** The connection is gone; if it is because the day was replaced, begin with the new one. */
  private lose(): void {
    this.status('disconnected: trying again', 'bad');
    this.notice('The service does not answer. This page tries again.');
    const turn = this.opening;
    readBootstrap(this.query({windows: '1', columns: 'spot_ref_price_int'})).catch((error: unknown) => {
      const isReplaced = error instanceof ServiceError && (error.status === 409 || error.status === 404);
      if (!isReplaced || turn !== this.opening) return;
      this.stream.close();
      void this.open();
    });
  }

  private arrive(): void {
    this.isAtEnd = true;
    this.change();
  }

  private async fillGap(lastTs: string, windows: number): Promise<void> {
    this.status('gap', 'bad');
    try {
      const {bytes} = await readBootstrap(this.query({end_ts_ns: lastTs, windows: String(Math.min(windows, HISTORY))}));
      const [, last] = this.columns!.take(bytes);
      this.position.head = Math.max(this.position.head, last);
      this.scene.invalidate();
      this.change();
    } catch (error) {
      this.fail(error);
    }
  }

  private remember(): void {
    if (this.position.head >= 0) this.settings.t = this.columns!.timestamp(this.position.head).toString();
    history.replaceState(null, '', writeSettings(this.settings));
  }

  private async seek(index: number): Promise<void> {
    if (!this.columns) return;
    const turn = ++this.opening;
    const at = Math.max(0, Math.min(this.windows - 1, index));
    this.settings.t = this.columns.timestamp(at).toString();
    this.status('loading', '');
    this.isSeeking = true;
    // Nothing of the old place passes from here on; the new place waits for its past.
    this.stream.send({type: 'pause'});
    this.stream.send({type: 'seek', ts_ns: this.settings.t});
    try {
      await this.load(turn);
    } catch (error) {
      if (turn === this.opening) this.fail(error);
      return;
    }
    if (turn !== this.opening) return;
    this.isSeeking = false;
    if (this.settings.playing) this.stream.send({type: 'play'});
    this.remember();
  }

  private toggle(): void {
    this.stream.send({type: this.settings.playing ? 'pause' : 'play'});
  }

  private faster(step: number): void {
    const at = Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(this.settings.speed) + step));
    this.stream.send({type: 'speed', speed: SPEEDS[at]});
  }

  private zoomTime(step: number): void {
    const now = this.settings.time >= 0 ? this.settings.time : TIME_SCALES.indexOf(this.scene.timeScale);
    this.settings.time = Math.max(0, Math.min(TIME_SCALES.length - 1, now + step));
    this.changed();
  }

  private zoomPrice(step: number): void {
    this.settings.tick = Math.max(0, Math.min(TICK_SCALES.length - 1, this.settings.tick + step));
    this.changed();
  }

  private changed(): void {
    this.remember();
    this.change();
  }

  private panPrice(ticks: number): void {
    const {geometry} = this.scene;
    if (!geometry) return;
    this.position.centre = Math.round((this.position.centre ?? geometry.centre) + ticks);
    this.change();
  }

  private panTime(seconds: number): void {
    this.position.back = Math.max(0, Math.min(this.position.head, HISTORY - 1, Math.round(this.position.back - seconds)));
    this.change();
  }

  private recentre(): void {
    this.position.back = 0;
    this.position.centre = null;
    this.change();
  }

  private overlay(name: Overlay | undefined): void {
    if (!name) return;
    if (!this.settings.on.delete(name)) this.settings.on.add(name);
    document.querySelector(`#overlays [name=${name}]`)!.setAttribute('aria-pressed', String(this.settings.on.has(name)));
    this.changed();
  }

  private moveCursor(right: number, up: number): void {
    const {geometry} = this.scene;
    if (!geometry) return;
    const {cursor} = this.position;
    const x = cursor ? cursor.x + right * geometry.column.size : geometry.width - geometry.column.size;
    const y = cursor ? cursor.y - up * geometry.row.size : geometry.y(geometry.centre);
    this.position.cursor = {x: Math.max(0, Math.min(geometry.width - 1, x)), y: Math.max(0, Math.min(geometry.height - 1, y))};
    this.change();
  }

  private controls(): void {
    element('overlays').replaceChildren(...OVERLAYS.map((name, i) => {
      const button = document.createElement('button');
      button.name = name;
      button.textContent = OVERLAY_TITLES[name];
      button.title = `${OVERLAY_TITLES[name]} (${i + 1})`;
      button.setAttribute('aria-pressed', String(this.settings.on.has(name)));
      button.onclick = () => this.overlay(name);
      return button;
    }));
    const speed = element<HTMLSelectElement>('speed');
    speed.replaceChildren(...SPEEDS.map((value) => new Option(`${value}×`, String(value), false, value === this.settings.speed)));
    speed.onchange = () => this.stream.send({type: 'speed', speed: Number(speed.value)});
    element('play').onclick = () => this.toggle();
    for (const id of ['symbol', 'dt'] as const) {
      element<HTMLSelectElement>(id).onchange = (event) => {
        this.settings[id] = (event.target as HTMLSelectElement).value;
        if (id === 'symbol') this.settings.dt = '';
        this.settings.t = '';
        this.stream.close();
        void this.open();
      };
    }
    this.help();
    this.pointer();
    listen({
      toggle: () => this.toggle(),
      seekBy: (seconds) => void this.seek(this.position.head + seconds),
      seekEdge: (end) => void this.seek(end ? this.windows - 1 : 0),
      panPrice: (share) => this.panPrice(share * (this.scene.geometry?.ticks ?? 0)),
      panTime: (share) => this.panTime(share * (this.scene.geometry?.seconds ?? 0)),
      recentre: () => this.recentre(),
      zoomTime: (step) => this.zoomTime(step),
      zoomPrice: (step) => this.zoomPrice(step),
      faster: (step) => this.faster(step),
      moveCursor: (right, up) => this.moveCursor(right, up),
      hideCursor: () => this.setCursor(null),
      overlay: (place) => this.overlay(OVERLAYS[place]),
      focus: (id) => element(id).focus(),
      help: () => element('help').click(),
    });
  }

  private help(): void {
    const dialog = element<HTMLDialogElement>('keys');
    dialog.append(legend(), keyList());
    dialog.onclick = () => dialog.close();
    element('help').onclick = () => (dialog.open ? dialog.close() : dialog.showModal());
  }

  private setCursor(cursor: Position['cursor']): void {
    this.position.cursor = cursor;
    this.change();
  }

  private pointer(): void {
    const over = element('over');
    const at = (event: MouseEvent) => {
      const box = over.getBoundingClientRect();
      const {device} = this.scene;
      return {x: (event.clientX - box.left) * device, y: (event.clientY - box.top) * device};
    };
    let held: {x: number; y: number; back: number; centre: number} | null = null;
    over.onpointerdown = (event) => {
      over.setPointerCapture(event.pointerId);
      held = {...at(event), back: this.position.back, centre: this.scene.geometry?.centre ?? 0};
    };
    over.onpointerup = () => (held = null);
    over.onpointermove = (event) => {
      const {geometry} = this.scene;
      const place = at(event);
      if (!geometry) return;
      if (held) this.drag(held, place.x - held.x, place.y - held.y);
      this.setCursor(place);
    };
    over.onpointerleave = () => this.setCursor(null);
    over.ondblclick = () => this.recentre();
    over.addEventListener('wheel', (event) => {
      event.preventDefault();
      if (event.shiftKey) this.zoomPrice(event.deltaY + event.deltaX < 0 ? 1 : -1);
      else this.zoomTime(event.deltaY < 0 ? 1 : -1);
    }, {passive: false});
    const timeline = element('timeline');
    timeline.onclick = (event) => {
      const box = timeline.getBoundingClientRect();
      void this.seek(this.scene.timeline.index(event.clientX - box.left, this.windows));
    };
  }

  private drag(held: {back: number; centre: number}, dx: number, dy: number): void {
    const {column, row} = this.scene.geometry!;
    const seconds = Math.round((dx / column.size) * column.pool);
    const ticks = Math.round((dy / row.size) * row.pool);
    if (seconds) this.position.back = Math.max(0, Math.min(this.position.head, HISTORY - 1, held.back + seconds));
    if (ticks) this.position.centre = held.centre + ticks;
  }
}

/** Half an hour into the day, or most of the way through a shorter one: there is a past and a future. */
const firstShown = (day: Day): number => Math.min(HISTORY, Math.floor(day.windows * 0.8)) - 1;

const app = new App();
// What tests and the bench read, the pure parts among it; nothing of the page depends on it.
const renderer = {COLOURS, Columns, Picture, drawPixels, Geometry, exposureAt, eventsAt, centreTick};
Object.assign(window, {hud: {app, scene: app.scene, position: app.position, times: app.scene.drawTimes, renderer}});
void app.start();
