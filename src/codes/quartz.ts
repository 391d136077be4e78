/**
 * Quartz: conversion maths. Lenz, Orchard and Sheik, arXiv 2309.16795, and the authors' simulation.
 *
 * Activations are normalised to at most 1: the weights of a layer are divided by a percentile of its activations and
 * multiplied by that of its sources, biases divided. A value then is a time on a grid of T levels. The last layer is
 * not rectified, so that its values may be negative; they are decoded and scaled back to logits.
 */

import type { Problem } from '../errors.js';
import type { Bias } from '../graph/graph.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Window } from './code.js';
import { foldSource, relayBehind, relayInput, scaleTargets, uniformMap } from './edit.js';
import { choiceProblems, percentileProblems, type RangeOptions, rangeOf, refuse, stepProblems } from './ranges.js';
import { neurons, type Projection, readout, sources, type Topology } from './topology.js';

/** Options of the code `quartz`. */
export interface QuartzOptions extends RangeOptions {
  /** T, levels of time, 2 to 4096. 16 if absent. */
  readonly steps?: number;
  /** Whether activations are normalised; a network that is normalised already need not be. True if absent. */
  readonly normalise?: boolean;
  /** Whether a neuron that has spiked stays silent, as on Loihi; in the authors' simulation it may spike again. */
  readonly latch?: boolean;
  /**
   * What logits are read from: the `times` of the last layer's spikes, as in the authors' simulation, or (the default)
   * its `potentials` at the spikes, which tell apart neurons that spike in the same step.
   */
  readonly readout?: 'times' | 'potentials';
}

/** Parameters of a network in the code `quartz`. */
export interface QuartzParameters {
  readonly levels: number;
  readonly latch: boolean;
  readonly readout: 'times' | 'potentials';
  /** The activation of each population that is sent as 1, by name. */
  readonly scales: Readonly<Record<string, number>>;
}

/** Quartz networks. */
export const quartz: Code<QuartzOptions, QuartzParameters> = {
  name: 'quartz',
  title: 'time to first spike on a grid (Quartz)',
  version: 1,
  needsCalibration: true,
  defaults: { steps: 16, normalise: true, latch: false, readout: 'potentials', percentile: 99.9, layerPercentiles: {} },
  unsupported,
  parametrise,
  build,
};

function unsupported({ populations }: Topology): Problem[] {
  return populations.flatMap(({ name, stage }): Problem[] => {
    const op = stage.kind === 'product' ? 'Mul' : stage.kind === 'neurons' ? stage.activation : 'identity';
    if (op === 'identity' || op === 'relu') return [];
    const message = `${op === 'Mul' ? 'a product of activations' : op} has no Quartz circuit; only ReLU has.`;
    return [{ layer: name, node: name, op, message, remedy: 'The codes fs and amos can convert it.' }];
  });
}

/** The topology with neurons that put the input on the grid, and others that read the last layer's times. */
function expand(topology: Topology): { topology: Topology; last: number } {
  const encoded = relayInput(topology, 'times');
  const last = readout(encoded).indexOf(true);
  return { topology: relayBehind(encoded, last, 'logits'), last };
}

function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: QuartzOptions,
): QuartzParameters {
  const {
    steps,
    latch,
    normalise,
    readout: read,
    ...range
  } = { ...quartz.defaults, ...options } as Required<QuartzOptions>;
  const [input, ...others] = topology.populations;
  const integrating = others.filter(({ stage }) => stage.kind === 'neurons').map(({ name }) => name);
  refuse(unsupported(topology), [
    ...stepProblems(steps, 2, 4096),
    ...choiceProblems('readout', read, ['times', 'potentials']),
    ...percentileProblems(range, [input.name, ...integrating]),
  ]);
  const magnitude = ([low, high]: readonly [number, number]) => Math.max(high, -low) || 1;
  const scales = integrating.map((name): [string, number] => {
    if (!normalise) return [name, 1];
    const [, largest] = rangeOf(calibration, name, range);
    return [name, largest > 0 ? largest : 1];
  });
  // The input's own extremes are its range: nothing of it is clipped.
  const inputScale = normalise ? magnitude(rangeOf(calibration, input.name, {})) : 1;
  const shared = sharedScales(topology, new Map([[input.name, inputScale], ...scales]));
  return { levels: steps, latch, readout: read, scales: shared };
}

/** Gives layers whose spikes are joined one scale, the largest of theirs: pooling and new addresses cannot rescale. */
function sharedScales({ populations }: Topology, own: ReadonlyMap<string, number>): Record<string, number> {
  const group = populations.map((_, index) => index);
  populations.forEach(({ stage }, index) => {
    if (stage.kind === 'neurons') return;
    for (const source of sources(stage)) {
      const joined = group[source];
      group.forEach((id, i) => {
        if (id === joined) group[i] = group[index];
      });
    }
  });
  const largest = new Map<number, number>();
  populations.forEach(({ name }, index) => {
    largest.set(group[index], Math.max(own.get(name) ?? 0, largest.get(group[index]) ?? 0));
  });
  const names = populations.flatMap(({ name }, index) => (own.has(name) ? [[name, largest.get(group[index])]] : []));
  return Object.fromEntries(names);
}

function build(original: Topology, { levels, latch, readout: read, scales }: QuartzParameters): CodedTopology {
  refuse([], stepProblems(levels, 2, 4096));
  const { topology, last } = expand(original);
  const scale: number[] = [];
  const windows: (Window | undefined)[] = [];
  const populations = topology.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    const from = sources(stage);
    const end = Math.max(0, ...from.map((source) => windows[source]).map((w) => (w ? w.start + w.width : 0)));
    if (stage.kind === 'input') {
      scale[index] = 1;
      return { role: 'input', neurons: 0 };
    }
    if (index === last + 1) {
      // The values of the last layer, scaled back.
      scale[index] = 1;
      return { ...analog(population, 'readout'), ...rescaled(population.stage, topology, scale, 1) };
    }
    if (index > last) {
      scale[index] = 1;
      return analog(population, 'readout');
    }
    if (stage.kind === 'neurons') {
      const input = index === 1;
      scale[index] = input ? scales[topology.populations[0].name] : scales[name];
      windows[index] = { start: end, width: levels - 1 };
      const rectify = stage.activation === 'relu';
      const neuron = input
        ? ({ kind: 'quartzinput', levels } as const)
        : ({
            kind: 'quartz',
            levels,
            rectify,
            latch,
            bias: true,
            readout: index === last && read === 'potentials',
          } as const);
      return {
        role: input ? 'input' : rectify ? 'activation' : 'relay',
        neurons: neurons(extent),
        window: windows[index],
        neuron,
        decode: { scale: scale[index], shift: 0 },
        ...rescaled(stage, topology, scale, scale[index]),
      };
    }
    const [first] = from;
    if (from.some((source) => scale[source] !== scale[first])) {
      throw new Error(`${name} joins layers of different scales`);
    }
    scale[index] = scale[first];
    windows[index] = { start: end - (levels - 1), width: levels - 1 };
    const pool = stage.kind === 'maxpool';
    const decode = { scale: scale[index], shift: 0 };
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window: windows[index], decode };
  });
  return { topology, populations };
}

/** Synapses and bias between populations of which `scale` is sent as 1. */
function rescaled(
  stage: Topology['populations'][number]['stage'],
  { populations }: Topology,
  scale: readonly number[],
  own: number,
): { projections?: readonly Projection[]; bias?: Bias } {
  if (stage.kind !== 'neurons') return {};
  const projections = stage.projections.map((projection) => {
    const { extent } = populations[projection.source];
    const map = uniformMap(extent.channels, scale[projection.source]);
    return scaleTargets(foldSource(projection, map).projection, 1 / own);
  });
  return { projections, bias: { ...stage.bias, values: stage.bias.values.map((value) => value / own) } };
}
