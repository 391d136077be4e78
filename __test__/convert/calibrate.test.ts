import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Calibration, LayerStatistics } from '../../src/codes/calibration.js';
import { type CalibrateOptions, calibrate } from '../../src/convert/calibrate.js';
import { FirstspikeError } from '../../src/errors.js';
import { shapeOf } from '../../src/graph/graph.js';
import type { TensorLike } from '../../src/tensor.js';
import { samples, uniform } from '../codes/networks.js';
import { expectError } from '../data/support.js';
import { SHAPE, smallGraph, smallImages } from '../simulate/support.js';
import { evaluate } from '../support/interpreter.js';

const COUNT = 50;
const graph = smallGraph();
const data = smallImages(COUNT);
const all: TensorLike = { data, shape: [COUNT, ...SHAPE] };
const parts = (...ends: number[]): TensorLike[] =>
  ends.map((end, i) => {
    const start = ends[i - 1] ?? 0;
    return { data: data.slice(start * 60, end * 60), shape: [end - start, ...SHAPE] };
  });

/** Everything that a calibration tells. */
function told({ images, layers }: Calibration, channel?: number) {
  return {
    images,
    layers: [...layers].map(([key, { name, count, min, max, zeros, channels, percentile }]) => {
      const percentiles = [0, 0.1, 25, 50, 99, 99.9, 100].map((percent) => percentile(percent, channel));
      return { key, name, count, min, max, zeros, channels, percentiles };
    }),
  };
}

/** Expects a percentile to lie between its neighbours in the sorted values, but for its own accuracy. */
function expectPercentile(statistics: LayerStatistics, values: readonly number[], accuracy: number, channel?: number) {
  const sorted = values.toSorted((a, b) => a - b);
  for (const percent of [0, 1, 10, 33.3, 50, 90, 99, 99.9, 100]) {
    const rank = (percent / 100) * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
    const found = statistics.percentile(percent, channel);
    // Calibration runs in single precision.
    const slack = (value: number) => accuracy * Math.abs(value) + 1e-6;
    expect(found, `percentile ${percent}`).toBeGreaterThanOrEqual(low - slack(low));
    expect(found, `percentile ${percent}`).toBeLessThanOrEqual(high + slack(high));
  }
}

function expectStatistics(found: LayerStatistics | LayerStatistics['channels'][0], values: readonly number[]): void {
  expect(found.count).toBe(values.length);
  expect(found.min).toBeCloseTo(Math.min(...values), 4);
  expect(found.max).toBeCloseTo(Math.max(...values), 4);
  // What is zero but for rounding may count or not.
  const nearly = values.filter((value) => Math.abs(value) < 1e-5 && value !== 0).length;
  expect(Math.abs(found.zeros * values.length - values.filter((value) => value === 0).length)).toBeLessThanOrEqual(
    nearly + 1e-6,
  );
}

describe('statistics', () => {
  test('of input and ReLUs are those of all their activations', async () => {
    await fc.assert(
      fc.asyncProperty(samples({ smooth: true }), async (sample) => {
        const shape = shapeOf(sample.graph, sample.graph.input);
        const images = sample.images.map((image) => ({ data: image, shape }));
        const { layers } = await calibrate(sample.graph, images);
        const tensors = sample.images.map((image) => evaluate(sample.graph, image));
        const valuesOf = (tensor: string) => tensors.flatMap((computed) => [...(computed.get(tensor) ?? [])]);
        const input = layers.get(sample.graph.input);
        expect(input).toMatchObject({ min: Math.min(...valuesOf(sample.graph.input)) });
        for (const node of sample.graph.nodes) {
          const layer = layers.get(node.name);
          if (node.op !== 'Activation' || !layer) continue;
          expectStatistics(layer, valuesOf(node.output));
          expectPercentile(layer, valuesOf(node.output), 0.002);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('of channels are those of each channel, with percentiles if asked for', async () => {
    const { layers } = await calibrate(graph, [all], { channelPercentiles: true });
    const [, relu] = graph.nodes;
    const statistics = layers.get(relu.name);
    const images = Array.from({ length: COUNT }, (_, i) => evaluate(graph, data.slice(i * 60, (i + 1) * 60)));
    expect(statistics?.channels.length).toBe(3);
    for (let channel = 0; channel < 3; channel++) {
      const values = images.flatMap((tensors) =>
        [...(tensors.get(relu.output) ?? [])].slice(channel * 30, channel * 30 + 30),
      );
      expectStatistics(statistics?.channels[channel] as LayerStatistics, values);
      expectPercentile(statistics as LayerStatistics, values, 0.03, channel);
    }
  });

  test('of every layer of the network that is converted', async () => {
    const { layers } = await calibrate(graph, [all]);
    const names = graph.nodes.filter(({ op }) => op === 'Activation' || op === 'Dense').map(({ name }) => name);
    for (const name of ['input', ...names]) expect(layers.get(name)?.name).toBe(name);
  });

  test('of neurons that never are active are zeros', async () => {
    const { layers } = await calibrate(graph, [{ data: new Float32Array(60).fill(-1e9), shape: SHAPE }]);
    const silent = [...layers.values()].filter(({ zeros }) => zeros === 1);
    for (const { min, max, percentile } of silent) expect([min, max, percentile(50)]).toEqual([0, 0, 0]);
    expect(layers.get('input')).toMatchObject({ min: -1e9, max: -1e9, zeros: 0, count: 60 });
  });
});

describe('the result does not depend', () => {
  const variations: [string, TensorLike[], CalibrateOptions][] = [
    ['on batches of 1', [all], { batch: 1 }],
    ['on batches of 7', [all], { batch: 7 }],
    ['on one batch for all', [all], { batch: Number.POSITIVE_INFINITY }],
    ['on 1 thread', [all], { threads: 1 }],
    ['on 3 threads', [all], { threads: 3 }],
    ['on how images come', parts(1, 2, 2, 17, 49, COUNT), {}],
    ['on how images come and on batches', parts(3, 9, COUNT), { batch: 4, threads: 2 }],
  ];
  test.each(variations)('%s', async (_, images, options) => {
    const expected = await calibrate(graph, [all], { channelPercentiles: true });
    const found = await calibrate(graph, images, { ...options, channelPercentiles: true });
    expect(told(found)).toEqual(told(expected));
    expect(told(found, 0)).toEqual(told(expected, 0));
  });
});

describe('images', () => {
  test('may be a stream, which is read batch by batch', async () => {
    let given = 0;
    const seen: number[] = [];
    async function* images() {
      for (; given < 10; given++) yield { data: data.slice(given * 60, (given + 1) * 60), shape: SHAPE };
    }
    const onProgress = (done: number) => {
      seen.push(done);
      expect(given).toBeLessThanOrEqual(done + 1);
    };
    expect((await calibrate(graph, images(), { batch: 3, onProgress })).images).toBe(10);
    expect(seen).toEqual([3, 6, 9, 10]);
  });

  test.each([1, 5, 13, 49, 50, 51])('are used up to a limit of %d', async (limit) => {
    const images = Math.min(limit, COUNT);
    const limited = await calibrate(graph, parts(7, 30, COUNT), { limit, batch: 8 });
    expect(told(limited)).toEqual(told(await calibrate(graph, parts(images))));
  });

  test('beyond the limit are not asked for, and their source is ended', async () => {
    let [given, ended] = [0, false];
    function* images() {
      try {
        for (;;) yield { data: uniform(60, given++), shape: SHAPE };
      } finally {
        ended = true;
      }
    }
    await calibrate(graph, images(), { limit: 4 });
    expect([given, ended]).toEqual([4, true]);
  });
});

describe('refuses', () => {
  test('to go without images', async () => {
    await expectError('DATA_INVALID', () => calibrate(graph, []));
    await expectError('DATA_INVALID', () => calibrate(graph, parts(0)));
  });

  test('images that do not fit or are not finite', async () => {
    const wrong = await expectError('INPUT_INVALID', () => calibrate(graph, [{ data: [1], shape: [1] }]));
    expect(wrong.message).toContain('[2,6,5]');
    const broken = data.slice(0, 120).fill(Number.NaN, 90, 91);
    const error = await expectError('INPUT_INVALID', () => calibrate(graph, [{ data: broken, shape: [2, ...SHAPE] }]));
    expect(error.message).toMatch(/image 1\b.*\b30\b/);
  });

  test.each([
    { threads: -1 },
    { threads: 1e9 },
    { batch: 0 },
    { batch: Number.NaN },
    { limit: 0 },
    { limit: -3 },
    { limit: Number.NaN },
  ])('options outside of their domain: %o', async (options) => {
    await expectError('OPTION_INVALID', () => calibrate(graph, [all], options));
  });

  test('percentiles that there are not', async () => {
    const input = (await calibrate(graph, [all])).layers.get('input');
    for (const percent of [-1, 101, Number.NaN]) await expectError('OPTION_INVALID', () => input?.percentile(percent));
    const unkept = await expectError('OPTION_INVALID', () => input?.percentile(50, 0));
    expect(unkept.layer).toBe('input');
    const kept = (await calibrate(graph, [all], { channelPercentiles: true })).layers.get('input');
    for (const channel of [2, -1, 0.5]) await expectError('OPTION_INVALID', () => kept?.percentile(50, channel));
  });

  test('to go on when it is cancelled', async () => {
    const reason = new Error('enough');
    await expect(calibrate(graph, [all], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    let given = 0;
    async function* images() {
      for (;;) {
        if (++given === 3) abort.abort(reason);
        yield { data, shape: all.shape };
      }
    }
    await expect(calibrate(graph, images(), { signal: abort.signal })).rejects.toBe(reason);
    expect(given).toBe(3);
    expect((await calibrate(graph, [all])).images).toBe(COUNT);
  });

  test('to hide an error of its source', async () => {
    const failure = new FirstspikeError('FILE_UNREADABLE', { message: 'gone', remedy: 'none' });
    async function* images() {
      yield all;
      throw failure;
    }
    await expect(calibrate(graph, images())).rejects.toBe(failure);
  });
});
