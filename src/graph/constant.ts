/** Constant tensors: views of bytes that are decoded only where they are used. */

/** Element types that a constant may have; the names are numpy's. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/** Bytes per element. */
export const BYTES_PER_ELEMENT: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

/** A constant n-d tensor, row major. */
export interface Constant {
  readonly dataType: DataType;
  readonly shape: readonly number[];
  /** Little endian; in general a view into the model's file, at any alignment. */
  readonly bytes: Uint8Array;
}
