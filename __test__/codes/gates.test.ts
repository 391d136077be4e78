/** Gates of `fs` and `amos`: published ones bit for bit, shipped and fitted ones as good as they say. */

import { describe, expect, test, vi } from 'vitest';
import { type FunctionName, functions } from '../../src/codes/functions.js';
import { published } from '../../src/codes/published.js';
import { shippedAmos, shippedFewSpike } from '../../src/codes/shipped.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import type { Graph } from '../../src/graph/graph.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { constant, GraphBuilder } from '../support/graphs.js';
import { uniform } from './networks.js';
import { largestDifference } from './spikes.js';

/** An activation function of some numbers, read one by one. */
function functionGraph(fn: 'sigmoid' | 'silu' | 'relu', count: number): Graph {
  const one = Float64Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  return new GraphBuilder([count])
    .add({ op: 'Activation', fn })
    .add({
      op: 'Dense',
      layout: 'in-out',
      weights: { values: constant([count, count], one) },
      bias: { values: new Float64Array(count) },
    })
    .build();
}

/** A network of two activation functions and a squeeze-and-excite product, and images for it. */
function smooth() {
  const builder = new GraphBuilder([3, 6, 6]).conv(6, { kernel: [3, 3], pads: [1, 1, 1, 1] });
  const wide = builder.add({ op: 'Activation', fn: 'silu' }).last;
  builder
    .averagePool({ kernel: [6, 6] })
    .conv(6, {}, 7)
    .add({ op: 'Activation', fn: 'sigmoid' });
  builder.add({ op: 'Mul' }, [6, 6, 6], [wide, builder.last]);
  const graph = builder
    .averagePool({ kernel: [3, 3], strides: [3, 3] })
    .reshape([24])
    .dense(5)
    .build();
  const data = uniform(32 * 108, 5).map(Math.fround);
  return { graph, batch: { data, shape: [32, 3, 6, 6] } };
}

/** Published conformance vectors: input, value, and the steps that spike. */
const VECTORS: Readonly<Record<'silu' | 'sigmoid', readonly (readonly [number, number, string])[]>> = {
  silu: [
    [-8, 0, '0000000000000000'],
    [-4, -0.148306, '0000000000000001'],
    [-1, -0.262171, '0000000000000100'],
    [0, 0.066156, '0000000000010100'],
    [0.5, 0.277787, '1000000000001100'],
    [1, 0.720413, '1000000000101100'],
    [2, 1.749569, '1000100000001100'],
    [4, 3.844216, '1110000000010100'],
    [8, 7.944287, '1111100010001100'],
    [12, 11.921154, '1111111100001100'],
  ],
  sigmoid: [
    [-4, 0.010218, '000000000001'],
    [-1, 0.286813, '000101100001'],
    [0, 0.555669, '100011001000'],
    [1, 0.74634, '110010100001'],
    [4, 0.999388, '111000000000'],
    [12, 1.178158, '111011001000'],
  ],
};

describe.each(['silu', 'sigmoid'] as const)('published gates of %s', (fn) => {
  test.each(['event', 'layered'] as const)('give their conformance vectors in the %s engine', async (engine) => {
    const vectors = VECTORS[fn];
    const graph = functionGraph(fn, vectors.length);
    const batch = { data: Float64Array.from(vectors, ([x]) => x), shape: [1, vectors.length] };
    const calibration = await calibrate(graph, [batch]);
    const onWarning = () => {};
    const network = await convert(graph, { code: 'fs', gates: 'published', calibration, onWarning });
    const { spikes, logits } = await network.run(batch, { engine, precision: 'f64', record: { spikes: true } });
    const [layer] = spikes ?? [];
    vectors.forEach(([, value, pattern], neuron) => {
      const steps = Array.from(layer.times).filter((_, i) => layer.neurons[i] === neuron);
      expect(Array.from(pattern, (_, t) => Number(steps.includes(t))).join('')).toBe(pattern);
      const worth = published[fn]?.output.reduce((sum, d, t) => (steps.includes(t) ? sum + d : sum), 0);
      expect(logits.data[neuron]).toBe(worth);
      expect(logits.data[neuron]).toBeCloseTo(value, 6);
    });
  });
});

test('gates of all functions come with the package, as good as they say', () => {
  const all = Object.keys(functions).filter((name) => name !== 'relu');
  expect(Object.keys(shippedFewSpike)).toEqual(all);
  expect(Object.keys(shippedAmos)).toEqual(all);
  for (const name of all) {
    const { gate, mse, settings } = shippedFewSpike[name];
    const [low, high] = gate.range;
    let sum = 0;
    for (let i = 0; i < 8192; i++) {
      const x = low + ((i + 0.5) * (high - low)) / 8192;
      let [v, value] = [x, 0];
      for (let t = 0; t < settings.steps; t++) {
        if (v <= gate.threshold[t]) continue;
        v -= gate.reset[t];
        value += gate.output[t];
      }
      sum += (value - functions[name as FunctionName].of(x)) ** 2;
    }
    expect(sum / 8192 / mse, name).toBeCloseTo(1, 2);
  }
});

test.each<Exclude<ConvertOptions, { code: 'ann' }>>([
  { code: 'fs' },
  { code: 'fs', input: 'spikes', steps: 14 },
  { code: 'amos', product: 'exact' },
  { code: 'amos' },
])('fitted gates come close to the network: %j', async (options) => {
  const { graph, batch } = smooth();
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { ...options, price: 1e-4, restarts: 16, calibration } as ConvertOptions);
  const [layered, event] = await Promise.all(
    (['layered', 'event'] as const).map((engine) => network.run(batch, { engine, precision: 'f64', compare: true })),
  );
  expect(largestDifference(layered.logits.data, event.logits.data)).toBeLessThan(1e-9);
  const { original } = layered;
  const { name, relativeRms } = original?.differences.at(-1) ?? { name: '', relativeRms: 1 };
  expect(relativeRms, name).toBeLessThan(0.1);
  const roles = network.layers.map(({ role }) => role);
  expect(roles.filter((role) => role === 'activation')).toHaveLength(
    options.code === 'amos' && options.product !== 'exact' ? 3 : 2,
  );
});

test.each<ConvertOptions>([{ code: 'fs', input: 'spikes' }, { code: 'amos' }])(
  'parameters survive JSON: %j',
  async (options) => {
    const { graph, batch } = smooth();
    const calibration = await calibrate(graph, [batch]);
    const network = await convert(graph, { ...options, restarts: 1, calibration } as ConvertOptions);
    const again = new SpikingNetwork(graph, options.code, JSON.parse(JSON.stringify(network.code.parameters)));
    expect((await again.run(batch)).logits.data).toEqual((await network.run(batch)).logits.data);
  },
);

test('a signed input is sent as digits of either sign', async () => {
  const graph = functionGraph('relu', 4);
  const batch = { data: Float64Array.of(-1, -0.3, 0.25, 1), shape: [1, 4] };
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { code: 'fs', input: 'spikes', steps: 8, calibration });
  const { spikes, logits, counters } = await network.run(batch, { precision: 'f64', record: { spikes: true } });
  // Positive digits are sent in even steps, negative ones in odd ones.
  const [input] = spikes ?? [];
  input.neurons.forEach((neuron, i) => {
    expect(input.times[i] % 2).toBe(neuron < 2 ? 1 : 0);
  });
  expect(largestDifference(logits.data, [0, 0, 0.25, 1])).toBeLessThan(2 ** -7);
  expect(counters.layers.map(({ role }) => role)).toEqual(['input', 'input', 'activation', 'readout']);
});

test('the same network is fitted once', async () => {
  const { graph, batch } = smooth();
  const calibration = await calibrate(graph, [batch]);
  const shares: number[] = [];
  const options = { code: 'fs' as const, restarts: 2, calibration, onProgress: (share: number) => shares.push(share) };
  const first = await convert(graph, options);
  const again = await convert(graph, options);
  expect(again.code.parameters).toEqual(first.code.parameters);
  expect(shares.at(-1)).toBe(1);
  const abort = new AbortController();
  abort.abort(new Error('enough'));
  await expect(convert(graph, { ...options, signal: abort.signal })).rejects.toThrow('enough');
});

test('a range that clips more than a tenth is warned of, with the share and the layer', async () => {
  const { graph, batch } = smooth();
  const calibration = await calibrate(graph, [batch]);
  const onWarning = vi.fn();
  await convert(graph, { code: 'fs', calibration, restarts: 1, percentile: 98, onWarning });
  expect(onWarning).not.toHaveBeenCalled();
  await convert(graph, { code: 'fs', calibration, restarts: 1, percentile: 80, onWarning });
  const [{ layer, message, remedy }] = onWarning.mock.calls[0];
  expect(layer).toMatch(/^Activation/);
  expect(message).toMatch(/clips (3\d|4\d)\.\d %/);
  expect(remedy).toMatch(/percentile/);
});

test.each<Exclude<ConvertOptions, { code: 'ann' }>>([
  { code: 'fs' },
  { code: 'amos' },
  { code: 'quartz' },
  { code: 'if' },
  { code: 'lif' },
  { code: 'ttfs', zeta: 0, saturate: true },
  { code: 'ttfs-alpha', zeta: 0 },
])('in $code too', async (options) => {
  const graph = functionGraph('relu', 4);
  const batch = { data: uniform(400, 3), shape: [100, 4] };
  const calibration = await calibrate(graph, [batch]);
  const onWarning = vi.fn();
  await convert(graph, { ...options, calibration, percentile: 99, onWarning });
  expect(onWarning).not.toHaveBeenCalled();
  await convert(graph, { ...options, calibration, percentile: 75, onWarning });
  const [{ layer, message, remedy }] = onWarning.mock.calls[0];
  expect(layer).toMatch(/^Activation/);
  expect(message).toMatch(/clips 2\d\.\d %/);
  expect(remedy).toMatch(/percentile/);
});

test('a layer that is mostly silent is not said to be clipped where it is not', async () => {
  const graph = functionGraph('relu', 4);
  const batch = { data: uniform(400, 3), shape: [100, 4] };
  const calibration = await calibrate(graph, [batch]);
  const onWarning = vi.fn();
  // The percentile is that of zeros; the range is 1 then, which is beyond all activations.
  const { max, name } = [...calibration.layers.values()].filter((layer) => layer.name.startsWith('Activation'))[0];
  expect(max).toBeLessThan(1);
  await convert(graph, { code: 'fs', calibration, layerPercentiles: { [name]: 1 }, onWarning });
  expect(onWarning).not.toHaveBeenCalled();
});

test.each<[string, object, RegExp]>([
  ['no steps', { code: 'fs', steps: 0 }, /0 steps/],
  ['too many steps', { code: 'amos', steps: 25 }, /25 steps/],
  ['a negative price', { code: 'fs', price: -1 }, /cannot cost/],
  ['no restarts', { code: 'amos', restarts: 0 }, /0 restarts/],
  ['gates from nowhere', { code: 'fs', gates: 'guessed' }, /gates cannot be "guessed"/],
  ['circuits that nobody published', { code: 'amos', gates: 'published' }, /no gates of this code were published/],
  ['a product in between', { code: 'amos', product: 'half' }, /product cannot be "half"/],
  ['products of fs', { code: 'fs', product: 'spiking' }, /no option "product"/],
  ['an input of another kind', { code: 'fs', input: 'rates' }, /input cannot be "rates"/],
])('%s: refused', async (_, options, message) => {
  const { graph, batch } = smooth();
  const calibration = await calibrate(graph, [batch]);
  const refused = convert(graph, { ...options, calibration } as ConvertOptions);
  await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  await expect(refused).rejects.toThrow(message);
});
