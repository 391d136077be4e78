/** Groups and synapses as they are put together, and the ways from the neurons of a topology to compartments. */

import { type Extent, NOWHERE, neurons, type Stage } from '../codes/topology.js';
import type { Bias } from '../graph/graph.js';
import type { ChipNetwork, CompartmentGroup, CompartmentProfile, Connectivity, Synapses } from './network.js';
import type { RealSynapses } from './weights.js';

/** The compartments that stand for a population's neurons. */
export interface Route {
  /** Group of each neuron. */
  readonly groups: Uint32Array;
  /** Compartment of that group. */
  readonly compartments: Uint32Array;
}

/** Synapses with real weights, from a group. */
export interface RealFan extends RealSynapses {
  /** Index of the presynaptic group. */
  readonly source: number;
}

/** A compartment that spikes on any excitation, and forgets it in the same step. */
export const INSTANT: CompartmentProfile = {
  currentDecay: 4096,
  voltageDecay: 4096,
  threshold: 0,
  biasExponent: 0,
  refractory: 1,
  axonDelay: 0,
};

/** One compartment. */
export const SINGLE: Extent = { height: 1, width: 1, channels: 1 };

/** A network under construction. */
export class Circuit {
  readonly groups: CompartmentGroup[] = [];
  readonly synapses: Synapses[] = [];

  /** Adds a group; gives its index. */
  add(group: CompartmentGroup): number {
    return this.groups.push(group) - 1;
  }

  /** Adds synapses of 8 bits whose lists have one sign each, unless said otherwise. */
  join(
    source: number,
    target: number,
    connectivity: Connectivity,
    mantissas: Int16Array,
    more: Partial<Pick<Synapses, 'exponent' | 'delay' | 'bits' | 'signs'>> = {},
  ): void {
    const format = { exponent: 0, bits: 8, signs: 'shared' as const, delay: 0, ...more };
    this.synapses.push({ source, target, connectivity, mantissas, ...format });
  }

  /** The network, read at a group. */
  network(output: number): ChipNetwork {
    return { groups: this.groups, synapses: this.synapses, output };
  }

  /** Compartments of a group. */
  size(group: number): number {
    return neurons(this.groups[group].extent);
  }
}

/** The way to a group whose compartments are in the order of the neurons. */
export function straight(group: number, size: number): Route {
  return { groups: new Uint32Array(size).fill(group), compartments: Uint32Array.from({ length: size }, (_, i) => i) };
}

/** The way through new addresses and joined channels; nothing for other stages. */
export function rerouted(stage: Stage, routes: readonly (Route | undefined)[], extents: readonly Extent[]) {
  if (stage.kind === 'permute') {
    const from = routes[stage.source];
    if (!from) return undefined;
    const kept = stage.to.reduce((count, to) => count + (to === NOWHERE ? 0 : 1), 0);
    const route = { groups: new Uint32Array(kept), compartments: new Uint32Array(kept) };
    stage.to.forEach((to, i) => {
      if (to === NOWHERE) return;
      route.groups[to] = from.groups[i];
      route.compartments[to] = from.compartments[i];
    });
    return route;
  }
  if (stage.kind !== 'concat') return undefined;
  const parts = stage.sources.map((source) => ({ route: routes[source], extent: extents[source] }));
  const channels = parts.reduce((sum, { extent }) => sum + extent.channels, 0);
  const pixels = parts[0].extent.height * parts[0].extent.width;
  const route = { groups: new Uint32Array(pixels * channels), compartments: new Uint32Array(pixels * channels) };
  let first = 0;
  for (const { route: from, extent } of parts) {
    if (!from) return undefined;
    for (let i = 0; i < from.groups.length; i++) {
      const to = Math.floor(i / extent.channels) * channels + first + (i % extent.channels);
      route.groups[to] = from.groups[i];
      route.compartments[to] = from.compartments[i];
    }
    first += extent.channels;
  }
  return route;
}

/**
 * Synapses from a population as synapses from the groups that stand for it. Nothing where a kernel would have to slide
 * over compartments in another order.
 */
export function fansOf(route: Route, real: RealSynapses, circuit: Circuit): RealFan[] | undefined {
  const sources = [...new Set(route.groups)];
  if (sources.length === 1 && isStraight(route, circuit.size(sources[0]))) return [{ ...real, source: sources[0] }];
  const { connectivity, weights } = real;
  if (connectivity.kind === 'conv') return joinedChannels(route, connectivity, weights, circuit);
  const rows = route.groups.length;
  if (connectivity.kind === 'pairwise') return undefined;
  const targets = weights.length / rows;
  return sources.map((source) => {
    const own = new Float64Array(circuit.size(source) * targets);
    for (let row = 0; row < rows; row++) {
      const neuron = connectivity.order ? connectivity.order[row] : row;
      if (route.groups[neuron] !== source) continue;
      own.set(weights.subarray(row * targets, (row + 1) * targets), route.compartments[neuron] * targets);
    }
    return { source, connectivity: { kind: 'dense' }, weights: own };
  });
}

function isStraight({ compartments }: Route, size: number): boolean {
  return compartments.length === size && compartments.every((compartment, i) => compartment === i);
}

/**
 * A kernel over channels of several groups of the same height and width, as one over each; with zeros where groups of the
 * kernel's channels do not reach.
 */
function joinedChannels(
  route: Route,
  { geometry, groups }: Extract<Connectivity, { kind: 'conv' }>,
  weights: Float64Array,
  circuit: Circuit,
): RealFan[] | undefined {
  const { channels } = geometry.input;
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const outputs = geometry.output.channels;
  const inputs = channels / groups;
  const fans: RealFan[] = [];
  for (let first = 0; first < channels; ) {
    const source = route.groups[first];
    const own = circuit.groups[source].extent.channels;
    // Of a group whose channels are not all there, a kernel would have to leave some out.
    if (first + own > channels) return undefined;
    for (let i = 0; i < route.groups.length; i++) {
      const channel = (i % channels) - first;
      if (channel < 0 || channel >= own) continue;
      const pixel = Math.floor(i / channels);
      if (route.groups[i] !== source || route.compartments[i] !== pixel * own + channel) return undefined;
    }
    const part = new Float64Array(taps * own * outputs);
    for (let tap = 0; tap < taps; tap++) {
      for (let i = 0; i < own; i++) {
        const group = Math.floor((first + i) / inputs);
        const [start, end] = [(group * outputs) / groups, ((group + 1) * outputs) / groups];
        const from = (tap * inputs + ((first + i) % inputs)) * outputs;
        part.set(weights.subarray(from + start, from + end), (tap * own + i) * outputs + start);
      }
    }
    const input = { ...geometry.input, channels: own };
    fans.push({ source, connectivity: { kind: 'conv', geometry: { ...geometry, input }, groups: 1 }, weights: part });
    first += own;
  }
  return fans;
}

/** Sum of all weights onto each target compartment. */
export function sumsOnto(
  targets: number,
  { connectivity, weights }: { readonly connectivity: Connectivity; readonly weights: ArrayLike<number> },
  sums = new Float64Array(targets),
): Float64Array {
  switch (connectivity.kind) {
    case 'pairwise':
      for (let i = 0; i < targets; i++) sums[i] += weights[i];
      break;
    case 'dense':
      for (let i = 0, at = 0; at < weights.length; i = i + 1 === targets ? 0 : i + 1) sums[i] += weights[at++];
      break;
    case 'conv':
      addKernel(connectivity, weights, sums);
  }
  return sums;
}

function addKernel(
  { geometry, groups }: Extract<Connectivity, { kind: 'conv' }>,
  weights: ArrayLike<number>,
  sums: Float64Array,
): void {
  const { input, output, kernel, stride, dilation, pad } = geometry;
  const inputs = input.channels / groups;
  const taps = kernel[0] * kernel[1];
  // Of each tap and target channel: the sum over source channels.
  const ofTap = new Float64Array(taps * output.channels);
  for (let tap = 0, at = 0; tap < taps; tap++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < output.channels; o++) ofTap[tap * output.channels + o] += weights[at++];
    }
  }
  for (let oy = 0; oy < output.height; oy++) {
    for (let ky = 0; ky < kernel[0]; ky++) {
      const y = oy * stride[0] + ky * dilation[0] - pad[0];
      if (y < 0 || y >= input.height) continue;
      for (let ox = 0; ox < output.width; ox++) {
        for (let kx = 0; kx < kernel[1]; kx++) {
          const x = ox * stride[1] + kx * dilation[1] - pad[1];
          if (x < 0 || x >= input.width) continue;
          const target = (oy * output.width + ox) * output.channels;
          const tap = (ky * kernel[1] + kx) * output.channels;
          for (let o = 0; o < output.channels; o++) sums[target + o] += ofTap[tap + o];
        }
      }
    }
  }
}

/**
 * Integers as sums of `mantissa * 2^exponent` of few synapses: of a large exponent while they are too large for a mantissa
 * of exponent 0. Where the largest mantissa is even all are, if the integers are.
 */
export function splitIntegers(
  values: Int32Array,
  { most, exponent }: { readonly most: number; readonly exponent: number } = { most: 255, exponent: 7 },
): { readonly mantissas: Int16Array; readonly exponent: number }[] {
  const rest = Int32Array.from(values);
  const step = most % 2 === 0 ? 2 : 1;
  const parts: { mantissas: Int16Array; exponent: number }[] = [];
  while (rest.some((value) => Math.abs(value) > most)) {
    const mantissas = Int16Array.from(rest, (value) => {
      if (Math.abs(value) <= most) return 0;
      const steps = Math.trunc(value / (step * 2 ** exponent));
      return Math.max(-most, Math.min(most, step * steps));
    });
    mantissas.forEach((mantissa, i) => {
      rest[i] -= mantissa * 2 ** exponent;
    });
    parts.push({ mantissas, exponent });
  }
  if (rest.some((value) => value !== 0) || parts.length === 0) {
    parts.push({ mantissas: Int16Array.from(rest), exponent: 0 });
  }
  return parts;
}

/** Root mean square of `b - a`, relative to that of `a`. */
export function relativeError(pairs: readonly (readonly [Float64Array, Float64Array])[]): number {
  let error = 0;
  let power = 0;
  for (const [a, b] of pairs) {
    a.forEach((value, i) => {
      error += (b[i] - value) ** 2;
      power += value ** 2;
    });
  }
  return power === 0 ? 0 : Math.sqrt(error / power);
}

/** The bias of each neuron. */
export function biasOf(bias: Bias, extent: Extent): Float64Array<ArrayBuffer> {
  const { channels } = extent;
  return Float64Array.from({ length: neurons(extent) }, (_, i) => {
    return bias.values[(bias.classes?.[Math.floor(i / channels)] ?? 0) * channels + (i % channels)];
  });
}
