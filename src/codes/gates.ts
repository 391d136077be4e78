/**
 * Gates: what codes make of activation functions that send values in K steps. For ReLU, clipped or not, they are binary
 * digits, in closed form, and so they are for whole numbers from 0 to 2^K - 1; for all other functions they are fitted to what calibration saw at each layer's inputs, taken from fits
 * that come with the package, or from the authors' publication.
 */

import { ConvertError, type Problem } from '../errors.js';
import type { Calibration, Distribution } from './calibration.js';
import type { Tools } from './code.js';
import { type FitResult, fitProblems, type Histogram, requestFit } from './fitting.js';
import { type FunctionName, functionNamed, functions, isFitted, remedyFor } from './functions.js';
import {
  choiceProblems,
  layerProblems,
  percentileProblems,
  type RangeOptions,
  rangeOf,
  statisticsOf,
  stepProblems,
} from './ranges.js';
import { type Population, readout, type Topology } from './topology.js';
import { warnOfClipping, warnOfLargest } from './warnings.js';

/** Options of codes whose neurons stand for activation functions by gates. */
export interface GateOptions extends RangeOptions {
  /** K, steps of a layer, 1 to 24. If absent, 10 for ReLU, and for other functions as many as their publication has. */
  readonly steps?: number;
  /** K of single layers, by name. */
  readonly layerSteps?: Readonly<Record<string, number>>;
  /** Whether what a ReLU gives is rounded to the nearest value that a gate can send, or down, as published. */
  readonly rounding?: 'nearest' | 'down';
  /**
   * Where gates of functions other than ReLU come from: `fitted` to the inputs of each layer (the default), `shipped`
   * with the package, or `published` by the authors (`fs` only; sigmoid and SiLU).
   */
  readonly gates?: 'fitted' | 'shipped' | 'published';
  /** Fitted gates: what a spike costs, as a share of the variance of the layer's activations. */
  readonly price?: number;
  /** Fitted gates: starting points of the search. */
  readonly restarts?: number;
  /** Fitted gates: seed of the search. */
  readonly seed?: number;
}

/** Most steps of a gate. */
const MOST_STEPS = 24;

/** Steps of a ReLU, unless others are asked for. */
export const RELU_STEPS = 10;

/** How gates are fitted. A few-spike neuron is asked to be sparing; of a circuit's neurons few spike anyway. */
export const FITTED = {
  fs: { price: 0.01, restarts: 32, seed: 0 },
  amos: { price: 0.003, restarts: 32, seed: 0 },
};

/** Cells of measured histograms. */
const CELLS = 8192;

/** What is made for some inputs. */
interface Ranged {
  readonly range: readonly [number, number];
}

/** What a code makes of each kind of gate. */
export interface GateMaker<Gate extends Ranged> {
  readonly code: 'fs' | 'amos';
  /** Binary digits, most significant first, up to `largest`. */
  digits(values: readonly number[], largest: number, rounding: 'nearest' | 'down'): Gate;
  /** A fit. */
  fitted(fit: FitResult, range: readonly [number, number]): Gate;
  /** Gates that come with the package. */
  readonly shipped: Readonly<Record<string, { readonly gate: Gate }>>;
  /** Gates that the authors published. */
  readonly published: Readonly<Record<string, Gate>>;
}

/** A population that stands for an activation function. */
export type Gated = Population & { readonly activation: string; readonly parameters: readonly number[] };

/** The populations that stand for an activation function, other than in the readout. */
export function gated(topology: Topology): Gated[] {
  const tail = readout(topology);
  return topology.populations.flatMap((population, index) => {
    const { stage } = population;
    if (stage.kind !== 'neurons' || stage.activation === 'identity' || tail[index]) return [];
    return [{ ...population, activation: stage.activation, parameters: stage.parameters ?? [] }];
  });
}

/** Activation functions of a network that nothing is known of. */
export function unsupportedGates(topology: Topology): Problem[] {
  return gated(topology).flatMap(({ name, activation, parameters }): Problem[] => {
    if (activation === 'quantize' && bitsOf(parameters) === undefined) {
      const message = 'rounding to integers of either sign has no gate.';
      return [{ layer: name, node: name, op: activation, message, remedy: remedyFor(activation, '') }];
    }
    if (!isFitted(activation) || functionNamed(activation)) return [];
    const message = `nothing is known of the function ${activation}.`;
    const remedy = `Functions are ${Object.keys(functions).join(', ')}; --code ann runs the network as it is.`;
    return [{ layer: name, node: name, op: activation, message, remedy }];
  });
}

/** What is wrong with the options of gates. */
export function gateProblems(
  options: Required<GateOptions>,
  populations: readonly Gated[],
  known: Readonly<Record<'shipped' | 'published', object>>,
): Problem[] {
  const { steps, layerSteps, rounding, gates, price, restarts, seed, ...range } = options;
  const names = populations.map(({ name }) => name);
  const problems = [
    ...fitProblems({ steps, price, restarts, seed }, MOST_STEPS),
    ...Object.entries(layerSteps).flatMap(([layer, own]) => [
      ...layerProblems(layer, names),
      ...stepProblems(own, 1, MOST_STEPS).map((problem) => ({ ...problem, layer })),
    ]),
    ...choiceProblems('rounding', rounding, ['nearest', 'down']),
    ...choiceProblems('gates', gates, ['fitted', 'shipped', 'published']),
    ...percentileProblems(range, names),
  ];
  if (gates !== 'published' && gates !== 'shipped') return problems;
  const missing = populations.filter(({ activation }) => isFitted(activation) && !(activation in known[gates]));
  return [
    ...problems,
    ...missing.map(({ name, activation }) => {
      const message =
        gates === 'published'
          ? `no gates of this code were published for ${activation}.`
          : `no gate of ${activation} comes with the package.`;
      const inKnown = gates === 'published' && activation in known.shipped;
      const remedy = inKnown
        ? 'Fit gates instead, or take those that come with the package: --gates fitted or shipped.'
        : 'Fit gates instead: --gates fitted.';
      return { layer: name, message, remedy };
    }),
  ];
}

/** Chooses the gate of each population, by name. */
export async function chooseGates<Gate extends Ranged>(
  populations: readonly Gated[],
  calibration: Calibration | undefined,
  options: GateOptions,
  tools: Tools,
  maker: GateMaker<Gate>,
): Promise<Readonly<Record<string, Gate>>> {
  const chosen = await Promise.all(
    populations.map(async (population) => {
      const choose = isFitted(population.activation) ? gateOf : digitsOf;
      return [population.name, await choose(population, calibration, options, tools, maker)] as const;
    }),
  );
  return Object.fromEntries(chosen);
}

/** K of a layer, if it was asked for. */
export function stepsOf(name: string, { steps, layerSteps }: GateOptions): number | undefined {
  return layerSteps?.[name] ?? steps;
}

/** Binary digits of values from 0 to `largest`, most significant first. */
export function digits(steps: number, largest: number): number[] {
  const alpha = largest / (1 - 2 ** -steps);
  return Array.from({ length: steps }, (_, t) => alpha * 2 ** -(t + 1));
}

/** Bits of the integers that a tensor is rounded to; nothing where they are not all those from 0 on. */
function bitsOf([, low, high]: readonly number[]): number | undefined {
  const bits = Math.log2(high + 1);
  return low === 0 && Number.isInteger(bits) && bits <= MOST_STEPS ? bits : undefined;
}

function digitsOf<Gate extends Ranged>(
  { name, activation, parameters }: Gated,
  calibration: Calibration | undefined,
  options: GateOptions,
  tools: Tools,
  maker: GateMaker<Gate>,
): Gate {
  const { rounding = 'nearest' } = options;
  const steps = stepsOf(name, options) ?? RELU_STEPS;
  const bits = activation === 'quantize' ? bitsOf(parameters) : undefined;
  if (bits !== undefined) {
    const [scale, , high] = parameters;
    return unbounded(maker.digits(digits(bits, scale * high), scale * high, 'nearest'));
  }
  const [, seen] = rangeOf(calibration, name, options);
  const [ceiling = Number.POSITIVE_INFINITY] = parameters;
  const largest = Math.min(seen, ceiling);
  const reach = largest > 0 ? largest : Math.min(1, ceiling);
  const gate = maker.digits(digits(steps, reach), reach, rounding);
  if (reach === ceiling) return unbounded(gate);
  warnOfLargest(name, calibration, reach, tools);
  return gate;
}

/** A gate of a function that ends where the gate does: nothing lies beyond it. */
function unbounded<Gate extends Ranged>(gate: Gate): Gate {
  return { ...gate, range: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] };
}

async function gateOf<Gate extends Ranged>(
  { name, activation, parameters }: Gated,
  calibration: Calibration | undefined,
  options: GateOptions,
  tools: Tools,
  maker: GateMaker<Gate>,
): Promise<Gate> {
  const { gates = 'fitted' } = options;
  const { inputs } = statisticsOf(calibration, name);
  if (!inputs) {
    const message = 'the calibration has not seen what its activation function is applied to.';
    throw new ConvertError('OPTION_INVALID', { layer: name, message, remedy: 'Calibrate on the graph itself.' });
  }
  if (gates !== 'fitted') {
    const gate = gates === 'shipped' ? maker.shipped[activation].gate : maker.published[activation];
    warnOfClipping(name, inputs, gate.range, tools, 'Take gates fitted to the layer: --gates fitted.');
    return gate;
  }
  const { of, family, steps: usual } = functions[activation as FunctionName];
  const { price, restarts, seed } = { ...FITTED[maker.code], ...options };
  const steps = stepsOf(name, options) ?? usual[maker.code];
  const seen = seenValues(inputs, options.layerPercentiles?.[name] ?? options.percentile ?? 100);
  warnOfClipping(name, inputs, seen.range, tools);
  const fn = (x: number) => (family ? family(x, ...parameters) : of(x));
  const request = requestFit(maker.code, fn, seen.range, seen, { steps, price, restarts, seed });
  const [found] = await tools.fit([request]);
  return maker.fitted(found, seen.range);
}

/** Values up to a percentile at both ends, as the importance of a fit. */
export function seenValues(values: Distribution, percent: number): Histogram {
  const ends =
    percent === 100 ? [values.min, values.max] : [values.percentile(100 - percent), values.percentile(percent)];
  // Where all values are one, some room around it.
  const room = ends[0] < ends[1] ? 0 : Math.abs(ends[0]) / 2 || 1;
  const range = [ends[0] - room, ends[1] + room] as const;
  return { range, counts: values.histogram(range, CELLS) };
}
