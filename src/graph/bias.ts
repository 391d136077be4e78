/** Arithmetic on the biases of linear nodes, whose pixels may fall into classes of their own. */

import type { Bias } from './graph.js';

/** Most classes that a bias may have. */
export const MAX_BIAS_CLASSES = 65535;

/** The bias with each channel's values multiplied. */
export function scaleBias(bias: Bias, scale: Float64Array): Bias {
  return { ...bias, values: bias.values.map((value, i) => value * scale[i % scale.length]) };
}

/** Sum of two biases; nothing where it would need more classes than there may be. */
export function addBias(a: Bias, b: Bias, channels: number): Bias | undefined {
  if (!a.classes && !b.classes) return { values: a.values.map((value, i) => value + b.values[i]) };
  const pixels = (a.classes ?? b.classes)?.length ?? 0;
  const partition = refine(
    pixels,
    (pixel) => a.classes?.[pixel] ?? 0,
    (pixel) => b.classes?.[pixel] ?? 0,
  );
  return classified(
    partition,
    channels,
    (pixel, channel) =>
      a.values[(a.classes?.[pixel] ?? 0) * channels + channel] +
      b.values[(b.classes?.[pixel] ?? 0) * channels + channel],
  );
}

/** Bias from one value per channel and pixel (row major, channels first); nothing where pixels differ too much. */
export function biasOfElements(values: Float64Array, channels: number): Bias | undefined {
  const pixels = values.length / channels;
  let partition = refine(
    pixels,
    () => 0,
    () => 0,
  );
  for (let channel = 0; channel < channels; channel++) {
    const { classes } = partition;
    partition = refine(
      pixels,
      (pixel) => classes[pixel],
      (pixel) => values[channel * pixels + pixel],
    );
  }
  return classified(partition, channels, (pixel, channel) => values[channel * pixels + pixel]);
}

/** Pixels in classes, and the first pixel of each class. */
interface Partition {
  readonly classes: Uint32Array;
  readonly first: readonly number[];
}

/** Puts pixels into one class where both keys agree. */
function refine(pixels: number, a: (pixel: number) => number, b: (pixel: number) => number): Partition {
  const classes = new Uint32Array(pixels);
  const first: number[] = [];
  const known = new Map<number, Map<number, number>>();
  for (let pixel = 0; pixel < pixels; pixel++) {
    const row = known.get(a(pixel)) ?? new Map<number, number>();
    known.set(a(pixel), row);
    const id = row.get(b(pixel)) ?? first.push(pixel) - 1;
    row.set(b(pixel), id);
    classes[pixel] = id;
  }
  return { classes, first };
}

function classified(
  { classes, first }: Partition,
  channels: number,
  value: (pixel: number, channel: number) => number,
): Bias | undefined {
  if (first.length > MAX_BIAS_CLASSES) return undefined;
  const values = new Float64Array(first.length * channels);
  first.forEach((pixel, id) => {
    for (let channel = 0; channel < channels; channel++) values[id * channels + channel] = value(pixel, channel);
  });
  return first.length === 1 ? { values } : { values, classes: Uint16Array.from(classes) };
}
