/** Time to first spike: exact on every ReLU network, and its parameters as documented. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { ConvertError, type ErrorCode } from '../../src/errors.js';
import { type Graph, shapeOf } from '../../src/graph/graph.js';
import { total } from '../../src/simulate/counters.js';
import type { Layer } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import type { TensorLike } from '../../src/tensor.js';
import { constant, GraphBuilder, numbers } from '../support/graphs.js';
import { evaluate, run } from '../support/interpreter.js';
import { type Sample, samples, uniform } from './networks.js';
import { largest, largestDifference, spikeDifference } from './spikes.js';

/** Images as one batch. */
function batchOf({ graph, images }: Sample): TensorLike {
  const data = Float64Array.from(images.flatMap((image) => [...image]));
  return { data, shape: [images.length, ...shapeOf(graph, graph.input)] };
}

async function calibrated(sample: Sample, inputRange?: [number, number]): Promise<SpikingNetwork> {
  const calibration = await calibrate(sample.graph, [batchOf(sample)]);
  return convert(sample.graph, { code: 'ttfs', calibration, inputRange });
}

/** Expects both engines to compute the graph's output, spike for spike the same, and no value beyond its window. */
async function expectExact(sample: Sample, network: SpikingNetwork): Promise<void> {
  const { graph, images } = sample;
  const tensors = images.map((image) => evaluate(graph, image));
  const outputs = tensors.flatMap((all) => [...(all.get(graph.output) ?? [])]);
  const scale = Math.max(1, ...tensors.flatMap((all) => [...all.values()].map(largest)));
  const [event, layered] = await Promise.all(
    (['event', 'layered'] as const).map((engine) =>
      network.run(batchOf(sample), { engine, precision: 'f64', record: { spikes: true } }),
    ),
  );
  for (const { logits } of [event, layered]) {
    expect(largestDifference(logits.data, outputs) / scale).toBeLessThan(1e-11);
  }
  expect(spikeDifference(network, event, layered)).toBeLessThan(1e-9);
  // An extreme of the input may come out a rounding error beyond its range, and so it is left out.
  const { layers } = event.counters;
  expect(layers.slice(1).map(({ saturated }) => saturated)).toEqual(layers.slice(1).map(() => 0));
}

test('any network of ReLUs, clipped or not, is exact in both engines, spike for spike, and never saturates on its calibration images', async () => {
  await fc.assert(
    fc.asyncProperty(samples({ smooth: false, clipped: true }), async (sample) =>
      expectExact(sample, await calibrated(sample)),
    ),
    { numRuns: 500 },
  );
});

describe('the input range', () => {
  const images = [1, 2, 3].map((seed) => uniform(2 * 5 * 4, seed).map((x) => Math.fround(1.5 + x)));
  const padded = () => new GraphBuilder([2, 5, 4]).conv(3, { kernel: [3, 3], pads: [2, 1, 0, 1], strides: [2, 1] });

  test('may be any that holds the images: kernels that overhang the border see zeros all the same', async () => {
    const graph = padded().relu().conv(2).build();
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: -3, max: 0.5, noNaN: true }),
        fc.double({ min: 2.5, max: 9, noNaN: true }),
        async (p, q) => {
          await expectExact({ graph, images }, await calibrated({ graph, images }, [p, q]));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('is that of the calibration images where none is given', async () => {
    const { code } = await calibrated({ graph: padded().build(), images });
    const all = images.flatMap((image) => [...image]);
    expect(code.parameters).toMatchObject({ inputRange: [Math.min(...all), Math.max(...all)] });
  });

  test('is one wide where all calibration images are the same number', async () => {
    const grey = { graph: padded().build(), images: [new Float64Array(40).fill(0.75)] };
    const network = await calibrated(grey);
    expect(network.code.parameters).toMatchObject({ inputRange: [0.75, 1.75] });
    await expectExact(grey, network);
  });

  test('counts images beyond it as saturated, which are exact nevertheless', async () => {
    const graph = padded().build();
    const network = await calibrated({ graph, images }, [1, 2]);
    const { logits, counters } = await network.run(batchOf({ graph, images }), { precision: 'f64' });
    const outputs = images.flatMap((image) => [...run(graph, image)]);
    expect(largestDifference(logits.data, outputs) / largest(outputs)).toBeLessThan(1e-12);
    const beyond = images.flatMap((image) => [...image]).filter((x) => x < 1 || x > 2);
    expect(counters.layers[0].saturated).toBe(beyond.length);
  });

  test('clips images beyond it where values saturate', async () => {
    const graph = padded().build();
    const calibration = await calibrate(graph, [batchOf({ graph, images })]);
    const network = await convert(graph, { code: 'ttfs', calibration, inputRange: [1, 2], saturate: true });
    const { logits } = await network.run(batchOf({ graph, images }), { precision: 'f64' });
    const outputs = images.flatMap((image) => [
      ...run(
        graph,
        image.map((x) => Math.min(Math.max(x, 1), 2)),
      ),
    ]);
    expect(largestDifference(logits.data, outputs) / largest(outputs)).toBeLessThan(1e-12);
  });

  const readers: [string, (image: GraphBuilder) => GraphBuilder][] = [
    ['average pooling', (image) => image.averagePool({ kernel: [2, 2] })],
    ['max pooling', (image) => image.maxPool({ kernel: [2, 2] })],
    ['a sum', (image) => image.conv(2, {}, 3).add({ op: 'Add' }, [2, 5, 4], [image.last, 'input'])],
    ['concatenation', (image) => image.add({ op: 'Concat', axis: 0 }, [4, 5, 4], ['input', 'input'])],
    ['an activation', (image) => image.relu()],
  ];
  test.each(readers)('is taken up by relays where %s reads the image', async (_, read) => {
    const sample = {
      graph: read(new GraphBuilder([2, 5, 4]))
        .conv(1)
        .relu()
        .conv(1)
        .build(),
      images,
    };
    const network = await calibrated(sample);
    // A pair of neurons for each value, one for each sign.
    expect(network.layers[1]).toMatchObject({ role: 'relay', shape: [5, 4, 2], neurons: 80 });
    await expectExact(sample, network);
  });

  test('is folded into convolutions and dense layers, which need no relays', async () => {
    const wide = new GraphBuilder([2, 5, 4]).conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] });
    const sums = wide.last;
    wide.add({ op: 'Conv', ...pointwise(3, 2) }, [3, 5, 4], ['input']).add({ op: 'Add' }, [3, 5, 4], [wide.last, sums]);
    const flat = new GraphBuilder([2, 5, 4]).transpose([1, 2, 0]).reshape([40]).dense(5);
    for (const builder of [wide.relu().conv(1), flat.relu().dense(2)]) {
      const sample = { graph: builder.build(), images };
      const network = await calibrated(sample);
      expect(network.layers.map(({ role }) => role)).not.toContain('relay');
      await expectExact(sample, network);
    }
  });
});

/** A convolution of one pixel. */
function pointwise(outputs: number, inputs: number) {
  return {
    weights: { values: constant([outputs, inputs, 1, 1], numbers(outputs * inputs, 5)) },
    bias: { values: numbers(outputs, 6) },
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
    groups: 1,
  } as const;
}

/** input (2) -> dense (2) -> ReLU -> dense (2) -> ReLU -> dense (1), with a shortcut over the second layer. */
function residual(): Graph {
  const builder = new GraphBuilder([2]).dense(2, 'out-in', 1).relu();
  const shortcut = builder.last;
  builder.dense(2, 'out-in', 4).relu();
  builder.add({ op: 'Add' }, [2], [builder.last, shortcut]).dense(2, 'out-in', 7).relu();
  return builder.dense(1).build();
}

const residualImages = Array.from({ length: 200 }, (_, i) => numbers(2, i));

/** Activations of each node, over all images. */
function activations(graph: Graph, images: readonly Float64Array[]): Map<string, number[]> {
  const all = new Map(graph.nodes.map(({ name }): [string, number[]] => [name, []]));
  for (const image of images) {
    const tensors = evaluate(graph, image);
    for (const { name, output } of graph.nodes) all.get(name)?.push(...(tensors.get(output) ?? []));
  }
  return all;
}

describe('windows', () => {
  const graph = residual();
  const sample = { graph, images: residualImages };
  const known = activations(graph, residualImages);
  const calibration = calibrate(graph, [batchOf(sample)]);
  const convertWith = async (options: object) =>
    convert(graph, { code: 'ttfs', calibration: await calibration, ...options });
  const spiking = ({ layers }: SpikingNetwork): (Layer & { window: { start: number; width: number } })[] =>
    layers.flatMap((layer) => (layer.window ? [{ ...layer, window: layer.window }] : []));

  test.each([-0.5, 0, 0.5, 2])('are (1 + zeta) times as wide as the largest activation (zeta %d)', async (zeta) => {
    const [, ...layers] = spiking(await convertWith({ zeta }));
    expect(layers.map(({ role }) => role)).toEqual(['activation', 'activation', 'relay', 'activation']);
    for (const { name, window } of layers) {
      expect(window.width).toBeCloseTo((1 + zeta) * largest(known.get(name) ?? []), 5);
    }
  });

  test('begin when the last of their inputs has ended', async () => {
    const [input, first, second, sum] = spiking(await convertWith({})).map(({ window }) => window);
    const end = ({ start, width }: typeof input) => start + width;
    expect(input).toEqual({ start: 0, width: 1 });
    expect(first.start).toBe(1);
    expect(second.start).toBe(end(first));
    // It reads the first layer too, whose window ended long before.
    expect(sum.start).toBe(end(second));
  });

  test('of poolings are those of what they pool', async () => {
    const pooled = new GraphBuilder([1, 4, 4])
      .conv(2)
      .relu()
      .maxPool({ kernel: [2, 2] })
      .conv(1)
      .build();
    const network = await calibrated({ graph: pooled, images: [numbers(16, 3)] });
    const [, activation, pool] = spiking(network);
    expect([activation.role, pool.role]).toEqual(['activation', 'pool']);
    expect(pool.window).toEqual(activation.window);
  });

  test('of relays hold both signs', async () => {
    const linear = new GraphBuilder([3]).dense(4).dense(2).build();
    const images = Array.from({ length: 9 }, (_, i) => numbers(3, i));
    const network = await calibrated({ graph: linear, images });
    const [, relay] = spiking(network);
    expect(relay).toMatchObject({ role: 'relay', neurons: 8 });
    const values = activations(linear, images).get(relay.name) ?? [];
    expect(relay.window.width).toBeCloseTo(1.5 * largest(values), 5);
    await expectExact({ graph: linear, images }, network);
  });

  test('of layers that never were active are one wide', async () => {
    const dead = new GraphBuilder([2]).affine([-1, -1], [-9, -9]).relu().dense(2).build();
    const [, layer] = spiking(await calibrated({ graph: dead, images: [Float64Array.of(0, 1)] }));
    expect(layer.window.width).toBe(1);
  });

  test('are the same with options that are undefined', async () => {
    const explicit = { zeta: undefined, saturate: undefined, percentile: undefined, layerPercentiles: undefined };
    expect((await convertWith(explicit)).code).toEqual((await convertWith({})).code);
  });

  test('follow a percentile of the activations, and another one for single layers', async () => {
    const names = spiking(await convertWith({})).map(({ name }) => name);
    const network = await convertWith({ zeta: 0, percentile: 90, layerPercentiles: { [names[2]]: 60 } });
    for (const { name, window } of spiking(network).slice(1)) {
      const sorted = known.get(name)?.toSorted((a, b) => a - b) ?? [];
      const rank = ((name === names[2] ? 60 : 90) / 100) * (sorted.length - 1);
      expect(window.width).toBeGreaterThanOrEqual(sorted[Math.floor(rank)] * 0.998);
      expect(window.width).toBeLessThanOrEqual(sorted[Math.ceil(rank)] * 1.002);
    }
  });

  test('that are too narrow only count what lies beyond', async () => {
    const network = await convertWith({ zeta: -0.5 });
    const { logits, counters } = await network.run(batchOf(sample), { precision: 'f64' });
    const outputs = residualImages.flatMap((image) => [...run(graph, image)]);
    expect(largestDifference(logits.data, outputs) / largest(outputs)).toBeLessThan(1e-12);
    for (const { name, window } of spiking(network).slice(1)) {
      const beyond = known.get(name)?.filter((value) => value > window.width).length;
      expect(counters.layers.find((layer) => layer.name === name)?.saturated).toBe(beyond);
    }
    expect(total(counters, 'saturated')).toBeGreaterThan(0);
  });

  test('that are too narrow clip what lies beyond where values saturate, in both engines', async () => {
    const network = await convertWith({ zeta: -0.5, saturate: true });
    for (const engine of ['event', 'layered'] as const) {
      const record = { spikes: true };
      const { spikes = [], logits } = await network.run(batchOf(sample), { engine, precision: 'f64', record });
      const times = spikes.flatMap((layer) => [...layer.times]);
      expect(Math.min(...times)).toBe(0);
      // The first layer's values are those of the graph, up to the window.
      const [, { window, name }] = spiking(network);
      const clipped = (known.get(name) ?? []).map((value) => Math.min(value, window.width));
      const layer = spikes.find((candidate) => candidate.name === name);
      const values = layer?.times.map((time) => window.width - time) ?? [];
      expect(
        largestDifference(
          values,
          clipped.filter((value) => value > 0),
        ),
      ).toBeLessThan(1e-12);
      expect(logits.data.every(Number.isFinite)).toBe(true);
    }
  });
});

describe('the readout', () => {
  const tails: [string, (builder: GraphBuilder) => GraphBuilder][] = [
    ['a dense layer', (builder) => builder.reshape([24]).dense(3)],
    ['ReLU', (builder) => builder.conv(3).relu()],
    ['average pooling', (builder) => builder.conv(3).averagePool({ kernel: [4, 3] })],
    [
      'ReLU and average pooling',
      (builder) =>
        builder
          .conv(3)
          .relu()
          .averagePool({ kernel: [4, 3] }),
    ],
    [
      'ReLU and max pooling',
      (builder) =>
        builder
          .conv(3)
          .relu()
          .maxPool({ kernel: [4, 3] }),
    ],
    ['a new shape', (builder) => builder.conv(3).transpose([1, 2, 0])],
  ];
  test.each(tails)('takes in %s at the end, which does not spike', async (_, tail) => {
    const graph = tail(new GraphBuilder([1, 4, 3]).conv(2).relu()).build();
    const sample = { graph, images: [1, 2, 3].map((seed) => numbers(12, seed)) };
    const network = await calibrated(sample);
    expect(network.layers.slice(0, 2).map(({ role }) => role)).toEqual(['input', 'activation']);
    for (const { role, window } of network.layers.slice(2)) expect({ role, window }).toEqual({ role: 'readout' });
    await expectExact(sample, network);
  });

  test('reads spikes of concatenated layers through neurons of its own', async () => {
    const builder = new GraphBuilder([3]).dense(2).relu();
    const left = builder.last;
    builder.add({ op: 'Affine', per: 'channel', scale: numbers(3, 1), shift: numbers(3, 2) }, [3], ['input']).relu();
    const graph = builder.add({ op: 'Concat', axis: 0 }, [5], [builder.last, left]).build();
    const sample = { graph, images: [numbers(3, 5), numbers(3, 6)] };
    const network = await calibrated(sample);
    expect(network.layers.at(-1)).toMatchObject({ role: 'readout', neurons: 5 });
    await expectExact(sample, network);
  });
});

describe('refuses', () => {
  const graph = residual();
  const calibration = calibrate(graph, [batchOf({ graph, images: residualImages })]);

  async function expectRefusal(code: ErrorCode, of: Graph, options: object, statistics?: Calibration) {
    const refused = convert(of, { code: 'ttfs', calibration: statistics ?? (await calibration), ...options });
    const error = await refused.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(ConvertError);
    expect(error.code).toBe(code);
    for (const { message, remedy } of error.problems) expect([message, remedy]).not.toContain('');
    return error as ConvertError;
  }

  test('all that it cannot express at once, and names the codes that can', async () => {
    const builder = new GraphBuilder([4]).add({ op: 'Activation', fn: 'sigmoid' }).dense(4);
    const gate = builder.last;
    builder.add({ op: 'Activation', fn: 'sigmoid' }).add({ op: 'Mul' }, [4], [gate, builder.last]);
    const smooth = builder.dense(2).build();
    const images = [numbers(4, 1)];
    const statistics = await calibrate(smooth, [batchOf({ graph: smooth, images })]);
    const { problems, message } = await expectRefusal('CODE_UNSUPPORTED', smooth, {}, statistics);
    const names = smooth.nodes.filter(({ op }) => op === 'Activation' || op === 'Mul').map(({ name }) => name);
    expect(problems.map(({ layer }) => layer)).toEqual(names);
    for (const name of names) expect(message).toContain(name);
    for (const { remedy } of problems) expect(remedy).toMatch(/\bfs\b.*\bamos\b/);
  });

  test.each([
    ['zeta -1', { zeta: -1 }],
    ['an infinite zeta', { zeta: Number.POSITIVE_INFINITY }],
    ['zeta NaN', { zeta: Number.NaN }],
    ['percentile 0', { percentile: 0 }],
    ['percentile 100.1', { percentile: 100.1 }],
    ['percentile NaN', { percentile: Number.NaN }],
    ['a percentile of a layer that is not there', { layerPercentiles: { nowhere: 99 } }],
    ['an input range from high to low', { inputRange: [1, 0] }],
    ['an empty input range', { inputRange: [1, 1] }],
    ['an input range without end', { inputRange: [0, Number.POSITIVE_INFINITY] }],
    ['an input range that is NaN', { inputRange: [Number.NaN, 1] }],
  ])('%s', async (_, options) => {
    const { problems } = await expectRefusal('OPTION_INVALID', graph, options);
    expect(problems).toHaveLength(1);
  });

  test('all options outside of their domains at once', async () => {
    const options = { zeta: -2, percentile: 200, layerPercentiles: { nowhere: 0 }, inputRange: [2, 1] };
    const { problems } = await expectRefusal('OPTION_INVALID', graph, options);
    expect(problems).toHaveLength(5);
  });

  test('statistics of another network', async () => {
    const other = new GraphBuilder([2]).dense(1).build();
    const statistics = await calibrate(other, [{ data: [1, 2], shape: [2] }]);
    const { layer } = await expectRefusal('OPTION_INVALID', graph, {}, statistics);
    expect(graph.nodes.map(({ name }) => name)).toContain(layer);
  });

  test('to go without statistics', async () => {
    await expect(convert(graph, { code: 'ttfs' })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });
});

test('spikes are the non-zero outputs of the ReLUs, neither more nor less', async () => {
  await fc.assert(
    fc.asyncProperty(samples({ smooth: false }), async (sample) => {
      const network = await calibrated(sample);
      const { spikes = [] } = await network.run(batchOf(sample), { precision: 'f64', record: { spikes: true } });
      const known = activations(sample.graph, sample.images);
      for (const { name, role, window: { width } = { width: 0 } } of network.layers) {
        if (role !== 'activation') continue;
        // What is zero but for rounding is not counted in either.
        const zero = 1e-12 * width;
        const times = spikes.find((layer) => layer.name === name)?.times.filter((time) => width - time > zero);
        expect(times, name).toHaveLength(known.get(name)?.filter((value) => value > zero).length ?? 0);
      }
    }),
    { numRuns: 200 },
  );
});
