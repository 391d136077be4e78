/**
 * How few cores could do: a lower bound from the limits alone, whatever the layout. Layers may share cores, so that what all
 * of them need is added up.
 */

import { neurons } from '../codes/topology.js';
import type { ChipDescription } from './chip.js';
import type { ChipNetwork, Synapses } from './network.js';

/** Fewest cores by each limit; the bound is the largest. */
export interface LowerBound {
  readonly cores: number;
  readonly byCompartments: number;
  /** Every weight of every list that differs from others is stored once, at the fewest bits that an encoding has. */
  readonly bySynapses: number;
  /** A source neuron whose targets fill several cores needs an axon to each. */
  readonly byAxons: number;
}

/** The bound of a network on a chip. */
export function lowerBound(network: ChipNetwork, chip: ChipDescription): LowerBound {
  const { core, synapses: costs } = chip;
  const compartments = network.groups.reduce((sum, { extent }) => sum + neurons(extent), 0);
  let bits = 0;
  let axons = 0;
  for (const synapses of network.synapses) {
    const own = storedBits(synapses, network, chip);
    bits += own;
    const targets = neurons(network.groups[synapses.target].extent);
    const least = Math.max(Math.ceil(own / costs.word / core.synapseWords), Math.ceil(targets / core.compartments));
    // Populations reach one core only, so that these axons are discrete.
    if (least > 1) axons += least * fullRows(synapses, targets);
  }
  const byCompartments = Math.ceil(compartments / core.compartments);
  const bySynapses = Math.ceil(bits / costs.word / core.synapseWords);
  const byAxons = Math.ceil(axons / Math.min(core.inputAxons, core.outputEntries / chip.axons.discrete[0]));
  return { cores: Math.max(byCompartments, bySynapses, byAxons, 1), byCompartments, bySynapses, byAxons };
}

/** Bits of all lists that differ: each synapse at the size of its weight, each entry full and with the shortest prefix. */
function storedBits(
  { connectivity, mantissas, bits, source, target }: Synapses,
  { groups }: ChipNetwork,
  { synapses }: ChipDescription,
): number {
  const each = bits + synapses.prefix / synapses.perEntry;
  const outputs = connectivity.kind === 'dense' ? neurons(groups[target].extent) : groups[target].extent.channels;
  // One-to-one weights may be one list, moved from neuron to neuron.
  if (connectivity.kind === 'pairwise') return mantissas.some((mantissa) => mantissa !== 0) ? each : 0;
  const depth =
    connectivity.kind === 'conv' ? groups[source].extent.channels / connectivity.groups : mantissas.length / outputs;
  const wide = connectivity.kind === 'conv' ? connectivity.groups : 1;
  const perGroup = outputs / wide;
  const taps = mantissas.length / (depth * outputs);
  const known = new Set<string>();
  let count = 0;
  for (let group = 0; group < wide; group++) {
    for (let row = 0; row < depth; row++) {
      let weights = 0;
      // Two hashes of 32 bits: rows that they take for one only lower the bound.
      let a = 2166136261;
      let b = 5381;
      for (let tap = 0; tap < taps; tap++) {
        const from = (tap * depth + row) * outputs + group * perGroup;
        for (let i = from; i < from + perGroup; i++) {
          if (mantissas[i] !== 0) weights++;
          a = Math.imul(a ^ (mantissas[i] & 0xffff), 16777619);
          b = (Math.imul(b, 33) + mantissas[i]) | 0;
        }
      }
      const key = `${a} ${b}`;
      if (known.has(key)) continue;
      known.add(key);
      count += seen(connectivity) ? weights : 0;
    }
  }
  return count * each;
}

/** Whether all of a kernel's taps meet the image somewhere; where some never do, nothing is claimed of its weights. */
function seen(connectivity: Synapses['connectivity']): boolean {
  if (connectivity.kind !== 'conv') return true;
  const { input, output, kernel, stride, dilation, pad } = connectivity.geometry;
  const along = (axis: 0 | 1, size: number, positions: number) =>
    Array.from({ length: kernel[axis] }, (_, tap) => tap).every((tap) =>
      Array.from(
        { length: positions },
        (_, position) => position * stride[axis] - pad[axis] + tap * dilation[axis],
      ).some((at) => at >= 0 && at < size),
    );
  return along(0, input.height, output.height) && along(1, input.width, output.width);
}

/** Source neurons of a matrix that reach every target. */
function fullRows({ connectivity, mantissas }: Synapses, targets: number): number {
  if (connectivity.kind !== 'dense') return 0;
  let full = 0;
  for (let from = 0; from < mantissas.length; from += targets) {
    if (mantissas.subarray(from, from + targets).every((mantissa) => mantissa !== 0)) full++;
  }
  return full;
}
