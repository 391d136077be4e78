/** Accuracy of a spiking network and of the original, layer by layer, over a data set. */

import { DataError } from '../errors.js';
import { describeGraph } from '../graph/describe.js';
import { elements } from '../graph/graph.js';
import { checkCount } from '../simulate/check.js';
import { addCounters, type Counters, type EarlyExits, spikesPerNeuron, total } from '../simulate/counters.js';
import type { Disturbance } from '../simulate/disturbance.js';
import { asImages, type Images } from '../simulate/images.js';
import type { Engine, Precision } from '../simulate/run.js';
import { Sequence } from '../simulate/sequence.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { TensorLike } from '../tensor.js';
import { energyRatio } from './energy.js';
import { type QuartzOperations, quartzOperations } from './quartz-operations.js';
import { rank, TOP5_CLASSES } from './rank.js';
import { readAhead } from './read-ahead.js';
import { measureThroughput } from './throughput.js';

/** Images of a data set with the labels that they should get. */
export interface LabelledBatch extends TensorLike {
  /** One for each image; without them there is agreement, but no accuracy. */
  readonly labels?: ArrayLike<number>;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** `layered` if absent. */
  readonly engine?: Engine;
  /** `f32` if absent. */
  readonly precision?: Precision;
  /** Threads; one per processor if absent or 0. */
  readonly threads?: number;
  /** Whether images end as soon as their class is settled (see `RunOptions.earlyExit`); no if absent. */
  readonly earlyExit?: boolean;
  /** What goes wrong in the spiking network; nothing if absent. */
  readonly disturbance?: Disturbance;
  /** Images of one run when throughput is measured; 128 if absent. */
  readonly batch?: number;
  /** Most seconds to spend on measuring throughput; 0 leaves it out. 2 if absent. */
  readonly throughputSeconds?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the number of images done. */
  readonly onProgress?: (images: number) => void;
  /** Called after each batch with what it gave. */
  readonly onBatch?: (batch: BatchReport) => void;
  /** Called after each batch with all that is known by then: what an evaluation that was interrupted goes on from. */
  readonly onState?: (state: EvaluationState) => void | Promise<void>;
  /** Where an interrupted evaluation had got to; the data set then begins with the image after that. */
  readonly from?: EvaluationState;
}

/** What an evaluation has found so far, as plain data. */
export interface EvaluationState {
  readonly scores: Readonly<Scores>;
  /** Absent before the first batch. */
  readonly counters?: Counters;
  /** Largest |value - original activation| of each layer. */
  readonly differences: readonly number[];
  readonly largestLogit: number;
  readonly largestDifference: number;
}

/** Numbers of images. */
export interface Scores {
  right: number;
  annRight: number;
  right5: number;
  annRight5: number;
  agreeing: number;
  labelled: number;
}

/** What one batch gave. */
export interface BatchReport {
  /** Whether each image got the right label: 0 or 1; absent without labels. */
  readonly right?: Uint8Array;
  /** Spikes of each image, of all layers together. */
  readonly spikes: Uint32Array;
  readonly counters: Counters;
}

/** One layer of an {@link Evaluation}. */
export interface LayerReport {
  readonly name: string;
  readonly role: string;
  readonly neurons: number;
  /** Spikes of all images. */
  readonly spikes: number;
  /** Spikes outside of the window, of all images. */
  readonly saturated: number;
  /** Synaptic events received, of all images. */
  readonly synapticEvents: number;
  /** When the layer may spike; absent where it does not. */
  readonly window?: { readonly start: number; readonly width: number };
  /** Largest |value - original activation|. */
  readonly maxDifference: number;
}

/** What {@link evaluate} found. Shares are between 0 and 1; counts are sums over all images, unless said otherwise. */
export interface Evaluation {
  readonly code: string;
  readonly engine: Engine;
  readonly precision: Precision;
  readonly images: number;
  /** Share of images whose label is right; absent without labels. */
  readonly accuracy?: number;
  /** The same of the original network. */
  readonly annAccuracy?: number;
  /** Share of images whose label is among the five largest logits; only with more than ten classes. */
  readonly accuracyTop5?: number;
  /** The same of the original network. */
  readonly annAccuracyTop5?: number;
  /** Share of images in which both networks have the same label. */
  readonly agreement: number;
  /** Largest |logit - original logit|, relative to the largest original logit of all images. */
  readonly logitDifference: number;
  /** Spikes of the neurons that stand for activation functions, over their number: mean over images. */
  readonly spikesPerNeuron: number;
  /** Spikes of the input. */
  readonly inputSpikes: number;
  /** Spikes of pooling and of relay neurons. */
  readonly poolSpikes: number;
  readonly relaySpikes: number;
  readonly synapticEvents: number;
  /** Multiply-adds really executed. */
  readonly operations: number;
  readonly memoryReads: number;
  readonly memoryWrites: number;
  /** Operations and memory accesses as the authors of `quartz` count them; only in that code. */
  readonly quartz?: QuartzOperations;
  /** Multiply-adds of the original network. */
  readonly macs: number;
  /** Energy of an event-driven machine over that of the original network, by a model: see {@link energyRatio}. */
  readonly energyRatio: number;
  /** Spikes outside of their windows. */
  readonly saturated: number;
  /** What early exits saved, if they were asked for; logits are compared as they are at the exit then. */
  readonly earlyExits?: EarlyExits;
  /** Of the simulation alone, warm; absent if it was not measured. */
  readonly imagesPerSecond?: number;
  readonly layers: readonly LayerReport[];
}

/**
 * Runs a spiking network and the original over a data set and compares them.
 *
 * The next batch is read while one runs. Throughput is measured apart, after the comparison, on the first images (64 MB of them at most) held in memory.
 *
 * @param dataset batches of images, as they come.
 * @throws DataError if images do not fit the network, or labels and images are not equally many.
 */
export async function evaluate(
  network: SpikingNetwork,
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const {
    engine = 'layered',
    precision = 'f32',
    threads = 0,
    earlyExit,
    disturbance,
    signal,
    onProgress,
    onBatch,
    from,
    onState,
  } = options;
  checkCount('batch', options.batch ?? 1, 1);
  const scores: Scores = {
    ...{ right: 0, annRight: 0, right5: 0, annRight5: 0, agreeing: 0, labelled: 0 },
    ...from?.scores,
  };
  const classes = elements(network.outputShape);
  let { counters, differences = [], largestLogit = 0, largestDifference = 0 }: Partial<EvaluationState> = from ?? {};
  const sequence = new Sequence();
  const held: Images[] = [];
  let heldBytes = 0;

  for await (const batch of readAhead(dataset)) {
    const images = asImages(batch, network.inputShape);
    const { labels: truth } = batch;
    if (truth && truth.length !== images.count) {
      throw new DataError('DATA_INVALID', {
        message: `a batch has ${images.count} images but ${truth.length} labels.`,
        remedy: 'Give one label for each image.',
      });
    }
    const firstImage = counters?.images ?? 0;
    const run = { engine, precision, threads, earlyExit, disturbance, firstImage, sequence, compare: true, signal };
    const result = await network.runImages(images, run);
    const { original } = result;
    if (!original) throw new Error('a comparison was asked for');
    for (let image = 0; image < images.count; image++) {
      const [label, annLabel] = [result.labels[image], original.labels[image]];
      scores.agreeing += Number(label === annLabel);
      if (truth) {
        const own = (data: Float32Array | Float64Array) => data.subarray(image * classes, (image + 1) * classes);
        scores.labelled++;
        scores.right += Number(label === truth[image]);
        scores.annRight += Number(annLabel === truth[image]);
        scores.right5 += Number(rank(own(result.logits.data), truth[image]) < 5);
        scores.annRight5 += Number(rank(own(original.logits.data), truth[image]) < 5);
      }
    }
    for (let i = 0; i < original.logits.data.length; i++) {
      largestLogit = Math.max(largestLogit, Math.abs(original.logits.data[i]));
      largestDifference = Math.max(largestDifference, Math.abs(result.logits.data[i] - original.logits.data[i]));
    }
    counters = counters ? addCounters(counters, result.counters) : result.counters;
    differences = original.differences.map(({ max }, i) => Math.max(max, differences[i] ?? 0));
    if (heldBytes < 64e6) {
      held.push(images);
      heldBytes += images.data.byteLength;
    }
    onProgress?.(counters.images);
    const right = truth && Uint8Array.from(result.labels, (label, image) => Number(label === truth[image]));
    onBatch?.({ ...(right && { right }), spikes: result.imageSpikes, counters: result.counters });
    await onState?.({ scores: { ...scores }, counters, differences, largestLogit, largestDifference });
  }
  if (!counters || counters.images === 0) {
    throw new DataError('DATA_INVALID', {
      message: 'there is no image to evaluate.',
      remedy: 'Give at least one image.',
    });
  }

  const share = (count: number) => count / scores.labelled;
  const { throughputSeconds: seconds = 2, batch = 128 } = options;
  const throughput = { engine, precision, threads, earlyExit, batch, seconds, signal };
  const { macs } = describeGraph(network.graph);
  const imagesPerSecond =
    seconds > 0 && held.length > 0 ? await measureThroughput(network, held, throughput) : undefined;
  return {
    code: network.code.name,
    engine,
    precision,
    images: counters.images,
    ...(scores.labelled > 0 && { accuracy: share(scores.right), annAccuracy: share(scores.annRight) }),
    ...(scores.labelled > 0 &&
      classes > TOP5_CLASSES && { accuracyTop5: share(scores.right5), annAccuracyTop5: share(scores.annRight5) }),
    agreement: scores.agreeing / counters.images,
    logitDifference: largestDifference === 0 ? 0 : largestDifference / largestLogit,
    spikesPerNeuron: spikesPerNeuron(counters),
    inputSpikes: total(counters, 'spikes', 'input'),
    poolSpikes: total(counters, 'spikes', 'pool'),
    relaySpikes: total(counters, 'spikes', 'relay'),
    synapticEvents: total(counters, 'synapticEvents'),
    operations: total(counters, 'operations'),
    memoryReads: total(counters, 'memoryReads'),
    memoryWrites: total(counters, 'memoryWrites'),
    ...(network.code.name === 'quartz' && { quartz: quartzOperations(counters, network.layers) }),
    macs: macs * counters.images,
    energyRatio: energyRatio(counters, network.layers, macs),
    saturated: total(counters, 'saturated'),
    ...(counters.earlyExits && { earlyExits: counters.earlyExits }),
    ...(imagesPerSecond !== undefined && { imagesPerSecond }),
    layers: counters.layers.map(({ name, role, neurons, spikes, saturated, synapticEvents }, i) => {
      const { window } = network.layers[i];
      const maxDifference = differences[i];
      return { name, role, neurons, spikes, saturated, synapticEvents, ...(window && { window }), maxDifference };
    }),
  };
}
