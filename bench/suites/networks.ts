/** Whole networks: both engines against ONNX Runtime on the same images with the same number of threads. */

import { inBatches, type LoadedNetwork, loadNetwork, type NetworkFiles } from '../data.js';
import { type Engine, type Precision, total } from '../firstspike.js';
import { type Case, type MeasuredCase, measureRounds, median } from '../measure.js';
import { type FloatBatch, OnnxRuntimeModel } from '../onnxruntime.js';

/** What is measured. */
export interface NetworksOptions {
  readonly networks: readonly NetworkFiles[];
  readonly threads: readonly number[];
  readonly rounds: number;
}

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

/** Images that are run: the same ones in every batch. */
const IMAGES = Math.max(...BATCHES);

const ENGINES: readonly { readonly engine: Engine; readonly precision: Precision }[] = [
  { engine: 'layered', precision: 'f32' },
  { engine: 'event', precision: 'f64' },
];

/** Measures networks one after another. */
export async function benchNetworks({ networks, threads, rounds }: NetworksOptions): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const files of networks) {
    const loaded = await loadNetwork(files, IMAGES);
    for (const count of threads) comparisons.push(...(await compare(files, loaded, count, rounds)));
  }
  return comparisons;
}

/** Measures one network with a number of threads: both engines, ONNX Runtime and all batches take turns. */
async function compare(
  { name, model }: NetworkFiles,
  { network, macs, images }: LoadedNetwork,
  threads: number,
  rounds: number,
): Promise<Comparison[]> {
  const original = await OnnxRuntimeModel.open(model, threads);
  const { fixedBatch } = original;
  const cases = [
    ...(fixedBatch ? [fixedBatch] : BATCHES).map((batch) =>
      turns('onnxruntime', images, batch, (part) => original.run(part)),
    ),
    ...ENGINES.flatMap(({ engine, precision }) =>
      BATCHES.map((batch) => turns(engine, images, batch, (part) => network.run(part, { engine, precision, threads }))),
    ),
  ];
  const measured = await measureRounds(`${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`, cases, rounds);
  const fastestOf = (side: string) => fastest(measured.filter((candidate) => candidate.side === side));
  const onnxruntime = { ...fastestOf('onnxruntime'), fixedBatch: fixedBatch !== undefined };
  const labels = await originalLabels(original, images);
  await original.close();

  const comparisons: Comparison[] = [];
  for (const { engine, precision } of ENGINES) {
    const firstspike = fastestOf(engine);
    const ratios = firstspike.rounds.map((speed, round) => speed / onnxruntime.rounds[round]);
    const result = await network.run(images, { engine, precision, threads });
    const synapticEvents = total(result.counters, 'synapticEvents') / IMAGES;
    comparisons.push({
      network: name,
      threads,
      engine,
      precision,
      ratio: median(ratios),
      ratios,
      firstspike,
      onnxruntime,
      agreement: labels.filter((label, image) => label === result.labels[image]).length / IMAGES,
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
  const batch = original.fixedBatch ?? IMAGES;
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
