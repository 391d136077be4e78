/** Functions that gates stand for, by name. Whatever of them a graph has, codes with gates can express. */

import { activations } from '../graph/activations.js';

/** Names of the functions. */
export type FunctionName =
  | 'relu'
  | 'leaky-relu'
  | 'relu6'
  | 'sigmoid'
  | 'hard-sigmoid'
  | 'tanh'
  | 'silu'
  | 'hard-swish'
  | 'gelu'
  | 'gelu-tanh'
  | 'erf'
  | 'elu'
  | 'softplus'
  | 'softsign'
  | 'mish';

/** A function, and how it is fitted where nothing else is asked for. */
export interface GateFunction {
  of(x: number): number;
  /** Its value for other parameters than the usual ones, if it has any. */
  readonly family?: (x: number, ...parameters: number[]) => number;
  /** Its formula, for people. */
  readonly formula: string;
  readonly range: readonly [number, number];
  /** Steps of a few-spike neuron, neurons of a circuit. */
  readonly steps: Readonly<Record<'fs' | 'amos', number>>;
}

/** Of functions with one bend, with two or a step between two levels, and with a bend and a dip. */
const [BEND, STEP, DIP] = [
  { fs: 10, amos: 10 },
  { fs: 12, amos: 8 },
  { fs: 16, amos: 12 },
];

/** The functions. */
export const functions: Readonly<Record<FunctionName, GateFunction>> = {
  relu: { of: activations.relu, formula: 'max(x, 0)', range: [-8, 12], steps: BEND },
  'leaky-relu': {
    of: (x) => (x > 0 ? x : 0.01 * x),
    formula: 'x where x > 0, or else x / 100',
    range: [-8, 12],
    steps: BEND,
  },
  relu6: { of: (x) => activations['clipped-relu'](x, 6), formula: 'min(max(x, 0), 6)', range: [-8, 12], steps: BEND },
  sigmoid: { of: activations.sigmoid, formula: '1 / (1 + e^-x)', range: [-10, 10], steps: STEP },
  'hard-sigmoid': {
    of: (x) => activations['clipped-relu'](x / 6 + 0.5, 1),
    formula: 'x / 6 + 1/2 within 0 and 1',
    range: [-10, 10],
    steps: STEP,
  },
  tanh: { of: activations.tanh, formula: 'tanh x', range: [-8, 8], steps: STEP },
  silu: { of: activations.silu, formula: 'x / (1 + e^-x)', range: [-8, 12], steps: DIP },
  'hard-swish': {
    of: activations['hard-swish'],
    formula: 'x times hard-sigmoid',
    range: [-8, 12],
    steps: DIP,
  },
  gelu: {
    of: activations.gelu,
    formula: 'x times the share of a normal distribution below x',
    range: [-8, 12],
    steps: DIP,
  },
  'gelu-tanh': {
    of: activations['gelu-tanh'],
    formula: 'gelu by its approximation with a tanh',
    range: [-8, 12],
    steps: DIP,
  },
  erf: {
    of: activations.erf,
    formula: '2 / sqrt(pi) times the integral of e^-t^2 from 0 to x',
    range: [-4, 4],
    steps: STEP,
  },
  elu: {
    of: (x) => activations.elu(x, 1),
    family: activations.elu,
    formula: 'x where x > 0, or else e^x - 1',
    range: [-8, 12],
    steps: DIP,
  },
  softplus: {
    of: activations.softplus,
    formula: 'ln(1 + e^x)',
    range: [-8, 12],
    steps: DIP,
  },
  softsign: { of: activations.softsign, formula: 'x / (1 + |x|)', range: [-8, 8], steps: STEP },
  mish: {
    of: activations.mish,
    formula: 'x times the tanh of softplus',
    range: [-8, 12],
    steps: DIP,
  },
};

/** Functions of graphs that need no fit: codes have closed forms of them, or none. */
const CLOSED: ReadonlySet<string> = new Set(['identity', 'relu', 'clipped-relu', 'quantize']);

/** What to do about a function that a code cannot express: rounding can be left out of a model. */
export function remedyFor(activation: string, otherwise: string): string {
  if (activation !== 'quantize') return otherwise;
  return "Read the model without rounding: option approximate 'quantization' (--approximate quantization).";
}

/** Whether a gate of an activation function has to be fitted to what it is applied to. */
export function isFitted(activation: string): boolean {
  return !CLOSED.has(activation);
}

/** The function of a name, if there is one. */
export function functionNamed(name: string): GateFunction | undefined {
  return Object.hasOwn(functions, name) ? functions[name as FunctionName] : undefined;
}
