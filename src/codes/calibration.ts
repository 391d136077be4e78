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
}

/** What calibration found. */
export interface Calibration {
  /** Images seen. */
  readonly images: number;
  /** By layer name; the input is one of them. */
  readonly layers: ReadonlyMap<string, LayerStatistics>;
}
