/** The verb `fitGate`: a neuron or a circuit for any function. */

import {
  type FitFigures,
  type FitSettings,
  type Importance,
  rangeProblems,
  requestFit,
  requestFitOfTwo,
} from '../codes/fitting.js';
import { type FunctionName, functionNamed, functions } from '../codes/functions.js';
import type { AmosCircuit, FewSpikeGate } from '../codes/gate.js';
import { ConvertError } from '../errors.js';
import { type FitRun, runFit } from './run.js';

/** Options of {@link fitGate}. */
export interface FitOptions extends Partial<FitSettings>, FitRun {
  /** What to fit: a function by name (`product` is that of two inputs), or any other. */
  readonly function: FunctionName | 'product' | ((x: number, y: number) => number);
  /** A few-spike neuron (`fs`, if absent) or a circuit of neurons that spike at most once (`amos`). */
  readonly code?: 'fs' | 'amos';
  /** Inputs to fit for; those that the function is usually fitted for if absent. */
  readonly range?: readonly [number, number];
  /** Of a function of two inputs: the second one's. */
  readonly secondRange?: readonly [number, number];
  /** How much each input matters; all alike if absent. */
  readonly importance?: Importance;
  /** The same of the second input. */
  readonly secondImportance?: Importance;
}

/** What {@link fitGate} found: a gate, how good it is, and how it was found. */
export type GateFit = FitFigures & {
  /** What was asked for, with all defaults. */
  readonly settings: FitSettings;
  /** Steps of the grids of thresholds, weights of the second input and outputs, if bits were asked for. */
  readonly grids?: readonly [number, number, number];
} & (
    | { readonly code: 'fs'; readonly gate: FewSpikeGate }
    | {
        readonly code: 'amos';
        readonly gate: AmosCircuit;
        /** Of the second input, if there is one. */
        readonly secondRange?: readonly [number, number];
      }
  );

/** Settings of fits where none are given. */
export const FIT_DEFAULTS = { price: 0, restarts: 128, seed: 0 };

/** Of functions without a name of their own, and of products. */
const STEPS = { fs: 16, amos: 16 };

/**
 * Finds the neuron or circuit that comes closest to a function. The same seed gives the same fit, on any number of
 * threads.
 *
 * @throws ConvertError `OPTION_INVALID` with all options that are out of their domain.
 */
export async function fitGate(options: FitOptions): Promise<GateFit> {
  const { function: what, code = 'fs', importance = 'uniform', threads, signal, onProgress } = options;
  const known = typeof what === 'string' ? functionNamed(what) : undefined;
  const { steps = (known?.steps ?? STEPS)[code], bits } = options;
  const { price = FIT_DEFAULTS.price, restarts = FIT_DEFAULTS.restarts, seed = FIT_DEFAULTS.seed } = options;
  const settings = { steps, price, ...(bits !== undefined && { bits }), restarts, seed };
  const range = options.range ?? known?.range ?? [-8, 12];
  const secondRange = options.secondRange ?? (what === 'product' ? ([0, 1] as const) : undefined);
  check(what, code, secondRange !== undefined, [range, ...(secondRange ? [secondRange] : [])]);
  const fn = typeof what === 'function' ? what : known ? known.of : (x: number, y: number) => x * y;
  const request = secondRange
    ? requestFitOfTwo(fn, [range, secondRange], [importance, options.secondImportance ?? 'uniform'], settings)
    : requestFit(code, (x) => fn(x, 0), range, importance, settings);
  const found = await runFit(request, { threads, signal, onProgress });
  const { threshold, reset, output, input, second, inhibition, ...figures } = found;
  return code === 'fs'
    ? { code, gate: { threshold, reset, output, initial: 0, range }, settings, ...figures }
    : {
        ...{ code, gate: { input, second, threshold, inhibition, output, range }, settings, ...figures },
        ...(secondRange && { secondRange }),
      };
}

function check(
  what: FitOptions['function'],
  code: string,
  two: boolean,
  ranges: readonly (readonly [number, number])[],
): void {
  // Before the function is asked for values in them.
  const problems = ranges.flatMap(rangeProblems);
  if (typeof what === 'string' && what !== 'product' && !functionNamed(what)) {
    const names = [...Object.keys(functions), 'product'].join(', ');
    problems.push({ message: `there is no function "${what}".`, remedy: `Functions are ${names}; or give one.` });
  }
  if (code !== 'fs' && code !== 'amos') {
    problems.push({ message: `there is nothing to fit for the code "${code}".`, remedy: 'Choose fs or amos.' });
  }
  if (two && code === 'fs') {
    const message = 'a few-spike neuron has one input.';
    problems.push({ message, remedy: "Fit a circuit to functions of two: { code: 'amos' }." });
  }
  if (problems.length > 0) throw new ConvertError('OPTION_INVALID', problems);
}
