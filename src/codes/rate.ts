/**
 * Rate codes: conversion maths. An image is shown for some steps, in which all layers run together: a real-valued image
 * is a constant current, and what a layer sends in a step arrives in the same step. What counts is how often a neuron
 * spikes; the last layer does not, its mean input is read.
 *
 * `if`: integrate-and-fire neurons with a subtractive reset. Rueckauer et al., Frontiers in Neuroscience 11:682 (2017).
 * A neuron's threshold is the activation that it sends by a spike in every step: a percentile of its layer's or its
 * channel's activations. An initial potential of half a threshold turns truncation into rounding (Bu et al.,
 * arXiv 2303.04347).
 *
 * `lif`: leaky integrate-and-fire neurons. Hunsberger and Eliasmith, arXiv 1611.05141. At a current `j = gain x + bias` a
 * neuron spikes at `r(j) = 1 / (tau_ref + tau_rc ln(1 + 1 / (j - 1)))`, and its output is `amplitude r(j)`. The gain is
 * such that the largest activation is sent at the highest rate wanted, the amplitude such that it is right there. In
 * between the curve is close to ReLU: with a bias of 1/2 its asymptote (for tau_ref = 0) is ReLU itself, and smaller
 * inputs than the threshold are silent; the published networks, which are trained with the curve, have a bias of 1, and
 * 150 Hz for an input of 10.
 *
 * A pooling neuron of a maximum spikes whenever the neuron of its window that has sent the most since the image began is
 * ahead of it, so that at any time it has sent as much. Average pooling is merged into synapses. What the network does
 * not rectify is handed on by relays: pairs of integrate-and-fire neurons, one for each sign.
 */

import type { Problem } from '../errors.js';
import type { BindingNeuron } from '../kernel.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Tools } from './code.js';
import { relayInput } from './edit.js';
import { remedyFor } from './functions.js';
import {
  channelRanges,
  choiceProblems,
  percentileProblems,
  type RangeOptions,
  rangeOf,
  refuse,
  stepProblems,
} from './ranges.js';
import { lifCurve } from './response.js';
import { neurons, type Population, readout, sources, type Topology } from './topology.js';
import { warnOfLargest } from './warnings.js';

/** What the codes `if` and `lif` have in common. */
export interface RateOptions extends RangeOptions {
  /** Whether neurons share the range of their layer, or have that of their channel; this needs channel percentiles. */
  readonly balance?: 'layer' | 'channel';
}

/** Options of the code `if`. */
export interface IfOptions extends RateOptions {
  /** T, steps for which an image is shown, 1 to 4096. 64 if absent. */
  readonly steps?: number;
  /** Initial potential as a share of the threshold: 0, or 0.5 (the default), which rounds. */
  readonly initialPotential?: number;
}

/** Options of the code `lif`. Times are in seconds, unless they are steps. */
export interface LifOptions extends RateOptions {
  /** t_p, steps for which an image is shown, 1 to 4096. 100 if absent. */
  readonly steps?: number;
  /** t_c, the first step whose activity counts. 20 if absent. */
  readonly from?: number;
  /** Length of a step. 0.001 if absent. */
  readonly dt?: number;
  /** Membrane time constant. 0.05 if absent. */
  readonly tauRc?: number;
  /** Time for which a neuron is silent after a spike. 0.001 if absent. */
  readonly tauRef?: number;
  /** Rate of the largest activation in Hz, once per step at most. 250 if absent. */
  readonly maxRate?: number;
  /** Current without input, in units of the threshold. 0.5 if absent; 1 in the published networks. */
  readonly bias?: number;
  /** Time constant of alpha synapses, over which spikes arrive; 0 (the default) for none. */
  readonly synapse?: number;
  /**
   * Whether each `image` begins at rest, or `never`: then the state is that of the image before, as in the published
   * networks, and images are one ordered sequence.
   */
  readonly reset?: 'image' | 'never';
}

/** Numbers by the name of a population: one for all its neurons, or one for each channel. */
type ByPopulation = Readonly<Record<string, readonly number[]>>;

/** Parameters of a network in the code `if`. */
export interface IfParameters {
  readonly steps: number;
  readonly initialPotential: number;
  /** Threshold of the neurons that spike. */
  readonly thresholds: ByPopulation;
}

/** Parameters of a network in the code `lif`; those that are no options are by population. */
export interface LifParameters
  extends Required<Pick<LifOptions, 'steps' | 'from' | 'dt' | 'tauRc' | 'tauRef' | 'bias' | 'synapse' | 'reset'>> {
  /** Current per unit of input. */
  readonly gains: ByPopulation;
  /** Activation per Hz. */
  readonly amplitudes: ByPopulation;
  /** Threshold of relays. */
  readonly thresholds: ByPopulation;
}

/** Integrate-and-fire networks. */
export const integrateAndFire: Code<IfOptions, IfParameters> = {
  name: 'if',
  title: 'rates of integrate-and-fire neurons',
  version: 1,
  needsCalibration: true,
  defaults: { steps: 64, initialPotential: 0.5, balance: 'layer', percentile: 99.9, layerPercentiles: {} },
  unsupported: unsupportedIf,
  parametrise: parametriseIf,
  build: buildIf,
};

/** Leaky integrate-and-fire networks. */
export const lif: Code<LifOptions, LifParameters> = {
  name: 'lif',
  title: 'rates of leaky integrate-and-fire neurons',
  version: 1,
  needsCalibration: true,
  defaults: {
    steps: 100,
    from: 20,
    dt: 0.001,
    tauRc: 0.05,
    tauRef: 0.001,
    maxRate: 250,
    bias: 0.5,
    synapse: 0,
    reset: 'image',
    balance: 'layer',
    percentile: 99.9,
    layerPercentiles: {},
  },
  unsupported: unsupportedLif,
  parametrise: parametriseLif,
  build: buildLif,
};

/** A clipped ReLU is one whose neurons spike in every step from its ceiling on, at the latest. */
function unsupportedIf(topology: Topology): Problem[] {
  return unsupported(topology, ['identity', 'relu', 'clipped-relu']);
}

/** The rates of these neurons have no limit that is an activation. */
function unsupportedLif(topology: Topology): Problem[] {
  return unsupported(topology, ['identity', 'relu']);
}

function unsupported({ populations }: Topology, rates: readonly string[]): Problem[] {
  return populations.flatMap(({ name, stage }): Problem[] => {
    const op = stage.kind === 'product' ? 'Mul' : stage.kind === 'neurons' ? stage.activation : 'identity';
    if (rates.includes(op)) return [];
    const message = `${op === 'Mul' ? 'a product of activations' : op} is no rate of these neurons; only ReLU is.`;
    return [{ layer: name, node: name, op, message, remedy: remedyFor(op, 'The codes fs and amos can convert it.') }];
  });
}

/** Whether each population spikes: neurons do, but for those that are read, and so does what hands on their spikes. */
function spiking(topology: Topology): readonly boolean[] {
  const tail = readout(topology);
  const spikes: boolean[] = [];
  topology.populations.forEach(({ stage }, index) => {
    spikes.push(!tail[index] && (stage.kind === 'neurons' || sources(stage).some((source) => spikes[source])));
  });
  return spikes;
}

/** The topology; with a relay of the image where its values and spikes are to be side by side. */
function expand(topology: Topology): Topology {
  const spikes = spiking(topology);
  const mixed = ({ stage }: Population) =>
    stage.kind === 'concat' && new Set(stage.sources.map((source) => spikes[source])).size > 1;
  return topology.populations.some(mixed) ? relayInput(topology, 'relay') : topology;
}

/** Neurons that spike, and whether they are relays. */
function firing(topology: Topology): (Population & { readonly relay: boolean })[] {
  const spikes = spiking(topology);
  return topology.populations.flatMap((population, index) => {
    const { stage } = population;
    return stage.kind === 'neurons' && spikes[index] ? [{ ...population, relay: stage.activation === 'identity' }] : [];
  });
}

function magnitude([low, high]: readonly [number, number]): number {
  return Math.max(high, -low);
}

/** The largest magnitude of a population's activations, or of those of each of its channels, up to the percentile. */
function largest(
  { name, extent }: Population,
  calibration: Calibration | undefined,
  { balance, ...range }: RateOptions,
  layer: number,
): readonly number[] {
  if (balance !== 'channel') return [layer];
  return channelRanges(calibration, name, extent.channels, range, layer);
}

/** {@link largest} of all neurons that spike. */
function ranges(
  topology: Topology,
  calibration: Calibration | undefined,
  options: RateOptions,
  tools: Tools,
): ByPopulation {
  const [image] = topology.populations;
  const layers = new Set(topology.populations.map(({ name }) => name));
  return Object.fromEntries(
    firing(expand(topology)).map((population) => {
      // The relay of the image is no layer of the original network, and hands on all of the image.
      const relayed = !layers.has(population.name);
      if (relayed) return [population.name, [magnitude(rangeOf(calibration, image.name, {})) || 1]];
      const reach = magnitude(rangeOf(calibration, population.name, options)) || 1;
      warnOfLargest(population.name, calibration, reach, tools);
      return [population.name, largest(population, calibration, options, reach)];
    }),
  );
}

function rateProblems(topology: Topology, { balance, ...range }: Required<RateOptions>, steps: number): Problem[] {
  const layers = firing(topology).map(({ name }) => name);
  return [
    ...stepProblems(steps, 1, 4096),
    ...choiceProblems('balance', balance, ['layer', 'channel']),
    ...percentileProblems(range, layers),
  ];
}

function parametriseIf(
  topology: Topology,
  calibration: Calibration | undefined,
  options: IfOptions,
  tools: Tools,
): IfParameters {
  const { steps, initialPotential, ...range } = { ...integrateAndFire.defaults, ...options } as Required<IfOptions>;
  const problems = rateProblems(topology, range, steps);
  if (!(initialPotential >= 0 && initialPotential < 1)) {
    const message = `an initial potential of ${initialPotential} thresholds is not possible.`;
    problems.push({ message, remedy: 'Choose 0, or 0.5, which rounds.' });
  }
  refuse(unsupportedIf(topology), problems);
  return { steps, initialPotential, thresholds: ranges(topology, calibration, range, tools) };
}

function buildIf(topology: Topology, { steps, initialPotential, thresholds }: IfParameters): CodedTopology {
  const presentation = { steps, from: 0 };
  const kept = { presentation, keep: false };
  return build(topology, steps, {
    neuron: ({ name, relay }) => fires(thresholds[name], initialPotential, relay, kept),
    mean: (activation, parameters) => ({ kind: 'mean', activation, parameters, ...kept }),
  });
}

function parametriseLif(
  topology: Topology,
  calibration: Calibration | undefined,
  options: LifOptions,
  tools: Tools,
): LifParameters {
  const { maxRate, balance, percentile, layerPercentiles, ...shared } = {
    ...lif.defaults,
    ...options,
  } as Required<LifOptions>;
  const range = { balance, percentile, layerPercentiles };
  refuse(unsupportedLif(topology), [...rateProblems(topology, range, shared.steps), ...lifProblems(shared, maxRate)]);
  const all = firing(expand(topology));
  const largests = ranges(topology, calibration, range, tools);
  const current = lifCurve(shared).current(maxRate) - shared.bias;
  const of = (relay: boolean, map: (largest: number) => number): ByPopulation =>
    Object.fromEntries(
      all.filter((one) => one.relay === relay).map(({ name }) => [name, largests[name].map((largest) => map(largest))]),
    );
  return {
    ...shared,
    gains: of(false, (largest) => current / largest),
    amplitudes: of(false, (largest) => largest / maxRate),
    thresholds: of(true, (largest) => largest),
  };
}

function lifProblems(
  { steps, from, dt, tauRc, tauRef, bias, synapse, reset }: Required<Omit<LifOptions, keyof RateOptions | 'maxRate'>>,
  maxRate: number,
): Problem[] {
  const problems = choiceProblems('reset', reset, ['image', 'never']);
  const unfit = (what: string, value: number, remedy: string) =>
    problems.push({ message: `${what} cannot be ${value}.`, remedy });
  if (!(Number.isInteger(from) && from >= 0 && from < steps)) {
    unfit('from', from, `Average from a step before the last: 0 to ${steps - 1}.`);
  }
  const seconds: [string, number, boolean][] = [
    ['dt', dt, dt > 0],
    ['tauRc', tauRc, tauRc > 0],
    ['tauRef', tauRef, tauRef >= 0],
    ['synapse', synapse, synapse >= 0],
  ];
  for (const [what, value, sound] of seconds) {
    if (!(sound && Number.isFinite(value))) unfit(what, value, 'Give a time in seconds, such as 0.001.');
  }
  if (!(bias <= 1 && Number.isFinite(bias)))
    unfit('bias', bias, 'Choose 0.5, or 1 as published; neurons spike by themselves beyond.');
  const highest = 1 / Math.max(dt, tauRef);
  // At the limit of the refractory time the current would be infinite.
  if (!(maxRate > 0 && maxRate <= highest && maxRate * tauRef < 1)) {
    unfit(
      'maxRate',
      maxRate,
      `A neuron spikes at less than ${highest} Hz: once per step, and when it is not refractory.`,
    );
  }
  return problems;
}

function buildLif(topology: Topology, parameters: LifParameters): CodedTopology {
  const { steps, from, dt, tauRc, tauRef, bias, synapse, reset, gains, amplitudes, thresholds } = parameters;
  const kept = { presentation: { steps, from }, keep: reset === 'never' };
  const spread = synapse > 0 ? { synapse: synapse / dt } : {};
  return build(topology, steps, {
    neuron({ name, relay }) {
      if (relay) return fires(thresholds[name], 0.5, relay, kept);
      const worth = amplitudes[name].map((amplitude) => amplitude / dt);
      return { kind: 'lif', dt, tauRc, tauRef, gain: [...gains[name]], offset: bias, worth, ...spread, ...kept };
    },
    mean: (activation, parameters) => ({ kind: 'mean', activation, parameters, ...spread, ...kept }),
  });
}

/** Integrate-and-fire neurons. */
function fires(
  threshold: readonly number[],
  initial: number,
  signed: boolean,
  kept: { presentation: { steps: number; from: number }; keep: boolean },
): BindingNeuron {
  return { kind: 'integrateandfire', threshold: [...threshold], initial, signed, ...kept };
}

/** A topology whose neurons spike, or are read. */
function build(
  original: Topology,
  steps: number,
  model: {
    readonly neuron: (population: { readonly name: string; readonly relay: boolean }) => BindingNeuron;
    readonly mean: (activation: string, parameters: number[]) => BindingNeuron;
  },
): CodedTopology {
  const topology = expand(original);
  const spikes = spiking(topology);
  const tail = readout(topology);
  const window = { start: 0, width: steps };
  const populations = topology.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    if (stage.kind === 'input') return { role: 'input', neurons: 0 };
    if (!spikes[index]) {
      const plain = analog(population, tail[index] ? 'readout' : 'value');
      const heard = stage.kind === 'neurons' && sources(stage).some((source) => spikes[source]);
      return heard ? { ...plain, neuron: model.mean(stage.activation, [...(stage.parameters ?? [])]) } : plain;
    }
    if (stage.kind === 'neurons') {
      const relay = stage.activation === 'identity';
      const role = relay ? 'relay' : 'activation';
      return { role, neurons: neurons(extent) * (relay ? 2 : 1), window, neuron: model.neuron({ name, relay }) };
    }
    const pool = stage.kind === 'maxpool';
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window };
  });
  return { topology, populations };
}
