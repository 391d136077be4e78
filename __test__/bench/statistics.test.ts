import { describe, expect, test } from 'vitest';
import { median, straightLine } from '../../bench/statistics.js';

describe('median', () => {
  test('is the middle, or the mean of the two in the middle', () => {
    expect(median([3, 1, 10])).toBe(3);
    expect(median([3, 1, 10, 4])).toBe(3.5);
    expect(median([7])).toBe(7);
  });
});

describe('straightLine', () => {
  test('finds the line that points lie on', () => {
    const line = straightLine([0, 1, 5].map((x) => ({ x, y: 2 - 3 * x })));
    expect(line.intercept).toBeCloseTo(2, 12);
    expect(line.slope).toBeCloseTo(-3, 12);
    expect(line.rSquared).toBeCloseTo(1, 12);
  });

  test('explains what it can of points beside it', () => {
    // By hand: means 1 and 2, sums of products xx 2, xy 1, yy 2.
    const points = [
      { x: 0, y: 2 },
      { x: 1, y: 1 },
      { x: 2, y: 3 },
    ];
    expect(straightLine(points)).toEqual({ intercept: 1.5, slope: 0.5, rSquared: 0.25 });
  });

  test('is level for values that are all alike', () => {
    const points = [0, 1, 2].map((x) => ({ x, y: 4 }));
    expect(straightLine(points)).toEqual({ intercept: 4, slope: 0, rSquared: 1 });
  });
});
