/** Streams of images, checked against a network's input and regrouped into batches. */

import { DataError } from '../errors.js';
import { elements, type Shape } from '../graph/graph.js';
import { type Tensor, type TensorLike, tensorShape, toTensor } from '../tensor.js';

/** Tensors of one image each or of batches of them (the first axis), in memory or as they come. */
export type ImageSource = Iterable<TensorLike> | AsyncIterable<TensorLike>;

/** Images one after another. */
export interface Images {
  readonly data: Float32Array | Float64Array;
  readonly count: number;
}

/**
 * A tensor as images of a network.
 *
 * @param shape of one image.
 * @throws DataError if the tensor is neither one image nor a batch of them.
 */
export function asImages(tensor: TensorLike, shape: Shape): Images {
  const given = tensorShape(tensor);
  const single = sameAxes(given, shape);
  if (!single && !sameAxes(given.slice(1), shape)) {
    throw new DataError('INPUT_INVALID', {
      message: `the network reads images of shape [${shape}], but a tensor has shape [${given}].`,
      remedy: `Give one image [${shape}], or a batch [n, ${shape.join(', ')}].`,
    });
  }
  const { data }: Tensor = toTensor(tensor);
  return { data, count: single ? 1 : given[0] };
}

function sameAxes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}

/** Regroups a stream into batches of `size` images (the last may be smaller), `limit` images at most. */
export async function* imageBatches(
  source: ImageSource,
  shape: Shape,
  options: { readonly size: number; readonly limit?: number; readonly signal?: AbortSignal },
): AsyncGenerator<Images> {
  const { size, signal, limit = Number.POSITIVE_INFINITY } = options;
  const perImage = elements(shape);
  let parts: Images[] = [];
  let waiting = 0;
  let taken = 0;
  const flush = (): Images => {
    const batch = joinImages(parts);
    parts = [];
    waiting = 0;
    return batch;
  };
  for await (const tensor of source) {
    signal?.throwIfAborted();
    const { data, count } = asImages(tensor, shape);
    for (let at = 0; at < count && taken < limit; ) {
      const n = Math.min(size - waiting, count - at, limit - taken);
      parts.push({ data: data.subarray(at * perImage, (at + n) * perImage), count: n });
      waiting += n;
      taken += n;
      at += n;
      if (waiting === size) yield flush();
    }
    if (taken >= limit) break;
  }
  if (waiting > 0) yield flush();
}

/** Images of one shape, one after another. */
export function joinImages(parts: readonly Images[]): Images {
  if (parts.length === 1) return parts[0];
  const length = parts.reduce((sum, { data }) => sum + data.length, 0);
  const double = parts.some(({ data }) => data instanceof Float64Array);
  const data = double ? new Float64Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, count: parts.reduce((sum, { count }) => sum + count, 0) };
}
