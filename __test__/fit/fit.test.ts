/** The fitter as programs see it: what it finds, that it finds it again, and what it refuses. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FunctionName, functions } from '../../src/codes/functions.js';
import { type FitOptions, fitGate } from '../../src/fit/fit.js';

/** What a few-spike neuron makes of an input. */
function run(
  { threshold, reset, output }: Record<'threshold' | 'reset' | 'output', readonly number[]>,
  x: number,
): { value: number; spikes: number } {
  let [v, value, spikes] = [x, 0, 0];
  threshold.forEach((bound, t) => {
    if (v <= bound) return;
    v -= reset[t];
    value += output[t];
    spikes++;
  });
  return { value, spikes };
}

test('published errors are met on their ranges', async () => {
  const silu = await fitGate({ function: 'silu', steps: 16, range: [-8, 12], restarts: 16 });
  expect(silu.mse).toBeLessThan(0.0035);
  const sigmoid = await fitGate({ function: 'sigmoid', steps: 12, range: [-10, 10], restarts: 16 });
  expect(sigmoid.mse).toBeLessThan(1.5e-4);
  const circuit = await fitGate({ function: 'sigmoid', code: 'amos', steps: 8, restarts: 16 });
  expect(circuit.mse).toBeLessThan(1.5e-4);
});

test('figures are those of the neuron that is found', async () => {
  const found = await fitGate({ function: 'gelu', restarts: 2 });
  if (found.code !== 'fs') throw new Error('few spikes were asked for');
  const { gate } = found;
  const x = Array.from({ length: 8192 }, (_, i) => -8 + ((i + 0.5) * 20) / 8192);
  const all = x.map((at) => ({ ...run(gate, at), target: functions.gelu.of(at) }));
  const mean = (of: (point: (typeof all)[number]) => number) => all.reduce((sum, point) => sum + of(point), 0) / 8192;
  expect(mean(({ value, target }) => (value - target) ** 2) / found.mse).toBeCloseTo(1, 1);
  expect(mean(({ spikes }) => spikes)).toBeCloseTo(found.spikes, 1);
});

test('a seed gives the same fit on any number of threads', async () => {
  const settings = fc.record({
    function: fc.constantFrom(...(Object.keys(functions) as FunctionName[])),
    code: fc.constantFrom('fs' as const, 'amos' as const),
    steps: fc.integer({ min: 1, max: 6 }),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    price: fc.constantFrom(0, 0.01),
    bits: fc.constantFrom(undefined, 6),
  });
  await fc.assert(
    fc.asyncProperty(settings, async (options) => {
      const [one, three] = await Promise.all([1, 3].map((threads) => fitGate({ ...options, restarts: 3, threads })));
      expect(three).toEqual(one);
      expect(one.gate.threshold).toHaveLength(options.steps);
      expect(one.grids === undefined).toBe(options.bits === undefined);
    }),
    { numRuns: 8 },
  );
}, 60_000);

test('importance is where errors become small, and a price is paid in spikes', async () => {
  const options: FitOptions = { function: 'silu', restarts: 16 };
  const narrow = await fitGate({ ...options, importance: { mean: 0, deviation: 0.4 } });
  const even = await fitGate(options);
  expect(narrow.weightedMse).toBeLessThan(even.weightedMse);
  const dear = await fitGate({ ...options, importance: { mean: 0, deviation: 0.4 }, price: 0.01 });
  expect(dear.spikes).toBeLessThan(narrow.spikes);
  const counts = Float64Array.from({ length: 200 }, (_, i) => Math.exp(-0.5 * ((-8 + 0.1 * (i + 0.5)) / 0.4) ** 2));
  const measured = await fitGate({ ...options, importance: { range: [-8, 12], counts } });
  expect(measured.weightedMse / narrow.weightedMse).toBeLessThan(2);
});

test('any function is fitted, of two inputs too', async () => {
  const bump = await fitGate({ function: (x) => Math.exp(-x * x), range: [-3, 3], restarts: 16 });
  expect(bump.maxError).toBeLessThan(0.2);
  const product = await fitGate({
    function: 'product',
    code: 'amos',
    range: [-1, 3],
    secondRange: [0, 1],
    restarts: 2,
  });
  expect(product).toMatchObject({ code: 'amos', secondRange: [0, 1] });
  expect(product.mse).toBeLessThan(0.05);
});

test('a fit reports progress and can be cancelled', async () => {
  const shares: number[] = [];
  await fitGate({ function: 'tanh', restarts: 1, onProgress: (share) => shares.push(share) });
  expect(shares.at(-1)).toBe(1);
  const abort = new AbortController();
  const fit = fitGate({ function: 'tanh', restarts: 60_000, signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(fit).rejects.toThrow('enough');
});

test.each<[string, Partial<FitOptions>, RegExp]>([
  ['no steps', { steps: 0 }, /0 steps/],
  ['too many steps', { steps: 33 }, /33 steps/],
  ['an empty range', { range: [1, 1] }, /from 1 to 1/],
  ['a range without an end', { range: [0, Number.POSITIVE_INFINITY] }, /Infinity/],
  ['a negative price', { price: -1 }, /cannot cost -1/],
  ['one bit', { bits: 1 }, /1 bits/],
  ['no restarts', { restarts: 0 }, /0 restarts/],
  ['a seed that is no whole number', { seed: 0.5 }, /seed 0.5/],
  ['a function that nobody knows', { function: 'arctan' as FunctionName }, /no function "arctan"/],
  ['a function that is not finite', { function: (x) => Math.sqrt(x) }, /not finite everywhere/],
  ['an importance that is negative', { importance: (x) => x }, /importance is negative/],
  ['a product as a neuron', { function: 'product' }, /one input/],
  ['a code without gates', { code: 'ttfs' as 'fs' }, /nothing to fit/],
])('%s is refused', async (_, options, message) => {
  const refused = fitGate({ function: 'silu', ...options });
  await expect(refused).rejects.toMatchObject({ name: 'ConvertError', code: 'OPTION_INVALID' });
  await expect(refused).rejects.toThrow(message);
});
