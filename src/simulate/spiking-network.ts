/** A network in a code, ready to run. */

import type { CodedTopology } from '../codes/code.js';
import { codeNamed } from '../codes/index.js';
import { lower } from '../codes/lower.js';
import type { Graph, Shape } from '../graph/graph.js';
import type { TensorLike } from '../tensor.js';
import { CodedNetwork } from './coded-network.js';
import { readNetwork, writeNetwork } from './file.js';
import { asImages, type ImageSource, type Images } from './images.js';
import type { Answers, Layer, RunOptions, RunResult } from './run.js';
import { type StreamOptions, type StreamResult, streamImages } from './stream.js';

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
  readonly #network: CodedNetwork;

  /**
   * @param parameters of the code, as {@link SpikingNetwork.code} has them.
   * @throws ConvertError if there is no such code.
   */
  constructor(graph: Graph, code: string, parameters: unknown) {
    const { name, version, build } = codeNamed(code);
    this.graph = graph;
    this.code = { name, version, parameters };
    this.#network = new CodedNetwork(build(lower(graph), parameters));
    const { topology } = this.#network.coded;
    this.inputShape = topology.inputShape;
    this.outputShape = topology.outputShape;
  }

  /** The layers in the order in which they run; the input first, the readout last. */
  get layers(): readonly Layer[] {
    return this.#network.layers;
  }

  /**
   * Runs one image or a batch, off the main thread. Batches of 16 images and more are faster where a network is small: in
   * `ttfs` these are run 16 at once (8, or fewer, by instruction set and precision). The last bits of their logits may
   * differ from those of images alone, since sums are rounded in another order.
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
  runImages(images: Images, options: RunOptions): Promise<RunResult> {
    return this.#network.runImages(images, options);
  }

  /** @internal What a stream needs of {@link runImages}. */
  answerImages(images: Images, options: RunOptions): Promise<Answers> {
    return this.#network.answerImages(images, options);
  }

  /** Whether its state outlives an image, so that images are one sequence (the code `lif` with `reset: 'never'`). */
  get keepsState(): boolean {
    return this.#network.keepsState;
  }

  /** @internal The populations that it runs. */
  get coded(): CodedTopology {
    return this.#network.coded;
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
