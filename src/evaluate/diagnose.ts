/** Where a spiking network differs from the original, layer by layer, and what would help. */

import { alone, runsAlone } from '../codes/alone.js';
import type { LayerStatistics } from '../codes/calibration.js';
import { reachOf } from '../codes/reach.js';
import { neurons as size, sources } from '../codes/topology.js';
import { calibrate } from '../convert/calibrate.js';
import { elements } from '../graph/graph.js';
import { checkCount } from '../simulate/check.js';
import { CodedNetwork } from '../simulate/coded-network.js';
import type { LayerDifference, Moments, Precision, RunResult } from '../simulate/run.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { Diagnosis, LayerDiagnosis, LayerError, OutputError } from './diagnosis.js';
import type { LabelledBatch } from './evaluate.js';
import { findAll, shareAbove } from './findings.js';
import { type Held, hold } from './held.js';
import { rank, TOP5_CLASSES } from './rank.js';

/** Options of {@link diagnose}. */
export interface DiagnoseOptions {
  /** Most images to use: all are held in memory, and run once for each layer. 128 if absent. */
  readonly limit?: number;
  /** `f32` if absent. */
  readonly precision?: Precision;
  /** Threads; one per processor if absent or 0. */
  readonly threads?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called with the number of layers measured, and that of all. */
  readonly onProgress?: (done: number, layers: number) => void;
}

/** Images of one run: bounds the memory that records of single neurons take. */
const BATCH = 16;

/**
 * Measures every layer of a spiking network twice: in the whole network, and alone, with all others as in the original
 * network. What a layer alone does to the logits is what its own error costs. The findings say why, from what the
 * layer's neurons can say and from the statistics of the original activations on the same images.
 *
 * @param dataset batches of images; labels tell what errors do to the accuracy.
 * @throws DataError if images do not fit the network, or there is none.
 */
export async function diagnose(
  network: SpikingNetwork,
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  options: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const { limit = 128, onProgress } = options;
  checkCount('limit', limit, 1);
  const held = await hold(dataset, network.inputShape, { limit, size: BATCH });
  const { coded } = network;
  const spiking = coded.populations.flatMap((population, index) => (runsAlone(population) ? [index] : []));
  const whole = await measure(new CodedNetwork(coded), held, options, spiking);
  const statistics = await statisticsOf(network, held, options);

  const layers: LayerDiagnosis[] = [];
  for (const [done, index] of spiking.entries()) {
    onProgress?.(done, spiking.length);
    const { name } = coded.topology.populations[index];
    const one = alone(coded, index);
    const own = await measure(new CodedNetwork(one), held, options, [one.index]);
    const { role, neurons } = coded.populations[index];
    const reach = reachOf(coded.populations[index]);
    const seen = whole.layers.get(index);
    const by = own.layers.get(one.index);
    if (!reach || !seen || !by) throw new Error(`${name} does not spike`);
    const stats = statistics(index);
    const values = size(coded.topology.populations[index].extent) * held.count;
    layers.push({
      ...{ name, role, neurons, reach },
      spikes: seen.spikes / held.count,
      saturated: stats ? shareAbove(stats, reach) : 0,
      dead: seen.active === 0 ? 0 : seen.dead / seen.active,
      ...(network.code.name === 'quartz' && role !== 'input' && { early: seen.saturated / neurons / held.count }),
      whole: layerError(seen.channels, values),
      alone: { ...layerError(by.channels, values), ...outputError(own) },
    });
  }
  onProgress?.(spiking.length, spiking.length);
  const output = outputError(whole);
  const { images, labelled, right, annRight, right5, annRight5 } = whole;
  const top5 = labelled > 0 && elements(network.outputShape) > TOP5_CLASSES;
  return {
    code: network.code.name,
    images,
    ...(labelled > 0 && { accuracy: right / labelled, annAccuracy: annRight / labelled }),
    ...(top5 && { accuracyTop5: right5 / labelled, annAccuracyTop5: annRight5 / labelled }),
    output,
    layers,
    findings: findAll(network, layers, output, (layer) => statistics(spiking[layers.indexOf(layer)])),
  };
}

/** Statistics of the original activations of each population on these images. */
async function statisticsOf(
  { graph, coded, inputShape }: SpikingNetwork,
  { batches }: Held,
  { threads, signal }: DiagnoseOptions,
): Promise<(index: number) => LayerStatistics | undefined> {
  const tensors = batches.map(({ images: { data, count } }) => ({ data, shape: [count, ...inputShape] }));
  const { layers } = await calibrate(graph, tensors, { threads, signal, channelPercentiles: true });
  const { populations } = coded.topology;
  return function statistics(index: number): LayerStatistics | undefined {
    const found = layers.get(populations[index].name);
    if (found) return found;
    // A relay that the code has put behind a population has its activations.
    const [source, ...others] = sources(populations[index].stage);
    return source === undefined || others.length > 0 ? undefined : statistics(source);
  };
}

/** Sums over all images. */
interface Measured {
  images: number;
  labelled: number;
  right: number;
  annRight: number;
  right5: number;
  annRight5: number;
  disagreeing: number;
  squares: number;
  originalSquares: number;
  /** By the index of the population. */
  readonly layers: Map<number, MeasuredLayer>;
}

interface MeasuredLayer {
  spikes: number;
  saturated: number;
  channels: readonly Moments[];
  /** Neurons that are active in the original. */
  active: number;
  /** Those of them that never spike. */
  dead: number;
}

async function measure(
  network: CodedNetwork,
  { batches }: Held,
  { precision = 'f32', threads, signal }: DiagnoseOptions,
  wanted: readonly number[],
): Promise<Measured> {
  const sums: Measured = {
    ...{
      images: 0,
      labelled: 0,
      right: 0,
      annRight: 0,
      right5: 0,
      annRight5: 0,
      disagreeing: 0,
      squares: 0,
      originalSquares: 0,
    },
    layers: new Map(),
  };
  const spiked = new Map<number, { readonly spikes: Uint32Array; readonly active: Uint32Array }>();
  for (const { images, labels } of batches) {
    const record = { channels: true, neurons: true };
    const result = await network.runImages(images, { precision, threads, signal, record, compare: true });
    addOutputs(sums, result, labels);
    for (const index of wanted) {
      const { spikes, saturated, neuronSpikes } = result.counters.layers[index];
      const difference = result.original?.differences[index];
      if (!difference) throw new Error('a comparison was asked for');
      const layer = sums.layers.get(index) ?? { spikes: 0, saturated: 0, channels: [], active: 0, dead: 0 };
      layer.spikes += spikes;
      layer.saturated += saturated;
      layer.channels = addMoments(layer.channels, difference);
      sums.layers.set(index, layer);
      const active = difference.activeImages ?? new Uint32Array();
      const seen = spiked.get(index);
      if (!seen) spiked.set(index, { spikes: neuronSpikes?.slice() ?? new Uint32Array(active.length), active });
      else
        for (let i = 0; i < active.length; i++) {
          seen.active[i] += active[i];
          seen.spikes[i] += neuronSpikes?.[i] ?? 0;
        }
    }
  }
  for (const [index, { spikes, active }] of spiked) {
    const layer = sums.layers.get(index);
    for (let i = 0; layer && i < active.length; i++) {
      layer.active += Number(active[i] > 0);
      layer.dead += Number(active[i] > 0 && spikes[i] === 0);
    }
  }
  return sums;
}

function addOutputs(sums: Measured, { labels, logits, original }: RunResult, truth?: ArrayLike<number>): void {
  if (!original) throw new Error('a comparison was asked for');
  labels.forEach((label, image) => {
    sums.images++;
    sums.disagreeing += Number(label !== original.labels[image]);
    if (!truth) return;
    sums.labelled++;
    sums.right += Number(label === truth[image]);
    sums.annRight += Number(original.labels[image] === truth[image]);
    const among = ({ data }: RunResult['logits']) => {
      const classes = data.length / labels.length;
      return Number(rank(data.subarray(image * classes, (image + 1) * classes), truth[image]) < 5);
    };
    sums.right5 += among(logits);
    sums.annRight5 += among(original.logits);
  });
  original.logits.data.forEach((value, i) => {
    sums.squares += (logits.data[i] - value) ** 2;
    sums.originalSquares += value ** 2;
  });
}

function addMoments(sums: readonly Moments[], { channels = [] }: LayerDifference): readonly Moments[] {
  if (sums.length === 0) return channels;
  return sums.map((sum, channel) => add(sum, channels[channel]));
}

function add(a: Moments, b: Moments): Moments {
  return {
    values: a.values + b.values,
    originals: a.originals + b.originals,
    valueSquares: a.valueSquares + b.valueSquares,
    originalSquares: a.originalSquares + b.originalSquares,
    products: a.products + b.products,
    squares: a.squares + b.squares,
  };
}

function relative(squares: number, originalSquares: number): number {
  return squares === 0 ? 0 : Math.sqrt(squares / originalSquares);
}

/** @param values number of values that the moments of all channels together are sums of. */
function layerError(channels: readonly Moments[], values: number): LayerError {
  const all = channels.reduce(add);
  // Of a channel that is hardly active, the error matters as little as the channel does.
  const perChannel = all.originalSquares / channels.length;
  const errors = channels.map(({ squares }) => relative(squares, perChannel));
  const channel = errors.indexOf(Math.max(...errors));
  return {
    relativeRms: relative(all.squares, all.originalSquares),
    correlation: correlation(all, values),
    worstChannel: { channel, relativeRms: errors[channel] },
  };
}

function correlation(
  { values, originals, valueSquares, originalSquares, products, squares }: Moments,
  count: number,
): number {
  const spread = (valueSquares - values ** 2 / count) * (originalSquares - originals ** 2 / count);
  if (spread <= 0) return squares === 0 ? 1 : 0;
  return (products - (values * originals) / count) / Math.sqrt(spread);
}

function outputError({ images, labelled, right, annRight, disagreeing, ...sums }: Measured): OutputError {
  return {
    logits: relative(sums.squares, sums.originalSquares),
    disagreement: disagreeing / images,
    ...(labelled > 0 && { accuracyLost: (annRight - right) / labelled }),
  };
}
