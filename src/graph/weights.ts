/** Numbers of constants, decoded where they are used. Constants are little endian, as is every platform served. */

import { BYTES_PER_ELEMENT, type Constant, type DataType } from './constant.js';
import { elements } from './graph.js';

/** Elements that are brought into alignment at a time. */
const BLOCK = 1 << 14;

type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Arrays that hold the bits of each type; those of the 16-bit floats have to be decoded. */
const ARRAYS: Readonly<
  Record<DataType, new (buffer: ArrayBufferLike, offset: number, length: number) => NumericArray>
> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Exponent bits of the floating-point types, as seen in the element's highest 16 or 32 bits. */
const EXPONENT: Partial<Record<DataType, number>> = {
  float32: 0x7f800000,
  float64: 0x7ff00000,
  float16: 0x7c00,
  bfloat16: 0x7f80,
};

/** All elements of a constant, row major. Meant for small ones: {@link readRange} reads large ones in pieces. */
export function readElements(constant: Constant): Float64Array {
  const values = new Float64Array(elements(constant.shape));
  readRange(constant, 0, values);
  return values;
}

/** Decodes `target.length` elements, from the one at row-major index `start` on, into `target`. */
export function readRange(constant: Constant, start: number, target: Float64Array): void {
  const { dataType } = constant;
  for (let at = 0; at < target.length; at += BLOCK) {
    const block = alignedBlock(constant, start + at, Math.min(BLOCK, target.length - at));
    if (dataType === 'float16') for (let i = 0; i < block.length; i++) target[at + i] = float16(block[i] as number);
    else if (dataType === 'bfloat16') target.set(bfloat16(block as Uint16Array), at);
    else if (block instanceof BigInt64Array || block instanceof BigUint64Array)
      target.set(Array.from(block, Number), at);
    else target.set(block, at);
  }
}

/** The bytes of a constant with the elements given, each of which the type must have, or round; not of 16-bit floats. */
export function encodeElements(values: Float64Array, dataType: Exclude<DataType, 'float16' | 'bfloat16'>): Uint8Array {
  const buffer = new ArrayBuffer(values.length * BYTES_PER_ELEMENT[dataType]);
  const array = new ARRAYS[dataType](buffer, 0, values.length);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) array.set(Array.from(values, BigInt));
  else array.set(values);
  return new Uint8Array(buffer);
}

/** Row-major index of the first element that is NaN or infinite, or -1. */
export function indexOfNonFinite(constant: Constant): number {
  const { dataType, bytes } = constant;
  const exponent = EXPONENT[dataType];
  if (exponent === undefined) return -1;
  const words = BYTES_PER_ELEMENT[dataType] === 2 ? 'uint16' : 'uint32';
  const stride = BYTES_PER_ELEMENT[dataType] / BYTES_PER_ELEMENT[words];
  const count = bytes.length / BYTES_PER_ELEMENT[words];
  const patterns = { dataType: words, shape: [count], bytes } as const;
  for (let at = 0; at < count; at += BLOCK) {
    const block = alignedBlock(patterns, at, Math.min(BLOCK, count - at)) as Uint16Array | Uint32Array;
    for (let i = stride - 1; i < block.length; i += stride) {
      if ((block[i] & exponent) === exponent) return (at + i - (stride - 1)) / stride;
    }
  }
  return -1;
}

/** Elements as a typed array: a view where the constant's bytes are aligned, else a copy. */
function alignedBlock(constant: Constant, start: number, count: number): NumericArray {
  const { dataType, bytes } = constant;
  const width = BYTES_PER_ELEMENT[dataType];
  const offset = bytes.byteOffset + start * width;
  if (offset % width === 0) return new ARRAYS[dataType](bytes.buffer, offset, count);
  const copy = new Uint8Array(bytes.subarray(start * width, (start + count) * width));
  return new ARRAYS[dataType](copy.buffer, 0, count);
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 is the upper half of a float32. */
function bfloat16(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
}
