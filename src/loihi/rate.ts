/**
 * Integrate-and-fire networks on the chip: what the code `if` computes, with what compartments do otherwise. A spike needs
 * a step from layer to layer, so that a layer begins later than the one before; the image comes as spikes, evenly spread;
 * and maxima are sums of differences.
 */

import { foldSource, uniformMap } from '../codes/edit.js';
import { lower, sumOfBiases } from '../codes/lower.js';
import type { IfParameters } from '../codes/rate.js';
import { neurons, readout, sources, type Topology } from '../codes/topology.js';
import { checkChoice, checkCount } from '../simulate/check.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { relativeError, sumsOnto } from './circuit.js';
import { integrateAndFireNetwork } from './integrate-and-fire.js';
import { maximaAsDifferences } from './maximum.js';
import type { ChipNetwork, CompartmentGroup } from './network.js';
import { type ChipProgram, checkInputRange, type LayerLoss } from './program.js';
import { withSoftResets } from './soft-reset.js';

/** Options of integrate-and-fire networks on the chip. */
export interface RateChipOptions {
  /** Steps for which an image is shown. Those of the code if absent. */
  readonly steps?: number;
  /** Smallest and largest element of an image; [0, 1] if absent. */
  readonly inputRange?: readonly [number, number];
  /**
   * Whether a spike takes the threshold from what has been summed up (`subtract`, the default), as in the code, for which
   * each neuron has a synapse to itself; or sets it to `zero`, as a compartment does by itself, and loses what was beyond.
   */
  readonly reset?: 'subtract' | 'zero';
}

/** Largest mantissa of a threshold. */
export const THRESHOLD = 131071;

/**
 * Discretises a network of the code `if`.
 *
 * @throws ConvertError with all that compartments cannot do.
 */
export async function discretiseIf(network: SpikingNetwork, options: RateChipOptions = {}): Promise<ChipProgram> {
  const { steps: usual, thresholds, initialPotential } = network.code.parameters as IfParameters;
  const { steps = usual, inputRange = [0, 1], reset = 'subtract' } = options;
  checkChoice('reset', reset, ['subtract', 'zero']);
  const [low, high] = inputRange;
  checkCount('steps', steps, 1, 4096);
  checkInputRange(inputRange);
  const { topology: summed, ranges } = maximaAsDifferences(imageAsShares(lower(network.graph), low, high));
  const depths = depthsOf(summed);
  const last = readout(summed).indexOf(true);
  const shared = [...ranges].map(([name, source]) => [name, thresholds[source] ?? [1]] as const);
  const all = { ...thresholds, ...Object.fromEntries(shared) };
  const hard = reset === 'zero';
  const topology = hard ? prepared(summed, depths, steps, all, last, initialPotential) : summed;
  const { network: real, losses } = await integrateAndFireNetwork(topology, { thresholds: all });
  const plain = withinRegisters(real, steps + depths[last], (group) => !hard || group === real.output);
  // What is read must not spike; what spikes does so at its threshold, not beyond.
  const groups = plain.groups.map((group, index): CompartmentGroup => {
    if (group.role === 'input' || !(hard || index === plain.output)) return group;
    const threshold = index === plain.output ? THRESHOLD : group.profile.threshold - 1;
    return { ...group, profile: { ...group.profile, threshold } };
  });
  const startOf = new Map(topology.populations.map(({ name }, index) => [name, depths[index]]));
  const starts = groups.map(({ layer }) => startOf.get(layer) ?? 0);
  const period = Math.min(8, Math.max(1, Math.floor(steps / 8)));
  const beginning = { starts, initial: initialPotential, period };
  const soft = hard ? undefined : withSoftResets({ ...plain, groups }, beginning);
  const [image] = topology.populations;
  return {
    code: 'if',
    network: soft ? soft.circuit.network(plain.output) : { ...plain, groups },
    steps: steps + depths[last] + 1,
    encoder: { kind: 'rate', group: 0, low, high, steps },
    order: image.stage.kind === 'input' ? image.stage.order : undefined,
    triggers: soft?.clock.wind() ?? [],
    reader: { kind: 'potential' },
    inputShape: topology.inputShape,
    losses: lossesByLayer(real, losses, plain),
  };
}

/**
 * Biases for neurons that are set to 0: they are added from the first step on, also before what a layer receives begins,
 * and so are less by as much; and an initial potential comes with them, little by little.
 */
function prepared(
  { populations, ...rest }: Topology,
  depths: readonly number[],
  steps: number,
  thresholds: IfParameters['thresholds'],
  last: number,
  initial: number,
): Topology {
  return {
    ...rest,
    populations: populations.map((population, index) => {
      const { name, extent, stage } = population;
      if (stage.kind !== 'neurons') return population;
      const share = steps / (steps + depths[index]);
      const worth = thresholds[name] ?? [1];
      const more = index === last ? 0 : initial / steps;
      const values = stage.bias.values.map((value, i) => {
        return (value + more * worth[(i % extent.channels) % worth.length]) * share;
      });
      return { ...population, stage: { ...stage, bias: { ...stage.bias, values } } };
    }),
  };
}

/** The topology that reads `(x - low) / (high - low)` of each element of an image. */
export function imageAsShares(topology: Topology, low: number, high: number): Topology {
  if (low === 0 && high === 1) return topology;
  const [image] = topology.populations;
  const map = uniformMap(image.extent.channels, high - low, low);
  return {
    ...topology,
    populations: topology.populations.map((population) => {
      const { stage, extent } = population;
      if (stage.kind !== 'neurons') return population;
      let { bias } = stage;
      const projections = stage.projections.map((projection) => {
        if (projection.source !== 0) return projection;
        const folded = foldSource(projection, map);
        if (folded.bias) bias = sumOfBiases(bias, folded.bias, extent);
        return folded.projection;
      });
      return { ...population, stage: { ...stage, projections, bias } };
    }),
  };
}

/** Steps that a spike of the image takes to each population, at most. */
export function depthsOf({ populations }: Topology): number[] {
  const depths: number[] = [];
  for (const { stage } of populations) {
    const before = Math.max(0, ...sources(stage).map((source) => depths[source]));
    depths.push(stage.kind === 'neurons' ? before + 1 : before);
  }
  return depths;
}

/** Thresholds that a group receives in every step, at most, as far as registers are made wide enough for it. */
const REACH = 16;

/**
 * The network with weights onto some groups so small that what they sum up in so many steps fits the registers: a potential
 * that is read would end at its limit whatever the image; a current would wrap if it went on receiving more than
 * {@link REACH} thresholds in a step, which is counted where it happens. A threshold of theirs fits one synapse.
 */
export function withinRegisters(network: ChipNetwork, steps: number, isSum: (group: number) => boolean): ChipNetwork {
  const shares = network.groups.map(({ profile, role }, index) => {
    if (role === 'input' || !isSum(index)) return 1;
    const most = mostPerStep(network, index);
    const { threshold } = profile;
    const bound = (0.99 * THRESHOLD) / steps;
    if (index === network.output) return Math.min(1, bound / most);
    // Thresholds that spike are to stay integers.
    const share = Math.min(1, 255 / threshold, bound / Math.min(most, REACH * threshold));
    return Math.max(1, Math.floor(threshold * share)) / threshold;
  });
  const scaled = (values: Int16Array, share: number) => values.map((value) => Math.round(value * share));
  return {
    ...network,
    groups: network.groups.map((group, index) => {
      const { bias, profile } = group;
      // What is read never reaches its threshold, which stays where it is.
      const threshold = index === network.output ? profile.threshold : Math.round(profile.threshold * shares[index]);
      return { ...group, profile: { ...profile, threshold }, ...(bias && { bias: scaled(bias, shares[index]) }) };
    }),
    synapses: network.synapses.map((one) => ({ ...one, mantissas: scaled(one.mantissas, shares[one.target]) })),
  };
}

/** Largest magnitude of what a step may add to a compartment of a group, in units of a mantissa. */
function mostPerStep({ groups, synapses }: ChipNetwork, group: number): number {
  const { extent, bias, profile } = groups[group];
  const unit = 2 ** profile.biasExponent / 64;
  const most = [1, -1].map((sign) => {
    const sums = Float64Array.from({ length: neurons(extent) }, (_, i) => Math.max(sign * (bias?.[i] ?? 0), 0) * unit);
    for (const { target, connectivity, mantissas, exponent } of synapses) {
      if (target !== group) continue;
      const weights = Float64Array.from(mantissas, (mantissa) => Math.max(sign * mantissa, 0) * 2 ** exponent);
      sumsOnto(sums.length, { connectivity, weights }, sums);
    }
    return sums.reduce((a, b) => Math.max(a, b), 0);
  });
  return Math.max(...most);
}

/**
 * The largest loss of the weights of each layer: of those that were quantised, and of those that became smaller since.
 *
 * @param losses of each of the synapses, when they were quantised.
 * @param final the network with smaller weights.
 */
export function lossesByLayer(
  { groups, synapses }: ChipNetwork,
  losses: readonly number[],
  final: ChipNetwork,
): LayerLoss[] {
  const layers = new Map<string, number>();
  synapses.forEach(({ target, mantissas }, i) => {
    const { layer } = groups[target];
    const kept = final.synapses[i].mantissas;
    const both = mantissas.reduce((sum, mantissa, j) => sum + mantissa * kept[j], 0);
    const power = mantissas.reduce((sum, mantissa) => sum + mantissa ** 2, 0);
    // Up to a factor, which thresholds share, or what is read is free of.
    const share = power === 0 ? 1 : both / power;
    const scaled = Float64Array.from(mantissas, (mantissa) => mantissa * share);
    const loss = Math.hypot(losses[i], relativeError([[scaled, Float64Array.from(kept)]]));
    layers.set(layer, Math.max(layers.get(layer) ?? 0, loss));
  });
  return [...layers].map(([layer, weights]) => ({ layer, weights }));
}
