/** The code `quartz` on the chip: {@link firstSpikeProgram} with the code's own levels and ranges. */

import { lower } from '../codes/lower.js';
import type { QuartzParameters } from '../codes/quartz.js';
import { refuse } from '../codes/ranges.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { firstSpikeProgram } from './first-spike.js';
import type { ChipProgram } from './program.js';

/** Options of codes whose neurons spike once, on the chip. */
export interface FirstSpikeChipOptions {
  /** T, steps of a window: a value is one of `T + 1` times. 4 to 1024; that of the code if absent, 64 where it has none. */
  readonly steps?: number;
  /** Smallest and largest element of an image; if absent, what the code takes for them. */
  readonly inputRange?: readonly [number, number];
}

/**
 * Discretises a network of the code `quartz`.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function discretiseQuartz(network: SpikingNetwork, options: FirstSpikeChipOptions = {}): ChipProgram {
  const topology = lower(network.graph);
  const { levels, scales, channelScales = {}, inputShift = 0 } = network.code.parameters as QuartzParameters;
  refuse(
    Object.keys(channelScales).map((layer) => ({
      layer,
      message: 'its channels have ranges of their own, for which there is no circuit here.',
      remedy: 'Convert with one range for each layer: --set balance=layer.',
    })),
    [],
  );
  const largest = scales[topology.populations[0].name];
  const { steps = levels, inputRange = inputShift === 0 ? [-largest, largest] : [inputShift, inputShift + largest] } =
    options;
  return firstSpikeProgram({ code: 'quartz', topology, levels: steps, scales, inputRange });
}
