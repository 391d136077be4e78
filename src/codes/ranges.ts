/** Ranges of activations, as several codes choose them from a calibration. */

import { ConvertError, type Problem } from '../errors.js';
import type { Calibration, LayerStatistics } from './calibration.js';

/** Options of codes that choose a range for each layer. */
export interface RangeOptions {
  /** Percentile (0 to 100) of a layer's activations that counts as the largest. */
  readonly percentile?: number;
  /** Percentiles of single layers, by name. */
  readonly layerPercentiles?: Readonly<Record<string, number>>;
}

/**
 * Statistics of a layer.
 *
 * @throws ConvertError if the calibration is of another network.
 */
export function statisticsOf(calibration: Calibration | undefined, name: string): LayerStatistics {
  const layer = calibration?.layers.get(name);
  if (layer) return layer;
  throw new ConvertError('OPTION_INVALID', {
    layer: name,
    message: 'the calibration has no statistics of this layer.',
    remedy: 'Calibrate on the same graph that is converted.',
  });
}

/** `[smallest, largest]` activation of a layer, up to its percentile. */
export function rangeOf(
  calibration: Calibration | undefined,
  name: string,
  { percentile = 100, layerPercentiles = {} }: RangeOptions,
): [number, number] {
  const layer = statisticsOf(calibration, name);
  const percent = layerPercentiles[name] ?? percentile;
  return percent === 100 ? [layer.min, layer.max] : [layer.percentile(100 - percent), layer.percentile(percent)];
}

/**
 * The largest magnitude of each channel's activations, up to the percentile; that of the layer where a channel never was
 * active.
 */
export function channelRanges(
  calibration: Calibration | undefined,
  name: string,
  channels: number,
  { percentile = 100, layerPercentiles = {} }: RangeOptions,
  layer: number,
): number[] {
  const percent = layerPercentiles[name] ?? percentile;
  const statistics = statisticsOf(calibration, name);
  return Array.from({ length: channels }, (_, channel) => {
    const { min, max } = statistics.channels[channel];
    const at = (percentile: number) => statistics.percentile(percentile, channel);
    const [low, high] = percent === 100 ? [min, max] : [at(100 - percent), at(percent)];
    return Math.max(high, -low) || layer;
  });
}

/**
 * Throws all problems there are.
 *
 * @param inexpressible what a code cannot express.
 * @param outOfDomain what is wrong with its options.
 * @throws ConvertError `CODE_UNSUPPORTED`; `OPTION_INVALID` if only options are wrong.
 */
export function refuse(inexpressible: readonly Problem[], outOfDomain: readonly Problem[]): void {
  const problems = [...inexpressible, ...outOfDomain];
  if (problems.length === 0) return;
  throw new ConvertError(inexpressible.length > 0 ? 'CODE_UNSUPPORTED' : 'OPTION_INVALID', problems);
}

/** What is wrong with percentiles; `layers` are the names that may have one. */
export function percentileProblems(
  { percentile = 100, layerPercentiles = {} }: RangeOptions,
  layers: readonly string[],
): Problem[] {
  const all: [string | undefined, number][] = [[undefined, percentile], ...Object.entries(layerPercentiles)];
  return all.flatMap(([layer, percent]): Problem[] => {
    const problems: Problem[] = [];
    if (!(percent > 0 && percent <= 100)) {
      const message = `percentile ${percent}${layer === undefined ? ' of all layers' : ''} is not above 0 and at most 100.`;
      problems.push({ layer, message, remedy: 'Choose one near 100, such as 99.9.' });
    }
    return [...problems, ...(layer === undefined ? [] : layerProblems(layer, layers))];
  });
}

/** What is wrong with the name of a layer. */
export function layerProblems(layer: string, layers: readonly string[]): Problem[] {
  if (layers.includes(layer)) return [];
  return [{ layer, message: 'there is no such layer.', remedy: `Layers are ${layers.join(', ')}.` }];
}

/** What is wrong with a number of steps. */
export function stepProblems(steps: number, least: number, most: number): Problem[] {
  if (Number.isInteger(steps) && steps >= least && steps <= most) return [];
  const message = `${steps} steps are not possible.`;
  return [{ message, remedy: `Choose a whole number from ${least} to ${most}.` }];
}

/** What is wrong with an option that has a few choices. */
export function choiceProblems(option: string, value: string, choices: readonly string[]): Problem[] {
  if (choices.includes(value)) return [];
  return [{ message: `${option} cannot be "${value}".`, remedy: `Choose ${choices.join(' or ')}.` }];
}
