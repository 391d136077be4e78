/**
 * At-most-one-spike circuits: conversion maths. Stöckl and Maass, arXiv 2001.01682.
 *
 * An activation function becomes a circuit of K neurons, each of which spikes at most once and inhibits those after
 * it. The paper's equations are not public; the pairwise circuit is this project's formulation of its idea. For ReLU
 * the circuit sends binary digits: neuron i has the threshold `alpha 2^-i` and inhibits all later ones by as much.
 * Circuits of other functions are fitted; those of products have two inputs.
 */

import type { Calibration } from './calibration.js';
import type { Code, CodedTopology, Tools } from './code.js';
import { bounds, buildGates } from './few-spike.js';
import { requestFitOfTwo } from './fitting.js';
import type { AmosCircuit } from './gate.js';
import {
  chooseGates,
  FITTED,
  type GateMaker,
  type GateOptions,
  gated,
  gateProblems,
  RELU_STEPS,
  seenValues,
  unsupportedGates,
} from './gates.js';
import { choiceProblems, refuse, statisticsOf } from './ranges.js';
import { shippedAmos } from './shipped.js';
import type { Topology } from './topology.js';

/** Options of the code `amos`. */
export interface AmosOptions extends GateOptions {
  /**
   * Whether products of two tensors, as in squeeze-and-excite blocks, are circuits of two inputs (`spiking`, if absent:
   * as in the paper's headline figure), or left to ordinary arithmetic (`exact`).
   */
  readonly product?: 'spiking' | 'exact';
}

/** Neurons of a product's circuit. */
const PRODUCT_STEPS = 16;
/** A product takes as long to evaluate as many circuits of one input: starting points are fewer by this factor. */
const PRODUCT_EFFORT = 2;

/** Parameters of a network in the code `amos`. */
export interface AmosParameters {
  /** Circuit of each population that stands for an activation function or, with two inputs, a product; by name. */
  readonly circuits: Readonly<Record<string, AmosCircuit>>;
}

/** At-most-one-spike networks. */
export const amos: Code<AmosOptions, AmosParameters> = {
  name: 'amos',
  title: 'circuits of neurons that spike at most once',
  version: 1,
  needsCalibration: true,
  defaults: {
    steps: RELU_STEPS,
    layerSteps: {},
    rounding: 'nearest',
    gates: 'fitted',
    product: 'spiking',
    ...FITTED.amos,
    percentile: 100,
    layerPercentiles: {},
  },
  unsupported: unsupportedGates,
  parametrise,
  build,
};

const maker: GateMaker<AmosCircuit> = {
  code: 'amos',
  digits(values, largest, rounding) {
    const smallest = values[values.length - 1];
    const half = rounding === 'nearest' ? smallest / 2 : 0;
    return {
      input: values.map(() => 1),
      second: [],
      threshold: values.map((value) => value - half),
      inhibition: values.flatMap((_, i) => values.slice(0, i)),
      output: values,
      range: [Number.NEGATIVE_INFINITY, largest + (half || smallest)],
    };
  },
  fitted: ({ input, second, threshold, inhibition, output }, range) => ({
    ...{ input, second, threshold, inhibition, output, range },
  }),
  shipped: shippedAmos,
  published: {},
};

async function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: AmosOptions,
  tools: Tools,
): Promise<AmosParameters> {
  const { product, ...all } = { ...amos.defaults, ...options } as Required<AmosOptions>;
  const populations = gated(topology);
  refuse(amos.unsupported(topology), [
    ...gateProblems(all, populations, maker),
    ...choiceProblems('product', product, ['spiking', 'exact']),
  ]);
  const [gates, products] = await Promise.all([
    chooseGates(populations, calibration, options, tools, maker),
    product === 'spiking' ? chooseProducts(topology, calibration, all, options.steps, tools) : {},
  ]);
  return { circuits: { ...gates, ...products } };
}

/** Circuits of two inputs, fitted to what calibration saw of both. */
async function chooseProducts(
  { populations }: Topology,
  calibration: Calibration | undefined,
  { price, restarts, seed, percentile, layerPercentiles }: Required<GateOptions>,
  steps = PRODUCT_STEPS,
  tools: Tools,
): Promise<Readonly<Record<string, AmosCircuit>>> {
  const settings = { steps, price, restarts: Math.ceil(restarts / PRODUCT_EFFORT), seed };
  const products = populations.flatMap(({ name, stage }) => (stage.kind === 'product' ? [{ name, stage }] : []));
  const seen = products.map(({ stage }) =>
    stage.sources.map((source) => {
      const { name } = populations[source];
      return seenValues(statisticsOf(calibration, name), layerPercentiles[name] ?? percentile);
    }),
  );
  const requests = seen.map(([x, y]) => requestFitOfTwo((a, b) => a * b, [x.range, y.range], [x, y], settings));
  const found = await tools.fit(requests);
  return Object.fromEntries(
    products.map(({ name }, i) => {
      // Of both inputs: the kernel counts what lies beyond it.
      const [low, high] = [0, 1].map((end) => seen[i].map(({ range }) => range[end]));
      return [name, maker.fitted(found[i], [Math.min(...low), Math.max(...high)])];
    }),
  );
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
