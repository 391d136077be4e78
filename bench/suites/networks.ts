/** Whole networks: both engines against ONNX Runtime on the same images with the same number of threads. */

import { barsSvg } from '../chart.js';
import { chosenOr, inBatches, loadNetwork, type NetworkFiles } from '../data.js';
import {
  convert,
  describeGraph,
  type Engine,
  type Precision,
  readOnnx,
  type SpikingNetwork,
  total,
} from '../firstspike.js';
import { type Case, type Duration, type MeasuredCase, measureRounds, ratios } from '../measure.js';
import { type FloatBatch, OnnxRuntimeModel } from '../onnxruntime.js';
import { median } from '../statistics.js';
import type { Goal, Outcome, SuiteOptions, Table } from '../suite.js';

/** How fast one side is at its best batch. */
export interface Speed {
  /** Images of one call. */
  readonly batch: number;
  /** Median over the rounds. */
  readonly imagesPerSecond: number;
  /** Of each round. */
  readonly rounds: readonly number[];
  /** Medians of all batches that were tried. */
  readonly batches: readonly { readonly batch: number; readonly imagesPerSecond: number }[];
}

/** One engine against ONNX Runtime. */
export interface Comparison {
  readonly network: string;
  readonly threads: number;
  readonly engine: Engine;
  readonly precision: Precision;
  /** firstspike's images per second over ONNX Runtime's: median over the rounds. */
  readonly ratio: number;
  /** Of each round. */
  readonly ratios: readonly number[];
  readonly firstspike: Speed;
  readonly onnxruntime: Speed & {
    /** Whether the model takes no other batch. */
    readonly fixedBatch: boolean;
  };
  /** Share of the images that both sides give the same label. */
  readonly agreement: number;
  /** Multiply-accumulate operations of the original network for one image. */
  readonly macs: number;
  /** Synaptic events of one image. */
  readonly synapticEvents: number;
  readonly eventsPerMac: number;
  /** Synaptic events that firstspike delivers, in 10⁹ per second. */
  readonly gigaEventsPerSecond: number;
  /** Multiply-accumulate operations that ONNX Runtime does, in 10⁹ per second. */
  readonly gigaMacsPerSecond: number;
}

/** Images of one call; each side runs at its best. */
const BATCHES = [1, 16, 128];

/** What runs in a network's turn. */
interface Contest {
  readonly name: string;
  readonly model: string | Uint8Array;
  readonly network: SpikingNetwork;
  readonly macs: number;
  /** The same images in every batch. */
  readonly images: FloatBatch;
  readonly batches: readonly number[];
  readonly engines: readonly { readonly engine: Engine; readonly precision: Precision }[];
}

const LAYERED = { engine: 'layered', precision: 'f32' } as const;
const EVENT = { engine: 'event', precision: 'f64' } as const;

/** Multiply-accumulate operations from which on a network is large: it runs fewer images, and not spike by spike. */
const LARGE = 100e6;

/** How many times as fast as ONNX Runtime the layered engine should be. */
const GOALS: Readonly<Record<string, number>> = {
  'digits-bn': 2,
  'quartz-convnet': 1.3,
  'burn-mnist': 1.3,
  'vgg-sparse': 2,
  cifar_base: 1.3,
  resnet20: 1,
  squeezenet: 1,
  mobilenet: 1,
};

/** Measures networks one after another. */
export async function benchNetworks({ networks, threads, ...duration }: SuiteOptions): Promise<Outcome> {
  const comparisons: Comparison[] = [];
  for (const files of chosenOr(networks, Object.keys(GOALS))) {
    const contest = await prepare(files);
    for (const count of threads) comparisons.push(...(await compare(contest, count, duration)));
  }
  return { results: comparisons, table: asTable(comparisons), goals: goals(comparisons), picture: draw(comparisons) };
}

async function prepare(files: NetworkFiles): Promise<Contest> {
  const { name, model } = files;
  const large = describeGraph(await readOnnx(model)).macs >= LARGE;
  const batches = large ? BATCHES.slice(0, -1) : BATCHES;
  const { graph, calibration, macs, images } = await loadNetwork(files, Math.max(...batches));
  const network = await convert(graph, { code: 'ttfs', calibration });
  return { name, model, network, macs, images, batches, engines: large ? [LAYERED] : [LAYERED, EVENT] };
}

/** Measures one network with a number of threads: its engines, ONNX Runtime and all batches take turns. */
async function compare(contest: Contest, threads: number, duration: Duration): Promise<Comparison[]> {
  const { name, model, network, macs, images, batches, engines } = contest;
  const [count] = images.shape;
  const original = await OnnxRuntimeModel.open(model, threads);
  const { fixedBatch } = original;
  const cases = [
    ...(fixedBatch ? [fixedBatch] : batches).map((batch) =>
      turns('onnxruntime', images, batch, (part) => original.run(part)),
    ),
    ...engines.flatMap(({ engine, precision }) =>
      batches.map((batch) => turns(engine, images, batch, (part) => network.run(part, { engine, precision, threads }))),
    ),
  ];
  const measured = await measureRounds(`${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`, cases, duration);
  const fastestOf = (side: string) => fastest(measured.filter((candidate) => candidate.side === side));
  const onnxruntime = { ...fastestOf('onnxruntime'), fixedBatch: fixedBatch !== undefined };
  const labels = await originalLabels(original, images);
  await original.close();

  const comparisons: Comparison[] = [];
  for (const { engine, precision } of engines) {
    const firstspike = fastestOf(engine);
    const ofRounds = ratios(firstspike, onnxruntime);
    const result = await network.run(images, { engine, precision, threads });
    const synapticEvents = total(result.counters, 'synapticEvents') / count;
    comparisons.push({
      network: name,
      threads,
      engine,
      precision,
      ratio: median(ofRounds),
      ratios: ofRounds,
      firstspike,
      onnxruntime,
      agreement: labels.filter((label, image) => label === result.labels[image]).length / count,
      macs,
      synapticEvents,
      eventsPerMac: synapticEvents / macs,
      gigaEventsPerSecond: (synapticEvents * firstspike.imagesPerSecond) / 1e9,
      gigaMacsPerSecond: (macs * onnxruntime.imagesPerSecond) / 1e9,
    });
  }
  return comparisons;
}

/** A case that runs one batch of the images after another, and begins again after the last. */
function turns(side: string, images: FloatBatch, batch: number, run: (part: FloatBatch) => Promise<unknown>): Case {
  const parts = inBatches(images, batch);
  let next = 0;
  return { side, batch, run: () => run(parts[next++ % parts.length]) };
}

/** The speed at the batch with the largest median. */
function fastest(cases: readonly MeasuredCase[]): Speed {
  const speeds = cases.map(({ batch, rounds }) => ({ batch, imagesPerSecond: median(rounds), rounds }));
  const best = speeds.reduce((a, b) => (b.imagesPerSecond > a.imagesPerSecond ? b : a));
  return { ...best, batches: speeds.map(({ batch, imagesPerSecond }) => ({ batch, imagesPerSecond })) };
}

/** Index of the largest logit that ONNX Runtime gives each image. */
async function originalLabels(original: OnnxRuntimeModel, images: FloatBatch): Promise<number[]> {
  const batch = original.fixedBatch ?? images.shape[0];
  const labels: number[] = [];
  for (const part of inBatches(images, batch)) {
    const logits = await original.run(part);
    const classes = logits.length / batch;
    for (let at = 0; at < logits.length; at += classes) {
      const ofImage = logits.subarray(at, at + classes);
      labels.push(ofImage.indexOf(Math.max(...ofImage)));
    }
  }
  return labels;
}

function asTable(comparisons: readonly Comparison[]): Table {
  return {
    columns: [
      'network',
      'threads',
      'engine',
      'ratio',
      'of rounds',
      'firstspike images/s (batch)',
      'ORT images/s (batch)',
      'events/MAC',
      'G events/s',
      'ORT G MAC/s',
      'same label',
    ],
    rows: comparisons.map(({ firstspike, onnxruntime, ...row }) => [
      row.network,
      `${row.threads}`,
      `${row.engine} ${row.precision}`,
      row.ratio.toFixed(2),
      `${Math.min(...row.ratios).toFixed(2)} to ${Math.max(...row.ratios).toFixed(2)}`,
      imagesPerSecond(firstspike),
      imagesPerSecond(onnxruntime) + (onnxruntime.fixedBatch ? ' fixed' : ''),
      row.eventsPerMac.toFixed(3),
      row.gigaEventsPerSecond.toFixed(2),
      row.gigaMacsPerSecond.toFixed(2),
      `${(row.agreement * 100).toFixed(1)} %`,
    ]),
  };
}

function imagesPerSecond({ imagesPerSecond, batch }: Speed): string {
  return `${Math.round(imagesPerSecond)} (${batch})`;
}

function goals(comparisons: readonly Comparison[]): Goal[] {
  return comparisons
    .filter(({ network, engine }) => engine === 'layered' && network in GOALS)
    .map(({ network, threads, ratio }) => ({
      what: `${network}, images/s over ONNX Runtime's, threads ${threads}`,
      measured: ratio,
      goal: GOALS[network],
    }));
}

function draw(comparisons: readonly Comparison[]): string {
  const layered = comparisons.filter(({ engine }) => engine === 'layered');
  return barsSvg({
    title: 'Whole networks: ttfs against dense inference',
    subtitle: "Images per second over ONNX Runtime's with as many threads; marks are goals",
    groups: [...new Set(layered.map(({ network }) => network))].map((name) => ({
      name,
      bars: layered
        .filter(({ network }) => network === name)
        .map(({ threads, ratio }) => ({ name: `threads ${threads}`, value: ratio, goal: GOALS[name] })),
    })),
  });
}
