/** How a network bears what goes wrong: accuracy and spikes over the values of one knob. */

import { FirstspikeError, type Problem } from '../errors.js';
import { checkCount } from '../simulate/check.js';
import { bindDisturbance, type Disturbance } from '../simulate/disturbance.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { type EvaluateOptions, type Evaluation, evaluate, type LabelledBatch } from './evaluate.js';

/** What can go wrong, by name: see {@link Disturbance}. */
export type Knob = Exclude<keyof Disturbance, 'seed'>;

/** All knobs. */
export const KNOBS: readonly Knob[] = [
  'jitter',
  'loss',
  'delay',
  'timeLevels',
  'thresholdMismatch',
  'weightNoise',
  'weightBits',
];

/** Knobs that limit a resolution: nothing about them is random, and 0 means no limit. */
export const LIMITS: readonly Knob[] = ['timeLevels', 'weightBits'];

/** Options of {@link sweep}. */
export interface SweepOptions
  extends Omit<EvaluateOptions, 'batch' | 'throughputSeconds' | 'onProgress' | 'onBatch' | 'onState' | 'from'> {
  /** What is varied: a {@link Knob}, or whatever the networks differ in if they are made for each value. */
  readonly knob: string;
  /** Its values; 0 of a knob is no disturbance. */
  readonly values: readonly number[];
  /** Trials for each value, with successive seeds; one where nothing is random. 5 if absent. */
  readonly trials?: number;
  /** Called after each trial with the number of those done, and of all. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** A figure over several trials. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation of a trial; 0 if there is but one. */
  readonly std: number;
}

/** What a {@link Sweep} found at one value. */
export interface SweepPoint {
  readonly value: number;
  readonly trials: number;
  /** Share of images whose label is right, 0 to 1; absent without labels. */
  readonly accuracy?: Spread;
  /** Share of images whose label is among the five largest logits; only with more than ten classes. */
  readonly accuracyTop5?: Spread;
  /** Share of images that the original network labels alike, 0 to 1. */
  readonly agreement: Spread;
  /** Spikes of the neurons that stand for activation functions, over their number: mean over images. */
  readonly spikesPerNeuron: Spread;
}

/** What {@link sweep} found. */
export interface Sweep {
  readonly code: string;
  readonly knob: string;
  /** Images of each trial. */
  readonly images: number;
  /** Accuracy of the original network, 0 to 1; absent without labels. */
  readonly annAccuracy?: number;
  /** In the order of the values. */
  readonly points: readonly SweepPoint[];
}

/**
 * Evaluates a network at each value of a knob, in several trials.
 *
 * @param network the network, disturbed more and more; or one for each value, as in
 *   `(zeta) => convert(graph, { code: 'ttfs', calibration, zeta })`. A disturbance among the options holds for all.
 * @param images called once for each trial; gives the batches from the first on.
 * @throws FirstspikeError (`OPTION_INVALID`) with all values that are out of the knob's domain.
 */
export async function sweep(
  network: SpikingNetwork | ((value: number) => Promise<SpikingNetwork>),
  images: () => Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  options: SweepOptions,
): Promise<Sweep> {
  const { knob, values, trials: most = 5, disturbance: lasting = {}, onProgress, ...evaluation } = options;
  const given = typeof network === 'function' ? undefined : network;
  const settings = values.map((value) => {
    const disturbance: Disturbance = given ? { ...lasting, [knob]: value } : lasting;
    return { value, disturbance, trials: isRandom(disturbance) ? most : 1 };
  });
  check(options, given ? KNOBS : [knob], settings);
  const networks: SpikingNetwork[] = [];
  if (typeof network === 'function') for (const value of values) networks.push(await network(value));

  const all = settings.reduce((sum, { trials }) => sum + trials, 0);
  let done = 0;
  const reports: Evaluation[][] = [];
  for (const { disturbance, trials } of settings) {
    // Taken out of the list: what a network has packed is free again when the next one runs.
    const tried = given ?? (networks.shift() as SpikingNetwork);
    const { seed: first = 0 } = disturbance;
    const results: Evaluation[] = [];
    for (let seed = first; seed < first + trials; seed++) {
      const disturbed = { ...evaluation, disturbance: { ...disturbance, seed }, throughputSeconds: 0 };
      results.push(await evaluate(tried, images(), disturbed));
      onProgress?.(++done, all);
    }
    reports.push(results);
  }
  const [[{ code, images: count, annAccuracy }]] = reports;
  return {
    code,
    knob,
    images: count,
    ...(annAccuracy !== undefined && { annAccuracy }),
    points: reports.map((trials, i) => summarise(values[i], trials)),
  };
}

/** Whether trials with other seeds have other results. */
function isRandom(disturbance: Disturbance): boolean {
  return KNOBS.some((knob) => !LIMITS.includes(knob) && (disturbance[knob] ?? 0) > 0);
}

function check(
  { knob, values, trials = 1 }: SweepOptions,
  knobs: readonly string[],
  settings: readonly { readonly disturbance: Disturbance }[],
): void {
  checkCount('trials', trials, 1, 1e6);
  const problems: Problem[] = [];
  if (!knobs.includes(knob)) {
    problems.push({ message: `there is no knob "${knob}".`, remedy: `Knobs are ${knobs.join(', ')}.` });
  }
  if (values.length === 0) problems.push({ message: `${knob} has no values.`, remedy: 'Give at least one.' });
  for (const { disturbance } of settings) {
    try {
      bindDisturbance(disturbance);
    } catch (error) {
      if (!(error instanceof FirstspikeError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new FirstspikeError('OPTION_INVALID', problems);
}

function summarise(value: number, reports: readonly Evaluation[]): SweepPoint {
  const accuracies = reports.flatMap(({ accuracy }) => accuracy ?? []);
  const top5 = reports.flatMap(({ accuracyTop5 }) => accuracyTop5 ?? []);
  return {
    value,
    trials: reports.length,
    ...(accuracies.length > 0 && { accuracy: spread(accuracies) }),
    ...(top5.length > 0 && { accuracyTop5: spread(top5) }),
    agreement: spread(reports.map(({ agreement }) => agreement)),
    spikesPerNeuron: spread(reports.map(({ spikesPerNeuron }) => spikesPerNeuron)),
  };
}

function spread(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: count === 1 ? 0 : Math.sqrt(squares / (count - 1)) };
}
