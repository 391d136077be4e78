/**
 * Subtractive resets of single compartments. A spike sets the potential to 0, but not the current: where the current does
 * not decay and the potential decays at once, the current is the sum of all that has arrived, the potential is compared
 * with the threshold in its place, and a synapse of the compartment to itself takes the threshold from it in the next
 * step, together with what arrives then. Nothing is lost beside what overflows.
 *
 * Biases of compartments would not be summed up so; they become spikes of a helper that makes itself spike again.
 */

import { neurons } from '../codes/topology.js';
import { Circuit, INSTANT, SINGLE, splitIntegers } from './circuit.js';
import { Clock } from './clock.js';
import type { ChipNetwork } from './network.js';

/** When layers begin, and with what. */
export interface Beginning {
  /** Step in which each group begins. */
  readonly starts: readonly number[];
  /** Initial potential, as a share of the threshold. */
  readonly initial: number;
  /** Steps between two spikes of a bias, which then is as many times as large: more keep more digits. */
  readonly period: number;
}

/**
 * A network whose neurons integrate and are set to 0 as one whose neurons have their threshold taken from them. The group
 * that is read only integrates.
 */
export function withSoftResets(
  network: ChipNetwork,
  { starts, initial, period }: Beginning,
): { readonly circuit: Circuit; readonly clock: Clock } {
  const circuit = new Circuit();
  const clock = new Clock(circuit);
  circuit.groups.push(...network.groups);
  circuit.synapses.push(...network.synapses);
  network.groups.forEach((group, index) => {
    if (group.role === 'input') return;
    const { bias, profile, name, layer } = group;
    const size = neurons(group.extent);
    const reads = index === network.output;
    const { bias: _, ...plain } = group;
    const soft = { ...profile, currentDecay: 0, voltageDecay: 4096, biasExponent: 0, threshold: profile.threshold - 1 };
    circuit.groups[index] = { ...plain, profile: reads ? { ...profile, biasExponent: 0 } : soft };
    const send = (source: number, values: Int32Array) => {
      if (values.every((value) => value === 0)) return;
      for (const { mantissas, exponent } of splitIntegers(values)) {
        circuit.join(source, index, { kind: 'dense' }, mantissas, { exponent });
      }
    };
    if (!reads) {
      for (const { mantissas, exponent } of splitIntegers(new Int32Array(size).fill(-profile.threshold))) {
        circuit.join(index, index, { kind: 'pairwise' }, mantissas, { exponent });
      }
      const share = Math.round(initial * profile.threshold);
      if (share > 0) send(clock.at(starts[index], layer, `${name}/start`), new Int32Array(size).fill(share));
    }
    // A bias is in 64ths of a weight's mantissa.
    const step = (period * 2 ** profile.biasExponent) / 64;
    const values = Int32Array.from(bias ?? [], (mantissa) => Math.round(mantissa * step));
    if (values.some((value) => value !== 0)) {
      const begin = clock.at(starts[index], layer, `${name}/bias`);
      const again = circuit.add({
        name: `${name}/bias again`,
        layer,
        role: 'helper',
        extent: SINGLE,
        profile: INSTANT,
      });
      circuit.join(begin, again, { kind: 'pairwise' }, Int16Array.of(1), { delay: period - 1 });
      circuit.join(again, again, { kind: 'pairwise' }, Int16Array.of(1), { delay: period - 1 });
      send(begin, values);
      send(again, values);
    }
  });
  return { circuit, clock };
}
