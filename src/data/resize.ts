/**
 * Bilinear resizing with antialiasing, bit for bit as Pillow does it (8 bits a channel): that is what torchvision,
 * Keras and most training pipelines feed their networks, and image libraries differ enough to move accuracies.
 */

import type { Frame } from './arrange.js';

/** Coefficients are fixed-point numbers, as in Pillow: 32 bits less 8 of the pixel and 2 of headroom. */
const FRACTION_BITS = 22;

/** What one output pixel takes from the input along one axis. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * Resizes planes of pixels.
 *
 * @param planes [channels, height, width], row major
 * @returns [channels, to.height, to.width]; `planes` itself where the size is the same
 */
export function resize(planes: Uint8Array, from: Frame, to: { height: number; width: number }): Uint8Array {
  const { channels, height, width } = from;
  const wide = width === to.width ? planes : resample(planes, channels * height, width, 1, taps(width, to.width));
  return height === to.height ? wide : resample(wide, channels, height, to.width, taps(height, to.height));
}

/** Resamples the middle axis of [outer, size, inner]. */
function resample(data: Uint8Array, outer: number, size: number, inner: number, lines: readonly Taps[]): Uint8Array {
  const out = new Uint8Array(outer * lines.length * inner);
  const half = 2 ** (FRACTION_BITS - 1);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const { first, weights } of lines) {
      const start = (block * size + first) * inner;
      for (let i = 0; i < inner; i++) {
        let sum = half;
        for (let k = 0, read = start + i; k < weights.length; k++, read += inner) sum += data[read] * weights[k];
        out[at++] = Math.min(sum >> FRACTION_BITS, 255);
      }
    }
  }
  return out;
}

/** Triangle filter, widened by the scale where the image shrinks. */
function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, pixel) => {
    const center = (pixel + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const last = Math.min(Math.trunc(center + support + 0.5), from);
    const triangle = Array.from({ length: last - first }, (_, k) =>
      Math.max(1 - Math.abs((k + first - center + 0.5) * (1 / support)), 0),
    );
    const sum = triangle.reduce((total, weight) => total + weight, 0);
    return { first, weights: triangle.map((weight) => Math.floor((weight / sum) * 2 ** FRACTION_BITS + 0.5)) };
  });
}
