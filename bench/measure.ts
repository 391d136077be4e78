/** Speeds of several cases that take turns. */

import benny from 'benny';

/** Something to be measured. */
export interface Case {
  /** What runs. */
  readonly side: string;
  /** Images of one call. */
  readonly batch: number;
  readonly run: () => Promise<unknown>;
}

/** A case, and how fast it was by the clock on the wall. */
export interface MeasuredCase extends Case {
  /** Images per second of each round. */
  readonly rounds: readonly number[];
}

/** Of one case in one round: benny repeats calls for `minTime` seconds per sample, and samples for `maxTime`. */
const OPTIONS = { minSamples: 1, minTime: 0.1, maxTime: 0.5 };

/**
 * Measures all cases once per round, one after another, so that whatever else the machine does meets all of them.
 * Benny calls every case once before it measures.
 */
export async function measureRounds(name: string, cases: readonly Case[], rounds: number): Promise<MeasuredCase[]> {
  const speeds: number[][] = cases.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    const { results } = await benny.suite(
      `${name}, round ${round} of ${rounds}`,
      ...cases.map(({ side, batch, run }) => benny.add(`${side}, batch ${batch}`, run, OPTIONS)),
    );
    results.forEach(({ details }, i) => {
      speeds[i].push(cases[i].batch / details.median);
    });
  }
  return cases.map((measured, i) => ({ ...measured, rounds: speeds[i] }));
}

/** The middle of some numbers, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
