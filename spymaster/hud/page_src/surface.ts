/** A canvas in device pixels that knows its size, and the font that every canvas writes with. */
export const FONT = "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace";
/** CSS pixels of the page's letters where they are smallest; the style sheet lets them grow with the window. */
const SMALLEST = 12;

/** Device pixels a CSS pixel, and a pixel of what is drawn: that grows with the page's letters. */
export interface Scale {
  device: number;
  ratio: number;
}

export function scaleNow(): Scale {
  const device = window.devicePixelRatio || 1;
  const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) || SMALLEST;
  return {device, ratio: device * Math.max(1, letters / SMALLEST)};
}

/** The size of an element in device pixels. */
export function deviceSize(element: HTMLElement, device: number): [width: number, height: number] {
  const box = element.getBoundingClientRect();
  return [Math.max(1, Math.round(box.width * device)), Math.max(1, Math.round(box.height * device))];
}

export class Surface {
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;
  ratio = 1;
  /** The context's own is slow to set, and slower to ask. */
  private written = '';

  constructor(readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext('2d')!;
  }

  /** Fit the element. */
  fit({device, ratio}: Scale): void {
    const [width, height] = deviceSize(this.canvas, device);
    this.ratio = ratio;
    if (width === this.width && height === this.height) return;
    [this.width, this.height] = [width, height];
    this.canvas.width = width;
    this.canvas.height = height;
    this.written = '';
  }

  clear(): CanvasRenderingContext2D {
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.textAlign = 'left';
    return this.context;
  }

  font(size: number, weight = 400): void {
    const wanted = `${weight} ${size * this.ratio}px ${FONT}`;
    if (wanted !== this.written) this.context.font = this.written = wanted;
  }
}
