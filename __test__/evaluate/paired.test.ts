import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pairedDifference } from '../../src/evaluate/paired.js';

const number = fc.double({ min: -1e3, max: 1e3, noNaN: true });

describe('paired differences', () => {
  test('are those of a textbook: Student, ten patients, hours of sleep gained with two drugs', () => {
    const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2];
    const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const { mean, low, high } = pairedDifference(second, first);
    expect(mean).toBeCloseTo(1.58, 10);
    expect(low).toBeCloseTo(0.7001, 3);
    expect(high).toBeCloseTo(2.4599, 3);
  });

  test('do not depend on what both have in common', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number, number), { minLength: 2, maxLength: 60 }), (rows) => {
        const [a, b, common] = [0, 1, 2].map((column) => rows.map((row) => row[column]));
        const plain = pairedDifference(a, b);
        const shifted = pairedDifference(
          a.map((x, i) => x + common[i]),
          b.map((x, i) => x + common[i]),
        );
        for (const key of ['mean', 'low', 'high'] as const) expect(shifted[key]).toBeCloseTo(plain[key], 6);
        expect(plain.low).toBeLessThanOrEqual(plain.mean);
        expect(plain.high).toBeGreaterThanOrEqual(plain.mean);
      }),
    );
  });

  test('weigh batches by their images', () => {
    const { mean } = pairedDifference([3, 1], [1, 0], [30, 10]);
    expect(mean).toBeCloseTo((30 * 2 + 10 * 1) / 40, 12);
  });

  test('say nothing of the spread of a single pair', () => {
    expect(pairedDifference([2], [1])).toEqual({
      mean: 1,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
    });
  });
});
