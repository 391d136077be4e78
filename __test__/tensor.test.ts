import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, test } from 'vitest';
import { DataError } from '../src/errors.js';
import { asNdArray, type TensorLike, tensorShape, toTensor } from '../src/tensor.js';

describe('toTensor', () => {
  test('reads any view as an ndarray does, and gives it row by row', () => {
    const axis = fc.record({ size: fc.integer({ min: 0, max: 4 }), step: fc.integer({ min: -3, max: 3 }) });
    fc.assert(
      fc.property(
        fc.array(axis, { maxLength: 4 }),
        fc.integer({ min: 0, max: 60 }),
        fc.boolean(),
        (axes, offset, wide) => {
          const shape = axes.map(({ size }) => size);
          const stride = axes.map(({ step }) => step);
          const reach = axes.map(({ size, step }) => step * Math.max(0, size - 1));
          const lowest = reach.reduce((sum, n) => sum + Math.min(n, 0), offset);
          const highest = reach.reduce((sum, n) => sum + Math.max(n, 0), offset);
          fc.pre(lowest >= 0);
          const data = new (wide ? Float64Array : Float32Array)(highest + 1).map((_, i) => i / 7);
          const view = ndarray(data, shape, stride, offset);
          const expected: number[] = [];
          const visit = (index: number[]): void => {
            if (index.length === shape.length) expected.push(view.get(...index));
            else for (let i = 0; i < shape[index.length]; i++) visit([...index, i]);
          };
          visit([]);
          const tensor = toTensor(view as TensorLike);
          expect(tensor.shape).toEqual(shape);
          expect([...tensor.data]).toEqual(expected);
          expect(tensor.data.constructor).toBe(data.constructor);
        },
      ),
    );
  });

  test('hands dense floats on without a copy, and makes floats of other numbers', () => {
    for (const data of [new Float32Array(6), new Float64Array(6)]) {
      expect(toTensor({ data, shape: [2, 3] }).data).toBe(data);
      expect(toTensor({ data, shape: [2, 3], stride: [3, 1], offset: 0 }).data).toBe(data);
      expect(toTensor({ data, dims: [6] }).data).toBe(data);
    }
    expect(toTensor({ data: Uint8Array.of(1, 255), shape: [2] }).data).toEqual(Float32Array.of(1, 255));
    expect(toTensor({ data: [0.5, 2], shape: [1, 2] }).data).toEqual(Float32Array.of(0.5, 2));
  });

  test('takes a single number as a tensor without axes', () => {
    expect(toTensor({ data: [7], shape: [] })).toEqual({ data: Float32Array.of(7), shape: [] });
  });

  test('never reads outside of the data', () => {
    const whole = fc.integer({ min: -4, max: 4 });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
        fc.array(whole, { maxLength: 4 }),
        fc.oneof(whole, fc.constantFrom(Number.NaN, 0.5)),
        fc.integer({ min: 0, max: 12 }),
        (shape, stride, offset, length) => {
          try {
            const { data } = toTensor({ data: new Float64Array(length), shape, stride, offset });
            expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
            expect([...data].filter((value) => value !== 0)).toEqual([]);
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

test('tensorShape is the shape, whatever it is called', () => {
  expect(tensorShape({ data: [], shape: [1, 0] })).toEqual([1, 0]);
  expect(tensorShape({ data: [], dims: [0, 2] })).toEqual([0, 2]);
  expect(tensorShape({ data: [], dims: [3], shape: [0] })).toEqual([0]);
});

test('asNdArray wraps data without a copy', () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const wrapped = asNdArray(data, [2, 3]);
  expect(wrapped.data).toBe(data);
  expect([wrapped.get(0, 2), wrapped.get(1, 0)]).toEqual([3, 4]);
});
