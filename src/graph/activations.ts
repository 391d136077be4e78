/** The values of activation functions, in double precision. */

import type { ActivationFunction } from './graph.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Functions by name; what follows the first argument are their parameters. */
export const activations: Readonly<Record<ActivationFunction, (x: number, ...parameters: number[]) => number>> = {
  relu: (x) => Math.max(x, 0),
  'clipped-relu': (x, ceiling) => clamp(x, 0, ceiling),
  sigmoid,
  silu: (x) => x * sigmoid(x),
  'hard-swish': (x) => x * clamp(x / 6 + 0.5, 0, 1),
  tanh: Math.tanh,
  gelu: (x) => x * normalShare(x),
  'gelu-tanh': (x) => x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x ** 3)),
  erf: (x) => 2 * normalShare(x * Math.SQRT2) - 1,
  elu: (x, slope) => (x > 0 ? x : slope * Math.expm1(x)),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  mish: (x) => x * Math.tanh(softplus(x)),
  quantize: (x, scale, low, high) => clamp(roundToEven(Math.fround(x / scale)), low, high) * scale,
};

/** The nearest whole number, the even one where two are as near. */
export function roundToEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** Share of the standard normal distribution below x, within 1e-7 (Abramowitz and Stegun 7.1.26). */
function normalShare(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const powers = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];
  const tail = powers.reduceRight((sum, factor) => (sum + factor) * t, 0) * Math.exp(-z * z);
  return x > 0 ? 1 - tail / 2 : tail / 2;
}
