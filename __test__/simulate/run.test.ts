import ndarray from 'ndarray';
import { beforeAll, describe, expect, test } from 'vitest';
import { DataError, FirstspikeError } from '../../src/errors.js';
import { describeGraph } from '../../src/graph/describe.js';
import { elements } from '../../src/graph/graph.js';
import { spikesPerNeuron, total } from '../../src/simulate/counters.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import type { TensorData, TensorLike } from '../../src/tensor.js';
import { largestDifference } from '../codes/spikes.js';
import { GraphBuilder } from '../support/graphs.js';
import { evaluate } from '../support/interpreter.js';
import { SHAPE, slowNetwork, smallGraph, smallImages, smallNetwork } from './support.js';

let network: SpikingNetwork;
beforeAll(async () => {
  network = await smallNetwork();
});

const count = 7;
const data = smallImages(count);
const batch = { data, shape: [count, ...SHAPE] };
const imageOf = (image: number): TensorLike => ({ data: data.slice(image * 60, (image + 1) * 60), shape: SHAPE });

describe('a batch', () => {
  test('gives for each image what the image gives alone', async () => {
    for (const engine of ['layered', 'event'] as const) {
      const together = await network.run(batch, { engine });
      expect(together.logits.shape).toEqual([count, 4]);
      for (let image = 0; image < count; image++) {
        const alone = await network.run(imageOf(image), { engine });
        expect(alone.logits.shape).toEqual([1, 4]);
        expect(together.logits.data.slice(image * 4, image * 4 + 4)).toEqual(alone.logits.data);
        expect(together.labels[image]).toBe(alone.labels[0]);
        expect(together.imageSpikes[image]).toBe(alone.imageSpikes[0]);
      }
    }
  });

  test('is labelled by its largest logits, the first of equal ones', async () => {
    const { logits, labels } = await network.run(batch);
    for (let image = 0; image < count; image++) {
      const own = [...logits.data.slice(image * 4, image * 4 + 4)];
      expect(labels[image]).toBe(own.indexOf(Math.max(...own)));
    }
    const constant = new GraphBuilder([1]).dense(1).affine([0], [1]).build();
    const equal = await new SpikingNetwork(constant, 'ann', {}).run({ data: [5], shape: [1] });
    expect([...equal.labels]).toEqual([0]);
  });

  test('may be empty', async () => {
    const { logits, labels, counters, imageSpikes } = await network.run({ data: [], shape: [0, ...SHAPE] });
    expect([logits.shape, labels.length, imageSpikes.length]).toEqual([[0, 4], 0, 0]);
    expect([counters.images, total(counters, 'spikes')]).toEqual([0, 0]);
  });
});

describe('images may be', () => {
  const whole = Float32Array.from(data, (x) => Math.round(x * 100));
  let expected: ArrayLike<number>;
  beforeAll(async () => {
    expected = (await network.run({ data: whole, shape: batch.shape })).logits.data;
  });
  const [n, c, h, w] = batch.shape;
  /** The same numbers, in the order [height][width][channel][image]. */
  const turned = new Float32Array(whole.length);
  whole.forEach((value, i) => {
    const [image, rest] = [Math.floor(i / (c * h * w)), i % (c * h * w)];
    turned[(rest % (h * w)) * c * n + Math.floor(rest / (h * w)) * n + image] = value;
  });
  const cases: [string, TensorLike][] = [
    ['32-bit floats', { data: whole, shape: batch.shape }],
    ['64-bit floats', { data: Float64Array.from(whole), shape: batch.shape }],
    ['whole numbers', { data: Int8Array.from(whole), shape: batch.shape }],
    ['a plain array', { data: [...whole], shape: batch.shape }],
    ['a tensor of ONNX Runtime', { data: whole, dims: batch.shape }],
    ['an ndarray', ndarray(whole, [...batch.shape])],
    ['an ndarray with other strides', ndarray(turned, batch.shape, [1, n, w * c * n, c * n])],
    ['a part of a larger array', { data: Float32Array.of(9, 9, ...whole, 9), shape: batch.shape, offset: 2 }],
    ['in reverse order', { data: whole.toReversed(), shape: batch.shape, stride: [-60, -30, -5, -1], offset: 419 }],
  ];
  test.each(cases)('%s', async (_, tensor) => {
    expect((await network.run(tensor)).logits.data).toEqual(expected);
  });

  test('64-bit floats, which are not rounded in double precision', async () => {
    const identity = new GraphBuilder([3]).affine([1, 1, 1], [0, 0, 0]).build();
    const image = Float64Array.of(1 / 3, Math.PI, 1e-12);
    const { logits } = await new SpikingNetwork(identity, 'ann', {}).run(
      { data: image, shape: [3] },
      { precision: 'f64' },
    );
    expect(logits.data).toEqual(image);
  });
});

describe('recorded', () => {
  test('spikes are all there are: neurons ascending, times within the window', async () => {
    for (const engine of ['layered', 'event'] as const) {
      const { spikes = [], counters } = await network.run(batch, { engine, record: { spikes: true } });
      expect(spikes.map(({ name }) => name)).toEqual(
        network.layers.filter(({ window }) => window).map(({ name }) => name),
      );
      for (const { name, offsets, neurons, times } of spikes) {
        const layer = network.layers.find((candidate) => candidate.name === name);
        expect([...offsets]).toEqual([...offsets].sort((a, b) => a - b));
        expect([offsets.length, offsets[0], offsets[count]]).toEqual([count + 1, 0, neurons.length]);
        expect(times.length).toBe(neurons.length);
        expect(neurons.length).toBe(counters.layers.find((counts) => counts.name === name)?.spikes);
        for (let image = 0; image < count; image++) {
          const own = [...neurons.slice(offsets[image], offsets[image + 1])];
          expect(own).toEqual([...new Set(own)].sort((a, b) => a - b));
          expect(Math.max(...own)).toBeLessThan(elements(layer?.shape ?? []));
        }
        expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...times)).toBeLessThanOrEqual(layer?.window?.width ?? 0);
      }
    }
  });

  test('spikes of each neuron are those of the trains, summed over the batch', async () => {
    const { spikes = [], counters } = await network.run(batch, { record: { spikes: true, neurons: true } });
    for (const { name, neurons } of spikes) {
      const { neuronSpikes, neurons: size } = counters.layers.find((layer) => layer.name === name) ?? {};
      const expected = new Uint32Array(size ?? 0);
      for (const neuron of neurons) expected[neuron]++;
      expect(neuronSpikes).toEqual(expected);
    }
  });

  test('nothing is kept that was not asked for', async () => {
    const result = await network.run(batch);
    expect(result.spikes).toBeUndefined();
    expect(result.original).toBeUndefined();
    expect(result.counters.layers.filter((layer) => layer.neuronSpikes)).toEqual([]);
  });
});

describe('compared with the original', () => {
  test('each layer differs by rounding alone', async () => {
    for (const [precision, bound] of [['f64', 1e-12] as const, ['f32', 1e-4] as const]) {
      const { original } = await network.run(batch, { precision, compare: true });
      expect(original?.differences.map(({ name }) => name)).toEqual(network.layers.map(({ name }) => name));
      for (const { name, max, relativeRms } of original?.differences ?? []) {
        expect(max, name).toBeLessThan(bound * 10);
        expect(relativeRms, name).toBeLessThan(bound);
      }
    }
  });

  test('logits and labels of the original are those of the twin', async () => {
    const twin = await new SpikingNetwork(smallGraph(), 'ann', {}).run(batch, { precision: 'f64' });
    const { original } = await network.run(batch, { precision: 'f64', compare: true });
    expect(original?.logits.data).toEqual(twin.logits.data);
    expect(original?.labels).toEqual(twin.labels);
  });

  test('differences and active neurons are those of the activations themselves', async () => {
    // Too narrow a window, so that there is something to see.
    const parameters = { ...(network.code.parameters as { windows: object; inputRange: [number, number] }) };
    const windows = Object.fromEntries(Object.entries(parameters.windows).map(([name, width]) => [name, width / 4]));
    const clipped = new SpikingNetwork(smallGraph(), 'ttfs', { ...parameters, windows, saturate: true });
    const options = { precision: 'f64', compare: true, record: { spikes: true } } as const;
    const { original, spikes = [] } = await clipped.run(batch, options);
    const { graph } = clipped;
    const first = graph.nodes.find(({ op }) => op === 'Activation');
    const values = Array.from({ length: count }, (_, image) => {
      const own = evaluate(graph, data.slice(image * 60, (image + 1) * 60)).get(first?.output ?? '');
      return [...(own ?? [])];
    }).flat();
    const width = windows[first?.name ?? ''];
    const errors = values.map((value) => Math.max(0, value - width));
    const squares = (numbers: number[]) => numbers.reduce((sum, x) => sum + x * x, 0);
    const found = original?.differences.find(({ name }) => name === first?.name);
    expect(found?.max).toBeCloseTo(Math.max(...errors), 10);
    expect(found?.relativeRms).toBeCloseTo(Math.sqrt(squares(errors) / squares(values)), 10);
    expect(found?.originalActive).toBe(values.filter((value) => value > 0).length);
    expect(spikes.length).toBeGreaterThan(0);
  });
});

describe('counters', () => {
  test('of a batch are the sums over its images', async () => {
    for (const engine of ['layered', 'event'] as const) {
      const { counters, imageSpikes } = await network.run(batch, { engine });
      const alone = await Promise.all(
        Array.from({ length: count }, async (_, image) => (await network.run(imageOf(image), { engine })).counters),
      );
      for (const what of ['spikes', 'saturated', 'synapticEvents', 'operations', 'updates', 'memoryReads'] as const) {
        expect(total(counters, what), what).toBe(alone.reduce((sum, one) => sum + total(one, what), 0));
      }
      expect(imageSpikes.reduce((a, b) => a + b, 0)).toBe(total(counters, 'spikes'));
      expect([...imageSpikes]).toEqual(alone.map((one) => total(one, 'spikes')));
    }
  });

  test('are the same in both engines, but for the operations that were executed', async () => {
    const [layered, event] = await Promise.all(
      (['layered', 'event'] as const).map((engine) => network.run(batch, { engine, precision: 'f64' })),
    );
    const rest = ({ counters }: typeof event) => counters.layers.map(({ operations, dense, ...counts }) => counts);
    expect(rest(layered)).toEqual(rest(event));
    expect(total(event.counters, 'dense')).toBe(0);
  });

  test('tell where layers were dense, and that none is where only spikes may cause work', async () => {
    const [fastest, events] = await Promise.all([true, false].map((dense) => network.run(batch, { dense })));
    expect(total(fastest.counters, 'dense')).toBeGreaterThan(0);
    expect(total(events.counters, 'dense')).toBe(0);
    expect(total(events.counters, 'operations')).toBeLessThan(total(fastest.counters, 'operations'));
    expect(events.labels).toEqual(fastest.labels);
  });

  test('have the time of each layer, if it is recorded', async () => {
    const [timed, bare] = await Promise.all([true, false].map((times) => network.run(batch, { record: { times } })));
    const seconds = timed.counters.layers.map((layer) => layer.seconds ?? Number.NaN);
    expect(Math.min(...seconds)).toBeGreaterThan(0);
    expect(bare.counters.layers.every((layer) => layer.seconds === undefined)).toBe(true);
  });

  test('of a dense layer: an event for each spike and target, an update for each neuron', async () => {
    const dense = new GraphBuilder([6]).affine([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]).relu().dense(5).build();
    const parameters = { saturate: false, inputRange: [0, 1], windows: { [dense.nodes[1].name]: 1 } };
    const spiking = new SpikingNetwork(dense, 'ttfs', parameters);
    const { counters } = await spiking.run({ data: [0, 0.5, 0, 1, 0.25, 0], shape: [6] });
    const [input, activation, readout] = counters.layers;
    expect(input).toMatchObject({ role: 'input', neurons: 6, spikes: 3, synapticEvents: 0, saturated: 0 });
    expect(activation).toMatchObject({ role: 'activation', neurons: 6, spikes: 3, synapticEvents: 3, updates: 6 });
    expect(activation).toMatchObject({ memoryReads: 2 * (3 + 6), memoryWrites: 3 + 6 });
    expect(readout).toMatchObject({ role: 'readout', neurons: 5, spikes: 0, synapticEvents: 15 });
    expect(spikesPerNeuron(counters)).toBe(0.5);
  });
});

test('connections are the multiply-adds of the graph, where no kernel overhangs a border', () => {
  const graph = new GraphBuilder(SHAPE)
    .conv(4, { kernel: [3, 2], strides: [2, 1] })
    .relu()
    .conv(4, { kernel: [2, 3], dilations: [1, 1] }, 2, 2)
    .relu()
    .reshape([8])
    .dense(3)
    .build();
  const connections = new SpikingNetwork(graph, 'ann', {}).layers.map((layer) => layer.connections);
  const macs = describeGraph(graph).nodes.map((node) => node.macs);
  expect(connections.filter((n) => n > 0)).toEqual(macs.filter((n) => n > 0));
});

test('results do not depend on threads, nor on runs that go on at the same time', async () => {
  const plain = ({ seconds, ...result }: Awaited<ReturnType<SpikingNetwork['run']>>) => result;
  for (const engine of ['layered', 'event'] as const) {
    const options = { engine, compare: true, record: { spikes: true, neurons: true } };
    const expected = plain(await network.run(batch, { ...options, threads: 1 }));
    const others = [0, 1, 2, 3, 3, 2, 1, 0].map((threads) => network.run(batch, { ...options, threads }));
    for (const other of await Promise.all(others)) expect(plain(other)).toEqual(expected);
  }
});

describe('refuses', () => {
  const tensors: [string, TensorLike, RegExp][] = [
    ['another shape', { data: new Float32Array(60), shape: [6, 5, 2] }, /\[2,6,5\].*\[6,5,2\]/],
    ['a flat image', { data: new Float32Array(60), shape: [60] }, /\[2,6,5\].*\[60\]/],
    ['too many axes', { data: new Float32Array(60), shape: [1, 1, 2, 6, 5] }, /\[2,6,5\].*\[1,1,2,6,5\]/],
    ['too little data', { data: new Float32Array(59), shape: SHAPE }, /60 elements.*59/],
    ['an offset beyond the data', { data: new Float32Array(60), shape: SHAPE, offset: 1 }, /60 elements/],
    ['a negative offset', { data: new Float32Array(60), shape: SHAPE, offset: -1 }, /60 elements/],
    ['an offset that is NaN', { data: new Float32Array(60), shape: SHAPE, offset: Number.NaN }, /whole numbers/],
    ['strides beyond the data', { data: new Float32Array(60), shape: SHAPE, stride: [30, 5, 2] }, /60 elements/],
    ['strides before the data', { data: new Float32Array(60), shape: SHAPE, stride: [-30, 5, 1] }, /60 elements/],
    ['too few strides', { data: new Float32Array(60), shape: SHAPE, stride: [30] }, /strides \[30\]/],
    ['a fractional shape', { data: new Float32Array(60), shape: [2, 6, 2.5] }, /whole numbers/],
    ['a negative shape', { data: new Float32Array(60), shape: [-1, 2, 6, 5] }, /whole numbers/],
    ['no shape', { data: new Float32Array(60) }, /shape/],
    ['no data', { shape: SHAPE } as unknown as TensorLike, /data/],
    ['no tensor', undefined as unknown as TensorLike, /data/],
    ['bytes without a type', { data: new ArrayBuffer(240) as unknown as TensorData, shape: SHAPE }, /data/],
    ['64-bit integers', { data: new BigInt64Array(60) as unknown as TensorData, dims: SHAPE }, /data/],
  ];
  test.each(tensors)('%s', async (_, tensor, message) => {
    const error: FirstspikeError = await network.run(tensor).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('INPUT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.remedy).not.toBe('');
  });

  test('an image with a value that single precision cannot hold, unless it runs in double', async () => {
    const images = Float64Array.from(data);
    images[3 * 60 + 17] = 1e300;
    const error = await network.run({ data: images, shape: batch.shape }).catch((thrown) => thrown);
    expect(error.code).toBe('INPUT_INVALID');
    expect(error.message).toMatch(/image 3\b.*\b17\b/);
    const { logits } = await network.run({ data: images, shape: batch.shape }, { precision: 'f64' });
    expect([...logits.data].every(Number.isFinite)).toBe(true);
  });

  test.each(['event', 'layered'] as const)(
    'an image that drives the %s engine beyond its precision',
    async (engine) => {
      const graph = new GraphBuilder([1]).affine([1e30], [0]).dense(1).affine([1e30], [0]).build();
      const twin = new SpikingNetwork(graph, 'ann', {});
      const error = await twin.run({ data: [1, 1e20], shape: [2, 1] }, { engine }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toMatch(/precision/);
    },
  );

  test('weights that single precision cannot hold, unless it runs in double', async () => {
    const graph = new GraphBuilder([1]).dense(1).affine([1e300], [0]).build();
    const twin = new SpikingNetwork(graph, 'ann', {});
    const error = await twin.run({ data: [1], shape: [1] }).catch((thrown) => thrown);
    expect(error.code).toBe('MODEL_INVALID');
    expect((await twin.run({ data: [1], shape: [1] }, { precision: 'f64' })).logits.data[0]).toBeGreaterThan(1e250);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'an image with %d in it, and says where',
    async (value) => {
      for (const images of [Float32Array.from(data), Float64Array.from(data)]) {
        images[3 * 60 + 17] = value;
        const error = await network.run({ data: images, shape: batch.shape }).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(DataError);
        expect(error.code).toBe('INPUT_INVALID');
        expect(error.message).toMatch(/image 3\b.*\b17\b/);
      }
      // Nothing is left behind.
      expect((await network.run(batch)).labels).toEqual((await network.run(batch)).labels);
    },
  );

  test.each([
    ['an engine that is not there', { engine: 'fast' as 'event' }, /engine "fast".*event/],
    ['a precision that is not there', { precision: 'f16' as 'f32' }, /precision "f16".*f32 or f64/],
    ['a negative number of threads', { threads: -1 }, /threads cannot be -1/],
    ['half a thread', { threads: 0.5 }, /threads cannot be 0.5/],
    ['too many threads', { threads: 1e6 }, /threads cannot be 1000000/],
    ['threads that are NaN', { threads: Number.NaN }, /threads cannot be NaN/],
  ])('%s', async (_, options, message) => {
    const error = await network.run(batch, options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(FirstspikeError);
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toMatch(message);
  });
});

describe('cancelling', () => {
  test('before a run rejects with the reason', async () => {
    const reason = new Error('not today');
    await expect(network.run(batch, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(network.run(batch, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('during a run rejects with the reason at once, and the network can run again', async () => {
    const { network: slow, shape } = slowNetwork();
    const images = { data: new Float32Array(64 * 8 * 32 * 32), shape: [64, ...shape] };
    const complete = await slow.run(images, { threads: 1 });
    const abort = new AbortController();
    const reason = new Error('enough');
    const run = slow.run(images, { threads: 1, signal: abort.signal });
    const start = performance.now();
    abort.abort(reason);
    await expect(run).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan((complete.seconds * 1000) / 2);
    const again = await slow.run({ data: images.data.subarray(0, 8 * 32 * 32), shape: [1, ...shape] });
    expect(largestDifference(again.logits.data, complete.logits.data.subarray(0, again.logits.data.length))).toBe(0);
  });

  test('after a run changes nothing', async () => {
    const abort = new AbortController();
    const { labels } = await network.run(batch, { signal: abort.signal });
    abort.abort();
    expect((await network.run(batch)).labels).toEqual(labels);
  });
});
