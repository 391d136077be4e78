/** Changes of topologies that several codes need. */

import { foldInputAffine } from '../graph/fold-input.js';
import type { Bias, Shape } from '../graph/graph.js';
import { depthwise } from './depthwise.js';
import { isFitted } from './functions.js';
import { type Extent, neurons, type Population, type Projection, type Stage, type Topology } from './topology.js';

/** A stage whose sources are other populations. */
export function withSources(stage: Stage, moved: (source: number) => number): Stage {
  switch (stage.kind) {
    case 'input':
      return stage;
    case 'neurons':
      return { ...stage, projections: stage.projections.map((p) => ({ ...p, source: moved(p.source) })) };
    case 'maxpool':
    case 'permute':
      return { ...stage, source: moved(stage.source) };
    case 'concat':
      return { ...stage, sources: stage.sources.map(moved) };
    case 'product':
      return { ...stage, sources: [moved(stage.sources[0]), moved(stage.sources[1])] };
  }
}

/** Neurons that take over a population's values one to one, as weights (so that scales can be folded into them). */
export function relay(name: string, source: number, extent: Extent): Population {
  const bias = { values: new Float64Array(extent.channels) };
  const ones = new Float64Array(extent.channels).fill(1);
  const synapse = {
    kind: 'conv' as const,
    ...depthwise({ name, inputs: [], output: name, origin: [] }, extent, ones, bias),
  };
  return { name, extent, stage: { kind: 'neurons', projections: [{ source, synapse }], bias, activation: 'identity' } };
}

/** The topology with neurons behind the input that take over its values; everything else reads them. */
export function relayInput(topology: Topology, name: string): Topology {
  const [input, ...others] = topology.populations;
  const moved = others.map((p): Population => ({ ...p, stage: withSources(p.stage, (source) => source + 1) }));
  const unique = `${input.name}/${name}`;
  return { ...topology, populations: [input, relay(unique, 0, input.extent), ...moved] };
}

/** The topology with neurons behind one population that take over its values; everything else reads them. */
export function relayBehind(topology: Topology, index: number, name: string): Topology {
  const before = topology.populations.slice(0, index + 1);
  const source = before[index];
  const moved = topology.populations
    .slice(index + 1)
    .map((p): Population => ({ ...p, stage: withSources(p.stage, (from) => (from >= index ? from + 1 : from)) }));
  return { ...topology, populations: [...before, relay(`${source.name}/${name}`, index, source.extent), ...moved] };
}

/** A topology that shows what activation functions are applied to. */
export interface Exposed {
  readonly topology: Topology;
  /** Where each population of the original is. */
  readonly places: readonly number[];
  /** Where the inputs of its activation function are; absent where it has none, or one that needs no fit. */
  readonly inputs: readonly (number | undefined)[];
}

/** Puts what activation functions that have to be fitted are applied to into populations of their own. */
export function exposeInputs(topology: Topology): Exposed {
  const populations: Population[] = [];
  const places: number[] = [];
  const inputs: (number | undefined)[] = [];
  for (const { name, extent, stage: original } of topology.populations) {
    let stage = withSources(original, (source) => places[source]);
    const bare = stage.kind !== 'neurons' || !isFitted(stage.activation);
    inputs.push(bare ? undefined : populations.length);
    if (stage.kind === 'neurons' && !bare) {
      const { projections } = stage;
      const sum: Stage = { kind: 'neurons', projections, bias: stage.bias, activation: 'identity' };
      const source = populations.push({ name: `${name}/inputs`, extent, stage: sum }) - 1;
      const bias = { values: new Float64Array(extent.channels) };
      stage = { ...stage, projections: [{ source, synapse: { kind: 'identity', extent } }], bias };
    }
    places.push(populations.push({ name, extent, stage }) - 1);
  }
  return { topology: { ...topology, populations }, places, inputs };
}

/** `scale x + shift` of each channel of a population. */
export interface ChannelMap {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The same map for all channels. */
export function uniformMap(channels: number, scale: number, shift = 0): ChannelMap {
  return { scale: new Float64Array(channels).fill(scale), shift: new Float64Array(channels).fill(shift) };
}

/**
 * Synapses that do to `x` what these do to `scale x + shift`, and the bias that the shift makes. One-to-one synapses
 * get weights where they need them.
 */
export function foldSource(projection: Projection, map: ChannelMap): { projection: Projection; bias?: Bias } {
  const plain = map.scale.every((s) => s === 1) && map.shift.every((s) => s === 0);
  if (plain) return { projection };
  const { pool } = projection;
  if (pool && map.shift.some((s) => s !== 0)) throw new Error('a shift is not folded through pooling');
  let { synapse } = projection;
  if (synapse.kind === 'identity') {
    const { extent } = synapse;
    const none = { values: new Float64Array(extent.channels) };
    const ones = new Float64Array(extent.channels).fill(1);
    synapse = { kind: 'conv', ...depthwise({ name: '', inputs: [], output: '', origin: [] }, extent, ones, none) };
  }
  const { input } = synapse.kind === 'conv' ? synapse.geometry : synapse;
  const outputs = synapse.kind === 'conv' ? synapse.geometry.output.channels : synapse.outputs;
  const silent = { ...synapse.node, bias: { values: new Float64Array(outputs) } };
  const order = synapse.kind === 'dense' ? synapse.order : undefined;
  const spread = (values: Float64Array) =>
    synapse.kind === 'conv'
      ? values
      : Float64Array.from({ length: neurons(input) }, (_, i) => values[(order ? order[i] : i) % input.channels]);
  const folded = foldInputAffine(silent, foldShape(synapse.kind, input), spread(map.scale), spread(map.shift));
  if (!folded) throw new Error('a constant input makes no more bias classes than a kernel has borders');
  const bias = folded.bias.values.some((value) => value !== 0) ? folded.bias : undefined;
  return { projection: { ...projection, synapse: { ...synapse, node: folded } as Projection['synapse'] }, bias };
}

function foldShape(kind: 'conv' | 'dense', extent: Extent): Shape {
  return kind === 'conv' ? [extent.channels, extent.height, extent.width] : [neurons(extent)];
}

/** Synapses with all weights multiplied: by one factor, or by that of each output channel. */
export function scaleTargets(projection: Projection, factors: readonly number[]): Projection {
  if (factors.every((factor) => factor === 1)) return projection;
  const factor = (channel: number) => factors[channel % factors.length];
  if (projection.synapse.kind === 'identity') {
    const { channels } = projection.synapse.extent;
    const scale = Float64Array.from({ length: channels }, (_, channel) => factor(channel));
    return foldSource(projection, { scale, shift: new Float64Array(channels) }).projection;
  }
  const { synapse } = projection;
  const outputs = synapse.kind === 'conv' ? synapse.geometry.output.channels : synapse.outputs;
  const old = synapse.node.weights.outputScale;
  const outputScale = Float64Array.from({ length: outputs }, (_, i) => (old?.[i] ?? 1) * factor(i));
  const node = { ...synapse.node, weights: { ...synapse.node.weights, outputScale } };
  return { ...projection, synapse: { ...synapse, node } as Projection['synapse'] };
}

/** `scale x + shift` of each channel, from one scale for all or one for each. */
export function channelMap(channels: number, scale: readonly number[], shift = 0): ChannelMap {
  return {
    scale: Float64Array.from({ length: channels }, (_, channel) => scale[channel % scale.length]),
    shift: new Float64Array(channels).fill(shift),
  };
}
