/** The code `amos` on the chip: {@link gateProgram} with the circuits of the code. */

import type { AmosParameters } from '../codes/amos.js';
import type { AmosCircuit } from '../codes/gate.js';
import { lower } from '../codes/lower.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { gateProgram, type UnrolledGate } from './gate-circuit.js';
import type { ChipProgram } from './program.js';

/** Options of codes of circuits and of few spikes on the chip. */
export interface GateChipOptions {
  /** Smallest and largest element of an image; [0, 1] if absent. */
  readonly inputRange?: readonly [number, number];
  /** Binary digits that an element of an image is sent as, 1 to 16. 8 if absent. */
  readonly digits?: number;
}

/**
 * Discretises a network of the code `amos`.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function discretiseAmos(network: SpikingNetwork, options: GateChipOptions = {}): ChipProgram {
  const { circuits } = network.code.parameters as AmosParameters;
  const gates = Object.fromEntries(Object.entries(circuits).map(([name, circuit]) => [name, unrolled(circuit)]));
  const { inputRange = [0, 1], digits = 8 } = options;
  return gateProgram({ code: 'amos', topology: lower(network.graph), gates, inputRange, digits });
}

function unrolled({ input, threshold, inhibition, output }: AmosCircuit): UnrolledGate {
  return { input, threshold, output, inhibition: (i, j) => inhibition[(i * (i - 1)) / 2 + j] };
}
