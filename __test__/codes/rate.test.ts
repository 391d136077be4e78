/** Rate codes: how well rates stand for activations, their options, and what goes wrong with spikes. */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import type { CodeName } from '../../src/codes/index.js';
import type { IfOptions, IfParameters, LifOptions, LifParameters } from '../../src/codes/rate.js';
import { lifCurve } from '../../src/codes/response.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import type { ConvertError } from '../../src/errors.js';
import { shapeOf } from '../../src/graph/graph.js';
import { total } from '../../src/simulate/counters.js';
import type { Disturbance } from '../../src/simulate/disturbance.js';
import { Sequence } from '../../src/simulate/sequence.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { expectError } from '../data/support.js';
import { SHAPE, smallGraph, smallImages } from '../simulate/support.js';
import { GraphBuilder } from '../support/graphs.js';
import { samples, uniform } from './networks.js';
import { largestDifference } from './spikes.js';

const COUNT = 12;
const graph = smallGraph();
const batch = { data: smallImages(COUNT), shape: [COUNT, ...SHAPE] };
let calibration: Calibration;

beforeAll(async () => {
  calibration = await calibrate(graph, [batch], { channelPercentiles: true });
});

const integrating = (options: IfOptions = {}) => convert(graph, { code: 'if', calibration, ...options });
const leaky = (options: LifOptions = {}) => convert(graph, { code: 'lif', calibration, ...options });

/** Largest difference between what the neurons of the first layer send and the activations of the original network. */
async function error(network: SpikingNetwork): Promise<number> {
  const { original } = await network.run(batch, { precision: 'f64', compare: true });
  return original?.differences.find(({ name }) => name in thresholdsOf(network))?.max ?? Number.NaN;
}

function thresholdsOf(network: SpikingNetwork): IfParameters['thresholds'] {
  const { thresholds, gains } = network.code.parameters as IfParameters & Partial<LifParameters>;
  return gains ?? thresholds;
}

describe('integrate-and-fire neurons', () => {
  test.each([
    [0, 1],
    [0.5, 0.5],
  ])('that begin at %d thresholds are off by at most %d spikes at a constant current', async (initial, spikes) => {
    for (const steps of [1, 7, 64]) {
      const network = await integrating({ steps, initialPotential: initial, percentile: 100 });
      const [threshold] = Object.values(thresholdsOf(network))[0];
      expect(await error(network)).toBeLessThanOrEqual((spikes * threshold) / steps + 1e-9);
    }
  });

  test('approach the original network with the number of steps', async () => {
    const off = async (steps: number) => {
      const network = await integrating({ steps, percentile: 100 });
      const { logits, original } = await network.run(batch, { precision: 'f64', compare: true });
      return largestDifference(logits.data, original?.logits.data ?? []);
    };
    const [few, many] = [await off(8), await off(2048)];
    expect(many).toBeLessThan(few / 10);
  });

  test('have the threshold of their layer, or that of their channel', async () => {
    const byLayer = thresholdsOf(await integrating({ percentile: 100 }));
    const byChannel = thresholdsOf(await integrating({ percentile: 100, balance: 'channel' }));
    for (const [name, [threshold]] of Object.entries(byLayer)) {
      const { max, channels } = calibration.layers.get(name) ?? { max: 0, channels: [] };
      expect(threshold).toBe(max);
      expect(byChannel[name]).toEqual(channels.map((channel) => channel.max || max));
    }
    const [name] = Object.keys(byLayer);
    const single = thresholdsOf(await integrating({ layerPercentiles: { [name]: 50 }, percentile: 100 }));
    expect(single[name][0]).toBeLessThan(byLayer[name][0]);
  });

  test('spike in at most every step, and count what they could not say', async () => {
    const network = await integrating({ percentile: 50, steps: 16 });
    const { counters } = await network.run(batch);
    expect(total(counters, 'saturated')).toBeGreaterThan(0);
    for (const { role, spikes, neurons, updates } of counters.layers) {
      expect(spikes).toBeLessThanOrEqual(16 * neurons * COUNT);
      if (role === 'activation') expect(updates).toBe(16 * neurons * COUNT);
    }
  });
});

describe('leaky neurons', () => {
  test('send the largest activation at the highest rate', async () => {
    const network = await leaky({ percentile: 100, maxRate: 200, tauRef: 0.002 });
    const { gains, amplitudes, bias, tauRc } = network.code.parameters as LifParameters;
    for (const [name, [gain]] of Object.entries(gains)) {
      const largest = calibration.layers.get(name)?.max ?? 0;
      expect(lifCurve({ tauRc, tauRef: 0.002 }).rate(gain * largest + bias)).toBeCloseTo(200, 6);
      expect(amplitudes[name][0] * 200).toBeCloseTo(largest, 9);
    }
  });

  test('spike at the rate of their response curve', async () => {
    const network = await leaky({ percentile: 100, steps: 2000, from: 0 });
    const { gains, amplitudes, bias, tauRc, tauRef } = network.code.parameters as LifParameters;
    const [name] = Object.keys(gains);
    const curve = lifCurve({ tauRc, tauRef });
    const { counters } = await network.run(batch, { precision: 'f64', record: { neurons: true } });
    expect(total(counters, 'spikes')).toBeGreaterThan(1000);
    const { max } = calibration.layers.get(name) ?? { max: 0 };
    // Rate and activation differ by the curve, and by a spike more or less.
    const shape = (x: number) => Math.abs(amplitudes[name][0] * curve.rate(gains[name][0] * x + bias) - x);
    const worst = Math.max(...Array.from({ length: 200 }, (_, i) => shape((i * max) / 200)));
    expect(await error(network)).toBeLessThan(worst + (1.01 * amplitudes[name][0]) / 2);
  });

  test('that keep their state make images one sequence, in any number of runs, batches and threads', async () => {
    const network = await leaky({ reset: 'never', steps: 30, synapse: 0.003, from: 10 });
    const pixels = batch.data.length / COUNT;
    const part = (from: number, to: number) => ({
      data: batch.data.slice(from * pixels, to * pixels),
      shape: [to - from, ...SHAPE],
    });
    const whole = (await network.run(batch, { threads: 2 })).logits.data;
    const sequence = new Sequence();
    const parts = await Promise.all([part(0, 5), part(5, COUNT)].map((images) => network.run(images, { sequence })));
    expect(parts.flatMap(({ logits }) => [...logits.data])).toEqual([...whole]);
    const streamed: number[] = [];
    for await (const { logits } of network.stream([part(0, 5), part(5, COUNT)], { concurrency: 3 })) {
      streamed.push(...logits);
    }
    expect(streamed).toEqual([...whole]);
    expect([...(await network.run(part(5, COUNT))).logits.data]).not.toEqual([...whole].slice(5 * 4));
    expect([...(await network.run(batch, { engine: 'event' })).labels].length).toBe(COUNT);
    await expectError('OPTION_INVALID', async () => {
      await (await leaky({ reset: 'never' })).run(batch, { sequence });
    });
  });

  test('that are reset make images independent of one another', async () => {
    const network = await leaky({ synapse: 0.003 });
    const pixels = batch.data.length / COUNT;
    const { logits } = await network.run(batch, { sequence: new Sequence() });
    const last = await network.run({ data: batch.data.slice(-pixels), shape: [1, ...SHAPE] });
    expect([...last.logits.data]).toEqual([...logits.data.slice(-4)]);
  });
});

const KNOBS: readonly Disturbance[] = [
  { jitter: 3 },
  { loss: 0.2 },
  { delay: 4 },
  { timeLevels: 5 },
  { timeLevels: 1, jitter: 1, loss: 0.1 },
  { thresholdMismatch: 0.2 },
  { weightNoise: 0.1 },
  { weightBits: 3 },
];

describe.each(['if', 'lif'] as const)('in the code %s', (code) => {
  test.each(KNOBS)('%j acts in both engines alike, on any number of threads', async (disturbance) => {
    const network = await convert(graph, { code, calibration });
    const run = (options: object) => network.run(batch, { precision: 'f64', disturbance, ...options });
    const [layered, event, alone] = await Promise.all([
      run({ engine: 'layered', threads: 2 }),
      run({ engine: 'event', threads: 2 }),
      run({ engine: 'layered', threads: 1 }),
    ]);
    expect(largestDifference(layered.logits.data, event.logits.data)).toBeLessThan(1e-9);
    expect(alone.logits.data).toEqual(layered.logits.data);
    for (const [i, { spikes, synapticEvents }] of layered.counters.layers.entries()) {
      expect(event.counters.layers[i]).toMatchObject({ spikes, synapticEvents });
    }
    const still = await network.run(batch, { precision: 'f64' });
    expect(largestDifference(layered.logits.data, still.logits.data)).toBeGreaterThan(1e-3);
  });

  test('without synaptic noise, delays and levels of time move spikes but lose none in the first layer', async () => {
    const network = await convert(graph, { code, calibration });
    const spikes = async (disturbance: Disturbance) => {
      const { counters } = await network.run(batch, { disturbance });
      return counters.layers.find(({ role }) => role === 'activation')?.spikes;
    };
    const still = await spikes({});
    for (const disturbance of [{ jitter: 3 }, { delay: 4 }, { timeLevels: 5 }]) {
      expect(await spikes(disturbance)).toBe(still);
    }
  });

  test('any ReLU network can be converted; others are refused with layer and remedy', async () => {
    await fc.assert(
      fc.asyncProperty(samples({ smooth: false }), async ({ graph, images }) => {
        const shape = [images.length, ...shapeOf(graph, graph.input)];
        const images_ = { data: Float64Array.from(images.flatMap((image) => [...image])), shape };
        const network = await convert(graph, { code, steps: 30, calibration: await calibrate(graph, [images_]) });
        const { logits } = await network.run(images_);
        expect(logits.data.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 60 },
    );
    const silu = new GraphBuilder([4]).dense(3).add({ op: 'Activation', fn: 'silu' }).dense(2).build();
    const known = await calibrate(silu, [{ data: uniform(8, 1), shape: [2, 4] }]);
    const { problems } = await expectError('CODE_UNSUPPORTED', () => convert(silu, { code, calibration: known }));
    expect(problems).toMatchObject([{ op: 'silu', remedy: expect.stringMatching(/fs and amos/) }]);
    expect(problems[0].layer).toBeTruthy();
  });
});

describe('options', () => {
  const refused = async (code: CodeName, options: object) => {
    const { problems } = await expectError('OPTION_INVALID', () =>
      convert(graph, { code, calibration, ...options } as never),
    );
    return problems.map(({ message }) => message);
  };

  test.each<[CodeName, object, RegExp]>([
    ['if', { steps: 0 }, /0 steps/],
    ['if', { steps: 2.5 }, /2.5 steps/],
    ['if', { steps: 5000 }, /5000 steps/],
    ['if', { percentile: 0 }, /percentile 0/],
    ['if', { percentile: 101 }, /percentile 101/],
    ['if', { layerPercentiles: { nowhere: 99 } }, /no such layer/],
    ['if', { initialPotential: 1 }, /initial potential of 1/],
    ['if', { initialPotential: Number.NaN }, /initial potential of NaN/],
    ['if', { balance: 'neuron' }, /balance cannot be "neuron"/],
    ['lif', { steps: 0, from: 0 }, /0 steps/],
    ['lif', { from: 100 }, /from cannot be 100/],
    ['lif', { dt: 0 }, /dt cannot be 0/],
    ['lif', { tauRc: -0.02 }, /tauRc cannot be -0.02/],
    ['lif', { tauRef: -0.001 }, /tauRef cannot be -0.001/],
    ['lif', { synapse: -1 }, /synapse cannot be -1/],
    ['lif', { synapse: Number.POSITIVE_INFINITY }, /synapse cannot be Infinity/],
    ['lif', { bias: 2 }, /bias cannot be 2/],
    ['lif', { bias: Number.NEGATIVE_INFINITY }, /bias cannot be -Infinity/],
    ['lif', { maxRate: 1001 }, /maxRate cannot be 1001/],
    ['lif', { maxRate: 500, tauRef: 0.002 }, /maxRate cannot be 500/],
    ['lif', { maxRate: 0 }, /maxRate cannot be 0/],
    ['lif', { reset: 'sometimes' }, /reset cannot be "sometimes"/],
  ])('%s %j are refused', async (code, options, message) => {
    const messages = await refused(code, options);
    expect(
      messages.some((text) => message.test(text)),
      messages.join(),
    ).toBe(true);
  });

  test('that are wrong are all told at once', async () => {
    expect(await refused('lif', { dt: -1, tauRc: 0, steps: 0, percentile: 0 })).toHaveLength(5);
  });

  test('by channel need percentiles of channels', async () => {
    const plain = await calibrate(graph, [batch]);
    const { problems } = await expectError('OPTION_INVALID', () =>
      convert(graph, { code: 'if', calibration: plain, balance: 'channel' }),
    );
    expect(problems[0].remedy).toMatch(/channelPercentiles/);
    const error = await convert(graph, { code: 'lif' }).catch((thrown: ConvertError) => thrown);
    expect(error).toMatchObject({ code: 'OPTION_INVALID' });
  });
});
