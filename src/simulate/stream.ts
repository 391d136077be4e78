/** Images as they come, results in the same order. */

import { elements, type Shape } from '../graph/graph.js';
import { checkCount } from './check.js';
import { type ImageSource, type Images, imageBatches } from './images.js';
import { type Elements, OneByOne } from './one-by-one.js';
import type { Answers, RunOptions } from './run.js';
import { Sequence } from './sequence.js';
import { orAborted } from './task.js';

/** Options of `SpikingNetwork.stream`. */
export interface StreamOptions extends Omit<RunOptions, 'record' | 'compare'> {
  /** Batches under way at once. 2 if absent. */
  readonly concurrency?: number;
  /** Images that are run together; a batch waits until it is full. 1 if absent. */
  readonly batch?: number;
}

/** What a stream gives for each image. */
export interface StreamResult {
  /** Place of the image in the stream, from 0. */
  readonly index: number;
  /** Index of the largest logit. */
  readonly label: number;
  /** One number per class. */
  readonly logits: Float32Array | Float64Array;
  /** Spikes of all layers. */
  readonly spikes: number;
}

/** A network that runs images which were checked before. */
interface Runner {
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  answerImages(images: Images, options: RunOptions): Promise<Answers>;
}

/** See `SpikingNetwork.stream`. */
export function streamImages(
  network: Runner,
  source: ImageSource,
  options: StreamOptions,
): AsyncGenerator<StreamResult, undefined, void> {
  return new OneByOne(streamBatches(network, source, options));
}

/** The results of batches, each when its images have run. */
async function* streamBatches(
  network: Runner,
  source: ImageSource,
  options: StreamOptions,
): AsyncGenerator<Elements<StreamResult>> {
  const { concurrency = 2, batch = 1, sequence = new Sequence(), ...run } = options;
  checkCount('concurrency', concurrency, 1);
  checkCount('batch', batch, 1);
  const classes = elements(network.outputShape);
  const abort = new AbortController();
  const signal = run.signal ? AbortSignal.any([run.signal, abort.signal]) : abort.signal;
  // Once for all batches: a new object that begins with a spread would outlive young garbage.
  const settings = { ...run, sequence, signal };
  const underway: Promise<Answers>[] = [];
  let first = 0;
  const batches = imageBatches(source, network.inputShape, { size: batch, signal });
  let next: Promise<IteratorResult<Images>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && underway.length < concurrency) next ??= orAborted(batches.next(), signal);
      if (!next && underway.length === 0) return;
      // Whichever comes first: a slow source does not hold results back, nor slow runs the source while there is room.
      const arrived = await Promise.race<IteratorResult<Images> | Answers>([
        ...(next ? [next] : []),
        ...underway.slice(0, 1),
      ]);
      if ('labels' in arrived) {
        underway.shift();
        yield resultsOf(arrived, first, classes);
        first += arrived.labels.length;
        continue;
      }
      next = undefined;
      if (arrived.done) {
        ended = true;
        continue;
      }
      const result = network.answerImages(arrived.value, settings);
      // It is awaited later; until then a failure must not count as unhandled.
      result.catch(() => {});
      underway.push(result);
    }
  } finally {
    abort.abort();
    const closed = batches.return(undefined).catch(() => {});
    // A source that is waited for closes when it answers.
    if (!next) await closed;
    next?.catch(() => {});
  }
}

/** The result of each image of a batch whose first image has a place in the stream. */
function resultsOf({ labels, logits, imageSpikes }: Answers, first: number, classes: number): Elements<StreamResult> {
  let image = 0;
  return () => {
    if (image === labels.length) return undefined;
    const own = logits.data.slice(image * classes, (image + 1) * classes);
    const result = { index: first + image, label: labels[image], logits: own, spikes: imageSpikes[image] };
    image++;
    return result;
  };
}
