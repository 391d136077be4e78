/** Constants from the tensors of an ONNX file. */

import { BYTES_PER_ELEMENT, type Constant, type DataType } from '../../graph/constant.js';
import { elements } from '../../graph/graph.js';
import { isPossibleShape } from '../../graph/limits.js';
import { readExternalData } from './external-data.js';
import type { TensorProto } from './messages.js';
import { invalid, Refusal, unsupported } from './problems.js';
import { concat, varints } from './protobuf.js';

/** `TensorProto.DataType`, as far as constants have such elements. */
const DATA_TYPES: ReadonlyMap<number, DataType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
]);

/** `TensorProto.DataLocation.EXTERNAL` */
const EXTERNAL = 1;

/** Element types of tensors that networks compute with. */
export const FLOAT_TYPES: ReadonlySet<DataType> = new Set<DataType>(['float32', 'float64', 'float16', 'bfloat16']);

/** Element type by its number in the file; nothing for types that constants do not have. */
export function dataTypeOf(number: number | undefined): DataType | undefined {
  return DATA_TYPES.get(number ?? 0);
}

/**
 * The constant that a tensor of the file holds: a view of the file's bytes wherever they are stored as such.
 *
 * @param folder where external data may lie.
 * @throws {Refusal} MODEL_UNSUPPORTED for other element types, MODEL_INVALID where data and shape do not fit, and
 * EXTERNAL_DATA as {@link readExternalData}.
 */
export async function readTensor(tensor: TensorProto, folder: string | undefined): Promise<Constant> {
  const { dataType, shape, length } = described(tensor);
  if (tensor.dataLocation !== EXTERNAL) return readStoredTensor(tensor);
  return { dataType, shape, bytes: await readExternalData(tensor, length, folder) };
}

/** {@link readTensor} of a tensor whose elements are in the file itself. */
export function readStoredTensor(tensor: TensorProto): Constant {
  const { dataType, shape, length } = described(tensor);
  const bytes = tensor.rawData ?? typedData(tensor, dataType);
  if (bytes.length !== length) {
    throw invalid(
      `tensor ${tensor.name} of shape [${shape}] and type ${dataType} needs ${length} bytes, but has ${bytes.length}.`,
    );
  }
  return { dataType, shape, bytes };
}

/** Type, shape and bytes of a tensor. */
function described(tensor: TensorProto): { dataType: DataType; shape: readonly number[]; length: number } {
  const dataType = dataTypeOf(tensor.dataType);
  if (!dataType) {
    throw unsupported(
      `tensor ${tensor.name} has elements of ONNX type ${tensor.dataType}.`,
      'Export the model with weights of type float32 or float16.',
    );
  }
  const shape = tensor.dims;
  if (!isPossibleShape(shape, 0)) throw invalid(`tensor ${tensor.name} has an impossible shape, [${shape}].`);
  return { dataType, shape, length: elements(shape) * BYTES_PER_ELEMENT[dataType] };
}

/** The field of a tensor that has elements of a type. */
function typedData(tensor: TensorProto, dataType: DataType): Uint8Array {
  switch (dataType) {
    case 'float32':
      return concat(tensor.floatData);
    case 'float64':
      return concat(tensor.doubleData);
    case 'int64':
      return fromVarints(tensor, tensor.int64Data, dataType);
    case 'uint32':
    case 'uint64':
      return fromVarints(tensor, tensor.uint64Data, dataType);
    default:
      return fromVarints(tensor, tensor.int32Data, dataType);
  }
}

/** Elements that are stored one varint each; 16-bit floats as their bits. */
function fromVarints(tensor: TensorProto, chunks: readonly Uint8Array[], dataType: DataType): Uint8Array {
  const width = BYTES_PER_ELEMENT[dataType];
  const values = decoded(tensor, concat(chunks));
  const view = new DataView(new ArrayBuffer(values.length * width));
  values.forEach((value, i) => {
    if (width === 8) view.setBigInt64(i * 8, value, true);
    else if (width === 4) view.setInt32(i * 4, Number(BigInt.asIntN(32, value)), true);
    else if (width === 2) view.setInt16(i * 2, Number(BigInt.asIntN(16, value)), true);
    else view.setInt8(i, Number(BigInt.asIntN(8, value)));
  });
  return new Uint8Array(view.buffer);
}

function decoded(tensor: TensorProto, stored: Uint8Array): bigint[] {
  try {
    return [...varints(stored)];
  } catch (cause) {
    throw new Refusal(
      'FILE_MALFORMED',
      `tensor ${tensor.name} has integers that cannot be decoded: ${(cause as Error).message}.`,
      'Download or export the model again.',
    );
  }
}
