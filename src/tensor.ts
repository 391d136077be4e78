/** Tensors at the API's edge: anything with `data` and `shape` is accepted, an `ndarray` is returned. */

import ndarray, { type NdArray } from 'ndarray';
import { DataError } from './errors.js';

/** Element arrays that tensors may carry. */
export type TensorData = Float32Array | Float64Array | Uint8Array | Int8Array | Int32Array | number[];

/**
 * An n-d array, row major unless it has strides: an `ndarray`, a plain object, or ONNX Runtime's tensor (whose shape
 * is called `dims`).
 */
export interface TensorLike {
  readonly data: TensorData;
  readonly shape?: readonly number[];
  readonly dims?: readonly number[];
  /** In elements, as in `ndarray`; row major where absent. */
  readonly stride?: readonly number[];
  /** Index of the first element, as in `ndarray`; 0 where absent. */
  readonly offset?: number;
}

/** A dense row-major tensor. */
export interface Tensor {
  readonly data: Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** Shape of a tensor, whatever it calls it. */
export function tensorShape(tensor: TensorLike): readonly number[] {
  const shape = tensor?.shape ?? tensor?.dims;
  const whole = [...(shape ?? []), ...(tensor?.stride ?? []), tensor?.offset ?? 0].every(Number.isInteger);
  if (!shape || !isNumbers(tensor.data) || !whole || shape.some((n) => n < 0)) {
    throw new DataError('INPUT_INVALID', {
      message: 'a tensor needs `data` (a typed array of numbers) and `shape` (whole numbers).',
      remedy: 'Pass an ndarray, or { data, shape }; 64-bit integers as floats.',
    });
  }
  if (tensor.stride && tensor.stride.length !== shape.length) {
    throw new DataError('INPUT_INVALID', {
      message: `a tensor of shape [${shape}] cannot have the strides [${tensor.stride}].`,
      remedy: 'Give one stride for each axis, or none.',
    });
  }
  return shape;
}

function isNumbers(data: unknown): boolean {
  if (Array.isArray(data)) return true;
  if (!ArrayBuffer.isView(data) || data instanceof DataView) return false;
  return !(data instanceof BigInt64Array || data instanceof BigUint64Array);
}

/** The tensor as a dense row-major one of 32- or 64-bit floats; copies only where it must. */
export function toTensor(tensor: TensorLike): Tensor {
  const shape = tensorShape(tensor);
  const { data, stride, offset = 0 } = tensor;
  const size = shape.reduce((product, n) => product * n, 1);
  const expected = rowMajorStrides(shape);
  const dense = !stride || stride.every((s, axis) => s === expected[axis] || shape[axis] === 1);
  if (dense ? !(offset >= 0 && offset + size <= data.length) : !fits(shape, stride, offset, data.length)) {
    throw new DataError('INPUT_INVALID', {
      message: `a tensor of shape [${shape}] needs ${size} elements, but its data has ${data.length - offset}.`,
      remedy: 'Pass data and shape that belong together.',
    });
  }
  if (dense) {
    const exact = offset === 0 && data.length === size ? data : data.slice(offset, offset + size);
    return {
      data: exact instanceof Float32Array || exact instanceof Float64Array ? exact : Float32Array.from(exact),
      shape,
    };
  }
  const out = data instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, at = offset; i < size; i++) {
    out[i] = data[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis];
      if (++index[axis] < shape[axis]) break;
      at -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { data: out, shape };
}

/** Wraps data as an `ndarray`; the data is not copied. */
export function asNdArray<T extends Float32Array | Float64Array | Int32Array>(
  data: T,
  shape: readonly number[],
): NdArray<T> {
  return ndarray(data, [...shape]);
}

function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

function fits(shape: readonly number[], stride: readonly number[], offset: number, length: number): boolean {
  let low = offset;
  let high = offset;
  shape.forEach((n, axis) => {
    const reach = stride[axis] * (n - 1);
    if (reach < 0) low += reach;
    else high += reach;
  });
  return shape.includes(0) || (low >= 0 && high < length);
}
