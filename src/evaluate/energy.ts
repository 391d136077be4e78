/**
 * Energy by a model: what digital neuromorphic hardware would take, relative to the original network on a processor.
 * Hunsberger and Eliasmith, arXiv 1611.05141.
 */

import type { Counters } from '../simulate/counters.js';
import type { Layer } from '../simulate/run.js';

/** Energies in units of a floating-point operation. */
const SYNAPTIC_EVENT = 0.08;
const UPDATE = 0.25;
const MULTIPLY_ADD = 2;
const ACTIVATION = 1;

/**
 * Energy of a network over that of the original: 0.08 for each synaptic event and 0.25 for each update of a neuron,
 * over 2 for each multiply-add and 1 for each neuron of the original. Synapses that carry numbers, as those of a
 * real-valued input do, cost as much as there. A network without neurons that spike is the original: 1.
 *
 * @param counters of a run.
 * @param layers of the network that ran.
 * @param macs multiply-adds of the original network for one image.
 */
export function energyRatio({ images, layers: counts }: Counters, layers: readonly Layer[], macs: number): number {
  if (counts.every(({ updates }) => updates === 0)) return 1;
  let energy = 0;
  let original = MULTIPLY_ADD * macs * images;
  for (const [i, { role, synapticEvents, operations, updates }] of counts.entries()) {
    const [height, width, channels] = layers[i].shape;
    if (role === 'activation') original += ACTIVATION * height * width * channels * images;
    energy += SYNAPTIC_EVENT * synapticEvents + UPDATE * updates;
    if (synapticEvents === 0) energy += MULTIPLY_ADD * operations;
  }
  return energy / original;
}
