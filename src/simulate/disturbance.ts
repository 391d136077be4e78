/** What goes wrong on real hardware, and how it is handed to the kernel. */

import { FirstspikeError, type Problem } from '../errors.js';
import type { BindingDisturbance, BindingWeightDisturbance } from '../kernel.js';

/**
 * How strongly things go wrong; what is absent does not. Random numbers are a function of the seed and of image, neuron
 * and step, so that the same run gives the same result on any number of threads.
 *
 * A disturbance acts on what neurons do (the input's, and those that integrate), not on those that pass spikes on.
 */
export interface Disturbance {
  /** Of the random numbers, 0 to 2^32 - 1. 0 if absent. */
  readonly seed?: number;
  /**
   * Standard deviation of spike times: as a share of the window where neurons spike once (`ttfs`), in steps elsewhere.
   * It does not change what an `amos` spike is worth, since each neuron of a circuit has synapses of its own.
   */
  readonly jitter?: number;
  /** Probability that a spike is lost, 0 to 1. */
  readonly loss?: number;
  /** Standard deviation of a delay that each neuron has for good; in units of the jitter. */
  readonly delay?: number;
  /** Times are rounded to so many levels of their window, where neurons spike once or rates count. */
  readonly timeLevels?: number;
  /** Standard deviation of each neuron's threshold, relative to it (to the window, where neurons spike once). */
  readonly thresholdMismatch?: number;
  /** Standard deviation of noise on weights, relative to the largest weight of the same synapses. */
  readonly weightNoise?: number;
  /** Weights are rounded to so many bits, 2 to 24, in a symmetric range that the largest weight of the synapses fills. */
  readonly weightBits?: number;
}

/** A disturbance in the kernel's form: of a run, and of the weights. */
export interface BoundDisturbance {
  readonly run?: BindingDisturbance;
  readonly weights?: BindingWeightDisturbance;
}

/**
 * Checks a disturbance.
 *
 * @throws FirstspikeError (`OPTION_INVALID`) with all that is wrong with it.
 */
export function bindDisturbance(disturbance: Disturbance = {}): BoundDisturbance {
  const { seed = 0, jitter = 0, loss = 0, delay = 0, timeLevels = 0, thresholdMismatch: mismatch = 0 } = disturbance;
  const { weightNoise: noise = 0, weightBits: bits = 0 } = disturbance;
  const problems: Problem[] = [];
  const check = (name: string, value: number, holds: boolean, domain: string) => {
    if (!holds) problems.push({ message: `${name} cannot be ${value}.`, remedy: `Give ${domain}.` });
  };
  const whole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  const spread = (value: number) => value >= 0 && Number.isFinite(value);
  check('seed', seed, whole(seed, 0, 2 ** 32 - 1), 'a whole number from 0 to 2^32 - 1');
  check('loss', loss, loss >= 0 && loss <= 1, 'a probability from 0 to 1');
  check('timeLevels', timeLevels, whole(timeLevels, 0, 2 ** 31), 'a whole number of levels');
  check('weightBits', bits, bits === 0 || whole(bits, 2, 24), 'a whole number of bits from 2 to 24');
  for (const [name, value] of Object.entries({ jitter, delay, thresholdMismatch: mismatch, weightNoise: noise })) {
    check(name, value, spread(value), 'a number from 0 on');
  }
  if (problems.length > 0) throw new FirstspikeError('OPTION_INVALID', problems);
  const disturbed = [jitter, loss, delay, timeLevels, mismatch].some((value) => value > 0);
  return {
    ...(disturbed && { run: { seed, jitter, loss, delay, timeLevels, mismatch } }),
    ...((noise > 0 || bits > 0) && { weights: { seed, noise, bits } }),
  };
}
