/** What is asked of the fitter of gates, and what it gives: plain data. Fitting itself is a tool of the kernel. */

import { ConvertError, type Problem } from '../errors.js';
import { stepProblems } from './ranges.js';

/** Numbers of inputs in cells that divide a range evenly. */
export interface Histogram {
  readonly range: readonly [number, number];
  readonly counts: ArrayLike<number>;
}

/** How much an input matters. */
export type Importance =
  /** All alike. */
  | 'uniform'
  /** As under a normal distribution. */
  | { readonly mean: number; readonly deviation: number }
  /** As often as it was seen. */
  | Histogram
  /** Any other density; it need not integrate to 1. */
  | ((x: number) => number);

/** What to look for. */
export interface FitSettings {
  /** K: steps of a few-spike neuron, neurons of a circuit. */
  readonly steps: number;
  /** What one spike costs, as a share of the function's variance. */
  readonly price: number;
  /** Bits of a parameter; absent: single precision. */
  readonly bits?: number;
  /** How many random starting points are tried. */
  readonly restarts: number;
  /** Of the random numbers. */
  readonly seed: number;
}

/** A function on the cells of a grid, and what is sought for it. */
export interface FitRequest extends FitSettings {
  /** A few-spike neuron, or a circuit of neurons that spike at most once. */
  readonly code: 'fs' | 'amos';
  readonly range: readonly [number, number];
  /** Of the second input, if there is one. */
  readonly secondRange?: readonly [number, number];
  /** Cells along the second input; 1 if there is none. */
  readonly rows: number;
  /** The function at the midpoints of the cells, `[row][column]`. */
  readonly target: Float64Array;
  /** How much each cell matters. */
  readonly weight: Float64Array;
}

/** How good a fit is. */
export interface FitFigures {
  /** Mean squared error, weighted by importance. */
  readonly weightedMse: number;
  /** Mean squared error over the range. */
  readonly mse: number;
  /** Largest |error|. */
  readonly maxError: number;
  /** Mean spikes, weighted by importance. */
  readonly spikes: number;
}

/** Parameters that were found; those that the code has not are empty. */
export interface FitResult extends FitFigures {
  readonly threshold: readonly number[];
  readonly reset: readonly number[];
  readonly output: readonly number[];
  readonly input: readonly number[];
  readonly second: readonly number[];
  readonly inhibition: readonly number[];
  /** Steps of the grids of thresholds, weights of the second input and outputs, if there are grids. */
  readonly grids?: readonly [number, number, number];
}

/** Cells of a function of one input. */
const CELLS = 8192;
/** Cells of a function of two inputs: circuits are integrated along the first, and evaluated along the second. */
const COLUMNS = 2048;
const ROWS = 12;
/** Share of the importance that is spread evenly over the range: what was never seen may come. */
const FLOOR = 1e-3;

/** Midpoints of cells that divide a range evenly. */
export function midpoints([low, high]: readonly [number, number], cells: number): Float64Array {
  return Float64Array.from({ length: cells }, (_, i) => low + ((i + 0.5) * (high - low)) / cells);
}

/** Weight of each cell, of sum 1. */
function weights(importance: Importance, range: readonly [number, number], cells: number): Float64Array {
  const x = midpoints(range, cells);
  const density = densityOf(importance, range);
  const raw = x.map((at) => density(at));
  const sum = raw.reduce((a, b) => a + b, 0);
  if (sum === 0) return raw.fill(1 / cells);
  const floor = importance === 'uniform' || typeof importance === 'function' ? 0 : FLOOR;
  return raw.map((weight) => ((1 - floor) * weight) / sum + floor / cells);
}

function densityOf(importance: Importance, range: readonly [number, number]): (x: number) => number {
  if (importance === 'uniform') return () => 1;
  if (typeof importance === 'function') return importance;
  if ('deviation' in importance) {
    const { mean, deviation } = importance;
    // Relative to the largest within the range, so that one that lies beyond it does not vanish.
    const nearest = (Math.min(Math.max(mean, range[0]), range[1]) - mean) / deviation;
    return (x) => Math.exp((nearest ** 2 - ((x - mean) / deviation) ** 2) / 2);
  }
  const [low, high] = importance.range;
  const { counts } = importance;
  const scale = counts.length / (high - low);
  return (x) => (x < low || x > high ? 0 : (counts[Math.min(Math.floor((x - low) * scale), counts.length - 1)] ?? 0));
}

/** Asks for a gate of a function of one input. */
export function requestFit(
  code: 'fs' | 'amos',
  fn: (x: number) => number,
  range: readonly [number, number],
  importance: Importance,
  settings: FitSettings,
): FitRequest {
  const target = midpoints(range, CELLS).map(fn);
  return { code, range, rows: 1, target, weight: weights(importance, range, CELLS), ...settings };
}

/** Asks for a circuit of a function of two inputs that are independent of each other. */
export function requestFitOfTwo(
  fn: (x: number, y: number) => number,
  ranges: readonly [readonly [number, number], readonly [number, number]],
  importances: readonly [Importance, Importance],
  settings: FitSettings,
): FitRequest {
  const [x, y] = [midpoints(ranges[0], COLUMNS), midpoints(ranges[1], ROWS)];
  const [wx, wy] = [weights(importances[0], ranges[0], COLUMNS), weights(importances[1], ranges[1], ROWS)];
  const each = (of: (column: number, row: number) => number) =>
    Float64Array.from({ length: ROWS * COLUMNS }, (_, i) => of(i % COLUMNS, Math.floor(i / COLUMNS)));
  return {
    code: 'amos',
    range: ranges[0],
    secondRange: ranges[1],
    rows: ROWS,
    target: each((column, row) => fn(x[column], y[row])),
    weight: each((column, row) => wx[column] * wy[row]),
    ...settings,
  };
}

/** What is wrong with the settings of a fit of at most some steps. */
export function fitProblems({ steps, price, bits, restarts, seed }: FitSettings, mostSteps = 32): Problem[] {
  const whole = (what: string, value: number, least: number, most: number): Problem[] => {
    if (Number.isInteger(value) && value >= least && value <= most) return [];
    return [
      { message: `${value} ${what} are not possible.`, remedy: `Choose a whole number from ${least} to ${most}.` },
    ];
  };
  const problems = [
    ...stepProblems(steps, 1, mostSteps),
    ...whole('restarts', restarts, 1, 65536),
    ...(bits === undefined ? [] : whole('bits', bits, 2, 24)),
  ];
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    problems.push({
      message: `the seed ${seed} is not possible.`,
      remedy: 'Choose a whole number from 0 to 2^32 - 1.',
    });
  }
  if (!(price >= 0 && Number.isFinite(price))) {
    const remedy = 'Choose 0, or a share of the variance such as 0.003.';
    problems.push({ message: `a spike cannot cost ${price}.`, remedy });
  }
  return problems;
}

/** What is wrong with a range. */
export function rangeProblems([low, high]: readonly [number, number]): Problem[] {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return [];
  const message = `the range from ${low} to ${high} is empty or not finite.`;
  return [{ message, remedy: 'Give the smallest input first, then a larger one.' }];
}

/**
 * Refuses settings, ranges and functions that cannot be fitted.
 *
 * @throws ConvertError `OPTION_INVALID` with all that is wrong.
 */
export function checkRequest(request: FitRequest): void {
  const { range, secondRange, target, weight } = request;
  const problems = [
    ...fitProblems(request),
    ...rangeProblems(range),
    ...(secondRange ? rangeProblems(secondRange) : []),
  ];
  if (problems.length === 0 && !target.every(Number.isFinite)) {
    const message = 'the function is not finite everywhere in its range.';
    problems.push({ message, remedy: 'Choose a range in which it is.' });
  }
  if (problems.length === 0 && !weight.every((w) => w >= 0 && Number.isFinite(w))) {
    const message = 'the importance is negative or not finite somewhere in the range.';
    problems.push({ message, remedy: 'Give a density: finite and at least zero, with a positive deviation.' });
  }
  if (problems.length > 0) throw new ConvertError('OPTION_INVALID', problems);
}
