/** What a run counts, per layer and in all. */

import type { Role } from '../codes/code.js';

/** Counts of one layer, summed over images. */
export interface LayerCounters {
  /** Name of the graph's node (of its tensor, for the input). */
  readonly name: string;
  /** What its neurons are there for. */
  readonly role: Role;
  /** Number of neurons. */
  readonly neurons: number;
  /** Spikes emitted. */
  readonly spikes: number;
  /** Spikes whose value lies outside of the layer's window (of the calibrated range, for the input). */
  readonly saturated: number;
  /** Synaptic events received: pairs of a spike and an existing target, whatever path computed them. */
  readonly synapticEvents: number;
  /** Multiply-adds that were really executed. */
  readonly operations: number;
  /** Neurons updated, once for each step. */
  readonly updates: number;
  /** Pairs of a neuron and a step in which it received anything: inputs that arrive together count once. */
  readonly receptions: number;
  /** Of an event-driven machine: two for each synaptic event, two for each update. */
  readonly memoryReads: number;
  /** Of an event-driven machine: one for each synaptic event and each update. */
  readonly memoryWrites: number;
  /**
   * How often spikes were added up with all neurons that did not spike, since they were too many to be added one by one:
   * once for each image and connection between layers, and for each step where spikes have steps.
   */
  readonly dense: number;
  /** Time in the layer, in seconds, summed over all images, if recorded. */
  readonly seconds?: number;
  /** Spikes of each neuron, if recorded; neurons ordered `[height][width][channel]`. */
  readonly neuronSpikes?: Uint32Array;
}

/** What early exits saved, summed over images. */
export interface EarlyExits {
  /** Images that ended before the last window did. */
  readonly images: number;
  /** Spikes that the last layer did not send any more. */
  readonly spikes: number;
  /** Synaptic events that they would have caused. */
  readonly synapticEvents: number;
  /** Shares of the last window that were left: 0 to 1 for each image. */
  readonly window: number;
}

/** Counts of a run. */
export interface Counters {
  /** Images run. */
  readonly images: number;
  /** If images were to end as soon as their class is settled. */
  readonly earlyExits?: EarlyExits;
  /** In the order in which they run; the input first, the readout last. */
  readonly layers: readonly LayerCounters[];
}

/** Sum of one count over the layers of some roles (all, if none is named). */
export function total(
  counters: Counters,
  count:
    | 'neurons'
    | 'spikes'
    | 'saturated'
    | 'synapticEvents'
    | 'operations'
    | 'updates'
    | 'dense'
    | 'memoryReads'
    | 'memoryWrites',
  ...roles: readonly Role[]
): number {
  const wanted = counters.layers.filter((layer) => roles.length === 0 || roles.includes(layer.role));
  return wanted.reduce((sum, layer) => sum + layer[count], 0);
}

/**
 * Spikes per neuron and image, of the neurons that stand for the original network's activation functions; pooling and
 * relay neurons and the input are not among them.
 */
export function spikesPerNeuron(counters: Counters): number {
  const neurons = total(counters, 'neurons', 'activation');
  return neurons === 0 ? 0 : total(counters, 'spikes', 'activation') / neurons / counters.images;
}

/** Counts of two runs of one network together. */
export function addCounters(a: Counters, b: Counters): Counters {
  const layers = a.layers.map((layer, i): LayerCounters => {
    const other = b.layers[i];
    return {
      ...layer,
      spikes: layer.spikes + other.spikes,
      saturated: layer.saturated + other.saturated,
      synapticEvents: layer.synapticEvents + other.synapticEvents,
      operations: layer.operations + other.operations,
      updates: layer.updates + other.updates,
      receptions: layer.receptions + other.receptions,
      dense: layer.dense + other.dense,
      ...(layer.seconds !== undefined && { seconds: layer.seconds + (other.seconds ?? 0) }),
      memoryReads: layer.memoryReads + other.memoryReads,
      memoryWrites: layer.memoryWrites + other.memoryWrites,
      ...(layer.neuronSpikes &&
        other.neuronSpikes && { neuronSpikes: layer.neuronSpikes.map((n, j) => n + (other.neuronSpikes?.[j] ?? 0)) }),
    };
  });
  const earlyExits = a.earlyExits && b.earlyExits && addExits(a.earlyExits, b.earlyExits);
  return { images: a.images + b.images, ...(earlyExits && { earlyExits }), layers };
}

function addExits(a: EarlyExits, b: EarlyExits): EarlyExits {
  return {
    images: a.images + b.images,
    spikes: a.spikes + b.spikes,
    synapticEvents: a.synapticEvents + b.synapticEvents,
    window: a.window + b.window,
  };
}
