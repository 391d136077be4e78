/** What a run is asked for, and what it gives. */

import type { NdArray } from 'ndarray';
import type { Role, Window } from '../codes/code.js';
import type { Counters } from './counters.js';
import type { Disturbance } from './disturbance.js';
import type { Sequence } from './sequence.js';

/** How a network is simulated: spike by spike in time order (the definition), or a layer's window at once (fast). */
export type Engine = 'event' | 'layered';

/** Precision of all arithmetic. */
export type Precision = 'f32' | 'f64';

/** Options of `SpikingNetwork.run`. */
export interface RunOptions {
  /** `layered` if absent. */
  readonly engine?: Engine;
  /** `f32` if absent. */
  readonly precision?: Precision;
  /**
   * Threads; one per processor if absent or 0. They share the images of a batch, and large layers where there are fewer
   * images than threads. The result does not depend on it.
   */
  readonly threads?: number;
  /** What to keep beside logits and counters. */
  readonly record?: {
    /** Every spike: neuron and time. */
    readonly spikes?: boolean;
    /** Spikes of each neuron, summed over the batch; of a comparison also how often it is active in the original. */
    readonly neurons?: boolean;
    /** Of a comparison: the moments of each channel. */
    readonly channels?: boolean;
    /** How long each layer takes. */
    readonly times?: boolean;
  };
  /**
   * Whether a layer may add up its inputs with all neurons that did not spike where that is faster (`layered` only). Yes if
   * absent; without, only the work is done that spikes cause.
   */
  readonly dense?: boolean;
  /**
   * Whether an image ends as soon as its class cannot change any more, whatever neurons that have not spiked may still do: the
   * spikes that the last layer would send after that are left out. Labels are those of whole runs, logits those of the time
   * of the exit; the counters tell what was saved. For codes of first spikes (`ttfs`, `ttfs-alpha`, `quartz`) in networks
   * whose last layer that spikes alone is read; refused elsewhere. No if absent. It saves work of a machine that runs the
   * network; the simulation, which has to look for the exit, takes somewhat longer.
   */
  readonly earlyExit?: boolean;
  /** Whether to run the original network on the same images and compare every layer with it. */
  readonly compare?: boolean;
  /** What goes wrong; nothing if absent. The original network of a comparison is not disturbed. */
  readonly disturbance?: Disturbance;
  /** Index in the data set of the first image, on which the disturbance's random numbers depend. 0 if absent. */
  readonly firstImage?: number;
  /** What the images are a continuation of, where the network keeps its state. They begin at rest if absent. */
  readonly sequence?: Sequence;
  /** Cancels; the promise is rejected with the signal's reason at once. */
  readonly signal?: AbortSignal;
}

/** One layer of a spiking network. */
export interface Layer {
  /** Name of the graph's node (of its tensor, for the input). */
  readonly name: string;
  /** What its neurons are there for. */
  readonly role: Role;
  /** Arrangement of the activations: `[height, width, channels]`. */
  readonly shape: readonly [number, number, number];
  /** Neurons that it takes. */
  readonly neurons: number;
  /** When it may spike, in units of the code's clock; absent where it does not. */
  readonly window?: Window;
  /** Connections that it receives: the multiply-adds of the dense computation. */
  readonly connections: number;
}

/** All spikes of one layer over a batch. */
export interface LayerSpikes {
  readonly name: string;
  /** Where each image's spikes begin; one more than there are images. */
  readonly offsets: Uint32Array;
  /** Neurons (`[height][width][channel]`), ascending within an image. */
  readonly neurons: Uint32Array;
  /** Times relative to the start of the layer's window. */
  readonly times: Float32Array | Float64Array;
}

/** Sums over pairs of a neuron's value and the original activation, in units of the latter. */
export interface Moments {
  /** Of the values. */
  readonly values: number;
  /** Of the original activations. */
  readonly originals: number;
  /** Of the squares of the values. */
  readonly valueSquares: number;
  /** Of the squares of the original activations. */
  readonly originalSquares: number;
  /** Of the products of both. */
  readonly products: number;
  /** Of the squares of their differences. */
  readonly squares: number;
}

/** How far one layer is from the original network over a batch. */
export interface LayerDifference {
  readonly name: string;
  /** Largest |value - original|, in units of the original activation. */
  readonly max: number;
  /** Root mean square of the difference, relative to that of the original activation. */
  readonly relativeRms: number;
  /** Neurons whose original activation is not zero, summed over images. */
  readonly originalActive: number;
  /** Of each channel, if recorded. */
  readonly channels?: readonly Moments[];
  /** In how many images the original activation of each neuron is not zero, if recorded. */
  readonly activeImages?: Uint32Array;
}

/** What a run gives. */
export interface RunResult {
  /** `[images, ...output shape]`. Partial sums where an image has ended early. */
  readonly logits: NdArray<Float32Array | Float64Array>;
  /** Index of each image's largest logit. */
  readonly labels: Int32Array;
  /** Spikes of each image, of all layers together. */
  readonly imageSpikes: Uint32Array;
  readonly counters: Counters;
  /** If recorded: of the layers that spike. */
  readonly spikes?: readonly LayerSpikes[];
  /** If compared. */
  readonly original?: {
    readonly logits: NdArray<Float32Array | Float64Array>;
    readonly labels: Int32Array;
    readonly differences: readonly LayerDifference[];
  };
  /** Time that the kernel took, in seconds. */
  readonly seconds: number;
}

/** @internal What a stream needs of a run. */
export type Answers = Pick<RunResult, 'logits' | 'labels' | 'imageSpikes'>;
