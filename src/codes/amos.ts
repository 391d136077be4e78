/**
 * At-most-one-spike circuits: conversion maths. Stöckl and Maass, arXiv 2001.01682.
 *
 * An activation function becomes a circuit of K neurons, each of which spikes at most once and inhibits those after
 * it. The paper's equations are not public; the pairwise circuit is this project's formulation of its idea. For ReLU
 * the circuit sends binary digits: neuron i has the threshold `alpha 2^-i` and inhibits all later ones by as much.
 */

import type { Calibration } from './calibration.js';
import type { Code, CodedTopology } from './code.js';
import { bounds, buildGates, digits, fewSpike, gated } from './few-spike.js';
import { choiceProblems, percentileProblems, type RangeOptions, rangeOf, refuse, stepProblems } from './ranges.js';
import type { Topology } from './topology.js';

/** Options of the code `amos`. */
export interface AmosOptions extends RangeOptions {
  /** K, neurons of a circuit and steps of a layer, 1 to 24. 10 if absent. */
  readonly steps?: number;
  /** Whether activations are rounded to the nearest value that a circuit can send, or down. */
  readonly rounding?: 'nearest' | 'down';
}

/** A circuit that stands for one gate. */
export interface AmosCircuit {
  /** Weight of the input on each neuron. */
  readonly input: readonly number[];
  /** Weight of the second input on each neuron; empty where there is none. */
  readonly second: readonly number[];
  /** Threshold of each neuron. */
  readonly threshold: readonly number[];
  /** Inhibition by earlier neurons: those of neuron 1, then of neuron 2, and so on. */
  readonly inhibition: readonly number[];
  /** What each neuron's spike is worth. */
  readonly output: readonly number[];
  readonly range: readonly [number, number];
}

/** Parameters of a network in the code `amos`. */
export interface AmosParameters {
  /** Circuit of each population that stands for an activation function, by name. */
  readonly circuits: Readonly<Record<string, AmosCircuit>>;
}

/** At-most-one-spike networks. */
export const amos: Code<AmosOptions, AmosParameters> = {
  name: 'amos',
  title: 'circuits of neurons that spike at most once',
  version: 1,
  needsCalibration: true,
  defaults: { steps: 10, rounding: 'nearest', percentile: 100, layerPercentiles: {} },
  unsupported: (topology) => fewSpike.unsupported(topology),
  parametrise,
  build,
};

function parametrise(topology: Topology, calibration: Calibration | undefined, options: AmosOptions): AmosParameters {
  const { steps, rounding, ...range } = { ...amos.defaults, ...options } as Required<AmosOptions>;
  const populations = gated(topology);
  const names = populations.map(({ name }) => name);
  refuse(amos.unsupported(topology), [
    ...stepProblems(steps, 1, 24),
    ...choiceProblems('rounding', rounding, ['nearest', 'down']),
    ...percentileProblems(range, names),
  ]);
  const circuits = populations.map(({ name }): [string, AmosCircuit] => {
    const [, largest] = rangeOf(calibration, name, range);
    const values = digits(steps, largest > 0 ? largest : 1);
    const half = rounding === 'nearest' ? values[steps - 1] / 2 : 0;
    const circuit = {
      input: values.map(() => 1),
      second: [],
      threshold: values.map((value) => value - half),
      inhibition: values.flatMap((_, i) => values.slice(0, i)),
      output: values,
      range: [Number.NEGATIVE_INFINITY, largest + (half || values[steps - 1])] as const,
    };
    return [name, circuit];
  });
  return { circuits: Object.fromEntries(circuits) };
}

function build(topology: Topology, { circuits }: AmosParameters): CodedTopology {
  return buildGates(topology, (name) => {
    const circuit = circuits[name];
    if (!circuit) return undefined;
    const { input, second, threshold, inhibition, output } = circuit;
    const numbers = { input: [...input], second: [...second], threshold: [...threshold], inhibition: [...inhibition] };
    const neuron = { kind: 'amos' as const, ...numbers, output: [...output], range: bounds(circuit.range) };
    return { steps: input.length, neurons: input.length, neuron };
  });
}
