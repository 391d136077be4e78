/** Differences between two networks on the same images, and how sure they are. */

/** A difference of means, with the ends of its 95 % confidence interval. */
export interface Difference {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Student's t at 97.5 %, for 1 to 30 degrees of freedom. */
const T = [
  ...[12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131],
  ...[2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042],
];

/**
 * Mean of `a - b` over pairs, with its confidence interval: what the images have in common cancels out.
 *
 * @param weights of the pairs (numbers of images); equal if absent.
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>, weights?: ArrayLike<number>): Difference {
  const count = a.length;
  const weight = (i: number) => weights?.[i] ?? 1;
  let [all, sum] = [0, 0];
  for (let i = 0; i < count; i++) {
    all += weight(i);
    sum += weight(i) * (a[i] - b[i]);
  }
  const mean = sum / all;
  // A single pair says nothing of its spread.
  if (count < 2) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (weight(i) * (a[i] - b[i] - mean)) ** 2;
  const deviation = Math.sqrt((squares * count) / (count - 1)) / all;
  const reach = deviation * (T[count - 2] ?? 1.96 + 2.4 / (count - 1));
  return { mean, low: mean - reach, high: mean + reach };
}
