/** Runs of a discretised network over a data set: accuracy, and what every group did in every step. */

import { DataError } from '../errors.js';
import type { LabelledBatch } from '../evaluate/evaluate.js';
import { asImages } from '../simulate/images.js';
import type { Rules } from './arithmetic.js';
import { type ChipProgram, encodeImages, labelsOf } from './program.js';
import { ChipSimulator, type GroupCounts } from './simulate.js';

/** Options of {@link evaluateChip}. */
export interface EvaluateChipOptions {
  /** Rules of arithmetic; `chip` if absent. */
  readonly rules?: Rules;
  /** Threads; one per processor if absent or 0. */
  readonly threads?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the number of images done. */
  readonly onProgress?: (images: number) => void;
}

/** What {@link evaluateChip} found. Counts are sums over all images. */
export interface ChipEvaluation {
  readonly images: number;
  /** Steps of an image. */
  readonly steps: number;
  /** Share of images whose label is right, 0 to 1; absent without labels. */
  readonly accuracy?: number;
  /** Mean step of the first spike of an output, of the images that have one; absent where none has. */
  readonly firstSpike?: number;
  /** Of each group in the order of the network, in each step. */
  readonly counts: readonly GroupCounts[];
  /** Spikes of each compartment, all groups numbered through. */
  readonly compartmentSpikes: Float64Array;
  /** Time that the kernel took, in seconds. */
  readonly seconds: number;
}

/**
 * Runs a discretised network over a data set in the integers of the chip.
 *
 * @param dataset batches of images, as they come.
 * @throws DataError if images do not fit the network, labels and images are not equally many, or there is no image.
 */
export async function evaluateChip(
  program: ChipProgram,
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  { rules, threads, signal, onProgress }: EvaluateChipOptions = {},
): Promise<ChipEvaluation> {
  const simulator = new ChipSimulator(program.network, rules);
  const { steps } = program;
  let counts: readonly GroupCounts[] = [];
  let compartmentSpikes = new Float64Array();
  const sums = { images: 0, labelled: 0, right: 0, answered: 0, firstSpikes: 0, seconds: 0 };
  for await (const batch of dataset) {
    const images = asImages(batch, program.inputShape);
    const { labels } = batch;
    if (labels && labels.length !== images.count) {
      const message = `${images.count} images have ${labels.length} labels.`;
      throw new DataError('DATA_INVALID', { message, remedy: 'Give one label for each image, or none.' });
    }
    const input = encodeImages(program, images);
    const run = await simulator.run(input, { steps, threads, signal, record: { compartments: true } });
    const found = labelsOf(program, run, images.count);
    sums.images += images.count;
    sums.seconds += run.seconds;
    if (labels) {
      sums.labelled += images.count;
      for (let i = 0; i < images.count; i++) sums.right += found[i] === labels[i] ? 1 : 0;
    }
    const outputs = run.firstSpikes.length / images.count;
    for (let at = 0; at < run.firstSpikes.length; at += outputs) {
      const spikes = run.firstSpikes.subarray(at, at + outputs).filter((step) => step >= 0);
      if (spikes.length === 0) continue;
      sums.answered++;
      sums.firstSpikes += spikes.reduce((a, b) => Math.min(a, b));
    }
    if (counts.length === 0) {
      counts = run.counts;
      compartmentSpikes = Float64Array.from(run.compartmentSpikes ?? []);
    } else {
      counts.forEach((group, index) => {
        add(group.spikes, run.counts[index].spikes);
        add(group.synapticEvents, run.counts[index].synapticEvents);
        add(group.updates, run.counts[index].updates);
        add(group.overflows, run.counts[index].overflows);
      });
      add(compartmentSpikes, run.compartmentSpikes ?? []);
    }
    onProgress?.(sums.images);
  }
  if (sums.images === 0) {
    throw new DataError('DATA_INVALID', { message: 'there is no image.', remedy: 'Give at least one.' });
  }
  return {
    images: sums.images,
    steps,
    ...(sums.labelled > 0 && { accuracy: sums.right / sums.labelled }),
    ...(sums.answered > 0 && { firstSpike: sums.firstSpikes / sums.answered }),
    counts,
    compartmentSpikes,
    seconds: sums.seconds,
  };
}

function add(sums: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i] += values[i];
}
