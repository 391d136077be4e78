/** What is known of the original network's activations. */

/** Statistics of a set of activations. */
export interface ActivationStatistics {
  /** Activations seen. */
  readonly count: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** Share of exact zeros, 0 to 1. */
  readonly zeros: number;
}

/** How values are spread. */
export interface Distribution {
  /** Values seen. */
  readonly count: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /**
   * @param percent 0 to 100
   * @returns within 0.2 % of the exact percentile.
   */
  percentile(percent: number): number;
  /** Numbers of values in cells that divide a range evenly; those beyond it are left out. */
  histogram(range: readonly [number, number], cells: number): Float64Array;
}

/** Statistics of one layer: of a population's activations over all images. */
export interface LayerStatistics extends ActivationStatistics {
  /** Name of the graph's node (of its tensor, for the input). */
  readonly name: string;
  /** Of each channel. */
  readonly channels: readonly ActivationStatistics[];
  /**
   * Percentile of the layer's activations, or of one channel's (only if channel percentiles were asked for).
   *
   * @param percent 0 to 100
   * @returns within 0.2 % of the exact percentile (3 % for a channel).
   */
  percentile(percent: number, channel?: number): number;
  /** Numbers of activations in cells that divide a range evenly; those beyond it are left out. */
  histogram(range: readonly [number, number], cells: number): Float64Array;
  /** What the layer's activation function is applied to; absent where it has none, or one that needs no fit. */
  readonly inputs?: Distribution;
}

/** Share of values that lie beyond a range. */
export function shareBeyond(values: Distribution, [low, high]: readonly [number, number]): number {
  if (low <= values.min && values.max <= high) return 0;
  if (high <= low) return 1;
  const [within] = values.histogram([Math.max(low, values.min - 1), Math.min(high, values.max + 1)], 1);
  return 1 - within / values.count;
}

/** What calibration found. */
export interface Calibration {
  /** Images seen. */
  readonly images: number;
  /** By layer name; the input is one of them. */
  readonly layers: ReadonlyMap<string, LayerStatistics>;
}
