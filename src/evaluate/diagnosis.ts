/** What a diagnosis says of a spiking network. */

import type { Role } from '../codes/code.js';
import type { Reach } from '../codes/reach.js';

/** How far a layer's values are from the original activations. */
export interface LayerError {
  /** Root mean square of the difference, relative to that of the activations. */
  readonly relativeRms: number;
  /** Pearson's correlation of values and activations; 1 where both are constant and equal. */
  readonly correlation: number;
  /** The channel that is farthest off: root mean square of its difference, relative to that of the layer's activations. */
  readonly worstChannel: { readonly channel: number; readonly relativeRms: number };
}

/** What an error does to the outputs. */
export interface OutputError {
  /** Root mean square of the differences of the logits, relative to that of the original's logits. */
  readonly logits: number;
  /** Share of images whose label is not the original's. */
  readonly disagreement: number;
  /** Accuracy lost; absent without labels. */
  readonly accuracyLost?: number;
}

/** One layer of a {@link Diagnosis}. Shares are between 0 and 1. */
export interface LayerDiagnosis {
  readonly name: string;
  readonly role: Role;
  readonly neurons: number;
  /** Spikes: mean over images. */
  readonly spikes: number;
  /** Share of the original activations that are larger than the neurons can send. */
  readonly saturated: number;
  /** Share of the neurons that never spike, of those whose original activation is not always zero. */
  readonly dead: number;
  /** Share of neurons and images with a spike before all inputs were in; only in `quartz`. */
  readonly early?: number;
  /** What the neurons can say. */
  readonly reach: Reach;
  /** In the whole network, where the errors of earlier layers come in. */
  readonly whole: LayerError;
  /** Of this layer alone: all others compute what the original does. */
  readonly alone: LayerError & OutputError;
}

/** What {@link diagnose} found. */
export interface Diagnosis {
  readonly code: string;
  readonly images: number;
  /** Share of images whose label is right; absent without labels. */
  readonly accuracy?: number;
  /** The same of the original network. */
  readonly annAccuracy?: number;
  /** Share of images whose label is among the five largest logits; only with more than ten classes. */
  readonly accuracyTop5?: number;
  /** The same of the original network. */
  readonly annAccuracyTop5?: number;
  /** Of the whole network. */
  readonly output: OutputError;
  /** The layers that spike. */
  readonly layers: readonly LayerDiagnosis[];
  /** What is wrong and what would help, the costliest first. */
  readonly findings: readonly Finding[];
}

/** What a finding is about. */
export type FindingKind =
  /** Activations are larger than the neurons can send. */
  | 'clipped'
  /** The neurons can send far more than there is, and so tell little apart. */
  | 'wide'
  /** The neurons have too few levels. */
  | 'coarse'
  /** Neurons of different channels have ranges that are not those of their activations. */
  | 'channels'
  /** Inputs of a fitted gate lie outside of what it was fitted to. */
  | 'inputs'
  /** Neurons spike before all their inputs are in. */
  | 'early'
  /** Biases are larger than a spike can say. */
  | 'bias'
  /** Negative values of the image arrive after the readout of the first layer. */
  | 'negative'
  /** Neurons are silent that are active in the original network. */
  | 'dead'
  /** The layers lose more together than alone: spikes come unevenly. */
  | 'uneven';

/** Options of a code by which a finding is mended. */
export interface Remedy {
  readonly steps?: number;
  readonly layerSteps?: Readonly<Record<string, number>>;
  readonly percentile?: number;
  readonly layerPercentiles?: Readonly<Record<string, number>>;
  readonly phases?: 'two';
  readonly biasLimit?: number;
  readonly balance?: 'channel';
  readonly gates?: 'fitted';
  readonly input?: 'shifted';
  readonly bias?: 'weight';
}

/** One thing that costs accuracy. */
export interface Finding {
  readonly kind: FindingKind;
  /** The layer; absent where it is the whole network. */
  readonly layer?: string;
  /** Channels, where it is some of them. */
  readonly channels?: readonly number[];
  /** What is wrong. */
  readonly message: string;
  /** What to do, in words. */
  readonly remedy: string;
  /** The same as options of the code; absent where no option mends it. */
  readonly options?: Remedy;
  /** What it costs: relative error of the logits that the layer alone makes (of the whole network, without a layer). */
  readonly cost: number;
  /** Accuracy that the layer alone loses; absent without labels. */
  readonly accuracyLost?: number;
}
