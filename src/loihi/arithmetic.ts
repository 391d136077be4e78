/**
 * The chip's integers, one compartment and one weight at a time. Published emulators differ where registers overflow and
 * where mantissas do not fit their format; their rules go by name.
 */

import { kernel } from '../kernel.js';
import { checkChoice } from '../simulate/check.js';
import { typed } from '../simulate/task.js';
import type { CompartmentProfile } from './network.js';

/**
 * Rules of arithmetic. `brian2`: brian2-loihi 0.5.2, whose authors compared it with the chip spike by spike. `nengo`: the
 * emulator of nengo-loihi 1.1.0. `lava`: the bit-accurate models of lava-nc 0.10.0. `chip`, the default, is `brian2`
 * where that says anything, with the biases, limits and widths of registers of `nengo`.
 */
export type Rules = 'chip' | 'brian2' | 'nengo' | 'lava';

/** All {@link Rules}. */
export const RULES: readonly Rules[] = ['chip', 'brian2', 'nengo', 'lava'];

/** Refuses anything but {@link Rules}. */
export function checkRules(rules: string): asserts rules is Rules {
  checkChoice('rules', rules, RULES);
}

/**
 * What a spike adds to the current over synapses of a format, for each mantissa; multiples of 64.
 *
 * @param format bits of a weight (1 to 8), its signs, and the exponent (-8 to 7).
 * @throws FirstspikeError `OPTION_INVALID` if there are no such rules, `INPUT_INVALID` if a number cannot be stored.
 */
export function effectiveWeights(
  mantissas: Int16Array,
  format: {
    readonly bits: number;
    readonly signs: 'mixed' | 'excitatory' | 'inhibitory';
    readonly exponent: number;
  },
  rules: Rules = 'chip',
): Int32Array {
  checkRules(rules);
  try {
    return kernel.chipWeights(mantissas, format.bits, format.signs, format.exponent, rules);
  } catch (error) {
    throw typed(error);
  }
}

/** Options of {@link traceCompartment}. */
export interface TraceOptions {
  /** Mantissa of the compartment's bias, -4096 to 4095. 0 if absent. */
  readonly bias?: number;
  /** Smallest and largest potential; those of the registers if absent. */
  readonly limits?: readonly [number, number];
  /** `chip` if absent. */
  readonly rules?: Rules;
}

/** What a compartment does, from rest. */
export interface CompartmentTrace {
  /** Current after each step. */
  readonly current: Int32Array;
  /** Potential after each step, and after the reset. */
  readonly voltage: Int32Array;
  /** Steps with a spike. */
  readonly spikes: Uint32Array;
}

/**
 * Drives a compartment at rest.
 *
 * @param input what arrives in each step.
 * @throws FirstspikeError `OPTION_INVALID` if there are no such rules, `INPUT_INVALID` if a number cannot be stored or the
 * rules do not know a part of the profile.
 */
export function traceCompartment(
  profile: CompartmentProfile,
  input: Int32Array,
  { bias = 0, limits, rules = 'chip' }: TraceOptions = {},
): CompartmentTrace {
  checkRules(rules);
  const bound = limits && ([limits[0], limits[1]] as [number, number]);
  try {
    return kernel.chipTrace({ ...profile, limits: bound }, bias, input, rules);
  } catch (error) {
    throw typed(error);
  }
}
