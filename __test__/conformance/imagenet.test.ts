/** Networks of ImageNet's size: the twin against ONNX Runtime, ReLU6 in time to first spike, gates of EfficientNet. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codes } from '../../src/codes/index.js';
import { lower } from '../../src/codes/lower.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { elements, type Graph, shapeOf } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import type { TensorLike } from '../../src/tensor.js';
import { largest, largestDifference } from '../codes/spikes.js';
import { dataFile, describeWithData } from '../support/data.js';
import { efficientNet } from '../support/efficientnet.js';
import { first } from './networks.js';

/** Every tenth logit, by network. */
const LOGITS: Readonly<Record<string, readonly number[]>> = JSON.parse(
  readFileSync(new URL('../fixtures/onnxruntime/imagenet.json', import.meta.url), 'utf8'),
);

const MODELS = {
  'efficientnet-silu': efficientNet({ activation: 'silu' }),
  'efficientnet-relu6': efficientNet({ activation: 'relu6' }),
};

const TIMEOUT = 120_000;

/** The image that ONNX Runtime was given. */
function pattern(graph: Graph, amplitude: number): TensorLike {
  const shape = shapeOf(graph, graph.input);
  const data = Float32Array.from({ length: elements(shape) }, (_, i) => amplitude * (((i * 7919) % 256) / 127.5 - 1));
  return { data, shape: [1, ...shape] };
}

async function expectSameAsRuntime(graph: Graph, name: string, amplitude: number, bound = 1e-4): Promise<void> {
  const twin = new SpikingNetwork(graph, 'ann', {});
  for (const precision of ['f32', 'f64'] as const) {
    const { logits } = await twin.run(pattern(graph, amplitude), { precision });
    const some = logits.data.filter((_, i) => i % 10 === 0);
    expect(largestDifference(some, LOGITS[name]) / largest(LOGITS[name]), precision).toBeLessThan(bound);
  }
}

const folder = process.env.FIRSTSPIKE_WRITE_MODELS;
if (folder) for (const [name, bytes] of Object.entries(MODELS)) writeFileSync(join(folder, `${name}.onnx`), bytes);

describe('EfficientNet-B0', { timeout: TIMEOUT }, () => {
  test.each(Object.entries(MODELS))('%s: the twin computes what ONNX Runtime computes', async (name, bytes) => {
    // Random weights carry rounding on as they carry values on.
    await expectSameAsRuntime(await readOnnx(bytes), name, 1, 1e-3);
  });

  test('has SiLU and products where it is as published, and only the codes with gates take it', async () => {
    const graph = await readOnnx(MODELS['efficientnet-silu']);
    const functions = graph.nodes.flatMap((node) => (node.op === 'Activation' ? [node.fn] : []));
    expect(functions.filter((fn) => fn === 'silu')).toHaveLength(49);
    expect(functions.filter((fn) => fn === 'sigmoid')).toHaveLength(16);
    expect(graph.nodes.filter(({ op }) => op === 'Mul')).toHaveLength(16);
    const topology = lower(graph);
    const takers = Object.values(codes).filter((code) => code.unsupported(topology).length === 0);
    expect(takers.map(({ name }) => name)).toEqual(expect.arrayContaining(['fs', 'amos', 'ann']));
    expect(codes.ttfs.unsupported(topology)).toHaveLength(49 + 16 + 16);
  });

  test.each(['fs', 'amos'] as const)('is converted to %s', async (code) => {
    const graph = await readOnnx(MODELS['efficientnet-silu']);
    const image = pattern(graph, 1);
    const calibration = await calibrate(graph, [image]);
    const exact = code === 'amos' ? { product: 'exact' as const } : {};
    const network = await convert(graph, { code, calibration, gates: 'shipped', ...exact });
    const { logits, counters, original } = await network.run(image, { compare: true });
    // Shipped gates are not made for these layers, but one network is recognisable in the other.
    const error = largestDifference(logits.data, original?.logits.data ?? []) / largest(original?.logits.data ?? []);
    expect(error).toBeLessThan(1);
    const active = counters.layers.filter(({ role }) => role === 'activation');
    expect(active.length).toBe(49 + 16);
    expect(active.every(({ spikes }) => spikes > 0)).toBe(true);
  });

  test('with ReLU6 is exact in ttfs, whose windows are 6 wide', async () => {
    const graph = await readOnnx(efficientNet({ activation: 'relu6', size: 64 }));
    const image = pattern(graph, 1);
    const calibration = await calibrate(graph, [image]);
    for (const zeta of [0, 0.5]) {
      const network = await convert(graph, { code: 'ttfs', zeta, calibration });
      const activations = network.layers.filter(({ role }) => role === 'activation');
      expect(new Set(activations.map(({ window }) => window?.width))).toEqual(new Set([6]));
      for (const engine of ['layered', 'event'] as const) {
        const { logits, counters, original } = await network.run(image, { engine, precision: 'f64', compare: true });
        expect(largestDifference(logits.data, original?.logits.data ?? []) / largest(logits.data)).toBeLessThan(1e-10);
        const saturated = counters.layers.map((layer) => (layer.role === 'activation' ? layer.saturated : 0));
        expect(saturated.every((count) => count === 0)).toBe(true);
      }
    }
  });
});

describeWithData('ImageNet', () => {
  test.each([
    ['squeezenet1.0-deepcompression', 100],
    ['mobilenet_v1_0.25_224', 1],
    ['mobilenet_v1_0.75_224', 1],
  ])('%s: the twin computes what ONNX Runtime computes', { timeout: TIMEOUT }, async (name, amplitude) => {
    await expectSameAsRuntime(await readOnnx(dataFile('models', 'imagenet', `${name}.onnx`)), name, amplitude);
  });

  test('MobileNet agrees with its twin in ttfs, in both engines', { timeout: TIMEOUT }, async () => {
    const graph = await readOnnx(dataFile('models', 'imagenet', 'mobilenet_v1_0.25_224.onnx'));
    const preprocess = { scale: 1 / 127.5, mean: [1, 1, 1], std: [1, 1, 1], size: [224, 224] as const };
    const options = { preprocess, shape: shapeOf(graph, graph.input) };
    const images = await openDataset(`images:${dataFile('imagenet', 'val')}`, options);
    const calibration = await calibrate(graph, images.batches({ size: 8, limit: 16 }));
    const network = await convert(graph, { code: 'ttfs', calibration });
    const batch = await first(images, 6);
    for (const engine of ['layered', 'event'] as const) {
      const { logits, labels, original } = await network.run(batch, { engine, precision: 'f64', compare: true });
      expect(labels).toEqual(original?.labels);
      expect(largestDifference(logits.data, original?.logits.data ?? []) / largest(logits.data)).toBeLessThan(1e-10);
    }
    const { labels, original } = await network.run(await first(images, 24), { compare: true });
    expect(labels).toEqual(original?.labels);
  });
});
