/**
 * The code `ttfs` on the chip. Its neurons spike at a time that is their value too, but by slopes that a window's end
 * switches off. A compartment cannot tell which of its inputs is to be switched off, unless all inputs have spiked: so zeros
 * spike as well, counterweights make the slopes one, and the circuits are those of {@link firstSpikeProgram}, with the
 * code's windows as ranges and times on a grid.
 */

import { lower } from '../codes/lower.js';
import type { TtfsParameters } from '../codes/ttfs.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { firstSpikeProgram } from './first-spike.js';
import type { ChipProgram } from './program.js';
import type { FirstSpikeChipOptions } from './quartz.js';

/**
 * Discretises a network of the code `ttfs`.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function discretiseTtfs(network: SpikingNetwork, options: FirstSpikeChipOptions = {}): ChipProgram {
  const { windows, inputRange: own } = network.code.parameters as TtfsParameters;
  const { steps = 64, inputRange = own } = options;
  return firstSpikeProgram({
    code: 'ttfs',
    topology: lower(network.graph),
    levels: steps,
    scales: windows,
    inputRange,
  });
}
