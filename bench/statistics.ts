/** What figures say together. */

/** The middle of some numbers, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** A point of a plane. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The line `y = intercept + slope x`, and the share of the variance of y that it explains. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
  /** 1 where all points lie on the line. */
  readonly rSquared: number;
}

/** The line with the least sum of squared vertical distances from two points or more. */
export function straightLine(points: readonly Point[]): Line {
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const sum = (product: (dx: number, dy: number) => number) =>
    points.reduce((total, { x, y }) => total + product(x - meanX, y - meanY), 0);
  const [xx, xy, yy] = [sum((dx) => dx * dx), sum((dx, dy) => dx * dy), sum((_, dy) => dy * dy)];
  const slope = xy / xx;
  return { intercept: meanY - slope * meanX, slope, rSquared: yy === 0 ? 1 : (xy * xy) / (xx * yy) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
