/** Ranges of layers: what they cost, and which is best. */

import type { LayerStatistics } from '../codes/calibration.js';

/** Percentiles that are tried. */
const PERCENTILES = [99, 99.5, 99.9, 99.99, 100];

/** What a range costs: mean square of what it clips and of what its levels round, over all activations. */
export function expectedError(statistics: LayerStatistics, range: number, levels: number): number {
  const { min, max, zeros } = statistics;
  const rounded = levels === Number.POSITIVE_INFINITY ? 0 : ((range / levels) ** 2 / 12) * (1 - zeros);
  return rounded + squareBeyond(statistics, range, max) + squareBeyond(statistics, range, -min, -1);
}

/** Mean square of how far activations of one sign lie beyond a range. */
function squareBeyond(statistics: LayerStatistics, range: number, end: number, sign = 1): number {
  if (!(end > range)) return 0;
  const cells = 512;
  const width = (end - range) / cells;
  // The largest value itself belongs to the last cell.
  const interval: [number, number] = sign > 0 ? [range, end + width / 1e6] : [-end - width / 1e6, -range];
  const counts = statistics.histogram(interval, cells);
  let sum = 0;
  counts.forEach((count, cell) => {
    const distance = ((sign > 0 ? cell : cells - 1 - cell) + 0.5) * width;
    sum += count * distance ** 2;
  });
  return sum / statistics.count;
}

/** The range of a layer up to a percentile of its activations, whatever their sign. */
export function rangeAt(statistics: LayerStatistics, percentile: number): number {
  const [low, high] = [statistics.percentile(100 - percentile), statistics.percentile(percentile)];
  return Math.max(high, -low) || statistics.max || 1;
}

/** The percentile whose range has the least expected error, and that error. */
export function bestPercentile(
  statistics: LayerStatistics,
  levels: number,
): { readonly percentile: number; readonly error: number } {
  const tried = PERCENTILES.map((percentile) => {
    return { percentile, error: expectedError(statistics, rangeAt(statistics, percentile), levels) };
  });
  return tried.reduce((a, b) => (b.error <= a.error ? b : a));
}
