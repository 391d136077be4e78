import { describe, expect, it } from 'vitest';
import { formatCount, formatPercent, formatQuantity, formatSeconds, printable } from '../../src/report/format.js';

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [7, '7'],
    [999, '999'],
    [0.1694, '0.169'],
    [0.5, '0.5'],
    [19.26, '19.3'],
    [999.4, '999'],
    [999.6, '1.00 k'],
    [1000, '1.00 k'],
    [54_498, '54.5 k'],
    [19_600_000, '19.6 M'],
    [999_499, '999 k'],
    [999_600, '1.00 M'],
    [861e6, '861 M'],
    [4.08e10, '40.8 G'],
    [1e21, '1000 E'],
    [-1234, '-1.23 k'],
    [Number.NaN, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('%d is %s', (value, text) => expect(formatCount(value)).toBe(text));
});

describe('formatPercent', () => {
  it.each([
    [0.915, undefined, '91.50 %'],
    [1, 1, '100.0 %'],
    [0, 0, '0 %'],
    [Number.NaN, undefined, '-'],
  ])('%d with %s decimals is %s', (share, decimals, text) => expect(formatPercent(share, decimals)).toBe(text));
});

describe('formatSeconds', () => {
  it.each([
    [0, '0 s'],
    [3.2e-7, '320 ns'],
    [0.000_999_9, '1.00 ms'],
    [0.0125, '12.5 ms'],
    [1, '1.00 s'],
    [59.4, '59.4 s'],
    [59.6, '1 min 00 s'],
    [125, '2 min 05 s'],
    [3599.7, '1 h 00 min'],
    [3720, '1 h 02 min'],
    [360_000, '100 h 00 min'],
    [Number.NaN, '-'],
  ])('%d is %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});

describe('formatQuantity', () => {
  it.each([
    [0, 'J', '0 J'],
    [1.81e-4, 'J', '181 µJ'],
    [2.36e-11, 'J', '23.6 pJ'],
    [5e-16, 'J', '0.000500 pJ'],
    [1500, 'W', '1.50 kW'],
  ])('%d %s is %s', (value, unit, text) => expect(formatQuantity(value, unit)).toBe(text));
});

it('printable keeps text on one line and out of the terminal’s controls', () => {
  expect(printable('conv\u001b[31m\n1 é 層')).toBe('conv�[31m�1 é 層');
});
