import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { type CodeName, codes } from '../../src/codes/index.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { type CompareOptions, compare } from '../../src/evaluate/compare.js';
import { energyRatio } from '../../src/evaluate/energy.js';
import { evaluate } from '../../src/evaluate/evaluate.js';
import { timing } from '../../src/evaluate/latency.js';
import { describeGraph } from '../../src/graph/describe.js';
import { expectError } from '../data/support.js';
import { SHAPE, smallGraph, smallImages } from '../simulate/support.js';
import { GraphBuilder } from '../support/graphs.js';

const COUNT = 24;
const graph = smallGraph();
const batch = { data: smallImages(COUNT), shape: [COUNT, ...SHAPE], labels: new Int32Array(COUNT) };
const images = () => [batch];
const quick = { throughputSeconds: 0 };
let calibration: Calibration;

beforeAll(async () => {
  calibration = await calibrate(graph, [batch]);
});

/** A network whose activation is no ReLU. */
function sigmoidGraph() {
  return new GraphBuilder([4]).dense(3).add({ op: 'Activation', fn: 'sigmoid' }).dense(2).build();
}

describe('compare', () => {
  test('evaluates all codes with their defaults, one after the other', async () => {
    const seen: [CodeName, number][] = [];
    const halves = [0, 1].map((half) => ({
      data: batch.data.subarray((half * COUNT * 60) / 2, ((half + 1) * COUNT * 60) / 2),
      shape: [COUNT / 2, ...SHAPE],
    }));
    const { codes: reports, refused } = await compare(graph, () => halves, {
      ...quick,
      calibration,
      onProgress: ({ code }, done) => seen.push([code, done]),
    });
    const names = Object.keys(codes) as CodeName[];
    expect(reports.map(({ code }) => code)).toEqual(names);
    expect(refused).toEqual([]);
    expect(seen).toEqual(names.flatMap((code) => [COUNT / 2, COUNT].map((done) => [code, done])));
    for (const { code, options } of reports) expect(options).toEqual(codes[code as CodeName].defaults);
  });

  test('finds what evaluate finds, and says when', async () => {
    const { codes: reports } = await compare(graph, images, {
      ...quick,
      calibration,
      codes: [{ code: 'ann' }, { code: 'ttfs', zeta: 1 }, { code: 'fs', steps: 6 }, { code: 'fs' }],
    });
    const [ann, ttfs, six, ten] = reports;
    const alone = await evaluate(await convert(graph, { code: 'ttfs', calibration, zeta: 1 }), images(), quick);
    expect(ttfs).toMatchObject(alone);
    expect(ttfs).toMatchObject({ agreement: 1, continuous: true, options: { zeta: 1, saturate: false } });
    expect(ann).toMatchObject({ agreement: 1, energyRatio: 1, spikesPerGate: 0 });
    expect(ann.timing).toBeUndefined();
    expect(six).toMatchObject({ continuous: false, options: { steps: 6, rounding: 'nearest' } });
    expect(six.timing).toEqual({ latency: 12, interval: 6, windows: 2 });
    expect(ten.timing).toEqual({ latency: 20, interval: 10, windows: 2 });
  });

  test('tells neurons and spikes of a gate', async () => {
    const { codes: reports } = await compare(graph, images, {
      ...quick,
      calibration,
      codes: [
        { code: 'fs', steps: 5 },
        { code: 'amos', steps: 5 },
      ],
    });
    const [fs, amos] = reports;
    expect(fs).toMatchObject({ neuronsPerGate: 1, spikesPerGate: fs.spikesPerNeuron });
    expect(amos.neuronsPerGate).toBe(5);
    expect(amos.spikesPerGate).toBeCloseTo(fs.spikesPerGate, 12);
    expect(amos.spikesPerNeuron).toBeCloseTo(fs.spikesPerNeuron / 5, 12);
  });

  test('tells steps of gates, where functions have their own', async () => {
    const batch = { data: Float64Array.from({ length: 80 }, (_, i) => Math.sin(i)), shape: [20, 4] };
    const known = await calibrate(sigmoidGraph(), [batch]);
    const onFit = vi.fn();
    const { codes: reports } = await compare(sigmoidGraph(), () => [batch], {
      ...{ ...quick, calibration: known, onFit },
      codes: [
        { code: 'fs', restarts: 1 },
        { code: 'amos', restarts: 1 },
        { code: 'fs', restarts: 1, steps: 5, percentile: 70 },
        { code: 'ann' },
      ],
    });
    expect(reports.map(({ gateSteps }) => gateSteps)).toEqual([[12], [8], [5], undefined]);
    expect(onFit.mock.calls.at(-1)).toMatchObject([{ steps: 5 }, 1]);
    expect(reports.map(({ warnings }) => warnings.length)).toEqual([0, 0, 1, 0]);
  });

  test('lists codes that cannot express the network', async () => {
    const sigmoid = sigmoidGraph();
    const data = [{ data: new Float64Array(8).fill(0.5), shape: [2, 4] }];
    const wanted: CompareOptions['codes'] = [{ code: 'ttfs' }, { code: 'ann' }, { code: 'ttfs', zeta: 2 }];
    const known = await calibrate(sigmoid, data);
    const comparison = await compare(sigmoid, () => data, { ...quick, calibration: known, codes: wanted });
    expect(comparison.codes.map(({ code }) => code)).toEqual(['ann']);
    expect(comparison.refused).toMatchObject([{ code: 'ttfs', problems: [{ op: 'sigmoid' }] }]);
    await expectError('CODE_UNSUPPORTED', () =>
      compare(sigmoid, () => data, { ...quick, calibration: known, codes: [{ code: 'ttfs' }, { code: 'quartz' }] }),
    );
  });

  test('tells all that is wrong with options before it runs anything', async () => {
    const { problems } = await expectError('OPTION_INVALID', () =>
      compare(graph, () => expect.fail('it ran'), {
        calibration,
        codes: [
          { code: 'ttfs' },
          { code: 'fs', steps: 99, rounding: 'up' as 'down' },
          { code: 'quartz', readout: 'spikes' as 'times', percentile: 0 },
          { code: 'ttfs', zeta: -1 },
        ],
      }),
    );
    const names = problems.map(({ message }) => message.split(':')[0]);
    expect(names).toEqual(['fs', 'fs', 'quartz', 'quartz', 'ttfs']);
    const { problems: uncalibrated } = await expectError('OPTION_INVALID', () => compare(graph, images, quick));
    expect(uncalibrated.length).toBe(Object.values(codes).filter(({ needsCalibration }) => needsCalibration).length);
  });
});

describe('timing', () => {
  const layer = (start: number, width: number) => ({ window: { start, width } });

  test('is from the first window to the last, an image each longest window', () => {
    expect(timing([layer(0, 1), layer(1, 4), {}, layer(5, 2.5)])).toEqual({ latency: 7.5, interval: 4, windows: 3 });
  });

  test('counts windows that overlap once', () => {
    const pooled = [layer(0, 1), layer(1, 2), layer(1, 2), layer(1.5, 1.5), layer(3, 2)];
    expect(timing(pooled)).toEqual({ latency: 5, interval: 2, windows: 3 });
    // 0.1 + 0.2 is a little more than 0.3.
    expect(timing([layer(0, 0.1 + 0.2), layer(0.3, 1)])?.windows).toBe(2);
  });

  test('of layers that all run together is that of one', () => {
    expect(timing([layer(0, 64), layer(0, 64), layer(0, 64)])).toEqual({ latency: 64, interval: 64, windows: 1 });
  });

  test('is not there where nothing spikes', () => {
    expect(timing([{}, {}])).toBeUndefined();
  });
});

describe('energyRatio', () => {
  test('weighs events and updates against multiply-adds and neurons', async () => {
    const { macs } = describeGraph(graph);
    for (const code of ['ttfs', 'quartz'] as const) {
      const network = await convert(graph, { code, calibration });
      const { counters } = await network.run(batch);
      const of = (role: string) => network.layers.filter((layer) => layer.role === role);
      const neurons = of('activation').reduce((sum, layer) => sum + layer.neurons, 0);
      let expected = 0;
      for (const { synapticEvents, updates, operations } of counters.layers) {
        expected += 0.08 * synapticEvents + 0.25 * updates + (synapticEvents > 0 ? 0 : 2 * operations);
      }
      expect(energyRatio(counters, network.layers, macs)).toBeCloseTo(expected / (2 * macs + neurons) / COUNT, 10);
    }
  });

  // Neurons and rates (Hz) of the layers; connections from the input and from each layer on; figures by the
  // milliseconds for which an image is shown.
  test.each([
    {
      name: 'MNIST',
      neurons: [12544, 12544, 2000],
      rates: [4.6, 15.6, 4.2],
      connections: [313600, 5017600, 6272000, 20000],
      published: { 200: 5.94, 100: 10.24, 60: 14.42 },
    },
    {
      name: 'CIFAR-10',
      neurons: [36864, 9216, 2304, 1152],
      rates: [173.3, 99, 9.7, 7.2],
      connections: [2764800, 14745600, 1327104, 663552, 11520],
      published: { 200: 0.76, 150: 0.98, 80: 1.64, 60: 2.04 },
    },
    {
      name: 'ILSVRC-2012',
      neurons: [193600, 139968, 64896, 43264, 43264, 4096, 4096],
      rates: [178.1, 48.8, 26.6, 30.6, 35.6, 19.1, 10.7],
      connections: [70276800, 223948800, 112140288, 149520384, 99680256, 37748736, 16777216, 4096000],
      published: { 200: 1.39, 80: 2.88, 60: 3.51 },
    },
  ])('gives the published figures of $name', ({ neurons, rates, connections, published }) => {
    const macs = connections.reduce((sum, count) => sum + count, 0);
    const nothing = { name: '', spikes: 0, saturated: 0, receptions: 0, dense: 0, memoryReads: 0, memoryWrites: 0 };
    for (const [time, figure] of Object.entries(published)) {
      const milliseconds = Number(time);
      const layers = connections.map((operations, i) => ({
        ...nothing,
        role: i < neurons.length ? ('activation' as const) : ('readout' as const),
        neurons: neurons[i] ?? 10,
        shape: [1, 1, neurons[i] ?? 10] as const,
        connections: operations,
        operations,
        synapticEvents: i === 0 ? 0 : (operations * rates[i - 1] * milliseconds) / 1000,
        updates: (neurons[i] ?? 0) * milliseconds,
      }));
      const efficiency = 1 / energyRatio({ images: 1, layers }, layers, macs);
      expect(Math.abs(efficiency / figure - 1), `${time} ms: ${efficiency}`).toBeLessThan(0.01);
    }
  });
});
