import { beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { evaluate } from '../../src/evaluate/evaluate.js';
import { KNOBS, sweep } from '../../src/evaluate/sweep.js';
import type { Disturbance } from '../../src/simulate/disturbance.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { expectError } from '../data/support.js';
import { SHAPE, smallGraph, smallImages } from '../simulate/support.js';

const COUNT = 32;
const graph = smallGraph();
const batch = {
  data: smallImages(COUNT, 7),
  shape: [COUNT, ...SHAPE],
  labels: Uint8Array.from({ length: COUNT }, (_, i) => i % 4),
};
const images = () => [batch];
let calibration: Calibration;
let network: SpikingNetwork;

beforeAll(async () => {
  calibration = await calibrate(graph, [batch]);
  network = await convert(graph, { code: 'ttfs', calibration });
});

const once = (disturbance: Disturbance) => evaluate(network, images(), { disturbance, throughputSeconds: 0 });

describe('sweep', () => {
  test('is mean and standard deviation of evaluations with successive seeds', async () => {
    const { points, ...rest } = await sweep(network, images, { knob: 'jitter', values: [0, 0.2], trials: 4 });
    const still = await once({});
    expect(rest).toEqual({ code: 'ttfs', knob: 'jitter', images: COUNT, annAccuracy: still.annAccuracy });
    const spikes = { mean: still.spikesPerNeuron, std: 0 };
    const accuracy = { mean: still.accuracy, std: 0 };
    expect(points[0]).toEqual({
      value: 0,
      trials: 1,
      accuracy,
      agreement: { mean: 1, std: 0 },
      spikesPerNeuron: spikes,
    });

    const trials = await Promise.all([0, 1, 2, 3].map((seed) => once({ jitter: 0.2, seed })));
    expect(points[1]).toMatchObject({ value: 0.2, trials: 4 });
    for (const figure of ['accuracy', 'agreement', 'spikesPerNeuron'] as const) {
      const values = trials.map((trial) => trial[figure] ?? Number.NaN);
      const mean = values.reduce((sum, value) => sum + value) / 4;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3;
      expect(points[1][figure]?.mean).toBeCloseTo(mean, 12);
      expect(points[1][figure]?.std).toBeCloseTo(Math.sqrt(variance), 12);
    }
    expect(points[1].spikesPerNeuron.std).toBeGreaterThan(0);
  });

  test.each(KNOBS)('disturbs by %s, and not at 0', async (knob) => {
    const value = { timeLevels: 3, weightBits: 2 }[knob as string] ?? 0.5;
    const { points } = await sweep(network, images, { knob, values: [0, value], trials: 2 });
    const random = knob !== 'timeLevels' && knob !== 'weightBits';
    expect(points.map(({ trials }) => trials)).toEqual([1, random ? 2 : 1]);
    expect(points[0]).toMatchObject({ agreement: { mean: 1 }, spikesPerNeuron: { std: 0 } });
    expect(points[1].spikesPerNeuron.mean).not.toBe(points[0].spikesPerNeuron.mean);
  });

  test('goes through networks that differ in an option', async () => {
    const asked: number[] = [];
    const bySteps = (steps: number) => {
      asked.push(steps);
      return convert(graph, { code: 'fs', calibration, steps });
    };
    const { points, code, knob } = await sweep(bySteps, images, { knob: 'steps', values: [8, 3] });
    expect([code, knob, asked]).toEqual(['fs', 'steps', [8, 3]]);
    for (const { value, ...found } of points) {
      const alone = await evaluate(await bySteps(value), images(), { throughputSeconds: 0 });
      const spread = (mean: number | undefined) => ({ mean, std: 0 });
      expect(found).toEqual({
        trials: 1,
        accuracy: spread(alone.accuracy),
        agreement: spread(alone.agreement),
        spikesPerNeuron: spread(alone.spikesPerNeuron),
      });
    }
  });

  test('keeps a disturbance that holds for all values', async () => {
    const lasting = { loss: 0.3, seed: 5 };
    const { points } = await sweep(async () => network, images, {
      ...{ knob: 'nothing', values: [1, 2], trials: 2, disturbance: lasting },
    });
    const [five, six] = await Promise.all([5, 6].map((seed) => once({ loss: 0.3, seed })));
    for (const { trials, agreement } of points) {
      expect(trials).toBe(2);
      expect(agreement.mean).toBeCloseTo((five.agreement + six.agreement) / 2, 12);
    }
    const { points: both } = await sweep(network, images, {
      ...{ knob: 'weightBits', values: [4], trials: 1, disturbance: lasting },
    });
    expect(both[0].agreement.mean).toBe((await once({ ...lasting, weightBits: 4 })).agreement);
  });

  test('has no accuracy without labels, and tells of its progress', async () => {
    const seen: [number, number][] = [];
    const { labels: _, ...plain } = batch;
    const onProgress = (done: number, all: number) => seen.push([done, all]);
    const found = await sweep(network, () => [plain], { knob: 'loss', values: [0.1, 0], trials: 2, onProgress });
    expect(found).not.toHaveProperty('annAccuracy');
    for (const point of found.points) expect(point).not.toHaveProperty('accuracy');
    expect(seen).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  test.each([
    ['an unknown knob', { knob: 'noise', values: [1] }, 1],
    ['the seed', { knob: 'seed', values: [1] }, 1],
    ['no values', { knob: 'loss', values: [] }, 1],
    ['values out of domain', { knob: 'loss', values: [0.1, 2, -1] }, 2],
    ['no trials', { knob: 'loss', values: [0.1], trials: 0 }, 1],
  ])('refuses %s', async (_, options, count) => {
    const ran = () => expect.fail('it ran');
    const { problems } = await expectError('OPTION_INVALID', () => sweep(network, ran, options));
    expect(problems.length).toBe(count);
  });
});
