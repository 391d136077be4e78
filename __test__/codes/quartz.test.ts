/** Quartz: spike for spike what the authors' simulation gives, and each decision in which others differ from it. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { QuartzOptions } from '../../src/codes/quartz.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { quartzOperations } from '../../src/evaluate/quartz-operations.js';
import { readOnnx } from '../../src/import/index.js';
import { total } from '../../src/simulate/counters.js';
import type { LayerSpikes, RunResult } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { dataFile, describeWithData } from '../support/data.js';
import { constant, GraphBuilder } from '../support/graphs.js';
import { readNpz } from '../support/npz.js';
import { uniform } from './networks.js';

const ENGINES = ['event', 'layered'] as const;

describeWithData('the published simulation', () => {
  const LAYERS = ['relu1', 'relu2', 'relu3', 'fc'];

  describe.each([8, 16])('with %d levels', (levels) => {
    const golden = () => readNpz(dataFile('golden', `quartz-mnist-T${levels}.npz`));
    const run = async (engine: 'event' | 'layered', precision: 'f32' | 'f64') => {
      const graph = await readOnnx(dataFile('golden', 'quartz-convnet-normalised.onnx'));
      const digits = await openDataset(`idx:${dataFile('mnist', 't10k-images-idx3-ubyte.gz')}`);
      const images = async () => {
        for await (const batch of digits.batches({ size: 64, limit: 64 })) return batch;
        throw new Error('no images');
      };
      const batch = await images();
      const calibration = await calibrate(graph, [batch]);
      const options = { steps: levels, normalise: false, readout: 'times' } as const;
      const network = await convert(graph, { code: 'quartz', calibration, ...options });
      return { network, result: await network.run(batch, { engine, precision, record: { spikes: true } }) };
    };

    test.each([
      ['event', 'f64', 0],
      ['layered', 'f64', 0],
      ['event', 'f32', 0.0005],
      ['layered', 'f32', 0.0005],
    ] as const)('has the same spike steps: %s engine, %s', async (engine, precision, share) => {
      const { network, result } = await run(engine, precision);
      const expected = golden();
      LAYERS.forEach((name, i) => {
        const steps = stepsOf(network, result, name);
        const published = expected[`if${i}.last_step`].data;
        expect(steps.length).toBe(published.length);
        const moved = steps.map((step, n) => Math.abs(step - published[n])).filter((by) => by > 0);
        expect(moved.length, name).toBeLessThanOrEqual(share * steps.length);
        expect(moved.every((by) => by === 1)).toBe(true);
      });
      const labels = expected.label.data;
      const accuracy = Array.from(result.labels).filter((label, image) => label === labels[image]).length / 64;
      expect(accuracy).toBe(1);
    });

    test('counts the same operations, but for currents that rounding leaves or cancels', async () => {
      const { result } = await run('layered', 'f64');
      LAYERS.forEach((name, i) => {
        const layer = result.counters.layers.find((counted) => counted.name === name);
        const [published] = golden()[`if${i}.n_ops`].data;
        const ours = (layer?.receptions ?? 0) / 64;
        // Published counts are of single precision, where sums of which nothing is left seldom are exactly zero.
        expect(Math.abs(ours / published - 1), name).toBeLessThan(0.04);
        if (name === 'fc') expect(ours).toBe(published);
      });
    });
  });

  test('needs about 171 thousand operations with 16 levels, and a synaptic event for each multiply-add', async () => {
    const graph = await readOnnx(dataFile('models', 'mnist', 'quartz-convnet.onnx'));
    const digits = await openDataset(`idx:${dataFile('mnist', 't10k-images-idx3-ubyte.gz')}`);
    const calibration = await calibrate(graph, digits.batches({ size: 64, limit: 256 }));
    const network = await convert(graph, { code: 'quartz', calibration });
    for await (const batch of digits.batches({ size: 100, limit: 100 })) {
      const { counters } = await network.run(batch);
      expect(quartzOperations(counters, network.layers).operations / 100 / 171e3).toBeCloseTo(1, 1);
      expect(total(counters, 'synapticEvents') / 100).toBeCloseTo(225840, -2);
    }
  });
});

/** Step of each neuron's last spike, `[image][channel][height][width]`; -1 for those that are silent. */
function stepsOf(network: SpikingNetwork, { spikes = [], labels }: RunResult, name: string): Int32Array {
  const [height, width, channels] = network.layers.find((layer) => layer.name === name)?.shape ?? [0, 0, 0];
  const { offsets, neurons, times } = spikes.find((layer) => layer.name === name) as LayerSpikes;
  const steps = new Int32Array(labels.length * height * width * channels).fill(-1);
  for (let image = 0; image < labels.length; image++) {
    for (let i = offsets[image]; i < offsets[image + 1]; i++) {
      const [pixel, channel] = [Math.floor(neurons[i] / channels), neurons[i] % channels];
      steps[(image * channels + channel) * height * width + pixel] = times[i];
    }
  }
  return steps;
}

/** One layer as the reference describes it, step by step: steps of the output's spikes, ascending. */
function simulated(
  inputs: ArrayLike<number>,
  weights: readonly number[],
  bias: number,
  { steps: levels = 16, phases, rounding, bias: kind, biasLimit = 1.5, latch, silentZeros }: QuartzOptions,
): number[] {
  const last = levels - 1;
  const stepOf = (x: number) => {
    const step = last * (2 - x);
    const [below, rest] = [Math.floor(step), step - Math.floor(step)];
    return Math.min(4 * last - 1, below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0));
  };
  const limited = Math.max(-biasLimit, Math.min(biasLimit, bias));
  const arrivals = Array.from(inputs, (x, j) => ({ step: stepOf(x), weight: weights[j] }));
  if (kind !== 'sign') arrivals.push({ step: stepOf(limited), weight: 1 });
  else if (limited !== 0) arrivals.push({ step: stepOf(Math.abs(limited)), weight: Math.sign(limited) });
  const sum = arrivals.reduce((total, { weight }) => total + weight, 0);
  arrivals.push({ step: 2 * last, weight: 1 - sum });
  const threshold = rounding === 'down' ? levels : levels - 0.5;
  const sent: number[] = [];
  let [current, potential, spiked] = [0, 0, false];
  for (let step = 0; step <= 3 * last; step++) {
    for (const arrival of arrivals) if (arrival.step === step) current += arrival.weight;
    potential += current;
    const crosses = potential >= threshold && !(latch && spiked) && !(phases === 'two' && step < 2 * last);
    if (crosses || (step === 3 * last && !spiked && !silentZeros)) {
      // What comes before the next layer begins is lost.
      if (step >= last) sent.push(step - last);
      [current, potential, spiked] = [0, 0, true];
    }
  }
  return sent;
}

const decisions: fc.Arbitrary<QuartzOptions> = fc.record({
  steps: fc.integer({ min: 2, max: 40 }),
  latch: fc.boolean(),
  phases: fc.constantFrom('one', 'two'),
  rounding: fc.constantFrom('nearest', 'down'),
  bias: fc.constantFrom('time', 'sign'),
  biasLimit: fc.constantFrom(0.5, 1, 1.5),
  silentZeros: fc.boolean(),
});

test('a layer spikes as the reference says, whatever is decided', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 6 }), decisions, async (seed, count, options) => {
      // Multiples of a power of two, so that no sum is rounded.
      const grid = (values: Float64Array) => Array.from(values, (x) => Math.round(x * 64) / 64);
      const inputs = grid(uniform(count, seed).map(Math.abs));
      const weights = grid(uniform(count, seed + 1));
      const bias = Math.round(uniform(1, seed + 2)[0] * 128) / 64;
      const graph = new GraphBuilder([count])
        .add(
          {
            op: 'Dense',
            weights: { values: constant([1, count], weights) },
            layout: 'out-in',
            bias: { values: Float64Array.of(bias) },
          },
          [1],
        )
        .relu()
        .dense(2)
        .build();
      const images = { data: inputs, shape: [1, count] };
      const calibration = await calibrate(graph, [images]);
      const network = await convert(graph, { code: 'quartz', calibration, normalise: false, ...options });
      const { name } = network.layers.find(({ role }) => role === 'activation') ?? { name: '' };
      for (const engine of ENGINES) {
        const { spikes = [] } = await network.run(images, { engine, precision: 'f64', record: { spikes: true } });
        const layer = spikes.find((recorded) => recorded.name === name);
        expect([...(layer?.times ?? [])]).toEqual(simulated(inputs, weights, bias, options));
      }
    }),
    { numRuns: 300 },
  );
});

describe('pooling', () => {
  const shape = [2, 6, 6];
  const images = { data: uniform(20 * 72, 1).map(Math.abs), shape: [20, ...shape] };
  const window = { kernel: [2, 2], strides: [2, 2] } as const;
  const builder = () => new GraphBuilder(shape).conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] }).relu();

  test.each(ENGINES)('of the largest is the same by the first spike as by decoded values (%s)', async (engine) => {
    const graph = builder().maxPool(window).reshape([27]).dense(4).build();
    const calibration = await calibrate(graph, [images]);
    const options = { code: 'quartz', calibration, latch: true, percentile: 100, phases: 'two' } as const;
    const runs = (['spiking', 'analog'] as const).map(async (pooling) => {
      const network = await convert(graph, { ...options, pooling });
      return network.run(images, { engine, precision: 'f64' });
    });
    const [spiking, analog] = await Promise.all(runs);
    expect([...analog.logits.data]).toEqual([...spiking.logits.data]);
    const count = ({ counters }: RunResult) => total(counters, 'spikes', 'pool');
    expect(count(analog)).toBe(count(spiking));
  });

  test('of averages takes neurons only where the averages are sent as spikes', async () => {
    const graph = builder().averagePool(window).reshape([27]).dense(4).build();
    const calibration = await calibrate(graph, [images]);
    const options = { code: 'quartz', calibration, steps: 512, percentile: 100, phases: 'two' } as const;
    const spiking = await (await convert(graph, { ...options, pooling: 'spiking' })).run(images, { compare: true });
    const analog = await (await convert(graph, { ...options, pooling: 'analog' })).run(images);
    expect(total(spiking.counters, 'neurons', 'pool')).toBe(0);
    expect(total(analog.counters, 'spikes', 'pool')).toBe(20 * 27);
    const scale = Math.max(...(spiking.original?.logits.data ?? []).map(Math.abs));
    analog.logits.data.forEach((logit, i) => {
      expect(Math.abs(logit - spiking.logits.data[i]) / scale).toBeLessThan(0.02);
    });
  });
});

test.each(ENGINES)('a last layer that is rectified sends no negative values (%s engine)', async (engine) => {
  // SqueezeNet ends like this: a ReLU, and the mean over pixels.
  const graph = new GraphBuilder([2, 4, 4])
    .conv(6, { kernel: [3, 3] })
    .relu()
    .conv(5, { kernel: [1, 1] }, 3)
    .relu()
    .averagePool({ kernel: [2, 2] })
    .build();
  const batch = { data: uniform(8 * 32, 5).map(Math.abs), shape: [8, 2, 4, 4] };
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { code: 'quartz', calibration, steps: 512, percentile: 100, phases: 'two' });
  const { logits, original } = await network.run(batch, { engine, precision: 'f64', compare: true });
  const scale = Math.max(...(original?.logits.data ?? []).map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  logits.data.forEach((logit, i) => {
    expect(Math.abs(logit - (original?.logits.data[i] ?? Number.NaN)) / scale).toBeLessThan(0.02);
  });
});

describe.each(ENGINES)('an image with negative values, %s engine', (engine) => {
  const graph = new GraphBuilder([2, 5, 5])
    .conv(6, { kernel: [3, 3], pads: [1, 1, 1, 1] }, 4)
    .relu()
    .maxPool({ kernel: [2, 2], strides: [1, 1] })
    .conv(4, { kernel: [2, 2] }, 3)
    .relu()
    .reshape([36])
    .dense(4)
    .build();
  const batch = { data: uniform(8 * 50, 9), shape: [8, 2, 5, 5] };
  const run = async (options: QuartzOptions) => {
    const calibration = await calibrate(graph, [batch], { channelPercentiles: true });
    const all = { steps: 1024, percentile: 100, phases: 'two', bias: 'weight', ...options } as const;
    const network = await convert(graph, { code: 'quartz', calibration, ...all });
    const { logits, original } = await network.run(batch, { engine, precision: 'f64', compare: true });
    const own = original?.logits.data ?? [];
    const scale = Math.max(...Array.from(own, Math.abs));
    const error = Math.max(...Array.from(logits.data, (logit, i) => Math.abs(logit - own[i]))) / scale;
    const layers = (original?.differences ?? []).map(({ name, relativeRms }) => [name, relativeRms] as const);
    return { error, layers: new Map(layers) };
  };

  test('is right in the first layer if it is shifted, and may not be as it is', async () => {
    const [signed, shifted] = [await run({ input: 'signed' }), await run({ input: 'shifted' })];
    expect(shifted.error).toBeLessThan(0.02);
    expect(signed.error).toBeGreaterThan(3 * shifted.error);
  });

  test('channels with ranges of their own stand for the same activations', async () => {
    const { error, layers } = await run({ input: 'shifted', balance: 'channel' });
    expect(error).toBeLessThan(0.02);
    for (const [name, relativeRms] of layers) expect(relativeRms, name).toBeLessThan(0.02);
  });
});

test('a bias that is a weight is neither rounded nor limited', async () => {
  const graph = new GraphBuilder([1])
    .affine(Float64Array.of(1), Float64Array.of(0))
    .add(
      {
        op: 'Dense',
        weights: { values: constant([1, 1], [0.5]) },
        layout: 'in-out',
        bias: { values: Float64Array.of(0.3) },
      },
      [1],
    )
    .relu()
    .dense(1)
    .build();
  const calibration = await calibrate(graph, [{ data: [0, 1], shape: [2, 1] }]);
  const error = async (bias: 'time' | 'weight') => {
    // Levels of 0.2: a bias of 0.3 lies between two.
    const options = { steps: 5, percentile: 100, phases: 'two', bias } as const;
    const network = await convert(graph, { code: 'quartz', calibration, ...options });
    const { original } = await network.run({ data: [1], shape: [1, 1] }, { precision: 'f64', compare: true });
    return original?.differences.find(({ name }) => name.startsWith('Activation'))?.max ?? Number.NaN;
  };
  // Single precision of the weights that are stored.
  expect(await error('weight')).toBeLessThan(1e-6);
  expect(await error('time')).toBeGreaterThan(0.01);
});

test.each([
  [{ steps: 1 }, /1 steps/],
  [{ steps: 5000 }, /5000 steps/],
  [{ steps: 2.5 }, /2\.5 steps/],
  [{ percentile: 0 }, /percentile/],
  [{ phases: 'three' }, /phases cannot be "three"/],
  [{ rounding: 'up' }, /rounding/],
  [{ bias: 'none' }, /bias/],
  [{ pooling: 'none' }, /pooling/],
  [{ readout: 'none' }, /readout/],
  [{ biasLimit: 3 }, /biasLimit/],
  [{ biasLimit: Number.NaN }, /biasLimit/],
  [{ levels: 8 }, /no option "levels"/],
])('%o is refused', async (options, message) => {
  const graph = new GraphBuilder([3]).dense(2).relu().dense(2).build();
  const calibration = await calibrate(graph, [{ data: [1, 2, 3], shape: [1, 3] }]);
  const wrong = { code: 'quartz', calibration, ...options } as unknown as Parameters<typeof convert>[1];
  await expect(convert(graph, wrong)).rejects.toMatchObject({
    name: 'ConvertError',
    message: expect.stringMatching(message),
  });
});
