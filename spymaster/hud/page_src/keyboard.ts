/** Every action has a key; the list in the help is this one, so it cannot lag behind. */
export interface Actions {
  toggle(): void;
  seekBy(seconds: number): void;
  seekEdge(end: boolean): void;
  panPrice(share: number): void;
  panTime(share: number): void;
  recentre(): void;
  zoomTime(step: number): void;
  zoomPrice(step: number): void;
  faster(step: number): void;
  moveCursor(right: number, up: number): void;
  hideCursor(): void;
  overlay(place: number): void;
  focus(id: string): void;
  help(): void;
}

type Key = [keys: string[], shown: string, meaning: string, act: (actions: Actions, key: string) => void];

export const KEYS: Key[] = [
  [[' '], 'Space', 'play or pause', (a) => a.toggle()],
  [['ArrowLeft', 'ArrowRight'], '← →', 'ten seconds back, ahead', (a, key) => a.seekBy(key === 'ArrowLeft' ? -10 : 10)],
  [['PageUp', 'PageDown'], 'PgUp PgDn', 'five minutes back, ahead', (a, key) => a.seekBy(key === 'PageUp' ? -300 : 300)],
  [['Home', 'End'], 'Home End', "the day's begin, end", (a, key) => a.seekEdge(key === 'End')],
  [['ArrowUp', 'ArrowDown'], '↑ ↓', 'higher, lower prices', (a, key) => a.panPrice(key === 'ArrowUp' ? 0.125 : -0.125)],
  [[',', '.'], ', .', 'the picture back, ahead in time', (a, key) => a.panTime(key === ',' ? -0.125 : 0.125)],
  [['c'], 'C', 'back to now and to spot', (a) => a.recentre()],
  [['+', '=', '-'], '+ −', 'zoom time', (a, key) => a.zoomTime(key === '-' ? -1 : 1)],
  [['[', ']'], '[ ]', 'zoom price', (a, key) => a.zoomPrice(key === '[' ? -1 : 1)],
  [['<', '>'], '< >', 'slower, faster', (a, key) => a.faster(key === '<' ? -1 : 1)],
  [['Shift+ArrowLeft', 'Shift+ArrowRight', 'Shift+ArrowUp', 'Shift+ArrowDown'], 'Shift ←↑↓→', 'move the cursor',
    (a, key) => a.moveCursor(Number(key === 'Shift+ArrowRight') - Number(key === 'Shift+ArrowLeft'), Number(key === 'Shift+ArrowUp') - Number(key === 'Shift+ArrowDown'))],
  [['Escape'], 'Esc', 'put the cursor away', (a) => a.hideCursor()],
  [['1', '2', '3', '4', '5', '6', '7', '8', '9'], '1–9', 'overlays on, off', (a, key) => a.overlay(Number(key) - 1)],
  [['s'], 'S', 'choose the symbol', (a) => a.focus('symbol')],
  [['d'], 'D', 'choose the date', (a) => a.focus('dt')],
  [['?'], '?', 'this', (a) => a.help()],
];

export function listen(actions: Actions): void {
  window.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target as HTMLElement;
    // A list has the arrows, letters and Space to itself; a button is pressed by Space.
    if (on instanceof HTMLSelectElement || (on instanceof HTMLButtonElement && (event.key === ' ' || event.key === 'Enter'))) {
      if (event.key === 'Escape') on.blur();
      return;
    }
    if (on.closest('dialog[open]') && event.key !== '?') return;
    const key = event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : event.key;
    const found = KEYS.find(([keys]) => keys.includes(key) || keys.includes(key.toLowerCase()));
    if (!found) return;
    event.preventDefault();
    found[3](actions, key);
  });
}
