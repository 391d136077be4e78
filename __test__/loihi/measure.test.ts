/** A discretised network on the chip: what its layout's messages and synapses add up to. */

import { expect, it } from 'vitest';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { elements } from '../../src/graph/graph.js';
import { activityOf } from '../../src/loihi/activity.js';
import { discretise } from '../../src/loihi/discretise.js';
import { energyModels } from '../../src/loihi/energy.js';
import { estimate } from '../../src/loihi/estimate.js';
import { measureOnLoihi } from '../../src/loihi/measure.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

const COUNT = 6;

/** Convolutions with a pooling between them; a circuit of each layer sends to each of the next, and so has a small network. */
function graphFor(code: string) {
  if (code === 'amos') return new GraphBuilder([128]).dense(12).relu().dense(10, 'out-in', 5).build();
  const builder = new GraphBuilder([2, 8, 8]).conv(6, { kernel: [3, 3] }, 4).relu();
  builder.maxPool({ kernel: [2, 2], strides: [2, 2] });
  builder.conv(8, { kernel: [2, 2] }, 11).relu();
  return builder
    .reshape([elements(builder.shape())])
    .dense(10, 'out-in', 5)
    .build();
}

it.each(['quartz', 'if', 'amos'] as const)('counts what the simulation counts: %s', async (code) => {
  const graph = graphFor(code);
  const shape = [COUNT, ...(graph.shapes.get('input') ?? [])];
  const batch = { data: Float32Array.from(numbers(COUNT * 128, 21)), shape, labels: [0, 1, 2, 3, 4, 5] };
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { code, steps: code === 'amos' ? 3 : 8, calibration } as ConvertOptions);
  const program = await discretise(network, { inputRange: [-2, 2] });
  const { map, evaluation, estimates } = await measureOnLoihi(program, [batch]);
  expect(evaluation).toMatchObject({ images: COUNT, steps: program.steps });
  expect(evaluation.accuracy).toBeGreaterThanOrEqual(0);
  const sum = (what: 'spikes' | 'synapticEvents' | 'updates') =>
    evaluation.counts.reduce((all, group) => all + group[what].reduce((a, b) => a + b, 0), 0) / COUNT;
  const { counts, dynamic, perStep, latency } = estimates['sana-fe'];
  expect(counts.spikes).toBeCloseTo(sum('spikes'), 6);
  expect(counts.updates).toBeCloseTo(sum('updates'), 6);
  // Spikes of the last steps go over synapses that the simulation no longer sees.
  expect(counts.synapticEvents / sum('synapticEvents')).toBeGreaterThan(0.999);
  expect(counts.synapticEvents / sum('synapticEvents')).toBeLessThan(1.1);
  expect(perStep.energy.reduce((a, b) => a + b, 0)).toBeCloseTo(dynamic.total, 3);
  expect(perStep.time.reduce((a, b) => a + b, 0)).toBeCloseTo(latency, 6);
  // What the layout says of traffic, which takes the compartments of a group for alike.
  expect(Math.abs(counts.messages / map.traffic.messages - 1)).toBeLessThan(0.05);
  const activity = activityOf(map.layout, evaluation);
  expect(activity.cores.length).toBe(map.cores);
  const compartments = activity.cores.flatMap(({ parts }) => parts.map((part) => part.compartments));
  const all = program.network.groups.reduce((n, { extent }) => n + extent.height * extent.width * extent.channels, 0);
  expect(compartments.reduce((a, b) => a + b)).toBe(all);
  expect(estimate(activity, energyModels.davies2018)).toEqual(estimates.davies2018);
});
