/** Comparison of tensors. */

import { expect } from 'vitest';

/**
 * Expects two tensors to agree.
 *
 * @param tolerance of the difference, relative to the largest magnitude in `expected`.
 */
export function expectSameNumbers(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Array.from(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 1e-30);
  const worst = Array.from(expected).reduce((max, value, i) => Math.max(max, Math.abs(actual[i] - value)), 0);
  expect(worst / scale, `${format(actual)}\ninstead of\n${format(expected)}`).toBeLessThanOrEqual(tolerance);
}

function format(values: ArrayLike<number>): string {
  return Array.from(values, (value) => value.toPrecision(7)).join(' ');
}
