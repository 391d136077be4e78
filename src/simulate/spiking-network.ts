/** A network in a code, ready to run. */

import { ann } from '../codes/ann.js';
import type { CodedTopology } from '../codes/code.js';
import { codeNamed } from '../codes/index.js';
import { lower } from '../codes/lower.js';
import { elements, type Graph, type Shape } from '../graph/graph.js';
import type { BindingNetwork, BindingOutcome, BindingSequence, BindingWeightDisturbance } from '../kernel.js';
import { asNdArray, type TensorLike } from '../tensor.js';
import { bindNetwork } from './bind.js';
import { checkChoice, checkThreads } from './check.js';
import { bindDisturbance } from './disturbance.js';
import { readNetwork, writeNetwork } from './file.js';
import { asImages, type ImageSource, type Images } from './images.js';
import type { Layer, Precision, RunOptions, RunResult } from './run.js';
import { type StreamOptions, type StreamResult, streamImages } from './stream.js';
import { orAborted, runTask } from './task.js';

/** A network in a spiking code. Make one with `convert`, or load one with `loadNetwork`. */
export class SpikingNetwork {
  /** The original network. */
  readonly graph: Graph;
  /** The code's name, and the parameters chosen for this network. */
  readonly code: { readonly name: string; readonly version: number; readonly parameters: unknown };
  /** Shape of one image. */
  readonly inputShape: Shape;
  /** Shape of one output. */
  readonly outputShape: Shape;
  readonly #coded: CodedTopology;
  readonly #bound = new Map<string, BindingNetwork>();
  #disturbed: { readonly key: string; readonly network: BindingNetwork } | undefined;
  #layers: readonly Layer[] | undefined;

  /**
   * @param parameters of the code, as {@link SpikingNetwork.code} has them.
   * @throws ConvertError if there is no such code.
   */
  constructor(graph: Graph, code: string, parameters: unknown) {
    const { name, version, build } = codeNamed(code);
    this.graph = graph;
    this.code = { name, version, parameters };
    this.#coded = build(lower(graph), parameters);
    this.inputShape = this.#coded.topology.inputShape;
    this.outputShape = this.#coded.topology.outputShape;
  }

  /** The layers in the order in which they run; the input first, the readout last. */
  get layers(): readonly Layer[] {
    if (!this.#layers) {
      const { topology, populations } = this.#coded;
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
   * Runs one image or a batch, off the main thread.
   *
   * @param batch `[n, ...input shape]` or one image of the input shape.
   * @throws DataError if the batch does not fit or holds values that are not finite.
   */
  async run(batch: TensorLike, options: RunOptions = {}): Promise<RunResult> {
    return this.runImages(asImages(batch, this.inputShape), options);
  }

  /**
   * Runs images as they come and gives results in the same order. The source is asked for another image only when
   * there is room for it, so memory is bounded; ending the iteration early ends the source.
   */
  stream(source: ImageSource, options: StreamOptions = {}): AsyncGenerator<StreamResult> {
    return streamImages(this, source, options);
  }

  /**
   * Saves the network as safetensors: the original graph, the code and its parameters. The file appears whole or not at
   * all.
   *
   * @throws FirstspikeError (`FILE_UNREADABLE`) if it cannot be written.
   */
  save(path: string): Promise<void> {
    return writeNetwork(this, path);
  }

  /** @internal {@link run} for images that were checked before. */
  async runImages({ data, count }: Images, options: RunOptions): Promise<RunResult> {
    const { engine = 'layered', precision = 'f32', threads = 0, record = {}, compare = false, signal } = options;
    const { firstImage = 0 } = options;
    const disturbance = bindDisturbance(options.disturbance);
    checkChoice('engine', engine, ['event', 'layered']);
    checkChoice('precision', precision, ['f32', 'f64']);
    checkThreads(threads);
    const network = disturbance.weights
      ? this.#bindDisturbed(precision, disturbance.weights)
      : this.#bind(precision, 'code');
    const original = compare ? this.#bind(precision, 'original') : undefined;
    const settings = {
      count,
      event: engine === 'event',
      threads,
      recordSpikes: record.spikes ?? false,
      recordNeurons: record.neurons ?? false,
      firstImage,
      disturbance: disturbance.run,
    };
    const run = (state?: BindingSequence) =>
      runTask(signal, (task) => network.run(data, settings, task, original, state));
    const { sequence } = options;
    const outcome = await (sequence && network.keepsState ? orAborted(sequence.next(this, run), signal) : run());
    return this.#result(outcome, count);
  }

  /** The network of the code with disturbed weights; that of the last disturbance is kept. */
  #bindDisturbed(precision: Precision, weights: BindingWeightDisturbance): BindingNetwork {
    const key = JSON.stringify([precision, weights]);
    if (this.#disturbed?.key !== key) {
      this.#disturbed = { key, network: bindNetwork(this.#coded, precision === 'f64', weights) };
    }
    return this.#disturbed.network;
  }

  /** The kernel's network: of the code, or the original one in the same populations. Packed when first needed. */
  #bind(precision: Precision, what: 'code' | 'original'): BindingNetwork {
    const key = `${precision} ${what}`;
    const known = this.#bound.get(key);
    if (known) return known;
    const coded = what === 'code' ? this.#coded : ann.build(this.#coded.topology, {});
    const bound = bindNetwork(coded, precision === 'f64');
    this.#bound.set(key, bound);
    return bound;
  }

  #result(outcome: BindingOutcome, count: number): RunResult {
    const { topology, populations } = this.#coded;
    const names = topology.populations.map(({ name }) => name);
    const layers = outcome.counts.map((counts, index) => {
      const { role, neurons } = populations[index];
      const neuronSpikes = outcome.neuronSpikes[index];
      return { name: names[index], role, neurons, ...counts, ...(neuronSpikes && { neuronSpikes }) };
    });
    const spikes = outcome.trains
      .map((train, index) => ({ name: names[index], ...train }))
      .filter((_, index) => populations[index].window);
    const original = outcome.differences.length > 0 && {
      ...this.#outputs(outcome.referenceOutputs, count),
      differences: outcome.differences.map(({ max, squares, referenceSquares, referenceActive }, index) => ({
        name: names[index],
        max,
        relativeRms: squares === 0 ? 0 : Math.sqrt(squares / referenceSquares),
        originalActive: referenceActive,
      })),
    };
    return {
      ...this.#outputs(outcome.outputs, count),
      imageSpikes: outcome.imageSpikes,
      counters: { images: count, layers },
      ...(spikes.length > 0 && { spikes }),
      ...(original && { original }),
      seconds: outcome.seconds,
    };
  }

  #outputs(data: Float32Array | Float64Array, count: number): Pick<RunResult, 'logits' | 'labels'> {
    const classes = elements(this.outputShape);
    const labels = Int32Array.from({ length: count }, (_, image) => largest(data, image * classes, classes));
    return { logits: asNdArray(data, [count, ...this.outputShape]), labels };
  }
}

/**
 * Loads a network that was saved.
 *
 * @throws FirstspikeError (`FILE_UNREADABLE`, `FILE_MALFORMED`).
 */
export function loadNetwork(path: string): Promise<SpikingNetwork> {
  return readNetwork(path, ({ graph, code }) => {
    const network = new SpikingNetwork(graph, code.name, code.parameters);
    // Packs the network, which shows whether all that the file holds fits together.
    void network.layers;
    return network;
  });
}

/** Index of the largest of `count` numbers from `start` on; the first, if several are. */
function largest(data: Float32Array | Float64Array, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (data[start + i] > data[start + best]) best = i;
  return best;
}
