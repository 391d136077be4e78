/** Operations as the authors of Quartz count them (arXiv 2309.16795 and the simulation they published). */

import type { Counters } from '../simulate/counters.js';
import type { Layer } from '../simulate/run.js';

/** Sums over all layers and images. */
export interface QuartzOperations {
  readonly operations: number;
  readonly memoryReads: number;
  readonly memoryWrites: number;
}

/**
 * Counts one input for all that reaches a neuron in the same step, bias and counterweight included, where
 * `synapticEvents` has one for each spike. With N neurons, T levels and S such inputs: S + 2 N T operations, S + 4 N T
 * reads, S + N T writes.
 */
export function quartzOperations({ images, layers }: Counters, network: readonly Layer[]): QuartzOperations {
  let [inputs, states] = [0, 0];
  layers.forEach(({ receptions, neurons }, i) => {
    const { window } = network[i];
    if (!window || receptions === 0) return;
    inputs += receptions;
    states += neurons * (window.width + 1) * images;
  });
  return {
    operations: inputs + 2 * states,
    memoryReads: inputs + 4 * states,
    memoryWrites: inputs + states,
  };
}
