/**
 * Time to first spike with a constant external slope, the exact mapping: conversion maths. Stanojevic et al., arXiv
 * 2212.12522.
 *
 * Neurons integrate while their inputs arrive, and spike exactly once: a spike at time t stands for the activation
 * `origin + s (t_max - t)`. The method asks for row sums `sum_j W_ij s_j / s_i` between -10 and 0.99, over existing
 * synapses: kernels that overhang the border have others than those that do not. The published preprocessing scales
 * activations by positive factors 1 / s, one for each channel, since ReLU lets them pass. Here s is what a unit of time
 * is worth: weights, biases and values stay the original ones, and a sum or a concatenation may join channels of any s.
 * Only max pooling needs the same s all over a channel, which new addresses may mix up: a relay in front makes them equal.
 *
 * A layer's window is `(1 + zeta) X` long, where X is its largest calibrated activation divided by s; it begins when the
 * windows of all its inputs have ended, which are delayed so that they end together. The input is sent by neurons whose
 * origin and slope are those of its range [p, q]. A tensor that the network does not rectify is handed on by a relay
 * whose origin lies below zero. The tail of the network without weights is part of the readout, which is read when all
 * inputs have arrived.
 */

import type { Problem } from '../errors.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Tools, Window } from './code.js';
import { relayBehind, relayInput } from './edit.js';
import { type RangeOptions, rangeOf, refuse, statisticsOf } from './ranges.js';
import { type Extent, NOWHERE, neurons, type Population, readout, sources, type Topology } from './topology.js';
import { outOfDomain, ttfs, WIDER } from './ttfs.js';
import { warnOfClipping } from './warnings.js';

/** Options of the code `ttfs-alpha`. */
export interface TtfsAlphaOptions extends RangeOptions {
  /** How much longer than the largest calibrated activation a window is: (1 + zeta) X. 0.5 if absent. */
  readonly zeta?: number;
  /** Input range [p, q]; that of the calibration images if absent. */
  readonly inputRange?: readonly [number, number];
}

/** How the neurons of a layer spike. */
export interface TtfsAlphaLayer {
  /** Length of the window. */
  readonly window: number;
  /** s of each channel: the activation that a unit of time is worth. */
  readonly slope: readonly number[];
  /** The smallest activation that can be sent. */
  readonly origin: number;
}

/** Parameters of a network in the code `ttfs-alpha`. */
export interface TtfsAlphaParameters {
  /** Each population of neurons that spike, by name. */
  readonly layers: Readonly<Record<string, TtfsAlphaLayer>>;
}

/** Bounds of row sums. */
const ROW_SUM = { least: -10, most: 0.99 };

/** The exact mapping. */
export const ttfsAlpha: Code<TtfsAlphaOptions, TtfsAlphaParameters> = {
  name: 'ttfs-alpha',
  title: 'time to first spike (constant external slope)',
  version: 1,
  continuous: true,
  needsCalibration: true,
  defaults: { zeta: 0.5, inputRange: undefined, percentile: 100, layerPercentiles: {} },
  unsupported: (topology) => [...ttfs.unsupported(topology), ...clipped(topology)],
  parametrise,
  build,
};

/** Clipped ReLUs: a neuron that rises faster than others does not stop at the beginning of its window. */
function clipped({ populations }: Topology): Problem[] {
  return populations.flatMap(({ name, stage }): Problem[] => {
    if (stage.kind !== 'neurons' || stage.activation !== 'clipped-relu') return [];
    const message = 'clipped-relu has no form with an external slope; only ReLU has.';
    return [{ layer: name, node: name, op: stage.activation, message, remedy: 'The code ttfs converts it exactly.' }];
  });
}

/** The topology with neurons that send the input, and relays where max pooling would read neurons of mixed slopes. */
function expand(topology: Topology): Topology {
  let expanded = relayInput(topology, 'times');
  for (let index = 0; index < expanded.populations.length; index++) {
    const { stage } = expanded.populations[index];
    if (stage.kind === 'maxpool' && isMixed(expanded, stage.source)) {
      expanded = relayBehind(expanded, stage.source, 'relay');
    }
  }
  return expanded;
}

/** Whether neurons of one channel may have come from several. */
function isMixed(topology: Topology, index: number): boolean {
  const { stage } = topology.populations[index];
  return stage.kind === 'permute' || (stage.kind === 'concat' && stage.sources.some((from) => isMixed(topology, from)));
}

async function parametrise(
  original: Topology,
  calibration: Calibration | undefined,
  options: TtfsAlphaOptions,
  tools: Tools,
): Promise<TtfsAlphaParameters> {
  const { zeta = 0.5, inputRange, ...range } = options;
  refuse(ttfsAlpha.unsupported(original), outOfDomain(original, options));
  const topology = expand(original);
  const tail = readout(topology);
  const measured = new Set(original.populations.map(({ name }) => name));
  const layers: Record<string, TtfsAlphaLayer> = {};
  const slopes: Float64Array[] = [];
  for (const [index, population] of topology.populations.entries()) {
    const { name, extent, stage } = population;
    if (tail[index] || stage.kind === 'input') continue;
    if (stage.kind !== 'neurons') {
      slopes[index] = routed(population, topology, slopes);
      continue;
    }
    if (index === 1) {
      const [p, q] = inputRange ?? rangeOf(calibration, topology.populations[0].name, {});
      layers[name] = inputLayer(p, q > p ? q : p + 1, extent);
    } else {
      const slope = channelSlopes(await rowSums(population, topology, slopes, tools.respond), extent);
      const from = measured.has(name) ? name : topology.populations[sources(stage)[0]].name;
      const [low, high] = rangeOf(calibration, from, range);
      const largest = statisticsOf(calibration, from).channels.map(({ max }) => Math.max(0, Math.min(max, high)));
      // A relay sends a little more than its range, since rounding may carry the extremes beyond it.
      const margin = stage.activation === 'relu' ? 0 : Math.max(high, -low) * 2 ** -10 || 1;
      const origin = stage.activation === 'relu' ? 0 : (1 + zeta) * Math.min(low, 0) - margin;
      const leads = largest.map((x, channel) => ((1 + zeta) * x + margin - origin) / slope[channel]);
      // A layer that never was active still needs a window.
      const window = leads.reduce((a, b) => Math.max(a, b)) || 1;
      layers[name] = { window, slope, origin };
      const reach = (1 + zeta) * Math.max(high, 0) + margin || window;
      if (from === name) warnOfClipping(name, statisticsOf(calibration, name), [origin, reach], tools, WIDER);
    }
    slopes[index] = spread(layers[name].slope, extent);
  }
  return { layers };
}

/** Neurons that send the input: a little beyond its range, since rounding may carry the largest there. */
function inputLayer(p: number, q: number, { channels }: Extent): TtfsAlphaLayer {
  return { window: 1, slope: Array(channels).fill((q - p) * (1 + 2 ** -20)), origin: p };
}

/** Row sums of each neuron, `sum_j W_ij s_j`. */
async function rowSums(
  { extent, stage }: Population,
  { populations }: Topology,
  slopes: readonly Float64Array[],
  respond: Tools['respond'],
): Promise<Float64Array> {
  const sums = new Float64Array(neurons(extent));
  if (stage.kind !== 'neurons') return sums;
  for (const projection of stage.projections) {
    const { source } = projection;
    const part = await respond(projection, slopes[source], populations[source].extent, extent);
    part.forEach((sum, neuron) => {
      sums[neuron] += sum;
    });
  }
  return sums;
}

/** The smallest slopes from 1 on, one for each channel, that bring the row sums of all pixels within their bounds. */
function channelSlopes(sums: Float64Array, { channels }: Extent): number[] {
  const slopes: number[] = Array(channels).fill(1);
  sums.forEach((sum, neuron) => {
    const channel = neuron % channels;
    slopes[channel] = Math.max(slopes[channel], sum / ROW_SUM.most, sum / ROW_SUM.least);
  });
  return slopes;
}

/** One value per neuron from one per channel. */
function spread(values: ArrayLike<number>, extent: Extent): Float64Array {
  return Float64Array.from({ length: neurons(extent) }, (_, neuron) => values[neuron % extent.channels]);
}

/** Slopes of neurons that hand on the spikes of others. */
function routed({ extent, stage }: Population, { populations }: Topology, slopes: readonly Float64Array[]) {
  switch (stage.kind) {
    case 'maxpool':
      return spread(slopes[stage.source], extent);
    case 'permute': {
      const moved = new Float64Array(neurons(extent));
      slopes[stage.source].forEach((slope, neuron) => {
        if (stage.to[neuron] !== NOWHERE) moved[stage.to[neuron]] = slope;
      });
      return moved;
    }
    case 'concat': {
      const parts = stage.sources.map((source) => ({ of: slopes[source], ...populations[source].extent }));
      const pixels = Array.from({ length: extent.height * extent.width }, (_, pixel) =>
        parts.flatMap(({ of, channels }) => [...of.subarray(pixel * channels, (pixel + 1) * channels)]),
      );
      return Float64Array.from(pixels.flat());
    }
    default:
      throw new Error(`${stage.kind} hands on no spikes`);
  }
}

function build(original: Topology, { layers }: TtfsAlphaParameters): CodedTopology {
  const topology = expand(original);
  const tail = readout(topology);
  const windows: Window[] = [];
  const populations = topology.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    if (stage.kind === 'input') return { role: 'input', neurons: 0 };
    if (tail[index]) return analog(population, 'readout');
    const inputs = sources(stage).map((source) => windows[source] ?? { start: 0, width: 0 });
    const end = Math.max(...inputs.map(({ start, width }) => start + width));
    if (stage.kind === 'neurons') {
      const { window, slope, origin } = layers[name];
      windows[index] = { start: end, width: window };
      const rectify = stage.activation === 'relu';
      return {
        role: index === 1 ? 'input' : rectify ? 'activation' : 'relay',
        neurons: neurons(extent),
        window: windows[index],
        neuron: { kind: 'ttfsalpha', window, slope: Float64Array.from(slope), origin, rectify },
      };
    }
    // Pooling neurons and new addresses: within the window of their sources, aligned to its end.
    const width = Math.max(...inputs.map((window) => window.width));
    windows[index] = { start: end - width, width };
    const pool = stage.kind === 'maxpool';
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window: windows[index] };
  });
  return { topology, populations };
}
