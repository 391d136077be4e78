/** All codes: images per second and per second of processor time, with one thread and more. */

import { chosenOr, firstImages, loadNetwork, type NetworkFiles } from '../data.js';
import { type ConvertOptions, convert, type RunOptions, total } from '../firstspike.js';
import { type Case, type Duration, measureRounds, ratios } from '../measure.js';
import { median } from '../statistics.js';
import type { Goal, Outcome, SuiteOptions, Table } from '../suite.js';

/** A code and how it runs. */
interface Contender {
  readonly name: string;
  readonly code: WithoutCalibration<ConvertOptions>;
  readonly run?: Pick<RunOptions, 'engine' | 'precision'>;
}

/** Of each kind of options by itself. */
type WithoutCalibration<Options> = Options extends unknown ? Omit<Options, 'calibration'> : never;

/** How fast one code is on one network with a number of threads. */
interface CodeResult {
  readonly network: string;
  readonly code: string;
  readonly threads: number;
  readonly imagesPerSecond: number;
  readonly imagesPerCpuSecond: number;
  /** Synaptic events of one image. */
  readonly synapticEvents: number;
  /** In 10⁹ per second. */
  readonly gigaEventsPerSecond: number;
  /** Images per second over those of one thread in the same round: median over the rounds; absent for one thread. */
  readonly scaling?: number;
  /**
   * The same of the kernel alone, from the first image to the last: of the least times of all calls, since what else runs on a machine
   * only adds, and to either of two threads.
   */
  readonly kernelScaling?: number;
  /** Images per second of each round. */
  readonly rounds: readonly number[];
}

/** A code with a number of threads. */
interface CodeCase extends Case {
  readonly code: string;
  readonly threads: number;
  readonly synapticEvents: number;
  /** Of each call, from the first image to the last. */
  readonly kernelSeconds: readonly number[];
}

const TTFS: Contender = { name: 'ttfs', code: { code: 'ttfs' } };
const TTFS_EVENT: Contender = {
  name: 'ttfs, event engine f64',
  code: { code: 'ttfs' },
  run: { engine: 'event', precision: 'f64' },
};
const TTFS_ALPHA: Contender = { name: 'ttfs-alpha', code: { code: 'ttfs-alpha' } };
const FS: Contender = { name: 'fs K=10', code: { code: 'fs', steps: 10 } };
const AMOS: Contender = { name: 'amos K=10', code: { code: 'amos', steps: 10 } };
const QUARTZ: Contender = { name: 'quartz T=16', code: { code: 'quartz', steps: 16 } };
const IF: Contender = { name: 'if T=32', code: { code: 'if', steps: 32 } };
const LIF: Contender = { name: 'lif T=100', code: { code: 'lif', steps: 100 } };
const FS_8: Contender = { name: 'fs K=8', code: { code: 'fs', steps: 8 } };

const ALL = [TTFS, TTFS_EVENT, TTFS_ALPHA, FS, AMOS, QUARTZ, IF, LIF];

/** What runs on the networks that are measured if none is asked for. */
const CONTENDERS: Readonly<Record<string, readonly Contender[]>> = {
  'digits-bn': ALL,
  'quartz-convnet': ALL,
  'mlgenn-example': [FS_8],
  cifar_base: [TTFS, TTFS_EVENT, FS, AMOS, QUARTZ, IF],
  resnet20: [FS, AMOS],
};

/** How long a call takes with one thread, about, in seconds: threads are woken rarely, and quiet phases of a machine are longer. */
const CALL = 0.01;

/** Images of one call: whole bundles for two threads, as many times as take so long. */
const [FEWEST, MOST] = [32, 1024];

/** Measures networks one after another. */
export async function benchCodes({ networks, threads, ...duration }: SuiteOptions): Promise<Outcome> {
  const results: CodeResult[] = [];
  for (const files of chosenOr(networks, Object.keys(CONTENDERS))) {
    results.push(...(await measureCodes(files, threads, duration)));
  }
  return { results, table: asTable(results), goals: goals(results) };
}

/** Measures one network: all codes and numbers of threads take turns. */
async function measureCodes(
  files: NetworkFiles,
  threads: readonly number[],
  duration: Duration,
): Promise<CodeResult[]> {
  const { graph, calibration, images } = await loadNetwork(files, MOST);
  const few = firstImages(images, FEWEST);
  const cases: CodeCase[] = [];
  for (const { name, code, run } of CONTENDERS[files.name] ?? ALL) {
    const network = await convert(graph, { ...code, calibration });
    // The first run packs weights.
    await network.run(few, run);
    const { seconds } = await network.run(few, { ...run, threads: 1 });
    const own = firstImages(images, Math.min(Math.max(Math.round(CALL / seconds), 1) * FEWEST, MOST));
    const [batch] = own.shape;
    const { counters } = await network.run(own, run);
    const synapticEvents = total(counters, 'synapticEvents') / batch;
    for (const count of threads) {
      const kernelSeconds: number[] = [];
      cases.push({
        ...{ side: `${name}, threads ${count}`, batch, code: name, threads: count, synapticEvents, kernelSeconds },
        async run() {
          const { seconds } = await network.run(own, { ...run, threads: count });
          kernelSeconds.push(seconds);
        },
      });
    }
  }
  const measured = await measureRounds(files.name, cases, duration);
  return measured.map((result) => {
    const { code, threads, synapticEvents, kernelSeconds, rounds, cpuRounds } = result;
    const imagesPerSecond = median(rounds);
    const alone = measured.find((other) => other.code === code && other.threads === 1);
    return {
      network: files.name,
      code,
      threads,
      imagesPerSecond,
      imagesPerCpuSecond: median(cpuRounds),
      synapticEvents,
      gigaEventsPerSecond: (synapticEvents * imagesPerSecond) / 1e9,
      ...(alone &&
        threads > 1 && {
          scaling: median(ratios(result, alone)),
          kernelScaling: Math.min(...alone.kernelSeconds) / Math.min(...kernelSeconds),
        }),
      rounds,
    };
  });
}

function asTable(results: readonly CodeResult[]): Table {
  return {
    columns: [
      'network',
      'code',
      'threads',
      'images/s',
      'over one',
      'kernel over one',
      'images/CPU-s',
      'M events/image',
      'G events/s',
    ],
    rows: results.map((row) => [
      row.network,
      row.code,
      `${row.threads}`,
      row.imagesPerSecond.toFixed(0),
      row.scaling?.toFixed(2) ?? '',
      row.kernelScaling?.toFixed(2) ?? '',
      row.imagesPerCpuSecond.toFixed(0),
      (row.synapticEvents / 1e6).toFixed(3),
      row.gigaEventsPerSecond.toFixed(2),
    ]),
  };
}

/** The goals of what was measured. */
function goals(results: readonly CodeResult[]): Goal[] {
  const found = (network: string, code: Contender, threads: number) =>
    results.find((row) => row.network === network && row.code === code.name && row.threads === threads);
  const goal = (what: string, goal: number, measured: number | undefined, atMost = false): Goal[] =>
    measured === undefined ? [] : [{ what, measured, goal, atMost }];

  const fs = found('resnet20', FS, 1);
  const amos = found('resnet20', AMOS, 1);
  const longer = fs && amos && median(ratios(fs, amos));
  const pairs = results.filter(({ threads, kernelScaling }) => threads === 2 && kernelScaling !== undefined);
  const worst = pairs.length > 0 ? Math.min(...pairs.map(({ kernelScaling = 0 }) => kernelScaling)) : undefined;
  return [
    ...goal(
      'quartz T=16 on quartz-convnet, images per CPU-second',
      15_000,
      found('quartz-convnet', QUARTZ, 1)?.imagesPerCpuSecond,
    ),
    ...goal(
      "fs K=8 on mlGeNN's example, images per CPU-second",
      10_000,
      found('mlgenn-example', FS_8, 1)?.imagesPerCpuSecond,
    ),
    ...goal(
      'if T=32 on quartz-convnet, images/s, two threads',
      10_000,
      found('quartz-convnet', IF, 2)?.imagesPerSecond,
    ),
    ...goal(
      'event engine f64 on cifar_base, G events/s, one thread',
      1,
      found('cifar_base', TTFS_EVENT, 1)?.gigaEventsPerSecond,
    ),
    ...goal('amos on resnet20, time over that of fs with as many steps', 1.3, longer, true),
    ...goal('two threads of the kernel over one, the least of all codes', 1.9, worst),
  ];
}
