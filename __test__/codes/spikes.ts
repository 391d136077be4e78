/** Comparison of runs, spike by spike and number by number. */

import { expect } from 'vitest';
import type { LayerSpikes, RunResult } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';

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
 * Largest difference between the spike times of two runs of a network whose neurons spike once at most, in widths of
 * the layer's window. A neuron that is silent in one of the runs counts as if it spiked at the window's end there:
 * both stand for zero, and rounding decides which it is.
 */
export function spikeDifference(network: SpikingNetwork, a: RunResult, b: RunResult): number {
  let most = 0;
  for (const [one, other] of pairs(a, b)) {
    const { width } = network.layers.find(({ name }) => name === one.name)?.window ?? { width: 0 };
    forEachPair(one, other, false, (time = width, otherTime = width) => {
      most = Math.max(most, Math.abs(time - otherTime) / width);
    });
  }
  return most;
}

/** Share of spikes (image, neuron and time) that one of two runs has and the other has not. */
export function trainDifference(a: RunResult, b: RunResult): number {
  let [all, alone] = [0, 0];
  for (const [one, other] of pairs(a, b)) {
    forEachPair(one, other, true, (time, otherTime) => {
      all++;
      if (time === undefined || otherTime === undefined) alone++;
    });
  }
  expect(all).toBeGreaterThan(0);
  return alone / all;
}

/** The spikes of each layer in two runs. */
function pairs(a: RunResult, b: RunResult): [LayerSpikes, LayerSpikes][] {
  const [one, other] = [a.spikes ?? [], b.spikes ?? []];
  expect(one.length).toBeGreaterThan(0);
  expect(other.map(({ name }) => name)).toEqual(one.map(({ name }) => name));
  return one.map((layer, i) => [layer, other[i]]);
}

/**
 * Walks through the spikes of a layer in two runs, which are in the order of images, neurons and times. Spikes belong
 * together if they are of one image and neuron (and time, if `timed`).
 */
function forEachPair(
  a: LayerSpikes,
  b: LayerSpikes,
  timed: boolean,
  visit: (time: number | undefined, other: number | undefined) => void,
): void {
  expect(b.offsets.length).toBe(a.offsets.length);
  for (let image = 0; image + 1 < a.offsets.length; image++) {
    let [i, j] = [a.offsets[image], b.offsets[image]];
    const [endA, endB] = [a.offsets[image + 1], b.offsets[image + 1]];
    while (i < endA || j < endB) {
      const after =
        i >= endA ? 1 : j >= endB ? -1 : a.neurons[i] - b.neurons[j] || (timed ? a.times[i] - b.times[j] : 0);
      visit(after <= 0 ? a.times[i] : undefined, after >= 0 ? b.times[j] : undefined);
      if (after <= 0) i++;
      if (after >= 0) j++;
    }
  }
}
