/**
 * Leaky integrate-and-fire networks on the chip, whose compartments leak, are set to zero and are refractory by themselves.
 * What a step cannot hold is lost: a spike is of a step, not of a time within it, and what was beyond the threshold is
 * forgotten. All steps count, the first ones too. Maxima are sums of differences, of compartments that do not leak.
 */

import { scaleTargets } from '../codes/edit.js';
import { lower } from '../codes/lower.js';
import type { LifParameters } from '../codes/rate.js';
import { type Population, readout, type Topology } from '../codes/topology.js';
import { ConvertError, type Problem } from '../errors.js';
import { checkCount } from '../simulate/check.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { integrateAndFireNetwork } from './integrate-and-fire.js';
import { maximaAsDifferences } from './maximum.js';
import type { CompartmentGroup } from './network.js';
import { type ChipProgram, checkInputRange } from './program.js';
import { depthsOf, imageAsShares, lossesByLayer, THRESHOLD, withinRegisters } from './rate.js';

/** Options of leaky networks on the chip. */
export interface LifChipOptions {
  /** Steps for which an image is shown. Those of the code if absent. */
  readonly steps?: number;
  /** Smallest and largest element of an image; [0, 1] if absent. */
  readonly inputRange?: readonly [number, number];
}

/**
 * Discretises a network of the code `lif`.
 *
 * @throws ConvertError with all that compartments cannot do.
 */
export async function discretiseLif(network: SpikingNetwork, options: LifChipOptions = {}): Promise<ChipProgram> {
  const parameters = network.code.parameters as LifParameters;
  const { dt, tauRc, tauRef, gains, amplitudes } = parameters;
  const { steps = parameters.steps, inputRange = [0, 1] } = options;
  checkCount('steps', steps, 1, 4096);
  checkInputRange(inputRange);
  const refractory = Math.max(1, Math.round(tauRef / dt + 0.5));
  const problems = unsupported(parameters, refractory);
  if (problems.length > 0) throw new ConvertError('CODE_UNSUPPORTED', problems);
  const [low, high] = inputRange;
  const { topology: summed, ranges } = maximaAsDifferences(imageAsShares(lower(network.graph), low, high));
  const depths = depthsOf(summed);
  const last = readout(summed).indexOf(true);
  // Activation that a spike in every step stands for.
  const worthOf = (name: string) => amplitudes[name]?.map((amplitude) => amplitude / dt);
  const all = summed.populations.map(({ name }) => [name, worthOf(ranges.get(name) ?? name) ?? [1]] as const);
  const thresholds = Object.fromEntries(all);
  // The share of the way to its input that a potential goes in a step.
  const pace = -Math.expm1(-dt / tauRc);
  const topology: Topology = {
    ...summed,
    populations: summed.populations.map((population, index) => {
      const { stage } = population;
      if (stage.kind !== 'neurons') return population;
      // What is read adds a bias from the first step on, and so less of it.
      if (index === last) return withBias(population, (value) => (value * steps) / (steps + depths[last]));
      const gain = gains[population.name];
      if (!gain) return population;
      const worth = thresholds[population.name];
      const biased = withBias(population, (value, channel) => {
        const current = value * gain[channel % gain.length] + parameters.bias;
        return current * pace * worth[channel % worth.length];
      });
      // Gain times worth is the same for all channels.
      const projections = stage.projections.map((one) => scaleTargets(one, [gain[0] * worth[0] * pace]));
      return { ...biased, stage: { ...biased.stage, projections } } as Population;
    }),
  };
  const { network: real, losses } = await integrateAndFireNetwork(topology, { thresholds });
  const leaky = real.groups.map((group, index): CompartmentGroup => {
    const { layer, profile, role } = group;
    if (index === real.output) return { ...group, profile: { ...profile, threshold: THRESHOLD } };
    if (role === 'input') return group;
    if (!gains[layer]) return { ...group, profile: { ...profile, threshold: profile.threshold - 1 } };
    return { ...group, profile: { ...profile, voltageDecay: Math.round(4096 * pace), refractory } };
  });
  const read = (group: number) => group === real.output;
  const final = withinRegisters({ ...real, groups: leaky }, steps + depths[last], read);
  const [image] = topology.populations;
  return {
    code: 'lif',
    network: final,
    steps: steps + depths[last] + 1,
    encoder: { kind: 'rate', group: 0, low, high, steps },
    order: image.stage.kind === 'input' ? image.stage.order : undefined,
    triggers: [],
    reader: { kind: 'potential' },
    inputShape: topology.inputShape,
    losses: lossesByLayer(real, losses, final),
  };
}

function unsupported({ synapse, reset }: LifParameters, refractory: number): Problem[] {
  const problems: Problem[] = [];
  const refuse = (message: string, remedy: string) => problems.push({ message, remedy });
  if (synapse > 0) {
    refuse('currents of alpha synapses rise before they fall, and those of compartments only fall.', 'Leave them out.');
  }
  if (reset === 'never') refuse('each image begins at rest on the chip.', 'Convert with reset: image.');
  if (refractory > 64) refuse(`a refractory time of ${refractory} steps is longer than 64.`, 'Choose longer steps.');
  return problems;
}

/** A population with another bias, from that of each value and its channel. */
function withBias(population: Population, of: (value: number, channel: number) => number): Population {
  const { stage, extent } = population;
  if (stage.kind !== 'neurons') return population;
  const values = stage.bias.values.map((value, i) => of(value, i % extent.channels));
  return { ...population, stage: { ...stage, bias: { ...stage.bias, values } } };
}
