/**
 * Every colour in one place. Blue-teal and amber differ for every kind of colour vision, and by
 * lightness from what lies over them; the one accent is for what the user can operate.
 */
export type Rgb = readonly [number, number, number];

export const COLOURS = {
  empty: [11, 15, 21], unknown: [6, 8, 11], hatch: [46, 52, 62],
  spot: [240, 244, 250], bestBid: [96, 178, 208], bestAsk: [222, 164, 84],
  buy: [118, 240, 204], sell: [244, 66, 108], outline: [6, 8, 11],
  vacuum: [140, 92, 214], building: [150, 214, 92], eroding: [222, 74, 178],
} as const satisfies Record<string, Rgb>;

export const TEXT = '#c6cfdb';
export const MUTED = '#76839a';
export const LINE = 'rgba(150,166,190,.10)';
/** Gamma exposure above and below zero. */
export const POSITIVE = '#b58cf0';
export const NEGATIVE = '#e8e06a';
export const ACCENT = '#5eead4';
export const BID_STOPS: Rgb[] = [[12, 24, 34], [14, 58, 84], [22, 118, 146], [98, 206, 214], [255, 255, 255]];
export const ASK_STOPS: Rgb[] = [[28, 20, 11], [84, 48, 12], [172, 100, 22], [246, 190, 84], [255, 255, 255]];

export const css = ([r, g, b]: Rgb, alpha = 1): string => `rgba(${r},${g},${b},${alpha})`;
export const packed = ([r, g, b]: Rgb): number => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;

/** 256 packed colours through the stops. */
export function ramp(stops: Rgb[]): Uint32Array {
  return Uint32Array.from({length: 256}, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    const mix = (k: number) => Math.round(stops[low][k] + (stops[low + 1][k] - stops[low][k]) * (at - low));
    return packed([mix(0), mix(1), mix(2)]);
  });
}

/** `over` on `under` with alpha 0..256, both packed. Red and blue are weighed at once: each has the byte above it free. */
export function blend(under: number, over: number, alpha: number): number {
  const rest = 256 - alpha;
  const redBlue = ((Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, alpha)) >>> 8) & 0xff00ff;
  const green = ((Math.imul(under & 0xff00, rest) + Math.imul(over & 0xff00, alpha)) >>> 8) & 0xff00;
  return (0xff000000 | redBlue | green) >>> 0;
}
