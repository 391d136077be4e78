/**
 * Quartz: conversion maths. Lenz, Orchard and Sheik, arXiv 2309.16795, and the authors' simulation.
 *
 * Activations are normalised to at most 1: the weights of a layer are divided by a percentile of its activations and
 * multiplied by that of its sources, biases divided. A value then is a time on a grid of T levels. The last layer is
 * not rectified, so that its values may be negative; they are decoded and scaled back to logits.
 *
 * What is beyond the range is clipped to it, but may spike too early. Neurons of a clipped ReLU, whose range ends at its
 * ceiling, wait for all inputs, so that it is clipped exactly.
 *
 * Pooling is a circuit of neurons, of which the first to spike silences the others (the largest value wins), and average
 * pooling is part of the synapses that follow it. The authors' simulation decodes the spikes, pools the values, and
 * encodes them again: `pooling: 'analog'`.
 */

import type { Problem } from '../errors.js';
import type { Bias } from '../graph/graph.js';
import { analog } from './ann.js';
import type { Calibration } from './calibration.js';
import type { Code, CodedPopulation, CodedTopology, Tools, Window } from './code.js';
import { channelMap, foldSource, relay, relayBehind, relayInput, scaleTargets, withSources } from './edit.js';
import { remedyFor } from './functions.js';
import { sumOfBiases } from './lower.js';
import {
  channelRanges,
  choiceProblems,
  percentileProblems,
  type RangeOptions,
  rangeOf,
  refuse,
  stepProblems,
} from './ranges.js';
import {
  ceilingOf,
  neurons,
  type Pooling,
  type Population,
  type Projection,
  readout,
  sources,
  type Topology,
} from './topology.js';
import { warnOfLargest } from './warnings.js';

/** Options of the code `quartz`. */
export interface QuartzOptions extends RangeOptions {
  /** T, levels of time, 2 to 4096. 16 if absent. */
  readonly steps?: number;
  /** Whether neurons share the range of their layer, or have that of their channel; this needs channel percentiles. */
  readonly balance?: 'layer' | 'channel';
  /**
   * Whether the image is put on the grid as it is (`signed`, the default: its negative values spike after the readout of
   * the first layer, which may then be wrong), or `shifted` so that its smallest value is 0 (a bias of the first layer
   * makes up for it; choose `bias: 'weight'` with it, since such biases are large).
   */
  readonly input?: 'signed' | 'shifted';
  /** Whether activations are normalised; a network that is normalised already need not be. True if absent. */
  readonly normalise?: boolean;
  /** Whether a neuron that has spiked stays silent, as on Loihi; in the authors' simulation it may spike again. */
  readonly latch?: boolean;
  /**
   * Whether neurons may spike while their inputs arrive (`one`, the default), or wait for all of them (`two`), so that
   * partial sums never spike early.
   */
  readonly phases?: 'one' | 'two';
  /** Whether values are rounded to the `nearest` level (threshold T - 1/2, the default) or `down` (T, as on Loihi). */
  readonly rounding?: 'nearest' | 'down';
  /**
   * Whether a bias spikes at the `time` of its value (the default), at that of its magnitude with its `sign`, or at that
   * of 1 with its value as `weight`: then it is not rounded, and none is too large.
   */
  readonly bias?: 'time' | 'sign' | 'weight';
  /** Largest magnitude of a normalised bias, at most 2; what is beyond is lost. 1.5 if absent. */
  readonly biasLimit?: number;
  /** Whether neurons whose value is zero do not spike; in the authors' simulation all do. */
  readonly silentZeros?: boolean;
  /** Whether pooling is done by neurons (`spiking`, the default), or on decoded values (`analog`). */
  readonly pooling?: 'spiking' | 'analog';
  /**
   * What logits are read from: the `times` of the last layer's spikes, as in the authors' simulation, or (the default)
   * its `potentials` at the spikes, which tell apart neurons that spike in the same step.
   */
  readonly readout?: 'times' | 'potentials';
}

/** Decisions in which simulation and chip differ. */
type Decisions = Required<
  Pick<QuartzOptions, 'latch' | 'phases' | 'rounding' | 'bias' | 'biasLimit' | 'silentZeros' | 'pooling' | 'readout'>
>;

/** Parameters of a network in the code `quartz`. */
export interface QuartzParameters extends Decisions {
  readonly levels: number;
  /** The activation of each population that is sent as 1, by name. */
  readonly scales: Readonly<Record<string, number>>;
  /** What is sent as 0 of the image; 0 if absent. Its scale is then that of what is beyond. */
  readonly inputShift?: number;
  /** The same of each channel of some of them, where channels have ranges of their own. */
  readonly channelScales?: Readonly<Record<string, readonly number[]>>;
}

/** Quartz networks. */
export const quartz: Code<QuartzOptions, QuartzParameters> = {
  name: 'quartz',
  title: 'time to first spike on a grid (Quartz)',
  version: 2,
  needsCalibration: true,
  defaults: {
    steps: 16,
    normalise: true,
    balance: 'layer',
    input: 'signed',
    latch: false,
    phases: 'one',
    rounding: 'nearest',
    bias: 'time',
    biasLimit: 1.5,
    silentZeros: false,
    pooling: 'spiking',
    readout: 'potentials',
    percentile: 99.9,
    layerPercentiles: {},
  },
  unsupported,
  parametrise,
  build,
};

function unsupported(topology: Topology): Problem[] {
  const group = joined(topology);
  const { populations } = topology;
  const ceilings = new Map<number, Set<number | undefined>>();
  populations.forEach(({ stage }, index) => {
    if (stage.kind !== 'neurons' && stage.kind !== 'input') return;
    ceilings.set(group[index], (ceilings.get(group[index]) ?? new Set()).add(ceilingOf(stage)));
  });
  return populations.flatMap(({ name, stage }, index): Problem[] => {
    if (ceilingOf(stage) !== undefined && (ceilings.get(group[index])?.size ?? 0) > 1) {
      const message = 'a ReLU is clipped where layers that its spikes are joined with are not: they share a range.';
      const remedy = 'The codes ttfs, fs and amos can convert it.';
      return [{ layer: name, node: name, op: 'clipped-relu', message, remedy }];
    }
    const op = stage.kind === 'product' ? 'Mul' : stage.kind === 'neurons' ? stage.activation : 'identity';
    if (op === 'identity' || op === 'relu' || op === 'clipped-relu') return [];
    const message = `${op === 'Mul' ? 'a product of activations' : op} has no Quartz circuit; only ReLU has.`;
    return [{ layer: name, node: name, op, message, remedy: remedyFor(op, 'The codes fs and amos can convert it.') }];
  });
}

/** The topology with neurons that put the input on the grid, and others that read the last layer's times. */
function expand(topology: Topology, pooling: 'spiking' | 'analog'): Expanded {
  const encoded = relayInput(topology, 'times');
  const pooled = pooling === 'analog' ? decodeBeforePooling(encoded) : { topology: encoded, values: new Set<string>() };
  const last = readout(pooled.topology).indexOf(true);
  return { ...pooled, topology: relayBehind(pooled.topology, last, 'logits'), last };
}

interface Expanded {
  readonly topology: Topology;
  /** The last layer. */
  readonly last: number;
  /** Names of the populations that do not spike. */
  readonly values: ReadonlySet<string>;
}

/** The topology with populations that decode what is pooled, and others that encode the result. */
function decodeBeforePooling(topology: Topology): Pick<Expanded, 'topology' | 'values'> {
  const tail = readout(topology);
  const populations: Population[] = [];
  const values = new Set<string>();
  const place: number[] = [];
  const add = (population: Population) => populations.push(population) - 1;
  const addValues = (population: Population) => {
    values.add(population.name);
    return add(population);
  };
  for (const [index, population] of topology.populations.entries()) {
    const { name, extent, stage } = population;
    const moved = (source: number) => place[source];
    if (tail[index] && stage.kind !== 'neurons') {
      place[index] = add({ ...population, stage: withSources(stage, moved) });
    } else if (stage.kind === 'maxpool') {
      const { extent: whole } = topology.populations[stage.source];
      const decoded = addValues(relay(`${name}/decoded`, moved(stage.source), whole));
      const pool = addValues({ name: `${name}/values`, extent, stage: { ...stage, source: decoded } });
      place[index] = add(relay(name, pool, extent));
    } else if (stage.kind === 'neurons') {
      const projections = stage.projections.map((projection, i): Projection => {
        const { source, pool, synapse } = projection;
        if (!pool) return { ...projection, source: moved(source) };
        const each = relay(`${name}/pooled ${i}`, moved(source), pool.geometry.output);
        const averages = addValues(withPool(each, pool));
        return { source: add(relay(`${name}/encoded ${i}`, averages, pool.geometry.output)), synapse };
      });
      place[index] = add({ ...population, stage: { ...stage, projections } });
    } else {
      place[index] = add({ ...population, stage: withSources(stage, moved) });
    }
  }
  return { topology: { ...topology, populations }, values };
}

/** A relay whose synapses average first. */
function withPool({ name, extent, stage }: Population, pool: Pooling): Population {
  if (stage.kind !== 'neurons') throw new Error(`${name} is no relay`);
  const projections = stage.projections.map((projection) => ({ ...projection, pool }));
  return { name, extent, stage: { ...stage, projections } };
}

function parametrise(
  topology: Topology,
  calibration: Calibration | undefined,
  options: QuartzOptions,
  tools: Tools,
): QuartzParameters {
  const {
    steps,
    normalise,
    balance,
    input: placed,
    percentile,
    layerPercentiles,
    ...decisions
  } = {
    ...quartz.defaults,
    ...options,
  } as Required<QuartzOptions>;
  const range = { percentile, layerPercentiles };
  const [input, ...others] = topology.populations;
  const integrating = others.filter(({ stage }) => stage.kind === 'neurons').map(({ name }) => name);
  refuse(unsupported(topology), [
    ...stepProblems(steps, 2, 4096),
    ...decisionProblems(decisions),
    ...choiceProblems('balance', balance, ['layer', 'channel']),
    ...choiceProblems('input', placed, ['signed', 'shifted']),
    ...percentileProblems(range, [input.name, ...integrating]),
  ]);
  const magnitude = ([low, high]: readonly [number, number]) => Math.max(high, -low) || 1;
  const ceilings = new Map(others.map(({ name, stage }) => [name, ceilingOf(stage)]));
  const scales = integrating.map((name): [string, number] => {
    if (!normalise) return [name, 1];
    const [low, largest] = rangeOf(calibration, name, range);
    warnOfLargest(name, calibration, magnitude([low, largest]), tools);
    return [name, largest > 0 ? largest : (ceilings.get(name) ?? 1)];
  });
  // The input's own extremes are its range: nothing of it is clipped.
  const [least, most] = normalise ? rangeOf(calibration, input.name, {}) : [0, 1];
  const shifts = placed === 'shifted' && least < 0 && least < most && isFolded(topology);
  const inputScale = shifts ? most - least : magnitude([least, most]);
  const shared = sharedScales(topology, new Map([[input.name, inputScale], ...scales]));
  const common = { levels: steps, ...decisions, scales: shared, ...(shifts && { inputShift: least }) };
  if (balance === 'layer' || !normalise) return common;
  const fixed = scrambled(topology);
  const single = topology.populations.filter(({ stage }, index) => {
    // What may be negative has less room below zero than above: it keeps the range of its layer.
    return stage.kind === 'neurons' && stage.activation === 'relu' && !fixed.has(index);
  });
  const channelScales = single.map(({ name, extent }) => {
    return [name, channelRanges(calibration, name, extent.channels, range, shared[name])];
  });
  return { ...common, channelScales: Object.fromEntries(channelScales) };
}

function decisionProblems({ phases, rounding, bias, pooling, readout: read, biasLimit }: Decisions): Problem[] {
  const possible = biasLimit >= 0 && biasLimit <= 2;
  return [
    ...choiceProblems('phases', phases, ['one', 'two']),
    ...choiceProblems('rounding', rounding, ['nearest', 'down']),
    ...choiceProblems('bias', bias, ['time', 'sign', 'weight']),
    ...choiceProblems('pooling', pooling, ['spiking', 'analog']),
    ...choiceProblems('readout', read, ['times', 'potentials']),
    ...(possible ? [] : [{ message: `biasLimit cannot be ${biasLimit}.`, remedy: 'Choose a number from 0 to 2.' }]),
  ];
}

/** A number for each population: the same for those whose spikes pooling and new addresses join. */
function joined({ populations }: Topology): readonly number[] {
  const parent = populations.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  };
  populations.forEach(({ stage }, index) => {
    if (stage.kind === 'neurons') return;
    for (const source of sources(stage)) parent[root(source)] = root(index);
  });
  return parent.map((_, index) => root(index));
}

/** Whether synapses alone read the image, so that a shift of it can be a bias of what they drive. */
function isFolded({ populations }: Topology): boolean {
  return populations.every(({ stage }) =>
    stage.kind === 'neurons'
      ? stage.projections.every(({ source, pool }) => source !== 0 || !pool)
      : !sources(stage).includes(0),
  );
}

/** The populations whose neurons get addresses of other channels: these must have one scale. */
function scrambled({ populations }: Topology): ReadonlySet<number> {
  const found = new Set<number>();
  for (let index = populations.length - 1; index >= 0; index--) {
    const { stage } = populations[index];
    const passes = stage.kind === 'permute' || (found.has(index) && stage.kind !== 'neurons');
    if (passes) for (const source of sources(stage)) found.add(source);
  }
  return found;
}

/** Gives layers whose spikes are joined one scale, the largest of theirs: pooling and new addresses cannot rescale. */
function sharedScales(topology: Topology, own: ReadonlyMap<string, number>): Record<string, number> {
  const { populations } = topology;
  const group = joined(topology);
  const largest = new Map<number, number>();
  populations.forEach(({ name }, index) => {
    largest.set(group[index], Math.max(own.get(name) ?? 0, largest.get(group[index]) ?? 0));
  });
  const names = populations.flatMap(({ name }, index) => (own.has(name) ? [[name, largest.get(group[index])]] : []));
  return Object.fromEntries(names);
}

function build(
  original: Topology,
  { levels, scales, channelScales = {}, inputShift = 0, ...decisions }: QuartzParameters,
): CodedTopology {
  refuse([], [...stepProblems(levels, 2, 4096), ...decisionProblems(decisions)]);
  const { topology, last, values } = expand(original, decisions.pooling);
  // One of all neurons of a population, or one of each channel.
  const scale: (readonly number[])[] = [];
  const windows: (Window | undefined)[] = [];
  const populations = topology.populations.map((population, index): CodedPopulation => {
    const { name, extent, stage } = population;
    const from = sources(stage);
    const [first] = from;
    if (stage.kind === 'input') {
      scale[index] = [1];
      return { role: 'input', neurons: 0 };
    }
    if (values.has(name) || index > last) {
      // Decoded: in the units of the original network, within the window of the source.
      scale[index] = [1];
      windows[index] = values.has(name) ? windows[first] : undefined;
      return {
        ...analog(population, values.has(name) ? 'route' : 'readout'),
        ...rescaled(population, topology, scale, [1], inputShift),
      };
    }
    if (stage.kind === 'neurons') {
      const end = Math.max(0, ...from.map((source) => endOf(windows[source])));
      const rectify = stage.activation !== 'identity';
      const bounded = ceilingOf(stage) !== undefined;
      const neuron = {
        kind: 'quartz' as const,
        levels,
        rectify,
        latch: decisions.latch,
        silentZeros: decisions.silentZeros,
        twoPhases: decisions.phases === 'two' || bounded,
        floor: decisions.rounding === 'down',
        bias: decisions.bias,
        biasLimit: decisions.biasLimit,
        readout: index === last && decisions.readout === 'potentials',
      };
      // Values that are put on the grid: the input, and what was pooled.
      const input = index === 1;
      const encodes = input || values.has(topology.populations[first].name);
      scale[index] = input
        ? [scales[topology.populations[0].name]]
        : encodes
          ? pooledScale(topology, scale, values, first)
          : (channelScales[name] ?? [scales[name]]);
      windows[index] = encodes && !input ? windows[first] : { start: end, width: levels - 1 };
      return {
        role: input ? 'input' : encodes ? 'pool' : rectify ? 'activation' : 'relay',
        neurons: neurons(extent),
        window: windows[index],
        neuron: encodes ? { kind: 'quartzinput', levels, between: false } : neuron,
        decode: { scale: scale[index], shift: input ? inputShift : 0 },
        ...(input
          ? placedInput(stage, inputShift, scale[index])
          : rescaled(population, topology, scale, scale[index], inputShift)),
      };
    }
    scale[index] = joinedScale(name, stage, topology, scale);
    windows[index] = windows[from.reduce((a, b) => (endOf(windows[b]) > endOf(windows[a]) ? b : a))];
    const pool = stage.kind === 'maxpool';
    const decode = { scale: scale[index], shift: 0 };
    return { role: pool ? 'pool' : 'route', neurons: pool ? neurons(extent) : 0, window: windows[index], decode };
  });
  return { topology, populations };
}

function endOf(window: Window | undefined): number {
  return window ? window.start + window.width : 0;
}

/** The activation that was sent as 1 before it was decoded and pooled. */
function pooledScale(
  { populations }: Topology,
  scale: readonly (readonly number[])[],
  values: ReadonlySet<string>,
  index: number,
): readonly number[] {
  let spiking = index;
  while (values.has(populations[spiking].name)) [spiking] = sources(populations[spiking].stage);
  return scale[spiking];
}

/** The scale of what pooling and new addresses hand on. */
function joinedScale(
  name: string,
  stage: Population['stage'],
  { populations }: Topology,
  scale: readonly (readonly number[])[],
): readonly number[] {
  const from = sources(stage);
  const all = from.flatMap((source) => scale[source]);
  if (all.every((one) => one === all[0])) return [all[0]];
  if (stage.kind === 'maxpool') return all;
  if (stage.kind !== 'concat') throw new Error(`${name} gives neurons of different scales new addresses`);
  return from.flatMap((source) => [...channelMap(populations[source].extent.channels, scale[source]).scale]);
}

/** Synapses and bias of the neurons that put the image on the grid. */
function placedInput(
  stage: Population['stage'],
  shift: number,
  [scale]: readonly number[],
): { projections?: readonly Projection[]; bias?: Bias } {
  if (stage.kind !== 'neurons') return {};
  const projections = stage.projections.map((projection) => scaleTargets(projection, [1 / scale]));
  return { projections, bias: { ...stage.bias, values: stage.bias.values.map((value) => (value - shift) / scale) } };
}

/**
 * Synapses and bias between populations of which `scale` is sent as 1; of the image, whose neurons are the second
 * population, `shift` is sent as 0.
 */
function rescaled(
  { extent: own, stage }: Population,
  { populations }: Topology,
  scale: readonly (readonly number[])[],
  largest: readonly number[],
  shift: number,
): { projections?: readonly Projection[]; bias?: Bias } {
  if (stage.kind !== 'neurons') return {};
  let { bias } = stage;
  const factors = largest.map((one) => 1 / one);
  const projections = stage.projections.map((projection) => {
    const { source } = projection;
    const map = channelMap(populations[source].extent.channels, scale[source], source === 1 ? shift : 0);
    const folded = foldSource(projection, map);
    if (folded.bias) bias = sumOfBiases(bias, folded.bias, own);
    return scaleTargets(folded.projection, factors);
  });
  return { projections, bias: { ...bias, values: bias.values.map((value, i) => value / largest[i % largest.length]) } };
}
