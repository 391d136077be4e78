/** Comparison of runs, spike by spike and number by number. */

import { expect } from 'vitest';
import type { RunResult, SpikingNetwork } from '../../src/simulate/spiking-network.js';

/** Largest |a - b|. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

/** Largest magnitude. */
export function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/**
 * Largest difference between the spike times of two runs of networks whose neurons spike once at most, in widths of
 * the layer's window. A neuron that is silent in one of the runs counts as if it spiked at the window's end there:
 * both stand for zero, and rounding decides which it is.
 */
export function spikeDifference(network: SpikingNetwork, a: RunResult, b: RunResult): number {
  const names = a.spikes?.map(({ name }) => name);
  expect(names?.length).toBeGreaterThan(0);
  expect(b.spikes?.map(({ name }) => name)).toEqual(names);
  const layers = network.layers.filter(({ window }) => window);
  return Math.max(
    ...layers.map(({ name, window: { width } = { width: 0 } }) => {
      const [one, other] = [a, b].map((run) => timesOf(run, name));
      const absent = [...other.keys()].filter((neuron) => !one.has(neuron));
      for (const neuron of absent) one.set(neuron, width);
      return [...one].reduce((most, [neuron, time]) => {
        return Math.max(most, Math.abs(time - (other.get(neuron) ?? width)) / width);
      }, 0);
    }),
  );
}

/** Share of the spikes of one run, or the other, that the other does not have: neuron, time and image. */
export function trainDifference(a: RunResult, b: RunResult): number {
  const [one, other] = [a, b].map(({ spikes = [] }) => {
    const found = new Set<string>();
    for (const { name, offsets, neurons, times } of spikes) {
      for (let image = 0; image + 1 < offsets.length; image++) {
        for (let i = offsets[image]; i < offsets[image + 1]; i++)
          found.add(`${name} ${image} ${neurons[i]} ${times[i]}`);
      }
    }
    return found;
  });
  expect(one.size).toBeGreaterThan(0);
  const missing = [...one].filter((spike) => !other.has(spike)).length;
  return (missing + other.size - (one.size - missing)) / Math.max(one.size, other.size);
}

/** Time of each neuron of a layer that spikes, over all images. */
function timesOf({ spikes = [] }: RunResult, name: string): Map<string, number> {
  const layer = spikes.find((candidate) => candidate.name === name);
  if (!layer) throw new Error(`no spikes of ${name} were recorded`);
  const { offsets, neurons, times } = layer;
  const found = new Map<string, number>();
  for (let image = 0; image + 1 < offsets.length; image++) {
    for (let i = offsets[image]; i < offsets[image + 1]; i++) found.set(`${image} ${neurons[i]}`, times[i]);
  }
  expect(found.size, 'no neuron spikes twice for one image').toBe(neurons.length);
  return found;
}
