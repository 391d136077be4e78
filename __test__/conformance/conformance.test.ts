/**
 * Every code on every real network: agreement with the original, accuracy, spikes, and that engines, precisions,
 * threads and batches make no difference. Another code is another row of {@link CODES}.
 *
 * What is found is printed as a table; with UPDATE_TABLE=1 it is written to table.md.
 */

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { codes } from '../../src/codes/index.js';
import { lower } from '../../src/codes/lower.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import type { Batch, Dataset } from '../../src/data/dataset.js';
import { type Evaluation, evaluate } from '../../src/evaluate/evaluate.js';
import { describeGraph } from '../../src/graph/describe.js';
import type { Graph } from '../../src/graph/graph.js';
import type { Engine, Precision, RunResult } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { largest, largestDifference, spikeDifference, trainDifference } from '../codes/spikes.js';
import { describeWithData } from '../support/data.js';
import { first, load, NETWORKS } from './networks.js';

/** A code, and what is expected of it. */
interface Row {
  readonly options: ConvertOptions;
  /** Whether it computes what the original network computes: neurons spike at most once, at times that are not rounded. */
  readonly exact: boolean;
  /** Bound of what the logits of the engines differ by in single precision, relative to the largest, if it is exact. */
  readonly single?: number;
  /** Whether only the neurons spike whose value in the original network is not zero. */
  readonly sparse?: boolean;
  /** Least share of images with the label of the original. */
  readonly agreement: number;
  /** The same of single networks. */
  readonly exceptions?: Readonly<Record<string, number>>;
}

const CODES: readonly Row[] = [
  { options: { code: 'ttfs' }, exact: true, sparse: true, single: 1e-4, agreement: 0.999 },
  // Potentials rise with the external slope to many times the value that they stand for: digits are lost.
  { options: { code: 'ttfs-alpha' }, exact: true, single: 1e-2, agreement: 0.999 },
  // Spikes of fitted gates have a price, and products are circuits too in amos.
  { options: { code: 'fs' }, exact: false, agreement: 0.99, exceptions: { 'cifar10/minieff-silu-se': 0.88 } },
  { options: { code: 'amos' }, exact: false, agreement: 0.99, exceptions: { 'cifar10/minieff-silu-se': 0.85 } },
  {
    options: { code: 'quartz', steps: 64 },
    exact: false,
    agreement: 0.9,
    // Partial sums spike before the inputs that would have brought them down.
    exceptions: { 'mnist/verivital-Convnet_maxpool': 0.4, 'cifar10/vgg-sparse': 0.6 },
  },
  { options: { code: 'if', steps: 64 }, exact: false, agreement: 0.9 },
  // Behind twenty layers, rates have not settled when averaging begins.
  { options: { code: 'lif' }, exact: false, agreement: 0.75, exceptions: { 'cifar10/resnet20': 0.6 } },
];

/** Networks that were trained to be sparse, or are. */
const SPARSE = ['mnist/digits-bn', 'cifar10/vgg-sparse', 'mnist/quartz-convnet', 'mnist/burn-mnist'];

const ENGINES: readonly Engine[] = ['layered', 'event'];
const PRECISIONS: readonly Precision[] = ['f32', 'f64'];

/** In milliseconds; most take a second or two. */
const TIMEOUT = 120_000;

const table: string[][] = [];

describeWithData('conformance', () => {
  afterAll(() => {
    const text = formatTable(table);
    console.log(text);
    if (process.env.UPDATE_TABLE === '1') writeFileSync(new URL('table.md', import.meta.url), text);
  });

  describe.each(Object.keys(NETWORKS))('%s', (file) => {
    const name = file.replace('.onnx', '');
    let graph: Graph;
    let dataset: Dataset;
    let calibration: Calibration;
    let macs: number;
    beforeAll(async () => {
      const loaded = await load(file);
      graph = loaded.graph;
      dataset = await loaded.test();
      calibration = await calibrate(graph, (await loaded.training()).batches({ size: 64, limit: 192 }));
      macs = describeGraph(graph).macs;
    }, TIMEOUT);

    test.each(CODES)(
      'in the code $options.code',
      { timeout: TIMEOUT },
      async ({ options, exact, single, sparse, agreement, exceptions }) => {
        const { code } = options;
        const problems = codes[code].unsupported(lower(graph));
        if (problems.length > 0) {
          expect(graph.nodes.every((node) => node.op !== 'Activation' || node.fn === 'relu')).toBe(false);
          await expect(convert(graph, { ...options, calibration })).rejects.toMatchObject({ problems });
          table.push([name, code, 'cannot express it']);
          return;
        }
        const network = await convert(graph, { ...options, calibration });
        // As many images as take a few seconds; codes with many steps take longer.
        const affordable = (work: number, most: number) => Math.round(Math.min(most, Math.max(4, work / macs)));
        const few = await first(dataset, exact ? affordable(8e8, 100) : affordable(1.6e8, 20));
        const runs = await runAll(network, few);
        const engines = compareEngines(network, runs, exact, single);
        await expectDeterminism(network, few);

        const images = dataset.batches({ size: 500, limit: exact ? undefined : affordable(2e9, 200) });
        const all = await evaluate(network, images, { throughputSeconds: 0 });
        expect(all.agreement).toBeGreaterThanOrEqual(exceptions?.[name] ?? agreement);
        const event = agreementOf(runs['event f64']);
        if (exact) {
          expect(event).toBe(1);
          expectKnown(file, all);
        }
        if (sparse) {
          expectTheoremOfSpikes(runs['event f64']);
          expectTheoremOfSpikes(runs['layered f64']);
          expectKnownActivity(file, all);
          if (SPARSE.includes(name)) expect(all.spikesPerNeuron).toBeLessThanOrEqual(0.3);
        }
        table.push(rowOf(name, code, all, event, runs, engines));
      },
    );
  });
});

type Runs = Readonly<Record<`${Engine} ${Precision}`, RunResult>>;

async function runAll(network: SpikingNetwork, batch: Batch): Promise<Runs> {
  const runs: Record<string, RunResult> = {};
  for (const engine of ENGINES) {
    for (const precision of PRECISIONS) {
      // Single precision moves spikes; only double precision is compared spike for spike.
      const options = { engine, precision, record: { spikes: precision === 'f64' }, compare: true };
      runs[`${engine} ${precision}`] = await network.run(batch, options);
    }
  }
  return runs as Runs;
}

function agreementOf({ labels, original }: RunResult): number {
  return labels.filter((label, image) => label === original?.labels[image]).length / labels.length;
}

/** Expects both engines to tell the same: spike for spike in double precision, in logits in single precision. */
function compareEngines(
  network: SpikingNetwork,
  runs: Runs,
  exact: boolean,
  bound = 1e-4,
): { times: number; logits: number } {
  const logits = (precision: Precision) => {
    const [layered, event] = ENGINES.map((engine) => runs[`${engine} ${precision}`].logits.data);
    return largestDifference(layered, event) / largest(event);
  };
  const [layered, event] = ENGINES.map((engine) => runs[`${engine} f64`]);
  expect(layered.labels).toEqual(event.labels);
  expect(logits('f64')).toBeLessThan(1e-9);
  const times = exact ? spikeDifference(network, layered, event) : trainDifference(layered, event);
  expect(times).toBeLessThan(1e-9);
  const single = logits('f32');
  if (exact) {
    expect(runs['layered f32'].labels).toEqual(runs['event f32'].labels);
    expect(single).toBeLessThan(bound);
  }
  return { times, logits: single };
}

/** Expects a spike for each output of a ReLU that is not zero, and no other. */
function expectTheoremOfSpikes({ counters, original }: RunResult): void {
  counters.layers.forEach(({ name, role, spikes }, i) => {
    if (role === 'activation') expect(spikes, name).toBe(original?.differences[i].originalActive);
  });
}

/** Expects bit for bit the same of any number of threads, and of images one by one. */
async function expectDeterminism(network: SpikingNetwork, { data, shape }: Batch): Promise<void> {
  const perImage = data.length / shape[0];
  const images = (from: number, to: number) => ({
    data: data.subarray(from * perImage, to * perImage),
    shape: [to - from, ...shape.slice(1)],
  });
  for (const engine of ENGINES) {
    const { logits, counters, imageSpikes } = await network.run(images(0, 4), { engine, threads: 1 });
    for (const threads of [2, 3]) {
      const again = await network.run(images(0, 4), { engine, threads });
      expect(again.logits.data).toEqual(logits.data);
      expect(again.counters).toEqual(counters);
    }
    for (const [from, to] of [
      [0, 1],
      [1, 4],
    ]) {
      const part = await network.run(images(from, to), { engine });
      expect([...part.imageSpikes]).toEqual([...imageSpikes.slice(from, to)]);
      const classes = logits.data.length / 4;
      expect(part.logits.data).toEqual(logits.data.slice(from * classes, to * classes));
    }
  }
}

/** Expects accuracy on the whole test set to be what is known of the network. */
function expectKnown(file: string, { accuracy, annAccuracy, images }: Evaluation): void {
  const known = NETWORKS[file];
  // Single precision may change the label of an image or two.
  const slack = 2.5 / images;
  expect(Math.abs((annAccuracy ?? 0) - known.accuracy / 100)).toBeLessThan(slack);
  expect(Math.abs((accuracy ?? 0) - known.accuracy / 100)).toBeLessThan(slack);
}

/** Expects the same of the share of neurons that spike. */
function expectKnownActivity(file: string, { spikesPerNeuron }: Evaluation): void {
  const known = NETWORKS[file].spikesPerNeuron;
  if (known) expect(Math.abs(spikesPerNeuron - known)).toBeLessThan(0.006);
}

const COLUMNS = [
  'network',
  'code',
  'images',
  'accuracy (original)',
  'agreement',
  'agreement, event f64',
  'spikes per neuron',
  'saturated',
  'logits, layered f32',
  'logits, event f64',
  'engines, spikes f64',
  'engines, logits f32',
];

function rowOf(
  name: string,
  code: string,
  all: Evaluation,
  event: number,
  runs: Runs,
  engines: { times: number; logits: number },
): string[] {
  const percent = (share = 0) => (share * 100).toFixed(2);
  const difference = (run: RunResult) => {
    const original = run.original?.logits.data ?? [];
    return short(largestDifference(run.logits.data, original) / largest(original));
  };
  return [
    name,
    code,
    String(all.images),
    `${percent(all.accuracy)} (${percent(all.annAccuracy)})`,
    percent(all.agreement),
    percent(event),
    all.spikesPerNeuron.toFixed(3),
    (all.saturated / all.images).toFixed(2),
    difference(runs['layered f32']),
    difference(runs['event f64']),
    short(engines.times),
    short(engines.logits),
  ];
}

/** Magnitude of a number: digits beyond the first differ between processors. */
function short(value: number): string {
  return value === 0 ? '0' : value.toExponential(0);
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${COLUMNS.map((_, i) => cells[i] ?? '').join(' | ')} |`;
  return [
    '# Conformance',
    '',
    'Written by `conformance.test.ts`. Accuracies, agreements and shares are in percent, saturated spikes for one image;',
    'differences of logits are relative to the largest logit, those of spike times to the window (of codes with steps:',
    'the share of spikes that differ).',
    '',
    line(COLUMNS),
    line(COLUMNS.map(() => '---')),
    ...rows.map(line),
    '',
  ].join('\n');
}
