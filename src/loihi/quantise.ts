/** Weights as the chip stores them: a mantissa for each, an exponent for all of them. */

/** How weights are stored. */
export interface WeightFormat {
  /** Bits of a stored weight: 1 to 6, or 8; with mixed signs, whose sign is one of them, 2 at least. 8 if absent. */
  readonly bits?: number;
  /** Whether a list of synapses holds one sign only, which then costs no bit, or both. `shared` if absent. */
  readonly signs?: 'shared' | 'mixed';
  /**
   * Exponent of the largest weights, 0 to 7. 0 if absent. Where several arrays share a unit, those of smaller weights
   * have smaller exponents, and so keep more digits the larger this is; thresholds grow by `2^exponent` too.
   */
  readonly exponent?: number;
  /** Smallest unit that may be chosen, so that thresholds fit; any if absent. */
  readonly leastUnit?: number;
}

/** Quantised weights: weight `i` is nearly `mantissas[i] * 2^exponent * unit`. */
export interface QuantisedWeights {
  /** Signed: -255 to 255 with shared sign, even from -254 to 254 with mixed; fewer bits leave out the lowest ones. */
  readonly mantissas: Int16Array;
  readonly exponent: number;
  readonly bits: number;
  readonly signs: 'shared' | 'mixed';
  /** Real weight of a mantissa of 1 at exponent 0: what thresholds and biases of the targets are divided by. */
  readonly unit: number;
  /** Root mean square of the error, relative to that of the weights; 0 for no weights. */
  readonly loss: number;
}

/** Quantises weights alone; see {@link quantiseTogether}. */
export function quantise(weights: Float64Array, format: WeightFormat = {}): QuantisedWeights {
  return quantiseTogether([weights], format)[0];
}

/**
 * Quantises all weights onto the same compartments, whose potentials have one unit: the largest magnitude of all becomes
 * the largest mantissa, and each array has the smallest exponent that still holds its own largest weight. Exponents below
 * 0 are not used: the chip drops the digits that they would win.
 *
 * @param weights finite numbers, array by array.
 */
export function quantiseTogether(
  weights: readonly Float64Array[],
  { bits = 8, signs = 'shared', exponent = 0, leastUnit = 0 }: WeightFormat = {},
): QuantisedWeights[] {
  // With mixed signs the lowest of nine bits is lost.
  const step = 2 ** (8 - bits + (signs === 'mixed' ? 1 : 0));
  const top = Math.floor(255 / step) * step;
  const magnitudes = weights.map(largestMagnitude);
  const largest = Math.max(0, ...magnitudes);
  // Weights too small for a quotient count as zeros.
  const unit = Math.max(largest / (top * 2 ** exponent) || 1, leastUnit);
  return weights.map((values, i) => {
    const spare = magnitudes[i] === 0 ? exponent : Math.floor(Math.log2(largest / magnitudes[i]));
    const own = Math.max(0, exponent - spare);
    const mantissas = new Int16Array(values.length);
    let error = 0;
    let power = 0;
    values.forEach((value, j) => {
      const nearest = Math.round(value / (unit * 2 ** own * step)) * step;
      const mantissa = Math.min(Math.max(nearest, -top), top);
      mantissas[j] = mantissa;
      error += (value - mantissa * 2 ** own * unit) ** 2;
      power += value ** 2;
    });
    const loss = power === 0 ? 0 : Math.sqrt(error / power);
    return { mantissas, exponent: own, bits, signs, unit, loss };
  });
}

function largestMagnitude(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}
