/**
 * The picture's parts on the screen: a canvas each, drawn on where the part changed and otherwise only
 * shifted. A whole picture copied a frame would cost a 4K screen most of its time.
 */
import {PART, type Part, type Picture} from './picture.ts';
import type {Geometry} from './view.ts';

interface Frame {
  canvas: HTMLCanvasElement;
  context: CanvasRenderingContext2D;
  image: ImageData;
}

/** Device pixels after which the canvases are placed anew: so far from its place a layer stays exact. */
const FAR = 64 * PART;

export class Film {
  private readonly frames = new Map<Part, Frame>();

  /** Where the canvases are placed from: they stay, and what holds them moves. */
  private base = NaN;

  constructor(private readonly root: HTMLElement) {}

  /** Show a picture that is done where the geometry has it; `device` is device pixels a CSS pixel. */
  show(picture: Picture, geometry: Geometry, device: number): void {
    const {parts} = picture;
    for (const [part, {canvas}] of this.frames) {
      if (parts.includes(part)) continue;
      canvas.remove();
      this.frames.delete(part);
    }
    for (const [part, x0, x1] of picture.take()) {
      const {context, image} = this.frame(part);
      context.putImageData(image, 0, 0, x0, 0, x1 - x0, part.height);
    }
    const far = geometry.left - this.base;
    if (!(far >= 0 && far < FAR)) this.base = parts[0].left;
    for (const part of parts) {
      const {style} = this.frame(part).canvas;
      style.width = `${PART / device}px`;
      style.height = `${part.height / device}px`;
      style.transform = `translateX(${(part.left - this.base) / device}px)`;
    }
    this.root.style.transform = `translateX(${(this.base - geometry.left) / device}px)`;
  }

  private frame(part: Part): Frame {
    let frame = this.frames.get(part);
    if (!frame) {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [PART, part.height];
      // In main memory, where the pixels are.
      const context = canvas.getContext('2d', {alpha: false, willReadFrequently: true})!;
      const image = new ImageData(new Uint8ClampedArray(part.pixels.buffer as ArrayBuffer), PART, part.height);
      this.root.append(canvas);
      frame = {canvas, context, image};
      this.frames.set(part, frame);
    }
    return frame;
  }
}
