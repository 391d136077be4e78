/**
 * Few-spike neurons: conversion maths. Stöckl and Maass, arXiv 2002.00860.
 *
 * An activation function becomes a neuron that spikes in some of K steps; everything between activations stays as it
 * is. For ReLU the steps are the binary digits of the activation, `alpha 2^-t` with `alpha (1 - 2^-K)` the largest
 * activation in calibration. The published form truncates; by default an initial potential of half a digit rounds.
 */

import type { Problem } from '../errors.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Window } from './code.js';
import { choiceProblems, percentileProblems, type RangeOptions, rangeOf, refuse, stepProblems } from './ranges.js';
import { neurons, type Population, readout, sources, type Topology } from './topology.js';

/** Options of the code `fs`. */
export interface FewSpikeOptions extends RangeOptions {
  /** K, steps of a layer, 1 to 24. 10 if absent. */
  readonly steps?: number;
  /** Whether activations are rounded to the nearest value that the neurons can send, or down, as published. */
  readonly rounding?: 'nearest' | 'down';
}

/** A gate: how neurons of one layer spike. */
export interface FewSpikeGate {
  readonly threshold: readonly number[];
  readonly reset: readonly number[];
  readonly output: readonly number[];
  readonly initial: number;
  readonly range: readonly [number, number];
}

/** Parameters of a network in the code `fs`. */
export interface FewSpikeParameters {
  /** Gate of each population that stands for an activation function, by name. */
  readonly gates: Readonly<Record<string, FewSpikeGate>>;
}

/** Few-spike networks. */
export const fewSpike: Code<FewSpikeOptions, FewSpikeParameters> = {
  name: 'fs',
  title: 'few spikes',
  version: 1,
  needsCalibration: true,
  defaults: { steps: 10, rounding: 'nearest', percentile: 100, layerPercentiles: {} },
  unsupported: (topology) => gated(topology).flatMap(unsupportedGate),
  parametrise,
  build,
};

/** The populations that stand for an activation function, other than in the readout. */
export function gated(topology: Topology): (Population & { readonly activation: string })[] {
  const tail = readout(topology);
  return topology.populations.flatMap((population, index) => {
    const { stage } = population;
    if (stage.kind !== 'neurons' || stage.activation === 'identity' || tail[index]) return [];
    return [{ ...population, activation: stage.activation }];
  });
}

function unsupportedGate({ name, activation }: { name: string; activation: string }): Problem[] {
  if (activation === 'relu') return [];
  const message = `${activation} has no few-spike gate yet.`;
  return [{ layer: name, node: name, op: activation, message, remedy: 'Run the network as it is: --code ann.' }];
}

/** Binary digits of values from 0 to `largest`, most significant first. */
export function digits(steps: number, largest: number): number[] {
  const alpha = largest / (1 - 2 ** -steps);
  return Array.from({ length: steps }, (_, t) => alpha * 2 ** -(t + 1));
}

function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: FewSpikeOptions,
): FewSpikeParameters {
  const { steps, rounding, ...range } = { ...fewSpike.defaults, ...options } as Required<FewSpikeOptions>;
  const populations = gated(topology);
  const names = populations.map(({ name }) => name);
  refuse(fewSpike.unsupported(topology), [
    ...stepProblems(steps, 1, 24),
    ...choiceProblems('rounding', rounding, ['nearest', 'down']),
    ...percentileProblems(range, names),
  ]);
  const gates = populations.map(({ name }): [string, FewSpikeGate] => {
    const [, largest] = rangeOf(calibration, name, range);
    const values = digits(steps, largest > 0 ? largest : 1);
    const smallest = values[steps - 1];
    const initial = rounding === 'nearest' ? smallest / 2 : 0;
    const top = largest + (rounding === 'nearest' ? smallest / 2 : smallest);
    return [
      name,
      { threshold: values, reset: values, output: values, initial, range: [Number.NEGATIVE_INFINITY, top] },
    ];
  });
  return { gates: Object.fromEntries(gates) };
}

function build(topology: Topology, { gates }: FewSpikeParameters): CodedTopology {
  return buildGates(topology, (name) => {
    const gate = gates[name];
    if (!gate) return undefined;
    const { threshold, reset, output, initial } = gate;
    const numbers = { threshold: [...threshold], reset: [...reset], output: [...output] };
    const range = bounds(gate.range);
    return { steps: threshold.length, neurons: 1, neuron: { kind: 'fewspike', ...numbers, initial, range } };
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
    if (gate && stage.kind === 'neurons') {
      windows[index] = { start: end, width: gate.steps };
      return {
        role: 'activation',
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
