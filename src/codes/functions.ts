/** Functions that gates stand for, by name. Whatever of them a graph has, codes with gates can express. */

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
  | 'gelu';

/** A function, and how it is fitted where nothing else is asked for. */
export interface GateFunction {
  of(x: number): number;
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

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** The functions. */
export const functions: Readonly<Record<FunctionName, GateFunction>> = {
  relu: { of: (x) => Math.max(x, 0), formula: 'max(x, 0)', range: [-8, 12], steps: BEND },
  'leaky-relu': {
    of: (x) => (x > 0 ? x : 0.01 * x),
    formula: 'x where x > 0, or else x / 100',
    range: [-8, 12],
    steps: BEND,
  },
  relu6: { of: (x) => clamp(x, 0, 6), formula: 'min(max(x, 0), 6)', range: [-8, 12], steps: BEND },
  sigmoid: { of: sigmoid, formula: '1 / (1 + e^-x)', range: [-10, 10], steps: STEP },
  'hard-sigmoid': {
    of: (x) => clamp(x / 6 + 0.5, 0, 1),
    formula: 'x / 6 + 1/2 within 0 and 1',
    range: [-10, 10],
    steps: STEP,
  },
  tanh: { of: Math.tanh, formula: 'tanh x', range: [-8, 8], steps: STEP },
  silu: { of: (x) => x * sigmoid(x), formula: 'x / (1 + e^-x)', range: [-8, 12], steps: DIP },
  'hard-swish': {
    of: (x) => x * clamp(x / 6 + 0.5, 0, 1),
    formula: 'x times hard-sigmoid',
    range: [-8, 12],
    steps: DIP,
  },
  gelu: {
    of: (x) => x * normalShare(x),
    formula: 'x times the share of a normal distribution below x',
    range: [-8, 12],
    steps: DIP,
  },
};

/** The function of a name, if there is one. */
export function functionNamed(name: string): GateFunction | undefined {
  return Object.hasOwn(functions, name) ? functions[name as FunctionName] : undefined;
}

/** Share of the standard normal distribution below x, within 1e-7 (Abramowitz and Stegun 7.1.26). */
function normalShare(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const powers = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];
  const tail = powers.reduceRight((sum, factor) => (sum + factor) * t, 0) * Math.exp(-z * z);
  return x > 0 ? 1 - tail / 2 : tail / 2;
}
