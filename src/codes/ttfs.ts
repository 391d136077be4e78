/**
 * Time to first spike, B1 model: conversion maths. Stanojevic et al., arXiv 2306.08744.
 *
 * A layer's window is `(1 + zeta) X` wide, where X is the layer's largest activation in calibration; it begins when
 * the windows of all its inputs have ended. A value x spikes x before the window's end. Weights are the original
 * ones; biases lie in the thresholds. The input's range [p, q] is mapped to [0, 1] and folded into the first layers
 * as an imaginary batch norm, with thresholds of their own where a kernel overhangs the border.
 *
 * Inputs whose windows end earlier are delayed so that all end together; a sum needs no neurons then, since spikes of
 * all terms arrive at the same targets. A tensor that the network does not rectify is handed on by a relay: a pair of
 * neurons per value, one for each sign. The tail of the network without weights (a last ReLU or pooling) is part of
 * the readout.
 */

import { ConvertError, type Problem } from '../errors.js';
import { foldInputScalar } from '../graph/fold-input.js';
import type { Bias, Shape } from '../graph/graph.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, Window } from './code.js';
import { depthwise } from './depthwise.js';
import { sumOfBiases } from './lower.js';
import { type Extent, neurons, type Population, type Projection, readout, sources, type Topology } from './topology.js';

/** Options of the code `ttfs`. */
export interface TtfsOptions {
  /** How much wider than the largest calibrated activation a window is: width = (1 + zeta) X. 0.5 if absent. */
  readonly zeta?: number;
  /**
   * Whether values beyond a window are clipped to it, as hardware would; if absent or false they spike before the
   * window and are only counted, as in the official code.
   */
  readonly saturate?: boolean;
  /** Percentile of a layer's activations that X is; 100, the maximum, if absent. */
  readonly percentile?: number;
  /** Percentiles of single layers, by name. */
  readonly layerPercentiles?: Readonly<Record<string, number>>;
  /** Input range [p, q]; that of the calibration images if absent. */
  readonly inputRange?: readonly [number, number];
}

/** Parameters of a network in the code `ttfs`. */
export interface TtfsParameters {
  readonly saturate: boolean;
  /** [p, q], in units of the network's input. */
  readonly inputRange: readonly [number, number];
  /** Width of the window of each population that fires, by name. */
  readonly windows: Readonly<Record<string, number>>;
}

/** Exact time-to-first-spike networks. */
export const ttfs: Code<TtfsOptions, TtfsParameters> = {
  name: 'ttfs',
  title: 'time to first spike (B1 model)',
  version: 1,
  needsCalibration: true,
  defaults: { zeta: 0.5, saturate: false, percentile: 100, layerPercentiles: {} },
  unsupported,
  parametrise,
  build,
};

/** The populations that fire in windows of their own: all neurons before the readout. */
function firing(topology: Topology): Population[] {
  const tail = readout(topology);
  return topology.populations.filter(({ stage }, index) => stage.kind === 'neurons' && !tail[index]);
}

function parametrise(topology: Topology, calibration: Calibration | undefined, options: TtfsOptions): TtfsParameters {
  const { inputRange, ...given } = options;
  const { zeta, saturate, percentile, layerPercentiles } = { ...ttfs.defaults, ...given } as Required<TtfsOptions>;
  const problems = [...unsupported(topology), ...outOfDomain(topology, options)];
  if (problems.length > 0) throw new ConvertError('CODE_UNSUPPORTED', problems);
  const statistics = (name: string) => {
    const layer = calibration?.layers.get(name);
    if (layer) return layer;
    throw new ConvertError('OPTION_INVALID', {
      layer: name,
      message: 'the calibration has no statistics of this layer.',
      remedy: 'Calibrate on the same graph that is converted.',
    });
  };
  const windows = firing(topology).map(({ name, stage }): [string, number] => {
    const layer = statistics(name);
    const percent = layerPercentiles[name] ?? percentile;
    const high = percent === 100 ? layer.max : layer.percentile(percent);
    const low = percent === 100 ? layer.min : layer.percentile(100 - percent);
    const signed = stage.kind === 'neurons' && stage.activation === 'identity';
    const largest = signed ? Math.max(high, -low) : high;
    // A layer that never was active still needs a window.
    return [name, largest > 0 ? (1 + zeta) * largest : 1];
  });
  const [{ name: input }] = topology.populations;
  const [p, q] = inputRange ?? [statistics(input).min, statistics(input).max];
  return { saturate, inputRange: p < q ? [p, q] : [p, p + 1], windows: Object.fromEntries(windows) };
}

function unsupported({ populations }: Topology): Problem[] {
  return populations.flatMap(({ name, stage }): Problem[] => {
    if (stage.kind === 'product') {
      const message = 'a product of two activations has no exact time-to-first-spike form.';
      return [{ layer: name, node: name, op: 'Mul', message, remedy: 'The codes fs and amos can convert it.' }];
    }
    if (stage.kind !== 'neurons' || stage.activation === 'relu' || stage.activation === 'identity') return [];
    const message = `${stage.activation} has no exact time-to-first-spike form; only ReLU has.`;
    return [
      { layer: name, message, remedy: 'Train with ReLU, or use the codes fs or amos, which fit other functions.' },
    ];
  });
}

function outOfDomain(
  topology: Topology,
  { zeta = 0, percentile = 100, layerPercentiles = {}, inputRange }: TtfsOptions,
): Problem[] {
  const problems: Problem[] = [];
  if (!(zeta > -1 && Number.isFinite(zeta))) {
    problems.push({ message: `zeta ${zeta} leaves no window.`, remedy: 'Choose zeta above -1; 0.5 is the default.' });
  }
  const names = new Set(firing(topology).map(({ name }) => name));
  const percentiles: [string, number][] = [['', percentile], ...Object.entries(layerPercentiles)];
  for (const [layer, percent] of percentiles) {
    if (!(percent > 0 && percent <= 100)) {
      const message = `percentile ${percent} is not above 0 and at most 100.`;
      problems.push({ layer: layer || undefined, message, remedy: 'Choose one near 100, such as 99.9.' });
    }
    if (layer && !names.has(layer)) {
      problems.push({ layer, message: 'there is no such layer.', remedy: `Layers are ${[...names].join(', ')}.` });
    }
  }
  if (inputRange && !(inputRange[0] < inputRange[1])) {
    const message = `[${inputRange}] is no input range.`;
    problems.push({ message, remedy: 'Give the smallest and the largest input, in this order.' });
  }
  return problems;
}

function build(topology: Topology, parameters: TtfsParameters): { topology: Topology; populations: CodedPopulation[] } {
  const { saturate, inputRange } = parameters;
  const [p, q] = inputRange;
  const expanded = relayInput(topology, q - p, p);
  const tail = readout(expanded);
  const windows: (Window | undefined)[] = [];
  const populations = expanded.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    const inputs = sources(stage).map((source) => windows[source] ?? { start: 0, width: 0 });
    const end = Math.max(0, ...inputs.map(({ start, width }) => start + width));
    const folded = stage.kind === 'neurons' ? foldInput(population, expanded, q - p, p) : {};
    if (stage.kind === 'input') {
      windows[index] = { start: 0, width: 1 };
      const encoder = { scale: 1 / (q - p), shift: -p / (q - p), saturate };
      return {
        role: 'input',
        neurons: neurons(extent),
        window: windows[index],
        encoder,
        decode: { scale: q - p, shift: p },
      };
    }
    if (tail[index]) return { ...analog(population, 'readout'), ...folded };
    if (stage.kind === 'neurons') {
      const relay = stage.activation === 'identity';
      // The input's relay is a little wider than its range, since rounding may carry the extremes beyond it.
      const width = parameters.windows[name] ?? Math.max(Math.abs(p), Math.abs(q)) * (1 + 2 ** -10);
      windows[index] = { start: end, width };
      return {
        role: relay ? 'relay' : 'activation',
        neurons: neurons(extent) * (relay ? 2 : 1),
        window: windows[index],
        neuron: { kind: 'ttfs', window: width, signed: relay, saturate },
        ...folded,
      };
    }
    // Pooling neurons and new addresses: within the window of their sources, aligned to its end.
    const width = Math.max(...inputs.map((window) => window.width));
    windows[index] = { start: end - width, width };
    const pool = stage.kind === 'maxpool';
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window: windows[index] };
  });
  return { topology: expanded, populations };
}

/** Weights and bias of neurons that read the input, with its range folded in. */
function foldInput(
  { extent, stage }: Population,
  topology: Topology,
  scale: number,
  shift: number,
): { projections?: readonly Projection[]; bias?: Bias } {
  if (stage.kind !== 'neurons' || !stage.projections.some(({ source }) => source === 0)) return {};
  let bias = stage.bias;
  const projections = stage.projections.map((projection): Projection => {
    const { source, synapse } = projection;
    if (source !== 0 || synapse.kind === 'identity') return projection;
    const outputs = synapse.kind === 'conv' ? synapse.geometry.output.channels : synapse.outputs;
    const silent = { ...synapse.node, bias: { values: new Float64Array(outputs) } };
    const folded = foldInputScalar(silent, inputShapeOf(synapse.kind, topology.populations[0].extent), scale, shift);
    if (!folded) throw new Error('an input range cannot make more bias classes than a kernel has borders');
    bias = sumOfBiases(bias, folded.bias, extent);
    return { source, synapse: { ...synapse, node: folded } as Projection['synapse'] };
  });
  return { projections, bias };
}

function inputShapeOf(kind: 'conv' | 'dense', extent: Extent): Shape {
  return kind === 'conv' ? [extent.channels, extent.height, extent.width] : [neurons(extent)];
}

/**
 * The topology with a relay behind the input, if anything but convolutions and dense layers reads it: the range is
 * folded into the relay, which then hands on the true values.
 */
function relayInput(topology: Topology, scale: number, shift: number): Topology {
  const { populations } = topology;
  const direct = ({ source, pool, synapse }: Projection) => source !== 0 || (!pool && synapse.kind !== 'identity');
  const folds = ({ stage }: Population) =>
    stage.kind === 'neurons' ? stage.projections.every(direct) : !sources(stage).includes(0);
  if ((scale === 1 && shift === 0) || populations.every(folds)) return topology;
  const [input] = populations;
  const name = `${input.name}/relay`;
  const bias = { values: new Float64Array(input.extent.channels) };
  const ones = new Float64Array(input.extent.channels).fill(1);
  const synapse = depthwise({ name, inputs: [input.name], output: name, origin: [] }, input.extent, ones, bias);
  const projections: Projection[] = [{ source: 0, synapse: { kind: 'conv', ...synapse } }];
  const stage = { kind: 'neurons', projections, bias, activation: 'identity' } as const;
  const relay: Population = { name, extent: input.extent, stage };
  const moved = populations
    .slice(1)
    .map((population): Population => ({ ...population, stage: shifted(population.stage) }));
  return { ...topology, populations: [input, relay, ...moved] };
}

/** A stage whose sources all moved up by one: what was the input is now its relay. */
function shifted(stage: Population['stage']): Population['stage'] {
  switch (stage.kind) {
    case 'input':
      return stage;
    case 'neurons':
      return { ...stage, projections: stage.projections.map((p) => ({ ...p, source: p.source + 1 })) };
    case 'maxpool':
    case 'permute':
      return { ...stage, source: stage.source + 1 };
    case 'concat':
      return { ...stage, sources: stage.sources.map((source) => source + 1) };
    case 'product':
      return { ...stage, sources: [stage.sources[0] + 1, stage.sources[1] + 1] };
  }
}
