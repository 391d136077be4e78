/** A coded topology on the kernel: runs of it, alone or beside the original network. */

import { ann } from '../codes/ann.js';
import type { CodedTopology } from '../codes/code.js';
import { FirstspikeError } from '../errors.js';
import { elements } from '../graph/graph.js';
import type {
  BindingDifferences,
  BindingNetwork,
  BindingOutcome,
  BindingSequence,
  BindingWeightDisturbance,
} from '../kernel.js';
import { asNdArray } from '../tensor.js';
import { bindNetwork } from './bind.js';
import { checkChoice, checkThreads } from './check.js';
import type { LayerCounters } from './counters.js';
import { bindDisturbance } from './disturbance.js';
import type { Images } from './images.js';
import type { Answers, Layer, LayerDifference, Moments, Precision, RunOptions, RunResult } from './run.js';
import { orAborted, runTask } from './task.js';

/** A coded topology, packed for the kernel when it is first needed. */
export class CodedNetwork {
  readonly coded: CodedTopology;
  readonly #bound = new Map<string, BindingNetwork>();
  #disturbed: { readonly key: string; readonly network: BindingNetwork } | undefined;
  #layers: readonly Layer[] | undefined;

  constructor(coded: CodedTopology) {
    this.coded = coded;
  }

  /** Whether state outlives an image. */
  get keepsState(): boolean {
    return this.#bind('f32', 'code').keepsState;
  }

  /** The layers in the order in which they run; the input first, the readout last. */
  get layers(): readonly Layer[] {
    if (!this.#layers) {
      const { topology, populations } = this.coded;
      const { connections } = this.#bind('f32', 'code');
      this.#layers = topology.populations.map(({ name, extent }, index) => {
        const { role, neurons, window } = populations[index];
        const shape = [extent.height, extent.width, extent.channels] as const;
        return { name, role, shape, neurons, window, connections: connections[index] };
      });
    }
    return this.#layers;
  }

  /**
   * Runs images that were checked before.
   *
   * @throws DataError if they hold values that are not finite.
   * @throws FirstspikeError `OPTION_INVALID` if options are outside of their domain, or ask for early exits that the network
   * cannot have.
   */
  async runImages(images: Images, options: RunOptions): Promise<RunResult> {
    return this.#result(await this.#run(images, options), images.count, options.earlyExit ?? false);
  }

  /**
   * The same for answers alone, with none of the objects that a stream would only throw away.
   *
   * @throws DataError as {@link runImages}.
   */
  async answerImages(images: Images, options: RunOptions): Promise<Answers> {
    return this.#answers(await this.#run(images, options), images.count);
  }

  /** What the kernel makes of images; fails as {@link runImages} does, at once where options are wrong. */
  #run({ data, count }: Images, options: RunOptions): Promise<BindingOutcome> {
    const { engine = 'layered', precision = 'f32', threads = 0, record = {}, compare = false, signal } = options;
    const { firstImage = 0, earlyExit = false } = options;
    const disturbance = bindDisturbance(options.disturbance);
    checkChoice('engine', engine, ['event', 'layered']);
    checkChoice('precision', precision, ['f32', 'f64']);
    checkThreads(threads);
    const network = disturbance.weights
      ? this.#bindDisturbed(precision, disturbance.weights)
      : this.#bind(precision, 'code');
    if (earlyExit) checkEarlyExit(network);
    const original = compare ? this.#bind(precision, 'original') : undefined;
    const settings = {
      count,
      event: engine === 'event',
      threads,
      recordSpikes: record.spikes ?? false,
      recordNeurons: record.neurons ?? false,
      recordChannels: record.channels ?? false,
      recordTimes: record.times ?? false,
      eventsOnly: options.dense === false,
      earlyExit,
      firstImage,
      disturbance: disturbance.run,
    };
    const run = (state?: BindingSequence) =>
      runTask(signal, (task) => network.run(data, settings, task, original, state));
    const { sequence } = options;
    return sequence && network.keepsState ? orAborted(sequence.next(this, run), signal) : run();
  }

  /** The network of the code with disturbed weights; that of the last disturbance is kept. */
  #bindDisturbed(precision: Precision, weights: BindingWeightDisturbance): BindingNetwork {
    const key = JSON.stringify([precision, weights]);
    if (this.#disturbed?.key !== key) {
      this.#disturbed = { key, network: bindNetwork(this.coded, precision === 'f64', weights) };
    }
    return this.#disturbed.network;
  }

  /** The kernel's network: of the code, or the original one in the same populations. Packed when first needed. */
  #bind(precision: Precision, what: 'code' | 'original'): BindingNetwork {
    const key = `${precision} ${what}`;
    const known = this.#bound.get(key);
    if (known) return known;
    const coded = what === 'code' ? this.coded : ann.build(this.coded.topology, {});
    const bound = bindNetwork(coded, precision === 'f64');
    this.#bound.set(key, bound);
    return bound;
  }

  #result(outcome: BindingOutcome, count: number, earlyExit: boolean): RunResult {
    const { topology, populations } = this.coded;
    const names = topology.populations.map(({ name }) => name);
    const layers = populations.map(({ role, neurons }, index) => {
      const neuronSpikes = outcome.neuronSpikes[index];
      const counts = layerCounts(outcome.counts, index);
      return { name: names[index], role, neurons, ...counts, ...(neuronSpikes && { neuronSpikes }) };
    });
    const spikes = outcome.trains
      .map((train, index) => ({ name: names[index], ...train }))
      .filter((_, index) => populations[index].window);
    const original = outcome.referenceOutputs && {
      ...this.#outputs(outcome.referenceOutputs, count),
      differences: outcome.differences.map((difference, index) => layerDifference(names[index], difference)),
    };
    // Named one by one: in Node, objects that are made of others with a spread in front outlive young garbage.
    const { logits, labels, imageSpikes } = this.#answers(outcome, count);
    return {
      logits,
      labels,
      imageSpikes,
      counters: { images: count, ...(earlyExit && { earlyExits: outcome.exits }), layers },
      ...(spikes.length > 0 && { spikes }),
      ...(original && { original }),
      seconds: outcome.seconds,
    };
  }

  #answers({ outputs, imageSpikes }: BindingOutcome, count: number): Answers {
    const { logits, labels } = this.#outputs(outputs, count);
    return { logits, labels, imageSpikes };
  }

  #outputs(data: Float32Array | Float64Array, count: number): Pick<RunResult, 'logits' | 'labels'> {
    const classes = elements(this.coded.topology.outputShape);
    const labels = Int32Array.from({ length: count }, (_, image) => largest(data, image * classes, classes));
    return { logits: asNdArray(data, [count, ...this.coded.topology.outputShape]), labels };
  }
}

function checkEarlyExit({ earlyExitFault }: BindingNetwork): void {
  if (!earlyExitFault) return;
  throw new FirstspikeError('OPTION_INVALID', {
    message: `images of this network cannot end early: ${earlyExitFault}.`,
    remedy:
      'Leave the option out. It is for codes of first spikes (ttfs, ttfs-alpha, quartz) whose last layer alone is read.',
  });
}

/** Index of the largest of `count` numbers from `start` on; the first, if several are. */
function largest(data: Float32Array | Float64Array, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (data[start + i] > data[start + best]) best = i;
  return best;
}

/** Counts of a layer, of which the kernel gives ten numbers each. */
function layerCounts(numbers: Float64Array, layer: number): Omit<LayerCounters, 'name' | 'role' | 'neurons'> {
  const counts = numbers.subarray(10 * layer);
  const [spikes, saturated, synapticEvents, operations, updates, receptions] = counts;
  const [dense, seconds, memoryReads, memoryWrites] = counts.subarray(6);
  return {
    spikes,
    saturated,
    synapticEvents,
    operations,
    updates,
    receptions,
    dense,
    ...(seconds > 0 && { seconds }),
    memoryReads,
    memoryWrites,
  };
}

function layerDifference(name: string, differences: BindingDifferences): LayerDifference {
  const { max, squares, referenceSquares, referenceActive, channels, active } = differences;
  return {
    name,
    max,
    relativeRms: squares === 0 ? 0 : Math.sqrt(squares / referenceSquares),
    originalActive: referenceActive,
    ...(channels.length > 0 && { channels: moments(channels) }),
    ...(active.length > 0 && { activeImages: active }),
  };
}

/** The kernel's six sums for each channel. */
function moments(sums: Float64Array): Moments[] {
  return Array.from({ length: sums.length / 6 }, (_, channel) => {
    const [values, originals, valueSquares, originalSquares, products, squares] = sums.subarray(6 * channel);
    return { values, originals, valueSquares, originalSquares, products, squares };
  });
}
