/** Response curves: published values, derivatives, inverses, and what soft curves have in common with hard ones. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adaptiveLifCurve, ifCurve, layerOutput, lifCurve, type ResponseCurve } from '../../src/codes/response.js';

const times = fc.record({
  tauRc: fc.double({ min: 0.005, max: 0.1, noNaN: true }),
  tauRef: fc.double({ min: 0.0005, max: 0.005, noNaN: true }),
});
const softness = fc.constantFrom(0, 0.01, 0.02, 0.1);

/** Any curve of the three kinds, and a current of its that is not at the kink of a hard curve. */
const curves: fc.Arbitrary<{ curve: ResponseCurve; current: number; hard: boolean }> = fc
  .record({
    kind: fc.nat(2),
    softness,
    times,
    adaptation: fc.double({ min: 0.0001, max: 0.05, noNaN: true }),
    above: fc.double({ min: -0.5, max: 10, noNaN: true }),
  })
  .filter(({ above }) => Math.abs(above) > 0.01)
  .map(({ kind, softness, times, adaptation, above }) => {
    const lif = { ...times, softness };
    const curve = [ifCurve({ softness, rate: 50 }), lifCurve(lif), adaptiveLifCurve({ ...lif, adaptation })][kind];
    return { curve, current: kind === 0 ? above : 1 + above, hard: softness === 0 };
  });

test.each([
  {
    row: 'CIFAR-10',
    tauRef: 0.001,
    tauRc: 0.05,
    gain: 0.825,
    hard: [0, 0.48569, 1.548, 5.31501, 9.37428],
    soft: 0.29219,
    below: 0.02789,
  },
  {
    row: 'MNIST',
    tauRef: 0.002,
    tauRc: 0.022,
    gain: 1,
    hard: [0, 1.15061, 3.65234, 10.48066, 15.37777],
    soft: 0.65332,
    below: 0.05303,
  },
])('is what the parameters published for $row give', ({ gain, hard, soft, below, ...times }) => {
  const response = { gain, bias: 1, amplitude: 0.063 };
  const output = layerOutput(lifCurve(times), response);
  const softened = layerOutput(lifCurve({ ...times, softness: 0.02 }), response);
  for (const [i, x] of [0, 0.1, 1, 5, 10].entries()) {
    expect(output.value(x)).toBeCloseTo(hard[i], 5);
    if (x > 0.1) expect(softened.value(x)).toBeCloseTo(hard[i], 5);
  }
  expect(softened.value(0)).toBeCloseTo(soft, 5);
  expect(softened.value(-1)).toBeCloseTo(below, 5);
});

test('the slope is the derivative of the rate', () => {
  fc.assert(
    fc.property(curves, ({ curve, current }) => {
      const h = 1e-6;
      const difference = (curve.rate(current + h) - curve.rate(current - h)) / (2 * h);
      expect(Math.abs(curve.slope(current) - difference)).toBeLessThan(1e-4 * Math.max(1, Math.abs(difference)));
    }),
  );
});

test('the slope of an adapted rate keeps its digits where adaptation takes nearly all of the current', () => {
  // The excess left of 0.01 is e^-50, far below the last digit of a current near 1.
  const adaptation = 0.05;
  const curve = adaptiveLifCurve({ tauRc: 0.1, tauRef: 0.002, adaptation });
  for (let above = 0.002; above < 0.01; above += 0.0001) {
    expect(curve.slope(1 + above) * adaptation).toBeCloseTo(1, 2);
  }
});

test('a current follows from the rate that it gives', () => {
  fc.assert(
    fc.property(curves, ({ curve, current }) => {
      const rate = curve.rate(current);
      // Currents far below the threshold of a soft curve give rates without digits to go back from.
      fc.pre(rate > 1e-6);
      expect(curve.current(rate)).toBeCloseTo(current, 5);
    }),
  );
});

test('rates rise with the current, and hard curves are silent below the threshold', () => {
  fc.assert(
    fc.property(curves, fc.double({ min: 0, max: 5, noNaN: true }), ({ curve, current, hard }, more) => {
      expect(curve.rate(current + more)).toBeGreaterThanOrEqual(curve.rate(current) - 1e-9);
      if (hard) expect(Math.max(curve.rate(-0.01), curve.slope(-0.01))).toBe(0);
      else expect(curve.slope(current)).toBeGreaterThanOrEqual(0);
    }),
  );
});

describe('soft curves', () => {
  test('have a finite slope at the threshold, where that of a hard curve has no bound', () => {
    const times = { tauRc: 0.02, tauRef: 0.002 };
    const steepest = (softness: number) => {
      const curve = lifCurve({ ...times, softness });
      return Math.max(...[1e-3, 1e-6, 1e-9].map((above) => curve.slope(1 + above)));
    };
    expect(steepest(0.02)).toBeLessThan(2000);
    expect(steepest(0)).toBeGreaterThan(1e6);
  });

  test('come closer to the hard curve the less soft they are', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0.05, max: 10, noNaN: true }), (times, above) => {
        const off = (softness: number) =>
          Math.abs(lifCurve({ ...times, softness }).rate(1 + above) - lifCurve(times).rate(1 + above));
        expect(off(0.001)).toBeLessThanOrEqual(off(0.1) + 1e-9);
        expect(off(0.001)).toBeLessThan(1e-6);
      }),
    );
  });

  test('neither overflow nor lose their value far from the threshold', () => {
    const curve = lifCurve({ tauRc: 0.02, tauRef: 0.002, softness: 0.01 });
    for (const current of [-1e6, -10, 1e3, 1e6]) {
      expect(Number.isFinite(curve.rate(current)) && Number.isFinite(curve.slope(current))).toBe(true);
    }
    expect(curve.rate(1e6)).toBeCloseTo(500, 1);
  });
});

test('adaptation is in equilibrium: each Hz takes its share from the current', () => {
  fc.assert(
    fc.property(times, fc.double({ min: 1.1, max: 10, noNaN: true }), (times, current) => {
      const rate = adaptiveLifCurve({ ...times, adaptation: 0.01 }).rate(current);
      expect(lifCurve(times).rate(current - 0.01 * rate)).toBeCloseTo(rate, 6);
    }),
  );
});
