/** Correlation of two lists. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (list: ArrayLike<number>) => Array.from(list).reduce((x, y) => x + y) / list.length;
  const [p, q] = [mean(a), mean(b)];
  const dot = (f: (i: number) => number) => Array.from(a).reduce((sum, _, i) => sum + f(i), 0);
  const covariance = dot((i) => (a[i] - p) * (b[i] - q));
  return covariance / Math.sqrt(dot((i) => (a[i] - p) ** 2) * dot((i) => (b[i] - q) ** 2));
}
