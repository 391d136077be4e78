/** Images that end as soon as their class is settled: real networks, and what is refused. */

import { beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { FirstspikeError } from '../../src/errors.js';
import { evaluate, type LabelledBatch } from '../../src/evaluate/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { addCounters, total } from '../../src/simulate/counters.js';
import type { Engine, Precision } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { dataFile, describeWithData } from '../support/data.js';
import { readDigits } from '../support/digits.js';

const ENGINES: readonly Engine[] = ['layered', 'event'];
const CODES = ['ttfs', 'ttfs-alpha', 'quartz'] as const;

/** Runs a batch with and without early exits: labels must be the same, and counters tell what is missing. */
async function expectSame(network: SpikingNetwork, batch: LabelledBatch, engine: Engine, precision: Precision) {
  const whole = await network.run(batch, { engine, precision });
  const part = await network.run(batch, { engine, precision, earlyExit: true });
  expect(part.labels).toEqual(whole.labels);
  expect(whole.counters.earlyExits).toBeUndefined();
  const { earlyExits } = part.counters;
  if (!earlyExits) throw new Error('nothing was counted');
  const saved = (count: 'spikes' | 'synapticEvents') => total(whole.counters, count) - total(part.counters, count);
  expect([earlyExits.spikes, earlyExits.synapticEvents]).toEqual([saved('spikes'), saved('synapticEvents')]);
  expect(earlyExits.images).toBeLessThanOrEqual(whole.counters.images);
  expect(earlyExits.window).toBeLessThanOrEqual(earlyExits.images);
  return earlyExits;
}

describe('digits', () => {
  const count = 100;
  let graph: Graph;
  let calibration: Calibration;
  let batch: LabelledBatch;
  beforeAll(async () => {
    const digits = await readDigits(count);
    ({ graph, calibration } = digits);
    [batch] = digits.images;
  });

  test.each(CODES)('keep their labels in the code %s, and most end early', async (code) => {
    const network = await convert(graph, { code, calibration });
    for (const engine of ENGINES) {
      for (const precision of ['f32', 'f64'] as const) {
        const { images, spikes, window } = await expectSame(network, batch, engine, precision);
        expect(images).toBeGreaterThan(0.9 * count);
        expect(spikes).toBeGreaterThan(count);
        expect(window).toBeGreaterThan(0.01 * count);
      }
    }
  });

  test('are as many in two runs together as in one', async () => {
    const network = await convert(graph, { code: 'ttfs', calibration });
    const part = (from: number, to: number) => {
      const data = Float64Array.from(Array.prototype.slice.call(batch.data, from * 784, to * 784));
      return network.run({ data, shape: [to - from, 1, 28, 28] }, { earlyExit: true });
    };
    const [first, second, all] = await Promise.all([part(0, 30), part(30, 100), part(0, 100)]);
    const { earlyExits } = addCounters(first.counters, second.counters);
    expect(earlyExits).toEqual({ ...all.counters.earlyExits, window: expect.closeTo(earlyExits?.window ?? 0) });
  });

  test('are evaluated with what was saved', async () => {
    const network = await convert(graph, { code: 'quartz', calibration });
    const run = (earlyExit: boolean) => evaluate(network, [batch], { earlyExit, throughputSeconds: 0 });
    const [whole, part] = await Promise.all([run(false), run(true)]);
    expect(part.accuracy).toBe(whole.accuracy);
    expect(part.agreement).toBe(whole.agreement);
    expect(whole).not.toHaveProperty('earlyExits');
    expect(part.earlyExits?.window).toBeGreaterThan(0.2 * count);
  });

  test.each(['fs', 'if', 'ann'] as const)('of the code %s cannot end early, which is an error', async (code) => {
    const network = await convert(graph, { code, calibration });
    const run = network.run(batch, { earlyExit: true });
    await expect(run).rejects.toThrow(FirstspikeError);
    await expect(run).rejects.toMatchObject({ code: 'OPTION_INVALID', remedy: expect.stringContaining('Leave') });
  });
});

describeWithData('networks of others', () => {
  const CIFAR = { scale: 1 / 255, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };
  const networks = [
    ['mnist/mnist-onnxzoo-cntk', 'idx', ['mnist', 't10k-images-idx3-ubyte.gz'], 'unit', 'max pooling'],
    ['cifar10/resnet20', 'cifar', ['cifar10', 'test-first1000.bin'], CIFAR, 'average pooling'],
  ] as const;
  test.each(networks)('%s keeps its labels', async (model, format, images, preprocess) => {
    const graph = await readOnnx(dataFile('models', `${model}.onnx`));
    const dataset = await openDataset(`${format}:${dataFile(...images)}`, { preprocess });
    const calibration = await calibrate(graph, dataset.batches({ size: 32, limit: 64 }));
    const network = await convert(graph, { code: 'ttfs', calibration });
    for await (const batch of dataset.batches({ size: 32, limit: 32 })) {
      for (const engine of ENGINES) {
        expect((await expectSame(network, batch, engine, 'f32')).spikes).toBeGreaterThan(32);
      }
    }
  });
});
