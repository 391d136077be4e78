/** Checks of options. */

import { FirstspikeError } from '../errors.js';

/**
 * Refuses anything but one of the choices.
 *
 * @throws FirstspikeError `OPTION_INVALID`
 */
export function checkChoice(option: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  const message = `there is no ${option} "${value}".`;
  throw new FirstspikeError('OPTION_INVALID', { message, remedy: `Choose ${choices.join(' or ')}.` });
}

/**
 * Refuses anything but a whole number from `least` on (or infinity).
 *
 * @throws FirstspikeError `OPTION_INVALID`
 */
export function checkCount(option: string, value: number, least: number, most = Number.POSITIVE_INFINITY): void {
  const whole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (whole && value >= least && value <= most) return;
  const message = `${option} cannot be ${value}.`;
  const range = most === Number.POSITIVE_INFINITY ? `${least} on` : `${least} to ${most}`;
  throw new FirstspikeError('OPTION_INVALID', { message, remedy: `Give a whole number from ${range}.` });
}

/** Refuses anything but a number of threads; 0 means all. */
export function checkThreads(threads: number): void {
  checkCount('threads', threads, 0, 1024);
}
