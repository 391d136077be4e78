/**
 * Time to first spike, B1 model: conversion maths. Stanojevic et al., arXiv 2306.08744.
 *
 * A layer's window is `(1 + zeta) X` wide, where X is the layer's largest activation in calibration; it begins when
 * the windows of all its inputs have ended. A value x spikes x before the window's end. Weights are the original
 * ones; biases lie in the thresholds. The input's range [p, q] is mapped to [0, 1] and folded into the first layers
 * as an imaginary batch norm, with thresholds of their own where a kernel overhangs the border.
 *
 * The window of a clipped ReLU is exactly as wide as its ceiling, whatever zeta: what is larger spikes at its beginning.
 *
 * Inputs whose windows end earlier are delayed so that all end together; a sum needs no neurons then, since spikes of
 * all terms arrive at the same targets. A tensor that the network does not rectify is handed on by a relay: a pair of
 * neurons per value, one for each sign. The tail of the network without weights (a last ReLU or pooling) is part of
 * the readout.
 */

import type { Problem } from '../errors.js';
import type { Bias } from '../graph/graph.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, Tools, Window } from './code.js';
import { foldSource, relayInput, uniformMap } from './edit.js';
import { remedyFor } from './functions.js';
import { sumOfBiases } from './lower.js';
import { percentileProblems, type RangeOptions, rangeOf, refuse } from './ranges.js';
import { ceilingOf, neurons, type Population, type Projection, readout, sources, type Topology } from './topology.js';
import { warnOfLargest } from './warnings.js';

/** Options of the code `ttfs`. */
export interface TtfsOptions extends RangeOptions {
  /** How much wider than the largest calibrated activation a window is: width = (1 + zeta) X. 0.5 if absent. */
  readonly zeta?: number;
  /**
   * Whether values beyond a window are clipped to it, as hardware would; if absent or false they spike before the
   * window and are only counted, as in the official code.
   */
  readonly saturate?: boolean;
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
  continuous: true,
  needsCalibration: true,
  defaults: { zeta: 0.5, saturate: false, inputRange: undefined, percentile: 100, layerPercentiles: {} },
  unsupported,
  parametrise,
  build,
};

/** What helps where windows clip. */
export const WIDER = 'Choose a percentile nearer to 100, or a larger zeta.';

/** The populations that fire in windows of their own: all neurons before the readout. */
function firing(topology: Topology): Population[] {
  const tail = readout(topology);
  return topology.populations.filter(({ stage }, index) => stage.kind === 'neurons' && !tail[index]);
}

function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: TtfsOptions,
  tools: Tools,
): TtfsParameters {
  const { zeta = 0.5, saturate = false, percentile = 100, layerPercentiles = {}, inputRange } = options;
  refuse(unsupported(topology), outOfDomain(topology, options));
  const windows = firing(topology).map(({ name, stage }): [string, number] => {
    const ceiling = ceilingOf(stage);
    if (ceiling !== undefined) return [name, ceiling];
    const [low, high] = rangeOf(calibration, name, { percentile, layerPercentiles });
    const signed = stage.kind === 'neurons' && stage.activation === 'identity';
    const largest = signed ? Math.max(high, -low) : high;
    // A layer that never was active still needs a window.
    const window = largest > 0 ? (1 + zeta) * largest : 1;
    if (saturate) warnOfLargest(name, calibration, window, tools, WIDER);
    return [name, window];
  });
  const [{ name: input }] = topology.populations;
  const [p, q] = inputRange ?? rangeOf(calibration, input, {});
  return { saturate, inputRange: p < q ? [p, q] : [p, p + 1], windows: Object.fromEntries(windows) };
}

/** Functions that are exact. */
const EXACT: ReadonlySet<string> = new Set(['identity', 'relu', 'clipped-relu']);

function unsupported({ populations }: Topology): Problem[] {
  return populations.flatMap(({ name, stage }): Problem[] => {
    if (stage.kind === 'product') {
      const message = 'a product of two activations has no exact time-to-first-spike form.';
      return [{ layer: name, node: name, op: 'Mul', message, remedy: 'The codes fs and amos can convert it.' }];
    }
    if (stage.kind !== 'neurons' || EXACT.has(stage.activation)) return [];
    const message = `${stage.activation} has no exact time-to-first-spike form; only ReLU has, clipped or not.`;
    const op = stage.activation;
    return [
      {
        layer: name,
        node: name,
        op,
        message,
        remedy: remedyFor(op, 'Train with ReLU, or use the codes fs or amos, which fit other functions.'),
      },
    ];
  });
}

/** What is wrong with the options of a code whose neurons spike once in calibrated windows. */
export function outOfDomain(topology: Topology, options: TtfsOptions): Problem[] {
  const { zeta = 0, inputRange } = options;
  const problems: Problem[] = [];
  if (!(zeta > -1 && Number.isFinite(zeta))) {
    problems.push({ message: `zeta ${zeta} leaves no window.`, remedy: 'Choose zeta above -1; 0.5 is the default.' });
  }
  problems.push(
    ...percentileProblems(
      options,
      firing(topology).map(({ name }) => name),
    ),
  );
  if (inputRange && !(inputRange[0] < inputRange[1] && Number.isFinite(inputRange[1] - inputRange[0]))) {
    const message = `[${inputRange}] is no input range.`;
    problems.push({ message, remedy: 'Give the smallest and the largest input, in this order.' });
  }
  return problems;
}

function build(topology: Topology, parameters: TtfsParameters): { topology: Topology; populations: CodedPopulation[] } {
  const { saturate, inputRange } = parameters;
  const [p, q] = inputRange;
  const expanded = needsRelay(topology) ? relayInput(topology, 'relay') : topology;
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
        decode: { scale: [q - p], shift: p },
      };
    }
    if (tail[index]) return { ...analog(population, 'readout'), ...folded };
    if (stage.kind === 'neurons') {
      const relay = stage.activation === 'identity';
      // The input's relay is a little wider than its range, since rounding may carry the extremes beyond it.
      const behindInput = expanded !== topology && index === 1;
      const width = behindInput ? Math.max(Math.abs(p), Math.abs(q)) * (1 + 2 ** -10) : parameters.windows[name];
      windows[index] = { start: end, width };
      return {
        role: relay ? 'relay' : 'activation',
        neurons: neurons(extent) * (relay ? 2 : 1),
        window: windows[index],
        neuron: { kind: 'ttfs', window: width, signed: relay, saturate, bounded: ceilingOf(stage) !== undefined },
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
  const { extent: input } = topology.populations[0];
  let bias = stage.bias;
  const projections = stage.projections.map((projection): Projection => {
    if (projection.source !== 0) return projection;
    const folded = foldSource(projection, uniformMap(input.channels, scale, shift));
    if (folded.bias) bias = sumOfBiases(bias, folded.bias, extent);
    return folded.projection;
  });
  return { projections, bias };
}

/**
 * Whether anything but convolutions and dense layers reads the input: a relay behind it then takes up its range, and
 * hands on the true values.
 */
function needsRelay({ populations }: Topology): boolean {
  const direct = ({ source, pool, synapse }: Projection) => source !== 0 || (!pool && synapse.kind !== 'identity');
  return !populations.every(({ stage }) =>
    stage.kind === 'neurons' ? stage.projections.every(direct) : !sources(stage).includes(0),
  );
}
