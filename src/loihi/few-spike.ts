/**
 * The code `fs` on the chip. A few-spike neuron has another threshold, another reset and another weight in each step, and a
 * compartment one of each: so a compartment for each step stands for it, inhibited by those before it as the neuron is by
 * its resets. Neurons whose steps take turns in sign, and initial potentials, come out the same way.
 */

import type { FewSpikeParameters } from '../codes/few-spike.js';
import type { FewSpikeGate } from '../codes/gate.js';
import { lower } from '../codes/lower.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { GateChipOptions } from './amos.js';
import { gateProgram, type UnrolledGate } from './gate-circuit.js';
import type { ChipProgram } from './program.js';

/**
 * Discretises a network of the code `fs`.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function discretiseFewSpike(network: SpikingNetwork, options: GateChipOptions = {}): ChipProgram {
  const { gates: own } = network.code.parameters as FewSpikeParameters;
  const gates = Object.fromEntries(Object.entries(own).map(([name, gate]) => [name, unrolled(gate)]));
  const { inputRange = [0, 1], digits = 8 } = options;
  return gateProgram({ code: 'fs', topology: lower(network.graph), gates, inputRange, digits });
}

/** Step by step: it spikes if `x + initial - sum of resets > threshold`, of the opposite sign in every second one. */
function unrolled({ threshold, reset, output, initial, signed = false }: FewSpikeGate): UnrolledGate {
  const sign = (t: number) => (signed && t % 2 === 1 ? -1 : 1);
  return {
    input: threshold.map((_, t) => sign(t)),
    threshold: threshold.map((value, t) => value - sign(t) * initial),
    inhibition: (t, before) => sign(t) * sign(before) * reset[before],
    output,
  };
}
