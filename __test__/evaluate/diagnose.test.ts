import { beforeAll, describe, expect, test } from 'vitest';
import { alone, runsAlone } from '../../src/codes/alone.js';
import type { Calibration } from '../../src/codes/calibration.js';
import type { FewSpikeParameters } from '../../src/codes/few-spike.js';
import { codes } from '../../src/codes/index.js';
import type { QuartzParameters } from '../../src/codes/quartz.js';
import type { IfParameters } from '../../src/codes/rate.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { diagnose } from '../../src/evaluate/diagnose.js';
import type { LabelledBatch } from '../../src/evaluate/evaluate.js';
import { allRemedies } from '../../src/evaluate/findings.js';
import type { Graph } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { CodedNetwork } from '../../src/simulate/coded-network.js';
import { asImages } from '../../src/simulate/images.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { dataFile, describeWithData } from '../support/data.js';
import { readDigits } from '../support/digits.js';
import { constant, GraphBuilder } from '../support/graphs.js';

const IMAGES = 48;

let graph: Graph;
let calibration: Calibration;
let images: LabelledBatch[];

beforeAll(async () => {
  ({ graph, calibration, images } = await readDigits(IMAGES));
});

function converted(options: ConvertOptions): Promise<SpikingNetwork> {
  return convert(graph, { ...options, calibration });
}

/** The same network with other parameters. */
function changed<T>({ code }: SpikingNetwork, change: (parameters: T) => T): SpikingNetwork {
  return new SpikingNetwork(graph, code.name, change(code.parameters as T));
}

function activations(network: SpikingNetwork): string[] {
  return network.layers.filter(({ role }) => role === 'activation').map(({ name }) => name);
}

describe('a layer alone', () => {
  const settings: ConvertOptions[] = Object.keys(codes)
    .filter((code) => code !== 'ann')
    .map((code) => ({ code }) as ConvertOptions);

  test.each(settings)('of $code is wrong only itself; everything before it is the original', async (options) => {
    const network = await converted(options);
    for (const [index, population] of network.coded.populations.entries()) {
      if (!runsAlone(population)) continue;
      const one = alone(network.coded, index);
      const run = { compare: true, precision: 'f64' } as const;
      const { original } = await new CodedNetwork(one).runImages(asImages(images[0], network.inputShape), run);
      for (const { name, max } of original?.differences.slice(0, one.index - 1) ?? []) expect(max, name).toBe(0);
    }
  });

  test('is exact in an exact code', async () => {
    const network = await converted({ code: 'ttfs' });
    const { layers, findings, output } = await diagnose(network, images, { precision: 'f64' });
    expect(layers.length).toBeGreaterThan(3);
    for (const { alone } of layers) expect(alone.logits).toBeLessThan(1e-12);
    expect(output.logits).toBeLessThan(1e-12);
    expect(findings).toEqual([]);
  });

  test('loses what the whole network loses, if it is the only one that loses', async () => {
    const fine = await converted({ code: 'fs', steps: 20 });
    const [layer] = activations(fine);
    const coarse = await converted({ code: 'fs', steps: 20, layerSteps: { [layer]: 3 } });
    const { layers, output } = await diagnose(coarse, images, { precision: 'f64' });
    const found = layers.find(({ name }) => name === layer);
    expect(found?.alone.logits).toBeCloseTo(output.logits, 4);
    expect(found?.alone.relativeRms).toBeCloseTo(found?.whole.relativeRms ?? 0, 4);
    expect(found?.reach.largest[0]).toBeGreaterThan(0);
  });

  test('runs alike in both engines', async () => {
    for (const code of ['quartz', 'if', 'fs'] as const) {
      const network = await converted({ code, steps: 8 });
      const { coded, inputShape } = network;
      const index = coded.populations.findIndex(({ role }) => role === 'activation');
      const one = new CodedNetwork(alone(coded, index));
      const few = { data: asImages(images[0], inputShape).data.slice(0, 4 * 784), count: 4 };
      const [a, b] = await Promise.all(
        (['event', 'layered'] as const).map((engine) => one.runImages(few, { engine, precision: 'f64' })),
      );
      a.logits.data.forEach((x, i) => {
        expect(x).toBeCloseTo(b.logits.data[i], 9);
      });
    }
  });
});

describe('findings', () => {
  test('a layer with a tenth of its range', async () => {
    for (const [code, shrink] of [
      ['quartz', (p: QuartzParameters, layer: string) => ({ ...p, scales: tenth(p.scales, layer) })],
      ['if', (p: IfParameters, layer: string) => ({ ...p, thresholds: tenth(p.thresholds, layer) })],
    ] as const) {
      const network = await converted({ code, steps: 64 });
      const layer = activations(network)[1];
      const faulty = changed(network, (parameters) => shrink(parameters as never, layer));
      const { findings, layers } = await diagnose(faulty, images);
      expect(findings[0], code).toMatchObject({ kind: 'clipped', layer });
      const percentile = findings[0].options?.layerPercentiles?.[layer] ?? 0;
      expect(percentile).toBeGreaterThanOrEqual(99);
      expect(findings[0].remedy).toContain(`--percentile ${layer}=${percentile}`);
      const costs = layers.map(({ alone }) => alone.logits);
      expect(Math.max(...costs)).toBe(findings[0].cost);
    }

    function tenth<T>(values: Readonly<Record<string, T>>, layer: string): Record<string, T> {
      const small = (x: unknown): unknown => (Array.isArray(x) ? x.map(small) : (x as number) / 10);
      return { ...values, [layer]: small(values[layer]) as T };
    }
  });

  test('a layer with 3 bits', async () => {
    const network = await converted({ code: 'fs' });
    const layer = activations(network)[2];
    const { gates } = (await converted({ code: 'fs', steps: 3 })).code.parameters as FewSpikeParameters;
    const faulty = changed<FewSpikeParameters>(network, (parameters) => ({
      ...parameters,
      gates: { ...parameters.gates, [layer]: gates[layer] },
    }));
    const { findings } = await diagnose(faulty, images);
    expect(findings[0].layer).toBe(layer);
    expect(['coarse', 'dead']).toContain(findings[0].kind);
    const steps = findings[0].options?.layerSteps?.[layer] ?? 0;
    expect(steps).toBeGreaterThan(5);
    expect(findings[0].remedy).toContain(`--steps ${layer}=${steps}`);
    // The remedy is one.
    const mended = await diagnose(await converted({ code: 'fs', ...allRemedies(findings) } as ConvertOptions), images);
    expect(mended.findings.filter((finding) => finding.layer === layer)).toEqual([]);
    expect(mended.output.logits).toBeLessThan(0.2 * findings[0].cost);
  });

  test('swapped scales of two channels', async () => {
    const network = await converted({ code: 'if', balance: 'channel', steps: 64 });
    const { thresholds } = network.code.parameters as IfParameters;
    const layer = activations(network)[1];
    const own = [...thresholds[layer]];
    const high = own.indexOf(Math.max(...own));
    const low = own.indexOf(Math.min(...own));
    expect(own[high]).toBeGreaterThan(2 * own[low]);
    [own[high], own[low]] = [own[low], own[high]];
    const faulty = changed<IfParameters>(network, (p) => ({ ...p, thresholds: { ...thresholds, [layer]: own } }));
    const { findings } = await diagnose(faulty, images);
    const found = findings.find(({ kind }) => kind === 'channels');
    expect(found).toMatchObject({ layer, options: { balance: 'channel' } });
    expect(found?.channels).toContain(high);
    expect(found?.remedy).toMatch(/Calibrate again/);
    // Nothing of the kind is said of the network as it was.
    const sound = await diagnose(network, images);
    expect(sound.findings.filter(({ kind }) => kind === 'channels')).toEqual([]);
  });

  /** What is found of a small network in a code, and the layers' figures. */
  async function found(graph: Graph, batch: LabelledBatch, options: ConvertOptions) {
    const calibration = await calibrate(graph, [batch], { channelPercentiles: true });
    return diagnose(await convert(graph, { ...options, calibration, onWarning() {} }), [batch]);
  }

  /** One hidden layer: `relu(W x + b)`, read as it is. */
  function hidden(weights: readonly number[], bias = 0): Graph {
    const inputs = weights.length;
    return new GraphBuilder([inputs])
      .add(
        {
          op: 'Dense',
          weights: { values: constant([inputs, 1], weights) },
          layout: 'in-out',
          bias: { values: Float64Array.of(bias) },
        },
        [1],
      )
      .relu()
      .add(
        {
          op: 'Dense',
          weights: { values: constant([1, 1], [1]) },
          layout: 'in-out',
          bias: { values: Float64Array.of(0) },
        },
        [1],
      )
      .build();
  }

  test('neurons that spike before their inputs are in', async () => {
    // The large input comes early and is excitatory; what inhibits comes later.
    const images = { data: [1, 0.6, 1, 0.55, 1, 0.5, 1, 0.4], shape: [4, 2] };
    const options = { code: 'quartz', steps: 64, percentile: 100 } as const;
    const one = await found(hidden([4, -6]), images, { ...options, phases: 'one' });
    expect(one.findings[0]).toMatchObject({ kind: 'early', options: { phases: 'two' } });
    expect(one.layers.find(({ name }) => name === one.findings[0].layer)?.early).toBeGreaterThan(0.2);
    const two = await found(hidden([4, -6]), images, { ...options, phases: 'two' });
    expect(two.findings.map(({ kind }) => kind)).not.toContain('early');
  });

  test('negative values of the image, only where there are any', async () => {
    const options = { code: 'quartz', steps: 64, percentile: 100, phases: 'two', bias: 'weight' } as const;
    const graph = hidden([4, -6]);
    const negative = { data: [0.5, -0.5, 1, -0.25, 0.25, -1, 1, 0.5], shape: [4, 2] };
    const signed = await found(graph, negative, options);
    expect(signed.findings[0]).toMatchObject({ kind: 'negative', options: { input: 'shifted', bias: 'weight' } });
    const shifted = await found(graph, negative, { ...options, input: 'shifted' });
    expect(shifted.output.logits).toBeLessThan(signed.output.logits / 2);
    // What puts the image on the grid has no percentile to choose.
    expect(shifted.findings.map(({ kind }) => kind)).not.toContain('wide');
    const positive = { data: negative.data.map(Math.abs), shape: [4, 2] };
    const kinds = (await found(graph, positive, options)).findings.map(({ kind }) => kind);
    expect(kinds).not.toContain('negative');
  });

  test('biases beyond the window', async () => {
    const images = { data: [0.5, 0.75, 1, 0.9], shape: [4, 1] };
    const options = { code: 'quartz', steps: 256, percentile: 100, phases: 'two' } as const;
    // The activations reach 1, the bias is 1.75 of that.
    const { findings } = await found(hidden([-1.5], 1.75), images, { ...options, biasLimit: 1 });
    expect(findings[0]).toMatchObject({ kind: 'bias', options: { biasLimit: 2 } });
    expect((await found(hidden([-1.5], 1.75), images, { ...options, biasLimit: 2 })).findings).toEqual([]);
  });

  test('a gate that sees other inputs than it was made for', async () => {
    const graph = new GraphBuilder([4]).dense(6).add({ op: 'Activation', fn: 'sigmoid' }).dense(3).build();
    const images = { data: Float64Array.from({ length: 256 }, (_, i) => Math.sin(i)), shape: [64, 4] };
    const calibration = await calibrate(graph, [images]);
    const network = await convert(graph, { code: 'fs', gates: 'shipped', calibration, onWarning() {} });
    const { gates } = network.code.parameters as FewSpikeParameters;
    const [[layer, gate]] = Object.entries(gates);
    const narrow = { gates: { ...gates, [layer]: { ...gate, range: [-0.01, 0.01] as const } } };
    const { findings } = await diagnose(new SpikingNetwork(graph, 'fs', narrow), [images]);
    expect(findings[0]).toMatchObject({ kind: 'inputs', layer, options: { gates: 'fitted' } });
  });

  test('remedies are joined, the costliest counting where they differ', () => {
    const base = { kind: 'coarse', message: '', remedy: '' } as const;
    expect(
      allRemedies([
        { ...base, cost: 2, options: { steps: 9, layerPercentiles: { a: 99 } } },
        { ...base, cost: 1, options: { steps: 5, layerPercentiles: { b: 100 } } },
        { ...base, cost: 0.5 },
      ]),
    ).toEqual({ steps: 9, layerPercentiles: { a: 99, b: 100 } });
  });
});

describeWithData('a deep network', () => {
  test('whose layers lose more together than alone', async () => {
    const deep = await readOnnx(dataFile('models', 'cifar10', 'resnet20.onnx'));
    const preprocess = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const shape = [3, 32, 32];
    const pictures = await openDataset(`cifar:${dataFile('cifar10', 'test-first1000.bin')}`, { preprocess, shape });
    const ranges = await calibrate(deep, pictures.batches({ size: 64, limit: 64 }));
    const network = await convert(deep, { code: 'if', steps: 32, calibration: ranges });
    const { findings, layers, output } = await diagnose(network, pictures.batches({ size: 32, limit: 32 }));
    const [{ kind, layer, options, cost }] = findings;
    expect([kind, layer, options?.steps]).toEqual(['uneven', undefined, 64]);
    expect(cost).toBe(output.logits);
    expect(cost).toBeGreaterThan(2 * Math.hypot(...layers.map(({ alone }) => alone.logits)));
  });
});
