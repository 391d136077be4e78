/** Speeds of several cases that take turns. */

import process from 'node:process';
import benny from 'benny';
import { median } from './statistics.js';

/** Something to be measured. */
export interface Case {
  /** What runs. */
  readonly side: string;
  /** Images of one call. */
  readonly batch: number;
  readonly run: () => Promise<unknown>;
  /** Times of the calls since this was called last, in seconds; if absent, those of the clock on the wall. */
  readonly takeTimes?: () => Promise<readonly number[]>;
}

/** A case whose calls say how long they took, in seconds. */
export function timedCase(side: string, batch: number, run: () => Promise<number>): Case {
  const times: number[] = [];
  return {
    side,
    batch,
    async run() {
      times.push(await run());
    },
    async takeTimes() {
      return times.splice(0);
    },
  };
}

/** A case, and how fast it was. */
export interface MeasuredCase extends Case {
  /** Images per second of each round. */
  readonly rounds: readonly number[];
  /** Images per second of processor time of each round: that of all threads of this process. */
  readonly cpuRounds: readonly number[];
}

/** How long everything is measured. */
export interface Duration {
  /** How often all cases have their turn. */
  readonly rounds: number;
  /** How long a case is repeated within a round, in seconds; one call at least. */
  readonly seconds: number;
}

/**
 * Measures all cases once per round, one after another, so that whatever else the machine does meets all of them. Each is
 * called once before.
 */
export async function measureRounds<C extends Case>(
  name: string,
  cases: readonly C[],
  { rounds, seconds }: Duration,
): Promise<(C & MeasuredCase)[]> {
  const speeds: number[][] = cases.map(() => []);
  const cpuSpeeds: number[][] = cases.map(() => []);
  // Benny repeats calls for `minTime` seconds per sample, and samples for `maxTime`.
  const options = { minSamples: 1, minTime: seconds / 5, maxTime: seconds };
  for (const { run, takeTimes } of cases) {
    await run();
    await takeTimes?.();
  }
  for (let round = 1; round <= rounds; round++) {
    const meters = cases.map(({ run }) => new Meter(run));
    const { results } = await benny.suite(
      `${name}, round ${round} of ${rounds}`,
      ...cases.map(({ side, batch }, i) => benny.add(`${side}, batch ${batch}`, () => meters[i].call(), options)),
    );
    for (const [i, { batch, takeTimes }] of cases.entries()) {
      const seconds = takeTimes ? median(await takeTimes()) : results[i].details.median;
      speeds[i].push(batch / seconds);
      cpuSpeeds[i].push(batch / meters[i].cpuSecondsPerCall);
    }
  }
  return cases.map((measured, i) => ({ ...measured, rounds: speeds[i], cpuRounds: cpuSpeeds[i] }));
}

/** Ratios of two cases' speeds, round by round. */
export function ratios(of: Pick<MeasuredCase, 'rounds'>, to: Pick<MeasuredCase, 'rounds'>): number[] {
  return of.rounds.map((speed, round) => speed / to.rounds[round]);
}

/** Counts the processor time of calls. */
class Meter {
  readonly #run: () => Promise<unknown>;
  /** Calls by which benny finds out what they return. It makes them of all cases at the same time: nothing must run. */
  #probes = 2;
  #calls = 0;
  #seconds = 0;

  constructor(run: () => Promise<unknown>) {
    this.#run = run;
  }

  /** Seconds of processor time of a call, on average. */
  get cpuSecondsPerCall(): number {
    return this.#seconds / this.#calls;
  }

  async call(): Promise<void> {
    if (this.#probes > 0) {
      this.#probes--;
      return;
    }
    const before = process.cpuUsage();
    await this.#run();
    const { user, system } = process.cpuUsage(before);
    this.#seconds += (user + system) / 1e6;
    this.#calls++;
  }
}
