import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BYTES_PER_ELEMENT, type Constant, type DataType } from '../../src/graph/constant.js';
import { indexOfNonFinite, readElements, readRange } from '../../src/graph/weights.js';

/** A constant whose bytes begin at an offset within their buffer. */
function constant(dataType: DataType, array: ArrayBufferView, offset = 0): Constant {
  const source = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const bytes = new Uint8Array(source.length + offset).subarray(offset);
  bytes.set(source);
  return { dataType, shape: [source.length / BYTES_PER_ELEMENT[dataType]], bytes };
}

const arrays = {
  float32: Float32Array.of(1.5, -2, 3e38),
  float64: Float64Array.of(1.1, -2, 1e300),
  int8: Int8Array.of(-128, 127),
  uint8: Uint8Array.of(0, 255),
  int16: Int16Array.of(-32768, 32767),
  uint16: Uint16Array.of(0, 65535),
  int32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
  uint32: Uint32Array.of(0, 2 ** 32 - 1),
  int64: BigInt64Array.of(-(2n ** 53n), 2n ** 53n),
  uint64: BigUint64Array.of(0n, 2n ** 53n),
  bool: Uint8Array.of(0, 1),
} as const;

test.each(Object.entries(arrays))('%s is decoded at any alignment', (type, array) => {
  for (let offset = 0; offset < 9; offset++) {
    const decoded = readElements(constant(type as DataType, array, offset));
    expect(Array.from(decoded)).toEqual(Array.from(array as ArrayLike<number | bigint>, Number));
  }
});

test('float16 is decoded: normal, subnormal, signed zero, infinite, NaN', () => {
  const bits = Uint16Array.of(0x3c00, 0xc248, 0x7bff, 0x0400, 0x0001, 0x8000, 0xfc00, 0x7e00);
  const decoded = [1, -3.140625, 65504, 2 ** -14, 2 ** -24, -0, Number.NEGATIVE_INFINITY, Number.NaN];
  expect(Array.from(readElements(constant('float16', bits)))).toEqual(decoded);
});

test('bfloat16 is decoded', () => {
  const bits = Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x8000, 0x7f80, 0x7fc0);
  const decoded = [1, -3.140625, 2 ** -133, -0, Number.POSITIVE_INFINITY, Number.NaN];
  expect(Array.from(readElements(constant('bfloat16', bits)))).toEqual(decoded);
});

test('ranges of large constants are decoded in pieces', () => {
  const values = Float32Array.from({ length: 50_000 }, (_, i) => i / 8);
  for (const offset of [0, 3]) {
    const stored = constant('float32', values, offset);
    const range = new Float64Array(40_000);
    readRange(stored, 777, range);
    expect(range.every((value, i) => value === (i + 777) / 8)).toBe(true);
  }
});

describe('indexOfNonFinite', () => {
  test('finds the first NaN or infinity at any place and alignment', () => {
    fc.assert(
      fc.property(
        fc.nat(40_000),
        fc.nat(7),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        fc.constantFrom('float32' as const, 'float64' as const),
        (at, offset, broken, type) => {
          const values =
            type === 'float32' ? new Float32Array(40_001).fill(-3e38) : new Float64Array(40_001).fill(1e308);
          expect(indexOfNonFinite(constant(type, values, offset))).toBe(-1);
          values[at] = broken;
          values[40_000] = broken;
          expect(indexOfNonFinite(constant(type, values, offset))).toBe(at);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('knows the 16-bit floats, and that integers are finite', () => {
    expect(indexOfNonFinite(constant('float16', Uint16Array.of(0x7bff, 0xfc00)))).toBe(1);
    expect(indexOfNonFinite(constant('bfloat16', Uint16Array.of(0x7f7f, 0x7fc0)))).toBe(1);
    expect(indexOfNonFinite(constant('int32', Int32Array.of(-1, 0x7f800000)))).toBe(-1);
  });
});
