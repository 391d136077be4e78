/** NumPy's .npy files, versions 1 to 3: read whole or in parts, and written. */

import { writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { DataError } from '../errors.js';
import { type TensorLike, tensorShape, toTensor } from '../tensor.js';
import { elementCount } from './arrange.js';
import { fileSize, MAX_WHOLE_FILE, malformed, readBytes, readRange, wrongSize } from './files.js';
import { type Literal, parseLiteral } from './literal.js';

/** Elements as they are read; every number is exact. */
export type NpyData = Float32Array | Float64Array | Uint8Array | Int8Array | Int32Array;

/** A dense row-major array. */
export interface NpyArray {
  readonly data: NpyData;
  readonly shape: readonly number[];
}

/** A .npy file that is read in parts. */
export interface NpyFile {
  readonly shape: readonly number[];
  /** Kind and bytes of an element, such as `f4` or `u1`. */
  readonly dtype: string;
  /**
   * Entries `first` to `first + count` along the first axis, in row-major order. Of a Fortran-ordered file the first
   * call reads everything.
   *
   * @throws DataError `INPUT_INVALID` outside the file; `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`
   */
  read(first: number, count: number): Promise<NpyArray>;
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const MAX_HEADER = 2 ** 16;
const MAX_RANK = 64;
const HOST = endianness() === 'LE' ? '<' : '>';
const REMEDY = 'Save one array of numbers with numpy.save.';

/** Bytes of an element, and how elements in the host's byte order become numbers. */
const TYPES: Readonly<Record<string, { size: number; decode: (raw: ArrayBuffer) => NpyData }>> = {
  f2: { size: 2, decode: (raw) => Float32Array.from(new Uint16Array(raw), fromHalf) },
  f4: { size: 4, decode: (raw) => new Float32Array(raw) },
  f8: { size: 8, decode: (raw) => new Float64Array(raw) },
  i1: { size: 1, decode: (raw) => new Int8Array(raw) },
  i2: { size: 2, decode: (raw) => Int32Array.from(new Int16Array(raw)) },
  i4: { size: 4, decode: (raw) => new Int32Array(raw) },
  i8: { size: 8, decode: (raw) => Float64Array.from(new BigInt64Array(raw), safeNumber) },
  u1: { size: 1, decode: (raw) => new Uint8Array(raw) },
  u2: { size: 2, decode: (raw) => Int32Array.from(new Uint16Array(raw)) },
  u4: { size: 4, decode: (raw) => Float64Array.from(new Uint32Array(raw)) },
  u8: { size: 8, decode: (raw) => Float64Array.from(new BigUint64Array(raw), safeNumber) },
  b1: { size: 1, decode: (raw) => new Uint8Array(raw) },
};

/**
 * Reads a whole file of at most 2 GiB. 16-bit floats are given as 32-bit ones, 16-bit integers as 32-bit ones, larger
 * unsigned and 64-bit integers as 64-bit floats, booleans as bytes 0 and 1.
 *
 * @throws DataError `FILE_UNREADABLE`; `FILE_MALFORMED`; `DATA_INVALID` for elements that are no numbers, or integers
 *   beyond 2^53.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readBytes(path), path);
}

/**
 * The array of a .npy file's bytes; as {@link readNpy}.
 *
 * @param file named in errors
 * @throws DataError
 */
export function decodeNpy(bytes: Uint8Array, file?: string): NpyArray {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { shape, dtype, order, fortran, offset } = parseHeader(buffer, buffer.length, file);
  const data = decodeElements(buffer.subarray(offset), dtype, order, file);
  if (!fortran) return { data, shape };
  const stride = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  return { data: dense({ data, shape, stride }) as NpyData, shape };
}

/**
 * Opens a file to be read in parts along its first axis; it is opened for each part anew, so there is nothing to close.
 *
 * @throws DataError as {@link readNpy}; `DATA_INVALID` for an array without axes.
 */
export async function openNpy(path: string): Promise<NpyFile> {
  const size = await fileSize(path);
  const prefix = await readRange(path, 0, Math.min(size, MAX_HEADER));
  const { shape, dtype, order, fortran, offset } = parseHeader(prefix, size, path);
  if (shape.length === 0) {
    throw new DataError('DATA_INVALID', { file: path, message: 'is a single number, not an array.', remedy: REMEDY });
  }
  const row = elementCount(shape.slice(1));
  const rowBytes = row * TYPES[dtype].size;
  let whole: Promise<NpyArray> | undefined;
  return {
    shape,
    dtype,
    async read(first, count) {
      const valid = [first, count].every((n) => Number.isSafeInteger(n) && n >= 0) && first + count <= shape[0];
      if (!valid || count * rowBytes > MAX_WHOLE_FILE) {
        throw new DataError('INPUT_INVALID', {
          file: path,
          message: `entries ${first} to ${first + count} of ${shape[0]} cannot be read at once.`,
          remedy: `Stay within the array and ${MAX_WHOLE_FILE} bytes.`,
        });
      }
      const part = [count, ...shape.slice(1)];
      if (fortran) {
        whole ??= readNpy(path);
        return { data: (await whole).data.slice(first * row, (first + count) * row), shape: part };
      }
      const bytes = await readRange(path, offset + first * rowBytes, count * rowBytes);
      return { data: decodeElements(bytes, dtype, order, path), shape: part };
    },
  };
}

/**
 * Bytes of a .npy file of version 1: floats and integers as they are, a plain array of numbers as 64-bit floats.
 *
 * @throws DataError `INPUT_INVALID` where data and shape do not belong together.
 */
export function encodeNpy(tensor: TensorLike): Uint8Array {
  const shape = tensorShape(tensor);
  if (shape.length > MAX_RANK) {
    throw new DataError('INPUT_INVALID', {
      message: `a .npy file has at most ${MAX_RANK} axes, not ${shape.length}.`,
      remedy: 'Reshape the tensor.',
    });
  }
  const data = dense(tensor);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descriptor(data)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy aligns the elements to 64 bytes, for memory maps.
  const length = Math.ceil((MAGIC.length + 4 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.set(MAGIC);
  header.set([1, 0], MAGIC.length);
  header.writeUInt16LE(length - MAGIC.length - 4, MAGIC.length + 2);
  header.write(text, MAGIC.length + 4, 'latin1');
  header[length - 1] = 0x0a;
  return Buffer.concat([header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

/**
 * Writes a tensor as a .npy file; as `encodeNpy`.
 *
 * @throws DataError `INPUT_INVALID`; `FILE_UNREADABLE` where the file cannot be written.
 */
export async function writeNpy(path: string, tensor: TensorLike): Promise<void> {
  await writeFile(path, encodeNpy(tensor)).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(
      'FILE_UNREADABLE',
      { file: path, message: `cannot be written: ${cause.code}.`, remedy: 'Check the path and its permissions.' },
      { cause },
    );
  });
}

interface Header {
  readonly shape: readonly number[];
  /** A key of {@link TYPES}. */
  readonly dtype: string;
  /** `<` little endian, `>` big endian. */
  readonly order: string;
  /** Whether the first axis varies fastest. */
  readonly fortran: boolean;
  /** Where the elements start, in bytes. */
  readonly offset: number;
}

/** @param size of the whole file, in bytes; `bytes` may be its beginning only */
function parseHeader(bytes: Buffer, size: number, file: string | undefined): Header {
  const version = bytes[MAGIC.length];
  const lengthBytes = version === 1 ? 2 : 4;
  const start = MAGIC.length + 2 + lengthBytes;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw malformed(file, 'is no .npy file.', REMEDY);
  if (version < 1 || version > 3) throw malformed(file, `is a .npy file of version ${version}, not 1 to 3.`, REMEDY);
  if (bytes.length < start) throw wrongSize(file, start, size);
  const offset = start + bytes.readUIntLE(start - lengthBytes, lengthBytes);
  if (offset > size) throw wrongSize(file, offset, size);
  if (offset > Math.min(bytes.length, MAX_HEADER)) {
    throw malformed(file, `has a header of ${offset} bytes, beyond ${MAX_HEADER}.`, REMEDY);
  }
  const fields = parseFields(bytes.toString(version === 3 ? 'utf8' : 'latin1', start, offset), file);
  const { dtype, order } = parseDescriptor(fields.get('descr') as Literal, file);
  const fortran = fields.get('fortran_order');
  const shape = fields.get('shape');
  const isShape =
    Array.isArray(shape) && shape.length <= MAX_RANK && shape.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!isShape || typeof fortran !== 'boolean') {
    throw malformed(file, 'has a header without a valid shape and fortran_order.', REMEDY);
  }
  const expected = offset + elementCount(shape) * TYPES[dtype].size;
  if (size !== expected) throw wrongSize(file, expected, size);
  return { shape, dtype, order, fortran, offset };
}

function parseFields(text: string, file: string | undefined): ReadonlyMap<Literal, Literal> {
  try {
    const fields = parseLiteral(text);
    const keys = ['descr', 'fortran_order', 'shape'];
    if (fields instanceof Map && fields.size === keys.length && keys.every((key) => fields.has(key))) return fields;
    throw new SyntaxError(`the fields must be ${keys.join(', ')}`);
  } catch (cause) {
    throw malformed(file, `has a damaged header: ${(cause as Error).message}.`, REMEDY, cause);
  }
}

function parseDescriptor(descriptor: Literal, file: string | undefined): { dtype: string; order: string } {
  const [, order, dtype] = /^([<>=|]?)([a-z]\d+)$/.exec(String(descriptor)) ?? [];
  if (dtype === undefined || !Object.hasOwn(TYPES, dtype)) {
    throw new DataError('DATA_INVALID', {
      file,
      message: `has elements of type ${JSON.stringify(descriptor)}, which are no real numbers of up to 64 bits.`,
      remedy: "Convert the array, such as with array.astype('float32').",
    });
  }
  return { dtype, order: order === '<' || order === '>' ? order : HOST };
}

function decodeElements(bytes: Uint8Array, dtype: string, order: string, file: string | undefined): NpyData {
  const raw = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(raw).set(bytes);
  const { size, decode } = TYPES[dtype];
  if (order !== HOST) swapBytes(Buffer.from(raw), size);
  try {
    return decode(raw);
  } catch (cause) {
    throw new DataError(
      'DATA_INVALID',
      { file, message: `${(cause as Error).message}.`, remedy: "Convert it with array.astype('int32')." },
      { cause },
    );
  }
}

function swapBytes(bytes: Buffer, size: number): void {
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`holds ${value}, an integer beyond 2^53`);
  return number;
}

/** A 16-bit float: sign, five bits of exponent, ten of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function descriptor(data: NpyData): string {
  const kind = data instanceof Uint8Array ? 'u' : data instanceof Int8Array || data instanceof Int32Array ? 'i' : 'f';
  return `${data.BYTES_PER_ELEMENT === 1 ? '|' : HOST}${kind}${data.BYTES_PER_ELEMENT}`;
}

/** The elements in row-major order, in an array of the same type. */
function dense(tensor: TensorLike): NpyData {
  const { data } = tensor;
  // Doubles hold every element exactly, whatever its type.
  if (Array.isArray(data)) return toTensor({ ...tensor, data: Float64Array.from(data) }).data;
  if (data instanceof Float32Array || data instanceof Float64Array) return toTensor(tensor).data;
  const { data: doubles } = toTensor({ ...tensor, data: Float64Array.from(data) });
  return (data.constructor as Uint8ArrayConstructor).from(doubles);
}
