/**
 * Few-spike neurons: conversion maths. Stöckl and Maass, arXiv 2002.00860.
 *
 * An activation function becomes a neuron that spikes in some of K steps; everything between activations, products
 * too, stays as it is. For ReLU the steps are the binary digits of the activation, `alpha 2^-t` with
 * `alpha (1 - 2^-K)` the largest activation in calibration. The published form truncates; by default an initial
 * potential of half a digit rounds. Other functions have fitted thresholds, resets and outputs.
 */

import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Tools, Window } from './code.js';
import { relayInput } from './edit.js';
import type { FewSpikeGate } from './gate.js';
import {
  chooseGates,
  digits,
  FITTED,
  type GateMaker,
  type GateOptions,
  gated,
  gateProblems,
  RELU_STEPS,
  unsupportedGates,
} from './gates.js';
import { published } from './published.js';
import { choiceProblems, refuse, statisticsOf } from './ranges.js';
import { shippedFewSpike } from './shipped.js';
import { neurons, readout, sources, type Topology } from './topology.js';

/** Options of the code `fs`. */
export interface FewSpikeOptions extends GateOptions {
  /**
   * Whether the network is fed numbers (`values`, if absent: as published), or spikes that stand for binary digits.
   * Where the input may be negative, positive and negative digits take turns.
   */
  readonly input?: 'values' | 'spikes';
}

/** Parameters of a network in the code `fs`. */
export interface FewSpikeParameters {
  /** Gate of each population that stands for an activation function, by name. */
  readonly gates: Readonly<Record<string, FewSpikeGate>>;
  /** What sends the input, if it is sent as spikes. */
  readonly input?: FewSpikeGate;
}

/** Few-spike networks. */
export const fewSpike: Code<FewSpikeOptions, FewSpikeParameters> = {
  name: 'fs',
  title: 'few spikes',
  version: 1,
  needsCalibration: true,
  defaults: {
    steps: RELU_STEPS,
    layerSteps: {},
    rounding: 'nearest',
    gates: 'fitted',
    input: 'values',
    ...FITTED.fs,
    percentile: 100,
    layerPercentiles: {},
  },
  unsupported: unsupportedGates,
  parametrise,
  build,
};

const maker: GateMaker<FewSpikeGate> = {
  code: 'fs',
  digits(values, largest, rounding) {
    const smallest = values[values.length - 1];
    const initial = rounding === 'nearest' ? smallest / 2 : 0;
    const top = largest + (initial || smallest);
    return { threshold: values, reset: values, output: values, initial, range: [Number.NEGATIVE_INFINITY, top] };
  },
  fitted: ({ threshold, reset, output }, range) => ({ threshold, reset, output, initial: 0, range }),
  shipped: shippedFewSpike,
  published,
};

async function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: FewSpikeOptions,
  tools: Tools,
): Promise<FewSpikeParameters> {
  const { input, ...all } = { ...fewSpike.defaults, ...options } as Required<FewSpikeOptions>;
  const populations = gated(topology);
  refuse(fewSpike.unsupported(topology), [
    ...gateProblems(all, populations, maker),
    ...choiceProblems('input', input, ['values', 'spikes']),
  ]);
  const gates = await chooseGates(populations, calibration, options, tools, maker);
  if (input === 'values') return { gates };
  const { min, max } = statisticsOf(calibration, topology.populations[0].name);
  return { gates, input: inputGate(min, max, all) };
}

/** Digits of the input; as many of either sign where it may be negative, taking turns. */
function inputGate(min: number, max: number, { steps, rounding }: Required<GateOptions>): FewSpikeGate {
  const largest = Math.max(max, -min) || 1;
  if (min >= 0) return maker.digits(digits(steps, largest), largest, rounding);
  // A neuron has 32 steps at most.
  const values = digits(Math.min(steps, 16), largest);
  const half = rounding === 'nearest' ? values[values.length - 1] / 2 : 0;
  return {
    threshold: values.flatMap((value) => [value - half, value - half]),
    reset: values.flatMap((value) => [value, value]),
    output: values.flatMap((value) => [value, -value]),
    initial: 0,
    signed: true,
    range: [-largest, largest],
  };
}

function build(original: Topology, { gates, input }: FewSpikeParameters): CodedTopology {
  const topology = input ? relayInput(original, 'spikes') : original;
  return buildGates(topology, (name) => {
    const gate = input && name === topology.populations[1].name ? input : gates[name];
    if (!gate) return undefined;
    const { threshold, reset, output, initial, signed = false } = gate;
    const numbers = { threshold: [...threshold], reset: [...reset], output: [...output], initial, signed };
    return { steps: threshold.length, neurons: 1, neuron: { kind: 'fewspike', ...numbers, range: bounds(gate.range) } };
  });
}

/** A range whose open ends were lost on the way through JSON. */
export function bounds([low, high]: readonly [number | null, number | null]): [number, number] {
  return [low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY];
}

/** What a gate is made of: the steps it takes, its neurons, and the kernel's form of it. */
export interface GateNeurons {
  readonly steps: number;
  readonly neurons: number;
  readonly neuron: NonNullable<CodedPopulation['neuron']>;
}

/** A topology whose activation functions are gates that take some steps each, one layer after the other. */
export function buildGates(topology: Topology, gateOf: (name: string) => GateNeurons | undefined): CodedTopology {
  const tail = readout(topology);
  const windows: Window[] = [];
  const populations = topology.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    const inputs = sources(stage).map((source) => windows[source]);
    const end = Math.max(0, ...inputs.map(({ start, width }) => start + width));
    windows[index] = { start: end, width: 0 };
    if (tail[index]) return analog(population, 'readout');
    if (stage.kind === 'input') return { role: 'input', neurons: 0 };
    const gate = gateOf(name);
    if (gate && (stage.kind === 'neurons' || stage.kind === 'product')) {
      windows[index] = { start: end, width: gate.steps };
      return {
        role: stage.kind === 'neurons' && stage.activation === 'identity' ? 'input' : 'activation',
        neurons: neurons(extent) * gate.neurons,
        window: windows[index],
        neuron: gate.neuron,
      };
    }
    if (stage.kind === 'neurons' || stage.kind === 'product') return { ...analog(population, 'value'), neurons: 0 };
    // Pooling neurons and new addresses, within the window of their sources; none where those have values.
    const width = Math.max(...inputs.map((window) => window.width));
    if (width === 0) return analog(population, 'value');
    windows[index] = { start: end - width, width };
    const pool = stage.kind === 'maxpool';
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window: windows[index] };
  });
  return { topology, populations };
}
