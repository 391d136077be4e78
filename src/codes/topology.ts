/**
 * A graph as populations and projections: the form that all codes share and that the kernel runs. What is left open is
 * what the neurons do; a code decides that.
 *
 * Neurons are ordered `[height][width][channel]`, whatever the axis order of the graph was.
 */

import type { ActivationFunction, Bias, ConvNode, DenseNode, Pair, Shape } from '../graph/graph.js';

/** Arrangement of a population's neurons. */
export interface Extent {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Number of neurons. */
export function neurons(extent: Extent): number {
  return extent.height * extent.width * extent.channels;
}

/** A window that slides over a population. */
export interface Geometry {
  readonly input: Extent;
  readonly output: Extent;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Padding before the first row and column; negative crops. */
  readonly pad: Pair;
}

/** Average pooling, merged into the synapses that follow it. */
export interface Pooling {
  readonly geometry: Geometry;
  /** Padding `[top, left, bottom, right]` whose zeros count in the divisor. */
  readonly counted: readonly [number, number, number, number];
}

/** How a spike reaches its targets. The bias of the nodes is with the population that they drive. */
export type Synapse =
  | { readonly kind: 'conv'; readonly node: ConvNode; readonly geometry: Geometry }
  | {
      readonly kind: 'dense';
      readonly node: DenseNode;
      readonly input: Extent;
      readonly outputs: number;
      /** The neuron of each stored input; the same index where absent. */
      readonly order?: Uint32Array;
    }
  | { readonly kind: 'identity'; readonly extent: Extent };

/** Synapses from a population. */
export interface Projection {
  /** Index of the presynaptic population. */
  readonly source: number;
  readonly pool?: Pooling;
  readonly synapse: Synapse;
}

/** Address of neurons that are left out. */
export const NOWHERE = 0xffffffff;

/** What a population does. */
export type Stage =
  | {
      readonly kind: 'input';
      /** The neuron of each element of the input; the same index where absent. */
      readonly order?: Uint32Array;
    }
  | {
      readonly kind: 'neurons';
      readonly projections: readonly Projection[];
      readonly bias: Bias;
      /** Function of the summed inputs; `identity` where the graph has none. */
      readonly activation: ActivationFunction | 'identity';
      /** Parameters of that function; absent where it has none. */
      readonly parameters?: readonly number[];
    }
  | {
      readonly kind: 'maxpool';
      readonly source: number;
      readonly geometry: Geometry;
      /** Channels (non-zero) in which the minimum is taken. */
      readonly minimum?: Uint8Array;
    }
  | { readonly kind: 'concat'; readonly sources: readonly number[] }
  | {
      readonly kind: 'permute';
      readonly source: number;
      /** New address of each neuron of the source, or {@link NOWHERE}. */
      readonly to: Uint32Array;
    }
  | { readonly kind: 'product'; readonly sources: readonly [number, number] };

/** Neurons that stand for one tensor of the graph. */
export interface Population {
  /** Unique: the name of the graph's node (of its tensor, for the input). */
  readonly name: string;
  readonly extent: Extent;
  readonly stage: Stage;
}

/** Populations in topological order: the first is the input, the last the output. */
export interface Topology {
  readonly populations: readonly Population[];
  /** Shape of one image, as the graph reads it. */
  readonly inputShape: Shape;
  /** Shape of one output, as the graph writes it. */
  readonly outputShape: Shape;
}

/** Where the ReLU of a population is clipped; nothing where it has no clipped ReLU. */
export function ceilingOf(stage: Stage): number | undefined {
  return stage.kind === 'neurons' && stage.activation === 'clipped-relu' ? stage.parameters?.[0] : undefined;
}

/** Indices of the populations that a stage reads. */
export function sources(stage: Stage): readonly number[] {
  switch (stage.kind) {
    case 'input':
      return [];
    case 'neurons':
      return stage.projections.map((projection) => projection.source);
    case 'maxpool':
    case 'permute':
      return [stage.source];
    case 'concat':
    case 'product':
      return stage.sources;
  }
}

/**
 * Whether each population only post-processes the readout: it, and all that follows it, has no weights of its own
 * between itself and the output. The population that such a tail begins with, and all of the tail, need not spike:
 * its potentials are read.
 */
export function readout({ populations }: Topology): readonly boolean[] {
  const users = populations.map(() => 0);
  for (const population of populations) {
    for (const source of sources(population.stage)) users[source]++;
  }
  const tail = [populations.length - 1];
  for (;;) {
    const { stage } = populations[tail[0]];
    const weighted = stage.kind === 'neurons' && stage.projections.some(({ synapse }) => synapse.kind !== 'identity');
    const [source, ...others] = sources(stage);
    if (weighted || source === undefined || others.length > 0 || users[source] > 1) break;
    if (populations[source].stage.kind === 'input') break;
    tail.unshift(source);
  }
  // Only neurons have potentials: what lies between spikes and the first of them is no part of the tail.
  while (tail.length > 1 && populations[tail[0]].stage.kind !== 'neurons') tail.shift();
  return populations.map((_, index) => tail.includes(index));
}
