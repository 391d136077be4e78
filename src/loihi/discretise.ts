/** The verb `discretise`: a network in a code, in the integers of the chip. */

import { ConvertError } from '../errors.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { discretiseAmos } from './amos.js';
import { discretiseFewSpike } from './few-spike.js';
import { discretiseLif } from './lif.js';
import type { ChipProgram } from './program.js';
import { discretiseQuartz } from './quartz.js';
import { discretiseIf } from './rate.js';
import { discretiseTtfs } from './ttfs.js';

/** What all codes may be told. */
export interface DiscretiseOptions {
  /** Smallest and largest element of an image; if absent, what the code takes for them, or [0, 1]. */
  readonly inputRange?: readonly [number, number];
}

const DISCRETISERS: Readonly<
  Record<string, (network: SpikingNetwork, options: DiscretiseOptions) => ChipProgram | Promise<ChipProgram>>
> = {
  amos: discretiseAmos,
  fs: discretiseFewSpike,
  if: discretiseIf,
  lif: discretiseLif,
  quartz: discretiseQuartz,
  ttfs: discretiseTtfs,
};

/** Why other codes are not on the chip. */
const REASONS: Readonly<Record<string, string>> = {
  ann: 'a compartment sends spikes, not numbers',
  'ttfs-alpha': 'the slope of a potential would have to change with every layer, and a current decays or stays',
};

/** Codes that a network may be in to be discretised. */
export const CHIP_CODES: readonly string[] = Object.keys(DISCRETISERS);

/**
 * Discretises a network: weights, thresholds, biases and delays become mantissas and exponents of the chip, and what the code
 * needs beside its neurons becomes helpers.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` if the chip cannot do what the code does, or with all layers of which it cannot;
 *   `OPTION_INVALID`.
 */
export async function discretise(network: SpikingNetwork, options: DiscretiseOptions = {}): Promise<ChipProgram> {
  const { name } = network.code;
  if (Object.hasOwn(DISCRETISERS, name)) return DISCRETISERS[name](network, options);
  const why = REASONS[name] ?? 'nobody has said how';
  throw new ConvertError('CODE_UNSUPPORTED', {
    message: `the code ${name} is not on the chip: ${why}.`,
    remedy: `Choose ${CHIP_CODES.join(', ')}.`,
  });
}
