/** Images that are run again and again: in memory. */

import { DataError } from '../errors.js';
import { elements, type Shape } from '../graph/graph.js';
import { asImages, type Images } from '../simulate/images.js';
import type { LabelledBatch } from './evaluate.js';

/** Images in memory, with the labels that they should get. */
export interface Held {
  readonly batches: readonly HeldBatch[];
  /** Images of all batches. */
  readonly count: number;
}

/** Images of one run. */
export interface HeldBatch {
  readonly images: Images;
  readonly labels?: ArrayLike<number>;
}

/**
 * Takes images of a data set into memory, in batches of another size.
 *
 * @param shape of one image.
 * @throws DataError if images do not fit, or there is none.
 */
export async function hold(
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  shape: Shape,
  { limit, size }: { readonly limit: number; readonly size: number },
): Promise<Held> {
  const perImage = elements(shape);
  const batches: HeldBatch[] = [];
  let count = 0;
  for await (const batch of dataset) {
    const { data, count: given } = asImages(batch, shape);
    const { labels } = batch;
    if (labels && labels.length !== given) {
      throw new DataError('DATA_INVALID', {
        message: `a batch has ${given} images but ${labels.length} labels.`,
        remedy: 'Give one label for each image.',
      });
    }
    const most = Math.min(given, limit - count);
    for (let at = 0; at < most; at += size) {
      const end = Math.min(at + size, most);
      const images = { data: data.slice(at * perImage, end * perImage), count: end - at };
      batches.push({ images, labels: labels && Array.from(labels).slice(at, end) });
    }
    count += most;
    if (count >= limit) break;
  }
  if (count > 0) return { batches, count };
  throw new DataError('DATA_INVALID', { message: 'there is no image to look at.', remedy: 'Give at least one image.' });
}
