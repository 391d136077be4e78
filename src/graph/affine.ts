/** Algebra of affine maps `y = scale x + shift` with one coefficient pair per channel or per element. */

import { type AffineNode, elements, type Shape } from './graph.js';

/** The coefficients of an {@link AffineNode}. */
export type Affine = Pick<AffineNode, 'per' | 'scale' | 'shift'>;

/** The same map with one coefficient pair per element of the shape. */
export function perElement(affine: Affine, shape: Shape): Affine {
  if (affine.per === 'element') return affine;
  const plane = elements(shape) / shape[0];
  const expand = (values: Float64Array) => {
    const expanded = new Float64Array(elements(shape));
    values.forEach((value, channel) => {
      expanded.fill(value, channel * plane, (channel + 1) * plane);
    });
    return expanded;
  };
  return { per: 'element', scale: expand(affine.scale), shift: expand(affine.shift) };
}

/** The same map with one coefficient pair per channel, where each channel has only one. */
export function compact(affine: Affine, shape: Shape): Affine {
  if (affine.per === 'channel') return affine;
  const scale = channelValues(affine.scale, shape[0]);
  const shift = channelValues(affine.shift, shape[0]);
  return scale && shift ? { per: 'channel', scale, shift } : affine;
}

/** The map that applies `first` and then `second`. */
export function compose(first: Affine, second: Affine, shape: Shape): Affine {
  const same = first.per === second.per;
  const a = same ? first : perElement(first, shape);
  const b = same ? second : perElement(second, shape);
  return {
    per: a.per,
    scale: a.scale.map((value, i) => b.scale[i] * value),
    shift: a.shift.map((value, i) => b.scale[i] * value + b.shift[i]),
  };
}

/** Whether the map changes nothing. */
export function isIdentity(affine: Affine): boolean {
  return affine.scale.every((value) => value === 1) && affine.shift.every((value) => value === 0);
}

/** Scale and shift of a map that is the same for all elements. */
export function uniform({ scale, shift }: Affine): { readonly scale: number; readonly shift: number } | undefined {
  const same = (values: Float64Array) => values.every((value) => value === values[0]);
  return same(scale) && same(shift) ? { scale: scale[0], shift: shift[0] } : undefined;
}

/** The value of each channel, where every one is constant over its elements (row major, `channels` first). */
export function channelValues(values: Float64Array, channels: number): Float64Array | undefined {
  const plane = values.length / channels;
  const constant = values.every((value, i) => value === values[i - (i % plane)]);
  return constant ? Float64Array.from({ length: channels }, (_, channel) => values[channel * plane]) : undefined;
}
