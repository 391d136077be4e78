/** The verb `measureOnLoihi`: a discretised network on the chip, what it does there over a data set, and what that takes. */

import type { LabelledBatch } from '../evaluate/evaluate.js';
import { activityOf } from './activity.js';
import { type EnergyModelName, energyModels } from './energy.js';
import { type Estimate, estimate } from './estimate.js';
import { type ChipEvaluation, type EvaluateChipOptions, evaluateChip } from './evaluate.js';
import { type ChipMap, type MapOptions, mapToLoihi } from './map.js';
import type { ChipProgram } from './program.js';

/** Options of {@link measureOnLoihi}. */
export interface MeasureOptions extends Omit<MapOptions, 'code' | 'thresholds' | 'spikes' | 'onProgress'> {
  /** Rules of arithmetic, threads, and who is told of images that are done. */
  readonly evaluation?: Omit<EvaluateChipOptions, 'signal'>;
}

/** A network on the chip, measured. */
export interface ChipReport {
  readonly map: ChipMap;
  readonly evaluation: ChipEvaluation;
  /** Energy and time of an image, in the mean, by each set of costs. */
  readonly estimates: Readonly<Record<EnergyModelName, Estimate>>;
}

/**
 * Runs a discretised network over a data set in the chip's integers, lays it out for the spikes that were counted, and
 * estimates energy and time of an image.
 *
 * @throws DataError, LayoutError; the reason of the signal.
 */
export async function measureOnLoihi(
  program: ChipProgram,
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  { evaluation: run, ...options }: MeasureOptions = {},
): Promise<ChipReport> {
  const evaluation = await evaluateChip(program, dataset, { ...run, signal: options.signal });
  const spikes = Object.fromEntries(
    evaluation.counts.map(({ name, spikes }) => [name, spikes.reduce((a, b) => a + b, 0) / evaluation.images]),
  );
  const map = await mapToLoihi(program.network, { ...options, spikes });
  const activity = activityOf(map.layout, evaluation);
  const estimates = {
    davies2018: estimate(activity, energyModels.davies2018),
    'sana-fe': estimate(activity, energyModels['sana-fe']),
  };
  return { map, evaluation, estimates };
}
