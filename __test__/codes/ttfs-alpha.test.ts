/** Time to first spike with a constant external slope: exact where no neuron spikes early, and its parameters. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TtfsAlphaParameters } from '../../src/codes/ttfs-alpha.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { type Graph, shapeOf } from '../../src/graph/graph.js';
import { total } from '../../src/simulate/counters.js';
import type { RunResult } from '../../src/simulate/run.js';
import { loadNetwork, type SpikingNetwork } from '../../src/simulate/spiking-network.js';
import type { TensorLike } from '../../src/tensor.js';
import { first, load, NETWORKS } from '../conformance/networks.js';
import { describeWithData } from '../support/data.js';
import { constant, GraphBuilder, numbers } from '../support/graphs.js';
import { evaluate } from '../support/interpreter.js';
import { type Sample, samples, uniform } from './networks.js';
import { largest, largestDifference, spikeDifference } from './spikes.js';

function batchOf({ graph, images }: Sample): TensorLike {
  const data = Float64Array.from(images.flatMap((image) => [...image]));
  return { data, shape: [images.length, ...shapeOf(graph, graph.input)] };
}

async function calibrated(sample: Sample, options: object = {}): Promise<SpikingNetwork> {
  const calibration = await calibrate(sample.graph, [batchOf(sample)]);
  return convert(sample.graph, { code: 'ttfs-alpha', calibration, ...options });
}

function layersOf(network: SpikingNetwork): TtfsAlphaParameters['layers'] {
  return (network.code.parameters as TtfsAlphaParameters).layers;
}

/** Expects both engines to compute the graph's output, each neuron with exactly one spike, all in their windows. */
async function expectExact(sample: Sample, network: SpikingNetwork): Promise<void> {
  const { graph, images } = sample;
  const tensors = images.map((image) => evaluate(graph, image));
  const outputs = tensors.flatMap((all) => [...(all.get(graph.output) ?? [])]);
  const scale = Math.max(1, ...tensors.flatMap((all) => [...all.values()].map(largest)));
  const [event, layered] = await runBoth(sample, network);
  for (const { logits, counters } of [event, layered]) {
    expect(largestDifference(logits.data, outputs) / scale).toBeLessThan(1e-9);
    expect(total(counters, 'saturated')).toBe(0);
    for (const { role, spikes, neurons } of counters.layers) {
      if (role !== 'route') expect(spikes).toBe(role === 'readout' ? 0 : neurons * images.length);
    }
  }
  if (event.spikes) expect(spikeDifference(network, event, layered)).toBeLessThan(1e-9);
}

function runBoth(sample: Sample, network: SpikingNetwork): Promise<[RunResult, RunResult]> {
  const run = (engine: 'event' | 'layered') =>
    network.run(batchOf(sample), { engine, precision: 'f64', record: { spikes: true } });
  return Promise.all([run('event'), run('layered')]);
}

test('any ReLU network is exact in both engines, unless a neuron spikes early, which hardly any does', async () => {
  let early = 0;
  await fc.assert(
    fc.asyncProperty(samples({ smooth: false }), async (sample) => {
      const network = await calibrated(sample);
      const { counters } = await network.run(batchOf(sample), { precision: 'f64' });
      if (total(counters, 'saturated') > 0) early++;
      else await expectExact(sample, network);
    }),
    { numRuns: 500 },
  );
  expect(early).toBeLessThan(5);
});

test('any ReLU network runs alike in both engines, spike for spike, also where neurons spike early', async () => {
  let early = 0;
  await fc.assert(
    fc.asyncProperty(samples({ smooth: false }), async (sample) => {
      const network = await calibrated(sample, { zeta: -0.5 });
      const [event, layered] = await runBoth(sample, network);
      if (!event.spikes) return;
      expect(spikeDifference(network, event, layered)).toBeLessThan(1e-6);
      early += total(event.counters, 'saturated');
    }),
    { numRuns: 200 },
  );
  expect(early).toBeGreaterThan(100);
});

describe('slopes', () => {
  const ones = (outputs: number, inputs: number, size: number, value = 1) =>
    constant([outputs, inputs, size, size], new Float64Array(outputs * inputs * size * size).fill(value));
  const conv = (builder: GraphBuilder, outputs: number, size: number, value: number, pad: number) => {
    const [channels, height, width] = builder.shape();
    const shape = [outputs, height + 2 * pad - size + 1, width + 2 * pad - size + 1];
    return builder.add(
      {
        op: 'Conv',
        weights: { values: ones(outputs, channels, size, value) },
        bias: { values: new Float64Array(outputs) },
        kernel: [size, size],
        strides: [1, 1],
        dilations: [1, 1],
        pads: [pad, pad, pad, pad],
        groups: 1,
      },
      shape,
    );
  };
  /** An image from 0 to 1. */
  const images = [Float64Array.from({ length: 25 }, (_, i) => i / 24)];

  async function slopesOf(grow: (builder: GraphBuilder) => GraphBuilder): Promise<readonly number[]> {
    const graph = conv(grow(new GraphBuilder([1, 5, 5])).relu(), 1, 1, 1, 0).build();
    const sample = { graph, images };
    const network = await calibrated(sample);
    await expectExact(sample, network);
    return layersOf(network)[network.layers[2].name].slope;
  }

  test('bring the largest row sum of a channel to 0.99: that of pixels whose kernel does not overhang', async () => {
    const [slope] = await slopesOf((image) => conv(image, 1, 3, 2, 1));
    expect(slope).toBeCloseTo(18 / 0.99, 4);
  });

  test('bring the smallest row sum to -10', async () => {
    const [slope] = await slopesOf((image) => conv(image, 1, 3, -2, 1));
    expect(slope).toBeCloseTo(18 / 10, 4);
  });

  test('are 1 where row sums lie in between', async () => {
    expect(await slopesOf((image) => conv(image, 2, 3, 0.1, 1))).toEqual([1, 1]);
    expect(await slopesOf((image) => conv(image, 2, 3, -1, 1))).toEqual([1, 1]);
  });

  test('count the slopes of sources, and average pooling on the way', async () => {
    const graph = conv(
      conv(new GraphBuilder([1, 5, 5]), 1, 3, 2, 1)
        .relu()
        .averagePool({ kernel: [2, 2] }),
      1,
      2,
      3,
      0,
    );
    const sample = { graph: conv(graph.relu(), 1, 1, 1, 0).build(), images };
    const network = await calibrated(sample);
    const [first, second] = network.layers.filter(({ role }) => role === 'activation').map(({ name }) => name);
    expect(layersOf(network)[second].slope[0]).toBeCloseTo((layersOf(network)[first].slope[0] * 12) / 0.99, 4);
    await expectExact(sample, network);
  });

  test('may differ where spikes are moved, but relays make them equal where they are pooled then', async () => {
    const graph = new GraphBuilder([3])
      .dense(8)
      .relu()
      .reshape([2, 2, 2])
      .maxPool({ kernel: [2, 1] })
      .conv(2)
      .relu()
      .conv(1)
      .build();
    const sample = { graph, images: [numbers(3, 1), numbers(3, 2)] };
    const network = await calibrated(sample, { zeta: 50 });
    expect(network.layers.map(({ role }) => role)).toEqual([
      'input',
      'input',
      'activation',
      'route',
      'relay',
      'pool',
      'activation',
      'readout',
    ]);
    expect(new Set(layersOf(network)[network.layers[2].name].slope).size).toBeGreaterThan(1);
    await expectExact(sample, network);
  });
});

/** input (2) -> dense (3) -> ReLU -> dense (2), twice. */
function residual(): Graph {
  const builder = new GraphBuilder([2]).dense(3).relu().dense(2, 'out-in', 4);
  const sum = builder.last;
  builder.relu().dense(2, 'out-in', 7);
  return builder.add({ op: 'Add' }, [2], [sum, builder.last]).dense(2, 'out-in', 9).build();
}

describe('windows', () => {
  const graph = residual();
  const images = [1, 2, 3, 4].map((seed) => uniform(2, seed).map(Math.fround));
  const sample = { graph, images };

  /** Values of a node for all images, neuron by neuron. */
  function valuesOf(name: string): number[][] {
    const node = graph.nodes.find((candidate) => candidate.name === name);
    const all = images.map((image) => evaluate(graph, image).get(node?.output ?? '') ?? new Float64Array());
    return Array.from(all[0], (_, neuron) => all.map((values) => values[neuron]));
  }

  test.each([-0.5, 0, 0.5, 2])('are (1 + zeta) times the largest activation over the slope (zeta %d)', async (zeta) => {
    const network = await calibrated(sample, { zeta });
    const layers = network.layers.filter(({ role }) => role === 'activation' || role === 'relay');
    expect(layers.map(({ role }) => role)).toEqual(['activation', 'relay', 'activation', 'relay']);
    for (const { name, role, window } of layers) {
      const { slope, origin } = layersOf(network)[name];
      const values = valuesOf(name);
      const low = role === 'relay' ? Math.min(0, ...values.flat()) : 0;
      const margin = role === 'relay' ? largest(values.flat()) * 2 ** -10 : 0;
      expect(origin).toBeCloseTo((1 + zeta) * low - margin, 5);
      const leads = values.map((all, neuron) => ((1 + zeta) * Math.max(0, ...all) + margin - origin) / slope[neuron]);
      expect(window?.width).toBeCloseTo(Math.max(...leads), 5);
    }
  });

  test('begin when the last of their inputs has ended', async () => {
    const windows = (await calibrated(sample)).layers.flatMap(({ window }) => window ?? []);
    expect(windows[0]).toEqual({ start: 0, width: 1 });
    for (const [i, { start, width }] of windows.slice(0, -1).entries()) {
      expect(windows[i + 1].start).toBeCloseTo(start + width, 12);
    }
  });

  test('are exact if no value lies beyond and no neuron spikes early', async () => {
    await expectExact(sample, await calibrated(sample, { zeta: 20 }));
  });

  test('of layers that never were active are one wide', async () => {
    const dead = new GraphBuilder([2]).affine([-1, -1], [-9, -9]).relu().dense(2).build();
    const [, , layer] = (await calibrated({ graph: dead, images: [Float64Array.of(0, 1)] })).layers;
    expect(layer.window?.width).toBe(1);
  });

  test('follow a percentile of the activations', async () => {
    const widths = async (options: object) =>
      (await calibrated(sample, options)).layers.flatMap(({ window }) => window?.width ?? []);
    const [all, most] = [await widths({}), await widths({ percentile: 60 })];
    for (const [i, width] of most.entries()) expect(width).toBeLessThanOrEqual(all[i]);
    expect(most).not.toEqual(all);
  });
});

describe('the input', () => {
  const graph = new GraphBuilder([2, 5, 4])
    .conv(3, { kernel: [3, 3], pads: [2, 1, 0, 1] })
    .relu()
    .conv(2)
    .build();
  const images = [1, 2, 3].map((seed) => uniform(40, seed).map((x) => Math.fround(1.5 + x)));

  test('is sent by a neuron each, in a window of 1 for the range of the calibration images', async () => {
    const network = await calibrated({ graph, images });
    const [{ role: values }, { name, role, window, neurons }] = network.layers;
    expect([values, role, window, neurons]).toEqual(['input', 'input', { start: 0, width: 1 }, 40]);
    const all = images.flatMap((image) => [...image]);
    const { origin, slope } = layersOf(network)[name];
    expect(origin).toBe(Math.min(...all));
    expect(slope[0]).toBeCloseTo(Math.max(...all) - Math.min(...all), 5);
  });

  test('may have any range that holds the images: kernels that overhang the border see zeros all the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: -3, max: 0.5, noNaN: true }),
        fc.double({ min: 2.5, max: 9, noNaN: true }),
        async (p, q) => {
          await expectExact({ graph, images }, await calibrated({ graph, images }, { inputRange: [p, q], zeta: 20 }));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('is clipped below its range and late for nothing above, both counted', async () => {
    const network = await calibrated({ graph, images }, { inputRange: [1, 2], zeta: 20 });
    const { counters } = await network.run(batchOf({ graph, images }), { precision: 'f64' });
    const beyond = images.flatMap((image) => [...image]).filter((x) => x < 1 || x > 2 + 2 ** -20);
    expect(counters.layers[1].saturated).toBe(beyond.length);
  });
});

describe('refuses', () => {
  test('what is no ReLU network, layer by layer', async () => {
    const graph = new GraphBuilder([4]).add({ op: 'Activation', fn: 'sigmoid' }).dense(2).build();
    const problems = [{ layer: graph.nodes[0].name }];
    await expect(calibrated({ graph, images: [numbers(4, 1)] })).rejects.toMatchObject({
      code: 'CODE_UNSUPPORTED',
      problems,
    });
  });

  test.each([
    ['zeta -1', { zeta: -1 }],
    ['percentile 0', { percentile: 0 }],
    ['a percentile of a layer that is not there', { layerPercentiles: { nowhere: 99 } }],
    ['an empty input range', { inputRange: [1, 1] }],
  ])('%s', async (_, options) => {
    const refused = calibrated({ graph: residual(), images: [numbers(2, 1)] }, options);
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  test('to go without statistics', async () => {
    await expect(convert(residual(), { code: 'ttfs-alpha' })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });
});

test('a network that was saved runs as before', async () => {
  const sample = { graph: residual(), images: [numbers(2, 1), numbers(2, 2)] };
  const network = await calibrated(sample);
  const folder = await mkdtemp(join(tmpdir(), 'firstspike-'));
  try {
    await network.save(join(folder, 'network'));
    const loaded = await loadNetwork(join(folder, 'network'));
    const [before, after] = await Promise.all([network, loaded].map((one) => one.run(batchOf(sample))));
    expect(after.logits.data).toEqual(before.logits.data);
  } finally {
    await rm(folder, { recursive: true });
  }
});

describeWithData('real networks', () => {
  test.each(Object.keys(NETWORKS))('%s has the original labels, spike by spike', { timeout: 120_000 }, async (file) => {
    const { graph, test: images, training } = await load(file);
    const calibration = await calibrate(graph, (await training()).batches({ size: 64, limit: 192 }));
    const converted = convert(graph, { code: 'ttfs-alpha', calibration });
    if (!graph.nodes.every((node) => node.op !== 'Mul' && (node.op !== 'Activation' || node.fn === 'relu'))) {
      await expect(converted).rejects.toMatchObject({ code: 'CODE_UNSUPPORTED' });
      return;
    }
    const network = await converted;
    const batch = await first(await images(), 10);
    for (const [engine, precision] of [
      ['event', 'f64'],
      ['layered', 'f64'],
      ['layered', 'f32'],
    ] as const) {
      const { labels, original, counters } = await network.run(batch, { engine, precision, compare: true });
      expect(labels).toEqual(original?.labels);
      expect(total(counters, 'saturated', 'activation')).toBe(0);
    }
  });
});
