/** Several codes at equal accuracy. */

import { codeNamed } from '../codes/index.js';
import { lower } from '../codes/lower.js';
import type { Graph } from '../graph/graph.js';
import { allCodes, type CodeSettings } from './compare.js';
import type { LabelledBatch } from './evaluate.js';
import { isTunable, type Tuned, type TuneOptions, tune } from './tune.js';

/** Options of {@link tuneCodes}: those of `tune`, of all codes alike. */
export interface TuneCodesOptions extends Omit<TuneOptions, 'code' | 'options'> {
  /** The codes, with the settings that are to stay as they are; all, if absent. */
  readonly codes?: readonly CodeSettings[];
}

/** What {@link tuneCodes} found. */
export interface TunedCodes {
  /** The codes with their best settings, to be compared; as they were, where there is nothing to tune. */
  readonly codes: readonly CodeSettings[];
  /** How each that can be tuned was. */
  readonly tuned: readonly Tuned[];
}

/**
 * Tunes each code to the same loss, so that `compare` can compare them at equal accuracy. Codes that cannot express the
 * network, or have nothing to tune, stay as they are.
 *
 * @param images called once for each code; gives the batches from the first on. Not those that are compared on.
 */
export async function tuneCodes(
  graph: Graph,
  images: () => Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  { codes = allCodes(), ...options }: TuneCodesOptions,
): Promise<TunedCodes> {
  const topology = lower(graph);
  const best: CodeSettings[] = [];
  const tuned: Tuned[] = [];
  for (const settings of codes) {
    const { code, ...given } = settings;
    if (!isTunable(code) || codeNamed(code).unsupported(topology).length > 0) {
      best.push(settings);
      continue;
    }
    const found = await tune(graph, images(), { ...options, code, options: given });
    tuned.push(found);
    best.push({ code, ...found.best.options } as CodeSettings);
  }
  return { codes: best, tuned };
}
