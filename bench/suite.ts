/** What suites have in common. */

import type { NetworkFiles } from './data.js';
import type { Duration } from './measure.js';

/** What suites are asked for; each takes what concerns it. */
export interface SuiteOptions extends Duration {
  /** Networks to measure; those of the suite's own choice if there are none. */
  readonly networks: readonly NetworkFiles[];
  /** Layers to measure, by name; all if there are none. */
  readonly layers: readonly string[];
  /** Numbers of threads. */
  readonly threads: readonly number[];
  /** Images of the endurance suite. */
  readonly images: number;
  /** The processor's clock in Hz; measured if absent. */
  readonly clock?: number;
}

/** What a suite found. */
export interface Outcome {
  /** All figures, as they are saved. */
  readonly results: unknown;
  readonly table: Table;
  readonly goals: readonly Goal[];
  /** A picture of the figures, as SVG. */
  readonly picture?: string;
}

/** A table, with cells as they are printed. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a figure should be. */
export interface Goal {
  /** What was measured, with its unit. */
  readonly what: string;
  readonly measured: number;
  /** The least that is good enough; the most, if `atMost`. */
  readonly goal: number;
  readonly atMost?: boolean;
}

/** Measures one kind of thing. */
export type Suite = (options: SuiteOptions) => Promise<Outcome>;

/** Whether a goal is reached. */
export function isReached({ measured, goal, atMost = false }: Goal): boolean {
  return atMost ? measured <= goal : measured >= goal;
}
