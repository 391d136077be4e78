/** What is allowed, but hardly meant: ranges that leave out much of what calibration has seen. */

import { type Calibration, type Distribution, shareBeyond } from './calibration.js';
import type { Tools } from './code.js';
import { statisticsOf } from './ranges.js';

/** Share of the values of a layer that a range may leave out without a word. */
const CLIPPED = 0.1;

/** Warns if a range leaves out many of the values of a layer. */
export function warnOfClipping(
  layer: string,
  values: Distribution,
  range: readonly [number, number],
  { warn }: Tools,
  remedy = 'Choose a percentile nearer to 100.',
): void {
  const share = shareBeyond(values, range);
  if (share <= CLIPPED) return;
  warn({ layer, message: `the range clips ${(100 * share).toFixed(1)} % of what calibration has seen.`, remedy });
}

/** Warns if many activations of a layer are larger in magnitude than the largest that it can send. */
export function warnOfLargest(
  layer: string,
  calibration: Calibration | undefined,
  largest: number,
  tools: Tools,
  remedy?: string,
): void {
  warnOfClipping(layer, statisticsOf(calibration, layer), [-largest, largest], tools, remedy);
}
