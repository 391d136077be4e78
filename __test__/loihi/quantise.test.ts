import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quantise, quantiseTogether } from '../../src/loihi/quantise.js';

const weights = fc.array(
  fc.integer({ min: -4000, max: 4000 }).map((n) => n / 1000),
  { minLength: 1, maxLength: 40 },
);
const bits = fc.constantFrom(1, 2, 3, 4, 5, 6, 8);
const signs = fc.constantFrom<('shared' | 'mixed')[]>('shared', 'mixed');

describe('quantise', () => {
  test('mantissas are those of the format, and no weight is off by more than half a step', () => {
    fc.assert(
      fc.property(weights, bits, signs, fc.integer({ min: 0, max: 7 }), (values, width, kind, exponent) => {
        fc.pre(kind === 'shared' || width > 1);
        const {
          mantissas,
          unit,
          exponent: own,
        } = quantise(Float64Array.from(values), {
          bits: width,
          signs: kind,
          exponent,
        });
        const step = 2 ** (8 - width + (kind === 'mixed' ? 1 : 0));
        for (const [i, mantissa] of mantissas.entries()) {
          expect(Math.abs(mantissa % step)).toBe(0);
          expect(Math.abs(mantissa)).toBeLessThanOrEqual(256 - step);
          expect(Math.abs(values[i] - mantissa * 2 ** own * unit)).toBeLessThanOrEqual(
            (step * 2 ** own * unit) / 1.999,
          );
        }
      }),
    );
  });

  test('the largest weight becomes the largest mantissa', () => {
    const { mantissas, unit } = quantise(Float64Array.of(0.5, -2, 1));
    expect([...mantissas]).toEqual([64, -255, 128]);
    expect(unit).toBeCloseTo(2 / 255);
  });

  test('arrays that share a unit have exponents of their own, which win digits', () => {
    const small = Float64Array.of(0.011, -0.007);
    const large = Float64Array.of(1, -3);
    const [a, b] = quantiseTogether([small, large], { exponent: 7 });
    expect(a.unit).toBe(b.unit);
    expect([a.exponent, b.exponent]).toEqual([0, 7]);
    const [plain] = quantiseTogether([small, large]);
    expect(a.loss).toBeLessThan(0.01);
    expect(plain.loss).toBeGreaterThan(0.05);
  });

  test('no weights, and weights that are all zero, lose nothing', () => {
    expect(quantise(new Float64Array(0))).toMatchObject({ unit: 1, loss: 0 });
    expect(quantise(new Float64Array(3)).mantissas).toEqual(new Int16Array(3));
  });
});
