/** Very many images through `stream`: memory that stays, and an event loop that is not held up. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { chosenOr, inBatches, loadNetwork, type NetworkFiles } from '../data.js';
import { convert } from '../firstspike.js';
import type { FloatBatch } from '../onnxruntime.js';
import type { Outcome, SuiteOptions, Table } from '../suite.js';

/** A network under full load. */
interface EnduranceResult {
  readonly network: string;
  readonly threads: number;
  readonly images: number;
  readonly imagesPerSecond: number;
  /** Memory of a new process. */
  readonly memory: Memory;
  /** The same of as many images afterwards, with all garbage collected again and again: what is really kept. */
  readonly collected: Memory;
  /** How late the event loop is, in milliseconds. */
  readonly eventLoopDelay: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Memory over a run. */
interface Memory {
  readonly images: number;
  readonly samples: readonly MemorySample[];
  /** Furthest that resident memory got from the first sample, as a share of it, whenever it was looked at. */
  readonly deviation: number;
}

/** Memory of the process, in bytes. */
interface MemorySample {
  readonly images: number;
  /** Resident memory. */
  readonly bytes: number;
  /** The part of it that JavaScript's heap takes. */
  readonly heap: number;
}

/** Images after which memory should stay as it is, and between which garbage is collected. */
const SETTLED = 1000;
/** How often memory is noted down afterwards. */
const SAMPLES = 200;
/** Images that are run together. */
const BATCH = 64;
/** Images that come again and again. */
const IMAGES = 1024;
/** Milliseconds between two ticks of the timer by which the event loop's delay is measured. */
const TICK = 1;

/** Images after which Node has given back what it had more of, if garbage is collected: it takes some seconds. */
const COLLECTED = 300_000;
/** Milliseconds in which Node gives memory back. */
const GIVEN_BACK = 10;

/** Furthest that memory may get from what it was, as a share of it. */
const MEMORY_GOAL = 0.02;
/** Milliseconds that 99 of 100 ticks must not be late by. */
const DELAY_GOAL = 5;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Runs one network, or each of those asked for, with the most threads. */
export async function benchEndurance({ networks, threads, images }: SuiteOptions): Promise<Outcome> {
  const results: EnduranceResult[] = [];
  for (const files of chosenOr(networks, ['digits-bn'])) {
    results.push(await endure(files, Math.max(...threads), images));
  }
  return {
    results,
    table: asTable(results),
    goals: results.flatMap(({ network, memory, collected, eventLoopDelay }) => {
      const goal = (what: string, measured: number, goal: number) => ({
        what: `${network}, ${what}`,
        ...{ measured, goal, atMost: true },
      });
      return [
        goal(`change of memory from image ${SETTLED} on, %`, 100 * memory.deviation, 100 * MEMORY_GOAL),
        goal('the same when garbage is collected, %', 100 * collected.deviation, 100 * MEMORY_GOAL),
        goal('delay of the event loop, p99 in ms', eventLoopDelay.p99, DELAY_GOAL),
      ];
    }),
  };
}

async function endure(files: NetworkFiles, threads: number, wanted: number): Promise<EnduranceResult> {
  const loaded = await loadNetwork(files, IMAGES);
  const network = await convert(loaded.graph, { code: 'ttfs', calibration: loaded.calibration });
  const batches = inBatches(loaded.images, BATCH);
  const apart = Math.max(Math.floor((wanted - SETTLED) / SAMPLES), 1);
  /** Runs images, and looks at memory after every `step` of them. */
  const run = async (count: number, step: number, collect = async () => {}): Promise<Memory> => {
    const samples: MemorySample[] = [];
    let furthest = 0;
    let next = Math.min(SETTLED, count);
    let images = 0;
    for await (const _ of network.stream(again(batches, count), { threads, batch: BATCH })) {
      images++;
      if (images < next) continue;
      await collect();
      const sample = memoryAfter(images);
      // Of very many a few are enough to draw.
      if (images >= SETTLED + samples.length * apart || samples.length === 0) samples.push(sample);
      furthest = Math.max(furthest, Math.abs(sample.bytes / samples[0].bytes - 1));
      next = images + step;
    }
    return { images, samples, deviation: furthest };
  };

  // What loading and converting leave goes before the first image.
  collectGarbage();
  const delay = monitorEventLoopDelay({ resolution: TICK });
  delay.enable();
  const start = performance.now();
  const memory = await run(wanted, apart);
  const seconds = (performance.now() - start) / 1000;
  delay.disable();

  const collect = async () => {
    // What is free goes back to the system in the background, a little later.
    for (let i = 0; i < 2; i++) {
      collectGarbage();
      await setTimeout(GIVEN_BACK);
    }
  };
  await run(Math.min(COLLECTED, wanted), SETTLED, collect);
  const collected = await run(wanted, SETTLED, collect);

  const late = (nanoseconds: number) => Math.max(nanoseconds / 1e6 - TICK, 0);
  return {
    network: files.name,
    threads,
    images: memory.images,
    imagesPerSecond: memory.images / seconds,
    memory,
    collected,
    eventLoopDelay: { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) },
  };
}

function memoryAfter(images: number): MemorySample {
  const { rss, heapTotal } = process.memoryUsage();
  return { images, bytes: rss, heap: heapTotal };
}

/** Batches one after another, from the beginning again after the last, until there were so many images. */
function* again(batches: readonly FloatBatch[], wanted: number): Generator<FloatBatch> {
  for (let i = 0; i * BATCH < wanted; i++) yield batches[i % batches.length];
}

function asTable(results: readonly EnduranceResult[]): Table {
  return {
    columns: [
      'network',
      'threads',
      'images',
      'images/s',
      'MiB at first',
      'least',
      'most',
      'delay p50 ms',
      'p99',
      'max',
    ],
    rows: results.map(({ network, threads, images, imagesPerSecond, memory, eventLoopDelay: { p50, p99, max } }) => {
      const mebibytes = memory.samples.map(({ bytes }) => bytes / 2 ** 20);
      return [
        network,
        `${threads}`,
        `${images}`,
        imagesPerSecond.toFixed(0),
        ...[mebibytes[0], Math.min(...mebibytes), Math.max(...mebibytes), p50, p99, max].map((x) => x.toFixed(1)),
      ];
    }),
  };
}
