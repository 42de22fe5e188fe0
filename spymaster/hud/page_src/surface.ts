/** A canvas in device pixels that knows its size, and the font that every canvas writes with. */
export const FONT = "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace";

export class Surface {
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;
  ratio = 1;

  constructor(readonly canvas: HTMLCanvasElement, alpha = true) {
    this.context = canvas.getContext('2d', {alpha})!;
  }

  /** Fit the element; returns whether the size changed. */
  fit(): boolean {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round(box.height * ratio));
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    [this.width, this.height, this.ratio] = [width, height, ratio];
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  clear(): CanvasRenderingContext2D {
    this.context.clearRect(0, 0, this.width, this.height);
    return this.context;
  }

  font(size: number, weight = 400): void {
    this.context.font = `${weight} ${size * this.ratio}px ${FONT}`;
  }
}
